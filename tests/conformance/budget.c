/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * G4: what is charged stays within the capacity and one entry per writing thread, and readers that hold on to memory
 * cannot make it grow: writers get BUSY instead, and go on once it is let go.
 *
 * The bytes are watched from two sides: the statistics of the cache, sampled while writers run, and the heap of the
 * whole program, whose peak is exact and does not depend on what the cache says of itself.
 */
#include <inttypes.h>

#include "crew.h"
#include "heap.h"

/* ---- What is charged --------------------------------------------------------------------------------------------- */

static void test_charges(struct rig *rig)
{
	uint64_t bytes = 0, random = rig->seed;
	size_t size[50];

	rig_open(rig);
	for (unsigned key = 0; key < 50; key++) {
		size[key] = random_below(&random, 3000);
		bytes += capacitor_entry_bytes(LABEL_BYTES, size[key]);
		expect_result(tagged_set(rig->handle, key, 1, size[key]), CAPACITOR_STORED);
		expect_number(rig_stat(rig, CAPACITOR_STAT_LIVE_BYTES), bytes);
		expect_number(rig_stat(rig, CAPACITOR_STAT_ENTRIES), key + 1);
	}
	for (unsigned key = 0; key < 20; key++) {
		bytes += capacitor_entry_bytes(LABEL_BYTES, 100) - capacitor_entry_bytes(LABEL_BYTES, size[key]);
		expect_result(tagged_set(rig->handle, key, 2, 100), CAPACITOR_STORED);
		expect_number(rig_stat(rig, CAPACITOR_STAT_LIVE_BYTES), bytes);
	}
	for (unsigned key = 20; key < 40; key++) {
		bytes -= capacitor_entry_bytes(LABEL_BYTES, size[key]);
		expect_result(label_delete(rig->handle, key), CAPACITOR_HIT);
		expect_number(rig_stat(rig, CAPACITOR_STAT_LIVE_BYTES), bytes);
	}
	expect_number(rig_stat(rig, CAPACITOR_STAT_ENTRIES), 30);
	expect_result(capacitor_clear(rig->handle), CAPACITOR_OK);
	expect_number(rig_stat(rig, CAPACITOR_STAT_LIVE_BYTES), 0);
	expect_number(rig_stat(rig, CAPACITOR_STAT_ENTRIES), 0);
	expect_result(quiesce_patiently(rig->handle), CAPACITOR_OK);
	expect_number(rig_stat(rig, CAPACITOR_STAT_RETIRED_BYTES), 0);
}

/* Keys of 60 KiB with values of nothing: who charges values only would keep hundreds. */
static void test_keys_are_charged(struct rig *rig)
{
	static unsigned char key[60000];
	size_t table_bytes, charge = capacitor_entry_bytes(sizeof key, 0);

	rig->config.capacity_bytes = 10 * charge;
	rig->config.expected_entries = 16;
	rig_open(rig);
	table_bytes = (size_t)rig_stat(rig, CAPACITOR_STAT_TABLE_BYTES);
	for (unsigned i = 0; i < 50; i++) {
		memcpy(key, &i, sizeof i);
		expect_result(capacitor_set(rig->handle, key, sizeof key, NULL, 0, 0), CAPACITOR_STORED);
		expect(rig_used_bytes(rig) <= rig->config.capacity_bytes + charge, "the capacity is exceeded");
	}
	expect(rig_stat(rig, CAPACITOR_STAT_ENTRIES) <= (rig->config.capacity_bytes - table_bytes) / charge + 1,
	       "more entries than fit");
	expect(rig_stat(rig, CAPACITOR_STAT_ENTRIES) >= 5, "half of the capacity is not used");
}

/* One writer alone: never more than one entry above the capacity, and it is well used. */
static void test_one_writer(struct rig *rig)
{
	size_t charge = capacitor_entry_bytes(LABEL_BYTES, 4000);
	uint64_t random = rig->seed, most = 0;

	rig->config.capacity_bytes = (size_t)256 << 10;
	rig->config.expected_entries = 64;
	rig_open(rig);
	for (unsigned i = 0; i < 600; i++) {
		uint64_t used;

		expect_result(tagged_set(rig->handle, random_below(&random, 400), i, random_below(&random, 4001)),
		              CAPACITOR_STORED);
		used = rig_used_bytes(rig);
		most = used > most ? used : most;
		expect(used <= rig->config.capacity_bytes + charge, "%" PRIu64 " bytes are used of %zu", used,
		       rig->config.capacity_bytes);
	}
	expect(most >= rig->config.capacity_bytes * 3 / 4, "a quarter of the capacity was never used");
	expect(rig_stat(rig, CAPACITOR_STAT_LIVE_BYTES) >= rig->config.capacity_bytes / 2, "half of it is not live");
}

/* ---- Churn ------------------------------------------------------------------------------------------------------- */

#define CHURN_BYTES   4000
#define CHURN_WRITERS 2
#define CHURN_READERS 1
#define CHURN_PINNERS 1
#define CHURN_THREADS (CHURN_WRITERS + CHURN_READERS + CHURN_PINNERS)
#define CHURN_KEYS    600

static void churn_member(struct crew_member *member)
{
	struct capacitor_pin pin[4];
	uint64_t version;
	unsigned held = 0;
	bool whole;

	while (crew_goes_on(member->crew)) {
		uint64_t key = random_below(&member->random, CHURN_KEYS);
		enum capacitor_result result;

		if (member->index < CHURN_WRITERS) {
			result = tagged_set(member->handle, key, key, random_below(&member->random, CHURN_BYTES + 1));
			crew_expect(member, result == CAPACITOR_STORED, "set: %s", capacitor_result_string(result));
		} else if (member->index < CHURN_WRITERS + CHURN_READERS) {
			result = tagged_get(member->handle, key, &version, NULL, &whole);
			crew_expect(member, result == CAPACITOR_MISS || (result == CAPACITOR_HIT && whole), "get: %s",
			            capacitor_result_string(result));
		} else if (held == 4) {
			while (held > 0)
				capacitor_unpin(member->handle, &pin[--held]);
		} else if (label_pin(member->handle, key, &pin[held]) == CAPACITOR_HIT) {
			held++;
		}
	}
}

static void test_churn(struct rig *rig)
{
	uint64_t charge = capacitor_entry_bytes(LABEL_BYTES, CHURN_BYTES), bound, until_ns;
	int64_t heap_before = heap_bytes(), heap_bound;
	struct crew crew;

	rig->config.capacity_bytes = (size_t)512 << 10;
	rig->config.expected_entries = 128;
	rig->config.threads_max = CHURN_THREADS + 1;
	rig_open(rig);
	bound = rig->config.capacity_bytes + CHURN_WRITERS * charge;
	/* What a cache needs besides its tables, for the heap of malloc, for the threads, and a spare block for each of
	 * them. */
	heap_bound = heap_bytes() - (int64_t)rig_stat(rig, CAPACITOR_STAT_TABLE_BYTES) + (int64_t)bound +
	             (int64_t)bound / 64 + CHURN_THREADS * (int64_t)(charge + 8192);
	crew_start(&crew, rig, CHURN_THREADS, churn_member, NULL);
	heap_peak_reset();
	until_ns = now_ns() + 60000000;
	while (crew_evicts_until(&crew, until_ns))
		if (rig_exceeds(rig, rig->config.capacity_bytes, CHURN_WRITERS, charge))
			crew_fail_main(&crew, "%" PRIu64 " bytes are used of %zu", rig_used_bytes(rig),
			               rig->config.capacity_bytes);
	if (heap_watched() && heap_peak_bytes() > heap_bound)
		crew_fail_main(&crew, "the heap grew from %" PRId64 " to %" PRId64 " bytes, %" PRId64 " are the bound",
		               heap_before, heap_peak_bytes(), heap_bound);
	crew_stop(&crew);
	crew_finish(&crew);
	expect(rig_stat(rig, CAPACITOR_STAT_EVICTIONS) > 0, "nothing was evicted: the test tests nothing");
	expect_result(quiesce_patiently(rig->handle), CAPACITOR_OK);
	expect_number(rig_stat(rig, CAPACITOR_STAT_RETIRED_BYTES), 0);
	expect(rig_used_bytes(rig) <= rig->config.capacity_bytes, "above the capacity, at rest");
}

/* ---- Readers that hold on ---------------------------------------------------------------------------------------- */

#define HELD_ENTRIES    20
#define HELD_BYTES      500
#define HELD_TIMEOUT_NS 10000000

/* Fills the cache and pins all that is in it. Returns how many. */
static unsigned pin_everything(struct rig *rig, struct capacitor_pin *pin)
{
	unsigned pins = 0;

	rig->config.busy_timeout_ns = HELD_TIMEOUT_NS;
	rig_open_exact(rig, HELD_ENTRIES, HELD_BYTES);
	for (uint64_t key = 0; key < HELD_ENTRIES; key++)
		expect_result(tagged_set_patiently(rig->handle, key, key, HELD_BYTES), CAPACITOR_STORED);
	for (uint64_t key = 0; key < HELD_ENTRIES; key++)
		if (label_pin(rig->handle, key, &pin[pins]) == CAPACITOR_HIT)
			pins++;
	expect(pins >= HELD_ENTRIES * 3 / 4, "only %u of %u entries are there", pins, HELD_ENTRIES);
	return pins;
}

/* BUSY comes after the timeout, and before somebody loses patience. */
static void expect_busy_in_time(uint64_t began_ns)
{
	uint64_t took_ns = now_ns() - began_ns;

	expect(took_ns >= HELD_TIMEOUT_NS, "BUSY after %" PRIu64 " ns, before its deadline", took_ns);
	expect(took_ns < PATIENCE_NS, "BUSY after %" PRIu64 " ns, long after its deadline", took_ns);
}

/* Stores key after key, over and over, and pins what is stored, until all memory is pinned and three stores were BUSY.
 * Returns how many pins there are. */
static unsigned store_until_busy(const struct rig *rig, struct capacitor_pin *pin)
{
	uint64_t charge = capacitor_entry_bytes(LABEL_BYTES, HELD_BYTES), busy = 0;
	unsigned pins = 0;

	for (uint64_t i = 0; busy < 3; i++) {
		uint64_t key = i % HELD_ENTRIES, before = tagged_version(rig, key), after;
		uint64_t waited_ns = rig_stat(rig, CAPACITOR_STAT_ROOM_WAIT_NS), began_ns = now_ns();
		enum capacitor_result result;

		expect(i < 10 * HELD_ENTRIES, "memory that is all pinned does not stop a writer");
		result = tagged_set(rig->handle, key, 1000 + i, HELD_BYTES);
		after = tagged_version(rig, key);
		expect(rig_used_bytes(rig) <= rig->config.capacity_bytes + charge, "the capacity is exceeded");
		if (result == CAPACITOR_STORED) {
			pins += label_pin(rig->handle, key, &pin[pins]) == CAPACITOR_HIT;
			expect(pins <= HELD_ENTRIES + 1, "more is pinned than fits");
			continue;
		}
		expect_result(result, CAPACITOR_BUSY);
		expect_busy_in_time(began_ns);
		expect(rig_stat(rig, CAPACITOR_STAT_ROOM_WAIT_NS) - waited_ns >= HELD_TIMEOUT_NS &&
		               rig_stat(rig, CAPACITOR_STAT_ROOM_WAIT_NS) - waited_ns <= now_ns() - began_ns,
		       "%" PRIu64 " ns of waiting for room were counted", rig_stat(rig, CAPACITOR_STAT_ROOM_WAIT_NS) - waited_ns);
		expect(after == before || after == MISSING, "a store that was BUSY changed the value");
		expect_number(rig_stat(rig, CAPACITOR_STAT_BUSY), ++busy);
	}
	return pins;
}

static void test_pins_of_everything(struct rig *rig)
{
	struct capacitor_pin pin[HELD_ENTRIES + 2];
	unsigned pins;

	rig->config.busy_timeout_ns = HELD_TIMEOUT_NS;
	rig_open_exact(rig, HELD_ENTRIES, HELD_BYTES);
	pins = store_until_busy(rig, pin);
	for (unsigned i = 0; i < pins; i++) {
		uint64_t version, key;

		memcpy(&version, pin[i].value, sizeof version);
		key = (version - 1000) % HELD_ENTRIES;
		expect(tagged_check(pin[i].value, pin[i].value_bytes, key, &version), "a pinned value changed");
		expect_result(capacitor_unpin(rig->handle, &pin[i]), CAPACITOR_OK);
	}
	expect_number(rig_stat(rig, CAPACITOR_STAT_BUSY), 3);
	for (uint64_t key = 0; key < 3 * HELD_ENTRIES; key++)
		expect_result(tagged_set_patiently(rig->handle, key, 5000, HELD_BYTES), CAPACITOR_STORED);
	expect_result(quiesce_patiently(rig->handle), CAPACITOR_OK);
	expect_number(rig_stat(rig, CAPACITOR_STAT_RETIRED_BYTES), 0);
}

/* Some pinned memory shrinks the room for others; it does not stop them. */
static void test_pins_shrink_the_room(struct rig *rig)
{
	uint64_t charge = capacitor_entry_bytes(LABEL_BYTES, HELD_BYTES);
	struct capacitor_pin pin[HELD_ENTRIES];
	unsigned pins = pin_everything(rig, pin);

	for (unsigned i = 5; i < pins; i++)
		expect_result(capacitor_unpin(rig->handle, &pin[i]), CAPACITOR_OK);
	expect_result(capacitor_clear(rig->handle), CAPACITOR_OK);
	for (uint64_t key = 0; key < 5 * HELD_ENTRIES; key++) {
		expect_result(tagged_set_patiently(rig->handle, key, 1000, HELD_BYTES), CAPACITOR_STORED);
		expect(rig_used_bytes(rig) <= rig->config.capacity_bytes + charge, "the capacity is exceeded");
	}
	expect(rig_stat(rig, CAPACITOR_STAT_ENTRIES) >= HELD_ENTRIES / 2, "the room that is left is not used");
	for (unsigned i = 0; i < 5; i++)
		expect_result(capacitor_unpin(rig->handle, &pin[i]), CAPACITOR_OK);
}

static void test_resize_below_pins(struct rig *rig)
{
	size_t charge = capacitor_entry_bytes(LABEL_BYTES, HELD_BYTES), small;
	struct capacitor_pin pin[HELD_ENTRIES];
	unsigned pins = pin_everything(rig, pin);
	uint64_t began_ns = now_ns();

	small = (size_t)rig_stat(rig, CAPACITOR_STAT_TABLE_BYTES) + 3 * charge;
	expect_result(capacitor_resize(rig->handle, small), CAPACITOR_BUSY);
	expect_busy_in_time(began_ns);
	expect_number(rig_stat(rig, CAPACITOR_STAT_BUSY), 1);
	expect_number(rig_stat(rig, CAPACITOR_STAT_CAPACITY_BYTES), small);
	for (unsigned i = 0; i < pins; i++)
		expect_result(capacitor_unpin(rig->handle, &pin[i]), CAPACITOR_OK);
	for (uint64_t key = 100; key < 110; key++) {
		expect_result(tagged_set_patiently(rig->handle, key, key, HELD_BYTES), CAPACITOR_STORED);
		expect(rig_used_bytes(rig) <= small + charge, "the new capacity is exceeded");
	}
}

/* ---- A reader stopped inside a read ------------------------------------------------------------------------------ */

struct stalled {
	struct rig *rig;
	struct gate gate;
	enum capacitor_result result;
};

static _Thread_local bool stalls_at_clock;

/* The clock is read inside get, to tell whether an entry has expired: where a reader is stopped in its read section. */
static uint64_t stalling_clock(void *context)
{
	struct stalled *stalled = context;

	if (stalls_at_clock) {
		stalls_at_clock = false;
		gate_pass(&stalled->gate);
	}
	return rig_clock(stalled->rig);
}

static void *stalled_main(void *argument)
{
	struct stalled *stalled = argument;
	struct capacitor_handle *handle;
	uint64_t version;
	bool whole = true;

	stalled->result = capacitor_enter(stalled->rig->cache, &handle);
	if (stalled->result == CAPACITOR_OK) {
		stalls_at_clock = true;
		stalled->result = tagged_get(handle, 1, &version, NULL, &whole);
		stalls_at_clock = false;
		capacitor_leave(handle);
	}
	if (!whole)
		stalled->result = CAPACITOR_INVALID;
	return NULL;
}

/* Writes for as long as the reader stands still. Returns NULL, or what went wrong. */
static const char *write_beside_stalled(const struct rig *rig, uint64_t *stored)
{
	uint64_t bound = rig->config.capacity_bytes + capacitor_entry_bytes(LABEL_BYTES, HELD_BYTES);
	unsigned busy = 0;

	for (uint64_t i = 0; i < 20 * HELD_ENTRIES && busy < 3; i++) {
		enum capacitor_result result = tagged_set(rig->handle, 1 + i % (3 * HELD_ENTRIES), i, HELD_BYTES);

		if (result != CAPACITOR_STORED && result != CAPACITOR_BUSY)
			return capacitor_result_string(result);
		busy += result == CAPACITOR_BUSY;
		*stored += result == CAPACITOR_STORED;
		if (rig_used_bytes(rig) > bound)
			return "memory grows beside a reader that stands still";
	}
	return NULL;
}

static bool get_does_not_block(const struct capacitor_info *info)
{
	return info->progress[CAPACITOR_OP_GET] == CAPACITOR_LOCK_FREE ||
	       info->progress[CAPACITOR_OP_GET] == CAPACITOR_WAIT_FREE;
}

static void test_stalled_reader(struct rig *rig)
{
	struct stalled stalled = {.rig = rig, .result = CAPACITOR_INVALID};
	const char *wrong = NULL;
	uint64_t stored = 0;
	pthread_t thread;
	bool arrived;

	rig->config.busy_timeout_ns = HELD_TIMEOUT_NS;
	rig->config.default_ttl_ns = 1000000000;
	rig->config.clock_ns = stalling_clock;
	rig->config.clock_context = &stalled;
	gate_init(&stalled.gate);
	rig_open_exact(rig, HELD_ENTRIES, HELD_BYTES);
	expect_result(tagged_set_patiently(rig->handle, 1, 1, HELD_BYTES), CAPACITOR_STORED);
	expect(pthread_create(&thread, NULL, stalled_main, &stalled) == 0, "no thread");
	arrived = gate_await(&stalled.gate, 1, PATIENCE_NS);
	if (arrived)
		wrong = write_beside_stalled(rig, &stored);
	gate_open(&stalled.gate);
	pthread_join(thread, NULL);
	gate_destroy(&stalled.gate);
	expect(arrived, "get does not look at the clock for an entry that can expire");
	expect(!wrong, "%s", wrong);
	expect(stored > 0, "nothing can be stored beside a reader that stands still, not even at first");
	expect_result(stalled.result, CAPACITOR_HIT);
	for (uint64_t i = 0; i < 4 * HELD_ENTRIES; i++)
		expect_result(tagged_set_patiently(rig->handle, 100 + i, i, HELD_BYTES), CAPACITOR_STORED);
	expect_result(quiesce_patiently(rig->handle), CAPACITOR_OK);
	expect_number(rig_stat(rig, CAPACITOR_STAT_RETIRED_BYTES), 0);
}

const struct suite_test budget_tests[] = {
	{.name = "G4 live bytes are those of the entries", .run = test_charges, .scope = SUITE_ALL, .without = STORAGE},
	{.name = "G4 keys are charged", .run = test_keys_are_charged, .scope = SUITE_POLICY, .without = STORAGE},
	{.name = "G4 one writer exceeds the capacity by one entry at most", .run = test_one_writer, .scope = SUITE_ALL,
	 .without = STORAGE},
	{.name = "G4 writers, readers and pins stay within the capacity", .run = test_churn, .scope = SUITE_POLICY,
	 .without = SHARED},
	{.name = "G4 pins of everything make writers busy, then all recovers", .run = test_pins_of_everything,
	 .scope = SUITE_POLICY, .without = STORAGE},
	{.name = "G4 pins shrink the room for others", .run = test_pins_shrink_the_room, .scope = SUITE_POLICY,
	 .without = STORAGE},
	{.name = "G4 a resize below what is pinned is busy and in force", .run = test_resize_below_pins,
	 .scope = SUITE_POLICY, .without = STORAGE},
	{.name = "G4 a reader stopped inside a read does not make memory grow", .run = test_stalled_reader,
	 .scope = SUITE_POLICY, .without = SHARED, .applies = get_does_not_block},
	{.name = NULL},
};
