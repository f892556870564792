/* SPDX-License-Identifier: BSD-2-Clause */
/* What bench and replay both do with their lists of options, before the first point runs. */
#ifndef HARNESS_SWEEP_H
#define HARNESS_SWEEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "capacitor/cache.h"
#include "harness/bench.h"

/* Takes the fastest digit off a number that counts combinations of lists, one of which has `base` items. */
size_t sweep_digit(size_t *number, size_t base);

/* Says on stderr that points of an implementation are left out, and why; once for each reason. */
void sweep_left_out(const char *command, const struct capacitor_info *implementation, const char *reason);

/* The memory that is free, and that this process may use. */
uint64_t sweep_available_bytes(void);

/* Does a point that wants so many bytes fit? False: it was said on stderr. */
bool sweep_has_memory(const char *command, const char *point, uint64_t wanted, uint64_t available);

/* Adds facts about clock and pinning. */
void sweep_add_machine(struct bench_session *session);

#endif
