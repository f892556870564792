/* SPDX-License-Identifier: BSD-2-Clause */
/* What the probes cost: known intervals, and the report's section. Who is waited for longest. A wait outside operations. */
#include "harness/probes.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "common/contention.h"
#include "harness/commands.h"
#include "harness/futex.h"
#include "harness/metrics.h"
#include "harness/report.h"
#include "tests/unit/scratch.h"

static char error[RUN_ERROR_BYTES];

/* ---- Intervals --------------------------------------------------------------------------------------------------- */

static void check(size_t count, double median, double low, double high, double coverage)
{
	double ratios[100];
	struct probes_ratio ratio;

	for (size_t i = 0; i < count; i++)
		ratios[i] = (double)(i * 7 % count + 1);
	ratio = probes_summary(ratios, count);
	assert_true(ratio.median == median && ratio.low == low && ratio.high == high);
	assert_true(ratio.coverage > coverage - 1e-4 && ratio.coverage < coverage + 1e-4);
}

/* As in report_test, of plots/summarise.py: from the binomial distribution. */
static void test_known_intervals(void **state)
{
	(void)state;
	check(1, 1, 1, 1, 0);
	check(3, 2, 1, 3, 0.75);
	check(5, 3, 1, 5, 0.9375);
	check(6, 3.5, 1, 6, 0.9688);
	check(9, 5, 2, 8, 0.9609);
	check(10, 5.5, 2, 9, 0.9785);
	check(20, 10.5, 6, 15, 0.9586);
}

/* ---- The report -------------------------------------------------------------------------------------------------- */

static char *section(void)
{
	char *text = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);

	assert_non_null(out);
	if (!probes_write(out, scratch_path("."), scratch_path("results/run"), error))
		fail_msg("%s", error);
	assert_int_equal(fclose(out), 0);
	return text;
}

static const char made[] = "probe\timpl\tmix\tthreads\trounds\tratio\tratio_low\tratio_high\tcoverage\n"
			   "locks\trcu\t95:4:1\t4\t10\t1.001\t0.99\t1.01\t0.9785\n"
			   "locks\tall\tall\tall\t10\t1.05\t1.03\t1.07\t0.9785\n"
			   "futex\tall\tall\tall\t0\tunavailable: no <tracefs>\t\t\t\n";

static void test_section(void **state)
{
	char *text;

	(void)state;
	scratch_folder(scratch_path("results"));
	scratch_folder(scratch_path("results/run"));
	text = section();
	assert_non_null(strstr(text, "Not measured"));
	assert_false(scratch_exists(scratch_path("results/run/probes.tsv")));
	free(text);

	scratch_write(scratch_path("results/probes.tsv"), made);
	text = section();
	assert_non_null(strstr(text, "<td>1.001 <span class=\"i\">[0.990, 1.010]"));
	assert_non_null(strstr(text, "<td class=\"missed\">1.050")); /* surely above 2 % */
	assert_non_null(strstr(text, "unavailable: no &lt;tracefs&gt;"));
	free(text);

	/* It stays with the run, whatever is measured later. */
	scratch_write(scratch_path("results/probes.tsv"), "something else\n");
	text = section();
	assert_non_null(strstr(text, "1.001"));
	free(text);
}

/* The programs that it compares are not beside this one. */
static void test_no_programs(void **state)
{
	const char *const argv[] = {"probes", "--out", "out.tsv", NULL}, *const wrong[] = {"probes", "--rounds", "0", NULL};
	char *text;

	(void)state;
	assert_int_equal(scratch_run(probes_command, argv), COMMAND_FAIL);
	text = scratch_read(scratch_path("stderr"));
	assert_non_null(strstr(text, "make probes"));
	free(text);
	assert_int_equal(scratch_run(probes_command, wrong), COMMAND_USAGE);
}

/* ---- Locks ------------------------------------------------------------------------------------------------------- */

static void test_longest_waits(void **state)
{
	char text[METRICS_LOCKS_BYTES];
	struct metrics metrics;

	(void)state;
	metrics_clear(&metrics, "not measured");
	metrics_locks_text(&metrics, text);
	assert_string_equal(text, "");
	for (unsigned i = 0; i < 20; i++)
		metrics_add_lock(&metrics, &(struct metrics_lock){"shard", i, i % 5, i * 7 % 20});
	assert_int_equal(metrics.locks, METRICS_LOCKS);
	for (unsigned i = 0; i < METRICS_LOCKS; i++) {
		assert_true(metrics.lock[i].waits > 0);
		assert_true(i == 0 || metrics.lock[i].wait_ns < metrics.lock[i - 1].wait_ns);
	}
	assert_int_equal(metrics.lock[0].wait_ns, 19);
	assert_int_equal(metrics.lock[METRICS_LOCKS - 1].wait_ns, 11); /* 15 and 0, 5, 10 have no waits: 19 to 11 but 15 */
	metrics_locks_text(&metrics, text);
	assert_memory_equal(text, "locks: shard 17 waits 2 ns 19; shard ", 37);

	for (unsigned i = 0; i < METRICS_LOCKS; i++)
		metrics.lock[i] = (struct metrics_lock){"a name longer than those there are", 1000000, UINT64_MAX, UINT64_MAX};
	metrics_locks_text(&metrics, text); /* cut off at most */
	assert_true(strlen(text) < METRICS_LOCKS_BYTES);
}

struct meeting {
	pthread_mutex_t mutex;
	struct contention contention;
};

static void *take(void *argument)
{
	struct meeting *meeting = argument;

	contention_lock(&meeting->mutex, &meeting->contention);
	pthread_mutex_unlock(&meeting->mutex);
	return NULL;
}

/* Who does not wait counts nothing. Who waits does, once; the thread may come late, when the lock is free: then once more. */
static void test_wait(void **state)
{
	struct meeting meeting = {.mutex = PTHREAD_MUTEX_INITIALIZER};
	pthread_t thread;

	(void)state;
	take(&meeting);
	assert_int_equal(load_relaxed(&meeting.contention.waits), 0);
	while (load_relaxed(&meeting.contention.waits) == 0) {
		pthread_mutex_lock(&meeting.mutex);
		assert_int_equal(pthread_create(&thread, NULL, take, &meeting), 0);
		nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
		pthread_mutex_unlock(&meeting.mutex);
		assert_int_equal(pthread_join(thread, NULL), 0);
	}
	assert_int_equal(load_relaxed(&meeting.contention.waits), 1);
	assert_true(load_relaxed(&meeting.contention.wait_ns) > 0);
}

/* Either there is a counter, which counts, or a reason. */
static void test_futex(void **state)
{
	int counter = futex_open();

	(void)state;
	if (futex_unavailable()) {
		assert_true(counter < 0);
		assert_true(strlen(futex_unavailable()) > 10);
	} else {
		assert_true(counter >= 0);
		assert_int_equal(futex_calls(counter), 0);
	}
	futex_close(counter);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_intervals),
		cmocka_unit_test_setup_teardown(test_section, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(test_no_programs, scratch_setup, scratch_teardown),
		cmocka_unit_test(test_longest_waits),
		cmocka_unit_test(test_wait),
		cmocka_unit_test(test_futex),
	};

	return cmocka_run_group_tests_name("probes", tests, NULL, NULL);
}
