/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rcu: liburcu's lock-free hash table, readers in RCU read-side critical sections.
 *
 * What it is       One cds_lfht for all keys, sized up front. Writers of the same shard (a share of the hashes) take turns
 *                  on its mutex, because the eviction order of a shard is a plain list; the table itself would let them
 *                  run side by side. A value is never changed in place: a new entry replaces the old one.
 * Benefits         A hit takes no lock and writes nothing that another core reads, but for a visited mark that is not yet
 *                  set; rcu_read_lock is a store to the thread's own word. Readers scale with cores, and a stopped
 *                  writer does not stop them.
 * Costs            An overwritten entry stays until a grace period has passed: a sixteenth of the capacity is kept for the
 *                  retired. Every store is a new entry. The table does not grow, because cds_lfht asserts where an
 *                  allocation fails (also at creation). One helper thread per cache waits for grace periods.
 * States           linked -> retired -> reclaimed. linked by cds_lfht_add_replace, retired by the same call (for the old
 *                  entry) or by cds_lfht_del, reclaimed when a grace period that began later is over and no pin holds it.
 *
 *                      open ---- grace_request ----> waiting ---- grace period over ----> ready ----> spare, or free
 *                      (these are the three lists of a shard's limbo, all charged as retired)
 *
 * Concurrency      READERS: rcu_read_lock, lookup, copy or pin, rcu_read_unlock. WRITERS: the mutex of the shard of the key;
 *                  under it lookup, link or unlink, order, limbo. DELETES: as writers; who unlinks, retires.
 * Guarantees       G1: a store takes effect at the compare-and-swap in cds_lfht_add_replace (which makes the old node
 *                  removed and the new one its successor at once), a delete at the removal flag that cds_lfht_del sets,
 *                  a read at its load of the node that it finds or misses. Store and delete of one key are ordered by the
 *                  mutex. G2: entries are constant once linked. G3: a pin is stored before its read section ends, so that
 *                  the reclaimer, a grace period later, sees it. G4: writers wait for room (operation_admit); a parked
 *                  reader stops grace periods, and writers get BUSY.
 * Progress         get, pin, contains, get_many: lock-free. liburcu calls its lookups wait-free; nodes that are added ahead
 *                  of a reader in the same chain lengthen its walk, so that we claim the weaker. set, delete, each:
 *                  blocking (the shard's mutex).
 * Reclamation      Grace periods of liburcu's memb flavour (membarrier: readers pay no fence), in batches: a shard seals a
 *                  list of the retired with the number of a grace period that is still to begin.
 * References       Desnoyers, McKenney et al., User-Level Implementations of Read-Copy Update, IEEE TPDS 2012; Shalev and
 *                  Shavit, Split-Ordered Lists, JACM 2006 (the table's ancestor).
 */
#include "common/contract.h"
#include "common/memory.h"
#include "common/operation.h"

#if !defined(CONTRACT_CHECKED)
#define _LGPL_SOURCE /* inline read-side primitives, which their licence allows to code compatible with the LGPL */
#endif
#define URCU_API_MAP
#include <urcu/urcu-memb.h>
#include <urcu/rculfhash.h>

/* A sealed batch costs a request to the helper thread: worth it from this many entries on. */
#if !defined(BATCH_ENTRIES) /* builds for ThreadSanitizer set it: memory given back early shows who still holds it */
#define BATCH_ENTRIES 128
#endif

/* How many ready entries a store takes: one, which becomes the block of this thread's next store, so that a store which
 * retires one entry allocates nothing; two when more than a batch is waiting. */
#define READY_PER_STORE(ready) ((ready)->count > BATCH_ENTRIES ? 2 : 1)

/* ---- Types ------------------------------------------------------------------------------------------------------- */

/*
 * Grace periods by number. The helper thread begins the next one when somebody has requested it.
 */
struct grace {
	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t wanted;
	uint64_t requested;         /* under the mutex: the highest number asked for */
	uint64_t started;           /* under the mutex: the highest number begun */
	bool stop;                  /* under the mutex */
	_Atomic uint64_t completed; /* the highest number over; on lines of its own it saved no miss */
	_Atomic uint64_t completed_ns; /* how long all of them took; written by the helper thread */
	struct contention waits;       /* of requests, for the mutex */
};

/* Unlinked entries of a shard; see the drawing above. */
struct limbo {
	struct entry_list open;
	struct entry_list waiting;
	struct entry_list ready;
	uint64_t grace_number; /* that `waiting` waits for */
};

/* All written by the thread that holds the mutex: they share lines, and with nothing else. */
struct shard {
	alignas(LINE_PAIR_BYTES) pthread_mutex_t mutex;
	char exclusive; /* contract_exclusive */
	struct policy policy;
	struct limbo limbo;
	struct contention waits; /* for the mutex */
};

LAYOUT_OWN_LINES(struct shard, "writers meet only in the same shard, and readers never");
LAYOUT_WITHIN(struct shard, mutex, waits, 4, "all of it is used while the mutex is held");
static_assert(sizeof(struct cds_lfht_node) <= sizeof(((struct entry *)0)->link), "the table's node fits an entry's link");
static_assert(offsetof(struct entry, link) == 0, "an entry begins with the table's node");

struct rcu_cache {
	struct capacitor common;
	struct cds_lfht *table;
	struct shard *shards;
	alignas(LINE_PAIR_BYTES) struct grace grace;
};

LAYOUT_APART(struct rcu_cache, common, table, "every operation reads the pointers");
LAYOUT_TOGETHER(struct rcu_cache, table, shards, "constant");
LAYOUT_APART(struct rcu_cache, shards, grace, "requests for grace periods do not disturb readers");
LAYOUT_TOGETHER(struct rcu_cache, grace.mutex, grace.completed, "a request in a batch of stores touches all of it");
LAYOUT_FOREIGN(struct cds_lfht, "read by every operation");
LAYOUT_FOREIGN(struct cds_lfht_node, "the link of an entry, and of a bucket, of which four share a line");
LAYOUT_FOREIGN(struct urcu_reader, "in a thread's own memory: written by its read sections, read by grace periods");
LAYOUT_FOREIGN(struct urcu_gp, "read by every read section, written by grace periods");

/* liburcu keeps one registration per thread and process; a thread may be inside several caches. The key's destructor
 * unregisters a thread that dies after its cache was destroyed: liburcu would go on reading its memory. */
static __thread unsigned registrations;
static pthread_once_t registration_once = PTHREAD_ONCE_INIT;
static pthread_key_t registration_key;

static struct rcu_cache *cache_of(const struct capacitor_handle *handle)
{
	return (struct rcu_cache *)handle->cache;
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

static struct cds_lfht_node *node_of(struct entry *entry)
{
	return (struct cds_lfht_node *)(void *)entry->link;
}

static struct entry *entry_of(struct cds_lfht_node *node)
{
	return (struct entry *)(void *)node;
}

/* ---- Helpers ----------------------------------------------------------------------------------------------------- */

static void read_begin(void)
{
	rcu_read_lock();
	contract_read_begin();
}

static void read_end(void)
{
	contract_read_end();
	rcu_read_unlock();
}

static void lock(struct capacitor_handle *handle, struct shard *shard)
{
	operation_lock_mutex(handle, &shard->mutex, &shard->waits);
	contract_exclusive(&shard->exclusive);
}

static void unlock(struct shard *shard)
{
	pthread_mutex_unlock(&shard->mutex);
}

static int match(struct cds_lfht_node *node, const void *key)
{
	struct entry *entry = entry_of(node);

	contract_found(entry);
	return entry_matches(entry, key);
}

/* The entry of a key, expired or not; NULL: none. Inside a read section. */
static struct entry *peek(struct capacitor_handle *handle, const struct key *key)
{
	struct cds_lfht_iter iterator;
	struct cds_lfht_node *node;

	cds_lfht_lookup(cache_of(handle)->table, key->hash, match, key, &iterator);
	node = cds_lfht_iter_get_node(&iterator);
	return node ? entry_of(node) : NULL;
}

/* The entry of a key that has not expired; NULL: none. Inside a read section. */
static struct entry *find(struct capacitor_handle *handle, const struct key *key)
{
	struct entry *entry = peek(handle, key);

	return entry && !operation_expired(handle->cache, entry) ? entry : NULL;
}

/* ---- Read path --------------------------------------------------------------------------------------------------- */

/* Linearizes at the load, in cds_lfht_lookup, of the node that matches, or of the end of the chain. */
static enum capacitor_result get_inside(struct capacitor_handle *handle, const struct key *key, void *buffer,
                                        size_t buffer_bytes, size_t *value_bytes)
{
	struct entry *entry = find(handle, key);

	if (!entry)
		return operation_miss(handle);
	policy_hit(entry, handle->cache->visit_marks);
	return operation_copy(handle, entry, buffer, buffer_bytes, value_bytes);
}

static enum capacitor_result rcu_get(struct capacitor_handle *handle, const void *data, size_t key_bytes, void *buffer,
                                     size_t buffer_bytes, size_t *value_bytes)
{
	struct key key = operation_key(handle, data, key_bytes);
	enum capacitor_result result;

	read_begin();
	result = get_inside(handle, &key, buffer, buffer_bytes, value_bytes);
	read_end();
	return result;
}

static enum capacitor_result rcu_pin(struct capacitor_handle *handle, const void *data, size_t key_bytes,
                                     struct capacitor_pin *pin)
{
	struct key key = operation_key(handle, data, key_bytes);
	enum capacitor_result result;
	struct entry *entry;

	read_begin();
	entry = find(handle, &key);
	if (entry) {
		policy_hit(entry, handle->cache->visit_marks);
		result = operation_pin(handle, entry, pin);
	} else {
		result = operation_miss(handle);
	}
	read_end();
	return result;
}

static enum capacitor_result rcu_contains(struct capacitor_handle *handle, const void *data, size_t key_bytes)
{
	struct key key = operation_key(handle, data, key_bytes);
	bool found;

	read_begin();
	found = find(handle, &key);
	read_end();
	if (!found)
		return operation_miss(handle);
	count(handle, CAPACITOR_STAT_HITS, 1);
	return CAPACITOR_HIT;
}

/* One read section for a run. The table's buckets are liburcu's: there is nothing that we could prefetch. */
static void rcu_get_many(struct capacitor_handle *handle, struct capacitor_request *requests, size_t requested)
{
	for (size_t from = 0; from < requested; from += OPERATION_BATCH) {
		size_t to = requested - from < OPERATION_BATCH ? requested : from + OPERATION_BATCH;

		read_begin();
		for (size_t i = from; i < to; i++) {
			struct capacitor_request *request = &requests[i];
			struct key key = operation_key(handle, request->key, request->key_bytes);

			request->result = get_inside(handle, &key, request->buffer, request->buffer_bytes,
			                             &request->value_bytes);
		}
		read_end();
	}
}

/* Under the mutex of a shard, its entries cannot be unlinked: no read section is needed. */
static void rcu_each(struct capacitor_handle *handle, capacitor_visitor *visitor, void *context)
{
	bool go_on = true;

	for (unsigned i = 0; i < shard_count(handle) && go_on; i++) {
		struct shard *shard = shard_at(handle, i);

		lock(handle, shard);
		go_on = operation_each(handle, &shard->policy, visitor, context);
		unlock(shard);
	}
}

/* ---- Grace periods ----------------------------------------------------------------------------------------------- */

/*
 * The number of a grace period that begins after this call. The mutex orders what the caller unlinked before the helper
 * thread's synchronize_rcu.
 */
static uint64_t grace_request(struct capacitor_handle *handle)
{
	struct grace *grace = &cache_of(handle)->grace;
	uint64_t number;

	operation_lock_mutex(handle, &grace->mutex, &grace->waits);
	number = grace->started + 1;
	if (grace->requested < number) {
		grace->requested = number;
		pthread_cond_signal(&grace->wanted);
	}
	pthread_mutex_unlock(&grace->mutex);
	return number;
}

static bool grace_over(struct grace *grace, uint64_t number)
{
	return load_acquire(&grace->completed) >= number; /* PAIRS: grace_main() */
}

static void *grace_main(void *argument)
{
	struct grace *grace = argument;

	pthread_mutex_lock(&grace->mutex);
	for (;;) {
		uint64_t number, from_ns = 0;

		while (!grace->stop && grace->requested == grace->started)
			pthread_cond_wait(&grace->wanted, &grace->mutex);
		if (grace->stop)
			break;
		number = ++grace->started;
		pthread_mutex_unlock(&grace->mutex);
		if (PROBED(PROBE_GRACE))
			from_ns = monotonic_ns();
		synchronize_rcu();
		if (PROBED(PROBE_GRACE))
			store_relaxed(&grace->completed_ns, /* relaxed: an amount, and only this thread writes it */
			              load_relaxed(&grace->completed_ns) + monotonic_ns() - from_ns);
		store_release(&grace->completed, number); /* PAIRS: grace_over() */
		pthread_mutex_lock(&grace->mutex);
	}
	pthread_mutex_unlock(&grace->mutex);
	return NULL;
}

/* Moves a shard's retired entries on as far as they can go. Under its mutex. */
static void limbo_advance(struct capacitor_handle *handle, struct limbo *limbo, size_t batch_entries)
{
	struct grace *grace = &cache_of(handle)->grace;
	struct entry *entry;

	if (limbo->waiting.first && grace_over(grace, limbo->grace_number)) {
		while ((entry = entry_list_pop(&limbo->waiting))) {
			contract_reclaim(entry);
			entry_list_push(&limbo->ready, entry);
		}
	}
	if (!limbo->waiting.first && limbo->open.count >= batch_entries) {
		limbo->waiting = limbo->open;
		limbo->open = (struct entry_list){0};
		limbo->grace_number = grace_request(handle);
	}
}

/* Takes entries off the ready list, to be buried after unlocking. Under the shard's mutex. */
static void limbo_take(struct limbo *limbo, size_t entries, struct entry_list *dead)
{
	struct entry *entry;

	while (entries-- > 0 && (entry = entry_list_pop(&limbo->ready)))
		entry_list_push(dead, entry);
}

/* ---- Write path -------------------------------------------------------------------------------------------------- */

/* An entry was unlinked: it waits. Under the shard's mutex, which all unlinking of its entries happens under. Result: its bytes,
 * which somebody has to add to the retired. */
static int64_t retire(struct shard *shard, struct entry *entry)
{
	contract_retire(entry);
	entry_list_push(&shard->limbo.open, entry);
	return (int64_t)entry_charge(entry);
}

/* Unlinks an entry that is in the table. Inside a read section, under the mutex of its shard (the context). */
static void unlink_entry(struct capacitor_handle *handle, void *shard, struct entry *entry)
{
	int failed = cds_lfht_del(cache_of(handle)->table, node_of(entry));

	assert(!failed); /* who holds the mutex is the only one to remove */
	(void)failed;
	budget_retired_add(&handle->cache->budget, retire(shard, entry));
}

/* As segment_store, on the lock-free table. Linearizes in cds_lfht_add_replace. Inside a read section, under the mutex. */
static enum capacitor_result store_locked(struct capacitor_handle *handle, struct shard *shard, const struct key *key,
                                          struct entry *fresh, enum store_mode mode)
{
	struct entry *old = peek(handle, key);
	bool expired = old && operation_expired(handle->cache, old);
	bool there = old && !expired;
	struct operation_change change;
	struct cds_lfht_node *replaced;

	if (mode == STORE_ADD && there)
		return CAPACITOR_EXISTS;
	if (mode == STORE_REPLACE && !there)
		return CAPACITOR_MISS;

	operation_make_room(handle, &shard->policy, fresh, old, unlink_entry, shard, &change);
	contract_publish(fresh);
	cds_lfht_node_init(node_of(fresh));
	replaced = cds_lfht_add_replace(cache_of(handle)->table, key->hash, match, key, node_of(fresh));
	assert(replaced == (old ? node_of(old) : NULL));
	(void)replaced;
	operation_order(handle, &shard->policy, fresh, old, expired, &change);
	if (old)
		handle->replaced_bytes = retire(shard, old); /* added by operation_bury */
	budget_live_add(&handle->cache->budget, change.bytes, change.entries);
	return CAPACITOR_STORED;
}

static enum capacitor_result rcu_store(struct capacitor_handle *handle, const void *data, size_t key_bytes,
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
	lock(handle, shard);
	read_begin();
	result = store_locked(handle, shard, &key, fresh, mode);
	read_end();
	limbo_advance(handle, &shard->limbo, BATCH_ENTRIES);
	limbo_take(&shard->limbo, READY_PER_STORE(&shard->limbo.ready), &dead);
	unlock(shard);
	if (result != CAPACITOR_STORED)
		operation_recycle(handle, fresh);
	operation_bury(handle, &dead, true);
	operation_settle(handle);
	return result;
}

/* Linearizes where cds_lfht_del marks the node removed. */
static enum capacitor_result rcu_delete(struct capacitor_handle *handle, const void *data, size_t key_bytes)
{
	struct key key = operation_key(handle, data, key_bytes);
	struct shard *shard = shard_of(handle, &key);
	enum capacitor_result result = CAPACITOR_MISS;
	struct entry *entry;

	lock(handle, shard);
	read_begin();
	entry = peek(handle, &key);
	if (entry) {
		if (operation_expired(handle->cache, entry))
			count(handle, CAPACITOR_STAT_EXPIRATIONS, 1);
		else
			result = CAPACITOR_HIT;
		policy_remove(&shard->policy, entry);
		budget_live_add(&handle->cache->budget, -(int64_t)entry_charge(entry), -1);
		unlink_entry(handle, shard, entry);
	}
	read_end();
	limbo_advance(handle, &shard->limbo, BATCH_ENTRIES);
	unlock(shard);
	return result;
}

static void rcu_clear(struct capacitor_handle *handle)
{
	for (unsigned i = 0; i < shard_count(handle); i++) {
		struct shard *shard = shard_at(handle, i);
		struct entry *entry;

		lock(handle, shard);
		while ((entry = policy_first(&shard->policy))) {
			read_begin(); /* one each, so that clearing holds up no grace period */
			policy_remove(&shard->policy, entry);
			budget_live_add(&handle->cache->budget, -(int64_t)entry_charge(entry), -1);
			unlink_entry(handle, shard, entry);
			read_end();
		}
		limbo_advance(handle, &shard->limbo, 1);
		unlock(shard);
	}
}

/* ---- Eviction and reclamation ------------------------------------------------------------------------------------ */

static void rcu_shrink(struct capacitor_handle *handle)
{
	unsigned from = handle->next_victim++;

	for (unsigned i = 0; i < shard_count(handle) && budget_over(&handle->cache->budget, 0, 0); i++) {
		struct shard *shard = shard_at(handle, (from + i) & (shard_count(handle) - 1));

		lock(handle, shard);
		read_begin();
		operation_shrink(handle, &shard->policy, unlink_entry, shard);
		read_end();
		limbo_advance(handle, &shard->limbo, BATCH_ENTRIES);
		unlock(shard);
	}
}

/* Of all shards, because an idle one may hold what a busy one needs. */
static void rcu_reclaim(struct capacitor_handle *handle)
{
	for (unsigned i = 0; i < shard_count(handle); i++) {
		struct shard *shard = shard_at(handle, i);
		struct entry_list dead = {0};

		lock(handle, shard);
		limbo_advance(handle, &shard->limbo, 1);
		limbo_take(&shard->limbo, SIZE_MAX, &dead);
		unlock(shard);
		operation_bury(handle, &dead, true);
	}
}

/* ---- Life -------------------------------------------------------------------------------------------------------- */

static void registration_end(void *unused)
{
	(void)unused;
	if (registrations > 0)
		rcu_unregister_thread();
	registrations = 0;
}

static void registration_init(void)
{
	if (pthread_key_create(&registration_key, registration_end) != 0)
		registration_key = (pthread_key_t)-1; /* no key is left: pthread_setspecific fails, and so does enter */
}

static enum capacitor_result rcu_enter(struct capacitor_handle *handle, bool first)
{
	(void)handle, (void)first;
	pthread_once(&registration_once, registration_init);
	if (registrations == 0) {
		if (pthread_setspecific(registration_key, &registrations) != 0)
			return CAPACITOR_NO_MEMORY;
		rcu_register_thread();
	}
	registrations++;
	return CAPACITOR_OK;
}

/* A dying thread's keys are destroyed in any order: it may be unregistered already. */
static void rcu_leave(struct capacitor_handle *handle)
{
	(void)handle;
	if (registrations > 0 && --registrations == 0)
		rcu_unregister_thread();
}

static void rcu_stats(struct capacitor *cache, struct capacitor_stats *stats)
{
	struct rcu_cache *self = (struct rcu_cache *)cache;

	stats->value[CAPACITOR_STAT_GRACE_PERIODS] = load_relaxed(&self->grace.completed); /* relaxed: amounts */
	stats->value[CAPACITOR_STAT_GRACE_NS] = load_relaxed(&self->grace.completed_ns);
}

static bool rcu_each_lock(struct capacitor *cache, capacitor_lock_visitor *visitor, void *context)
{
	struct rcu_cache *self = (struct rcu_cache *)cache;
	bool go_on = true;

	for (unsigned i = 0; i < cache->config.shards && go_on; i++)
		go_on = contention_show(&self->shards[i].waits, "shard", i, true, visitor, context);
	return go_on && contention_show(&self->grace.waits, "grace", 0, true, visitor, context);
}

static bool grace_start(struct grace *grace)
{
	pthread_mutex_init(&grace->mutex, NULL);
	pthread_cond_init(&grace->wanted, NULL);
	return pthread_create(&grace->thread, NULL, grace_main, grace) == 0;
}

static void grace_end(struct grace *grace, bool started)
{
	if (started) {
		pthread_mutex_lock(&grace->mutex);
		grace->stop = true;
		pthread_cond_signal(&grace->wanted);
		pthread_mutex_unlock(&grace->mutex);
		pthread_join(grace->thread, NULL);
	}
	pthread_cond_destroy(&grace->wanted);
	pthread_mutex_destroy(&grace->mutex);
}

static void free_list(struct entry_list *list)
{
	struct entry *entry;

	while ((entry = entry_list_pop(list)))
		free(entry);
}

/* No thread is inside: entries are freed without a grace period. */
static void shard_destroy(struct rcu_cache *self, struct shard *shard)
{
	struct entry_list dead = {0};
	struct entry *entry;

	while ((entry = policy_first(&shard->policy))) {
		policy_remove(&shard->policy, entry);
		read_begin();
		cds_lfht_del(self->table, node_of(entry));
		read_end();
		entry_list_push(&dead, entry);
	}
	free_list(&dead);
	free_list(&shard->limbo.open);
	free_list(&shard->limbo.waiting);
	free_list(&shard->limbo.ready);
	policy_destroy(&shard->policy);
	pthread_mutex_destroy(&shard->mutex);
}

static void rcu_free(struct rcu_cache *self, unsigned shards, bool grace_started)
{
	grace_end(&self->grace, grace_started);
	rcu_enter(NULL, false); /* cds_lfht wants registered threads */
	for (unsigned i = 0; i < shards; i++)
		shard_destroy(self, &self->shards[i]);
	if (self->table)
		cds_lfht_destroy(self->table, NULL);
	rcu_leave(NULL);
	free(self->shards);
}

static void rcu_destroy(struct capacitor *cache)
{
	rcu_free((struct rcu_cache *)cache, cache->config.shards, true);
}

/* Flags 0: no automatic resizing. The table has its final size from the start, a bucket per expected entry. */
static void table_create(struct rcu_cache *self, size_t expected_entries)
{
	size_t buckets = 1;

	while (buckets < expected_entries)
		buckets *= 2;
	self->table = cds_lfht_new(buckets, buckets, buckets, 0, NULL);
	fetch_add_relaxed(&self->common.budget.table_bytes, buckets * sizeof(struct cds_lfht_node)); /* an amount */
}

static enum capacitor_result rcu_create(struct capacitor *cache)
{
	struct rcu_cache *self = (struct rcu_cache *)cache;
	unsigned shards = cache->config.shards;
	size_t expected_each = operation_expected(cache, shards);
	unsigned made = 0;
	bool started = grace_start(&self->grace);

	self->shards = memory_array(shards * sizeof *self->shards, false);
	if (!started || !self->shards)
		goto failed;
	layout_object(self, struct rcu_cache);
	layout_objects(self->shards, struct shard, shards * sizeof *self->shards);
	table_create(self, operation_expected(cache, 1));
	for (; made < shards; made++) {
		struct shard *shard = &self->shards[made];

		if (!policy_init(&shard->policy, cache->config.policy, expected_each))
			goto failed;
		pthread_mutex_init(&shard->mutex, NULL);
		fetch_add_relaxed(&cache->budget.table_bytes, /* relaxed: an amount */
		                  policy_table_bytes(cache->config.policy, expected_each));
	}
	return CAPACITOR_OK;
failed:
	rcu_free(self, made, started);
	return CAPACITOR_NO_MEMORY;
}

const struct implementation IMPLEMENTATION = {
	.info = {
		.name = IMPLEMENTATION_STRING,
		.summary = "liburcu's lock-free hash table, readers in RCU read-side critical sections",
		.use = "many readers on many cores; writes that may wait for a lock",
		.reclamation = "grace periods of liburcu (memb), in batches",
		.policies = 1u << CAPACITOR_FIFO | 1u << CAPACITOR_CLOCK | 1u << CAPACITOR_SIEVE | 1u << CAPACITOR_S3FIFO,
		.lacks = CAPACITOR_LACKS_HUGE_PAGES | CAPACITOR_LACKS_TABLE_GROWTH,
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
			[CAPACITOR_STAT_CAS_FAILURES] = "cds_lfht does not tell how often its compare-and-swaps lost",
			[CAPACITOR_STAT_TABLE_REBUILDS] = "the table keeps its size",
		},
	},
	.cache_bytes = sizeof(struct rcu_cache),
	.handle_bytes = sizeof(struct capacitor_handle),
	.reserve_share = 16,
	.create = rcu_create,
	.destroy = rcu_destroy,
	.enter = rcu_enter,
	.leave = rcu_leave,
	.get = rcu_get,
	.pin = rcu_pin,
	.contains = rcu_contains,
	.get_many = rcu_get_many,
	.store = rcu_store,
	.delete = rcu_delete,
	.each = rcu_each,
	.clear = rcu_clear,
	.shrink = rcu_shrink,
	.reclaim = rcu_reclaim,
	.stats = rcu_stats,
	.each_lock = rcu_each_lock,
};
