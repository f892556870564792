/* SPDX-License-Identifier: BSD-2-Clause */
/* The clock of samples against the system's, and histograms against exact percentiles. */
#include "harness/latency.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "harness/workload.h"

#define SAMPLES 100000

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* All percentiles that are reported are within 0.8 % (and a half) of the exact ones. */
static void check(const uint64_t *values, size_t count)
{
	static const double shares[] = {0.001, 0.5, 0.9, 0.99, 0.999, 1};
	struct latency_histogram *histogram = calloc(1, sizeof(*histogram));
	uint64_t *sorted = malloc(count * sizeof(*sorted));

	memcpy(sorted, values, count * sizeof(*sorted));
	qsort(sorted, count, sizeof(*sorted), compare);
	for (size_t i = 0; i < count; i++)
		latency_record(histogram, values[i]);
	assert_int_equal(histogram->samples, count);
	assert_int_equal(histogram->max, sorted[count - 1]);
	for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
		size_t rank = (size_t)ceil(shares[i] * (double)count);
		double exact = (double)sorted[rank > 0 ? rank - 1 : 0];
		double got = latency_percentile(histogram, shares[i]);

		if (fabs(got - exact) > exact * 0.008 + 0.5)
			fail_msg("share %g: %f instead of %f", shares[i], got, exact);
	}
	free(sorted);
	free(histogram);
}

static void percentiles_are_right(void **state)
{
	uint64_t *values = malloc(SAMPLES * sizeof(*values));
	struct workload_random random;

	(void)state;
	workload_random_init(&random, 1, 0);
	for (size_t i = 0; i < SAMPLES; i++)
		values[i] = i;
	check(values, SAMPLES);
	for (size_t i = 0; i < SAMPLES; i++) /* long tail: 2^0 to 2^40 */
		values[i] = (uint64_t)exp2(workload_random_real(&random) * 40);
	check(values, SAMPLES);
	for (size_t i = 0; i < SAMPLES; i++) /* two modes, far apart */
		values[i] = i % 100 ? 77 : 5000000;
	check(values, SAMPLES);
	for (size_t i = 0; i < SAMPLES; i++)
		values[i] = 123456;
	check(values, SAMPLES);
	check(values, 1);
	free(values);
}

/* Each bucket begins where the one before ends, and is at most 1/64 of its values wide. */
static void buckets_have_no_gaps(void **state)
{
	unsigned last = 0;

	(void)state;
	for (uint64_t value = 0; value < 1 << 20; value++) {
		unsigned bucket = latency_bucket(value);

		assert_true(bucket == last || bucket == last + 1);
		last = bucket;
	}
	for (unsigned power = 7; power < LATENCY_BITS; power++) {
		uint64_t first = UINT64_C(1) << power;

		assert_int_equal(latency_bucket(first), latency_bucket(first - 1) + 1);
		assert_int_equal(latency_bucket(first + first / 64 - 1), latency_bucket(first));
		assert_int_equal(latency_bucket(first + first / 64), latency_bucket(first) + 1);
	}
	assert_int_equal(latency_bucket((UINT64_C(1) << LATENCY_BITS) - 1), LATENCY_BUCKETS - 1);
	assert_int_equal(latency_bucket(UINT64_MAX), LATENCY_BUCKETS - 1);
}

static void merging_is_adding(void **state)
{
	struct latency_histogram *a = calloc(1, sizeof(*a)), *b = calloc(1, sizeof(*b)), *all = calloc(1, sizeof(*all));

	(void)state;
	for (uint64_t i = 0; i < 10000; i++) {
		latency_record(i % 3 ? a : b, i * i);
		latency_record(all, i * i);
	}
	latency_merge(a, b);
	assert_memory_equal(a, all, sizeof(*a));
	free(a);
	free(b);
	free(all);
}

/* 20 ms by both clocks. Wide: the thread may be taken off its core between two readings. */
static void the_clock_agrees_with_the_system(void **state)
{
	const struct latency_clock *clock = latency_clock();
	double worst = 1;

	(void)state;
	assert_true(clock->ns_per_tick > 0);
	assert_true(clock->sample_cost_ns >= 0 && clock->sample_cost_ns < 10000);
	for (int attempt = 0; attempt < 20 && worst > 0.001; attempt++) {
		uint64_t begin_ns = latency_monotonic_ns(), begin = latency_begin(clock);
		struct timespec pause = {.tv_nsec = 20000000};
		double ns, off;

		nanosleep(&pause, NULL);
		ns = (double)(latency_end(clock) - begin) * clock->ns_per_tick;
		off = fabs(ns / (double)(latency_monotonic_ns() - begin_ns) - 1);
		if (off < worst)
			worst = off;
	}
	assert_true(worst <= 0.001);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(percentiles_are_right),
		cmocka_unit_test(buckets_have_no_gaps),
		cmocka_unit_test(merging_is_adding),
		cmocka_unit_test(the_clock_agrees_with_the_system),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
