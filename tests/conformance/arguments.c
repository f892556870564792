/* SPDX-License-Identifier: BSD-2-Clause */
/* G7: arguments out of range are INVALID and change nothing. */
#include "suite.h"

static unsigned char long_key[CAPACITOR_KEY_BYTES_MAX + 1];

/* The keys that no call takes. */
static const struct {
	const void *key;
	size_t key_bytes;
} bad_keys[] = {
	{NULL, 1}, {NULL, 0}, {"k", 0}, {long_key, CAPACITOR_KEY_BYTES_MAX + 1}, {"k", SIZE_MAX},
};
#define BAD_KEYS (sizeof bad_keys / sizeof bad_keys[0])

/* There is one entry: key 1 with version 7, unless nothing is kept. */
static void open_with_entry(struct rig *rig)
{
	rig_open(rig);
	expect_result(tagged_set(rig->handle, 1, 7, 100), CAPACITOR_STORED);
}

static void expect_unchanged(const struct rig *rig)
{
	bool stored = !(rig->info->lacks & STORAGE);

	expect_number(tagged_version(rig, 1), stored ? 7 : MISSING);
	expect_number(rig_stat(rig, CAPACITOR_STAT_ENTRIES), stored ? 1 : 0);
	expect_number(rig_stat(rig, CAPACITOR_STAT_STORES), 1);
	expect_number(rig_stat(rig, CAPACITOR_STAT_DELETES), 0);
	expect_number(rig_stat(rig, CAPACITOR_STAT_LOADS), 0);
}

static enum capacitor_result never_called(void *context, const void *key, size_t key_bytes, void *buffer,
                                          size_t buffer_bytes, size_t *value_bytes)
{
	(void)context, (void)key, (void)key_bytes, (void)buffer, (void)buffer_bytes, (void)value_bytes;
	expect(false, "the loader was called");
	return CAPACITOR_MISS;
}

static bool never_visited(void *context, const void *key, size_t key_bytes, const void *value, size_t value_bytes)
{
	(void)context, (void)key, (void)key_bytes, (void)value, (void)value_bytes;
	expect(false, "the visitor was called");
	return false;
}

static void test_bad_keys(struct rig *rig)
{
	char buffer[8] = "abcdefg";

	open_with_entry(rig);
	for (size_t i = 0; i < BAD_KEYS; i++) {
		const void *key = bad_keys[i].key;
		size_t bytes = bad_keys[i].key_bytes, length = 99;
		struct capacitor_pin pin;

		expect_result(capacitor_get(rig->handle, key, bytes, buffer, 8, &length), CAPACITOR_INVALID);
		expect_number(length, 0);
		expect_result(capacitor_pin(rig->handle, key, bytes, &pin), CAPACITOR_INVALID);
		expect_result(capacitor_contains(rig->handle, key, bytes), CAPACITOR_INVALID);
		expect_result(capacitor_set(rig->handle, key, bytes, "v", 1, 0), CAPACITOR_INVALID);
		expect_result(capacitor_add(rig->handle, key, bytes, "v", 1, 0), CAPACITOR_INVALID);
		expect_result(capacitor_replace(rig->handle, key, bytes, "v", 1, 0), CAPACITOR_INVALID);
		expect_result(capacitor_delete(rig->handle, key, bytes), CAPACITOR_INVALID);
		length = 99;
		expect_result(capacitor_get_or_load(rig->handle, key, bytes, buffer, 8, &length, 0, never_called, NULL),
		              CAPACITOR_INVALID);
		expect_number(length, 0);
	}
	expect(strcmp(buffer, "abcdefg") == 0, "an invalid call wrote to the buffer");
	expect_unchanged(rig);
}

/* A length without an address. A value longer than any may be is out of range, and too large at the same time. */
static void test_bad_values(struct rig *rig)
{
	struct label label = label_of(1);
	tagged_store *const stores[] = {capacitor_set, capacitor_add, capacitor_replace};

	open_with_entry(rig);
	for (size_t i = 0; i < 3; i++) {
		enum capacitor_result result;

		expect_result(stores[i](rig->handle, label.text, label.bytes, NULL, 1, 0), CAPACITOR_INVALID);
		result = stores[i](rig->handle, label.text, label.bytes, "v", CAPACITOR_VALUE_BYTES_MAX + 1, 0);
		expect(result == CAPACITOR_INVALID || result == CAPACITOR_TOO_LARGE, "a value above 1 GiB: %s",
		       capacitor_result_string(result));
		result = stores[i](rig->handle, label.text, label.bytes, "v", SIZE_MAX, 0);
		expect(result == CAPACITOR_INVALID || result == CAPACITOR_TOO_LARGE, "a value of SIZE_MAX: %s",
		       capacitor_result_string(result));
	}
	expect_unchanged(rig);
}

static void test_bad_buffers(struct rig *rig)
{
	struct label label = label_of(1);
	struct capacitor_request request = {.key = label.text, .key_bytes = label.bytes, .buffer_bytes = 1};
	size_t length = 99;

	open_with_entry(rig);
	expect_result(capacitor_get(rig->handle, label.text, label.bytes, NULL, 1, &length), CAPACITOR_INVALID);
	expect_number(length, 0);
	expect_result(capacitor_get_or_load(rig->handle, label.text, label.bytes, NULL, 1, &length, 0, never_called,
	                                    NULL),
	              CAPACITOR_INVALID);
	expect_result(capacitor_get_or_load(rig->handle, label.text, label.bytes, NULL, 0, &length, 0, NULL, NULL),
	              CAPACITOR_INVALID);
	expect_result(capacitor_pin(rig->handle, label.text, label.bytes, NULL), CAPACITOR_INVALID);
	expect_result(capacitor_get_many(rig->handle, &request, 1), CAPACITOR_OK);
	expect_result(request.result, CAPACITOR_INVALID);
	expect_result(capacitor_get_many(rig->handle, NULL, 1), CAPACITOR_INVALID);
	expect_result(capacitor_get_many(rig->handle, NULL, 0), CAPACITOR_INVALID);
	expect_result(capacitor_each(rig->handle, NULL, NULL), CAPACITOR_INVALID);
	expect_unchanged(rig);
}

static void test_no_handle(struct rig *rig)
{
	struct capacitor_request request = {.key = "k", .key_bytes = 1};
	struct capacitor_pin pin;
	size_t length = 99;
	char buffer[8];

	(void)rig;
	expect_result(capacitor_get(NULL, "k", 1, buffer, 8, &length), CAPACITOR_INVALID);
	expect_result(capacitor_pin(NULL, "k", 1, &pin), CAPACITOR_INVALID);
	expect_result(capacitor_unpin(NULL, &pin), CAPACITOR_INVALID);
	expect_result(capacitor_contains(NULL, "k", 1), CAPACITOR_INVALID);
	expect_result(capacitor_get_many(NULL, &request, 1), CAPACITOR_INVALID);
	expect_result(capacitor_set(NULL, "k", 1, "v", 1, 0), CAPACITOR_INVALID);
	expect_result(capacitor_add(NULL, "k", 1, "v", 1, 0), CAPACITOR_INVALID);
	expect_result(capacitor_replace(NULL, "k", 1, "v", 1, 0), CAPACITOR_INVALID);
	expect_result(capacitor_delete(NULL, "k", 1), CAPACITOR_INVALID);
	expect_result(capacitor_get_or_load(NULL, "k", 1, buffer, 8, &length, 0, never_called, NULL),
	              CAPACITOR_INVALID);
	expect_result(capacitor_each(NULL, never_visited, NULL), CAPACITOR_INVALID);
	expect_result(capacitor_clear(NULL), CAPACITOR_INVALID);
	expect_result(capacitor_resize(NULL, (size_t)1 << 20), CAPACITOR_INVALID);
	expect_result(capacitor_quiesce(NULL), CAPACITOR_INVALID);
	capacitor_leave(NULL);
	capacitor_destroy(NULL);
}

static void test_no_cache(struct rig *rig)
{
	struct capacitor_handle *handle = NULL;
	struct capacitor_stats stats;
	struct capacitor_error error = {{0}};

	expect_result(capacitor_enter(NULL, &handle), CAPACITOR_INVALID);
	expect(!handle, "*handle is not NULL");
	expect_result(capacitor_stats(NULL, &stats), CAPACITOR_INVALID);
	expect_result(capacitor_create(rig->info->name, &rig->config, NULL, &error), CAPACITOR_INVALID);
	expect(strstr(error.message, "cache"), "\"%s\" does not name the argument", error.message);
	rig_open(rig);
	expect_result(capacitor_stats(rig->cache, NULL), CAPACITOR_INVALID);
	expect_result(capacitor_enter(rig->cache, NULL), CAPACITOR_INVALID);
}

static void test_resize_out_of_range(struct rig *rig)
{
	size_t table_bytes, capacity_bytes = rig->config.capacity_bytes;

	open_with_entry(rig);
	table_bytes = (size_t)rig_stat(rig, CAPACITOR_STAT_TABLE_BYTES);
	expect_result(capacitor_resize(rig->handle, 0), CAPACITOR_INVALID);
	expect_result(capacitor_resize(rig->handle, ((size_t)1 << 62) + 1), CAPACITOR_INVALID);
	if (table_bytes > 0)
		expect_result(capacitor_resize(rig->handle, table_bytes - 1), CAPACITOR_INVALID);
	expect_number(rig_stat(rig, CAPACITOR_STAT_CAPACITY_BYTES), capacity_bytes);
	expect_unchanged(rig);
}

/* Addresses that may be NULL. */
static void test_optional_arguments(struct rig *rig)
{
	bool stored = !(rig->info->lacks & STORAGE);
	size_t length = 99;
	char buffer[8];

	rig_open(rig);
	expect_result(capacitor_set(rig->handle, "k", 1, NULL, 0, CAPACITOR_TTL_NEVER), CAPACITOR_STORED);
	expect_result(capacitor_get(rig->handle, "k", 1, NULL, 0, NULL), stored ? CAPACITOR_HIT : CAPACITOR_MISS);
	expect_result(capacitor_get(rig->handle, "k", 1, NULL, 0, &length), stored ? CAPACITOR_HIT : CAPACITOR_MISS);
	expect_number(length, 0);
	expect_result(capacitor_set(rig->handle, "k", 1, "value", 5, CAPACITOR_TTL_NEVER), CAPACITOR_STORED);
	expect_result(capacitor_get(rig->handle, "k", 1, buffer, 8, NULL), stored ? CAPACITOR_HIT : CAPACITOR_MISS);
	expect_result(capacitor_get(rig->handle, "k", 1, NULL, 0, &length),
	              stored ? CAPACITOR_BUFFER_TOO_SMALL : CAPACITOR_MISS);
	expect_number(length, stored ? 5 : 0);
}

/* A miss reports a length of 0 and leaves the buffer alone. */
static void test_a_miss_writes_nothing(struct rig *rig)
{
	struct capacitor_request request = {.key = "k", .key_bytes = 1, .buffer_bytes = 8, .value_bytes = 99};
	char buffer[8] = "abcdefg";
	struct capacitor_pin pin;
	size_t length = 99;

	rig_open(rig);
	request.buffer = buffer;
	expect_result(capacitor_get(rig->handle, "k", 1, buffer, 8, &length), CAPACITOR_MISS);
	expect_number(length, 0);
	expect_result(capacitor_get_many(rig->handle, &request, 1), CAPACITOR_OK);
	expect_result(request.result, CAPACITOR_MISS);
	expect_number(request.value_bytes, 0);
	expect(strcmp(buffer, "abcdefg") == 0, "a miss wrote to the buffer");
	expect_result(capacitor_pin(rig->handle, "k", 1, &pin), CAPACITOR_MISS);
	expect_result(capacitor_unpin(rig->handle, &pin), CAPACITOR_INVALID);
}

const struct suite_test arguments_tests[] = {
	{.name = "G7 a key out of range is invalid and changes nothing", .run = test_bad_keys, .scope = SUITE_ALL},
	{.name = "G7 a value out of range changes nothing", .run = test_bad_values, .scope = SUITE_ALL},
	{.name = "G7 a missing buffer, loader, pin or visitor is invalid", .run = test_bad_buffers, .scope = SUITE_ALL},
	{.name = "G7 no call works without a handle", .run = test_no_handle},
	{.name = "G7 no call works without a cache", .run = test_no_cache, .scope = SUITE_IMPLEMENTATION},
	{.name = "G7 a resize out of range is invalid and changes nothing", .run = test_resize_out_of_range,
	 .scope = SUITE_ALL},
	{.name = "arguments that may be NULL may be NULL", .run = test_optional_arguments, .scope = SUITE_ALL},
	{.name = "a miss writes nothing", .run = test_a_miss_writes_nothing, .scope = SUITE_ALL},
	{.name = NULL},
};
