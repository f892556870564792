/* SPDX-License-Identifier: BSD-2-Clause */
/* The life of the program's threads; see threads.h. The functions of pthread.h that are interposed here do what theirs do. */
#include "coherence/threads.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "coherence/names.h"
#include "coherence/real.h"

#define GUARD_BYTES   4096
#define KEYS_MAX      256
#define KEY_ROUNDS    4 /* PTHREAD_DESTRUCTOR_ITERATIONS */

/* Destructors run in the fiber, where they can wait for locks; the carrier finds nothing left to destroy. */
static struct {
	pthread_key_t key;
	void (*destructor)(void *);
} keys[KEYS_MAX];

/* ---- Keys -------------------------------------------------------------------------------------------------------- */

int pthread_key_create(pthread_key_t *key, void (*destructor)(void *))
{
	int error = real(pthread_key_create)(key, destructor);
	unsigned slot = 0;

	if (error || !destructor)
		return error;
	while (slot < KEYS_MAX && keys[slot].destructor)
		slot++;
	if (slot == KEYS_MAX)
		return EAGAIN;
	keys[slot].key = *key;
	keys[slot].destructor = destructor;
	return 0;
}

int pthread_key_delete(pthread_key_t key)
{
	for (unsigned slot = 0; slot < KEYS_MAX; slot++)
		if (keys[slot].destructor && keys[slot].key == key)
			keys[slot].destructor = NULL;
	return real(pthread_key_delete)(key);
}

static void destroy_values(void)
{
	bool any = true;

	for (unsigned round = 0; any && round < KEY_ROUNDS; round++) {
		any = false;
		for (unsigned slot = 0; slot < KEYS_MAX; slot++) {
			void (*destructor)(void *) = keys[slot].destructor;
			pthread_key_t key = keys[slot].key;
			void *value = destructor ? pthread_getspecific(key) : NULL;

			if (!value)
				continue;
			any = true;
			pthread_setspecific(key, NULL);
			destructor(value);
		}
	}
}

/* ---- Beginning and end ------------------------------------------------------------------------------------------- */

static bool others_live(void)
{
	for (unsigned i = 0; i < threads_used; i++)
		if (threads[i] && threads[i] != self && threads[i]->state != THREAD_ENDED)
			return true;
	return false;
}

static void end_thread(void)
{
	struct thread *thread = self;

	destroy_values();
	thread->operation = 0;
	thread->state = THREAD_ENDED;
	schedule_wake(thread, 1);
	schedule_wake(&threads_used, 1); /* the main thread may have left before */
	schedule_switch(true); /* does not come back, but to carriers with a token */
	self = NULL;
}

static void fiber_body(void)
{
	struct thread *thread = self;

	thread->result = thread->main(thread->argument);
	end_thread();
}

static void *carrier_main(void *argument)
{
	struct thread *thread = argument;
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, NULL);
	self = thread;
	fiber_carry(thread, fiber_body);
	self = NULL;
	return thread->result;
}

void pthread_exit(void *result)
{
	if (self && self->main) {
		self->result = result;
		end_thread();
	} else if (self) { /* it carries all fibers: it stays until they have ended */
		uintptr_t site = SITE;

		destroy_values();
		while (others_live())
			schedule_block(&threads_used, "the other threads to end", 0, site);
		exit(EXIT_SUCCESS);
	}
	real(pthread_exit)(result);
	__builtin_unreachable();
}

static void thread_free(struct thread *thread)
{
	if (thread->stack_first)
		munmap((void *)thread->stack_first, thread->stack_end - thread->stack_first);
	threads[thread->core] = NULL;
	munmap(thread, sizeof(*thread));
}

/* The carrier goes, and with it the thread. */
static void reap(struct thread *thread)
{
	word_set(&thread->may_end);
	real(pthread_join)(thread->carrier, NULL);
	thread_free(thread);
}

static struct thread *thread_new(void)
{
	struct thread *thread;
	unsigned core = 0;

	for (unsigned i = 0; i < threads_used; i++)
		if (threads[i] && threads[i]->detached && threads[i]->state == THREAD_ENDED)
			reap(threads[i]);
	while (core < threads_used && threads[core])
		core++;
	if (core == COHERENCE_CORES_MAX)
		return NULL;
	thread = mmap(NULL, sizeof(*thread), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (thread == MAP_FAILED)
		return NULL;
	thread->core = core;
	threads[core] = thread;
	if (core == threads_used)
		threads_used++;
	return thread;
}

void threads_begin(void)
{
	extern void *__libc_stack_end;

	self = thread_new();
	if (!self)
		abort();
	schedule_admit(self);
	self->carrier = pthread_self();
	self->stack_end = ((uintptr_t)__libc_stack_end | 4095) + 1;
	self->stack_first = self->stack_end - ((uintptr_t)8 << 20);
	names_stack(self->stack_first, self->stack_end, self->core);
}

/* Stacks are made here, so that records can tell what lies in them, and at the start of a page, so that runs repeat. */
static bool make_stack(struct thread *thread, const pthread_attr_t *wanted, pthread_attr_t *attributes)
{
	size_t bytes = (size_t)8 << 20;
	void *stack;

	if (wanted)
		pthread_attr_getstacksize(wanted, &bytes);
	bytes = ((bytes + 4095) & ~(size_t)4095) + CARRIERS_OWN + GUARD_BYTES;
	stack = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
	if (stack == MAP_FAILED)
		return false;
	mprotect(stack, GUARD_BYTES, PROT_NONE);
	thread->stack_first = (uintptr_t)stack;
	thread->stack_end = (uintptr_t)stack + bytes;
	names_stack(thread->stack_first, thread->stack_end, thread->core);
	pthread_attr_init(attributes);
	pthread_attr_setstack(attributes, stack, bytes);
	return true;
}

int pthread_create(pthread_t *handle, const pthread_attr_t *wanted, void *(*function)(void *), void *argument)
{
	struct thread *thread;
	pthread_attr_t attributes;
	int error;

	if (!self)
		return real(pthread_create)(handle, wanted, function, argument);
	schedule_point();
	thread = thread_new();
	if (!thread)
		return EAGAIN;
	if (!make_stack(thread, wanted, &attributes)) {
		thread_free(thread);
		return EAGAIN;
	}
	thread->main = function;
	thread->argument = argument;
	thread->state = THREAD_ENDED; /* nobody may choose it yet */
	if (wanted) {
		int detached;

		pthread_attr_getdetachstate(wanted, &detached);
		thread->detached = detached == PTHREAD_CREATE_DETACHED;
	}
	error = real(pthread_create)(&thread->carrier, &attributes, carrier_main, thread);
	pthread_attr_destroy(&attributes);
	if (error) {
		thread_free(thread);
		return error;
	}
	word_await(&thread->started);
	*handle = thread->carrier;
	thread->clock = self->clock + settings.latency.wake;
	schedule_admit(thread);
	schedule_ready(thread);
	return 0;
}

int pthread_join(pthread_t handle, void **result)
{
	uintptr_t site = SITE;

	if (!self)
		return real(pthread_join)(handle, result);
	schedule_point();
	for (unsigned i = 0; i < threads_used; i++) {
		struct thread *thread = threads[i];

		if (!thread || !thread->main || !pthread_equal(thread->carrier, handle))
			continue;
		while (thread->state != THREAD_ENDED)
			schedule_block(thread, "the end of a thread", 0, site);
		if (result)
			*result = thread->result;
		if (self->clock < thread->clock)
			self->clock = thread->clock;
		reap(thread);
		return 0;
	}
	return ESRCH;
}

int pthread_detach(pthread_t handle)
{
	if (!self)
		return real(pthread_detach)(handle);
	for (unsigned i = 0; i < threads_used; i++)
		if (threads[i] && threads[i]->main && pthread_equal(threads[i]->carrier, handle))
			threads[i]->detached = true;
	return 0;
}
