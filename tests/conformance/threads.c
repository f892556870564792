/* SPDX-License-Identifier: BSD-2-Clause */
/* Threads and their handles: entering, leaving, dying, and slots that are used again. */
#include <inttypes.h>

#include "crew.h"

/* ---- One other thread, step by step ------------------------------------------------------------------------------ */

/* Enters so many times, waits, leaves so many times, waits again, and ends. */
struct visitor {
	struct rig *rig;
	pthread_t thread;
	unsigned enters, leaves;
	enum capacitor_result result;
	struct capacitor_handle *handle;
	bool same; /* every enter gave the same handle */
	struct gate inside, outside;
};

static void *visitor_main(void *argument)
{
	struct visitor *visitor = argument;
	struct capacitor_handle *handle;

	visitor->same = true;
	for (unsigned i = 0; i < visitor->enters; i++) {
		handle = (struct capacitor_handle *)1;
		visitor->result = capacitor_enter(visitor->rig->cache, &handle);
		if (i > 0 && handle != visitor->handle)
			visitor->same = false;
		visitor->handle = handle;
	}
	if (visitor->result == CAPACITOR_OK)
		tagged_set(visitor->handle, 77, 1, 10); /* so that it has been at work */
	gate_pass(&visitor->inside);
	for (unsigned i = 0; i < visitor->leaves; i++)
		capacitor_leave(visitor->handle);
	gate_pass(&visitor->outside);
	return NULL;
}

static void visitor_start(struct visitor *visitor, struct rig *rig, unsigned enters, unsigned leaves)
{
	*visitor = (struct visitor){.rig = rig, .enters = enters, .leaves = leaves};
	gate_init(&visitor->inside);
	gate_init(&visitor->outside);
	if (pthread_create(&visitor->thread, NULL, visitor_main, visitor) != 0 ||
	    !gate_await(&visitor->inside, 1, PATIENCE_NS))
		abort(); /* other threads may stand in the caller's frame */
}

/* Lets it leave, as often as it wants, but live. */
static void visitor_leave(struct visitor *visitor)
{
	gate_open(&visitor->inside);
	if (!gate_await(&visitor->outside, 1, PATIENCE_NS))
		abort();
}

static void visitor_end(struct visitor *visitor)
{
	gate_open(&visitor->inside);
	gate_open(&visitor->outside);
	pthread_join(visitor->thread, NULL);
	gate_destroy(&visitor->inside);
	gate_destroy(&visitor->outside);
}

/* What a thread gets that enters, and leaves at once. */
static enum capacitor_result try_enter(struct rig *rig)
{
	struct visitor visitor;

	visitor_start(&visitor, rig, 1, 0);
	visitor_end(&visitor);
	if (visitor.result != CAPACITOR_OK && visitor.handle)
		return CAPACITOR_INVALID; /* *handle is NULL unless OK */
	return visitor.result;
}

static void test_enter_twice(struct rig *rig)
{
	struct capacitor_handle *again = NULL;
	enum capacitor_result full, half, empty;
	struct visitor visitor;

	rig->config.threads_max = 1;
	rig_open(rig);
	expect_result(capacitor_enter(rig->cache, &again), CAPACITOR_OK);
	expect(again == rig->handle, "a thread that is inside gets another handle");
	capacitor_leave(again);
	expect_result(tagged_set(rig->handle, 1, 1, 10), CAPACITOR_STORED); /* still inside */
	full = try_enter(rig);
	capacitor_leave(rig->handle);
	visitor_start(&visitor, rig, 3, 2);
	half = capacitor_enter(rig->cache, &rig->handle);
	visitor_leave(&visitor);
	empty = capacitor_enter(rig->cache, &rig->handle); /* it left twice of three times */
	visitor_end(&visitor);
	expect_result(full, CAPACITOR_BUSY);
	expect_result(visitor.result, CAPACITOR_OK);
	expect(visitor.same, "a thread that is inside gets another handle");
	expect_result(half, CAPACITOR_BUSY);
	expect_result(empty, CAPACITOR_BUSY);
	expect(!rig->handle, "*handle is not NULL");
	expect_result(capacitor_enter(rig->cache, &rig->handle), CAPACITOR_OK); /* it died */
}

static void test_threads_max(struct rig *rig)
{
	enum capacitor_result fourth, after_leave, after_death;
	struct visitor second, third;

	rig->config.threads_max = 3;
	rig_open(rig);
	visitor_start(&second, rig, 1, 1);
	visitor_start(&third, rig, 1, 0);
	fourth = try_enter(rig);
	visitor_leave(&second);
	after_leave = try_enter(rig);
	visitor_end(&second);
	visitor_end(&third);
	after_death = try_enter(rig);
	expect_result(second.result, CAPACITOR_OK);
	expect_result(third.result, CAPACITOR_OK);
	expect_result(fourth, CAPACITOR_BUSY);
	expect_result(after_leave, CAPACITOR_OK);
	expect_result(after_death, CAPACITOR_OK);
	expect_result(tagged_set(rig->handle, 1, 1, 10), CAPACITOR_STORED);
}

/* A thread that dies inside gives its place back, however often it had entered. */
static void test_dying_inside(struct rig *rig)
{
	rig->config.threads_max = 2;
	rig_open(rig);
	for (unsigned i = 0; i < 10; i++) {
		struct visitor visitor;

		visitor_start(&visitor, rig, 1 + i % 3, i % 2 ? i % 3 : 0);
		visitor_end(&visitor);
		expect_result(visitor.result, CAPACITOR_OK);
	}
}

/* ---- Many -------------------------------------------------------------------------------------------------------- */

#define GENERATIONS 25
#define SIBLINGS    8
#define DEEDS       20

struct mortal {
	struct rig *rig;
	unsigned index;
	enum capacitor_result result;
};

/* Enters, does its deeds, and leaves or just dies. */
static void *mortal_main(void *argument)
{
	struct mortal *mortal = argument;
	struct capacitor_handle *handle;

	mortal->result = capacitor_enter(mortal->rig->cache, &handle);
	if (mortal->result != CAPACITOR_OK)
		return NULL;
	for (uint64_t i = 0; i < DEEDS; i++) {
		tagged_set(handle, mortal->index * DEEDS + i, i, 50);
		label_contains(handle, mortal->index * DEEDS + i);
		label_delete(handle, mortal->index * DEEDS + i);
	}
	if (mortal->index % 2)
		capacitor_leave(handle);
	return NULL;
}

static void test_generations(struct rig *rig)
{
	bool stored = !(rig->info->lacks & STORAGE);
	uint64_t deeds = GENERATIONS * SIBLINGS * DEEDS;

	rig->config.threads_max = SIBLINGS + 1;
	rig_open(rig);
	for (unsigned generation = 0; generation < GENERATIONS; generation++) {
		struct mortal mortal[SIBLINGS];
		pthread_t thread[SIBLINGS];
		unsigned born = 0;

		for (; born < SIBLINGS; born++) {
			mortal[born] = (struct mortal){.rig = rig, .index = born};
			if (pthread_create(&thread[born], NULL, mortal_main, &mortal[born]) != 0)
				break;
		}
		for (unsigned i = 0; i < born; i++)
			pthread_join(thread[i], NULL);
		expect_number(born, SIBLINGS);
		for (unsigned i = 0; i < born; i++)
			expect_result(mortal[i].result, CAPACITOR_OK);
	}
	expect_number(rig_stat(rig, CAPACITOR_STAT_STORES), deeds);
	expect_number(rig_stat(rig, CAPACITOR_STAT_HITS), stored ? deeds : 0);
	expect_number(rig_stat(rig, CAPACITOR_STAT_MISSES), stored ? 0 : deeds);
	expect_number(rig_stat(rig, CAPACITOR_STAT_DELETES), stored ? deeds : 0);
	expect_number(rig_stat(rig, CAPACITOR_STAT_ENTRIES), 0);
}

/* Threads enter and leave without end, with pins, beside writers whose reclamation looks at the pins of all. */
static void restless_member(struct crew_member *member)
{
	struct rig *rig = member->crew->rig;

	while (crew_goes_on(member->crew)) {
		struct capacitor_handle *handle;
		struct capacitor_stats stats;
		struct capacitor_pin pin;
		uint64_t key = random_below(&member->random, 8), version;
		enum capacitor_result result = capacitor_enter(rig->cache, &handle);

		crew_expect(member, result == CAPACITOR_OK, "enter: %s", capacitor_result_string(result));
		if (member->index < 2) {
			result = tagged_set(handle, key, random_next(&member->random), 100);
			crew_expect(member, result == CAPACITOR_STORED, "set: %s", capacitor_result_string(result));
		} else if (label_pin(handle, key, &pin) == CAPACITOR_HIT) {
			crew_expect(member, tagged_check(pin.value, pin.value_bytes, key, &version), "a torn pin");
		}
		if (random_below(&member->random, 16) == 0)
			capacitor_stats(rig->cache, &stats);
		capacitor_leave(handle);
	}
}

static void test_restless_threads(struct rig *rig)
{
	struct crew crew;

	rig->config.threads_max = 5;
	rig_open(rig);
	crew_start_outside(&crew, rig, 4, restless_member, NULL);
	crew_run_for(&crew, 50000000);
	expect_result(capacitor_clear(rig->handle), CAPACITOR_OK);
	expect_result(capacitor_quiesce(rig->handle), CAPACITOR_OK);
	expect_number(rig_stat(rig, CAPACITOR_STAT_RETIRED_BYTES), 0);
}

/* ---- Several caches, and their ends ------------------------------------------------------------------------------ */

/* A thread inside several caches at a time; they are left in another order, and what each holds is its own. */
static void test_several_caches(struct rig *rig)
{
	struct capacitor *cache[3] = {NULL};
	struct capacitor_handle *handle[3];
	uint64_t version[3];

	rig_open(rig);
	expect_result(tagged_set(rig->handle, 1, 99, 50), CAPACITOR_STORED);
	for (unsigned i = 0; i < 3; i++) {
		expect_result(capacitor_create(rig->info->name, &rig->config, &cache[i], NULL), CAPACITOR_OK);
		expect_result(capacitor_enter(cache[i], &handle[i]), CAPACITOR_OK);
		expect(handle[i] != rig->handle, "two caches share a handle");
		expect_result(tagged_set(handle[i], 1, i, 50), CAPACITOR_STORED);
	}
	for (unsigned i = 0; i < 3; i++) {
		bool whole;

		expect_result(tagged_get(handle[i], 1, &version[i], NULL, &whole), CAPACITOR_HIT);
		expect_number(version[i], i);
	}
	capacitor_leave(handle[1]);
	capacitor_destroy(cache[0]);
	expect_result(tagged_set(handle[2], 1, 5, 50), CAPACITOR_STORED);
	capacitor_destroy(cache[1]);
	expect_result(capacitor_quiesce(handle[2]), CAPACITOR_OK);
	capacitor_destroy(cache[2]);
	expect_number(tagged_version(rig, 1), 99);
	expect_result(capacitor_quiesce(rig->handle), CAPACITOR_OK);
}

/* A destroyed cache makes the calling thread leave, however often it entered. */
static void test_destroy_inside(struct rig *rig)
{
	struct capacitor_handle *again;
	struct capacitor_pin pin;

	for (unsigned round = 0; round < 3; round++) {
		rig_open(rig);
		expect_result(capacitor_enter(rig->cache, &again), CAPACITOR_OK);
		expect_result(capacitor_enter(rig->cache, &again), CAPACITOR_OK);
		for (uint64_t key = 0; key < 50; key++)
			expect_result(tagged_set(rig->handle, key % 20, key, 100), CAPACITOR_STORED);
		(void)label_pin(rig->handle, 3, &pin);
		(void)label_delete(rig->handle, 3);
		rig_close(rig);
	}
}

/* A thread that is inside, but does not use the cache any more, may outlive it. */
static void test_outliving_the_cache(struct rig *rig)
{
	struct visitor visitor;

	rig_open(rig);
	visitor_start(&visitor, rig, 2, 0);
	rig_close(rig);
	visitor_end(&visitor);
	expect_result(visitor.result, CAPACITOR_OK);
	/* Reclamation still knows which threads there are, though new ones live in the memory of the dead. */
	rig_open(rig);
	for (unsigned i = 0; i < 4; i++)
		expect_result(try_enter(rig), CAPACITOR_OK);
	for (uint64_t i = 0; i < 500; i++)
		expect_result(tagged_set(rig->handle, i % 5, i, 100), CAPACITOR_STORED);
	expect_result(capacitor_quiesce(rig->handle), CAPACITOR_OK);
	expect_number(rig_stat(rig, CAPACITOR_STAT_RETIRED_BYTES), 0);
}

const struct suite_test threads_tests[] = {
	{.name = "a thread that enters twice has one handle and leaves twice", .run = test_enter_twice,
	 .scope = SUITE_ALL},
	{.name = "threads beyond the maximum are busy until one leaves", .run = test_threads_max, .scope = SUITE_ALL,
	 .without = CONCURRENCY},
	{.name = "a thread that dies inside gives its place back", .run = test_dying_inside, .scope = SUITE_ALL,
	 .without = CONCURRENCY},
	{.name = "200 threads are born and die, and no count is lost", .run = test_generations, .scope = SUITE_LAYOUT,
	 .without = CONCURRENCY},
	{.name = "G3 threads enter and leave without end, with pins", .run = test_restless_threads,
	 .scope = SUITE_POLICY, .without = SHARED},
	{.name = "a thread inside several caches", .run = test_several_caches, .scope = SUITE_ALL, .without = STORAGE},
	{.name = "destroy makes the calling thread leave", .run = test_destroy_inside, .scope = SUITE_ALL},
	{.name = "a thread that is inside may outlive the cache", .run = test_outliving_the_cache,
	 .scope = SUITE_LAYOUT, .without = CONCURRENCY},
	{.name = NULL},
};
