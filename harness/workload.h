/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is asked of a cache: keys, values, and for each thread a stream of operations that is drawn before the window.
 *
 * Random numbers   xoshiro256++ (Blackman and Vigna 2021), seeded by SplitMix64 from the seed of the point and the
 *                  number of the thread: streams of threads are independent, and repeat with the seed.
 * Keys             Key i of n is key_bytes long, its first 8 bytes a bijection of i, so that all differ. They lie in
 *                  one array where that takes at most WORKLOAD_KEYS_BYTES_MAX, or else are made when they are needed.
 * Popularity       Uniform (skew 0), or Zipf: the key of rank r (from 1) is drawn with probability r^-skew / H, by
 *                  rejection-inversion (Hörmann and Derflinger 1996): exact, and without a table. Rank r is key
 *                  (r * step) mod n with a step near n times the golden ratio, so that popular keys are spread evenly
 *                  over the numbers and are no neighbours.
 * Values           Slices of one random pattern, at an offset that the key chooses: nothing has to be made in the
 *                  window, and what a get returned can be told to be the key's.
 * Streams          Four times as many operations as keys, within 2^18 to 2^22 for each thread; repeated when used up.
 */
#ifndef HARNESS_WORKLOAD_H
#define HARNESS_WORKLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* An operation is 32 bits: the kind above, the key's number below. */
#define WORKLOAD_KEY_BITS 30
#define WORKLOAD_KEYS_MAX ((uint64_t)1 << WORKLOAD_KEY_BITS)

#define WORKLOAD_KEY_BYTES_MIN  8
#define WORKLOAD_KEYS_BYTES_MAX ((size_t)256 << 20)

/* The pattern is longer than a value by this, for values to begin in different places. */
#define WORKLOAD_SLICES      512
#define WORKLOAD_SLICE_BYTES 8

enum workload_kind {
	WORKLOAD_GET,
	WORKLOAD_SET,
	WORKLOAD_DELETE,
};
#define WORKLOAD_KINDS 3

/* ---- Random numbers ---------------------------------------------------------------------------------------------- */

struct workload_random {
	uint64_t state[4];
};

/* Step of SplitMix64: advances *state, and returns the next number. */
uint64_t workload_split(uint64_t *state);

void workload_random_init(struct workload_random *random, uint64_t seed, uint64_t stream);

uint64_t workload_random_next(struct workload_random *random);

/* A number in [0, 1). */
static inline double workload_random_real(struct workload_random *random)
{
	return (double)(workload_random_next(random) >> 11) * 0x1p-53;
}

/* A number in [0, limit). A number is more likely than another by at most limit / 2^64. */
static inline uint64_t workload_random_below(struct workload_random *random, uint64_t limit)
{
	return (uint64_t)((unsigned __int128)workload_random_next(random) * limit >> 64);
}

/* ---- Popularity -------------------------------------------------------------------------------------------------- */

/* A distribution over ranks 1 to n. */
struct workload_zipf {
	uint64_t n;
	double skew; /* 0: uniform */
	double integral_first, integral_last; /* of the hat, over [1.5 - 1, ...] and up to n + 1/2 */
	double shortcut; /* a rank this near to the inverted point is accepted without a look at the hat */
};

void workload_zipf_init(struct workload_zipf *zipf, uint64_t n, double skew);
uint64_t workload_zipf_draw(const struct workload_zipf *zipf, struct workload_random *random);

/* The bijection from ranks 1 to n to keys 0 to n - 1. */
uint64_t workload_scramble_step(uint64_t n);
static inline uint32_t workload_key_of_rank(uint64_t rank, uint64_t step, uint64_t n)
{
	return (uint32_t)(rank % n * step % n); /* below 2^60: n is at most 2^30 */
}

/* ---- The workload ------------------------------------------------------------------------------------------------ */

struct workload {
	/* Set by the user. */
	uint64_t keys;
	size_t key_bytes, value_bytes;
	unsigned share[WORKLOAD_KINDS]; /* in percent */
	double skew;
	uint64_t seed;
	unsigned threads;

	/* Made by workload_init. */
	unsigned char *key_array; /* [keys][key_bytes], or NULL: keys are made when they are needed */
	unsigned char *pattern;
	uint64_t key_step; /* see workload_scramble_step */
	struct workload_zipf zipf;
	size_t length;     /* operations of each stream */
	uint32_t **stream; /* [threads][length]; drawn by workload_draw */
};

/* Allocates; the keys and streams are drawn by workload_draw. False: no memory (nothing is left to free). */
bool workload_init(struct workload *workload);
void workload_free(struct workload *workload);

/* Draws a thread's stream, and its share of the keys. Different threads may do so at the same time. */
void workload_draw(struct workload *workload, unsigned thread);

/* The memory that workload_init will take. */
size_t workload_memory_bytes(const struct workload *workload);

/* Makes a key. */
void workload_make_key(const struct workload *workload, uint32_t key, unsigned char *bytes);

/* A key's bytes: in the array, or made in `scratch`, which has room for key_bytes. */
static inline const unsigned char *workload_key(const struct workload *workload, uint32_t key, unsigned char *scratch)
{
	if (workload->key_array)
		return workload->key_array + (size_t)key * workload->key_bytes;
	workload_make_key(workload, key, scratch);
	return scratch;
}

/* The value of a key: value_bytes of it. */
static inline const unsigned char *workload_value(const struct workload *workload, uint32_t key)
{
	return workload->pattern + (key * UINT32_C(2654435761) >> 16) % WORKLOAD_SLICES * WORKLOAD_SLICE_BYTES;
}

static inline enum workload_kind workload_kind(uint32_t operation)
{
	return (enum workload_kind)(operation >> WORKLOAD_KEY_BITS);
}

static inline uint32_t workload_key_number(uint32_t operation)
{
	return operation & (uint32_t)(WORKLOAD_KEYS_MAX - 1);
}

#endif
