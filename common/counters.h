/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Statistics counters in three layouts, chosen at run time, so that their cost can be measured on the real object.
 *
 *   global   counter[stat]: one for all threads, each on lines of its own; updated by an atomic add.
 *   packed   counter[stat][thread]: threads side by side, eight to a line; each writes only its own word, and yet the
 *            line travels: the false-sharing baseline.
 *   padded   counter[thread][stat]: a thread's counters together, on lines of its own (two lines apart from the next,
 *            for the adjacent-line prefetcher).
 *
 * One thread writes a word of packed or padded, so that a plain load and store do; readers sum over threads. All
 * accesses are relaxed: a counter orders nothing.
 */
#ifndef COMMON_COUNTERS_H
#define COMMON_COUNTERS_H

#include "capacitor/cache.h"
#include "common/atomics.h"

#define COUNTERS CAPACITOR_STAT_GAUGES /* how many of the statistics are counters */

struct counters {
	unsigned char *memory;
	size_t stat_step;   /* bytes from a counter to the next */
	size_t thread_step; /* bytes from a thread to the next */
	unsigned threads;
	bool shared;
};

/* False: no memory. */
bool counters_init(struct counters *counters, enum capacitor_counters layout, unsigned threads);
void counters_destroy(struct counters *counters);

/* The sum over all threads. */
uint64_t counters_read(const struct counters *counters, enum capacitor_stat stat);

/* What a thread needs to count: copied into its handle, so that a hit reads no shared line to find its counter. */
struct counter_slot {
	unsigned char *memory;
	size_t stat_step;
	bool shared;
};

static inline struct counter_slot counters_slot(const struct counters *counters, unsigned thread)
{
	return (struct counter_slot){
		.memory = counters->memory + thread * counters->thread_step,
		.stat_step = counters->stat_step,
		.shared = counters->shared,
	};
}

static inline void counter_add(const struct counter_slot *slot, enum capacitor_stat stat, uint64_t n)
{
	_Atomic uint64_t *counter = (_Atomic uint64_t *)(void *)(slot->memory + (size_t)stat * slot->stat_step);

	if (slot->shared)
		fetch_add_relaxed(counter, n);
	else
		store_relaxed(counter, load_relaxed(counter) + n);
}

#endif
