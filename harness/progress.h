/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One line on stderr that tells how far a long run is:
 *
 *    42 %  threads: rwlock, 4 threads                                   1:23 elapsed, 1:55 left
 *
 * It is drawn over at each step, and only when stderr is a terminal; else these functions print nothing, so that logs
 * stay readable. One run at a time, from one thread.
 */
#ifndef HARNESS_PROGRESS_H
#define HARNESS_PROGRESS_H

#include <stddef.h>

/* Begins a run of so many steps, expected to take expected_s seconds. The expectation counts until the first step is
 * done; from then on the time left follows from the time that the steps took. */
void progress_begin(size_t steps, double expected_s);

/* A step begins, and the one before it is done. */
void progress_step(const char *text);

/* Prints a line on stderr, terminal or not, above the line of progress where there is one. */
void progress_message(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The run is over, or given up: wipes the line. Harmless when no run has begun. */
void progress_end(void);

#endif
