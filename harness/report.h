/* SPDX-License-Identifier: BSD-2-Clause */
/* The report of a run: medians, plots, one page. */
#ifndef HARNESS_REPORT_H
#define HARNESS_REPORT_H

#include <stdbool.h>

/* Of names of files inside runs, and of messages. */
#define RUN_PATH_BYTES  4096
#define RUN_ERROR_BYTES 512

/* folder/<slug>.tsv -> folder/<slug>.summary.tsv, by plots/summarise.py. False: a line in error (RUN_ERROR_BYTES). */
bool report_summarise(const char *root, const char *folder, const char *slug, char *error);

/* Draws all figures of a run and writes folder/report.html. False: there is no page, or one that lacks figures and says
 * why; a line in error. */
bool report_write(const char *root, const char *folder, char *error);

#endif
