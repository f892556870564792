/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of locks: a wait that was planted is there, once, with its lock's name, its site and its stack. Nothing here waits for
 * time to pass: the visitor of capacitor_each holds the lock until the other thread is seen waiting for it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/table.h"
#include "harness/traced/calls.h"
#include "harness/traced/locks.h"
#include "harness/traced/record.h"

static void begin(void)
{
	const struct record_plan plan = {.mode = RECORD_LOCKS};

	assert_true(record_prepare(&plan));
	record_name_locks();
	record_start();
}

static void locks_table(struct table *table)
{
	char path[] = "/tmp/locks-test-XXXXXX", error[256];
	FILE *file = fdopen(mkstemp(path), "w");

	record_stop();
	assert_non_null(file);
	if (!locks_write(file, error, sizeof error))
		fail_msg("%s", error);
	fclose(file);
	assert_true(table_load(table, path));
	unlink(path);
}

static double number(const struct table *table, size_t row, const char *column)
{
	double value = -1;

	assert_true(table_number(table, row, column, &value));
	return value;
}

static double sum(const struct table *table, const char *column, const char *lock)
{
	double all = 0;

	for (size_t row = 0; row < table->rows; row++)
		if (strcmp(table_cell(table, row, "lock"), lock) == 0)
			all += number(table, row, column);
	return all;
}

/* ---- A trylock that failed and the lock that follows are one acquisition --------------------------------------------- */

static _Atomic(struct record *) waiter;

static void *try_then_lock(void *argument)
{
	pthread_mutex_t *mutex = argument;

	assert_int_equal(traced_mutex_trylock(mutex), EBUSY);
	store_release(&waiter, record_mine());
	assert_int_equal(traced_mutex_lock(mutex), 0);
	traced_mutex_unlock(mutex);
	return NULL;
}

static void a_failed_trylock_is_no_acquisition(void **state)
{
	pthread_mutex_t mutex;
	struct table table;
	pthread_t thread;

	(void)state;
	traced_mutex_init(&mutex, NULL);
	begin();
	traced_mutex_lock(&mutex);
	assert_int_equal(pthread_create(&thread, NULL, try_then_lock, &mutex), 0);
	while (!load_acquire(&waiter) || !load_relaxed(&load_acquire(&waiter)->waiting))
		sched_yield();
	traced_mutex_unlock(&mutex);
	pthread_join(thread, NULL);
	locks_table(&table);
	assert_true(sum(&table, "acquisitions", "mutex 0") == 2);
	assert_true(sum(&table, "contended", "mutex 0") == 1);
	assert_true(sum(&table, "wait_ns", "mutex 0") > 0);
	assert_true(sum(&table, "max_wait_ns", "mutex 0") == sum(&table, "wait_ns", "mutex 0"));
	assert_true(number(&table, 0, "contended") == 1); /* the longest wait is first */
	assert_non_null(strstr(table_cell(&table, 0, "site"), "try_then_lock"));
	table_free(&table);
	traced_mutex_destroy(&mutex);
}

/* ---- A wait for each implementation's lock --------------------------------------------------------------------------- */

struct scene {
	struct capacitor *cache;
	_Atomic bool visiting, go_on;
	_Atomic(struct record *) setter;
};

static void *set_while_visited(void *argument)
{
	struct scene *scene = argument;
	struct capacitor_handle *handle;

	assert_int_equal(capacitor_enter(scene->cache, &handle), CAPACITOR_OK);
	while (!load_acquire(&scene->visiting))
		sched_yield();
	store_release(&scene->setter, record_mine());
	assert_int_equal(capacitor_set(handle, "key", 3, "other", 5, CAPACITOR_TTL_NEVER), CAPACITOR_STORED);
	capacitor_leave(handle);
	return NULL;
}

static bool visit(void *context, const void *key, size_t key_bytes, const void *value, size_t value_bytes)
{
	struct scene *scene = context;

	(void)key, (void)key_bytes, (void)value, (void)value_bytes;
	store_release(&scene->visiting, true);
	while (!load_acquire(&scene->setter) || !load_relaxed(&load_acquire(&scene->setter)->waiting))
		sched_yield();
	return false;
}

static bool nothing(void *context, const struct capacitor_lock *lock)
{
	(void)context, (void)lock;
	return true;
}

static void a_wait_has_name_site_and_stack(void **state)
{
	const char *implementation = *state;
	const char *lock = strcmp(implementation, "rwlock") == 0 ? "table[0]" : "shard[0]";
	struct scene scene = {.visiting = false};
	struct capacitor_handle *handle;
	struct capacitor_config config;
	struct table table;
	unsigned proofs;
	pthread_t thread;

	capacitor_config_init(&config);
	config.capacity_bytes = 1 << 20;
	config.expected_entries = 100;
	config.shards = 1;
	assert_int_equal(capacitor_create(implementation, &config, &scene.cache, NULL), CAPACITOR_OK);
	assert_int_equal(capacitor_enter(scene.cache, &handle), CAPACITOR_OK);
	assert_int_equal(capacitor_set(handle, "key", 3, "value", 5, CAPACITOR_TTL_NEVER), CAPACITOR_STORED);
	capacitor_each_lock(scene.cache, nothing, NULL);
	begin();
	assert_int_equal(pthread_create(&thread, NULL, set_while_visited, &scene), 0);
	capacitor_each(handle, visit, &scene);
	pthread_join(thread, NULL);
	locks_table(&table);

	assert_string_equal(table_cell(&table, 0, "lock"), lock);
	assert_true(number(&table, 0, "contended") == 1);
	assert_non_null(strstr(table_cell(&table, 0, "site"), "_store (impl/"));
	assert_non_null(strstr(table_cell(&table, 0, "stack"), "_store"));
	assert_true(strncmp(table_cell(&table, 0, "stack"), "capacitor_set;", 14) == 0);
	assert_true(sum(&table, "contended", lock) == 1);
	assert_true(sum(&table, "acquisitions", lock) == 2);
	/* The names come from where locks and their words lie; who waited knew both. */
	assert_int_equal(record_lock_contradictions(&proofs), 0);
	assert_true(proofs > 0);
	table_free(&table);
	capacitor_leave(handle);
	capacitor_destroy(scene.cache);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_failed_trylock_is_no_acquisition),
		{"a wait: rwlock", a_wait_has_name_site_and_stack, NULL, NULL, (void *)"rwlock"},
		{"a wait: sharded", a_wait_has_name_site_and_stack, NULL, NULL, (void *)"sharded"},
		{"a wait: rcu", a_wait_has_name_site_and_stack, NULL, NULL, (void *)"rcu"},
		{"a wait: ck_hs", a_wait_has_name_site_and_stack, NULL, NULL, (void *)"ck_hs"},
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
