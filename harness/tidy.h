/* SPDX-License-Identifier: BSD-2-Clause */
/* Google Benchmark's JSON as a table: a row per point and repetition, named columns. */
#ifndef HARNESS_TIDY_H
#define HARNESS_TIDY_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* The parameters that a benchmark's name may carry, in the order of the columns; ended by NULL. */
extern const char *const tidy_parameters[];

/* The value of a parameter in a name like "cache/impl:rwlock/threads:4": true, and it is copied; or false. */
bool tidy_parameter(const char *name, const char *parameter, char *value, size_t value_bytes);

void tidy_header(FILE *out);

/* The rows of one document. Runs that failed have no row; *failed counts them. False: it is no such document. */
bool tidy_rows(FILE *out, const char *experiment, const json_t *document, size_t *failed);

#endif
