/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The eviction policies alone: what hit ratio does a policy reach with a capacity on a trace, when nothing but the
 * sizes of the objects counts against the capacity? No table, no entry headers, one shard, no concurrency; the code
 * that chooses who is to go is the caches' own (common/policy.h).
 *
 * Rules: an object that is missed is inserted at once; one larger than the capacity is not. Objects are evicted until
 * the new one fits. An object keeps the size with which it was inserted until it is evicted, even where the trace asks
 * for it with another size.
 */
#ifndef HARNESS_SIMULATE_H
#define HARNESS_SIMULATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "capacitor/cache.h"
#include "harness/trace.h"

/* One point: a policy with a capacity. */
struct simulation {
	enum capacitor_policy policy;
	uint64_t capacity_bytes;
	/* The result. */
	uint64_t misses;
	uint64_t missed_bytes;
};

/*
 * Simulates all points on a trace (trace->index must be there: trace_load and trace_count make it), several at a time
 * on as many threads as there are processors. False: no memory; then no result is to be used.
 */
bool simulate(const struct trace *trace, struct simulation *points, size_t count);

/* The bytes of all objects of a trace, each with the size of its first request: the capacity that holds everything. */
uint64_t simulate_footprint_bytes(const struct trace *trace);

#endif
