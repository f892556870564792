/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sharded: a hash table in N shards, a mutex each.
 *
 * What it is       N segments (chained hash tables, each with its eviction order), chosen by the high bits of the hash,
 *                  and one mutex around each. The budget of bytes is one for all: a shard may be larger than another.
 * Benefits         Threads meet only in the same shard: with four shards per core they seldom do. Memory is reclaimed at
 *                  once. Any policy, lru too, because a hit holds the mutex anyway.
 * Costs            A hit takes a lock and writes its line, so that one hot key is one hot lock; a value is copied under
 *                  it. The eviction order is per shard: the victim is the best of one shard, not of all.
 * States           An entry is linked or dead. Both transitions happen under the mutex of its shard.
 * Concurrency      Readers and writers hold the mutex of one shard, never of two. Only shrink goes over all shards, one
 *                  after the other, when the own shard had nothing to evict.
 * Guarantees       G1: an operation takes effect while it holds the mutex. G2: the copy is made under the mutex. G3: a
 *                  pin is taken under the mutex; who unlinks an entry under it sees every pin there can be.
 * Progress         Blocking, all of it.
 * Reclamation      At once, after the mutex is released, but for what is pinned.
 * References       Java's ConcurrentHashMap before version 8 (Lea, 2004) and memcached made it common.
 */
#include "common/memory.h"
#include "common/segment.h"

/* A shard's mutex and its segment's header are written by the same thread in the same operation: they share lines, and
 * with nothing else. */
struct shard {
	alignas(LINE_PAIR_BYTES) pthread_mutex_t mutex;
	struct segment segment;
	struct contention waits; /* for the mutex */
};

LAYOUT_OWN_LINES(struct shard, "threads meet only in the same shard");
LAYOUT_WITHIN(struct shard, mutex, waits, 3, "every operation touches all of it while it holds the mutex");

struct sharded_cache {
	struct capacitor common;
	struct shard *shards;
};

LAYOUT_APART(struct sharded_cache, common, shards, "every operation reads it");

static unsigned shard_count(const struct capacitor_handle *handle)
{
	return handle->cache->config.shards;
}

static struct shard *shard_at(const struct capacitor_handle *handle, unsigned index)
{
	return &((struct sharded_cache *)handle->cache)->shards[index];
}

static struct shard *shard_of(const struct capacitor_handle *handle, const struct key *key)
{
	return shard_at(handle, operation_shard(key->hash, shard_count(handle)));
}

static struct segment *lock(struct capacitor_handle *handle, struct shard *shard)
{
	operation_lock_mutex(handle, &shard->mutex, &shard->waits);
	return &shard->segment;
}

static void unlock(struct shard *shard)
{
	pthread_mutex_unlock(&shard->mutex);
}

/* ---- Read path --------------------------------------------------------------------------------------------------- */

static enum capacitor_result sharded_get(struct capacitor_handle *handle, const void *data, size_t key_bytes,
                                        void *buffer, size_t buffer_bytes, size_t *value_bytes)
{
	struct key key = operation_key(handle, data, key_bytes);
	struct shard *shard = shard_of(handle, &key);
	struct segment *segment = lock(handle, shard);
	struct entry *entry = segment_find(segment, handle->cache, &key);
	enum capacitor_result result;

	if (entry) {
		segment_use(segment, handle->cache, entry);
		result = operation_copy(handle, entry, buffer, buffer_bytes, value_bytes);
	} else {
		result = operation_miss(handle);
	}
	unlock(shard);
	return result;
}

static enum capacitor_result sharded_pin(struct capacitor_handle *handle, const void *data, size_t key_bytes,
                                        struct capacitor_pin *pin)
{
	struct key key = operation_key(handle, data, key_bytes);
	struct shard *shard = shard_of(handle, &key);
	struct segment *segment = lock(handle, shard);
	struct entry *entry = segment_find(segment, handle->cache, &key);
	enum capacitor_result result;

	if (entry) {
		segment_use(segment, handle->cache, entry);
		result = operation_pin(handle, entry, pin);
	} else {
		result = operation_miss(handle);
	}
	unlock(shard);
	return result;
}

static enum capacitor_result sharded_contains(struct capacitor_handle *handle, const void *data, size_t key_bytes)
{
	struct key key = operation_key(handle, data, key_bytes);
	struct shard *shard = shard_of(handle, &key);
	struct segment *segment = lock(handle, shard);
	bool found = segment_find(segment, handle->cache, &key);

	unlock(shard);
	if (!found)
		return operation_miss(handle);
	count(handle, CAPACITOR_STAT_HITS, 1);
	return CAPACITOR_HIT;
}

/* A lock for each get: the keys of a run seldom share a shard, and a chain may only be looked at under its lock. */
static void sharded_get_many(struct capacitor_handle *handle, struct capacitor_request *requests, size_t requested)
{
	for (size_t i = 0; i < requested; i++)
		requests[i].result = sharded_get(handle, requests[i].key, requests[i].key_bytes, requests[i].buffer,
		                                 requests[i].buffer_bytes, &requests[i].value_bytes);
}

static void sharded_each(struct capacitor_handle *handle, capacitor_visitor *visitor, void *context)
{
	bool go_on = true;

	for (unsigned i = 0; i < shard_count(handle) && go_on; i++) {
		struct shard *shard = shard_at(handle, i);

		go_on = operation_each(handle, &lock(handle, shard)->policy, visitor, context);
		unlock(shard);
	}
}

/* ---- Write path -------------------------------------------------------------------------------------------------- */

static enum capacitor_result sharded_store(struct capacitor_handle *handle, const void *data, size_t key_bytes,
                                          const void *value, size_t value_bytes, uint64_t ttl_ns, enum store_mode mode)
{
	struct key key = operation_key(handle, data, key_bytes);
	enum capacitor_result result = operation_admit(handle, key_bytes, value_bytes);
	struct shard *shard = shard_of(handle, &key);
	struct entry_list dead = {0};
	struct entry *fresh;

	if (result != CAPACITOR_OK)
		return result;
	fresh = operation_entry(handle, &key, value, value_bytes, operation_expiry_ns(handle->cache, ttl_ns));
	if (!fresh)
		return CAPACITOR_NO_MEMORY;
	result = segment_store(lock(handle, shard), handle, fresh, mode, &dead);
	unlock(shard);
	if (result != CAPACITOR_STORED)
		operation_recycle(handle, fresh);
	operation_bury(handle, &dead, false);
	operation_settle(handle);
	return result;
}

static enum capacitor_result sharded_delete(struct capacitor_handle *handle, const void *data, size_t key_bytes)
{
	struct key key = operation_key(handle, data, key_bytes);
	struct shard *shard = shard_of(handle, &key);
	struct entry_list dead = {0};
	enum capacitor_result result = segment_delete(lock(handle, shard), handle, &key, &dead);

	unlock(shard);
	operation_bury(handle, &dead, false);
	return result;
}

static void sharded_clear(struct capacitor_handle *handle)
{
	for (unsigned i = 0; i < shard_count(handle); i++) {
		struct shard *shard = shard_at(handle, i);
		struct entry_list dead = {0};

		segment_clear(lock(handle, shard), handle, &dead);
		unlock(shard);
		operation_bury(handle, &dead, false);
	}
}

/* ---- Eviction ---------------------------------------------------------------------------------------------------- */

static void sharded_shrink(struct capacitor_handle *handle)
{
	unsigned from = handle->next_victim++;

	for (unsigned i = 0; i < shard_count(handle) && budget_over(&handle->cache->budget, 0, 0); i++) {
		struct shard *shard = shard_at(handle, (from + i) & (shard_count(handle) - 1));
		struct entry_list dead = {0};

		segment_shrink(lock(handle, shard), handle, &dead);
		unlock(shard);
		operation_bury(handle, &dead, false);
	}
}

/* ---- Life -------------------------------------------------------------------------------------------------------- */

static void sharded_destroy(struct capacitor *cache)
{
	struct sharded_cache *self = (struct sharded_cache *)cache;

	for (unsigned i = 0; i < cache->config.shards; i++) {
		pthread_mutex_destroy(&self->shards[i].mutex);
		if (self->shards[i].segment.chains)
			segment_destroy(&self->shards[i].segment);
	}
	free(self->shards);
}

static enum capacitor_result sharded_create(struct capacitor *cache)
{
	struct sharded_cache *self = (struct sharded_cache *)cache;
	unsigned shards = cache->config.shards;

	self->shards = memory_array(shards * sizeof *self->shards, false);
	if (!self->shards)
		return CAPACITOR_NO_MEMORY;
	layout_object(self, struct sharded_cache);
	layout_objects(self->shards, struct shard, shards * sizeof *self->shards);
	for (unsigned i = 0; i < shards; i++)
		pthread_mutex_init(&self->shards[i].mutex, NULL);
	for (unsigned i = 0; i < shards; i++) {
		if (segment_init(&self->shards[i].segment, cache, operation_expected(cache, shards)) != CAPACITOR_OK) {
			sharded_destroy(cache);
			return CAPACITOR_NO_MEMORY;
		}
	}
	return CAPACITOR_OK;
}

static bool sharded_each_lock(struct capacitor *cache, capacitor_lock_visitor *visitor, void *context)
{
	struct sharded_cache *self = (struct sharded_cache *)cache;
	bool go_on = true;

	for (unsigned i = 0; i < cache->config.shards && go_on; i++)
		go_on = contention_show(&self->shards[i].waits, "shard", i, true, visitor, context);
	return go_on;
}

#define NO_CAS "the locks' own compare-and-swaps are inside the C library"
#define NO_GRACE "memory is reclaimed at once"

const struct implementation IMPLEMENTATION = {
	.info = {
		.name = IMPLEMENTATION_STRING,
		.summary = "a hash table in shards, a mutex each",
		.use = "the everyday choice: any policy, writes as fast as reads",
		.reclamation = "at once, under the lock",
		.policies = 1u << CAPACITOR_FIFO | 1u << CAPACITOR_LRU | 1u << CAPACITOR_CLOCK | 1u << CAPACITOR_SIEVE |
	                    1u << CAPACITOR_S3FIFO,
		.lacks = 0,
		.progress = {
			[CAPACITOR_OP_GET] = CAPACITOR_BLOCKING,
			[CAPACITOR_OP_PIN] = CAPACITOR_BLOCKING,
			[CAPACITOR_OP_CONTAINS] = CAPACITOR_BLOCKING,
			[CAPACITOR_OP_SET] = CAPACITOR_BLOCKING,
			[CAPACITOR_OP_DELETE] = CAPACITOR_BLOCKING,
			[CAPACITOR_OP_GET_MANY] = CAPACITOR_BLOCKING,
			[CAPACITOR_OP_EACH] = CAPACITOR_BLOCKING,
		},
		.unavailable = {
			[CAPACITOR_STAT_CAS_FAILURES] = NO_CAS,
			[CAPACITOR_STAT_GRACE_PERIODS] = NO_GRACE,
			[CAPACITOR_STAT_GRACE_NS] = NO_GRACE,
		},
	},
	.cache_bytes = sizeof(struct sharded_cache),
	.handle_bytes = sizeof(struct capacitor_handle),
	.create = sharded_create,
	.destroy = sharded_destroy,
	.get = sharded_get,
	.pin = sharded_pin,
	.contains = sharded_contains,
	.get_many = sharded_get_many,
	.store = sharded_store,
	.delete = sharded_delete,
	.each = sharded_each,
	.clear = sharded_clear,
	.shrink = sharded_shrink,
	.each_lock = sharded_each_lock,
};
