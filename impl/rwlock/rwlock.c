/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rwlock: one hash table behind one reader-writer lock.
 *
 * What it is       One segment (a chained hash table and its eviction order) and one pthread_rwlock around it.
 * Benefits         The simplest correct design: readers run side by side, memory is reclaimed at once, the capacity is
 *                  exact.
 * Costs            Every hit writes the lock's reader count, a line that all cores share, so that readers do not scale;
 *                  one writer stops everybody; a value is copied under the lock. With lru a hit reorders, and takes the
 *                  lock exclusively.
 * States           An entry is linked or dead. Both transitions happen under the exclusive lock.
 * Concurrency      Readers hold the lock shared, writers hold it exclusively. The lock is the C library's with its defaults,
 *                  which let readers pass waiting writers: a stream of readers can starve them. Its other kind, which
 *                  prefers writers, hands the lock over through the kernel so often that mixes with many writes ran
 *                  about ten times slower (50:45:5 at two threads). A reader may set an entry's visited mark and pin, which
 *                  are atomics; nothing else is written under the shared lock.
 * Guarantees       G1: an operation takes effect while it holds the lock. G2: the copy is made under the lock. G3: a pin
 *                  is taken under the lock; who unlinks an entry under the exclusive lock sees every pin there can be.
 * Progress         Blocking, all of it.
 * Reclamation      At once, after the lock is released, but for what is pinned.
 * References       Courtois, Heymans and Parnas, "readers" and "writers", CACM 1971.
 */
#include "common/segment.h"

struct rwlock_cache {
	struct capacitor common;
	/* The lock is written by every operation: its lines hold nothing else but who waited for it. */
	alignas(LINE_PAIR_BYTES) pthread_rwlock_t lock;
	struct contention waits;
	/* What readers need of the segment ends a pair of lines, and the eviction order begins the next: on one line, each store
	 * took it away from the readers beside it (0.4 false-sharing misses a get, at 8 cores and one store in ten). */
	alignas(LINE_PAIR_BYTES) char unused[LINE_PAIR_BYTES - offsetof(struct segment, policy)];
	struct segment segment;
};

LAYOUT_APART(struct rwlock_cache, common, lock, "every operation reads what is constant and writes the lock");
LAYOUT_TOGETHER(struct rwlock_cache, lock, waits, "who waited writes while the lock is contended anyway");
LAYOUT_APART(struct rwlock_cache, waits, segment, "readers write the lock, and only read the segment");
LAYOUT_APART(struct rwlock_cache, segment.chain_mask, segment.policy, "every store writes the order, no hit reads it");

static struct rwlock_cache *cache_of(const struct capacitor_handle *handle)
{
	return (struct rwlock_cache *)handle->cache;
}

static struct segment *lock_shared(struct capacitor_handle *handle)
{
	OPERATION_LOCK(handle, pthread_rwlock_tryrdlock, pthread_rwlock_rdlock, &cache_of(handle)->lock,
	               &cache_of(handle)->waits);
	return &cache_of(handle)->segment;
}

static struct segment *lock_exclusive(struct capacitor_handle *handle)
{
	OPERATION_LOCK(handle, pthread_rwlock_trywrlock, pthread_rwlock_wrlock, &cache_of(handle)->lock,
	               &cache_of(handle)->waits);
	return &cache_of(handle)->segment;
}

/* For a hit: lru reorders. */
static struct segment *lock_for_use(struct capacitor_handle *handle)
{
	return handle->cache->config.policy == CAPACITOR_LRU ? lock_exclusive(handle) : lock_shared(handle);
}

static void unlock(struct capacitor_handle *handle)
{
	pthread_rwlock_unlock(&cache_of(handle)->lock);
}

/* ---- Read path --------------------------------------------------------------------------------------------------- */

static enum capacitor_result rwlock_get(struct capacitor_handle *handle, const void *data, size_t key_bytes,
                                        void *buffer, size_t buffer_bytes, size_t *value_bytes)
{
	struct key key = operation_key(handle, data, key_bytes);
	struct segment *segment = lock_for_use(handle);
	struct entry *entry = segment_find(segment, handle->cache, &key);
	enum capacitor_result result;

	if (entry) {
		segment_use(segment, handle->cache, entry);
		result = operation_copy(handle, entry, buffer, buffer_bytes, value_bytes);
	} else {
		result = operation_miss(handle);
	}
	unlock(handle);
	return result;
}

static enum capacitor_result rwlock_pin(struct capacitor_handle *handle, const void *data, size_t key_bytes,
                                        struct capacitor_pin *pin)
{
	struct key key = operation_key(handle, data, key_bytes);
	struct segment *segment = lock_for_use(handle);
	struct entry *entry = segment_find(segment, handle->cache, &key);
	enum capacitor_result result;

	if (entry) {
		segment_use(segment, handle->cache, entry);
		result = operation_pin(handle, entry, pin);
	} else {
		result = operation_miss(handle);
	}
	unlock(handle);
	return result;
}

static enum capacitor_result rwlock_contains(struct capacitor_handle *handle, const void *data, size_t key_bytes)
{
	struct key key = operation_key(handle, data, key_bytes);
	struct segment *segment = lock_shared(handle);
	bool found = segment_find(segment, handle->cache, &key);

	unlock(handle);
	if (!found)
		return operation_miss(handle);
	count(handle, CAPACITOR_STAT_HITS, 1);
	return CAPACITOR_HIT;
}

/* One lock for a run of gets; within it as unsync: all chains, then all entries are on their way before the first is
 * needed. */
static void rwlock_get_many(struct capacitor_handle *handle, struct capacitor_request *requests, size_t requested)
{
	struct key key[OPERATION_BATCH];

	for (size_t from = 0; from < requested; from += OPERATION_BATCH) {
		size_t batch = requested - from < OPERATION_BATCH ? requested - from : OPERATION_BATCH;
		struct capacitor_request *request = requests + from;
		struct segment *segment;

		for (size_t i = 0; i < batch; i++)
			key[i] = operation_key(handle, request[i].key, request[i].key_bytes);
		segment = lock_for_use(handle);
		for (size_t i = 0; i < batch; i++)
			segment_prefetch_chain(segment, key[i].hash);
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
		unlock(handle);
	}
}

static void rwlock_each(struct capacitor_handle *handle, capacitor_visitor *visitor, void *context)
{
	operation_each(handle, &lock_shared(handle)->policy, visitor, context);
	unlock(handle);
}

/* ---- Write path -------------------------------------------------------------------------------------------------- */

static enum capacitor_result rwlock_store(struct capacitor_handle *handle, const void *data, size_t key_bytes,
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
	result = segment_store(lock_exclusive(handle), handle, fresh, mode, &dead);
	unlock(handle);
	if (result != CAPACITOR_STORED)
		operation_recycle(handle, fresh);
	operation_bury(handle, &dead, false);
	return result;
}

static enum capacitor_result rwlock_delete(struct capacitor_handle *handle, const void *data, size_t key_bytes)
{
	struct key key = operation_key(handle, data, key_bytes);
	struct entry_list dead = {0};
	enum capacitor_result result = segment_delete(lock_exclusive(handle), handle, &key, &dead);

	unlock(handle);
	operation_bury(handle, &dead, false);
	return result;
}

static void rwlock_clear(struct capacitor_handle *handle)
{
	struct entry_list dead = {0};

	segment_clear(lock_exclusive(handle), handle, &dead);
	unlock(handle);
	operation_bury(handle, &dead, false);
}

/* ---- Eviction ---------------------------------------------------------------------------------------------------- */

static void rwlock_shrink(struct capacitor_handle *handle)
{
	struct entry_list dead = {0};

	segment_shrink(lock_exclusive(handle), handle, &dead);
	unlock(handle);
	operation_bury(handle, &dead, false);
}

/* ---- Life -------------------------------------------------------------------------------------------------------- */

static enum capacitor_result rwlock_create(struct capacitor *cache)
{
	struct rwlock_cache *self = (struct rwlock_cache *)cache;

	if (segment_init(&self->segment, cache, operation_expected(cache, 1)) != CAPACITOR_OK)
		return CAPACITOR_NO_MEMORY;
	pthread_rwlock_init(&self->lock, NULL);
	layout_object(self, struct rwlock_cache);
	return CAPACITOR_OK;
}

static void rwlock_destroy(struct capacitor *cache)
{
	struct rwlock_cache *self = (struct rwlock_cache *)cache;

	pthread_rwlock_destroy(&self->lock);
	segment_destroy(&self->segment);
}

static bool rwlock_each_lock(struct capacitor *cache, capacitor_lock_visitor *visitor, void *context)
{
	return contention_show(&((struct rwlock_cache *)cache)->waits, "table", 0, true, visitor, context);
}

#define NO_CAS "the locks' own compare-and-swaps are inside the C library"
#define NO_GRACE "memory is reclaimed at once"

const struct implementation IMPLEMENTATION = {
	.info = {
		.name = IMPLEMENTATION_STRING,
		.summary = "one hash table behind one reader-writer lock",
		.use = "the simplest correct design; few threads, mostly reads",
		.reclamation = "at once, under the lock",
		.policies = 1u << CAPACITOR_FIFO | 1u << CAPACITOR_LRU | 1u << CAPACITOR_CLOCK | 1u << CAPACITOR_SIEVE |
	                    1u << CAPACITOR_S3FIFO,
		.lacks = CAPACITOR_LACKS_SHARDS,
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
	.cache_bytes = sizeof(struct rwlock_cache),
	.handle_bytes = sizeof(struct capacitor_handle),
	.create = rwlock_create,
	.destroy = rwlock_destroy,
	.get = rwlock_get,
	.pin = rwlock_pin,
	.contains = rwlock_contains,
	.get_many = rwlock_get_many,
	.store = rwlock_store,
	.delete = rwlock_delete,
	.each = rwlock_each,
	.clear = rwlock_clear,
	.shrink = rwlock_shrink,
	.each_lock = rwlock_each_lock,
};
