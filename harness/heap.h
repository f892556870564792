/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A heap profile of the measured window: which stacks allocate, how often, how many bytes, and what of it is still held at its
 * end. By the program's own malloc (allocations.h), so that nothing is preloaded and no allocation is missed, of whatever thread.
 *
 *   CAPACITOR_HEAP_PROFILE   FILE: a profile is written there, in the text format of gperftools' heap profiler, which google-pprof
 *                            reads; and FILE.tsv, with names: site, stack, count, bytes, live_count, live_bytes. Of several
 *                            windows it is the sum; what is live is told of the last one's end.
 *   CAPACITOR_HEAP_EVERY     one allocation in so many is looked at, and counts so many times; default: 1
 *   CAPACITOR_PROFILE_IMPL   only windows of this implementation
 *
 * Tables are made before the window opens. When they are full, what comes next is counted as a site "(no room)": nothing is
 * lost in silence.
 */
#ifndef HARNESS_HEAP_H
#define HARNESS_HEAP_H

#include <stdbool.h>

/* A window opens, or closes. Does nothing unless the environment asks for it. Called by the thread that coordinates. */
void heap_window(const char *implementation, bool closes);

#endif
