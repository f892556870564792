/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is known of a run, gathered from the files that the other subcommands wrote, whichever there are: tables by the columns
 * that they have, JSON of bench by being made such a table. `capacitor analyze` reads nothing else.
 */
#ifndef HARNESS_EVIDENCE_H
#define HARNESS_EVIDENCE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "harness/table.h"

enum evidence_kind {
	EVIDENCE_NONE,
	EVIDENCE_POINTS,      /* medians of measured points: *.summary.tsv, or JSON of bench and replay */
	EVIDENCE_SIMULATED,   /* hit ratios of policies, simulated: likewise, without a time */
	EVIDENCE_COHERENCE,   /* counts per operation of capacitor coherence: *.summary.tsv with `upgrade_false` */
	EVIDENCE_FIELDS,      /* which field, by which code: *.fields.tsv */
	EVIDENCE_CPU,         /* of capacitor profile */
	EVIDENCE_HEAP,
	EVIDENCE_LOCKS,
	EVIDENCE_OFFCPU,
	EVIDENCE_ALLOCATIONS, /* of capacitor alloc-check */
	EVIDENCE_CODEC,       /* of capacitor codec */
	EVIDENCE_KINDS
};

struct evidence_table {
	enum evidence_kind kind;
	char name[64];  /* of the experiment or the implementation: what its file's name begins with */
	char file[256]; /* the file's name */
	char folder[256]; /* the end of its folder's: tables of one run lie together */
	struct table table;
};

struct evidence {
	struct evidence_table *tables;
	size_t count;
	json_t *environment; /* NULL: none was found */
};

#define EVIDENCE_ERROR_BYTES 512

/*
 * Adds what a folder holds (a run of experiment, of profile, of coherence; folders in it, too), or a file. root: the repository,
 * whose scripts make medians. False: it cannot be read, or there is nothing in it; a line in error.
 */
bool evidence_add(struct evidence *evidence, const char *root, const char *path, char error[EVIDENCE_ERROR_BYTES]);

void evidence_free(struct evidence *evidence);

/* How many tables of a kind there are. */
size_t evidence_tables(const struct evidence *evidence, enum evidence_kind kind);

/* What such a table is about, in a few words. */
const char *evidence_text(enum evidence_kind kind);

/* ---- Points -------------------------------------------------------------------------------------------------------- */

/* A row of a table. */
struct point_row {
	const struct evidence_table *of;
	size_t row;
};

/* Visits every row of a kind: false when there is none behind it. Begin with a cleared one. */
bool evidence_next(const struct evidence *evidence, enum evidence_kind kind, struct point_row *at);

const char *row_text(struct point_row row, const char *column); /* "-" where there is no such column */
bool row_number(struct point_row row, const char *column, double *number);
/* The number, or `otherwise`. */
double row_or(struct point_row row, const char *column, double otherwise);
bool row_is(struct point_row row, const char *column, const char *value);

/* A metric's interval; the value itself where the table has none. */
bool row_interval(struct point_row row, const char *metric, double *low, double *high);
/*
 * Is the whole interval of `a` above that of `b`? With fewer than six repetitions of either, whose intervals cover little, it has
 * to be
 * above by a factor of two besides: what could be noise is no finding.
 */
bool row_above(struct point_row a, struct point_row b, const char *metric);

/* Has the row the capacity that bench gives by itself? It follows the number and size of entries. */
bool row_usual_capacity(struct point_row row);

/* Visits the other rows of the same table that differ from this one in a parameter, and in no other (but in capacity, where both
 * have the
 * usual one). Begin with a cleared one. */
bool row_sibling(struct point_row row, const char *parameter, struct point_row *at);

/* The one of them that has this value of it. */
bool row_partner(struct point_row row, const char *parameter, const char *value, struct point_row *partner);

/* Percentages of "get-set-delete" or "get:set:delete". False: the row has no mix. */
bool row_mix(struct point_row row, double *get, double *set, double *delete);

#endif
