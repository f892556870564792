/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ck_hs: Concurrency Kit's hash set, readers without locks, reclamation by epochs.
 *
 * What it is       N shards, each an open-addressing set of entry pointers (ck_hs), with one writer at a time: ck_hs is
 *                  single-writer, so that writers of a shard take turns on its mutex. A value is never changed in place: a
 *                  new entry replaces the old one.
 * Benefits         A hit takes no lock and writes nothing that another core reads, but for a visited mark that is not yet
 *                  set. Open addressing: the probe walks one line of pointers, then reads the entry.
 * Costs            Entering an epoch is an atomic exchange, about a third of a hit. Pointers are not packed in the
 *                  distribution's build, so that each occupied slot of a probe costs a look at its entry. Deletes leave
 *                  tombstones that slow down misses, until the set is rebuilt under the mutex. A sixteenth of the capacity
 *                  is kept for the retired.
 * States           linked -> retired -> reclaimed. linked by ck_hs_set or ck_hs_put, retired by ck_hs_set (the old entry) or
 *                  ck_hs_remove, reclaimed when ck_epoch says that no reader can hold it and no pin does.
 *
 *                      pending (with ck_epoch) ---- epochs have passed ----> ready ----> spare, or free
 *
 *                  The old array of a set that was rebuilt goes the same way.
 * Concurrency      READERS: ck_epoch_begin, ck_hs_get, copy or pin, ck_epoch_end. WRITERS: the mutex of the shard; under it
 *                  lookup, link or unlink, order, retire. DELETES: as writers; who unlinks, retires. Each shard has an epoch
 *                  record of its own for what it retires, used under its mutex, so that no idle thread sits on retired
 *                  memory; each handle has one for its read sections.
 * Guarantees       G1: a store takes effect when ck_hs stores the pointer into its slot, a delete when it stores the
 *                  tombstone, a read at the load of the slot it finds its key in, or of the last slot of its probe (ck_hs_get
 *                  starts over when a writer has moved a key meanwhile). G2: entries are constant once linked. G3: a pin is
 *                  stored before its read section ends, so that the reclaimer, two epochs later, sees it. G4: writers wait for
 *                  room (operation_admit); a parked reader stops epochs, and writers get BUSY.
 * Progress         get, pin, contains, get_many: lock-free (a reader starts over only because a writer moved on). set, delete,
 *                  each: blocking (the shard's mutex).
 * Reclamation      Epochs (ck_epoch), polled in batches under the shard's mutex.
 * References       Fraser, Practical Lock-Freedom, 2004 (epochs); the proof above ck_epoch_synchronize in ck_epoch.c.
 */
#include "common/contract.h"
#include "common/memory.h"
#include "common/operation.h"

#include <ck_epoch.h>
#include <ck_hs.h>

/* A poll looks at the records of all threads and shards: worth it from this many retired entries on. */
#if !defined(BATCH_ENTRIES) /* builds for ThreadSanitizer set it: memory given back early shows who still holds it */
#define BATCH_ENTRIES 64
#endif

/* How many ready entries a store takes: one, which becomes the block of this thread's next store, so that a store which
 * retires one entry allocates nothing; two when more than a batch is waiting. */
#define READY_PER_STORE(ready) ((ready)->count > BATCH_ENTRIES ? 2 : 1)

/* A set is rebuilt when a quarter of its slots are tombstones: then rebuilding costs a delete the move of four slots. */
#define TOMBSTONE_SHARE 4

/* ---- Types ------------------------------------------------------------------------------------------------------- */

/* All but `set` is written by the thread that holds the mutex. Readers read `set`, which changes only when the set is
 * rebuilt: a line pair of its own, or every store of a writer would take it away from them. */
struct shard {
	alignas(LINE_PAIR_BYTES) ck_hs_t set;
	alignas(LINE_PAIR_BYTES) pthread_mutex_t mutex;
	char exclusive; /* contract_exclusive */
	unsigned retired_since_poll;
	struct policy policy;
	struct entry_list ready;
	struct contention waits; /* for the mutex */
	/* Polls of other shards read its first line. Where lines come in pairs they miss falsely (0.4 times an operation at 16
	 * cores, as many stores as gets), because of what the record's own second line holds: a pair of its own does not help. */
	ck_epoch_record_t record;
};

LAYOUT_APART(struct shard, set, mutex, "readers read the set, every store writes what lies behind");
LAYOUT_WITHIN(struct shard, mutex, record, 6, "used while the mutex is held; polls of other shards read the record's state");
LAYOUT_OWN_LINES(struct shard, "writers meet only in the same shard");
static_assert(sizeof(ck_epoch_entry_t) <= sizeof(((struct entry *)0)->link), "the epoch's entry fits an entry's link");
static_assert(offsetof(struct entry, link) == 0, "an entry begins with the epoch's entry");

struct ck_hs_cache {
	struct capacitor common;
	struct shard *shards;
	alignas(LINE_PAIR_BYTES) ck_epoch_t epoch;
};

struct ck_hs_handle {
	struct capacitor_handle common;
	alignas(LINE_PAIR_BYTES) ck_epoch_record_t record;
};

LAYOUT_APART(struct ck_hs_cache, common, shards, "every operation reads the pointer");
LAYOUT_APART(struct ck_hs_cache, shards, epoch, "polls write the epoch");
LAYOUT_APART(struct ck_hs_handle, common.pins, record, "reclaimers read pins, read sections write the record");
LAYOUT_OWN_LINES(struct ck_hs_handle, "a thread's own; polls read the record");
LAYOUT_FOREIGN(struct ck_hs_map, "heads a set's array: readers read mask and generation beside counts that stores write");
LAYOUT_FOREIGN(ck_epoch_record_t, "its owner writes `active` and `epoch`, which polls read");
LAYOUT_FOREIGN(ck_epoch_t, "read sections read the epoch, polls write it; records are added by those who enter");

/* In front of the array of a set. The canary is what ThreadSanitizer sees of it: the library's own reads are hidden. */
struct array {
	ck_epoch_entry_t epoch_entry;
	size_t bytes;
	uint64_t canary;
};
#define ARRAY_HEADER_BYTES ((size_t)64)
#define ARRAY_MAP_BYTES    ((size_t)128) /* the set's own header, with what aligns the slots behind it */
static_assert(sizeof(struct array) <= ARRAY_HEADER_BYTES, "the array keeps its alignment");

static struct ck_hs_cache *cache_of(const struct capacitor_handle *handle)
{
	return (struct ck_hs_cache *)handle->cache;
}

static unsigned shard_count(const struct capacitor_handle *handle)
{
	return handle->cache->config.shards;
}

static struct shard *shard_at(const struct capacitor_handle *handle, unsigned index)
{
	return &cache_of(handle)->shards[index];
}

static struct shard *shard_of(const struct capacitor_handle *handle, const struct key *key)
{
	return shard_at(handle, operation_shard(key->hash, shard_count(handle)));
}

/* ---- The library's callbacks -------------------------------------------------------------------------------------- */

/*
 * ck_hs compares what it holds with what it is given: an entry (to link) or a key (to look up). A key is told by its lowest
 * bit; both are aligned to 8.
 */
#define KEY_TAG ((uintptr_t)1)

static const void *tagged(const struct key *key)
{
	return (const void *)((uintptr_t)key | KEY_TAG);
}

static bool compare(const void *held, const void *given)
{
	const struct entry *entry = held;
	const struct entry *other = given;
	struct key key;

	contract_found(entry);
	if ((uintptr_t)given & KEY_TAG)
		return entry_matches(entry, (const struct key *)((uintptr_t)given & ~KEY_TAG));
	key = (struct key){.data = other->bytes, .bytes = entry_key_bytes(other), .hash = other->hash};
	return entry_matches(entry, &key);
}

/* Only rebuilding asks; operations bring the hash along. */
static unsigned long hash_of(const void *object, unsigned long seed)
{
	(void)seed;
	return ((const struct entry *)object)->hash;
}

/* The library's allocation callbacks have no argument for a context: who calls into ck_hs leaves it here. */
static __thread struct {
	struct capacitor *cache;
	struct shard *shard;
	struct capacitor_handle *handle; /* NULL at creation and at the end */
	size_t fresh_bytes;              /* of the array that it has been given last */
} context;

/* What limbo_poll does with an array that readers have left. (For an entry it is told no function.) */
static void array_reclaim(ck_epoch_entry_t *epoch_entry)
{
	struct array *array = (struct array *)(void *)epoch_entry;

	budget_retired_add(&context.cache->budget, -(int64_t)array->bytes);
	free(array);
}

/* An array that the budget has no room for is refused: ck_hs then keeps the one it has. */
static void *array_malloc(size_t bytes)
{
	struct budget *budget = &context.cache->budget;
	struct array *array;

	bytes += ARRAY_HEADER_BYTES;
	if (!context.handle)
		fetch_add_relaxed(&budget->table_bytes, bytes); /* at creation: relaxed, an amount */
	else if (!budget_table_take(budget, bytes))
		return NULL;
	array = memory_array(bytes, context.cache->config.huge_pages);
	if (!array) {
		if (context.handle)
			budget_table_give(budget, bytes);
		return NULL;
	}
	layout_object(array, struct array);
	layout_block((char *)array + ARRAY_HEADER_BYTES, struct ck_hs_map, ARRAY_MAP_BYTES);
	layout_objects((char *)array + ARRAY_HEADER_BYTES + ARRAY_MAP_BYTES, void *,
	               bytes - ARRAY_HEADER_BYTES - ARRAY_MAP_BYTES);
	context.fresh_bytes = bytes;
	array->bytes = bytes;
	array->canary = 1;
	if (context.handle)
		count(context.handle, CAPACITOR_STAT_TABLE_REBUILDS, 1);
	contract_publish(array);
	return (char *)array + ARRAY_HEADER_BYTES;
}

/* defer: it has been replaced by the array that was given last, and readers may still be in it. Else ck_hs gives up an
 * array that it was to grow into, or the cache ends. */
static void array_free(void *memory, size_t bytes, bool defer)
{
	struct array *array = (struct array *)(void *)((char *)memory - ARRAY_HEADER_BYTES);
	struct budget *budget = &context.cache->budget;

	(void)bytes;
	if (!defer) {
		if (context.handle)
			budget_table_give(budget, array->bytes);
		free(array);
		return;
	}
	budget_retired_add(budget, (int64_t)array->bytes); /* before it leaves the table: nobody is to see it nowhere */
	budget_table_swap(budget, context.fresh_bytes, array->bytes);
	contract_retire(array);
	ck_epoch_call(&context.shard->record, &array->epoch_entry, array_reclaim);
}

static struct ck_malloc allocator = {.malloc = array_malloc, .free = array_free};

static void set_context(struct capacitor *cache, struct shard *shard, struct capacitor_handle *handle)
{
	context.cache = cache;
	context.shard = shard;
	context.handle = handle;
}

/* ---- Helpers ----------------------------------------------------------------------------------------------------- */

static void read_begin(struct capacitor_handle *handle)
{
	ck_epoch_begin(&((struct ck_hs_handle *)handle)->record, NULL);
	contract_read_begin();
}

static void read_end(struct capacitor_handle *handle)
{
	contract_read_end();
	ck_epoch_end(&((struct ck_hs_handle *)handle)->record, NULL);
}

/* A writer needs no epoch: under the mutex nothing of the shard can be unlinked but by itself. To the contract, the mutex
 * is its read section. */
static void lock(struct capacitor_handle *handle, struct shard *shard)
{
	operation_lock_mutex(handle, &shard->mutex, &shard->waits);
	contract_exclusive(&shard->exclusive);
	contract_read_begin();
	set_context(handle->cache, shard, handle);
}

static void unlock(struct shard *shard)
{
	contract_read_end();
	pthread_mutex_unlock(&shard->mutex);
}

/* The array that a set uses now. */
static struct array *array_of(struct shard *shard)
{
	return (struct array *)(void *)((char *)ck_pr_load_ptr(&shard->set.map) - ARRAY_HEADER_BYTES);
}

/* The entry of a key, expired or not; NULL: none. Inside a read section, or under the mutex. */
static struct entry *peek(struct shard *shard, const struct key *key)
{
#if defined(CONTRACT_CHECKED)
	struct array *array = array_of(shard);

	contract_found(array);
	(void)*(volatile uint64_t *)&array->canary; /* an array that was freed too early is caught here */
#endif
	return ck_hs_get(&shard->set, key->hash, tagged(key));
}

/* The entry of a key that has not expired; NULL: none. Inside a read section. */
static struct entry *find(struct capacitor_handle *handle, const struct key *key)
{
	struct entry *entry = peek(shard_of(handle, key), key);

	return entry && !operation_expired(handle->cache, entry) ? entry : NULL;
}

/* ---- Read path --------------------------------------------------------------------------------------------------- */

/* Linearizes at ck_hs_get's load of the slot that holds the key, or of the last slot of its probe. */
static enum capacitor_result get_inside(struct capacitor_handle *handle, const struct key *key, void *buffer,
                                        size_t buffer_bytes, size_t *value_bytes)
{
	struct entry *entry = find(handle, key);

	if (!entry)
		return operation_miss(handle);
	policy_hit(entry, handle->cache->visit_marks);
	return operation_copy(handle, entry, buffer, buffer_bytes, value_bytes);
}

static enum capacitor_result ck_hs_cache_get(struct capacitor_handle *handle, const void *data, size_t key_bytes,
                                             void *buffer, size_t buffer_bytes, size_t *value_bytes)
{
	struct key key = operation_key(handle, data, key_bytes);
	enum capacitor_result result;

	read_begin(handle);
	result = get_inside(handle, &key, buffer, buffer_bytes, value_bytes);
	read_end(handle);
	return result;
}

static enum capacitor_result ck_hs_cache_pin(struct capacitor_handle *handle, const void *data, size_t key_bytes,
                                             struct capacitor_pin *pin)
{
	struct key key = operation_key(handle, data, key_bytes);
	enum capacitor_result result;
	struct entry *entry;

	read_begin(handle);
	entry = find(handle, &key);
	if (entry) {
		policy_hit(entry, handle->cache->visit_marks);
		result = operation_pin(handle, entry, pin);
	} else {
		result = operation_miss(handle);
	}
	read_end(handle);
	return result;
}

static enum capacitor_result ck_hs_cache_contains(struct capacitor_handle *handle, const void *data, size_t key_bytes)
{
	struct key key = operation_key(handle, data, key_bytes);
	bool found;

	read_begin(handle);
	found = find(handle, &key);
	read_end(handle);
	if (!found)
		return operation_miss(handle);
	count(handle, CAPACITOR_STAT_HITS, 1);
	return CAPACITOR_HIT;
}

/* One epoch for a run; the headers of the sets are on their way before the first is needed. */
static void ck_hs_cache_get_many(struct capacitor_handle *handle, struct capacitor_request *requests, size_t requested)
{
	struct key key[OPERATION_BATCH];

	for (size_t from = 0; from < requested; from += OPERATION_BATCH) {
		size_t batch = requested - from < OPERATION_BATCH ? requested - from : OPERATION_BATCH;
		struct capacitor_request *request = requests + from;

		for (size_t i = 0; i < batch; i++) {
			key[i] = operation_key(handle, request[i].key, request[i].key_bytes);
			__builtin_prefetch(&shard_of(handle, &key[i])->set);
		}
		read_begin(handle);
		for (size_t i = 0; i < batch; i++)
			request[i].result = get_inside(handle, &key[i], request[i].buffer, request[i].buffer_bytes,
			                               &request[i].value_bytes);
		read_end(handle);
	}
}

/* Under the mutex of a shard, its entries cannot be unlinked: no epoch is needed. */
static void ck_hs_cache_each(struct capacitor_handle *handle, capacitor_visitor *visitor, void *visitor_context)
{
	bool go_on = true;

	for (unsigned i = 0; i < shard_count(handle) && go_on; i++) {
		struct shard *shard = shard_at(handle, i);

		lock(handle, shard);
		go_on = operation_each(handle, &shard->policy, visitor, visitor_context);
		unlock(shard);
	}
}

/* ---- Epochs ------------------------------------------------------------------------------------------------------ */

/* What readers cannot hold any more: arrays are freed, entries are ready. Under the shard's mutex. */
static void limbo_poll(struct capacitor_handle *handle, struct shard *shard)
{
	ck_stack_t passed = CK_STACK_INITIALIZER;
	ck_stack_entry_t *next;

	shard->retired_since_poll = 0;
	ck_epoch_poll_deferred(&shard->record, &passed);
	if (CK_STACK_FIRST(&passed)) /* the epoch itself stands still while no reader is inside */
		count(handle, CAPACITOR_STAT_GRACE_PERIODS, 1);
	for (ck_stack_entry_t *at = CK_STACK_FIRST(&passed); at; at = next) {
		ck_epoch_entry_t *epoch_entry =
			(ck_epoch_entry_t *)(void *)((char *)at - offsetof(ck_epoch_entry_t, stack_entry));

		next = CK_STACK_NEXT(at);
		contract_reclaim(epoch_entry);
		if (epoch_entry->function)
			epoch_entry->function(epoch_entry);
		else
			entry_list_push(&shard->ready, (struct entry *)(void *)epoch_entry);
	}
}

static void limbo_advance(struct capacitor_handle *handle, struct shard *shard)
{
	if (shard->retired_since_poll >= BATCH_ENTRIES)
		limbo_poll(handle, shard);
}

/* Takes entries off the ready list, to be buried after unlocking. Under the shard's mutex. */
static void limbo_take(struct shard *shard, size_t entries, struct entry_list *dead)
{
	struct entry *entry;

	while (entries-- > 0 && (entry = entry_list_pop(&shard->ready)))
		entry_list_push(dead, entry);
}

/* ---- Write path -------------------------------------------------------------------------------------------------- */

/* An entry was unlinked: it waits. Under the shard's mutex. Result: its bytes, which somebody has to add to the retired. */
static int64_t retire(struct shard *shard, struct entry *entry)
{
	shard->retired_since_poll++;
	contract_retire(entry);
	ck_epoch_call(&shard->record, (ck_epoch_entry_t *)(void *)entry->link, NULL);
	return (int64_t)entry_charge(entry);
}

/* Unlinks an entry that is in the set. Under the mutex of its shard (the context). */
static void unlink_entry(struct capacitor_handle *handle, void *of_shard, struct entry *entry)
{
	struct shard *shard = of_shard;
	void *removed = ck_hs_remove(&shard->set, entry->hash, entry);

	assert(removed == entry); /* who holds the mutex is the only one to remove */
	(void)removed;
	budget_retired_add(&handle->cache->budget, retire(shard, entry));
}

/* Clears tombstones, if memory and budget have room for a new array; else the next store tries again. Stores do it, so
 * that deletes allocate nothing. ck_hs counts the tombstones that it made, not those it used again, so that this comes
 * rather too early than too late. */
static void rebuild_if_worn(struct shard *shard)
{
	struct ck_hs_stat stat;

	ck_hs_stat(&shard->set, &stat);
	if (stat.tombstones * sizeof(void *) * TOMBSTONE_SHARE > array_of(shard)->bytes)
		ck_hs_rebuild(&shard->set);
}

/*
 * Links an entry in place of `old` (NULL: its key is not in the set). In place of another it cannot fail. Else it fails
 * when the probe sequence of its hash is full and the set may not grow: then the next victims of the shard go, until one
 * has made place, also the pinned, because a slot is wanted and not memory. A set without entries has place for any.
 */
static void put(struct capacitor_handle *handle, struct shard *shard, struct entry *fresh, const struct entry *old)
{
	if (old) {
		void *replaced = NULL;
		bool done = ck_hs_set(&shard->set, fresh->hash, fresh, &replaced);

		assert(done && replaced == old);
		(void)done;
		return;
	}
	while (!ck_hs_put(&shard->set, fresh->hash, fresh)) {
		struct entry *victim = policy_evict(&shard->policy);

		assert(victim);
		count(handle, CAPACITOR_STAT_EVICTIONS, 1);
		budget_live_add(&handle->cache->budget, -(int64_t)entry_charge(victim), -1);
		unlink_entry(handle, shard, victim);
	}
}

/* As segment_store, on the set. Linearizes where ck_hs stores the pointer. Under the mutex. */
static enum capacitor_result store_locked(struct capacitor_handle *handle, struct shard *shard, const struct key *key,
                                          struct entry *fresh, enum store_mode mode)
{
	struct entry *old = peek(shard, key);
	bool expired = old && operation_expired(handle->cache, old);
	bool there = old && !expired;
	struct operation_change change;

	if (mode == STORE_ADD && there)
		return CAPACITOR_EXISTS;
	if (mode == STORE_REPLACE && !there)
		return CAPACITOR_MISS;

	operation_make_room(handle, &shard->policy, fresh, old, unlink_entry, shard, &change);
	contract_publish(fresh);
	put(handle, shard, fresh, old);
	operation_order(handle, &shard->policy, fresh, old, expired, &change);
	if (old)
		handle->replaced_bytes = retire(shard, old); /* added by operation_bury */
	budget_live_add(&handle->cache->budget, change.bytes, change.entries);
	return CAPACITOR_STORED;
}

static enum capacitor_result ck_hs_cache_store(struct capacitor_handle *handle, const void *data, size_t key_bytes,
                                               const void *value, size_t value_bytes, uint64_t ttl_ns,
                                               enum store_mode mode)
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
	lock(handle, shard);
	result = store_locked(handle, shard, &key, fresh, mode);
	rebuild_if_worn(shard);
	limbo_advance(handle, shard);
	limbo_take(shard, READY_PER_STORE(&shard->ready), &dead);
	unlock(shard);
	if (result != CAPACITOR_STORED)
		operation_recycle(handle, fresh);
	operation_bury(handle, &dead, true);
	operation_settle(handle);
	return result;
}

/* Linearizes where ck_hs stores the tombstone. */
static enum capacitor_result ck_hs_cache_delete(struct capacitor_handle *handle, const void *data, size_t key_bytes)
{
	struct key key = operation_key(handle, data, key_bytes);
	struct shard *shard = shard_of(handle, &key);
	enum capacitor_result result = CAPACITOR_MISS;
	struct entry *entry;

	lock(handle, shard);
	entry = peek(shard, &key);
	if (entry) {
		if (operation_expired(handle->cache, entry))
			count(handle, CAPACITOR_STAT_EXPIRATIONS, 1);
		else
			result = CAPACITOR_HIT;
		policy_remove(&shard->policy, entry);
		budget_live_add(&handle->cache->budget, -(int64_t)entry_charge(entry), -1);
		unlink_entry(handle, shard, entry);
	}
	limbo_advance(handle, shard);
	unlock(shard);
	return result;
}

static void ck_hs_cache_clear(struct capacitor_handle *handle)
{
	for (unsigned i = 0; i < shard_count(handle); i++) {
		struct shard *shard = shard_at(handle, i);
		struct entry *entry;

		lock(handle, shard);
		while ((entry = policy_first(&shard->policy))) {
			policy_remove(&shard->policy, entry);
			budget_live_add(&handle->cache->budget, -(int64_t)entry_charge(entry), -1);
			unlink_entry(handle, shard, entry);
		}
		rebuild_if_worn(shard);
		limbo_poll(handle, shard);
		unlock(shard);
	}
}

/* ---- Eviction and reclamation ------------------------------------------------------------------------------------ */

static void ck_hs_cache_shrink(struct capacitor_handle *handle)
{
	unsigned from = handle->next_victim++;

	for (unsigned i = 0; i < shard_count(handle) && budget_over(&handle->cache->budget, 0, 0); i++) {
		struct shard *shard = shard_at(handle, (from + i) & (shard_count(handle) - 1));

		lock(handle, shard);
		operation_shrink(handle, &shard->policy, unlink_entry, shard);
		limbo_advance(handle, shard);
		unlock(shard);
	}
}

/* Of all shards, because an idle one may hold what a busy one needs. */
static void ck_hs_cache_reclaim(struct capacitor_handle *handle)
{
	for (unsigned i = 0; i < shard_count(handle); i++) {
		struct shard *shard = shard_at(handle, i);
		struct entry_list dead = {0};

		lock(handle, shard);
		limbo_poll(handle, shard);
		limbo_take(shard, SIZE_MAX, &dead);
		unlock(shard);
		operation_bury(handle, &dead, true);
	}
}

/* ---- Life -------------------------------------------------------------------------------------------------------- */

/* A record stays with its handle, registered and idle, when the thread leaves: records are never freed before the epoch. */
static enum capacitor_result ck_hs_cache_enter(struct capacitor_handle *handle, bool first)
{
	if (first) {
		layout_object(handle, struct ck_hs_handle);
		ck_epoch_register(&cache_of(handle)->epoch, &((struct ck_hs_handle *)handle)->record, NULL);
	}
	return CAPACITOR_OK;
}

static void free_list(struct entry_list *list)
{
	struct entry *entry;

	while ((entry = entry_list_pop(list)))
		free(entry);
}

/* No thread is inside: what is pending with ck_epoch comes out at the next polls. */
static void shard_destroy(struct capacitor *cache, struct shard *shard)
{
	struct capacitor_handle nobody = {.cache = cache, .counters = counters_slot(&cache->counters, 0)};
	struct entry *entry;

	set_context(cache, shard, NULL);
	for (unsigned polls = 0; shard->record.n_pending > 0 && polls < 2 * CK_EPOCH_LENGTH; polls++)
		limbo_poll(&nobody, shard);
	assert(shard->record.n_pending == 0);
	while ((entry = policy_first(&shard->policy))) {
		policy_remove(&shard->policy, entry);
		entry_list_push(&shard->ready, entry);
	}
	free_list(&shard->ready);
	ck_hs_destroy(&shard->set);
	policy_destroy(&shard->policy);
	pthread_mutex_destroy(&shard->mutex);
}

static void shards_free(struct ck_hs_cache *self, unsigned made)
{
	for (unsigned i = 0; i < made; i++)
		shard_destroy(&self->common, &self->shards[i]);
	free(self->shards);
}

static void ck_hs_cache_destroy(struct capacitor *cache)
{
	shards_free((struct ck_hs_cache *)cache, cache->config.shards);
}

/* A set doubles when it is half full: it gets twice the slots that are expected. */
static bool shard_create(struct ck_hs_cache *self, struct shard *shard, size_t expected_entries)
{
	struct capacitor *cache = &self->common;

	set_context(cache, shard, NULL);
	if (!policy_init(&shard->policy, cache->config.policy, expected_entries))
		return false;
	if (!ck_hs_init(&shard->set, CK_HS_MODE_SPMC | CK_HS_MODE_OBJECT, hash_of, compare, &allocator,
	                2 * expected_entries, 0)) {
		policy_destroy(&shard->policy);
		return false;
	}
	fetch_add_relaxed(&cache->budget.table_bytes, /* relaxed: an amount */
	                  policy_table_bytes(cache->config.policy, expected_entries));
	pthread_mutex_init(&shard->mutex, NULL);
	ck_epoch_register(&self->epoch, &shard->record, NULL);
	return true;
}

static enum capacitor_result ck_hs_cache_create(struct capacitor *cache)
{
	struct ck_hs_cache *self = (struct ck_hs_cache *)cache;
	unsigned shards = cache->config.shards;

	ck_epoch_init(&self->epoch);
	self->shards = memory_array(shards * sizeof *self->shards, false);
	if (!self->shards)
		return CAPACITOR_NO_MEMORY;
	layout_object(self, struct ck_hs_cache);
	layout_objects(self->shards, struct shard, shards * sizeof *self->shards);
	for (unsigned made = 0; made < shards; made++) {
		if (!shard_create(self, &self->shards[made], operation_expected(cache, shards))) {
			shards_free(self, made);
			return CAPACITOR_NO_MEMORY;
		}
	}
	return CAPACITOR_OK;
}

static bool ck_hs_cache_each_lock(struct capacitor *cache, capacitor_lock_visitor *visitor, void *visitor_context)
{
	struct ck_hs_cache *self = (struct ck_hs_cache *)cache;
	bool go_on = true;

	for (unsigned i = 0; i < cache->config.shards && go_on; i++)
		go_on = contention_show(&self->shards[i].waits, "shard", i, true, visitor, visitor_context);
	return go_on;
}

const struct implementation IMPLEMENTATION = {
	.info = {
		.name = IMPLEMENTATION_STRING,
		.summary = "Concurrency Kit's hash set in shards, readers without locks, one writer per shard",
		.use = "many readers on many cores, without a helper thread; x86-64",
		.reclamation = "epochs (ck_epoch), polled in batches",
		.policies = 1u << CAPACITOR_FIFO | 1u << CAPACITOR_CLOCK | 1u << CAPACITOR_SIEVE | 1u << CAPACITOR_S3FIFO,
		.lacks = 0,
		.progress = {
			[CAPACITOR_OP_GET] = CAPACITOR_LOCK_FREE,
			[CAPACITOR_OP_PIN] = CAPACITOR_LOCK_FREE,
			[CAPACITOR_OP_CONTAINS] = CAPACITOR_LOCK_FREE,
			[CAPACITOR_OP_SET] = CAPACITOR_BLOCKING,
			[CAPACITOR_OP_DELETE] = CAPACITOR_BLOCKING,
			[CAPACITOR_OP_GET_MANY] = CAPACITOR_LOCK_FREE,
			[CAPACITOR_OP_EACH] = CAPACITOR_BLOCKING,
		},
		.unavailable = {
			[CAPACITOR_STAT_CAS_FAILURES] = "ck_epoch does not tell how often its compare-and-swaps lost",
			[CAPACITOR_STAT_GRACE_NS] = "epochs are polled, and nobody waits for one: how often they pass is counted",
		},
	},
	.cache_bytes = sizeof(struct ck_hs_cache),
	.handle_bytes = sizeof(struct ck_hs_handle),
	.reserve_share = 16,
	.create = ck_hs_cache_create,
	.destroy = ck_hs_cache_destroy,
	.enter = ck_hs_cache_enter,
	.get = ck_hs_cache_get,
	.pin = ck_hs_cache_pin,
	.contains = ck_hs_cache_contains,
	.get_many = ck_hs_cache_get_many,
	.store = ck_hs_cache_store,
	.delete = ck_hs_cache_delete,
	.each = ck_hs_cache_each,
	.clear = ck_hs_cache_clear,
	.shrink = ck_hs_cache_shrink,
	.reclaim = ck_hs_cache_reclaim,
	.each_lock = ck_hs_cache_each_lock,
};
