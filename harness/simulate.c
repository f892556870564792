/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The eviction policies alone; see simulate.h.
 *
 * The trace numbers its objects, so an array of entries takes the place of a hash table. An entry is there when its
 * link is set. Each thread has an array of its own and takes the next point that nobody has taken.
 *
 * S3-FIFO's small queue is a tenth of the bytes charged; policy.c charges an entry with its header, so that here, too,
 * the tenth is one of object sizes with headers, though the capacity knows only the objects.
 */
#include "harness/simulate.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "common/policy.h"

/* An entry with a key of one byte, on a line of its own. */
#define SLOT_BYTES 64
static_assert(sizeof(struct entry) < SLOT_BYTES, "an entry and its key fit into a slot");

struct work {
	const struct trace *trace;
	struct simulation *points;
	size_t count;
	_Atomic size_t taken;
	_Atomic bool no_memory;
};

struct simulator {
	const struct trace *trace;
	unsigned char *slots; /* by object */
	struct policy policy;
	uint64_t used_bytes;
};

static struct entry *entry_of(const struct simulator *simulator, uint32_t object)
{
	return (struct entry *)(void *)(simulator->slots + (size_t)object * SLOT_BYTES);
}

static bool is_cached(const struct entry *entry)
{
	return entry->link[0] != NULL;
}

/* For the ghost of S3-FIFO. Odd multipliers permute: objects never share a hash. */
static uint64_t hash_of(uint64_t object)
{
	object *= UINT64_C(0x9E3779B97F4A7C15);
	return (object ^ object >> 32) * UINT64_C(0xD6E8FEB86659FD93);
}

static void insert(struct simulator *simulator, struct entry *entry, uint64_t object, uint32_t size_bytes)
{
	entry->link[0] = entry;
	entry->hash = hash_of(object);
	entry->value_bytes = size_bytes;
	entry->key_bytes_less_1 = 0;
	store_relaxed(&entry->marks, 0); /* relaxed: one thread */
	policy_insert(&simulator->policy, entry);
	simulator->used_bytes += size_bytes;
}

static void make_room(struct simulator *simulator, uint64_t capacity_bytes, uint32_t size_bytes)
{
	while (simulator->used_bytes + size_bytes > capacity_bytes) {
		struct entry *entry = policy_evict(&simulator->policy);

		simulator->used_bytes -= entry->value_bytes;
		entry->link[0] = NULL;
	}
}

static void replay(struct simulator *simulator, struct simulation *point)
{
	const struct trace *trace = simulator->trace;
	unsigned visit_marks = policy_visit_marks(point->policy);

	for (size_t i = 0; i < trace->requests; i++) {
		struct entry *entry = entry_of(simulator, trace->index[i]);
		uint32_t size_bytes = trace->size_bytes[i];

		if (is_cached(entry)) {
			if (point->policy == CAPACITOR_LRU)
				policy_touch(&simulator->policy, entry);
			else
				policy_hit(entry, visit_marks);
			continue;
		}
		point->misses++;
		point->missed_bytes += size_bytes;
		if (size_bytes > point->capacity_bytes)
			continue;
		make_room(simulator, point->capacity_bytes, size_bytes);
		insert(simulator, entry, trace->object[i], size_bytes);
	}
}

uint64_t simulate_footprint_bytes(const struct trace *trace)
{
	uint64_t bytes = 0;
	size_t objects = 0;

	for (size_t i = 0; i < trace->requests; i++) {
		if (trace->index[i] == objects) {
			bytes += trace->size_bytes[i];
			objects++;
		}
	}
	return bytes;
}

/* As many entries as the capacity holds of the mean size, for the ghost of S3-FIFO. */
static size_t expected_entries(const struct trace *trace, uint64_t capacity_bytes)
{
	double footprint_bytes = (double)simulate_footprint_bytes(trace);
	double entries = footprint_bytes > 0 ? (double)capacity_bytes / footprint_bytes * (double)trace->objects : 0;

	return entries < 1 ? 1 : entries < (double)trace->objects ? (size_t)entries : trace->objects;
}

static bool simulate_point(struct simulator *simulator, struct simulation *point)
{
	memset(simulator->slots, 0, simulator->trace->objects * SLOT_BYTES);
	simulator->used_bytes = 0;
	point->misses = 0;
	point->missed_bytes = 0;
	if (!policy_init(&simulator->policy, point->policy, expected_entries(simulator->trace, point->capacity_bytes)))
		return false;
	replay(simulator, point);
	policy_destroy(&simulator->policy);
	return true;
}

static void *worker(void *argument)
{
	struct work *work = argument;
	struct simulator simulator = {.trace = work->trace};

	simulator.slots = aligned_alloc(SLOT_BYTES, work->trace->objects * SLOT_BYTES);
	if (!simulator.slots) {
		store_relaxed(&work->no_memory, true); /* relaxed: read after pthread_join */
		return NULL;
	}
	for (;;) {
		/* Relaxed: the points were written before pthread_create. */
		size_t taken = fetch_add_relaxed(&work->taken, 1);

		if (taken >= work->count)
			break;
		if (!simulate_point(&simulator, &work->points[taken])) {
			store_relaxed(&work->no_memory, true);
			break;
		}
	}
	free(simulator.slots);
	return NULL;
}

static size_t processors(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) == 0 ? (size_t)CPU_COUNT(&set) : 1;
}

bool simulate(const struct trace *trace, struct simulation *points, size_t count)
{
	struct work work = {.trace = trace, .points = points, .count = count};
	pthread_t thread[64];
	size_t wanted = processors() - 1, begun = 0;

	/* The calling thread is one of them; where others cannot be had, fewer do the same work. */
	while (begun < wanted && begun + 1 < count && begun < sizeof(thread) / sizeof(thread[0]) &&
	       pthread_create(&thread[begun], NULL, worker, &work) == 0)
		begun++;
	worker(&work);
	for (size_t i = 0; i < begun; i++)
		pthread_join(thread[i], NULL);
	return !load_relaxed(&work.no_memory);
}
