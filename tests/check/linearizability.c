/* SPDX-License-Identifier: BSD-2-Clause */
/* Linearizability (G1), each key for itself; see history.h for the models. What its checks share, and their list. */
#include "linearizability.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "calls.h"
#include "checkers_exhaustive.h"
#include "shrink.h"

/* What the largest entry of calls.h is charged. */
static size_t largest_entry(void)
{
	return capacitor_entry_bytes(12, CALLS_VALUE_BYTES_MAX);
}

void subject_open(struct subject *subject, struct check_run *run, enum history_model model, unsigned entries, uint64_t seed)
{
	struct capacitor_config config;

	check_config(run, &config);
	config.shards = 1u << seed % 3;
	config.expected_entries = 64;
	memcpy(config.hash_seed, &seed, sizeof seed);
	if (model == HISTORY_EVICTING) {
		config.clock_ns = calls_clock;
		config.clock_context = &subject->clock;
		config.busy_timeout_ns = 1000000;
		store_relaxed(&subject->clock, 1); /* relaxed: nobody is inside yet */
		/* The tables have to be known before the room that they leave can be. */
		subject->cache = check_create(run, &config);
		config.capacity_bytes = check_stat(subject->cache, CAPACITOR_STAT_TABLE_BYTES) + entries * largest_entry();
		capacitor_destroy(subject->cache);
	}
	subject->cache = check_create(run, &config);
}

void subject_close(struct subject *subject)
{
	capacitor_destroy(subject->cache);
}

void violation(struct check_run *run, const char *where, struct history *history)
{
	char *text = NULL;
	size_t bytes = 0, whole = history->count;
	bool shrunk = shrink(history);
	FILE *file = open_memstream(&text, &bytes);

	if (file) {
		history_print(file, history);
		fclose(file);
	}
	check_fail(run, "not linearizable (%s model): %s\n%zu of its %zu calls%s\n%s",
	           history->model == HISTORY_STRICT ? "strict" : "evicting", where, history->count, whole,
	           shrunk ? ", which are not linearizable by themselves:" : ":", text ? text : "no memory to print it");
	free(text);
}

/* Histories of one operation, of two, ...: all of them, against the definition. */
static void run_checkers(struct check_run *run)
{
	unsigned operations = run->until_ns - run->from_ns > (uint64_t)60 * 1000000000u ? EXHAUSTIVE_OPERATIONS_MAX : 3;
	uint64_t histories;

	check_expect(run, checkers_exhaustive(operations, run->cores, &histories), "a checker is wrong about a history of %u calls",
	             operations);
	check_count(run, CHECK_HISTORIES, histories);
	check_note(run, "all histories of %u calls: both checkers agree with trying all orders", operations);
}

const struct check linearizability_checks[] = {
	{.name = "linearizability/histories",
	 .what = "G1: short histories of all calls, searched for a linearization; threads run freely, with random delays",
	 .run = run_histories,
	 .without = CAPACITOR_LACKS_STORAGE | CAPACITOR_LACKS_CONCURRENCY,
	 .test_ms = 400,
	 .long_s = 100},
	{.name = "linearizability/schedules",
	 .what = "G1: the same, one thread at a time under a schedule that the seed repeats",
	 .run = run_schedules,
	 .without = CAPACITOR_LACKS_STORAGE | CAPACITOR_LACKS_CONCURRENCY,
	 .test_ms = 400,
	 .long_s = 60},
	{.name = "linearizability/streams",
	 .what = "G1: long streams of calls on few keys, by all cores; every call is checked",
	 .run = run_streams,
	 .without = CAPACITOR_LACKS_STORAGE | CAPACITOR_LACKS_CONCURRENCY,
	 .test_ms = 400,
	 .long_s = 240},
	{.name = "linearizability/checkers",
	 .what = "the checkers against the definition, on all histories of six calls (in the tier test: of three)",
	 .run = run_checkers,
	 .test_ms = 200,
	 .long_s = 180,
	 .once = true},
	{.name = NULL},
};
