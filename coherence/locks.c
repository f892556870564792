/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Locks and what else threads wait for. The C library is not instrumented, so its accesses to a lock are replayed, as version
 * 2.36 makes them on the ways that matter: taking a free lock, failing to, giving it back. Waits in the kernel are
 * modelled: a thread that finds a mutex taken blocks until it is given back, and tries again. A mutex's own state is the
 * system's, changed by its own trylock and unlock; what else is here brings its own.
 */
#include "coherence/locks.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <semaphore.h>
#include <stdarg.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "coherence/counts.h"
#include "coherence/memory.h"
#include "coherence/real.h"
#include "coherence/time.h"

/* A field of a lock, by its own address and size. */
#define TOUCH(field, access, site) access_memory(&(field), sizeof(field), access, site)

/* ---- Statistics -------------------------------------------------------------------------------------------------- */

#define LOCK_BUCKETS 4096

static struct {
	struct lock *bucket[LOCK_BUCKETS];
	struct lock *first, **last;
	unsigned count;
} locks;

const struct lock *locks_first(void)
{
	return locks.first;
}

void locks_measure(void)
{
	for (struct lock *lock = locks.first; lock; lock = lock->next)
		lock->locks = lock->waits = lock->handovers = lock->wait_cycles = 0;
}

/* NULL: there are too many to tell apart. */
static struct lock *lock_at(const void *address)
{
	uint64_t at = (uintptr_t)address / 8 * UINT64_C(0x9E3779B97F4A7C15) >> 20;
	struct lock *lock;

	for (;; at++) {
		lock = locks.bucket[at % LOCK_BUCKETS];
		if (!lock || lock->address == (uintptr_t)address)
			break;
	}
	if (lock)
		return lock;
	if (locks.count == LOCK_BUCKETS / 2)
		return NULL;
	lock = memory_take(sizeof(*lock));
	lock->address = (uintptr_t)address;
	lock->last_core = -1;
	if (!locks.last)
		locks.last = &locks.first;
	*locks.last = lock;
	locks.last = &lock->next;
	locks.count++;
	locks.bucket[at % LOCK_BUCKETS] = lock;
	return lock;
}

static void taken(const void *address, bool waited, uint64_t since)
{
	struct lock *lock = lock_at(address);
	bool handed = lock && lock->last_core >= 0 && lock->last_core != (int)self->core;

	if (lock)
		lock->last_core = (int)self->core;
	if (!counts.on)
		return;
	counts_add(self->operation, COHERENCE_LOCKS, 1);
	counts_add(self->operation, COHERENCE_LOCK_WAITS, waited);
	counts_add(self->operation, COHERENCE_HANDOVERS, handed);
	if (lock) {
		lock->locks++;
		lock->waits += waited;
		lock->handovers += handed;
		lock->wait_cycles += waited ? self->clock - since : 0;
	}
}

/* ---- Mutexes ----------------------------------------------------------------------------------------------------- */

enum how {
	HOW_LOCK,
	HOW_TRY,
};

static int mutex_lock(pthread_mutex_t *mutex, enum how how, uint64_t deadline, uintptr_t site)
{
	uint64_t since = self->clock;
	bool waited = false;
	int result;

	schedule_point();
	TOUCH(mutex->__data.__kind, ACCESS_READ, site);
	for (;;) {
		TOUCH(mutex->__data.__lock, ACCESS_RMW, site);
		result = real(pthread_mutex_trylock)(mutex);
		if (result != EBUSY || how == HOW_TRY)
			break;
		waited = true;
		TOUCH(mutex->__data.__lock, ACCESS_READ, site);
		TOUCH(mutex->__data.__lock, ACCESS_RMW, site); /* says that somebody waits */
		/* Between these two others may have run, and given it back. */
		result = real(pthread_mutex_trylock)(mutex);
		if (result != EBUSY)
			break;
		if (!schedule_block(mutex, "a mutex", deadline, site))
			return ETIMEDOUT;
	}
	if (result != 0 && result != EOWNERDEAD)
		return result;
	TOUCH(mutex->__data.__owner, ACCESS_READ, site);
	TOUCH(mutex->__data.__owner, ACCESS_WRITE, site);
	TOUCH(mutex->__data.__nusers, ACCESS_READ, site);
	TOUCH(mutex->__data.__nusers, ACCESS_WRITE, site);
	taken(mutex, waited, since);
	return result;
}

static int mutex_unlock(pthread_mutex_t *mutex, uintptr_t site)
{
	int result;

	schedule_point();
	TOUCH(mutex->__data.__kind, ACCESS_READ, site);
	TOUCH(mutex->__data.__owner, ACCESS_WRITE, site);
	TOUCH(mutex->__data.__nusers, ACCESS_READ, site);
	TOUCH(mutex->__data.__nusers, ACCESS_WRITE, site);
	TOUCH(mutex->__data.__lock, ACCESS_RMW, site);
	result = real(pthread_mutex_unlock)(mutex);
	schedule_wake(mutex, 1);
	return result;
}

int pthread_mutex_lock(pthread_mutex_t *mutex)
{
	return self ? mutex_lock(mutex, HOW_LOCK, 0, SITE) : real(pthread_mutex_lock)(mutex);
}

int pthread_mutex_trylock(pthread_mutex_t *mutex)
{
	return self ? mutex_lock(mutex, HOW_TRY, 0, SITE) : real(pthread_mutex_trylock)(mutex);
}

int pthread_mutex_timedlock(pthread_mutex_t *restrict mutex, const struct timespec *restrict deadline)
{
	return self ? mutex_lock(mutex, HOW_LOCK, time_deadline(deadline), SITE)
	            : real(pthread_mutex_timedlock)(mutex, deadline);
}

int pthread_mutex_unlock(pthread_mutex_t *mutex)
{
	return self ? mutex_unlock(mutex, SITE) : real(pthread_mutex_unlock)(mutex);
}

/* ---- Locks for readers and writers ------------------------------------------------------------------------------- */

/*
 * The system's algorithm (nptl/pthread_rwlock_common.c of version 2.36, preferring readers), on its own words, with its waits
 * replaced by ours. All of it, rather than a replay around its trylock: who is let in next after a wait is decided inside.
 *
 * readers: readers that have come << 3 | writers have their turn (WRITE_PHASE) | there is a first writer (WRITER). A first
 * writer waits on wrphase_futex for the readers to leave, other writers wait on writers_futex to be first; readers who come in
 * a writers' turn wait on wrphase_futex for the readers' turn. What threads find there is what they woke up for.
 */
#define WRITE_PHASE 1u
#define WRITER      2u
#define READER      8u
#define AWAITED     2u /* of the futexes: somebody may sleep */

static unsigned *word(unsigned *field, enum access access, uintptr_t site)
{
	access_memory(field, sizeof(*field), access, site);
	return field;
}

#define LOAD(field)         (*(volatile unsigned *)word(&lock->__data.field, ACCESS_READ, site))
#define STORE(field, value) (*(volatile unsigned *)word(&lock->__data.field, ACCESS_WRITE, site) = (value))
#define EXCHANGE(field, value) exchange(word(&lock->__data.field, ACCESS_RMW, site), value)
#define REPLACE(field, old, new) replace(word(&lock->__data.field, ACCESS_RMW, site), old, new)

/* An int, of who writes: the core's number and one. */
#define LOAD_WRITER()       (*(volatile unsigned *)word((unsigned *)&lock->__data.__cur_writer, ACCESS_READ, site))
#define STORE_WRITER(value) (*(volatile unsigned *)word((unsigned *)&lock->__data.__cur_writer, ACCESS_WRITE, site) = (value))

static unsigned exchange(volatile unsigned *field, unsigned value)
{
	unsigned old = *field;

	*field = value;
	return old;
}

/* Compare-and-swap: true when it was *old and is new now; else *old is what it was. */
static bool replace(volatile unsigned *field, unsigned *old, unsigned new)
{
	unsigned now = *field;

	if (now == *old) {
		*field = new;
		return true;
	}
	*old = now;
	access_failed(field);
	return false;
}

/* Sleeps while the futex has the value (without AWAITED). */
static void rwlock_sleep(unsigned *futex, unsigned value, const char *how, uintptr_t site)
{
	for (;;) {
		unsigned now = *(volatile unsigned *)word(futex, ACCESS_READ, site);

		if ((now & ~AWAITED) != value)
			return;
		if (!(now & AWAITED) && !replace(word(futex, ACCESS_RMW, site), &now, now | AWAITED))
			continue;
		schedule_block(futex, how, 0, site);
	}
}

/* Waits for the readers' or the writers' turn. The futex may be a turn old when it is looked at first: the phase itself is looked
 * at, too, and then the futex once more. */
static void rwlock_await_turn(pthread_rwlock_t *lock, bool writers, const char *how, uintptr_t site)
{
	for (bool ready = false;;) {
		rwlock_sleep(&lock->__data.__wrphase_futex, writers ? 0 : 1, how, site);
		if (ready)
			return;
		ready = ((LOAD(__readers) & WRITE_PHASE) != 0) == writers;
		if (!ready)
			coherence_relax(); /* whoever changes both is between the two */
	}
}

/* The readers' turn begins. */
static void rwlock_let_readers(pthread_rwlock_t *lock, uintptr_t site)
{
	if (EXCHANGE(__wrphase_futex, 0) & AWAITED)
		schedule_wake(&lock->__data.__wrphase_futex, UINT_MAX);
}

static void rwlock_read(pthread_rwlock_t *lock, uintptr_t site)
{
	uint64_t since = self->clock;
	unsigned readers;

	schedule_point();
	(void)LOAD_WRITER();
	(void)LOAD(__flags);
	word(&lock->__data.__readers, ACCESS_RMW, site);
	readers = lock->__data.__readers += READER;
	while ((readers & WRITE_PHASE) && !(readers & WRITER)) { /* nobody writes: it is the readers' turn from now on */
		if (REPLACE(__readers, &readers, readers ^ WRITE_PHASE)) {
			rwlock_let_readers(lock, site);
			readers = 0;
		}
	}
	if (readers & WRITE_PHASE)
		rwlock_await_turn(lock, false, "a lock to read", site);
	taken(lock, readers & WRITE_PHASE, since);
}

static void rwlock_write(pthread_rwlock_t *lock, uintptr_t site)
{
	uint64_t since = self->clock;
	bool waited = false;
	unsigned readers;

	schedule_point();
	(void)LOAD_WRITER();
	readers = *word(&lock->__data.__readers, ACCESS_RMW, site);
	lock->__data.__readers |= WRITER;
	while (readers & WRITER) { /* another writer is first */
		waited = true;
		rwlock_sleep(&lock->__data.__writers_futex, 1, "a lock to write", site);
		readers = LOAD(__readers);
		if (!(readers & WRITER) && REPLACE(__readers, &readers, readers | WRITER))
			break;
		readers |= WRITER;
		coherence_relax(); /* the futex says that nobody is first, the word that somebody is: he is between the two */
	}
	/* Others may be asleep on it still: it stays awaited. */
	STORE(__writers_futex, 1 | (waited ? AWAITED : 0));
	while (!(readers & WRITE_PHASE)) {
		if (readers >= READER) {
			waited = true;
			rwlock_await_turn(lock, true, "readers to leave a lock", site);
			break;
		}
		if (REPLACE(__readers, &readers, readers | WRITER | WRITE_PHASE)) {
			STORE(__wrphase_futex, 1);
			break;
		}
	}
	STORE_WRITER(self->core + 1);
	taken(lock, waited, since);
}

static int rwlock_try_read(pthread_rwlock_t *lock, uintptr_t site)
{
	unsigned readers, new;

	schedule_point();
	readers = LOAD(__readers);
	do {
		if ((readers & WRITE_PHASE) && (readers & WRITER))
			return EBUSY;
		new = (readers + READER) & ~WRITE_PHASE;
	} while (!REPLACE(__readers, &readers, new));
	if (readers & WRITE_PHASE)
		rwlock_let_readers(lock, site);
	taken(lock, false, self->clock);
	return 0;
}

static int rwlock_try_write(pthread_rwlock_t *lock, uintptr_t site)
{
	unsigned readers;

	schedule_point();
	readers = LOAD(__readers);
	(void)LOAD(__flags);
	do {
		if ((readers & WRITER) || readers >= READER)
			return EBUSY;
	} while (!REPLACE(__readers, &readers, readers | WRITER | WRITE_PHASE));
	STORE(__writers_futex, 1);
	if (!(readers & WRITE_PHASE))
		STORE(__wrphase_futex, 1);
	STORE_WRITER(self->core + 1);
	taken(lock, false, self->clock);
	return 0;
}

static void rwlock_end_write(pthread_rwlock_t *lock, uintptr_t site)
{
	unsigned readers;
	bool awaited;

	STORE_WRITER(0);
	awaited = EXCHANGE(__writers_futex, 0) & AWAITED;
	(void)LOAD(__flags);
	readers = LOAD(__readers);
	while (!REPLACE(__readers, &readers, (readers ^ WRITER) ^ (readers >= READER ? WRITE_PHASE : 0)))
		;
	if (readers >= READER)
		rwlock_let_readers(lock, site);
	if (awaited)
		schedule_wake(&lock->__data.__writers_futex, 1);
}

static void rwlock_end_read(pthread_rwlock_t *lock, uintptr_t site)
{
	unsigned readers = LOAD(__readers), new;

	do {
		new = readers - READER;
		if (new < READER && (new & WRITER))
			new |= WRITE_PHASE; /* the last to leave gives the turn to the writer that waits */
	} while (!REPLACE(__readers, &readers, new));
	if ((new & WRITE_PHASE) && !(readers & WRITE_PHASE) && (EXCHANGE(__wrphase_futex, 1) & AWAITED))
		schedule_wake(&lock->__data.__wrphase_futex, UINT_MAX);
}

int pthread_rwlock_rdlock(pthread_rwlock_t *lock)
{
	if (!self)
		return real(pthread_rwlock_rdlock)(lock);
	rwlock_read(lock, SITE);
	return 0;
}

int pthread_rwlock_wrlock(pthread_rwlock_t *lock)
{
	if (!self)
		return real(pthread_rwlock_wrlock)(lock);
	rwlock_write(lock, SITE);
	return 0;
}

int pthread_rwlock_tryrdlock(pthread_rwlock_t *lock)
{
	return self ? rwlock_try_read(lock, SITE) : real(pthread_rwlock_tryrdlock)(lock);
}

int pthread_rwlock_trywrlock(pthread_rwlock_t *lock)
{
	return self ? rwlock_try_write(lock, SITE) : real(pthread_rwlock_trywrlock)(lock);
}

int pthread_rwlock_unlock(pthread_rwlock_t *lock)
{
	uintptr_t site = SITE;

	if (!self)
		return real(pthread_rwlock_unlock)(lock);
	schedule_point();
	if (LOAD_WRITER() == self->core + 1)
		rwlock_end_write(lock, site);
	else
		rwlock_end_read(lock, site);
	return 0;
}

int pthread_rwlock_timedrdlock(pthread_rwlock_t *restrict lock, const struct timespec *restrict deadline)
{
	if (self)
		end_hang("pthread_rwlock_timedrdlock is not modelled");
	return real(pthread_rwlock_timedrdlock)(lock, deadline);
}

int pthread_rwlock_timedwrlock(pthread_rwlock_t *restrict lock, const struct timespec *restrict deadline)
{
	if (self)
		end_hang("pthread_rwlock_timedwrlock is not modelled");
	return real(pthread_rwlock_timedwrlock)(lock, deadline);
}

/* ---- Spin locks -------------------------------------------------------------------------------------------------- */

int pthread_spin_lock(pthread_spinlock_t *lock)
{
	uintptr_t site = SITE;
	uint64_t since;
	bool waited = false;

	if (!self)
		return real(pthread_spin_lock)(lock);
	since = self->clock;
	for (;;) {
		schedule_point();
		TOUCH(*lock, ACCESS_RMW, site);
		if (real(pthread_spin_trylock)(lock) == 0)
			break;
		waited = true;
		do {
			coherence_relax();
			TOUCH(*lock, ACCESS_READ, site);
		} while (*lock <= 0);
	}
	taken((const void *)lock, waited, since);
	return 0;
}

int pthread_spin_trylock(pthread_spinlock_t *lock)
{
	int result;

	if (!self)
		return real(pthread_spin_trylock)(lock);
	schedule_point();
	TOUCH(*lock, ACCESS_RMW, SITE);
	result = real(pthread_spin_trylock)(lock);
	if (result == 0)
		taken((const void *)lock, false, self->clock);
	return result;
}

int pthread_spin_unlock(pthread_spinlock_t *lock)
{
	if (!self)
		return real(pthread_spin_unlock)(lock);
	schedule_point();
	TOUCH(*lock, ACCESS_WRITE, SITE);
	return real(pthread_spin_unlock)(lock);
}

/* ---- Conditions -------------------------------------------------------------------------------------------------- */

/* A condition's state is who blocks on it; the words that the system would use are touched, not changed. */
static int condition_wait(pthread_cond_t *condition, pthread_mutex_t *mutex, uint64_t deadline, uintptr_t site)
{
	bool woken;

	access_memory(condition, sizeof(uint64_t), ACCESS_RMW, site);
	/* Nobody else runs after the mutex was given back (the last thing that mutex_unlock does) and before this blocks. */
	mutex_unlock(mutex, site);
	woken = schedule_block(condition, "a condition", deadline, site);
	mutex_lock(mutex, HOW_LOCK, 0, site);
	return woken ? 0 : ETIMEDOUT;
}

int pthread_cond_wait(pthread_cond_t *restrict condition, pthread_mutex_t *restrict mutex)
{
	return self ? condition_wait(condition, mutex, 0, SITE) : real(pthread_cond_wait)(condition, mutex);
}

int pthread_cond_timedwait(pthread_cond_t *restrict condition, pthread_mutex_t *restrict mutex,
                           const struct timespec *restrict deadline)
{
	return self ? condition_wait(condition, mutex, time_deadline(deadline), SITE)
	            : real(pthread_cond_timedwait)(condition, mutex, deadline);
}

int pthread_cond_clockwait(pthread_cond_t *restrict condition, pthread_mutex_t *restrict mutex, clockid_t clock,
                           const struct timespec *restrict deadline)
{
	return self ? condition_wait(condition, mutex, time_deadline(deadline), SITE)
	            : real(pthread_cond_clockwait)(condition, mutex, clock, deadline);
}

static int condition_wake(pthread_cond_t *condition, unsigned most, uintptr_t site)
{
	schedule_point();
	access_memory(condition, sizeof(uint64_t), ACCESS_RMW, site);
	schedule_wake(condition, most);
	return 0;
}

int pthread_cond_signal(pthread_cond_t *condition)
{
	return self ? condition_wake(condition, 1, SITE) : real(pthread_cond_signal)(condition);
}

int pthread_cond_broadcast(pthread_cond_t *condition)
{
	return self ? condition_wake(condition, UINT_MAX, SITE) : real(pthread_cond_broadcast)(condition);
}

/* Its state is here: the system's would wait for threads that look at it no more. */
int pthread_cond_destroy(pthread_cond_t *condition)
{
	return self ? 0 : real(pthread_cond_destroy)(condition);
}

/* ---- Barriers, once, semaphores ---------------------------------------------------------------------------------- */

/* In the place of the system's, and initialised here. */
struct barrier {
	unsigned count, arrived, round;
};
_Static_assert(sizeof(struct barrier) <= sizeof(pthread_barrier_t), "ours fits the place");

int pthread_barrier_init(pthread_barrier_t *restrict place, const pthread_barrierattr_t *restrict attributes, unsigned count)
{
	if (!self)
		return real(pthread_barrier_init)(place, attributes, count);
	if (count == 0)
		return EINVAL;
	*(struct barrier *)place = (struct barrier){.count = count};
	return 0;
}

int pthread_barrier_destroy(pthread_barrier_t *place)
{
	return self ? 0 : real(pthread_barrier_destroy)(place);
}

int pthread_barrier_wait(pthread_barrier_t *place)
{
	struct barrier *barrier = (struct barrier *)place;
	uintptr_t site = SITE;
	unsigned round;

	if (!self)
		return real(pthread_barrier_wait)(place);
	schedule_point();
	TOUCH(barrier->arrived, ACCESS_RMW, site);
	round = barrier->round;
	if (++barrier->arrived == barrier->count) {
		TOUCH(barrier->arrived, ACCESS_WRITE, site);
		TOUCH(barrier->round, ACCESS_WRITE, site);
		barrier->arrived = 0;
		barrier->round++;
		schedule_wake(place, UINT_MAX);
		return PTHREAD_BARRIER_SERIAL_THREAD;
	}
	while (barrier->round == round)
		schedule_block(place, "a barrier", 0, site);
	TOUCH(barrier->round, ACCESS_READ, site);
	return 0;
}

enum once {
	ONCE_NEVER = PTHREAD_ONCE_INIT,
	ONCE_RUNNING,
	ONCE_DONE, /* as the system's: both may meet the same word, before and after the start */
};

int pthread_once(pthread_once_t *once, void (*function)(void))
{
	uintptr_t site = SITE;

	if (!self)
		return real(pthread_once)(once, function);
	schedule_point();
	TOUCH(*once, ACCESS_READ, site);
	while (*(volatile int *)once == ONCE_RUNNING) {
		schedule_block(once, "an initialisation", 0, site);
		TOUCH(*once, ACCESS_READ, site);
	}
	if (*(volatile int *)once == ONCE_DONE)
		return 0;
	*(volatile int *)once = ONCE_RUNNING; /* before the access, in which others may run */
	TOUCH(*once, ACCESS_RMW, site);
	function();
	TOUCH(*once, ACCESS_WRITE, site);
	*(volatile int *)once = ONCE_DONE;
	schedule_wake(once, UINT_MAX);
	return 0;
}

/* The system's word is the value. False: the deadline came. */
static bool semaphore_wait(sem_t *semaphore, uint64_t deadline, uintptr_t site)
{
	schedule_point();
	for (;;) {
		access_memory(semaphore, sizeof(uint64_t), ACCESS_RMW, site);
		if (real(sem_trywait)(semaphore) == 0)
			return true;
		if (!schedule_block(semaphore, "a semaphore", deadline, site))
			return false;
	}
}

int sem_wait(sem_t *semaphore)
{
	if (!self)
		return real(sem_wait)(semaphore);
	semaphore_wait(semaphore, 0, SITE);
	return 0;
}

int sem_timedwait(sem_t *restrict semaphore, const struct timespec *restrict deadline)
{
	if (!self)
		return real(sem_timedwait)(semaphore, deadline);
	if (semaphore_wait(semaphore, time_deadline(deadline), SITE))
		return 0;
	errno = ETIMEDOUT;
	return -1;
}

int sem_trywait(sem_t *semaphore)
{
	if (self) {
		schedule_point();
		access_memory(semaphore, sizeof(uint64_t), ACCESS_RMW, SITE);
	}
	return real(sem_trywait)(semaphore);
}

int sem_post(sem_t *semaphore)
{
	int result;

	if (!self)
		return real(sem_post)(semaphore);
	schedule_point();
	access_memory(semaphore, sizeof(uint64_t), ACCESS_RMW, SITE);
	result = real(sem_post)(semaphore);
	schedule_wake(semaphore, 1);
	return result;
}

/* ---- System calls ------------------------------------------------------------------------------------------------ */

#define MEMBARRIER_CYCLES 3000 /* interrupts to all cores that run the process, and their answers */

static long result_of(long value)
{
	if (value < 0 && value > -4096) {
		errno = (int)-value;
		return -1;
	}
	return value;
}

static long futex_wait(const unsigned *word, unsigned expected, const struct timespec *after, uintptr_t site)
{
	schedule_point();
	access_memory(word, sizeof(*word), ACCESS_READ, site);
	if (*(volatile const unsigned *)word != expected)
		return result_of(-EAGAIN);
	if (!schedule_block(word, "a futex", after ? time_after(time_of(after)) : 0, site))
		return result_of(-ETIMEDOUT);
	return 0;
}

/* liburcu makes its calls through this function. */
long syscall(long number, ...)
{
	uintptr_t site = SITE;
	long argument[6];
	va_list list;

	va_start(list, number);
	for (unsigned i = 0; i < 6; i++)
		argument[i] = va_arg(list, long);
	va_end(list);
	if (self && number == SYS_futex && (argument[1] & FUTEX_CMD_MASK) == FUTEX_WAIT)
		return futex_wait((const unsigned *)argument[0], (unsigned)argument[2], (const struct timespec *)argument[3],
		                  site);
	if (self && number == SYS_futex && (argument[1] & FUTEX_CMD_MASK) == FUTEX_WAKE) {
		schedule_point();
		return schedule_wake((const void *)argument[0], (unsigned)argument[2]);
	}
	if (self && number == SYS_membarrier && argument[0] != 0) {
		counts_add(self->operation, COHERENCE_MEMBARRIERS, 1);
		self->clock += MEMBARRIER_CYCLES;
	}
	return result_of(system_call(number, argument[0], argument[1], argument[2], argument[3], argument[4], argument[5]));
}
