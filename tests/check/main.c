/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The program `check`: runs checks on configurations of the caches, each run in a child process of its own, prints TAP
 * on stdout, and writes what was done in figures to a file (correctness.json).
 *
 * Tiers
 *   test   each check on each implementation, a moment each: minutes in all, for every change
 *   long   each check on every policy and counter layout of each implementation: an hour
 *   soak   rounds of `long` with new seeds, for so many hours
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>

#include "build_info.h"
#include "harness/options.h"
#include "harness/progress.h"
#include "harness/results.h"
#include "record.h"

static const struct check *const files[] = {
	linearizability_checks,
	stress_checks,
	fault_checks,
	flood_checks,
};
#define FILES (sizeof files / sizeof files[0])

static const char *const figure_name[CHECK_FIGURES] = {
	[CHECK_OPERATIONS] = "operations", [CHECK_CHECKED] = "checked",  [CHECK_HISTORIES] = "histories",
	[CHECK_SCHEDULES] = "schedules",   [CHECK_THREADS] = "threads", [CHECK_FAULTS] = "faults",
};

enum tier { TIER_TEST, TIER_LONG, TIER_SOAK };
static const char *const tier_names[] = {"test", "long", "soak", NULL};

#define CHECKS_MAX 64

static struct {
	enum tier tier;
	const struct check *check[CHECKS_MAX];
	size_t checks;
	struct options_list implementations, policies, counters; /* of policies and counters: none: the tier decides */
	uint64_t seed;
	double seconds; /* of each run; 0: the tier decides */
	double hours;
	bool all; /* policies and counter layouts, also in the tier test */
	bool fail_fast;
	const char *out, *tests, *program;
} options;

/* One run to be made, and what came of it. */
struct job {
	const struct check *check;
	const struct capacitor_info *info;
	enum capacitor_policy policy;
	enum capacitor_counters counters;
	uint64_t seed;
	double seconds;
};

static struct {
	unsigned passed, failed;
	double seconds;
	json_t *checks;   /* by check and implementation: runs, figures, notes */
	json_t *failures; /* name, seed, command, text */
} outcome;

/* ---- Which runs -------------------------------------------------------------------------------------------------- */

static const struct capacitor_info *implementation(size_t item)
{
	return capacitor_info((size_t)options.implementations.item[item]);
}

static bool applies(const struct check *check, const struct capacitor_info *info)
{
	if (check->once)
		return info == implementation(0);
	return (info->lacks & check->without) == 0;
}

static bool every_configuration(const struct check *check)
{
	return !check->fixed && !check->once && (options.all || options.tier != TIER_TEST);
}

static bool wanted(const struct options_list *list, uint64_t item)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->item[i] == item)
			return true;
	return list->count == 0;
}

/* Calls `add` for each configuration that the check runs on: all that are supported, or sieve (else the first that is
 * supported) and padded. Returns how many. */
static size_t configurations(const struct check *check, const struct capacitor_info *info,
                             void (*add)(const struct job *job, void *context), void *context)
{
	bool every = every_configuration(check);
	bool policies_given = options.policies.count > 0, counters_given = options.counters.count > 0;
	bool policy_found = false;
	size_t count = 0;

	for (unsigned i = 0; i < CAPACITOR_POLICIES; i++) {
		unsigned policy = (CAPACITOR_SIEVE + i) % CAPACITOR_POLICIES;

		if (!(info->policies & 1u << policy) || !wanted(&options.policies, policy) ||
		    (policy_found && !every && !policies_given))
			continue;
		policy_found = true;
		for (unsigned layout = 0; layout < CAPACITOR_COUNTER_LAYOUTS; layout++) {
			if (!wanted(&options.counters, layout) ||
			    (!every && !counters_given && layout != CAPACITOR_COUNTERS_PADDED))
				continue;
			count++;
			if (add)
				add(&(struct job){.check = check, .info = info, .policy = (enum capacitor_policy)policy,
				                  .counters = (enum capacitor_counters)layout}, context);
		}
	}
	return count;
}

struct job_list {
	struct job *job;
	size_t count;
	double seconds;  /* of each run that is added */
	uint64_t round;
};

static double seconds_of(const struct check *check, size_t configuration_count)
{
	if (options.seconds > 0)
		return options.seconds;
	if (options.tier == TIER_TEST)
		return check->test_ms / 1000.0;
	return check->long_s / (double)configuration_count;
}

static void add_job(const struct job *job, void *context)
{
	struct job_list *list = context;

	list->job = realloc(list->job, (list->count + 1) * sizeof *list->job);
	if (!list->job) {
		perror("check");
		exit(2);
	}
	list->job[list->count] = *job;
	list->job[list->count].seconds = list->seconds;
	list->job[list->count].seed = options.seed + list->round;
	list->count++;
}

static struct job_list plan(uint64_t round)
{
	struct job_list list = {.round = round};

	for (size_t c = 0; c < options.checks; c++) {
		const struct check *check = options.check[c];

		if (options.seconds <= 0 && (options.tier == TIER_TEST ? check->test_ms : check->long_s) == 0)
			continue;
		for (size_t i = 0; i < options.implementations.count; i++) {
			const struct capacitor_info *info = implementation(i);

			if (!applies(check, info))
				continue;
			list.seconds = seconds_of(check, configurations(check, info, NULL, NULL));
			configurations(check, info, add_job, &list);
		}
	}
	return list;
}

/* ---- One run ----------------------------------------------------------------------------------------------------- */

static void job_name(const struct job *job, char *name, size_t bytes)
{
	snprintf(name, bytes, "%s (%s, %s, %s)", job->check->name, job->info->name, capacitor_policy_string(job->policy),
	         capacitor_counters_string(job->counters));
}

static void job_command(const struct job *job, char *command, size_t bytes)
{
	snprintf(command, bytes,
	         "%s --check %s --impl %s --policy %s --counters %s --seed %" PRIu64 " --seconds %g", options.program,
	         job->check->name, job->info->name, capacitor_policy_string(job->policy),
	         capacitor_counters_string(job->counters), job->seed, job->seconds);
}

/* The child: never returns. */
static void run_child(const struct job *job, struct check_record *record)
{
	struct check_run run = {
		.check = job->check,
		.info = job->info,
		.policy = job->policy,
		.counters = job->counters,
		.seed = check_mix(job->seed),
		.cores = (unsigned)sysconf(_SC_NPROCESSORS_ONLN),
		.record = record,
	};

	run.from_ns = check_now_ns();
	run.until_ns = run.from_ns + (uint64_t)(job->seconds * 1e9);
	job->check->run(&run);
	exit(check_failed(&run) ? 1 : 0); /* not _exit: leaks are looked for at exit */
}

/* Waits for the child until the deadline. False: it was stuck, and is dead. */
static bool await(pid_t child, uint64_t deadline_ns, int *status)
{
	while (waitpid(child, status, WNOHANG) == 0) {
		if (check_now_ns() >= deadline_ns) {
			kill(child, SIGKILL);
			waitpid(child, status, 0);
			return false;
		}
		check_sleep_ns(1000000);
	}
	return true;
}

/* Twice the time and a minute, ten with a sanitizer: who takes longer hangs. */
static uint64_t patience_ns(const struct job *job)
{
	double extra_s = check_sanitized() || check_serialised() ? 600 : 60;

	return (uint64_t)((2 * job->seconds + extra_s) * 1e9);
}

static void explain(const struct check_record *record, bool ended, int status, char *text, size_t bytes)
{
	if (load_relaxed(&record->failed)) /* relaxed: the child is gone */
		snprintf(text, bytes, "%s", record->failure);
	else if (!ended)
		snprintf(text, bytes, "stuck: it did not end in its time");
	else if (WIFSIGNALED(status))
		snprintf(text, bytes, "crashed: %s", strsignal(WTERMSIG(status)));
	else
		snprintf(text, bytes, "ended with status %d; what it said is above", WEXITSTATUS(status));
}

/* ---- What came of it --------------------------------------------------------------------------------------------- */

/* The entry of a check and an implementation in outcome.checks. */
static json_t *entry_of(const struct job *job)
{
	json_t *entry;
	size_t i;

	json_array_foreach(outcome.checks, i, entry) {
		if (strcmp(json_string_value(json_object_get(entry, "check")), job->check->name) == 0 &&
		    strcmp(json_string_value(json_object_get(entry, "implementation")), job->info->name) == 0)
			return entry;
	}
	entry = json_pack("{s:s, s:s, s:i, s:i, s:f, s:{}, s:[]}", "check", job->check->name, "implementation",
	                  job->info->name, "runs", 0, "failed", 0, "seconds", 0.0, "figures", "notes");
	json_array_append_new(outcome.checks, entry);
	return entry;
}

static void add_integer(json_t *object, const char *key, json_int_t n)
{
	json_object_set_new(object, key, json_integer(json_integer_value(json_object_get(object, key)) + n));
}

static void add_notes(json_t *notes, const struct job *job, const char *lines)
{
	while (*lines) {
		size_t bytes = strcspn(lines, "\n");

		json_array_append_new(notes, json_pack("{s:s, s:s, s:s#}", "policy", capacitor_policy_string(job->policy),
		                                       "counters", capacitor_counters_string(job->counters), "note", lines,
		                                       (int)bytes));
		lines += bytes + (lines[bytes] == '\n');
	}
}

static void print_indented(const char *text)
{
	while (*text) {
		size_t bytes = strcspn(text, "\n");

		printf("# %.*s\n", (int)bytes, text);
		text += bytes + (text[bytes] == '\n');
	}
}

/* "1.2 million operations, 16 threads": what is not 0. */
static void figures_text(const struct check_record *record, char *text, size_t bytes)
{
	size_t used = 0;

	text[0] = '\0';
	for (unsigned i = 0; i < CHECK_FIGURES; i++) {
		uint64_t n = load_relaxed(&record->figure[i]); /* relaxed: the child is gone */

		if (n > 0 && used < bytes)
			used += (size_t)snprintf(text + used, bytes - used, "%s%" PRIu64 " %s", used ? ", " : "", n,
			                         figure_name[i]);
	}
}

static void report_run(const struct job *job, const struct check_record *record, const char *failure, double seconds)
{
	char name[256], command[512], figures[512];
	json_t *entry = entry_of(job);

	job_name(job, name, sizeof name);
	job_command(job, command, sizeof command);
	figures_text(record, figures, sizeof figures);
	add_integer(entry, "runs", 1);
	add_integer(entry, "failed", failure != NULL);
	json_object_set_new(entry, "seconds", json_real(json_real_value(json_object_get(entry, "seconds")) + seconds));
	for (unsigned i = 0; i < CHECK_FIGURES; i++)
		if (load_relaxed(&record->figure[i]) > 0) /* relaxed: the child is gone */
			add_integer(json_object_get(entry, "figures"), figure_name[i],
			            (json_int_t)load_relaxed(&record->figure[i]));
	add_notes(json_object_get(entry, "notes"), job, record->notes);

	if (failure) {
		outcome.failed++;
		printf("not ok %u - %s\n", outcome.passed + outcome.failed, name);
		print_indented(failure);
		printf("# again: %s\n", command);
		json_array_append_new(outcome.failures,
		                      json_pack("{s:s, s:s, s:s}", "name", name, "command", command, "text", failure));
	} else {
		outcome.passed++;
		printf("ok %u - %s\n", outcome.passed + outcome.failed, name);
	}
	printf("# %.1f s, seed %" PRIu64 "%s%s\n", seconds, job->seed, figures[0] ? ": " : "", figures);
	if (options.tier != TIER_TEST || options.seconds > 0)
		print_indented(record->notes);
	fflush(stdout);
}

static void run_job(const struct job *job, struct check_record *record)
{
	static char failure[RECORD_FAILURE_BYTES + 256];
	uint64_t from_ns = check_now_ns();
	bool ended;
	pid_t child;
	int status = 0;

	record_init(record);
	fflush(NULL);
	child = fork();
	if (child < 0) {
		perror("check: fork");
		exit(2);
	}
	if (child == 0)
		run_child(job, record);
	ended = await(child, from_ns + patience_ns(job), &status);
	if (!ended || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
		explain(record, ended, status, failure, sizeof failure);
	else
		failure[0] = '\0';
	report_run(job, record, failure[0] ? failure : NULL, (double)(check_now_ns() - from_ns) / 1e9);
}

/* There was a failure, and one is enough. */
static bool gives_up(void)
{
	return options.fail_fast && outcome.failed > 0;
}

static double run_round(uint64_t round, struct check_record *record, uint64_t until_ns)
{
	struct job_list list = plan(round);
	double seconds = 0;
	char text[256];

	for (size_t i = 0; i < list.count; i++)
		seconds += list.job[i].seconds + 0.05;
	progress_begin(list.count, seconds);
	for (size_t i = 0; i < list.count && (round == 0 || check_now_ns() < until_ns) && !gives_up(); i++) {
		job_name(&list.job[i], text, sizeof text);
		progress_step(text);
		run_job(&list.job[i], record);
	}
	progress_end();
	free(list.job);
	return seconds;
}

/* ---- The file ---------------------------------------------------------------------------------------------------- */

/* Lines of `program passed failed skipped seconds`, as mk/run-tests writes them. */
static json_t *tests_json(const char *path)
{
	json_t *tests = json_array();
	char program[256];
	int passed, failed, skipped;
	double seconds;
	FILE *file = fopen(path, "r");

	while (file && fscanf(file, "%255s %d %d %d %lf", program, &passed, &failed, &skipped, &seconds) == 5)
		json_array_append_new(tests, json_pack("{s:s, s:i, s:i, s:i, s:f}", "program", program, "passed", passed,
		                                       "failed", failed, "skipped", skipped, "seconds", seconds));
	if (file)
		fclose(file);
	return tests;
}

static json_t *totals_json(void)
{
	json_t *totals = json_object(), *entry, *figure;
	const char *name;
	size_t i;

	json_array_foreach(outcome.checks, i, entry)
		json_object_foreach(json_object_get(entry, "figures"), name, figure)
			add_integer(totals, name, json_integer_value(figure));
	return totals;
}

static void print_totals(void)
{
	json_t *totals = totals_json(), *figure;
	const char *name;

	printf("# in all %.0f s, seed %" PRIu64, outcome.seconds, options.seed);
	json_object_foreach(totals, name, figure)
		printf(", %" JSON_INTEGER_FORMAT " %s", json_integer_value(figure), name);
	putchar('\n');
	json_decref(totals);
}

static bool make_folder_of(const char *path, char *error, size_t error_bytes)
{
	const char *slash = strrchr(path, '/');
	char *folder = slash && slash > path ? strndup(path, (size_t)(slash - path)) : NULL;
	bool made = !folder || results_make_folder(folder, error, error_bytes);

	free(folder);
	return made;
}

static bool write_out(void)
{
	char error[512], seed[32], now[64];
	time_t seconds = time(NULL);
	json_t *json;
	char *text;
	bool written;

	snprintf(seed, sizeof seed, "%" PRIu64, options.seed);
	strftime(now, sizeof now, "%Y-%m-%dT%H:%M:%SZ", gmtime(&seconds));
	json = json_pack("{s:i, s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:s, s:f, s:i, s:i, s:o, s:O, s:O}", "format", 1, "tier",
	                 check_serialised() ? "memcheck" : tier_names[options.tier], "finished", now, "commit", BUILD_COMMIT,
	                 "dirty", BUILD_DIRTY, "configuration", BUILD_CONF, "compiler", BUILD_COMPILER, "cores",
	                 (int)sysconf(_SC_NPROCESSORS_ONLN), "seed", seed, "seconds", outcome.seconds, "passed",
	                 (int)outcome.passed, "failed", (int)outcome.failed, "totals", totals_json(), "checks",
	                 outcome.checks, "failures", outcome.failures);
	if (json && options.tests)
		json_object_set_new(json, "tests", tests_json(options.tests));
	text = json ? json_dumps(json, JSON_INDENT(1)) : NULL;
	if (!text) {
		fprintf(stderr, "check: no memory for %s\n", options.out);
		return false;
	}
	written = make_folder_of(options.out, error, sizeof error) &&
	          results_write_file(options.out, text, strlen(text), error, sizeof error);
	if (!written)
		fprintf(stderr, "check: %s\n", error);
	free(text);
	json_decref(json);
	return written;
}

/* ---- The command line -------------------------------------------------------------------------------------------- */

enum {
	O_CHECK, O_IMPL, O_POLICY, O_COUNTERS, O_TIER, O_HOURS, O_SECONDS, O_SEED, O_ALL, O_FAIL_FAST, O_OUT, O_TESTS, O_LIST,
	O_HELP,
};

static const struct options_known known[] = {
	[O_CHECK] = {"--check", "NAME,...", "checks by name, or by the beginning of names (stress/); default: all"},
	[O_IMPL] = {"--impl", "NAME,...", "implementations; default: all"},
	[O_POLICY] = {"--policy", "NAME,...", "eviction policies; default: what the tier says"},
	[O_COUNTERS] = {"--counters", "NAME,...", "counter layouts; default: what the tier says"},
	[O_TIER] = {"--tier", "test|long|soak", "how long and on how many configurations; default: test"},
	[O_HOURS] = {"--hours", "N", "length of the tier soak; default: 8"},
	[O_SECONDS] = {"--seconds", "S", "of each run, whatever the tier says"},
	[O_SEED] = {"--seed", "N", "of everything that is random; default: drawn, and printed"},
	[O_ALL] = {"--all", NULL, "every policy and counter layout, also in the tier test"},
	[O_FAIL_FAST] = {"--fail-fast", NULL, "end at the first failure"},
	[O_OUT] = {"--out", "FILE", "what was done, in figures, as JSON"},
	[O_TESTS] = {"--tests", "FILE", "counts of other test programs, for FILE of --out"},
	[O_LIST] = {"--list", NULL, "the checks, and what they are for"},
	[O_HELP] = {"--help", NULL, "this text"},
	{0},
};

static void print_help(FILE *stream)
{
	fputs("usage: check [OPTION...]\n\n"
	      "Checks that need time: linearizability, aimed stress and faults. Prints TAP.\n\n",
	      stream);
	options_print(stream, known);
	fputs("\nExit status: 0; 1 when a check failed; 2 when an argument was wrong.\n", stream);
}

static void print_list(void)
{
	for (size_t f = 0; f < FILES; f++)
		for (const struct check *check = files[f]; check->name; check++)
			printf("%-34s %5.1f s, long %4u s  %s\n", check->name, check->test_ms / 1000.0, check->long_s,
			       check->what);
}

static void usage_error(const char *error)
{
	fprintf(stderr, "check: %s\n", error);
	exit(2);
}

/* Adds the checks whose name is, or begins with, an item of the list. NULL: all. */
static void select_checks(const char *list)
{
	char error[OPTIONS_ERROR_BYTES];
	bool used;

	for (const char *item = list ? list : ""; item; item = strchr(item, ',') ? strchr(item, ',') + 1 : NULL) {
		size_t bytes = strcspn(item, ",");

		used = false;
		for (size_t f = 0; f < FILES; f++) {
			for (const struct check *check = files[f]; check->name; check++) {
				if (strncmp(check->name, item, bytes) != 0)
					continue;
				used = true;
				if (options.checks < CHECKS_MAX)
					options.check[options.checks++] = check;
			}
		}
		if (!used) {
			snprintf(error, sizeof error, "--check: no check is called \"%.*s\"; --list names them", (int)bytes, item);
			usage_error(error);
		}
	}
}

static void parse(int argc, char **argv)
{
	struct options_reader reader = {.command = "check", .known = known, .argc = argc, .argv = argv, .at = 1};
	struct options_reals hours;
	const char *checks = NULL;
	size_t index;
	bool good = true;
	int option;

	options.hours = 8;
	if (getrandom(&options.seed, sizeof options.seed, 0) != sizeof options.seed)
		options.seed = check_now_ns();
	options.seed >>= 1;
	options_names("--impl", "all", options_implementations(), &options.implementations, reader.error);
	while (good && (option = options_read(&reader)) != OPTIONS_END) {
		switch (option) {
		case O_CHECK: checks = reader.value; break;
		case O_IMPL:
			good = options_names("--impl", reader.value, options_implementations(), &options.implementations,
			                     reader.error);
			break;
		case O_POLICY:
			good = options_names("--policy", reader.value, options_policies(), &options.policies, reader.error);
			break;
		case O_COUNTERS:
			good = options_names("--counters", reader.value, options_counters(), &options.counters, reader.error);
			break;
		case O_TIER:
			good = options_name("--tier", reader.value, tier_names, &index, reader.error);
			if (good)
				options.tier = (enum tier)index;
			break;
		case O_HOURS:
			good = options_reals("--hours", reader.value, 0.001, 10000, &hours, reader.error);
			options.hours = good ? hours.item[0] : 0;
			break;
		case O_SECONDS:
			good = options_seconds("--seconds", reader.value, 0.001, 1e6, &options.seconds, reader.error);
			break;
		case O_SEED: good = options_number("--seed", reader.value, 0, INT64_MAX, &options.seed, reader.error); break;
		case O_ALL: options.all = true; break;
		case O_FAIL_FAST: options.fail_fast = true; break;
		case O_OUT: options.out = reader.value; break;
		case O_TESTS: options.tests = reader.value; break;
		case O_LIST: print_list(); exit(0);
		case O_HELP: print_help(stdout); exit(0);
		default: good = false;
		}
	}
	if (!good)
		usage_error(reader.error);
	select_checks(checks);
}

int main(int argc, char **argv)
{
	struct check_record *record = mmap(NULL, sizeof *record, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	uint64_t from_ns = check_now_ns(), until_ns;
	uint64_t round = 0;

	if (record == MAP_FAILED) {
		perror("check: mmap");
		return 2;
	}
	options.program = argv[0];
	parse(argc, argv);
	outcome.checks = json_array();
	outcome.failures = json_array();
	printf("# check, tier %s, seed %" PRIu64 ", %s, %s\n", tier_names[options.tier], options.seed, BUILD_CONF,
	       BUILD_COMPILER);
	until_ns = from_ns + (options.tier == TIER_SOAK ? (uint64_t)(options.hours * 3.6e12) : 0);
	do
		run_round(round++, record, until_ns);
	while (check_now_ns() < until_ns && !gives_up());
	outcome.seconds = (double)(check_now_ns() - from_ns) / 1e9;
	printf("1..%u\n", outcome.passed + outcome.failed);
	print_totals();
	if (options.out && !write_out())
		return 1;
	json_decref(outcome.checks);
	json_decref(outcome.failures);
	return outcome.failed > 0;
}
