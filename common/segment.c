/* SPDX-License-Identifier: BSD-2-Clause */
/* A chained hash table and its eviction order; see segment.h. */
#include "common/segment.h"

#include "common/memory.h"

/* The table doubles at this many entries per chain. */
#define LOAD_MAX 2

/* ---- The table --------------------------------------------------------------------------------------------------- */

static void table_link(struct segment *segment, struct entry *entry)
{
	struct entry **chain = segment_chain(segment, entry->hash);

	entry->link[0] = *chain;
	*chain = entry;
}

/* What points to an entry that is in the table: the chain, or the link of the one before. */
static void table_relink(struct segment *segment, struct entry *entry, struct entry *successor)
{
	struct entry **chain = segment_chain(segment, entry->hash);

	if (*chain == entry) {
		*chain = successor;
		return;
	}
	for (struct entry *before = *chain;; before = segment_link(before)) {
		if (segment_link(before) == entry) {
			before->link[0] = successor;
			return;
		}
	}
}

/* Doubles the table, if memory and budget have room for it; else chains stay long, which is slow but right. */
static void table_grow(struct segment *segment, struct capacitor_handle *handle)
{
	struct capacitor *cache = handle->cache;
	size_t old_chains = segment->chain_mask + 1;
	size_t bytes = 2 * old_chains * sizeof *segment->chains;
	struct entry **old = segment->chains;
	struct entry **chains;

	if (budget_used(&cache->budget) + (int64_t)bytes > (int64_t)load_relaxed(&cache->budget.capacity_bytes))
		return;
	chains = memory_array(bytes, cache->config.huge_pages);
	if (!chains)
		return;
	segment->chains = chains;
	segment->chain_mask = 2 * old_chains - 1;
	for (size_t i = 0; i < old_chains; i++) {
		struct entry *entry = old[i];

		while (entry) {
			struct entry *next = segment_link(entry);

			table_link(segment, entry);
			entry = next;
		}
	}
	free(old);
	fetch_add_relaxed(&cache->budget.table_bytes, bytes / 2); /* relaxed: an amount */
	count(handle, CAPACITOR_STAT_TABLE_REBUILDS, 1);
}

/* ---- Reading ----------------------------------------------------------------------------------------------------- */

bool segment_each(const struct segment *segment, const struct capacitor *cache, capacitor_visitor *visitor,
                  void *context)
{
	struct entry *entry = policy_first(&segment->policy);

	for (; entry; entry = policy_next(&segment->policy, entry))
		if (!operation_expired(cache, entry) &&
		    !visitor(context, entry->bytes, entry_key_bytes(entry), entry_value(entry), entry->value_bytes))
			return false;
	return true;
}

/* ---- Writing ----------------------------------------------------------------------------------------------------- */

/* Counts an entry that is being removed for lack of room. */
static void count_removal(const struct capacitor_handle *handle, const struct entry *entry)
{
	count(handle,
	      operation_expired(handle->cache, entry) ? CAPACITOR_STAT_EXPIRATIONS : CAPACITOR_STAT_EVICTIONS, 1);
}

/*
 * Makes room for `fresh`, which is to take the place of `old` (NULL: of nothing), by evicting while live would exceed its
 * limit. True: `old` itself was evicted.
 */
static bool make_room(struct segment *segment, struct capacitor_handle *handle, const struct entry *fresh,
                      const struct entry *old, struct entry_list *dead)
{
	int64_t bytes = (int64_t)entry_charge(fresh) - (old ? (int64_t)entry_charge(old) : 0);
	int64_t entries = old ? 0 : 1;
	bool old_went = false;

	while (budget_over(&handle->cache->budget, bytes, entries)) {
		struct entry *victim = policy_evict(&segment->policy);

		if (!victim)
			break;
		if (victim == old) { /* it was off the sums already */
			old_went = true;
		} else {
			bytes -= (int64_t)entry_charge(victim);
			entries--;
		}
		table_relink(segment, victim, segment_link(victim));
		count_removal(handle, victim);
		entry_list_push(dead, victim);
	}
	return old_went;
}

enum capacitor_result segment_store(struct segment *segment, struct capacitor_handle *handle, struct entry *fresh,
                                    enum store_mode mode, struct entry_list *dead)
{
	struct key key = {.data = fresh->bytes, .bytes = entry_key_bytes(fresh), .hash = fresh->hash};
	struct entry *old = segment_peek(segment, &key);
	bool there = old && !operation_expired(handle->cache, old);
	size_t dead_bytes = dead->bytes, dead_count = dead->count;

	if (mode == STORE_ADD && there)
		return CAPACITOR_EXISTS;
	if (mode == STORE_REPLACE && !there)
		return CAPACITOR_MISS;

	if (make_room(segment, handle, fresh, old, dead))
		old = NULL;
	if (old && there) {
		fresh->link[0] = segment_link(old);
		table_relink(segment, old, fresh);
		policy_replace(&segment->policy, old, fresh);
		entry_list_push(dead, old);
	} else {
		if (old) { /* expired: it leaves, and what comes is new to the policy */
			table_relink(segment, old, segment_link(old));
			policy_remove(&segment->policy, old);
			count(handle, CAPACITOR_STAT_EXPIRATIONS, 1);
			entry_list_push(dead, old);
		}
		table_link(segment, fresh);
		policy_insert(&segment->policy, fresh);
	}
	budget_live_add(&handle->cache->budget, (int64_t)entry_charge(fresh) - (int64_t)(dead->bytes - dead_bytes),
	                1 - (int64_t)(dead->count - dead_count));
	if (policy_count(&segment->policy) > LOAD_MAX * (segment->chain_mask + 1))
		table_grow(segment, handle);
	return CAPACITOR_STORED;
}

enum capacitor_result segment_delete(struct segment *segment, struct capacitor_handle *handle, const struct key *key,
                                     struct entry_list *dead)
{
	struct entry *entry = segment_peek(segment, key);
	bool expired;

	if (!entry)
		return CAPACITOR_MISS;
	expired = operation_expired(handle->cache, entry);
	table_relink(segment, entry, segment_link(entry));
	policy_remove(&segment->policy, entry);
	budget_live_add(&handle->cache->budget, -(int64_t)entry_charge(entry), -1);
	entry_list_push(dead, entry);
	if (expired)
		count(handle, CAPACITOR_STAT_EXPIRATIONS, 1);
	return expired ? CAPACITOR_MISS : CAPACITOR_HIT;
}

void segment_shrink(struct segment *segment, struct capacitor_handle *handle, struct entry_list *dead)
{
	/* One by one: the others must see each eviction, or several threads would all evict for the same excess. */
	while (budget_over(&handle->cache->budget, 0, 0)) {
		struct entry *victim = policy_evict(&segment->policy);

		if (!victim)
			return;
		table_relink(segment, victim, segment_link(victim));
		count_removal(handle, victim);
		budget_live_add(&handle->cache->budget, -(int64_t)entry_charge(victim), -1);
		entry_list_push(dead, victim);
	}
}

void segment_clear(struct segment *segment, struct capacitor_handle *handle, struct entry_list *dead)
{
	struct entry *entry;
	int64_t bytes = 0, entries = 0;

	while ((entry = policy_first(&segment->policy))) {
		table_relink(segment, entry, segment_link(entry));
		policy_remove(&segment->policy, entry);
		bytes += (int64_t)entry_charge(entry);
		entries++;
		entry_list_push(dead, entry);
	}
	budget_live_add(&handle->cache->budget, -bytes, -entries);
}

/* ---- Life -------------------------------------------------------------------------------------------------------- */

enum capacitor_result segment_init(struct segment *segment, struct capacitor *cache, size_t expected_entries)
{
	size_t chains = 1;

	while (chains < expected_entries)
		chains *= 2;
	segment->chain_mask = chains - 1;
	segment->chains = memory_array(chains * sizeof *segment->chains, cache->config.huge_pages);
	if (!segment->chains)
		return CAPACITOR_NO_MEMORY;
	if (!policy_init(&segment->policy, cache->config.policy, expected_entries)) {
		free(segment->chains);
		segment->chains = NULL;
		return CAPACITOR_NO_MEMORY;
	}
	fetch_add_relaxed(&cache->budget.table_bytes, chains * sizeof *segment->chains + /* relaxed: an amount */
	                  policy_table_bytes(cache->config.policy, expected_entries));
	return CAPACITOR_OK;
}

void segment_destroy(struct segment *segment)
{
	struct entry *entry = policy_first(&segment->policy);

	while (entry) {
		struct entry *next = policy_next(&segment->policy, entry);

		free(entry);
		entry = next;
	}
	policy_destroy(&segment->policy);
	free(segment->chains);
}
