/* SPDX-License-Identifier: BSD-2-Clause */
/* Virtual time: cycles of a core's clock, and the time of day that programs are told. All clocks of the system show it. */
#ifndef COHERENCE_TIME_H
#define COHERENCE_TIME_H

#include <time.h>

#include "coherence/threads.h"

#define TIME_BEGIN_NS UINT64_C(1700000000000000000) /* some day in 2023 */

static inline uint64_t time_cycles(uint64_t ns)
{
	return (uint64_t)((unsigned __int128)ns * settings.latency.per_1000_ns / 1000);
}

static inline uint64_t time_ns(uint64_t cycles)
{
	return (uint64_t)((unsigned __int128)cycles * 1000 / settings.latency.per_1000_ns);
}

static inline uint64_t time_of(const struct timespec *time)
{
	return (uint64_t)time->tv_sec * UINT64_C(1000000000) + (uint64_t)time->tv_nsec;
}

/* The clock at an absolute time, never 0, which would be no deadline. */
static inline uint64_t time_deadline(const struct timespec *absolute)
{
	uint64_t ns = time_of(absolute);

	return ns <= TIME_BEGIN_NS ? 1 : time_cycles(ns - TIME_BEGIN_NS) + 1;
}

static inline uint64_t time_after(uint64_t ns)
{
	return self->clock + time_cycles(ns) + 1;
}

#endif
