/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A segment: a chained hash table and its eviction order, without any synchronisation. unsync uses one as it is, rwlock
 * puts one lock around one, sharded a lock around each of many.
 *
 * The table is an array of chains through the entries' link, the newest first. It is sized up front for the expected
 * entries, and doubles when there are twice as many entries as chains, in one go, under the caller's lock, if the
 * budget has room for the new array beside the old.
 */
#ifndef COMMON_SEGMENT_H
#define COMMON_SEGMENT_H

#include "common/operation.h"

struct segment {
	/* All that a hit needs (but for lru); written when the table grows. */
	struct entry **chains;
	size_t chain_mask;
	/* Written by every store and delete. */
	struct policy policy;
};

/* OK, with its bytes charged to the cache's budget, or NO_MEMORY. */
enum capacitor_result segment_init(struct segment *segment, struct capacitor *cache, size_t expected_entries);
/* Frees the entries, too. */
void segment_destroy(struct segment *segment);

static inline struct entry **segment_chain(const struct segment *segment, uint64_t hash)
{
	return &segment->chains[hash & segment->chain_mask];
}

static inline struct entry *segment_link(const struct entry *entry)
{
	return entry->link[0];
}

/* The entry of a key, expired or not; NULL: none. */
static inline struct entry *segment_peek(const struct segment *segment, const struct key *key)
{
	struct entry *entry = *segment_chain(segment, key->hash);

	while (entry && !entry_matches(entry, key))
		entry = segment_link(entry);
	return entry;
}

/* The entry of a key that has not expired; NULL: none. */
static inline struct entry *segment_find(const struct segment *segment, const struct capacitor *cache,
                                         const struct key *key)
{
	struct entry *entry = segment_peek(segment, key);

	return entry && !operation_expired(cache, entry) ? entry : NULL;
}

/* Records a use for the eviction policy. lru reorders: it needs the lock exclusively. */
static inline void segment_use(struct segment *segment, const struct capacitor *cache, struct entry *entry)
{
	if (cache->config.policy == CAPACITOR_LRU) /* the policy's own kind lies on a line that writers write */
		policy_touch(&segment->policy, entry);
	else
		policy_hit(entry, cache->visit_marks);
}

/*
 * Links `fresh`, as `mode` says, evicting what must go. What was unlinked is added to `dead` and off the live bytes; the
 * caller buries it after unlocking. STORED, or EXISTS or MISS: then nothing changed and `fresh` is still the caller's.
 */
enum capacitor_result segment_store(struct segment *segment, struct capacitor_handle *handle, struct entry *fresh,
                                    enum store_mode mode, struct entry_list *dead);

/* Unlinks a key: HIT, or MISS (an expired entry is unlinked, too). */
enum capacitor_result segment_delete(struct segment *segment, struct capacitor_handle *handle, const struct key *key,
                                     struct entry_list *dead);

/* Evicts while live exceeds its limit. */
void segment_shrink(struct segment *segment, struct capacitor_handle *handle, struct entry_list *dead);

void segment_clear(struct segment *segment, struct capacitor_handle *handle, struct entry_list *dead);

/* Brings the chain of a hash, then its first entry, closer: for batches. */
static inline void segment_prefetch_chain(const struct segment *segment, uint64_t hash)
{
	__builtin_prefetch(segment_chain(segment, hash));
}

static inline void segment_prefetch_entry(const struct segment *segment, uint64_t hash)
{
	const struct entry *entry = *segment_chain(segment, hash);

	if (entry)
		__builtin_prefetch(&entry->hash);
}

#endif
