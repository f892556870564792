/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A barrier for a few threads that meet very often: each says how often it has arrived, on lines of its own, and looks at
 * the others. Cheaper than a sleeping barrier by far, where the threads have cores; else it yields.
 */
#ifndef BARRIER_H
#define BARRIER_H

#include <sched.h>
#include <stdalign.h>

#include "check.h"

#define BARRIER_THREADS_MAX 64
#define BARRIER_LOOKS       500 /* before it yields */

struct barrier {
	unsigned threads;
	struct {
		alignas(LINE_PAIR_BYTES) _Atomic uint64_t arrivals;
	} thread[BARRIER_THREADS_MAX];
};

/* What each thread did before, happens before what each does after. */
static inline void barrier_wait(struct barrier *barrier, unsigned self)
{
	uint64_t arrivals = load_relaxed(&barrier->thread[self].arrivals) + 1; /* relaxed: only we write it */

	store_release(&barrier->thread[self].arrivals, arrivals); /* PAIRS: barrier_wait() */
	for (unsigned i = 0; i < barrier->threads; i++)
		for (unsigned looks = 0; load_acquire(&barrier->thread[i].arrivals) < arrivals; looks++) /* PAIRS: barrier_wait() */
			if (looks % BARRIER_LOOKS == BARRIER_LOOKS - 1)
				sched_yield();
}

#endif
