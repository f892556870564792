/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The simulation of policies against a naive reference: a list in an array, walked and shifted, which is too slow for
 * use and too simple to be wrong. Random streams with sizes of all kinds.
 */
#include "harness/simulate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define REQUESTS 3000
#define OBJECTS  200

static const enum capacitor_policy all[] = {CAPACITOR_FIFO, CAPACITOR_LRU, CAPACITOR_CLOCK, CAPACITOR_SIEVE,
                                            CAPACITOR_S3FIFO};
#define ALL (sizeof(all) / sizeof(all[0]))

/* ---- The reference ----------------------------------------------------------------------------------------------- */

struct reference {
	enum capacitor_policy policy;
	uint32_t order[OBJECTS]; /* what is cached, the newest first */
	size_t count;
	uint32_t size_bytes[OBJECTS]; /* with which it was inserted */
	bool visited[OBJECTS];
	bool has_hand;
	uint32_t hand; /* sieve: the object to look at next */
	uint64_t used_bytes;
};

static size_t place_of(const struct reference *reference, uint32_t object)
{
	size_t place = 0;

	while (place < reference->count && reference->order[place] != object)
		place++;
	return place;
}

static void take_out(struct reference *reference, size_t place)
{
	reference->count--;
	memmove(&reference->order[place], &reference->order[place + 1],
	        (reference->count - place) * sizeof(reference->order[0]));
}

static void put_in_front(struct reference *reference, uint32_t object)
{
	memmove(&reference->order[1], &reference->order[0], reference->count * sizeof(reference->order[0]));
	reference->order[0] = object;
	reference->count++;
}

static void evict(struct reference *reference)
{
	size_t place = reference->count - 1;

	if (reference->policy == CAPACITOR_CLOCK) {
		while (reference->visited[reference->order[place]]) {
			uint32_t object = reference->order[place];

			reference->visited[object] = false;
			take_out(reference, place);
			put_in_front(reference, object);
		}
	}
	if (reference->policy == CAPACITOR_SIEVE) {
		if (reference->has_hand)
			place = place_of(reference, reference->hand);
		while (reference->visited[reference->order[place]]) {
			reference->visited[reference->order[place]] = false;
			place = place > 0 ? place - 1 : reference->count - 1;
		}
		reference->has_hand = place > 0;
		if (place > 0)
			reference->hand = reference->order[place - 1];
	}
	reference->used_bytes -= reference->size_bytes[reference->order[place]];
	take_out(reference, place);
}

static void refer(const struct trace *trace, struct simulation *point)
{
	struct reference reference = {.policy = point->policy};

	point->misses = point->missed_bytes = 0;
	for (size_t i = 0; i < trace->requests; i++) {
		uint32_t object = trace->index[i], size_bytes = trace->size_bytes[i];
		size_t place = place_of(&reference, object);

		if (place < reference.count) {
			reference.visited[object] = true;
			if (point->policy == CAPACITOR_LRU) {
				take_out(&reference, place);
				put_in_front(&reference, object);
			}
			continue;
		}
		point->misses++;
		point->missed_bytes += size_bytes;
		if (size_bytes > point->capacity_bytes)
			continue;
		while (reference.used_bytes + size_bytes > point->capacity_bytes)
			evict(&reference);
		put_in_front(&reference, object);
		reference.visited[object] = false;
		reference.size_bytes[object] = size_bytes;
		reference.used_bytes += size_bytes;
	}
}

/* ---- Streams ----------------------------------------------------------------------------------------------------- */

static uint64_t random_state;

static uint64_t random_u64(void)
{
	uint64_t value = random_state += UINT64_C(0x9E3779B97F4A7C15);

	value = (value ^ value >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
	value = (value ^ value >> 27) * UINT64_C(0x94D049BB133111EB);
	return value ^ value >> 31;
}

/* Skewed: the product of two uniform numbers. Some objects have no bytes; some change their size. */
static void make_stream(struct trace *trace)
{
	*trace = (struct trace){.requests = REQUESTS};
	trace->object = calloc(REQUESTS, sizeof(*trace->object));
	trace->size_bytes = calloc(REQUESTS, sizeof(*trace->size_bytes));
	assert_non_null(trace->object);
	assert_non_null(trace->size_bytes);
	for (size_t i = 0; i < REQUESTS; i++) {
		uint64_t object = (random_u64() % OBJECTS) * (random_u64() % OBJECTS) / OBJECTS;

		trace->object[i] = object * UINT64_C(0x123456789);
		trace->size_bytes[i] = (uint32_t)(object * 37 % 100 + (object % 10 == 0 ? random_u64() % 50 : 0));
	}
	assert_true(trace_count(trace));
}

static void test_agrees_with_reference(void **state)
{
	const char *seed = getenv("CAPACITOR_SEED");

	(void)state;
	random_state = seed ? strtoull(seed, NULL, 0) : (uint64_t)time(NULL);
	fprintf(stderr, "CAPACITOR_SEED=%llu\n", (unsigned long long)random_state);
	for (int round = 0; round < 20; round++) {
		/* From nothing (objects of no bytes alone) over less than one object to everything. */
		static const uint64_t capacities[] = {0, 1, 50, 149, 500, 2000, 5000, 20000};
		enum { CAPACITIES = sizeof(capacities) / sizeof(capacities[0]), POLICIES = 4 };
		struct simulation points[POLICIES * CAPACITIES];
		struct trace trace;

		make_stream(&trace);
		for (size_t i = 0; i < POLICIES * CAPACITIES; i++)
			points[i] = (struct simulation){.policy = all[i / CAPACITIES],
			                                .capacity_bytes = capacities[i % CAPACITIES]};
		assert_true(simulate(&trace, points, POLICIES * CAPACITIES));
		for (size_t i = 0; i < POLICIES * CAPACITIES; i++) {
			struct simulation expected = points[i];

			refer(&trace, &expected);
			if (points[i].misses != expected.misses || points[i].missed_bytes != expected.missed_bytes)
				fail_msg("%s at %zu bytes: %zu misses, %zu bytes; the reference has %zu, %zu",
				         capacitor_policy_string(points[i].policy), (size_t)points[i].capacity_bytes,
				         (size_t)points[i].misses, (size_t)points[i].missed_bytes,
				         (size_t)expected.misses, (size_t)expected.missed_bytes);
		}
		trace_free(&trace);
	}
}

/* Every policy, S3-FIFO among them, misses each object once at least, and once exactly where all of them fit. */
static void test_bounds(void **state)
{
	struct simulation points[2 * ALL];
	struct trace trace;

	(void)state;
	make_stream(&trace);
	for (size_t i = 0; i < 2 * ALL; i++)
		points[i] = (struct simulation){.policy = all[i / 2], .capacity_bytes = i % 2 ? 1000 : UINT64_MAX / 2};
	assert_true(simulate(&trace, points, 2 * ALL));
	for (size_t i = 0; i < 2 * ALL; i++) {
		assert_in_range(points[i].misses, trace.objects, trace.requests - 1);
		if (points[i].capacity_bytes > 1000) {
			assert_int_equal(points[i].misses, trace.objects);
			assert_int_equal(points[i].missed_bytes, simulate_footprint_bytes(&trace));
		}
	}
	trace_free(&trace);
}

/* S3-FIFO resists a scan: objects asked for often enough to reach the main queue survive it; FIFO loses them. */
static void test_s3fifo_resists_scans(void **state)
{
	struct simulation points[] = {{.policy = CAPACITOR_FIFO, .capacity_bytes = 100},
	                              {.policy = CAPACITOR_S3FIFO, .capacity_bytes = 100}};
	struct trace trace = {0};
	size_t scanned = 1000;

	(void)state;
	trace.object = calloc(20000, sizeof(*trace.object));
	trace.size_bytes = calloc(20000, sizeof(*trace.size_bytes));
	for (int round = 0; round < 10; round++) {
		for (int i = 0; i < 150; i++) /* 50 objects, thrice */
			trace.object[trace.requests++] = (uint64_t)i % 50;
		for (int i = 0; i < 500; i++)
			trace.object[trace.requests++] = scanned++;
	}
	trace_set_size(&trace, 1);
	assert_true(trace_count(&trace));
	assert_true(simulate(&trace, points, 2));
	assert_int_equal(points[0].misses, 10 * (50 + 500)); /* fifo loses all 50 each time */
	assert_int_equal(points[1].misses, 50 + 10 * 500);   /* s3fifo loses none */
	trace_free(&trace);
}

/* Appends `times` requests for an object. */
static void request(struct trace *trace, uint64_t object, int times)
{
	while (times-- > 0)
		trace->object[trace->requests++] = object;
}

/*
 * The main queue of S3-FIFO: an object that was visited three times or more survives three rounds of it, and not a
 * fourth. Others that are requested thrice each go through the small queue into the main one, whose 90 entries they
 * replace: 90 of them are a round. Does object 0 survive so many of them?
 */
static bool survives(size_t others)
{
	struct simulation point = {.policy = CAPACITOR_S3FIFO, .capacity_bytes = 100};
	struct trace trace = {0};
	uint64_t object = 1;

	trace.object = calloc(100000, sizeof(*trace.object));
	trace.size_bytes = calloc(100000, sizeof(*trace.size_bytes));
	assert_non_null(trace.object);
	assert_non_null(trace.size_bytes);
	/* Fills the cache; the first of these are evicted, object 0 goes to the middle of the main queue. */
	for (int i = 0; i < 120; i++)
		request(&trace, i == 50 ? 0 : object++, 3);
	request(&trace, 0, 10);
	for (size_t i = 0; i < others; i++)
		request(&trace, object++, 3);
	request(&trace, 0, 1);
	trace_set_size(&trace, 1);
	assert_true(trace_count(&trace));
	assert_true(simulate(&trace, &point, 1));
	assert_in_range(point.misses, trace.objects, trace.objects + 1);
	trace_free(&trace);
	return point.misses == object;
}

static void test_s3fifo_has_three_lives(void **state)
{
	(void)state;
	assert_true(survives(250));
	assert_false(survives(500));
}

/*
 * The ghost of S3-FIFO: 130 objects in a loop through room for 100. FIFO and LRU evict each just before it comes back.
 * S3-FIFO remembers who left last, and lets them into the main queue when they come back, where they stay. That must
 * work from an empty cache on: the ghost reaches as far as the main queue is large by design (90 entries), not as it
 * happens to be filled.
 */
static void test_s3fifo_learns_a_loop(void **state)
{
	struct simulation points[] = {{.policy = CAPACITOR_FIFO, .capacity_bytes = 100},
	                              {.policy = CAPACITOR_LRU, .capacity_bytes = 100},
	                              {.policy = CAPACITOR_S3FIFO, .capacity_bytes = 100}};
	struct trace trace = {.requests = 13000};

	(void)state;
	trace.object = calloc(trace.requests, sizeof(*trace.object));
	trace.size_bytes = calloc(trace.requests, sizeof(*trace.size_bytes));
	for (size_t i = 0; i < trace.requests; i++)
		trace.object[i] = i % 130;
	trace_set_size(&trace, 1);
	assert_true(trace_count(&trace));
	assert_true(simulate(&trace, points, 3));
	assert_int_equal(points[0].misses, trace.requests);
	assert_int_equal(points[1].misses, trace.requests);
	assert_in_range(points[2].misses, 0, trace.requests / 2);
	trace_free(&trace);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_agrees_with_reference),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_s3fifo_resists_scans),
		cmocka_unit_test(test_s3fifo_has_three_lives),
		cmocka_unit_test(test_s3fifo_learns_a_loop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
