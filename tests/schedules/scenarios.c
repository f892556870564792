/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Small scenarios on a cache, for explored schedules: few threads, few calls, and a check of all that can be said of the outcome.
 * Every access of the cache is a place at which another thread may go on; this driver's own are none. Blocks that were freed
 * are watched: a use of one ends the run.
 */
#include "tests/schedules/scenarios.h"

#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capacitor/cache.h"
#include "coherence/coherence.h"
#include "tests/check/history.h"
#include "tests/check/wing_gong.h"

#define THREADS         3
#define CALLS_MAX       6
#define KEYS_MAX        2
#define VALUE_BYTES_MAX 96

/* ---- Random numbers and values ----------------------------------------------------------------------------------- */

static uint64_t mix(uint64_t number) /* of SplitMix64 */
{
	number += UINT64_C(0x9E3779B97F4A7C15);
	number = (number ^ number >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
	number = (number ^ number >> 27) * UINT64_C(0x94D049BB133111EB);
	return number ^ number >> 31;
}

static uint64_t below(uint64_t *random, uint64_t limit)
{
	*random = mix(*random);
	return *random % limit;
}

/* Length and every byte of a value follow from its number. */
static size_t value_fill(unsigned char *value, uint64_t number)
{
	size_t bytes = 8 + mix(number) % (VALUE_BYTES_MAX / 8) * 8;

	for (size_t i = 0; i < bytes / 8; i++) {
		uint64_t word = i == 0 ? number : mix(number + i);

		memcpy(value + 8 * i, &word, 8);
	}
	return bytes;
}

static bool fail(const char *what, uint64_t number)
{
	fprintf(stderr, "schedules: %s (%" PRIu64 ")\n", what, number);
	return false;
}

/* The number of a whole value; 0 and a line for one that is not. */
static uint64_t value_read(const void *value, size_t bytes)
{
	unsigned char expected[VALUE_BYTES_MAX + 8];
	uint64_t number = 0;

	if (bytes >= 8)
		memcpy(&number, value, 8);
	if (number > 0 && bytes == value_fill(expected, number) && memcmp(value, expected, bytes) == 0)
		return number;
	fail("a torn value that begins with", number);
	return 0;
}

/* ---- The cache and its threads ----------------------------------------------------------------------------------- */

struct stage;

struct actor {
	struct stage *stage;
	struct capacitor_handle *handle;
	unsigned number;
	uint64_t random;
	uint64_t next_value;
	bool good;
	struct history_operation operation[KEYS_MAX][CALLS_MAX];
	unsigned count[KEYS_MAX];
};

struct stage {
	struct capacitor *cache;
	size_t capacity_bytes;
	size_t blocks; /* that were allocated before the cache */
	unsigned keys;
	uint64_t clock; /* orders calls: one thread runs at a time */
	uint64_t initial[KEYS_MAX];
	unsigned loading; /* loaders inside, of one key */
	struct actor actor[THREADS];
	void (*act)(struct actor *actor);
};

static const char *key_text(uint32_t key)
{
	return key == 0 ? "key 0" : "key 1";
}
#define KEY_BYTES 5

static bool stage_open(struct stage *stage, const char *implementation, size_t capacity_bytes, uint64_t seed)
{
	struct capacitor_config config;
	struct capacitor_error error;

	stage->blocks = coherence_blocks();
	capacitor_config_init(&config);
	config.capacity_bytes = stage->capacity_bytes = capacity_bytes;
	config.expected_entries = 8;
	config.shards = 1;
	config.threads_max = THREADS + 1;
	config.hash_seed_set = true;
	memcpy(config.hash_seed, &seed, sizeof(seed));
	config.busy_timeout_ns = 1000000;
	config.counters = (enum capacitor_counters)(seed % CAPACITOR_COUNTER_LAYOUTS);
	if (capacitor_create(implementation, &config, &stage->cache, &error) != CAPACITOR_OK) {
		fprintf(stderr, "schedules: %s\n", error.message);
		return false;
	}
	for (unsigned i = 0; i < THREADS; i++) {
		stage->actor[i].stage = stage;
		stage->actor[i].number = i;
		stage->actor[i].random = mix(seed ^ mix(i));
		stage->actor[i].next_value = ((uint64_t)(i + 2) << 32) + 1;
		stage->actor[i].good = true;
	}
	return true;
}

static void *actor_main(void *argument)
{
	struct actor *actor = argument;

	if (capacitor_enter(actor->stage->cache, &actor->handle) != CAPACITOR_OK) {
		actor->good = fail("a thread cannot enter", actor->number);
		return NULL;
	}
	actor->stage->act(actor);
	if (actor->random % 4) /* some die inside, and are made to leave */
		capacitor_leave(actor->handle);
	return NULL;
}

/* Runs the actors; after that the cache must be in order: within its bound, with what its counters say. */
static bool stage_play(struct stage *stage, void (*act)(struct actor *actor))
{
	size_t entry_bytes = capacitor_entry_bytes(KEY_BYTES, VALUE_BYTES_MAX);
	struct capacitor_stats stats;
	pthread_t thread[THREADS];
	uint64_t used;
	bool good = true;

	stage->act = act;
	coherence_measure(true);
	for (unsigned i = 0; i < THREADS; i++)
		pthread_create(&thread[i], NULL, actor_main, &stage->actor[i]);
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_join(thread[i], NULL);
		good = good && stage->actor[i].good;
	}
	capacitor_stats(stage->cache, &stats);
	used = stats.value[CAPACITOR_STAT_LIVE_BYTES] + stats.value[CAPACITOR_STAT_RETIRED_BYTES] +
	       stats.value[CAPACITOR_STAT_TABLE_BYTES];
	if (used > stage->capacity_bytes + THREADS * entry_bytes)
		good = fail("more bytes charged than the bound allows", used);
	if (stats.value[CAPACITOR_STAT_ENTRIES] > stage->keys)
		good = fail("more entries than keys", stats.value[CAPACITOR_STAT_ENTRIES]);
	capacitor_destroy(stage->cache);
	if (coherence_blocks() != stage->blocks)
		good = fail("blocks that are left when the cache is gone, or too few", coherence_blocks());
	return good;
}

/* ---- Calls that are written down --------------------------------------------------------------------------------- */

static enum capacitor_result load(void *context, const void *key, size_t key_bytes, void *buffer, size_t buffer_bytes,
                                  size_t *value_bytes)
{
	struct actor *actor = context;
	struct stage *stage = actor->stage;

	(void)key_bytes;
	(void)buffer_bytes;
	if (memcmp(key, key_text(0), KEY_BYTES) == 0 && stage->loading++ > 0)
		actor->good = fail("two loaders of one key at once", stage->loading);
	coherence_yield();
	*value_bytes = value_fill(buffer, actor->next_value);
	if (memcmp(key, key_text(0), KEY_BYTES) == 0)
		stage->loading--;
	return CAPACITOR_HIT;
}

static enum capacitor_result get(struct actor *actor, uint32_t key, uint64_t *read)
{
	unsigned char buffer[VALUE_BYTES_MAX + 8];
	size_t bytes = 0;
	enum capacitor_result result;

	if (below(&actor->random, 2)) {
		result = capacitor_get(actor->handle, key_text(key), KEY_BYTES, buffer, sizeof(buffer), &bytes);
	} else {
		struct capacitor_request request = {
			.key = key_text(key), .key_bytes = KEY_BYTES, .buffer = buffer, .buffer_bytes = sizeof(buffer)};

		capacitor_get_many(actor->handle, &request, 1);
		result = request.result;
		bytes = request.value_bytes;
	}
	if (result == CAPACITOR_HIT && (*read = value_read(buffer, bytes)) == 0)
		actor->good = false;
	return result;
}

/* A pinned value must stay what it was, whatever happens meanwhile. */
static enum capacitor_result pin(struct actor *actor, uint32_t key, uint64_t *read)
{
	struct capacitor_pin pin;
	enum capacitor_result result = capacitor_pin(actor->handle, key_text(key), KEY_BYTES, &pin);

	if (result != CAPACITOR_HIT)
		return result;
	*read = value_read(pin.value, pin.value_bytes);
	for (unsigned i = 0; i < 3; i++)
		sched_yield();
	if (*read == 0 || value_read(pin.value, pin.value_bytes) != *read)
		actor->good = fail("a pinned value changed", *read);
	capacitor_unpin(actor->handle, &pin);
	return result;
}

static void call(struct actor *actor, uint32_t key)
{
	struct history_operation *operation = &actor->operation[key][actor->count[key]++];
	unsigned char value[VALUE_BYTES_MAX + 8];
	unsigned drawn = (unsigned)below(&actor->random, 100);
	enum capacitor_result result;
	size_t bytes = value_fill(value, actor->next_value);

	*operation = (struct history_operation){.key = key, .thread = (uint16_t)actor->number, .written = actor->next_value};
	operation->invoked = ++actor->stage->clock;
	coherence_operation(1);
	if (drawn < 25) {
		operation->call = HISTORY_GET;
		result = get(actor, key, &operation->read);
	} else if (drawn < 35) {
		operation->call = HISTORY_GET;
		result = pin(actor, key, &operation->read);
	} else if (drawn < 40) {
		operation->call = HISTORY_CONTAINS;
		result = capacitor_contains(actor->handle, key_text(key), KEY_BYTES);
	} else if (drawn < 62) {
		operation->call = HISTORY_SET;
		result = capacitor_set(actor->handle, key_text(key), KEY_BYTES, value, bytes, CAPACITOR_TTL_NEVER);
	} else if (drawn < 70) {
		operation->call = HISTORY_ADD;
		result = capacitor_add(actor->handle, key_text(key), KEY_BYTES, value, bytes, CAPACITOR_TTL_NEVER);
	} else if (drawn < 78) {
		operation->call = HISTORY_REPLACE;
		result = capacitor_replace(actor->handle, key_text(key), KEY_BYTES, value, bytes, CAPACITOR_TTL_NEVER);
	} else if (drawn < 92) {
		operation->call = HISTORY_DELETE;
		result = capacitor_delete(actor->handle, key_text(key), KEY_BYTES);
	} else {
		size_t length = 0;

		operation->call = HISTORY_LOAD;
		result = capacitor_get_or_load(actor->handle, key_text(key), KEY_BYTES, value, sizeof(value), &length,
		                               CAPACITOR_TTL_NEVER, load, actor);
		if (result == CAPACITOR_HIT && (operation->read = value_read(value, length)) == 0)
			actor->good = false;
	}
	coherence_operation(0);
	operation->returned = ++actor->stage->clock;
	operation->result = (uint8_t)result;
	actor->next_value++;
}

static void make_calls(struct actor *actor)
{
	for (unsigned i = 0; i < CALLS_MAX; i++)
		call(actor, (uint32_t)below(&actor->random, actor->stage->keys));
}

/* ---- Scenarios --------------------------------------------------------------------------------------------------- */

static bool check_history(const struct stage *stage, struct wing_gong *checker, uint32_t key, enum history_model model)
{
	struct history_operation operation[THREADS * CALLS_MAX];
	size_t count = 0;

	for (unsigned i = 0; i < THREADS; i++)
		for (unsigned call = 0; call < stage->actor[i].count[key]; call++)
			operation[count++] = stage->actor[i].operation[key][call];
	if (wing_gong_check(checker, operation, count, model, stage->initial[key]))
		return true;
	fail("no linearization of the history of key", key);
	history_print(stderr, &(struct history){operation, count, model, &stage->initial[key], 1});
	return false;
}

static bool histories(const char *implementation, uint64_t seed, unsigned keys, size_t capacity_bytes, enum history_model model)
{
	static struct stage stage; /* each runs in a process of its own */
	struct wing_gong *checker = wing_gong_new();
	struct capacitor_handle *handle;
	unsigned char value[VALUE_BYTES_MAX + 8];
	bool good;

	stage.keys = keys;
	if (!checker || !stage_open(&stage, implementation, capacity_bytes, seed) ||
	    capacitor_enter(stage.cache, &handle) != CAPACITOR_OK)
		return fail("no cache", seed);
	if (mix(seed) % 2) {
		size_t bytes = value_fill(value, (uint64_t)1 << 32);

		if (capacitor_set(handle, key_text(0), KEY_BYTES, value, bytes, CAPACITOR_TTL_NEVER) == CAPACITOR_STORED)
			stage.initial[0] = (uint64_t)1 << 32;
	}
	capacitor_leave(handle);
	good = stage_play(&stage, make_calls);
	for (uint32_t key = 0; key < keys; key++)
		good = check_history(&stage, checker, key, model) && good;
	wing_gong_free(checker);
	return good;
}

static bool one_key(const char *implementation, uint64_t seed)
{
	return histories(implementation, seed, 1, 1 << 20, HISTORY_STRICT);
}

static bool two_keys(const char *implementation, uint64_t seed)
{
	return histories(implementation, seed, 2, 1 << 20, HISTORY_STRICT);
}

/* Room for the tables and for about one entry. */
static bool no_room(const char *implementation, uint64_t seed)
{
	struct capacitor_config config;
	struct capacitor_stats stats;
	struct capacitor *cache;

	capacitor_config_init(&config);
	config.capacity_bytes = 1 << 20;
	config.expected_entries = 8;
	config.shards = 1;
	if (capacitor_create(implementation, &config, &cache, NULL) != CAPACITOR_OK)
		return fail("no cache", seed);
	capacitor_stats(cache, &stats);
	capacitor_destroy(cache);
	return histories(implementation, seed, 2,
	                 stats.value[CAPACITOR_STAT_TABLE_BYTES] + 3 * capacitor_entry_bytes(KEY_BYTES, VALUE_BYTES_MAX) / 2,
	                 HISTORY_EVICTING);
}

/* Loads of one key by all threads: one loader at a time, and all get what it loaded, or their own later one. */
static void load_and_delete(struct actor *actor)
{
	for (unsigned i = 0; i < 3; i++) {
		unsigned char value[VALUE_BYTES_MAX + 8];
		size_t length = 0;
		enum capacitor_result result;

		coherence_operation(1);
		result = capacitor_get_or_load(actor->handle, key_text(0), KEY_BYTES, value, sizeof(value), &length,
		                               CAPACITOR_TTL_NEVER, load, actor);
		coherence_operation(0);
		actor->next_value++;
		if (result != CAPACITOR_HIT && result != CAPACITOR_STORED)
			actor->good = fail("get_or_load did not give a value", result);
		else if (value_read(value, length) == 0)
			actor->good = false;
		if (below(&actor->random, 2))
			capacitor_delete(actor->handle, key_text(0), KEY_BYTES);
	}
}

static bool loads(const char *implementation, uint64_t seed)
{
	static struct stage stage;

	stage.keys = 1;
	return stage_open(&stage, implementation, 1 << 20, seed) && stage_play(&stage, load_and_delete);
}

/* Clear, resize and each beside stores. */
static bool visit(void *context, const void *key, size_t key_bytes, const void *value, size_t value_bytes)
{
	struct actor *actor = context;

	(void)key;
	(void)key_bytes;
	if (value_read(value, value_bytes) == 0)
		actor->good = false;
	return true;
}

static void upheave(struct actor *actor)
{
	for (unsigned i = 0; i < 3; i++) {
		unsigned char value[VALUE_BYTES_MAX + 8];
		size_t bytes = value_fill(value, actor->next_value++);
		uint64_t read;

		coherence_operation(1);
		switch (actor->number == 0 ? below(&actor->random, 4) : 4 + below(&actor->random, 2)) {
		case 0: capacitor_clear(actor->handle); break;
		case 1: capacitor_each(actor->handle, visit, actor); break;
		case 2: capacitor_resize(actor->handle, (size_t)1 << (16 + below(&actor->random, 4))); break;
		case 3: capacitor_quiesce(actor->handle); break;
		case 4:
			capacitor_set(actor->handle, key_text(actor->number % 2), KEY_BYTES, value, bytes, CAPACITOR_TTL_NEVER);
			break;
		default: get(actor, (uint32_t)below(&actor->random, 2), &read); break;
		}
		coherence_operation(0);
	}
}

static bool upheaval(const char *implementation, uint64_t seed)
{
	static struct stage stage;

	stage.keys = 2;
	return stage_open(&stage, implementation, 1 << 20, seed) && stage_play(&stage, upheave);
}

const struct scenario cache_scenarios[] = {
	{"one-key", "all calls on one key: linearizable, whole, pins unchanged", one_key},
	{"two-keys", "the same on two keys", two_keys},
	{"no-room", "the same where one evicts the other", no_room},
	{"loads", "one loader at a time", loads},
	{"upheaval", "clear, each, resize and quiesce beside stores and gets", upheaval},
	{NULL, NULL, NULL},
};
