/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The front: what is the same for every implementation. Checks arguments and configurations, makes caches, keeps the
 * threads inside them and their pins, and hands each call on to the implementation's function.
 *
 * Threads. A cache has an array of threads_max slots. A handle takes the first free slot and stays in it when its thread
 * leaves, to be used again by the next: handles are freed with the cache, so that a reclaimer can read the pins of all
 * handles without a lock. A thread-specific key finds the calling thread's handle, and its destructor makes a dying
 * thread leave.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include "common/operation.h"

/* ---- Information ------------------------------------------------------------------------------------------------- */

static size_t implementation_count(void)
{
	size_t total = 0;

	while (implementation_table[total])
		total++;
	return total;
}

const struct capacitor_info *capacitor_info(size_t index)
{
	return index < implementation_count() ? &implementation_table[index]->info : NULL;
}

static const struct implementation *implementation_find(const char *name)
{
	for (size_t i = 0; name && implementation_table[i]; i++)
		if (strcmp(implementation_table[i]->info.name, name) == 0)
			return implementation_table[i];
	return NULL;
}

const struct capacitor_info *capacitor_find(const char *name)
{
	const struct implementation *implementation = implementation_find(name);

	return implementation ? &implementation->info : NULL;
}

const struct capacitor_info *capacitor_cache_info(const struct capacitor *cache)
{
	return &cache->implementation->info;
}

size_t capacitor_entry_bytes(size_t key_bytes, size_t value_bytes)
{
	return entry_block_bytes(key_bytes, value_bytes);
}

/* ---- Configuration ----------------------------------------------------------------------------------------------- */

#define CAPACITY_BYTES_MAX    ((size_t)1 << 62)
#define EXPECTED_ENTRIES_MAX  ((size_t)1 << 32)
#define EXPECTED_ENTRY_BYTES  256 /* the guess for expected_entries, and its limit; documented in cache.h */
#define EXPECTED_GUESS_MAX    ((size_t)1 << 24)
#define SHARDS_PER_CORE       4

void capacitor_config_init(struct capacitor_config *config)
{
	*config = (struct capacitor_config){
		.capacity_bytes = (size_t)64 << 20,
		.policy = CAPACITOR_SIEVE,
		.counters = CAPACITOR_COUNTERS_PADDED,
		.threads_max = 256,
		.hash = CAPACITOR_HASH_SIPHASH,
		.busy_timeout_ns = 100000000,
	};
}

static enum capacitor_result invalid(struct capacitor_error *error, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
static enum capacitor_result invalid(struct capacitor_error *error, const char *format, ...)
{
	va_list arguments;

	if (error) {
		va_start(arguments, format);
		vsnprintf(error->message, sizeof error->message, format, arguments);
		va_end(arguments);
	}
	return CAPACITOR_INVALID;
}

/* "fifo, clock, sieve" */
static void policy_names(uint32_t policies, char *text, size_t text_bytes)
{
	size_t used = 0;

	text[0] = '\0';
	for (unsigned policy = 0; policy < CAPACITOR_POLICIES; policy++)
		if (policies & 1u << policy)
			used += (size_t)snprintf(text + used, text_bytes - used, "%s%s", used ? ", " : "",
			                         capacitor_policy_string((enum capacitor_policy)policy));
}

static enum capacitor_result unknown_implementation(const char *name, struct capacitor_error *error)
{
	char names[200] = "";
	size_t used = 0;

	for (size_t i = 0; implementation_table[i] && used < sizeof names; i++)
		used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", i ? ", " : "",
		                         implementation_table[i]->info.name);
	return invalid(error, "implementation \"%.32s\" is unknown; there are: %s", name ? name : "(NULL)", names);
}

static enum capacitor_result config_check(const struct implementation *implementation,
                                          const struct capacitor_config *config, struct capacitor_error *error)
{
	char names[80];

	if (config->capacity_bytes < 1 || config->capacity_bytes > CAPACITY_BYTES_MAX)
		return invalid(error, "capacity_bytes is %zu; it is 1 to 2^62", config->capacity_bytes);
	if ((unsigned)config->policy >= CAPACITOR_POLICIES || !(implementation->info.policies & 1u << config->policy)) {
		policy_names(implementation->info.policies, names, sizeof names);
		return invalid(error, "policy \"%s\" is not supported by %s; it has: %s",
		               capacitor_policy_string(config->policy), implementation->info.name, names);
	}
	if ((unsigned)config->counters >= CAPACITOR_COUNTER_LAYOUTS)
		return invalid(error, "counters is %d; it is one of the three of enum capacitor_counters",
		               (int)config->counters);
	if (config->expected_entries > EXPECTED_ENTRIES_MAX)
		return invalid(error, "expected_entries is %zu; it is 0 to 2^32", config->expected_entries);
	if (config->shards > CAPACITOR_SHARDS_MAX || (config->shards & (config->shards - 1)))
		return invalid(error, "shards is %u; it is 0 or a power of two up to %d", config->shards,
		               CAPACITOR_SHARDS_MAX);
	if (config->threads_max < 1 || config->threads_max > CAPACITOR_THREADS_MAX)
		return invalid(error, "threads_max is %u; it is 1 to %d", config->threads_max, CAPACITOR_THREADS_MAX);
	if ((unsigned)config->hash > CAPACITOR_HASH_CUSTOM)
		return invalid(error, "hash is %d; it is one of enum capacitor_hash", (int)config->hash);
	if ((config->hash == CAPACITOR_HASH_CUSTOM) != (config->hash_function != NULL))
		return invalid(error, "hash_function goes with hash CAPACITOR_HASH_CUSTOM, and only with it");
	return CAPACITOR_OK;
}

/* The defaults that depend on the machine and on other fields. */
static void config_resolve(const struct implementation *implementation, struct capacitor_config *config)
{
	if (config->expected_entries == 0)
		config->expected_entries = config->capacity_bytes / EXPECTED_ENTRY_BYTES < EXPECTED_GUESS_MAX
		                                   ? config->capacity_bytes / EXPECTED_ENTRY_BYTES
		                                   : EXPECTED_GUESS_MAX;
	if (config->expected_entries == 0)
		config->expected_entries = 1;
	if (config->shards == 0) {
		long cores = sysconf(_SC_NPROCESSORS_ONLN);

		config->shards = 1;
		while (config->shards < CAPACITOR_SHARDS_MAX && (long)config->shards < cores * SHARDS_PER_CORE)
			config->shards *= 2;
	}
	if (implementation->info.lacks & CAPACITOR_LACKS_SHARDS)
		config->shards = 1;
	if (implementation->info.lacks & CAPACITOR_LACKS_CONCURRENCY)
		config->threads_max = 1;
}

/* ---- Life of a cache --------------------------------------------------------------------------------------------- */

static void leave_slot(void *handle);

static bool secret_draw(uint8_t secret[16])
{
	ssize_t drawn;

	do
		drawn = getrandom(secret, 16, 0);
	while (drawn < 0 && errno == EINTR);
	return drawn == 16;
}

/* Frees what cache_init made, as far as it came. */
static void cache_fini(struct capacitor *cache)
{
	struct entry *entry;

	if (cache->thread_key_made)
		pthread_key_delete(cache->thread_key);
	for (unsigned slot = 0; cache->handles && slot < cache->config.threads_max; slot++) {
		struct capacitor_handle *handle = load_relaxed(&cache->handles[slot]); /* relaxed: nobody else is left */

		if (handle)
			free(handle->spare);
		free(handle);
	}
	while ((entry = entry_list_pop(&cache->pinned)))
		free(entry);
	free(cache->handles);
	counters_destroy(&cache->counters);
	flight_board_destroy(&cache->flights);
	pthread_mutex_destroy(&cache->threads_mutex);
	pthread_mutex_destroy(&cache->pinned_mutex);
	free(cache);
}

/* The common part of a cache, of which the implementation's create may rely. NULL: no memory, no secret, no key. */
static struct capacitor *cache_init(const struct implementation *implementation, const struct capacitor_config *config)
{
	size_t bytes = (implementation->cache_bytes + LINE_PAIR_BYTES - 1) & ~(size_t)(LINE_PAIR_BYTES - 1);
	struct capacitor *cache = aligned_alloc(LINE_PAIR_BYTES, bytes);

	if (!cache)
		return NULL;
	memset(cache, 0, bytes);
	layout_object(cache, struct capacitor);
	cache->implementation = implementation;
	cache->config = *config;
	cache->visit_marks = policy_visit_marks(config->policy);
	cache->hasher.kind = config->hash;
	cache->hasher.function = config->hash_function;
	memcpy(cache->hasher.secret, config->hash_seed, sizeof cache->hasher.secret);
	store_relaxed(&cache->budget.capacity_bytes, config->capacity_bytes); /* relaxed: nobody else is here yet */
	cache->budget.reserve_share = implementation->reserve_share;
	pthread_mutex_init(&cache->threads_mutex, NULL);
	pthread_mutex_init(&cache->pinned_mutex, NULL);
	flight_board_init(&cache->flights);
	cache->handles = calloc(config->threads_max, sizeof *cache->handles);
	cache->thread_key_made = pthread_key_create(&cache->thread_key, leave_slot) == 0;
	if (!counters_init(&cache->counters, config->counters, config->threads_max) || !cache->handles ||
	    !cache->thread_key_made || (!config->hash_seed_set && !secret_draw(cache->hasher.secret))) {
		cache_fini(cache);
		return NULL;
	}
	layout_objects(cache->handles, struct capacitor_handle *, config->threads_max * sizeof *cache->handles);
	return cache;
}

enum capacitor_result capacitor_create(const char *name, const struct capacitor_config *config,
                                       struct capacitor **cache, struct capacitor_error *error)
{
	const struct implementation *implementation = implementation_find(name);
	struct capacitor_config resolved;
	enum capacitor_result result;
	size_t table_bytes;

	if (!cache)
		return invalid(error, "cache is NULL; it is where the new cache goes");
	*cache = NULL;
	if (!implementation)
		return unknown_implementation(name, error);
	if (config)
		resolved = *config;
	else
		capacitor_config_init(&resolved);
	result = config_check(implementation, &resolved, error);
	if (result != CAPACITOR_OK)
		return result;
	config_resolve(implementation, &resolved);

	*cache = cache_init(implementation, &resolved);
	if (*cache && implementation->create(*cache) != CAPACITOR_OK) {
		cache_fini(*cache);
		*cache = NULL;
	}
	if (!*cache) {
		invalid(error, "no memory (or thread keys) for a cache of %s with %zu expected entries", name,
		        resolved.expected_entries);
		return CAPACITOR_NO_MEMORY;
	}
	table_bytes = load_relaxed(&(*cache)->budget.table_bytes); /* relaxed: nobody else is here yet */
	if (table_bytes > resolved.capacity_bytes) {
		capacitor_destroy(*cache);
		*cache = NULL;
		return invalid(error, "capacity_bytes is %zu; the tables for %zu expected_entries in %u shards alone take %zu",
		               resolved.capacity_bytes, resolved.expected_entries, resolved.shards, table_bytes);
	}
	return CAPACITOR_OK;
}

void capacitor_destroy(struct capacitor *cache)
{
	struct capacitor_handle *mine;

	if (!cache)
		return;
	mine = pthread_getspecific(cache->thread_key);
	while (mine && mine->depth > 0)
		capacitor_leave(mine);
	cache->implementation->destroy(cache);
	cache_fini(cache);
}

/* ---- Threads ----------------------------------------------------------------------------------------------------- */

/* The first slot without a thread, with its handle, which is made if there was none. NULL: no memory. */
static struct capacitor_handle *slot_take(struct capacitor *cache, bool *first)
{
	size_t bytes = (cache->implementation->handle_bytes + LINE_PAIR_BYTES - 1) & ~(size_t)(LINE_PAIR_BYTES - 1);
	struct capacitor_handle *handle = NULL;
	unsigned slot;

	for (slot = 0;; slot++) { /* fewer than threads_max are inside */
		handle = load_relaxed(&cache->handles[slot]); /* relaxed: written under the mutex that we hold */
		if (!handle || !handle->taken)
			break;
	}
	*first = !handle;
	if (!handle) {
		handle = aligned_alloc(LINE_PAIR_BYTES, bytes);
		if (!handle)
			return NULL;
		memset(handle, 0, bytes);
		layout_object(handle, struct capacitor_handle);
		handle->implementation = cache->implementation;
		handle->cache = cache;
		handle->slot = slot;
		handle->counters = counters_slot(&cache->counters, slot);
	}
	return handle;
}

enum capacitor_result capacitor_enter(struct capacitor *cache, struct capacitor_handle **handle)
{
	enum capacitor_result result = CAPACITOR_OK;
	struct capacitor_handle *mine;
	bool first;

	if (!cache || !handle)
		return CAPACITOR_INVALID;
	mine = pthread_getspecific(cache->thread_key);
	if (mine) {
		mine->depth++;
		*handle = mine;
		return CAPACITOR_OK;
	}
	*handle = NULL;
	contention_lock(&cache->threads_mutex, &cache->threads_waits);
	if (cache->threads_inside == cache->config.threads_max) {
		result = CAPACITOR_BUSY;
		goto out;
	}
	mine = slot_take(cache, &first);
	if (!mine) {
		result = CAPACITOR_NO_MEMORY;
		goto out;
	}
	if (cache->implementation->enter)
		result = cache->implementation->enter(mine, first);
	if (result != CAPACITOR_OK) {
		if (first)
			free(mine);
		goto out;
	}
	if (first) /* it stays for good: the implementation may have registered it */
		store_release(&cache->handles[mine->slot], mine); /* PAIRS: operation_pinned() */
	if (pthread_setspecific(cache->thread_key, mine) != 0) {
		if (cache->implementation->leave)
			cache->implementation->leave(mine);
		result = CAPACITOR_NO_MEMORY;
		goto out;
	}
	mine->depth = 1;
	mine->taken = true;
	cache->threads_inside++;
	*handle = mine;
out:
	pthread_mutex_unlock(&cache->threads_mutex);
	return result;
}

/* The last leave of a thread, also the destructor of its key when it dies. */
static void leave_slot(void *argument)
{
	struct capacitor_handle *handle = argument;
	struct capacitor *cache = handle->cache;

	for (int pin = 0; pin < CAPACITOR_PINS_MAX; pin++)
		store_release(&handle->pins[pin], NULL); /* PAIRS: operation_pinned() */
	handle->pins_used = 0;
	budget_unpinned(&cache->budget);
	free(handle->spare);
	handle->spare = NULL;
	contention_lock(&cache->threads_mutex, &cache->threads_waits);
	if (cache->implementation->leave)
		cache->implementation->leave(handle);
	handle->depth = 0;
	handle->taken = false;
	cache->threads_inside--;
	pthread_mutex_unlock(&cache->threads_mutex);
}

void capacitor_leave(struct capacitor_handle *handle)
{
	if (!handle)
		return;
	assert(handle->depth > 0);
	if (handle->depth > 1) {
		handle->depth--;
		return;
	}
	pthread_setspecific(handle->cache->thread_key, NULL);
	leave_slot(handle);
}

/* ---- Reading ----------------------------------------------------------------------------------------------------- */

static bool key_valid(const struct capacitor_handle *handle, const void *key, size_t key_bytes)
{
	return handle && key && key_bytes >= 1 && key_bytes <= CAPACITOR_KEY_BYTES_MAX;
}

enum capacitor_result capacitor_get(struct capacitor_handle *handle, const void *key, size_t key_bytes, void *buffer,
                                    size_t buffer_bytes, size_t *value_bytes)
{
	size_t ignored;

	if (!value_bytes)
		value_bytes = &ignored;
	*value_bytes = 0;
	if (!key_valid(handle, key, key_bytes) || (!buffer && buffer_bytes > 0))
		return CAPACITOR_INVALID;
	return handle->implementation->get(handle, key, key_bytes, buffer, buffer_bytes, value_bytes);
}

enum capacitor_result capacitor_pin(struct capacitor_handle *handle, const void *key, size_t key_bytes,
                                    struct capacitor_pin *pin)
{
	if (!pin)
		return CAPACITOR_INVALID;
	*pin = (struct capacitor_pin){.slot = CAPACITOR_PINS_MAX};
	if (!key_valid(handle, key, key_bytes))
		return CAPACITOR_INVALID;
	return handle->implementation->pin(handle, key, key_bytes, pin);
}

enum capacitor_result capacitor_unpin(struct capacitor_handle *handle, struct capacitor_pin *pin)
{
	struct entry *entry;

	if (!handle || !pin || pin->slot >= CAPACITOR_PINS_MAX)
		return CAPACITOR_INVALID;
	entry = load_relaxed(&handle->pins[pin->slot]); /* relaxed: only we write it */
	if (!entry || entry_value(entry) != pin->value) /* a stale copy must not release another pin */
		return CAPACITOR_INVALID;
	/* Release: our reads of the value happen before whoever sees the pin gone frees it. PAIRS: operation_pinned() */
	store_release(&handle->pins[pin->slot], NULL);
	handle->pins_used &= ~((uint64_t)1 << pin->slot);
	budget_unpinned(&handle->cache->budget);
	*pin = (struct capacitor_pin){.slot = CAPACITOR_PINS_MAX};
	return CAPACITOR_OK;
}

enum capacitor_result capacitor_contains(struct capacitor_handle *handle, const void *key, size_t key_bytes)
{
	if (!key_valid(handle, key, key_bytes))
		return CAPACITOR_INVALID;
	return handle->implementation->contains(handle, key, key_bytes);
}

/* Invalid requests are answered here, so that implementations see runs of valid ones. */
enum capacitor_result capacitor_get_many(struct capacitor_handle *handle, struct capacitor_request *requests,
                                         size_t count)
{
	size_t from = 0;

	if (!handle || !requests)
		return CAPACITOR_INVALID;
	for (size_t i = 0; i <= count; i++) {
		if (i < count) {
			requests[i].value_bytes = 0;
			if (key_valid(handle, requests[i].key, requests[i].key_bytes) &&
			    (requests[i].buffer || requests[i].buffer_bytes == 0))
				continue;
			requests[i].result = CAPACITOR_INVALID;
		}
		if (i > from)
			handle->implementation->get_many(handle, requests + from, i - from);
		from = i + 1;
	}
	return CAPACITOR_OK;
}

/* ---- Writing ----------------------------------------------------------------------------------------------------- */

static enum capacitor_result store(struct capacitor_handle *handle, const void *key, size_t key_bytes,
                                   const void *value, size_t value_bytes, uint64_t ttl_ns, enum store_mode mode)
{
	enum capacitor_result result;

	if (!key_valid(handle, key, key_bytes) || (!value && value_bytes > 0))
		return CAPACITOR_INVALID;
	if (value_bytes > CAPACITOR_VALUE_BYTES_MAX)
		return CAPACITOR_TOO_LARGE;
	result = handle->implementation->store(handle, key, key_bytes, value, value_bytes, ttl_ns, mode);
	if (result == CAPACITOR_STORED)
		count(handle, CAPACITOR_STAT_STORES, 1);
	return result;
}

enum capacitor_result capacitor_set(struct capacitor_handle *handle, const void *key, size_t key_bytes,
                                    const void *value, size_t value_bytes, uint64_t ttl_ns)
{
	return store(handle, key, key_bytes, value, value_bytes, ttl_ns, STORE_SET);
}

enum capacitor_result capacitor_add(struct capacitor_handle *handle, const void *key, size_t key_bytes,
                                    const void *value, size_t value_bytes, uint64_t ttl_ns)
{
	return store(handle, key, key_bytes, value, value_bytes, ttl_ns, STORE_ADD);
}

enum capacitor_result capacitor_replace(struct capacitor_handle *handle, const void *key, size_t key_bytes,
                                        const void *value, size_t value_bytes, uint64_t ttl_ns)
{
	return store(handle, key, key_bytes, value, value_bytes, ttl_ns, STORE_REPLACE);
}

enum capacitor_result capacitor_delete(struct capacitor_handle *handle, const void *key, size_t key_bytes)
{
	enum capacitor_result result;

	if (!key_valid(handle, key, key_bytes))
		return CAPACITOR_INVALID;
	result = handle->implementation->delete(handle, key, key_bytes);
	if (result == CAPACITOR_HIT)
		count(handle, CAPACITOR_STAT_DELETES, 1);
	return result;
}

/*
 * Stores a value that the loader made, unless somebody else's is there by now: then it is taken instead. Linearizes where
 * add stores, or get hits; a value for which there is no room counts as stored and evicted at once, where get misses.
 */
static enum capacitor_result load_store(struct capacitor_handle *handle, const struct key *key, void *buffer,
                                        size_t buffer_bytes, size_t *value_bytes, uint64_t ttl_ns)
{
	enum capacitor_result stored, result;
	size_t theirs_bytes;

	do {
		stored = capacitor_add(handle, key->data, key->bytes, buffer, *value_bytes, ttl_ns);
		if (stored == CAPACITOR_STORED)
			return CAPACITOR_STORED;
		result = capacitor_get(handle, key->data, key->bytes, buffer, buffer_bytes, &theirs_bytes);
		/* One call counts once. */
		count(handle, result == CAPACITOR_MISS ? CAPACITOR_STAT_MISSES : CAPACITOR_STAT_HITS, (uint64_t)-1);
		/* It was there and is gone again. The miss has left our value in the buffer. */
	} while (stored == CAPACITOR_EXISTS && result == CAPACITOR_MISS);
	if (result == CAPACITOR_MISS)
		return CAPACITOR_STORED;
	*value_bytes = theirs_bytes;
	return result;
}

/*
 * What the thread of a flight does. It looks once more, because an earlier flight may have landed between its miss and its
 * take-off. What it finds so is not for passengers, who may have boarded after it was found: they look themselves.
 */
static enum capacitor_result load(struct capacitor_handle *handle, struct flight *flight, void *buffer, size_t buffer_bytes,
                                  size_t *value_bytes, uint64_t ttl_ns, capacitor_loader *loader, void *context)
{
	struct flight_board *board = &handle->cache->flights;
	const struct key *key = &flight->key;
	enum capacitor_result result;

	result = capacitor_get(handle, key->data, key->bytes, buffer, buffer_bytes, value_bytes);
	if (result != CAPACITOR_MISS) {
		flight_cancel(board, flight);
		return result;
	}
	count(handle, CAPACITOR_STAT_LOADS, 1);
	result = loader(context, key->data, key->bytes, buffer, buffer_bytes, value_bytes);
	flight_close(board, flight);
	if (result == CAPACITOR_HIT)
		result = load_store(handle, key, buffer, buffer_bytes, value_bytes, ttl_ns);
	flight_land(board, flight, result == CAPACITOR_STORED ? CAPACITOR_HIT : result, buffer, *value_bytes);
	return result;
}

enum capacitor_result capacitor_get_or_load(struct capacitor_handle *handle, const void *data, size_t key_bytes,
                                            void *buffer, size_t buffer_bytes, size_t *value_bytes, uint64_t ttl_ns,
                                            capacitor_loader *loader, void *context)
{
	enum capacitor_result result;
	enum flight_part part;
	struct flight flight;
	struct key key;
	size_t ignored;

	if (!value_bytes)
		value_bytes = &ignored;
	if (!loader) {
		*value_bytes = 0;
		return CAPACITOR_INVALID;
	}
	do {
		result = capacitor_get(handle, data, key_bytes, buffer, buffer_bytes, value_bytes);
		if (result != CAPACITOR_MISS)
			return result;
		key = operation_key(handle, data, key_bytes);
		part = flight_board_enter(&handle->cache->flights, &key, &flight, buffer, buffer_bytes, value_bytes, &result);
		/* Another thread's loader may have found that thread's buffer too small where ours would do. */
		if (part == FLIGHT_TAKES && (result != CAPACITOR_BUFFER_TOO_SMALL || *value_bytes > buffer_bytes))
			return result;
		count(handle, CAPACITOR_STAT_MISSES, (uint64_t)-1); /* we look again, and one call counts once */
	} while (part != FLIGHT_LOADS);
	return load(handle, &flight, buffer, buffer_bytes, value_bytes, ttl_ns, loader, context);
}

/* ---- The whole cache --------------------------------------------------------------------------------------------- */

enum capacitor_result capacitor_each(struct capacitor_handle *handle, capacitor_visitor *visitor, void *context)
{
	if (!handle || !visitor)
		return CAPACITOR_INVALID;
	handle->implementation->each(handle, visitor, context);
	return CAPACITOR_OK;
}

enum capacitor_result capacitor_stats(struct capacitor *cache, struct capacitor_stats *stats)
{
	struct budget *budget;
	int64_t gauges[CAPACITOR_STATS - COUNTERS];

	if (!cache || !stats)
		return CAPACITOR_INVALID;
	for (unsigned stat = 0; stat < COUNTERS; stat++)
		stats->value[stat] = counters_read(&cache->counters, (enum capacitor_stat)stat);
	budget = &cache->budget;
	gauges[CAPACITOR_STAT_ENTRIES - COUNTERS] = load_relaxed(&budget->live_entries); /* relaxed: amounts */
	gauges[CAPACITOR_STAT_LIVE_BYTES - COUNTERS] = load_relaxed(&budget->live_bytes);
	gauges[CAPACITOR_STAT_RETIRED_BYTES - COUNTERS] = load_relaxed(&budget->retired_bytes);
	gauges[CAPACITOR_STAT_RETIRED_PEAK_BYTES - COUNTERS] = load_relaxed(&budget->retired_peak_bytes);
	gauges[CAPACITOR_STAT_TABLE_BYTES - COUNTERS] = budget_tables(budget);
	gauges[CAPACITOR_STAT_CAPACITY_BYTES - COUNTERS] = (int64_t)load_relaxed(&budget->capacity_bytes);
	/* Two threads' differences may arrive in either order: a gauge can be below zero for a moment. */
	for (unsigned stat = COUNTERS; stat < CAPACITOR_STATS; stat++)
		stats->value[stat] = gauges[stat - COUNTERS] > 0 ? (uint64_t)gauges[stat - COUNTERS] : 0;
	if (cache->implementation->stats)
		cache->implementation->stats(cache, stats);
	return CAPACITOR_OK;
}

enum capacitor_result capacitor_each_lock(struct capacitor *cache, capacitor_lock_visitor *visitor, void *context)
{
	bool go_on;

	if (!cache || !visitor)
		return CAPACITOR_INVALID;
	go_on = !cache->implementation->each_lock || cache->implementation->each_lock(cache, visitor, context);
	go_on = go_on && contention_show(&cache->pinned_waits, "pinned", 0, false, visitor, context);
	go_on = go_on && contention_show(&cache->threads_waits, "threads", 0, false, visitor, context);
	for (unsigned i = 0; i < FLIGHT_STRIPES && go_on; i++)
		go_on = contention_show(&cache->flights.stripe[i].waits, "flights", i, false, visitor, context);
	return CAPACITOR_OK;
}

enum capacitor_result capacitor_clear(struct capacitor_handle *handle)
{
	if (!handle)
		return CAPACITOR_INVALID;
	handle->implementation->clear(handle);
	return CAPACITOR_OK;
}

enum capacitor_result capacitor_resize(struct capacitor_handle *handle, size_t capacity_bytes)
{
	struct budget *budget;

	if (!handle)
		return CAPACITOR_INVALID;
	budget = &handle->cache->budget;
	if (capacity_bytes < load_relaxed(&budget->table_bytes) || capacity_bytes < 1 || /* relaxed: amounts */
	    capacity_bytes > CAPACITY_BYTES_MAX)
		return CAPACITOR_INVALID;
	store_relaxed(&budget->capacity_bytes, capacity_bytes);
	return operation_admit_slowly(handle, 0);
}

enum capacitor_result capacitor_quiesce(struct capacitor_handle *handle)
{
	return handle ? operation_quiesce(handle) : CAPACITOR_INVALID;
}
