/* SPDX-License-Identifier: BSD-2-Clause */
/* capacitor_stats: what is counted adds up, in every layout of the counters, with one thread and with many. */
#include <inttypes.h>

#include "crew.h"

/* ---- One thread -------------------------------------------------------------------------------------------------- */

static void test_counts(struct rig *rig)
{
	uint64_t hit = !(rig->info->lacks & STORAGE);
	char buffer[8][64];
	struct label label[8];
	struct capacitor_request request[8];
	struct capacitor_pin pin;

	rig_open(rig);
	for (unsigned i = 0; i < CAPACITOR_STAT_GAUGES; i++)
		expect(rig_stat(rig, (enum capacitor_stat)i) == 0, "%s is not 0 at the start",
		       capacitor_stat_string((enum capacitor_stat)i));
	for (uint64_t key = 0; key < 10; key++)
		expect_result(tagged_set(rig->handle, key, key, 50), CAPACITOR_STORED);
	expect_number(rig_stat(rig, CAPACITOR_STAT_STORES), 10);
	for (uint64_t key = 5; key < 15; key++)
		tagged_version(rig, key);
	expect_number(rig_stat(rig, CAPACITOR_STAT_HITS), 5 * hit);
	for (uint64_t key = 5; key < 15; key++)
		label_contains(rig->handle, key);
	expect_number(rig_stat(rig, CAPACITOR_STAT_HITS), 10 * hit);
	for (uint64_t key = 5; key < 15; key++)
		if (label_pin(rig->handle, key, &pin) == CAPACITOR_HIT)
			capacitor_unpin(rig->handle, &pin);
	for (unsigned i = 0; i < 8; i++) {
		label[i] = label_of(6 + i);
		request[i] = (struct capacitor_request){label[i].text, label[i].bytes, buffer[i], 64, 0,
		                                        CAPACITOR_BUSY};
	}
	expect_result(capacitor_get_many(rig->handle, request, 8), CAPACITOR_OK);
	/* Too small a buffer is a hit. */
	(void)capacitor_get(rig->handle, label[0].text, label[0].bytes, NULL, 0, NULL);
	expect_number(rig_stat(rig, CAPACITOR_STAT_HITS), 20 * hit);
	expect_number(rig_stat(rig, CAPACITOR_STAT_MISSES), 39 - 20 * hit);
	/* Stores and deletes count as what they did, and not as lookups. */
	(void)tagged_write(capacitor_add, rig->handle, 1, 1, 50);
	(void)tagged_write(capacitor_add, rig->handle, 20, 1, 50);
	(void)tagged_write(capacitor_replace, rig->handle, 1, 2, 50);
	(void)tagged_write(capacitor_replace, rig->handle, 21, 1, 50);
	expect_number(rig_stat(rig, CAPACITOR_STAT_STORES), 12);
	for (uint64_t key = 0; key < 3; key++)
		for (unsigned twice = 0; twice < 2; twice++)
			(void)label_delete(rig->handle, key);
	expect_number(rig_stat(rig, CAPACITOR_STAT_DELETES), 3 * hit);
	expect_number(rig_stat(rig, CAPACITOR_STAT_ENTRIES), 8 * hit);
	expect_number(rig_stat(rig, CAPACITOR_STAT_HITS) + rig_stat(rig, CAPACITOR_STAT_MISSES), 39);
	expect_number(rig_stat(rig, CAPACITOR_STAT_BUSY), 0);
	expect_number(rig_stat(rig, CAPACITOR_STAT_EVICTIONS), 0);
	expect_number(rig_stat(rig, CAPACITOR_STAT_CAPACITY_BYTES), rig->config.capacity_bytes);
}

/* Whatever was stored under a new key is there, or was deleted, evicted or expired. */
static void test_entries_balance(struct rig *rig)
{
	uint64_t added = 0, random = rig->seed;

	rig_use_clock(rig);
	rig_open_exact(rig, 30, 100);
	for (unsigned i = 0; i < 2000; i++) {
		struct label label = label_of(random_below(&random, 100));
		uint64_t kind = random_below(&random, 10);

		if (kind < 6)
			added += capacitor_add(rig->handle, label.text, label.bytes, "value", 5,
			                       random_below(&random, 2) ? 40 : CAPACITOR_TTL_NEVER) == CAPACITOR_STORED;
		else if (kind < 8)
			(void)capacitor_delete(rig->handle, label.text, label.bytes);
		else if (kind < 9)
			(void)capacitor_replace(rig->handle, label.text, label.bytes, "another", 7,
			                        CAPACITOR_TTL_NEVER);
		else
			rig_clock_advance(rig, 3);
		if (i % 100 == 0)
			expect_number(rig_stat(rig, CAPACITOR_STAT_ENTRIES) + rig_stat(rig, CAPACITOR_STAT_EVICTIONS) +
			                      rig_stat(rig, CAPACITOR_STAT_EXPIRATIONS) +
			                      rig_stat(rig, CAPACITOR_STAT_DELETES),
			              added);
	}
	expect(rig_stat(rig, CAPACITOR_STAT_EVICTIONS) > 0 && rig_stat(rig, CAPACITOR_STAT_EXPIRATIONS) > 0 &&
	               rig_stat(rig, CAPACITOR_STAT_DELETES) > 0,
	       "a way to go was not taken: the test tests nothing");
}

/* ---- Many threads ------------------------------------------------------------------------------------------------ */

#define TALLY_THREADS 4

struct tally {
	uint64_t lookups[TALLY_THREADS], hits[TALLY_THREADS], stores[TALLY_THREADS], deletes[TALLY_THREADS];
};

static void tally_member(struct crew_member *member)
{
	struct tally *tally = member->crew->context;
	unsigned me = member->index;

	for (unsigned i = 0; i < rig_rounds(400); i++) {
		uint64_t key = random_below(&member->random, 30), version;
		bool whole;

		switch (random_below(&member->random, 4)) {
		case 0:
			tally->stores[me] += tagged_set(member->handle, key, i, 60) == CAPACITOR_STORED;
			break;
		case 1:
			tally->deletes[me] += label_delete(member->handle, key) == CAPACITOR_HIT;
			break;
		case 2:
			tally->lookups[me]++;
			tally->hits[me] += label_contains(member->handle, key) == CAPACITOR_HIT;
			break;
		default:
			tally->lookups[me]++;
			tally->hits[me] += tagged_get(member->handle, key, &version, NULL, &whole) == CAPACITOR_HIT;
		}
	}
}

static void test_threads_add_up(struct rig *rig)
{
	uint64_t lookups = 0, hits = 0, stores = 0, deletes = 0;
	struct tally tally = {.lookups = {0}};
	struct crew crew;

	rig->config.threads_max = TALLY_THREADS + 1; /* up to the last slot */
	rig_open(rig);
	crew_start(&crew, rig, TALLY_THREADS, tally_member, &tally);
	crew_finish(&crew);
	for (unsigned i = 0; i < TALLY_THREADS; i++) {
		lookups += tally.lookups[i];
		hits += tally.hits[i];
		stores += tally.stores[i];
		deletes += tally.deletes[i];
	}
	expect_number(rig_stat(rig, CAPACITOR_STAT_HITS), hits);
	expect_number(rig_stat(rig, CAPACITOR_STAT_MISSES), lookups - hits);
	expect_number(rig_stat(rig, CAPACITOR_STAT_STORES), stores);
	expect_number(rig_stat(rig, CAPACITOR_STAT_DELETES), deletes);
}

/* Counters never go back while they run. */
static void test_counters_grow(struct rig *rig)
{
	struct capacitor_stats before = {{0}}, now;
	struct tally tally = {.lookups = {0}};
	struct crew crew;

	rig_open(rig);
	crew_start(&crew, rig, TALLY_THREADS, tally_member, &tally);
	for (unsigned look = 0; look < 50; look++) {
		capacitor_stats(rig->cache, &now);
		for (unsigned i = 0; i < CAPACITOR_STAT_GAUGES; i++)
			if (now.value[i] < before.value[i])
				crew_fail_main(&crew, "%s went from %" PRIu64 " to %" PRIu64,
				               capacitor_stat_string((enum capacitor_stat)i), before.value[i],
				               now.value[i]);
		before = now;
	}
	crew_finish(&crew);
}

/* ---- What is declared -------------------------------------------------------------------------------------------- */

/* Some of everything, so that whatever an implementation counts has happened. */
static void work(struct rig *rig)
{
	struct crew crew;
	struct tally tally = {.lookups = {0}};

	for (uint64_t key = 0; key < 3000; key++)
		expect_result(tagged_set(rig->handle, key, key, 100), CAPACITOR_STORED);
	for (uint64_t key = 0; key < 3000; key += 2)
		(void)label_delete(rig->handle, key);
	expect_result(capacitor_quiesce(rig->handle), CAPACITOR_OK);
	if (!(rig->info->lacks & CONCURRENCY)) {
		crew_start(&crew, rig, TALLY_THREADS, tally_member, &tally);
		crew_finish(&crew);
	}
}

static void test_unavailable_is_zero(struct rig *rig)
{
	rig->config.expected_entries = 16;
	rig_open(rig);
	work(rig);
	for (unsigned i = 0; i < CAPACITOR_STATS; i++)
		expect(!rig->info->unavailable[i] || rig_stat(rig, (enum capacitor_stat)i) == 0,
		       "%s is declared unavailable and counted", capacitor_stat_string((enum capacitor_stat)i));
	if (!rig->info->unavailable[CAPACITOR_STAT_LOCKS])
		expect(rig_stat(rig, CAPACITOR_STAT_LOCKS) >= 3000, "locks are declared and not counted");
	if (!rig->info->unavailable[CAPACITOR_STAT_GRACE_PERIODS])
		expect(rig_stat(rig, CAPACITOR_STAT_GRACE_PERIODS) > 0, "grace periods are declared and not counted");
	if (!rig->info->unavailable[CAPACITOR_STAT_GRACE_NS])
		expect(rig_stat(rig, CAPACITOR_STAT_GRACE_NS) > 0, "the time of grace periods is declared and not counted");
	expect(rig_stat(rig, CAPACITOR_STAT_LOCK_WAITS) <= rig_stat(rig, CAPACITOR_STAT_LOCKS),
	       "more waits for locks than locks");
}

static bool writers_lock(const struct capacitor_info *info)
{
	return !info->unavailable[CAPACITOR_STAT_LOCK_WAITS] && info->progress[CAPACITOR_OP_SET] == CAPACITOR_BLOCKING;
}

struct held {
	struct gate gate;
	uint64_t key; /* that is stored meanwhile */
};

static bool hold(void *context, const void *key, size_t key_bytes, const void *value, size_t value_bytes)
{
	struct held *held = context;

	(void)key, (void)key_bytes, (void)value, (void)value_bytes;
	gate_pass(&held->gate);
	return false;
}

static void holder(struct crew_member *member)
{
	struct held *held = member->crew->context;

	if (member->index == 0) {
		(void)capacitor_each(member->handle, hold, held);
	} else {
		gate_await(&held->gate, 1, PATIENCE_NS);
		(void)tagged_set(member->handle, held->key, 2, 50);
	}
}

#define HELD_NS 20000000

/* each holds the lock of the one shard for a while: who stores meanwhile waits, and is seen to. */
static void hold_once(struct rig *rig, uint64_t key)
{
	struct held held = {.key = key};
	struct crew crew;

	gate_init(&held.gate);
	crew_start(&crew, rig, 2, holder, &held);
	(void)gate_await(&held.gate, 1, PATIENCE_NS);
	sleep_ns(2 * HELD_NS);
	gate_open(&held.gate);
	crew_finish(&crew);
	gate_destroy(&held.gate);
}

/* On a loaded machine the store may come when all is over: then once more. */
static void test_lock_waits(struct rig *rig)
{
	uint64_t until_ns = now_ns() + PATIENCE_NS;

	rig->config.shards = 1;
	rig_open(rig);
	expect_result(tagged_set(rig->handle, 1, 1, 50), CAPACITOR_STORED);
	expect_number(rig_stat(rig, CAPACITOR_STAT_LOCK_WAITS), 0);
	do
		hold_once(rig, 1);
	while (rig_stat(rig, CAPACITOR_STAT_LOCK_WAIT_NS) < HELD_NS && now_ns() < until_ns);
	expect(rig_stat(rig, CAPACITOR_STAT_LOCK_WAITS) >= 1, "a store waited for a lock, and no wait was counted");
	expect(rig_stat(rig, CAPACITOR_STAT_LOCK_WAIT_NS) >= HELD_NS, "a store waited for %d ms, and %" PRIu64 " ns were counted",
	       HELD_NS / 1000000, rig_stat(rig, CAPACITOR_STAT_LOCK_WAIT_NS));
	expect_number(tagged_version(rig, 1), 2);
}

/* ---- Locks ------------------------------------------------------------------------------------------------------- */

#define LOCKS_MAX 64

struct locks {
	struct capacitor_lock lock[LOCKS_MAX];
	unsigned count;
	unsigned stop_after; /* 0: not */
};

static bool note_lock(void *context, const struct capacitor_lock *lock)
{
	struct locks *locks = context;

	if (locks->count < LOCKS_MAX)
		locks->lock[locks->count] = *lock;
	return ++locks->count != locks->stop_after;
}

static struct locks locks_of(struct rig *rig)
{
	struct locks locks = {.count = 0};

	expect_result(capacitor_each_lock(rig->cache, note_lock, &locks), CAPACITOR_OK);
	expect(locks.count > 0 && locks.count <= LOCKS_MAX, "%u locks", locks.count);
	return locks;
}

static void test_locks_add_up(struct rig *rig)
{
	uint64_t waits = 0, wait_ns = 0;
	struct locks before, now, some;

	rig->config.shards = 4;
	rig_open(rig);
	before = locks_of(rig);
	work(rig);
	now = locks_of(rig);
	expect_number(now.count, before.count);
	for (unsigned i = 0; i < now.count; i++) {
		const struct capacitor_lock *lock = &now.lock[i];

		expect(lock->name && lock->name[0] != '\0', "lock %u has no name", i);
		expect(strcmp(lock->name, before.lock[i].name) == 0 && lock->index == before.lock[i].index,
		       "%s %u was visited where %s %u had been", lock->name, lock->index, before.lock[i].name,
		       before.lock[i].index);
		expect_number(before.lock[i].waits + before.lock[i].wait_ns, 0);
		for (unsigned j = 0; j < i; j++)
			expect(strcmp(lock->name, now.lock[j].name) != 0 || lock->index != now.lock[j].index,
			       "%s %u was visited twice", lock->name, lock->index);
		expect(lock->waits > 0 || lock->wait_ns == 0, "time without a wait");
		waits += lock->in_statistics ? lock->waits : 0;
		wait_ns += lock->in_statistics ? lock->wait_ns : 0;
	}
	expect_number(waits, rig_stat(rig, CAPACITOR_STAT_LOCK_WAITS));
	expect_number(wait_ns, rig_stat(rig, CAPACITOR_STAT_LOCK_WAIT_NS));
	for (unsigned stop_after = 1; stop_after < now.count; stop_after++) { /* wherever it is told to stop */
		some = (struct locks){.stop_after = stop_after};
		expect_result(capacitor_each_lock(rig->cache, note_lock, &some), CAPACITOR_OK);
		expect_number(some.count, stop_after);
	}
	expect_result(capacitor_each_lock(rig->cache, NULL, NULL), CAPACITOR_INVALID);
	expect_result(capacitor_each_lock(NULL, note_lock, &some), CAPACITOR_INVALID);
}

/* The lock that a store of this key, the only one, waited for, while the lock of the key was held. Others may have been waited
 * for as well, but not nearly so long. */
static unsigned lock_waited_for(struct rig *rig, uint64_t key)
{
	struct locks before = locks_of(rig), now;
	unsigned waited = 0, last = LOCKS_MAX;
	uint64_t until_ns = now_ns() + PATIENCE_NS;

	do {
		hold_once(rig, key);
		now = locks_of(rig);
		waited = 0;
		for (unsigned i = 0; i < now.count; i++)
			if (now.lock[i].in_statistics && now.lock[i].wait_ns - before.lock[i].wait_ns >= HELD_NS / 2) {
				waited++;
				last = i;
			}
	} while (waited == 0 && now_ns() < until_ns);
	expect_number(waited, 1);
	expect(now.lock[last].waits > before.lock[last].waits, "time was counted, and no wait");
	return last;
}

#define LOCK_KEYS 8

/* Each key's lock is always the same, and keys differ in it where there are shards. */
static void test_waits_of_a_lock(struct rig *rig)
{
	unsigned first = LOCKS_MAX, others = 0;

	rig->config.shards = 16;
	rig_open(rig);
	for (uint64_t key = 0; key < LOCK_KEYS; key++) {
		unsigned lock;

		expect_result(tagged_set(rig->handle, key, 1, 50), CAPACITOR_STORED);
		lock = lock_waited_for(rig, key);
		if (key == 0)
			expect_number(lock_waited_for(rig, key), lock);
		first = key == 0 ? lock : first;
		others += lock != first;
		expect_result(label_delete(rig->handle, key), CAPACITOR_HIT);
	}
	expect((others > 0) != ((rig->info->lacks & CAPACITOR_LACKS_SHARDS) != 0), "%u of %d keys have another lock than the first",
	       others, LOCK_KEYS);
}

const struct suite_test statistics_tests[] = {
	{.name = "statistics count what was done", .run = test_counts, .scope = SUITE_ALL},
	{.name = "statistics: entries balance", .run = test_entries_balance, .scope = SUITE_ALL, .without = STORAGE},
	{.name = "statistics of threads add up", .run = test_threads_add_up, .scope = SUITE_ALL,
	 .without = CONCURRENCY},
	{.name = "statistics: counters never go back", .run = test_counters_grow, .scope = SUITE_ALL,
	 .without = CONCURRENCY},
	{.name = "G8 what is declared unavailable is 0, and the rest is counted", .run = test_unavailable_is_zero,
	 .scope = SUITE_POLICY},
	{.name = "statistics: waiting for a lock is counted and timed", .run = test_lock_waits, .scope = SUITE_LAYOUT,
	 .without = SHARED, .applies = writers_lock},
	{.name = "statistics: waits of all locks add up", .run = test_locks_add_up, .scope = SUITE_IMPLEMENTATION},
	{.name = "statistics: a wait counts at its lock", .run = test_waits_of_a_lock, .scope = SUITE_IMPLEMENTATION,
	 .without = SHARED, .applies = writers_lock},
	{.name = NULL},
};
