/* SPDX-License-Identifier: BSD-2-Clause */
/* G5: how often a call allocates, counted by a malloc of our own in the calling thread. */
#include <inttypes.h>

#include "heap.h"
#include "suite.h"

#define KEYS 64

static void need_heap(struct rig *rig)
{
	if (!heap_watched())
		rig_skip(rig, "the sanitizer's malloc cannot be counted");
}

static void fill(struct rig *rig)
{
	for (uint64_t key = 0; key < KEYS; key++)
		expect_result(tagged_set(rig->handle, key, key, 100), CAPACITOR_STORED);
}

/* The control: the counter counts. */
static void test_control(struct rig *rig)
{
	uint64_t before = heap_allocations();
	void *volatile block;

	need_heap(rig);
	block = malloc(100);
	expect_number(heap_allocations() - before, 1);
	free(block);
	block = calloc(3, 100);
	block = realloc(block, 1000);
	free(block);
	block = aligned_alloc(64, 128);
	free(block);
	expect_number(heap_allocations() - before, 4);
	heap_fail_at(2);
	block = malloc(1);
	expect(block && !heap_failed(), "the first allocation does not fail");
	free(block);
	block = malloc(1);
	expect(!block && heap_failed(), "the second allocation fails");
	block = malloc(1);
	expect(block, "the third allocation does not fail");
	free(block);
}

static void test_reads(struct rig *rig)
{
	struct capacitor_request request[8];
	struct label label[8];
	char buffer[8][128];
	uint64_t before;

	need_heap(rig);
	rig_open(rig);
	fill(rig);
	before = heap_allocations();
	for (uint64_t key = 0; key < 2 * KEYS; key++) {
		struct capacitor_pin pin;

		tagged_version(rig, key);
		label_contains(rig->handle, key);
		if (label_pin(rig->handle, key, &pin) == CAPACITOR_HIT)
			capacitor_unpin(rig->handle, &pin);
		for (unsigned i = 0; i < 8; i++) {
			label[i] = label_of(key + i);
			request[i] = (struct capacitor_request){label[i].text, label[i].bytes, buffer[i], 128, 0,
			                                        CAPACITOR_BUSY};
		}
		capacitor_get_many(rig->handle, request, 8);
	}
	expect_number(heap_allocations() - before, 0);
}

static void test_deletes(struct rig *rig)
{
	uint64_t before;

	need_heap(rig);
	rig_open(rig);
	fill(rig);
	before = heap_allocations();
	for (uint64_t key = 0; key < 2 * KEYS; key++)
		expect_result(label_delete(rig->handle, key),
		              key < KEYS && !(rig->info->lacks & STORAGE) ? CAPACITOR_HIT : CAPACITOR_MISS);
	expect_number(heap_allocations() - before, 0);
}

/* From a table for one entry to thousands, with other sizes, then evicting: a store allocates one block, and an array
 * for each rebuild that it did. */
static void test_stores(struct rig *rig)
{
	uint64_t random = rig->seed;

	need_heap(rig);
	rig->config.expected_entries = 1;
	rig->config.capacity_bytes = (size_t)512 << 10;
	rig_open(rig);
	for (uint64_t i = 0; i < 4000; i++) {
		uint64_t rebuilds = rig_stat(rig, CAPACITOR_STAT_TABLE_REBUILDS), before, allocations;
		tagged_store *const stores[] = {capacitor_set, capacitor_add, capacitor_replace};
		enum capacitor_result result;

		before = heap_allocations();
		result = tagged_write(stores[i % 7 % 3], rig->handle, random_below(&random, 3000), i,
		                      random_below(&random, 400));
		allocations = heap_allocations() - before;
		expect(result == CAPACITOR_STORED || result == CAPACITOR_EXISTS || result == CAPACITOR_MISS, "%s",
		       capacitor_result_string(result));
		rebuilds = rig_stat(rig, CAPACITOR_STAT_TABLE_REBUILDS) - rebuilds;
		expect(allocations <= 1 + rebuilds, "store %" PRIu64 " allocated %" PRIu64 " times with %" PRIu64
		       " table rebuilds", i, allocations, rebuilds);
	}
}

#define ROUNDS 2000

/* Allocations of ROUNDS stores of one length over so many keys, in turns. */
static uint64_t store_in_turns(const struct rig *rig, uint64_t keys)
{
	uint64_t before = heap_allocations();

	for (uint64_t i = 0; i < ROUNDS; i++)
		expect_result(tagged_set(rig->handle, i % keys, i, 100), CAPACITOR_STORED);
	return heap_allocations() - before;
}

/*
 * Where memory is reclaimed at once, the block of the old value is there for the next store: none allocates. Where
 * readers may hold it for a while, that is seen over a longer time, when the machine has found some for reclamation.
 */
static void expect_recycling(const struct rig *rig, uint64_t keys)
{
	bool at_once = rig->info->unavailable[CAPACITOR_STAT_GRACE_PERIODS] != NULL;
	uint64_t until_ns = now_ns() + (uint64_t)10 * 1000000000u, allocations;

	(void)store_in_turns(rig, keys);
	do
		allocations = store_in_turns(rig, keys);
	while (!at_once && allocations == ROUNDS && now_ns() < until_ns);
	expect(allocations <= (at_once ? 0 : ROUNDS - 1), "%" PRIu64 " allocations in %d stores of the same length",
	       allocations, ROUNDS);
}

static void test_overwriting_recycles(struct rig *rig)
{
	need_heap(rig);
	rig_open(rig);
	expect_recycling(rig, 1);
	expect_recycling(rig, KEYS);
}

static void test_evicting_recycles(struct rig *rig)
{
	need_heap(rig);
	rig_open_exact(rig, 50, 100);
	expect_recycling(rig, 200);
	expect(rig_stat(rig, CAPACITOR_STAT_EVICTIONS) > 0, "nothing was evicted: the test tests nothing");
}

static void test_failed_adds_recycle(struct rig *rig)
{
	uint64_t before;

	need_heap(rig);
	rig_open(rig);
	fill(rig);
	before = heap_allocations();
	for (uint64_t i = 0; i < 1000; i++) {
		expect_result(tagged_write(capacitor_add, rig->handle, i % KEYS, i, 100), CAPACITOR_EXISTS);
		expect_result(tagged_write(capacitor_replace, rig->handle, KEYS + i, i, 100), CAPACITOR_MISS);
	}
	expect(heap_allocations() - before <= 1, "adds and replaces that store nothing allocate each time");
}

const struct suite_test allocations_tests[] = {
	{.name = "G5 allocations are counted, and can be made to fail", .run = test_control, .heap = true},
	{.name = "G5 reads allocate nothing", .run = test_reads, .heap = true, .scope = SUITE_ALL},
	{.name = "G5 delete allocates nothing", .run = test_deletes, .heap = true, .scope = SUITE_ALL},
	{.name = "G5 a store allocates one block at most", .run = test_stores, .heap = true, .scope = SUITE_POLICY},
	{.name = "G5 overwriting recycles", .run = test_overwriting_recycles, .heap = true, .scope = SUITE_ALL},
	{.name = "G5 evicting recycles", .run = test_evicting_recycles, .heap = true, .scope = SUITE_ALL,
	 .without = STORAGE},
	{.name = "G5 adds and replaces that fail recycle", .run = test_failed_adds_recycle, .heap = true,
	 .scope = SUITE_ALL, .without = STORAGE},
	{.name = NULL},
};
