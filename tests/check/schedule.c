/* SPDX-License-Identifier: BSD-2-Clause */
/* Who runs next; see schedule.h. */
#include "schedule.h"

#include <sched.h>

#include "check.h"
#include "points.h"

/* How often a thread looks for its turn before it yields: where it has a core of its own, its turn comes soon. */
#define LOOKS 2000

void schedule_begin(struct schedule *schedule, uint64_t seed, unsigned threads, unsigned steps)
{
	*schedule = (struct schedule){.threads = threads, .by_priority = seed & 1, .random = check_mix(seed)};
	for (unsigned i = 0; i < threads; i++) { /* a random permutation */
		unsigned other = (unsigned)check_below(&schedule->random, i + 1);

		schedule->priority[i] = schedule->priority[other];
		schedule->priority[other] = (int)i;
	}
	for (unsigned i = 0; i < SCHEDULE_CHANGES; i++)
		schedule->change_at[i] = (unsigned)check_below(&schedule->random, steps);
	store_release(&schedule->turn, (unsigned)check_below(&schedule->random, threads)); /* PAIRS: await_turn() */
}

static void await_turn(const struct schedule_thread *thread)
{
	for (unsigned looks = 0; load_acquire(&thread->schedule->turn) != thread->index; looks++) /* PAIRS: give_turn() */
		if (looks % LOOKS == LOOKS - 1)
			sched_yield();
}

static void give_turn(struct schedule *schedule, unsigned index)
{
	store_release(&schedule->turn, index); /* PAIRS: await_turn() */
}

static bool runs(const struct schedule *schedule, unsigned index)
{
	return !(schedule->finished & 1u << index);
}

/* A random thread that has not finished, but not `self` if there is another. */
static unsigned random_other(struct schedule *schedule, unsigned self)
{
	unsigned from = (unsigned)check_below(&schedule->random, schedule->threads);

	for (unsigned i = 0; i < schedule->threads; i++) {
		unsigned index = (from + i) % schedule->threads;

		if (index != self && runs(schedule, index))
			return index;
	}
	return self;
}

static unsigned highest(const struct schedule *schedule)
{
	unsigned best = SCHEDULE_THREADS_MAX;

	for (unsigned i = 0; i < schedule->threads; i++)
		if (runs(schedule, i) && (best == SCHEDULE_THREADS_MAX || schedule->priority[i] > schedule->priority[best]))
			best = i;
	return best;
}

/* Who goes on after `self` has come to a point. */
static unsigned choose(struct schedule *schedule, unsigned self, bool waits)
{
	bool change = waits;

	schedule->step++;
	if (!schedule->by_priority)
		return waits || check_below(&schedule->random, 4) == 0 ? random_other(schedule, self) : self;
	for (unsigned i = 0; i < SCHEDULE_CHANGES; i++)
		change = change || schedule->change_at[i] == schedule->step;
	if (change)
		schedule->priority[self] = --schedule->lowest;
	return highest(schedule);
}

static void pass_turn(struct schedule_thread *thread, bool waits)
{
	struct schedule *schedule = thread->schedule;
	unsigned next = choose(schedule, thread->index, waits);

	if (next != thread->index) {
		give_turn(schedule, next);
		await_turn(thread);
	}
}

static void visit(void *context, enum point point)
{
	struct schedule_thread *thread = context;
	bool waits = point == POINT_WAITING || (point == POINT_LOCKING && thread->locking);

	thread->locking = point == POINT_LOCKING;
	pass_turn(thread, waits);
}

void schedule_join(struct schedule_thread *thread, struct schedule *schedule, unsigned index)
{
	*thread = (struct schedule_thread){.schedule = schedule, .index = index};
	await_turn(thread);
	points_spin(true);
	points_visit(visit, thread);
}

void schedule_point(struct schedule_thread *thread)
{
	pass_turn(thread, false);
}

void schedule_leave(struct schedule_thread *thread)
{
	struct schedule *schedule = thread->schedule;

	points_visit(NULL, NULL);
	points_spin(false);
	schedule->finished |= 1u << thread->index;
	if (schedule->finished != (1u << schedule->threads) - 1)
		give_turn(schedule, schedule->by_priority ? highest(schedule) : random_other(schedule, thread->index));
}
