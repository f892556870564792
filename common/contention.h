/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who had to wait for a lock, and how long: two words beside each lock, read by capacitor_each_lock.
 *
 * They are free until somebody waits: a lock is tried first, and only an acquisition that had to wait reads the clock and
 * writes the words. Readers of a shared lock write them side by side, hence atomics.
 */
#ifndef COMMON_CONTENTION_H
#define COMMON_CONTENTION_H

#include <pthread.h>

#include "capacitor/cache.h"
#include "common/atomics.h"
#include "common/probes.h"

struct contention {
	_Atomic uint64_t waits;
	_Atomic uint64_t wait_ns;
};

/* Relaxed: amounts. */
static inline void contention_add(struct contention *contention, uint64_t wait_ns)
{
	fetch_add_relaxed(&contention->waits, 1);
	fetch_add_relaxed(&contention->wait_ns, wait_ns);
}

/* Takes a lock that somebody else holds, and counts. */
void contention_wait(pthread_mutex_t *mutex, struct contention *contention);

/* Takes a lock of the front, which the statistics leave out, because also those have one who need no lock for their table. For
 * an implementation's there is operation_lock_mutex. */
static inline void contention_lock(pthread_mutex_t *mutex, struct contention *contention)
{
	if (!PROBED(PROBE_LOCKS))
		pthread_mutex_lock(mutex);
	else if (pthread_mutex_trylock(mutex) != 0)
		contention_wait(mutex, contention);
}

/* Shows a lock to a visitor of capacitor_each_lock. */
bool contention_show(const struct contention *contention, const char *name, unsigned index, bool in_statistics,
                     capacitor_lock_visitor *visitor, void *context);

#endif
