/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Small programs whose coherence misses can be counted on paper. A scenario is what each of N workers does in a round, and its
 * closed form: what all of them meet in the first round, and what they meet in any later one.
 *
 * Workers take turns, 0 to N - 1 in each round, as the schedule coop has it. The main thread is a core of its own; it
 * touches nothing but what `setup` says.
 */
#ifndef SCENARIOS_H
#define SCENARIOS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SCENARIO_WORKERS_MAX 128
#define SCENARIO_KINDS       2 /* of operations: 1 and 2 */

/* What is predicted of the operations of a kind, and compared exactly. */
struct tally {
	uint64_t true_sharing, late, false_sharing, cold, upgrade_true, upgrade_false;
	uint64_t transfers, invalidations, cas_failures;
	uint64_t operations, reads, writes, rmws;
	uint64_t locks, lock_waits, handovers, blocks, wakes, membarriers, allocations;
};

struct form {
	struct tally first, steady; /* all workers' first round, and each later round */
};

/* On what a form depends. */
struct setting {
	unsigned workers;
	unsigned line_bytes, shift_bytes;
};

struct scenario {
	const char *name;
	void (*setup)(unsigned workers);                   /* by the main thread; or NULL */
	void (*step)(unsigned worker, unsigned long round); /* one round of one worker, of operation 1 */
	/* What a worker runs instead of being a thread for all rounds: each round has threads of its own. Or NULL. */
	void (*life)(unsigned worker, unsigned long round);
	void (*form)(const struct setting *setting, struct form form[SCENARIO_KINDS]); /* of kinds 1 and 2 */
	/* Instead of a form: a count by other means, of all rounds after `warm`. */
	void (*count)(const struct setting *setting, unsigned long rounds, unsigned long warm, struct tally tally[SCENARIO_KINDS]);
	const void *object; /* all that it touches, where that is known; or NULL */
	size_t bytes;
	uint32_t not_with; /* settings that the form does not cover, as SETTING() */
	bool overlaps;     /* rounds: it can only be counted as a whole */
	unsigned variants; /* besides the first */
};

/* A bit for lines of 64 or 128 bytes under a shift. */
#define SETTING(line_bytes, shift_bytes) (UINT32_C(1) << ((line_bytes) / 128 * 16 + (shift_bytes) / 8))

extern const struct scenario scenarios[]; /* ended by a row without a name */

#endif
