/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Is a short history linearizable? The search of Wing and Gong (J. Parallel and Distributed Computing 17, 1993) with the
 * memo of Lowe (Concurrency and Computation: Practice and Experience 29, 2017): depth first through the orders that
 * respect real time; a set of linearized operations with a state that has led nowhere is not tried again. Exact.
 */
#ifndef WING_GONG_H
#define WING_GONG_H

#include "history.h"

#define WING_GONG_OPERATIONS_MAX 64

/* Memory that a thread keeps from one history to the next. */
struct wing_gong;
struct wing_gong *wing_gong_new(void); /* NULL: no memory */
void wing_gong_free(struct wing_gong *checker);

/* One key: is the history linearizable, if the state before it is `initial` (a value, or 0: absent)? The operations, at
 * most WING_GONG_OPERATIONS_MAX, come in any order; fastest is thread after thread, each in order of time. Written values
 * need not be unique. */
bool wing_gong_check(struct wing_gong *checker, const struct history_operation *operations, size_t count,
                     enum history_model model, uint64_t initial);

/* Many keys, each on its own: the state of key k before is initial[k]. At most WING_GONG_OPERATIONS_MAX operations in
 * all. When one is not linearizable: false, and *key is the lowest such. */
bool wing_gong_check_keys(struct wing_gong *checker, const struct history_operation *operations, size_t count,
                          enum history_model model, const uint64_t *initial, uint32_t *key);

#endif
