/* SPDX-License-Identifier: BSD-2-Clause */
/* What all tests of the conformance suite use: rigs, expectations, numbered keys, tagged values; see suite.h. */
#include "suite.h"

#include <errno.h>
#include <inttypes.h>
#include <time.h>

#include "heap.h"

/* ---- Rigs -------------------------------------------------------------------------------------------------------- */

void rig_open(struct rig *rig)
{
	struct capacitor_error error = {{0}};
	enum capacitor_result result;

	rig_close(rig);
	result = capacitor_create(rig->info->name, &rig->config, &rig->cache, &error);
	expect(result == CAPACITOR_OK, "capacitor_create: %s: %s", capacitor_result_string(result), error.message);
	expect_result(capacitor_enter(rig->cache, &rig->handle), CAPACITOR_OK);
}

void rig_close(struct rig *rig)
{
	capacitor_destroy(rig->cache);
	rig->cache = NULL;
	rig->handle = NULL;
}

uint64_t rig_clock(void *rig)
{
	return load_acquire(&((struct rig *)rig)->clock_ns); /* PAIRS: rig_clock_advance() */
}

void rig_clock_advance(struct rig *rig, uint64_t ns)
{
	/* One thread moves it, at a time. PAIRS: rig_clock() */
	store_release(&rig->clock_ns, load_relaxed(&rig->clock_ns) + ns);
}

void rig_use_clock(struct rig *rig)
{
	store_release(&rig->clock_ns, 1000000); /* PAIRS: rig_clock() */
	rig->config.clock_ns = rig_clock;
	rig->config.clock_context = rig;
}

void rig_open_exact(struct rig *rig, size_t entries, size_t value_bytes)
{
	rig->config.shards = 1;
	rig->config.expected_entries = entries;
	rig->config.capacity_bytes = (size_t)1 << 30;
	rig_open(rig);
	rig->config.capacity_bytes = (size_t)rig_stat(rig, CAPACITOR_STAT_TABLE_BYTES) +
	                             entries * capacitor_entry_bytes(LABEL_BYTES, value_bytes);
	rig_open(rig);
}

uint64_t rig_stat(const struct rig *rig, enum capacitor_stat stat)
{
	struct capacitor_stats stats;

	expect_result(capacitor_stats(rig->cache, &stats), CAPACITOR_OK);
	return stats.value[stat];
}

uint64_t rig_used_bytes(const struct rig *rig)
{
	struct capacitor_stats stats = {{0}};

	capacitor_stats(rig->cache, &stats);
	return stats.value[CAPACITOR_STAT_LIVE_BYTES] + stats.value[CAPACITOR_STAT_RETIRED_BYTES] +
	       stats.value[CAPACITOR_STAT_TABLE_BYTES];
}

bool rig_exceeds(const struct rig *rig, uint64_t capacity_bytes, unsigned writers, size_t entry_bytes)
{
	uint64_t bound = capacity_bytes + 3 * writers * entry_bytes;

	for (unsigned repeat = 0; repeat < 4; repeat++)
		if (rig_used_bytes(rig) <= bound)
			return false;
	return true;
}

void rig_skip(struct rig *rig, const char *why)
{
	print_error("skipped: %s: %s\n", rig->name, why);
	rig->finished = true;
	skip();
}

bool rig_blocks(const struct rig *rig, enum capacitor_operation operation)
{
	return rig->info->progress[operation] != CAPACITOR_LOCK_FREE &&
	       rig->info->progress[operation] != CAPACITOR_WAIT_FREE;
}

unsigned rig_rounds(unsigned rounds)
{
	return heap_watched() ? rounds : rounds / 8 + 1;
}

/* ---- Expectations ------------------------------------------------------------------------------------------------ */

void expect_at(bool holds, const char *file, int line, const char *format, ...)
{
	va_list arguments;

	if (holds)
		return;
	va_start(arguments, format);
	vprint_error(format, arguments);
	va_end(arguments);
	print_error("\n");
	_fail(file, line);
}

void expect_result_at(enum capacitor_result actual, enum capacitor_result expected, const char *call, const char *file,
                      int line)
{
	expect_at(actual == expected, file, line, "%s: is \"%s\", should be \"%s\"", call,
	          capacitor_result_string(actual), capacitor_result_string(expected));
}

void expect_number_at(uint64_t actual, uint64_t expected, const char *what, const char *file, int line)
{
	expect_at(actual == expected, file, line, "%s: is %" PRIu64 ", should be %" PRIu64, what, actual, expected);
}

/* ---- Keys and values --------------------------------------------------------------------------------------------- */

struct label label_of(uint64_t number)
{
	struct label label = {.bytes = LABEL_BYTES, .text = "key 00000000"};

	for (char *digit = label.text + LABEL_BYTES - 1; number > 0; number /= 10)
		*digit-- = (char)('0' + number % 10);
	return label;
}

uint64_t mix64(uint64_t x)
{
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

uint64_t random_next(uint64_t *state)
{
	return mix64(*state += 0x9e3779b97f4a7c15u);
}

static uint64_t tagged_word(uint64_t base, uint64_t index)
{
	return mix64(base + index * 0x9e3779b97f4a7c15u);
}

static uint64_t tagged_base(size_t value_bytes, uint64_t key, uint64_t version)
{
	return mix64(mix64(key + 1) ^ version * 0xd6e8feb86659fd93u ^ value_bytes);
}

void tagged_fill(void *value, size_t value_bytes, uint64_t key, uint64_t version)
{
	unsigned char *at = value;
	uint64_t base = tagged_base(value_bytes, key, value_bytes < 8 ? 0 : version);

	for (size_t offset = 0, index = 0; offset < value_bytes; offset += 8, index++) {
		uint64_t word = index == 0 && value_bytes >= 8 ? version : tagged_word(base, index);

		memcpy(at + offset, &word, value_bytes - offset < 8 ? value_bytes - offset : 8);
	}
}

bool tagged_check(const void *value, size_t value_bytes, uint64_t key, uint64_t *version)
{
	const unsigned char *at = value;
	uint64_t base;

	*version = 0;
	if (value_bytes >= 8)
		memcpy(version, at, 8);
	base = tagged_base(value_bytes, key, *version);
	for (size_t offset = value_bytes >= 8 ? 8 : 0, index = offset / 8; offset < value_bytes; offset += 8, index++) {
		uint64_t word = tagged_word(base, index);

		if (memcmp(at + offset, &word, value_bytes - offset < 8 ? value_bytes - offset : 8) != 0)
			return false;
	}
	return true;
}

static _Thread_local unsigned char tagged_buffer[TAGGED_BYTES_MAX];

enum capacitor_result tagged_write(tagged_store *store, struct capacitor_handle *handle, uint64_t key,
                                   uint64_t version, size_t value_bytes)
{
	struct label label = label_of(key);

	tagged_fill(tagged_buffer, value_bytes, key, version);
	return store(handle, label.text, label.bytes, tagged_buffer, value_bytes, CAPACITOR_TTL_DEFAULT);
}

enum capacitor_result tagged_set(struct capacitor_handle *handle, uint64_t key, uint64_t version, size_t value_bytes)
{
	return tagged_write(capacitor_set, handle, key, version, value_bytes);
}

enum capacitor_result tagged_set_patiently(struct capacitor_handle *handle, uint64_t key, uint64_t version,
                                           size_t value_bytes)
{
	uint64_t until_ns = now_ns() + PATIENCE_NS;
	enum capacitor_result result;

	do
		result = tagged_set(handle, key, version, value_bytes);
	while (result == CAPACITOR_BUSY && now_ns() < until_ns);
	return result;
}

enum capacitor_result quiesce_patiently(struct capacitor_handle *handle)
{
	uint64_t until_ns = now_ns() + PATIENCE_NS;
	enum capacitor_result result;

	do
		result = capacitor_quiesce(handle);
	while (result == CAPACITOR_BUSY && now_ns() < until_ns);
	return result;
}

enum capacitor_result tagged_get(struct capacitor_handle *handle, uint64_t key, uint64_t *version, size_t *value_bytes,
                                 bool *whole)
{
	struct label label = label_of(key);
	enum capacitor_result result;
	size_t bytes;

	result = capacitor_get(handle, label.text, label.bytes, tagged_buffer, sizeof tagged_buffer, &bytes);
	*whole = true;
	if (result == CAPACITOR_HIT)
		*whole = tagged_check(tagged_buffer, bytes, key, version);
	if (value_bytes)
		*value_bytes = bytes;
	return result;
}

enum capacitor_result label_contains(struct capacitor_handle *handle, uint64_t key)
{
	struct label label = label_of(key);

	return capacitor_contains(handle, label.text, label.bytes);
}

enum capacitor_result label_delete(struct capacitor_handle *handle, uint64_t key)
{
	struct label label = label_of(key);

	return capacitor_delete(handle, label.text, label.bytes);
}

enum capacitor_result label_pin(struct capacitor_handle *handle, uint64_t key, struct capacitor_pin *pin)
{
	struct label label = label_of(key);

	return capacitor_pin(handle, label.text, label.bytes, pin);
}

uint64_t tagged_version(const struct rig *rig, uint64_t key)
{
	uint64_t version = 0;
	enum capacitor_result result;
	bool whole;

	result = tagged_get(rig->handle, key, &version, NULL, &whole);
	expect(whole, "key %" PRIu64 ": the value is torn or another's (G2)", key);
	expect(result == CAPACITOR_HIT || result == CAPACITOR_MISS, "get: \"%s\"", capacitor_result_string(result));
	return result == CAPACITOR_HIT ? version : MISSING;
}

/* ---- Time -------------------------------------------------------------------------------------------------------- */

uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void sleep_ns(uint64_t ns)
{
	struct timespec left = {.tv_sec = (time_t)(ns / 1000000000u), .tv_nsec = (long)(ns % 1000000000u)};

	while (nanosleep(&left, &left) != 0 && errno == EINTR)
		;
}
