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

#endif
