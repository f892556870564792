/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Long streams of calls, every one of them checked. Each thread writes down its calls without a lock, in memory of its
 * own. After a window of them the threads meet at a barrier, and share out the keys: each key's calls of the window go to
 * its checker (sweep.h), which knows the states that the key may have had before. No call is pending at a barrier, so
 * that this is all that has to be kept: memory does not grow with the stream.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "barrier.h"
#include "calls.h"
#include "linearizability.h"
#include "perturb.h"
#include "sweep.h"

#define THREADS_MIN 2
#define THREADS_MAX 8
#define KEYS        64
#define WINDOW      1024 /* calls of one thread */

/* In a cache that evicts there is room for so many. */
#define ENTRIES_WHEN_EVICTING 12

/* A cache is made anew after so many windows: another seed, other shards, the other model. */
#define WINDOWS_PER_CACHE 2048

static const struct call_mix all_calls = {{
	[HISTORY_GET] = 62, [HISTORY_CONTAINS] = 6, [HISTORY_SET] = 16, [HISTORY_ADD] = 3, [HISTORY_REPLACE] = 3,
	[HISTORY_DELETE] = 7, [HISTORY_LOAD] = 3,
}};
/* Where entries expire; replace is not atomic with that (see cache.h). */
static const struct call_mix expiring_calls = {{
	[HISTORY_GET] = 62, [HISTORY_CONTAINS] = 6, [HISTORY_SET] = 16, [HISTORY_ADD] = 6, [HISTORY_DELETE] = 7,
	[HISTORY_LOAD] = 3,
}};

/* What a thread did in a window, by key: the calls of key k are operation[from[k]] to operation[from[k + 1] - 1]. */
struct diary {
	struct history_operation operation[WINDOW];
	unsigned from[KEYS + 1];
};

struct work {
	struct check_run *run;
	struct subject subject;
	enum history_model model;
	unsigned threads;
	uint64_t cache;  /* its number */
	struct barrier barrier;
	bool stop[2];    /* after an even window, after an odd one; written by the first thread before the barrier */
	struct sweep *sweep[KEYS];
	struct diary *diary[THREADS_MAX][2]; /* the others check one while the owner writes the next */
	uint64_t checked[THREADS_MAX];
};

/* A few keys are hot: of two nested draws, the lower numbers come out more often. */
static uint32_t draw_key(struct caller *caller)
{
	return (uint32_t)check_below(&caller->random, 1 + check_below(&caller->random, KEYS));
}

/* Puts the calls in order of their keys; within a key they stay in order of time. */
static void sort_by_key(struct diary *diary, const struct history_operation *calls)
{
	unsigned at[KEYS];

	memset(diary->from, 0, sizeof diary->from);
	for (unsigned i = 0; i < WINDOW; i++)
		diary->from[calls[i].key + 1]++;
	for (unsigned key = 0; key < KEYS; key++)
		diary->from[key + 1] += diary->from[key];
	memcpy(at, diary->from, sizeof at);
	for (unsigned i = 0; i < WINDOW; i++)
		diary->operation[at[calls[i].key]++] = calls[i];
}

static size_t check_key(struct work *work, unsigned buffer, uint64_t window, uint32_t key)
{
	static __thread struct history_operation operations[THREADS_MAX * WINDOW];
	char where[64];
	size_t count = 0;

	for (unsigned i = 0; i < work->threads; i++) {
		const struct diary *diary = work->diary[i][buffer];
		unsigned from = diary->from[key], calls = diary->from[key + 1] - from;

		memcpy(operations + count, diary->operation + from, calls * sizeof operations[0]);
		count += calls;
	}
	if (!sweep_window(work->sweep[key], operations, count)) {
		struct history history = {.operations = operations, .count = count, .model = work->model};

		history.initial = sweep_before(work->sweep[key], &history.initials);
		snprintf(where, sizeof where, "stream of key %" PRIu32 ", window %" PRIu64 " of cache %" PRIu64, key, window,
		         work->cache);
		violation(work->run, where, &history);
	}
	return count;
}

static void check_window(struct work *work, unsigned index, uint64_t window)
{
	for (uint32_t key = index; key < KEYS; key += work->threads)
		work->checked[index] += check_key(work, window % 2, window, key);
}

static void make_calls(struct work *work, struct caller *caller, uint64_t window)
{
	static __thread struct history_operation calls[WINDOW];

	perturb_begin(check_random(&caller->random), window % 4 == 3 ? PERTURB_SOME : PERTURB_NONE);
	for (unsigned i = 0; i < WINDOW; i++)
		call_make(caller, call_draw(caller, caller->clock ? &expiring_calls : &all_calls), draw_key(caller), &calls[i]);
	perturb_end();
	sort_by_key(work->diary[caller->thread][window % 2], calls);
}

/* One barrier a window: a thread that has passed it may write its other diary, while the rest still check this one. */
static void thread_body(struct check_thread *self)
{
	struct work *work = self->context;
	struct caller caller;

	caller_init(&caller, self->run, self->handle, (uint16_t)self->index, self->random ^ check_mix(work->cache));
	caller.clock = work->cache % 4 == 3 ? &work->subject.clock : NULL; /* evicting, and expiring */
	for (uint64_t window = 0; window < WINDOWS_PER_CACHE; window++) {
		make_calls(work, &caller, window);
		if (self->index == 0)
			work->stop[window % 2] = !check_goes_on(self->run);
		barrier_wait(&work->barrier, self->index);
		check_window(work, self->index, window);
		if (work->stop[window % 2])
			break;
	}
}

static void stream(struct work *work, uint64_t cache)
{
	memset(&work->barrier, 0, sizeof work->barrier);
	work->barrier.threads = work->threads;
	work->cache = cache;
	work->model = cache % 2 ? HISTORY_EVICTING : HISTORY_STRICT;
	for (unsigned key = 0; key < KEYS; key++)
		sweep_reset(work->sweep[key], work->model);
	subject_open(&work->subject, work->run, work->model, ENTRIES_WHEN_EVICTING, work->run->seed ^ check_mix(cache));
	check_threads(work->run, work->subject.cache, work->threads, thread_body, work);
	subject_close(&work->subject);
}

static bool allocate(struct work *work)
{
	bool good = true;

	for (unsigned i = 0; i < work->threads; i++)
		for (unsigned buffer = 0; buffer < 2; buffer++)
			good = (work->diary[i][buffer] = malloc(sizeof *work->diary[i][buffer])) && good;
	for (unsigned key = 0; key < KEYS; key++)
		good = (work->sweep[key] = sweep_new(HISTORY_STRICT)) && good;
	return good;
}

static void release(struct work *work)
{
	for (unsigned i = 0; i < THREADS_MAX; i++)
		for (unsigned buffer = 0; buffer < 2; buffer++)
			free(work->diary[i][buffer]);
	for (unsigned key = 0; key < KEYS; key++)
		sweep_free(work->sweep[key]);
	free(work);
}

void run_streams(struct check_run *run)
{
	struct work *work = check_lines(sizeof *work);
	uint64_t checked = 0, undecided = 0;

	check_expect(run, work, "no memory");
	work->run = run;
	work->threads = run->cores < THREADS_MIN ? THREADS_MIN : run->cores > THREADS_MAX ? THREADS_MAX : run->cores;
	if (allocate(work))
		for (uint64_t cache = 0; check_goes_on(run); cache++)
			stream(work, cache);
	else
		check_fail(run, "no memory");
	for (unsigned i = 0; i < work->threads; i++)
		checked += work->checked[i];
	for (unsigned key = 0; key < KEYS; key++)
		undecided += sweep_undecided(work->sweep[key]);
	check_count(run, CHECK_OPERATIONS, checked);
	check_count(run, CHECK_CHECKED, checked);
	if (undecided > 0)
		check_note(run, "%" PRIu64 " windows of a key were too concurrent to decide", undecided);
	release(work);
}
