/* SPDX-License-Identifier: BSD-2-Clause */
/* What is counted, by kind of operation. One thread runs at a time: plain words. */
#ifndef COHERENCE_COUNTS_H
#define COHERENCE_COUNTS_H

#include "coherence/coherence.h"

struct counts {
	bool on;
	uint64_t of[COHERENCE_OPERATIONS_MAX][COHERENCE_COUNTS];
};

extern struct counts counts;

static inline void counts_add(unsigned operation, enum coherence_count count, uint64_t n)
{
	if (counts.on)
		counts.of[operation][count] += n;
}

#endif
