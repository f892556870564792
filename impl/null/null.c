/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * null: answers at once.
 *
 * What it is   A cache that keeps nothing: every set succeeds, every get misses. What a benchmark measures on it is the
 *              harness, the call through the front, and the counters.
 * Benefits     Wait-free, no memory.
 * Costs        It lacks storage (CAPACITOR_LACKS_STORAGE).
 */
#include "common/operation.h"

static enum capacitor_result null_create(struct capacitor *cache)
{
	(void)cache;
	return CAPACITOR_OK;
}

static void null_destroy(struct capacitor *cache)
{
	(void)cache;
}

static enum capacitor_result null_get(struct capacitor_handle *handle, const void *key, size_t key_bytes, void *buffer,
                                      size_t buffer_bytes, size_t *value_bytes)
{
	(void)key, (void)key_bytes, (void)buffer, (void)buffer_bytes, (void)value_bytes;
	return operation_miss(handle);
}

static enum capacitor_result null_pin(struct capacitor_handle *handle, const void *key, size_t key_bytes,
                                      struct capacitor_pin *pin)
{
	(void)key, (void)key_bytes, (void)pin;
	return operation_miss(handle);
}

static enum capacitor_result null_contains(struct capacitor_handle *handle, const void *key, size_t key_bytes)
{
	(void)key, (void)key_bytes;
	return operation_miss(handle);
}

static void null_get_many(struct capacitor_handle *handle, struct capacitor_request *requests, size_t requested)
{
	for (size_t i = 0; i < requested; i++)
		requests[i].result = operation_miss(handle);
}

static enum capacitor_result null_store(struct capacitor_handle *handle, const void *key, size_t key_bytes,
                                        const void *value, size_t value_bytes, uint64_t ttl_ns, enum store_mode mode)
{
	(void)handle, (void)key, (void)key_bytes, (void)value, (void)value_bytes, (void)ttl_ns;
	return mode == STORE_REPLACE ? CAPACITOR_MISS : CAPACITOR_STORED;
}

static enum capacitor_result null_delete(struct capacitor_handle *handle, const void *key, size_t key_bytes)
{
	(void)handle, (void)key, (void)key_bytes;
	return CAPACITOR_MISS;
}

static void null_each(struct capacitor_handle *handle, capacitor_visitor *visitor, void *context)
{
	(void)handle, (void)visitor, (void)context;
}

static void null_nothing(struct capacitor_handle *handle)
{
	(void)handle;
}

#define NO_LOCK "it takes no lock"
#define NO_CAS "it does no compare-and-swap"
#define NO_READERS "it has nothing to reclaim"

const struct implementation IMPLEMENTATION = {
	.info = {
		.name = IMPLEMENTATION_STRING,
		.summary = "answers at once and keeps nothing",
		.use = "what the harness itself costs",
		.reclamation = "none: there is nothing to reclaim",
		.policies = 1u << CAPACITOR_FIFO | 1u << CAPACITOR_LRU | 1u << CAPACITOR_CLOCK | 1u << CAPACITOR_SIEVE |
	                    1u << CAPACITOR_S3FIFO,
		.lacks = CAPACITOR_LACKS_STORAGE | CAPACITOR_LACKS_SHARDS | CAPACITOR_LACKS_HUGE_PAGES |
	                 CAPACITOR_LACKS_TABLE_GROWTH,
		.progress = {
			[CAPACITOR_OP_GET] = CAPACITOR_WAIT_FREE,
			[CAPACITOR_OP_PIN] = CAPACITOR_WAIT_FREE,
			[CAPACITOR_OP_CONTAINS] = CAPACITOR_WAIT_FREE,
			[CAPACITOR_OP_SET] = CAPACITOR_WAIT_FREE,
			[CAPACITOR_OP_DELETE] = CAPACITOR_WAIT_FREE,
			[CAPACITOR_OP_GET_MANY] = CAPACITOR_WAIT_FREE,
			[CAPACITOR_OP_EACH] = CAPACITOR_WAIT_FREE,
		},
		.unavailable = {
			[CAPACITOR_STAT_LOCKS] = NO_LOCK,
			[CAPACITOR_STAT_LOCK_WAITS] = NO_LOCK,
			[CAPACITOR_STAT_LOCK_WAIT_NS] = NO_LOCK,
			[CAPACITOR_STAT_CAS_FAILURES] = NO_CAS,
			[CAPACITOR_STAT_GRACE_PERIODS] = NO_READERS,
			[CAPACITOR_STAT_ROOM_WAIT_NS] = NO_READERS,
			[CAPACITOR_STAT_GRACE_NS] = NO_READERS,
		},
	},
	.cache_bytes = sizeof(struct capacitor),
	.handle_bytes = sizeof(struct capacitor_handle),
	.create = null_create,
	.destroy = null_destroy,
	.get = null_get,
	.pin = null_pin,
	.contains = null_contains,
	.get_many = null_get_many,
	.store = null_store,
	.delete = null_delete,
	.each = null_each,
	.clear = null_nothing,
	.shrink = null_nothing,
};
