/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The samplers, as they look from inside the program that is profiled: on from the moment at which a window opens to that at which
 * it closes, so that no filling, warming up or ending is in a profile.
 *
 * `capacitor profile` starts a program and tells it by its environment:
 *
 *   CAPACITOR_PROFILE        cpu: gperftools' libprofiler, which must have been preloaded
 *                            perf: says on and off to `perf record --control`, by the pipes CAPACITOR_PROFILE_CONTROL and _ACK
 *                            offcpu: profile_offcpu.h
 *   CAPACITOR_PROFILE_FILE   what each window leaves is FILE.<window, from 0>...
 *   CAPACITOR_PROFILE_IMPL   only windows of this implementation (bench measures null beside every point)
 */
#ifndef HARNESS_PROFILE_WINDOW_H
#define HARNESS_PROFILE_WINDOW_H

#include <stdbool.h>

/* A window opens, or closes. Does nothing unless the environment asks for it. Called by the thread that coordinates. */
void profile_window(const char *implementation, bool closes);

#endif
