/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the library's objects call in the traced program in place of locks, conditions, grace periods and clocks (calls.symbols),
 * and what stands before some functions of the library and the harness themselves (wraps: `ld --wrap`). The objects are those
 * of the ordinary program.
 *
 * A lock is tried first. Who does not get it has waited from then on; so a trylock that failed and the lock that follows are
 * one acquisition, contended. What a thread waited and held is recorded when it lets go, and only then, after a wait, is the stack
 * looked at: neither wait nor hold is longer for it.
 */
#include <errno.h>
#include <execinfo.h>
#include <pthread.h>
#include <string.h>
#include <time.h>
#include <unwind.h>

#include "capacitor/cache.h"
#include "common/operation.h"
#include "harness/point.h"
#include "harness/runner.h"
#include "harness/traced/calls.h"
#include "harness/traced/record.h"

#include <ck_epoch.h>

#define CALLER __builtin_return_address(0)
/* Where a shim was called from, and where its caller's frame ends. */
#define PLACE (struct place){__builtin_return_address(0), __builtin_dwarf_cfa()}

/* Frames of these shims that lie above the caller of one: more than there can be. */
#define OWN_FRAMES 4

void urcu_memb_synchronize_rcu(void);

struct place {
	const void *site;
	void *frame_end;
};

/* ---- Who called the caller --------------------------------------------------------------------------------------- */

/*
 * Functions that only take a lock for others are not all inlined, and whom they take it for is told by their own return
 * address. It lies at the same distance in every frame of such a call: found by unwinding once, read from then on.
 */
#define DISTANCES 64
#define NO_CALLER (-1)

struct search {
	const struct place *place;
	bool found;         /* the frame of the place; the next one is looked for */
	intptr_t distance;
};

static _Unwind_Reason_Code look(struct _Unwind_Context *context, void *argument)
{
	struct search *search = argument;
	uintptr_t end = _Unwind_GetCFA(context), address = _Unwind_GetIP(context);

	if (search->found) {
#if defined(__x86_64__)
		if (*(const uintptr_t *)(end - sizeof end) == address)
			search->distance = (intptr_t)(end - sizeof end - (uintptr_t)search->place->frame_end);
#endif
		(void)end;
		return _URC_END_OF_STACK;
	}
	search->found = address == (uintptr_t)search->place->site;
	return _URC_NO_REASON;
}

static const void *caller_of(const struct place *place)
{
	static __thread struct {
		const void *site;
		intptr_t distance;
	} known[DISTANCES];
	unsigned slot = (unsigned)((uintptr_t)place->site * UINT64_C(0x9e3779b97f4a7c15) >> 58) % DISTANCES;

	if (known[slot].site != place->site) {
		struct search search = {.place = place, .distance = NO_CALLER};

		_Unwind_Backtrace(look, &search);
		known[slot].site = place->site;
		known[slot].distance = search.distance;
	}
	if (known[slot].distance == NO_CALLER)
		return NULL;
	return *(const void *const *)((uintptr_t)place->frame_end + (uintptr_t)known[slot].distance);
}

/* ---- Locks ------------------------------------------------------------------------------------------------------- */

typedef int lock_call(void *lock);

/* A lock that was asked for from a place, at a time, has been got. */
static void note_taken(struct record *record, const struct record_held *asked, uint64_t now, bool contended)
{
	if (record->holds < RECORD_DEPTH_MAX) {
		struct record_held *held = &record->held[record->holds++];

		*held = *asked;
		held->since = now;
		held->waited = contended ? now - asked->since : 0;
		held->contended = contended;
	}
	if (contended) {
		record->last_contended = asked->lock;
		record_whole_span(record, RECORD_LOCK_WAIT, asked->since, now, (uintptr_t)asked->lock, asked->site, 0);
	}
	if (record_plan()->mode == RECORD_SPANS)
		record_open_span(record, RECORD_LOCK_HOLD, now, (uintptr_t)asked->lock, asked->site);
}

static int try_to_take(void *lock, struct place place, lock_call *try)
{
	struct record *record = record_mine();
	struct record_held asked = {.lock = lock, .site = place.site};
	int result;

	if (!record)
		return try(lock);
	if (record_plan()->mode == RECORD_LOCKS)
		asked.caller = caller_of(&place); /* before the lock is held, which is not to be longer for it */
	result = try(lock);
	asked.since = record_now();
	if (result == 0)
		note_taken(record, &asked, asked.since, false);
	else if (result == EBUSY)
		record->tried = asked;
	return result;
}

static int take(void *lock, struct place place, lock_call *try, lock_call *wait)
{
	struct record *record = record_mine();
	struct record_held tried;
	int result;

	if (!record)
		return wait(lock);
	if (record->tried.lock != lock) {
		result = try_to_take(lock, place, try);
		if (result != EBUSY)
			return result;
	}
	tried = record->tried;
	record->tried.lock = NULL;
	record_open_span(record, RECORD_LOCK_WAIT, tried.since, (uintptr_t)lock, tried.site);
	store_relaxed(&record->waiting, true); /* relaxed: a hint for who looks */
	result = wait(lock);
	store_relaxed(&record->waiting, false);
	record_drop_span(record);
	if (result == 0)
		note_taken(record, &tried, record_now(), true);
	return result;
}

/* What the thread holds of that lock, taken off the list. False: it was taken before there was a record. */
static bool take_off(struct record *record, const void *lock, struct record_held *held)
{
	for (unsigned i = record->holds; i-- > 0;)
		if (record->held[i].lock == lock) {
			*held = record->held[i];
			record->holds--;
			memmove(&record->held[i], &record->held[i + 1], (record->holds - i) * sizeof *held);
			return true;
		}
	return false;
}

/* The stack from the caller of a shim on, or from whom the lock was taken for, where that is on it. Else that comes first. */
static unsigned callers(const void *site, const void *caller, void *frame[RECORD_FRAMES_MAX])
{
	void *all[RECORD_FRAMES_MAX + OWN_FRAMES];
	int depth = backtrace(all, RECORD_FRAMES_MAX + OWN_FRAMES), from = 0;
	unsigned frames = 0;

	while (from < depth && all[from] != site)
		from++;
	for (int i = from; i < depth && i < from + 3; i++)
		if (all[i] == caller) {
			from = i;
			caller = NULL;
		}
	if (caller)
		frame[frames++] = (void *)(uintptr_t)caller;
	while (from < depth && frames < RECORD_FRAMES_MAX)
		frame[frames++] = all[from++];
	return frames;
}

static void note_released(struct record *record, const struct record_held *held, uint64_t now, const void *site)
{
	void *frame[RECORD_FRAMES_MAX];
	unsigned frames = 0;

	if (record_plan()->mode != RECORD_LOCKS) {
		record_close_hold(record, now, (uintptr_t)held->lock);
		return;
	}
	if (held->contended && record->from <= now && record_within(held->since))
		frames = callers(site, held->caller, frame);
	else if (held->caller)
		frame[frames++] = (void *)(uintptr_t)held->caller;
	record_acquisition(record, held, now, frame, frames);
}

static int release(void *lock, const void *site, lock_call *unlock)
{
	struct record *record = record_mine();
	struct record_held held;
	bool known = record && take_off(record, lock, &held);
	uint64_t now = known ? record_now() : 0;
	int result = unlock(lock);

	if (known)
		note_released(record, &held, now, site);
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

int traced_mutex_lock(pthread_mutex_t *mutex) { return take(mutex, PLACE, mutex_trylock, mutex_lock); }
int traced_mutex_trylock(pthread_mutex_t *mutex) { return try_to_take(mutex, PLACE, mutex_trylock); }
int traced_mutex_unlock(pthread_mutex_t *mutex) { return release(mutex, CALLER, mutex_unlock); }
int traced_rwlock_rdlock(pthread_rwlock_t *lock) { return take(lock, PLACE, rwlock_tryrdlock, rwlock_rdlock); }
int traced_rwlock_tryrdlock(pthread_rwlock_t *lock) { return try_to_take(lock, PLACE, rwlock_tryrdlock); }
int traced_rwlock_wrlock(pthread_rwlock_t *lock) { return take(lock, PLACE, rwlock_trywrlock, rwlock_wrlock); }
int traced_rwlock_trywrlock(pthread_rwlock_t *lock) { return try_to_take(lock, PLACE, rwlock_trywrlock); }
int traced_rwlock_unlock(pthread_rwlock_t *lock) { return release(lock, CALLER, rwlock_unlock); }

int traced_mutex_init(pthread_mutex_t *mutex, const pthread_mutexattr_t *attributes)
{
	record_lock_made(mutex, false);
	return pthread_mutex_init(mutex, attributes);
}

int traced_mutex_destroy(pthread_mutex_t *mutex)
{
	record_lock_gone(mutex);
	return pthread_mutex_destroy(mutex);
}

int traced_rwlock_init(pthread_rwlock_t *lock, const pthread_rwlockattr_t *attributes)
{
	record_lock_made(lock, true);
	return pthread_rwlock_init(lock, attributes);
}

int traced_rwlock_destroy(pthread_rwlock_t *lock)
{
	record_lock_gone(lock);
	return pthread_rwlock_destroy(lock);
}

/* ---- Waits for conditions ---------------------------------------------------------------------------------------- */

/* The mutex is let go and taken again: that is no wait for the mutex, whatever the kernel makes of it. */
static int wait_for(pthread_cond_t *condition, pthread_mutex_t *mutex, const struct timespec *until, const void *site)
{
	struct record *record = record_mine();
	struct record_held held = {.lock = NULL};
	bool known = record && take_off(record, mutex, &held);
	uint64_t now;
	int result;

	if (record) {
		now = record_now();
		if (known)
			note_released(record, &held, now, site);
		record_open_span(record, RECORD_IDLE, now, 0, site);
	}
	result = until ? pthread_cond_timedwait(condition, mutex, until) : pthread_cond_wait(condition, mutex);
	if (record) {
		now = record_now();
		record_close_span(record, now, 0, 0);
		if (known)
			note_taken(record, &held, now, false);
	}
	return result;
}

int traced_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex)
{
	return wait_for(condition, mutex, NULL, CALLER);
}

int traced_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex, const struct timespec *until)
{
	return wait_for(condition, mutex, until, CALLER);
}

/* ---- Spans ------------------------------------------------------------------------------------------------------- */

static struct record *begin(enum record_kind kind, uint64_t argument, const void *site)
{
	struct record *record = record_mine();

	if (record)
		record_open_span(record, kind, record_now(), argument, site);
	return record;
}

static void end(struct record *record, uint64_t argument, unsigned result)
{
	if (record)
		record_close_span(record, record_now(), argument, result);
}

int traced_nanosleep(const struct timespec *time, struct timespec *left)
{
	struct record *record = begin(RECORD_SLEEP, (uint64_t)time->tv_nsec, CALLER);
	int result = nanosleep(time, left);

	end(record, 0, 0);
	return result;
}

void traced_synchronize_rcu(void)
{
	struct record *record = begin(RECORD_GRACE, 0, CALLER);

	if (record && !record->name[0])
		memcpy(record->name, "grace periods", sizeof "grace periods");
	urcu_memb_synchronize_rcu();
	end(record, 0, 0);
}

bool traced_epoch_poll_deferred(struct ck_epoch_record *epoch, ck_stack_t *deferred)
{
	struct record *record = begin(RECORD_EPOCH_POLL, 0, CALLER);
	bool advanced = ck_epoch_poll_deferred(epoch, deferred);

	end(record, 0, advanced);
	return advanced;
}

/* ---- Before functions of the library ----------------------------------------------------------------------------- */

struct entry *__wrap_policy_evict(struct policy *policy)
{
	struct record *record = record_mine();

	if (record && record->evicted++ == 0)
		record->first_eviction = record_now();
	return __real_policy_evict(policy);
}

/* From the first victim to the end: what looks for room where there is enough is no eviction. */
static void note_evictions(void)
{
	struct record *record = record_mine();

	if (record && record->evicted > 0)
		record_whole_span(record, RECORD_EVICT, record->first_eviction, record_now(), record->evicted, NULL, 0);
	if (record)
		record->evicted = 0;
}

void __wrap_operation_make_room(struct capacitor_handle *handle, struct policy *policy, const struct entry *fresh,
                                const struct entry *old, operation_unlink *unlink, void *context,
                                struct operation_change *change)
{
	__real_operation_make_room(handle, policy, fresh, old, unlink, context, change);
	note_evictions();
}

void __wrap_operation_shrink(struct capacitor_handle *handle, struct policy *policy, operation_unlink *unlink, void *context)
{
	__real_operation_shrink(handle, policy, unlink, context);
	note_evictions();
}

void __wrap_operation_bury(struct capacitor_handle *handle, struct entry_list *dead, bool retired)
{
	struct record *record = dead->count > 0 ? begin(RECORD_BURY, dead->count, CALLER) : NULL;

	__real_operation_bury(handle, dead, retired);
	end(record, 0, 0);
}

enum capacitor_result __wrap_operation_admit_slowly(struct capacitor_handle *handle, size_t bytes)
{
	struct record *record = begin(RECORD_ROOM_WAIT, bytes, CALLER);
	enum capacitor_result result = __real_operation_admit_slowly(handle, bytes);

	end(record, 0, result);
	return result;
}

void __wrap_operation_waited(const struct capacitor_handle *handle, struct contention *contention, uint64_t from_ns)
{
	struct record *record = record_mine();

	if (record)
		record_contention_of(record, record->last_contended, contention);
	__real_operation_waited(handle, contention, from_ns);
}

void __wrap_contention_wait(pthread_mutex_t *mutex, struct contention *contention)
{
	struct record *record = record_mine();

	if (record)
		record_contention_of(record, mutex, contention);
	__real_contention_wait(mutex, contention);
}

bool __wrap_contention_show(const struct contention *contention, const char *name, unsigned index, bool in_statistics,
                            capacitor_lock_visitor *visitor, void *context)
{
	record_contention_named(contention, name, index);
	return __real_contention_show(contention, name, index, in_statistics, visitor, context);
}

/* ---- Operations, as the harness calls them ----------------------------------------------------------------------- */

/* What the harness has counted so far, for this thread: to be compared with what was recorded. */
static void note_counts(struct record *record)
{
	record->harness_operations = team_counted(record->team, RUNNER_OPERATIONS) - record->opened_operations;
	record->harness_gets = team_counted(record->team, RUNNER_GETS) - record->opened_gets;
	record->harness_counted = true;
}

/* The first operation behind the window's end finds all of the window's counted. */
static struct record *begin_operation(enum record_kind kind, uint64_t argument)
{
	struct record *record = record_mine();
	uint64_t now;

	if (record) {
		now = record_now();
		record_open_span(record, kind, now, argument, NULL);
		if (record->team && !record->harness_counted && now >= record_stopped())
			note_counts(record);
	}
	return record;
}

/* The first bytes of a key tell which it is. */
static uint64_t key_word(const void *key, size_t bytes)
{
	uint64_t word = 0;

	memcpy(&word, key, bytes < sizeof word ? bytes : sizeof word);
	return word;
}

enum capacitor_result __wrap_capacitor_get(struct capacitor_handle *handle, const void *key, size_t key_bytes, void *buffer,
                                           size_t buffer_bytes, size_t *value_bytes)
{
	struct record *record = begin_operation(RECORD_GET, key_word(key, key_bytes));
	enum capacitor_result result = __real_capacitor_get(handle, key, key_bytes, buffer, buffer_bytes, value_bytes);

	end(record, 0, result);
	return result;
}

enum capacitor_result __wrap_capacitor_set(struct capacitor_handle *handle, const void *key, size_t key_bytes, const void *value,
                                           size_t value_bytes, uint64_t ttl_ns)
{
	struct record *record = begin_operation(RECORD_SET, key_word(key, key_bytes));
	enum capacitor_result result = __real_capacitor_set(handle, key, key_bytes, value, value_bytes, ttl_ns);

	end(record, 0, result);
	return result;
}

enum capacitor_result __wrap_capacitor_add(struct capacitor_handle *handle, const void *key, size_t key_bytes, const void *value,
                                           size_t value_bytes, uint64_t ttl_ns)
{
	struct record *record = begin_operation(RECORD_ADD, key_word(key, key_bytes));
	enum capacitor_result result = __real_capacitor_add(handle, key, key_bytes, value, value_bytes, ttl_ns);

	end(record, 0, result);
	return result;
}

enum capacitor_result __wrap_capacitor_replace(struct capacitor_handle *handle, const void *key, size_t key_bytes,
                                               const void *value, size_t value_bytes, uint64_t ttl_ns)
{
	struct record *record = begin_operation(RECORD_REPLACE, key_word(key, key_bytes));
	enum capacitor_result result = __real_capacitor_replace(handle, key, key_bytes, value, value_bytes, ttl_ns);

	end(record, 0, result);
	return result;
}

enum capacitor_result __wrap_capacitor_delete(struct capacitor_handle *handle, const void *key, size_t key_bytes)
{
	struct record *record = begin_operation(RECORD_DELETE, key_word(key, key_bytes));
	enum capacitor_result result = __real_capacitor_delete(handle, key, key_bytes);

	end(record, 0, result);
	return result;
}

enum capacitor_result __wrap_capacitor_contains(struct capacitor_handle *handle, const void *key, size_t key_bytes)
{
	struct record *record = begin_operation(RECORD_CONTAINS, key_word(key, key_bytes));
	enum capacitor_result result = __real_capacitor_contains(handle, key, key_bytes);

	end(record, 0, result);
	return result;
}

/* ---- The harness's window ---------------------------------------------------------------------------------------- */

static const char *wanted; /* the implementation of the point, which is not also `null` */
static unsigned points;

unsigned traced_points(void)
{
	return points;
}

bool __wrap_point_run(const struct point *point, struct point_workspace *workspace, struct metrics *metrics,
                      char error[POINT_ERROR_BYTES])
{
	if (++points > 1) {
		memcpy(error, TRACED_ONE_POINT, sizeof TRACED_ONE_POINT);
		return false;
	}
	wanted = point->implementation->name;
	return __real_point_run(point, workspace, metrics, error);
}

static bool is_wanted(const struct runner_run *run)
{
	return wanted && strcmp(capacitor_cache_info(run->cache)->name, wanted) == 0;
}

struct runner *__wrap_runner_enter(struct runner_run *run, struct team_member *member)
{
	if (is_wanted(run))
		record_member(member->index);
	return __real_runner_enter(run, member);
}

/* The opening's own work comes first, the closing's last. */
void __wrap_runner_edge(void *argument, bool closes)
{
	struct runner_run *run = argument;
	bool ours = is_wanted(run);

	if (ours && closes)
		record_stop();
	__real_runner_edge(argument, closes);
	if (ours && !closes) {
		record_name_locks();
		record_start();
	}
	if (ours && closes)
		wanted = NULL; /* null comes next, also where the point is null's */
}

/* A member's record is of the operations that it counts as those of the window, from the first on. */
void __wrap_runner_note_phase(struct runner *runner, enum team_phase phase)
{
	struct record *record = record_mine();
	bool opens = runner->phase == TEAM_WARMUP && phase != TEAM_WARMUP;

	__real_runner_note_phase(runner, phase);
	/* It may come when the window has long been closed: a thread that was off its processor all the while. */
	if (!record || !record->member)
		return;
	if (opens) {
		record->team = runner->member;
		record->opened_operations = runner->opened.count[RUNNER_OPERATIONS];
		record->opened_gets = runner->opened.count[RUNNER_GETS];
		record->from = record_now();
	}
	if (phase == TEAM_STOP && record->team && !record->harness_counted)
		note_counts(record);
}
