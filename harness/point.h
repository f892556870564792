/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A point: one combination of an implementation and a workload, measured once in a fresh cache.
 */
#ifndef HARNESS_POINT_H
#define HARNESS_POINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "capacitor/cache.h"
#include "harness/metrics.h"

#ifdef __cplusplus
extern "C" {
#endif

#define POINT_ERROR_BYTES 256

struct point {
	const struct capacitor_info *implementation;
	enum capacitor_policy policy;
	enum capacitor_counters counters;
	enum capacitor_hash hash;
	unsigned threads;
	uint64_t keys;
	size_t key_bytes, value_bytes;
	unsigned get_percent, set_percent, delete_percent;
	double skew;
	size_t capacity_bytes;

	double warmup_s, window_s;
	uint64_t seed;
	bool fill;             /* a get that misses sets the key */
	bool futex_calls;      /* count them */
	unsigned sample_every; /* the time of one operation in so many is taken; 0: point_sample_every */
};

/* Streams of operations and keys, kept from one point to the next that wants the same. */
struct point_workspace;
struct point_workspace *point_workspace_new(void);
void point_workspace_free(struct point_workspace *workspace);

/* Measures a point. False: `error` says what failed; *metrics has nothing then. */
bool point_run(const struct point *point, struct point_workspace *workspace, struct metrics *metrics,
               char error[POINT_ERROR_BYTES]);

/* Why an implementation cannot be measured with these; NULL: it can. */
const char *point_unsupported(const struct capacitor_info *implementation, enum capacitor_policy policy,
                              unsigned threads);

/* A capacity that holds all keys with any implementation: their entries and tables and 30 % more, in whole MiB, and
 * 64 MiB at least. */
size_t point_capacity_bytes(uint64_t keys, size_t key_bytes, size_t value_bytes);

/* Does a capacity hold all keys, with what schemes that reclaim late keep free? */
bool point_holds_all(size_t capacity_bytes, uint64_t keys, size_t key_bytes, size_t value_bytes);

/* The memory that measuring the point takes, about. */
uint64_t point_memory_bytes(const struct point *point);

/* One operation in 61, or more when values are so large that operations are few. */
unsigned point_sample_every(size_t value_bytes);

/*
 * The marker of one team member: member 0 sets a key, all others must get what it set, and member 0 deletes it. False:
 * this member did not see it, so that the team does not share one cache. Every member of the team must call it.
 */
struct team_member;
bool point_marker(struct team_member *member, struct capacitor_handle *handle);

#ifdef __cplusplus
}
#endif

#endif
