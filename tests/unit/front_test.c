/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The front (common/capacitor.c) on an implementation that answers what a test has written down: races between calls of
 * get_or_load and other threads happen here every time. The table of implementations is this program's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/operation.h"

#define SCRIPT_MAX 8
#define NAMED 12

/* ---- An implementation by script ----------------------------------------------------------------------------------- */

/* The answers that are still to come, and how many were given. */
struct script {
	enum capacitor_result answer[SCRIPT_MAX];
	unsigned next;
};

static struct {
	struct script enter, get, store;
	char found; /* the value of a hit: one byte */
	unsigned left;
	unsigned loaded;
	enum capacitor_result load;
} scripted;

static enum capacitor_result answer(struct script *script)
{
	assert_true(script->next < SCRIPT_MAX);
	return script->answer[script->next++];
}

static enum capacitor_result scripted_create(struct capacitor *cache)
{
	(void)cache;
	return CAPACITOR_OK;
}

static void scripted_destroy(struct capacitor *cache)
{
	(void)cache;
}

static enum capacitor_result scripted_enter(struct capacitor_handle *handle, bool first)
{
	(void)handle, (void)first;
	return answer(&scripted.enter);
}

static void scripted_leave(struct capacitor_handle *handle)
{
	(void)handle;
	scripted.left++;
}

static enum capacitor_result scripted_get(struct capacitor_handle *handle, const void *key, size_t key_bytes, void *buffer,
                                          size_t buffer_bytes, size_t *value_bytes)
{
	enum capacitor_result result = answer(&scripted.get);

	(void)key, (void)key_bytes;
	if (result == CAPACITOR_MISS)
		return operation_miss(handle);
	count(handle, CAPACITOR_STAT_HITS, 1);
	*value_bytes = 1;
	if (buffer_bytes > 0)
		*(char *)buffer = scripted.found;
	return result;
}

static enum capacitor_result scripted_store(struct capacitor_handle *handle, const void *key, size_t key_bytes, const void *value,
                                            size_t value_bytes, uint64_t ttl_ns, enum store_mode mode)
{
	(void)handle, (void)key, (void)key_bytes, (void)ttl_ns;
	assert_int_equal(mode, STORE_ADD);
	assert_int_equal(value_bytes, 1);
	assert_int_equal(*(const char *)value, 'L');
	return answer(&scripted.store);
}

#define SCRIPTED(implementation_name)                                                                                  \
	{                                                                                                              \
		.info = {.name = implementation_name, .policies = 1u << CAPACITOR_SIEVE},                             \
		.cache_bytes = sizeof(struct capacitor), .handle_bytes = sizeof(struct capacitor_handle),             \
		.create = scripted_create, .destroy = scripted_destroy, .enter = scripted_enter,                      \
		.leave = scripted_leave, .get = scripted_get, .store = scripted_store,                                \
	}

static const struct implementation implementation = SCRIPTED("scripted");
static const struct implementation named = SCRIPTED("an implementation whose name is long");
const struct implementation *const implementation_table[] = {
	&implementation, &named, &named, &named, &named, &named, &named, &named, &named, &named, &named, &named, NULL,
};
static_assert(sizeof implementation_table / sizeof implementation_table[0] == NAMED + 1, "names for more than a message");

/* ---- Helpers ------------------------------------------------------------------------------------------------------- */

static struct capacitor *cache;
static struct capacitor_handle *handle;

static int setup(void **state)
{
	struct capacitor_config config;

	(void)state;
	memset(&scripted, 0, sizeof scripted);
	capacitor_config_init(&config);
	config.threads_max = 1;
	return capacitor_create("scripted", &config, &cache, NULL) == CAPACITOR_OK ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	capacitor_destroy(cache);
	return 0;
}

static enum capacitor_result loader(void *context, const void *key, size_t key_bytes, void *buffer, size_t buffer_bytes,
                                    size_t *value_bytes)
{
	(void)context, (void)key, (void)key_bytes, (void)buffer_bytes;
	scripted.loaded++;
	*(char *)buffer = 'L';
	*value_bytes = 1;
	return scripted.load;
}

static uint64_t counted(enum capacitor_stat stat)
{
	struct capacitor_stats stats;

	assert_int_equal(capacitor_stats(cache, &stats), CAPACITOR_OK);
	return stats.value[stat];
}

/* One get_or_load by a thread that has entered; `value` is what is to be in the buffer. */
static void get_or_load(enum capacitor_result expected, char value)
{
	char buffer = '?';
	size_t value_bytes = 99;

	assert_int_equal(capacitor_enter(cache, &handle), CAPACITOR_OK);
	assert_int_equal(capacitor_get_or_load(handle, "key", 3, &buffer, 1, &value_bytes, 0, loader, NULL), expected);
	assert_int_equal(value_bytes, 1);
	assert_int_equal(buffer, value);
}

/* ---- get_or_load ---------------------------------------------------------------------------------------------------- */

static void test_loaded_value_is_stored(void **state)
{
	(void)state;
	scripted.get = (struct script){.answer = {CAPACITOR_MISS, CAPACITOR_MISS}};
	scripted.load = CAPACITOR_HIT;
	scripted.store = (struct script){.answer = {CAPACITOR_STORED}};
	get_or_load(CAPACITOR_STORED, 'L');
	assert_int_equal(scripted.loaded, 1);
	assert_int_equal(counted(CAPACITOR_STAT_MISSES), 1);
	assert_int_equal(counted(CAPACITOR_STAT_STORES), 1);
}

/* Between the miss and the take-off, another thread's value came: no loader runs, and the key is free for the next. */
static void test_found_after_take_off(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		scripted.get = (struct script){.answer = {CAPACITOR_MISS, CAPACITOR_HIT}};
		scripted.found = 'T';
		get_or_load(CAPACITOR_HIT, 'T');
		assert_int_equal(scripted.get.next, 2);
		scripted.enter.next = 0;
	}
	assert_int_equal(scripted.loaded, 0);
	assert_int_equal(counted(CAPACITOR_STAT_LOADS), 0);
	assert_int_equal(counted(CAPACITOR_STAT_HITS), 2);
	assert_int_equal(counted(CAPACITOR_STAT_MISSES), 0);
}

/* While the loader ran, another thread's value came: it wins. */
static void test_stored_meanwhile(void **state)
{
	(void)state;
	scripted.get = (struct script){.answer = {CAPACITOR_MISS, CAPACITOR_MISS, CAPACITOR_HIT}};
	scripted.found = 'T';
	scripted.load = CAPACITOR_HIT;
	scripted.store = (struct script){.answer = {CAPACITOR_EXISTS}};
	get_or_load(CAPACITOR_HIT, 'T');
	assert_int_equal(scripted.loaded, 1);
}

/* It came, and it went again before it could be taken: the loaded value is stored at the second attempt. */
static void test_stored_meanwhile_and_gone(void **state)
{
	(void)state;
	scripted.get = (struct script){.answer = {CAPACITOR_MISS, CAPACITOR_MISS, CAPACITOR_MISS}};
	scripted.load = CAPACITOR_HIT;
	scripted.store = (struct script){.answer = {CAPACITOR_EXISTS, CAPACITOR_STORED}};
	get_or_load(CAPACITOR_STORED, 'L');
	assert_int_equal(scripted.loaded, 1);
	assert_int_equal(scripted.store.next, 2);
}

/* No room for the loaded value: it is returned all the same, unless there is another by then. */
static void test_not_stored(void **state)
{
	(void)state;
	scripted.get = (struct script){.answer = {CAPACITOR_MISS, CAPACITOR_MISS, CAPACITOR_MISS}};
	scripted.load = CAPACITOR_HIT;
	scripted.store = (struct script){.answer = {CAPACITOR_BUSY}};
	get_or_load(CAPACITOR_STORED, 'L');
	scripted.get = (struct script){.answer = {CAPACITOR_MISS, CAPACITOR_MISS, CAPACITOR_HIT}};
	scripted.found = 'T';
	scripted.store = (struct script){.answer = {CAPACITOR_BUSY}};
	scripted.enter.next = 0;
	get_or_load(CAPACITOR_HIT, 'T');
	assert_int_equal(counted(CAPACITOR_STAT_STORES), 0);
}

/* ---- Entering ------------------------------------------------------------------------------------------------------- */

/* What an implementation refuses takes no slot, whether its handle is new or used. */
static void test_refused_enter_takes_no_slot(void **state)
{
	(void)state;
	scripted.enter = (struct script){
		.answer = {CAPACITOR_NO_MEMORY, CAPACITOR_BUSY, CAPACITOR_OK, CAPACITOR_NO_MEMORY, CAPACITOR_OK}};
	for (unsigned i = 0; i < 2; i++) {
		handle = (struct capacitor_handle *)1;
		assert_int_equal(capacitor_enter(cache, &handle), scripted.enter.answer[i]);
		assert_null(handle);
	}
	assert_int_equal(capacitor_enter(cache, &handle), CAPACITOR_OK);
	capacitor_leave(handle);
	assert_int_equal(scripted.left, 1);
	assert_int_equal(capacitor_enter(cache, &handle), CAPACITOR_NO_MEMORY);
	assert_null(handle);
	assert_int_equal(capacitor_enter(cache, &handle), CAPACITOR_OK);
	assert_int_equal(scripted.left, 1);
}

/* ---- Messages ------------------------------------------------------------------------------------------------------- */

/* More implementations than a message has room for: it ends, in bounds. */
static void test_many_names(void **state)
{
	struct capacitor *none = (struct capacitor *)1;
	struct {
		struct capacitor_error error;
		char behind[8];
	} text;

	(void)state;
	memset(&text, 'x', sizeof text);
	assert_int_equal(capacitor_create("no such", NULL, &none, &text.error), CAPACITOR_INVALID);
	assert_null(none);
	assert_non_null(memchr(text.error.message, '\0', sizeof text.error.message));
	assert_non_null(strstr(text.error.message, "scripted, an implementation whose name is long"));
	assert_memory_equal(text.behind, "xxxxxxxx", 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_loaded_value_is_stored, setup, teardown),
		cmocka_unit_test_setup_teardown(test_found_after_take_off, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stored_meanwhile, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stored_meanwhile_and_gone, setup, teardown),
		cmocka_unit_test_setup_teardown(test_not_stored, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused_enter_takes_no_slot, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many_names, setup, teardown),
	};

	return cmocka_run_group_tests_name("front", tests, NULL, NULL);
}
