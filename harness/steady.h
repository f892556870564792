/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How far a figure can be trusted: what else the machine did while it was measured, and whether repetitions agree. The bounds are
 * in one table (steady.c); bench, the report and analyze all ask it.
 */
#ifndef HARNESS_STEADY_H
#define HARNESS_STEADY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "harness/metrics.h"
#include "harness/table.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- While a window is open --------------------------------------------------------------------------------------- */

/* What the machine had done so far. */
struct steady_reading {
	bool knows_ticks, knows_throttles;
	uint64_t ticks, steal_ticks, busy_ticks; /* of all processors, of /proc/stat */
	uint64_t throttles;                      /* of all processors, since boot */
	uint64_t own_ns, at_ns;                  /* processor time of this process; the clock */
};

/* A few file reads: at the edges of a window, not inside. */
void steady_read(struct steady_reading *reading);

/* For how long the calling thread was ready to run while others had its processor, since it began. One small file is read. */
#define STEADY_UNKNOWN UINT64_MAX
uint64_t steady_cpu_wait_ns(void);

/* Fills METRIC_STEAL_SHARE, METRIC_OTHER_LOAD and METRIC_THROTTLES: what happened between two readings. */
void steady_report(const struct steady_reading *opened, const struct steady_reading *closed, struct metrics *metrics);

/* ---- Verdicts ------------------------------------------------------------------------------------------------------ */

#define STEADY_BYTES 240

/* The verdict on one run, which cannot tell of repetitions: true and "yes"; or false and "no: steal 3.1 %, throttled 2 times". */
bool steady_metrics(const struct metrics *metrics, char text[STEADY_BYTES]);

/*
 * The verdict on a row of a summary: true and "yes"; or false and "no: varies by 12 %, steal 3.1 %"; with too few repetitions to
 * tell whether they agree, true and "unknown: ...", unless something else disturbed it. What disturbed fewer than half of the
 * repetitions does not move a median: the verdict is on medians, too.
 */
bool steady_row(const struct table *summary, size_t row, char text[STEADY_BYTES]);
/* The same without repetitions: what disturbed the run. False: the reasons. */
bool steady_undisturbed(const struct table *summary, size_t row, char reasons[STEADY_BYTES]);
/* Could the repetitions of this row be compared? */
bool steady_known(const struct table *summary, size_t row);

/* Repetitions of points as they come, for the line at the end of a bench. */
struct steady_tally;
struct steady_tally *steady_tally_new(void);
void steady_tally_free(struct steady_tally *tally);
void steady_add(struct steady_tally *tally, const char *point, const struct metrics *metrics);
/* A row of a summary, which has all repetitions. */
void steady_add_row(struct steady_tally *tally, const char *point, const struct table *summary, size_t row);
/* "7 of 24 points are not steady: 5 vary by ... (worst: rcu, threads 4: 18 %); 3 with ..."; nothing when all are. How many. */
size_t steady_say(FILE *stream, const struct steady_tally *tally);
/* One line that says how many points are not steady, and why; nothing when all are. */
void steady_print(FILE *stream, const struct steady_tally *tally, const char *command);

/* ---- A machine at rest ---------------------------------------------------------------------------------------------- */

/*
 * A thread on each processor that we may use looks at the clock, over and over, for so many seconds: which part of the time it
 * did not run (gaps of 5 us and more), and the longest gap. False: no thread could be started.
 */
bool steady_jitter(double seconds, double *lost_share, double *longest_ns);

#ifdef __cplusplus
}
#endif

#endif
