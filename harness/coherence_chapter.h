/* SPDX-License-Identifier: BSD-2-Clause */
/* The tables of a report's chapter on coherence. */
#ifndef HARNESS_COHERENCE_CHAPTER_H
#define HARNESS_COHERENCE_CHAPTER_H

#include <stdio.h>

#include "harness/table.h"

/* From the tables that `capacitor coherence` left in a run's folder; `table` is the main one. */
void coherence_chapter(FILE *out, const char *folder, const char *slug, const struct table *table);

#endif
