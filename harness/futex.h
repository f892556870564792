/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Futex calls of a thread, counted by the kernel at its tracepoint. That needs no performance counters, but a tracefs that can be
 * read and perf events that are permitted. While it is open, every system call of the thread takes longer: it is opt-in.
 */
#ifndef HARNESS_FUTEX_H
#define HARNESS_FUTEX_H

#include <stdint.h>

/* Starts to count the calling thread's. Less than 0: it cannot be had. */
int futex_open(void);
/* How many so far. */
uint64_t futex_calls(int counter);
void futex_close(int counter);

/* NULL, or why it cannot be had here: a constant. */
const char *futex_unavailable(void);

#endif
