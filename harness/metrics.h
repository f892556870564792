/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is measured: one table of names, units and meanings, and one set of values.
 *
 * The names are the counters of the JSON and the columns of the tables. A value is there, or there is a reason why
 * not; never a 0 in place of what was not measured.
 */
#ifndef HARNESS_METRICS_H
#define HARNESS_METRICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum metric {
	METRIC_OPS_PER_S,
	METRIC_NS_PER_OP,
	METRIC_BYTES_PER_S,
	METRIC_HIT_RATIO,
	METRIC_BYTE_HIT_RATIO,
	METRIC_LATENCY_P50_NS,
	METRIC_LATENCY_P90_NS,
	METRIC_LATENCY_P99_NS,
	METRIC_LATENCY_P999_NS,
	METRIC_LATENCY_MAX_NS,
	METRIC_GET_LATENCY_P50_NS,
	METRIC_GET_LATENCY_P99_NS,
	METRIC_SET_LATENCY_P50_NS,
	METRIC_SET_LATENCY_P99_NS,
	METRIC_DELETE_LATENCY_P50_NS,
	METRIC_DELETE_LATENCY_P99_NS,
	METRIC_LATENCY_SAMPLE_COST_NS,
	METRIC_LATENCY_SAMPLES,
	METRIC_ALLOCATIONS_PER_OP,
	METRIC_ALLOCATED_BYTES_PER_OP,
	METRIC_ENTRIES,
	METRIC_BYTES_PER_ENTRY,
	METRIC_IDEAL_BYTES_PER_ENTRY,
	METRIC_RESIDENT_PEAK_BYTES,
	METRIC_RETIRED_PEAK_BYTES,
	METRIC_EVICTIONS_PER_OP,
	METRIC_LOCKS_PER_OP,
	METRIC_LOCK_WAITS_PER_OP,
	METRIC_LOCK_WAIT_NS_PER_OP,
	METRIC_HOTTEST_LOCK_SHARE,
	METRIC_CAS_FAILURES_PER_OP,
	METRIC_GRACE_PERIODS_PER_S,
	METRIC_GRACE_PERIOD_NS,
	METRIC_ROOM_WAIT_NS_PER_OP,
	METRIC_FUTEX_CALLS_PER_OP,
	METRIC_VOLUNTARY_SWITCHES_PER_S,
	METRIC_INVOLUNTARY_SWITCHES_PER_S,
	METRIC_ON_CPU_SHARE,
	METRIC_CPU_WAIT_SHARE,
	METRIC_STEAL_SHARE,
	METRIC_OTHER_LOAD,
	METRIC_THROTTLES,
	METRIC_FAIRNESS,
	METRIC_TABLE_REBUILDS,
	METRIC_BUSY_PER_OP,
	METRIC_NULL_NS_PER_OP,
	METRIC_ENCODED_BYTES,
	METRIC_CODEC_SHARE_PERCENT,
	METRIC_WINDOW_S,
	METRIC_OPERATIONS,
	METRIC_OVERSUBSCRIBED,
	METRIC_SEED,
};
#define METRICS 52

struct metric_row {
	const char *name;
	const char *unit; /* "ns", "bytes/s", "1" */
	const char *meaning;
};

/* The row of a metric, in the order of the enum. */
const struct metric_row *metric_info(enum metric metric);
/* Which values of a metric are the better ones, and whether they are of time, so that "faster" is the word. */
enum metric_better { METRIC_BETTER_NEITHER, METRIC_BETTER_LOWER, METRIC_BETTER_HIGHER };
enum metric_better metric_better(enum metric metric);
bool metric_is_speed(enum metric metric);
/* The metric of that name. False: there is none. */
bool metric_find(const char *name, enum metric *metric);

/* A lock that was waited for in the window. */
#define METRICS_LOCKS 8
struct metrics_lock {
	const char *name; /* as in struct capacitor_lock */
	unsigned index;
	uint64_t waits, wait_ns;
};

struct metrics {
	double value[METRICS];
	const char *unavailable[METRICS]; /* NULL where there is a value, else why there is none: a constant text */
	struct metrics_lock lock[METRICS_LOCKS]; /* those that were waited for longest, the first the longest */
	unsigned locks;
};

/* Before measuring: nothing is there, for the reason given. */
void metrics_clear(struct metrics *metrics, const char *reason);
void metrics_set(struct metrics *metrics, enum metric metric, double value);
void metrics_lack(struct metrics *metrics, enum metric metric, const char *reason);
/* Puts a lock in its place among those that were waited for longest, if it is one. */
void metrics_add_lock(struct metrics *metrics, const struct metrics_lock *lock);
/* The locks in a line: "locks: shard 3 waits 12 ns 4567; threads 0 ..."; empty when none was waited for. */
#define METRICS_LOCKS_BYTES 640
void metrics_locks_text(const struct metrics *metrics, char text[METRICS_LOCKS_BYTES]);

#ifdef __cplusplus
}
#endif

#endif
