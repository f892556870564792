/* SPDX-License-Identifier: BSD-2-Clause */
/* Keys, values and streams: distributions against the exact ones, by chi-square, with a planted wrong one. */
#include "harness/workload.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define DRAWS 1000000

/* The seeds are fixed: these tests give the same result each time. */
#define SEED 42

/* ---- Goodness of fit --------------------------------------------------------------------------------------------- */

/* How far counts are from what a Zipf distribution of that skew expects, in standard deviations of a chi-square
 * (Wilson and Hilferty's cube root makes it normal). Ranks that expect fewer than 10 draws share a class. */
static double misfit(const uint64_t *counts, uint64_t n, double skew, uint64_t draws)
{
	double sum = 0, chi_square = 0, expected = 0, seen = 0, freedom;
	uint64_t classes = 0;

	for (uint64_t rank = 1; rank <= n; rank++)
		sum += pow((double)rank, -skew);
	for (uint64_t rank = 1; rank <= n; rank++) {
		expected += pow((double)rank, -skew) / sum * (double)draws;
		seen += (double)counts[rank];
		if (expected >= 10 || rank == n) {
			chi_square += (seen - expected) * (seen - expected) / expected;
			expected = seen = 0;
			classes++;
		}
	}
	freedom = (double)(classes - 1);
	return (cbrt(chi_square / freedom) - (1 - 2 / (9 * freedom))) / sqrt(2 / (9 * freedom));
}

static double misfit_of_draws(uint64_t n, double drawn_skew, double expected_skew)
{
	uint64_t *counts = calloc(n + 1, sizeof(*counts));
	struct workload_random random;
	struct workload_zipf zipf;
	double z;

	assert_non_null(counts);
	workload_random_init(&random, SEED, 0);
	workload_zipf_init(&zipf, n, drawn_skew);
	for (int i = 0; i < DRAWS; i++) {
		uint64_t rank = workload_zipf_draw(&zipf, &random);

		assert_in_range(rank, 1, n);
		counts[rank]++;
	}
	z = misfit(counts, n, expected_skew, DRAWS);
	free(counts);
	return z;
}

static void zipf_is_exact(void **state)
{
	static const double skews[] = {0, 0.1, 0.5, 0.99, 1, 1.0000001, 1.2, 2, 10};
	static const uint64_t sizes[] = {2, 3, 10, 1000, 100000};

	(void)state;
	for (size_t i = 0; i < sizeof(skews) / sizeof(skews[0]); i++)
		for (size_t j = 0; j < sizeof(sizes) / sizeof(sizes[0]); j++) {
			double z;

			if (skews[i] == 10 && sizes[j] > 3)
				continue; /* all but a few draws are rank 1: no classes are left */
			z = misfit_of_draws(sizes[j], skews[i], skews[i]);
			if (fabs(z) > 4)
				fail_msg("skew %g, %lu ranks: %.1f standard deviations off", skews[i],
				         (unsigned long)sizes[j], z);
		}
}

/* The test above would see a skew that is wrong by 0.01 or 0.02. */
static void a_wrong_skew_is_seen(void **state)
{
	(void)state;
	assert_true(misfit_of_draws(1000, 0.98, 0.99) > 8);
	assert_true(misfit_of_draws(1000, 1.22, 1.2) > 8);
	assert_true(misfit_of_draws(1000, 0.02, 0) > 6);
	assert_true(misfit_of_draws(100000, 0.97, 0.99) > 8);
}

/* And a rank 1 that is drawn some 7 % too often. */
static void a_wrong_first_rank_is_seen(void **state)
{
	uint64_t counts[1001] = {0};
	struct workload_random random;
	struct workload_zipf zipf;

	(void)state;
	workload_random_init(&random, SEED, 0);
	workload_zipf_init(&zipf, 1000, 0.99);
	for (int i = 0; i < DRAWS; i++) {
		uint64_t rank = workload_zipf_draw(&zipf, &random);

		counts[rank > 1 && i % 100 == 0 ? 1 : rank]++;
	}
	assert_true(misfit(counts, 1000, 0.99, DRAWS) > 8);
}

static void one_rank_is_all_there_is(void **state)
{
	struct workload_random random;
	struct workload_zipf zipf;

	(void)state;
	workload_random_init(&random, SEED, 0);
	for (double skew = 0; skew <= 2; skew += 0.5) {
		workload_zipf_init(&zipf, 1, skew);
		for (int i = 0; i < 1000; i++)
			assert_int_equal(workload_zipf_draw(&zipf, &random), 1);
	}
	/* The largest key space: nothing overflows, and its far end is reached. */
	workload_zipf_init(&zipf, WORKLOAD_KEYS_MAX, 0.5);
	for (int i = 0; i < 100000; i++)
		assert_in_range(workload_zipf_draw(&zipf, &random), 1, WORKLOAD_KEYS_MAX);
}

/* ---- Keys -------------------------------------------------------------------------------------------------------- */

static void scrambling_is_a_bijection_without_neighbours(void **state)
{
	(void)state;
	for (uint64_t n = 1; n <= 2000; n++) {
		uint64_t step = workload_scramble_step(n);
		unsigned char *seen = calloc(n, 1);

		for (uint64_t rank = 1; rank <= n; rank++) {
			uint32_t key = workload_key_of_rank(rank, step, n);

			assert_true(key < n);
			assert_false(seen[key]);
			seen[key] = 1;
		}
		free(seen);
	}
	/* The ten hottest of a thousand keys are nowhere side by side. */
	for (uint64_t a = 1; a <= 10; a++)
		for (uint64_t b = 1; b < a; b++) {
			int64_t distance = (int64_t)workload_key_of_rank(a, workload_scramble_step(1000), 1000) -
			                   (int64_t)workload_key_of_rank(b, workload_scramble_step(1000), 1000);

			assert_true(llabs(distance) > 10);
		}
}

static struct workload sample(uint64_t keys, size_t key_bytes, unsigned threads)
{
	return (struct workload){.keys = keys, .key_bytes = key_bytes, .value_bytes = 100, .share = {70, 20, 10},
	                         .skew = 0.99, .seed = SEED, .threads = threads};
}

static int compare_keys(const void *a, const void *b)
{
	return memcmp(a, b, WORKLOAD_KEY_BYTES_MIN);
}

static void keys_differ_and_repeat(void **state)
{
	struct workload workload = sample(100000, 13, 3);
	unsigned char scratch[13], *sorted;

	(void)state;
	assert_true(workload_init(&workload));
	assert_non_null(workload.key_array);
	for (unsigned i = 0; i < 3; i++)
		workload_draw(&workload, i);
	for (uint32_t key = 0; key < 100000; key += 7) {
		workload_make_key(&workload, key, scratch);
		assert_memory_equal(workload_key(&workload, key, NULL), scratch, 13);
	}
	/* Even the first 8 bytes all differ. */
	sorted = malloc(100000 * WORKLOAD_KEY_BYTES_MIN);
	for (uint32_t key = 0; key < 100000; key++)
		memcpy(sorted + key * WORKLOAD_KEY_BYTES_MIN, workload_key(&workload, key, NULL),
		       WORKLOAD_KEY_BYTES_MIN);
	qsort(sorted, 100000, WORKLOAD_KEY_BYTES_MIN, compare_keys);
	for (uint32_t key = 1; key < 100000; key++)
		assert_true(compare_keys(sorted + (key - 1) * WORKLOAD_KEY_BYTES_MIN,
		                         sorted + key * WORKLOAD_KEY_BYTES_MIN) < 0);
	free(sorted);
	workload_free(&workload);
}

static void many_keys_are_made_when_needed(void **state)
{
	struct workload workload = sample(WORKLOAD_KEYS_BYTES_MAX / 64 + 1, 64, 1);
	unsigned char scratch[64], again[64];

	(void)state;
	assert_true(workload_init(&workload));
	assert_null(workload.key_array);
	assert_ptr_equal(workload_key(&workload, 5, scratch), scratch);
	workload_make_key(&workload, 5, again);
	assert_memory_equal(scratch, again, 64);
	workload_free(&workload);
}

/* ---- Streams ----------------------------------------------------------------------------------------------------- */

static void streams_have_the_mix_and_the_skew(void **state)
{
	struct workload workload = sample(1000, 16, 2);
	uint64_t kinds[WORKLOAD_KINDS] = {0}, counts[1001] = {0};
	uint64_t rank_of[1000], step;

	(void)state;
	assert_true(workload_init(&workload));
	workload_draw(&workload, 0);
	workload_draw(&workload, 1);
	assert_true(memcmp(workload.stream[0], workload.stream[1], workload.length * sizeof(uint32_t)) != 0);

	step = workload_scramble_step(1000);
	for (uint64_t rank = 1; rank <= 1000; rank++)
		rank_of[workload_key_of_rank(rank, step, 1000)] = rank;
	for (size_t i = 0; i < workload.length; i++) {
		assert_true(workload_key_number(workload.stream[0][i]) < 1000);
		kinds[workload_kind(workload.stream[0][i])]++;
		counts[rank_of[workload_key_number(workload.stream[0][i])]]++;
	}
	for (int i = 0; i < WORKLOAD_KINDS; i++) {
		double expected = (double)workload.length * workload.share[i] / 100;

		assert_true(fabs((double)kinds[i] - expected) < 5 * sqrt(expected));
	}
	assert_true(fabs(misfit(counts, 1000, 0.99, workload.length)) < 4);
	workload_free(&workload);
}

static void streams_repeat_with_the_seed(void **state)
{
	struct workload first = sample(1000, 16, 2), second = sample(1000, 16, 2), other = sample(1000, 16, 2);

	(void)state;
	other.seed = SEED + 1;
	assert_true(workload_init(&first) && workload_init(&second) && workload_init(&other));
	workload_draw(&first, 1);
	workload_draw(&second, 1);
	workload_draw(&other, 1);
	workload_draw(&other, 0);
	assert_memory_equal(first.stream[1], second.stream[1], first.length * sizeof(uint32_t));
	assert_true(memcmp(first.stream[1], other.stream[1], first.length * sizeof(uint32_t)) != 0);
	assert_true(memcmp(first.stream[1], other.stream[0], first.length * sizeof(uint32_t)) != 0);
	workload_free(&first);
	workload_free(&second);
	workload_free(&other);
}

static void values_are_inside_the_pattern(void **state)
{
	struct workload workload = sample(100000, 8, 1);
	const unsigned char *last;
	unsigned different = 0;

	(void)state;
	workload.value_bytes = 0;
	assert_true(workload_init(&workload));
	last = workload_value(&workload, 0);
	for (uint32_t key = 0; key < 100000; key++) {
		const unsigned char *value = workload_value(&workload, key);

		assert_true(value >= workload.pattern &&
		            value < workload.pattern + WORKLOAD_SLICES * WORKLOAD_SLICE_BYTES);
		different += value != last;
		last = value;
	}
	assert_true(different > 90000);
	workload_free(&workload);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(zipf_is_exact),
		cmocka_unit_test(a_wrong_skew_is_seen),
		cmocka_unit_test(a_wrong_first_rank_is_seen),
		cmocka_unit_test(one_rank_is_all_there_is),
		cmocka_unit_test(scrambling_is_a_bijection_without_neighbours),
		cmocka_unit_test(keys_differ_and_repeat),
		cmocka_unit_test(many_keys_are_made_when_needed),
		cmocka_unit_test(streams_have_the_mix_and_the_skew),
		cmocka_unit_test(streams_repeat_with_the_seed),
		cmocka_unit_test(values_are_inside_the_pattern),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
