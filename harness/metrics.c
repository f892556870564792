/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of metrics; see metrics.h. A new metric is a row here, its number in the header, and the line of point.c
 * that fills it.
 */
#include "harness/metrics.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const struct metric_row table[METRICS] = {
	[METRIC_OPS_PER_S] = {"ops_per_s", "1/s",
		"operations of all threads per second; an operation is a get (with the set that fills its miss, where "
		"misses are filled), a set or a delete"},
	[METRIC_NS_PER_OP] = {"ns_per_op", "ns",
		"mean time of an operation in its thread: window_s * threads / operations; not divided by the threads"},
	[METRIC_BYTES_PER_S] = {"bytes_per_s", "bytes/s",
		"bytes of values copied out of the cache by gets and into it by sets, per second"},
	[METRIC_HIT_RATIO] = {"hit_ratio", "1", "gets that found their key, of all gets in the window"},
	[METRIC_BYTE_HIT_RATIO] = {"byte_hit_ratio", "1",
		"requested bytes that were found, of all requested bytes (replay)"},
	[METRIC_LATENCY_P50_NS] = {"latency_p50_ns", "ns", "median time of the sampled operations of all kinds"},
	[METRIC_LATENCY_P90_NS] = {"latency_p90_ns", "ns", "90 % of the sampled operations took at most this"},
	[METRIC_LATENCY_P99_NS] = {"latency_p99_ns", "ns", "99 % of the sampled operations took at most this"},
	[METRIC_LATENCY_P999_NS] = {"latency_p999_ns", "ns", "99.9 % of the sampled operations took at most this"},
	[METRIC_LATENCY_MAX_NS] = {"latency_max_ns", "ns",
		"the longest of the sampled operations; not of all operations"},
	[METRIC_GET_LATENCY_P50_NS] = {"get_latency_p50_ns", "ns",
		"median time of the sampled gets (with the set that fills a miss, where misses are filled)"},
	[METRIC_GET_LATENCY_P99_NS] = {"get_latency_p99_ns", "ns", "99 % of the sampled gets took at most this"},
	[METRIC_SET_LATENCY_P50_NS] = {"set_latency_p50_ns", "ns", "median time of the sampled sets"},
	[METRIC_SET_LATENCY_P99_NS] = {"set_latency_p99_ns", "ns", "99 % of the sampled sets took at most this"},
	[METRIC_DELETE_LATENCY_P50_NS] = {"delete_latency_p50_ns", "ns", "median time of the sampled deletes"},
	[METRIC_DELETE_LATENCY_P99_NS] = {"delete_latency_p99_ns", "ns",
		"99 % of the sampled deletes took at most this"},
	[METRIC_LATENCY_SAMPLE_COST_NS] = {"latency_sample_cost_ns", "ns",
		"what a sample of nothing reads: it is contained in every sampled time, and never subtracted"},
	[METRIC_LATENCY_SAMPLES] = {"latency_samples", "1", "operations of which the time was taken"},
	[METRIC_ALLOCATIONS_PER_OP] = {"allocations_per_op", "1",
		"allocations by the measuring threads (malloc and its family, C++ new, in every library), per "
		"operation"},
	[METRIC_ALLOCATED_BYTES_PER_OP] = {"allocated_bytes_per_op", "bytes",
		"bytes asked for in these allocations, per operation"},
	[METRIC_ENTRIES] = {"entries", "1", "entries in the cache at the end of the window"},
	[METRIC_BYTES_PER_ENTRY] = {"bytes_per_entry", "bytes",
		"bytes charged for entries and tables, per entry, at the end of the window"},
	[METRIC_IDEAL_BYTES_PER_ENTRY] = {"ideal_bytes_per_entry", "bytes", "bytes of a key and its value alone"},
	[METRIC_RESIDENT_PEAK_BYTES] = {"resident_peak_bytes", "bytes",
		"the most memory that the whole process had resident during the point, streams of operations "
		"and buffers included"},
	[METRIC_RETIRED_PEAK_BYTES] = {"retired_peak_bytes", "bytes",
		"the most bytes that were unlinked but not yet reclaimed, since the cache was made"},
	[METRIC_EVICTIONS_PER_OP] = {"evictions_per_op", "1", "entries evicted, per operation"},
	[METRIC_LOCKS_PER_OP] = {"locks_per_op", "1", "locks taken, per operation"},
	[METRIC_LOCK_WAITS_PER_OP] = {"lock_waits_per_op", "1", "locks that had to be waited for, per operation"},
	[METRIC_LOCK_WAIT_NS_PER_OP] = {"lock_wait_ns_per_op", "ns", "time spent waiting for locks, per operation"},
	[METRIC_HOTTEST_LOCK_SHARE] = {"hottest_lock_share", "1",
		"of the time spent waiting for locks, the part that was spent at the one that was waited for longest"},
	[METRIC_CAS_FAILURES_PER_OP] = {"cas_failures_per_op", "1",
		"compare-and-swap attempts that lost, per operation"},
	[METRIC_GRACE_PERIODS_PER_S] = {"grace_periods_per_s", "1/s",
		"grace periods or epochs that passed, per second"},
	[METRIC_GRACE_PERIOD_NS] = {"grace_period_ns", "ns", "mean time that a grace period took"},
	[METRIC_ROOM_WAIT_NS_PER_OP] = {"room_wait_ns_per_op", "ns",
		"time that stores waited for memory to be reclaimed, per operation"},
	[METRIC_FUTEX_CALLS_PER_OP] = {"futex_calls_per_op", "1",
		"futex calls of the measuring threads (to sleep, to wake), per operation; with --futex-calls yes"},
	[METRIC_VOLUNTARY_SWITCHES_PER_S] = {"voluntary_switches_per_s", "1/s",
		"times that a measuring thread gave its core up (it waited), per second of all threads"},
	[METRIC_INVOLUNTARY_SWITCHES_PER_S] = {"involuntary_switches_per_s", "1/s",
		"times that a measuring thread was taken off its core, per second of all threads"},
	[METRIC_ON_CPU_SHARE] = {"on_cpu_share", "1",
		"of the window, the part for which the measuring threads were running: not asleep in a lock, nor taken off their "
		"cores"},
	[METRIC_CPU_WAIT_SHARE] = {"cpu_wait_share", "1",
		"of the window, the part for which the measuring threads were ready to run, but something else had their "
		"processors; the kernel's own account, to the nanosecond"},
	[METRIC_STEAL_SHARE] = {"steal_share", "1",
		"of all processors' time in the window, the part that the hypervisor gave to other machines"},
	[METRIC_OTHER_LOAD] = {"other_load", "processors",
		"processors that others than this process kept busy in the window, on average; in ticks of 10 ms"},
	[METRIC_THROTTLES] = {"throttles", "1", "times that a processor was slowed down for its heat in the window"},
	[METRIC_FAIRNESS] = {"fairness", "1",
		"Jain's index over the threads' operations in the window: 1 all alike, 1/threads one did everything"},
	[METRIC_TABLE_REBUILDS] = {"table_rebuilds", "1", "tables allocated in the window to grow or to clean up"},
	[METRIC_BUSY_PER_OP] = {"busy_per_op", "1",
		"calls refused because memory could not be reclaimed in time, per operation"},
	[METRIC_NULL_NS_PER_OP] = {"null_ns_per_op", "ns",
		"ns_per_op of the same stream against the implementation null: what the harness itself costs; "
		"not subtracted"},
	[METRIC_ENCODED_BYTES] = {"encoded_bytes", "bytes", "mean bytes of an encoded record (codec)"},
	[METRIC_CODEC_SHARE_PERCENT] = {"codec_share_percent", "%",
		"of the time of an operation on the cache with its encoding or decoding, the part that is not the cache's: "
		"1 - the operation alone / the whole, both measured in turn (codec); noise may make it negative"},
	[METRIC_WINDOW_S] = {"window_s", "s", "length of the window in which all threads ran and counted"},
	[METRIC_OPERATIONS] = {"operations", "1", "operations of all threads in the window"},
	[METRIC_OVERSUBSCRIBED] = {"oversubscribed", "1",
		"1 when there were more threads than processors, so that the scheduler was measured, too; else 0"},
	[METRIC_SEED] = {"seed", "1", "what the keys and operations of this repetition were drawn from"},
};

const struct metric_row *metric_info(enum metric metric)
{
	assert((unsigned)metric < METRICS);
	return &table[metric];
}

/* A metric without a row is better neither way. What counts as waiting, copying or garbage is better lower; hits, higher. */
static const unsigned char better[METRICS] = {
	[METRIC_OPS_PER_S] = METRIC_BETTER_HIGHER,
	[METRIC_NS_PER_OP] = METRIC_BETTER_LOWER,
	[METRIC_BYTES_PER_S] = METRIC_BETTER_HIGHER,
	[METRIC_HIT_RATIO] = METRIC_BETTER_HIGHER,
	[METRIC_BYTE_HIT_RATIO] = METRIC_BETTER_HIGHER,
	[METRIC_LATENCY_P50_NS] = METRIC_BETTER_LOWER,
	[METRIC_LATENCY_P90_NS] = METRIC_BETTER_LOWER,
	[METRIC_LATENCY_P99_NS] = METRIC_BETTER_LOWER,
	[METRIC_LATENCY_P999_NS] = METRIC_BETTER_LOWER,
	[METRIC_LATENCY_MAX_NS] = METRIC_BETTER_LOWER,
	[METRIC_GET_LATENCY_P50_NS] = METRIC_BETTER_LOWER,
	[METRIC_GET_LATENCY_P99_NS] = METRIC_BETTER_LOWER,
	[METRIC_SET_LATENCY_P50_NS] = METRIC_BETTER_LOWER,
	[METRIC_SET_LATENCY_P99_NS] = METRIC_BETTER_LOWER,
	[METRIC_DELETE_LATENCY_P50_NS] = METRIC_BETTER_LOWER,
	[METRIC_DELETE_LATENCY_P99_NS] = METRIC_BETTER_LOWER,
	[METRIC_ALLOCATIONS_PER_OP] = METRIC_BETTER_LOWER,
	[METRIC_ALLOCATED_BYTES_PER_OP] = METRIC_BETTER_LOWER,
	[METRIC_BYTES_PER_ENTRY] = METRIC_BETTER_LOWER,
	[METRIC_RESIDENT_PEAK_BYTES] = METRIC_BETTER_LOWER,
	[METRIC_RETIRED_PEAK_BYTES] = METRIC_BETTER_LOWER,
	[METRIC_LOCKS_PER_OP] = METRIC_BETTER_LOWER,
	[METRIC_LOCK_WAITS_PER_OP] = METRIC_BETTER_LOWER,
	[METRIC_LOCK_WAIT_NS_PER_OP] = METRIC_BETTER_LOWER,
	[METRIC_CAS_FAILURES_PER_OP] = METRIC_BETTER_LOWER,
	[METRIC_GRACE_PERIOD_NS] = METRIC_BETTER_LOWER,
	[METRIC_ROOM_WAIT_NS_PER_OP] = METRIC_BETTER_LOWER,
	[METRIC_FUTEX_CALLS_PER_OP] = METRIC_BETTER_LOWER,
	[METRIC_FAIRNESS] = METRIC_BETTER_HIGHER,
	[METRIC_TABLE_REBUILDS] = METRIC_BETTER_LOWER,
	[METRIC_BUSY_PER_OP] = METRIC_BETTER_LOWER,
	[METRIC_ENCODED_BYTES] = METRIC_BETTER_LOWER,
	[METRIC_CODEC_SHARE_PERCENT] = METRIC_BETTER_LOWER,
	[METRIC_NULL_NS_PER_OP] = METRIC_BETTER_LOWER,
};

enum metric_better metric_better(enum metric metric)
{
	assert((unsigned)metric < METRICS);
	return (enum metric_better)better[metric];
}

bool metric_is_speed(enum metric metric)
{
	const char *unit = metric_info(metric)->unit;

	return better[metric] != METRIC_BETTER_NEITHER &&
	       (strcmp(unit, "ns") == 0 || strcmp(unit, "1/s") == 0 || strcmp(unit, "bytes/s") == 0);
}

bool metric_find(const char *name, enum metric *metric)
{
	for (unsigned i = 0; i < METRICS; i++)
		if (strcmp(table[i].name, name) == 0) {
			*metric = (enum metric)i;
			return true;
		}
	return false;
}

void metrics_clear(struct metrics *metrics, const char *reason)
{
	for (unsigned i = 0; i < METRICS; i++)
		metrics_lack(metrics, (enum metric)i, reason);
	metrics->locks = 0;
}

/* A quotient whose divisor was 0 is no measurement. */
void metrics_set(struct metrics *metrics, enum metric metric, double value)
{
	if (!isfinite(value)) {
		metrics_lack(metrics, metric, "nothing was there to divide by: no operation in the window");
		return;
	}
	metrics->value[metric] = value;
	metrics->unavailable[metric] = NULL;
}

void metrics_lack(struct metrics *metrics, enum metric metric, const char *reason)
{
	metrics->value[metric] = 0;
	metrics->unavailable[metric] = reason;
}

void metrics_add_lock(struct metrics *metrics, const struct metrics_lock *lock)
{
	unsigned place = metrics->locks;

	if (lock->waits == 0)
		return;
	if (metrics->locks < METRICS_LOCKS)
		metrics->locks++;
	else if (lock->wait_ns <= metrics->lock[--place].wait_ns)
		return;
	for (; place > 0 && metrics->lock[place - 1].wait_ns < lock->wait_ns; place--)
		metrics->lock[place] = metrics->lock[place - 1];
	metrics->lock[place] = *lock;
}

void metrics_locks_text(const struct metrics *metrics, char text[METRICS_LOCKS_BYTES])
{
	size_t used = 0;

	text[0] = '\0';
	for (unsigned i = 0; i < metrics->locks && used < METRICS_LOCKS_BYTES; i++)
		used += (size_t)snprintf(text + used, METRICS_LOCKS_BYTES - used, "%s%.32s %u waits %" PRIu64 " ns %" PRIu64,
		                         i ? "; " : "locks: ", metrics->lock[i].name, metrics->lock[i].index,
		                         metrics->lock[i].waits, metrics->lock[i].wait_ns);
}
