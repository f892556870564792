/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Steps that operations of several implementations share: hash a key, make an entry, copy it out, pin it, take a lock
 * and count the wait, bury the dead. An implementation's own file then shows what is particular to it: its table, and
 * how readers and writers meet.
 */
#ifndef COMMON_OPERATION_H
#define COMMON_OPERATION_H

#include <pthread.h>
#include <time.h>

#include "common/implementation.h"

static inline struct key operation_key(const struct capacitor_handle *handle, const void *data, size_t bytes)
{
	return (struct key){.data = data, .bytes = bytes, .hash = hash_key(&handle->cache->hasher, data, bytes)};
}

static inline void count(const struct capacitor_handle *handle, enum capacitor_stat stat, uint64_t n)
{
	counter_add(&handle->counters, stat, n);
}

static inline uint64_t monotonic_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* ---- Expiry (G6) ------------------------------------------------------------------------------------------------- */

uint64_t operation_now_ns(const struct capacitor *cache);

/* When an entry with that TTL expires; saturates at never. */
uint64_t operation_expiry_ns(const struct capacitor *cache, uint64_t ttl_ns);

/* The clock is read only for an entry that can expire. */
static inline bool operation_expired(const struct capacitor *cache, const struct entry *entry)
{
	return entry->expires_ns != ENTRY_NEVER_EXPIRES && operation_now_ns(cache) >= entry->expires_ns;
}

/* ---- Results of a read ------------------------------------------------------------------------------------------- */

static inline enum capacitor_result operation_miss(const struct capacitor_handle *handle)
{
	count(handle, CAPACITOR_STAT_MISSES, 1);
	return CAPACITOR_MISS;
}

static inline enum capacitor_result operation_copy(const struct capacitor_handle *handle, struct entry *entry,
                                                   void *buffer, size_t buffer_bytes, size_t *value_bytes)
{
	count(handle, CAPACITOR_STAT_HITS, 1);
	*value_bytes = entry->value_bytes;
	if (entry->value_bytes > buffer_bytes)
		return CAPACITOR_BUFFER_TOO_SMALL;
	if (entry->value_bytes > 0)
		memcpy(buffer, entry_value(entry), entry->value_bytes);
	return CAPACITOR_HIT;
}

/*
 * Pins an entry that the caller's lock or read section holds. The mark tells its reclaimer to look at the pins; the
 * store is seen by a reclaimer that comes after the lock or the grace period, which orders it.
 * PAIRS: operation_pinned() reads the pin with acquire, so that what this thread read through an older pin in the same
 * slot happened before.
 */
static inline enum capacitor_result operation_pin(struct capacitor_handle *handle, struct entry *entry,
                                                  struct capacitor_pin *pin)
{
	unsigned slot;

	count(handle, CAPACITOR_STAT_HITS, 1);
	if (handle->pins_used == UINT64_MAX) {
		count(handle, CAPACITOR_STAT_BUSY, 1);
		return CAPACITOR_BUSY;
	}
	slot = (unsigned)__builtin_ctzll(~handle->pins_used);
	if (!(load_relaxed(&entry->marks) & ENTRY_PINNED)) /* relaxed: nobody clears it; the lock or grace period orders it */
		fetch_or_relaxed(&entry->marks, ENTRY_PINNED);
	handle->pins_used |= (uint64_t)1 << slot;
	store_release(&handle->pins[slot], entry);
	*pin = (struct capacitor_pin){.value = entry_value(entry), .value_bytes = entry->value_bytes, .slot = slot};
	return CAPACITOR_HIT;
}

/* ---- Entries ----------------------------------------------------------------------------------------------------- */

/* A filled entry that is not published yet: in the handle's spare block if that fits, else in a new one. NULL: no
 * memory. */
struct entry *operation_entry(struct capacitor_handle *handle, const struct key *key, const void *value,
                              size_t value_bytes, uint64_t expires_ns);

/* A block that nobody else can reach any more: becomes the spare, or is freed. */
void operation_recycle(struct capacitor_handle *handle, struct entry *entry);

/* Does some handle hold it pinned? Only for an entry that no thread can newly pin. */
bool operation_pinned(const struct capacitor *cache, const struct entry *entry);

/*
 * Ends entries that were unlinked and that no reader can newly reach. Those that are pinned wait in the cache's list of
 * the pinned; the others are recycled. `retired` tells whether their bytes are charged as retired already (schemes
 * with grace periods) or not at all (locks: the caller has taken them off live).
 */
void operation_bury(struct capacitor_handle *handle, struct entry_list *dead, bool retired);

/*
 * What a store will do to live: `fresh` comes, `old` (NULL: none) goes, and what must go besides is evicted from the order
 * and unlinked by `unlink`, until live would be within its limit. Under the lock of the order. `old` itself is never
 * unlinked here, so that fresh can take its place in one step: else a reader could miss a key that is only being replaced.
 * When the policy would have evicted it, it leaves the order alone. *change is for operation_order, and for
 * budget_live_add once the store is done.
 */
struct operation_change {
	int64_t bytes;
	int64_t entries;
	bool old_out; /* old has left the order */
};
typedef void operation_unlink(struct capacitor_handle *handle, void *context, struct entry *victim);
void operation_make_room(struct capacitor_handle *handle, struct policy *policy, const struct entry *fresh,
                         const struct entry *old, operation_unlink *unlink, void *context,
                         struct operation_change *change);

/* Evicts and unlinks while live exceeds its limit. Under the lock of the order. */
void operation_shrink(struct capacitor_handle *handle, struct policy *policy, operation_unlink *unlink, void *context);

/* `fresh` is linked now: it takes the place of `old` in the order, if that is still in it; an expired one leaves, and fresh
 * is new. */
void operation_order(struct capacitor_handle *handle, struct policy *policy, struct entry *fresh, struct entry *old,
                     bool old_expired, const struct operation_change *change);

/* Visits the entries of one order that have not expired, under its lock. False: the visitor said stop. */
bool operation_each(const struct capacitor_handle *handle, const struct policy *policy, capacitor_visitor *visitor,
                    void *context);

/* ---- Room -------------------------------------------------------------------------------------------------------- */

/*
 * May a writer with that entry begin (G4)? OK; TOO_LARGE when it could never fit; BUSY when no room came until the
 * deadline.
 */
enum capacitor_result operation_admit_slowly(struct capacitor_handle *handle, size_t bytes);

/* Buries again what waits for its pins: they may be gone. */
void operation_bury_pinned(struct capacitor_handle *handle);

/* Waits until all that is retired is pinned: OK or BUSY. */
enum capacitor_result operation_quiesce(struct capacitor_handle *handle);

static inline enum capacitor_result operation_admit(struct capacitor_handle *handle, size_t key_bytes,
                                                    size_t value_bytes)
{
	struct budget *budget = &handle->cache->budget;
	size_t bytes = entry_block_bytes(key_bytes, value_bytes);

	if (bytes + load_relaxed(&budget->table_bytes) > load_relaxed(&budget->capacity_bytes)) /* relaxed: amounts */
		return CAPACITOR_TOO_LARGE;
	if (load_relaxed(&budget->unpinned)) /* relaxed: a hint */
		operation_bury_pinned(handle);
	return budget_open(budget, bytes) ? CAPACITOR_OK : operation_admit_slowly(handle, bytes);
}

/* After a store: others' shards have to give when this one's had nothing. */
static inline void operation_settle(struct capacitor_handle *handle)
{
	if (budget_over(&handle->cache->budget, 0, 0))
		handle->implementation->shrink(handle);
}

/* ---- Locks ------------------------------------------------------------------------------------------------------- */

/*
 * Takes a lock, counting. It is tried first, and only a wait is timed: reading the clock around every acquisition would
 * double what it measures.
 */
#define OPERATION_LOCK(handle, try_lock, lock, object, contention)                                                     \
	do {                                                                                                           \
		if (!PROBED(PROBE_LOCKS)) {                                                                            \
			lock(object);                                                                                  \
			break;                                                                                         \
		}                                                                                                      \
		count(handle, CAPACITOR_STAT_LOCKS, 1);                                                                \
		if (try_lock(object) != 0) {                                                                           \
			uint64_t operation_from_ns = monotonic_ns();                                                   \
			lock(object);                                                                                  \
			operation_waited(handle, contention, operation_from_ns);                                       \
		}                                                                                                      \
	} while (0)

/* A lock was waited for since then, and is held now. */
void operation_waited(const struct capacitor_handle *handle, struct contention *contention, uint64_t from_ns);

static inline void operation_lock_mutex(const struct capacitor_handle *handle, pthread_mutex_t *mutex,
                                        struct contention *contention)
{
	OPERATION_LOCK(handle, pthread_mutex_trylock, pthread_mutex_lock, mutex, contention);
}

/* ---- Shards ------------------------------------------------------------------------------------------------------ */

/* The shard of a hash, by its high bits (tables use the low ones). shards is a power of two. */
static inline unsigned operation_shard(uint64_t hash, unsigned shards)
{
	return (unsigned)(hash >> 48) & (shards - 1);
}

/* get_many works in runs of so many: enough to hide a memory latency, few enough for the line fill buffers. */
#define OPERATION_BATCH 16

/* How many entries to prepare each of `parts` tables for. */
static inline size_t operation_expected(const struct capacitor *cache, unsigned parts)
{
	return cache->config.expected_entries / parts + 1;
}

#endif
