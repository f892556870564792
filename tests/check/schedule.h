/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Schedules of ours: of some threads, one at a time runs, and a generator with a seed says at each point (points.h) which
 * goes on. The seed repeats the schedule, as far as the threads depend on nothing else.
 *
 * Two ways, each for every second seed: at each point another thread takes the turn with probability 1/4; or threads have
 * random priorities, the highest runs, and at three random points the one that runs becomes the lowest (Burckhardt,
 * Kothari, Musuvathi and Nagarakatti, A Randomized Scheduler with Probabilistic Guarantees of Finding Bugs, ASPLOS 2010). A
 * thread that waits for another gives up its turn in both.
 */
#ifndef SCHEDULE_H
#define SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

#define SCHEDULE_THREADS_MAX 8
#define SCHEDULE_CHANGES     3

/* Written by the thread whose turn it is. */
struct schedule {
	unsigned threads;
	unsigned finished; /* bits */
	bool by_priority;
	uint64_t random;
	unsigned step;
	unsigned change_at[SCHEDULE_CHANGES];
	int priority[SCHEDULE_THREADS_MAX];
	int lowest;
	_Atomic unsigned turn;
};

/* Before the threads join. `steps`: about how many points they will pass, together. */
void schedule_begin(struct schedule *schedule, uint64_t seed, unsigned threads, unsigned steps);

/* A thread's part of a schedule, from schedule_join to schedule_leave: it lives on the thread's stack. */
struct schedule_thread {
	struct schedule *schedule;
	unsigned index;
	bool locking; /* the last point was POINT_LOCKING: if the next is, too, somebody holds the lock */
};

/* Waits for the thread's first turn; from here on the points of the thread are the schedule's. */
void schedule_join(struct schedule_thread *thread, struct schedule *schedule, unsigned index);
/* A point between two calls. */
void schedule_point(struct schedule_thread *thread);
void schedule_leave(struct schedule_thread *thread);

#endif
