/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stacks of functions and what each weighs (samples, bytes, nanoseconds), and what is read off them: the list of functions by
 * weight, the edges of the call graph, folded stacks for flame graphs, and the lines of one function.
 *
 * A function's own weight is that of the stacks that end in it; its total, of all that it is in, each counted once.
 */
#ifndef HARNESS_PROFILE_STACKS_H
#define HARNESS_PROFILE_STACKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "harness/debuginfo.h"
#include "harness/profile_names.h"
#include "harness/profile_samples.h"

struct stacks;

/* NULL: no memory. */
struct stacks *stacks_new(void);
/* NULL is allowed. */
void stacks_free(struct stacks *stacks);

/* Adds a stack, innermost frame first; its texts are copied. False: no memory. */
bool stacks_add(struct stacks *stacks, const struct debuginfo_frame *frames, size_t depth, double weight);

/* Adds all of a file's, named; inlined functions are frames like others. False: no memory. */
bool stacks_add_samples(struct stacks *stacks, const struct samples *samples, struct names *names);

/*
 * Adds one that is written down: frames separated by ";", outermost first, each a function and, perhaps, " (file:line)".
 * False: no memory.
 */
bool stacks_add_text(struct stacks *stacks, const char *text, double weight);

double stacks_total(const struct stacks *stacks);
/* The share of the weight whose outermost function is one that threads begin with: where the unwinder got to the end. */
double stacks_complete(const struct stacks *stacks);

struct stacks_function {
	const char *function, *file; /* file: "" where it is not known */
	double self, total;
	double code; /* own weight with that of what was inlined into it; only of stacks that came as samples */
};

/* All functions, by their own weight, then by their total; to be freed. NULL: none, or no memory. */
struct stacks_function *stacks_functions(const struct stacks *stacks, size_t *count);

struct stacks_edge {
	const char *caller, *caller_file, *callee, *callee_file;
	double weight;
};

/* All calls, by weight; to be freed. NULL: none, or no memory. */
struct stacks_edge *stacks_edges(const struct stacks *stacks, size_t *count);

struct stacks_line {
	const char *function, *file;
	unsigned line;
	double self, total;
};

/* All lines, by file and line; to be freed. */
struct stacks_line *stacks_lines(const struct stacks *stacks, size_t *count);

/* Folded stacks, as flamegraph.pl reads them: "outermost;...;innermost weight", whole numbers, in a fixed order. */
void stacks_write_folded(FILE *out, const struct stacks *stacks);

/* The call graph for graphviz's dot. Functions and calls of less than a `least` share are left out; `unit` is said in the
 * caption ("samples"). False: nothing is left. */
bool stacks_write_dot(FILE *out, const struct stacks *stacks, const char *title, const char *unit, double least);

/* Calls back for each distinct stack, innermost first. */
typedef void stacks_visit(void *context, const struct debuginfo_frame *frames, size_t depth, double weight);
void stacks_each(const struct stacks *stacks, stacks_visit *visit, void *context);

#endif
