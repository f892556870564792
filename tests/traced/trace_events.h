/* SPDX-License-Identifier: BSD-2-Clause */
/* The rules of Chrome's trace event format, as far as our traces go, and ours on top. */
#ifndef TESTS_TRACED_TRACE_EVENTS_H
#define TESTS_TRACED_TRACE_EVENTS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * Is it a trace? Every event has a phase, a process, a thread and a name; complete events have a category, a time and a length that
 * are not negative, and lie in the window (otherData.window_us); within a thread they begin in order, and nest; every
 * thread has a name; of each thread there are as many events as otherData.threads says. False: `error` says what is wrong.
 */
bool trace_events_valid(const json_t *trace, char *error, size_t error_bytes);

/* How many complete events of that name there are, on that thread (-1: any). */
size_t trace_events_count(const json_t *trace, const char *name, int tid);

/* The first one of that name on a thread of that name. NULL: there is none. */
const json_t *trace_events_find(const json_t *trace, const char *name, const char *thread);

/* The thread's entry in otherData.threads; NULL: there is none. */
const json_t *trace_events_thread(const json_t *trace, const char *thread);

double trace_events_begin(const json_t *event);
double trace_events_end(const json_t *event);

#endif
