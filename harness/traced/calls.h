/* SPDX-License-Identifier: BSD-2-Clause */
/* The names that objects of the traced program call; see calls.c. __real_ is what would have been called. */
#ifndef HARNESS_TRACED_CALLS_H
#define HARNESS_TRACED_CALLS_H

#include <pthread.h>
#include <time.h>

#include "capacitor/cache.h"
#include "common/operation.h"
#include "harness/point.h"
#include "harness/runner.h"

struct ck_epoch_record;
struct ck_stack;

#define TRACED_ONE_POINT "a trace is of one point: one implementation, one number of each list"

/* How many points have been run, or refused. */
unsigned traced_points(void);

/* ---- calls.symbols ----------------------------------------------------------------------------------------------- */

int traced_mutex_init(pthread_mutex_t *mutex, const pthread_mutexattr_t *attributes);
int traced_mutex_lock(pthread_mutex_t *mutex);
int traced_mutex_trylock(pthread_mutex_t *mutex);
int traced_mutex_unlock(pthread_mutex_t *mutex);
int traced_mutex_destroy(pthread_mutex_t *mutex);
int traced_rwlock_init(pthread_rwlock_t *lock, const pthread_rwlockattr_t *attributes);
int traced_rwlock_rdlock(pthread_rwlock_t *lock);
int traced_rwlock_tryrdlock(pthread_rwlock_t *lock);
int traced_rwlock_wrlock(pthread_rwlock_t *lock);
int traced_rwlock_trywrlock(pthread_rwlock_t *lock);
int traced_rwlock_unlock(pthread_rwlock_t *lock);
int traced_rwlock_destroy(pthread_rwlock_t *lock);
int traced_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex);
int traced_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex, const struct timespec *until);
int traced_nanosleep(const struct timespec *time, struct timespec *left);
void traced_synchronize_rcu(void);
bool traced_epoch_poll_deferred(struct ck_epoch_record *epoch, struct ck_stack *deferred);

/* ---- wraps ------------------------------------------------------------------------------------------------------- */

#define WRAPPED(result, name, ...)                                                                                     \
	result __wrap_##name(__VA_ARGS__);                                                                             \
	result __real_##name(__VA_ARGS__)

WRAPPED(enum capacitor_result, capacitor_get, struct capacitor_handle *handle, const void *key, size_t key_bytes, void *buffer,
        size_t buffer_bytes, size_t *value_bytes);
WRAPPED(enum capacitor_result, capacitor_set, struct capacitor_handle *handle, const void *key, size_t key_bytes,
        const void *value, size_t value_bytes, uint64_t ttl_ns);
WRAPPED(enum capacitor_result, capacitor_add, struct capacitor_handle *handle, const void *key, size_t key_bytes,
        const void *value, size_t value_bytes, uint64_t ttl_ns);
WRAPPED(enum capacitor_result, capacitor_replace, struct capacitor_handle *handle, const void *key, size_t key_bytes,
        const void *value, size_t value_bytes, uint64_t ttl_ns);
WRAPPED(enum capacitor_result, capacitor_delete, struct capacitor_handle *handle, const void *key, size_t key_bytes);
WRAPPED(enum capacitor_result, capacitor_contains, struct capacitor_handle *handle, const void *key, size_t key_bytes);
WRAPPED(void, operation_make_room, struct capacitor_handle *handle, struct policy *policy, const struct entry *fresh,
        const struct entry *old, operation_unlink *unlink, void *context, struct operation_change *change);
WRAPPED(void, operation_shrink, struct capacitor_handle *handle, struct policy *policy, operation_unlink *unlink, void *context);
WRAPPED(void, operation_bury, struct capacitor_handle *handle, struct entry_list *dead, bool retired);
WRAPPED(enum capacitor_result, operation_admit_slowly, struct capacitor_handle *handle, size_t bytes);
WRAPPED(void, operation_waited, const struct capacitor_handle *handle, struct contention *contention, uint64_t from_ns);
WRAPPED(void, contention_wait, pthread_mutex_t *mutex, struct contention *contention);
WRAPPED(bool, contention_show, const struct contention *contention, const char *name, unsigned index, bool in_statistics,
        capacitor_lock_visitor *visitor, void *context);
WRAPPED(struct entry *, policy_evict, struct policy *policy);
WRAPPED(bool, point_run, const struct point *point, struct point_workspace *workspace, struct metrics *metrics,
        char error[POINT_ERROR_BYTES]);
WRAPPED(struct runner *, runner_enter, struct runner_run *run, struct team_member *member);
WRAPPED(void, runner_note_phase, struct runner *runner, enum team_phase phase);
WRAPPED(void, runner_edge, void *run, bool closes);

#endif
