/* SPDX-License-Identifier: BSD-2-Clause */
/* The ends of every range: keys, values, buffers, capacities and batches. */
#include <inttypes.h>

#include "suite.h"

#define CANARY 0x5a

/* A get into a buffer of exactly that room writes nothing before or behind it. */
static void expect_value_in_room(const struct rig *rig, const void *key, size_t key_bytes, const void *value,
                                 size_t value_bytes, size_t room)
{
	unsigned char *memory = malloc(room + 64);
	size_t length = 99;

	expect(memory, "no memory");
	memset(memory, CANARY, room + 64);
	expect_result(capacitor_get(rig->handle, key, key_bytes, memory + 32, room, &length),
	              room >= value_bytes ? CAPACITOR_HIT : CAPACITOR_BUFFER_TOO_SMALL);
	expect_number(length, value_bytes);
	if (room >= value_bytes)
		expect(value_bytes == 0 || memcmp(memory + 32, value, value_bytes) == 0, "another value");
	for (size_t i = 0; i < room + 64; i++)
		if (i < 32 || i >= 32 + value_bytes || room < value_bytes)
			expect(memory[i] == CANARY, "byte %zd of a buffer of %zu was written", (ssize_t)i - 32, room);
	free(memory);
}

static void expect_round_trip(const struct rig *rig, const void *key, size_t key_bytes, const void *value,
                              size_t value_bytes)
{
	struct capacitor_pin pin;

	expect_result(capacitor_set(rig->handle, key, key_bytes, value, value_bytes, 0), CAPACITOR_STORED);
	expect_value_in_room(rig, key, key_bytes, value, value_bytes, value_bytes);
	expect_value_in_room(rig, key, key_bytes, value, value_bytes, value_bytes + 1);
	if (value_bytes > 0)
		expect_value_in_room(rig, key, key_bytes, value, value_bytes, value_bytes - 1);
	expect_result(capacitor_pin(rig->handle, key, key_bytes, &pin), CAPACITOR_HIT);
	expect(pin.value_bytes == value_bytes && (value_bytes == 0 || memcmp(pin.value, value, value_bytes) == 0),
	       "the pinned value is another");
	expect_result(capacitor_unpin(rig->handle, &pin), CAPACITOR_OK);
	expect_result(capacitor_contains(rig->handle, key, key_bytes), CAPACITOR_HIT);
	expect_result(capacitor_delete(rig->handle, key, key_bytes), CAPACITOR_HIT);
	expect_result(capacitor_delete(rig->handle, key, key_bytes), CAPACITOR_MISS);
	expect_result(capacitor_get(rig->handle, key, key_bytes, NULL, 0, NULL), CAPACITOR_MISS);
}

static unsigned char long_key[CAPACITOR_KEY_BYTES_MAX + 1];

static void test_keys(struct rig *rig)
{
	static const size_t sizes[] = {1, 2, 7, 8, 9, 255, 256, 257, 4095, 65535, 65536};
	char value[300];

	rig_open(rig);
	for (size_t i = 0; i < sizeof long_key; i++)
		long_key[i] = (unsigned char)mix64(rig->seed + i / 3);
	tagged_fill(value, sizeof value, 1, 1);
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
		expect_round_trip(rig, long_key, sizes[i], value, sizeof value);
	expect_result(capacitor_set(rig->handle, long_key, sizeof long_key, value, 1, 0), CAPACITOR_INVALID);
}

/* Side by side: 64 KiB keys that differ in the last byte only, and in the length only. */
static void test_long_keys_differ(struct rig *rig)
{
	size_t longest = CAPACITOR_KEY_BYTES_MAX;
	char value;

	rig_open(rig);
	memset(long_key, 0, sizeof long_key);
	for (unsigned char last = 0; last < 4; last++) {
		long_key[longest - 1] = last;
		expect_result(capacitor_set(rig->handle, long_key, longest, &last, 1, 0), CAPACITOR_STORED);
	}
	expect_result(capacitor_set(rig->handle, long_key, longest - 1, "s", 1, 0), CAPACITOR_STORED);
	for (unsigned char last = 0; last < 5; last++) {
		long_key[longest - 1] = last;
		expect_result(capacitor_get(rig->handle, long_key, longest, &value, 1, NULL),
		              last < 4 ? CAPACITOR_HIT : CAPACITOR_MISS);
		expect(last == 4 || value == (char)last, "two long keys are mistaken for each other");
	}
	expect_result(capacitor_get(rig->handle, long_key, longest - 1, &value, 1, NULL), CAPACITOR_HIT);
	expect(value == 's', "a key is mistaken for a longer one");
}

static void test_values(struct rig *rig)
{
	static const size_t sizes[] = {0, 1, 2, 3, 7, 8, 9, 63, 64, 65, 967, 968, 969, 1023, 1024, 1025, 4096, 65536};
	static unsigned char value[65536];

	rig_open(rig);
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		tagged_fill(value, sizes[i], i, rig->seed);
		expect_round_trip(rig, "a key", 5, value, sizes[i]);
		expect_round_trip(rig, "k", 1, value, sizes[i]);
	}
}

/* Every length of key with every small length of value: where alignment could go wrong. */
static void test_small_lengths(struct rig *rig)
{
	unsigned char key[24] = {0}, value[24], found[24];

	rig_open(rig);
	for (size_t key_bytes = 1; key_bytes <= sizeof key; key_bytes++) {
		for (size_t value_bytes = 0; value_bytes <= sizeof value; value_bytes++) {
			size_t length;

			memset(value, (int)(key_bytes * 31 + value_bytes), sizeof value);
			key[0] = (unsigned char)value_bytes;
			expect_result(capacitor_set(rig->handle, key, key_bytes, value, value_bytes, 0),
			              CAPACITOR_STORED);
			memset(found, CANARY, sizeof found);
			expect_result(capacitor_get(rig->handle, key, key_bytes, found, sizeof found, &length),
			              CAPACITOR_HIT);
			expect(length == value_bytes && memcmp(found, value, value_bytes) == 0, "another value");
		}
	}
	expect_number(rig_stat(rig, CAPACITOR_STAT_ENTRIES), 24 * 25);
}

static void test_huge_values(struct rig *rig)
{
	size_t huge_bytes = (size_t)16 << 20;
	unsigned char *value = malloc(huge_bytes);

	expect(value, "no memory");
	rig->config.capacity_bytes = (size_t)40 << 20;
	rig_open(rig);
	tagged_fill(value, huge_bytes, 1, 1);
	for (size_t value_bytes = (size_t)1 << 20; value_bytes <= huge_bytes; value_bytes *= 4)
		expect_round_trip(rig, "key", 3, value, value_bytes);
	/* Two fit, a third drives one out. */
	for (uint64_t key = 0; key < 4; key++)
		expect_result(capacitor_set(rig->handle, &key, sizeof key, value, huge_bytes, 0), CAPACITOR_STORED);
	expect(rig_stat(rig, CAPACITOR_STAT_ENTRIES) >= 1 && rig_stat(rig, CAPACITOR_STAT_ENTRIES) <= 2,
	       "%" PRIu64 " entries of 16 MiB in 40 MiB", rig_stat(rig, CAPACITOR_STAT_ENTRIES));
	free(value);
}

static void test_one_entry(struct rig *rig)
{
	rig_open_exact(rig, 1, 500);
	for (uint64_t key = 0; key < 50; key++) {
		expect_result(tagged_set(rig->handle, key, key, 500), CAPACITOR_STORED);
		expect_number(tagged_version(rig, key), key);
		expect_number(rig_stat(rig, CAPACITOR_STAT_ENTRIES), 1);
		expect_result(tagged_set(rig->handle, key, key + 1, 500), CAPACITOR_STORED);
		expect_number(tagged_version(rig, key), key + 1);
	}
	/* One step of the rounding more does not fit; the old value stays. */
	expect_result(tagged_set(rig->handle, 49, 99, 1000), CAPACITOR_TOO_LARGE);
	expect_number(tagged_version(rig, 49), 50);
	expect_result(tagged_set(rig->handle, 49, 7, 100), CAPACITOR_STORED);
	expect_number(tagged_version(rig, 49), 7);
}

/* One byte less, and nothing fits. */
static void test_less_than_one_entry(struct rig *rig)
{
	rig_open_exact(rig, 1, 500);
	expect_result(tagged_set(rig->handle, 1, 1, 500), CAPACITOR_STORED);
	rig->config.capacity_bytes--;
	rig_open(rig);
	expect_result(tagged_set(rig->handle, 1, 1, 500), CAPACITOR_TOO_LARGE);
	expect_number(tagged_version(rig, 1), MISSING);
	expect_number(rig_stat(rig, CAPACITOR_STAT_ENTRIES), 0);
}

/* A value that needs almost all room drives the small ones out. */
static void test_large_among_small(struct rig *rig)
{
	size_t large_bytes = 40 * capacitor_entry_bytes(LABEL_BYTES, 100) * 7 / 8;

	rig_open_exact(rig, 40, 100);
	for (unsigned round = 0; round < 5; round++) {
		for (uint64_t key = 0; key < 60; key++)
			expect_result(tagged_set(rig->handle, key, key, 100), CAPACITOR_STORED);
		expect_result(tagged_set(rig->handle, 1000, round, large_bytes), CAPACITOR_STORED);
		expect_number(tagged_version(rig, 1000), round);
		expect(rig_stat(rig, CAPACITOR_STAT_LIVE_BYTES) + rig_stat(rig, CAPACITOR_STAT_TABLE_BYTES) <=
		               rig->config.capacity_bytes,
		       "the large value was added without room");
	}
}

/* ---- Batches ----------------------------------------------------------------------------------------------------- */

#define BATCH_MAX 1000

static void run_batch(const struct rig *rig, size_t count, uint64_t keys)
{
	struct capacitor_request *request = calloc(BATCH_MAX, sizeof *request);
	struct label *label = calloc(BATCH_MAX, sizeof *label);
	char (*buffer)[64] = calloc(BATCH_MAX, sizeof *buffer);
	uint64_t version;

	expect(request && label && buffer, "no memory");
	for (size_t i = 0; i < count; i++) {
		label[i] = label_of(i * 7 % keys);
		request[i] = (struct capacitor_request){label[i].text, label[i].bytes, buffer[i], 64, 99,
		                                        CAPACITOR_BUSY};
	}
	expect_result(capacitor_get_many(rig->handle, request, count), CAPACITOR_OK);
	for (size_t i = 0; i < count; i++) {
		uint64_t key = i * 7 % keys;

		expect_result(request[i].result, key % 3 ? CAPACITOR_HIT : CAPACITOR_MISS);
		expect_number(request[i].value_bytes, key % 3 ? 20 + key % 40 : 0);
		if (key % 3)
			expect(tagged_check(buffer[i], request[i].value_bytes, key, &version) && version == key,
			       "request %zu of %zu has another value", i, count);
	}
	for (size_t i = count; i < BATCH_MAX; i++)
		expect(request[i].result == CAPACITOR_OK, "a request behind the batch was written");
	free(request);
	free(label);
	free(buffer);
}

static void test_batches(struct rig *rig)
{
	struct capacitor_request none;

	rig_open(rig);
	for (uint64_t key = 0; key < 300; key++)
		if (key % 3)
			expect_result(tagged_set(rig->handle, key, key, 20 + key % 40), CAPACITOR_STORED);
	expect_result(capacitor_get_many(rig->handle, &none, 0), CAPACITOR_OK);
	for (size_t count = 1; count <= 40; count++)
		run_batch(rig, count, 300);
	run_batch(rig, 50, 2); /* one key again and again */
	run_batch(rig, BATCH_MAX, 300);
	run_batch(rig, BATCH_MAX, 3);
}

/* Good, missing, too short and invalid requests in one batch, in every position of a run of 20. */
static void test_mixed_batches(struct rig *rig)
{
	struct capacitor_request request[20];
	struct label there = label_of(1), missing = label_of(2);
	char buffer[20][40];

	rig_open(rig);
	expect_result(tagged_set(rig->handle, 1, 1, 40), CAPACITOR_STORED);
	for (unsigned turn = 0; turn < 5; turn++) {
		for (unsigned i = 0; i < 20; i++) {
			request[i] = (struct capacitor_request){there.text, there.bytes, buffer[i], 40, 99,
			                                        CAPACITOR_BUSY};
			memset(buffer[i], CANARY, 40);
			if ((i + turn) % 5 == 1)
				request[i].key = missing.text;
			else if ((i + turn) % 5 == 2)
				request[i].buffer_bytes = 39;
			else if ((i + turn) % 5 == 3)
				request[i].key_bytes = 0;
			else if ((i + turn) % 5 == 4)
				request[i].buffer = NULL;
		}
		expect_result(capacitor_get_many(rig->handle, request, 20), CAPACITOR_OK);
		for (unsigned i = 0; i < 20; i++) {
			static const enum capacitor_result expected[] = {
				CAPACITOR_HIT, CAPACITOR_MISS, CAPACITOR_BUFFER_TOO_SMALL, CAPACITOR_INVALID,
				CAPACITOR_INVALID,
			};
			unsigned kind = (i + turn) % 5;

			expect_result(request[i].result, expected[kind]);
			expect_number(request[i].value_bytes, kind == 0 || kind == 2 ? 40 : 0);
			expect(kind == 0 || buffer[i][0] == CANARY, "a request that is no hit wrote to its buffer");
		}
	}
}

const struct suite_test limits_tests[] = {
	{.name = "keys of 1 byte to 64 KiB", .run = test_keys, .scope = SUITE_ALL, .without = STORAGE},
	{.name = "keys of 64 KiB that differ in little", .run = test_long_keys_differ, .scope = SUITE_ALL,
	 .without = STORAGE},
	{.name = "values of 0 bytes to 64 KiB, buffers of one byte less and more", .run = test_values,
	 .scope = SUITE_ALL,
	 .without = STORAGE},
	{.name = "all small lengths of keys and values", .run = test_small_lengths, .scope = SUITE_POLICY,
	 .without = STORAGE},
	{.name = "values of 16 MiB", .run = test_huge_values, .scope = SUITE_POLICY, .without = STORAGE},
	{.name = "G4 the capacity of one entry holds one entry", .run = test_one_entry, .scope = SUITE_ALL,
	 .without = STORAGE},
	{.name = "G7 one byte less than one entry holds none", .run = test_less_than_one_entry, .scope = SUITE_ALL,
	 .without = STORAGE},
	{.name = "G4 a large value drives small ones out", .run = test_large_among_small, .scope = SUITE_POLICY,
	 .without = STORAGE},
	{.name = "batches of 0 to 1000, keys repeated", .run = test_batches, .scope = SUITE_ALL, .without = STORAGE},
	{.name = "batches in which some requests are invalid", .run = test_mixed_batches, .scope = SUITE_ALL,
	 .without = STORAGE},
	{.name = NULL},
};
