/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * G2: values of all sizes, each of which can tell whether it is whole, are overwritten, evicted, deleted and read at
 * the same time.
 */
#include <inttypes.h>

#include "crew.h"
#include "heap.h"

#define TORN_KEYS    12
#define TORN_THREADS 4

/* From nothing to 64 KiB, most of them small. */
static size_t any_size(uint64_t *random)
{
	return random_next(random) & ((1u << random_below(random, 17)) - 1);
}

static void torn_get_many(struct crew_member *member, unsigned char *memory)
{
	struct capacitor_request request[3];
	struct label label[3];
	uint64_t key[3], version;

	for (unsigned i = 0; i < 3; i++) {
		key[i] = random_below(&member->random, TORN_KEYS);
		label[i] = label_of(key[i]);
		request[i] = (struct capacitor_request){label[i].text, label[i].bytes, memory + i * TAGGED_BYTES_MAX,
		                                        TAGGED_BYTES_MAX, 0, CAPACITOR_BUSY};
	}
	capacitor_get_many(member->handle, request, 3);
	for (unsigned i = 0; i < 3; i++)
		crew_expect(member,
		            request[i].result == CAPACITOR_MISS ||
		                    (request[i].result == CAPACITOR_HIT &&
		                     tagged_check(request[i].buffer, request[i].value_bytes, key[i], &version)),
		            "get_many: key %" PRIu64 ": %s, %zu bytes, torn or mixed", key[i],
		            capacitor_result_string(request[i].result), request[i].value_bytes);
}

static void torn_step(struct crew_member *member, unsigned char *memory)
{
	uint64_t key = random_below(&member->random, TORN_KEYS), version;
	enum capacitor_result result;
	struct capacitor_pin pin;
	size_t value_bytes;
	bool whole;

	switch (random_below(&member->random, 8)) {
	case 0:
	case 1:
	case 2:
		result = tagged_set(member->handle, key, random_next(&member->random), any_size(&member->random));
		crew_expect(member, result == CAPACITOR_STORED, "set: %s", capacitor_result_string(result));
		break;
	case 3:
		label_delete(member->handle, key);
		break;
	case 4:
		if (label_pin(member->handle, key, &pin) == CAPACITOR_HIT) {
			whole = tagged_check(pin.value, pin.value_bytes, key, &version);
			capacitor_unpin(member->handle, &pin);
			crew_expect(member, whole, "pin: key %" PRIu64 " is torn or mixed", key);
		}
		break;
	case 5:
		torn_get_many(member, memory);
		break;
	default:
		result = tagged_get(member->handle, key, &version, &value_bytes, &whole);
		crew_expect(member, result == CAPACITOR_MISS || (result == CAPACITOR_HIT && whole),
		            "get: key %" PRIu64 ": %s, %zu bytes, torn or mixed", key, capacitor_result_string(result),
		            value_bytes);
	}
}

static void torn_member(struct crew_member *member)
{
	unsigned char *memory = malloc(3 * TAGGED_BYTES_MAX);

	if (!memory)
		crew_fail(member, "no memory");
	while (crew_goes_on(member->crew))
		torn_step(member, memory);
	free(memory);
}

static void test_not_torn(struct rig *rig)
{
	struct crew crew;

	rig->config.capacity_bytes = (size_t)256 << 10;
	rig->config.expected_entries = 64;
	rig_open(rig);
	crew_start(&crew, rig, TORN_THREADS, torn_member, NULL);
	crew_run_for(&crew, 100000000);
}

/* ---- Large values ------------------------------------------------------------------------------------------------ */

#define LARGE_KEYS 2

struct large {
	size_t value_bytes;
	unsigned rounds;
};

static void large_member(struct crew_member *member)
{
	const struct large *large = member->crew->context;
	unsigned char *value = malloc(large->value_bytes);

	if (!value)
		crew_fail(member, "no memory");
	for (unsigned round = 0; round < large->rounds && crew_goes_on(member->crew); round++) {
		uint64_t key = random_below(&member->random, LARGE_KEYS), version;
		struct label label = label_of(key);
		size_t value_bytes = large->value_bytes;
		enum capacitor_result result;

		if (member->index % 2) {
			tagged_fill(value, value_bytes, key, random_next(&member->random));
			result = capacitor_set(member->handle, label.text, label.bytes, value, value_bytes, 0);
			if (result != CAPACITOR_STORED)
				crew_fail(member, "set: %s", capacitor_result_string(result));
			continue;
		}
		result = capacitor_get(member->handle, label.text, label.bytes, value, value_bytes, &value_bytes);
		if (result != CAPACITOR_MISS &&
		    (result != CAPACITOR_HIT || !tagged_check(value, value_bytes, key, &version)))
			crew_fail(member, "get: %s, %zu bytes, torn", capacitor_result_string(result), value_bytes);
	}
	free(value);
}

static void run_large(struct rig *rig, size_t value_bytes, unsigned rounds)
{
	struct large large = {.value_bytes = value_bytes, .rounds = rounds};
	struct crew crew;

	rig->config.capacity_bytes = 3 * value_bytes + ((size_t)1 << 20);
	rig_open(rig);
	crew_start(&crew, rig, TORN_THREADS, large_member, &large);
	crew_finish(&crew);
}

static void test_large_not_torn(struct rig *rig)
{
	run_large(rig, (size_t)1 << 20, rig_rounds(40));
	run_large(rig, (size_t)16 << 20, heap_watched() ? 6 : 2);
}

const struct suite_test torn_tests[] = {
	{.name = "G2 a value is never torn", .run = test_not_torn, .scope = SUITE_POLICY, .without = SHARED},
	{.name = "G2 a value of megabytes is never torn", .run = test_large_not_torn, .scope = SUITE_IMPLEMENTATION,
	 .without = SHARED},
	{.name = NULL},
};
