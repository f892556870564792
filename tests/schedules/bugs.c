/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bugs that only interleavings show, each the smallest program of its kind. They are what the checker must find: in `make
 * schedules` a few of those that it finds nearly always, in `make schedules-table` all, by kind of schedule.
 *
 * The same code runs natively, too, without the observatory, to compare with.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

#include "tests/schedules/scenarios.h"

#define THREADS 3

static atomic_int wrong;

static void run_threads(void *(*body)(void *))
{
	pthread_t thread[THREADS];

	wrong = 0;
	for (size_t i = 0; i < THREADS; i++)
		pthread_create(&thread[i], NULL, body, (void *)i);
	for (size_t i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
}

/* ---- Lost update: a read and a write where there should be one read-modify-write ---- */

static atomic_long counter;

static void *lose_updates(void *unused)
{
	(void)unused;
	for (int i = 0; i < 10; i++)
		atomic_store(&counter, atomic_load(&counter) + 1);
	return NULL;
}

static bool lost_update(const char *implementation, uint64_t seed)
{
	(void)implementation;
	(void)seed;
	counter = 0;
	run_threads(lose_updates);
	return counter == 10 * THREADS;
}

/* ---- ABA: a stack whose top comes back while its next is another ---- */

static struct node {
	_Atomic(struct node *) next;
	atomic_int listed;
} nodes[3];
static _Atomic(struct node *) top;

static void push(struct node *node)
{
	struct node *old = atomic_load(&top);

	atomic_store(&node->listed, 1);
	do
		atomic_store(&node->next, old);
	while (!atomic_compare_exchange_strong(&top, &old, node));
}

static struct node *pop(void)
{
	for (;;) {
		struct node *node = atomic_load(&top), *next;

		if (!node)
			return NULL;
		next = atomic_load(&node->next);
		if (!atomic_compare_exchange_strong(&top, &node, next))
			continue;
		if (atomic_exchange(&node->listed, 0) != 1)
			wrong = 1; /* it was somebody else's */
		return node;
	}
}

static void *swap_nodes(void *unused)
{
	(void)unused;
	for (int i = 0; i < 8; i++) {
		struct node *one = pop(), *other = pop();

		if (one)
			push(one);
		if (other)
			push(other);
	}
	return NULL;
}

static bool aba(const char *implementation, uint64_t seed)
{
	(void)implementation;
	(void)seed;
	atomic_store(&top, NULL);
	for (int i = 0; i < 3; i++)
		push(&nodes[i]);
	run_threads(swap_nodes);
	return !wrong;
}

/* ---- Torn read: a sequence lock whose reader forgets that an odd number means a writer inside ---- */

static atomic_uint sequence;
static atomic_long half[2];

static void *tear(void *number)
{
	for (long i = 1; i <= 8; i++) {
		if (number == NULL) {
			atomic_fetch_add(&sequence, 1);
			atomic_store(&half[0], i);
			atomic_store(&half[1], i);
			atomic_fetch_add(&sequence, 1);
		} else {
			unsigned before = atomic_load(&sequence);
			long first = atomic_load(&half[0]), second = atomic_load(&half[1]);

			if (atomic_load(&sequence) == before && first != second)
				wrong = 1;
		}
	}
	return NULL;
}

static bool torn_read(const char *implementation, uint64_t seed)
{
	(void)implementation;
	(void)seed;
	sequence = 0;
	half[0] = half[1] = 0;
	run_threads(tear);
	return !wrong;
}

/* ---- Lost wake-up: the condition is looked at outside of the mutex. Hangs. ---- */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER, other_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static atomic_int ready, work;

static void *miss_signal(void *number)
{
	if (number == NULL) {
		if (!atomic_load(&ready)) {
			pthread_mutex_lock(&mutex);
			pthread_cond_wait(&condition, &mutex);
			pthread_mutex_unlock(&mutex);
		}
	} else if (number == (void *)1) {
		for (int i = 0; i < 20; i++)
			atomic_fetch_add(&work, 1);
		atomic_store(&ready, 1);
		pthread_mutex_lock(&mutex);
		pthread_cond_broadcast(&condition);
		pthread_mutex_unlock(&mutex);
	}
	return NULL;
}

static bool lost_wake_up(const char *implementation, uint64_t seed)
{
	(void)implementation;
	(void)seed;
	ready = 0;
	run_threads(miss_signal);
	return true;
}

/* ---- Lock inversion. Hangs. ---- */

static void *invert(void *number)
{
	pthread_mutex_t *first = (size_t)number % 2 ? &mutex : &other_mutex;
	pthread_mutex_t *second = (size_t)number % 2 ? &other_mutex : &mutex;

	for (int i = 0; i < 3; i++) {
		pthread_mutex_lock(first);
		atomic_fetch_add(&work, 1);
		pthread_mutex_lock(second);
		atomic_fetch_add(&work, 1);
		pthread_mutex_unlock(second);
		pthread_mutex_unlock(first);
	}
	return NULL;
}

static bool lock_inversion(const char *implementation, uint64_t seed)
{
	(void)implementation;
	(void)seed;
	run_threads(invert);
	return true;
}

/* ---- Double-checked initialisation: the flag is set before what it stands for ---- */

static atomic_int initialised;
static atomic_long initial;

static void *initialise(void *unused)
{
	(void)unused;
	if (!atomic_load(&initialised)) {
		pthread_mutex_lock(&mutex);
		if (!atomic_load(&initialised)) {
			atomic_store(&initialised, 1);
			atomic_store(&initial, 42);
		}
		pthread_mutex_unlock(&mutex);
	}
	if (atomic_load(&initial) != 42)
		wrong = 1;
	return NULL;
}

static bool double_checked(const char *implementation, uint64_t seed)
{
	(void)implementation;
	(void)seed;
	initialised = 0;
	initial = 0;
	run_threads(initialise);
	return !wrong;
}

/* ---- If instead of while: two consumers are woken for one item, and the second takes what is not there ---- */

static int items;

static void *take_one(void *number)
{
	for (int i = 0; i < 4; i++) {
		pthread_mutex_lock(&mutex);
		if (number == NULL) {
			items += 2;
			pthread_cond_broadcast(&condition);
		} else {
			if (items == 0)
				pthread_cond_wait(&condition, &mutex);
			if (items == 0)
				wrong = 1;
			else
				items--;
		}
		pthread_mutex_unlock(&mutex);
	}
	return NULL;
}

static bool if_not_while(const char *implementation, uint64_t seed)
{
	(void)implementation;
	(void)seed;
	items = 0;
	run_threads(take_one);
	return !wrong;
}

/* ---- Check, then act: what was checked under the lock is no longer so when it is acted upon under it ---- */

static int seats;

static bool seat_is_free(void)
{
	bool is_free;

	pthread_mutex_lock(&mutex);
	is_free = seats > 0;
	pthread_mutex_unlock(&mutex);
	return is_free;
}

static void *take_seat(void *unused)
{
	(void)unused;
	if (seat_is_free()) {
		pthread_mutex_lock(&mutex);
		seats--;
		if (seats < 0)
			wrong = 1;
		pthread_mutex_unlock(&mutex);
	}
	return NULL;
}

static bool check_then_act(const char *implementation, uint64_t seed)
{
	(void)implementation;
	(void)seed;
	seats = 2;
	run_threads(take_seat);
	return !wrong;
}

const struct scenario planted_bugs[] = {
	{"lost-update", "a load and a store in the place of a read-modify-write", lost_update},
	{"aba", "a stack's top that came back with another next", aba},
	{"torn-read", "a sequence lock without the look at odd numbers", torn_read},
	{"lost-wake-up", "a condition looked at outside of its mutex", lost_wake_up},
	{"lock-inversion", "two mutexes in either order", lock_inversion},
	{"double-checked", "a flag set before what it stands for", double_checked},
	{"if-not-while", "a condition that is not looked at again after waiting", if_not_while},
	{"check-then-act", "two critical sections that should be one", check_then_act},
	{NULL, NULL, NULL},
};
