/* SPDX-License-Identifier: BSD-2-Clause */
/* Verdicts on how far figures can be trusted: on planted readings, runs and rows, and the same at rest. */
#include "harness/steady.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "harness/report.h"
#include "tests/unit/scratch.h"

/* A window of a second on four processors: so many ticks busy and stolen, and so long our own. */
static struct metrics window(double busy_s, double steal_s, double own_s, uint64_t throttles)
{
	double per_s = (double)sysconf(_SC_CLK_TCK);
	struct steady_reading opened = {.knows_ticks = true, .knows_throttles = true}, closed = opened;
	struct metrics metrics;

	closed.ticks = (uint64_t)(4 * per_s);
	closed.busy_ticks = (uint64_t)(busy_s * per_s);
	closed.steal_ticks = (uint64_t)(steal_s * per_s);
	closed.own_ns = (uint64_t)(own_s * 1e9);
	closed.at_ns = 1000000000;
	closed.throttles = throttles;
	metrics_clear(&metrics, "not measured");
	metrics_set(&metrics, METRIC_WINDOW_S, 1);
	steady_report(&opened, &closed, &metrics);
	return metrics;
}

static void test_runs(void **state)
{
	static const struct {
		double busy_s, steal_s, own_s;
		uint64_t throttles;
		const char *says; /* NULL: nothing */
	} cases[] = {
		{2, 0, 2, 0, NULL}, {2.1, 0.02, 2, 0, NULL}, {3, 0, 2, 0, "disturbed: other load 1.0 processors"},
		{2, 0.2, 2, 0, "disturbed: steal 5.0 %"}, {2, 0, 2, 3, "disturbed: throttled 3 times"},
		{3, 0.2, 2, 1, "disturbed: steal 5.0 %, other load 1.0 processors, throttled 1 times"}, {1.9, 0, 2, 0, NULL},
	};
	char text[STEADY_BYTES];

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct metrics metrics = window(cases[i].busy_s, cases[i].steal_s, cases[i].own_s, cases[i].throttles);

		steady_metrics(&metrics, text);
		assert_string_equal(text, cases[i].says ? cases[i].says : "");
	}
}

/* What the kernel does not tell is lacking, not zero. */
static void test_unknown(void **state)
{
	struct steady_reading opened = {.at_ns = 1}, closed = {.at_ns = 2};
	struct metrics metrics;
	char text[STEADY_BYTES];

	(void)state;
	metrics_clear(&metrics, "not measured");
	steady_report(&opened, &closed, &metrics);
	assert_non_null(metrics.unavailable[METRIC_STEAL_SHARE]);
	assert_non_null(metrics.unavailable[METRIC_OTHER_LOAD]);
	assert_non_null(metrics.unavailable[METRIC_THROTTLES]);
	steady_metrics(&metrics, text);
	assert_string_equal(text, "");
}

/* Rows of a summary, by the very script that makes them: repetitions of 2 % and of 12 %. */
static void test_rows(void **state)
{
	static const struct {
		double factor[6];
		unsigned repetitions;
		const char *steal, *begins;
		bool steady;
	} cases[] = {
		{{1, 1.02, 0.98, 1.01, 0.99, 1}, 6, "0", "yes", true},
		{{1, 1.16, 0.84, 1.11, 0.89, 1}, 6, "0", "no: varies by 12 %", false},
		{{1, 1.02, 0.98, 1.01, 0.99, 1}, 6, "0.05", "no: steal 5.0 %", false},
		{{1, 1.5}, 2, "0", "unknown: fewer than 3", true},
		{{1, 1.5}, 2, "0.05", "no: steal 5.0 %", false},
	};
	char error[RUN_ERROR_BYTES], text[STEADY_BYTES];

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		FILE *out = fopen(scratch_path("x.tsv"), "w");
		struct table table;

		assert_non_null(out);
		fputs("experiment\trepetition\timpl\tns_per_op\tsteal_share\tother_load\tthrottles\twindow_s\n", out);
		for (unsigned r = 0; r < cases[i].repetitions; r++)
			fprintf(out, "x\t%u\trcu\t%g\t%s\t0.1\tunavailable: x\t1\n", r, 100 * cases[i].factor[r], cases[i].steal);
		assert_int_equal(fclose(out), 0);
		if (!report_summarise(".", scratch_path("."), "x", error))
			fail_msg("%s", error);
		assert_true(table_load(&table, scratch_path("x.summary.tsv")));
		assert_int_equal(steady_row(&table, 0, text), cases[i].steady);
		if (strncmp(text, cases[i].begins, strlen(cases[i].begins)) != 0)
			fail_msg("case %zu: \"%s\"", i, text);
		assert_int_equal(steady_known(&table, 0), cases[i].repetitions >= 3);
		table_free(&table);
	}
}

/* The line at the end of a bench. */
static void test_tally(void **state)
{
	static const double steady[] = {100, 101, 99, 100}, wild[] = {100, 140, 80, 100};
	struct steady_tally *tally = steady_tally_new();
	struct metrics metrics;
	char *text = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);

	(void)state;
	for (int i = 0; i < 4; i++) {
		metrics = window(2, 0, 2, 0);
		metrics_set(&metrics, METRIC_NS_PER_OP, steady[i]);
		steady_add(tally, "a", &metrics);
	}
	steady_print(out, tally, "bench");
	fflush(out);
	assert_int_equal(bytes, 0);
	for (int i = 0; i < 4; i++) {
		metrics = window(2, i == 2 ? 0.4 : 0, 2, 0);
		metrics_set(&metrics, METRIC_NS_PER_OP, wild[i]);
		steady_add(tally, "b", &metrics);
	}
	steady_print(out, tally, "bench");
	fclose(out);
	assert_non_null(strstr(text, "1 of 2 points are not steady: 1 vary by more than 5 % between repetitions (worst 24 %); 1 "
	                             "with more "
	                             "than 1 % of stolen time."));
	free(text);
	steady_tally_free(tally);
	steady_tally_free(NULL);
}

static void test_jitter(void **state)
{
	double lost, longest;

	(void)state;
	assert_true(steady_jitter(0.02, &lost, &longest));
	assert_true(lost >= 0 && longest > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_runs), cmocka_unit_test(test_unknown),
		cmocka_unit_test_setup_teardown(test_rows, scratch_setup, scratch_teardown), cmocka_unit_test(test_tally),
		cmocka_unit_test(test_jitter),
	};

	return cmocka_run_group_tests_name("steady", tests, NULL, NULL);
}
