/* SPDX-License-Identifier: BSD-2-Clause */
/* Names for what a record of the observatory holds as numbers: fields of types, functions and lines of code. */
#ifndef HARNESS_COHERENCE_NAMES_H
#define HARNESS_COHERENCE_NAMES_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "harness/debuginfo.h"

/* What the figures of the observatory do not show; stands wherever they do. */
extern const char coherence_unseen[];

/* The program that runs cells: beside the build that this program is of. False: it is not built. */
bool coherence_subject(char *path, size_t bytes);

/*
 * The innermost function, inlined or not, that is not a library's header's: "retire", and "impl/rcu/rcu.c:367". `site` is a return
 * address, 0 where the code is not the program's.
 */
void coherence_name_code(struct debuginfo *info, json_int_t site, char *function, size_t function_bytes, char *line,
                         size_t line_bytes);

/* The field of an item of a record's "fields": "struct shard.mutex.__data.__lock". */
void coherence_name_field(struct debuginfo *info, const json_t *item, const char *implementation, char *text, size_t bytes);

/* An object of a record's line or lock: "struct shard[12] + 64", "rcu_gp_lock". `bytes_of_line`: which fields are told. */
void coherence_name_object(struct debuginfo *info, const json_t *object, const char *implementation, unsigned bytes_of_line,
                           char *text, size_t bytes);

#endif
