/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Are the checkers right about every short history? Compares their verdicts with the definition's (brute.h).
 *
 * What is enumerated, for a number of operations on one key:
 *   - every interval order, up to isomorphism (1, 2, 5, 15, 53, 217 for 1 to 6 operations): the order in which calls
 *     returned before others were invoked, which is all that linearizability sees of times and threads. Each history gets
 *     one of the sequences of events that have its order, in turn, with and without equal times;
 *   - for each operation, every call with every result that tells something about the state, and one that does not: 15; or
 *     one call for each effect on the state: 7. To the checkers, calls of one effect are the same (history_effect());
 *   - for each read, every value: of each writer in the history, the initial one, and one that was never written. Written
 *     values are unique, so which numbers they are does not matter;
 *   - initially a value, or absent; the strict model, and the evicting one.
 * Of labellings that an automorphism of the order carries into each other, one is taken.
 */
#ifndef CHECKERS_EXHAUSTIVE_H
#define CHECKERS_EXHAUSTIVE_H

#include "history.h"
#include "sweep.h"
#include "wing_gong.h"

#define EXHAUSTIVE_OPERATIONS_MAX 6

/* What a thread works with. */
struct exhaustive_tools {
	struct wing_gong *wing_gong;
	struct sweep *sweep;
};

typedef bool exhaustive_check(const struct exhaustive_tools *tools, const struct history_operation *operations, size_t count,
                              enum history_model model, uint64_t initial);

/* The checkers; for at most WING_GONG_OPERATIONS_MAX operations. */
exhaustive_check exhaustive_wing_gong;
exhaustive_check exhaustive_sweep;
exhaustive_check exhaustive_sweep_windows; /* a window of its own for what lies between two cuts */

struct exhaustive {
	unsigned operations;
	bool all_calls; /* 15 kinds of operations, or 7 */
	unsigned threads;
	exhaustive_check *const *checks; /* NULL ends them */
	/* The findings. */
	uint64_t histories;    /* with both models and both initial states */
	uint64_t linearizable; /* of these */
	unsigned disagreed;    /* which of the checks */
	struct history_operation disagreement[EXHAUSTIVE_OPERATIONS_MAX];
	enum history_model model;
	uint64_t initial;
};

/* Do all checks agree with the definition on all histories? When one does not, it stops, and the first found is there. */
bool exhaustive_run(struct exhaustive *exhaustive);

/* All histories of exactly so many operations, and all checkers, one call for each effect. A disagreement is printed to
 * stderr. */
bool checkers_exhaustive(unsigned operations, unsigned threads, uint64_t *histories);

#endif
