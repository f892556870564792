/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A measured run: what bench and replay have in common.
 *
 * Each thread of a team is a runner: it is inside the cache, has a buffer for what gets return, counts its operations,
 * takes the time of one in so many, and notes its own context switches and allocations when the window opens and when
 * it closes. The run notes the cache's statistics at the same two moments. Then all of it becomes metrics.
 */
#ifndef HARNESS_RUNNER_H
#define HARNESS_RUNNER_H

#include "capacitor/cache.h"
#include "harness/allocations.h"
#include "harness/latency.h"
#include "harness/metrics.h"
#include "harness/steady.h"
#include "harness/team.h"
#include "harness/workload.h"

/* What the team's counts are. */
enum runner_count {
	RUNNER_OPERATIONS = TEAM_OPERATIONS,
	RUNNER_GETS,
	RUNNER_HITS,
	RUNNER_VALUE_BYTES,     /* copied out by gets and in by sets */
	RUNNER_REQUESTED_BYTES, /* replay: of the objects that were asked for; bench: time of timed batches in ns */
	RUNNER_FOUND_BYTES,     /* replay: of those that were found; bench: deletes that found nothing */
};
#define RUNNER_BATCH_NS       RUNNER_REQUESTED_BYTES
#define RUNNER_DELETE_MISSES  RUNNER_FOUND_BYTES
_Static_assert(RUNNER_FOUND_BYTES + 1 == TEAM_COUNTS, "a team counts what a runner counts");

/* What a thread notes of itself. */
struct runner_note {
	uint64_t time_ns, processor_ns; /* of the clock, and for which it was running */
	uint64_t cpu_wait_ns;           /* for which it was ready to run, and was not; STEADY_UNKNOWN: nobody tells */
	uint64_t count[TEAM_COUNTS];
	long voluntary_switches, involuntary_switches;
	uint64_t futex_calls;
	struct allocations allocations;
};

struct runner {
	/* Used in every operation; by its own thread only. */
	alignas(LINE_PAIR_BYTES) struct team_member *member;
	struct capacitor_handle *handle;
	const struct latency_clock *clock;
	unsigned until_sample, sample_every;
	unsigned char *buffer; /* for values */
	size_t buffer_bytes;
	enum capacitor_result failure; /* OK, or the first result that no run should see */

	enum team_phase phase;            /* the last one noted */
	int futex_counter;                /* less than 0: none */
	struct allocations excluded;      /* made by steps that are not measured */
	struct runner_note opened, closed;
	struct latency_histogram latency[WORKLOAD_KINDS];
	unsigned char scratch[CAPACITOR_KEY_BYTES_MAX]; /* for keys */
};

/* What a lock of the cache had seen when the window opened, and when it closed. */
struct runner_lock {
	struct capacitor_lock opened, closed;
};

/* Of all runners of one team. */
struct runner_run {
	struct capacitor *cache;
	unsigned threads;
	struct runner *runners;
	struct capacitor_stats opened, closed;
	struct steady_reading machine_opened, machine_closed;
	struct runner_lock *locks; /* in the order of capacitor_each_lock */
	size_t lock_count;
	const char *futex_unavailable; /* NULL: futex calls are counted; runner_count_futexes changes it */
};

/* Allocates the runners. sample_every: the time of one operation in so many is taken. False: no memory. */
bool runner_run_init(struct runner_run *run, struct capacitor *cache, unsigned threads, size_t buffer_bytes,
                     unsigned sample_every);
void runner_run_free(struct runner_run *run);

/* Has the runners count their futex calls, where that can be had. Before they enter. */
void runner_count_futexes(struct runner_run *run);

/* For struct team_plan: notes the statistics. Its context is the run (or a structure that begins with it). */
void runner_edge(void *run, bool closes);

/* The member's runner enters the cache. NULL: it failed, and member->error says why. */
struct runner *runner_enter(struct runner_run *run, struct team_member *member);
/* It leaves. False: an operation had failed, and member->error says how. */
bool runner_leave(struct runner *runner);

/* Notes a change of phase. */
void runner_note_phase(struct runner *runner, enum team_phase phase);

/* A result that no run should see: remembered. (Not BUSY: the statistics count it.) */
static inline void runner_check(struct runner *runner, enum capacitor_result result)
{
	if (runner->failure == CAPACITOR_OK && result != CAPACITOR_BUSY)
		runner->failure = result;
}

static inline void runner_count(struct runner *runner, enum runner_count which, uint64_t n)
{
	team_count(runner->member, which, n);
}

/* Is this operation one whose time is to be taken? */
static inline bool runner_samples(struct runner *runner)
{
	if (--runner->until_sample > 0)
		return false;
	runner->until_sample = runner->sample_every;
	return true;
}

/*
 * What the threads counted between their own notes. Each noted between two operations, so these fit together: a ratio
 * of two of them is exact, as it would not be from what the coordinator reads while they run.
 */
void runner_counts(const struct runner_run *run, uint64_t count[TEAM_COUNTS]);

/*
 * Fills in all metrics but null_ns_per_op, resident_peak_bytes, ideal_bytes_per_entry and seed. Called when the team
 * has ended and the cache is still there.
 */
void runner_report(const struct runner_run *run, const struct team_result *result, struct metrics *metrics);

/* Forgets the peak of the process's resident memory, and reads it. NULL, or why it could not be had. */
const char *runner_resident_reset(void);
const char *runner_resident_peak(double *bytes);

#endif
