/* SPDX-License-Identifier: BSD-2-Clause */
/* Other programs, run to their end: gnuplot, python3, perf, git, objdump, bench again. */
#ifndef HARNESS_PROGRAM_H
#define HARNESS_PROGRAM_H

#include <stddef.h>
#include <stdio.h>

/* Where its input comes from and its output goes. Cleared: from nothing, to nowhere. */
struct program_ends {
	const char *const *settings; /* of its environment: name, value, ..., NULL; a value of NULL takes the name away */
	FILE *in;            /* a file, from its beginning */
	const char *out;     /* a file, made anew; PROGRAM_OURS */
	FILE *gathered;      /* or: what it prints is added to this */
	const char *errors;  /* a file, added to; PROGRAM_OURS */
};

/* The same as ours. */
extern const char PROGRAM_OURS[];

/*
 * Runs a program, whose name is looked for in PATH, and waits for its end; it ends with us, too. Returns its exit status; 127: it
 * is not there; 128 + n: signal n ended it; -1: it could not be started.
 */
int program_run(const char *const *arguments, const struct program_ends *ends);

/* The last line of a log that says something; "it said nothing" else. */
void program_last_words(const char *log, char *words, size_t bytes);

#endif
