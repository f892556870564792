/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs of experiments: what they write, and what they do about failures, crashes, interruptions and kills.
 *
 * A run starts this program again as `bench`. Here that is a fake, which writes JSON of the right shape at once, notes
 * its call in $FAKE_LOG, and misbehaves for the implementation $FAKE_WHO in the way $FAKE_HOW.
 */
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include <jansson.h>

#include "harness/commands.h"
#include "harness/table.h"
#include "tests/unit/scratch.h"

/* ---- The fake ---------------------------------------------------------------------------------------------------- */

static const char *value_of(int argc, char **argv, const char *option)
{
	for (int i = 1; i + 1 < argc; i++)
		if (strcmp(argv[i], option) == 0)
			return argv[i + 1];
	return "";
}

static int fake_bench(int argc, char **argv)
{
	const char *impl = value_of(argc, argv, "--impl"), *threads = value_of(argc, argv, "--threads");
	const char *who = getenv("FAKE_WHO"), *how = getenv("FAKE_HOW");
	int log = open(getenv("FAKE_LOG"), O_WRONLY | O_CREAT | O_APPEND, 0666);
	FILE *out;

	if (argc < 2 || strcmp(argv[1], "bench") != 0 || strcmp(value_of(argc, argv, "--repetitions"), "1") != 0)
		return 3;
	dprintf(log, "%s %s %s %ld\n", impl, threads, value_of(argc, argv, "--seed"), (long)getpid());
	if (who && strcmp(who, impl) == 0) {
		if (strcmp(how, "crash") == 0)
			abort();
		if (strcmp(how, "sleep") == 0)
			sleep(60);
		fprintf(stderr, "a first line\nthe last\twords of %s\n", impl);
		return strcmp(how, "silence") == 0 ? 0 : 1;
	}
	out = fopen(value_of(argc, argv, "--out"), "w");
	fprintf(out,
	        "{\"context\": {\"unavailable:%s:entries\": \"threads were %s\"}, \"benchmarks\": [{\"name\":"
	        " \"cache/impl:%s/threads:%s/mix:95-4-1\", \"run_type\": \"iteration\", \"repetitions\": 1,"
	        " \"repetition_index\": 0, \"threads\": 1, \"iterations\": 1, \"real_time\": 5.0, \"cpu_time\": 5.0,"
	        " \"time_unit\": \"ns\", \"ops_per_s\": %ld, \"ns_per_op\": 5.0, \"oversubscribed\": 0}]}",
	        impl, threads, impl, threads, 1000000 * strtol(value_of(argc, argv, "--seed"), NULL, 10));
	return fclose(out) == 0 ? 0 : 1;
}

/* ---- Running ----------------------------------------------------------------------------------------------------- */

static const char experiment_text[] =
	"{\"title\": \"A <b>title</b>\", \"hypothesis\": \"h\", \"expected\": \"e\", \"command\": \"bench\","
	" \"options\": {\"--impl\": \"null,rcu,rwlock,sharded\", \"--threads\": \"1,2\"},"
	" \"tiers\": {\"tiny\": {\"repetitions\": 2}, \"smoke\": {\"repetitions\": 1}},"
	" \"figures\": [{\"script\": \"threads.gp\", \"each\": \"mix\", \"caption\": \"c\"}]}";
#define POINTS 8
#define RUNS   (2 * POINTS)

static int setup(void **state)
{
	char plots[SCRATCH_PATH_BYTES];

	if (scratch_setup(state) != 0)
		return -1;
	scratch_folder(scratch_path("experiments"));
	scratch_folder(scratch_path("experiments/one"));
	scratch_write(scratch_path("experiments/one/experiment.json"), experiment_text);
	if (!realpath("plots", plots) || symlink(plots, scratch_path("plots")) != 0)
		return -1; /* not run from the root of the project */
	setenv("FAKE_LOG", scratch_path("log"), 1);
	unsetenv("FAKE_WHO");
	return 0;
}

static const char *const usual[] = {"experiment", "--tier", "tiny", NULL};

/* `capacitor experiment` with these arguments, and with --root and --out in the scratch folder. */
static int run(const char *const *argv)
{
	const char *all[32];
	size_t count = 0;

	for (; argv[count]; count++)
		all[count] = argv[count];
	all[count++] = "--root";
	all[count++] = strdup(scratch_path("."));
	all[count++] = "--out";
	all[count++] = strdup(scratch_path("results"));
	all[count] = NULL;
	int status = scratch_run(experiment_command, all);
	free((char *)all[count - 1]);
	free((char *)all[count - 3]);
	return status;
}

/* The only run in results/. */
static const char *the_run(void)
{
	static char name[256];
	DIR *folder = opendir(scratch_path("results"));
	size_t count = 0;

	assert_non_null(folder);
	for (const struct dirent *entry; (entry = readdir(folder));)
		if (entry->d_name[0] != '.') {
			snprintf(name, sizeof(name), "results/%.200s", entry->d_name);
			count++;
		}
	closedir(folder);
	assert_int_equal(count, 1);
	return name;
}

#define IN_RUN(name) scratch_path("%s/" name, the_run())

static size_t lines_of(const char *path)
{
	char *text = scratch_read(path);
	size_t lines = 0;

	for (const char *at = text; at && *at; at++)
		lines += *at == '\n';
	free(text);
	return lines;
}

static bool mentions(const char *path, const char *what)
{
	char *text = scratch_read(path);
	bool found = text && strstr(text, what);

	free(text);
	return found;
}

static void assert_table(const char *path, size_t rows)
{
	struct table table;

	assert_true(table_load(&table, path));
	assert_int_equal(table.rows, rows);
	table_free(&table);
}

/* ---- What a run writes ------------------------------------------------------------------------------------------- */

static void test_everything_is_written(void **state)
{
	static const char *const names[] = {"env.json", "plan.json", "one.json", "one.tsv", "one.summary.tsv",
	                                    "failed.tsv", "report.html", "plots/threads-95-4-1.svg",
	                                    "plots/threads-95-4-1.pdf"};
	struct table table;
	double number;

	(void)state;
	assert_int_equal(run(usual), COMMAND_OK);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char *text = scratch_read(scratch_path("%s/%s", the_run(), names[i]));

		assert_non_null(text);
		assert_true(text[0] != '\0');
		free(text);
	}
	assert_int_equal(scratch_entries(IN_RUN("raw/one")), RUNS); /* no logs, no temporary files */
	assert_int_equal(scratch_entries(IN_RUN("plots")), 2);
	assert_int_equal(scratch_entries(scratch_path("%s", the_run())), 9);
	assert_int_equal(lines_of(scratch_path("log")), RUNS);
	assert_table(IN_RUN("one.tsv"), RUNS);
	assert_table(IN_RUN("failed.tsv"), 0);

	/* Repetition k had seed 1 + k, and so 1 or 2 million operations per second: the median is between. */
	assert_true(table_load(&table, IN_RUN("one.summary.tsv")));
	assert_int_equal(table.rows, POINTS);
	for (size_t row = 0; row < table.rows; row++) {
		assert_true(table_number(&table, row, "ops_per_s", &number) && number == 1.5e6);
		assert_true(table_number(&table, row, "ops_per_s_low", &number) && number == 1e6);
		assert_true(table_number(&table, row, "ops_per_s_high", &number) && number == 2e6);
		assert_true(table_number(&table, row, "repetitions", &number) && number == 2);
		assert_true(table_number(&table, row, "coverage", &number) && number == 0.5);
	}
	table_free(&table);
	assert_true(mentions(IN_RUN("report.html"), "A &lt;b&gt;title&lt;/b&gt;"));
	assert_false(mentions(IN_RUN("report.html"), "<b>title"));
}

/* Google Benchmark's compare.py takes repetitions by their indices, and names are the same for all of them. */
static void test_merged_json(void **state)
{
	json_t *document, *entry;
	unsigned seen[2] = {0, 0};
	size_t index;

	(void)state;
	assert_int_equal(run(usual), COMMAND_OK);
	document = json_load_file(IN_RUN("one.json"), 0, NULL);
	assert_non_null(document);
	assert_int_equal(json_array_size(json_object_get(document, "benchmarks")), RUNS);
	json_array_foreach(json_object_get(document, "benchmarks"), index, entry) {
		json_int_t repetition = json_integer_value(json_object_get(entry, "repetition_index"));

		assert_true(repetition == 0 || repetition == 1);
		seen[repetition]++;
		assert_int_equal(json_integer_value(json_object_get(entry, "repetitions")), 2);
	}
	assert_int_equal(seen[0], POINTS);
	assert_int_equal(seen[1], POINTS);
	json_decref(document);
}

/* Reasons differ from point to point of one implementation, and are not mixed up. */
static void test_reasons_stay_with_their_point(void **state)
{
	struct table table;
	char expected[64];

	(void)state;
	assert_int_equal(run(usual), COMMAND_OK);
	assert_true(table_load(&table, IN_RUN("one.tsv")));
	for (size_t row = 0; row < table.rows; row++) {
		snprintf(expected, sizeof(expected), "unavailable: threads were %s", table_cell(&table, row, "threads"));
		assert_string_equal(table_cell(&table, row, "entries"), expected);
	}
	table_free(&table);
}

/* The log without the process numbers. */
static char *order_of_run(void)
{
	char *text = scratch_read(scratch_path("log")), *to = text;

	assert_non_null(text);
	for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1) {
		char *pid;

		*end = '\0';
		pid = strrchr(line, ' ');
		memmove(to, line, (size_t)(pid - line));
		to += pid - line;
		*to++ = '\n';
	}
	*to = '\0';
	return text;
}

/* Repetitions are outermost, and the order within is drawn by the seed. */
static void test_order(void **state)
{
	char *first, *again, *other;

	(void)state;
	assert_int_equal(run(usual), COMMAND_OK);
	first = order_of_run();
	for (size_t line = 0, at = 0; line < RUNS; line++) {
		char impl[32], threads[8], seed[8];

		assert_int_equal(sscanf(first + at, "%31s %7s %7s", impl, threads, seed), 3);
		assert_string_equal(seed, line < POINTS ? "1" : "2");
		at += strcspn(first + at, "\n") + 1;
	}
	assert_int_equal(unlink(scratch_path("log")), 0);
	assert_int_equal(run(usual), COMMAND_OK);
	again = order_of_run();
	assert_string_equal(first, again);
	assert_int_equal(unlink(scratch_path("log")), 0);
	assert_int_equal(run((const char *const[]){"experiment", "--tier", "tiny", "--seed", "7", NULL}), COMMAND_OK);
	other = order_of_run();
	assert_string_not_equal(first, other);
	/* 8 points in one of 40320 orders: the one that they are planned in is a sign that nobody shuffled. */
	assert_null(strstr(first, "null 1 1\nnull 2 1\nrcu 1 1\nrcu 2 1\nrwlock 1 1\n"));
	free(first);
	free(again);
	free(other);
}

/* Runs that begin in the same second have a folder each. */
static void test_runs_do_not_share_a_folder(void **state)
{
	pid_t child[3];
	int status;

	(void)state;
	fflush(NULL);
	for (int i = 0; i < 3; i++) {
		char seed[8];

		snprintf(seed, sizeof(seed), "%d", 1 + i);
		child[i] = fork();
		assert_true(child[i] >= 0);
		if (child[i] == 0)
			_exit(run((const char *const[]){"experiment", "--tier", "smoke", "--seed", seed, NULL}));
	}
	for (int i = 0; i < 3; i++) {
		assert_int_equal(waitpid(child[i], &status, 0), child[i]);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), COMMAND_OK);
	}
	assert_int_equal(scratch_entries(scratch_path("results")), 3);
}

/* ---- What goes wrong --------------------------------------------------------------------------------------------- */

static void check_failure(const char *how, const char *reason)
{
	struct table table;

	setenv("FAKE_WHO", "rwlock", 1);
	setenv("FAKE_HOW", how, 1);
	assert_int_equal(run(usual), COMMAND_FAIL);
	assert_true(table_load(&table, IN_RUN("failed.tsv")));
	assert_int_equal(table.rows, 4); /* two points, two repetitions */
	for (size_t row = 0; row < table.rows; row++) {
		assert_string_equal(table_cell(&table, row, "experiment"), "one");
		assert_non_null(strstr(table_cell(&table, row, "point"), "rwlock"));
		assert_non_null(strstr(table_cell(&table, row, "reason"), reason));
		if (strcmp(how, "crash") != 0)
			assert_string_equal(table_cell(&table, row, "last_words"), "the last words of rwlock");
	}
	table_free(&table);
	assert_table(IN_RUN("one.tsv"), RUNS - 4); /* the others ran */
	assert_true(mentions(IN_RUN("report.html"), reason));
	assert_true(mentions(scratch_path("stderr"), "rwlock"));
}

static void test_failure(void **state)
{
	(void)state;
	check_failure("fail", "exit status 1");
}

static void test_crash(void **state)
{
	(void)state;
	check_failure("crash", "signal 6");
}

/* Exit status 0 and nothing written is a failure, too. */
static void test_silence(void **state)
{
	(void)state;
	check_failure("silence", "no result was written");
}

/* A child that runs `capacitor experiment`, and is in the middle of a point when this returns: its process. */
static pid_t start_stuck(pid_t *measuring)
{
	pid_t child;

	setenv("FAKE_WHO", "sharded", 1);
	setenv("FAKE_HOW", "sleep", 1);
	fflush(NULL);
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
		_exit(run(usual));
	for (int tries = 0; tries < 1000; tries++) {
		char *text = scratch_read(scratch_path("log")), *line = text ? strstr(text, "sharded ") : NULL;
		long pid = 0;

		if (line && strchr(line, '\n') && sscanf(line, "%*s %*s %*s %ld", &pid) == 1 && pid > 0) {
			free(text);
			*measuring = (pid_t)pid;
			return child;
		}
		free(text);
		nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
	}
	fail_msg("the fake that sleeps was never started");
	return -1;
}

/* The process that runs the experiment: a child of ours runs it in a child of its own. */
static pid_t parent_of(pid_t process)
{
	char path[64], *text, *at;
	int parent = 0;

	snprintf(path, sizeof(path), "/proc/%ld/stat", (long)process);
	text = scratch_read(path);
	assert_non_null(text);
	at = strrchr(text, ')');
	assert_non_null(at);
	assert_int_equal(sscanf(at + 1, " %*c %d", &parent), 1);
	free(text);
	return (pid_t)parent;
}

static void assert_ends(pid_t process)
{
	for (int tries = 0; tries < 500; tries++) {
		char path[64], *text;
		bool gone;

		snprintf(path, sizeof(path), "/proc/%ld/stat", (long)process);
		text = scratch_read(path);
		gone = !text || text[0] == '\0' || strstr(text, ") Z");
		free(text);
		if (gone)
			return;
		nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
	}
	fail_msg("process %ld lives on", (long)process);
}

/* Started again, a run goes on in its folder, and does nothing twice that was done. */
static void goes_on(void)
{
	size_t done = scratch_entries(IN_RUN("raw/one"));
	char *text;

	assert_false(scratch_exists(IN_RUN("report.html")));
	unsetenv("FAKE_WHO");
	assert_int_equal(unlink(scratch_path("log")), 0);
	assert_int_equal(run(usual), COMMAND_OK);
	assert_true(scratch_exists(IN_RUN("report.html")));
	assert_table(IN_RUN("one.tsv"), RUNS);
	assert_table(IN_RUN("failed.tsv"), 0);
	assert_int_equal(scratch_entries(IN_RUN("raw/one")), RUNS);
	assert_true(lines_of(scratch_path("log")) <= RUNS - (done > 0 ? done - 1 : 0)); /* one entry may be a log */
	text = order_of_run();
	for (const char *line = text; *line; line = strchr(line, '\n') + 1) {
		size_t length = strcspn(line, "\n");

		for (const char *later = line + length + 1; *later; later = strchr(later, '\n') + 1)
			assert_false(strcspn(later, "\n") == length && strncmp(line, later, length) == 0);
	}
	free(text);
}

static void test_interrupted(void **state)
{
	pid_t measuring, child;
	int status;

	(void)state;
	child = start_stuck(&measuring);
	assert_int_equal(kill(parent_of(measuring), SIGINT), 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 128 + SIGINT);
	assert_ends(measuring);
	assert_table(IN_RUN("failed.tsv"), 0); /* what was interrupted did not fail */
	goes_on();
}

static void test_killed(void **state)
{
	pid_t measuring, child;
	int status;

	(void)state;
	child = start_stuck(&measuring);
	assert_int_equal(kill(parent_of(measuring), SIGKILL), 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_ends(measuring); /* it dies with its parent */
	goes_on();
}

/* A run that is finished is not gone on with, nor one of another plan. */
static void test_what_is_not_resumed(void **state)
{
	(void)state;
	assert_int_equal(run(usual), COMMAND_OK);
	assert_int_equal(run(usual), COMMAND_OK);
	assert_int_equal(scratch_entries(scratch_path("results")), 2);
	assert_int_equal(lines_of(scratch_path("log")), 2 * RUNS);
}

/* ---- Arguments --------------------------------------------------------------------------------------------------- */

static void test_plan_alone(void **state)
{
	(void)state;
	assert_int_equal(run((const char *const[]){"experiment", "--tier", "tiny", "--plan", NULL}), COMMAND_OK);
	assert_true(mentions(scratch_path("stdout"), "16 runs"));
	assert_false(scratch_exists(scratch_path("results")));
	assert_false(scratch_exists(scratch_path("log")));
}

static void test_wrong_arguments(void **state)
{
	(void)state;
	assert_int_equal(run((const char *const[]){"experiment", "--tier", "huge", NULL}), COMMAND_USAGE);
	assert_true(mentions(scratch_path("stderr"), "huge") && mentions(scratch_path("stderr"), "laptop"));
	assert_int_equal(run((const char *const[]){"experiment", "--only", "two", NULL}), COMMAND_USAGE);
	assert_true(mentions(scratch_path("stderr"), "two") && mentions(scratch_path("stderr"), "one"));
	assert_int_equal(run((const char *const[]){"experiment", "--traces", "/no/such", NULL}), COMMAND_USAGE);
	assert_true(mentions(scratch_path("stderr"), "/no/such"));
	assert_int_equal(run((const char *const[]){"experiment", "--frob", NULL}), COMMAND_USAGE);
	assert_true(mentions(scratch_path("stderr"), "--frob"));
	assert_false(scratch_exists(scratch_path("results")));
	scratch_write(scratch_path("results"), "a file where a folder should be");
	assert_int_equal(run(usual), COMMAND_FAIL);
	assert_true(mentions(scratch_path("stderr"), "results"));
	assert_false(scratch_exists(scratch_path("log")));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, scratch_teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(test_everything_is_written), TEST(test_merged_json), TEST(test_reasons_stay_with_their_point),
		TEST(test_order), TEST(test_runs_do_not_share_a_folder), TEST(test_failure), TEST(test_crash),
		TEST(test_silence), TEST(test_interrupted), TEST(test_killed), TEST(test_what_is_not_resumed),
		TEST(test_plan_alone), TEST(test_wrong_arguments),
	};

	if (argc > 1)
		return fake_bench(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
