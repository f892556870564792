/* SPDX-License-Identifier: BSD-2-Clause */
/* Linearizability by its definition: try every order. For histories of a few operations, to judge the checkers by. */
#ifndef BRUTE_H
#define BRUTE_H

#include "history.h"

#define BRUTE_OPERATIONS_MAX 16

/* One key, whose state before is `initial` (a value, or 0: absent). */
bool brute_check(const struct history_operation *operations, size_t count, enum history_model model, uint64_t initial);

/* The states in which the key may be afterwards, each once: writes them to `states` (room for count + 2) and returns how
 * many they are. None: not linearizable. */
size_t brute_states(const struct history_operation *operations, size_t count, enum history_model model, uint64_t initial,
                    uint64_t *states);

#endif
