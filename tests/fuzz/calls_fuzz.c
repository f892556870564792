/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any sequence of calls, by one thread, against a reference map. The first bytes are a configuration, every four after
 * them one step, so that most changes of an input are small changes of its sequence.
 *
 * The reference is an array: of each key the value that it must have if it is there at all, when it was stored and for how
 * long. A key may be gone by eviction, unless the cache is roomy; never may another value be found, nor one that is
 * expired, deleted or was found missing before. Besides: pinned values do not change, the bound of bytes holds, each visits
 * what is there, a call that is refused changes nothing, and the statistics are what was done.
 *
 * FUZZ_STEPS=1 in the environment prints each step before it is done, and its result: for inputs that crash in the library.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capacitor/cache.h"

#define KEYS            16
#define STEPS_MAX       300
#define STEP_TEXT_BYTES 160
#define CONFIG_BYTES    8
#define STEP_BYTES      4
#define BATCH_MAX       40
#define VALUE_BYTES_MAX ((size_t)128 << 10)
#define CLOCK_NS_MAX    (UINT64_MAX - 1) /* an entry that expires at UINT64_MAX never does */
#define ROOMY_BYTES     ((size_t)64 << 20)

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t bytes);
size_t LLVMFuzzerMutate(unsigned char *data, size_t bytes, size_t bytes_max);
size_t LLVMFuzzerCustomMutator(unsigned char *data, size_t bytes, size_t bytes_max, unsigned seed);

/* What a key must have if it is there. */
struct reference {
	bool there;
	bool lingers; /* it could expire, and may still be in the table when it has */
	uint32_t version;
	size_t bytes;
	uint64_t stored_ns;
	uint64_t ttl_ns; /* 0: never expires */
};

struct held {
	struct capacitor_pin pin;
	uint32_t version;
	size_t bytes;
	size_t charge;
};

/* One step's bytes. */
struct step {
	unsigned what, key, size, how;
};

struct fuzz {
	struct capacitor_config config;
	const struct capacitor_info *info;
	struct capacitor *cache;
	struct capacitor_handle *handle;
	unsigned depth;
	bool roomy;  /* nothing is evicted */
	bool stores; /* the implementation keeps something */
	uint64_t clock_ns;
	uint32_t versions;
	struct reference key[KEYS];
	struct held held[CAPACITOR_PINS_MAX];
	unsigned pins;

	/* What the statistics must be. */
	uint64_t hits, misses, stored, deleted, loads, busy;
	uint64_t used_before, table_before; /* bytes, before the step */
	size_t charge;        /* of the largest entry that the step offered */

	char text[STEPS_MAX][STEP_TEXT_BYTES];
	unsigned steps;
};

/* ---- Texts ------------------------------------------------------------------------------------------------------- */

__attribute__((format(printf, 2, 3), noreturn)) static void fail(const struct fuzz *fuzz, const char *format, ...)
{
	va_list arguments;

	fprintf(stderr, "calls_fuzz: ");
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fprintf(stderr, "\n  %s, %s, counters %s, capacity %zu (%s), %zu expected, %u shards, hash %d, default ttl %" PRIu64
	        ", busy after %" PRIu64 " ns\n", fuzz->info->name, capacitor_policy_string(fuzz->config.policy),
	        capacitor_counters_string(fuzz->config.counters), fuzz->config.capacity_bytes,
	        fuzz->roomy ? "roomy" : "evicting", fuzz->config.expected_entries, fuzz->config.shards, (int)fuzz->config.hash,
	        fuzz->config.default_ttl_ns, fuzz->config.busy_timeout_ns);
	for (unsigned i = 0; i < fuzz->steps; i++)
		fprintf(stderr, "  %3u  %s\n", i, fuzz->text[i]);
	abort();
}

/* Begins the text of a step; tell() goes on with it. */
__attribute__((format(printf, 2, 3))) static void say(struct fuzz *fuzz, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(fuzz->text[fuzz->steps++], STEP_TEXT_BYTES, format, arguments);
	va_end(arguments);
	if (getenv("FUZZ_STEPS"))
		fprintf(stderr, "  %3u  %s\n", fuzz->steps - 1, fuzz->text[fuzz->steps - 1]);
}

__attribute__((format(printf, 2, 3))) static void tell(struct fuzz *fuzz, const char *format, ...)
{
	char *text = fuzz->text[fuzz->steps - 1];
	size_t used = strlen(text);
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text + used, STEP_TEXT_BYTES - used, format, arguments);
	va_end(arguments);
	if (getenv("FUZZ_STEPS"))
		fprintf(stderr, "       %s\n", text + used);
}

static enum capacitor_result told(struct fuzz *fuzz, enum capacitor_result result)
{
	tell(fuzz, ": %s", capacitor_result_string(result));
	fuzz->busy += result == CAPACITOR_BUSY;
	return result;
}

/* ---- Keys, values, time ------------------------------------------------------------------------------------------ */

/* Key n is so many times the same letter: each begins all longer ones. A second one of a length ends in another letter. */
static const size_t key_bytes[KEYS] = {1, 2, 3, 3, 7, 8, 9, 16, 31, 32, 32, 64, 255, 255, 1000, CAPACITOR_KEY_BYTES_MAX};
static char letters[CAPACITOR_KEY_BYTES_MAX + 1];

static const char *key_text(unsigned key)
{
	bool second = key > 0 && key_bytes[key] == key_bytes[key - 1];

	return second ? letters + CAPACITOR_KEY_BYTES_MAX + 1 - key_bytes[key] : letters;
}

/* The value of version n is noise from its n-th byte on. */
static unsigned char noise[VALUE_BYTES_MAX + 4 * STEPS_MAX];

static void make_once(void)
{
	uint64_t random = 88172645463325252u;

	if (letters[0])
		return;
	memset(letters, 'k', sizeof letters - 1);
	letters[sizeof letters - 1] = 'l';
	for (size_t i = 0; i < sizeof noise; i++) {
		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		noise[i] = (unsigned char)(random >> 32);
	}
}

static bool value_is(const void *value, size_t bytes, uint32_t version, size_t expected_bytes)
{
	return bytes == expected_bytes && (bytes == 0 || memcmp(value, noise + version, bytes) == 0);
}

/* Most values are small. */
static size_t value_bytes_of(unsigned size)
{
	if (size < 96)
		return size;
	if (size < 224)
		return (size - 95) * (size_t)48;
	return (size - 223) * (VALUE_BYTES_MAX / 32);
}

static uint64_t ttl_of(unsigned how)
{
	switch (how & 3) {
	case 0: return CAPACITOR_TTL_DEFAULT;
	case 1: return CAPACITOR_TTL_NEVER;
	case 2: return 1 + (how >> 2);
	default: return how >> 2 == 63 ? UINT64_MAX - 1 : (uint64_t)1 << (how >> 2);
	}
}

static uint64_t clock_of(void *context)
{
	return ((struct fuzz *)context)->clock_ns;
}

static void pass(struct fuzz *fuzz, uint64_t ns)
{
	fuzz->clock_ns = ns > CLOCK_NS_MAX - fuzz->clock_ns ? CLOCK_NS_MAX : fuzz->clock_ns + ns;
}

static uint64_t all_collide(const void *key, size_t bytes, const uint8_t seed[16])
{
	(void)key;
	(void)bytes;
	(void)seed;
	return UINT64_MAX;
}

static uint64_t low_bits_collide(const void *key, size_t bytes, const uint8_t seed[16])
{
	(void)key;
	(void)seed;
	return (uint64_t)bytes << 32;
}

static uint64_t few_hashes(const void *key, size_t bytes, const uint8_t seed[16])
{
	(void)key;
	(void)seed;
	return (bytes & 3) | (uint64_t)(bytes & 1) << 63;
}

/* ---- The reference ----------------------------------------------------------------------------------------------- */

static bool present(const struct fuzz *fuzz, unsigned key)
{
	const struct reference *it = &fuzz->key[key];

	return it->there && (it->ttl_ns == 0 || fuzz->clock_ns - it->stored_ns < it->ttl_ns);
}

/* A call found the key, or did not. */
static void found(struct fuzz *fuzz, unsigned key, bool hit)
{
	if (hit && !present(fuzz, key))
		fail(fuzz, "key %u was found, which is %s", key, fuzz->key[key].there ? "expired" : "not there");
	if (!hit && fuzz->roomy && present(fuzz, key))
		fail(fuzz, "key %u is gone, though there is room for all", key);
	if (!hit)
		fuzz->key[key].there = false; /* it must not come back */
}

static void looked_up(struct fuzz *fuzz, unsigned key, bool hit)
{
	*(hit ? &fuzz->hits : &fuzz->misses) += 1;
	found(fuzz, key, hit);
}

static void check_value(const struct fuzz *fuzz, unsigned key, const void *value, size_t bytes)
{
	if (!value_is(value, bytes, fuzz->key[key].version, fuzz->key[key].bytes))
		fail(fuzz, "key %u has another value than the last: %zu bytes, expected version %" PRIu32 " of %zu", key, bytes,
		     fuzz->key[key].version, fuzz->key[key].bytes);
}

static void put(struct fuzz *fuzz, unsigned key, size_t bytes, uint64_t ttl_ns)
{
	if (ttl_ns == CAPACITOR_TTL_DEFAULT)
		ttl_ns = fuzz->config.default_ttl_ns;
	fuzz->key[key] = (struct reference){
		.there = fuzz->stores,
		.version = fuzz->versions,
		.bytes = bytes,
		.stored_ns = fuzz->clock_ns,
		.ttl_ns = ttl_ns == CAPACITOR_TTL_NEVER ? 0 : ttl_ns,
	};
	fuzz->key[key].lingers = fuzz->key[key].there && fuzz->key[key].ttl_ns > 0;
	fuzz->stored++;
}

static void forget_all(struct fuzz *fuzz)
{
	for (unsigned key = 0; key < KEYS; key++)
		fuzz->key[key].there = fuzz->key[key].lingers = false;
}

static uint64_t stat(const struct fuzz *fuzz, enum capacitor_stat which)
{
	struct capacitor_stats stats;

	if (capacitor_stats(fuzz->cache, &stats) != CAPACITOR_OK)
		fail(fuzz, "stats refused");
	return stats.value[which];
}

/* ---- What always holds ------------------------------------------------------------------------------------------- */

static uint64_t used(const struct capacitor_stats *stats)
{
	return stats->value[CAPACITOR_STAT_TABLE_BYTES] + stats->value[CAPACITOR_STAT_LIVE_BYTES] +
	       stats->value[CAPACITOR_STAT_RETIRED_BYTES];
}

static void check_count(const struct fuzz *fuzz, const struct capacitor_stats *stats, enum capacitor_stat which,
                        uint64_t expected)
{
	if (!fuzz->info->unavailable[which] && stats->value[which] != expected)
		fail(fuzz, "%s is %" PRIu64 ", expected %" PRIu64, capacitor_stat_string(which), stats->value[which], expected);
}

static void check_stats(const struct fuzz *fuzz)
{
	struct capacitor_stats stats;
	uint64_t now;

	if (capacitor_stats(fuzz->cache, &stats) != CAPACITOR_OK)
		fail(fuzz, "stats refused");
	now = used(&stats);
	if (now > fuzz->used_before && now > fuzz->config.capacity_bytes + fuzz->charge)
		fail(fuzz, "%" PRIu64 " bytes are used of %zu, and the step's entry takes %zu", now, fuzz->config.capacity_bytes,
		     fuzz->charge);
	if (stats.value[CAPACITOR_STAT_TABLE_BYTES] > fuzz->config.capacity_bytes)
		fail(fuzz, "the tables take more than the capacity");
	if (stats.value[CAPACITOR_STAT_ENTRIES] > KEYS)
		fail(fuzz, "there are %" PRIu64 " entries of %d keys", stats.value[CAPACITOR_STAT_ENTRIES], KEYS);
	if (stats.value[CAPACITOR_STAT_RETIRED_BYTES] > stats.value[CAPACITOR_STAT_RETIRED_PEAK_BYTES])
		fail(fuzz, "more is retired than ever was");
	if (fuzz->roomy && stats.value[CAPACITOR_STAT_EVICTIONS] > 0)
		fail(fuzz, "something was evicted, though there is room for all");
	check_count(fuzz, &stats, CAPACITOR_STAT_HITS, fuzz->hits);
	check_count(fuzz, &stats, CAPACITOR_STAT_MISSES, fuzz->misses);
	check_count(fuzz, &stats, CAPACITOR_STAT_STORES, fuzz->stored);
	check_count(fuzz, &stats, CAPACITOR_STAT_DELETES, fuzz->deleted);
	check_count(fuzz, &stats, CAPACITOR_STAT_LOADS, fuzz->loads);
	check_count(fuzz, &stats, CAPACITOR_STAT_BUSY, fuzz->busy);
	check_count(fuzz, &stats, CAPACITOR_STAT_CAPACITY_BYTES, fuzz->config.capacity_bytes);
}

static void check_held(const struct fuzz *fuzz)
{
	for (unsigned i = 0; i < fuzz->pins; i++)
		if (!value_is(fuzz->held[i].pin.value, fuzz->held[i].pin.value_bytes, fuzz->held[i].version, fuzz->held[i].bytes))
			fail(fuzz, "pinned value %u has changed: version %" PRIu32 " of %zu bytes", i, fuzz->held[i].version,
			     fuzz->held[i].bytes);
}

/* ---- Reading ----------------------------------------------------------------------------------------------------- */

/* Often enough, sometimes by a byte too short, sometimes nothing at all. */
static size_t room_of(const struct fuzz *fuzz, unsigned key, unsigned how)
{
	size_t bytes = fuzz->key[key].bytes;

	switch (how & 7) {
	case 0: return 0;
	case 1: return bytes > 0 ? bytes - 1 : 0;
	case 2: return bytes / 2;
	case 3: return bytes;
	default: return bytes + how;
	}
}

#define UNTOUCHED 0xA5

static unsigned char *buffer_new(size_t room)
{
	unsigned char *buffer = malloc(room); /* of just that size, for AddressSanitizer */

	if (!buffer)
		abort();
	memset(buffer, UNTOUCHED, room);
	return buffer;
}

/* Checks what a get has left, and frees its buffer. */
static void check_read(struct fuzz *fuzz, unsigned key, enum capacitor_result result, unsigned char *buffer, size_t room,
                       size_t bytes)
{
	size_t written = result == CAPACITOR_HIT ? bytes : 0;

	if (result == CAPACITOR_HIT) {
		if (bytes > room)
			fail(fuzz, "%zu bytes do not fit into %zu", bytes, room);
		check_value(fuzz, key, buffer, bytes);
	} else if (result == CAPACITOR_BUFFER_TOO_SMALL) {
		if (bytes != fuzz->key[key].bytes || bytes <= room)
			fail(fuzz, "the buffer of %zu bytes is too small for %zu: the value has %zu", room, bytes,
			     fuzz->key[key].bytes);
	} else if (result != CAPACITOR_MISS || bytes != 0) {
		fail(fuzz, "no result of a get: %s with %zu bytes", capacitor_result_string(result), bytes);
	}
	for (size_t i = written; i < room; i++)
		if (buffer[i] != UNTOUCHED)
			fail(fuzz, "byte %zu of the buffer was written, of %zu", i, room);
	free(buffer);
}

static void do_get(struct fuzz *fuzz, const struct step *step)
{
	size_t room = room_of(fuzz, step->key, step->how), bytes = 99;
	unsigned char *buffer = buffer_new(room);
	enum capacitor_result result;

	say(fuzz, "get %u into %zu bytes", step->key, room);
	result = told(fuzz, capacitor_get(fuzz->handle, key_text(step->key), key_bytes[step->key], room > 0 ? buffer : NULL, room,
	                                  &bytes));
	looked_up(fuzz, step->key, result == CAPACITOR_HIT || result == CAPACITOR_BUFFER_TOO_SMALL);
	check_read(fuzz, step->key, result, buffer, room, bytes);
}

static void do_get_many(struct fuzz *fuzz, const struct step *step)
{
	struct capacitor_request request[BATCH_MAX];
	unsigned char *buffer[BATCH_MAX];
	unsigned key[BATCH_MAX];
	size_t count = step->size % (BATCH_MAX + 1);

	say(fuzz, "get_many, %zu from key %u on by %u", count, step->key, step->how >> 3 & 7);
	for (size_t i = 0; i < count; i++) {
		size_t room;

		key[i] = (unsigned)(step->key + i * (step->how >> 3 & 7)) % KEYS;
		room = room_of(fuzz, key[i], step->how + (unsigned)i);
		buffer[i] = buffer_new(room);
		request[i] = (struct capacitor_request){key_text(key[i]), key_bytes[key[i]], buffer[i], room, 99, CAPACITOR_OK};
		if (step->how & 0x80 && (i + step->size) % 7 == 0)
			request[i].key_bytes = i & 1 ? 0 : CAPACITOR_KEY_BYTES_MAX + 1;
	}
	if (capacitor_get_many(fuzz->handle, request, count) != CAPACITOR_OK)
		fail(fuzz, "get_many refused");
	for (size_t i = 0; i < count; i++) {
		enum capacitor_result result = request[i].result;

		tell(fuzz, " %u %s", key[i], capacitor_result_string(result));
		if (request[i].key_bytes != key_bytes[key[i]]) {
			if (result != CAPACITOR_INVALID || request[i].value_bytes != 0)
				fail(fuzz, "request %zu has an invalid key", i);
			free(buffer[i]);
			continue;
		}
		looked_up(fuzz, key[i], result == CAPACITOR_HIT || result == CAPACITOR_BUFFER_TOO_SMALL);
		check_read(fuzz, key[i], result, buffer[i], request[i].buffer_bytes, request[i].value_bytes);
	}
}

static void do_contains(struct fuzz *fuzz, const struct step *step)
{
	enum capacitor_result result;

	say(fuzz, "contains %u", step->key);
	result = told(fuzz, capacitor_contains(fuzz->handle, key_text(step->key), key_bytes[step->key]));
	if (result != CAPACITOR_HIT && result != CAPACITOR_MISS)
		fail(fuzz, "no result of contains");
	looked_up(fuzz, step->key, result == CAPACITOR_HIT);
}

/* ---- Pins -------------------------------------------------------------------------------------------------------- */

static void pin_once(struct fuzz *fuzz, unsigned key)
{
	struct capacitor_pin pin;
	enum capacitor_result result;

	result = told(fuzz, capacitor_pin(fuzz->handle, key_text(key), key_bytes[key], &pin));
	if (result != CAPACITOR_HIT && result != CAPACITOR_MISS &&
	    (result != CAPACITOR_BUSY || fuzz->pins < CAPACITOR_PINS_MAX))
		fail(fuzz, "no result of pin while %u are held", fuzz->pins);
	looked_up(fuzz, key, result != CAPACITOR_MISS);
	if (result != CAPACITOR_HIT)
		return;
	if (fuzz->pins == CAPACITOR_PINS_MAX)
		fail(fuzz, "one pin too many");
	check_value(fuzz, key, pin.value, pin.value_bytes);
	if ((uintptr_t)pin.value % 8 != 0)
		fail(fuzz, "a pinned value is not aligned");
	fuzz->held[fuzz->pins++] = (struct held){pin, fuzz->key[key].version, fuzz->key[key].bytes,
	                                         capacitor_entry_bytes(key_bytes[key], fuzz->key[key].bytes)};
}

static void do_pin(struct fuzz *fuzz, const struct step *step)
{
	unsigned times = step->how >= 0xE0 ? CAPACITOR_PINS_MAX + 1 : 1;

	say(fuzz, "pin %u, %u times", step->key, times);
	for (unsigned i = 0; i < times; i++)
		pin_once(fuzz, step->key);
}

/* A copy of a pin that was released releases nothing, unless the same value is held in the same slot again. */
static void check_stale(struct fuzz *fuzz, struct capacitor_pin stale)
{
	for (unsigned i = 0; i < fuzz->pins; i++)
		if (fuzz->held[i].pin.slot == stale.slot && fuzz->held[i].pin.value == stale.value)
			return;
	if (capacitor_unpin(fuzz->handle, &stale) != CAPACITOR_INVALID)
		fail(fuzz, "a pin was released twice");
}

static void do_unpin(struct fuzz *fuzz, const struct step *step)
{
	struct capacitor_pin stale;
	struct held held;

	if (fuzz->pins == 0)
		return;
	held = fuzz->held[step->size % fuzz->pins];
	stale = held.pin;
	fuzz->held[step->size % fuzz->pins] = fuzz->held[fuzz->pins - 1];
	fuzz->pins--;
	say(fuzz, "unpin version %" PRIu32 " from slot %u", held.version, held.pin.slot);
	if (told(fuzz, capacitor_unpin(fuzz->handle, &held.pin)) != CAPACITOR_OK)
		fail(fuzz, "a pin that is held was refused");
	check_stale(fuzz, stale);
}

/* ---- Writing ----------------------------------------------------------------------------------------------------- */

typedef enum capacitor_result store(struct capacitor_handle *handle, const void *key, size_t key_bytes, const void *value,
                                    size_t value_bytes, uint64_t ttl_ns);

/* A store was offered an entry. */
static void offer(struct fuzz *fuzz, unsigned key, size_t bytes)
{
	size_t charge = capacitor_entry_bytes(key_bytes[key], bytes);

	if (charge > fuzz->charge)
		fuzz->charge = charge;
}

static void do_store(struct fuzz *fuzz, const struct step *step, store *call, const char *name)
{
	uint64_t ttl_ns = ttl_of(step->how);
	size_t bytes = value_bytes_of(step->size);
	enum capacitor_result result;

	fuzz->versions++;
	offer(fuzz, step->key, bytes);
	say(fuzz, "%s %u, version %" PRIu32 " of %zu bytes, ttl %" PRIu64, name, step->key, fuzz->versions, bytes, ttl_ns);
	result = told(fuzz, call(fuzz->handle, key_text(step->key), key_bytes[step->key],
	                         bytes > 0 ? noise + fuzz->versions : NULL, bytes, ttl_ns));
	switch (result) {
	case CAPACITOR_STORED:
		if (call == capacitor_replace)
			found(fuzz, step->key, true);
		if (call == capacitor_add)
			found(fuzz, step->key, false);
		if (fuzz->stores && fuzz->charge + fuzz->table_before > fuzz->config.capacity_bytes)
			fail(fuzz, "it cannot fit beside tables of %" PRIu64 " bytes", fuzz->table_before);
		put(fuzz, step->key, bytes, ttl_ns);
		return;
	case CAPACITOR_EXISTS:
		if (call != capacitor_add)
			fail(fuzz, "only add says exists");
		found(fuzz, step->key, true);
		return;
	case CAPACITOR_MISS:
		if (call != capacitor_replace)
			fail(fuzz, "only replace says miss");
		found(fuzz, step->key, false);
		return;
	case CAPACITOR_TOO_LARGE:
		if (fuzz->charge + fuzz->table_before <= fuzz->config.capacity_bytes)
			fail(fuzz, "it would fit");
		return;
	case CAPACITOR_BUSY:
		/* For nothing but pins, and readers where memory waits for them. */
		if (fuzz->roomy || (fuzz->pins == 0 && fuzz->info->unavailable[CAPACITOR_STAT_GRACE_PERIODS]))
			fail(fuzz, "there is room, or can be made");
		return;
	default:
		fail(fuzz, "no result of a store");
	}
}

static void do_delete(struct fuzz *fuzz, const struct step *step)
{
	enum capacitor_result result;

	say(fuzz, "delete %u", step->key);
	result = told(fuzz, capacitor_delete(fuzz->handle, key_text(step->key), key_bytes[step->key]));
	if (result != CAPACITOR_HIT && result != CAPACITOR_MISS)
		fail(fuzz, "no result of delete");
	found(fuzz, step->key, result == CAPACITOR_HIT);
	fuzz->deleted += result == CAPACITOR_HIT;
	fuzz->key[step->key].there = fuzz->key[step->key].lingers = false;
}

/* ---- Loading ----------------------------------------------------------------------------------------------------- */

struct loading {
	struct fuzz *fuzz;
	const struct step *step;
	size_t bytes; /* of the value that is made */
	enum capacitor_result result;
	unsigned calls;
};

static enum capacitor_result load(void *context, const void *key, size_t bytes, void *buffer, size_t buffer_bytes,
                                  size_t *value_bytes)
{
	struct loading *loading = context;

	if (bytes != key_bytes[loading->step->key] || memcmp(key, key_text(loading->step->key), bytes) != 0)
		fail(loading->fuzz, "the loader was given another key");
	loading->calls++;
	pass(loading->fuzz, loading->step->how & 8); /* loading takes time */
	*value_bytes = loading->bytes;
	if (loading->result == CAPACITOR_HIT && loading->bytes > buffer_bytes)
		loading->result = CAPACITOR_BUFFER_TOO_SMALL;
	if (loading->result == CAPACITOR_HIT && loading->bytes > 0)
		memcpy(buffer, noise + loading->fuzz->versions, loading->bytes);
	return loading->result;
}

/* The loader's value is in the buffer, and in the cache if it had room. */
static void check_loaded(struct fuzz *fuzz, unsigned key, const struct loading *loading, const void *buffer, size_t bytes,
                         uint64_t ttl_ns)
{
	if (!value_is(buffer, bytes, fuzz->versions, loading->bytes))
		fail(fuzz, "it is not what was loaded");
	if (stat(fuzz, CAPACITOR_STAT_STORES) == fuzz->stored) {
		if (fuzz->roomy)
			fail(fuzz, "what was loaded was not stored, though there is room for all");
		tell(fuzz, ", not kept");
		fuzz->busy = stat(fuzz, CAPACITOR_STAT_BUSY); /* that may be why */
	} else {
		put(fuzz, key, bytes, ttl_ns);
	}
}

static void do_load(struct fuzz *fuzz, const struct step *step)
{
	static const enum capacitor_result results[] = {CAPACITOR_HIT, CAPACITOR_HIT, CAPACITOR_MISS, CAPACITOR_NO_MEMORY};
	struct loading loading = {fuzz, step, value_bytes_of(step->size), results[step->how & 3], 0};
	size_t room = step->how & 4 ? loading.bytes / 2 : loading.bytes, bytes = 99;
	uint64_t ttl_ns = ttl_of(step->how >> 2);
	enum capacitor_result result;
	unsigned char *buffer;

	if (step->how & 0x10)
		room += fuzz->key[step->key].bytes;
	buffer = buffer_new(room);
	fuzz->versions++;
	offer(fuzz, step->key, loading.bytes);
	say(fuzz, "get_or_load %u into %zu bytes, loads version %" PRIu32 " of %zu bytes (%s), ttl %" PRIu64, step->key, room,
	    fuzz->versions, loading.bytes, capacitor_result_string(loading.result), ttl_ns);
	result = told(fuzz, capacitor_get_or_load(fuzz->handle, key_text(step->key), key_bytes[step->key], buffer, room, &bytes,
	                                          ttl_ns, load, &loading));
	if (loading.calls > 1)
		fail(fuzz, "the loader was called %u times", loading.calls);
	fuzz->loads += loading.calls;
	looked_up(fuzz, step->key, loading.calls == 0);
	if (loading.calls == 0) {
		check_read(fuzz, step->key, result, buffer, room, bytes);
		return;
	}
	if (result != (loading.result == CAPACITOR_HIT ? CAPACITOR_STORED : loading.result))
		fail(fuzz, "the loader returned %s", capacitor_result_string(loading.result));
	if (result == CAPACITOR_STORED)
		check_loaded(fuzz, step->key, &loading, buffer, bytes, ttl_ns);
	else if (result == CAPACITOR_BUFFER_TOO_SMALL && bytes != loading.bytes)
		fail(fuzz, "the loader's length was lost");
	free(buffer);
}

/* ---- The whole cache --------------------------------------------------------------------------------------------- */

struct visits {
	struct fuzz *fuzz;
	bool seen[KEYS];
	unsigned count, count_max;
	uint64_t bytes; /* that the entries are charged */
};

static bool visit(void *context, const void *text, size_t bytes, const void *value, size_t value_bytes)
{
	struct visits *visits = context;
	unsigned key = 0;

	while (key < KEYS && (key_bytes[key] != bytes || memcmp(text, key_text(key), bytes) != 0))
		key++;
	if (key == KEYS)
		fail(visits->fuzz, "each: a key that was never set, of %zu bytes", bytes);
	if (visits->seen[key] || visits->count == visits->count_max)
		fail(visits->fuzz, "each: key %u a second time, or after the visitor said stop", key);
	visits->seen[key] = true;
	visits->bytes += capacitor_entry_bytes(bytes, value_bytes);
	found(visits->fuzz, key, true);
	check_value(visits->fuzz, key, value, value_bytes);
	return ++visits->count < visits->count_max;
}

/* What has expired may still be counted; nothing else that was not visited. */
static void check_entries(const struct fuzz *fuzz, const struct visits *visits)
{
	uint64_t entries = stat(fuzz, CAPACITOR_STAT_ENTRIES), live_bytes = stat(fuzz, CAPACITOR_STAT_LIVE_BYTES);
	uint64_t entries_max = visits->count, bytes_max = visits->bytes;

	for (unsigned key = 0; key < KEYS; key++) {
		if (!visits->seen[key] && fuzz->key[key].lingers) {
			entries_max++;
			bytes_max += capacitor_entry_bytes(key_bytes[key], fuzz->key[key].bytes);
		}
	}
	if (entries < visits->count || entries > entries_max || live_bytes < visits->bytes || live_bytes > bytes_max ||
	    (entries == visits->count) != (live_bytes == visits->bytes))
		fail(fuzz, "%u entries of %" PRIu64 " bytes were visited; the statistics have %" PRIu64 " of %" PRIu64,
		     visits->count, visits->bytes, entries, live_bytes);
}

static void do_each(struct fuzz *fuzz, const struct step *step)
{
	struct visits visits = {.fuzz = fuzz, .count_max = step->size < 64 ? 1 + step->size % KEYS : KEYS + 1};

	say(fuzz, "each, at most %u", visits.count_max);
	if (told(fuzz, capacitor_each(fuzz->handle, visit, &visits)) != CAPACITOR_OK)
		fail(fuzz, "each refused");
	tell(fuzz, ", %u visited", visits.count);
	if (visits.count == visits.count_max)
		return;
	for (unsigned key = 0; key < KEYS; key++)
		found(fuzz, key, visits.seen[key]);
	check_entries(fuzz, &visits);
}

static void do_clear(struct fuzz *fuzz)
{
	say(fuzz, "clear");
	if (told(fuzz, capacitor_clear(fuzz->handle)) != CAPACITOR_OK)
		fail(fuzz, "clear refused");
	forget_all(fuzz);
	if (stat(fuzz, CAPACITOR_STAT_ENTRIES) != 0 || stat(fuzz, CAPACITOR_STAT_LIVE_BYTES) != 0)
		fail(fuzz, "something is left");
}

static void resize(struct fuzz *fuzz, size_t capacity_bytes)
{
	uint64_t table_bytes = stat(fuzz, CAPACITOR_STAT_TABLE_BYTES);
	bool valid = capacity_bytes >= 1 && capacity_bytes >= table_bytes && capacity_bytes <= (size_t)1 << 62;
	enum capacitor_result result;

	say(fuzz, "resize to %zu", capacity_bytes);
	result = told(fuzz, capacitor_resize(fuzz->handle, capacity_bytes));
	if (valid)
		fuzz->config.capacity_bytes = capacity_bytes;
	if (valid != (result == CAPACITOR_OK || result == CAPACITOR_BUSY) || (!valid && result != CAPACITOR_INVALID))
		fail(fuzz, "no result of resize, the tables take %" PRIu64, table_bytes);
	if (fuzz->roomy && valid && result != CAPACITOR_OK)
		fail(fuzz, "there is room for all");
	if (result == CAPACITOR_OK && stat(fuzz, CAPACITOR_STAT_LIVE_BYTES) > capacity_bytes - table_bytes)
		fail(fuzz, "it did not shrink");
}

static void do_resize(struct fuzz *fuzz, const struct step *step)
{
	if (step->how >= 0xF0)
		resize(fuzz, step->how & 1 ? 0 : SIZE_MAX - step->size);
	else if (fuzz->roomy)
		resize(fuzz, ROOMY_BYTES - ((size_t)step->size << 16));
	else if (step->how & 1)
		resize(fuzz, (size_t)stat(fuzz, CAPACITOR_STAT_TABLE_BYTES) + step->size * (size_t)64);
	else
		resize(fuzz, (size_t)1 << step->size % 24);
}

/* What is retired after a successful quiesce is what pins hold. */
static void do_quiesce(struct fuzz *fuzz)
{
	uint64_t held_bytes = 0, retired_bytes;
	enum capacitor_result result;

	for (unsigned i = 0; i < fuzz->pins; i++)
		held_bytes += fuzz->held[i].charge;
	say(fuzz, "quiesce");
	result = told(fuzz, capacitor_quiesce(fuzz->handle));
	if (result == CAPACITOR_BUSY && !fuzz->roomy)
		return;
	if (result != CAPACITOR_OK)
		fail(fuzz, "no result of quiesce");
	retired_bytes = stat(fuzz, CAPACITOR_STAT_RETIRED_BYTES);
	if (retired_bytes > held_bytes)
		fail(fuzz, "%" PRIu64 " bytes are retired, and %" PRIu64 " pinned", retired_bytes, held_bytes);
}

/* ---- Threads, time, nonsense ------------------------------------------------------------------------------------- */

static void enter(struct fuzz *fuzz)
{
	struct capacitor_handle *handle;

	say(fuzz, "enter");
	if (told(fuzz, capacitor_enter(fuzz->cache, &handle)) != CAPACITOR_OK)
		fail(fuzz, "enter refused");
	if (fuzz->depth > 0 && handle != fuzz->handle)
		fail(fuzz, "another handle for the same thread");
	fuzz->handle = handle;
	fuzz->depth++;
}

static void leave(struct fuzz *fuzz)
{
	say(fuzz, "leave");
	capacitor_leave(fuzz->handle);
	if (--fuzz->depth == 0)
		fuzz->pins = 0;
}

static void do_enter(struct fuzz *fuzz, const struct step *step)
{
	if (step->how & 1)
		enter(fuzz);
	else
		leave(fuzz);
	if (fuzz->depth == 0)
		enter(fuzz);
}

/* To a moment before or at the expiry of a key, or by some time. */
static void do_wait(struct fuzz *fuzz, const struct step *step)
{
	const struct reference *it = &fuzz->key[step->key];

	if (step->how & 1 && it->ttl_ns > 0 && present(fuzz, step->key))
		pass(fuzz, it->ttl_ns - (fuzz->clock_ns - it->stored_ns) - (step->how >> 1 & 1));
	else
		pass(fuzz, step->how & 2 ? (uint64_t)1 << step->size % 64 : step->size);
	say(fuzz, "it is %" PRIu64 " ns", fuzz->clock_ns);
}

/* Calls that are refused; the steps after them see that nothing has changed. */
static void do_nonsense(struct fuzz *fuzz, const struct step *step)
{
	struct capacitor_handle *handle = fuzz->handle, *none = NULL;
	struct capacitor_pin pin = {letters, 1, step->how};
	size_t bytes = key_bytes[step->key], too_long = CAPACITOR_KEY_BYTES_MAX + 1, got = 99;
	enum capacitor_result expected = CAPACITOR_INVALID, result;

	say(fuzz, "nonsense %u", step->size % 24);
	switch (step->size % 24) {
	case 0: result = capacitor_get(none, letters, bytes, NULL, 0, &got); break;
	case 1: result = capacitor_get(handle, NULL, bytes, NULL, 0, &got); break;
	case 2: result = capacitor_get(handle, letters, 0, NULL, 0, &got); break;
	case 3: result = capacitor_get(handle, letters, too_long, NULL, 0, &got); break;
	case 4: result = capacitor_get(handle, letters, bytes, NULL, 1, &got); break;
	case 5: result = capacitor_set(handle, letters, 0, letters, 1, 0); break;
	case 6: result = capacitor_set(handle, letters, too_long, letters, 1, 0); break;
	case 7: result = capacitor_set(handle, letters, bytes, NULL, 1, 0); break;
	case 8: result = capacitor_add(handle, NULL, bytes, letters, 1, 0); break;
	case 9: result = capacitor_replace(none, letters, bytes, letters, 1, 0); break;
	case 10: result = capacitor_delete(handle, letters, too_long); break;
	case 11: result = capacitor_delete(none, letters, bytes); break;
	case 12: result = capacitor_contains(handle, letters, 0); break;
	case 13: result = capacitor_pin(handle, letters, bytes, NULL); break;
	case 14: result = capacitor_pin(handle, NULL, bytes, &pin); break;
	case 15: result = capacitor_unpin(handle, &pin); break;
	case 16: result = capacitor_get_many(handle, NULL, 1); break;
	case 17: result = capacitor_get_or_load(handle, letters, bytes, NULL, 0, &got, 0, NULL, NULL); break;
	case 18: result = capacitor_get_or_load(handle, letters, too_long, NULL, 0, &got, 0, load, NULL); break;
	case 19: result = capacitor_each(handle, NULL, NULL); break;
	case 20: result = capacitor_resize(none, 1 << 20); break;
	case 21: result = capacitor_stats(fuzz->cache, NULL); break;
	case 22: result = capacitor_enter(fuzz->cache, NULL); break;
	default:
		/* Refused by its length alone: there are no such bytes. */
		result = capacitor_set(handle, letters, bytes, letters, CAPACITOR_VALUE_BYTES_MAX + 1, 0);
		expected = CAPACITOR_TOO_LARGE;
	}
	if (told(fuzz, result) != expected)
		fail(fuzz, "expected %s", capacitor_result_string(expected));
}

/* ---- Steps ------------------------------------------------------------------------------------------------------- */

static void take(struct fuzz *fuzz, const struct step *step)
{
	switch (step->what % 32) {
	case 0: case 1: case 2: case 3: case 4: do_store(fuzz, step, capacitor_set, "set"); break;
	case 5: case 6: do_store(fuzz, step, capacitor_add, "add"); break;
	case 7: case 8: do_store(fuzz, step, capacitor_replace, "replace"); break;
	case 9: case 10: case 11: do_get(fuzz, step); break;
	case 12: do_get_many(fuzz, step); break;
	case 13: do_contains(fuzz, step); break;
	case 14: case 15: do_delete(fuzz, step); break;
	case 16: case 17: do_pin(fuzz, step); break;
	case 18: case 19: do_unpin(fuzz, step); break;
	case 20: case 21: do_load(fuzz, step); break;
	case 22: case 23: do_wait(fuzz, step); break;
	case 24: case 25: do_each(fuzz, step); break;
	case 26: do_clear(fuzz); break;
	case 27: case 28: do_resize(fuzz, step); break;
	case 29: do_quiesce(fuzz); break;
	case 30: do_enter(fuzz, step); break;
	case 31: do_nonsense(fuzz, step); break;
	}
}

static void take_checked(struct fuzz *fuzz, const struct step *step)
{
	struct capacitor_stats stats;

	if (capacitor_stats(fuzz->cache, &stats) != CAPACITOR_OK)
		fail(fuzz, "stats refused");
	fuzz->used_before = used(&stats);
	fuzz->table_before = stats.value[CAPACITOR_STAT_TABLE_BYTES];
	fuzz->charge = 0;
	take(fuzz, step);
	check_held(fuzz);
	check_stats(fuzz);
}

/* ---- A run ------------------------------------------------------------------------------------------------------- */

static void choose_hash(struct capacitor_config *config, unsigned byte)
{
	static uint64_t (*const functions[])(const void *key, size_t bytes, const uint8_t seed[16]) = {
		all_collide, low_bits_collide, few_hashes,
	};

	config->hash_seed_set = true; /* a run must repeat */
	memset(config->hash_seed, (int)(byte >> 3), sizeof config->hash_seed);
	switch (byte & 7) {
	case 0: case 1: case 2: config->hash = CAPACITOR_HASH_SIPHASH; break;
	case 3: config->hash = CAPACITOR_HASH_XXH3; break;
	default:
		config->hash = CAPACITOR_HASH_CUSTOM;
		config->hash_function = functions[byte % 3];
	}
}

/* The n-th of the policies that the implementation has. */
static enum capacitor_policy choose_policy(const struct capacitor_info *info, unsigned n)
{
	unsigned policy = 0;

	for (n %= (unsigned)__builtin_popcount(info->policies);; policy++)
		if (info->policies & 1u << policy && n-- == 0)
			return (enum capacitor_policy)policy;
}

/* Reads the configuration. False: it is refused, as it should be. */
static bool begin(struct fuzz *fuzz, const unsigned char byte[CONFIG_BYTES])
{
	struct capacitor_config *config = &fuzz->config;
	struct capacitor_error error = {""};
	enum capacitor_result result;
	size_t count = 0;

	while (capacitor_info(count))
		count++;
	fuzz->info = capacitor_info(byte[0] % count);
	fuzz->stores = !(fuzz->info->lacks & CAPACITOR_LACKS_STORAGE);
	fuzz->roomy = byte[1] & 1;
	capacitor_config_init(config);
	config->policy = byte[1] >= 0xF8 ? (enum capacitor_policy)(byte[1] & 7)
	                                 : choose_policy(fuzz->info, byte[0] / (unsigned)count);
	config->counters = (enum capacitor_counters)(byte[2] % CAPACITOR_COUNTER_LAYOUTS);
	config->expected_entries = byte[3] & 0x80 ? (size_t)1 << (byte[3] & 15) : 1u + (byte[3] & 31);
	config->shards = 1u << (byte[2] >> 4) % 7;
	config->threads_max = 1 + byte[2] / 64;
	config->huge_pages = byte[1] & 2;
	config->capacity_bytes = fuzz->roomy || byte[4] & 1 ? ROOMY_BYTES : (size_t)1 << (4 + byte[4] % 20);
	config->default_ttl_ns = byte[5] < 128 ? 0 : ttl_of(byte[5] | 2);
	config->clock_ns = clock_of;
	config->clock_context = fuzz;
	fuzz->clock_ns = byte[6] < 224 ? byte[6] : CLOCK_NS_MAX - ((uint64_t)1 << (byte[6] & 31));
	config->busy_timeout_ns = fuzz->roomy ? UINT64_MAX / 4 : 0; /* roomy: what does not end is a timeout of the fuzzer */
	choose_hash(config, byte[7]);
	result = capacitor_create(fuzz->info->name, config, &fuzz->cache, &error);
	if (result == CAPACITOR_OK)
		return true;
	if (result != CAPACITOR_INVALID || fuzz->cache || !error.message[0] ||
	    (fuzz->roomy && fuzz->info->policies & 1u << config->policy))
		fail(fuzz, "create: %s: %s", capacitor_result_string(result), error.message);
	return false;
}

static void end(struct fuzz *fuzz)
{
	take_checked(fuzz, &(struct step){.what = 24, .size = 255}); /* each */
	while (fuzz->pins > 0)
		do_unpin(fuzz, &(struct step){0});
	do_quiesce(fuzz);
	while (fuzz->config.threads_max > 1 && fuzz->depth > 0) /* or destroy makes it leave */
		leave(fuzz);
	capacitor_destroy(fuzz->cache);
}

/* Room for the steps of end(), too. */
#define STEPS_READ_MAX (STEPS_MAX - CAPACITOR_PINS_MAX - 32)

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t bytes)
{
	static struct fuzz fuzz;

	make_once();
	if (bytes < CONFIG_BYTES)
		return -1;
	memset(&fuzz, 0, sizeof fuzz);
	if (!begin(&fuzz, data))
		return 0;
	enter(&fuzz);
	if (!fuzz.roomy && data[4] & 1) /* room for some entries beside the tables */
		resize(&fuzz, (size_t)stat(&fuzz, CAPACITOR_STAT_TABLE_BYTES) + 1 + data[4] * (size_t)32);
	for (size_t at = CONFIG_BYTES; at + STEP_BYTES <= bytes && fuzz.steps < STEPS_READ_MAX; at += STEP_BYTES)
		take_checked(&fuzz, &(struct step){data[at], data[at + 1] % KEYS, data[at + 2], data[at + 3]});
	end(&fuzz);
	return 0;
}

/* ---- Mutation ---------------------------------------------------------------------------------------------------- */

/* Inserts, repeats, removes or changes whole steps, or leaves it to the fuzzer. */
size_t LLVMFuzzerCustomMutator(unsigned char *data, size_t bytes, size_t bytes_max, unsigned seed)
{
	size_t steps = bytes > CONFIG_BYTES ? (bytes - CONFIG_BYTES) / STEP_BYTES : 0;
	unsigned char *at = data + CONFIG_BYTES + (steps > 0 ? (seed >> 8) % steps : 0) * STEP_BYTES;
	size_t behind = (size_t)(data + bytes - at);

	if (steps == 0 || seed % 8 < 2)
		return LLVMFuzzerMutate(data, bytes, bytes_max);
	switch (seed % 8) {
	case 2: /* one goes */
		memmove(at, at + STEP_BYTES, behind - STEP_BYTES);
		return bytes - STEP_BYTES;
	case 3: case 4: /* one comes: the same again, or another key, or changed */
		if (bytes + STEP_BYTES > bytes_max)
			return bytes;
		memmove(at + STEP_BYTES, at, behind);
		if (seed & 1)
			LLVMFuzzerMutate(at, STEP_BYTES, STEP_BYTES);
		return bytes + STEP_BYTES;
	case 5: /* what comes becomes another call on the same key */
		at[0] = (unsigned char)(seed >> 24);
		return bytes;
	default:
		LLVMFuzzerMutate(at, STEP_BYTES, STEP_BYTES);
		return bytes;
	}
}
