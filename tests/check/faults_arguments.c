/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Wall clocks that jump (G6), and sizes at and beyond their limits (G7).
 */
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "faults.h"
#include "points.h"

/* ---- Clocks ------------------------------------------------------------------------------------------------------ */

#define TEN_YEARS_S ((int64_t)10 * 365 * 86400)
#define HOUR_NS     ((uint64_t)3600 * 1000000000u)
#define SHORT_NS    ((uint64_t)5 * 1000000u)

static enum capacitor_result set_for(struct capacitor_handle *handle, uint32_t key, uint64_t ttl_ns)
{
	return capacitor_set(handle, &key, sizeof key, "value", 5, ttl_ns);
}

static enum capacitor_result look_at(struct capacitor_handle *handle, uint32_t key)
{
	return capacitor_contains(handle, &key, sizeof key);
}

/* What the library would read, if it asked for the wall clock. */
int points_clock_gettime(clockid_t clock, struct timespec *time);
static uint64_t wall_clock(void *context)
{
	struct timespec now;

	(void)context;
	points_clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Stores for an hour and for a moment, and lets the wall clock jump. Returns whether only the moment was over. */
static bool survives_jumps(struct check_run *run, uint64_t (*clock_ns)(void *context))
{
	struct capacitor_config config;
	struct capacitor_handle *handle;
	struct capacitor *cache;
	bool good = true;

	check_config(run, &config);
	config.clock_ns = clock_ns;
	cache = check_create(run, &config);
	handle = check_enter(run, cache);
	points_jump_wall_clock(0);
	good = set_for(handle, 1, HOUR_NS) == CAPACITOR_STORED && good;
	points_jump_wall_clock(TEN_YEARS_S);
	good = look_at(handle, 1) == CAPACITOR_HIT && good;
	good = set_for(handle, 2, SHORT_NS) == CAPACITOR_STORED && good;
	points_jump_wall_clock(-TEN_YEARS_S);
	check_sleep_ns(2 * SHORT_NS);
	good = look_at(handle, 2) == CAPACITOR_MISS && good;
	good = look_at(handle, 1) == CAPACITOR_HIT && good;
	points_jump_wall_clock(0);
	capacitor_leave(handle);
	capacitor_destroy(cache);
	return good;
}

void run_clock(struct check_run *run)
{
	uint64_t reads = points_wall_clock_reads();

	do {
		check_expect(run, survives_jumps(run, NULL), "entries expire by the wall clock");
		check_expect(run, points_wall_clock_reads() == reads, "the library asks for the wall clock");
		check_count(run, CHECK_FAULTS, 2);
		check_count(run, CHECK_OPERATIONS, 5);
	} while (check_goes_on(run));
	check_expect(run, !survives_jumps(run, wall_clock),
	             "a cache by the wall clock survives its jumps: the check checks nothing");
}

/* ---- Sizes ------------------------------------------------------------------------------------------------------- */

static void expect(struct check_run *run, enum capacitor_result result, enum capacitor_result expected, const char *what)
{
	check_count(run, CHECK_OPERATIONS, 1);
	if (result != expected)
		check_fail(run, "%s: %s, should be %s", what, capacitor_result_string(result), capacitor_result_string(expected));
}

/* Sizes that no key has. SIZE_MAX + 1 is 0. */
static const size_t no_key_bytes[] = {0, CAPACITOR_KEY_BYTES_MAX + 1, SIZE_MAX / 2, SIZE_MAX - 1, SIZE_MAX};
/* Sizes that no value has. */
static const size_t no_value_bytes[] = {CAPACITOR_VALUE_BYTES_MAX + 1, SIZE_MAX / 2, SIZE_MAX - 56, SIZE_MAX - 1, SIZE_MAX};

static enum capacitor_result no_load(void *context, const void *key, size_t key_bytes, void *buffer, size_t buffer_bytes,
                                     size_t *value_bytes)
{
	(void)context;
	(void)key;
	(void)key_bytes;
	(void)buffer;
	(void)buffer_bytes;
	(void)value_bytes;
	return CAPACITOR_MISS;
}

static void keys_of_no_size(struct check_run *run, struct capacitor_handle *handle, size_t bytes)
{
	struct capacitor_request request = {.key = "k", .key_bytes = bytes};
	struct capacitor_pin pin;

	expect(run, capacitor_get(handle, "k", bytes, NULL, 0, NULL), CAPACITOR_INVALID, "get, key size");
	expect(run, capacitor_pin(handle, "k", bytes, &pin), CAPACITOR_INVALID, "pin, key size");
	expect(run, capacitor_contains(handle, "k", bytes), CAPACITOR_INVALID, "contains, key size");
	expect(run, capacitor_set(handle, "k", bytes, "v", 1, 0), CAPACITOR_INVALID, "set, key size");
	expect(run, capacitor_add(handle, "k", bytes, "v", 1, 0), CAPACITOR_INVALID, "add, key size");
	expect(run, capacitor_replace(handle, "k", bytes, "v", 1, 0), CAPACITOR_INVALID, "replace, key size");
	expect(run, capacitor_delete(handle, "k", bytes), CAPACITOR_INVALID, "delete, key size");
	expect(run, capacitor_get_or_load(handle, "k", bytes, NULL, 0, NULL, 0, no_load, NULL), CAPACITOR_INVALID,
	       "get_or_load, key size");
	expect(run, capacitor_get_many(handle, &request, 1), CAPACITOR_OK, "get_many");
	expect(run, request.result, CAPACITOR_INVALID, "get_many, key size");
}

/* Nothing of the value is read before its size is refused. What the key had stays. */
static void values_of_no_size(struct check_run *run, struct capacitor_handle *handle, size_t bytes)
{
	char value[4] = "";
	size_t got = 0;

	expect(run, capacitor_set(handle, "old", 3, "1", 1, 0), CAPACITOR_STORED, "set");
	expect(run, capacitor_set(handle, "old", 3, value, bytes, 0), CAPACITOR_TOO_LARGE, "set, value size");
	expect(run, capacitor_replace(handle, "old", 3, value, bytes, 0), CAPACITOR_TOO_LARGE, "replace, value size");
	expect(run, capacitor_add(handle, "new", 3, value, bytes, 0), CAPACITOR_TOO_LARGE, "add, value size");
	expect(run, capacitor_contains(handle, "new", 3), CAPACITOR_MISS, "contains");
	expect(run, capacitor_get(handle, "old", 3, value, sizeof value, &got), CAPACITOR_HIT, "get");
	if (got != 1 || value[0] != '1')
		check_fail(run, "a store that was refused has changed the value");
}

/* The longest key, and the largest value that is not too large for the interface but is for the capacity. */
static void largest(struct check_run *run, struct capacitor_handle *handle)
{
	static unsigned char key[CAPACITOR_KEY_BYTES_MAX];
	struct capacitor_pin pin = {.slot = UINT32_MAX};

	expect(run, capacitor_set(handle, key, sizeof key, NULL, 0, 0), CAPACITOR_STORED, "set, longest key, no value");
	expect(run, capacitor_get(handle, key, sizeof key, NULL, 0, NULL), CAPACITOR_HIT, "get, longest key, no value");
	expect(run, capacitor_get(handle, key, sizeof key - 1, NULL, 0, NULL), CAPACITOR_MISS, "get, longest key but one");
	expect(run, capacitor_set(handle, key, 1, key, CAPACITOR_VALUE_BYTES_MAX, 0), CAPACITOR_TOO_LARGE, "set, largest value");
	expect(run, capacitor_set(handle, key, 1, key, 1, UINT64_MAX - 1), CAPACITOR_STORED, "set, longest TTL");
	expect(run, capacitor_get(handle, key, 1, NULL, 0, NULL), CAPACITOR_BUFFER_TOO_SMALL, "get, no buffer");
	expect(run, capacitor_get(handle, key, 1, &key[1], SIZE_MAX, NULL), CAPACITOR_HIT, "get, largest buffer");
	expect(run, capacitor_unpin(handle, &pin), CAPACITOR_INVALID, "unpin, no such slot");
	expect(run, capacitor_resize(handle, 0), CAPACITOR_INVALID, "resize to 0");
	expect(run, capacitor_resize(handle, SIZE_MAX), CAPACITOR_INVALID, "resize to SIZE_MAX");
}

static void configurations(struct check_run *run)
{
	static const size_t sizes[] = {0, 1, SIZE_MAX - 1, SIZE_MAX};
	struct capacitor_config config;
	struct capacitor *cache;

	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		check_config(run, &config);
		config.capacity_bytes = sizes[i];
		expect(run, capacitor_create(run->info->name, &config, &cache, NULL), CAPACITOR_INVALID, "create, capacity");
		if (sizes[i] > 1) {
			check_config(run, &config);
			config.expected_entries = sizes[i];
			expect(run, capacitor_create(run->info->name, &config, &cache, NULL), CAPACITOR_INVALID,
			       "create, expected entries");
		}
	}
}

void run_sizes(struct check_run *run)
{
	struct capacitor_config config;
	struct capacitor_handle *handle;
	struct capacitor *cache;

	configurations(run);
	check_config(run, &config);
	config.capacity_bytes = (size_t)8 << 20;
	config.shards = 1;
	cache = check_create(run, &config);
	handle = check_enter(run, cache);
	for (size_t i = 0; i < sizeof no_key_bytes / sizeof no_key_bytes[0]; i++)
		keys_of_no_size(run, handle, no_key_bytes[i]);
	for (size_t i = 0; i < sizeof no_value_bytes / sizeof no_value_bytes[0]; i++)
		values_of_no_size(run, handle, no_value_bytes[i]);
	largest(run, handle);
	capacitor_leave(handle);
	capacitor_destroy(cache);
}
