/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a performance analyst looks for, as rules: each says when it fires, by which mechanism the time is lost, what to do, and
 * how to see that it helped. rules.c has the table.
 */
#ifndef HARNESS_RULES_H
#define HARNESS_RULES_H

#include <stdbool.h>
#include <stddef.h>

#include "harness/evidence.h"

#define RULES_LINE_BYTES   320
#define RULES_EVIDENCE_MAX 5

struct findings;

struct rule {
	const char *name;       /* "lock-wait" */
	const char *title;      /* what is the matter, with the implementation as its subject: "waits for locks" */
	double bound;           /* from where on it fires; `when` says of what */
	const char *when;       /* one %g, which takes the bound */
	enum evidence_kind from; /* what it needs: without such a table it is not judged */
	const char *mechanism;  /* one sentence */
	const char *advice;
	const char *verify;     /* commands: {impl}, and {point}, which are options of bench */
	void (*find)(const struct rule *rule, const struct evidence *evidence, struct findings *findings);
};

/* Ended by one without a name. */
extern const struct rule rules[];

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

/* Applies all rules. Of several points of the same about, the worst is kept. False: no memory. */
bool rules_apply(const struct evidence *evidence, struct findings *findings);
void findings_free(struct findings *findings);

#endif
