/* SPDX-License-Identifier: BSD-2-Clause */
/* The calls of coherence.h, but for the record. */
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "coherence/counts.h"
#include "coherence/locks.h"
#include "coherence/memory.h"
#include "coherence/names.h"
#include "coherence/seen.h"
#include "coherence/threads.h"

const char *const coherence_schedule_names[COHERENCE_SCHEDULES + 1] = {"coop", "clock", "rand", "pct", NULL};

const char *const coherence_count_names[COHERENCE_COUNTS] = {
	[COHERENCE_TRUE] = "true",
	[COHERENCE_LATE] = "late",
	[COHERENCE_FALSE] = "false",
	[COHERENCE_COLD] = "cold",
	[COHERENCE_UPGRADE_TRUE] = "upgrade_true",
	[COHERENCE_UPGRADE_FALSE] = "upgrade_false",
	[COHERENCE_OPERATIONS] = "operations",
	[COHERENCE_READS] = "reads",
	[COHERENCE_WRITES] = "writes",
	[COHERENCE_RMWS] = "rmws",
	[COHERENCE_TRANSFERS] = "transfers",
	[COHERENCE_INVALIDATIONS] = "invalidations",
	[COHERENCE_CAS_FAILURES] = "cas_failures",
	[COHERENCE_LOCKS] = "locks",
	[COHERENCE_LOCK_WAITS] = "lock_waits",
	[COHERENCE_HANDOVERS] = "handovers",
	[COHERENCE_BLOCKS] = "blocks",
	[COHERENCE_WAKES] = "wakes",
	[COHERENCE_MEMBARRIERS] = "membarriers",
	[COHERENCE_CYCLES] = "cycles",
	[COHERENCE_WAIT_CYCLES] = "wait_cycles",
	[COHERENCE_QUEUE_CYCLES] = "queue_cycles",
	[COHERENCE_ALLOCATIONS] = "allocations",
};
_Static_assert(COHERENCE_READS + ACCESS_WRITE == COHERENCE_WRITES && COHERENCE_READS + ACCESS_RMW == COHERENCE_RMWS,
               "accesses are counted by their kind");

#define SLACK_MAX 1000000

struct coherence_settings settings;
struct counts counts;

static uint64_t measured_from, measured_to;

/* ---- Settings ---------------------------------------------------------------------------------------------------- */

void coherence_settings_init(struct coherence_settings *defaults)
{
	*defaults = (struct coherence_settings){
		.schedule = COHERENCE_COOP,
		.seed = 1,
		.line_bytes = 64,
		.processors = 64,
		.quantum = 10,
		.pct_depth = 3,
		.pct_steps = 10000,
		.slack = 40,
		.hang_seconds = 30,
		.idle_steps_max = 200000000,
		.latency = {.hit = 1, .rmw = 18, .clean = 50, .dirty = 60, .upgrade = 45, .cold = 100, .wake = 2000, .pause = 40,
		            .per_1000_ns = 2500},
	};
}

static const char *wrong(const struct coherence_settings *wanted)
{
	if ((unsigned)wanted->schedule >= COHERENCE_SCHEDULES)
		return "schedule: coop, clock, rand or pct";
	if (wanted->line_bytes != 64 && wanted->line_bytes != 128)
		return "line_bytes: 64 or 128";
	if (wanted->shift_bytes >= wanted->line_bytes || wanted->shift_bytes % 8 != 0)
		return "shift_bytes: a multiple of 8 below line_bytes";
	if (wanted->processors < 1 || wanted->processors > COHERENCE_CORES_MAX)
		return "processors: 1 to 192";
	if (wanted->quantum < 1)
		return "quantum: at least 1";
	if (wanted->pct_depth < 1 || wanted->pct_depth > 16)
		return "pct_depth: 1 to 16";
	if (wanted->pct_steps < 1)
		return "pct_steps: at least 1";
	if (wanted->slack > SLACK_MAX)
		return "slack: 0 to 1000000";
	if (wanted->hang_seconds < 1)
		return "hang_seconds: at least 1";
	if (wanted->latency.per_1000_ns < 1)
		return "latency.per_1000_ns: at least 1";
	return NULL;
}

/* ---- The watchdog ------------------------------------------------------------------------------------------------ */

static void print_threads(void)
{
	for (unsigned i = 0; i < threads_used; i++) {
		const struct thread *thread = threads[i];
		char what[256] = "";

		if (!thread || thread->state == THREAD_ENDED)
			continue;
		if (thread->state == THREAD_RUNNABLE) {
			dprintf(STDERR_FILENO, "  core %u, operation %u: %s\n", i, thread->operation,
			        thread == self ? "runs" : "could run");
			continue;
		}
		if (thread->waits_for)
			names_describe((uintptr_t)thread->waits_for, what, sizeof(what));
		dprintf(STDERR_FILENO, "  core %u, operation %u: waits for %s (%s), called from 0x%zx\n", i, thread->operation,
		        thread->waits_how, what, (size_t)names_in_file(thread->waits_at));
	}
	dprintf(STDERR_FILENO, "  (addresses are those of the program's file: addr2line -pfie <program> <address>)\n");
}

void end_hang(const char *what)
{
	dprintf(STDERR_FILENO, "coherence: hang at access %llu, schedule %s, seed %llu: %s\n",
	        (unsigned long long)schedule.steps, coherence_schedule_names[settings.schedule],
	        (unsigned long long)settings.seed, what);
	print_threads();
	_exit(COHERENCE_EXIT_HANG);
}

void end_deadlock(void)
{
	dprintf(STDERR_FILENO, "coherence: deadlock at access %llu, schedule %s, seed %llu: every thread waits\n",
	        (unsigned long long)schedule.steps, coherence_schedule_names[settings.schedule],
	        (unsigned long long)settings.seed);
	print_threads();
	_exit(COHERENCE_EXIT_DEADLOCK);
}

void end_freed(const struct line *line, uint64_t granules, uintptr_t site)
{
	uintptr_t granule_bytes = settings.line_bytes / 64;
	uintptr_t address = directory_address(line) + (unsigned)__builtin_ctzll(line->freed & granules) * granule_bytes;
	char what[256];

	names_describe(address, what, sizeof(what));
	dprintf(STDERR_FILENO,
	        "coherence: use after free at access %llu, schedule %s, seed %llu: core %u, operation %u, at 0x%zx: %s\n",
	        (unsigned long long)schedule.steps, coherence_schedule_names[settings.schedule], (unsigned long long)settings.seed,
	        self->core, self->operation, (size_t)names_in_file(site), what);
	_exit(COHERENCE_EXIT_FREED);
}

/* Once a second. While the main thread is alone it may do what it likes: check results, write files. */
static void watch(int signal)
{
	static uint64_t last_steps;
	static unsigned idle_seconds;
	unsigned alive = 0;

	(void)signal;
	for (unsigned i = 0; i < threads_used; i++)
		alive += threads[i] && threads[i]->state != THREAD_ENDED;
	if (alive < 2 || schedule.steps != last_steps) {
		last_steps = schedule.steps;
		idle_seconds = 0;
	} else if (++idle_seconds >= settings.hang_seconds) {
		end_hang("no access for as many seconds as are allowed: it spins, or waits, in code that is not seen");
	}
}

static void watch_begin(void)
{
	struct itimerval every_second = {.it_interval = {.tv_sec = 1}, .it_value = {.tv_sec = 1}};
	struct sigaction action = {.sa_handler = watch, .sa_flags = SA_RESTART};

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &every_second, NULL);
}

/* ---- The calls --------------------------------------------------------------------------------------------------- */

bool coherence_start(const struct coherence_settings *wanted, char *error, size_t error_bytes)
{
	const char *allowed = self ? "coherence_start: once in a process" : wrong(wanted);

	if (allowed) {
		snprintf(error, error_bytes, "%s", allowed);
		return false;
	}
	settings = *wanted;
	/* Each thread has an arena of its own: where blocks lie must not depend on how many processors this machine has. */
	mallopt(M_ARENA_MAX, 2 * COHERENCE_CORES_MAX);
	names_in_file(0); /* while there is one thread */
	directory_init(settings.line_bytes, settings.shift_bytes, schedule_unpark);
	access_init();
	fiber_init();
	schedule_init();
	threads_begin();
	watch_begin();
	return true;
}

void coherence_measure(bool on)
{
	if (on) {
		memset(counts.of, 0, sizeof(counts.of));
		schedule_draw_changes();
		directory_measure();
		locks_measure();
		measured_from = measured_to = 0;
		for (unsigned i = 0; i < threads_used; i++) {
			if (!threads[i])
				continue;
			threads[i]->began = threads[i]->clock;
			if (measured_from < threads[i]->clock)
				measured_from = threads[i]->clock;
		}
	} else if (counts.on) {
		measured_to = 0;
		for (unsigned i = 0; i < threads_used; i++) {
			struct thread *thread = threads[i];

			if (!thread)
				continue;
			if (thread->state != THREAD_ENDED)
				counts_add(thread->operation, COHERENCE_CYCLES, thread->clock - thread->began);
			if (measured_to < thread->clock)
				measured_to = thread->clock;
		}
		directory_close();
	}
	counts.on = on;
}

void coherence_operation(unsigned kind)
{
	struct thread *thread = self;

	if (!thread)
		return;
	counts_add(thread->operation, COHERENCE_CYCLES, thread->clock - thread->began);
	thread->began = thread->clock;
	thread->operation = kind < COHERENCE_OPERATIONS_MAX ? kind : 0;
	schedule.progress = schedule.steps;
	if (thread->operation)
		counts_add(thread->operation, COHERENCE_OPERATIONS, 1);
}

void coherence_object(const void *object, size_t bytes, const char *type)
{
	coherence_objects(object, bytes, 0, type);
}

void coherence_objects(const void *first, size_t bytes, size_t element_bytes, const char *type)
{
	if (first && bytes)
		names_object(first, bytes, element_bytes, type);
}

void coherence_yield(void)
{
	if (!self)
		return;
	if (settings.schedule == COHERENCE_COOP)
		schedule_switch(true);
	else
		schedule_point();
}

#define PARK_CYCLES 2000

/* In schedule clock a spinner whose line nobody has written could only read the same again: it sleeps until somebody does (or a
 * while, lest it waits for something else). */
void coherence_relax(void)
{
	struct thread *thread = self;
	struct line *line;

	if (!thread) {
#if defined(__x86_64__)
		__builtin_ia32_pause();
#endif
		return;
	}
	line = thread->last_line;
	thread->clock += settings.latency.pause;
	if (settings.schedule != COHERENCE_CLOCK)
		schedule_switch(true);
	else if (line && cores_has(&line->holders, thread->core) && line->owner != (int)thread->core)
		schedule_park(line, thread->clock + PARK_CYCLES);
	else
		schedule_point();
}

uint64_t coherence_count(unsigned kind, enum coherence_count count)
{
	return kind < COHERENCE_OPERATIONS_MAX && (unsigned)count < COHERENCE_COUNTS ? counts.of[kind][count] : 0;
}

static uint64_t count_of_line(const struct line *line, enum coherence_count count)
{
	uint64_t sum = 0;

	if (count == COHERENCE_COLD)
		for (const struct copy *copy = line->first; copy; copy = copy->next)
			sum += copy->cold;
	if (!line->detail)
		return sum;
	if (count < COHERENCE_CLASSES)
		for (const struct line_site *site = line->detail->sites; site; site = site->next)
			sum += site->class[count];
	if (count == COHERENCE_TRANSFERS)
		sum = line->detail->transfers;
	if (count == COHERENCE_INVALIDATIONS)
		sum = line->detail->invalidations;
	if (count == COHERENCE_CAS_FAILURES)
		sum = line->detail->cas_failures;
	return sum;
}

uint64_t coherence_count_at(const void *object, size_t bytes, enum coherence_count count)
{
	uint64_t last = directory_key((uintptr_t)object + bytes - 1), sum = 0;

	for (uint64_t key = directory_key((uintptr_t)object); bytes > 0 && key <= last; key++) {
		const struct line *line = directory_find(key);

		if (line)
			sum += count_of_line(line, count);
	}
	return sum;
}

uint64_t coherence_cycles(void)
{
	uint64_t to = measured_to;

	if (counts.on)
		for (unsigned i = 0; i < threads_used; i++)
			if (threads[i] && threads[i]->clock > to)
				to = threads[i]->clock;
	return to > measured_from ? to - measured_from : 0;
}

size_t coherence_blocks(void)
{
	return names_live_blocks();
}

uint64_t coherence_steps(void)
{
	return schedule.steps;
}

/* ---- main -------------------------------------------------------------------------------------------------------- */

int __real_main(int argc, char **argv, char **environment);
int __wrap_main(int argc, char **argv, char **environment);

/* The environment's size and the program's name move the stack: main begins at the start of a page, and arguments lie apart. */
int __wrap_main(int argc, char **argv, char **environment)
{
	volatile char *pad = __builtin_alloca(4096 + ((uintptr_t)__builtin_frame_address(0) & 4095));
	char **copies = memory_take(((size_t)argc + 1) * sizeof(*copies));

	pad[0] = 0;
	for (int i = 0; i < argc; i++) {
		copies[i] = memory_take(strlen(argv[i]) + 1);
		strcpy(copies[i], argv[i]);
	}
	return __real_main(argc, copies, environment);
}
