/* SPDX-License-Identifier: BSD-2-Clause */
/* What is run under explored schedules: scenarios on a cache, and planted bugs. Each runs in a process of its own. */
#ifndef TESTS_SCHEDULES_SCENARIOS_H
#define TESTS_SCHEDULES_SCENARIOS_H

#include <stdbool.h>
#include <stdint.h>

struct scenario {
	const char *name;
	const char *aim;
	/* True: all is as it should be. Else a line on stderr says what is not. After coherence_start; the seed is that of the
	 * schedule, and draws the calls, too. `implementation` is NULL for planted bugs. */
	bool (*run)(const char *implementation, uint64_t seed);
};

extern const struct scenario cache_scenarios[]; /* ended by one without a name */
extern const struct scenario planted_bugs[];

#endif
