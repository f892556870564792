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

	if (!budget_table_take(&cache->budget, bytes))
		return;
	chains = memory_array(bytes, cache->config.huge_pages);
	if (!chains) {
		budget_table_give(&cache->budget, bytes);
		return;
	}
	layout_objects(chains, struct entry *, bytes);
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
	budget_table_swap(&cache->budget, bytes, bytes / 2);
	count(handle, CAPACITOR_STAT_TABLE_REBUILDS, 1);
}

/* ---- Writing ----------------------------------------------------------------------------------------------------- */

/* What unlinking a victim needs. */
struct unlinking {
	struct segment *segment;
	struct entry_list *dead;
};

static void segment_unlink(struct capacitor_handle *handle, void *context, struct entry *victim)
{
	struct unlinking *unlinking = context;

	(void)handle;
	table_relink(unlinking->segment, victim, segment_link(victim));
	entry_list_push(unlinking->dead, victim);
}

enum capacitor_result segment_store(struct segment *segment, struct capacitor_handle *handle, struct entry *fresh,
                                    enum store_mode mode, struct entry_list *dead)
{
	struct key key = {.data = fresh->bytes, .bytes = entry_key_bytes(fresh), .hash = fresh->hash};
	struct entry *old = segment_peek(segment, &key);
	bool expired = old && operation_expired(handle->cache, old);
	bool there = old && !expired;
	struct operation_change change;

	if (mode == STORE_ADD && there)
		return CAPACITOR_EXISTS;
	if (mode == STORE_REPLACE && !there)
		return CAPACITOR_MISS;

	operation_make_room(handle, &segment->policy, fresh, old, segment_unlink,
	                    &(struct unlinking){segment, dead}, &change);
	if (old) {
		fresh->link[0] = segment_link(old);
		table_relink(segment, old, fresh);
	} else {
		table_link(segment, fresh);
	}
	operation_order(handle, &segment->policy, fresh, old, expired, &change);
	if (old)
		entry_list_push(dead, old);
	budget_live_add(&handle->cache->budget, change.bytes, change.entries);
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
	operation_shrink(handle, &segment->policy, segment_unlink, &(struct unlinking){segment, dead});
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
	layout_objects(segment->chains, struct entry *, chains * sizeof *segment->chains);
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
