/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A team of threads that runs one body at the same time, and is counted while it does.
 *
 * The coordinator (who calls team_run) makes the threads, each bound to a processor: one thread per core first, then
 * the cores' other hardware threads, then from the beginning again (the team is oversubscribed then). The threads
 * prepare, meet at a gate, and start together. Then either
 *
 *   a window      The coordinator waits until every thread has counted an operation, lets the warm-up pass, reads all
 *                 counts and the time, waits for the length of the window, reads both again, and says stop. What is
 *                 reported is the difference: work done while all threads ran, whichever of them was fast or slow.
 *                 A window in which nobody counted anything is extended, ten times at most.
 *   a full run    (window_s is 0) The bodies end by themselves; the time is from the gate to the last of them.
 *
 * Each member counts on lines of its own; nobody else reads them but the coordinator, a few times.
 */
#ifndef HARNESS_TEAM_H
#define HARNESS_TEAM_H

#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/atomics.h"

#define TEAM_ERROR_BYTES 256

enum team_phase {
	TEAM_WARMUP, /* also all of a full run */
	TEAM_WINDOW,
	TEAM_STOP,
};

/* The first count is of operations; what the others count is the body's affair. */
#define TEAM_OPERATIONS 0
#define TEAM_COUNTS     6

struct team;

struct team_member {
	alignas(LINE_PAIR_BYTES) _Atomic uint64_t count[TEAM_COUNTS];

	alignas(LINE_PAIR_BYTES) struct team *team;
	const _Atomic int *phase; /* the team's */
	void *context;    /* the plan's */
	unsigned index;   /* 0 to threads - 1 */
	unsigned threads;
	char error[TEAM_ERROR_BYTES]; /* why the body returned false */
};

/* What a thread does. It must call team_ready once, when it has prepared. False: it failed; member->error says why. */
typedef bool team_body(struct team_member *member);

struct team_plan {
	unsigned threads;
	double warmup_s;
	double window_s; /* 0: a full run */
	team_body *body;
	void *context;
	/* NULL, or called by the coordinator just before the window opens and just after it has closed. */
	void (*edge)(void *context, bool closes);
};

struct team_result {
	double window_s;              /* as it was measured */
	uint64_t count[TEAM_COUNTS];  /* of all members, in the window */
	/* Between the two calls of plan->edge, which need time themselves: what they read is to be divided by these. */
	double edge_s;
	uint64_t edge_operations;
	double fairness;              /* Jain's index over the members' operations */
	bool oversubscribed;          /* more threads than processors */
	const char *not_pinned;       /* NULL: every thread was bound to its processor; else why not */
};

/* Runs a plan. False: `error` says what failed, and all threads are gone. */
bool team_run(const struct team_plan *plan, struct team_result *result, char error[TEAM_ERROR_BYTES]);

/* The processors that this process may use (hardware threads). At least 1. */
unsigned team_processors(void);

/* NULL: threads of a team are bound to their processors; else why not. */
const char *team_not_pinned(void);

/* ---- For bodies -------------------------------------------------------------------------------------------------- */

/* The thread has prepared: waits until all have. False: one failed, and the body is to return (true: not it). */
bool team_ready(struct team_member *member);

/* What the coordinator has said. Relaxed: it says when to count, and publishes nothing else. */
static inline enum team_phase team_phase(const struct team_member *member)
{
	return (enum team_phase)load_relaxed(member->phase);
}

/* Counts. Only the member itself does, so it need not be one indivisible step; the coordinator may read at any time.
 * Relaxed: these are amounts, read one by one; they order nothing. */
static inline void team_count(struct team_member *member, unsigned which, uint64_t n)
{
	store_relaxed(&member->count[which], load_relaxed(&member->count[which]) + n);
}

static inline uint64_t team_counted(const struct team_member *member, unsigned which)
{
	return load_relaxed(&member->count[which]); /* relaxed: see team_count() */
}

/* Waits until all members have come here. Every member must come as often as every other. */
void team_meet(struct team_member *member);

/* As team_phase, but the same for all members: all must call it the same number of times, and it is a meeting. */
enum team_phase team_agree(struct team_member *member);

/* Why the body fails; returns false for it to return. */
bool team_fail(struct team_member *member, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
