/* SPDX-License-Identifier: BSD-2-Clause */
/* `capacitor compare` on samples that are made up here: what it prints, against scipy, and in Go's benchmark format. */
#include "harness/compare.h"

#include <ctype.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "harness/commands.h"
#include "harness/table.h"
#include "tests/unit/scratch.h"

#define ENVIRONMENT \
	"\"cpu_model\": \"A processor\", \"compiler\": \"%s\", \"git_commit\": \"0123456789ab\", \"git_dirty\": \"%s\", " \
	"\"threads_allowed\": \"4\", \"time_utc\": \"%s\", \"Capital\": \"is no key of benchstat's\", " \
	"\"unavailable:rcu:hottest_lock_share\": \"no lock was waited for\""

/* ---- Files ------------------------------------------------------------------------------------------------------- */

/* A path that stays, where scratch_path's do not. */
static const char *lasting(const char *path)
{
	static char kept[8][SCRATCH_PATH_BYTES];
	static unsigned turn;

	return strcpy(kept[turn++ % 8], path);
}

/* The same numbers at each run of this test, as if drawn. */
static double drawn(unsigned *state)
{
	*state = *state * 1664525u + 1013904223u;
	return (double)(*state >> 8) / (1 << 24);
}

/* A file of bench: two implementations at one and two threads, the second slower by a factor. */
static const char *write_run(const char *name, unsigned repetitions, double factor, unsigned seed, const char *compiler,
                             const char *dirty)
{
	static const char *const impls[] = {"rcu", "sharded"};
	const char *path = lasting(scratch_path("%s", name)), *separator = "";
	FILE *out = fopen(path, "w");

	assert_non_null(out);
	fprintf(out, "{\"context\": {" ENVIRONMENT "}, \"benchmarks\": [", compiler, dirty, name);
	for (unsigned r = 0; r < repetitions; r++)
		for (unsigned i = 0; i < 4; i++) {
			double ns = (100 + 20 * i) * (i % 2 ? factor : 1) * (1 + 0.04 * drawn(&seed));

			fprintf(out, "%s{\"name\": \"cache/suite:custom/impl:%s/threads:%u/mix:95-4-1/iterations:1\", "
			        "\"run_type\": \"iteration\","
			        "\"repetition_index\": %u, \"ns_per_op\": %.17g, \"ops_per_s\": %.17g, \"operations\": 1000, "
			        "\"allocations_per_op\": 0}\n", separator, impls[i % 2], 1 + i / 2, r, ns, 1e9 / ns);
			separator = ",";
		}
	fputs("]}\n", out);
	assert_int_equal(fclose(out), 0);
	return path;
}

static int compared(const char *const *arguments)
{
	const char *argv[32] = {"compare"};

	for (unsigned i = 0; arguments[i]; i++)
		argv[i + 1] = arguments[i];
	return scratch_run(compare_command, argv);
}
#define COMPARED(...) compared((const char *const[]){__VA_ARGS__, NULL})

static bool said(const char *stream, const char *what)
{
	char *text = scratch_read(scratch_path("%s", stream));
	bool found = strstr(text, what) != NULL;

	free(text);
	return found;
}

/* Of the point of a table. */
static const char *cell(const struct table *table, const char *kind, const char *impl, const char *threads, const char *column)
{
	for (size_t row = 0; row < table->rows; row++)
		if (strcmp(table_cell(table, row, "kind"), kind) == 0 && strcmp(table_cell(table, row, "impl"), impl) == 0 &&
		    strcmp(table_cell(table, row, "threads"), threads) == 0)
			return table_cell(table, row, column);
	fail_msg("no row %s of %s, %s threads", kind, impl, threads);
	return NULL;
}

static void checked(const char *arguments)
{
	char command[SCRATCH_PATH_BYTES * 4];

	snprintf(command, sizeof command, "/usr/bin/python3 -B tests/unit/compare_check.py %s", arguments);
	assert_int_equal(system(command), 0);
}

/* ---- Figures ------------------------------------------------------------------------------------------------------- */

static void test_statistics(void **state)
{
	(void)state;
	checked("statistics");
}

/* Bugs planted in the script, each in a copy: the check must see them. */
static void test_planted(void **state)
{
	static const char *const bugs[] = {
		"s/(len(values) - rank) \\*/len(values) */", /* Bonferroni, not Holm */
		"s/running = max(running, \\(.*\\))$/running = \\1/", /* not made to rise */
		"s/mannwhitneyu(new, base, alternative=\"two-sided\"/mannwhitneyu(new, base, alternative=\"less\"/",
		"s/\"exact\" if exact else/\"asymptotic\" if exact else/",
		"s/float(numpy.median(pairs))/float(numpy.mean(pairs))/",
		"s/ - 1)$/ - 0.5)/", /* of the effect */
		"s/\\[\"more\" if result\\[\"effect\"\\] > 0/[\"more\" if True/",
	};
	char command[SCRATCH_PATH_BYTES * 4];
	const char *folder;

	(void)state;
	for (size_t i = 0; i < sizeof bugs / sizeof bugs[0]; i++) {
		folder = scratch_path("%zu", i);
		snprintf(command, sizeof command,
		         "mkdir -p '%s/plots' '%s/tests/unit' && cp tests/unit/compare_check.py '%s/tests/unit' && sed '%s' "
			"plots/compare.py "
		         ">'%s/plots/compare.py' && chmod +x '%s/plots/compare.py' && ! cmp -s plots/compare.py "
			"'%s/plots/compare.py'",
		         folder, folder, folder, bugs[i], folder, folder, folder);
		if (system(command) != 0)
			fail_msg("%s: changes nothing", bugs[i]);
		snprintf(command, sizeof command, "/usr/bin/python3 -B '%s/tests/unit/compare_check.py' figures >'%s/said' 2>&1",
		         folder, folder);
		if (system(command) == 0)
			fail_msg("%s: not seen", bugs[i]);
	}
}

/* 20 % that are there are found, and only there; figures are scipy's; the sides can be swapped. */
static void test_shift(void **state)
{
	const char *a = write_run("a.json", 10, 1, 1, "gcc", "no"), *b = write_run("b.json", 10, 1.2, 2, "gcc", "no");
	struct table there, back;
	char arguments[SCRATCH_PATH_BYTES * 3 + 64];

	(void)state;
	assert_int_equal(COMPARED(a, b, "--format", "tsv", "--out", scratch_path("there.tsv")), COMMAND_OK);
	assert_int_equal(COMPARED(b, a, "--format=tsv", "--out", scratch_path("back.tsv")), COMMAND_OK);
	assert_true(table_load(&there, scratch_path("there.tsv")) && table_load(&back, scratch_path("back.tsv")));
	for (unsigned threads = 1; threads <= 2; threads++) {
		const char *text = threads == 1 ? "1" : "2";

		assert_string_equal(cell(&there, "point", "sharded", text, "verdict"), "slower");
		assert_string_equal(cell(&back, "point", "sharded", text, "verdict"), "faster");
		assert_string_equal(cell(&there, "point", "rcu", text, "verdict"), "~");
		assert_string_equal(cell(&there, "point", "rcu", text, "p_holm"), cell(&back, "point", "rcu", text, "p_holm"));
		assert_true(fabs(strtod(cell(&there, "point", "sharded", text, "change_percent"), NULL) - 20) < 3);
		assert_string_equal(cell(&there, "point", "sharded", text, "n_new"), "10");
	}
	table_free(&there);
	table_free(&back);
	snprintf(arguments, sizeof arguments, "table '%s' '%s' '%s'", scratch_path("there.tsv"), a, b);
	checked(arguments);

	/* Where more is better, the words turn round. */
	assert_int_equal(COMPARED(a, b, "--metric", "ops_per_s,allocations_per_op,hottest_lock_share", "--format", "tsv", "--out",
	                          scratch_path("ops.tsv")), COMMAND_OK);
	assert_true(table_load(&there, scratch_path("ops.tsv")));
	assert_string_equal(cell(&there, "point", "sharded", "2", "verdict"), "slower");
	assert_true(strtod(cell(&there, "point", "sharded", "2", "change_percent"), NULL) < 0);
	table_free(&there);
	assert_true(said("ops.tsv", "unavailable: no lock was waited for"));
}

static void test_same(void **state)
{
	const char *a = write_run("a.json", 8, 1, 1, "gcc", "no");

	(void)state;
	assert_int_equal(COMPARED(a, a), COMMAND_OK);
	assert_true(said("stdout", "  ~\n"));
	assert_false(said("stdout", "slower") || said("stdout", "faster") || said("stdout", "warning"));
	assert_false(said("stdout", "\033[")); /* no terminal, no colour */
	assert_true(said("stdout", "geometric mean: rcu, 2 points"));
	assert_true(said("stdout", "geometric mean: all, 4 points"));
}

static void test_by(void **state)
{
	const char *a = write_run("a.json", 8, 1.5, 1, "gcc", "no");

	(void)state;
	assert_int_equal(COMPARED(a, "--by", "impl", "--base", "sharded", "--format", "markdown"), COMMAND_OK);
	assert_true(said("stdout", "| sharded -> rcu threads=1 |"));
	assert_true(said("stdout", "| faster |"));
	assert_true(said("stdout", "geometric mean: sharded -> rcu, 2 points"));
	assert_int_equal(COMPARED(a, "--by", "threads", "--filter", "impl=rcu"), COMMAND_OK);
	assert_true(said("stdout", "1 -> 2"));
	assert_false(said("stdout", "sharded"));
}

/* ---- What should make one doubt -------------------------------------------------------------------------------------- */

static void test_few(void **state)
{
	const char *a = write_run("a.json", 3, 1, 1, "gcc", "no"), *b = write_run("b.json", 3, 3, 2, "gcc", "no");

	(void)state;
	assert_int_equal(COMPARED(a, b), COMMAND_OK);
	assert_true(said("stdout", "3 samples a side: 6 and more are wanted"));
	assert_true(said("stdout", "it cannot get below 0.05"));
	assert_false(said("stdout", "slower"));
	/* Two points, and a larger alpha: now it can. */
	assert_int_equal(COMPARED(a, b, "--alpha", "0.45", "--filter", "sharded"), COMMAND_OK);
	assert_false(said("stdout", "cannot get below"));
	assert_true(said("stdout", "slower"));
}

static void test_environments(void **state)
{
	const char *a = write_run("a.json", 6, 1, 1, "gcc 12", "no"), *b = write_run("b.json", 6, 1, 2, "clang 14", "yes");

	(void)state;
	assert_int_equal(COMPARED(a, b), COMMAND_OK);
	assert_true(said("stdout", "environments differ: compiler: gcc 12 -> clang 14"));
	assert_true(said("stdout", "b.json was built from changed sources"));
	assert_false(said("stdout", "a.json was built"));
	assert_false(said("stdout", "time_utc:")); /* another one at each run */
	assert_int_equal(COMPARED(a, b, "--format", "tsv"), COMMAND_OK);
	assert_true(said("stderr", "compiler: gcc 12 -> clang 14"));
	assert_false(said("stdout", "warning"));
}

/* Points that one side lacks are told, and failed runs. */
static void test_lone(void **state)
{
	const char *a = write_run("a.json", 6, 1, 1, "gcc", "no");

	(void)state;
	scratch_write(scratch_path("b.json"), "{\"context\": {}, \"benchmarks\": [{\"name\": "
	              "\"cache/suite:custom/impl:rcu/threads:1/mix:95-4-1\", "
	              "\"run_type\": \"iteration\", \"ns_per_op\": 5}, {\"name\": \"cache/impl:rcu/threads:9\", \"run_type\": "
		"\"iteration\", "
	              "\"ns_per_op\": 5}, {\"name\": \"x\", \"run_type\": \"iteration\", \"error_occurred\": true}]}");
	assert_int_equal(COMPARED(a, scratch_path("b.json")), COMMAND_OK);
	assert_true(said("stdout", "only in the base: suite=custom/impl=sharded/threads=2/mix=95-4-1\n"));
	assert_true(said("stdout", "only in the new: impl=rcu/threads=9\n"));
	assert_true(said("stdout", "runs that failed, and are missing: 0 of the base, 1 of the new"));
	assert_int_equal(COMPARED(a, scratch_path("b.json"), "--format", "tsv", "--out", scratch_path("t.tsv")), COMMAND_OK);
	assert_true(said("t.tsv", "only_base\t-\t-\t-\t-\t-\tcustom\tsharded"));
}

/* A folder of experiment: the tables of repetitions, whatever other tables there are. */
static void test_folder(void **state)
{
	const char *folder = lasting(scratch_path("run")), *a = write_run("a.json", 6, 1, 1, "gcc", "no");

	(void)state;
	scratch_folder(folder);
	assert_int_equal(COMPARED(folder, folder), COMMAND_USAGE);
	assert_true(said("stderr", "holds no table of repetitions"));
	scratch_write(scratch_path("run/threads.tsv"),
	              "experiment\trepetition\timpl\tthreads\tns_per_op\nthreads\t0\trcu\t1\t5\nthreads\t1\trcu\t1\t6\n"
	              "threads\t0\trcu\t2\tunavailable: no\n");
	scratch_write(scratch_path("run/threads.summary.tsv"), "impl\trepetitions\tns_per_op\nrcu\t1\t5\n");
	scratch_write(scratch_path("run/failed.tsv"), "experiment\tpoint\n");
	scratch_write(scratch_path("run/damaged.tsv"), "impl\tns_per_op\trepetition\nrcu\n");
	assert_int_equal(COMPARED(folder, folder, "--format", "tsv"), COMMAND_OK);
	assert_true(said("stdout", "\t1\t2\t2\t5.5\t5.5\t0\t"));
	assert_int_equal(COMPARED(folder, folder), COMMAND_OK);
	assert_true(said("stdout", "unavailable: no\n"));
	assert_true(said("stdout", "the environment of"));
	assert_int_equal(COMPARED(folder, a), COMMAND_USAGE);
	assert_true(said("stderr", "no point is on both sides"));
}

/* ---- Go's benchmark text format ---------------------------------------------------------------------------------------- */

/* golang.org/design/14313-benchmark-format, as strictly as it is written, and the Unit lines of golang.org/x/perf/benchfmt. */
static bool is_configuration(const char *line)
{
	const char *colon = strchr(line, ':');

	if (!colon || !islower((unsigned char)line[0]))
		return false;
	for (const char *at = line; at < colon; at++)
		if (isspace((unsigned char)*at) || isupper((unsigned char)*at))
			return false;
	return colon[1] == '\0' || ((colon[1] == ' ' || colon[1] == '\t') && colon[2] != '\0');
}

static bool is_unit(const char *line)
{
	char unit[128], key[16];

	return sscanf(line, "Unit %127s better=%15s", unit, key) == 2 && (strcmp(key, "lower") == 0 || strcmp(key, "higher") == 0);
}

static bool is_result(const char *line)
{
	char copy[4096], *rest = copy, *field, *end;
	const char *dash;
	size_t fields = 0;

	if (strlen(line) >= sizeof copy || strncmp(line, "Benchmark", 9) != 0 || islower((unsigned char)line[9]))
		return false;
	strcpy(copy, line);
	for (; (field = strsep(&rest, " ")); fields++) {
		if (*field == '\0' || strpbrk(field, "\t\r"))
			return false;
		if (fields == 0) { /* ends in - and the number of processors */
			dash = strrchr(field, '-');
			if (!dash || !dash[1] || strspn(dash + 1, "0123456789") != strlen(dash + 1))
				return false;
		} else if (fields == 1) {
			if (strtoll(field, &end, 10) < 1 || *end)
				return false;
		} else if (fields % 2 == 0) {
			if (!isfinite(strtod(field, &end)) || *end)
				return false;
		} else if (isdigit((unsigned char)*field)) { /* a value where a unit should be */
			return false;
		}
	}
	return fields >= 4 && fields % 2 == 0;
}

static bool is_benchfmt(const char *text, size_t *results)
{
	char *copy = strdup(text), *rest = copy, *line;
	bool fine = true;

	*results = 0;
	while ((line = strsep(&rest, "\n")) && fine) {
		bool result = is_result(line);

		*results += result;
		fine = *line == '\0' || result || is_unit(line) || is_configuration(line);
	}
	free(copy);
	return fine;
}

static void test_benchfmt(void **state)
{
	static const char *const wrong[] = {
		"Benchmarkcache-4 1 5 ns/op", "BenchmarkCache 1 5 ns/op", "BenchmarkCache-4 0 5 ns/op", "BenchmarkCache-4 1 5",
		"BenchmarkCache-4 1 ns/op 5", "BenchmarkCache/a=x y-4 1 5 ns/op", "BenchmarkCache-4 1 nan ns/op", "Key: value",
			"a key: value",
		"key:value", "BenchmarkCache-4 1.5 5 ns/op", "BenchmarkCache-4  1 5 ns/op", "Unit ns/op",
	};
	const char *a = write_run("a.json", 6, 1, 1, "gcc", "no");
	size_t results;
	char *text;

	(void)state;
	assert_true(is_benchfmt("key: value\n\nUnit ns/op better=lower\nBenchmarkCache/impl=rcu-4 1000 5.5 ns/op 1e-3 B/op\n",
	                        &results));
	assert_int_equal(results, 1);
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
		if (is_benchfmt(wrong[i], &results))
			fail_msg("%s", wrong[i]);

	assert_int_equal(COMPARED("--export", "benchfmt", a), COMMAND_OK);
	text = scratch_read(scratch_path("stdout"));
	assert_true(is_benchfmt(text, &results));
	assert_int_equal(results, 24);
	assert_non_null(strstr(text, "\ncpu: A processor\n"));
	assert_non_null(strstr(text, "\nBenchmarkCache/suite=custom/impl=sharded/threads=2/mix=95-4-1-4 1000 "));
	assert_non_null(strstr(text, " ns/op "));
	assert_null(strstr(text, "Capital"));
	assert_null(strstr(text, " hit-ratio\n")); /* of which these runs have none */
	free(text);

	/* A name that would not be one is made one. */
	scratch_write(scratch_path("odd.json"), "{\"context\": {\"bad key\": \"x\", \"good\": \"line\\nbreak\", \"empty\": \"\"}, "
	              "\"benchmarks\": [{\"name\": "
	              "\"replay/trace:a b.lis/impl:rcu\", \"run_type\": \"iteration\", \"ns_per_op\": 5}, {\"name\": "
		"\"replay/impl:rcu\", \"run_type\": "
	              "\"iteration\"}]}");
	assert_int_equal(COMPARED("--export", "benchfmt", scratch_path("odd.json")), COMMAND_OK);
	text = scratch_read(scratch_path("stdout"));
	assert_true(is_benchfmt(text, &results));
	assert_int_equal(results, 1);
	assert_non_null(strstr(text, "/trace=a_b.lis-1 1 5 ns/op\n"));
	free(text);

	assert_int_equal(COMPARED(a, a, "--format", "benchfmt"), COMMAND_OK);
	text = scratch_read(scratch_path("stdout"));
	assert_true(is_benchfmt(text, &results) && results == 48);
	assert_non_null(strstr(text, "side: base\n"));
	assert_non_null(strstr(text, "side: new\n"));
	free(text);
}

/* ---- What is wrong ------------------------------------------------------------------------------------------------------ */

static void test_wrong(void **state)
{
	const char *a = write_run("a.json", 6, 1, 1, "gcc", "no"), *garbage = lasting(scratch_path("garbage.json")),
	           *empty = lasting(scratch_path("empty.json"));

	(void)state;
	scratch_write(garbage, "{\"context\": ");
	scratch_write(empty, "{\"context\": {}, \"benchmarks\": []}");
	assert_int_equal(compared((const char *const[]){NULL}), COMMAND_USAGE);
	assert_true(said("stderr", "no run is named"));
	assert_int_equal(COMPARED(a), COMMAND_USAGE);
	assert_true(said("stderr", "--by impl"));
	assert_int_equal(COMPARED(a, a, a), COMMAND_USAGE);
	assert_int_equal(COMPARED(a, a, "--by", "impl"), COMMAND_USAGE);
	assert_int_equal(COMPARED(a, "--by", "colour"), COMMAND_USAGE);
	assert_true(said("stderr", "is no parameter; they are: experiment suite impl"));
	assert_int_equal(COMPARED(a, "--by", "mix"), COMMAND_USAGE);
	assert_true(said("stderr", "nothing to compare"));
	assert_int_equal(COMPARED(a, "--by", "impl", "--base", "null"), COMMAND_USAGE);
	assert_true(said("stderr", "there are: rcu sharded"));
	assert_int_equal(COMPARED(a, a, "--metric", "speed"), COMMAND_USAGE);
	assert_int_equal(COMPARED(a, a, "--alpha", "2"), COMMAND_USAGE);
	assert_int_equal(COMPARED(a, a, "--filter", "("), COMMAND_USAGE);
	assert_int_equal(COMPARED(a, a, "--filter", "no such point"), COMMAND_USAGE);
	assert_int_equal(COMPARED(a, a, "--format", "xml"), COMMAND_USAGE);
	assert_int_equal(COMPARED(a, a, "--export", "benchfmt"), COMMAND_USAGE);
	assert_int_equal(COMPARED(a, garbage), COMMAND_USAGE);
	assert_true(said("stderr", "garbage.json: line 1"));
	assert_int_equal(COMPARED(a, empty), COMMAND_USAGE);
	assert_true(said("stderr", "holds no measurement"));
	assert_int_equal(COMPARED(a, scratch_path("nothing.json")), COMMAND_USAGE);
	assert_true(said("stderr", "No such file"));
	assert_int_equal(COMPARED(a, a, "--out", scratch_path("no folder/x")), COMMAND_FAIL);
	assert_int_equal(COMPARED("--help"), COMMAND_OK);
}

/* Every metric has a direction or deliberately none; only those of time are fast or slow. */
static void test_directions(void **state)
{
	(void)state;
	assert_int_equal(metric_better(METRIC_NS_PER_OP), METRIC_BETTER_LOWER);
	assert_int_equal(metric_better(METRIC_OPS_PER_S), METRIC_BETTER_HIGHER);
	assert_int_equal(metric_better(METRIC_SEED), METRIC_BETTER_NEITHER);
	assert_true(metric_is_speed(METRIC_NS_PER_OP) && metric_is_speed(METRIC_OPS_PER_S));
	assert_false(metric_is_speed(METRIC_HIT_RATIO) || metric_is_speed(METRIC_ALLOCATIONS_PER_OP));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_statistics),
		cmocka_unit_test(test_directions),
		cmocka_unit_test_setup_teardown(test_planted, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(test_shift, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(test_same, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(test_by, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(test_few, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(test_environments, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(test_lone, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(test_folder, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(test_benchfmt, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(test_wrong, scratch_setup, scratch_teardown),
	};

	return cmocka_run_group_tests_name("compare", tests, NULL, NULL);
}
