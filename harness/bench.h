/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The front that Google Benchmark is: names, filters, repetitions, console output, JSON. What is measured is a list of
 * entries with a function each; bench and replay both hand theirs to bench_run.
 *
 * Repetitions are the outermost loop: all entries once, then all again, so that drift of the machine hits all alike.
 */
#ifndef HARNESS_BENCH_H
#define HARNESS_BENCH_H

#include <stdbool.h>
#include <stddef.h>

#include "harness/metrics.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BENCH_ERROR_BYTES  256
#define BENCH_NAME_BYTES   512
#define BENCH_FOREIGN_MAX  64
#define BENCH_CONTEXT_MAX  16

struct bench_entry {
	char name[BENCH_NAME_BYTES]; /* "cache/suite:basic/impl:rwlock/..." */
	const char *implementation;
	void *context; /* for the session's run */
};

struct bench_fact {
	const char *key;
	char value[160];
};

struct bench_session {
	const char *command; /* "bench", for messages */
	struct bench_entry *entries;
	size_t count;
	unsigned repetitions;
	double expected_s; /* for all entries once; 0: not known */
	/* Measures an entry. False: `error` says what failed; the others go on. */
	bool (*run)(void *context, unsigned repetition, struct metrics *metrics, char error[BENCH_ERROR_BYTES]);
	const char *out; /* NULL, or the file for the JSON */
	const char *foreign[BENCH_FOREIGN_MAX]; /* Google Benchmark's own options */
	size_t foreigns;
	/* What is so for all entries: put into the JSON's context beside the environment. */
	struct bench_fact fact[BENCH_CONTEXT_MAX];
	size_t facts;
};

/* Adds a fact. */
void bench_add_fact(struct bench_session *session, const char *key, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Is this name of a file one that can be written? False: a line on stderr. Said before the run, not after it. */
bool bench_can_write(const char *command, const char *path);

/*
 * Runs all entries, all repetitions. Returns the exit status: COMMAND_OK; COMMAND_FAIL when an entry failed or the
 * results could not be written; COMMAND_USAGE for options that are wrong, or a filter that leaves nothing.
 */
int bench_run(struct bench_session *session);

#ifdef __cplusplus
}
#endif

#endif
