/* SPDX-License-Identifier: BSD-2-Clause */
/* Is it a trace? See trace_events.h. */
#include "tests/traced/trace_events.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define THREADS_MAX 64
#define DEPTH_MAX   64

/* Times have three digits behind the point. */
#define EQUAL 1e-6

struct thread {
	json_int_t tid;
	bool named;
	double last;
	double end[DEPTH_MAX];
	size_t depth, events;
};

struct state {
	struct thread thread[THREADS_MAX];
	size_t threads;
	double window_us;
	char *error;
	size_t error_bytes;
};

static bool wrong(struct state *state, size_t event, const char *what)
{
	snprintf(state->error, state->error_bytes, "event %zu: %s", event, what);
	return false;
}

static struct thread *thread_of(struct state *state, json_int_t tid)
{
	for (size_t i = 0; i < state->threads; i++)
		if (state->thread[i].tid == tid)
			return &state->thread[i];
	if (state->threads == THREADS_MAX)
		return NULL;
	state->thread[state->threads] = (struct thread){.tid = tid};
	return &state->thread[state->threads++];
}

double trace_events_begin(const json_t *event)
{
	return json_number_value(json_object_get(event, "ts"));
}

double trace_events_end(const json_t *event)
{
	return trace_events_begin(event) + json_number_value(json_object_get(event, "dur"));
}

static bool check_complete(struct state *state, struct thread *thread, const json_t *event, size_t number)
{
	double begin = trace_events_begin(event), end = trace_events_end(event);

	if (!json_is_number(json_object_get(event, "ts")) || begin < 0)
		return wrong(state, number, "it has no time from 0 on");
	if (!json_is_number(json_object_get(event, "dur")) || end < begin)
		return wrong(state, number, "it ends before it begins");
	if (end > state->window_us + EQUAL)
		return wrong(state, number, "it is not in the window");
	if (!json_is_string(json_object_get(event, "cat")) || !json_is_object(json_object_get(event, "args")))
		return wrong(state, number, "it has no category or no arguments");
	if (begin < thread->last)
		return wrong(state, number, "it begins before the one before it");
	thread->last = begin;
	while (thread->depth > 0 && thread->end[thread->depth - 1] <= begin + EQUAL)
		thread->depth--;
	if (thread->depth > 0 && end > thread->end[thread->depth - 1] + EQUAL)
		return wrong(state, number, "it does not nest");
	if (thread->depth == DEPTH_MAX)
		return wrong(state, number, "it is nested too deep");
	thread->end[thread->depth++] = end;
	thread->events++;
	return true;
}

static bool check_event(struct state *state, const json_t *event, size_t number)
{
	const char *phase = json_string_value(json_object_get(event, "ph"));
	const char *name = json_string_value(json_object_get(event, "name"));
	const json_t *tid = json_object_get(event, "tid");
	struct thread *thread;

	if (!phase || !name || !json_is_integer(json_object_get(event, "pid")) || !json_is_integer(tid))
		return wrong(state, number, "it lacks a phase, process, thread or name");
	if (strcmp(phase, "M") == 0 && strcmp(name, "process_name") == 0)
		return true;
	thread = thread_of(state, json_integer_value(tid));
	if (!thread)
		return wrong(state, number, "there are too many threads");
	if (strcmp(phase, "X") == 0)
		return check_complete(state, thread, event, number);
	if (strcmp(phase, "M") != 0)
		return wrong(state, number, "its phase is unknown");
	if (strcmp(name, "thread_name") == 0)
		thread->named = json_is_string(json_object_get(json_object_get(event, "args"), "name"));
	return true;
}

static bool check_counts(struct state *state, const json_t *trace)
{
	const json_t *counts = json_object_get(json_object_get(trace, "otherData"), "threads"), *entry;
	size_t i;

	if (json_array_size(counts) != state->threads) {
		snprintf(state->error, state->error_bytes, "otherData tells of %zu threads, and %zu have events",
		         json_array_size(counts), state->threads);
		return false;
	}
	json_array_foreach(counts, i, entry) {
		const struct thread *thread = thread_of(state, json_integer_value(json_object_get(entry, "tid")));

		if (!thread || (json_int_t)thread->events != json_integer_value(json_object_get(entry, "spans"))) {
			snprintf(state->error, state->error_bytes, "thread %zu has other events than otherData says", i);
			return false;
		}
	}
	return true;
}

bool trace_events_valid(const json_t *trace, char *error, size_t error_bytes)
{
	struct state state = {.error = error, .error_bytes = error_bytes};
	const json_t *events = json_object_get(trace, "traceEvents"), *event;
	const json_t *window = json_object_get(json_object_get(trace, "otherData"), "window_us");
	size_t i;

	if (!json_is_array(events) || !json_is_number(window)) {
		snprintf(error, error_bytes, "there are no traceEvents, or no window");
		return false;
	}
	state.window_us = json_number_value(window);
	json_array_foreach(events, i, event)
		if (!check_event(&state, event, i))
			return false;
	for (size_t t = 0; t < state.threads; t++)
		if (!state.thread[t].named) {
			snprintf(error, error_bytes, "thread %lld has no name", (long long)state.thread[t].tid);
			return false;
		}
	return check_counts(&state, trace);
}

static bool is_complete(const json_t *event, const char *name)
{
	return strcmp(json_string_value(json_object_get(event, "ph")), "X") == 0 &&
	       strcmp(json_string_value(json_object_get(event, "name")), name) == 0;
}

size_t trace_events_count(const json_t *trace, const char *name, int tid)
{
	const json_t *event;
	size_t i, count = 0;

	json_array_foreach(json_object_get(trace, "traceEvents"), i, event)
		count += is_complete(event, name) && (tid < 0 || json_integer_value(json_object_get(event, "tid")) == tid);
	return count;
}

const json_t *trace_events_thread(const json_t *trace, const char *thread)
{
	const json_t *entry;
	size_t i;

	json_array_foreach(json_object_get(json_object_get(trace, "otherData"), "threads"), i, entry)
		if (strcmp(json_string_value(json_object_get(entry, "name")), thread) == 0)
			return entry;
	return NULL;
}

const json_t *trace_events_find(const json_t *trace, const char *name, const char *thread)
{
	json_int_t tid = json_integer_value(json_object_get(trace_events_thread(trace, thread), "tid"));
	const json_t *event;
	size_t i;

	json_array_foreach(json_object_get(trace, "traceEvents"), i, event)
		if (is_complete(event, name) && json_integer_value(json_object_get(event, "tid")) == tid)
			return event;
	return NULL;
}
