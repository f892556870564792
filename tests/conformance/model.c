/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * G1 for one thread: random calls, compared with a model that remembers the latest value of each key. With room for
 * everything, results are exact; with less, a key may vanish, and stays away until it is stored again.
 *
 * The keys are made to be mistaken for each other: half of them are prefixes of one string, half are strings of NULs.
 */
#include <inttypes.h>

#include "suite.h"

#define MODEL_KEYS        40
#define MODEL_VALUE_BYTES 300

struct model_key {
	bool there;
	uint64_t version;
	size_t value_bytes;
};

struct model {
	struct rig *rig;
	bool evicts;
	uint64_t random;
	uint64_t versions;
	struct model_key key[MODEL_KEYS];
};

struct model_text {
	size_t bytes;
	char text[MODEL_KEYS];
};

static struct model_text text_of(unsigned key)
{
	struct model_text text = {.bytes = key / 2 + 1};

	if (key % 2)
		memcpy(text.text, "a common beginning of all keys", text.bytes);
	return text;
}

/* Which key is it? MODEL_KEYS: none. */
static unsigned key_of(const void *text, size_t bytes)
{
	unsigned key = 0;

	for (; key < MODEL_KEYS; key++) {
		struct model_text of_key = text_of(key);

		if (of_key.bytes == bytes && memcmp(of_key.text, text, bytes) == 0)
			break;
	}
	return key;
}

/* A call found the key, or did not. */
static void found(struct model *model, unsigned key, bool hit)
{
	expect(!hit || model->key[key].there, "key %u was found and should not be there (G1: nothing comes back)", key);
	expect(hit || !model->key[key].there || model->evicts, "key %u was not found", key);
	model->key[key].there = hit;
}

/* A call returned this value of the key. */
static void returned(const struct model *model, unsigned key, const void *value, size_t value_bytes)
{
	uint64_t version;

	expect_number(value_bytes, model->key[key].value_bytes);
	expect(tagged_check(value, value_bytes, key, &version), "key %u: the value is torn or another's", key);
	expect(value_bytes < 8 || version == model->key[key].version, "key %u: version %" PRIu64 ", should be %" PRIu64,
	       key, version, model->key[key].version);
}

/* ---- One step of each kind --------------------------------------------------------------------------------------- */

static void step_get(struct model *model, unsigned key)
{
	struct model_text text = text_of(key);
	unsigned char buffer[MODEL_VALUE_BYTES];
	size_t room = random_below(&model->random, 2) ? sizeof buffer : random_below(&model->random, sizeof buffer);
	size_t bytes = 99;
	enum capacitor_result result;

	result = capacitor_get(model->rig->handle, text.text, text.bytes, buffer, room, &bytes);
	found(model, key, result != CAPACITOR_MISS);
	if (!model->key[key].there) {
		expect_number(bytes, 0);
		return;
	}
	expect_result(result, model->key[key].value_bytes <= room ? CAPACITOR_HIT : CAPACITOR_BUFFER_TOO_SMALL);
	if (result == CAPACITOR_HIT)
		returned(model, key, buffer, bytes);
	expect_number(bytes, model->key[key].value_bytes);
}

static void step_pin(struct model *model, unsigned key)
{
	struct model_text text = text_of(key);
	struct capacitor_pin pin;
	enum capacitor_result result = capacitor_pin(model->rig->handle, text.text, text.bytes, &pin);

	expect(result == CAPACITOR_HIT || result == CAPACITOR_MISS, "pin: %s", capacitor_result_string(result));
	found(model, key, result == CAPACITOR_HIT);
	if (result == CAPACITOR_HIT) {
		returned(model, key, pin.value, pin.value_bytes);
		expect_result(capacitor_unpin(model->rig->handle, &pin), CAPACITOR_OK);
	}
}

static void step_contains(struct model *model, unsigned key)
{
	struct model_text text = text_of(key);
	enum capacitor_result result = capacitor_contains(model->rig->handle, text.text, text.bytes);

	expect(result == CAPACITOR_HIT || result == CAPACITOR_MISS, "contains: %s", capacitor_result_string(result));
	found(model, key, result == CAPACITOR_HIT);
}

/* set, add or replace. */
static void step_store(struct model *model, unsigned key, tagged_store *store)
{
	struct model_text text = text_of(key);
	unsigned char value[MODEL_VALUE_BYTES];
	struct model_key fresh = {
		.there = true,
		.version = ++model->versions,
		.value_bytes = random_below(&model->random, sizeof value + 1),
	};
	enum capacitor_result result;

	tagged_fill(value, fresh.value_bytes, key, fresh.version);
	result = store(model->rig->handle, text.text, text.bytes, value, fresh.value_bytes, CAPACITOR_TTL_DEFAULT);
	if (store == capacitor_add)
		found(model, key, result == CAPACITOR_EXISTS);
	else if (store == capacitor_replace)
		found(model, key, result != CAPACITOR_MISS);
	if ((store == capacitor_add && model->key[key].there) || (store == capacitor_replace && !model->key[key].there))
		return;
	expect_result(result, CAPACITOR_STORED);
	model->key[key] = fresh;
}

static void step_delete(struct model *model, unsigned key)
{
	struct model_text text = text_of(key);
	enum capacitor_result result = capacitor_delete(model->rig->handle, text.text, text.bytes);

	expect(result == CAPACITOR_HIT || result == CAPACITOR_MISS, "delete: %s", capacitor_result_string(result));
	found(model, key, result == CAPACITOR_HIT);
	model->key[key].there = false;
}

#define BATCH 20

static void step_get_many(struct model *model)
{
	struct capacitor_request request[BATCH] = {{0}};
	unsigned char buffer[BATCH][MODEL_VALUE_BYTES];
	struct model_text text[BATCH];
	unsigned key[BATCH];
	size_t count = random_below(&model->random, BATCH + 1);

	for (size_t i = 0; i < count; i++) {
		key[i] = (unsigned)random_below(&model->random, MODEL_KEYS);
		text[i] = text_of(key[i]);
		request[i] = (struct capacitor_request){text[i].text, text[i].bytes, buffer[i], sizeof buffer[i], 99,
		                                        CAPACITOR_BUSY};
	}
	expect_result(capacitor_get_many(model->rig->handle, request, count), CAPACITOR_OK);
	for (size_t i = 0; i < count; i++) {
		expect(request[i].result == CAPACITOR_HIT || request[i].result == CAPACITOR_MISS, "get_many: %s",
		       capacitor_result_string(request[i].result));
		found(model, key[i], request[i].result == CAPACITOR_HIT);
		if (request[i].result == CAPACITOR_HIT)
			returned(model, key[i], buffer[i], request[i].value_bytes);
	}
}

struct visits {
	const struct model *model;
	unsigned count[MODEL_KEYS];
	bool wrong;
};

/* Asserts nothing: it runs inside the cache. */
static bool visit(void *context, const void *text, size_t text_bytes, const void *value, size_t value_bytes)
{
	struct visits *visits = context;
	unsigned key = key_of(text, text_bytes);
	uint64_t version;

	if (key == MODEL_KEYS || ++visits->count[key] > 1 || !visits->model->key[key].there ||
	    visits->model->key[key].value_bytes != value_bytes || !tagged_check(value, value_bytes, key, &version) ||
	    (value_bytes >= 8 && version != visits->model->key[key].version))
		visits->wrong = true;
	return true;
}

static void step_each(struct model *model)
{
	struct visits visits = {.model = model};

	expect_result(capacitor_each(model->rig->handle, visit, &visits), CAPACITOR_OK);
	expect(!visits.wrong, "each visited a key twice, or one that is not there, or an old value");
	for (unsigned key = 0; key < MODEL_KEYS; key++)
		found(model, key, visits.count[key] == 1);
}

static void step_clear(struct model *model)
{
	expect_result(capacitor_clear(model->rig->handle), CAPACITOR_OK);
	for (unsigned key = 0; key < MODEL_KEYS; key++)
		model->key[key].there = false;
}

/* ---- Running ----------------------------------------------------------------------------------------------------- */

static void step(struct model *model)
{
	unsigned key = (unsigned)random_below(&model->random, MODEL_KEYS);
	unsigned kind = (unsigned)random_below(&model->random, 100);

	if (kind < 30)
		step_get(model, key);
	else if (kind < 36)
		step_pin(model, key);
	else if (kind < 42)
		step_contains(model, key);
	else if (kind < 64)
		step_store(model, key, capacitor_set);
	else if (kind < 74)
		step_store(model, key, capacitor_add);
	else if (kind < 84)
		step_store(model, key, capacitor_replace);
	else if (kind < 94)
		step_delete(model, key);
	else if (kind < 97)
		step_get_many(model);
	else if (kind < 99)
		step_each(model);
	else if (random_below(&model->random, 5) == 0)
		step_clear(model);
}

static void run_model(struct rig *rig, bool evicts, unsigned rounds)
{
	struct model model = {.rig = rig, .evicts = evicts, .random = rig->seed};

	for (unsigned round = 0; round < rounds; round++)
		step(&model);
	step_each(&model);
	if (!evicts)
		expect_number(rig_stat(rig, CAPACITOR_STAT_EVICTIONS), 0);
	else
		expect(rig_stat(rig, CAPACITOR_STAT_EVICTIONS) > 0, "nothing was evicted: the test tests nothing");
}

static void test_exact(struct rig *rig)
{
	rig_open(rig);
	run_model(rig, false, 1500);
}

/* A table for one entry: it grows, or lives with long chains. */
static void test_exact_small_table(struct rig *rig)
{
	rig->config.expected_entries = 1;
	rig->config.shards = 1;
	rig_open(rig);
	run_model(rig, false, 600);
}

static uint64_t hash_alike(const void *key, size_t key_bytes, const uint8_t seed[16])
{
	(void)key, (void)key_bytes, (void)seed;
	return 0;
}

/* All keys hash alike: prefixes of each other are told apart by nothing but length and bytes. */
static void test_exact_colliding(struct rig *rig)
{
	rig->config.hash = CAPACITOR_HASH_CUSTOM;
	rig->config.hash_function = hash_alike;
	rig_open(rig);
	run_model(rig, false, 600);
}

static void test_evicting(struct rig *rig)
{
	rig_open_exact(rig, 12, MODEL_VALUE_BYTES / 2);
	run_model(rig, true, 600);
}

/* Shards take from each other. */
static void test_evicting_shards(struct rig *rig)
{
	rig->config.expected_entries = 16;
	rig->config.shards = 8;
	rig_open(rig);
	rig->config.capacity_bytes = (size_t)rig_stat(rig, CAPACITOR_STAT_TABLE_BYTES) + 4000;
	rig_open(rig);
	run_model(rig, true, 600);
}

static void test_long_runs(struct rig *rig)
{
	rig_open(rig);
	run_model(rig, false, rig_rounds(20000));
	rig_open_exact(rig, 12, MODEL_VALUE_BYTES / 2);
	run_model(rig, true, rig_rounds(5000));
}

const struct suite_test model_tests[] = {
	{.name = "G1 random calls agree with a model", .run = test_exact, .scope = SUITE_ALL, .without = STORAGE},
	{.name = "G1 random calls agree with a model, table too small", .run = test_exact_small_table,
	 .scope = SUITE_ALL,
	 .without = STORAGE},
	{.name = "G1 G9 random calls agree with a model, all keys colliding", .run = test_exact_colliding,
	 .scope = SUITE_ALL, .without = STORAGE},
	{.name = "G1 random calls agree with a model, evicting", .run = test_evicting, .scope = SUITE_ALL,
	 .without = STORAGE},
	{.name = "G1 random calls agree with a model, evicting across shards", .run = test_evicting_shards,
	 .scope = SUITE_ALL, .without = STORAGE},
	{.name = "G1 many random calls agree with a model", .run = test_long_runs, .scope = SUITE_POLICY,
	 .without = STORAGE},
	{.name = NULL},
};
