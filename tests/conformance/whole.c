/* SPDX-License-Identifier: BSD-2-Clause */
/* The calls that concern the whole cache: each, clear, resize, quiesce; at rest and under load. */
#include <inttypes.h>

#include "crew.h"

#define WHOLE_KEYS 300

static uint64_t key_number(const void *key, size_t key_bytes)
{
	uint64_t number = 0;

	for (size_t i = 4; i < key_bytes; i++)
		number = number * 10 + (uint64_t)(((const char *)key)[i] - '0');
	return number;
}

/* ---- each -------------------------------------------------------------------------------------------------------- */

struct visits {
	unsigned count[4 * WHOLE_KEYS];
	unsigned total;
	unsigned stop_at; /* 0: never */
	const char *wrong;
};

static bool visit(void *context, const void *key, size_t key_bytes, const void *value, size_t value_bytes)
{
	struct visits *visits = context;
	uint64_t number = key_number(key, key_bytes), version;

	if (key_bytes != LABEL_BYTES || number >= 4 * WHOLE_KEYS)
		visits->wrong = "a key that was never stored";
	else if (!tagged_check(value, value_bytes, number, &version))
		visits->wrong = "a value that is torn or another's";
	else if (++visits->count[number] > 1)
		visits->wrong = "a key twice";
	return ++visits->total != visits->stop_at;
}

static void fill(const struct rig *rig)
{
	for (uint64_t key = 0; key < WHOLE_KEYS; key++)
		expect_result(tagged_set(rig->handle, key, key, key % 100), CAPACITOR_STORED);
}

static void test_each_is_complete(struct rig *rig)
{
	struct visits visits = {.total = 0};

	rig_open(rig);
	expect_result(capacitor_each(rig->handle, visit, &visits), CAPACITOR_OK);
	expect_number(visits.total, 0);
	fill(rig);
	for (uint64_t key = 0; key < WHOLE_KEYS; key += 3)
		expect_result(label_delete(rig->handle, key), CAPACITOR_HIT);
	for (uint64_t key = 1; key < WHOLE_KEYS; key += 3)
		expect_result(tagged_set(rig->handle, key, 7, 50), CAPACITOR_STORED);
	expect_result(capacitor_each(rig->handle, visit, &visits), CAPACITOR_OK);
	expect(!visits.wrong, "each visited %s", visits.wrong);
	expect_number(visits.total, WHOLE_KEYS - (WHOLE_KEYS + 2) / 3);
	for (uint64_t key = 0; key < WHOLE_KEYS; key++)
		expect(visits.count[key] == (key % 3 != 0), "key %" PRIu64 " was visited %u times", key,
		       visits.count[key]);
}

static void test_each_stops(struct rig *rig)
{
	rig_open(rig);
	fill(rig);
	for (unsigned stop_at = 1; stop_at < 2 * WHOLE_KEYS; stop_at += 37) {
		struct visits visits = {.stop_at = stop_at};

		expect_result(capacitor_each(rig->handle, visit, &visits), CAPACITOR_OK);
		expect_number(visits.total, stop_at < WHOLE_KEYS ? stop_at : WHOLE_KEYS);
	}
	expect_result(tagged_set(rig->handle, 5, 5, 5), CAPACITOR_STORED); /* no lock was left behind */
}

/* Keys below WHOLE_KEYS stay; those above come and go. */
static void churn_member(struct crew_member *member)
{
	while (crew_goes_on(member->crew)) {
		uint64_t key = WHOLE_KEYS + random_below(&member->random, WHOLE_KEYS), version;
		enum capacitor_result result;
		bool whole;

		if (random_below(&member->random, 3)) {
			result = tagged_set(member->handle, key, key, random_below(&member->random, 200));
			crew_expect(member, result == CAPACITOR_STORED, "set: %s", capacitor_result_string(result));
		} else {
			label_delete(member->handle, key);
		}
		/* lru reorders the ones that stay */
		result = tagged_get(member->handle, key - WHOLE_KEYS, &version, NULL, &whole);
		crew_expect(member, result == CAPACITOR_HIT && whole, "get of a key that stays: %s",
		            capacitor_result_string(result));
	}
}

static void test_each_under_churn(struct rig *rig)
{
	uint64_t until_ns;
	struct crew crew;

	rig_open(rig);
	fill(rig);
	crew_start(&crew, rig, 2, churn_member, NULL);
	until_ns = now_ns() + 40000000;
	while (crew_goes_on(&crew) && now_ns() < until_ns) {
		struct visits visits = {.total = 0};

		if (capacitor_each(rig->handle, visit, &visits) != CAPACITOR_OK)
			crew_fail_main(&crew, "each failed");
		if (visits.wrong)
			crew_fail_main(&crew, "each visited %s", visits.wrong);
		for (unsigned key = 0; key < WHOLE_KEYS; key++)
			if (visits.count[key] != 1)
				crew_fail_main(&crew, "each visited key %u, which stays, %u times", key,
				               visits.count[key]);
	}
	crew_stop(&crew);
	crew_finish(&crew);
}

/* ---- clear ------------------------------------------------------------------------------------------------------- */

static void test_clear(struct rig *rig)
{
	rig_open(rig);
	expect_result(capacitor_clear(rig->handle), CAPACITOR_OK);
	for (unsigned round = 0; round < 3; round++) {
		fill(rig);
		expect_number(rig_stat(rig, CAPACITOR_STAT_ENTRIES), WHOLE_KEYS);
		expect_result(capacitor_clear(rig->handle), CAPACITOR_OK);
		expect_number(rig_stat(rig, CAPACITOR_STAT_ENTRIES), 0);
		for (uint64_t key = 0; key < WHOLE_KEYS; key++)
			expect_result(label_contains(rig->handle, key), CAPACITOR_MISS);
	}
	expect_number(rig_stat(rig, CAPACITOR_STAT_EVICTIONS), 0);
	expect_number(rig_stat(rig, CAPACITOR_STAT_DELETES), 0);
}

static void clear_member(struct crew_member *member)
{
	while (crew_goes_on(member->crew)) {
		uint64_t key = WHOLE_KEYS + random_below(&member->random, WHOLE_KEYS), version;
		enum capacitor_result result;
		bool whole;

		result = tagged_set(member->handle, key, key, random_below(&member->random, 200));
		crew_expect(member, result == CAPACITOR_STORED, "set: %s", capacitor_result_string(result));
		result = tagged_get(member->handle, key, &version, NULL, &whole);
		crew_expect(member, whole, "get: torn");
	}
}

/* What was there is gone, though others go on storing. */
static void test_clear_under_load(struct rig *rig)
{
	uint64_t until_ns;
	struct crew crew;

	rig_open(rig);
	crew_start(&crew, rig, 2, clear_member, NULL);
	until_ns = now_ns() + 40000000;
	while (crew_goes_on(&crew) && now_ns() < until_ns) {
		for (uint64_t key = 0; key < 100; key++)
			if (tagged_set(rig->handle, key, key, 50) != CAPACITOR_STORED)
				crew_fail_main(&crew, "set failed");
		if (capacitor_clear(rig->handle) != CAPACITOR_OK)
			crew_fail_main(&crew, "clear failed");
		for (uint64_t key = 0; key < 100; key++)
			if (label_contains(rig->handle, key) != CAPACITOR_MISS)
				crew_fail_main(&crew, "key %" PRIu64 " outlived clear", key);
	}
	crew_stop(&crew);
	crew_finish(&crew);
	expect_result(capacitor_clear(rig->handle), CAPACITOR_OK);
	expect_number(rig_stat(rig, CAPACITOR_STAT_ENTRIES), 0);
	expect_number(rig_stat(rig, CAPACITOR_STAT_LIVE_BYTES), 0);
}

/* ---- resize ------------------------------------------------------------------------------------------------------ */

static void test_resize(struct rig *rig)
{
	size_t charge = capacitor_entry_bytes(LABEL_BYTES, 100), table_bytes;
	uint64_t entries, evictions;

	rig_open_exact(rig, 100, 100);
	table_bytes = (size_t)rig_stat(rig, CAPACITOR_STAT_TABLE_BYTES);
	for (uint64_t key = 0; key < 200; key++)
		expect_result(tagged_set(rig->handle, key, key, 100), CAPACITOR_STORED);
	entries = rig_stat(rig, CAPACITOR_STAT_ENTRIES);
	evictions = rig_stat(rig, CAPACITOR_STAT_EVICTIONS);
	/* Up: nobody goes, and there is room. */
	expect_result(capacitor_resize(rig->handle, table_bytes + 400 * charge), CAPACITOR_OK);
	expect_number(rig_stat(rig, CAPACITOR_STAT_CAPACITY_BYTES), table_bytes + 400 * charge);
	expect_number(rig_stat(rig, CAPACITOR_STAT_ENTRIES), entries);
	for (uint64_t key = 200; key < 300; key++)
		expect_result(tagged_set(rig->handle, key, key, 100), CAPACITOR_STORED);
	expect_number(rig_stat(rig, CAPACITOR_STAT_ENTRIES), entries + 100);
	expect_number(rig_stat(rig, CAPACITOR_STAT_EVICTIONS), evictions);
	/* Down: at once, and by eviction. (The table may have grown.) */
	table_bytes = (size_t)rig_stat(rig, CAPACITOR_STAT_TABLE_BYTES);
	expect_result(capacitor_resize(rig->handle, table_bytes + 30 * charge), CAPACITOR_OK);
	expect(rig_used_bytes(rig) <= table_bytes + 30 * charge, "above the new capacity");
	entries += 100 - rig_stat(rig, CAPACITOR_STAT_ENTRIES);
	expect_number(rig_stat(rig, CAPACITOR_STAT_EVICTIONS), evictions + entries);
	expect(rig_stat(rig, CAPACITOR_STAT_ENTRIES) >= 20, "more was evicted than needed");
	/* To the tables alone: empty, and nothing fits. */
	expect_result(capacitor_resize(rig->handle, table_bytes), CAPACITOR_OK);
	expect_number(rig_stat(rig, CAPACITOR_STAT_ENTRIES), 0);
	expect_result(tagged_set(rig->handle, 1, 1, 100), CAPACITOR_TOO_LARGE);
	expect_result(capacitor_resize(rig->handle, table_bytes + 10 * charge), CAPACITOR_OK);
	expect_result(tagged_set(rig->handle, 1, 1, 100), CAPACITOR_STORED);
	expect_number(tagged_version(rig, 1), 1);
}

static void test_resize_under_load(struct rig *rig)
{
	size_t charge = capacitor_entry_bytes(LABEL_BYTES, 200), large = (size_t)128 << 10, capacity;
	uint64_t until_ns;
	struct crew crew;

	rig->config.expected_entries = 128;
	rig->config.capacity_bytes = large;
	rig_open(rig);
	crew_start(&crew, rig, 2, clear_member, NULL);
	until_ns = now_ns() + 50000000;
	for (unsigned round = 0; crew_goes_on(&crew) && now_ns() < until_ns; round++) {
		capacity = round % 2 ? large : large / 4;
		if (capacitor_resize(rig->handle, capacity) != CAPACITOR_OK)
			crew_fail_main(&crew, "resize failed");
		if (rig_exceeds(rig, capacity, 2, charge))
			crew_fail_main(&crew, "%" PRIu64 " bytes are used after a resize to %zu", rig_used_bytes(rig),
			               capacity);
	}
	crew_stop(&crew);
	crew_finish(&crew);
	expect_result(capacitor_resize(rig->handle, large / 4), CAPACITOR_OK);
	expect(rig_used_bytes(rig) <= large / 4, "above the capacity, at rest");
}

/* ---- quiesce ----------------------------------------------------------------------------------------------------- */

static void test_quiesce(struct rig *rig)
{
	rig_open(rig);
	expect_result(capacitor_quiesce(rig->handle), CAPACITOR_OK);
	for (unsigned round = 0; round < 3; round++) {
		fill(rig);
		fill(rig);
		for (uint64_t key = 0; key < WHOLE_KEYS; key += 2)
			expect_result(label_delete(rig->handle, key), CAPACITOR_HIT);
		expect_result(capacitor_quiesce(rig->handle), CAPACITOR_OK);
		expect_number(rig_stat(rig, CAPACITOR_STAT_RETIRED_BYTES), 0);
		expect_number(rig_stat(rig, CAPACITOR_STAT_ENTRIES), WHOLE_KEYS / 2);
		for (uint64_t key = 0; key < WHOLE_KEYS; key++)
			expect_number(tagged_version(rig, key), key % 2 == 0 ? MISSING : key % 100 < 8 ? 0 : key);
	}
}

/* By several at a time, beside writers. */
static void quiesce_member(struct crew_member *member)
{
	if (member->index >= 2) {
		clear_member(member);
		return;
	}
	while (crew_goes_on(member->crew)) {
		enum capacitor_result result = capacitor_quiesce(member->handle);

		crew_expect(member, result == CAPACITOR_OK || result == CAPACITOR_BUSY, "quiesce: %s",
		            capacitor_result_string(result));
	}
}

static void test_quiesce_under_load(struct rig *rig)
{
	struct crew crew;

	rig->config.capacity_bytes = (size_t)128 << 10;
	rig->config.expected_entries = 128;
	rig->config.busy_timeout_ns = PATIENCE_NS; /* writers are not to be busy for lack of a core */
	rig_open(rig);
	crew_start(&crew, rig, 4, quiesce_member, NULL);
	crew_run_for(&crew, 40000000);
	expect_result(capacitor_quiesce(rig->handle), CAPACITOR_OK);
	expect_number(rig_stat(rig, CAPACITOR_STAT_RETIRED_BYTES), 0);
}

const struct suite_test whole_tests[] = {
	{.name = "each visits every entry once", .run = test_each_is_complete, .scope = SUITE_ALL, .without = STORAGE},
	{.name = "each stops when told", .run = test_each_stops, .scope = SUITE_ALL, .without = STORAGE},
	{.name = "each sees once what stays, under churn", .run = test_each_under_churn, .scope = SUITE_POLICY,
	 .without = SHARED},
	{.name = "clear removes everything", .run = test_clear, .scope = SUITE_ALL, .without = STORAGE},
	{.name = "clear removes what was there, under load", .run = test_clear_under_load, .scope = SUITE_POLICY,
	 .without = SHARED},
	{.name = "G4 resize up and down", .run = test_resize, .scope = SUITE_ALL, .without = STORAGE},
	{.name = "G4 resize up and down under load", .run = test_resize_under_load, .scope = SUITE_POLICY,
	 .without = SHARED},
	{.name = "G4 quiesce reclaims all that is retired", .run = test_quiesce, .scope = SUITE_ALL,
	 .without = STORAGE},
	{.name = "G4 quiesce under load", .run = test_quiesce_under_load, .scope = SUITE_POLICY, .without = SHARED},
	{.name = NULL},
};
