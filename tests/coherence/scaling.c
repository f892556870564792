/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whether contention comes out as the textbooks have it: Concurrency Kit's spin locks under the schedule `clock`, from 2 to 64
 * workers. Prints TAP, and the transactions per acquisition of each.
 *
 * Where all wait for one word (fas, cas, dec, ticket), each unlock takes its line from all of them, and they come back for it; in
 * order of tickets that is a transaction more per acquisition for each worker more. Who waits in a queue spins on a word of its
 * own: as many for 64 as for 8. (Mellor-Crummey and Scott, Algorithms for Scalable Synchronization on Shared-Memory
 * Multiprocessors, ACM TOCS 1991.) Anderson's words lie eight to a line, as Concurrency Kit has them: false sharing, but not more
 * than eight.
 */
#include <math.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "coherence/coherence.h"
#include "tests/coherence/locks.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* Acquisitions, by all workers together, that are watched; so that each of 64 has its turn often enough. */
#define ACQUISITIONS 8192

static const unsigned workers_of[] = {2, 4, 8, 16, 32, 64};
enum { AT_2, AT_4, AT_8, AT_16, AT_32, AT_64, SIZES };
_Static_assert(LENGTH(workers_of) == SIZES, "each number of workers has a name");

/* What a child measured. */
struct result {
	bool sum_is_right;
	double transactions, false_sharing; /* per acquisition */
};

static struct result *results; /* shared with children: of one lock */

static const struct lock_kind *lock;
static unsigned long rounds;

static void *work(void *argument)
{
	for (unsigned long round = 0; round < rounds; round++) {
		coherence_operation(1);
		lock->pass((unsigned)(uintptr_t)argument);
		coherence_operation(0);
		coherence_yield();
	}
	return NULL;
}

static int measure(unsigned workers, struct result *result)
{
	pthread_t thread[LOCK_WORKERS_MAX];
	struct coherence_settings settings;
	char error[256];
	uint64_t transactions = 0;

	rounds = ACQUISITIONS / workers;
	coherence_settings_init(&settings);
	settings.schedule = COHERENCE_CLOCK;
	if (!coherence_start(&settings, error, sizeof(error))) {
		fprintf(stderr, "scaling: %s\n", error);
		return 1;
	}
	lock->init(workers);
	coherence_measure(true);
	for (unsigned i = 0; i < workers; i++)
		if (pthread_create(&thread[i], NULL, work, (void *)(uintptr_t)i) != 0)
			return 1;
	for (unsigned i = 0; i < workers; i++)
		pthread_join(thread[i], NULL);
	coherence_measure(false);
	for (unsigned class = 0; class < COHERENCE_CLASSES; class++)
		if (class != COHERENCE_COLD)
			transactions += coherence_count(1, (enum coherence_count)class);
	result->sum_is_right = locks_sum() == (long)(rounds * workers);
	result->transactions = (double)transactions / (double)(rounds * workers);
	result->false_sharing = (double)coherence_count(1, COHERENCE_FALSE) / (double)(rounds * workers);
	return 0;
}

/* In a process of its own. */
static bool run(unsigned workers, struct result *result)
{
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0)
		_exit(measure(workers, result));
	return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* ---- Verdicts ---------------------------------------------------------------------------------------------------- */

static unsigned tests, failed;

static void verdict(bool good, const char *what)
{
	printf("%s %u - %s: %s\n", good ? "ok" : "not ok", ++tests, lock->name, what);
	failed += !good;
}

/* Of the line through (workers, transactions), by least squares. */
static void fit(double *slope, double *correlation)
{
	double n = SIZES, x = 0, y = 0, xx = 0, yy = 0, xy = 0;

	for (unsigned i = 0; i < SIZES; i++) {
		double workers = workers_of[i], value = results[i].transactions;

		x += workers;
		y += value;
		xx += workers * workers;
		yy += value * value;
		xy += workers * value;
	}
	*slope = (n * xy - x * y) / (n * xx - x * x);
	*correlation = (n * xy - x * y) / sqrt((n * xx - x * x) * (n * yy - y * y));
}

static bool is(const char *name)
{
	return strcmp(lock->name, name) == 0;
}

static void judge(void)
{
	double growth = results[AT_64].transactions / results[AT_8].transactions, slope, correlation;
	bool right = true;

	for (unsigned i = 0; i < SIZES; i++)
		right = right && results[i].sum_is_right;
	verdict(right, "no addition is lost");
	fit(&slope, &correlation);
	printf("# from 8 to 64 workers: %.2f times; %.2f for each worker, correlation %.3f\n", growth, slope, correlation);
	if (is("fas") || is("cas") || is("dec") || is("ticket"))
		verdict(growth > 4, "transactions grow with the workers");
	if (is("ticket"))
		verdict(slope > 0.8 && slope < 1.2 && correlation > 0.99, "by one for each");
	if (is("mcs") || is("clh") || is("anderson"))
		verdict(growth < 1.3 && growth > 1 / 1.3, "transactions do not grow with the workers");
	/* Eight slots to a line: each change of one takes it from all who wait on the others. */
	if (is("anderson"))
		verdict(results[AT_64].false_sharing > 8, "neighbours in its array share falsely");
	if (is("clh"))
		verdict(results[AT_64].false_sharing < 0.01, "nobody shares falsely");
}

int main(void)
{
	results = mmap(NULL, SIZES * sizeof(*results), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (results == MAP_FAILED) {
		perror("scaling: mmap");
		return 2;
	}
	for (lock = lock_kinds; lock->name; lock++) {
		bool ran = true;

		printf("# %s, transactions per acquisition (false sharing) at", lock->name);
		for (unsigned i = 0; i < SIZES; i++) {
			ran = ran && run(workers_of[i], &results[i]);
			printf("  %u: %.1f (%.1f)", workers_of[i], results[i].transactions, results[i].false_sharing);
		}
		putchar('\n');
		if (ran)
			judge();
		else
			verdict(false, "a run did not end as it should");
	}
	printf("1..%u\n", tests);
	return failed ? 1 : 0;
}
