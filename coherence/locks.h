/* SPDX-License-Identifier: BSD-2-Clause */
/* What is kept of each mutex and rwlock that was ever taken while measuring. */
#ifndef COHERENCE_LOCKS_H
#define COHERENCE_LOCKS_H

#include <stdint.h>

struct lock {
	uintptr_t address;
	uint64_t locks, waits, handovers, wait_cycles;
	int last_core; /* -1: nobody yet */
	struct lock *next;
};

/* In the order of their first use. */
const struct lock *locks_first(void);
void locks_measure(void);

#endif
