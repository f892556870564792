/* SPDX-License-Identifier: BSD-2-Clause */
/* What the checks of linearizability share: the caches that they work on. */
#ifndef LINEARIZABILITY_H
#define LINEARIZABILITY_H

#include "check.h"
#include "history.h"

/* A cache for a model: in the strict one nothing is evicted and nothing expires; in the other, room for about `entries`
 * values, and a clock that calls move on. */
struct subject {
	struct capacitor *cache;
	_Atomic uint64_t clock;
};
void subject_open(struct subject *subject, struct check_run *run, enum history_model model, unsigned entries, uint64_t seed);
void subject_close(struct subject *subject);

/* A violation: fails the run with the history, which it makes as short as it can. */
void violation(struct check_run *run, const char *where, struct history *history);

void run_histories(struct check_run *run);
void run_schedules(struct check_run *run);
void run_streams(struct check_run *run);

#endif
