/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the probes cost, as a report shows it. `capacitor probes` leaves results/probes.tsv; the first report of an experiment
 * copies it into the run's folder, so that it stays with its figures.
 */
#ifndef HARNESS_PROBES_H
#define HARNESS_PROBES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* The median of ratios and its interval: the exact one of order statistics, as in plots/summarise.py. Sorts them. */
struct probes_ratio {
	double median, low, high;
	double coverage; /* of the interval: 0.95 or more from six ratios on */
};
struct probes_ratio probes_summary(double *ratios, size_t count);

/* The section of the report: from folder/probes.tsv, or root/results/probes.tsv, which is kept with the run then. False: error
 * (RUN_ERROR_BYTES) has why it could not be kept. */
bool probes_write(FILE *out, const char *root, const char *folder, char *error);

#endif
