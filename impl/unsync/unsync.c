/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unsync: a hash table without any synchronisation.
 *
 * What it is       One segment (a chained hash table and its eviction order) for one thread at a time: what the others
 *                  would cost if sharing were free. The limit that they are measured against.
 * Benefits         No lock, no atomic but the counters' plain ones, no deferred reclamation.
 * Costs            It lacks concurrency: a second thread that enters gets BUSY (CAPACITOR_LACKS_CONCURRENCY).
 * States           An entry is linked or dead; plain stores of its one owner thread.
 * Concurrency      None. Threads may take turns: leave and enter synchronise on the cache's mutex.
 * Guarantees       All nine, G1 to G4 trivially.
 * Progress         Single-threaded: the question does not arise.
 * Reclamation      At once, but for what is pinned.
 */
#include "common/segment.h"

struct unsync_cache {
	struct capacitor common;
	struct segment segment;
};

static struct segment *segment_of(struct capacitor *cache)
{
	return &((struct unsync_cache *)cache)->segment;
}

/* ---- Read path --------------------------------------------------------------------------------------------------- */

static enum capacitor_result unsync_get(struct capacitor_handle *handle, const void *data, size_t key_bytes,
                                        void *buffer, size_t buffer_bytes, size_t *value_bytes)
{
	struct segment *segment = segment_of(handle->cache);
	struct key key = operation_key(handle, data, key_bytes);
	struct entry *entry = segment_find(segment, handle->cache, &key);

	if (!entry)
		return operation_miss(handle);
	segment_use(segment, handle->cache, entry);
	return operation_copy(handle, entry, buffer, buffer_bytes, value_bytes);
}

static enum capacitor_result unsync_pin(struct capacitor_handle *handle, const void *data, size_t key_bytes,
                                        struct capacitor_pin *pin)
{
	struct segment *segment = segment_of(handle->cache);
	struct key key = operation_key(handle, data, key_bytes);
	struct entry *entry = segment_find(segment, handle->cache, &key);

	if (!entry)
		return operation_miss(handle);
	segment_use(segment, handle->cache, entry);
	return operation_pin(handle, entry, pin);
}

static enum capacitor_result unsync_contains(struct capacitor_handle *handle, const void *data, size_t key_bytes)
{
	struct key key = operation_key(handle, data, key_bytes);

	if (!segment_find(segment_of(handle->cache), handle->cache, &key))
		return operation_miss(handle);
	count(handle, CAPACITOR_STAT_HITS, 1);
	return CAPACITOR_HIT;
}

/* In batches: all hashes, then all chains, then all entries are on their way before the first is needed. */
static void unsync_get_many(struct capacitor_handle *handle, struct capacitor_request *requests, size_t requested)
{
	struct segment *segment = segment_of(handle->cache);
	struct key key[OPERATION_BATCH];

	for (size_t from = 0; from < requested; from += OPERATION_BATCH) {
		size_t batch = requested - from < OPERATION_BATCH ? requested - from : OPERATION_BATCH;
		struct capacitor_request *request = requests + from;

		for (size_t i = 0; i < batch; i++) {
			key[i] = operation_key(handle, request[i].key, request[i].key_bytes);
			segment_prefetch_chain(segment, key[i].hash);
		}
		for (size_t i = 0; i < batch; i++)
			segment_prefetch_entry(segment, key[i].hash);
		for (size_t i = 0; i < batch; i++) {
			struct entry *entry = segment_find(segment, handle->cache, &key[i]);

			if (entry)
				segment_use(segment, handle->cache, entry);
			request[i].result = entry ? operation_copy(handle, entry, request[i].buffer, request[i].buffer_bytes,
			                                           &request[i].value_bytes)
			                          : operation_miss(handle);
		}
	}
}

static void unsync_each(struct capacitor_handle *handle, capacitor_visitor *visitor, void *context)
{
	operation_each(handle, &segment_of(handle->cache)->policy, visitor, context);
}

/* ---- Write path -------------------------------------------------------------------------------------------------- */

static enum capacitor_result unsync_store(struct capacitor_handle *handle, const void *data, size_t key_bytes,
                                          const void *value, size_t value_bytes, uint64_t ttl_ns, enum store_mode mode)
{
	struct key key = operation_key(handle, data, key_bytes);
	enum capacitor_result result = operation_admit(handle, key_bytes, value_bytes);
	struct entry_list dead = {0};
	struct entry *fresh;

	if (result != CAPACITOR_OK)
		return result;
	fresh = operation_entry(handle, &key, value, value_bytes, operation_expiry_ns(handle->cache, ttl_ns));
	if (!fresh)
		return CAPACITOR_NO_MEMORY;
	result = segment_store(segment_of(handle->cache), handle, fresh, mode, &dead);
	if (result != CAPACITOR_STORED)
		operation_recycle(handle, fresh);
	operation_bury(handle, &dead, false);
	return result;
}

static enum capacitor_result unsync_delete(struct capacitor_handle *handle, const void *data, size_t key_bytes)
{
	struct key key = operation_key(handle, data, key_bytes);
	struct entry_list dead = {0};
	enum capacitor_result result = segment_delete(segment_of(handle->cache), handle, &key, &dead);

	operation_bury(handle, &dead, false);
	return result;
}

static void unsync_clear(struct capacitor_handle *handle)
{
	struct entry_list dead = {0};

	segment_clear(segment_of(handle->cache), handle, &dead);
	operation_bury(handle, &dead, false);
}

/* ---- Eviction ---------------------------------------------------------------------------------------------------- */

static void unsync_shrink(struct capacitor_handle *handle)
{
	struct entry_list dead = {0};

	segment_shrink(segment_of(handle->cache), handle, &dead);
	operation_bury(handle, &dead, false);
}

/* ---- Life -------------------------------------------------------------------------------------------------------- */

static enum capacitor_result unsync_create(struct capacitor *cache)
{
	return segment_init(segment_of(cache), cache, operation_expected(cache, 1));
}

static void unsync_destroy(struct capacitor *cache)
{
	segment_destroy(segment_of(cache));
}

#define NO_LOCK "it takes no lock"
#define NO_CAS "it does no compare-and-swap"
#define NO_GRACE "memory is reclaimed at once"

const struct implementation IMPLEMENTATION = {
	.info = {
		.name = IMPLEMENTATION_STRING,
		.summary = "one hash table without synchronisation, for one thread",
		.use = "the limit: what the others would cost if sharing were free",
		.reclamation = "at once",
		.policies = 1u << CAPACITOR_FIFO | 1u << CAPACITOR_LRU | 1u << CAPACITOR_CLOCK | 1u << CAPACITOR_SIEVE |
	                    1u << CAPACITOR_S3FIFO,
		.lacks = CAPACITOR_LACKS_CONCURRENCY | CAPACITOR_LACKS_SHARDS,
		.progress = {
			[CAPACITOR_OP_GET] = CAPACITOR_SINGLE,
			[CAPACITOR_OP_PIN] = CAPACITOR_SINGLE,
			[CAPACITOR_OP_CONTAINS] = CAPACITOR_SINGLE,
			[CAPACITOR_OP_SET] = CAPACITOR_SINGLE,
			[CAPACITOR_OP_DELETE] = CAPACITOR_SINGLE,
			[CAPACITOR_OP_GET_MANY] = CAPACITOR_SINGLE,
			[CAPACITOR_OP_EACH] = CAPACITOR_SINGLE,
		},
		.unavailable = {
			[CAPACITOR_STAT_LOCKS] = NO_LOCK,
			[CAPACITOR_STAT_LOCK_WAITS] = NO_LOCK,
			[CAPACITOR_STAT_LOCK_WAIT_NS] = NO_LOCK,
			[CAPACITOR_STAT_CAS_FAILURES] = NO_CAS,
			[CAPACITOR_STAT_GRACE_PERIODS] = NO_GRACE,
			[CAPACITOR_STAT_GRACE_NS] = NO_GRACE,
		},
	},
	.cache_bytes = sizeof(struct unsync_cache),
	.handle_bytes = sizeof(struct capacitor_handle),
	.create = unsync_create,
	.destroy = unsync_destroy,
	.get = unsync_get,
	.pin = unsync_pin,
	.contains = unsync_contains,
	.get_many = unsync_get_many,
	.store = unsync_store,
	.delete = unsync_delete,
	.each = unsync_each,
	.clear = unsync_clear,
	.shrink = unsync_shrink,
};
