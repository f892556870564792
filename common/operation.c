/* SPDX-License-Identifier: BSD-2-Clause */
/* Steps that operations of several implementations share; see operation.h. */
#include "common/operation.h"

#include <sched.h>
#include <stdlib.h>

/* A larger spare block is freed rather than kept: an idle thread should not sit on megabytes. */
#define SPARE_BYTES_MAX 65536

/* How a writer waits for others to let go of memory: first it only yields, then it sleeps. Grace periods take tens of
 * microseconds. */
#define WAIT_YIELDS 20
#define WAIT_SLEEP_NS 50000

uint64_t operation_now_ns(const struct capacitor *cache)
{
	return cache->config.clock_ns ? cache->config.clock_ns(cache->config.clock_context) : monotonic_ns();
}

uint64_t operation_expiry_ns(const struct capacitor *cache, uint64_t ttl_ns)
{
	uint64_t now_ns;

	if (ttl_ns == CAPACITOR_TTL_DEFAULT)
		ttl_ns = cache->config.default_ttl_ns;
	if (ttl_ns == 0 || ttl_ns == CAPACITOR_TTL_NEVER)
		return ENTRY_NEVER_EXPIRES;
	now_ns = operation_now_ns(cache);
	return ttl_ns < ENTRY_NEVER_EXPIRES - now_ns ? now_ns + ttl_ns : ENTRY_NEVER_EXPIRES;
}

/* ---- Entries ----------------------------------------------------------------------------------------------------- */

struct entry *operation_entry(struct capacitor_handle *handle, const struct key *key, const void *value,
                              size_t value_bytes, uint64_t expires_ns)
{
	size_t block_bytes = entry_block_bytes(key->bytes, value_bytes);
	struct entry *entry;

	/* A spare that does not fit goes: a thread has one block beside the budget, not two. */
	entry = handle->spare;
	handle->spare = NULL;
	if (entry && handle->spare_bytes != block_bytes) {
		free(entry);
		entry = NULL;
	}
	if (!entry)
		entry = malloc(block_bytes);
	if (!entry)
		return NULL;
	layout_block(entry, struct entry, block_bytes);
	entry->hash = key->hash;
	entry->expires_ns = expires_ns;
	entry->value_bytes = (uint32_t)value_bytes;
	entry->key_bytes_less_1 = (uint16_t)(key->bytes - 1);
	atomic_init(&entry->marks, 0);
	memcpy(entry->bytes, key->data, key->bytes);
	if (value_bytes > 0)
		memcpy(entry_value(entry), value, value_bytes);
	return entry;
}

void operation_recycle(struct capacitor_handle *handle, struct entry *entry)
{
	size_t block_bytes = entry_charge(entry);

	/* The latest dead block is the likeliest to fit the next store. */
	if (block_bytes <= SPARE_BYTES_MAX) {
		struct entry *older = handle->spare;

		handle->spare = entry;
		handle->spare_bytes = block_bytes;
		entry = older;
	}
	free(entry);
}

/*
 * Reads all pins. Exact, because the caller knows that no thread can newly pin the entry: it was unlinked under the lock
 * under which pins are taken, or a grace period has passed since.
 * PAIRS: capacitor_unpin() and leave_slot() store with release, so that the last read of the value happened before we
 * free it. PAIRS: operation_pin() stores with release, which says the same of the slot's older pin. PAIRS: capacitor_enter()
 * publishes a handle when it is complete.
 */
bool operation_pinned(const struct capacitor *cache, const struct entry *entry)
{
	if (!(load_relaxed(&entry->marks) & ENTRY_PINNED)) /* relaxed: ordered by the lock or the grace period */
		return false;
	for (unsigned slot = 0; slot < cache->config.threads_max; slot++) {
		struct capacitor_handle *handle = load_acquire(&cache->handles[slot]);

		if (!handle)
			break; /* slots are taken from the first */
		for (int pin = 0; pin < CAPACITOR_PINS_MAX; pin++)
			if (load_acquire(&handle->pins[pin]) == entry)
				return true;
	}
	return false;
}

/* Ends entries as operation_bury does. Returns how many joined those that wait for their pins. */
static size_t bury(struct capacitor_handle *handle, struct entry_list *dead, bool retired)
{
	struct capacitor *cache = handle->cache;
	int64_t change = handle->replaced_bytes; /* of the retired */
	struct entry *entry;
	size_t waiting = 0;

	handle->replaced_bytes = 0;
	while ((entry = entry_list_pop(dead))) {
		int64_t bytes = (int64_t)entry_charge(entry);

		if (operation_pinned(cache, entry)) {
			if (!retired)
				budget_retired_add(&cache->budget, bytes);
			fetch_add_relaxed(&cache->budget.pinned_bytes, bytes); /* relaxed: an amount */
			contention_lock(&cache->pinned_mutex, &cache->pinned_waits);
			entry_list_push(&cache->pinned, entry);
			pthread_mutex_unlock(&cache->pinned_mutex);
			waiting++;
		} else {
			if (retired)
				change -= bytes;
			operation_recycle(handle, entry);
		}
	}
	if (change)
		budget_retired_add(&cache->budget, change);
	return waiting;
}

void operation_bury(struct capacitor_handle *handle, struct entry_list *dead, bool retired)
{
	if (bury(handle, dead, retired) > 0)
		budget_unpinned(&handle->cache->budget); /* a pin may have gone since we looked, before the entry was there */
}

void operation_bury_pinned(struct capacitor_handle *handle)
{
	struct capacitor *cache = handle->cache;
	struct entry_list pinned;

	/* Relaxed: a hint. A release while the sum is down is not told; the next one is, and who needs room looks anyway. */
	store_relaxed(&cache->budget.unpinned, false);
	contention_lock(&cache->pinned_mutex, &cache->pinned_waits);
	pinned = cache->pinned;
	cache->pinned = (struct entry_list){0};
	pthread_mutex_unlock(&cache->pinned_mutex);
	fetch_sub_relaxed(&cache->budget.pinned_bytes, (int64_t)pinned.bytes); /* relaxed: an amount */
	bury(handle, &pinned, true);
}

bool operation_each(const struct capacitor_handle *handle, const struct policy *policy, capacitor_visitor *visitor,
                    void *context)
{
	struct entry *entry = policy_first(policy);

	for (; entry; entry = policy_next(policy, entry))
		if (!operation_expired(handle->cache, entry) &&
		    !visitor(context, entry->bytes, entry_key_bytes(entry), entry_value(entry), entry->value_bytes))
			return false;
	return true;
}

/*
 * Takes the next victim out of the order, counts and unlinks it; `spared` only leaves the order. NULL: nothing is left that
 * would free memory. Who is pinned is passed over, to the front: evicting it would free nothing. (A pin that comes after
 * this look is fine, too: the entry then waits in the list of the pinned.)
 */
static struct entry *evict_one(struct capacitor_handle *handle, struct policy *policy, const struct entry *spared,
                               operation_unlink *unlink, void *context)
{
	for (size_t left = policy_count(policy); left > 0; left--) {
		struct entry *victim = policy_evict(policy);

		if (victim == spared)
			return victim;
		if (!operation_pinned(handle->cache, victim)) {
			count(handle, operation_expired(handle->cache, victim) ? CAPACITOR_STAT_EXPIRATIONS
			                                                       : CAPACITOR_STAT_EVICTIONS, 1);
			unlink(handle, context, victim);
			return victim;
		}
		policy_insert(policy, victim);
	}
	return NULL;
}

void operation_make_room(struct capacitor_handle *handle, struct policy *policy, const struct entry *fresh,
                         const struct entry *old, operation_unlink *unlink, void *context, struct operation_change *change)
{
	change->bytes = (int64_t)entry_charge(fresh) - (old ? (int64_t)entry_charge(old) : 0);
	change->entries = old ? 0 : 1;
	change->old_out = false;
	while (budget_over(&handle->cache->budget, change->bytes, change->entries)) {
		struct entry *victim = evict_one(handle, policy, old, unlink, context);

		if (!victim)
			break;
		if (victim == old) { /* it is off the sums already */
			change->old_out = true;
		} else {
			change->bytes -= (int64_t)entry_charge(victim);
			change->entries--;
		}
	}
}

void operation_shrink(struct capacitor_handle *handle, struct policy *policy, operation_unlink *unlink, void *context)
{
	/* One by one: the others must see each eviction, or several threads would all evict for the same excess. */
	while (budget_over(&handle->cache->budget, 0, 0)) {
		struct entry *victim = evict_one(handle, policy, NULL, unlink, context);

		if (!victim)
			return;
		budget_live_add(&handle->cache->budget, -(int64_t)entry_charge(victim), -1);
	}
}

void operation_order(struct capacitor_handle *handle, struct policy *policy, struct entry *fresh, struct entry *old,
                     bool old_expired, const struct operation_change *change)
{
	if (old && !old_expired && !change->old_out) {
		policy_replace(policy, old, fresh);
		return;
	}
	if (old && !change->old_out)
		policy_remove(policy, old);
	if (old && old_expired)
		count(handle, CAPACITOR_STAT_EXPIRATIONS, 1);
	policy_insert(policy, fresh);
}

/* ---- Locks ------------------------------------------------------------------------------------------------------- */

void operation_waited(const struct capacitor_handle *handle, struct contention *contention, uint64_t from_ns)
{
	uint64_t wait_ns = monotonic_ns() - from_ns;

	count(handle, CAPACITOR_STAT_LOCK_WAITS, 1);
	count(handle, CAPACITOR_STAT_LOCK_WAIT_NS, wait_ns);
	contention_add(contention, wait_ns);
}

/* ---- Room -------------------------------------------------------------------------------------------------------- */

/* Reclaims, again and again, until `done` or the deadline: OK or BUSY. */
static enum capacitor_result reclaim_until(struct capacitor_handle *handle,
                                           bool (*done)(struct capacitor *cache, size_t bytes), size_t bytes)
{
	struct capacitor *cache = handle->cache;
	uint64_t deadline_ns = 0;

	for (unsigned round = 0;; round++) {
		operation_bury_pinned(handle);
		handle->implementation->shrink(handle);
		if (handle->implementation->reclaim)
			handle->implementation->reclaim(handle);
		if (done(cache, bytes))
			return CAPACITOR_OK;
		if (round == 0) {
			deadline_ns = monotonic_ns() + cache->config.busy_timeout_ns;
		} else if (monotonic_ns() >= deadline_ns) {
			count(handle, CAPACITOR_STAT_BUSY, 1);
			return CAPACITOR_BUSY;
		}
		if (round < WAIT_YIELDS)
			sched_yield();
		else
			nanosleep(&(struct timespec){.tv_nsec = WAIT_SLEEP_NS}, NULL);
	}
}

static bool room_made(struct capacitor *cache, size_t bytes)
{
	return budget_open(&cache->budget, bytes);
}

enum capacitor_result operation_admit_slowly(struct capacitor_handle *handle, size_t bytes)
{
	uint64_t from_ns = PROBED(PROBE_ROOM) ? monotonic_ns() : 0;
	enum capacitor_result result = reclaim_until(handle, room_made, bytes);

	if (PROBED(PROBE_ROOM))
		count(handle, CAPACITOR_STAT_ROOM_WAIT_NS, monotonic_ns() - from_ns);
	return result;
}

static bool only_pinned_left(struct capacitor *cache, size_t bytes)
{
	(void)bytes;
	return load_relaxed(&cache->budget.retired_bytes) <= load_relaxed(&cache->budget.pinned_bytes); /* amounts */
}

enum capacitor_result operation_quiesce(struct capacitor_handle *handle)
{
	return reclaim_until(handle, only_pinned_left, 0);
}
