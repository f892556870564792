/* SPDX-License-Identifier: BSD-2-Clause */
/* Statistics counters in three layouts; see counters.h. */
#include "common/counters.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static_assert(COUNTERS * sizeof(uint64_t) <= LINE_PAIR_BYTES, "a thread's padded counters fit a pair of lines");

bool counters_init(struct counters *counters, enum capacitor_counters layout, unsigned threads)
{
	size_t bytes = 0;

	*counters = (struct counters){.threads = threads};
	switch (layout) {
	case CAPACITOR_COUNTERS_GLOBAL:
		counters->shared = true;
		counters->stat_step = LINE_PAIR_BYTES;
		bytes = COUNTERS * counters->stat_step;
		break;
	case CAPACITOR_COUNTERS_PACKED:
		counters->thread_step = sizeof(uint64_t);
		counters->stat_step = threads * sizeof(uint64_t);
		bytes = COUNTERS * counters->stat_step;
		break;
	case CAPACITOR_COUNTERS_PADDED:
		counters->thread_step = LINE_PAIR_BYTES;
		counters->stat_step = sizeof(uint64_t);
		bytes = threads * counters->thread_step;
		break;
	}
	bytes = (bytes + LINE_PAIR_BYTES - 1) & ~(size_t)(LINE_PAIR_BYTES - 1);
	counters->memory = aligned_alloc(LINE_PAIR_BYTES, bytes);
	if (!counters->memory)
		return false;
	memset(counters->memory, 0, bytes);
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
