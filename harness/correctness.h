/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tests and checks did, in figures, as a report shows it. A run of all tests leaves a record (correctness.json)
 * in results/correctness/, one for each tier, configuration and compiler. The first report of an experiment copies those
 * that there are into the run's folder, so that they stay with its figures.
 */
#ifndef HARNESS_CORRECTNESS_H
#define HARNESS_CORRECTNESS_H

#include <stdio.h>

#include <jansson.h>

/* The records of a run, an array (empty where nothing was checked), which it keeps as folder/correctness.json. NULL:
 * error (RUN_ERROR_BYTES) has why. */
json_t *correctness_of_run(const char *root, const char *folder, char *error);

/* The section of the report. */
void correctness_write(FILE *out, const json_t *records);

#endif
