/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How the claims of an experiment came out.
 *
 * A claim is an object of experiment.json:
 *   text             what is claimed, in a sentence
 *   metric           a column of the summary
 *   of               parameters that choose points: {"impl": "rcu", "threads": "fit"}
 *   except           optional: points with these parameters do not count
 *   above or below   a number; or parameters: then each point is compared to the one that has these instead, and
 *                    is the same otherwise
 *   factor           optional, 1 by default: what it is compared to counts so many times
 * `"threads": "fit"` are the most threads that had a processor each.
 *
 * A claim holds at a point when the whole interval is on the claimed side of the other's whole interval; it does not
 * hold when it is on the other side; where the intervals overlap it is undecided.
 */
#ifndef HARNESS_VERDICT_H
#define HARNESS_VERDICT_H

#include <jansson.h>
#include <stddef.h>

#include "harness/table.h"

struct verdict {
	size_t holds, fails, undecided; /* points; all 0: none was measured that the claim is about */
};

/* Judges a claim on a summary table. */
struct verdict verdict_of(const json_t *claim, const struct table *summary);

/* "holds at all 4 points", "holds at 3 of 4 points, fails at 1 of 4 points", "not measured", ... */
void verdict_text(const struct verdict *verdict, char *text, size_t text_bytes);

#endif
