/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Threads of a test. cmocka's assertions belong to the main thread: a worker that finds something wrong writes it down
 * (crew_fail) and returns, and the main thread reports it once all have been joined. A test with a crew asserts nothing
 * between crew_start and crew_finish, so that no thread outlives it.
 */
#ifndef CREW_H
#define CREW_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "suite.h"

#define CREW_MAX 64

struct crew;

struct crew_member {
	struct crew *crew;
	struct capacitor_handle *handle; /* entered before run is called, left after it */
	unsigned index;
	uint64_t random; /* its own stream */
	char failure[256];
	pthread_t thread;
};

struct crew {
	struct rig *rig;
	void (*run)(struct crew_member *member);
	void *context;
	bool enters; /* members enter the rig's cache */
	unsigned count;
	_Atomic bool stop;
	_Atomic unsigned ready;
	_Atomic bool go;
	char failure[256]; /* the main thread's */
	struct crew_member member[CREW_MAX];
};

/* Starts `count` threads; they all begin together. */
void crew_start(struct crew *crew, struct rig *rig, unsigned count, void (*run)(struct crew_member *member),
                void *context);
/* The same, without entering the cache. */
void crew_start_outside(struct crew *crew, struct rig *rig, unsigned count,
                        void (*run)(struct crew_member *member), void *context);

/* Should a member go on? False once crew_stop was called or somebody failed. */
bool crew_goes_on(const struct crew *crew);
void crew_stop(struct crew *crew);

/* Joins all, then fails the test if a member has failed. */
void crew_finish(struct crew *crew);
/* Lets them run for so long, stops and finishes. */
void crew_run_for(struct crew *crew, uint64_t ns);

/* To loop while they work: true until the time has come and something was evicted (a loaded machine may be slow to), or
 * until nobody goes on. */
bool crew_evicts_until(const struct crew *crew, uint64_t until_ns);

/* Writes down the first thing that went wrong with this member and stops the crew. */
void crew_fail(struct crew_member *member, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same for the main thread. */
void crew_fail_main(struct crew *crew, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* In a member's run: writes down and returns. */
#define crew_expect(member, condition, ...)                                                                            \
	do {                                                                                                           \
		if (!(condition)) {                                                                                    \
			crew_fail(member, __VA_ARGS__);                                                                \
			return;                                                                                        \
		}                                                                                                      \
	} while (0)

/* ---- Gates: one thread stops at a point until another lets it go ------------------------------------------------- */

struct gate {
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	unsigned arrived;
	bool open;
};

void gate_init(struct gate *gate);
void gate_destroy(struct gate *gate);
/* Arrives and waits until it is open. */
void gate_pass(struct gate *gate);
/* Waits until so many have arrived, or the time is over: false. */
bool gate_await(struct gate *gate, unsigned arrived, uint64_t timeout_ns);
void gate_open(struct gate *gate);

#endif
