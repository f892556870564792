/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * G3: a pinned value stays readable and unchanged whatever happens to its key, its memory stays charged (G4), and is
 * reclaimed once the last pin is gone: by unpin, by leaving, or by the death of the thread.
 */
#include <inttypes.h>
#include <sched.h>

#include "crew.h"

#define PIN_BYTES 200

/* Is it still the value of that key and version? */
static bool whole(const struct capacitor_pin *pin, uint64_t key, uint64_t wanted)
{
	uint64_t version;

	return pin->value_bytes == PIN_BYTES && tagged_check(pin->value, PIN_BYTES, key, &version) && version == wanted;
}

static struct capacitor_pin set_and_pin(const struct rig *rig, uint64_t key, uint64_t version)
{
	struct capacitor_pin pin;

	expect_result(tagged_set(rig->handle, key, version, PIN_BYTES), CAPACITOR_STORED);
	expect_result(label_pin(rig->handle, key, &pin), CAPACITOR_HIT);
	expect(whole(&pin, key, version), "the pinned value is not the one that was set");
	return pin;
}

/* Whatever happened: the value is unchanged and charged; after unpin its memory comes back. */
static void expect_pinned_until_unpinned(const struct rig *rig, struct capacitor_pin *pin, uint64_t key,
                                         uint64_t version)
{
	uint64_t charge = capacitor_entry_bytes(LABEL_BYTES, PIN_BYTES);

	expect_result(capacitor_quiesce(rig->handle), CAPACITOR_OK);
	expect(whole(pin, key, version), "the pinned value has changed");
	expect_number(rig_stat(rig, CAPACITOR_STAT_RETIRED_BYTES), charge);
	/* Other blocks of the size come and go: a pinned one that was freed too early is written over. */
	for (unsigned i = 0; i < 20; i++)
		expect_result(tagged_set(rig->handle, 900 + i % 3, i, PIN_BYTES), CAPACITOR_STORED);
	expect(whole(pin, key, version), "the pinned value was written over");
	expect_result(capacitor_unpin(rig->handle, pin), CAPACITOR_OK);
	expect_result(capacitor_quiesce(rig->handle), CAPACITOR_OK);
	expect_number(rig_stat(rig, CAPACITOR_STAT_RETIRED_BYTES), 0);
	expect(rig_stat(rig, CAPACITOR_STAT_RETIRED_PEAK_BYTES) >= charge, "the peak of retired bytes is too low");
}

static void test_delete(struct rig *rig)
{
	struct capacitor_pin pin;

	rig_open(rig);
	pin = set_and_pin(rig, 1, 10);
	expect_result(label_delete(rig->handle, 1), CAPACITOR_HIT);
	expect_number(tagged_version(rig, 1), MISSING);
	expect_pinned_until_unpinned(rig, &pin, 1, 10);
}

static void test_overwrite(struct rig *rig)
{
	struct capacitor_pin pin;

	rig_open(rig);
	pin = set_and_pin(rig, 1, 10);
	expect_result(tagged_set(rig->handle, 1, 11, PIN_BYTES), CAPACITOR_STORED);
	expect_number(tagged_version(rig, 1), 11);
	expect_pinned_until_unpinned(rig, &pin, 1, 10);
	expect_number(tagged_version(rig, 1), 11);
}

static void test_replace(struct rig *rig)
{
	struct capacitor_pin pin;

	rig_open(rig);
	pin = set_and_pin(rig, 1, 10);
	expect_result(tagged_write(capacitor_replace, rig->handle, 1, 11, PIN_BYTES), CAPACITOR_STORED);
	expect_number(tagged_version(rig, 1), 11);
	expect_pinned_until_unpinned(rig, &pin, 1, 10);
}

static void test_clear(struct rig *rig)
{
	struct capacitor_pin pin;

	rig_open(rig);
	pin = set_and_pin(rig, 1, 10);
	expect_result(capacitor_clear(rig->handle), CAPACITOR_OK);
	expect_number(rig_stat(rig, CAPACITOR_STAT_ENTRIES), 0);
	expect_pinned_until_unpinned(rig, &pin, 1, 10);
}

static void test_expiry(struct rig *rig)
{
	struct capacitor_pin pin;

	rig_use_clock(rig);
	rig->config.default_ttl_ns = 50;
	rig_open(rig);
	pin = set_and_pin(rig, 1, 10);
	rig_clock_advance(rig, 60);
	expect_number(tagged_version(rig, 1), MISSING);
	expect(whole(&pin, 1, 10), "the pinned value has changed at its expiry");
	expect_result(tagged_set(rig->handle, 1, 11, PIN_BYTES), CAPACITOR_STORED);
	expect_pinned_until_unpinned(rig, &pin, 1, 10);
}

/* Whether a pinned entry is evicted, or passed over because that would free nothing, is the implementation's choice. */
static void test_eviction(struct rig *rig)
{
	struct capacitor_pin pin;

	rig_open_exact(rig, 20, PIN_BYTES);
	pin = set_and_pin(rig, 1, 10);
	/* All are visited, too: else sieve would prefer the newcomers as victims for ever. */
	for (uint64_t key = 100; key < 200; key++) {
		expect_result(tagged_set(rig->handle, key, key, PIN_BYTES), CAPACITOR_STORED);
		expect_number(tagged_version(rig, key), key);
		expect(whole(&pin, 1, 10), "the pinned value has changed");
	}
	(void)label_delete(rig->handle, 1);
	expect_pinned_until_unpinned(rig, &pin, 1, 10);
}

static void test_resize(struct rig *rig)
{
	struct capacitor_pin pin;
	size_t table_bytes;

	rig_open_exact(rig, 20, PIN_BYTES);
	table_bytes = (size_t)rig_stat(rig, CAPACITOR_STAT_TABLE_BYTES);
	pin = set_and_pin(rig, 1, 10);
	/* Two entries' room, one of them taken by the pinned: nothing can be evicted in place of it. */
	expect_result(capacitor_resize(rig->handle, table_bytes + 2 * capacitor_entry_bytes(LABEL_BYTES, PIN_BYTES)),
	              CAPACITOR_OK);
	expect_result(tagged_set(rig->handle, 2, 20, PIN_BYTES), CAPACITOR_STORED);
	(void)label_delete(rig->handle, 1);
	expect(whole(&pin, 1, 10), "the pinned value has changed");
	expect_result(capacitor_resize(rig->handle, rig->config.capacity_bytes), CAPACITOR_OK);
	expect_pinned_until_unpinned(rig, &pin, 1, 10);
}

/* The same value by two pins: it goes with the second. */
static void test_twice(struct rig *rig)
{
	struct capacitor_pin pin, again;

	rig_open(rig);
	pin = set_and_pin(rig, 1, 10);
	expect_result(label_pin(rig->handle, 1, &again), CAPACITOR_HIT);
	expect(again.value == pin.value && again.slot != pin.slot, "two pins of one value take two slots");
	expect_result(label_delete(rig->handle, 1), CAPACITOR_HIT);
	expect_result(capacitor_unpin(rig->handle, &pin), CAPACITOR_OK);
	expect_pinned_until_unpinned(rig, &again, 1, 10);
}

static void test_limit(struct rig *rig)
{
	struct capacitor_pin pin[CAPACITOR_PINS_MAX], more;
	uint64_t busy;

	rig_open(rig);
	for (unsigned i = 0; i < CAPACITOR_PINS_MAX; i++)
		pin[i] = set_and_pin(rig, i, i);
	busy = rig_stat(rig, CAPACITOR_STAT_BUSY);
	expect_result(label_pin(rig->handle, 3, &more), CAPACITOR_BUSY);
	expect_number(rig_stat(rig, CAPACITOR_STAT_BUSY), busy + 1);
	expect_result(capacitor_unpin(rig->handle, &more), CAPACITOR_INVALID);
	for (unsigned i = 0; i < CAPACITOR_PINS_MAX; i++)
		expect(whole(&pin[i], i, i), "pin %u has changed", i);
	expect_result(capacitor_unpin(rig->handle, &pin[20]), CAPACITOR_OK);
	expect_result(label_pin(rig->handle, 3, &more), CAPACITOR_HIT);
	expect_result(capacitor_clear(rig->handle), CAPACITOR_OK);
	expect_result(capacitor_quiesce(rig->handle), CAPACITOR_OK);
	/* All but key 20 are pinned: key 3 twice. */
	expect_number(rig_stat(rig, CAPACITOR_STAT_RETIRED_BYTES),
	              (CAPACITOR_PINS_MAX - 1) * capacitor_entry_bytes(LABEL_BYTES, PIN_BYTES));
	expect_result(capacitor_unpin(rig->handle, &more), CAPACITOR_OK);
	for (unsigned i = 0; i < CAPACITOR_PINS_MAX; i++)
		if (i != 20) {
			expect(whole(&pin[i], i, i), "pin %u has changed", i);
			expect_result(capacitor_unpin(rig->handle, &pin[i]), CAPACITOR_OK);
		}
	expect_result(capacitor_quiesce(rig->handle), CAPACITOR_OK);
	expect_number(rig_stat(rig, CAPACITOR_STAT_RETIRED_BYTES), 0);
}

static void test_unpin_twice(struct rig *rig)
{
	struct capacitor_pin pin, copy;

	rig_open(rig);
	pin = set_and_pin(rig, 1, 10);
	copy = pin;
	expect_result(capacitor_unpin(rig->handle, &pin), CAPACITOR_OK);
	expect(!pin.value && pin.value_bytes == 0, "unpin clears the pin");
	expect_result(capacitor_unpin(rig->handle, &pin), CAPACITOR_INVALID);
	expect_result(capacitor_unpin(rig->handle, &copy), CAPACITOR_INVALID);
	expect_result(capacitor_unpin(rig->handle, NULL), CAPACITOR_INVALID);
}

/* A stale or empty pin must not release what another pin holds by now. */
static void test_unpin_of_another(struct rig *rig)
{
	struct capacitor_pin stale, pin, empty = {0};

	rig_open(rig);
	pin = set_and_pin(rig, 1, 10);
	stale = pin;
	expect_result(capacitor_unpin(rig->handle, &pin), CAPACITOR_OK);
	pin = set_and_pin(rig, 2, 20);
	expect_result(capacitor_unpin(rig->handle, &stale), CAPACITOR_INVALID);
	expect_result(capacitor_unpin(rig->handle, &empty), CAPACITOR_INVALID);
	expect_result(label_delete(rig->handle, 2), CAPACITOR_HIT);
	expect_pinned_until_unpinned(rig, &pin, 2, 20);
}

/* Leaving gives pins back; so does destroying (under a sanitizer, a leak would show). */
static void test_leave(struct rig *rig)
{
	struct capacitor_pin pin;

	rig_open(rig);
	pin = set_and_pin(rig, 1, 10);
	(void)pin;
	expect_result(label_delete(rig->handle, 1), CAPACITOR_HIT);
	capacitor_leave(rig->handle);
	expect_result(capacitor_enter(rig->cache, &rig->handle), CAPACITOR_OK);
	expect_result(capacitor_quiesce(rig->handle), CAPACITOR_OK);
	expect_number(rig_stat(rig, CAPACITOR_STAT_RETIRED_BYTES), 0);
	(void)set_and_pin(rig, 2, 20);
	expect_result(label_delete(rig->handle, 2), CAPACITOR_HIT);
	(void)set_and_pin(rig, 3, 30);
}

/* What is pinned is the last that eviction takes: it would free nothing. */
static void test_eviction_passes_over(struct rig *rig)
{
	struct capacitor_pin pin;

	rig_open_exact(rig, 8, PIN_BYTES);
	pin = set_and_pin(rig, 0, 1);
	for (uint64_t key = 1; key <= 100; key++)
		expect_result(tagged_set_patiently(rig->handle, key, key, PIN_BYTES), CAPACITOR_STORED);
	expect(rig_stat(rig, CAPACITOR_STAT_EVICTIONS) > 0, "nothing was evicted: the test tests nothing");
	expect_result(label_contains(rig->handle, 0), CAPACITOR_HIT);
	expect_result(capacitor_unpin(rig->handle, &pin), CAPACITOR_OK);
}

/* What was overwritten while it was pinned is reclaimed once it is not: it does not stay until others are evicted for it. */
static void test_unpinned_leave(struct rig *rig)
{
	struct capacitor_pin pin;

	rig_open_exact(rig, 32, PIN_BYTES);
	for (uint64_t key = 1; key <= 8; key++)
		expect_result(tagged_set_patiently(rig->handle, key, key, PIN_BYTES), CAPACITOR_STORED);
	for (uint64_t version = 1; version <= 200; version++) {
		pin = set_and_pin(rig, 0, version);
		expect_result(tagged_set_patiently(rig->handle, 0, 1000 + version, PIN_BYTES), CAPACITOR_STORED);
		expect_result(capacitor_unpin(rig->handle, &pin), CAPACITOR_OK);
	}
	expect_number(rig_stat(rig, CAPACITOR_STAT_EVICTIONS), 0);
	for (uint64_t key = 1; key <= 8; key++)
		expect_result(label_contains(rig->handle, key), CAPACITOR_HIT);
}

/* ---- With threads ------------------------------------------------------------------------------------------------ */

/* Enters, pins, and dies without leaving once it may. */
struct mortal {
	struct rig *rig;
	struct gate gate;
	enum capacitor_result result;
};

static void *mortal_main(void *argument)
{
	struct mortal *mortal = argument;
	struct capacitor_handle *handle;
	struct capacitor_pin pin;

	mortal->result = capacitor_enter(mortal->rig->cache, &handle);
	if (mortal->result == CAPACITOR_OK)
		mortal->result = label_pin(handle, 1, &pin);
	gate_pass(&mortal->gate);
	return NULL;
}

static void test_dying_thread(struct rig *rig)
{
	uint64_t charge = capacitor_entry_bytes(LABEL_BYTES, PIN_BYTES), retired_bytes;
	struct mortal mortal = {.rig = rig};
	enum capacitor_result deleted, quiesced;
	pthread_t thread;
	bool arrived;

	rig_open(rig);
	expect_result(tagged_set(rig->handle, 1, 10, PIN_BYTES), CAPACITOR_STORED);
	gate_init(&mortal.gate);
	expect(pthread_create(&thread, NULL, mortal_main, &mortal) == 0, "no thread");
	arrived = gate_await(&mortal.gate, 1, PATIENCE_NS);
	deleted = label_delete(rig->handle, 1);
	quiesced = capacitor_quiesce(rig->handle);
	retired_bytes = rig_stat(rig, CAPACITOR_STAT_RETIRED_BYTES);
	gate_open(&mortal.gate);
	pthread_join(thread, NULL);
	gate_destroy(&mortal.gate);
	expect(arrived, "the thread did not come to its pin");
	expect_result(mortal.result, CAPACITOR_HIT);
	expect_result(deleted, CAPACITOR_HIT);
	expect_result(quiesced, CAPACITOR_OK);
	expect_number(retired_bytes, charge);
	expect_result(capacitor_quiesce(rig->handle), CAPACITOR_OK);
	expect_number(rig_stat(rig, CAPACITOR_STAT_RETIRED_BYTES), 0);
}

#define CHURN_KEYS    10
#define CHURN_PINNERS 2
#define CHURN_WRITERS 2
#define CHURN_HELD    8

/* Holds several pins for a while, and looks at them again and again. */
static void pin_for_a_while(struct crew_member *member)
{
	struct capacitor_pin pin[CHURN_HELD];
	uint64_t key[CHURN_HELD], version[CHURN_HELD], now;
	unsigned held = 0;

	for (unsigned i = 0; i < CHURN_HELD; i++) {
		key[held] = random_below(&member->random, CHURN_KEYS);
		if (label_pin(member->handle, key[held], &pin[held]) != CAPACITOR_HIT)
			continue;
		crew_expect(member, tagged_check(pin[held].value, pin[held].value_bytes, key[held], &version[held]),
		            "the value was torn when it was pinned");
		held++;
	}
	for (unsigned look = 0; look < 5; look++) {
		sched_yield();
		for (unsigned i = 0; i < held; i++)
			crew_expect(member,
			            tagged_check(pin[i].value, pin[i].value_bytes, key[i], &now) && now == version[i],
			            "key %" PRIu64 ": the pinned value has changed", key[i]);
	}
	while (held > 0)
		crew_expect(member, capacitor_unpin(member->handle, &pin[--held]) == CAPACITOR_OK, "unpin failed");
}

static void churn_member(struct crew_member *member)
{
	while (crew_goes_on(member->crew)) {
		uint64_t key = random_below(&member->random, CHURN_KEYS);
		enum capacitor_result result;

		if (member->index < CHURN_PINNERS) {
			pin_for_a_while(member);
		} else if (random_below(&member->random, 8) == 0) {
			label_delete(member->handle, key);
		} else {
			result = tagged_set(member->handle, key, random_next(&member->random),
			                    8 + random_below(&member->random, 600));
			crew_expect(member, result == CAPACITOR_STORED, "set: %s", capacitor_result_string(result));
		}
	}
}

static void test_churn(struct rig *rig)
{
	struct crew crew;

	rig_open_exact(rig, 40, 600);
	crew_start(&crew, rig, CHURN_PINNERS + CHURN_WRITERS, churn_member, NULL);
	crew_run_for(&crew, 80000000);
	expect_result(capacitor_quiesce(rig->handle), CAPACITOR_OK);
	expect_number(rig_stat(rig, CAPACITOR_STAT_RETIRED_BYTES), 0);
}

const struct suite_test pins_tests[] = {
	{.name = "G4 what is pinned no more does not crowd out others", .run = test_unpinned_leave, .scope = SUITE_POLICY,
	 .without = STORAGE},
	{.name = "G3 eviction passes pinned values over", .run = test_eviction_passes_over, .scope = SUITE_POLICY,
	 .without = STORAGE},
	{.name = "G3 a pin outlives delete", .run = test_delete, .scope = SUITE_ALL, .without = STORAGE},
	{.name = "G3 a pin outlives overwriting", .run = test_overwrite, .scope = SUITE_ALL, .without = STORAGE},
	{.name = "G3 a pin outlives replace", .run = test_replace, .scope = SUITE_ALL, .without = STORAGE},
	{.name = "G3 a pin outlives clear", .run = test_clear, .scope = SUITE_ALL, .without = STORAGE},
	{.name = "G3 a pin outlives expiry", .run = test_expiry, .scope = SUITE_ALL, .without = STORAGE},
	{.name = "G3 a pin outlives eviction", .run = test_eviction, .scope = SUITE_ALL, .without = STORAGE},
	{.name = "G3 a pin outlives a smaller capacity", .run = test_resize, .scope = SUITE_ALL, .without = STORAGE},
	{.name = "G3 a value pinned twice stays until both are gone", .run = test_twice, .scope = SUITE_ALL,
	 .without = STORAGE},
	{.name = "G3 the 65th pin is busy", .run = test_limit, .scope = SUITE_ALL, .without = STORAGE},
	{.name = "G3 a pin is released once", .run = test_unpin_twice, .scope = SUITE_ALL, .without = STORAGE},
	{.name = "G3 a stale pin releases nothing", .run = test_unpin_of_another, .scope = SUITE_ALL,
	 .without = STORAGE},
	{.name = "G3 leaving releases pins", .run = test_leave, .scope = SUITE_ALL, .without = STORAGE},
	{.name = "G3 a dying thread releases its pins", .run = test_dying_thread, .scope = SUITE_ALL,
	 .without = SHARED},
	{.name = "G3 pinned values stay unchanged under churn", .run = test_churn, .scope = SUITE_POLICY,
	 .without = SHARED},
	{.name = NULL},
};
