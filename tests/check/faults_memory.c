/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Allocations fail (G7): the k-th that the library makes in a scenario of all calls, for every k until the scenario makes
 * fewer; alone, and with all that follow. Each call then has its result or NO_MEMORY, a store that fails leaves the old
 * value, and when memory is there again all works. What leaks is for AddressSanitizer to say, when the process ends.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "faults.h"
#include "points.h"

#define KEYS  48
#define ROOMY ((size_t)1 << 20)

/* One thread's view of its keys, of which nobody else writes any: the version that must be there. */
struct view {
	struct check_run *run;
	struct capacitor_handle *handle;
	uint32_t first_key;
	bool evicts;            /* any may be gone */
	uint64_t version[KEYS]; /* 0: absent */
	uint64_t versions;      /* given so far */
};

static uint64_t value_bytes(uint64_t version)
{
	return 16 + check_mix(version) % 40 * 8;
}

/* Words that follow from key and version. */
static size_t fill(uint64_t *value, uint32_t key, uint64_t version)
{
	size_t words = value_bytes(version) / 8;

	for (size_t i = 0; i < words; i++)
		value[i] = i == 0 ? version : check_mix(version + i) ^ key;
	return words * 8;
}

static bool is_value(const uint64_t *value, size_t bytes, uint32_t key, uint64_t version)
{
	uint64_t expected[64];

	return bytes == fill(expected, key, version) && memcmp(value, expected, bytes) == 0;
}

static bool is_there(struct view *view, unsigned i)
{
	uint32_t key = view->first_key + i;
	uint64_t buffer[64];
	size_t bytes;
	enum capacitor_result result = capacitor_get(view->handle, &key, sizeof key, buffer, sizeof buffer, &bytes);

	if (result == CAPACITOR_MISS)
		return view->version[i] == 0 || view->evicts;
	return result == CAPACITOR_HIT && view->version[i] > 0 && is_value(buffer, bytes, key, view->version[i]);
}

static void look(struct view *view, unsigned i, const char *after)
{
	if (!is_there(view, i))
		check_fail(view->run, "after %s: key %u is not version %" PRIu64 " (0: absent)%s", after, i, view->version[i],
		           view->evicts ? ", and not gone" : "");
}

typedef enum capacitor_result store_call(struct capacitor_handle *handle, const void *key, size_t key_bytes,
                                         const void *value, size_t value_bytes, uint64_t ttl_ns);

/* set, add or replace; then the value that must be there now. */
static void store(struct view *view, store_call *call, unsigned i, const char *name)
{
	uint32_t key = view->first_key + i;
	uint64_t buffer[64], version = ++view->versions;
	enum capacitor_result result;

	result = call(view->handle, &key, sizeof key, buffer, fill(buffer, key, version), CAPACITOR_TTL_NEVER);
	if (result == CAPACITOR_STORED)
		view->version[i] = version;
	else if (result != CAPACITOR_NO_MEMORY && result != CAPACITOR_EXISTS && result != CAPACITOR_MISS &&
	         !(result == CAPACITOR_BUSY && view->evicts))
		check_fail(view->run, "%s: %s", name, capacitor_result_string(result));
	look(view, i, name);
}

static enum capacitor_result load_value(void *context, const void *key, size_t key_bytes, void *buffer, size_t buffer_bytes,
                                        size_t *bytes)
{
	const struct view *view = context;
	uint32_t number;

	(void)buffer_bytes;
	memcpy(&number, key, key_bytes);
	*bytes = fill(buffer, number, view->versions);
	return CAPACITOR_HIT;
}

/* Returned is what was there, or what was loaded; the latter is in the cache, or, for lack of memory, it is not. */
static void load(struct view *view, unsigned i)
{
	uint32_t key = view->first_key + i;
	uint64_t buffer[64];
	enum capacitor_result result;
	size_t bytes;

	view->versions++;
	result = capacitor_get_or_load(view->handle, &key, sizeof key, buffer, sizeof buffer, &bytes, CAPACITOR_TTL_NEVER,
	                               load_value, view);
	if (result == CAPACITOR_STORED) {
		if (!is_value(buffer, bytes, key, view->versions))
			check_fail(view->run, "get_or_load: another value than was loaded");
		view->version[i] = view->versions;
		if (capacitor_contains(view->handle, &key, sizeof key) == CAPACITOR_MISS)
			view->version[i] = 0;
	} else if (result != CAPACITOR_HIT) {
		check_fail(view->run, "get_or_load: %s", capacitor_result_string(result));
	}
	look(view, i, "get_or_load");
}

static void delete(struct view *view, unsigned i)
{
	uint32_t key = view->first_key + i;
	enum capacitor_result result = capacitor_delete(view->handle, &key, sizeof key);

	if (result != CAPACITOR_HIT && result != CAPACITOR_MISS)
		check_fail(view->run, "delete: %s", capacitor_result_string(result));
	view->version[i] = 0;
	look(view, i, "delete");
}

static void pin_and_overwrite(struct view *view, unsigned i)
{
	uint32_t key = view->first_key + i;
	uint64_t version = view->version[i];
	struct capacitor_pin pin;

	if (capacitor_pin(view->handle, &key, sizeof key, &pin) != CAPACITOR_HIT)
		return;
	store(view, capacitor_set, i, "set of a pinned key");
	if (!is_value(pin.value, pin.value_bytes, key, version))
		check_fail(view->run, "a pinned value changed");
	capacitor_unpin(view->handle, &pin);
}

/* One step of a mix of all calls on one key. */
static void step(struct view *view, uint64_t random)
{
	unsigned i = (unsigned)(random >> 8) % KEYS;

	switch (random % 8) {
	case 0: delete(view, i); break;
	case 1: store(view, capacitor_add, i, "add"); break;
	case 2: store(view, capacitor_replace, i, "replace"); break;
	case 3: load(view, i); break;
	case 4: pin_and_overwrite(view, i); break;
	default: store(view, capacitor_set, i, "set"); break;
	}
}

/* ---- One thread --------------------------------------------------------------------------------------------------- */

static void forget(struct view *view)
{
	capacitor_clear(view->handle);
	memset(view->version, 0, sizeof view->version);
	for (unsigned i = 0; i < KEYS; i++)
		look(view, i, "clear");
}

static bool bounded(struct capacitor *cache, size_t capacity_bytes)
{
	struct capacitor_stats stats;

	capacitor_stats(cache, &stats);
	return stats.value[CAPACITOR_STAT_TABLE_BYTES] + stats.value[CAPACITOR_STAT_LIVE_BYTES] +
	       stats.value[CAPACITOR_STAT_RETIRED_BYTES] <= capacity_bytes + capacitor_entry_bytes(4, 8 * 64);
}

/* All calls, from create to destroy; the last of them with memory again. Returns how many allocations have failed. */
static uint64_t scenario(struct check_run *run, const struct capacitor_config *config, bool evicts)
{
	struct view view = {.run = run, .evicts = evicts};
	uint64_t random = run->seed, failed;
	struct capacitor *cache;
	enum capacitor_result result = capacitor_create(run->info->name, config, &cache, NULL);

	if (result == CAPACITOR_OK)
		result = capacitor_enter(cache, &view.handle);
	if (result != CAPACITOR_OK) {
		if (result != CAPACITOR_NO_MEMORY)
			check_fail(run, "create or enter: %s", capacitor_result_string(result));
		capacitor_destroy(cache); /* NULL is allowed */
		return points_failed_allocations();
	}
	for (unsigned i = 0; i < KEYS; i++)
		store(&view, capacitor_set, i, "set");
	for (unsigned i = 0; i < 4 * KEYS; i++)
		step(&view, check_random(&random));
	if (!bounded(cache, config->capacity_bytes))
		check_fail(run, "more is used than the capacity and an entry");
	forget(&view);
	failed = points_failed_allocations();
	points_fail_allocation(0, false, false);
	for (unsigned i = 0; i < KEYS; i++) {
		store(&view, capacitor_set, i, "set");
		if (view.version[i] == 0 && !evicts)
			check_fail(run, "nothing can be stored though there is memory again");
	}
	capacitor_leave(view.handle);
	capacitor_destroy(cache);
	return failed;
}

/* Room for all, with a table that grows; or for a dozen entries. */
static void configure(struct check_run *run, struct capacitor_config *config, bool evicts)
{
	struct capacitor *cache;

	check_config(run, config);
	config->capacity_bytes = ROOMY;
	config->expected_entries = 4;
	config->shards = 1;
	if (!evicts)
		return;
	cache = check_create(run, config);
	config->capacity_bytes = check_stat(cache, CAPACITOR_STAT_TABLE_BYTES) + 12 * capacitor_entry_bytes(4, 8 * 42);
	capacitor_destroy(cache);
}

void run_allocations(struct check_run *run)
{
	uint64_t faults = 0, operations = 0;

	for (unsigned way = 0; way < 4 && !check_failed(run); way++) {
		bool evicts = way & 1, onwards = way & 2;
		struct capacitor_config config;
		uint64_t failed = 1;

		configure(run, &config, evicts);
		/* Every k; when there is no time for that, fewer and fewer. */
		for (uint64_t k = 1; failed > 0 && !check_failed(run); k += check_goes_on(run) ? 1 : 1 + k / 8) {
			points_fail_allocation(k, onwards, false);
			failed = scenario(run, &config, evicts);
			points_fail_allocation(0, false, false);
			faults += failed;
			operations += 12 * KEYS;
		}
	}
	check_count(run, CHECK_FAULTS, faults);
	check_count(run, CHECK_OPERATIONS, operations);
}

/* ---- Many threads -------------------------------------------------------------------------------------------------- */

#define ROUNDS_BETWEEN_FAULTS 64

/* Each works on keys of its own; the first lets everybody's allocations fail, again and again. */
static void work_without_memory(struct check_thread *self)
{
	struct view *view = calloc(1, sizeof *view);
	uint64_t steps = 0, faults = 0;

	if (!view) {
		check_fail(self->run, "no memory");
		return;
	}
	view->run = self->run;
	view->handle = self->handle;
	view->first_key = self->index * KEYS;
	for (; check_goes_on(self->run); steps++) {
		if (self->index == 0 && steps % ROUNDS_BETWEEN_FAULTS == 0) {
			faults += points_failed_allocations();
			points_fail_allocation(check_below(&self->random, 16), check_below(&self->random, 2), true);
		}
		step(view, check_random(&self->random));
	}
	if (self->index == 0)
		points_fail_allocation(0, false, true);
	check_count(self->run, CHECK_FAULTS, faults);
	check_count(self->run, CHECK_OPERATIONS, 2 * steps);
	free(view);
}

void run_allocations_by_all(struct check_run *run)
{
	unsigned threads = run->info->lacks & CAPACITOR_LACKS_CONCURRENCY ? 1 : 4;
	struct capacitor_config config;
	struct capacitor *cache;

	configure(run, &config, false);
	config.shards = 0;
	cache = check_create(run, &config);
	check_threads(run, cache, threads, work_without_memory, NULL);
	capacitor_destroy(cache);
}
