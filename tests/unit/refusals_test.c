/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What becomes of a call when the system refuses what it needs: thread keys, a thread, random bytes. The functions are
 * replaced in this program; the nth call of one of them fails. Each case runs in a process of its own, because a library
 * may ask for something once per process.
 */
#include "capacitor/cache.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- The functions that refuse ------------------------------------------------------------------------------------ */

enum function { KEY_CREATE, SETSPECIFIC, THREAD_CREATE, GETRANDOM, FUNCTIONS };

static unsigned countdown[FUNCTIONS]; /* 0: none is to fail */
static bool refused[FUNCTIONS];

static void refuse(enum function function, unsigned nth)
{
	countdown[function] = nth;
	refused[function] = false;
}

static bool is_refused(enum function function)
{
	if (countdown[function] == 0 || --countdown[function] > 0)
		return false;
	refused[function] = true;
	return true;
}

static void (*real(const char *name))(void)
{
	void (*function)(void);
	void *found = dlsym(RTLD_NEXT, name);

	memcpy(&function, &found, sizeof function); /* ISO C has no cast from the one to the other */
	return function;
}

int pthread_key_create(pthread_key_t *key, void (*destructor)(void *))
{
	if (is_refused(KEY_CREATE))
		return EAGAIN;
	return ((int (*)(pthread_key_t *, void (*)(void *)))real("pthread_key_create"))(key, destructor);
}

int pthread_setspecific(pthread_key_t key, const void *value)
{
	if (value && is_refused(SETSPECIFIC))
		return ENOMEM;
	return ((int (*)(pthread_key_t, const void *))real("pthread_setspecific"))(key, value);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *), void *argument)
{
	if (is_refused(THREAD_CREATE))
		return EAGAIN;
	return ((int (*)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *))real("pthread_create"))(
		thread, attributes, start, argument);
}

static int random_error; /* with which the refused call fails; 0: it gives too few bytes */

ssize_t getrandom(void *buffer, size_t bytes, unsigned flags)
{
	if (is_refused(GETRANDOM)) {
		errno = random_error;
		return random_error ? -1 : (ssize_t)bytes - 1;
	}
	return ((ssize_t (*)(void *, size_t, unsigned))real("getrandom"))(buffer, bytes, flags);
}

/* ---- Cases -------------------------------------------------------------------------------------------------------- */

/* What a case found: the process' exit status. */
enum finding { NEVER_CALLED, REFUSED_WELL, WRONG };

static enum finding finding_of(enum finding (*run)(const char *name, unsigned nth), const char *name, unsigned nth)
{
	int status = 0;
	pid_t child;

	fflush(NULL);
	child = fork();
	if (child == 0)
		exit((int)run(name, nth));
	assert_true(child > 0 && waitpid(child, &status, 0) == child);
	return WIFEXITED(status) ? (enum finding)WEXITSTATUS(status) : WRONG;
}

/* Each call in turn fails, until there is none any more. How many implementations did call? */
static unsigned run_all(enum finding (*run)(const char *name, unsigned nth))
{
	const struct capacitor_info *info;
	unsigned callers = 0;

	for (size_t i = 0; (info = capacitor_info(i)); i++) {
		enum finding finding = REFUSED_WELL;

		for (unsigned nth = 1; finding == REFUSED_WELL; nth++) {
			finding = finding_of(run, info->name, nth);
			if (finding != NEVER_CALLED && finding != REFUSED_WELL)
				fail_msg("%s, call %u refused: wrong at stage %d", info->name, nth, (int)finding - WRONG);
			callers += nth == 1 && finding == REFUSED_WELL;
			assert_true(nth < 100);
		}
	}
	return callers;
}

static struct capacitor_config small_config(void)
{
	struct capacitor_config config;

	capacitor_config_init(&config);
	config.capacity_bytes = 1 << 20;
	config.expected_entries = 64;
	config.shards = 1;
	config.threads_max = 1; /* a slot that is not given back is missed at once */
	return config;
}

/* Enters, stores, reads, leaves. */
static bool works(struct capacitor *cache)
{
	struct capacitor_handle *handle;
	char buffer[8];
	bool good;

	if (capacitor_enter(cache, &handle) != CAPACITOR_OK)
		return false;
	good = capacitor_set(handle, "key", 3, "value", 5, 0) == CAPACITOR_STORED;
	if (!(capacitor_cache_info(cache)->lacks & CAPACITOR_LACKS_STORAGE))
		good = good && capacitor_get(handle, "key", 3, buffer, sizeof buffer, NULL) == CAPACITOR_HIT &&
		       memcmp(buffer, "value", 5) == 0;
	capacitor_leave(handle);
	return good;
}

/* Creates a cache while a call of the function fails: NO_MEMORY, no cache, a text; and then it can be created. */
static enum finding create_refused(enum function function, const char *name, unsigned nth)
{
	struct capacitor_config config = small_config();
	struct capacitor *cache = (struct capacitor *)1;
	struct capacitor_error error = {""};
	enum capacitor_result result;

	refuse(function, nth);
	result = capacitor_create(name, &config, &cache, &error);
	if (refused[function]) {
		if (result != CAPACITOR_NO_MEMORY || cache || !error.message[0])
			return WRONG + 1;
		result = capacitor_create(name, &config, &cache, &error);
	}
	countdown[function] = 0;
	if (result != CAPACITOR_OK || !works(cache))
		return WRONG + 2;
	capacitor_destroy(cache);
	return refused[function] ? REFUSED_WELL : NEVER_CALLED;
}

static enum finding create_without_key(const char *name, unsigned nth)
{
	return create_refused(KEY_CREATE, name, nth);
}

static enum finding create_without_thread(const char *name, unsigned nth)
{
	return create_refused(THREAD_CREATE, name, nth);
}

static enum finding create_without_random(const char *name, unsigned nth)
{
	return create_refused(GETRANDOM, name, nth);
}

/* Enters a cache while a call of the function fails: NO_MEMORY and no handle; and then it can be entered, if it is not the
 * key of a library's thread registrations that was refused, which is asked for once in a process. */
static enum finding enter_refused(enum function function, const char *name, unsigned nth)
{
	struct capacitor_handle *handle = (struct capacitor_handle *)1;
	struct capacitor_config config = small_config();
	struct capacitor *cache;
	enum capacitor_result result;

	if (capacitor_create(name, &config, &cache, NULL) != CAPACITOR_OK)
		return WRONG + 3;
	refuse(function, nth);
	result = capacitor_enter(cache, &handle);
	countdown[function] = 0;
	if (refused[function] ? result != CAPACITOR_NO_MEMORY || handle : result != CAPACITOR_OK)
		return WRONG + 4;
	if (!refused[function])
		capacitor_leave(handle);
	if ((!refused[function] || function != KEY_CREATE) && !works(cache))
		return WRONG + 5;
	capacitor_destroy(cache);
	return refused[function] ? REFUSED_WELL : NEVER_CALLED;
}

static enum finding enter_without_key(const char *name, unsigned nth)
{
	return enter_refused(KEY_CREATE, name, nth);
}

static enum finding enter_without_room_for_keys(const char *name, unsigned nth)
{
	return enter_refused(SETSPECIFIC, name, nth);
}

/* ---- Tests -------------------------------------------------------------------------------------------------------- */

static unsigned implementations(void)
{
	unsigned count = 0;

	while (capacitor_info(count))
		count++;
	return count;
}

static void test_create_without_key(void **state)
{
	(void)state;
	assert_int_equal(run_all(create_without_key), implementations());
}

static void test_create_without_thread(void **state)
{
	(void)state;
	assert_int_equal(run_all(create_without_thread), 1); /* rcu has a helper */
}

/* A cache without a secret would be one whose keys can be crafted (G9): there is none. */
static void test_create_without_random(void **state)
{
	static const int errors[] = {ENOSYS, EAGAIN, 0};

	(void)state;
	for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
		random_error = errors[i];
		assert_int_equal(run_all(create_without_random), implementations());
	}
}

/* A signal that interrupts drawing the secret is no failure: it is drawn again. */
static enum finding create_interrupted(const char *name, unsigned nth)
{
	struct capacitor_config config = small_config();
	struct capacitor *cache;

	random_error = EINTR;
	refuse(GETRANDOM, nth);
	if (capacitor_create(name, &config, &cache, NULL) != CAPACITOR_OK || !works(cache))
		return WRONG + 6;
	capacitor_destroy(cache);
	return refused[GETRANDOM] ? REFUSED_WELL : NEVER_CALLED;
}

static void test_create_interrupted(void **state)
{
	(void)state;
	assert_int_equal(run_all(create_interrupted), implementations());
}

static void test_enter_without_key(void **state)
{
	(void)state;
	assert_int_equal(run_all(enter_without_key), 1); /* rcu registers threads with liburcu */
}

static void test_enter_without_room_for_keys(void **state)
{
	(void)state;
	assert_int_equal(run_all(enter_without_room_for_keys), implementations());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_create_without_key),
		cmocka_unit_test(test_create_without_thread),
		cmocka_unit_test(test_create_without_random),
		cmocka_unit_test(test_create_interrupted),
		cmocka_unit_test(test_enter_without_key),
		cmocka_unit_test(test_enter_without_room_for_keys),
	};

	return cmocka_run_group_tests_name("refusals", tests, NULL, NULL);
}
