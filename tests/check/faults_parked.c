/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Threads that stand still. A reader that holds a pin, or stops inside a read section, while others write as much as they
 * can (G4); and a thread stopped at any point of any call (points.h), while others show what still goes on (G8).
 */
#include <inttypes.h>
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "faults.h"
#include "points.h"

/* ---- A thread that can be stopped -------------------------------------------------------------------------------- */

enum call { CALL_GET, CALL_PIN, CALL_CONTAINS, CALL_GET_MANY, CALL_SET, CALL_DELETE, CALL_EACH, CALLS };

static const struct {
	const char *name;
	enum capacitor_operation operation;
} calls[CALLS] = {
	[CALL_GET] = {"get", CAPACITOR_OP_GET},
	[CALL_PIN] = {"pin", CAPACITOR_OP_PIN},
	[CALL_CONTAINS] = {"contains", CAPACITOR_OP_CONTAINS},
	[CALL_GET_MANY] = {"get_many", CAPACITOR_OP_GET_MANY},
	[CALL_SET] = {"set", CAPACITOR_OP_SET},
	[CALL_DELETE] = {"delete", CAPACITOR_OP_DELETE},
	[CALL_EACH] = {"each", CAPACITOR_OP_EACH},
};

#define VALUE_BYTES 100
#define KEYS        64

static bool visit_entry(void *context, const void *key, size_t key_bytes, const void *value, size_t value_bytes)
{
	(void)context;
	(void)key;
	(void)key_bytes;
	(void)value;
	(void)value_bytes;
	return true;
}

static enum capacitor_result make_call(struct capacitor_handle *handle, enum call call, uint32_t key)
{
	static const unsigned char value[VALUE_BYTES];
	unsigned char buffer[VALUE_BYTES];
	struct capacitor_request request = {
		.key = &key, .key_bytes = sizeof key, .buffer = buffer, .buffer_bytes = sizeof buffer,
	};
	struct capacitor_pin pin;
	enum capacitor_result result;

	switch (call) {
	case CALL_GET: return capacitor_get(handle, &key, sizeof key, buffer, sizeof buffer, NULL);
	case CALL_CONTAINS: return capacitor_contains(handle, &key, sizeof key);
	case CALL_GET_MANY: return capacitor_get_many(handle, &request, 1);
	case CALL_SET: return capacitor_set(handle, &key, sizeof key, value, sizeof value, CAPACITOR_TTL_NEVER);
	case CALL_DELETE: return capacitor_delete(handle, &key, sizeof key);
	case CALL_EACH: return capacitor_each(handle, visit_entry, NULL);
	case CALL_PIN:
		result = capacitor_pin(handle, &key, sizeof key, &pin);
		if (result == CAPACITOR_HIT)
			capacitor_unpin(handle, &pin);
		return result;
	case CALLS: break;
	}
	return CAPACITOR_INVALID;
}

/* A thread that makes one call whenever it is told to, and stops at a point of it. */
struct victim {
	struct capacitor *cache;
	enum call call;
	enum point point;
	bool stopped_once; /* in this call */
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	enum { IDLE, ASKED, STOPPED, RELEASED, ENDED } state; /* under the mutex */
	pthread_t thread;
};

static void change(struct victim *victim, int state)
{
	victim->state = state;
	pthread_cond_broadcast(&victim->changed);
}

static void stop_here(void *context, enum point point)
{
	struct victim *victim = context;

	if (point != victim->point || victim->stopped_once)
		return;
	victim->stopped_once = true;
	pthread_mutex_lock(&victim->mutex);
	change(victim, STOPPED);
	while (victim->state != RELEASED)
		pthread_cond_wait(&victim->changed, &victim->mutex);
	pthread_mutex_unlock(&victim->mutex);
}

static void *victim_main(void *argument)
{
	struct victim *victim = argument;
	struct capacitor_handle *handle;
	bool inside = capacitor_enter(victim->cache, &handle) == CAPACITOR_OK;

	pthread_mutex_lock(&victim->mutex);
	while (inside) {
		while (victim->state != ASKED && victim->state != ENDED)
			pthread_cond_wait(&victim->changed, &victim->mutex);
		if (victim->state == ENDED)
			break;
		pthread_mutex_unlock(&victim->mutex);
		victim->stopped_once = false;
		(void)make_call(handle, CALL_SET, 0); /* or a delete would find nothing the second time */
		points_visit(stop_here, victim);
		(void)make_call(handle, victim->call, 0);
		points_visit(NULL, NULL);
		pthread_mutex_lock(&victim->mutex);
		change(victim, IDLE);
	}
	pthread_mutex_unlock(&victim->mutex);
	if (inside)
		capacitor_leave(handle);
	return NULL;
}

/* True: it has stopped there. False: the call does not pass that point; it has returned. */
static bool victim_stop(struct victim *victim)
{
	bool stopped;

	pthread_mutex_lock(&victim->mutex);
	change(victim, ASKED);
	while (victim->state == ASKED)
		pthread_cond_wait(&victim->changed, &victim->mutex);
	stopped = victim->state == STOPPED;
	pthread_mutex_unlock(&victim->mutex);
	return stopped;
}

static void victim_go_on(struct victim *victim)
{
	pthread_mutex_lock(&victim->mutex);
	change(victim, RELEASED);
	while (victim->state != IDLE)
		pthread_cond_wait(&victim->changed, &victim->mutex);
	pthread_mutex_unlock(&victim->mutex);
}

static bool victim_start(struct victim *victim, struct capacitor *cache)
{
	*victim = (struct victim){.cache = cache};
	pthread_mutex_init(&victim->mutex, NULL);
	pthread_cond_init(&victim->changed, NULL);
	return pthread_create(&victim->thread, NULL, victim_main, victim) == 0;
}

static void victim_end(struct victim *victim)
{
	pthread_mutex_lock(&victim->mutex);
	change(victim, ENDED);
	pthread_mutex_unlock(&victim->mutex);
	pthread_join(victim->thread, NULL);
}

/* ---- What goes on beside it -------------------------------------------------------------------------------------- */

/* The others: one for each of these calls. */
static const enum call witnesses[] = {CALL_GET, CALL_PIN, CALL_CONTAINS, CALL_GET_MANY, CALL_SET, CALL_DELETE};
#define WITNESSES (sizeof witnesses / sizeof witnesses[0])

#define PAIRS       15 /* of slices: beside the stopped thread, and beside the idle one */
#define PAIRS_UPPER 12 /* P(12th smallest of 15 is below the median) is 1.8 % */
#define SLICE_NS    3000000
#define LEAST_SHARE 0.90
#define STALL_SHARE 0.10 /* what fails where there is no time to measure, or a sanitizer is what is measured */
#define MEASURED_NS ((uint64_t)10 * 1000000000u)

struct beside {
	struct check_run *run;
	struct capacitor *cache;
	struct victim victim;
	_Atomic unsigned active; /* which witness works */
	_Atomic bool stop;
	struct {
		alignas(LINE_PAIR_BYTES) _Atomic uint64_t calls;
	} witness[WITNESSES];
};

static void witness_body(struct check_thread *self)
{
	struct beside *beside = self->context;
	unsigned me = self->index;

	while (!load_relaxed(&beside->stop)) { /* relaxed: who sees it late works a little longer */
		if (load_relaxed(&beside->active) != me) {
			check_sleep_ns(200000);
			continue;
		}
		(void)make_call(self->handle, witnesses[me], (uint32_t)check_below(&self->random, KEYS));
		fetch_add_relaxed(&beside->witness[me].calls, 1); /* relaxed: a count */
	}
}

static void *witnesses_main(void *argument)
{
	struct beside *beside = argument;

	check_threads(beside->run, beside->cache, WITNESSES, witness_body, beside);
	return NULL;
}

static double slice(struct beside *beside, unsigned witness)
{
	uint64_t from = load_relaxed(&beside->witness[witness].calls), from_ns = check_now_ns(); /* relaxed: a count */

	check_sleep_ns(SLICE_NS);
	return (double)(load_relaxed(&beside->witness[witness].calls) - from) / (double)(check_now_ns() - from_ns);
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* A witness's throughput beside the stopped thread, as a share of that beside the idle one: the median of interleaved
 * pairs, and the upper end of its interval. */
struct share {
	double median, upper;
};

static struct share measure(struct beside *beside, unsigned witness)
{
	double ratio[PAIRS];

	store_relaxed(&beside->active, witness); /* relaxed: a hint of who works */
	check_sleep_ns(SLICE_NS);
	for (unsigned i = 0; i < PAIRS; i++) {
		bool stops = victim_stop(&beside->victim); /* an evicted key may let it pass */
		double stopped = slice(beside, witness), idle;

		if (stops)
			victim_go_on(&beside->victim);
		idle = slice(beside, witness);
		ratio[i] = idle > 0 ? stopped / idle : 1; /* idle is never stopped: the machine was */
	}
	store_relaxed(&beside->active, WITNESSES);
	qsort(ratio, PAIRS, sizeof ratio[0], by_size);
	return (struct share){.median = ratio[PAIRS / 2], .upper = ratio[PAIRS_UPPER - 1]};
}

static bool goes_on_whatever(const struct check_run *run, enum call call)
{
	enum capacitor_progress progress = run->info->progress[calls[call].operation];

	return progress == CAPACITOR_LOCK_FREE || progress == CAPACITOR_WAIT_FREE;
}

static double least_share(const struct check_run *run)
{
	return !check_sanitized() && run->until_ns - run->from_ns >= MEASURED_NS ? LEAST_SHARE : STALL_SHARE;
}

/* One call stopped at one point: what each witness keeps. */
static void measure_all(struct beside *beside)
{
	double least = least_share(beside->run);
	struct victim *victim = &beside->victim;
	char line[256];
	size_t used;

	used = (size_t)snprintf(line, sizeof line, "%s stopped at %s:", calls[victim->call].name, point_string(victim->point));
	for (unsigned i = 0; i < WITNESSES && !check_failed(beside->run); i++) {
		struct share share = measure(beside, i);

		/* An interval of 98 % errs now and then: only what is confirmed twice is a failure. */
		for (unsigned again = 0; again < 2 && goes_on_whatever(beside->run, witnesses[i]) && share.upper < least;
		     again++)
			share = measure(beside, i);
		used += (size_t)snprintf(line + used, sizeof line - used, share.median < 0.02 ? " %s stalls" : " %s %.2f",
		                         calls[witnesses[i]].name, share.median);
		if (goes_on_whatever(beside->run, witnesses[i]) && share.upper < least)
			check_fail(beside->run,
			           "%s is declared %s, and keeps only %.2f of its throughput (at most %.2f) while %s is "
			           "stopped at %s",
			           calls[witnesses[i]].name,
			           capacitor_progress_string(beside->run->info->progress[calls[witnesses[i]].operation]),
			           share.median, share.upper, calls[victim->call].name, point_string(victim->point));
	}
	check_note(beside->run, "%s", line);
	check_count(beside->run, CHECK_FAULTS, (uint64_t)PAIRS * WITNESSES);
}

static bool passes_point(struct victim *victim)
{
	bool passes = victim_stop(victim);

	if (passes)
		victim_go_on(victim);
	return passes;
}

/* All calls and points, in an order of the seed's, for as long as there is time. */
static void stop_everywhere(struct beside *beside)
{
	unsigned from = (unsigned)(beside->run->seed % (CALLS * POINTS));

	for (unsigned i = 0; i < CALLS * POINTS && (i == 0 || check_goes_on(beside->run)); i++) {
		unsigned at = (from + i * 5) % (CALLS * POINTS); /* 5 and 84 have no common divisor: each once */

		beside->victim.call = (enum call)(at / POINTS);
		beside->victim.point = (enum point)(at % POINTS);
		if (passes_point(&beside->victim))
			measure_all(beside);
	}
}

void run_parked_thread(struct check_run *run)
{
	struct beside *beside = check_lines(sizeof *beside);
	struct capacitor_config config;
	struct capacitor_handle *handle;
	pthread_t thread;

	check_expect(run, beside, "no memory");
	check_config(run, &config);
	config.shards = 1; /* all keys meet */
	config.busy_timeout_ns = 1000000;
	beside->run = run;
	beside->cache = check_create(run, &config);
	handle = check_enter(run, beside->cache);
	for (uint32_t key = 0; key < KEYS; key++)
		(void)make_call(handle, CALL_SET, key);
	capacitor_leave(handle);
	store_relaxed(&beside->active, WITNESSES); /* relaxed: nobody is there yet */
	if (victim_start(&beside->victim, beside->cache) &&
	    pthread_create(&thread, NULL, witnesses_main, beside) == 0) {
		stop_everywhere(beside);
		store_relaxed(&beside->stop, true); /* relaxed: see witness_body() */
		pthread_join(thread, NULL);
		victim_end(&beside->victim);
	} else {
		check_fail(run, "no thread");
	}
	capacitor_destroy(beside->cache);
	free(beside);
}

/* ---- A reader that holds on -------------------------------------------------------------------------------------- */

#define CAPACITY_BYTES  ((size_t)4 << 20)
#define CHURN_BYTES     2000
#define CHURN_KEYS      8192 /* four times what there is room for */
#define CHURN_THREADS   2
#define BUSY_TIMEOUT_NS 20000000
#define GROWTH_ALLOWED  1.10
#define RECOVERY_NS     ((uint64_t)60 * 1000000000u)

struct churn {
	struct check_run *run;
	struct capacitor *cache;
	_Atomic bool stop;
	_Atomic uint64_t stored, busy;
};

static void churn_body(struct check_thread *self)
{
	static const unsigned char value[CHURN_BYTES];
	struct churn *churn = self->context;

	while (!load_relaxed(&churn->stop) && !check_failed(self->run)) { /* relaxed: who sees it late works a little longer */
		uint32_t key = 1 + (uint32_t)check_below(&self->random, CHURN_KEYS);
		uint64_t from_ns = check_now_ns();
		enum capacitor_result result = capacitor_set(self->handle, &key, sizeof key, value, sizeof value,
		                                             CAPACITOR_TTL_NEVER);

		if (result == CAPACITOR_BUSY && check_now_ns() - from_ns < BUSY_TIMEOUT_NS)
			check_fail(self->run, "a writer was busy before its deadline");
		if (result != CAPACITOR_BUSY && result != CAPACITOR_STORED)
			check_fail(self->run, "set: %s", capacitor_result_string(result));
		fetch_add_relaxed(result == CAPACITOR_BUSY ? &churn->busy : &churn->stored, 1); /* relaxed: counts */
	}
}

static void *churn_main(void *argument)
{
	struct churn *churn = argument;

	check_threads(churn->run, churn->cache, CHURN_THREADS, churn_body, churn);
	return NULL;
}

static uint64_t used_bytes(struct capacitor *cache)
{
	struct capacitor_stats stats;

	capacitor_stats(cache, &stats);
	return stats.value[CAPACITOR_STAT_TABLE_BYTES] + stats.value[CAPACITOR_STAT_LIVE_BYTES] +
	       stats.value[CAPACITOR_STAT_RETIRED_BYTES];
}

/* Samples until the end of the run, and until a writer was busy, where one must be. Returns the most that was used. */
static uint64_t watch(struct churn *churn, bool until_busy)
{
	uint64_t patience_ns = check_now_ns() + RECOVERY_NS;
	uint64_t most = 0;

	do {
		uint64_t now = used_bytes(churn->cache);

		most = now > most ? now : most;
		check_sleep_ns(500000);
	} while (check_goes_on(churn->run) || (until_busy && load_relaxed(&churn->busy) == 0 && /* relaxed: a count */
	                                       !check_failed(churn->run) && check_now_ns() < patience_ns));
	return most;
}

/* The reader has gone on: stores succeed again, and all that is retired comes back. */
static void recover(struct churn *churn)
{
	struct capacitor_handle *handle = check_enter(churn->run, churn->cache);
	uint64_t until_ns = check_now_ns() + RECOVERY_NS;
	enum capacitor_result result;

	do
		result = make_call(handle, CALL_SET, 1);
	while (result == CAPACITOR_BUSY && check_now_ns() < until_ns);
	if (result != CAPACITOR_STORED)
		check_fail(churn->run, "when the reader had gone on: set: %s", capacitor_result_string(result));
	do
		result = capacitor_quiesce(handle);
	while (result == CAPACITOR_BUSY && check_now_ns() < until_ns);
	if (result != CAPACITOR_OK || check_stat(churn->cache, CAPACITOR_STAT_RETIRED_BYTES) != 0)
		check_fail(churn->run, "when the reader had gone on: quiesce: %s, %" PRIu64 " bytes are still retired",
		           capacitor_result_string(result), check_stat(churn->cache, CAPACITOR_STAT_RETIRED_BYTES));
	capacitor_leave(handle);
}

/* Writes while the reader holds on; judges memory. */
static void churn_beside(struct churn *churn, bool until_busy)
{
	pthread_t thread;
	uint64_t most;

	if (pthread_create(&thread, NULL, churn_main, churn) != 0) {
		check_fail(churn->run, "no thread");
		return;
	}
	most = watch(churn, until_busy);
	store_relaxed(&churn->stop, true); /* relaxed: see churn_body() */
	pthread_join(thread, NULL);
	if ((double)most > GROWTH_ALLOWED * (double)CAPACITY_BYTES)
		check_fail(churn->run, "%" PRIu64 " bytes were used, of a capacity of %zu", most, CAPACITY_BYTES);
	check_note(churn->run, "at most %.3f of the capacity was used; %" PRIu64 " stores, %" PRIu64 " were busy",
	           (double)most / (double)CAPACITY_BYTES, load_relaxed(&churn->stored), load_relaxed(&churn->busy));
	check_count(churn->run, CHECK_OPERATIONS, load_relaxed(&churn->stored) + load_relaxed(&churn->busy));
	check_count(churn->run, CHECK_FAULTS, 1);
}

static void churn_open(struct churn *churn, struct check_run *run)
{
	struct capacitor_config config;
	struct capacitor_handle *handle;

	*churn = (struct churn){.run = run};
	check_config(run, &config);
	config.capacity_bytes = CAPACITY_BYTES;
	config.expected_entries = 2048;
	config.busy_timeout_ns = BUSY_TIMEOUT_NS;
	churn->cache = check_create(run, &config);
	handle = check_enter(run, churn->cache);
	(void)make_call(handle, CALL_SET, 0);
	capacitor_leave(handle);
}

void run_parked_pin(struct check_run *run)
{
	uint32_t key = 0;
	struct capacitor_handle *handle;
	struct capacitor_pin pin;
	struct churn churn;

	churn_open(&churn, run);
	handle = check_enter(run, churn.cache);
	check_expect(run, capacitor_pin(handle, &key, sizeof key, &pin) == CAPACITOR_HIT, "pin: not hit");
	(void)capacitor_delete(handle, &key, sizeof key);
	churn_beside(&churn, false);
	if (load_relaxed(&churn.stored) == 0) /* relaxed: all have ended */
		check_fail(run, "nothing could be stored beside one pin");
	capacitor_unpin(handle, &pin);
	capacitor_leave(handle);
	recover(&churn);
	capacitor_destroy(churn.cache);
}

/* Where reading takes a lock, writers wait for the reader as for any lock: that is what "blocking" declares. */
void run_parked_reader(struct check_run *run)
{
	struct churn churn;
	struct victim victim;

	if (!goes_on_whatever(run, CALL_GET)) {
		check_note(run, "get is declared blocking: a reader that stands still stops writers by its lock");
		return;
	}
	churn_open(&churn, run);
	check_expect(run, victim_start(&victim, churn.cache), "no thread");
	victim.call = CALL_GET;
	victim.point = POINT_FOUND;
	check_expect(run, victim_stop(&victim), "get passes no lock-free lookup");
	churn_beside(&churn, true);
	if (load_relaxed(&churn.busy) == 0) /* relaxed: all have ended */
		check_fail(run, "no writer was ever busy beside a reader that stands still: the check checks nothing");
	victim_go_on(&victim);
	victim_end(&victim);
	recover(&churn);
	capacitor_destroy(churn.cache);
}
