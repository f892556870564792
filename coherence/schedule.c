/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who runs next. All choices come from the seed, the virtual clocks and the numbers of threads, so that a run repeats; none
 * from addresses or time.
 *
 * A thread runs until its budget of accesses is used up, its clock passes its limit, it blocks or it yields. `coop` gives a
 * budget that only a thread that spins without a hint uses up.
 */
#include "coherence/threads.h"

#include "coherence/counts.h"

/* A thread that makes so many accesses at a stretch is taken for one that spins without a hint. */
#define SPIN_STEPS 1000000
/* pct: the same, once all change points have passed. Small, because whoever has the highest priority may be spinning for one
 * with a lower. */
#define PCT_SPIN_STEPS 20000
#define PCT_DEPTH_MAX  16

struct schedule schedule;
struct thread *threads[COHERENCE_CORES_MAX];
unsigned threads_used;
__thread struct thread *self;

static struct {
	uint64_t random;
	uint64_t order; /* of blocking */
	struct {
		uint64_t step;
		int64_t priority; /* that it gives: drawn, too */
	} change[PCT_DEPTH_MAX]; /* pct: the latest first */
	unsigned changes;
	uint64_t turn_end; /* pct: step at which the running thread is taken for a spinner */
} state;

/* xorshift64* (Vigna 2016). */
uint64_t schedule_random(void)
{
	state.random ^= state.random >> 12;
	state.random ^= state.random << 25;
	state.random ^= state.random >> 27;
	return state.random * UINT64_C(0x2545F4914F6CDD1D) >> 11;
}

void schedule_init(void)
{
	schedule = (struct schedule){.budget = SPIN_STEPS, .limit = UINT64_MAX};
	state.random = settings.seed * UINT64_C(0x9E3779B97F4A7C15) + 1;
	if (state.random == 0)
		state.random = 1;
	for (unsigned i = 0; i < 8; i++)
		schedule_random();
	schedule_draw_changes();
}

/* Above all that change points give; different for different threads. */
static void draw_priority(struct thread *thread)
{
	thread->priority =
		PCT_DEPTH_MAX + (int64_t)(schedule_random() & 0xffffff) * COHERENCE_CORES_MAX + thread->core;
}

void schedule_admit(struct thread *thread)
{
	thread->state = THREAD_RUNNABLE;
	draw_priority(thread);
}

/* As published: steps and the priorities that they give are drawn each for itself. Threads that have waited begin anew. */
void schedule_draw_changes(void)
{
	state.changes = settings.schedule == COHERENCE_PCT ? settings.pct_depth - 1 : 0;
	if (state.changes > 0)
		schedule.budget = 0; /* of old points */
	state.turn_end = schedule.steps + PCT_SPIN_STEPS;
	for (unsigned i = 0; i < threads_used; i++)
		if (threads[i])
			draw_priority(threads[i]);
	for (unsigned i = 0; i < state.changes; i++) {
		uint64_t step = schedule.steps + schedule_random() % settings.pct_steps;
		unsigned place = i;

		for (; place > 0 && state.change[place - 1].step < step; place--)
			state.change[place].step = state.change[place - 1].step;
		state.change[place].step = step;
		state.change[i].priority = i + 1;
	}
	for (unsigned i = state.changes; i > 1; i--) { /* Fisher and Yates */
		unsigned other = (unsigned)(schedule_random() % i);
		int64_t priority = state.change[i - 1].priority;

		state.change[i - 1].priority = state.change[other].priority;
		state.change[other].priority = priority;
	}
}

void schedule_ready(const struct thread *other)
{
	if (settings.schedule == COHERENCE_CLOCK && schedule.limit > other->clock + settings.slack)
		schedule.limit = other->clock + settings.slack;
	if (settings.schedule == COHERENCE_PCT && other->priority > self->priority)
		schedule.budget = 0;
}

/* ---- The choice -------------------------------------------------------------------------------------------------- */

static bool may_run(const struct thread *thread, const struct thread *except)
{
	return thread && thread->state == THREAD_RUNNABLE && thread != except;
}

/* Sleepers whose time comes before everybody else's wake up. False: nobody can run, or ever will. */
static bool wake_sleepers(void)
{
	for (;;) {
		struct thread *sleeper = NULL;
		uint64_t lowest = UINT64_MAX;

		for (unsigned i = 0; i < threads_used; i++) {
			struct thread *thread = threads[i];

			if (!thread)
				continue;
			if (thread->state == THREAD_RUNNABLE && thread->clock < lowest)
				lowest = thread->clock;
			if (thread->state == THREAD_BLOCKED && thread->deadline &&
			    (!sleeper || thread->deadline < sleeper->deadline))
				sleeper = thread;
		}
		if (!sleeper || sleeper->deadline > lowest)
			return lowest != UINT64_MAX;
		sleeper->state = THREAD_RUNNABLE;
		sleeper->timed_out = true;
		if (sleeper->clock < sleeper->deadline)
			sleeper->clock = sleeper->deadline;
		sleeper->deadline = 0;
	}
}

/* The next in turn after the running one. */
static struct thread *choose_in_turn(const struct thread *except)
{
	for (unsigned i = 1; i <= threads_used; i++) {
		struct thread *thread = threads[(self->core + i) % threads_used];

		if (may_run(thread, except))
			return thread;
	}
	return NULL;
}

/* The core whose clock is the lowest; among equals, one at random. It may run until it is past the next. */
static struct thread *choose_by_clock(const struct thread *except)
{
	struct thread *chosen = NULL;
	uint64_t next = UINT64_MAX;
	unsigned equals = 0;

	for (unsigned i = 0; i < threads_used; i++) {
		struct thread *thread = threads[i];

		if (!may_run(thread, except))
			continue;
		if (!chosen || thread->clock < chosen->clock) {
			if (chosen)
				next = chosen->clock;
			chosen = thread;
			equals = 1;
		} else if (thread->clock == chosen->clock) {
			next = thread->clock;
			if (schedule_random() % ++equals == 0)
				chosen = thread;
		} else if (thread->clock < next) {
			next = thread->clock;
		}
	}
	if (chosen && next != UINT64_MAX)
		schedule.limit = next + schedule_random() % (settings.slack + 1);
	if (chosen && schedule.limit < chosen->clock)
		schedule.limit = chosen->clock;
	return chosen;
}

static struct thread *choose_at_random(const struct thread *except)
{
	struct thread *candidate[COHERENCE_CORES_MAX];
	unsigned candidates = 0;

	for (unsigned i = 0; i < threads_used; i++)
		if (may_run(threads[i], except))
			candidate[candidates++] = threads[i];
	schedule.budget = (int64_t)(schedule_random() % (2 * (uint64_t)settings.quantum - 1)); /* and the access that comes now */
	return candidates ? candidate[schedule_random() % candidates] : NULL;
}

static struct thread *choose_by_priority(const struct thread *except)
{
	struct thread *chosen = NULL;

	for (unsigned i = 0; i < threads_used; i++)
		if (may_run(threads[i], except) && (!chosen || threads[i]->priority > chosen->priority))
			chosen = threads[i];
	if (state.changes == 0)
		schedule.budget = PCT_SPIN_STEPS;
	else if (state.change[state.changes - 1].step > schedule.steps)
		schedule.budget = (int64_t)(state.change[state.changes - 1].step - schedule.steps);
	else
		schedule.budget = 1;
	state.turn_end = schedule.steps + PCT_SPIN_STEPS;
	return chosen;
}

static struct thread *choose(const struct thread *except)
{
	schedule.budget = SPIN_STEPS;
	schedule.limit = UINT64_MAX;
	switch (settings.schedule) {
	case COHERENCE_CLOCK:
		return choose_by_clock(except);
	case COHERENCE_RAND:
		return choose_at_random(except);
	case COHERENCE_PCT:
		return choose_by_priority(except);
	case COHERENCE_COOP:
		break;
	}
	return choose_in_turn(except);
}

/* A change point passed, or the running thread is spinning: its priority falls below all others'. */
static void demote(bool away)
{
	if (state.changes > 0 && schedule.steps >= state.change[state.changes - 1].step)
		self->priority = state.change[--state.changes].priority;
	else if (away || schedule.steps >= state.turn_end)
		self->priority = -(int64_t)++state.order;
}

void schedule_switch(bool away)
{
	struct thread *from = self, *next;

	if (schedule.steps - schedule.progress > settings.idle_steps_max)
		end_hang("no operation ended for as many accesses as are allowed");
	if (settings.schedule == COHERENCE_PCT && from->state == THREAD_RUNNABLE)
		demote(away);
	if (!wake_sleepers())
		end_deadlock();
	next = choose(away ? from : NULL);
	if (!next)
		next = choose(NULL); /* there is no other */
	if (next == from)
		return;
	schedule.switches++;
	fiber_switch(from, next);
}

/* ---- Waiting ----------------------------------------------------------------------------------------------------- */

static void sleep_until_woken(const void *object, const char *how, uint64_t deadline, uintptr_t site)
{
	struct thread *thread = self;
	uint64_t from = thread->clock;

	thread->state = THREAD_BLOCKED;
	thread->waits_for = object;
	thread->waits_how = how;
	thread->waits_at = site;
	thread->blocked_order = ++state.order;
	thread->deadline = deadline;
	thread->timed_out = false;
	schedule_switch(true);
	thread->waits_for = NULL;
	counts_add(thread->operation, COHERENCE_WAIT_CYCLES, thread->clock - from);
}

bool schedule_block(const void *object, const char *how, uint64_t deadline, uintptr_t site)
{
	counts_add(self->operation, COHERENCE_BLOCKS, 1);
	sleep_until_woken(object, how, deadline, site);
	return !self->timed_out;
}

void schedule_park(struct line *line, uint64_t deadline)
{
	sleep_until_woken(line, "a line to be written", deadline, 0);
}

static void make_runnable(struct thread *thread, uint64_t clock)
{
	thread->state = THREAD_RUNNABLE;
	thread->deadline = 0;
	if (thread->clock < clock)
		thread->clock = clock;
	schedule_ready(thread);
}

void schedule_unpark(struct line *line, unsigned core)
{
	struct thread *thread = threads[core];

	if (thread && thread->state == THREAD_BLOCKED && thread->waits_for == line)
		make_runnable(thread, self->clock);
}

unsigned schedule_wake(const void *object, unsigned most)
{
	unsigned woken = 0;

	for (; woken < most; woken++) {
		struct thread *longest = NULL;

		for (unsigned i = 0; i < threads_used; i++) {
			struct thread *thread = threads[i];

			if (thread && thread->state == THREAD_BLOCKED && thread->waits_for == object &&
			    (!longest || thread->blocked_order < longest->blocked_order))
				longest = thread;
		}
		if (!longest)
			break;
		counts_add(self->operation, COHERENCE_WAKES, 1);
		make_runnable(longest, self->clock + settings.latency.wake);
	}
	return woken;
}
