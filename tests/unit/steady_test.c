/* SPDX-License-Identifier: BSD-2-Clause */
/* Verdicts on how far figures can be trusted: on planted readings, runs and rows, and the same at rest. */
#include "harness/steady.h"

#include <pthread.h>
#include <sched.h>
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
		{2, 0, 2, 0, NULL}, {2.1, 0.02, 2, 0, NULL}, {3, 0, 2, 0, "no: other load 1.0 processors"},
		{2, 0.2, 2, 0, "no: steal 5.0 %"}, {2, 0, 2, 3, "no: throttled 3 times"},
		{3, 0.2, 2, 1, "no: steal 5.0 %, other load 1.0 processors, throttled 1 times"}, {1.9, 0, 2, 0, NULL},
	};
	char text[STEADY_BYTES];

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct metrics metrics = window(cases[i].busy_s, cases[i].steal_s, cases[i].own_s, cases[i].throttles);

		assert_int_equal(steady_metrics(&metrics, text), cases[i].says == NULL);
		assert_string_equal(text, cases[i].says ? cases[i].says : "yes");
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
	assert_true(steady_metrics(&metrics, text));
	assert_string_equal(text, "yes");
}

/* Threads that were ready and not run: a fault, but where they are more than the processors. */
static void test_cpu_wait(void **state)
{
	static const struct {
		double share;
		int oversubscribed;
		const char *says;
	} cases[] = {{0.04, 0, "yes"}, {0.06, 0, "no: waited for processors 6 %"}, {0.5, 1, "yes"}};
	char text[STEADY_BYTES];

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct metrics metrics = window(2, 0, 2, 0);

		metrics_set(&metrics, METRIC_CPU_WAIT_SHARE, cases[i].share);
		metrics_set(&metrics, METRIC_OVERSUBSCRIBED, cases[i].oversubscribed);
		assert_int_equal(steady_metrics(&metrics, text), strcmp(cases[i].says, "yes") == 0);
		assert_string_equal(text, cases[i].says);
	}
}

static void *waits(void *one)
{
	sched_setaffinity(0, sizeof(cpu_set_t), one);
	for (int i = 0; i < 50; i++)
		sched_yield();
	return (void *)(uintptr_t)steady_cpu_wait_ns();
}

/* Two threads that take turns on one processor: the kernel's account of it grows. */
static void test_cpu_wait_is_read(void **state)
{
	uint64_t before = steady_cpu_wait_ns();
	pthread_t threads[2];
	cpu_set_t allowed, one;
	uint64_t waited = 0;

	(void)state;
	if (before == STEADY_UNKNOWN)
		skip();
	assert_int_equal(sched_getaffinity(0, sizeof allowed, &allowed), 0);
	CPU_ZERO(&one);
	for (int cpu = 0; CPU_COUNT(&one) == 0; cpu++)
		if (CPU_ISSET(cpu, &allowed))
			CPU_SET(cpu, &one);
	for (int round = 0; round < 1000 && waited == 0; round++) {
		for (int i = 0; i < 2; i++)
			assert_int_equal(pthread_create(&threads[i], NULL, waits, &one), 0);
		for (int i = 0; i < 2; i++) {
			void *own;

			pthread_join(threads[i], &own);
			waited += (uintptr_t)own;
		}
	}
	assert_true(waited > 0);
	assert_true(waited < STEADY_UNKNOWN / 2);
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
		assert_string_equal(table_cell(&table, 0, "steady"), text); /* the table has it, too */
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
		steady_add(tally, "cache/suite:x/impl:rcu/threads:2/keys:9", &metrics);
	}
	steady_print(out, tally, "bench");
	fclose(out);
	assert_non_null(strstr(text, "1 of 2 points are not steady: 1 vary by more than 5 % between repetitions "
	                             "(worst: rcu, threads 2: 24 %); 1 with stolen time."));
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
		cmocka_unit_test(test_runs), cmocka_unit_test(test_unknown), cmocka_unit_test(test_cpu_wait),
		cmocka_unit_test(test_cpu_wait_is_read),
		cmocka_unit_test_setup_teardown(test_rows, scratch_setup, scratch_teardown), cmocka_unit_test(test_tally),
		cmocka_unit_test(test_jitter),
	};

	return cmocka_run_group_tests_name("steady", tests, NULL, NULL);
}
