/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any sequence of calls, by one thread, against a reference map. The first bytes are a configuration, each step after
 * them one or a few bytes: most changes of the input are small changes of the sequence.
 *
 * The map knows of each key the value that it must have, or that it must be absent. A key may be gone, by eviction, unless
 * the cache is roomy; never may another value be found, nor an expired one, nor a deleted one.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capacitor/cache.h"

#define KEYS            16
#define PINS            4
#define VALUE_BYTES_MAX 5000
#define STEPS_MAX       400

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t bytes);

struct input {
	const unsigned char *data;
	size_t left;
};

static unsigned take(struct input *input)
{
	if (input->left == 0)
		return 0;
	input->left--;
	return *input->data++;
}

struct fuzz {
	struct input input;
	struct capacitor_config config;
	const struct capacitor_info *info;
	struct capacitor *cache;
	struct capacitor_handle *handle;
	bool roomy;   /* nothing is evicted */
	bool storing; /* the implementation keeps anything */
	bool expiring; /* something was stored with a TTL */
	uint64_t clock_ns;
	uint32_t versions;
	struct {
		uint32_t version; /* 0: absent */
		uint64_t expires_ns;
	} key[KEYS];
	struct {
		struct capacitor_pin pin;
		uint32_t version;
	} pin[PINS];
	char log[STEPS_MAX][80];
	unsigned steps;
};

static void fail(const struct fuzz *fuzz, const char *what)
{
	fprintf(stderr, "calls_fuzz: %s (%s, %s, %s, capacity %zu, %s):\n", what, fuzz->info->name,
	        capacitor_policy_string(fuzz->config.policy), capacitor_counters_string(fuzz->config.counters),
	        fuzz->config.capacity_bytes, fuzz->roomy ? "roomy" : "evicting");
	for (unsigned i = 0; i < fuzz->steps; i++)
		fprintf(stderr, "  %3u  %s\n", i, fuzz->log[i]);
	abort();
}

__attribute__((format(printf, 2, 3))) static void say(struct fuzz *fuzz, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(fuzz->log[fuzz->steps++], sizeof fuzz->log[0], format, arguments);
	va_end(arguments);
}

/* ---- Keys and values --------------------------------------------------------------------------------------------- */

/* Key n is so many times the same letter: each begins all longer ones. */
static const size_t key_bytes[KEYS] = {1, 2, 3, 4, 7, 8, 9, 16, 31, 32, 33, 64, 255, 256, 1000, CAPACITOR_KEY_BYTES_MAX};
static char letters[CAPACITOR_KEY_BYTES_MAX];

/* Few sizes, so that a value is often overwritten by one of the same size. */
static size_t value_bytes(uint32_t version)
{
	static const size_t sizes[] = {0, 1, 8, 24, 24, 24, 100};
	uint32_t at = (version * 2654435761u >> 16) % 8;

	return at < 7 ? sizes[at] : version % VALUE_BYTES_MAX;
}

static void value_fill(unsigned char *value, uint32_t version)
{
	for (size_t i = 0; i < value_bytes(version); i++)
		value[i] = (unsigned char)(version * 31 + i * 7 + (version >> 8));
}

static bool value_is(const void *value, size_t bytes, uint32_t version)
{
	unsigned char expected[VALUE_BYTES_MAX];

	value_fill(expected, version);
	return bytes == value_bytes(version) && (bytes == 0 || memcmp(value, expected, bytes) == 0);
}

static uint64_t clock_of(void *context)
{
	return ((struct fuzz *)context)->clock_ns;
}

static uint64_t all_collide(const void *key, size_t bytes, const uint8_t seed[16])
{
	(void)key;
	(void)bytes;
	(void)seed;
	return 42;
}

/* ---- The reference ------------------------------------------------------------------------------------------------ */

/* The version that a key must have if it is there at all; 0: it must not be. */
static uint32_t current(const struct fuzz *fuzz, unsigned key)
{
	return fuzz->clock_ns < fuzz->key[key].expires_ns ? fuzz->key[key].version : 0;
}

static void found(struct fuzz *fuzz, unsigned key, bool hit)
{
	if (hit && current(fuzz, key) == 0)
		fail(fuzz, "a key was found that is deleted, expired, gone or was never set");
	if (!hit && fuzz->roomy && current(fuzz, key) > 0)
		fail(fuzz, "a key is gone though there is room for all");
	if (!hit)
		fuzz->key[key].version = 0; /* what is gone never comes back */
}

static void check_value(struct fuzz *fuzz, unsigned key, const void *value, size_t bytes)
{
	if (!value_is(value, bytes, current(fuzz, key)))
		fail(fuzz, "another value than the last was found");
}

static void check_bound(struct fuzz *fuzz)
{
	struct capacitor_stats stats;
	uint64_t used;

	capacitor_stats(fuzz->cache, &stats);
	used = stats.value[CAPACITOR_STAT_TABLE_BYTES] + stats.value[CAPACITOR_STAT_LIVE_BYTES] +
	       stats.value[CAPACITOR_STAT_RETIRED_BYTES];
	if (used > stats.value[CAPACITOR_STAT_CAPACITY_BYTES] +
	           capacitor_entry_bytes(CAPACITOR_KEY_BYTES_MAX, VALUE_BYTES_MAX) * (1 + PINS))
		fail(fuzz, "more is used than the capacity");
}

/* ---- Steps ------------------------------------------------------------------------------------------------------- */

static void read_key(struct fuzz *fuzz, unsigned key, unsigned how)
{
	unsigned char buffer[VALUE_BYTES_MAX];
	size_t room = how & 4 ? sizeof buffer : value_bytes(fuzz->key[key].version) / 2, bytes = 99999;
	struct capacitor_request request = {letters, key_bytes[key], buffer, room, 0, CAPACITOR_OK};
	enum capacitor_result result;

	if (how & 1) {
		result = capacitor_get(fuzz->handle, letters, key_bytes[key], buffer, room, &bytes);
	} else {
		capacitor_get_many(fuzz->handle, &request, 1);
		result = request.result;
		bytes = request.value_bytes;
	}
	say(fuzz, "get %u into %zu bytes: %s", key, room, capacitor_result_string(result));
	found(fuzz, key, result == CAPACITOR_HIT || result == CAPACITOR_BUFFER_TOO_SMALL);
	if (result == CAPACITOR_HIT)
		check_value(fuzz, key, buffer, bytes);
	else if (result == CAPACITOR_BUFFER_TOO_SMALL && (bytes != value_bytes(current(fuzz, key)) || bytes <= room))
		fail(fuzz, "the buffer is too small, and the length is wrong");
	else if (result == CAPACITOR_MISS && bytes != 0)
		fail(fuzz, "a miss has a length");
}

static void contains_key(struct fuzz *fuzz, unsigned key)
{
	enum capacitor_result result = capacitor_contains(fuzz->handle, letters, key_bytes[key]);

	say(fuzz, "contains %u: %s", key, capacitor_result_string(result));
	found(fuzz, key, result == CAPACITOR_HIT);
}

static void stored(struct fuzz *fuzz, unsigned key, uint64_t ttl_ns)
{
	fuzz->key[key].version = fuzz->versions;
	fuzz->expiring = fuzz->expiring || ttl_ns != CAPACITOR_TTL_NEVER;
	fuzz->key[key].expires_ns = ttl_ns == CAPACITOR_TTL_NEVER ? UINT64_MAX : fuzz->clock_ns + ttl_ns;
}

static void store_key(struct fuzz *fuzz, unsigned key, unsigned how)
{
	static enum capacitor_result (*const calls[])(struct capacitor_handle *handle, const void *key, size_t key_bytes,
	                                              const void *value, size_t value_bytes, uint64_t ttl_ns) = {
		capacitor_set, capacitor_add, capacitor_replace, capacitor_set,
	};
	static const char *const names[] = {"set", "add", "replace", "set"};
	uint64_t ttl_ns = how & 4 ? CAPACITOR_TTL_NEVER : 1 + (how >> 3);
	unsigned char value[VALUE_BYTES_MAX];
	enum capacitor_result result;
	bool there = current(fuzz, key) > 0;

	value_fill(value, ++fuzz->versions);
	result = calls[how & 3](fuzz->handle, letters, key_bytes[key], value, value_bytes(fuzz->versions), ttl_ns);
	say(fuzz, "%s %u, %zu bytes, ttl %" PRIu64 ": %s", names[how & 3], key, value_bytes(fuzz->versions), ttl_ns,
	    capacitor_result_string(result));
	switch (result) {
	case CAPACITOR_STORED:
		if ((how & 3) == 2 && !there && fuzz->storing)
			fail(fuzz, "replace has stored a key that was not there");
		if ((how & 3) == 1 && there && fuzz->roomy)
			fail(fuzz, "add has stored a key that was there");
		stored(fuzz, key, ttl_ns);
		break;
	case CAPACITOR_EXISTS:
		if ((how & 3) != 1)
			fail(fuzz, "only add says exists");
		found(fuzz, key, true);
		break;
	case CAPACITOR_MISS:
		if ((how & 3) != 2)
			fail(fuzz, "only replace says miss");
		found(fuzz, key, false);
		break;
	case CAPACITOR_TOO_LARGE:
	case CAPACITOR_BUSY:
		if (fuzz->roomy)
			fail(fuzz, "there is room for all");
		break;
	default:
		fail(fuzz, "store: no such result");
	}
}

static void delete_key(struct fuzz *fuzz, unsigned key)
{
	enum capacitor_result result = capacitor_delete(fuzz->handle, letters, key_bytes[key]);

	say(fuzz, "delete %u: %s", key, capacitor_result_string(result));
	found(fuzz, key, result == CAPACITOR_HIT);
	fuzz->key[key].version = 0;
}

static void pin_key(struct fuzz *fuzz, unsigned key, unsigned slot)
{
	enum capacitor_result result;

	if (fuzz->pin[slot].version) {
		if (!value_is(fuzz->pin[slot].pin.value, fuzz->pin[slot].pin.value_bytes, fuzz->pin[slot].version))
			fail(fuzz, "a pinned value has changed");
		result = capacitor_unpin(fuzz->handle, &fuzz->pin[slot].pin);
		say(fuzz, "unpin slot %u: %s", slot, capacitor_result_string(result));
		if (result != CAPACITOR_OK)
			fail(fuzz, "unpin of a pin that is held");
		fuzz->pin[slot].version = 0;
		return;
	}
	result = capacitor_pin(fuzz->handle, letters, key_bytes[key], &fuzz->pin[slot].pin);
	say(fuzz, "pin %u in slot %u: %s", key, slot, capacitor_result_string(result));
	found(fuzz, key, result == CAPACITOR_HIT);
	if (result != CAPACITOR_HIT)
		return;
	check_value(fuzz, key, fuzz->pin[slot].pin.value, fuzz->pin[slot].pin.value_bytes);
	fuzz->pin[slot].version = current(fuzz, key);
}

static void unpin_all(struct fuzz *fuzz)
{
	for (unsigned slot = 0; slot < PINS; slot++)
		if (fuzz->pin[slot].version)
			pin_key(fuzz, 0, slot);
}

struct loading {
	struct fuzz *fuzz;
	enum capacitor_result result;
	bool called;
};

static enum capacitor_result loader(void *context, const void *key, size_t bytes, void *buffer, size_t buffer_bytes,
                                    size_t *got)
{
	struct loading *loading = context;

	(void)key;
	(void)bytes;
	loading->called = true;
	*got = value_bytes(loading->fuzz->versions);
	if (loading->result == CAPACITOR_HIT && *got > buffer_bytes)
		return CAPACITOR_BUFFER_TOO_SMALL;
	if (loading->result == CAPACITOR_HIT)
		value_fill(buffer, loading->fuzz->versions);
	return loading->result;
}

static void load_key(struct fuzz *fuzz, unsigned key, unsigned how)
{
	struct loading loading = {fuzz, how & 1 ? CAPACITOR_HIT : CAPACITOR_MISS, false};
	unsigned char buffer[VALUE_BYTES_MAX];
	enum capacitor_result result;
	size_t bytes;

	fuzz->versions++;
	result = capacitor_get_or_load(fuzz->handle, letters, key_bytes[key], buffer, sizeof buffer, &bytes, CAPACITOR_TTL_NEVER,
	                               loader, &loading);
	say(fuzz, "get_or_load %u: %s", key, capacitor_result_string(result));
	found(fuzz, key, !loading.called);
	if (!loading.called && result == CAPACITOR_HIT) {
		check_value(fuzz, key, buffer, bytes);
	} else if (loading.called && loading.result == CAPACITOR_HIT) {
		if (result != CAPACITOR_STORED || !value_is(buffer, bytes, fuzz->versions))
			fail(fuzz, "get_or_load: not what was loaded");
		stored(fuzz, key, CAPACITOR_TTL_NEVER);
		if (capacitor_contains(fuzz->handle, letters, key_bytes[key]) == CAPACITOR_MISS) {
			if (fuzz->roomy)
				fail(fuzz, "a loaded value was not stored");
			fuzz->key[key].version = 0;
		}
	} else if (result != loading.result) {
		fail(fuzz, "get_or_load: another result than the loader's");
	}
}

struct visiting {
	struct fuzz *fuzz;
	uint32_t seen; /* bits */
	uint64_t entries, bytes;
};

static bool visit(void *context, const void *key, size_t bytes, const void *value, size_t got)
{
	struct visiting *visiting = context;
	unsigned number = 0;

	while (number < KEYS && key_bytes[number] != bytes)
		number++;
	if (number == KEYS || memcmp(key, letters, bytes) != 0 || visiting->seen & 1u << number)
		fail(visiting->fuzz, "each: a key that was never set, or one twice");
	visiting->seen |= 1u << number;
	visiting->entries++;
	visiting->bytes += capacitor_entry_bytes(bytes, got);
	if (current(visiting->fuzz, number) == 0)
		fail(visiting->fuzz, "each: a key that is not there");
	check_value(visiting->fuzz, number, value, got);
	return true;
}

/* What is there, and what is charged for it. Entries that have expired are charged until they are met, and not visited. */
static void visit_all(struct fuzz *fuzz)
{
	struct visiting visiting = {.fuzz = fuzz};
	struct capacitor_stats stats;

	say(fuzz, "each");
	capacitor_each(fuzz->handle, visit, &visiting);
	capacitor_stats(fuzz->cache, &stats);
	if (stats.value[CAPACITOR_STAT_LIVE_BYTES] < visiting.bytes ||
	    (!fuzz->expiring && stats.value[CAPACITOR_STAT_LIVE_BYTES] != visiting.bytes))
		fail(fuzz, "each: the entries are not what is charged");
	if (stats.value[CAPACITOR_STAT_ENTRIES] < visiting.entries ||
	    (!fuzz->expiring && stats.value[CAPACITOR_STAT_ENTRIES] != visiting.entries))
		fail(fuzz, "each: the entries are not what is counted");
	for (unsigned key = 0; key < KEYS; key++)
		found(fuzz, key, visiting.seen & 1u << key);
}

static void clear_all(struct fuzz *fuzz)
{
	say(fuzz, "clear");
	capacitor_clear(fuzz->handle);
	for (unsigned key = 0; key < KEYS; key++)
		fuzz->key[key].version = 0;
	visit_all(fuzz);
}

static void resize(struct fuzz *fuzz, unsigned how)
{
	size_t capacity_bytes = fuzz->roomy ? ((size_t)4 + how % 8) << 20 : (size_t)1 << (8 + how % 14);
	enum capacitor_result result = capacitor_resize(fuzz->handle, capacity_bytes);

	say(fuzz, "resize to %zu: %s", capacity_bytes, capacitor_result_string(result));
	if (result != CAPACITOR_OK && fuzz->roomy)
		fail(fuzz, "there is room for all");
}

static void quiesce(struct fuzz *fuzz)
{
	enum capacitor_result result;

	unpin_all(fuzz);
	result = capacitor_quiesce(fuzz->handle);
	say(fuzz, "quiesce: %s", capacitor_result_string(result));
}

static void reenter(struct fuzz *fuzz)
{
	unpin_all(fuzz);
	say(fuzz, "leave and enter");
	capacitor_leave(fuzz->handle);
	if (capacitor_enter(fuzz->cache, &fuzz->handle) != CAPACITOR_OK)
		fail(fuzz, "enter");
}

static void say_nonsense(struct fuzz *fuzz, unsigned how)
{
	struct capacitor_pin pin = {.slot = how};

	say(fuzz, "invalid arguments");
	if (capacitor_get(fuzz->handle, how & 1 ? NULL : letters, how & 1 ? 1 : 0, NULL, 0, NULL) != CAPACITOR_INVALID ||
	    capacitor_set(NULL, letters, 1, letters, 1, 0) != CAPACITOR_INVALID ||
	    capacitor_set(fuzz->handle, letters, 1, NULL, 1, 0) != CAPACITOR_INVALID ||
	    capacitor_unpin(fuzz->handle, &pin) != CAPACITOR_INVALID)
		fail(fuzz, "nonsense was not invalid");
}

static void step(struct fuzz *fuzz)
{
	unsigned what = take(&fuzz->input), how = take(&fuzz->input), key = what >> 4; /* one byte says what, and to which key */

	switch (what & 15) {
	case 0: case 1: case 2: store_key(fuzz, key, how); break;
	case 3: case 4: read_key(fuzz, key, how); break;
	case 5: contains_key(fuzz, key); break;
	case 6: delete_key(fuzz, key); break;
	case 7: pin_key(fuzz, key, how % PINS); break;
	case 8: load_key(fuzz, key, how); break;
	case 9: fuzz->clock_ns += how; say(fuzz, "%u ns pass", how); break;
	case 10: visit_all(fuzz); break;
	case 11: if (how % 8 == 0) clear_all(fuzz); break;
	case 12: resize(fuzz, how); break;
	case 13: quiesce(fuzz); break;
	case 14: reenter(fuzz); break;
	case 15: say_nonsense(fuzz, how); break;
	}
}

/* ---- A run ------------------------------------------------------------------------------------------------------- */

static bool open_cache(struct fuzz *fuzz)
{
	unsigned which = take(&fuzz->input), how = take(&fuzz->input), size = take(&fuzz->input);
	size_t count = 0;

	while (capacitor_info(count))
		count++;
	fuzz->info = capacitor_info(which % count);
	fuzz->storing = !(fuzz->info->lacks & CAPACITOR_LACKS_STORAGE);
	fuzz->roomy = fuzz->storing && (how & 1);
	capacitor_config_init(&fuzz->config);
	fuzz->config.capacity_bytes = fuzz->roomy ? (size_t)4 << 20 : (size_t)1 << (9 + size % 12);
	fuzz->config.expected_entries = 1 + size % 32;
	fuzz->config.shards = 1u << (how >> 1) % 4;
	fuzz->config.threads_max = 2;
	fuzz->config.policy = (enum capacitor_policy)((which >> 4) % CAPACITOR_POLICIES);
	fuzz->config.counters = (enum capacitor_counters)((how >> 3) % CAPACITOR_COUNTER_LAYOUTS);
	if (how & 0x40) {
		fuzz->config.hash = CAPACITOR_HASH_CUSTOM;
		fuzz->config.hash_function = all_collide;
	}
	fuzz->config.hash_seed_set = true;
	fuzz->config.clock_ns = clock_of;
	fuzz->config.clock_context = fuzz;
	fuzz->config.busy_timeout_ns = fuzz->roomy ? (uint64_t)60 * 1000000000u : 100000;
	fuzz->clock_ns = 1000;
	return capacitor_create(fuzz->info->name, &fuzz->config, &fuzz->cache, NULL) == CAPACITOR_OK;
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t bytes)
{
	static struct fuzz fuzz;

	memset(letters, 'k', sizeof letters);
	memset(&fuzz, 0, sizeof fuzz);
	fuzz.input = (struct input){data, bytes};
	if (!open_cache(&fuzz)) /* too small for its tables, or a policy that it does not have */
		return 0;
	if (capacitor_enter(fuzz.cache, &fuzz.handle) != CAPACITOR_OK)
		fail(&fuzz, "enter");
	while (fuzz.input.left > 0 && fuzz.steps + PINS + 2 < STEPS_MAX)
		step(&fuzz);
	check_bound(&fuzz);
	visit_all(&fuzz);
	unpin_all(&fuzz);
	capacitor_leave(fuzz.handle);
	capacitor_destroy(fuzz.cache);
	return 0;
}
