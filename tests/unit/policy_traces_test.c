/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The eviction policies alone, object sizes only, reproduce known miss counts to the digit, objects and bytes.
 *
 * The counts are for the CloudPhysics trace of libCacheSim at eight capacities. They were computed twice, by
 * independent programs: libCacheSim, whose tests publish them, and a reference of our own. Where the trace is not at
 * hand the test is skipped, and says so; simulate_test.c checks the policies against a naive reference in any case.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "harness/simulate.h"
#include "tests/unit/trace_files.h"

#define CAPACITIES 8
#define POLICIES   4
#define STEP_BYTES ((uint64_t)128 << 20)

static const struct {
	enum capacitor_policy policy;
	uint64_t misses[CAPACITIES];
	uint64_t missed_bytes[CAPACITIES];
} known[POLICIES] = {
	{CAPACITOR_LRU,
	 {93374, 89783, 83572, 81722, 72494, 72104, 71972, 71704},
	 {4214303232, 4061242368, 3778040320, 3660569600, 3100927488, 3078128640, 3075403776, 3061662720}},
	{CAPACITOR_FIFO,
	 {93403, 89386, 84387, 84025, 72498, 72228, 72182, 72140},
	 {4213112832, 4052646400, 3829170176, 3807412736, 3093146112, 3079525888, 3079210496, 3077547520}},
	{CAPACITOR_CLOCK,
	 {93313, 89775, 83411, 81328, 74815, 72283, 71927, 64456},
	 {4213887488, 4064512000, 3762650624, 3644467200, 3256760832, 3091688448, 3074241024, 2697378816}},
	{CAPACITOR_SIEVE,
	 {91699, 86720, 78578, 76707, 69945, 66221, 64445, 64376},
	 {4158632960, 3917211648, 3536227840, 3455379968, 3035580416, 2801699328, 2699456000, 2696345600}},
};

static void test_known_miss_counts(void **state)
{
	const char *path = trace_file("cloudphysics.oracleGeneral.xz");
	struct simulation points[POLICIES * CAPACITIES];
	struct trace trace;
	char error[TRACE_ERROR_BYTES];

	(void)state;
	if (!path)
		skip();
	if (!trace_load(path, NULL, 0, &trace, error))
		fail_msg("%s", error);
	for (size_t i = 0; i < POLICIES * CAPACITIES; i++)
		points[i] = (struct simulation){.policy = known[i / CAPACITIES].policy,
		                                .capacity_bytes = (i % CAPACITIES + 1) * STEP_BYTES};
	assert_true(simulate(&trace, points, POLICIES * CAPACITIES));
	for (size_t i = 0; i < POLICIES * CAPACITIES; i++) {
		uint64_t misses = known[i / CAPACITIES].misses[i % CAPACITIES];
		uint64_t missed_bytes = known[i / CAPACITIES].missed_bytes[i % CAPACITIES];

		if (points[i].misses != misses || points[i].missed_bytes != missed_bytes)
			fail_msg("%s at %zu MiB: %zu misses, %zu bytes; known are %zu misses, %zu bytes",
			         capacitor_policy_string(points[i].policy), (size_t)points[i].capacity_bytes >> 20,
			         (size_t)points[i].misses, (size_t)points[i].missed_bytes, (size_t)misses,
			         (size_t)missed_bytes);
	}
	trace_free(&trace);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_miss_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
