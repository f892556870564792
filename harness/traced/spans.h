/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What was recorded as a trace that Perfetto (ui.perfetto.dev) and chrome://tracing show: the JSON Object Format of Chrome's trace
 * events, a complete event ("X") for each span, times in microseconds from the window's beginning.
 *
 *   names        of operations, "wait shard[3]", "hold shard[3]", "idle", "grace period", "epoch poll", "evict", "reclaim", ...
 *   categories   operation, lock, idle, grace, eviction, reclaim, room
 *   args         of operations: key (its first bytes) and result; of locks: the site; else a number under its name. A span that
 *                sticks out of the window is cut there, and has before_ns or after_ns; one that had not ended when the trace
 *                was written has unfinished
 *   otherData    facts given by the caller; the window; per thread what was recorded, what was left out because the thread's memory
 *                was full, and what the harness itself counted
 *
 * Within a thread, events begin in order, and nest.
 */
#ifndef HARNESS_TRACED_SPANS_H
#define HARNESS_TRACED_SPANS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct spans_fact {
	const char *key, *value; /* value: JSON when it begins as a number does, else text */
};

struct spans;

/* Copies what there is, also of threads that still run. After the window. NULL: `error` says why not. */
struct spans *spans_gather(char *error, size_t error_bytes);
/* NULL is allowed. */
void spans_free(struct spans *spans);

void spans_write(FILE *out, const struct spans *spans, const struct spans_fact *facts, size_t count);

/* For people: of each thread, the shares of the window and the longest spans. */
void spans_summary(FILE *out, const struct spans *spans);

#endif
