/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Times of single operations: a clock, and histograms that keep percentiles.
 *
 * The clock is the processor's time stamp counter where it runs at a constant rate whatever the core does (invariant
 * TSC), calibrated against CLOCK_MONOTONIC; else it is clock_gettime. Histograms hold ticks of it, and are read in
 * nanoseconds.
 *
 * A histogram is log-linear, as HdrHistogram's: each power of two is cut into 64 equal buckets, so that a bucket is at
 * most 1/64 of its values wide (1.6 %); a percentile is reported as the middle of its bucket, and is right to 0.8 %.
 * The largest value is kept exactly.
 */
#ifndef HARNESS_LATENCY_H
#define HARNESS_LATENCY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>
#if defined(__x86_64__)
#include <x86intrin.h>
#endif

/* ---- The clock --------------------------------------------------------------------------------------------------- */

struct latency_clock {
	bool counter;       /* the time stamp counter, or clock_gettime */
	double ns_per_tick;
	double sample_cost_ns; /* what a sample of nothing reads: the median of many */
	const char *name;   /* "time stamp counter" or "clock_gettime" */
};

/* The clock of this machine; calibrated at the first call, which takes about 50 ms. */
const struct latency_clock *latency_clock(void);

static inline uint64_t latency_monotonic_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* The time before an operation: what came earlier in the program has been done before it is read. */
static inline uint64_t latency_begin(const struct latency_clock *clock)
{
#if defined(__x86_64__)
	if (clock->counter) {
		uint64_t ticks;

		_mm_lfence();
		ticks = __rdtsc();
		_mm_lfence();
		return ticks;
	}
#endif
	(void)clock;
	return latency_monotonic_ns();
}

/* The time after an operation: read when it has been done, and before what follows. */
static inline uint64_t latency_end(const struct latency_clock *clock)
{
#if defined(__x86_64__)
	if (clock->counter) {
		unsigned processor;
		uint64_t ticks = __rdtscp(&processor);

		_mm_lfence();
		return ticks;
	}
#endif
	(void)clock;
	return latency_monotonic_ns();
}

/* ---- Histograms -------------------------------------------------------------------------------------------------- */

#define LATENCY_SUB_BITS 6
#define LATENCY_SUB      (1u << LATENCY_SUB_BITS) /* buckets in a power of two */
#define LATENCY_BITS     48                       /* values from 2^48 ticks (a day) on are all in the last bucket */
#define LATENCY_BUCKETS  ((LATENCY_BITS - LATENCY_SUB_BITS + 1) * LATENCY_SUB)

struct latency_histogram {
	uint64_t samples;
	uint64_t max;
	uint32_t bucket[LATENCY_BUCKETS];
};

/* The bucket of a value: below 64 its own, from then on by the power of two and the six bits below it. */
static inline unsigned latency_bucket(uint64_t value)
{
	unsigned power;

	if (value < LATENCY_SUB)
		return (unsigned)value;
	if (value >> LATENCY_BITS)
		return LATENCY_BUCKETS - 1;
	power = 63 - (unsigned)__builtin_clzll(value);
	return (power - LATENCY_SUB_BITS + 1) * LATENCY_SUB + (unsigned)(value >> (power - LATENCY_SUB_BITS)) -
	       LATENCY_SUB;
}

static inline void latency_record(struct latency_histogram *histogram, uint64_t value)
{
	histogram->bucket[latency_bucket(value)]++;
	histogram->samples++;
	if (value > histogram->max)
		histogram->max = value;
}

void latency_merge(struct latency_histogram *into, const struct latency_histogram *from);

/* The value that a share (0 to 1) of the samples do not exceed, in ticks. There must be samples. */
double latency_percentile(const struct latency_histogram *histogram, double share);

#endif
