/* SPDX-License-Identifier: BSD-2-Clause */
/* Faults: what memory, readers, clocks and arguments can do to a cache. */
#include "faults.h"

#define STORAGE CAPACITOR_LACKS_STORAGE
#define SHARED  (CAPACITOR_LACKS_STORAGE | CAPACITOR_LACKS_CONCURRENCY)

const struct check fault_checks[] = {
	{.name = "faults/allocations",
	 .what = "G7: the k-th allocation fails, for every k, once and from then on",
	 .run = run_allocations,
	 .without = STORAGE,
	 .test_ms = 200,
	 .long_s = 12},
	{.name = "faults/allocations-of-all",
	 .what = "G7: allocations of all threads fail while they work",
	 .run = run_allocations_by_all,
	 .without = STORAGE,
	 .test_ms = 200,
	 .long_s = 12},
	{.name = NULL},
};
