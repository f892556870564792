/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `capacitor experiment`: runs the experiments of a tier and leaves a folder with everything.
 *
 * Each repetition of each point is a process of its own, this same program as `bench` (or another subcommand), which writes one
 * file of raw results, whole or not at all. So a point cannot disturb the next, a crash costs one repetition, and an
 * interrupted run goes on where it stopped: what is there is not done again. Repetitions are outermost within an
 * experiment, and the order of its points is drawn anew for each, so that implementations interleave and drift of the
 * machine hits all alike.
 *
 *   results/<utc>-<commit>/
 *     env.json  plan.json               what it ran on; what was to be run
 *     raw/<experiment>/<point>.r<k>.json  (.tsv from simulate and coherence), with .log where it failed
 *     <experiment>.json                 all of it in Google Benchmark's form, repetitions numbered, for its compare.py
 *     <experiment>.tsv, .summary.tsv    rows per repetition; medians with intervals
 *     failed.tsv                        points that failed, with their last words
 *     plots/  report.html
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <dirent.h>
#include <xxhash.h>

#include "build_info.h"
#include "harness/commands.h"
#include "harness/environment.h"
#include "harness/options.h"
#include "harness/plan.h"
#include "harness/progress.h"
#include "harness/report.h"
#include "harness/results.h"
#include "harness/tidy.h"
#include "harness/workload.h"

/* A point that takes so much longer than expected is stuck: it is killed and counts as failed. */
#define STUCK_FACTOR 20
#define STUCK_MIN_S  60

struct run {
	struct plan plan;
	char root[4096];
	char folder[RUN_PATH_BYTES];
	uint64_t seed;
	size_t failed;
	FILE *failures; /* failed.tsv */
	char error[RUN_ERROR_BYTES];
};

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
	interrupted = number;
}

static bool complain(const char *text)
{
	progress_end();
	fprintf(stderr, "capacitor experiment: %s\n", text);
	return false;
}

/* ---- The folder of a run ------------------------------------------------------------------------------------------ */

/* Two runs with the same plan and the same program may share a folder. */
static json_t *plan_json(const struct run *run, const char *traces)
{
	json_t *json = json_object(), *steps = json_array(), *experiments = json_array();
	char fingerprint[32] = "unknown";
	XXH3_state_t *state = XXH3_createState();
	FILE *program = fopen("/proc/self/exe", "rb");
	char buffer[65536];
	size_t got;

	if (state && program) {
		XXH3_64bits_reset(state);
		while ((got = fread(buffer, 1, sizeof buffer, program)) > 0)
			XXH3_64bits_update(state, buffer, got);
		snprintf(fingerprint, sizeof fingerprint, "%016llx", (unsigned long long)XXH3_64bits_digest(state));
	}
	if (program)
		fclose(program);
	XXH3_freeState(state);

	json_object_set_new(json, "tier", json_string(run->plan.tier));
	json_object_set_new(json, "seed", json_sprintf("%llu", (unsigned long long)run->seed));
	json_object_set_new(json, "traces", traces ? json_string(traces) : json_null());
	json_object_set_new(json, "commit", json_string(BUILD_COMMIT));
	json_object_set_new(json, "program_xxh3", json_string(fingerprint));
	json_object_set_new(json, "expected_s", json_integer((json_int_t)run->plan.expected_s));
	for (size_t i = 0; i < run->plan.experiments; i++) {
		const struct plan_experiment *experiment = &run->plan.experiment[i];
		json_t *entry = json_pack("{s:s, s:i, s:i, s:O}", "slug", experiment->slug, "repetitions",
		                          (int)experiment->repetitions, "points", (int)experiment->steps, "experiment",
		                          experiment->json);

		if (experiment->left_out)
			json_object_set_new(entry, "left_out", json_string(experiment->left_out));
		json_array_append_new(experiments, entry);
	}
	for (size_t i = 0; i < run->plan.steps; i++)
		json_array_append_new(steps, json_pack("{s:s, s:s, s:O}", "experiment",
		                                       run->plan.experiment[run->plan.step[i].experiment].slug, "id",
		                                       run->plan.step[i].id, "arguments", run->plan.step[i].arguments));
	json_object_set_new(json, "experiments", experiments);
	json_object_set_new(json, "steps", steps);
	return json;
}

static bool exists(const char *path)
{
	return access(path, F_OK) == 0;
}

/* The newest run under `out` that has this plan and no report yet. */
static bool find_unfinished(struct run *run, const char *out, const json_t *plan)
{
	struct dirent **entries;
	int count = scandir(out, &entries, NULL, alphasort);
	bool found = false;

	for (int i = count - 1; i >= 0; i--) {
		char path[RUN_PATH_BYTES];
		json_t *theirs;

		snprintf(run->folder, sizeof run->folder, "%s/%s", out, entries[i]->d_name);
		snprintf(path, sizeof path, "%.4000s/plan.json", run->folder);
		theirs = found || entries[i]->d_name[0] == '.' ? NULL : json_load_file(path, 0, NULL);
		snprintf(path, sizeof path, "%.4000s/report.html", run->folder);
		if (theirs && json_equal(theirs, plan) && !exists(path)) {
			found = true;
			snprintf(path, sizeof path, "%s", run->folder);
		}
		json_decref(theirs);
		free(entries[i]);
		if (found) {
			snprintf(run->folder, sizeof run->folder, "%s", path);
			for (int rest = i - 1; rest >= 0; rest--)
				free(entries[rest]);
			break;
		}
	}
	if (count >= 0)
		free(entries);
	return found;
}

static bool write_json(struct run *run, const char *name, const json_t *json)
{
	char path[RUN_PATH_BYTES];
	char *text = json_dumps(json, JSON_INDENT(1));
	bool written;

	snprintf(path, sizeof path, "%.4000s/%s", run->folder, name);
	written = text && results_write_file(path, text, strlen(text), run->error, RUN_ERROR_BYTES);
	free(text);
	return written;
}

/* A new folder under `out`, called after the time and the commit; runs of one second are told apart by a number. */
static bool make_folder(struct run *run, const char *out)
{
	time_t now = time(NULL);
	char number[16] = "";
	struct tm utc;

	gmtime_r(&now, &utc);
	if (!results_make_folder(out, run->error, RUN_ERROR_BYTES))
		return false;
	for (unsigned i = 2; i < 100; i++) {
		snprintf(run->folder, sizeof run->folder, "%.3900s/%04d%02d%02dT%02d%02d%02dZ-%s%s%s", out, utc.tm_year + 1900,
		         utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec, BUILD_COMMIT,
		         strcmp(BUILD_DIRTY, "yes") == 0 ? "-dirty" : "", number);
		if (mkdir(run->folder, 0777) == 0)
			return true;
		if (errno != EEXIST)
			break;
		snprintf(number, sizeof number, "-%u", i);
	}
	snprintf(run->error, sizeof run->error, "%.400s: cannot be made: %s", run->folder, strerror(errno));
	return false;
}

static bool open_folder(struct run *run, const char *out, const char *traces)
{
	json_t *plan = plan_json(run, traces);
	char path[RUN_PATH_BYTES];
	bool fine = true, resumed;
	json_t *environment;

	resumed = find_unfinished(run, out, plan);
	if (resumed) {
		printf("Going on with %s, which was interrupted.\n", run->folder);
	} else {
		environment = environment_json();
		fine = environment && make_folder(run, out) &&
		       write_json(run, "env.json", environment) && write_json(run, "plan.json", plan);
		json_decref(environment);
	}
	json_decref(plan);
	for (size_t i = 0; fine && i < run->plan.experiments; i++) {
		snprintf(path, sizeof path, "%.3900s/raw/%s", run->folder, run->plan.experiment[i].slug);
		fine = results_make_folder(path, run->error, RUN_ERROR_BYTES);
	}
	snprintf(path, sizeof path, "%.4000s/failed.tsv", run->folder);
	run->failures = fine ? fopen(path, "w") : NULL;
	if (fine && !run->failures) {
		snprintf(run->error, sizeof run->error, "cannot write %.400s: %s", path, strerror(errno));
		return false;
	}
	if (fine)
		fputs("experiment\tpoint\trepetition\treason\tlast_words\n", run->failures);
	return fine;
}

/* ---- A repetition of a point --------------------------------------------------------------------------------------- */

static void raw_path(const struct run *run, const struct plan_step *step, unsigned repetition, const char *suffix,
                     char path[RUN_PATH_BYTES])
{
	snprintf(path, RUN_PATH_BYTES, "%.3500s/raw/%s/%s.r%u%s", run->folder,
	         run->plan.experiment[step->experiment].slug, step->id, repetition, suffix);
}

/* These repeat exactly, and write tables. */
static bool repeats(const char *command)
{
	return strcmp(command, "simulate") == 0 || strcmp(command, "coherence") == 0;
}

static const char *raw_suffix(const struct plan_step *step)
{
	return repeats(json_string_value(json_array_get(step->arguments, 0))) ? ".tsv" : ".json";
}

/* In the child: becomes the subcommand. */
static _Noreturn void become(const struct run *run, const struct plan_step *step, const char *out, const char *log,
                             uint64_t seed)
{
	char environment[RUN_PATH_BYTES];
	size_t count = json_array_size(step->arguments);
	const char *argv[128] = {"capacitor"};
	char seed_text[32];
	int null = open("/dev/null", O_RDWR), errors = open(log, O_WRONLY | O_CREAT | O_TRUNC, 0666);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	snprintf(seed_text, sizeof seed_text, "%llu", (unsigned long long)seed);
	for (size_t i = 0; i < count && i < 100; i++)
		argv[1 + i] = json_string_value(json_array_get(step->arguments, i));
	argv[1 + count] = "--out";
	argv[2 + count] = out;
	if (!repeats(argv[1])) {
		argv[3 + count] = "--seed";
		argv[4 + count] = seed_text;
		argv[5 + count] = "--repetitions";
		argv[6 + count] = "1";
	}
	snprintf(environment, sizeof environment, "%.4000s/env.json", run->folder);
	setenv("CAPACITOR_ENVIRONMENT", environment, 1);
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	dup2(errors, STDERR_FILENO);
	execv("/proc/self/exe", (char *const *)argv);
	_exit(127);
}

/* The last line of a log, without tabs. */
static void last_words(const char *log, char *words, size_t words_bytes)
{
	char line[1024];
	FILE *file = fopen(log, "r");

	snprintf(words, words_bytes, "-");
	while (file && fgets(line, sizeof line, file)) {
		line[strcspn(line, "\n")] = '\0';
		if (line[0])
			snprintf(words, words_bytes, "%.500s", line);
	}
	if (file)
		fclose(file);
	for (char *at = words; *at; at++)
		if (*at == '\t')
			*at = ' ';
}

static double now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* Waits for the child: 0 when it did well; else *reason says why not. An interruption kills it. */
static bool wait_for(pid_t child, double limit_s, char *reason, size_t reason_bytes)
{
	double deadline_s = now_s() + limit_s;
	int status;

	while (waitpid(child, &status, WNOHANG) == 0) {
		if (interrupted || now_s() > deadline_s) {
			kill(child, SIGKILL);
			waitpid(child, &status, 0);
			snprintf(reason, reason_bytes, "took longer than %.0f s", limit_s);
			return false;
		}
		nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return true;
	if (WIFSIGNALED(status))
		snprintf(reason, reason_bytes, "killed by signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		snprintf(reason, reason_bytes, "exit status %d", WEXITSTATUS(status));
	return false;
}

static void run_step(struct run *run, const struct plan_step *step, unsigned repetition)
{
	double limit_s = step->expected_s * STUCK_FACTOR > STUCK_MIN_S ? step->expected_s * STUCK_FACTOR : STUCK_MIN_S;
	char out[RUN_PATH_BYTES], log[RUN_PATH_BYTES], reason[128] = "", words[512];
	pid_t child;
	bool fine;

	raw_path(run, step, repetition, raw_suffix(step), out);
	raw_path(run, step, repetition, ".log", log);
	if (exists(out))
		return; /* done before the interruption */
	child = fork();
	if (child == 0)
		become(run, step, out, log, run->seed + repetition);
	fine = child > 0 && wait_for(child, limit_s, reason, sizeof reason);
	if (interrupted)
		return;
	if (fine && exists(out)) {
		unlink(log);
		return;
	}
	run->failed++;
	last_words(log, words, sizeof words);
	fprintf(run->failures, "%s\t%s\t%u\t%s\t%s\n", run->plan.experiment[step->experiment].slug, step->id, repetition,
	        reason[0] ? reason : "no result was written", words);
	fflush(run->failures);
	progress_message("failed: %s: %s: %s (%s)", run->plan.experiment[step->experiment].slug, step->id, reason, words);
}

/* Repetitions outermost; within one, the points in an order of their own. */
static void run_experiment(struct run *run, size_t number)
{
	const struct plan_experiment *experiment = &run->plan.experiment[number];
	size_t *order = calloc(experiment->steps + 1, sizeof *order);
	size_t count = 0;

	for (size_t i = 0; i < run->plan.steps; i++)
		if (run->plan.step[i].experiment == number)
			order[count++] = i;
	for (unsigned repetition = 0; repetition < experiment->repetitions && !interrupted; repetition++) {
		struct workload_random random;

		workload_random_init(&random, run->seed, 1000 * (number + 1) + repetition);
		for (size_t i = count; i > 1; i--) { /* Fisher and Yates */
			size_t other = workload_random_below(&random, i), swap = order[i - 1];

			order[i - 1] = order[other];
			order[other] = swap;
		}
		for (size_t i = 0; i < count && !interrupted; i++) {
			char text[256];

			snprintf(text, sizeof text, "%s: %s", experiment->slug, run->plan.step[order[i]].id);
			progress_step(text);
			run_step(run, &run->plan.step[order[i]], repetition);
		}
	}
	free(order);
}

/* ---- Putting together ---------------------------------------------------------------------------------------------- */

/* Why metrics of a run are unavailable differs from point to point, and merged documents share one context: so each run
 * takes its reasons along. */
static void keep_reasons(json_t *entry, const json_t *context)
{
	const char *name = json_string_value(json_object_get(entry, "name")), *key;
	char impl[256] = "-", prefix[300];
	json_t *reasons = json_object(), *reason;
	size_t length;

	if (name)
		tidy_parameter(name, "impl", impl, sizeof impl);
	length = (size_t)snprintf(prefix, sizeof prefix, "unavailable:%s:", impl);
	json_object_foreach((json_t *)context, key, reason)
		if (strncmp(key, prefix, length) == 0)
			json_object_set(reasons, key + length, reason);
	json_object_set_new(entry, "unavailable", reasons);
}

/* All raw JSON of an experiment in one document, repetitions numbered as they were run. */
static json_t *merge(const struct run *run, size_t number)
{
	const struct plan_experiment *experiment = &run->plan.experiment[number];
	json_t *merged = json_object(), *context = NULL, *runs = json_array();

	for (unsigned repetition = 0; repetition < experiment->repetitions; repetition++) {
		for (size_t i = 0; i < run->plan.steps; i++) {
			char path[RUN_PATH_BYTES];
			json_t *document, *entry;
			size_t index;

			if (run->plan.step[i].experiment != number)
				continue;
			raw_path(run, &run->plan.step[i], repetition, ".json", path);
			document = json_load_file(path, 0, NULL);
			if (!document)
				continue; /* it failed, and is in failed.tsv */
			json_array_foreach(json_object_get(document, "benchmarks"), index, entry) {
				json_object_set_new(entry, "repetitions", json_integer(experiment->repetitions));
				json_object_set_new(entry, "repetition_index", json_integer(repetition));
				keep_reasons(entry, json_object_get(document, "context"));
				json_array_append(runs, entry);
			}
			if (!context)
				context = json_incref(json_object_get(document, "context"));
			else
				json_object_update_missing(context, json_object_get(document, "context"));
			json_decref(document);
		}
	}
	json_object_set_new(merged, "context", context ? context : json_object());
	json_object_set_new(merged, "benchmarks", runs);
	return merged;
}

static bool write_tables(struct run *run, size_t number)
{
	const char *slug = run->plan.experiment[number].slug;
	json_t *merged = merge(run, number);
	struct results_file file;
	char name[128], path[RUN_PATH_BYTES];
	size_t failed = 0;
	bool fine;

	snprintf(name, sizeof name, "%s.json", slug);
	fine = write_json(run, name, merged);
	snprintf(path, sizeof path, "%.3900s/%s.tsv", run->folder, slug);
	fine = fine && results_open(&file, path, run->error, RUN_ERROR_BYTES);
	if (fine) {
		tidy_header(file.stream);
		tidy_rows(file.stream, slug, merged, &failed);
		fine = results_commit(&file, run->error, RUN_ERROR_BYTES);
	}
	json_decref(merged);
	return fine && report_summarise(run->root, run->folder, slug, run->error);
}

/* One table of the steps of an experiment that repeats, under one header. `table`: of `coherence`, which leaves others beside
 * its main one; NULL: that. */
static bool gather(struct run *run, size_t number, const char *table, const char *name)
{
	char path[RUN_PATH_BYTES], suffix[64], line[8192];
	struct results_file file;
	bool header = false;

	snprintf(suffix, sizeof suffix, table ? "/%s.tsv" : "%s.tsv", table ? table : "");
	snprintf(path, sizeof path, "%.3900s/%s.%s.tsv", run->folder, run->plan.experiment[number].slug, name);
	if (!*name)
		snprintf(path, sizeof path, "%.3900s/%s.tsv", run->folder, run->plan.experiment[number].slug);
	if (!results_open(&file, path, run->error, RUN_ERROR_BYTES))
		return false;
	for (size_t i = 0; i < run->plan.steps; i++) {
		FILE *raw;

		if (run->plan.step[i].experiment != number)
			continue;
		raw_path(run, &run->plan.step[i], 0, suffix, path);
		raw = fopen(path, "r");
		for (size_t row = 0; raw && fgets(line, sizeof line, raw); row++)
			if (row > 0 || !header)
				fputs(line, file.stream);
		header = header || raw;
		if (raw)
			fclose(raw);
	}
	return results_commit(&file, run->error, RUN_ERROR_BYTES);
}

/* They repeat exactly: the table is its own summary. */
static bool write_repeated(struct run *run, size_t number, const char *command)
{
	static const char *const others[] = {"fields", "lines", "heat", "locks", "cost"};
	bool fine = gather(run, number, NULL, "") && gather(run, number, NULL, "summary");

	if (strcmp(command, "coherence") == 0)
		for (size_t i = 0; fine && i < sizeof others / sizeof others[0]; i++)
			fine = gather(run, number, others[i], others[i]);
	return fine;
}

static bool put_together(struct run *run)
{
	for (size_t i = 0; i < run->plan.experiments; i++) {
		const char *command = json_string_value(json_object_get(run->plan.experiment[i].json, "command"));

		if (run->plan.experiment[i].left_out)
			continue;
		if (!(repeats(command) ? write_repeated(run, i, command) : write_tables(run, i)))
			return complain(run->error);
	}
	return report_write(run->root, run->folder, run->error) || complain(run->error);
}

/* ---- The subcommand ------------------------------------------------------------------------------------------------ */

static void show_plan(const struct run *run)
{
	size_t runs = 0;

	printf("Tier %s:\n", run->plan.tier);
	for (size_t i = 0; i < run->plan.experiments; i++) {
		const struct plan_experiment *experiment = &run->plan.experiment[i];

		if (experiment->left_out)
			printf("  %-14s left out: %s\n", experiment->slug, experiment->left_out);
		else
			printf("  %-14s %4zu points, %u %s each: %s\n", experiment->slug, experiment->steps,
			       experiment->repetitions,
			       experiment->repetitions == 1 ? "repetition" : "repetitions",
			       json_string_value(json_object_get(experiment->json, "title")));
		runs += experiment->steps * experiment->repetitions;
	}
	printf("%zu runs, about %.0f minutes and %02.0f seconds.\n", runs, (double)((int)run->plan.expected_s / 60),
	       (double)((int)run->plan.expected_s % 60));
	fflush(stdout);
}

static const struct options_known known[] = {
	{"--tier", "NAME", "smoke (below 3 minutes; the default), laptop (below 20 minutes), full (hours);\n"
	                   "tiny (seconds, says nothing about speed) is for checking the machinery"},
	{"--only", "LIST", "some of the experiments, by the names of their folders; default: all"},
	{"--traces", "DIR", "a folder of recorded traces; default: none, and what needs them is left out"},
	{"--out", "DIR", "where runs go; default: results"},
	{"--seed", "N", "seeds all streams and orders; default: 1"},
	{"--plan", NULL, "show the plan, run nothing"},
	{"--root", "DIR", "where experiments/ and plots/ are; default: two folders above the program's"},
	{"--help", NULL, "this text"},
	{NULL, NULL, NULL},
};
enum { OPTION_TIER, OPTION_ONLY, OPTION_TRACES, OPTION_OUT, OPTION_SEED, OPTION_PLAN, OPTION_ROOT };

struct arguments {
	const char *tier, *only, *traces, *out;
	bool plan_only;
};

static bool read_arguments(struct run *run, struct arguments *arguments, int argc, char **argv)
{
	struct options_reader reader = {.command = "experiment", .known = known, .argc = argc, .argv = argv, .at = 1};
	size_t tier = 1;
	int option;

	*arguments = (struct arguments){.out = "results"};
	run->seed = 1;
	if (!plan_root(run->root, sizeof run->root))
		return complain("cannot tell where the program is; give --root");
	while ((option = options_read(&reader)) >= 0) {
		bool fine = true;

		switch (option) {
		case OPTION_TIER:
			fine = options_name("--tier", reader.value, plan_tiers, &tier, reader.error);
			break;
		case OPTION_ONLY: arguments->only = reader.value; break;
		case OPTION_TRACES: arguments->traces = reader.value; break;
		case OPTION_OUT: arguments->out = reader.value; break;
		case OPTION_SEED:
			fine = options_number("--seed", reader.value, 0, UINT64_MAX, &run->seed, reader.error);
			break;
		case OPTION_PLAN: arguments->plan_only = true; break;
		case OPTION_ROOT: snprintf(run->root, sizeof run->root, "%s", reader.value); break;
		default: break;
		}
		if (!fine)
			return complain(reader.error);
	}
	arguments->tier = plan_tiers[tier];
	return option == OPTIONS_END || complain(reader.error);
}

int experiment_command(int argc, char **argv)
{
	struct sigaction action = {.sa_handler = on_signal};
	struct arguments arguments;
	struct run *run = calloc(1, sizeof *run);
	char error[PLAN_ERROR_BYTES];
	struct stat folder;
	double from_s = now_s();
	size_t runs = 0;
	int status;

	if (options_want_help(argc, argv)) {
		printf("usage: capacitor experiment [options]\n\n"
		       "Runs the experiments under experiments/ and leaves a folder with raw results, tables, plots and a report.\n"
		       "Interrupted, it goes on where it stopped when it is started again with the same options.\n\n");
		options_print(stdout, known);
		free(run);
		return COMMAND_OK;
	}
	if (!run || !read_arguments(run, &arguments, argc, argv)) {
		free(run);
		return COMMAND_USAGE;
	}
	if (arguments.traces && (stat(arguments.traces, &folder) != 0 || !S_ISDIR(folder.st_mode))) {
		fprintf(stderr, "capacitor experiment: --traces: %s is not a folder\n", arguments.traces);
		free(run);
		return COMMAND_USAGE;
	}
	if (!plan_load(&run->plan, run->root, arguments.tier, arguments.only, arguments.traces, error)) {
		complain(error);
		free(run);
		return COMMAND_USAGE;
	}
	show_plan(run);
	status = COMMAND_OK;
	if (arguments.plan_only)
		goto out;
	status = COMMAND_FAIL;
	if (!open_folder(run, arguments.out, arguments.traces)) {
		complain(run->error);
		goto out;
	}
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	for (size_t i = 0; i < run->plan.experiments; i++)
		runs += run->plan.experiment[i].steps * run->plan.experiment[i].repetitions;
	progress_begin(runs + 1, run->plan.expected_s);
	for (size_t i = 0; i < run->plan.experiments && !interrupted; i++)
		run_experiment(run, i);
	if (interrupted) {
		complain("interrupted; the same command goes on from here");
		status = 128 + interrupted;
		goto out;
	}
	progress_step("tables, plots, report");
	if (put_together(run)) {
		progress_end();
		printf("%zu runs, %zu failed, in %.0f s: %s/report.html\n", runs, run->failed, now_s() - from_s, run->folder);
		status = run->failed ? COMMAND_FAIL : COMMAND_OK;
	}
out:
	if (run->failures)
		fclose(run->failures);
	plan_free(&run->plan);
	free(run);
	return status;
}
