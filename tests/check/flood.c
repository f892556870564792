/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hash flooding (G9): keys crafted to collide under unkeyed XXH3 must not be slower than random ones under the default hash.
 *
 * The keys. For keys of 32 bytes XXH3_64bits adds up two terms, of which the first is the folded 128-bit product of
 * (first word ^ first word of its secret) and (second word ^ second word of its secret). The secret is public: a first
 * word that is equal to it makes the product 0, whatever the second word is. So 2^64 keys share all 64 bits of their hash.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "check.h"

#define KEY_BYTES   32
#define VALUE_BYTES 16
#define KEYS_LONG   100000
#define KEYS_TEST   4000
#define KEYS_XXH3   (check_sanitized() ? 300 : 2000) /* with colliding keys a table is a list: more would take too long */

#define ROUNDS       11
#define ROUNDS_LOWER 3 /* P(3rd smallest of 11 is above the median) is 3.3 % */
#define RATIO_MAX    1.5

/* The first word of XXH3's default secret, in memory order. */
static const unsigned char secret_word[8] = {0xb8, 0xfe, 0x6c, 0x39, 0x23, 0xa4, 0x4b, 0xbe};

struct key {
	unsigned char bytes[KEY_BYTES];
};

static void crafted_key(struct key *key, uint64_t number)
{
	memset(key, 0, sizeof *key);
	memcpy(key->bytes, secret_word, sizeof secret_word);
	memcpy(key->bytes + 8, &number, sizeof number);
}

static void random_key(struct key *key, uint64_t number)
{
	for (uint64_t i = 0; i < KEY_BYTES / 8; i++) {
		uint64_t word = check_mix(number * 4 + i);

		memcpy(key->bytes + 8 * i, &word, sizeof word);
	}
}

/* A cache with its keys, and what its calls took. */
struct side {
	struct capacitor *cache;
	struct capacitor_handle *handle;
	struct key *key;
	uint64_t *get_ns, *set_ns;
};

struct contest {
	struct check_run *run;
	uint64_t keys;
	struct side side[2]; /* crafted, random */
};

static uint64_t timed_get(struct check_run *run, const struct side *side, uint64_t i)
{
	unsigned char value[VALUE_BYTES];
	uint64_t from_ns = check_now_ns();
	enum capacitor_result result = capacitor_get(side->handle, &side->key[i], KEY_BYTES, value, sizeof value, NULL);
	uint64_t ns = check_now_ns() - from_ns;

	if (result != CAPACITOR_HIT && result != CAPACITOR_MISS)
		check_fail(run, "get: %s", capacitor_result_string(result));
	return ns;
}

static uint64_t timed_set(struct check_run *run, const struct side *side, uint64_t i)
{
	unsigned char value[VALUE_BYTES] = {0};
	uint64_t from_ns = check_now_ns();
	enum capacitor_result result = capacitor_set(side->handle, &side->key[i], KEY_BYTES, value, sizeof value,
	                                             CAPACITOR_TTL_NEVER);
	uint64_t ns = check_now_ns() - from_ns;

	if (result != CAPACITOR_STORED)
		check_fail(run, "set: %s", capacitor_result_string(result));
	return ns;
}

static int by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static int by_ratio(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double p99(uint64_t *ns, uint64_t count)
{
	qsort(ns, count, sizeof *ns, by_number);
	return (double)ns[count - 1 - count / 100];
}

struct ratios {
	double get[ROUNDS], set[ROUNDS]; /* p99 of crafted keys over p99 of random keys; sorted at the end */
};

/* Key by key, crafted and random in turn: what disturbs the machine disturbs both. */
static void one_round(struct contest *contest, struct ratios *ratios, unsigned round)
{
	for (uint64_t i = 0; i < contest->keys && !check_failed(contest->run); i++) {
		uint64_t at = check_mix(contest->run->seed + round * contest->keys + i) % contest->keys;

		for (unsigned turn = 0; turn < 2; turn++) {
			struct side *side = &contest->side[(turn + i) % 2];

			side->get_ns[i] = timed_get(contest->run, side, at);
			side->set_ns[i] = timed_set(contest->run, side, at);
		}
	}
	ratios->get[round] = p99(contest->side[0].get_ns, contest->keys) / p99(contest->side[1].get_ns, contest->keys);
	ratios->set[round] = p99(contest->side[0].set_ns, contest->keys) / p99(contest->side[1].set_ns, contest->keys);
}

static bool side_open(struct contest *contest, struct side *side, bool crafted, enum capacitor_hash hash)
{
	struct capacitor_config config;

	check_config(contest->run, &config);
	config.hash = hash;
	config.expected_entries = contest->keys;
	side->cache = check_create(contest->run, &config);
	side->handle = check_enter(contest->run, side->cache);
	side->key = malloc(contest->keys * sizeof *side->key);
	side->get_ns = malloc(contest->keys * sizeof *side->get_ns);
	side->set_ns = malloc(contest->keys * sizeof *side->set_ns);
	if (!side->key || !side->get_ns || !side->set_ns)
		return false;
	for (uint64_t i = 0; i < contest->keys; i++) {
		(crafted ? crafted_key : random_key)(&side->key[i], i);
		(void)timed_set(contest->run, side, i);
	}
	return true;
}

static void side_close(struct side *side)
{
	capacitor_leave(side->handle);
	capacitor_destroy(side->cache);
	free(side->key);
	free(side->get_ns);
	free(side->set_ns);
}

static void contest(struct check_run *run, enum capacitor_hash hash, uint64_t keys, struct ratios *ratios)
{
	struct contest contest = {.run = run, .keys = keys};

	if (side_open(&contest, &contest.side[0], true, hash) && side_open(&contest, &contest.side[1], false, hash))
		for (unsigned round = 0; round < ROUNDS; round++)
			one_round(&contest, ratios, round);
	else
		check_fail(run, "no memory");
	qsort(ratios->get, ROUNDS, sizeof ratios->get[0], by_ratio);
	qsort(ratios->set, ROUNDS, sizeof ratios->set[0], by_ratio);
	check_count(run, CHECK_OPERATIONS, keys * (2 + 4 * ROUNDS));
	side_close(&contest.side[0]);
	side_close(&contest.side[1]);
}

static void judge(struct check_run *run, const char *call, const double *ratio)
{
	if (ratio[ROUNDS_LOWER - 1] > RATIO_MAX)
		check_fail(run, "the p99 of %s is %.2f times that of random keys (at least %.2f, allowed %.1f)", call,
		           ratio[ROUNDS / 2], ratio[ROUNDS_LOWER - 1], RATIO_MAX);
}

static void run_flood(struct check_run *run)
{
	bool long_run = run->until_ns - run->from_ns >= (uint64_t)3 * 1000000000u;
	uint64_t keys = long_run ? KEYS_LONG : KEYS_TEST;
	struct ratios siphash, xxh3;
	struct key first, other;

	crafted_key(&first, 0);
	for (uint64_t i = 1; i < keys; i++) {
		crafted_key(&other, i);
		check_expect(run, XXH3_64bits(&first, KEY_BYTES) == XXH3_64bits(&other, KEY_BYTES), "the keys do not collide");
	}
	contest(run, CAPACITOR_HASH_SIPHASH, keys, &siphash);
	judge(run, "get", siphash.get);
	judge(run, "set", siphash.set);
	contest(run, CAPACITOR_HASH_XXH3, KEYS_XXH3, &xxh3);
	check_note(run, "p99 of %" PRIu64 " crafted keys over random keys: get %.2f [%.2f, %.2f], set %.2f [%.2f, %.2f]; "
	           "with XXH3, %d keys: get %.1f, set %.1f", keys, siphash.get[ROUNDS / 2], siphash.get[ROUNDS_LOWER - 1],
	           siphash.get[ROUNDS - ROUNDS_LOWER], siphash.set[ROUNDS / 2], siphash.set[ROUNDS_LOWER - 1],
	           siphash.set[ROUNDS - ROUNDS_LOWER], KEYS_XXH3, xxh3.get[ROUNDS / 2], xxh3.set[ROUNDS / 2]);
	check_expect(run, xxh3.get[ROUNDS / 2] > RATIO_MAX && xxh3.set[ROUNDS / 2] > RATIO_MAX,
	             "with XXH3 the crafted keys are as fast as random ones: they do not collide, and this check checks nothing");
}

const struct check flood_checks[] = {
	{.name = "flood/xxh3",
	 .what = "G9: 10^5 keys that collide under XXH3 (in the tier test fewer) are as fast as random ones by default",
	 .run = run_flood,
	 .without = CAPACITOR_LACKS_STORAGE,
	 .test_ms = 100,
	 .long_s = 10,
	 .fixed = true},
	{.name = NULL},
};
