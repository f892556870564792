/* SPDX-License-Identifier: BSD-2-Clause */
/* Stress on the lives of threads and processes: born and dying, exit, fork and exec, signals. */
#include "stress.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/contract.h"
#include "perturb.h"

/* ---- Threads that are born and die ------------------------------------------------------------------------------- */

#define LIFE_STEPS 24

/* Its parent has made what it needs, and lives on: a writer of the ledger whose body changes. */
static void *mortal_main(void *argument)
{
	struct stress_thread *thread = argument;
	struct check_run *run = thread->stress->run;
	uint64_t death = check_below(&thread->random, 4);

	thread->handle = check_enter(run, thread->stress->cache);
	if (death == 0)
		check_enter(run, thread->stress->cache); /* and leaves once */
	perturb_begin(thread->random, thread->index % 2 ? PERTURB_SOME : PERTURB_NONE);
	stress_steps(thread, LIFE_STEPS);
	perturb_end();
	stress_check_pins(thread);
	thread->pins = 0; /* whatever end it takes, its pins go with it */
	if (death < 2)
		capacitor_leave(thread->handle);
	if (death == 2)
		pthread_exit(NULL);
	return NULL;
}

static void parent_body(struct check_thread *self)
{
	struct stress_thread thread;
	uint64_t lives = 0;

	stress_thread_init(&thread, self->context, self->index);
	for (; stress_goes_on(thread.stress); lives++) {
		pthread_t mortal;
		int error = pthread_create(&mortal, NULL, mortal_main, &thread);

		if (error) {
			check_fail(self->run, "pthread_create: %s", strerror(error));
			break;
		}
		pthread_join(mortal, NULL);
	}
	check_count(self->run, CHECK_THREADS, lives);
	stress_thread_fini(&thread);
}

/* No more slots than threads that live: who dies inside gives his back. */
void stress_generations(struct check_run *run)
{
	struct stress_plan plan = stress_default(run);
	struct stress *stress;

	plan.config.threads_max = plan.threads;
	stress = stress_open(run, &plan, 0);
	check_threads(run, NULL, plan.threads, parent_body, stress);
	stress_close(stress);
}

/* ---- Threads that come for the first time ------------------------------------------------------------------------ */

#define NEWCOMERS    24
#define NEWCOMERS_NS 20000000

/* Enters, does nothing, and leaves: nothing orders it with those who look at its pins, but the publication of its handle. */
static void newcomer(struct check_thread *self)
{
	check_sleep_ns(check_below(&self->random, NEWCOMERS_NS / 2));
	self->handle = check_enter(self->run, ((struct stress *)self->context)->cache);
	check_sleep_ns(check_below(&self->random, NEWCOMERS_NS / 2));
	capacitor_leave(self->handle);
}

static void resident_or_newcomer(struct check_thread *self)
{
	struct stress *stress = self->context;
	struct stress_thread thread;

	if (self->index >= stress->plan->threads) {
		newcomer(self);
		return;
	}
	stress_thread_init(&thread, stress, self->index);
	thread.handle = check_enter(self->run, stress->cache);
	stress_steps(&thread, 0);
	stress_unpin_all(&thread);
	capacitor_leave(thread.handle);
	stress_thread_fini(&thread);
}

/* Handles are made and published while pins are looked for. Each round is a new cache, which has none yet. */
void stress_newcomers(struct check_run *run)
{
	struct stress_plan plan = stress_default(run);

	do {
		struct stress *stress = stress_open(run, &plan, NEWCOMERS_NS);

		check_threads(run, NULL, plan.threads + NEWCOMERS, resident_or_newcomer, stress);
		stress_close(stress);
	} while (check_goes_on(run));
}

/* ---- exit -------------------------------------------------------------------------------------------------------- */

#define EXIT_THREADS 6

static void *endless_main(void *argument)
{
	struct stress *stress = argument;
	static _Atomic unsigned next;
	struct stress_thread thread;

	stress_thread_init(&thread, stress, fetch_add_relaxed(&next, 1)); /* relaxed: a number each */
	thread.handle = check_enter(stress->run, stress->cache);
	stress_steps(&thread, 0);
	pause(); /* inside, with its pins */
	return NULL;
}

/* The child: threads work, and the main thread, inside as well, ends the process. */
static void exit_amid(struct check_run *run, const struct stress_plan *plan, uint64_t after_ns)
{
	static struct stress *stress;
	pthread_t thread;

	run->until_ns = UINT64_MAX;
	stress = stress_open(run, plan, 0);
	check_enter(run, stress->cache);
	for (unsigned i = 0; i < EXIT_THREADS; i++)
		if (pthread_create(&thread, NULL, endless_main, stress) != 0 || pthread_detach(thread) != 0)
			exit(2);
	check_sleep_ns(after_ns);
	exit(check_failed(run) ? 1 : 0);
}

#define EXIT_PATIENCE_NS (60 * (uint64_t)1000000000)

/* Waits for a child, and ends one that hangs. Returns its status, or -1. */
static int await(pid_t child)
{
	uint64_t deadline_ns = check_now_ns() + EXIT_PATIENCE_NS;
	int status = -1;

	while (waitpid(child, &status, WNOHANG) == 0) {
		if (check_now_ns() >= deadline_ns) {
			kill(child, SIGKILL);
			waitpid(child, &status, 0);
			return -1;
		}
		check_sleep_ns(200000);
	}
	return status;
}

void stress_exit(struct check_run *run)
{
	struct stress_plan plan = stress_default(run);
	uint64_t random = run->seed, ends = 0;

	plan.threads = EXIT_THREADS;
	do {
		uint64_t after_ns = check_below(&random, 10000000);
		pid_t child = fork(); /* this process has no other threads */
		int status;

		check_expect(run, child >= 0, "fork: %s", strerror(errno));
		if (child == 0)
			exit_amid(run, &plan, after_ns);
		status = await(child);
		check_expect(run, status == 0, "a process that exits while threads are inside %s (status %d)",
		             status < 0 ? "hangs" : "ends badly", status);
		ends++;
	} while (check_goes_on(run));
	check_count(run, CHECK_THREADS, ends * EXIT_THREADS);
	check_note(run, "%" PRIu64 " processes exited with %d threads inside", ends, EXIT_THREADS);
}

/* ---- fork and exec ----------------------------------------------------------------------------------------------- */

static void forking_body(struct stress_thread *thread)
{
	struct check_run *run = thread->stress->run;
	uint64_t children = 0;

	if (thread->index > 0) {
		stress_steps(thread, 0);
		return;
	}
	for (; stress_goes_on(thread->stress); children++) {
		pid_t child = fork();
		int status = 0;

		if (child == 0) {
			execl("/bin/true", "true", (char *)NULL);
			_exit(127);
		}
		check_expect(run, child > 0, "fork: %s", strerror(errno));
		stress_steps(thread, 16);
		status = await(child);
		check_expect(run, status == 0, "a child that was forked beside working threads ends with status %d", status);
	}
	check_note(run, "%" PRIu64 " children were forked", children);
}

void stress_fork(struct check_run *run)
{
	struct stress_plan plan = stress_default(run);

#if defined(CONTRACT_CHECKED)
	check_note(run, "skipped: ThreadSanitizer does not follow a process with threads through fork");
	return;
#endif
	plan.body = forking_body;
	stress_run(run, &plan, 0);
}

/* ---- Signals ----------------------------------------------------------------------------------------------------- */

#if !defined(sigev_notify_thread_id)
#define sigev_notify_thread_id _sigev_un._tid /* the C library has no name for it */
#endif

#define SIGNAL_EVERY_NS 100000  /* to each thread; a thread that has no core meanwhile gets one for many */
#define PARK_ONE_OF     8
#define PARK_NS         300000  /* longer than a grace period */
#define SIGNAL_ROUNDS   2       /* one with all calls, one with pins */

static _Atomic uint64_t signals;

/* Now and then it parks the thread for a while, wherever that is: between any two instructions. */
static void on_signal(int number)
{
	struct timespec park = {.tv_nsec = PARK_NS};
	int saved = errno;

	(void)number;
	if (fetch_add_relaxed(&signals, 1) % PARK_ONE_OF == 0) /* relaxed: a count */
		pselect(0, NULL, NULL, NULL, &park, NULL);
	errno = saved;
}

/* Each thread has a timer that signals it. */
static void signalled_body(struct stress_thread *thread)
{
	struct itimerspec time = {.it_interval.tv_nsec = SIGNAL_EVERY_NS, .it_value.tv_nsec = SIGNAL_EVERY_NS};
	struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGRTMIN};
	timer_t timer;

	event.sigev_notify_thread_id = gettid();
	check_expect(thread->stress->run, timer_create(CLOCK_MONOTONIC, &event, &timer) == 0, "timer_create: %s", strerror(errno));
	timer_settime(timer, 0, &time, NULL);
	stress_steps(thread, 0);
	timer_delete(timer);
}

void stress_signals(struct check_run *run)
{
	struct sigaction action = {.sa_handler = on_signal}; /* without SA_RESTART: system calls end with EINTR */
	uint64_t from_ns = check_now_ns(), count;

	sigemptyset(&action.sa_mask);
	sigaction(SIGRTMIN, &action, NULL);
	for (unsigned round = 0; round < SIGNAL_ROUNDS; round++) {
		struct stress_plan plan = round % 2 ? stress_pins_plan(run) : stress_default(run);

		plan.body = signalled_body;
		stress_run(run, &plan, (run->until_ns - run->from_ns) / SIGNAL_ROUNDS);
	}
	count = load_relaxed(&signals); /* relaxed: all have ended */
	check_count(run, CHECK_FAULTS, count);
	check_expect(run, count > 0, "no signal came: nothing was checked");
	check_note(run, "%.0f signals a second", (double)count * 1e9 / (double)(check_now_ns() - from_ns));
}
