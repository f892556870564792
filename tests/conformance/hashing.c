/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * G9: the default hash is keyed with a secret that differs from cache to cache. And the other side of it: a hash that
 * collides, by accident or by malice where keys are not trusted, makes a cache slow, never wrong.
 */
#include <inttypes.h>

#include "heap.h"
#include "suite.h"

#define ORDER_KEYS 60

/* ---- Secrets ----------------------------------------------------------------------------------------------------- */

static uint8_t seed_seen[16];
static const void *key_seen;
static size_t key_bytes_seen;

static uint64_t recording_hash(const void *key, size_t key_bytes, const uint8_t seed[16])
{
	memcpy(seed_seen, seed, 16);
	key_seen = key;
	key_bytes_seen = key_bytes;
	return key_bytes;
}

static void test_secrets_differ(struct rig *rig)
{
	static const uint8_t nothing[16];
	uint8_t seed[4][16];

	rig->config.hash = CAPACITOR_HASH_CUSTOM;
	rig->config.hash_function = recording_hash;
	rig->config.hash_seed_set = false;
	for (unsigned i = 0; i < 4; i++) {
		rig_open(rig);
		expect_result(capacitor_contains(rig->handle, "key", 3), CAPACITOR_MISS);
		memcpy(seed[i], seed_seen, 16);
		expect(memcmp(seed[i], nothing, 16) != 0, "the secret is all zero");
		expect(memcmp(seed[i], rig->config.hash_seed, 16) != 0, "the secret is the configuration's seed");
		for (unsigned j = 0; j < i; j++)
			expect(memcmp(seed[i], seed[j], 16) != 0, "two caches have the same secret");
	}
}

static void test_custom_hash_sees_key_and_seed(struct rig *rig)
{
	char key[] = "a\0key";

	rig->config.hash = CAPACITOR_HASH_CUSTOM;
	rig->config.hash_function = recording_hash;
	rig_open(rig);
	expect_result(capacitor_contains(rig->handle, key, sizeof key), CAPACITOR_MISS);
	expect(memcmp(seed_seen, rig->config.hash_seed, 16) == 0, "the seed is not the configuration's");
	expect_number(key_bytes_seen, sizeof key);
	expect(memcmp(key_seen, key, sizeof key) == 0, "the hashed key is another");
}

struct order {
	unsigned count;
	unsigned char key[ORDER_KEYS];
};

static bool visit_order(void *context, const void *key, size_t key_bytes, const void *value, size_t value_bytes)
{
	struct order *order = context;

	(void)key_bytes, (void)value, (void)value_bytes;
	if (order->count < ORDER_KEYS)
		order->key[order->count++] = *(const unsigned char *)key;
	return true;
}

/* With many shards, the order of each depends on the hashes, and shows whether two caches hash alike. */
static struct order order_of(struct rig *rig)
{
	struct order order = {0};

	rig->config.shards = 64;
	rig_open(rig);
	for (unsigned char key = 0; key < ORDER_KEYS; key++)
		expect_result(capacitor_set(rig->handle, &key, 1, "v", 1, 0), CAPACITOR_STORED);
	expect_result(capacitor_each(rig->handle, visit_order, &order), CAPACITOR_OK);
	expect_number(order.count, ORDER_KEYS);
	return order;
}

static void test_default_hash_is_keyed(struct rig *rig)
{
	struct order first, second;

	rig->config.hash_seed_set = false;
	first = order_of(rig);
	second = order_of(rig);
	expect(memcmp(first.key, second.key, ORDER_KEYS) != 0, "two caches with the default hash hash alike");
	rig->config.hash_seed_set = true;
	first = order_of(rig);
	second = order_of(rig);
	expect(memcmp(first.key, second.key, ORDER_KEYS) == 0, "two caches with the same seed do not hash alike");
	rig->config.hash_seed[7] ^= 1;
	second = order_of(rig);
	expect(memcmp(first.key, second.key, ORDER_KEYS) != 0, "the seed does not matter");
}

static void test_xxh3_is_unkeyed(struct rig *rig)
{
	struct order first, second;

	rig->config.hash = CAPACITOR_HASH_XXH3;
	rig->config.hash_seed_set = false;
	first = order_of(rig);
	second = order_of(rig);
	expect(memcmp(first.key, second.key, ORDER_KEYS) == 0, "two caches with XXH3 do not hash alike");
}

/* ---- Collisions -------------------------------------------------------------------------------------------------- */

static uint64_t hash_of_number(const void *key, size_t key_bytes)
{
	uint64_t hash = 0;

	for (size_t i = 0; i < key_bytes; i++)
		hash = mix64(hash ^ ((const unsigned char *)key)[i]);
	return hash;
}

static uint64_t hash_zero(const void *key, size_t key_bytes, const uint8_t seed[16])
{
	(void)key, (void)key_bytes, (void)seed;
	return 0;
}

static uint64_t hash_ones(const void *key, size_t key_bytes, const uint8_t seed[16])
{
	(void)key, (void)key_bytes, (void)seed;
	return UINT64_MAX;
}

static uint64_t hash_high_bits(const void *key, size_t key_bytes, const uint8_t seed[16])
{
	(void)seed;
	return hash_of_number(key, key_bytes) << 48;
}

static uint64_t hash_low_bits(const void *key, size_t key_bytes, const uint8_t seed[16])
{
	(void)seed;
	return hash_of_number(key, key_bytes) >> 48;
}

static uint64_t hash_one_bit(const void *key, size_t key_bytes, const uint8_t seed[16])
{
	(void)seed;
	return hash_of_number(key, key_bytes) & (uint64_t)1 << 31;
}

static void run_collisions(struct rig *rig, uint64_t (*hash)(const void *, size_t, const uint8_t[16]), uint64_t keys)
{
	rig->config.hash = CAPACITOR_HASH_CUSTOM;
	rig->config.hash_function = hash;
	rig_open(rig);
	for (uint64_t key = 0; key < keys; key++)
		expect_result(tagged_set(rig->handle, key, key, 40), CAPACITOR_STORED);
	for (uint64_t key = 0; key < keys; key += 2)
		expect_result(label_delete(rig->handle, key), CAPACITOR_HIT);
	for (uint64_t key = 1; key < keys; key += 4)
		expect_result(tagged_set(rig->handle, key, 2 * key, 50), CAPACITOR_STORED);
	for (uint64_t key = 0; key < keys; key++)
		expect_number(tagged_version(rig, key), key % 2 == 0 ? MISSING : key % 4 == 1 ? 2 * key : key);
	expect_number(rig_stat(rig, CAPACITOR_STAT_ENTRIES), keys / 2);
	for (uint64_t key = 0; key < keys; key++)
		expect_result(tagged_write(capacitor_add, rig->handle, key, key, 30),
		              key % 2 == 0 ? CAPACITOR_STORED : CAPACITOR_EXISTS);
	expect_number(rig_stat(rig, CAPACITOR_STAT_ENTRIES), keys);
}

static void test_collisions(struct rig *rig)
{
	run_collisions(rig, hash_zero, 200);
	run_collisions(rig, hash_ones, 200);
	run_collisions(rig, hash_one_bit, 200);
	run_collisions(rig, hash_high_bits, 400);
	run_collisions(rig, hash_low_bits, 400);
}

static unsigned hash_bit;

static uint64_t hash_at_bit(const void *key, size_t key_bytes, const uint8_t seed[16])
{
	(void)seed;
	return (hash_of_number(key, key_bytes) & 1) << hash_bit;
}

/* Two hashes, which differ in one bit, whichever: tables that grow split them at some size, and join them at another. */
static void test_each_bit(struct rig *rig)
{
	for (hash_bit = 0; hash_bit < 64; hash_bit++)
		run_collisions(rig, hash_at_bit, 150);
}

/* What is charged for tables is what they take, whatever arrays a table tried and gave up while it grew among such keys. */
static void test_each_bit_is_charged(struct rig *rig)
{
	const int64_t few_bytes = 4096; /* a spare block; what malloc rounds */

	if (!heap_watched())
		rig_skip(rig, "a sanitizer's malloc is in charge");
	for (hash_bit = 0; hash_bit < 64; hash_bit++) {
		int64_t before_bytes, rest_bytes;

		rig_close(rig);
		before_bytes = heap_bytes();
		rig->config.hash = CAPACITOR_HASH_CUSTOM;
		rig->config.hash_function = hash_at_bit;
		rig_open(rig);
		rest_bytes = heap_bytes() - before_bytes - (int64_t)rig_stat(rig, CAPACITOR_STAT_TABLE_BYTES);
		for (uint64_t key = 0; key < 150; key++)
			expect_result(tagged_set(rig->handle, key, key, 40), CAPACITOR_STORED);
		expect_result(capacitor_clear(rig->handle), CAPACITOR_OK);
		expect_result(quiesce_patiently(rig->handle), CAPACITOR_OK);
		rest_bytes = heap_bytes() - before_bytes - (int64_t)rig_stat(rig, CAPACITOR_STAT_TABLE_BYTES) - rest_bytes;
		expect(rest_bytes < few_bytes, "%" PRId64 " bytes are not charged (bit %u)", rest_bytes, hash_bit);
		expect(rest_bytes > -few_bytes, "%" PRId64 " bytes are charged that are not there (bit %u)", -rest_bytes, hash_bit);
		rig_close(rig);
		expect_number((uint64_t)heap_bytes(), (uint64_t)before_bytes);
	}
}

static void test_thousands_in_one_bucket(struct rig *rig)
{
	run_collisions(rig, hash_zero, 2400);
}

/* Evicting among equals: ghosts and chains know only the hash. */
static void test_collisions_evicting(struct rig *rig)
{
	rig->config.hash = CAPACITOR_HASH_CUSTOM;
	rig->config.hash_function = hash_zero;
	rig_open_exact(rig, 50, 40);
	for (uint64_t i = 0; i < 600; i++) {
		uint64_t key = i * 7 % 90, version = tagged_version(rig, key);

		expect(version == MISSING || version == key, "key %" PRIu64 " has another's value", key);
		if (version == MISSING)
			expect_result(tagged_set(rig->handle, key, key, 40), CAPACITOR_STORED);
		expect_number(tagged_version(rig, key), key);
	}
	expect(rig_stat(rig, CAPACITOR_STAT_EVICTIONS) > 0, "nothing was evicted: the test tests nothing");
}

const struct suite_test hashing_tests[] = {
	{.name = "G9 every cache draws a secret of its own", .run = test_secrets_differ, .scope = SUITE_LAYOUT,
	 .without = STORAGE},
	{.name = "G9 a custom hash sees the key and the seed", .run = test_custom_hash_sees_key_and_seed,
	 .scope = SUITE_LAYOUT, .without = STORAGE},
	{.name = "G9 the default hash is keyed", .run = test_default_hash_is_keyed, .scope = SUITE_POLICY,
	 .without = STORAGE | CAPACITOR_LACKS_SHARDS},
	{.name = "G9 XXH3 is the same in every cache", .run = test_xxh3_is_unkeyed, .scope = SUITE_POLICY,
	 .without = STORAGE | CAPACITOR_LACKS_SHARDS},
	{.name = "G9 colliding keys are told apart", .run = test_collisions, .scope = SUITE_ALL, .without = STORAGE},
	{.name = "G9 keys whose hashes differ in one bit are told apart", .run = test_each_bit,
	 .scope = SUITE_IMPLEMENTATION, .without = STORAGE},
	{.name = "G4 tables among such keys are charged what they take", .run = test_each_bit_is_charged, .heap = true,
	 .scope = SUITE_IMPLEMENTATION, .without = STORAGE | CAPACITOR_LACKS_TABLE_GROWTH},
	{.name = "G9 thousands of keys in one bucket are told apart", .run = test_thousands_in_one_bucket,
	 .scope = SUITE_IMPLEMENTATION, .without = STORAGE},
	{.name = "G9 colliding keys are told apart while they are evicted", .run = test_collisions_evicting,
	 .scope = SUITE_ALL, .without = STORAGE},
	{.name = NULL},
};
