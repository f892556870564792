/* SPDX-License-Identifier: BSD-2-Clause */
/* get_or_load: one loader per key at a time, and what becomes of values and failures. */
#include <inttypes.h>

#include "crew.h"

#define LOADED_BYTES 100

/* A loader that does as it is told. */
struct source {
	enum capacitor_result result;
	size_t value_bytes;
	uint64_t version;
	uint64_t sleep_ns;
	struct gate *gate;         /* NULL, or where it waits */
	_Atomic unsigned calls;    /* relaxed: counts */
	_Atomic unsigned at_once;
	_Atomic unsigned too_many; /* how often another ran at the same time */
};

static enum capacitor_result load(void *context, const void *key, size_t key_bytes, void *buffer, size_t buffer_bytes,
                                  size_t *value_bytes)
{
	struct source *source = context;
	struct label label = label_of(1);

	fetch_add_relaxed(&source->calls, 1);
	if (fetch_add_relaxed(&source->at_once, 1) > 0)
		fetch_add_relaxed(&source->too_many, 1);
	if (source->gate)
		gate_pass(source->gate);
	if (source->sleep_ns)
		sleep_ns(source->sleep_ns);
	fetch_sub_relaxed(&source->at_once, 1);
	*value_bytes = source->value_bytes;
	if (source->result != CAPACITOR_HIT)
		return source->result;
	if (key_bytes != label.bytes || memcmp(key, label.text, key_bytes) != 0)
		return CAPACITOR_INVALID;
	if (source->value_bytes > buffer_bytes)
		return CAPACITOR_BUFFER_TOO_SMALL;
	tagged_fill(buffer, source->value_bytes, 1, source->version);
	return CAPACITOR_HIT;
}

static enum capacitor_result get_or_load(struct capacitor_handle *handle, void *buffer, size_t buffer_bytes,
                                         size_t *value_bytes, struct source *source)
{
	struct label label = label_of(1);

	return capacitor_get_or_load(handle, label.text, label.bytes, buffer, buffer_bytes, value_bytes,
	                             CAPACITOR_TTL_DEFAULT, load, source);
}

static bool has_version(const void *buffer, size_t value_bytes, uint64_t wanted)
{
	uint64_t version;

	return value_bytes == LOADED_BYTES && tagged_check(buffer, value_bytes, 1, &version) && version == wanted;
}

/* ---- One thread -------------------------------------------------------------------------------------------------- */

static void test_load_and_hit(struct rig *rig)
{
	struct source source = {.result = CAPACITOR_HIT, .value_bytes = LOADED_BYTES, .version = 5};
	bool stored = !(rig->info->lacks & STORAGE);
	char buffer[LOADED_BYTES];
	size_t length;

	rig_open(rig);
	expect_result(get_or_load(rig->handle, buffer, sizeof buffer, &length, &source), CAPACITOR_STORED);
	expect(has_version(buffer, length, 5), "the loaded value is not in the buffer");
	expect_number(tagged_version(rig, 1), stored ? 5 : MISSING);
	memset(buffer, 0, sizeof buffer);
	expect_result(get_or_load(rig->handle, buffer, sizeof buffer, &length, &source),
	              stored ? CAPACITOR_HIT : CAPACITOR_STORED);
	expect(has_version(buffer, length, 5), "the value is not in the buffer");
	expect_result(get_or_load(rig->handle, buffer, sizeof buffer, NULL, &source),
	              stored ? CAPACITOR_HIT : CAPACITOR_STORED);
	expect_number(load_relaxed(&source.calls), stored ? 1 : 3);
	expect_number(rig_stat(rig, CAPACITOR_STAT_LOADS), stored ? 1 : 3);
	expect_number(rig_stat(rig, CAPACITOR_STAT_STORES), stored ? 1 : 3);
}

/* Failures come through as they are, nothing is stored, and the next call loads again. */
static void test_failures(struct rig *rig)
{
	static const enum capacitor_result failures[] = {
		CAPACITOR_MISS, CAPACITOR_TOO_LARGE, CAPACITOR_NO_MEMORY, CAPACITOR_INVALID, CAPACITOR_BUSY,
		CAPACITOR_BUFFER_TOO_SMALL,
	};
	char buffer[LOADED_BYTES];
	size_t length;

	rig_open(rig);
	for (unsigned i = 0; i < 2 * sizeof failures / sizeof failures[0]; i++) {
		struct source source = {.result = failures[i / 2], .value_bytes = 1000};

		expect_result(get_or_load(rig->handle, buffer, sizeof buffer, &length, &source), failures[i / 2]);
		expect_number(load_relaxed(&source.calls), 1);
		if (failures[i / 2] == CAPACITOR_BUFFER_TOO_SMALL)
			expect_number(length, 1000);
		expect_result(label_contains(rig->handle, 1), CAPACITOR_MISS);
	}
	expect_number(rig_stat(rig, CAPACITOR_STAT_STORES), 0);
	expect_number(rig_stat(rig, CAPACITOR_STAT_LOADS), 2 * sizeof failures / sizeof failures[0]);
}

static void test_small_buffer(struct rig *rig)
{
	struct source source = {.result = CAPACITOR_HIT, .value_bytes = LOADED_BYTES, .version = 5};
	char buffer[LOADED_BYTES];
	size_t length = 0;

	rig_open(rig);
	expect_result(get_or_load(rig->handle, buffer, LOADED_BYTES - 1, &length, &source), CAPACITOR_BUFFER_TOO_SMALL);
	expect_number(length, LOADED_BYTES);
	expect_result(label_contains(rig->handle, 1), CAPACITOR_MISS);
	expect_result(get_or_load(rig->handle, buffer, length, &length, &source), CAPACITOR_STORED);
	/* It is there now: no loader is asked, and the length is told. */
	expect_result(get_or_load(rig->handle, buffer, 1, &length, &source), CAPACITOR_BUFFER_TOO_SMALL);
	expect_number(length, LOADED_BYTES);
	expect_result(get_or_load(rig->handle, NULL, 0, &length, &source), CAPACITOR_BUFFER_TOO_SMALL);
	expect_number(length, LOADED_BYTES);
	expect_number(load_relaxed(&source.calls), 2);
}

static void test_empty_value(struct rig *rig)
{
	struct source source = {.result = CAPACITOR_HIT};
	size_t length = 99;

	rig_open(rig);
	expect_result(get_or_load(rig->handle, NULL, 0, &length, &source), CAPACITOR_STORED);
	expect_number(length, 0);
	expect_result(get_or_load(rig->handle, NULL, 0, &length, &source), CAPACITOR_HIT);
	expect_number(length, 0);
}

/* A value for which there is no room is returned all the same. */
static void test_too_large_to_store(struct rig *rig)
{
	struct source source = {.result = CAPACITOR_HIT, .value_bytes = 60000, .version = 5};
	static char buffer[60000];
	uint64_t version;
	size_t length;

	rig_open_exact(rig, 5, 100);
	expect_result(get_or_load(rig->handle, buffer, sizeof buffer, &length, &source), CAPACITOR_STORED);
	expect(length == sizeof buffer && tagged_check(buffer, length, 1, &version) && version == 5,
	       "the loaded value is not in the buffer");
	expect_result(label_contains(rig->handle, 1), CAPACITOR_MISS);
	expect_number(rig_stat(rig, CAPACITOR_STAT_STORES), 0);
}

/* ---- Many threads ------------------------------------------------------------------------------------------------ */

#define LOADERS 8

struct stampede {
	struct source source;
	_Atomic unsigned stored; /* relaxed: counts, read after joining */
	_Atomic unsigned hit;
};

static void stampede_member(struct crew_member *member)
{
	struct stampede *stampede = member->crew->context;
	char buffer[LOADED_BYTES];
	enum capacitor_result result;
	size_t length;

	result = get_or_load(member->handle, buffer, sizeof buffer, &length, &stampede->source);
	crew_expect(member, result == CAPACITOR_STORED || result == CAPACITOR_HIT, "get_or_load: %s",
	            capacitor_result_string(result));
	crew_expect(member, has_version(buffer, length, 5), "the loaded value is not in the buffer");
	fetch_add_relaxed(result == CAPACITOR_STORED ? &stampede->stored : &stampede->hit, 1);
}

static void test_one_loader(struct rig *rig)
{
	bool stored = !(rig->info->lacks & STORAGE);

	for (unsigned round = 0; round < 3; round++) {
		struct stampede stampede = {.source = {CAPACITOR_HIT, LOADED_BYTES, 5, 2000000, NULL, 0, 0, 0}};
		struct crew crew;

		rig_open(rig);
		crew_start(&crew, rig, LOADERS, stampede_member, &stampede);
		crew_finish(&crew);
		expect_number(load_relaxed(&stampede.source.too_many), 0);
		expect_number(load_relaxed(&stampede.stored), load_relaxed(&stampede.source.calls));
		expect_number(load_relaxed(&stampede.hit) + load_relaxed(&stampede.stored), LOADERS);
		expect_number(rig_stat(rig, CAPACITOR_STAT_LOADS), load_relaxed(&stampede.source.calls));
		if (stored) /* nobody loads what is there */
			expect_number(load_relaxed(&stampede.source.calls), 1);
		expect_number(tagged_version(rig, 1), stored ? 5 : MISSING);
	}
}

/* All who wait share a failure; nobody waits for ever; nobody gets a value that is not there. */
static void failing_member(struct crew_member *member)
{
	struct source *source = member->crew->context;
	char buffer[LOADED_BYTES];
	enum capacitor_result result;
	size_t length = 0;

	result = get_or_load(member->handle, buffer, sizeof buffer, &length, source);
	crew_expect(member, result == source->result, "get_or_load: %s, not %s", capacitor_result_string(result),
	            capacitor_result_string(source->result));
}

static void test_failures_are_shared(struct rig *rig)
{
	static const enum capacitor_result failures[] = {
		CAPACITOR_MISS, CAPACITOR_NO_MEMORY, CAPACITOR_BUFFER_TOO_SMALL,
	};

	rig_open(rig);
	for (unsigned i = 0; i < 3; i++) {
		struct source source = {.result = failures[i], .value_bytes = 1000, .sleep_ns = 2000000};
		struct crew crew;

		crew_start(&crew, rig, LOADERS, failing_member, &source);
		crew_finish(&crew);
		expect_number(load_relaxed(&source.too_many), 0);
		expect_result(label_contains(rig->handle, 1), CAPACITOR_MISS);
	}
}

/* Buffers of different lengths: who has room gets the value, who has not is told how much it takes. */
static void sizes_member(struct crew_member *member)
{
	size_t length = 0, room = member->index % 2 ? LOADED_BYTES : 10;
	enum capacitor_result result;
	char buffer[LOADED_BYTES];

	result = get_or_load(member->handle, buffer, room, &length, member->crew->context);
	crew_expect(member, length == LOADED_BYTES, "%s with length %zu", capacitor_result_string(result), length);
	if (room < LOADED_BYTES)
		crew_expect(member, result == CAPACITOR_BUFFER_TOO_SMALL, "no room: %s",
		            capacitor_result_string(result));
	else
		crew_expect(member,
		            (result == CAPACITOR_HIT || result == CAPACITOR_STORED) && has_version(buffer, length, 5),
		            "room enough: %s", capacitor_result_string(result));
}

static void test_buffers_differ(struct rig *rig)
{
	for (unsigned round = 0; round < 5; round++) {
		struct source source = {.result = CAPACITOR_HIT, .value_bytes = LOADED_BYTES, .version = 5,
		                        .sleep_ns = 500000};
		struct crew crew;

		rig_open(rig);
		crew_start(&crew, rig, LOADERS, sizes_member, &source);
		crew_finish(&crew);
		expect_number(load_relaxed(&source.too_many), 0);
	}
}

/* ---- One loader that is stopped ---------------------------------------------------------------------------------- */

struct loading {
	struct rig *rig;
	struct source source;
	struct gate gate;
	pthread_t thread;
	enum capacitor_result result;
	char buffer[LOADED_BYTES];
	size_t length;
};

static void *loading_main(void *argument)
{
	struct loading *loading = argument;
	struct capacitor_handle *handle;

	loading->result = capacitor_enter(loading->rig->cache, &handle);
	if (loading->result == CAPACITOR_OK) {
		loading->result = get_or_load(handle, loading->buffer, sizeof loading->buffer, &loading->length,
		                              &loading->source);
		capacitor_leave(handle);
	}
	return NULL;
}

/* A thread whose loader stands at the gate. */
static bool loading_start(struct loading *loading, struct rig *rig)
{
	*loading = (struct loading){.rig = rig, .source = {CAPACITOR_HIT, LOADED_BYTES, 5, 0, &loading->gate, 0, 0, 0}};
	gate_init(&loading->gate);
	if (pthread_create(&loading->thread, NULL, loading_main, loading) != 0)
		abort();
	return gate_await(&loading->gate, 1, PATIENCE_NS);
}

static void loading_end(struct loading *loading)
{
	gate_open(&loading->gate);
	pthread_join(loading->thread, NULL);
	gate_destroy(&loading->gate);
}

/* A value that is stored while the loader runs, wins. */
static void test_stored_meanwhile(struct rig *rig)
{
	enum capacitor_result stored, got;
	struct loading loading;
	uint64_t version = 0;
	bool started, whole;

	rig_open(rig);
	started = loading_start(&loading, rig);
	stored = tagged_set(rig->handle, 1, 9, LOADED_BYTES); /* nobody is stopped by a loader but who loads */
	got = tagged_get(rig->handle, 1, &version, NULL, &whole);
	loading_end(&loading);
	expect(started, "the loader did not start");
	expect_result(stored, CAPACITOR_STORED);
	expect_result(got, CAPACITOR_HIT);
	expect_number(version, 9);
	expect_result(loading.result, CAPACITOR_HIT);
	expect(has_version(loading.buffer, loading.length, 9), "the loaded value won over the stored");
	expect_number(tagged_version(rig, 1), 9);
	expect_number(rig_stat(rig, CAPACITOR_STAT_STORES), 1);
}

/* A longer one wins, too: the loader's buffer may be too small for it. */
static void test_longer_stored_meanwhile(struct rig *rig)
{
	enum capacitor_result stored;
	struct loading loading;
	bool started;

	rig_open(rig);
	started = loading_start(&loading, rig);
	stored = tagged_set(rig->handle, 1, 9, 2 * LOADED_BYTES);
	loading_end(&loading);
	expect(started, "the loader did not start");
	expect_result(stored, CAPACITOR_STORED);
	expect_result(loading.result, CAPACITOR_BUFFER_TOO_SMALL);
	expect_number(loading.length, 2 * LOADED_BYTES);
	expect_number(tagged_version(rig, 1), 9);
}

/* Stored and deleted again: the loaded value is stored. */
static void test_deleted_meanwhile(struct rig *rig)
{
	enum capacitor_result stored, deleted;
	struct loading loading;
	bool started;

	rig_open(rig);
	started = loading_start(&loading, rig);
	stored = tagged_set(rig->handle, 1, 9, LOADED_BYTES);
	deleted = label_delete(rig->handle, 1);
	loading_end(&loading);
	expect(started, "the loader did not start");
	expect_result(stored, CAPACITOR_STORED);
	expect_result(deleted, CAPACITOR_HIT);
	expect_result(loading.result, CAPACITOR_STORED);
	expect(has_version(loading.buffer, loading.length, 5), "the loaded value is not in the buffer");
	expect_number(tagged_version(rig, 1), 5);
}

/* ---- Loaders of different keys ----------------------------------------------------------------------------------- */

struct meeting {
	struct gate gate;
	_Atomic bool missed; /* relaxed: read after joining */
};

static enum capacitor_result load_meeting(void *context, const void *key, size_t key_bytes, void *buffer,
                                          size_t buffer_bytes, size_t *value_bytes)
{
	struct meeting *meeting = context;

	(void)key, (void)key_bytes, (void)buffer_bytes;
	pthread_mutex_lock(&meeting->gate.mutex);
	meeting->gate.arrived++;
	pthread_cond_broadcast(&meeting->gate.changed);
	pthread_mutex_unlock(&meeting->gate.mutex);
	if (!gate_await(&meeting->gate, 4, PATIENCE_NS))
		store_relaxed(&meeting->missed, true);
	memset(buffer, 'v', 8);
	*value_bytes = 8;
	return CAPACITOR_HIT;
}

static void meeting_member(struct crew_member *member)
{
	struct label label = label_of(member->index);
	enum capacitor_result result;
	char buffer[8];
	size_t length;

	result = capacitor_get_or_load(member->handle, label.text, label.bytes, buffer, sizeof buffer, &length,
	                               CAPACITOR_TTL_DEFAULT, load_meeting, member->crew->context);
	crew_expect(member, result == CAPACITOR_STORED, "get_or_load: %s", capacitor_result_string(result));
}

static uint64_t hash_alike(const void *key, size_t key_bytes, const uint8_t seed[16])
{
	(void)key, (void)key_bytes, (void)seed;
	return 7;
}

/* Loaders of four keys, which even hash alike, run at the same time: each waits until all four are there. */
static void test_loaders_of_other_keys(struct rig *rig)
{
	struct meeting meeting = {.missed = false};
	struct crew crew;

	gate_init(&meeting.gate);
	rig->config.hash = CAPACITOR_HASH_CUSTOM;
	rig->config.hash_function = hash_alike;
	rig_open(rig);
	crew_start(&crew, rig, 4, meeting_member, &meeting);
	crew_finish(&crew);
	gate_destroy(&meeting.gate);
	expect(!load_relaxed(&meeting.missed), "loaders of different keys wait for each other");
}

const struct suite_test loading_tests[] = {
	{.name = "get_or_load loads once, then hits", .run = test_load_and_hit, .scope = SUITE_ALL},
	{.name = "G7 a loader's failure comes through, and nothing is stored", .run = test_failures,
	 .scope = SUITE_ALL},
	{.name = "get_or_load into a buffer that is too small", .run = test_small_buffer, .scope = SUITE_ALL,
	 .without = STORAGE},
	{.name = "get_or_load of an empty value", .run = test_empty_value, .scope = SUITE_ALL, .without = STORAGE},
	{.name = "G7 a loaded value that is too large to store is returned", .run = test_too_large_to_store,
	 .scope = SUITE_ALL, .without = STORAGE},
	{.name = "of threads that miss together one loads", .run = test_one_loader, .scope = SUITE_POLICY,
	 .without = CONCURRENCY},
	{.name = "of threads that miss together all take the failure", .run = test_failures_are_shared,
	 .scope = SUITE_POLICY, .without = CONCURRENCY},
	{.name = "of threads that miss together some have too small a buffer", .run = test_buffers_differ,
	 .scope = SUITE_POLICY, .without = SHARED},
	{.name = "a value stored while the loader runs wins", .run = test_stored_meanwhile, .scope = SUITE_ALL,
	 .without = SHARED},
	{.name = "a longer value stored while the loader runs wins", .run = test_longer_stored_meanwhile,
	 .scope = SUITE_POLICY, .without = SHARED},
	{.name = "a value stored and deleted while the loader runs is gone", .run = test_deleted_meanwhile,
	 .scope = SUITE_POLICY, .without = SHARED},
	{.name = "loaders of different keys run at the same time", .run = test_loaders_of_other_keys,
	 .scope = SUITE_POLICY, .without = CONCURRENCY},
	{.name = NULL},
};
