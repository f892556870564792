/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `capacitor profile`, in parts: profile.c reads what was asked and goes through it, profile_run.c runs bench under profilers,
 * profile_write.c makes lists and pictures of what they left, profile_page.c ties them together.
 *
 * Whatever a kind of profile is of, it comes down to stacks that weigh something (profile_stacks.h); all pictures are drawn
 * of these. A profile whose weight is zero, or that could not be made, has a reason instead.
 */
#ifndef HARNESS_PROFILE_H
#define HARNESS_PROFILE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "harness/options.h"
#include "harness/probes.h"
#include "harness/profile_names.h"
#include "harness/profile_stacks.h"

#define PROFILE_ERROR_BYTES 512
#define PROFILE_PATH_BYTES  4096
#define PROFILE_ROUNDS_MAX  100
#define PROFILE_BENCH_MAX   64

enum profile_kind { PROFILE_CPU, PROFILE_HEAP, PROFILE_LOCKS, PROFILE_OFFCPU, PROFILE_KINDS };
/* A run without a profiler. */
#define PROFILE_PLAIN PROFILE_KINDS

/* Names of enum profile_kind, and of the plain run; ended by NULL. */
extern const char *const profile_kinds[];

/* A picture or list of it: what stands in the names of its files, what it weighs, and what that is. */
struct profile_view {
	const char *name;   /* "cpu", "heap", "heap-live", ... */
	const char *title;  /* "CPU time" */
	const char *unit;   /* "samples", "bytes", "ns" */
	const char *what;   /* a sentence: what weighs, and how it was had */
	struct stacks *stacks;
	char pictures[160]; /* "": there are both; else why one is missing */
	char source[PROFILE_ERROR_BYTES]; /* the function whose lines are listed, or why none is; cpu only */
	bool has_source, has_flame, has_calls;
};

struct profile_result {
	bool wanted;
	bool locks_by_label;     /* locks: only what the library counts by itself, from the plain runs */
	char unavailable[PROFILE_ERROR_BYTES]; /* "": there is one */
	char note[PROFILE_ERROR_BYTES];        /* what a reader should know of this one */
	double ns_per_op[PROFILE_ROUNDS_MAX];
	unsigned rounds;         /* so many of them */
	struct probes_ratio overhead; /* time per operation under the profiler to that without, round by round */
	struct profile_view view[2];
	size_t views;
	json_t *facts;           /* what else profile.json is told */
};

struct profile_subject {
	const char *implementation;
	char **point; /* as bench names them */
	size_t points;
	struct profile_result result[PROFILE_KINDS + 1];
};

struct profile {
	/* What was asked for. */
	struct options_list impl;
	double seconds;
	uint64_t rounds, frequency, seed;
	bool kind[PROFILE_KINDS];
	bool perf;
	const char *function; /* NULL: the hottest */
	const char *out;
	const char *bench[PROFILE_BENCH_MAX]; /* options that bench gets as they are */
	size_t bench_count;

	char program[PROFILE_PATH_BYTES], traced[PROFILE_PATH_BYTES], root[PROFILE_PATH_BYTES], folder[PROFILE_PATH_BYTES];
	struct profile_subject *subject;
	size_t subjects;
	struct names *names;
	char error[PROFILE_ERROR_BYTES];
};

/* ---- profile_run.c ----------------------------------------------------------------------------------------------- */

/* Would bench take these options? Makes the subjects: implementations that it would run, with their points; the others are left
 * out, with a line. False: it would run none, and has said why. */
bool profile_try_options(struct profile *profile);

/* Notes, for each wanted kind, why it cannot be had here. */
void profile_look_for_tools(struct profile *profile);

/* Runs one implementation once, under a kind of profiler (or PROFILE_PLAIN). What goes wrong is that kind's reason. */
void profile_run(struct profile *profile, struct profile_subject *subject, unsigned kind, unsigned round);

/* raw/<implementation>.<kind>.<round><suffix> in the folder. */
void profile_raw_path(const struct profile *profile, const struct profile_subject *subject, unsigned kind, unsigned round,
                      const char *suffix, char path[PROFILE_PATH_BYTES]);

/* Runs a tool with standard output into a file; true when it did well. What it says on stderr goes nowhere. */
bool profile_tool(const char *const *arguments, const char *out);

/* ---- profile_write.c --------------------------------------------------------------------------------------------- */

/* Makes an implementation's lists, tables and pictures from what its runs left. False: they cannot be written; `error` says why. */
bool profile_write(struct profile *profile, struct profile_subject *subject);

/* <folder>/<implementation>.<name> */
void profile_path(const struct profile *profile, const struct profile_subject *subject, const char *name,
                  char path[PROFILE_PATH_BYTES]);

/* "1234 samples", "3.1 MiB", "17.3 ms". */
void profile_amount(const struct profile_view *view, double amount, char text[64]);

/* The source of a function with what was found at its lines, to a stream. Paths are relative to `root`. False: the source is
 * not there, or nothing was found in it. */
bool profile_write_source(FILE *out, const char *root, const struct stacks *stacks, const char *function, const char *file);

/* The function of a part ("library") whose code, with what was inlined into it, weighs most; false: none weighs anything. */
bool profile_hottest(const struct stacks *stacks, const char *part, char function[128], char file[256]);

/* ---- profile_page.c ---------------------------------------------------------------------------------------------- */

/* profile.json and index.html. False: `error` says why not. */
bool profile_write_page(struct profile *profile);

#endif
