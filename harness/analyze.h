/* SPDX-License-Identifier: BSD-2-Clause */
/* What is to be improved, as a chapter of a run's report. */
#ifndef HARNESS_ANALYZE_H
#define HARNESS_ANALYZE_H

#include <stdbool.h>
#include <stdio.h>

/* The chapter, from the tables in the run's folder. False: error (RUN_ERROR_BYTES) has why. */
bool analyze_write(FILE *out, const char *root, const char *folder, char *error);

#endif
