/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the traced program records, per thread: which locks were taken from where and how long they were waited for and held;
 * or spans of time (operations, waits, holds, grace periods, evictions).
 *
 * Nothing is shared between threads while they record, and nothing is allocated: each writes to memory of its own that was made
 * before. What does not fit is counted. Times are ticks of the harness's latency clock.
 *
 * A span is recorded when it ends, or, when it has not ended, by who reads the record: it is open then.
 */
#ifndef HARNESS_TRACED_RECORD_H
#define HARNESS_TRACED_RECORD_H

#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/atomics.h"
#include "harness/latency.h"

enum record_mode {
	RECORD_NOTHING,
	RECORD_LOCKS,
	RECORD_SPANS,
};

enum record_kind {
	RECORD_GET,
	RECORD_SET,
	RECORD_ADD,
	RECORD_REPLACE,
	RECORD_DELETE,
	RECORD_CONTAINS,
	RECORD_LOCK_WAIT,  /* argument: the lock; site: who takes it */
	RECORD_LOCK_HOLD,  /* likewise */
	RECORD_IDLE,       /* a wait for a condition */
	RECORD_GRACE,      /* synchronize_rcu */
	RECORD_EPOCH_POLL, /* ck_epoch_poll_deferred */
	RECORD_EVICT,      /* argument: how many entries */
	RECORD_BURY,       /* argument: how many entries are ended */
	RECORD_ROOM_WAIT,  /* a store waits for memory to be reclaimed; argument: bytes */
	RECORD_SLEEP,      /* within that */
	RECORD_KINDS,
};

/* ---- Locks ------------------------------------------------------------------------------------------------------- */

#define RECORD_FRAMES_MAX 16
#define RECORD_SITES      4096 /* a power of two */

/* The acquisitions of one lock from one place, by one stack. After a wait it is that of the release; else only whom the function
 * that took the lock returns to. */
struct record_site {
	const void *lock; /* NULL: the slot is free */
	const void *site; /* where the call returns to */
	const void *frame[RECORD_FRAMES_MAX];
	unsigned frames;
	bool waited;
	uint64_t acquisitions, contended;
	uint64_t wait, max_wait, hold; /* ticks */
};

/* ---- Threads ----------------------------------------------------------------------------------------------------- */

#define RECORD_DEPTH_MAX 16
#define RECORD_WAITED    64
#define RECORD_NAME_BYTES 32

struct record_span {
	uint64_t begin, end;
	uint64_t argument;
	const void *site;
	uint16_t kind;
	uint16_t result;
};

struct record_open {
	_Atomic uint64_t begin;
	_Atomic uint64_t argument;
	_Atomic(const void *) site;
	_Atomic unsigned kind;
};

struct record_held {
	const void *lock, *site;
	const void *caller; /* where the function of the site returns to; NULL: not known */
	uint64_t since, waited;
	bool contended;
};

struct team_member;
struct record {
	/* The thread's own. */
	alignas(LINE_PAIR_BYTES) uint64_t from; /* spans that end before are not recorded; UINT64_MAX: none yet */
	struct record_held held[RECORD_DEPTH_MAX];
	unsigned holds;
	/* A lock that was tried and not had: who takes it next has waited since. */
	struct record_held tried;
	const void *last_contended;
	/* Locks that were waited for, with the words that count that: to prove the names. */
	struct {
		const void *lock, *contention;
	} waited[RECORD_WAITED];
	unsigned evicted;
	uint64_t first_eviction;

	/* Read by others, who may come at any time. */
	struct record_open open[RECORD_DEPTH_MAX];
	_Atomic unsigned depth;
	_Atomic uint64_t spans;      /* in `span`; of a ring, all that were ever written */
	_Atomic uint64_t dropped;
	_Atomic uint64_t calls[RECORD_KINDS]; /* recorded or dropped */
	_Atomic bool waiting;        /* for a lock, now */

	struct record_span *span;
	struct record_site *site;
	uint64_t sites_dropped;
	char name[RECORD_NAME_BYTES]; /* "": by its number */
	int tid;
	bool member;                 /* of a team: reused by the next team's */
	unsigned index;
	/* Of a member: what the harness itself counted between this thread's first and last span. */
	const struct team_member *team;
	uint64_t opened_operations, opened_gets;
	uint64_t harness_operations, harness_gets;
	bool harness_counted;
	struct record *next;
};

/* What is recorded, and how much of it. While no thread records; what was recorded before is forgotten, but what is recorded stays
 * locks, or spans. */
struct record_plan {
	enum record_mode mode;
	size_t spans_max; /* of each thread */
	bool ring;        /* when full, the oldest span goes */
	uint64_t window;  /* ticks after record_start; 0: until record_stop */
};
bool record_prepare(const struct record_plan *plan);
const struct record_plan *record_plan(void);

/* From now on. The threads that exist begin with the next span that ends, members when record_member_from says. */
void record_start(void);
void record_stop(void);
uint64_t record_started(void);
uint64_t record_stopped(void); /* when the window was over */

/* Is this a moment that belongs to the window? */
bool record_within(uint64_t now);

/* The calling thread's; NULL: no memory. */
struct record *record_mine(void);
/* The calling thread is member `index` of a team: its record begins anew. */
void record_member(unsigned index);

/* All records, the latest thread's first. */
struct record *record_all(void);

/* The latency clock, but without its fences, which would take longer than what is recorded: a moment may be told some
 * instructions early or late. */
extern bool record_counter;
static inline uint64_t record_now(void)
{
#if defined(__x86_64__)
	if (record_counter)
		return __rdtsc();
#endif
	return latency_monotonic_ns();
}

/* ---- For shims --------------------------------------------------------------------------------------------------- */

void record_open_span(struct record *record, enum record_kind kind, uint64_t begin, uint64_t argument, const void *site);
void record_close_span(struct record *record, uint64_t end, uint64_t argument, unsigned result);
/* A lock is let go: its hold, which need not be the innermost. */
void record_close_hold(struct record *record, uint64_t end, uint64_t lock);
/* The innermost that is open is recorded by its caller. */
void record_drop_span(struct record *record);
/* At once, within the innermost that is open. */
void record_whole_span(struct record *record, enum record_kind kind, uint64_t begin, uint64_t end, uint64_t argument,
                       const void *site, unsigned result);

void record_acquisition(struct record *record, const struct record_held *held, uint64_t end, void *const *frame, unsigned frames);

/* ---- Names of locks ---------------------------------------------------------------------------------------------- */

#define RECORD_LOCK_NAME_BYTES 48

/* A lock was made, or is gone. */
void record_lock_made(const void *lock, bool shared);
void record_lock_gone(const void *lock);
/* capacitor_each_lock shows the words that count a lock's waits, with its name. */
void record_contention_named(const void *contention, const char *name, unsigned index);
/* The words that belong to a lock, seen when it was waited for. */
void record_contention_of(struct record *record, const void *lock, const void *contention);
/* Names are kept from here on, of the locks that there are. */
void record_name_locks(void);
/* "shard[3]", or "mutex 2" for one that nobody named. */
void record_lock_name(const void *lock, char name[RECORD_LOCK_NAME_BYTES]);
/* How many locks were waited for with words other than those that their names come from: 0, or the names are wrong. *proofs: how
 * many with just those. */
unsigned record_lock_contradictions(unsigned *proofs);

#endif
