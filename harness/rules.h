/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a performance analyst looks for, as rules: each says when it fires, by which mechanism the time is lost, what to do, and
 * how to see that it helped. rules.c has the table.
 */
#ifndef HARNESS_RULES_H
#define HARNESS_RULES_H

#include <stdbool.h>

#include "harness/evidence.h"
#include "harness/findings.h"

struct rule {
	const char *name;       /* "lock-wait" */
	const char *title;      /* what is the matter, with the implementation as its subject: "waits for locks" */
	double bound;           /* from where on it fires; `when` says of what */
	const char *when;       /* one %g, which takes the bound */
	enum evidence_kind from, or_from; /* what it needs: without a table of either it is not judged; or_from 0: only `from` */
	const char *mechanism;  /* one sentence */
	const char *advice;
	const char *verify;     /* commands: {impl}, and {point}, which are options of bench */
	void (*find)(const struct rule *rule, const struct evidence *evidence, struct findings *findings);
};

/* Ended by one without a name. */
extern const struct rule rules[];

/* Applies all rules. Of several points of the same about, the worst is kept. False: no memory. */
bool rules_apply(const struct evidence *evidence, struct findings *findings);

#endif
