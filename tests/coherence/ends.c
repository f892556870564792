/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How runs end that cannot go on, and what coherence_start refuses: the exit status, and what is said of it. Each in a process of
 * its own. Prints TAP.
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "coherence/coherence.h"
#include "tests/coherence/walks.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static pthread_mutex_t first = PTHREAD_MUTEX_INITIALIZER, second = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static pthread_rwlock_t shared = PTHREAD_RWLOCK_INITIALIZER;
static sem_t empty;

/* ---- What threads do --------------------------------------------------------------------------------------------- */

static void *lock_both(void *reversed)
{
	pthread_mutex_lock(reversed ? &second : &first);
	coherence_yield();
	pthread_mutex_lock(reversed ? &first : &second);
	return NULL;
}

static void *wait_for_nobody(void *unused)
{
	(void)unused;
	pthread_mutex_lock(&first);
	pthread_cond_wait(&changed, &first);
	return NULL;
}

static void *wait_for_post(void *unused)
{
	(void)unused;
	sem_wait(&empty);
	return NULL;
}

static void *write_twice(void *unused)
{
	(void)unused;
	pthread_rwlock_wrlock(&shared);
	pthread_rwlock_wrlock(&shared);
	return NULL;
}

/* In code that nobody sees. */
static void *spin(void *unused)
{
	for (volatile int stop = 0; !stop;)
		;
	return unused;
}

/* Seen, and without end: no operation is ever done. */
static void *walk(void *unused)
{
	for (;;) {
		walk_word(10);
		coherence_yield();
	}
	return unused;
}

static void *end(void *unused)
{
	return unused;
}

static int start_both(void *(*function)(void *))
{
	pthread_t thread[2];

	for (uintptr_t i = 0; i < 2; i++)
		if (pthread_create(&thread[i], NULL, function, (void *)i) != 0)
			return 1;
	for (unsigned i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
	return 0;
}

/* As many as there may be at a time, and no more; and as many again when those are gone. */
static int start_many(void)
{
	static pthread_t thread[COHERENCE_CORES_MAX];

	for (unsigned again = 0; again < 2; again++) {
		for (unsigned i = 1; i < COHERENCE_CORES_MAX; i++)
			if (pthread_create(&thread[i], NULL, end, NULL) != 0)
				return 1;
		if (pthread_create(&thread[0], NULL, end, NULL) == 0)
			return 1;
		for (unsigned i = 1; i < COHERENCE_CORES_MAX; i++)
			pthread_join(thread[i], NULL);
	}
	return 0;
}

/* ---- Ends -------------------------------------------------------------------------------------------------------- */

static const struct {
	const char *name;
	void *(*function)(void *);
	int status;
	const char *said[3]; /* all of these */
} ends[] = {
	{"two locks in two orders", lock_both, COHERENCE_EXIT_DEADLOCK, {"deadlock", "core 1, operation 0: waits for a mutex",
	                                                                  "core 2, operation 0: waits for a mutex"}},
	{"a condition that nobody signals", wait_for_nobody, COHERENCE_EXIT_DEADLOCK, {"deadlock", "a condition", "core 2"}},
	{"a semaphore that nobody posts", wait_for_post, COHERENCE_EXIT_DEADLOCK, {"deadlock", "a semaphore", "core 2"}},
	{"a lock to write, twice", write_twice, COHERENCE_EXIT_DEADLOCK, {"deadlock", "a lock to write", "core 2"}},
	{"a loop that nobody sees", spin, COHERENCE_EXIT_HANG, {"hang", "not seen", "runs"}},
	{"accesses without end", walk, COHERENCE_EXIT_HANG, {"hang", "no operation", "could run"}},
	{"it ends", end, 0, {"", "", ""}},
};

static unsigned tests, failed;

static void verdict(bool good, const char *name, const char *said)
{
	printf("%s %u - %s\n", good ? "ok" : "not ok", ++tests, name);
	if (!good)
		printf("# %s\n", said);
	failed += !good;
}

static bool start(const struct coherence_settings *settings)
{
	char error[256];

	if (coherence_start(settings, error, sizeof(error)))
		return true;
	fprintf(stderr, "ends: %s\n", error);
	return false;
}

/* What a child does is chosen by its number; its standard error comes back in `said`. Result: its exit status. */
static int run(size_t number, char *said, size_t said_bytes)
{
	struct coherence_settings settings;
	size_t used = 0;
	ssize_t got;
	int ends_of[2], status;
	pid_t pid;

	fflush(NULL);
	if (pipe(ends_of) != 0 || (pid = fork()) < 0) {
		perror("ends");
		exit(2);
	}
	if (pid == 0) {
		dup2(ends_of[1], STDERR_FILENO);
		close(ends_of[1]);
		coherence_settings_init(&settings);
		settings.hang_seconds = number < LENGTH(ends) && ends[number].function == spin ? 1 : 600;
		settings.idle_steps_max = 100000;
		if (!start(&settings))
			_exit(1);
		_exit(number < LENGTH(ends) ? start_both(ends[number].function) : start_many());
	}
	close(ends_of[1]);
	while (used + 1 < said_bytes && (got = read(ends_of[0], said + used, said_bytes - used - 1)) > 0)
		used += (size_t)got;
	said[used] = '\0';
	close(ends_of[0]);
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void test_ends(void)
{
	char said[4096];

	for (size_t i = 0; i < LENGTH(ends); i++) {
		bool good = run(i, said, sizeof(said)) == ends[i].status;

		for (unsigned part = 0; part < LENGTH(ends[i].said); part++)
			good = good && strstr(said, ends[i].said[part]);
		verdict(good, ends[i].name, said);
	}
	verdict(run(LENGTH(ends), said, sizeof(said)) == 0, "so many threads at a time, and no more", said);
}

/* ---- Refusals ---------------------------------------------------------------------------------------------------- */

#define REFUSED(field, value) {#field " " #value, #field, offsetof(struct coherence_settings, field), value}

static const struct {
	const char *name, *says;
	size_t offset;
	unsigned value;
} refusals[] = {
	REFUSED(schedule, 4),
	REFUSED(line_bytes, 32),
	REFUSED(line_bytes, 0),
	REFUSED(shift_bytes, 64),
	REFUSED(shift_bytes, 4),
	REFUSED(processors, 0),
	REFUSED(processors, 193),
	REFUSED(quantum, 0),
	REFUSED(pct_depth, 0),
	REFUSED(pct_depth, 17),
	REFUSED(pct_steps, 0),
	REFUSED(hang_seconds, 0),
	REFUSED(latency.per_1000_ns, 0),
};

static void test_refusals(void)
{
	struct coherence_settings settings;
	char error[256] = "";

	for (size_t i = 0; i < LENGTH(refusals); i++) {
		size_t bytes = refusals[i].offset == offsetof(struct coherence_settings, pct_steps) ? sizeof(uint64_t)
		                                                                                   : sizeof(unsigned);
		uint64_t value = refusals[i].value;

		coherence_settings_init(&settings);
		memcpy((char *)&settings + refusals[i].offset, &value, bytes);
		error[0] = '\0';
		verdict(!coherence_start(&settings, error, sizeof(error)) && strncmp(error, refusals[i].says,
		                                                                    strlen(refusals[i].says)) == 0,
		        refusals[i].name, error);
	}
	coherence_settings_init(&settings);
	verdict(start(&settings), "what is right after what was wrong", "refused");
	verdict(!coherence_start(&settings, error, sizeof(error)), "once in a process", "not refused");
}

int main(void)
{
	test_ends();
	test_refusals();
	printf("1..%u\n", tests);
	return failed ? 1 : 0;
}
