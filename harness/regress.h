/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The parts of `capacitor regress`: what is measured, with which programs, and how it is judged.
 */
#ifndef HARNESS_REGRESS_H
#define HARNESS_REGRESS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "harness/compare.h"
#include "harness/options.h"

#define REGRESS_PATH_BYTES  4096
#define REGRESS_ERROR_BYTES 512

/* ---- The grid (regress_grid.c) --------------------------------------------------------------------------------------- */

struct regress_point {
	char name[COMPARE_NAME_BYTES]; /* "impl=rcu/threads=2/..." */
	json_t *arguments;             /* texts: the options of bench for this point alone */
	double expected_s;
	bool left_out; /* the baseline cannot measure it */
};

struct regress_grid {
	struct regress_point *point;
	size_t points;
	size_t foreign; /* points of a stored run that bench cannot repeat: those of traces */
};

/* What a grid is made of where none is stored, and what one that is stored may be changed in. */
struct regress_sweep {
	struct options_list impl, threads;
	struct options_mixes mix;
	uint64_t keys;
	double window_s; /* 0: as stored */
	const char *filter;
};

/* The points of a document of bench, added to those that are there. */
bool regress_grid_document(struct regress_grid *grid, const json_t *document, const struct regress_sweep *sweep,
                           char error[REGRESS_ERROR_BYTES]);
/* The small grid: implementations, threads and mixes of a sweep. */
bool regress_grid_sweep(struct regress_grid *grid, const struct regress_sweep *sweep, char error[REGRESS_ERROR_BYTES]);
void regress_grid_free(struct regress_grid *grid);

/* ---- Programs (regress_programs.c) ------------------------------------------------------------------------------------ */

/* Ctrl-C and the like, from regress_catch_signals on: kills what runs, and whoever goes on looks here. */
extern volatile int regress_interrupted;
void regress_catch_signals(void);

/* Runs a program: what it prints goes to `out` (NULL: nowhere), its errors to `log`. `environment`: NULL, or a file for
 * CAPACITOR_ENVIRONMENT. 0: it did well; -1: it took longer than limit_s or could not be started; else its status. */
int regress_program(const char *const *argv, const char *out, const char *log, const char *environment, double limit_s);

/* What a program prints, without the last newline, or NULL when it fails. */
char *regress_capture(const char *const *argv);

/* The commit that a name stands for, in full; NULL: none. */
char *regress_commit(const char *root, const char *name);

/* A build of a commit, under build/baseline/<commit>/, made if it is not there. False: a line in error. */
bool regress_build(const char *root, const char *commit, char program[REGRESS_PATH_BYTES], char error[REGRESS_ERROR_BYTES]);

/* ---- Coherence misses (regress_coherence.c) ------------------------------------------------------------------------------ */

/* Compares coherence/baseline.tsv of a commit with ours: rows to `table`, lines for people to `text`. Returns how many operations
 * miss more often; `known` is false where that cannot be said, and the text has the reason. */
size_t regress_coherence(FILE *table, FILE *text, const char *root, const char *commit, bool *known);

#endif
