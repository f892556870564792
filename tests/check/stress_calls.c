/* SPDX-License-Identifier: BSD-2-Clause */
/* Each call of a cache, with what must come of it; see stress.h. */
#include "stress.h"

#include <inttypes.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#define KEY_BYTES_MAX 1024 /* keys of plan->prefixes, too */
#define SHORT_BYTES   8    /* a buffer in which most values do not fit */
#define SIZES         4    /* that many values have */

struct stress_key {
	unsigned char bytes[KEY_BYTES_MAX];
	size_t count;
};

static void key_make(const struct stress_plan *plan, uint64_t number, struct stress_key *key)
{
	if (plan->prefixes) {
		key->count = number + 1;
		memset(key->bytes, 'k', key->count);
		return;
	}
	key->count = 12;
	memcpy(key->bytes, "key 00000000", key->count);
	for (size_t at = 11; number > 0; number /= 10, at--)
		key->bytes[at] = (unsigned char)('0' + number % 10);
}

/* UINT64_MAX: none of ours. */
static uint64_t key_number(const struct stress_plan *plan, const unsigned char *bytes, size_t count)
{
	struct stress_key key;
	uint64_t number = 0;

	if (plan->prefixes)
		number = count - 1;
	else
		for (size_t at = 4; at < count && at < 12; at++)
			number = number * 10 + (uint64_t)(bytes[at] - '0');
	if (number >= plan->keys)
		return UINT64_MAX;
	key_make(plan, number, &key);
	return key.count == count && memcmp(key.bytes, bytes, count) == 0 ? number : UINT64_MAX;
}

/* ---- What may be done with a key, and what must come of it ------------------------------------------------------- */

/* In a roomy cache: never deleted once it is there. */
static bool kept(const struct stress_plan *plan, uint64_t key)
{
	return plan->roomy && key % 4 < 2;
}

/* In a roomy cache: comes by add only. */
bool stress_balanced(const struct stress_plan *plan, uint64_t key)
{
	return plan->roomy && key % 4 == 3;
}

static enum stress_call allowed(const struct stress_plan *plan, uint64_t key, enum stress_call call)
{
	if (kept(plan, key) && call == STRESS_DELETE)
		return STRESS_REPLACE;
	if (stress_balanced(plan, key) && (call == STRESS_SET || call == STRESS_LOAD))
		return STRESS_ADD;
	return call;
}

static const char *call_name(enum stress_call call)
{
	static const char *const name[STRESS_CALLS] = {
		"get", "get_many", "pin", "unpin", "contains", "set", "add", "replace",
		"delete", "get_or_load", "each", "clear", "resize", "quiesce", "stats", "leave and enter",
	};

	return name[call];
}

static void unexpected(struct stress_thread *thread, enum stress_call call, uint64_t key, enum capacitor_result result)
{
	check_fail(thread->stress->run, "%s of key %" PRIu64 ": unexpected result \"%s\"", call_name(call), key,
	           capacitor_result_string(result));
}

/* ---- What a call has found --------------------------------------------------------------------------------------- */

static void found_none(struct stress_thread *thread, enum stress_call call, uint64_t key)
{
	struct stress *stress = thread->stress;

	if (kept(stress->plan, key) && ledger_written(stress->ledger, &thread->look[key]))
		check_fail(stress->run, "%s of key %" PRIu64 ": a miss, but it is there and nobody deletes it", call_name(call),
		           key);
	ledger_settle(stress->ledger, &thread->look[key], 0);
}

/* Checks a value that is the key's. now: it was current during the call; else it was when it was pinned. */
static void found_value(struct stress_thread *thread, enum stress_call call, uint64_t key, const void *value, size_t bytes,
                        bool now)
{
	struct stress *stress = thread->stress;
	uint64_t version;
	const char *fault;

	if (!value_check(value, bytes, key, &version)) {
		check_fail(stress->run, "%s of key %" PRIu64 ": a value of %zu bytes %s", call_name(call), key, bytes,
		           value_fault(value, bytes, stress->plan->keys));
		return;
	}
	if (!now || bytes < VALUE_VERSION_BYTES)
		return;
	fault = ledger_fault(stress->ledger, &thread->look[key], version);
	if (fault)
		check_fail(stress->run, "%s of key %" PRIu64 ": value %" PRIu64 " of writer %u (thread %u reads) %s",
		           call_name(call), key, VERSION_NUMBER(version), VERSION_WRITER(version), thread->index, fault);
	else
		ledger_settle(stress->ledger, &thread->look[key], version);
}

static void take_look(struct stress_thread *thread, uint64_t key)
{
	ledger_take_look(thread->stress->ledger, &thread->look[key]);
}

/* ---- Reading ----------------------------------------------------------------------------------------------------- */

static void read_result(struct stress_thread *thread, enum stress_call call, uint64_t key, enum capacitor_result result,
                        const void *buffer, size_t buffer_bytes, size_t value_bytes)
{
	thread->hits += result == CAPACITOR_HIT || result == CAPACITOR_BUFFER_TOO_SMALL;
	if (result == CAPACITOR_HIT)
		found_value(thread, call, key, buffer, value_bytes, true);
	else if (result == CAPACITOR_MISS)
		found_none(thread, call, key);
	else if (result != CAPACITOR_BUFFER_TOO_SMALL || value_bytes <= buffer_bytes)
		unexpected(thread, call, key, result);
}

static void step_get(struct stress_thread *thread, uint64_t key, const struct stress_key *name)
{
	size_t buffer_bytes = thread->stress->plan->value_bytes_max, value_bytes;
	enum capacitor_result result;

	if (check_below(&thread->random, 16) == 0)
		buffer_bytes = SHORT_BYTES;
	take_look(thread, key);
	result = capacitor_get(thread->handle, name->bytes, name->count, thread->buffer, buffer_bytes, &value_bytes);
	read_result(thread, STRESS_GET, key, result, thread->buffer, buffer_bytes, value_bytes);
}

/* Keys may repeat. */
static void step_get_many(struct stress_thread *thread)
{
	const struct stress_plan *plan = thread->stress->plan;
	struct capacitor_request request[STRESS_BATCH];
	struct stress_key name[STRESS_BATCH];
	uint64_t key[STRESS_BATCH];
	enum capacitor_result result;

	for (unsigned i = 0; i < STRESS_BATCH; i++) {
		key[i] = check_below(&thread->random, plan->keys);
		key_make(plan, key[i], &name[i]);
		request[i] = (struct capacitor_request){
			.key = name[i].bytes, .key_bytes = name[i].count, .buffer = thread->buffer + i * plan->value_bytes_max,
			.buffer_bytes = plan->value_bytes_max, .result = CAPACITOR_INVALID,
		};
	}
	for (unsigned i = 0; i < STRESS_BATCH; i++)
		take_look(thread, key[i]);
	result = capacitor_get_many(thread->handle, request, STRESS_BATCH);
	check_expect(thread->stress->run, result == CAPACITOR_OK, "get_many: %s", capacitor_result_string(result));
	for (unsigned i = 0; i < STRESS_BATCH; i++)
		read_result(thread, STRESS_GET_MANY, key[i], request[i].result, request[i].buffer, request[i].buffer_bytes,
		            request[i].value_bytes);
}

static void step_contains(struct stress_thread *thread, uint64_t key, const struct stress_key *name)
{
	enum capacitor_result result;

	take_look(thread, key);
	result = capacitor_contains(thread->handle, name->bytes, name->count);
	thread->hits += result == CAPACITOR_HIT;
	if (result == CAPACITOR_MISS)
		found_none(thread, STRESS_CONTAINS, key);
	else if (result != CAPACITOR_HIT)
		unexpected(thread, STRESS_CONTAINS, key, result);
}

bool stress_there(struct stress_thread *thread, uint64_t key)
{
	struct stress_key name;

	key_make(thread->stress->plan, key, &name);
	return capacitor_contains(thread->handle, name.bytes, name.count) == CAPACITOR_HIT;
}

/* ---- Pins -------------------------------------------------------------------------------------------------------- */

static uint64_t version_of(const struct capacitor_pin *pin)
{
	uint64_t version = 0;

	if (pin->value_bytes >= VALUE_VERSION_BYTES)
		memcpy(&version, pin->value, sizeof version);
	return version;
}

/* It is what it was when it was pinned. */
static void check_pin(struct stress_thread *thread, const struct stress_held *held)
{
	found_value(thread, STRESS_UNPIN, held->key, held->pin.value, held->pin.value_bytes, false);
	if (version_of(&held->pin) != held->version)
		check_fail(thread->stress->run, "unpin of key %" PRIu64 ": the pinned value has become another", held->key);
}

void stress_check_pins(struct stress_thread *thread)
{
	for (unsigned i = 0; i < thread->pins; i++)
		check_pin(thread, &thread->held[i]);
}

/* Looks at the value a last time first. */
static void step_unpin(struct stress_thread *thread)
{
	struct stress_held *held;
	enum capacitor_result result;
	unsigned i;

	if (thread->pins == 0)
		return;
	i = (unsigned)check_below(&thread->random, thread->pins);
	held = &thread->held[i];
	check_pin(thread, held);
	result = capacitor_unpin(thread->handle, &held->pin);
	if (result != CAPACITOR_OK)
		unexpected(thread, STRESS_UNPIN, held->key, result);
	*held = thread->held[--thread->pins];
}

void stress_unpin_all(struct stress_thread *thread)
{
	while (thread->pins > 0)
		step_unpin(thread);
}

static void step_pin(struct stress_thread *thread, uint64_t key, const struct stress_key *name)
{
	struct stress_held *held;
	enum capacitor_result result;

	while (thread->pins >= thread->stress->plan->pins_max)
		step_unpin(thread);
	held = &thread->held[thread->pins];
	take_look(thread, key);
	result = capacitor_pin(thread->handle, name->bytes, name->count, &held->pin);
	read_result(thread, STRESS_PIN, key, result, held->pin.value, 0, held->pin.value_bytes);
	if (result == CAPACITOR_HIT) {
		held->key = key;
		held->version = version_of(&held->pin);
		thread->pins++;
	}
}

/* ---- Writing ----------------------------------------------------------------------------------------------------- */

/* Half have one of a few sizes, so that blocks fit each other; of the others most are small: as many bits as chance has it. */
static size_t draw_bytes(struct stress_thread *thread)
{
	const struct stress_plan *plan = thread->stress->plan;
	size_t range = plan->value_bytes_max - plan->value_bytes_min + 1;
	unsigned bits = 64 - (unsigned)__builtin_clzll(range);

	if (check_below(&thread->random, 2) == 0)
		return plan->value_bytes_min + ((range - 1) >> (1 + check_below(&thread->random, SIZES)));
	return plan->value_bytes_min +
	       (check_random(&thread->random) & (((uint64_t)1 << check_below(&thread->random, bits + 1)) - 1)) % range;
}

/* A store that did not store has changed nothing. */
static void not_stored(struct stress_thread *thread, enum stress_call call, uint64_t key, enum capacitor_result result,
                       size_t entry_bytes)
{
	const struct stress_plan *plan = thread->stress->plan;
	size_t least_bytes = plan->low_bytes ? plan->low_bytes : plan->config.capacity_bytes;

	if (call == STRESS_ADD && result == CAPACITOR_EXISTS)
		return;
	if (call == STRESS_REPLACE && result == CAPACITOR_MISS) {
		found_none(thread, call, key);
		return;
	}
	if (result == CAPACITOR_BUSY && !plan->roomy)
		return;
	if (result == CAPACITOR_TOO_LARGE && 2 * entry_bytes > least_bytes) /* or the tables leave no room for it */
		return;
	unexpected(thread, call, key, result);
}

static void step_store(struct stress_thread *thread, enum stress_call call, uint64_t key, const struct stress_key *name)
{
	struct stress *stress = thread->stress;
	size_t bytes = draw_bytes(thread), entry_bytes = capacitor_entry_bytes(name->count, bytes);
	uint64_t version = ledger_begin(stress->ledger, key, thread->index);
	enum capacitor_result result;

	value_fill(thread->buffer, bytes, key, version);
	take_look(thread, key);
	if (call == STRESS_SET)
		result = capacitor_set(thread->handle, name->bytes, name->count, thread->buffer, bytes, CAPACITOR_TTL_NEVER);
	else if (call == STRESS_ADD)
		result = capacitor_add(thread->handle, name->bytes, name->count, thread->buffer, bytes, CAPACITOR_TTL_NEVER);
	else
		result = capacitor_replace(thread->handle, name->bytes, name->count, thread->buffer, bytes, CAPACITOR_TTL_NEVER);
	if (result != CAPACITOR_STORED) {
		ledger_void(stress->ledger, key, version);
		not_stored(thread, call, key, result, entry_bytes);
		return;
	}
	if (entry_bytes > stress->plan->config.capacity_bytes)
		unexpected(thread, call, key, result);
	if (call == STRESS_ADD && kept(stress->plan, key) && ledger_written(stress->ledger, &thread->look[key]))
		check_fail(stress->run, "add of key %" PRIu64 ": stored, but it is there and nobody deletes it", key);
	thread->stores++;
	ledger_settle(stress->ledger, &thread->look[key], version);
	ledger_complete(stress->ledger, key, version);
	if (stress_balanced(stress->plan, key) && call == STRESS_ADD)
		fetch_add_relaxed(&stress->key[key].balance, 1); /* relaxed: a sum */
}

static void step_delete(struct stress_thread *thread, uint64_t key, const struct stress_key *name)
{
	struct stress *stress = thread->stress;
	enum capacitor_result result;

	take_look(thread, key);
	result = capacitor_delete(thread->handle, name->bytes, name->count);
	if (result != CAPACITOR_HIT && result != CAPACITOR_MISS)
		unexpected(thread, STRESS_DELETE, key, result);
	ledger_settle(stress->ledger, &thread->look[key], 0);
	if (result != CAPACITOR_HIT)
		return;
	thread->deletes++;
	if (stress_balanced(stress->plan, key))
		fetch_sub_relaxed(&stress->key[key].balance, 1); /* relaxed: a sum */
}

struct loading {
	struct stress_thread *thread;
	uint64_t key, version;
	unsigned calls;
	bool overtaken; /* somebody else's value was there when the loader ended, and stays */
};

/* Lets others come in between. */
static enum capacitor_result load(void *context, const void *data, size_t key_bytes, void *buffer, size_t buffer_bytes,
                                  size_t *value_bytes)
{
	struct loading *loading = context;
	struct stress_thread *thread = loading->thread;
	struct stress *stress = thread->stress;
	bool makes = kept(stress->plan, loading->key) || check_below(&thread->random, 4) > 0;

	(void)buffer_bytes; /* as long as any value */
	loading->calls++;
	if (key_number(stress->plan, data, key_bytes) != loading->key)
		check_fail(stress->run, "get_or_load of key %" PRIu64 ": the loader is given another key", loading->key);
	if (fetch_add_relaxed(&stress->key[loading->key].loaders, 1) > 0) /* relaxed: to order nothing that is to be checked */
		check_fail(stress->run, "get_or_load of key %" PRIu64 ": two loaders at a time", loading->key);
	if (check_below(&thread->random, 4) == 0)
		sched_yield();
	if (makes) {
		*value_bytes = draw_bytes(thread);
		value_fill(buffer, *value_bytes, loading->key, loading->version);
	}
	loading->overtaken = kept(stress->plan, loading->key) && ledger_ever_written(stress->ledger, loading->key);
	fetch_sub_relaxed(&stress->key[loading->key].loaders, 1); /* relaxed: as above */
	return makes ? CAPACITOR_HIT : CAPACITOR_MISS;
}

/* What the loader made is current, or was not stored for lack of room. */
static void loaded(struct stress_thread *thread, const struct loading *loading, size_t bytes)
{
	struct stress *stress = thread->stress;

	if (loading->calls != 1)
		check_fail(stress->run, "get_or_load of key %" PRIu64 ": stored, and its loader ran %u times", loading->key,
		           loading->calls);
	if (loading->overtaken)
		check_fail(stress->run, "get_or_load of key %" PRIu64 ": stored over a value that came while its loader ran",
		           loading->key);
	thread->loads++;
	found_none(thread, STRESS_LOAD, loading->key);
	found_value(thread, STRESS_LOAD, loading->key, thread->buffer, bytes, false);
	ledger_complete(stress->ledger, loading->key, loading->version);
}

static void step_load(struct stress_thread *thread, uint64_t key, const struct stress_key *name)
{
	struct stress *stress = thread->stress;
	struct loading loading = {
		.thread = thread, .key = key, .version = ledger_begin(stress->ledger, key, thread->index),
	};
	enum capacitor_result result;
	size_t bytes = 0;

	take_look(thread, key);
	result = capacitor_get_or_load(thread->handle, name->bytes, name->count, thread->buffer, stress->plan->value_bytes_max,
	                               &bytes, CAPACITOR_TTL_NEVER, load, &loading);
	if (result == CAPACITOR_STORED) {
		loaded(thread, &loading, bytes);
		return;
	}
	ledger_void(stress->ledger, key, loading.version);
	if (result == CAPACITOR_HIT)
		found_value(thread, STRESS_LOAD, key, thread->buffer, bytes, true);
	else if (result == CAPACITOR_MISS)
		found_none(thread, STRESS_LOAD, key);
	else
		unexpected(thread, STRESS_LOAD, key, result);
}

/* ---- The whole cache --------------------------------------------------------------------------------------------- */

static bool visit_entry(void *context, const void *data, size_t key_bytes, const void *value, size_t value_bytes)
{
	struct stress_visit *visit = context;
	struct stress *stress = visit->thread->stress;
	uint64_t key = key_number(stress->plan, data, key_bytes);

	visit->entries++;
	visit->bytes += capacitor_entry_bytes(key_bytes, value_bytes);
	if (key == UINT64_MAX)
		check_fail(stress->run, "each visits a key that nobody stored");
	else if (visit->seen[key]++)
		check_fail(stress->run, "each visits key %" PRIu64 " twice", key);
	else
		found_value(visit->thread, STRESS_EACH, key, value, value_bytes, true);
	return !check_failed(stress->run);
}

/* Visits all: each once, none that is missing in a roomy cache. */
void stress_visit(struct stress_thread *thread, struct stress_visit *visit)
{
	struct stress *stress = thread->stress;
	unsigned keys = stress->plan->keys;

	*visit = (struct stress_visit){.thread = thread, .seen = calloc(keys, 1)};
	check_expect(stress->run, visit->seen, "no memory");
	for (uint64_t key = 0; key < keys; key++)
		take_look(thread, key);
	capacitor_each(thread->handle, visit_entry, visit);
	for (uint64_t key = 0; key < keys && !check_failed(stress->run); key++)
		if (!visit->seen[key] && kept(stress->plan, key) && ledger_written(stress->ledger, &thread->look[key]))
			check_fail(stress->run, "each leaves out key %" PRIu64, key);
	free(visit->seen);
}

void stress_clear(struct stress_thread *thread)
{
	for (uint64_t key = 0; key < thread->stress->plan->keys; key++)
		take_look(thread, key);
	capacitor_clear(thread->handle);
	for (uint64_t key = 0; key < thread->stress->plan->keys; key++)
		ledger_settle(thread->stress->ledger, &thread->look[key], 0);
}

static void step_resize(struct stress_thread *thread)
{
	const struct stress_plan *plan = thread->stress->plan;
	size_t range = plan->config.capacity_bytes - plan->low_bytes + 1;
	enum capacitor_result result =
		capacitor_resize(thread->handle, plan->low_bytes + check_below(&thread->random, range));

	if (result != CAPACITOR_OK && result != CAPACITOR_BUSY && result != CAPACITOR_INVALID) /* the tables may have grown */
		unexpected(thread, STRESS_RESIZE, 0, result);
}

static void step_quiesce(struct stress_thread *thread)
{
	enum capacitor_result result = capacitor_quiesce(thread->handle);

	if (result != CAPACITOR_OK && result != CAPACITOR_BUSY)
		unexpected(thread, STRESS_QUIESCE, 0, result);
}

uint64_t stress_used_bytes(struct capacitor *cache)
{
	struct capacitor_stats stats;

	capacitor_stats(cache, &stats);
	return stats.value[CAPACITOR_STAT_LIVE_BYTES] + stats.value[CAPACITOR_STAT_RETIRED_BYTES] +
	       stats.value[CAPACITOR_STAT_TABLE_BYTES];
}

/*
 * Within the capacity, and one entry per writer (G4)? A sample adds up gauges that are read one after the other while
 * entries move between them, and a store that stands still may have its victims counted twice: so much more is allowed, and
 * only what repeats at once counts.
 */
static void step_stats(struct stress_thread *thread)
{
	struct stress *stress = thread->stress;
	const struct stress_plan *plan = stress->plan;
	uint64_t entry = capacitor_entry_bytes(KEY_BYTES_MAX, plan->value_bytes_max);
	uint64_t used = 0, bound = plan->config.capacity_bytes;

	bound += 3 * plan->threads * (entry < bound ? entry : bound);
	for (unsigned sample = 0; sample < 4; sample++) {
		used = stress_used_bytes(stress->cache);
		if (used <= bound)
			return;
	}
	check_fail(stress->run, "%" PRIu64 " bytes are used of %zu, %u writers", used, plan->config.capacity_bytes,
	           plan->threads);
}

static void step_reenter(struct stress_thread *thread)
{
	stress_check_pins(thread); /* leaving lets go of them */
	thread->pins = 0;
	capacitor_leave(thread->handle);
	thread->handle = check_enter(thread->stress->run, thread->stress->cache);
}

/* ---- Steps ------------------------------------------------------------------------------------------------------- */

static enum stress_call draw_call(struct stress_thread *thread)
{
	const uint16_t *mix = thread->stress->plan->mix[thread->index % 2];
	uint64_t at = check_below(&thread->random, thread->shares);
	unsigned call = 0;

	while (at >= mix[call])
		at -= mix[call++];
	return (enum stress_call)call;
}

void stress_step(struct stress_thread *thread)
{
	const struct stress_plan *plan = thread->stress->plan;
	uint64_t key = check_below(&thread->random, plan->keys);
	enum stress_call call = allowed(plan, key, draw_call(thread));
	struct stress_key name;
	struct stress_visit visit;

	key_make(plan, key, &name);
	switch (call) {
	case STRESS_GET: step_get(thread, key, &name); break;
	case STRESS_GET_MANY: step_get_many(thread); break;
	case STRESS_PIN: step_pin(thread, key, &name); break;
	case STRESS_UNPIN: step_unpin(thread); break;
	case STRESS_CONTAINS: step_contains(thread, key, &name); break;
	case STRESS_SET:
	case STRESS_ADD:
	case STRESS_REPLACE: step_store(thread, call, key, &name); break;
	case STRESS_DELETE: step_delete(thread, key, &name); break;
	case STRESS_LOAD: step_load(thread, key, &name); break;
	case STRESS_EACH: stress_visit(thread, &visit); break;
	case STRESS_CLEAR: stress_clear(thread); break;
	case STRESS_RESIZE: step_resize(thread); break;
	case STRESS_QUIESCE: step_quiesce(thread); break;
	case STRESS_STATS: step_stats(thread); break;
	case STRESS_REENTER: step_reenter(thread); break;
	case STRESS_CALLS: break;
	}
	thread->calls++;
}
