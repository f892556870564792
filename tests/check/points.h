/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Points: the places in the library where threads meet. In the copy of libcapacitor.a that checks are linked with, the
 * calls of locks, of the tables of liburcu and Concurrency Kit, of memcpy, malloc and the clock have other names (objcopy;
 * points.symbols has them), and points.c has functions of these names, which tell a visitor and then make the call. The
 * objects are the very ones that are benchmarked, and nothing is compiled into them.
 *
 * A thread that has set a visitor is told at each point that it passes. The visitor may delay or park the thread, or
 * hand its turn to another: a schedule of ours. Threads without a visitor pass at the cost of a thread-local load.
 */
#ifndef POINTS_H
#define POINTS_H

#include <stdbool.h>
#include <stdint.h>

enum point {
	POINT_LOCKING,   /* about to take a lock (pthread_mutex or rwlock) */
	POINT_LOCKED,    /* has just taken it */
	POINT_UNLOCKING, /* about to release it */
	POINT_UNLOCKED,  /* has just released it */
	POINT_FOUND,     /* a lock-free lookup has returned: inside a read section */
	POINT_PUBLISHING, /* about to link an entry into a lock-free table */
	POINT_PUBLISHED, /* has just linked it */
	POINT_UNLINKING, /* about to unlink an entry from a lock-free table */
	POINT_UNLINKED,  /* has just unlinked it */
	POINT_COPYING,   /* in the middle of copying 16 bytes or more: a value, or a key */
	POINT_WAITING,   /* about to yield or sleep, for others to go on */
	POINT_ALLOCATING, /* about to allocate */
	POINTS,
};
const char *point_string(enum point point);

/* Called by the thread itself at each of its points. NULL: nobody is told. Inside the visitor, no points. */
typedef void point_visitor(void *context, enum point point);
void points_visit(point_visitor *visitor, void *context); /* of the calling thread */

/*
 * Where true, a lock that another thread holds is not waited for in the C library: the thread passes POINT_LOCKING again
 * and again until the lock is free, so that a schedule can let the holder go on. For the calling thread.
 */
void points_spin(bool spin);

/* ---- Allocations of the library ---------------------------------------------------------------------------------- */

/*
 * From now on, the calling thread's (or with `all`, everybody's) allocation number `nth` (1: the next) that the library
 * makes fails, and with `onwards` all after it. 0: none fails. Allocations inside liburcu's and CK's shared objects are
 * not the library's.
 */
void points_fail_allocation(uint64_t nth, bool onwards, bool all);
/* How many were made to fail since points_fail_allocation, and how many were made at all since then. */
uint64_t points_failed_allocations(void);
uint64_t points_allocations(void);

/* ---- The clock --------------------------------------------------------------------------------------------------- */

/* The wall clock (CLOCK_REALTIME), as the library would see it, differs from the true one by so much. */
void points_jump_wall_clock(int64_t seconds);
/* How often the library has asked for the wall clock. */
uint64_t points_wall_clock_reads(void);

#endif
