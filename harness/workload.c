/* SPDX-License-Identifier: BSD-2-Clause */
/* Keys, values and streams of operations; see workload.h. */
#include "harness/workload.h"

#include <math.h>
#include <stdlib.h>

#define LENGTH_MIN ((size_t)1 << 18)
#define LENGTH_MAX ((size_t)1 << 22)

/* ---- Random numbers ---------------------------------------------------------------------------------------------- */

/* The finaliser of SplitMix64 (Steele, Lea and Flood 2014): a bijection. */
static uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

uint64_t workload_split(uint64_t *state)
{
	return mix(*state += UINT64_C(0x9e3779b97f4a7c15));
}

/* The stream's number goes through the bijection first, so that seed 1 of stream 2 is not seed 2 of stream 1. */
void workload_random_init(struct workload_random *random, uint64_t seed, uint64_t stream)
{
	uint64_t state = mix(seed) ^ mix(~stream);

	for (int i = 0; i < 4; i++)
		random->state[i] = workload_split(&state);
}

static uint64_t rotate(uint64_t x, int bits)
{
	return x << bits | x >> (64 - bits);
}

uint64_t workload_random_next(struct workload_random *random)
{
	uint64_t *s = random->state;
	uint64_t result = rotate(s[0] + s[3], 23) + s[0];
	uint64_t shifted = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= shifted;
	s[3] = rotate(s[3], 45);
	return result;
}

/* ---- Popularity -------------------------------------------------------------------------------------------------- */

/*
 * Rejection-inversion. The hat is h(x) = x^-skew; its integral is H(x) = (x^(1-skew) - 1) / (1 - skew), and ln x for
 * skew 1. A point is drawn under the hat between 1/2 and n + 1/2, and rounded to a rank k; it is accepted when it lies
 * in the part of k's column that is h(k) wide. Both H and its inverse go through (e^t - 1)/t and ln(1 + t)/t, which are
 * 1 at t = 0: so skew 1 is no special case, and what is near it loses no digits.
 */
static double expm1_over(double t)
{
	return fabs(t) > 1e-8 ? expm1(t) / t : 1 + t / 2;
}

static double log1p_over(double t)
{
	return fabs(t) > 1e-8 ? log1p(t) / t : 1 - t / 2;
}

static double hat(double skew, double x)
{
	return exp(-skew * log(x));
}

static double integral(double skew, double x)
{
	double log_x = log(x);

	return expm1_over((1 - skew) * log_x) * log_x;
}

static double integral_inverse(double skew, double area)
{
	double t = area * (1 - skew);

	if (t < -1) /* by rounding, at the far end */
		t = -1;
	return exp(log1p_over(t) * area);
}

void workload_zipf_init(struct workload_zipf *zipf, uint64_t n, double skew)
{
	*zipf = (struct workload_zipf){.n = n, .skew = skew};
	if (skew == 0)
		return;
	/* The first column is cut to the width that rank 1 needs, so that it is never rejected. */
	zipf->integral_first = integral(skew, 1.5) - 1;
	zipf->integral_last = integral(skew, (double)n + 0.5);
	zipf->shortcut = 2 - integral_inverse(skew, integral(skew, 2.5) - hat(skew, 2));
}

uint64_t workload_zipf_draw(const struct workload_zipf *zipf, struct workload_random *random)
{
	if (zipf->skew == 0)
		return workload_random_below(random, zipf->n) + 1;
	for (;;) {
		double area = zipf->integral_last +
		              workload_random_real(random) * (zipf->integral_first - zipf->integral_last);
		double x = integral_inverse(zipf->skew, area);
		double rank = floor(x + 0.5);

		if (rank < 1)
			rank = 1;
		else if (rank > (double)zipf->n)
			rank = (double)zipf->n;
		if (rank - x <= zipf->shortcut || area >= integral(zipf->skew, rank + 0.5) - hat(zipf->skew, rank))
			return (uint64_t)rank;
	}
}

static uint64_t greatest_common_divisor(uint64_t a, uint64_t b)
{
	while (b) {
		uint64_t rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

/* Multiplication by a step that has no divisor in common with n is a bijection modulo n. */
uint64_t workload_scramble_step(uint64_t n)
{
	uint64_t step = (uint64_t)((double)n * 0.6180339887498949);

	if (step == 0)
		step = 1;
	while (greatest_common_divisor(step, n) != 1)
		step++;
	return step;
}

/* ---- The workload ------------------------------------------------------------------------------------------------ */

static size_t key_array_bytes(const struct workload *workload)
{
	size_t bytes;

	if (__builtin_mul_overflow(workload->keys, workload->key_bytes, &bytes) || bytes > WORKLOAD_KEYS_BYTES_MAX)
		return 0;
	return bytes;
}

static size_t pattern_bytes(const struct workload *workload)
{
	return workload->value_bytes + WORKLOAD_SLICES * WORKLOAD_SLICE_BYTES;
}

static size_t stream_length(const struct workload *workload)
{
	uint64_t wanted = workload->keys * 4;

	return wanted < LENGTH_MIN ? LENGTH_MIN : wanted > LENGTH_MAX ? LENGTH_MAX : wanted;
}

size_t workload_memory_bytes(const struct workload *workload)
{
	return key_array_bytes(workload) + pattern_bytes(workload) +
	       stream_length(workload) * workload->threads * sizeof(uint32_t);
}

static bool allocate(struct workload *workload)
{
	workload->pattern = malloc(pattern_bytes(workload));
	workload->stream = calloc(workload->threads, sizeof(*workload->stream));
	if (!workload->pattern || !workload->stream)
		return false;
	if (key_array_bytes(workload) > 0 && !(workload->key_array = malloc(key_array_bytes(workload))))
		return false;
	for (unsigned i = 0; i < workload->threads; i++)
		if (!(workload->stream[i] = malloc(workload->length * sizeof(uint32_t))))
			return false;
	return true;
}

bool workload_init(struct workload *workload)
{
	struct workload_random random;
	size_t bytes = pattern_bytes(workload);

	workload->key_array = NULL;
	workload->length = stream_length(workload);
	workload->key_step = workload_scramble_step(workload->keys);
	workload_zipf_init(&workload->zipf, workload->keys, workload->skew);
	if (!allocate(workload)) {
		workload_free(workload);
		return false;
	}
	workload_random_init(&random, workload->seed, UINT64_MAX);
	for (size_t at = 0; at < bytes; at += sizeof(uint64_t)) {
		uint64_t word = workload_random_next(&random);

		memcpy(workload->pattern + at, &word, bytes - at < sizeof(word) ? bytes - at : sizeof(word));
	}
	return true;
}

void workload_free(struct workload *workload)
{
	for (unsigned i = 0; workload->stream && i < workload->threads; i++)
		free(workload->stream[i]);
	free(workload->stream);
	free(workload->pattern);
	free(workload->key_array);
	workload->stream = NULL;
	workload->pattern = NULL;
	workload->key_array = NULL;
}

void workload_make_key(const struct workload *workload, uint32_t key, unsigned char *bytes)
{
	uint64_t state = key;

	for (size_t at = 0; at < workload->key_bytes; at += sizeof(uint64_t)) {
		/* The first word is a bijection of the number; the others follow from it. */
		uint64_t word = workload_split(&state);
		size_t left = workload->key_bytes - at;

		memcpy(bytes + at, &word, left < sizeof(word) ? left : sizeof(word));
	}
}

static enum workload_kind draw_kind(const struct workload *workload, struct workload_random *random)
{
	unsigned percent = (unsigned)workload_random_below(random, 100);

	if (percent < workload->share[WORKLOAD_GET])
		return WORKLOAD_GET;
	return percent < workload->share[WORKLOAD_GET] + workload->share[WORKLOAD_SET] ? WORKLOAD_SET : WORKLOAD_DELETE;
}

void workload_draw(struct workload *workload, unsigned thread)
{
	uint64_t first = workload->keys * thread / workload->threads;
	uint64_t end = workload->keys * (thread + 1) / workload->threads;
	uint32_t *stream = workload->stream[thread];
	struct workload_random random;

	if (workload->key_array)
		for (uint64_t key = first; key < end; key++)
			workload_make_key(workload, (uint32_t)key, workload->key_array + key * workload->key_bytes);

	workload_random_init(&random, workload->seed, thread);
	for (size_t i = 0; i < workload->length; i++) {
		uint64_t rank = workload_zipf_draw(&workload->zipf, &random);
		uint32_t key = workload_key_of_rank(rank, workload->key_step, workload->keys);

		stream[i] = (uint32_t)draw_kind(workload, &random) << WORKLOAD_KEY_BITS | key;
	}
}
