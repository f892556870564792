/* SPDX-License-Identifier: BSD-2-Clause */
/* Calls of a cache that are written down; see calls.h. */
#include "calls.h"

#include <inttypes.h>
#include <string.h>

#define NUMBERS_PER_THREAD ((uint64_t)1 << 48)

/* TTLs, in ticks of calls_clock. */
#define TTL_MAX 64

void caller_init(struct caller *caller, struct check_run *run, struct capacitor_handle *handle, uint16_t thread,
                 uint64_t seed)
{
	*caller = (struct caller){
		.run = run, .handle = handle, .thread = thread, .random = check_mix(seed ^ check_mix(thread)),
		.numbers = thread * NUMBERS_PER_THREAD + 1,
	};
}

enum history_call call_draw(struct caller *caller, const struct call_mix *mix)
{
	unsigned at = (unsigned)check_below(&caller->random, 100);
	unsigned call = 0;

	while (call < HISTORY_CALLS - 1 && at >= mix->percent[call])
		at -= mix->percent[call++];
	return (enum history_call)call;
}

uint64_t calls_clock(void *counter)
{
	return load_relaxed((_Atomic uint64_t *)counter); /* relaxed: monotonic for each thread, which is all a clock is */
}

/* ---- Values ------------------------------------------------------------------------------------------------------ */

/* A multiple of 8, from 8 on. */
static size_t value_bytes_of(uint64_t number)
{
	return 8 + check_mix(number) % (CALLS_VALUE_BYTES_MAX / 8) * 8;
}

static size_t value_fill(unsigned char *value, uint64_t number)
{
	size_t bytes = value_bytes_of(number);

	for (uint64_t i = 0; i < bytes / 8; i++) {
		uint64_t word = i == 0 ? number : number * (2 * i + 1);

		memcpy(value + 8 * i, &word, 8);
	}
	return bytes;
}

/* The number of a whole value; else the run fails, and 0. */
static uint64_t value_read(struct caller *caller, uint32_t key, const void *value, size_t bytes)
{
	unsigned char expected[CALLS_VALUE_BYTES_MAX];
	uint64_t number = 0;

	if (bytes >= 8)
		memcpy(&number, value, 8);
	if (number > 0 && bytes == value_fill(expected, number) && memcmp(value, expected, bytes) == 0)
		return number;
	check_fail(caller->run, "key %" PRIu32 ": a torn value, %zu bytes that begin with %" PRIu64, key, bytes, number);
	return 0;
}

/* ---- Calls ------------------------------------------------------------------------------------------------------- */

struct key_text {
	char text[16];
	size_t bytes;
};

static struct key_text key_of(uint32_t number)
{
	struct key_text key = {"key 00000000", 12};

	for (size_t at = 11; number > 0; number /= 10, at--)
		key.text[at] = (char)('0' + number % 10);
	return key;
}

static uint64_t tick(const struct caller *caller)
{
	return caller->ticks ? fetch_add_relaxed(caller->ticks, 1) : check_now_ns(); /* relaxed: one thread runs at a time */
}

static uint64_t ttl_of(struct caller *caller)
{
	if (!caller->clock || check_below(&caller->random, 4) > 0)
		return CAPACITOR_TTL_NEVER;
	return 1 + check_below(&caller->random, TTL_MAX);
}

static enum capacitor_result load(void *context, const void *key, size_t key_bytes, void *buffer, size_t buffer_bytes,
                                  size_t *value_bytes)
{
	struct caller *caller = context;

	(void)key;
	(void)key_bytes;
	(void)buffer_bytes; /* as long as any value */
	if (check_below(&caller->random, 4) == 0)
		return CAPACITOR_MISS;
	*value_bytes = value_fill(buffer, caller->numbers);
	return CAPACITOR_HIT;
}

static enum capacitor_result get_by_pin(struct caller *caller, uint32_t key, const struct key_text *text, uint64_t *read)
{
	struct capacitor_pin pin;
	enum capacitor_result result = capacitor_pin(caller->handle, text->text, text->bytes, &pin);

	if (result == CAPACITOR_HIT) {
		*read = value_read(caller, key, pin.value, pin.value_bytes);
		capacitor_unpin(caller->handle, &pin);
	}
	return result;
}

static enum capacitor_result get_by_batch(struct caller *caller, const struct key_text *text, size_t *bytes)
{
	struct capacitor_request request = {
		.key = text->text, .key_bytes = text->bytes, .buffer = caller->buffer, .buffer_bytes = sizeof caller->buffer,
	};
	enum capacitor_result result = capacitor_get_many(caller->handle, &request, 1);

	*bytes = request.value_bytes;
	return result == CAPACITOR_OK ? request.result : result;
}

/* get by one of its three ways. */
static enum capacitor_result get(struct caller *caller, uint32_t key, const struct key_text *text, uint64_t *read)
{
	uint64_t way = check_below(&caller->random, 3);
	enum capacitor_result result;
	size_t bytes = 0;

	if (way == 0)
		return get_by_pin(caller, key, text, read);
	if (way == 1)
		result = get_by_batch(caller, text, &bytes);
	else
		result = capacitor_get(caller->handle, text->text, text->bytes, caller->buffer, sizeof caller->buffer, &bytes);
	if (result == CAPACITOR_HIT)
		*read = value_read(caller, key, caller->buffer, bytes);
	return result;
}

/* The call alone; the value that it writes has been filled in. */
static enum capacitor_result make(struct caller *caller, enum history_call call, uint32_t key, const struct key_text *text,
                                  size_t bytes, uint64_t ttl, uint64_t *read)
{
	struct capacitor_handle *handle = caller->handle;
	enum capacitor_result result;

	switch (call) {
	case HISTORY_GET:
		return get(caller, key, text, read);
	case HISTORY_CONTAINS:
		return capacitor_contains(handle, text->text, text->bytes);
	case HISTORY_SET:
		return capacitor_set(handle, text->text, text->bytes, caller->buffer, bytes, ttl);
	case HISTORY_ADD:
		return capacitor_add(handle, text->text, text->bytes, caller->buffer, bytes, ttl);
	case HISTORY_REPLACE:
		return capacitor_replace(handle, text->text, text->bytes, caller->buffer, bytes, ttl);
	case HISTORY_DELETE:
		return capacitor_delete(handle, text->text, text->bytes);
	case HISTORY_LOAD:
		result = capacitor_get_or_load(handle, text->text, text->bytes, caller->buffer, sizeof caller->buffer, &bytes,
		                               ttl, load, caller);
		if (result == CAPACITOR_HIT || result == CAPACITOR_STORED)
			*read = value_read(caller, key, caller->buffer, bytes);
		return result;
	}
	return CAPACITOR_INVALID;
}

void call_make(struct caller *caller, enum history_call call, uint32_t key, struct history_operation *operation)
{
	struct key_text text = key_of(key);
	bool writes = call == HISTORY_SET || call == HISTORY_ADD || call == HISTORY_REPLACE;
	uint64_t ttl = ttl_of(caller);
	enum capacitor_result result;
	size_t bytes = 0;

	*operation = (struct history_operation){.key = key, .thread = caller->thread, .call = (uint8_t)call};
	if (writes)
		bytes = value_fill(caller->buffer, caller->numbers);
	if (writes || call == HISTORY_LOAD)
		operation->written = caller->numbers;
	if (caller->clock)
		fetch_add_relaxed(caller->clock, 1); /* relaxed: see calls_clock() */
	operation->invoked = tick(caller);
	result = make(caller, call, key, &text, bytes, ttl, &operation->read);
	operation->returned = tick(caller);
	operation->result = (uint8_t)result;
	if (operation->written)
		caller->numbers++;
	if (history_effect(operation) == HISTORY_NOTHING && result != CAPACITOR_BUSY) /* a result that this call cannot have */
		check_fail(caller->run, "key %" PRIu32 ": %s: %s", key, history_call_string(call),
		           capacitor_result_string(result));
	if (call == HISTORY_LOAD && result == CAPACITOR_STORED && operation->read != operation->written)
		check_fail(caller->run, "key %" PRIu32 ": load: its loader made %" PRIu64 ", it returned %" PRIu64, key,
		           operation->written, operation->read);
}
