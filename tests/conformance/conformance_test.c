/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * conformance_test: multiplies the tests of the suite (suite.h) with the table of implementations, and runs them.
 *
 *   conformance_test [--impl a,b] [--filter text] [--seed n] [--limit seconds] [--list] [--fail-fast]
 *
 * A test's random numbers depend on the seed and on its name: the same seed repeats one test as it ran among all
 * (threads aside). A test that takes minutes is stuck: the alarm ends the program with its name.
 */
#include <inttypes.h>
#include <malloc.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "heap.h"
#include "suite.h"

#define LIMIT_S           100
#define LIMIT_SANITIZED_S 600

static const struct suite_test *const files[] = {
	information_tests, configuration_tests, arguments_tests, absences_tests, model_tests, linearizability_tests,
	torn_tests, pins_tests, budget_tests, allocations_tests, expiry_tests, failures_tests, progress_tests,
	hashing_tests, limits_tests, whole_tests, threads_tests, loading_tests, statistics_tests, eviction_tests,
};
#define FILES (sizeof files / sizeof files[0])

static struct {
	const char *impl;
	const char *filter;
	uint64_t seed;
	unsigned limit_s; /* for one test */
	bool list;
	bool fail_fast;
} options;

/* What runs: grows as the matrix is laid out. */
static struct {
	struct rig *rig;
	struct CMUnitTest *unit;
	size_t count;
	size_t room;
} matrix;

/* ---- Around each test -------------------------------------------------------------------------------------------- */

static const char *running; /* written before a signal can ask for it */

/* Stuck (SIGALRM), or crashed: the program ends with the test's name. cmocka would jump out of the handler, also out of
 * the wrong thread. */
static void end_by_signal(int number)
{
	const char *what = number == SIGALRM ? "\nstuck, ended after its time limit: " : "\ncrashed: ";

	if (write(STDERR_FILENO, what, strlen(what)) < 0 || write(STDERR_FILENO, running, strlen(running)) < 0 ||
	    write(STDERR_FILENO, "\n", 1) < 0)
		_exit(3);
	if (number == SIGALRM)
		_exit(1);
	signal(number, SIG_DFL);
	raise(number);
}

static uint64_t hash_name(const char *name)
{
	uint64_t hash = 0;

	for (; *name; name++)
		hash = mix64(hash ^ (unsigned char)*name) + 0x9e3779b97f4a7c15u;
	return hash;
}

/* Caches of tests are small, so that creating thousands of them costs little, and their secrets repeat with the seed. A
 * call that waits for memory waits long: only tests about BUSY shorten it. */
static int setup(void **state)
{
	struct rig *rig = *state;

	rig->seed = mix64(options.seed ^ hash_name(rig->name));
	rig->finished = false;
	store_relaxed(&rig->clock_ns, 0); /* relaxed: no other thread yet */
	capacitor_config_init(&rig->config);
	rig->config.capacity_bytes = (size_t)4 << 20;
	rig->config.expected_entries = 1024;
	rig->config.shards = 4;
	rig->config.threads_max = 32;
	rig->config.policy = rig->policy;
	rig->config.counters = rig->counters;
	rig->config.busy_timeout_ns = (uint64_t)5 * 1000000000u;
	rig->config.hash_seed_set = true;
	for (unsigned i = 0; i < sizeof rig->config.hash_seed; i++)
		rig->config.hash_seed[i] = (uint8_t)(mix64(rig->seed + i) >> 56);
	running = rig->name;
	alarm(options.limit_s);
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;

	alarm(0);
	heap_fail_at(0);
	if (!rig->finished) {
		print_error("failed: %s (--seed %" PRIu64 ")\n", rig->name, options.seed);
		if (options.fail_fast)
			_exit(1);
	}
	rig_close(rig);
	return 0;
}

static void run(void **state)
{
	static const int crashes[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
	struct rig *rig = *state;

	for (size_t i = 0; heap_watched() && i < sizeof crashes / sizeof crashes[0]; i++)
		signal(crashes[i], end_by_signal); /* a sanitizer has a better one */
	rig->test->run(rig);
	rig->finished = true;
}

/* ---- The matrix -------------------------------------------------------------------------------------------------- */

static void *checked(void *memory)
{
	if (!memory) {
		fputs("conformance_test: no memory\n", stderr);
		exit(1);
	}
	return memory;
}

static void add(const struct suite_test *test, const struct capacitor_info *info, enum capacitor_policy policy,
                enum capacitor_counters counters)
{
	struct rig *rig;
	char name[256];

	if (!info)
		snprintf(name, sizeof name, "%s", test->name);
	else if (test->scope == SUITE_IMPLEMENTATION)
		snprintf(name, sizeof name, "%s (%s)", test->name, info->name);
	else if (test->scope == SUITE_POLICY)
		snprintf(name, sizeof name, "%s (%s, %s)", test->name, info->name, capacitor_policy_string(policy));
	else
		snprintf(name, sizeof name, "%s (%s, %s, %s)", test->name, info->name, capacitor_policy_string(policy),
		         capacitor_counters_string(counters));
	if (options.filter && !strstr(name, options.filter))
		return;
	if (matrix.count == matrix.room) {
		matrix.room = matrix.room ? 2 * matrix.room : 1024;
		matrix.rig = checked(realloc(matrix.rig, matrix.room * sizeof *matrix.rig));
	}
	rig = &matrix.rig[matrix.count++];
	*rig = (struct rig){.test = test, .info = info, .policy = policy, .counters = counters};
	rig->name = checked(strdup(name));
}

/* The default, or what comes nearest to it. */
static enum capacitor_policy first_policy(uint32_t policies)
{
	static const enum capacitor_policy by_preference[] = {
		CAPACITOR_SIEVE, CAPACITOR_CLOCK, CAPACITOR_FIFO, CAPACITOR_S3FIFO, CAPACITOR_LRU,
	};

	for (size_t i = 0; i < sizeof by_preference / sizeof by_preference[0]; i++)
		if (policies & 1u << by_preference[i])
			return by_preference[i];
	return CAPACITOR_SIEVE;
}

static bool added(const struct suite_test *test)
{
	for (size_t i = 0; i < matrix.count; i++)
		if (matrix.rig[i].test == test)
			return true;
	return false;
}

static void add_rows(const struct suite_test *test, const struct capacitor_info *info)
{
	uint32_t policies = info->policies & (test->policies ? test->policies : UINT32_MAX);
	bool all_policies = test->scope == SUITE_POLICY || test->scope == SUITE_ALL;
	bool all_layouts = test->scope == SUITE_LAYOUT || test->scope == SUITE_ALL;

	if ((info->lacks & test->without) || (info->lacks & test->lacking) != test->lacking || policies == 0 ||
	    (test->applies && !test->applies(info)))
		return;
	if (!all_policies)
		policies = 1u << first_policy(policies);
	for (unsigned policy = 0; policy < CAPACITOR_POLICIES; policy++) {
		if (!(policies & 1u << policy))
			continue;
		for (unsigned layout = 0; layout < CAPACITOR_COUNTER_LAYOUTS; layout++)
			if ((all_layouts || layout == CAPACITOR_COUNTERS_PADDED) &&
			    (!test->heap || heap_watched() || !added(test)))
				add(test, info, (enum capacitor_policy)policy, (enum capacitor_counters)layout);
	}
}

/* Is a name in the comma-separated list? */
static bool listed(const char *list, const char *name)
{
	size_t length = strlen(name);

	for (const char *at = list; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
		if (strncmp(at, name, length) == 0 && (at[length] == ',' || at[length] == '\0'))
			return true;
	return false;
}

/* All tests of one implementation follow each other. */
static void lay_out(void)
{
	const struct capacitor_info *info;

	for (size_t file = 0; file < FILES && !options.impl; file++)
		for (const struct suite_test *test = files[file]; test->name; test++)
			if (test->scope == SUITE_ONCE)
				add(test, NULL, CAPACITOR_SIEVE, CAPACITOR_COUNTERS_PADDED);
	for (size_t i = 0; (info = capacitor_info(i)); i++)
		for (size_t file = 0; file < FILES && (!options.impl || listed(options.impl, info->name)); file++)
			for (const struct suite_test *test = files[file]; test->name; test++)
				if (test->scope != SUITE_ONCE)
					add_rows(test, info);
	matrix.unit = checked(calloc(matrix.count + 1, sizeof *matrix.unit));
	for (size_t i = 0; i < matrix.count; i++)
		matrix.unit[i] = (struct CMUnitTest){matrix.rig[i].name, run, setup, teardown, &matrix.rig[i]};
}

/* ---- The command line -------------------------------------------------------------------------------------------- */

static void usage_error(const char *what, const char *value)
{
	const struct capacitor_info *info;

	fprintf(stderr, "conformance_test: %s \"%s\"; implementations:", what, value);
	for (size_t i = 0; (info = capacitor_info(i)); i++)
		fprintf(stderr, "%s %s", i ? "," : "", info->name);
	fputs("; --help lists the options\n", stderr);
	exit(2);
}

static void help(void)
{
	puts("conformance_test [option...]: run the conformance suite on every implementation\n"
	     "  --impl a,b     only these implementations\n"
	     "  --filter text  only tests whose name contains the text\n"
	     "  --seed n       repeat the random numbers of an earlier run (it is printed at the start)\n"
	     "  --limit s      end the program when a test takes longer than so many seconds\n"
	     "  --fail-fast    end at the first failure, with exit status 1\n"
	     "  --list         print the names of the tests and end");
	exit(0);
}

static const char *value_of(int argc, char **argv, int *i)
{
	if (*i + 1 >= argc)
		usage_error("no value after option", argv[*i]);
	return argv[++*i];
}

static uint64_t number_of(int argc, char **argv, int *i)
{
	const char *option = argv[*i], *text = value_of(argc, argv, i);
	uint64_t number;
	char *end;

	number = strtoull(text, &end, 0);
	if (end == text || *end != '\0' || *text == '-')
		usage_error(strcmp(option, "--seed") == 0 ? "--seed wants a number, not"
		                                          : "--limit wants a number of seconds, not", text);
	return number;
}

static void parse_options(int argc, char **argv)
{
	options.seed = (uint64_t)time(NULL) * 1000003u + (uint64_t)getpid();
	options.limit_s = heap_watched() ? LIMIT_S : LIMIT_SANITIZED_S;
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--help") == 0)
			help();
		else if (strcmp(argv[i], "--list") == 0)
			options.list = true;
		else if (strcmp(argv[i], "--fail-fast") == 0)
			options.fail_fast = true;
		else if (strcmp(argv[i], "--impl") == 0)
			options.impl = value_of(argc, argv, &i);
		else if (strcmp(argv[i], "--filter") == 0)
			options.filter = value_of(argc, argv, &i);
		else if (strcmp(argv[i], "--seed") == 0)
			options.seed = number_of(argc, argv, &i);
		else if (strcmp(argv[i], "--limit") == 0)
			options.limit_s = (unsigned)number_of(argc, argv, &i);
		else
			usage_error("unknown option", argv[i]);
	}
}

/* Every name of --impl must exist: a typing error that runs nothing would look like success. */
static void check_implementations(void)
{
	char *names = checked(strdup(options.impl));
	char *rest = names;

	for (char *name = strsep(&rest, ","); name; name = strsep(&rest, ","))
		if (!capacitor_find(name))
			usage_error("unknown implementation", name);
	free(names);
}

int main(int argc, char **argv)
{
	int failures;

	parse_options(argc, argv);
	/* A threshold that is set stays: large blocks are mapped, and unmapped when they are freed. Else glibc learns
	 * to keep them, with what the kernel was advised about them. */
	mallopt(M_MMAP_THRESHOLD, 128 << 10);
	if (options.impl)
		check_implementations();
	lay_out();
	if (options.list) {
		for (size_t i = 0; i < matrix.count; i++)
			puts(matrix.rig[i].name);
		return 0;
	}
	if (matrix.count == 0)
		usage_error("no test matches --filter", options.filter ? options.filter : "");
	fprintf(stderr, "conformance: %zu tests, seed %" PRIu64 "\n", matrix.count, options.seed);
	signal(SIGALRM, end_by_signal);
	failures = _cmocka_run_group_tests("conformance", matrix.unit, matrix.count, NULL, NULL);
	for (size_t i = 0; i < matrix.count; i++)
		free(matrix.rig[i].name);
	free(matrix.rig);
	free(matrix.unit);
	return failures != 0;
}
