/* SPDX-License-Identifier: BSD-2-Clause */
/* What an environment means for measurements; see doctor.c. */
#ifndef HARNESS_DOCTOR_H
#define HARNESS_DOCTOR_H

#include <jansson.h>

/*
 * Judges an environment (environment_json). An array of objects with item, verdict ("ok", "warn", "no"), value and,
 * where the verdict is not ok, reason and change; where a command can change it, fix and undo. NULL: no memory.
 */
json_t *doctor_checks(const json_t *environment);

#endif
