/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the coherence runtime costs on this machine, in time and memory: figures for whoever plans a run. It is no test. Each
 * figure is of a process of its own.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "coherence/coherence.h"
#include "tests/coherence/walks.h"

#define LINE_BYTES 64
#define WORKERS    64
#define OPERATIONS 1000000
#define LINES      1000000
#define WALKERS    4

static unsigned long rounds;
static volatile char *block;

/* The system's clock: clock_gettime is the runtime's, and virtual. */
static double seconds(void)
{
	struct timespec now;

	syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static size_t resident_bytes(void)
{
	FILE *file = fopen("/proc/self/statm", "r");
	unsigned long all, resident;

	if (!file || fscanf(file, "%lu %lu", &all, &resident) != 2)
		resident = 0;
	if (file)
		fclose(file);
	return resident * 4096;
}

static void start(enum coherence_schedule schedule)
{
	struct coherence_settings settings;
	char error[256];

	coherence_settings_init(&settings);
	settings.schedule = schedule;
	if (!coherence_start(&settings, error, sizeof(error))) {
		fprintf(stderr, "cost: %s\n", error);
		_exit(1);
	}
	coherence_measure(true);
}

/* Memory that reads find, but that takes none: the system's page of zeros. */
static volatile char *untouched(size_t bytes)
{
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory == MAP_FAILED) {
		perror("cost: mmap");
		_exit(1);
	}
	return memory;
}

static void print_ns(const char *what, double from_s, uint64_t from_steps)
{
	double ns = (seconds() - from_s) * 1e9 / (double)(coherence_steps() - from_steps);

	printf("%-58s %8.1f ns\n", what, ns);
}

static void cost_of_word(void)
{
	double from_s;
	uint64_t from_steps;

	start(COHERENCE_COOP);
	walk_word(100000);
	from_s = seconds();
	from_steps = coherence_steps();
	walk_word(4000000);
	print_ns("an access to one line, one core", from_s, from_steps);
}

static void cost_of_walk(size_t bytes, const char *what)
{
	double from_s;
	uint64_t from_steps;

	block = untouched(bytes);
	start(COHERENCE_COOP);
	walk_block(block, bytes, LINE_BYTES);
	from_s = seconds();
	from_steps = coherence_steps();
	for (size_t done = 0; done < (size_t)512 << 20; done += bytes)
		walk_block(block, bytes, LINE_BYTES);
	print_ns(what, from_s, from_steps);
}

static void cost_of_walks(void)
{
	cost_of_walk((size_t)64 << 10, "an access, each to another line of 64 KiB, one core");
}

static void cost_of_long_walks(void)
{
	cost_of_walk((size_t)8 << 20, "an access, each to another line of 8 MiB, one core");
}

static void *operate(void *argument)
{
	unsigned worker = (unsigned)(uintptr_t)argument;

	for (unsigned long round = 0; round < rounds; round++) {
		coherence_operation(1);
		walk_operation(worker, round);
		coherence_operation(0);
		coherence_yield();
	}
	return NULL;
}

static void *walk_all(void *unused)
{
	(void)unused;
	walk_block(block, (size_t)LINES * LINE_BYTES, LINE_BYTES);
	return NULL;
}

static void run_threads(unsigned threads, void *(*function)(void *))
{
	pthread_t thread[WORKERS];

	for (unsigned i = 0; i < threads; i++)
		if (pthread_create(&thread[i], NULL, function, (void *)(uintptr_t)i) != 0)
			_exit(1);
	for (unsigned i = 0; i < threads; i++)
		pthread_join(thread[i], NULL);
}

static void cost_of_operations(enum coherence_schedule schedule)
{
	double from_s;
	uint64_t from_steps;
	char what[128];

	start(schedule);
	rounds = OPERATIONS / WORKERS;
	from_s = seconds();
	from_steps = coherence_steps();
	run_threads(WORKERS, operate);
	snprintf(what, sizeof(what), "%d operations of %.0f accesses, %d cores, %s", OPERATIONS,
	         (double)(coherence_steps() - from_steps) / OPERATIONS, WORKERS, coherence_schedule_names[schedule]);
	printf("%-58s %8.1f s\n", what, seconds() - from_s);
	print_ns("  an access of them", from_s, from_steps);
}

static void cost_of_coop(void)
{
	cost_of_operations(COHERENCE_COOP);
}

static void cost_of_clock(void)
{
	cost_of_operations(COHERENCE_CLOCK);
}

static void cost_of_lines(unsigned cores)
{
	size_t from;
	char what[128];

	block = untouched((size_t)LINES * LINE_BYTES);
	from = resident_bytes();
	start(COHERENCE_COOP);
	run_threads(cores, walk_all);
	snprintf(what, sizeof(what), "memory for %d lines, met by %u core%s each", LINES, cores, cores > 1 ? "s" : "");
	printf("%-58s %8.1f MB\n", what, (double)(resident_bytes() - from) / 1e6);
}

static void cost_of_lines_once(void)
{
	cost_of_lines(1);
}

static void cost_of_shared_lines(void)
{
	cost_of_lines(WALKERS);
}

int main(void)
{
	static void (*const costs[])(void) = {cost_of_word, cost_of_walks,      cost_of_long_walks,  cost_of_coop,
	                                      cost_of_clock, cost_of_lines_once, cost_of_shared_lines};

	for (unsigned i = 0; i < sizeof(costs) / sizeof(costs[0]); i++) {
		int status;
		pid_t pid;

		fflush(NULL);
		pid = fork();
		if (pid == 0) {
			costs[i]();
			fflush(NULL);
			_exit(0);
		}
		if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
			fprintf(stderr, "cost: a process failed\n");
			return 1;
		}
	}
	return 0;
}
