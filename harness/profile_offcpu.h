/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where threads are when they are not running: a sampler by the wall clock.
 *
 * A thread of its own looks, 200 times a second on average and at irregular moments, at every other thread of the process but the
 * coordinator's, those of the library and of what it stands on included. Whoever is asleep (/proc/self/task/<thread>/stat says
 * so) gets a signal and writes down its stack. Who runs is left alone.
 *
 * How long each thread ran, was ready but had no processor, and slept is not estimated from that but read from the kernel
 * (schedstat), so that samples say where, and the kernel says how much. Preemption is the second of these: it has no stack,
 * because it happens anywhere.
 *
 * Costs and limits: a signal wakes a thread for some microseconds. Between the look and the signal a thread may have woken
 * up by itself: a stack that is not that of a system call is dropped, and counted as missed; so the shortest sleeps are a little
 * under-represented. Threads that are made while it samples are not seen; threads that block all signals have a count and no stack.
 */
#ifndef HARNESS_PROFILE_OFFCPU_H
#define HARNESS_PROFILE_OFFCPU_H

#include <stdbool.h>
#include <stdint.h>

#define OFFCPU_PERIOD_US 5000

/* NULL, or why not. One sampling at a time. */
const char *offcpu_start(void);

/* Ends it and writes what was found: FILE.stacks, as in profile_samples.h, and FILE.threads, a table with a line for each
 * thread. NULL, or why not. */
const char *offcpu_stop(const char *file);

#endif
