/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Eviction policies: an order over the entries of one shard, and who is to go next.
 *
 * Everything but policy_hit is called by whoever holds the lock of the shard. policy_hit is called by readers, without
 * a lock: it reads the entry's marks and writes them only when a visit that counts is not recorded yet.
 *
 *   fifo    evicts the oldest insertion.
 *   lru     a hit moves the entry to the front (policy_touch, under an exclusive lock); evicts from the back.
 *   clock   FIFO; a visited entry at the back is cleared and put to the front again.       Corbato 1968.
 *   sieve   FIFO with a hand that walks from back to front, clears visited entries where they are, and evicts the
 *           first that is not.                                                             Zhang et al., NSDI 2024.
 *   s3fifo  new entries wait in a small queue (10 % of the bytes); those visited twice move to the main queue, the
 *           others leave and are remembered in a ghost; who comes back from the ghost goes to the main queue at once;
 *           the main queue is a clock with three lives.                                     Yang et al., SOSP 2023.
 *
 * Effort: fifo, lru constant. clock, sieve, s3fifo constant when amortised over the hits that set the marks which they
 * clear; one call may walk the whole queue when every entry was visited.
 */
#ifndef COMMON_POLICY_H
#define COMMON_POLICY_H

#include "capacitor/cache.h"
#include "common/entry.h"

struct queue {
	struct entry *front; /* the newest */
	struct entry *back;
	size_t count;
	size_t bytes;
};

/* The ghost of s3fifo: fingerprints of entries that left the small queue, each with the number of its departure. */
struct ghost_slot {
	uint32_t fingerprint;
	uint32_t departure;
};
#define GHOST_WAYS 8
struct ghost {
	struct ghost_slot *slots; /* buckets of GHOST_WAYS, one line each */
	size_t buckets;           /* a power of two */
	uint32_t departures;      /* how many so far, starting at 1; wraps */
};

struct policy {
	enum capacitor_policy kind;
	struct queue main;
	struct queue small;  /* s3fifo */
	struct entry *hand;  /* sieve: the next to look at; NULL: start at the back */
	struct ghost ghost;  /* s3fifo */
};

/* How many visits count: 0 (fifo, lru), 1 (clock, sieve), 3 (s3fifo). */
static inline unsigned policy_visit_marks(enum capacitor_policy kind)
{
	return kind == CAPACITOR_S3FIFO                              ? ENTRY_VISITS
	       : kind == CAPACITOR_CLOCK || kind == CAPACITOR_SIEVE ? ENTRY_VISIT_1
	                                                             : 0;
}

/* Prepares for about expected_entries entries. False: no memory (only s3fifo allocates). */
bool policy_init(struct policy *policy, enum capacitor_policy kind, size_t expected_entries);
void policy_destroy(struct policy *policy);

/* Bytes that a policy of this kind allocates for that many entries: part of the table bytes. */
size_t policy_table_bytes(enum capacitor_policy kind, size_t expected_entries);

/* A new entry, not visited yet. */
void policy_insert(struct policy *policy, struct entry *entry);

/* `fresh` takes the place of `old`, which leaves: an overwrite counts as a hit. */
void policy_replace(struct policy *policy, struct entry *old, struct entry *fresh);

/* An entry leaves for another reason than eviction. */
void policy_remove(struct policy *policy, struct entry *entry);

/* Chooses who is to go, takes it out of the order and returns it; NULL when there is none. */
struct entry *policy_evict(struct policy *policy);

/* lru only: a hit, under an exclusive lock. */
void policy_touch(struct policy *policy, struct entry *entry);

/* Walks all entries: policy_first, then policy_next until NULL. The order must not change meanwhile. */
struct entry *policy_first(const struct policy *policy);
struct entry *policy_next(const struct policy *policy, const struct entry *entry);

static inline size_t policy_count(const struct policy *policy)
{
	return policy->main.count + policy->small.count;
}

/*
 * A hit, without a lock. visit_marks is policy_visit_marks(kind). Relaxed: a mark is a hint that carries no data; one
 * that is seen late or lost to a concurrent clear costs a little hit ratio, never correctness.
 */
static inline void policy_hit(struct entry *entry, unsigned visit_marks)
{
	unsigned marks = load_relaxed(&entry->marks) & ENTRY_VISITS;

	if ((marks & visit_marks) != visit_marks)
		fetch_or_relaxed(&entry->marks, (uint8_t)((marks << 1 | ENTRY_VISIT_1) & visit_marks));
}

#endif
