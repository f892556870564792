/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Traces: what was planted is found in them. Nothing here waits for time to pass: who is to wait is seen waiting before the others
 * go on.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <jansson.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define URCU_API_MAP
#include <urcu/urcu-memb.h>

#include "harness/traced/calls.h"
#include "harness/traced/record.h"
#include "harness/traced/spans.h"
#include "tests/traced/trace_events.h"

#define SPANS 8000

static void begin(void)
{
	const struct record_plan plan = {.mode = RECORD_SPANS, .spans_max = SPANS};

	assert_true(record_prepare(&plan));
	record_start();
}

/* The trace of what has been recorded since begin(), which is one. */
static json_t *trace(void)
{
	char error[256] = "", *text = NULL;
	size_t bytes;
	FILE *stream = open_memstream(&text, &bytes);
	const struct spans_fact facts[] = {{"implementation", "\"quoted\"\\"}, {"ratio", "1.25"}};
	struct spans *spans;
	json_error_t problem;
	json_t *json;

	record_stop();
	spans = spans_gather(error, sizeof error);
	assert_non_null(spans);
	spans_write(stream, spans, facts, 2);
	fclose(stream);
	json = json_loads(text, 0, &problem);
	if (!json)
		fail_msg("%s: %s", problem.text, text);
	free(text);
	if (!trace_events_valid(json, error, sizeof error))
		fail_msg("%s", error);
	stream = fopen("/dev/null", "w");
	spans_summary(stream, spans);
	fclose(stream);
	spans_free(spans);
	return json;
}

static void name(const char *thread)
{
	snprintf(record_mine()->name, RECORD_NAME_BYTES, "%s", thread);
}

/* ---- A lock that is held long -------------------------------------------------------------------------------------- */

struct long_hold {
	pthread_mutex_t mutex;
	_Atomic(struct record *) waiter[3];
	_Atomic bool held;
};

static void *wait_for_lock(void *argument)
{
	static _Atomic unsigned next;
	struct long_hold *hold = argument;
	unsigned number = fetch_add_relaxed(&next, 1);
	char thread[RECORD_NAME_BYTES];

	snprintf(thread, sizeof thread, "waiter %u", number);
	name(thread);
	while (!load_acquire(&hold->held))
		sched_yield();
	store_release(&hold->waiter[number], record_mine());
	assert_int_equal(traced_mutex_lock(&hold->mutex), 0);
	traced_mutex_unlock(&hold->mutex);
	return NULL;
}

/* Those who wait, wait while it is held; and they hold it one after the other. */
static void a_lock_that_is_held_long(void **state)
{
	static struct long_hold hold = {.mutex = PTHREAD_MUTEX_INITIALIZER};
	const json_t *held, *wait;
	pthread_t thread[3];
	json_t *json;

	(void)state;
	begin();
	traced_mutex_init(&hold.mutex, NULL);
	record_name_locks();
	name("holder");
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, wait_for_lock, &hold), 0);
	traced_mutex_lock(&hold.mutex);
	store_release(&hold.held, true);
	for (unsigned i = 0; i < 3; i++) {
		struct record *record;

		while (!(record = load_acquire(&hold.waiter[i])) || !load_relaxed(&record->waiting))
			sched_yield();
	}
	traced_mutex_unlock(&hold.mutex);
	for (unsigned i = 0; i < 3; i++)
		pthread_join(thread[i], NULL);
	json = trace();
	traced_mutex_destroy(&hold.mutex);

	held = trace_events_find(json, "hold mutex 0", "holder");
	assert_non_null(held);
	assert_non_null(
		strstr(json_string_value(json_object_get(json_object_get(held, "args"), "site")), "a_lock_that_is_held_long"));
	for (unsigned i = 0; i < 3; i++) {
		char thread_name[RECORD_NAME_BYTES];

		snprintf(thread_name, sizeof thread_name, "waiter %u", i);
		wait = trace_events_find(json, "wait mutex 0", thread_name);
		assert_non_null(wait);
		assert_true(trace_events_begin(wait) >= trace_events_begin(held));
		assert_true(trace_events_begin(wait) <= trace_events_end(held));
		assert_true(trace_events_end(wait) >= trace_events_end(held));
		assert_true(trace_events_begin(trace_events_find(json, "hold mutex 0", thread_name)) >= trace_events_end(held));
	}
	assert_int_equal(trace_events_count(json, "wait mutex 0", -1), 3);
	assert_int_equal(trace_events_count(json, "hold mutex 0", -1), 4);
	json_decref(json);
}

/* ---- A grace period that does not end ------------------------------------------------------------------------------ */

static void *synchronize(void *argument)
{
	urcu_memb_register_thread();
	store_release((_Atomic(struct record *) *)argument, record_mine());
	traced_synchronize_rcu();
	urcu_memb_unregister_thread();
	return NULL;
}

static void a_grace_period_that_does_not_end(void **state)
{
	static _Atomic(struct record *) grace;
	const json_t *event;
	pthread_t thread;
	json_t *json;

	(void)state;
	begin();
	urcu_memb_register_thread();
	urcu_memb_read_lock();
	assert_int_equal(pthread_create(&thread, NULL, synchronize, &grace), 0);
	while (!load_acquire(&grace) || load_acquire(&load_acquire(&grace)->depth) == 0)
		sched_yield();
	json = trace();
	urcu_memb_read_unlock();
	pthread_join(thread, NULL);
	urcu_memb_unregister_thread();

	event = trace_events_find(json, "grace period", "grace periods");
	assert_non_null(event);
	assert_true(json_is_true(json_object_get(json_object_get(event, "args"), "unfinished")));
	assert_true(trace_events_end(event) >=
	            json_number_value(json_object_get(json_object_get(json, "otherData"), "window_us")) - 0.001);
	json_decref(json);
}

/* ---- Operations ---------------------------------------------------------------------------------------------------- */

/* What is called is what is in the trace, evictions too. */
static void operations_and_evictions(void **state)
{
	const char *implementation = *state;
	struct capacitor_config config;
	struct capacitor_handle *handle;
	struct capacitor_stats stats;
	static char value[1000], got[1000];
	struct capacitor *cache;
	const json_t *event, *thread;
	uint64_t evicted = 0;
	json_t *json;
	size_t i, bytes, evictions = 0;

	capacitor_config_init(&config);
	config.capacity_bytes = 256 * 1024;
	config.expected_entries = 100;
	config.shards = 1;
	assert_int_equal(capacitor_create(implementation, &config, &cache, NULL), CAPACITOR_OK);
	assert_int_equal(capacitor_enter(cache, &handle), CAPACITOR_OK);
	begin();
	name("operator");
	for (uint64_t key = 0; key < 400 / 4; key++) {
		assert_int_equal(capacitor_set(handle, &key, sizeof key, value, sizeof value, CAPACITOR_TTL_NEVER),
		                 CAPACITOR_STORED);
		assert_int_equal(capacitor_get(handle, &key, sizeof key, got, sizeof got, &bytes), CAPACITOR_HIT);
	}
	capacitor_delete(handle, "none", 4);
	json = trace();
	thread = trace_events_thread(json, "operator");
	assert_int_equal(json_integer_value(json_object_get(thread, "left_out")), 0);
	assert_int_equal(trace_events_count(json, "set", -1), 100);
	assert_int_equal(trace_events_count(json, "get", -1), 100);
	assert_int_equal(trace_events_count(json, "delete", -1), 1);
	json_array_foreach(json_object_get(json, "traceEvents"), i, event) {
		const json_t *args = json_object_get(event, "args");
		const char *what = json_string_value(json_object_get(event, "name"));

		if (strcmp(what, "get") == 0)
			assert_string_equal(json_string_value(json_object_get(args, "result")), "hit");
		if (strcmp(what, "delete") == 0)
			assert_string_equal(json_string_value(json_object_get(args, "result")), "miss");
		if (strcmp(what, "evict") == 0)
			evicted += (uint64_t)json_integer_value(json_object_get(args, "entries")), evictions++;
	}
	json_decref(json);

	/* And now until it is full, more than there is room for. */
	begin();
	for (uint64_t key = 1000; key < 1400; key++)
		capacitor_set(handle, &key, sizeof key, value, sizeof value, CAPACITOR_TTL_NEVER);
	capacitor_stats(cache, &stats);
	json = trace();
	json_array_foreach(json_object_get(json, "traceEvents"), i, event) {
		const json_t *args = json_object_get(event, "args");

		if (strcmp(json_string_value(json_object_get(event, "name")), "evict") == 0)
			evicted += (uint64_t)json_integer_value(json_object_get(args, "entries")), evictions++;
	}
	assert_int_equal(json_integer_value(json_object_get(trace_events_thread(json, "operator"), "left_out")), 0);
	assert_true(evictions > 0);
	/* A policy may hand out the entry that is being replaced, which is not counted as evicted; here none is. */
	assert_int_equal(evicted, stats.value[CAPACITOR_STAT_EVICTIONS]);
	json_decref(json);
	capacitor_leave(handle);
	capacitor_destroy(cache);
}

/* ---- What does not fit --------------------------------------------------------------------------------------------- */

static void what_is_left_out_is_counted(void **state)
{
	static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
	const json_t *thread;
	json_t *json;

	(void)state;
	begin();
	name("hoarder");
	for (unsigned i = 0; i < SPANS + 25; i++) {
		traced_mutex_lock(&mutex);
		traced_mutex_unlock(&mutex);
	}
	json = trace();
	thread = trace_events_thread(json, "hoarder");
	assert_int_equal(json_integer_value(json_object_get(thread, "spans")), SPANS);
	assert_int_equal(json_integer_value(json_object_get(thread, "left_out")), 25);
	assert_int_equal(json_integer_value(json_object_get(json_object_get(thread, "recorded"), "hold")), SPANS + 25);
	json_decref(json);
}

/* Locks that are let go in the order in which they were taken: their holds do not nest, and the trace still does. */
static void holds_that_do_not_nest(void **state)
{
	static pthread_mutex_t one = PTHREAD_MUTEX_INITIALIZER, other = PTHREAD_MUTEX_INITIALIZER;
	const json_t *thread;
	json_t *json;

	(void)state;
	begin();
	name("crosser");
	for (unsigned i = 0; i < 100; i++) {
		traced_mutex_lock(&one);
		traced_mutex_lock(&other);
		traced_mutex_unlock(&one);
		traced_mutex_unlock(&other);
	}
	json = trace();
	thread = trace_events_thread(json, "crosser");
	assert_int_equal(json_integer_value(json_object_get(thread, "spans")) +
	                 json_integer_value(json_object_get(thread, "not_nested")), 200);
	assert_true(json_integer_value(json_object_get(thread, "not_nested")) > 0);
	json_decref(json);
}

/* ---- The check of traces catches what is wrong ---------------------------------------------------------------------- */

#define THREADS(count) "\"otherData\":{\"window_us\":100,\"threads\":[{\"tid\":1,\"name\":\"a\",\"spans\":" count "}]},"
#define NAMED          "{\"ph\":\"M\",\"pid\":1,\"tid\":1,\"name\":\"thread_name\",\"args\":{\"name\":\"a\"}}"
#define SPAN(ts, dur) \
	",{\"ph\":\"X\",\"pid\":1,\"tid\":1,\"name\":\"get\",\"cat\":\"c\",\"args\":{},\"ts\":" ts ",\"dur\":" dur "}"

static void wrong_traces_are_told(void **state)
{
	static const struct {
		const char *trace, *error;
	} cases[] = {
		{"{" THREADS("2") "\"traceEvents\":[" NAMED SPAN("1", "5") SPAN("2", "4") "]}", NULL},
		{"{" THREADS("2") "\"traceEvents\":[" NAMED SPAN("1", "5") SPAN("2", "5") "]}", "nest"},
		{"{" THREADS("2") "\"traceEvents\":[" NAMED SPAN("2", "1") SPAN("1", "1") "]}", "before the one before"},
		{"{" THREADS("1") "\"traceEvents\":[" NAMED SPAN("2", "-1") "]}", "ends before it begins"},
		{"{" THREADS("1") "\"traceEvents\":[" NAMED SPAN("-2", "1") "]}", "no time"},
		{"{" THREADS("1") "\"traceEvents\":[" NAMED SPAN("99", "2") "]}", "window"},
		{"{" THREADS("2") "\"traceEvents\":[" NAMED SPAN("2", "1") "]}", "other events"},
		{"{" THREADS("1") "\"traceEvents\":[{\"ph\":\"M\",\"pid\":1,\"tid\":1,\"name\":\"x\"}" SPAN("2", "1") "]}",
	         "no name"},
		{"{" THREADS("1") "\"traceEvents\":[" NAMED ",{\"ph\":\"X\",\"pid\":1,\"tid\":1}]}", "lacks"},
		{"{\"traceEvents\":[]}", "no window"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		json_t *json = json_loads(cases[i].trace, 0, NULL);
		char error[256] = "";
		bool valid;

		assert_non_null(json);
		valid = trace_events_valid(json, error, sizeof error);
		if (valid != !cases[i].error || (cases[i].error && !strstr(error, cases[i].error)))
			fail_msg("case %zu: '%s'", i, error);
		json_decref(json);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_lock_that_is_held_long),
		cmocka_unit_test(a_grace_period_that_does_not_end),
		{"operations and evictions: unsync", operations_and_evictions, NULL, NULL, (void *)"unsync"},
		{"operations and evictions: rwlock", operations_and_evictions, NULL, NULL, (void *)"rwlock"},
		{"operations and evictions: sharded", operations_and_evictions, NULL, NULL, (void *)"sharded"},
		{"operations and evictions: rcu", operations_and_evictions, NULL, NULL, (void *)"rcu"},
		{"operations and evictions: ck_hs", operations_and_evictions, NULL, NULL, (void *)"ck_hs"},
		cmocka_unit_test(what_is_left_out_is_counted),
		cmocka_unit_test(holds_that_do_not_nest),
		cmocka_unit_test(wrong_traces_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
