/* SPDX-License-Identifier: BSD-2-Clause */
/* Concurrency Kit's spin locks round one word, for scaling.c to watch. */
#ifndef LOCKS_H
#define LOCKS_H

#define LOCK_WORKERS_MAX 64

struct lock_kind {
	const char *name;
	void (*init)(unsigned workers);
	void (*pass)(unsigned worker); /* takes the lock, adds one, gives it back */
};

extern const struct lock_kind lock_kinds[]; /* ended by a row without a name */

long locks_sum(void); /* what all workers have added */

#endif
