/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two sets of measurements, point by point: what `capacitor compare` prints, and `capacitor regress` judges.
 *
 * A side is a file of bench, or the tables of a run. A point is a combination of parameters; its samples are the values of a
 * metric in its repetitions. The statistics are scipy's: plots/compare.py.
 */
#ifndef HARNESS_COMPARE_H
#define HARNESS_COMPARE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "harness/metrics.h"

#define COMPARE_ERROR_BYTES 512
#define COMPARE_NAME_BYTES  640
/* Fewer a side, and the least p that is possible is above 0.002. */
#define COMPARE_SAMPLES_MIN 6

/* ---- Samples (compare_samples.c) ----------------------------------------------------------------------------------- */

/* `experiment`, and those of tidy.h; ended by NULL. */
#define COMPARE_PARAMETERS 15
extern const char *const compare_parameters[];

struct compare_samples {
	double *value;
	size_t count;
	char *unavailable; /* why there is none, or why one is missing; NULL: all are there */
};

struct compare_point {
	char *cell[COMPARE_PARAMETERS]; /* "-": it has no such parameter */
	char name[COMPARE_NAME_BYTES];  /* "impl=rcu/threads=2": all that it has */
	struct compare_samples samples[METRICS];
	double *metrics; /* as they were measured: METRICS for each repetition, NAN where there is none */
	size_t repetitions;
};

struct compare_side {
	char path[512];
	json_t *environment; /* an object of texts; NULL: none is known */
	struct compare_point *point;
	size_t points, capacity;
	size_t failed; /* runs that have no row */
};

/* Reads a file of bench or replay (JSON), one of tidy (.tsv), or the folder of a run. */
bool compare_load(struct compare_side *side, const char *path, char error[COMPARE_ERROR_BYTES]);
/* The same of a document that is at hand. */
bool compare_load_document(struct compare_side *side, const char *path, const json_t *document,
                           char error[COMPARE_ERROR_BYTES]);
void compare_free(struct compare_side *side);

/* Its name is made of its cells again. */
void compare_name(struct compare_point *point);

/* ---- Pairs and what came of them (compare_pairs.c) ------------------------------------------------------------------- */

struct compare_pair {
	const struct compare_point *base, *new;
	char name[COMPARE_NAME_BYTES]; /* as the points' names, without what is compared and what is the same everywhere */
	char group[128];               /* what the geometric mean is of: an implementation, or a pair of them */
};

struct compare_lone {
	const struct compare_point *point;
	bool in_base;
	char name[COMPARE_NAME_BYTES];
};

enum compare_kind { COMPARE_POINT, COMPARE_MEAN, COMPARE_FAMILY };

/* What plots/compare.py says of a pair or a group; NAN where it has no figure. */
struct compare_result {
	enum compare_kind kind;
	const struct compare_pair *pair; /* of a point */
	char group[128];                 /* of a mean */
	enum metric metric;
	size_t points, n_base, n_new;
	double median_base, median_new, change, low, high, coverage, difference, difference_low, difference_high;
	double p, p_holm, effect;
	char verdict[16];
	const char *unavailable; /* of a point whose metric one side lacks: why. Nothing else is filled in then */
};

struct compare_request {
	enum metric metric[METRICS];
	size_t metrics;
	double alpha;
	const char *filter; /* a regular expression on names; NULL: all points */
	const char *by;     /* a parameter; NULL: two sides */
	const char *base;   /* its value to compare with; NULL: the first */
};

struct comparison {
	struct compare_request request;
	const struct compare_side *base, *new; /* the same one with `by` */
	struct compare_pair *pair;
	size_t pairs;
	struct compare_lone *lone;
	size_t lones;
	struct compare_result *result;
	size_t results;
	bool varies[COMPARE_PARAMETERS]; /* not the same in all pairs */
};

/* Pairs the points and has them judged. False: a line in error. */
bool compare_run(struct comparison *comparison, const struct compare_request *request, const struct compare_side *base,
                 const struct compare_side *new, char error[COMPARE_ERROR_BYTES]);
void compare_done(struct comparison *comparison);

/* Sends a table to plots/compare.py; what it answers is a text from malloc. */
char *compare_statistics(const char *table, size_t bytes, double alpha, char error[COMPARE_ERROR_BYTES]);

/* ---- Printing (compare_print.c) -------------------------------------------------------------------------------------- */

enum compare_format { COMPARE_TEXT, COMPARE_TSV, COMPARE_MARKDOWN, COMPARE_BENCHFMT };
extern const char *const compare_formats[]; /* ended by NULL */

void compare_print(FILE *out, const struct comparison *comparison, enum compare_format format, bool colour);

/* What one should know before believing it, each a line: differing environments, too few samples, points of one side. */
void compare_warnings(FILE *out, const struct comparison *comparison, const char *prefix);

/* Go's benchmark text format, golang.org/design/14313-benchmark-format: a side's samples; `name`: its configuration line
 * `side:`, or NULL. */
void compare_benchfmt(FILE *out, const struct compare_side *side, const struct compare_request *request, const char *name);

/* Are colours wanted on this stream? On terminals, unless NO_COLOR says otherwise. */
bool compare_colour(FILE *stream);

#endif
