/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Is a long stream of operations linearizable, whose written values are unique? One key, fed window by window.
 *
 * A window is what happened between two cuts, moments at which no call is pending. The events of a window (invocations
 * and responses) are passed once, in order of time, with the set of all configurations: a state of the key with the
 * pending operations that have been linearized already. An operation that changes nothing is linearized as soon as a
 * configuration allows it, which never does harm; one that changes the state, only when a response needs it (Lowe 2017,
 * just-in-time linearization). A configuration that leaves a value which is read later is given up, since values are
 * unique. The time is linear in the events while few calls overlap. Exact.
 *
 * From one window to the next only the set of possible states is kept. The set of configurations is bounded
 * (SWEEP_CONFIGURATIONS_MAX, and SWEEP_PENDING_MAX calls pending at a time). A window that would need more is undecided:
 * it passes, sweep_undecided() counts it, and the state after it is HISTORY_ANY: nothing is assumed but that a value of
 * the window after it, unless written there, was the state at the cut.
 */
#ifndef SWEEP_H
#define SWEEP_H

#include "history.h"

#define SWEEP_PENDING_MAX        64
#define SWEEP_CONFIGURATIONS_MAX 16384

struct sweep;
struct sweep *sweep_new(enum history_model model); /* the key is absent; NULL: no memory */
void sweep_free(struct sweep *sweep);

/* A stream begins: the key is absent. Keeps the memory and the count of undecided windows. */
void sweep_reset(struct sweep *sweep, enum history_model model);
/* A stream begins: the state is one of these, or unknown if HISTORY_ANY is among them. */
void sweep_reset_to(struct sweep *sweep, enum history_model model, const uint64_t *states, size_t count);

/* Checks one window: all operations of the key between two cuts, in any order (fastest: thread after thread, each in order
 * of time). False: not linearizable, and the state after it is HISTORY_ANY; sweep_before() has the states before it.
 * True: linearizable, or undecided. Ends the program when there is no memory. */
bool sweep_window(struct sweep *sweep, const struct history_operation *operations, size_t count);

/* Windows that were undecided since sweep_new(). */
uint64_t sweep_undecided(const struct sweep *sweep);

/* The possible states before the last window, and after it; valid until the next call. In the evicting model a value
 * stands for itself and for absent. */
const uint64_t *sweep_before(const struct sweep *sweep, size_t *count);
const uint64_t *sweep_after(const struct sweep *sweep, size_t *count);

#endif
