/* SPDX-License-Identifier: BSD-2-Clause */
/* The clock of samples, and their histograms; see latency.h. */
#include "harness/latency.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

/* Two readings of both clocks this far apart: an error of 100 ns in each is 4 parts in a million. */
#define CALIBRATION_NS 50000000

#define COST_SAMPLES 2001

/* ---- The clock --------------------------------------------------------------------------------------------------- */

#if defined(__x86_64__)

/* Bit 8 of EDX of leaf 0x80000007: the counter runs at one rate in all states of the processor; and there is rdtscp. */
static bool counter_is_sound(void)
{
	unsigned a, b, c, d;
	bool has_rdtscp = __get_cpuid(0x80000001, &a, &b, &c, &d) && (d & 1u << 27);

	return has_rdtscp && __get_cpuid(0x80000007, &a, &b, &c, &d) && (d & 1u << 8);
}

/* A reading of both clocks, the closest of several: an interruption between the two would spoil it. */
static void read_both(const struct latency_clock *clock, uint64_t *ticks, uint64_t *ns)
{
	uint64_t best = UINT64_MAX;

	for (int i = 0; i < 20; i++) {
		uint64_t before = latency_begin(clock);
		uint64_t now_ns = latency_monotonic_ns();
		uint64_t after = latency_end(clock);

		if (after - before < best) {
			best = after - before;
			*ticks = before + (after - before) / 2;
			*ns = now_ns;
		}
	}
}

static double calibrate(const struct latency_clock *clock)
{
	struct timespec pause = {.tv_nsec = CALIBRATION_NS};
	uint64_t first_ticks = 0, last_ticks = 0, first_ns = 0, last_ns = 0;

	read_both(clock, &first_ticks, &first_ns);
	nanosleep(&pause, NULL);
	read_both(clock, &last_ticks, &last_ns);
	return (double)(last_ns - first_ns) / (double)(last_ticks - first_ticks);
}

#endif

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static double cost_ns(const struct latency_clock *clock)
{
	uint64_t sample[COST_SAMPLES];

	for (size_t i = 0; i < COST_SAMPLES; i++) {
		uint64_t begin = latency_begin(clock);

		sample[i] = latency_end(clock) - begin;
	}
	qsort(sample, COST_SAMPLES, sizeof(sample[0]), compare);
	return (double)sample[COST_SAMPLES / 2] * clock->ns_per_tick;
}

static struct latency_clock the_clock;

static void set_up_clock(void)
{
	the_clock = (struct latency_clock){.ns_per_tick = 1, .name = "clock_gettime"};
#if defined(__x86_64__)
	if (counter_is_sound()) {
		the_clock.counter = true;
		the_clock.name = "time stamp counter";
		the_clock.ns_per_tick = calibrate(&the_clock);
	}
#endif
	the_clock.sample_cost_ns = cost_ns(&the_clock);
}

const struct latency_clock *latency_clock(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, set_up_clock);
	return &the_clock;
}

/* ---- Histograms -------------------------------------------------------------------------------------------------- */

void latency_merge(struct latency_histogram *into, const struct latency_histogram *from)
{
	for (unsigned i = 0; i < LATENCY_BUCKETS; i++)
		into->bucket[i] += from->bucket[i];
	into->samples += from->samples;
	if (from->max > into->max)
		into->max = from->max;
}

/* The middle of a bucket; below 128 a bucket is one value. */
static double bucket_middle(unsigned bucket)
{
	unsigned power = bucket / LATENCY_SUB;
	uint64_t width, first;

	if (power <= 1)
		return bucket;
	width = UINT64_C(1) << (power - 1);
	first = (LATENCY_SUB + bucket % LATENCY_SUB) * width;
	return (double)first + (double)(width - 1) / 2;
}

double latency_percentile(const struct latency_histogram *histogram, double share)
{
	uint64_t rank = (uint64_t)ceil(share * (double)histogram->samples);
	uint64_t seen = 0;

	if (rank < 1)
		rank = 1;
	for (unsigned i = 0; i < LATENCY_BUCKETS; i++) {
		double value = bucket_middle(i);

		seen += histogram->bucket[i];
		/* The last sample is known exactly, and no percentile is above it. */
		if (seen >= rank)
			return value < (double)histogram->max ? value : (double)histogram->max;
	}
	return (double)histogram->max;
}
