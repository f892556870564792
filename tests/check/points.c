/* SPDX-License-Identifier: BSD-2-Clause */
/* What the library's objects call in place of locks, tables, memcpy, malloc and the clock; see points.h. */
#include "points.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define URCU_API_MAP
#include <urcu/urcu-memb.h>
#include <urcu/rculfhash.h>

#include <ck_hs.h>

#include "common/atomics.h"

static __thread struct {
	point_visitor *visitor;
	void *context;
	bool inside; /* the visitor: what it does itself passes no points */
	bool spins;
} visit;

void points_visit(point_visitor *visitor, void *context)
{
	visit.visitor = visitor;
	visit.context = context;
}

void points_spin(bool spin)
{
	visit.spins = spin;
}

const char *point_string(enum point point)
{
	static const char *const name[POINTS] = {
		[POINT_LOCKING] = "locking",       [POINT_LOCKED] = "locked",         [POINT_UNLOCKING] = "unlocking",
		[POINT_UNLOCKED] = "unlocked",     [POINT_FOUND] = "found",           [POINT_PUBLISHING] = "publishing",
		[POINT_PUBLISHED] = "published",   [POINT_UNLINKING] = "unlinking",   [POINT_UNLINKED] = "unlinked",
		[POINT_COPYING] = "copying",       [POINT_WAITING] = "waiting",       [POINT_ALLOCATING] = "allocating",
	};

	return (unsigned)point < POINTS ? name[point] : "unknown point";
}

static void pass(enum point point)
{
	if (!visit.visitor || visit.inside)
		return;
	visit.inside = true;
	visit.visitor(visit.context, point);
	visit.inside = false;
}

/* ---- Locks ------------------------------------------------------------------------------------------------------- */

typedef int lock_call(void *lock);

static int take(void *lock, lock_call *try, lock_call *wait)
{
	int result;

	pass(POINT_LOCKING);
	if (visit.spins)
		while ((result = try(lock)) == EBUSY)
			pass(POINT_LOCKING);
	else
		result = wait(lock);
	if (result == 0)
		pass(POINT_LOCKED);
	return result;
}

static int try_to_take(void *lock, lock_call *try)
{
	int result;

	pass(POINT_LOCKING);
	result = try(lock);
	if (result == 0)
		pass(POINT_LOCKED);
	return result;
}

static int release(void *lock, lock_call *unlock)
{
	int result;

	pass(POINT_UNLOCKING);
	result = unlock(lock);
	pass(POINT_UNLOCKED);
	return result;
}

static int mutex_lock(void *lock) { return pthread_mutex_lock(lock); }
static int mutex_trylock(void *lock) { return pthread_mutex_trylock(lock); }
static int mutex_unlock(void *lock) { return pthread_mutex_unlock(lock); }
static int rwlock_rdlock(void *lock) { return pthread_rwlock_rdlock(lock); }
static int rwlock_tryrdlock(void *lock) { return pthread_rwlock_tryrdlock(lock); }
static int rwlock_wrlock(void *lock) { return pthread_rwlock_wrlock(lock); }
static int rwlock_trywrlock(void *lock) { return pthread_rwlock_trywrlock(lock); }
static int rwlock_unlock(void *lock) { return pthread_rwlock_unlock(lock); }

/* The names that the library's objects call; nobody else does. */
int points_mutex_lock(pthread_mutex_t *mutex);
int points_mutex_trylock(pthread_mutex_t *mutex);
int points_mutex_unlock(pthread_mutex_t *mutex);
int points_rwlock_rdlock(pthread_rwlock_t *lock);
int points_rwlock_tryrdlock(pthread_rwlock_t *lock);
int points_rwlock_wrlock(pthread_rwlock_t *lock);
int points_rwlock_trywrlock(pthread_rwlock_t *lock);
int points_rwlock_unlock(pthread_rwlock_t *lock);
int points_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex);
int points_sched_yield(void);
int points_nanosleep(const struct timespec *time, struct timespec *left);

int points_mutex_lock(pthread_mutex_t *mutex) { return take(mutex, mutex_trylock, mutex_lock); }
int points_mutex_trylock(pthread_mutex_t *mutex) { return try_to_take(mutex, mutex_trylock); }
int points_mutex_unlock(pthread_mutex_t *mutex) { return release(mutex, mutex_unlock); }
int points_rwlock_rdlock(pthread_rwlock_t *lock) { return take(lock, rwlock_tryrdlock, rwlock_rdlock); }
int points_rwlock_tryrdlock(pthread_rwlock_t *lock) { return try_to_take(lock, rwlock_tryrdlock); }
int points_rwlock_wrlock(pthread_rwlock_t *lock) { return take(lock, rwlock_trywrlock, rwlock_wrlock); }
int points_rwlock_trywrlock(pthread_rwlock_t *lock) { return try_to_take(lock, rwlock_trywrlock); }
int points_rwlock_unlock(pthread_rwlock_t *lock) { return release(lock, rwlock_unlock); }

/* A thread that spins wakes up at once, for no reason, as POSIX allows: its caller looks again. */
int points_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex)
{
	if (!visit.visitor || visit.inside || !visit.spins)
		return pthread_cond_wait(condition, mutex);
	points_mutex_unlock(mutex);
	pass(POINT_WAITING);
	return points_mutex_lock(mutex);
}

int points_sched_yield(void)
{
	pass(POINT_WAITING);
	return sched_yield();
}

int points_nanosleep(const struct timespec *time, struct timespec *left)
{
	pass(POINT_WAITING);
	return nanosleep(time, left);
}

/* ---- Tables ------------------------------------------------------------------------------------------------------ */

void points_lfht_lookup(struct cds_lfht *table, unsigned long hash, cds_lfht_match_fct match, const void *key,
                        struct cds_lfht_iter *iterator);
struct cds_lfht_node *points_lfht_add_replace(struct cds_lfht *table, unsigned long hash, cds_lfht_match_fct match,
                                              const void *key, struct cds_lfht_node *node);
int points_lfht_del(struct cds_lfht *table, struct cds_lfht_node *node);
void *points_hs_get(struct ck_hs *set, unsigned long hash, const void *key);
bool points_hs_put(struct ck_hs *set, unsigned long hash, const void *key);
bool points_hs_set(struct ck_hs *set, unsigned long hash, const void *key, void **previous);
void *points_hs_remove(struct ck_hs *set, unsigned long hash, const void *key);

void points_lfht_lookup(struct cds_lfht *table, unsigned long hash, cds_lfht_match_fct match, const void *key,
                        struct cds_lfht_iter *iterator)
{
	cds_lfht_lookup(table, hash, match, key, iterator);
	pass(POINT_FOUND);
}

struct cds_lfht_node *points_lfht_add_replace(struct cds_lfht *table, unsigned long hash, cds_lfht_match_fct match,
                                              const void *key, struct cds_lfht_node *node)
{
	struct cds_lfht_node *replaced;

	pass(POINT_PUBLISHING);
	replaced = cds_lfht_add_replace(table, hash, match, key, node);
	pass(POINT_PUBLISHED);
	return replaced;
}

int points_lfht_del(struct cds_lfht *table, struct cds_lfht_node *node)
{
	int result;

	pass(POINT_UNLINKING);
	result = cds_lfht_del(table, node);
	pass(POINT_UNLINKED);
	return result;
}

void *points_hs_get(struct ck_hs *set, unsigned long hash, const void *key)
{
	void *entry = ck_hs_get(set, hash, key);

	pass(POINT_FOUND);
	return entry;
}

bool points_hs_put(struct ck_hs *set, unsigned long hash, const void *key)
{
	bool done;

	pass(POINT_PUBLISHING);
	done = ck_hs_put(set, hash, key);
	pass(POINT_PUBLISHED);
	return done;
}

bool points_hs_set(struct ck_hs *set, unsigned long hash, const void *key, void **previous)
{
	bool done;

	pass(POINT_PUBLISHING);
	done = ck_hs_set(set, hash, key, previous);
	pass(POINT_PUBLISHED);
	return done;
}

void *points_hs_remove(struct ck_hs *set, unsigned long hash, const void *key)
{
	void *entry;

	pass(POINT_UNLINKING);
	entry = ck_hs_remove(set, hash, key);
	pass(POINT_UNLINKED);
	return entry;
}

/* ---- Memory ------------------------------------------------------------------------------------------------------ */

/* Which allocation fails. One for each thread, and one for all. */
struct failing {
	_Atomic uint64_t nth; /* 0: none */
	_Atomic bool onwards;
	_Atomic uint64_t made;
	_Atomic uint64_t failed;
};

static __thread struct failing own;
static struct failing everybody;
static __thread bool asked_all; /* whose figures points_failed_allocations gives */

static struct failing *asked(void)
{
	return asked_all ? &everybody : &own;
}

void points_fail_allocation(uint64_t nth, bool onwards, bool all)
{
	struct failing *failing;

	asked_all = all;
	failing = asked();
	store_relaxed(&failing->nth, 0); /* relaxed: counts; nothing is ordered by them */
	store_relaxed(&failing->made, 0);
	store_relaxed(&failing->failed, 0);
	store_relaxed(&failing->onwards, onwards);
	store_relaxed(&failing->nth, nth);
}

uint64_t points_failed_allocations(void)
{
	return load_relaxed(&asked()->failed); /* relaxed: a count */
}

uint64_t points_allocations(void)
{
	return load_relaxed(&asked()->made); /* relaxed: a count */
}

/* Counts an allocation. True: it is one of those that fail. */
static bool fails(struct failing *failing)
{
	uint64_t number = fetch_add_relaxed(&failing->made, 1) + 1; /* relaxed: counts */
	uint64_t nth = load_relaxed(&failing->nth);
	bool failed = nth > 0 && (number == nth || (number > nth && load_relaxed(&failing->onwards)));

	if (failed)
		fetch_add_relaxed(&failing->failed, 1);
	return failed;
}

static bool allow(void)
{
	bool own_fails, all_fail;

	pass(POINT_ALLOCATING);
	own_fails = fails(&own);
	all_fail = fails(&everybody);
	if (own_fails || all_fail)
		errno = ENOMEM;
	return !own_fails && !all_fail;
}

void *points_malloc(size_t bytes);
void *points_calloc(size_t count, size_t bytes);
void *points_aligned_alloc(size_t alignment, size_t bytes);
void *points_memcpy(void *to, const void *from, size_t bytes);

void *points_malloc(size_t bytes)
{
	return allow() ? malloc(bytes) : NULL;
}

void *points_calloc(size_t count, size_t bytes)
{
	return allow() ? calloc(count, bytes) : NULL;
}

void *points_aligned_alloc(size_t alignment, size_t bytes)
{
	return allow() ? aligned_alloc(alignment, bytes) : NULL;
}

/* In two halves, where there is somebody to be told: another thread may come between them. */
void *points_memcpy(void *to, const void *from, size_t bytes)
{
	size_t half = bytes / 2;

	if (!visit.visitor || bytes < 16)
		return memcpy(to, from, bytes);
	memcpy(to, from, half);
	pass(POINT_COPYING);
	memcpy((char *)to + half, (const char *)from + half, bytes - half);
	return to;
}

/* ---- The clock --------------------------------------------------------------------------------------------------- */

static _Atomic int64_t wall_clock_jump_s;
static _Atomic uint64_t wall_clock_reads;

int points_clock_gettime(clockid_t clock, struct timespec *time);

void points_jump_wall_clock(int64_t seconds)
{
	store_relaxed(&wall_clock_jump_s, seconds); /* relaxed: an amount */
}

uint64_t points_wall_clock_reads(void)
{
	return load_relaxed(&wall_clock_reads); /* relaxed: a count */
}

int points_clock_gettime(clockid_t clock, struct timespec *time)
{
	int result = clock_gettime(clock, time);

	if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE || clock == CLOCK_TAI) {
		fetch_add_relaxed(&wall_clock_reads, 1); /* relaxed: a count, and an amount */
		time->tv_sec += load_relaxed(&wall_clock_jump_s);
	}
	return result;
}
