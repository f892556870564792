/* SPDX-License-Identifier: BSD-2-Clause */
/* What rules find: where it is worst, what it costs, the evidence in words. */
#ifndef HARNESS_FINDINGS_H
#define HARNESS_FINDINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "harness/evidence.h"

#define RULES_LINE_BYTES   320
#define RULES_EVIDENCE_MAX 5

struct rule;

enum finding_basis {
	FINDING_MEASURED,  /* the cost is a difference or a share of measured times */
	FINDING_ESTIMATED, /* counts times latencies that are given, not measured */
	FINDING_UNPRICED,  /* something else than time, or time that nobody measured */
	FINDING_DOUBT,     /* about the figures themselves */
};

struct finding {
	const struct rule *rule;
	enum finding_basis basis;
	double weight; /* the part of an operation's time that it costs, 0 to 1; of what has no price, how bad it is */
	char about[64];                        /* the implementation, or what else it is about */
	char point[RULES_LINE_BYTES];          /* where it is worst, for people: "sharded, 4 threads, ..." */
	char evidence[RULES_EVIDENCE_MAX][RULES_LINE_BYTES];
	unsigned evidences;
	char verify[2 * RULES_LINE_BYTES];
	size_t elsewhere; /* other points at which the same was found of the same */
};

struct findings {
	struct finding *item; /* the dearest first, once rules_apply has returned */
	size_t count;
	bool no_memory;
};

void findings_free(struct findings *findings);

/*
 * Reports one, at a row. NULL: the same was found of the same at a point where it is worse, or there is no memory. Else evidence
 * is to be
 * added to it. of: what it is about; NULL: the implementation, with what was chosen otherwise than one would.
 */
struct finding *finding_report(struct findings *findings, const struct rule *rule, const char *of, struct point_row row,
                               enum finding_basis basis, double weight);

/* A line of evidence. */
void finding_add(struct finding *finding, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A number as people read it: 345, 12.3, 9039, 1.52 M. In one of eight buffers that are used in turn. */
const char *figure(double number);
/* That in a row's column; "unknown" where it was not to be had. */
const char *figure_of(struct point_row row, const char *column);

#endif
