/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * G7: a call that fails changes nothing. Stores that are too large, and calls whose first, second, ... allocation
 * fails, until one succeeds. (BUSY is budget.c's, INVALID arguments.c's.)
 */
#include <inttypes.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crew.h"
#include "heap.h"

static void need_heap(struct rig *rig)
{
	if (!heap_watched())
		rig_skip(rig, "the sanitizer's malloc cannot be made to fail");
}

static void test_too_large(struct rig *rig)
{
	tagged_store *const stores[] = {capacitor_set, capacitor_add, capacitor_replace};
	size_t large_bytes = rig->config.capacity_bytes;
	char *large = calloc(1, large_bytes);

	expect(large, "no memory");
	rig_open(rig);
	for (uint64_t key = 0; key < 10; key++)
		expect_result(tagged_set(rig->handle, key, key, 100), CAPACITOR_STORED);
	for (unsigned i = 0; i < 3; i++) {
		for (uint64_t key = 9; key < 11; key++) {
			struct label label = label_of(key);

			expect_result(stores[i](rig->handle, label.text, label.bytes, large, large_bytes, 0),
			              CAPACITOR_TOO_LARGE);
		}
	}
	free(large);
	for (uint64_t key = 0; key < 10; key++)
		expect_number(tagged_version(rig, key), key);
	expect_number(tagged_version(rig, 10), MISSING);
	expect_number(rig_stat(rig, CAPACITOR_STAT_STORES), 10);
	expect_number(rig_stat(rig, CAPACITOR_STAT_EVICTIONS), 0);
}

/* A store, with its nth allocation failing, until one succeeds: the value is the old one, or gone (other entries may be
 * evicted when memory is short, and replace then misses), and in the end the new one. */
static void store_failing(struct rig *rig, tagged_store *store, uint64_t key, uint64_t version, size_t value_bytes)
{
	uint64_t before = tagged_version(rig, key);

	for (unsigned nth = 1;; nth++) {
		uint64_t table_bytes = rig_stat(rig, CAPACITOR_STAT_TABLE_BYTES);
		uint64_t rebuilds = rig_stat(rig, CAPACITOR_STAT_TABLE_REBUILDS);
		enum capacitor_result result;
		bool failed;

		expect(nth < 100, "it never succeeds");
		heap_fail_at(nth);
		result = tagged_write(store, rig->handle, key, version, value_bytes);
		failed = heap_failed();
		heap_fail_at(0);
		if (rig_stat(rig, CAPACITOR_STAT_TABLE_REBUILDS) == rebuilds) /* it could not grow, or need not */
			expect_number(rig_stat(rig, CAPACITOR_STAT_TABLE_BYTES), table_bytes);
		if (result != CAPACITOR_NO_MEMORY) {
			/* A table that could not grow may wait for better times: the store succeeds all the same. */
			expect_result(result, store == capacitor_replace && before == MISSING ? CAPACITOR_MISS
			                                                                      : CAPACITOR_STORED);
			if (result == CAPACITOR_STORED)
				expect_number(tagged_version(rig, key), version);
			return;
		}
		expect(failed, "NO_MEMORY, but no allocation failed");
		expect(tagged_version(rig, key) == before || tagged_version(rig, key) == MISSING,
		       "a store without memory changed the value");
		before = tagged_version(rig, key);
	}
}

static void test_store_without_memory(struct rig *rig)
{
	uint64_t gone = 0;

	need_heap(rig);
	rig->config.expected_entries = 1;
	rig->config.shards = 1;
	rig_open(rig);
	for (uint64_t key = 0; key < 40; key++)
		store_failing(rig, key % 2 ? capacitor_set : capacitor_add, key, key, 100 + key);
	for (uint64_t key = 0; key < 40; key++)
		store_failing(rig, key % 2 ? capacitor_set : capacitor_replace, key, 100 + key, 200 - key);
	for (uint64_t key = 0; key < 40; key++) {
		uint64_t version = tagged_version(rig, key);

		expect(version == MISSING || version == 100 + key, "key %" PRIu64 " has version %" PRIu64, key,
		       version);
		gone += version == MISSING;
	}
	expect(gone <= rig_stat(rig, CAPACITOR_STAT_EVICTIONS), "%" PRIu64 " entries are gone without eviction", gone);
	expect_number(rig_stat(rig, CAPACITOR_STAT_ENTRIES), 40 - gone);
}

static enum capacitor_result load(void *context, const void *key, size_t key_bytes, void *buffer, size_t buffer_bytes,
                                  size_t *value_bytes)
{
	(void)key, (void)key_bytes;
	tagged_fill(buffer, buffer_bytes, 1, 7);
	*value_bytes = buffer_bytes;
	heap_fail_at(*(unsigned *)context);
	return CAPACITOR_HIT;
}

/* What could be loaded is returned, even when there is no memory to store it. */
static void test_load_without_memory(struct rig *rig)
{
	struct label label = label_of(1);
	unsigned nth = 1;
	char buffer[100];
	uint64_t version;
	size_t length;

	need_heap(rig);
	rig_open(rig);
	expect_result(capacitor_get_or_load(rig->handle, label.text, label.bytes, buffer, sizeof buffer, &length, 0,
	                                    load, &nth),
	              CAPACITOR_STORED);
	expect(heap_failed(), "storing a loaded value needs no memory: the test tests nothing");
	heap_fail_at(0);
	expect(length == sizeof buffer && tagged_check(buffer, length, 1, &version) && version == 7,
	       "the loaded value is not in the buffer");
	expect_number(tagged_version(rig, 1), MISSING);
}

/* ---- Entering ---------------------------------------------------------------------------------------------------- */

struct newcomer {
	struct rig *rig;
	unsigned failures;
	const char *wrong;
};

/* A thread that has never been inside: entering may allocate. */
static void *newcomer_main(void *argument)
{
	struct newcomer *newcomer = argument;
	struct capacitor_handle *handle;
	enum capacitor_result result;

	for (unsigned nth = 1; nth < 100; nth++) {
		handle = (struct capacitor_handle *)1;
		heap_fail_at(nth);
		result = capacitor_enter(newcomer->rig->cache, &handle);
		if (!heap_failed())
			break;
		heap_fail_at(0);
		if (result == CAPACITOR_OK) { /* it could do without */
			capacitor_leave(handle);
		} else if (result != CAPACITOR_NO_MEMORY || handle) {
			newcomer->wrong = result != CAPACITOR_NO_MEMORY ? capacitor_result_string(result)
			                                                : "*handle is not NULL";
			return NULL;
		}
		newcomer->failures++;
	}
	heap_fail_at(0);
	if (result != CAPACITOR_OK)
		newcomer->wrong = "it never succeeds";
	else if (tagged_set(handle, 1, 1, 100) != CAPACITOR_STORED)
		newcomer->wrong = "the handle does not work";
	else
		capacitor_leave(handle);
	return NULL;
}

static void test_enter_without_memory(struct rig *rig)
{
	struct newcomer newcomer = {.rig = rig};
	pthread_t thread;

	need_heap(rig);
	rig_open(rig);
	expect(pthread_create(&thread, NULL, newcomer_main, &newcomer) == 0, "no thread");
	pthread_join(thread, NULL);
	expect(!newcomer.wrong, "%s", newcomer.wrong);
	expect(newcomer.failures > 0, "entering allocates nothing: the test tests nothing");
}

/* ---- Creating ---------------------------------------------------------------------------------------------------- */

enum creation { CREATED, NO_MEMORY, CREATED_ALL_THE_SAME, WRONG_RESULT, WRONG_CACHE, NO_TEXT, LEAKED };

/* Creates with the nth allocation failing. */
static enum creation create_failing(const struct rig *rig, unsigned nth)
{
	struct capacitor *cache = (struct capacitor *)1;
	struct capacitor_error error = {{0}};
	enum capacitor_result result;
	bool failed;

	heap_fail_at(nth);
	result = capacitor_create(rig->info->name, &rig->config, &cache, &error);
	failed = heap_failed();
	heap_fail_at(0);
	if (result == CAPACITOR_OK) {
		capacitor_destroy(cache);
		return failed ? CREATED_ALL_THE_SAME : CREATED;
	}
	if (result != CAPACITOR_NO_MEMORY || !failed)
		return WRONG_RESULT;
	if (cache)
		return WRONG_CACHE;
	return error.message[0] ? NO_MEMORY : NO_TEXT;
}

/* In a process of its own, because a library below may answer with abort(). Three times: what is kept for later use
 * (the stacks of threads) is kept once, a leak is lost each time. */
static enum creation create_failing_apart(const struct rig *rig, unsigned nth)
{
	enum creation creation = create_failing(rig, 0);
	int64_t before_bytes = 0;

	for (unsigned repeat = 0; repeat < 3; repeat++) {
		before_bytes = heap_bytes();
		creation = create_failing(rig, nth);
	}
	return heap_bytes() > before_bytes ? LEAKED : creation;
}

/* Of gcc's --coverage; it writes its counts in a process that ends by exit() only, which ours must not. */
void __gcov_dump(void) __attribute__((weak));

static void leave_process(enum creation creation)
{
	if (__gcov_dump)
		__gcov_dump();
	_exit((int)creation);
}

static void test_create_without_memory(struct rig *rig)
{
	static const char *const text[] = {
		[WRONG_RESULT] = "is not NO_MEMORY", [WRONG_CACHE] = "leaves *cache not NULL",
		[NO_TEXT] = "has no text", [LEAKED] = "leaks",
	};
	unsigned nth = 1, creation = NO_MEMORY, refused = 0;

	need_heap(rig);
	for (; creation != CREATED; nth++) {
		int status = 0;
		pid_t child = fork();

		if (child == 0)
			leave_process(create_failing_apart(rig, nth));
		expect(child > 0 && waitpid(child, &status, 0) == child, "no process");
		expect(WIFEXITED(status), "create dies of signal %d when its allocation %u fails", WTERMSIG(status),
		       nth);
		creation = (unsigned)WEXITSTATUS(status);
		expect(creation <= CREATED_ALL_THE_SAME, "create whose allocation %u fails %s", nth,
		       creation <= LEAKED ? text[creation] : "ends the program");
		refused += creation == NO_MEMORY;
		expect(nth < 10000, "it never succeeds");
	}
	expect(refused > 0, "creating needs no memory: the test tests nothing");
}

const struct suite_test failures_tests[] = {
	{.name = "G7 a value larger than the capacity changes nothing", .run = test_too_large, .scope = SUITE_ALL,
	 .without = STORAGE},
	{.name = "G7 a store without memory changes nothing", .run = test_store_without_memory, .heap = true,
	 .scope = SUITE_ALL, .without = STORAGE},
	{.name = "G7 a loaded value is returned though it cannot be stored", .run = test_load_without_memory,
	 .heap = true, .scope = SUITE_ALL, .without = STORAGE},
	{.name = "G7 entering without memory is refused and can be repeated", .run = test_enter_without_memory,
	 .heap = true, .scope = SUITE_LAYOUT, .without = CONCURRENCY},
	{.name = "G7 creating without memory is refused and leaks nothing", .run = test_create_without_memory,
	 .heap = true, .scope = SUITE_POLICY},
	{.name = NULL},
};
