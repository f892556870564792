/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Makes a history that is not linearizable short, so that a person sees what is wrong with it.
 *
 * What is left is a part of the history that is not linearizable either, and that could not be so if the whole were
 * linearizable: leaving out an operation never makes a violation that was not there (shrink.c has the rule and its proof).
 */
#ifndef SHRINK_H
#define SHRINK_H

#include "history.h"

/* Leaves in history->operations[0 .. count - 1] what is needed, in the order of the invocations. More than
 * WING_GONG_OPERATIONS_MAX operations need unique written values. False, and nothing changed: it is linearizable, or
 * could not be decided, or there is no memory. */
bool shrink(struct history *history);

/* One step of it, for its test: leaves out two operations, by their places in the order of the invocations, and what has
 * to go with them, so that what is left is linearizable if the history is. Returns how many are left in `rest`. */
size_t shrink_without(const struct history *history, size_t first, size_t second, struct history_operation *rest);

#endif
