/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The checks that need time: linearizability, aimed stress and faults, on the very objects that are benchmarked.
 *
 * A check is a function that works on one configuration (implementation, policy, counter layout) for as long as it is
 * given, counts what it did, and says what it found wrong. Each run is a child process of its own: one that crashes,
 * hangs, or is ended by a sanitizer is a failure with a name, a seed and the command that runs it again; the others go
 * on. A file of checks exports an array of struct check, which main.c knows; main.c has the tiers.
 */
#ifndef CHECK_H
#define CHECK_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "capacitor/cache.h"
#include "common/atomics.h"

/* What a run counts. */
enum check_figure {
	CHECK_OPERATIONS, /* calls of the cache */
	CHECK_CHECKED,    /* of these, calls whose result was checked against the others' */
	CHECK_HISTORIES,  /* short histories searched for a linearization */
	CHECK_SCHEDULES,  /* of these, under a schedule of ours, which the seed repeats */
	CHECK_THREADS,    /* threads started */
	CHECK_FAULTS,     /* allocations failed, threads parked, signals sent, clocks set */
	CHECK_FIGURES,
};

struct check_run; /* one run of one check on one configuration */

struct check {
	const char *name; /* "linearizability/streams": NULL ends an array */
	const char *what; /* one line */
	void (*run)(struct check_run *run);
	uint32_t without;     /* CAPACITOR_LACKS_*: only implementations that lack none of these */
	unsigned test_ms;     /* how long one run should take in the tier `test`; 0: not part of it */
	unsigned long_s;      /* and all runs of one implementation together in the tier `long` */
	bool fixed;           /* one configuration of an implementation is enough */
	bool once;            /* it is about no cache: one run in all */
};

/* Constant while a check runs. */
struct check_run {
	const struct check *check;
	const struct capacitor_info *info;
	enum capacitor_policy policy;
	enum capacitor_counters counters;
	uint64_t seed;
	unsigned cores;
	uint64_t from_ns, until_ns;   /* CLOCK_MONOTONIC */
	struct check_record *record;  /* main.c's */
};

/* The defaults, with implementation, policy and layout of this run, and with a seed for the hash. */
void check_config(const struct check_run *run, struct capacitor_config *config);
/* Makes a cache, or ends the run as failed. */
struct capacitor *check_create(struct check_run *run, const struct capacitor_config *config);
/* Enters, or ends the run as failed. */
struct capacitor_handle *check_enter(struct check_run *run, struct capacitor *cache);
uint64_t check_stat(struct capacitor *cache, enum capacitor_stat stat);

/* Is there time left, and nothing wrong yet? Any thread. */
bool check_goes_on(const struct check_run *run);
bool check_failed(const struct check_run *run);

/* Adds to a figure. Any thread; not in hot loops. */
void check_count(struct check_run *run, enum check_figure figure, uint64_t n);

/* The first thing that went wrong; the rest is dropped. Any thread. Lines after the first are shown as they are. */
void check_fail(struct check_run *run, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A line for the reader of the results: something measured. Any thread. */
void check_note(struct check_run *run, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A condition that must hold; else the run has failed, and the calling function returns. */
#define check_expect(run, condition, ...)                                                                              \
	do {                                                                                                           \
		if (!(condition)) {                                                                                    \
			check_fail(run, __VA_ARGS__);                                                                  \
			return;                                                                                        \
		}                                                                                                      \
	} while (0)

/* ---- Threads ----------------------------------------------------------------------------------------------------- */

#define CHECK_THREADS_MAX 256

struct check_thread {
	struct check_run *run;
	struct capacitor *cache;
	struct capacitor_handle *handle; /* entered before the body runs, left after it; NULL without a cache */
	void *context;
	unsigned index;
	uint64_t random; /* its own stream, from the seed of the run */
	void (*body)(struct check_thread *self);
	pthread_t thread;
	struct check_gate *gate;
};

/* Runs so many threads, which begin together, to their end. cache may be NULL: then they enter nothing. */
void check_threads(struct check_run *run, struct capacitor *cache, unsigned count,
                   void (*body)(struct check_thread *self), void *context);

/* ---- Small things ------------------------------------------------------------------------------------------------ */

uint64_t check_now_ns(void); /* CLOCK_MONOTONIC */
void check_sleep_ns(uint64_t ns);

/* SplitMix64 (Steele, Lea and Flood 2014). */
uint64_t check_mix(uint64_t x);
uint64_t check_random(uint64_t *state);
static inline uint64_t check_below(uint64_t *state, uint64_t bound)
{
	return check_random(state) % bound;
}

/* Zeroed memory on lines of its own, for free(). NULL: no memory. */
void *check_lines(size_t bytes);

/* Built with a sanitizer: everything takes about ten times as long. */
bool check_sanitized(void);
/* Runs under valgrind, or another tool that runs one thread at a time. */
bool check_serialised(void);

/* ---- The files of checks ----------------------------------------------------------------------------------------- */

extern const struct check linearizability_checks[];
extern const struct check stress_checks[];
extern const struct check fault_checks[];
extern const struct check flood_checks[];

#endif
