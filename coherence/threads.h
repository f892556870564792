/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The program's threads, one at a time.
 *
 * A thread of the program is a fiber: it has the stack and the thread-local memory of a thread of the system, its carrier,
 * which itself sleeps from its start to its end, but the one thread of the system that began the run executes all of
 * them, in turns. Where there are no fibers (or the settings ask for it), the carriers pass a token instead.
 *
 * `self` is the thread that runs; NULL in threads that the runtime does not know and before coherence_start: to them all
 * interposed functions are those of the system.
 */
#ifndef COHERENCE_THREADS_H
#define COHERENCE_THREADS_H

#include <pthread.h>

#include "coherence/directory.h"

enum thread_state {
	THREAD_RUNNABLE,
	THREAD_BLOCKED,
	THREAD_ENDED,
};

/* Lines that a thread used last, so that an access that hits finds its line without a search. */
#define RECENT_LINES 4096

struct recent {
	uint64_t key;
	struct line *line;
	struct copy *copy;
};

struct thread {
	/* Read and written by every access. */
	uint64_t clock;
	struct line *last_line;
	unsigned core; /* its number, too */
	unsigned operation;
	uint64_t began; /* clock, when the operation began */

	/* The scheduler's. */
	enum thread_state state;
	uint64_t deadline; /* blocked: virtual time at which it goes on by itself; 0: never */
	uint64_t blocked_order;
	int64_t priority; /* pct */
	const void *waits_for;
	const char *waits_how; /* "mutex", for those who explain a deadlock */
	uintptr_t waits_at;
	bool timed_out;

	/* The fiber's. */
	void *stack_pointer;
	uintptr_t thread_pointer;
	uintptr_t stack_first, stack_end;
	pthread_t carrier;
	int may_run, may_end, started; /* words that carriers sleep on */
	void *(*main)(void *);
	void *argument, *result;
	bool detached;

	struct recent recent[RECENT_LINES];
};

extern __thread struct thread *self;
extern struct thread *threads[COHERENCE_CORES_MAX];
extern unsigned threads_used; /* numbers below it may be in use */

extern struct coherence_settings settings;

/* The calling thread becomes the first. */
void threads_begin(void);

/* ---- Scheduling (schedule.c) ------------------------------------------------------------------------------------- */

struct schedule {
	int64_t budget;  /* accesses that the running thread may still make */
	uint64_t limit;  /* virtual time that it may reach */
	uint64_t steps, switches;
	uint64_t progress; /* steps at the end of the last operation */
};
extern struct schedule schedule;

void schedule_init(void);
/* pct: its change points lie in the steps that follow. */
void schedule_draw_changes(void);
/* A new thread takes part; or one is about to. */
void schedule_admit(struct thread *thread);
/* Lets others run. `away`: not this one, if there is any other. */
void schedule_switch(bool away);
/* Blocks until schedule_wake for the same object or the deadline (0: none). False: the deadline came. */
bool schedule_block(const void *object, const char *how, uint64_t deadline, uintptr_t site);
/* Wakes up to `most` threads blocked on the object, longest first. Result: how many. */
unsigned schedule_wake(const void *object, unsigned most);
/* A spinner sleeps until the line is taken from its core, or for a while. */
void schedule_park(struct line *line, uint64_t deadline);
void schedule_unpark(struct line *line, unsigned core);
/* Another thread became able to run at that time: the running one may have to let it. */
void schedule_ready(const struct thread *other);
uint64_t schedule_random(void);

/* Before an access: may another thread go first? */
static inline void schedule_point(void)
{
	if (__builtin_expect(--schedule.budget < 0 || self->clock > schedule.limit, 0))
		schedule_switch(false);
}

/* ---- Fibers (fiber.c) -------------------------------------------------------------------------------------------- */

#if defined(__x86_64__)
#define FIBERS_EXIST 1
#else
#define FIBERS_EXIST 0
#endif

/* Room on the carrier's stack for its own calls, while the fiber uses what is below. */
#define CARRIERS_OWN 36864

void fiber_init(void);
/* In a carrier: hands its stack to the fiber, which begins with body(), and sleeps until the end. */
void fiber_carry(struct thread *thread, void (*body)(void));
/* Goes on with another thread; returns when somebody goes on with this one. */
void fiber_switch(struct thread *from, struct thread *to);

/* A word that one thread of the system sleeps on until another sets it. */
void word_await(int *word);
void word_set(int *word);

/* ---- Accesses (accesses.c) --------------------------------------------------------------------------------------- */

/* An access by the running thread, at once, without a schedule_point. */
void access_memory(const volatile void *address, size_t bytes, enum access access, uintptr_t site);

/* The compare-and-swap that was shown before did not succeed. */
void access_failed(const volatile void *address);

/* Who called the function that this stands in. */
#define SITE ((uintptr_t)__builtin_return_address(0))

/* ---- Names and ends (names.c, record.c) -------------------------------------------------------------------------- */

_Noreturn void end_hang(const char *what);
_Noreturn void end_deadlock(void);
_Noreturn void end_freed(const struct line *line, uint64_t granules, uintptr_t site);

/* The raw system call: syscall() itself is interposed. Result: as the kernel gives it, -errno. */
long system_call(long number, long a, long b, long c, long d, long e, long f);

#endif
