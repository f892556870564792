/* SPDX-License-Identifier: BSD-2-Clause */
/* Statistics counters in three layouts; see counters.h. */
#include "common/counters.h"

#include <stdlib.h>
#include <string.h>

#include "common/layout.h"

/* What the memory is an array of, in each layout. */
struct global_counter {
	alignas(LINE_PAIR_BYTES) _Atomic uint64_t of_all;
};
struct packed_counter {
	_Atomic uint64_t of_thread;
};
struct padded_counters {
	alignas(LINE_PAIR_BYTES) _Atomic uint64_t of_stat[COUNTERS];
};

LAYOUT_OWN_LINES(struct global_counter, "adding to one does not delay who adds to another");
LAYOUT_SPAN(struct packed_counter, of_thread, of_thread, 8, "threads side by side, eight to a line: the false-sharing baseline");
LAYOUT_TOGETHER(struct padded_counters, of_stat, of_stat, "an operation writes several");
LAYOUT_OWN_LINES(struct padded_counters, "a thread's own");

static void name_memory(const struct counters *counters, enum capacitor_counters layout, size_t bytes)
{
	switch (layout) {
	case CAPACITOR_COUNTERS_GLOBAL:
		layout_objects(counters->memory, struct global_counter, bytes);
		break;
	case CAPACITOR_COUNTERS_PACKED:
		layout_objects(counters->memory, struct packed_counter, bytes);
		break;
	case CAPACITOR_COUNTERS_PADDED:
		layout_objects(counters->memory, struct padded_counters, bytes);
		break;
	}
}

bool counters_init(struct counters *counters, enum capacitor_counters layout, unsigned threads)
{
	size_t bytes = 0;

	*counters = (struct counters){.threads = threads};
	switch (layout) {
	case CAPACITOR_COUNTERS_GLOBAL:
		counters->shared = true;
		counters->stat_step = sizeof(struct global_counter);
		bytes = COUNTERS * counters->stat_step;
		break;
	case CAPACITOR_COUNTERS_PACKED:
		counters->thread_step = sizeof(struct packed_counter);
		counters->stat_step = threads * sizeof(uint64_t);
		bytes = COUNTERS * counters->stat_step;
		break;
	case CAPACITOR_COUNTERS_PADDED:
		counters->thread_step = sizeof(struct padded_counters);
		counters->stat_step = sizeof(uint64_t);
		bytes = threads * counters->thread_step;
		break;
	}
	bytes = (bytes + LINE_PAIR_BYTES - 1) & ~(size_t)(LINE_PAIR_BYTES - 1);
	counters->memory = aligned_alloc(LINE_PAIR_BYTES, bytes);
	if (!counters->memory)
		return false;
	memset(counters->memory, 0, bytes);
	name_memory(counters, layout, bytes);
	return true;
}

void counters_destroy(struct counters *counters)
{
	free(counters->memory);
}

uint64_t counters_read(const struct counters *counters, enum capacitor_stat stat)
{
	unsigned threads = counters->shared ? 1 : counters->threads;
	uint64_t sum = 0;

	for (unsigned thread = 0; thread < threads; thread++) {
		struct counter_slot slot = counters_slot(counters, thread);

		sum += load_relaxed((_Atomic uint64_t *)(void *)(slot.memory + (size_t)stat * slot.stat_step));
	}
	return sum;
}
