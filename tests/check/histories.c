/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Short histories of all calls, each searched for a linearization (wing_gong.h): a few threads make four to six calls
 * each on one key, at the same time. Several keys are worked on at once, each with a history of its own; in a cache with
 * room for fewer, they evict each other. Either the threads run as the machine lets them, half of the time with small
 * random delays where they meet; or one at a time, under a schedule that the seed repeats.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "barrier.h"
#include "calls.h"
#include "linearizability.h"
#include "perturb.h"
#include "points.h"
#include "schedule.h"
#include "wing_gong.h"

#define THREADS       3
#define CALLS_MIN     4
#define CALLS_MAX     6
#define KEYS_MAX      8
#define POINTS_A_CALL 10 /* about how many a call passes */

/* A cache is made anew after so many rounds: another seed, other shards, the other model. Where the seed need not repeat
 * the run, also after a while: or a cache that is slow while it evicts would get most of the time. */
#define ROUNDS_PER_CACHE 4096
#define CACHE_NS         50000000

static const struct call_mix all_calls = {{
	[HISTORY_GET] = 30, [HISTORY_CONTAINS] = 8, [HISTORY_SET] = 20, [HISTORY_ADD] = 10, [HISTORY_REPLACE] = 10,
	[HISTORY_DELETE] = 14, [HISTORY_LOAD] = 8,
}};
/* Where entries expire; replace is not atomic with that (see cache.h). */
static const struct call_mix expiring_calls = {{
	[HISTORY_GET] = 35, [HISTORY_CONTAINS] = 8, [HISTORY_SET] = 20, [HISTORY_ADD] = 15, [HISTORY_DELETE] = 14,
	[HISTORY_LOAD] = 8,
}};

/* All that the threads share. Constant during a cache's rounds, but for what one thread writes between barriers. */
struct work {
	struct check_run *run;
	struct subject subject;
	enum history_model model;
	bool expiring; /* and evicting */
	bool scheduled;
	unsigned keys;
	uint64_t first_round; /* of this cache */
	uint64_t until_ns;    /* of this cache */
	bool stop;            /* written by the first thread */
	struct barrier barrier;
	struct schedule schedule;
	_Atomic uint64_t ticks;
	uint64_t initial[KEYS_MAX]; /* written by the thread that checks the key */
	struct {
		struct history_operation operation[KEYS_MAX][CALLS_MAX];
		unsigned count[KEYS_MAX];
		uint64_t histories;
	} thread[THREADS];
};

/* The state of a key before the next round: absent, or a value. Nobody else is at work on the key. */
static void prepare(struct work *work, struct caller *caller, uint32_t key)
{
	enum history_call call = check_below(&caller->random, 2) ? HISTORY_SET : HISTORY_DELETE;
	struct history_operation operation;

	call_make(caller, call, key, &operation);
	if (operation.result == CAPACITOR_BUSY) /* the key is what it was, which nobody knows */
		call_make(caller, HISTORY_DELETE, key, &operation);
	work->initial[key] = operation.result == CAPACITOR_STORED ? operation.written : 0;
}

/* The calls of one thread on one key or, in no order, on all. */
static void make_calls(struct work *work, struct caller *caller, unsigned index, struct schedule_thread *scheduled)
{
	bool in_order = check_below(&caller->random, 2);
	unsigned left[KEYS_MAX], total = 0;

	for (unsigned key = 0; key < work->keys; key++) {
		left[key] = CALLS_MIN + (unsigned)check_below(&caller->random, CALLS_MAX - CALLS_MIN + 1);
		work->thread[index].count[key] = 0;
		total += left[key];
	}
	for (uint32_t key = 0; total > 0; total--) {
		if (!in_order)
			key = (uint32_t)check_below(&caller->random, work->keys);
		while (left[key] == 0)
			key = (key + 1) % work->keys;
		left[key]--;
		call_make(caller, call_draw(caller, caller->clock ? &expiring_calls : &all_calls), key,
		          &work->thread[index].operation[key][work->thread[index].count[key]++]);
		if (scheduled)
			schedule_point(scheduled);
	}
}

static void check_key(struct work *work, struct wing_gong *checker, uint64_t round, uint32_t key)
{
	struct history_operation operations[THREADS * CALLS_MAX];
	char where[64];
	size_t count = 0;

	for (unsigned i = 0; i < THREADS; i++) {
		memcpy(operations + count, work->thread[i].operation[key], work->thread[i].count[key] * sizeof operations[0]);
		count += work->thread[i].count[key];
	}
	if (wing_gong_check(checker, operations, count, work->model, work->initial[key]))
		return;
	snprintf(where, sizeof where, "history of key %" PRIu32 " in round %" PRIu64, key, round);
	violation(work->run, where, &(struct history){operations, count, work->model, &work->initial[key], 1});
}

/* One round of one thread: its calls, then its share of the checking. */
static void run_round(struct work *work, struct caller *caller, struct wing_gong *checker, unsigned index, uint64_t round)
{
	struct schedule_thread scheduled;

	if (work->scheduled) {
		schedule_join(&scheduled, &work->schedule, index);
		make_calls(work, caller, index, &scheduled);
		schedule_leave(&scheduled);
	} else {
		perturb_begin(check_random(&caller->random), round % 2 ? PERTURB_SOME : PERTURB_NONE);
		make_calls(work, caller, index, NULL);
		perturb_end();
	}
	barrier_wait(&work->barrier, index);
	for (uint32_t key = index; key < work->keys; key += THREADS) {
		check_key(work, checker, round, key);
		work->thread[index].histories++;
	}
	barrier_wait(&work->barrier, index);
}

static void thread_body(struct check_thread *self)
{
	struct work *work = self->context;
	struct wing_gong *checker = wing_gong_new();
	uint64_t round = work->first_round;
	struct caller caller;

	if (!checker) {
		fputs("no memory for the checker\n", stderr);
		abort(); /* the others would wait for us */
	}
	caller_init(&caller, self->run, self->handle, (uint16_t)self->index, self->random ^ check_mix(round));
	caller.clock = work->expiring ? &work->subject.clock : NULL;
	caller.ticks = work->scheduled ? &work->ticks : NULL;
	for (; round < work->first_round + ROUNDS_PER_CACHE; round++) {
		if (self->index == 0) { /* alone, so that a schedule begins with the same cache whenever it is run */
			for (uint32_t key = 0; key < work->keys; key++)
				prepare(work, &caller, key);
			schedule_begin(&work->schedule, check_mix(self->run->seed ^ check_mix(round)), THREADS,
			               THREADS * work->keys * CALLS_MAX * POINTS_A_CALL);
			work->stop = !check_goes_on(self->run) || (!work->scheduled && check_now_ns() > work->until_ns);
		}
		barrier_wait(&work->barrier, self->index);
		if (work->stop)
			break;
		run_round(work, &caller, checker, self->index, round);
	}
	wing_gong_free(checker);
}

static void run(struct check_run *run, bool scheduled)
{
	struct work *work = check_lines(sizeof *work);
	uint64_t histories = 0;

	check_expect(run, work, "no memory");
	work->run = run;
	work->scheduled = scheduled;
	work->keys = scheduled ? 2 : KEYS_MAX;
	for (uint64_t cache = 0; check_goes_on(run); cache++) {
		memset(&work->barrier, 0, sizeof work->barrier);
		work->barrier.threads = THREADS;
		work->first_round = cache * ROUNDS_PER_CACHE;
		work->model = cache % 2 ? HISTORY_EVICTING : HISTORY_STRICT;
		work->expiring = cache % 4 == 3;
		work->until_ns = check_now_ns() + CACHE_NS;
		work->stop = false;
		subject_open(&work->subject, run, work->model, work->keys / 2, run->seed ^ check_mix(cache));
		check_threads(run, work->subject.cache, THREADS, thread_body, work);
		subject_close(&work->subject);
	}
	for (unsigned i = 0; i < THREADS; i++)
		histories += work->thread[i].histories;
	check_count(run, CHECK_HISTORIES, histories);
	check_count(run, CHECK_SCHEDULES, scheduled ? histories / work->keys : 0);
	check_count(run, CHECK_OPERATIONS, histories * THREADS * (CALLS_MIN + CALLS_MAX) / 2);
	check_count(run, CHECK_CHECKED, histories * THREADS * (CALLS_MIN + CALLS_MAX) / 2);
	free(work);
}

void run_histories(struct check_run *check_run)
{
	run(check_run, false);
}

void run_schedules(struct check_run *check_run)
{
	run(check_run, true);
}
