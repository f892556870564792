/* SPDX-License-Identifier: BSD-2-Clause */
/* Small random delays; see perturb.h. */
#include "perturb.h"

#include <sched.h>

#include "check.h"
#include "points.h"

/* At one point of so many something happens: a spin of up to this many looks at a volatile, or, of eight, one yield. */
#define SOME_ONE_OF 16
#define MUCH_ONE_OF 3
#define SPINS_MAX   600

static __thread struct {
	uint64_t random;
	unsigned one_of;
} state;

static void visit(void *context, enum point point)
{
	volatile unsigned spins;

	(void)context;
	(void)point;
	if (check_below(&state.random, state.one_of) > 0)
		return;
	if (check_below(&state.random, 8) == 0) {
		sched_yield();
		return;
	}
	for (spins = (unsigned)check_below(&state.random, SPINS_MAX); spins > 0; spins--)
		;
}

void perturb_begin(uint64_t seed, enum perturb how)
{
	state.random = seed;
	state.one_of = how == PERTURB_MUCH ? MUCH_ONE_OF : SOME_ONE_OF;
	if (how != PERTURB_NONE)
		points_visit(visit, NULL);
}

void perturb_end(void)
{
	points_visit(NULL, NULL);
}
