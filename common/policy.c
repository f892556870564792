/* SPDX-License-Identifier: BSD-2-Clause */
/* Eviction policies; see policy.h. Queues are doubly linked through the entries, the newest in front. */
#include "common/policy.h"

#include <stdlib.h>

enum { QUEUE_MAIN, QUEUE_SMALL };

/* s3fifo: the small queue's share of the bytes, 1/10 (section 4.2 of the paper), and how many visits move an entry from
 * it to the main queue. */
#define SMALL_SHARE 10
#define SMALL_PROMOTION ENTRY_VISIT_2

static void queue_push(struct queue *queue, struct entry *entry)
{
	entry->prev = NULL;
	entry->next = queue->front;
	if (queue->front)
		queue->front->prev = entry;
	else
		queue->back = entry;
	queue->front = entry;
	queue->count++;
	queue->bytes += entry_charge(entry);
}

static void queue_remove(struct queue *queue, struct entry *entry)
{
	if (entry->prev)
		entry->prev->next = entry->next;
	else
		queue->front = entry->next;
	if (entry->next)
		entry->next->prev = entry->prev;
	else
		queue->back = entry->prev;
	queue->count--;
	queue->bytes -= entry_charge(entry);
}

/* ---- The ghost of s3fifo ---------------------------------------------------------------------------------------- */

/* As many fingerprints as entries are expected: the paper's ghost holds as many as the main queue. */
static size_t ghost_buckets(size_t expected_entries)
{
	size_t buckets = 1;

	while (buckets * GHOST_WAYS < expected_entries)
		buckets *= 2;
	return buckets;
}

/* Bits 16 to 47: the low ones choose the bucket, the high ones chose the shard. */
static uint32_t ghost_fingerprint(uint64_t hash)
{
	return (uint32_t)(hash >> 16);
}

static struct ghost_slot *ghost_bucket(const struct ghost *ghost, uint64_t hash)
{
	return &ghost->slots[(hash & (ghost->buckets - 1)) * GHOST_WAYS];
}

static void ghost_remember(struct ghost *ghost, uint64_t hash)
{
	struct ghost_slot *bucket = ghost_bucket(ghost, hash);
	struct ghost_slot *oldest = &bucket[0];

	for (int way = 1; way < GHOST_WAYS; way++)
		if (ghost->departures - bucket[way].departure > ghost->departures - oldest->departure)
			oldest = &bucket[way];
	oldest->fingerprint = ghost_fingerprint(hash);
	oldest->departure = ghost->departures++;
}

/* Was it among the last `reach` to depart? Then it is forgotten: it is back. */
static bool ghost_recall(struct ghost *ghost, uint64_t hash, size_t reach)
{
	struct ghost_slot *bucket = ghost_bucket(ghost, hash);
	uint32_t fingerprint = ghost_fingerprint(hash);

	for (int way = 0; way < GHOST_WAYS; way++) {
		if (bucket[way].fingerprint == fingerprint && ghost->departures - bucket[way].departure <= reach &&
		    bucket[way].departure != 0) {
			bucket[way].departure = 0;
			return true;
		}
	}
	return false;
}

/* As many as the main queue has when it has its share. What it has now would not do: it begins empty, and is filled from
 * the ghost. */
static size_t ghost_reach(const struct policy *policy)
{
	return policy_count(policy) * (SMALL_SHARE - 1) / SMALL_SHARE;
}

/* ---- Who is to go ----------------------------------------------------------------------------------------------- */

static bool visited(const struct entry *entry, unsigned mark)
{
	return load_relaxed(&entry->marks) & mark; /* relaxed: see policy_hit */
}

static void clear_visits(struct entry *entry, unsigned marks)
{
	fetch_and_relaxed(&entry->marks, (uint8_t)~marks);
}

static struct entry *evict_back(struct policy *policy)
{
	struct entry *entry = policy->main.back;

	if (entry)
		queue_remove(&policy->main, entry);
	return entry;
}

/* A hit may set the mark again while we walk; a second full round would be needed to meet it, and a third... The walk is
 * bounded by two rounds: after that the entry at the back goes, visited or not. */
static struct entry *evict_clock(struct policy *policy)
{
	struct queue *queue = &policy->main;

	for (size_t walked = 2 * queue->count; walked > 0 && visited(queue->back, ENTRY_VISIT_1); walked--) {
		struct entry *entry = queue->back;

		clear_visits(entry, ENTRY_VISITS);
		queue_remove(queue, entry);
		queue_push(queue, entry);
	}
	return evict_back(policy);
}

static struct entry *evict_sieve(struct policy *policy)
{
	struct queue *queue = &policy->main;
	struct entry *entry = policy->hand ? policy->hand : queue->back;

	if (!entry)
		return NULL;
	for (size_t walked = 2 * queue->count; walked > 0 && visited(entry, ENTRY_VISIT_1); walked--) {
		clear_visits(entry, ENTRY_VISITS);
		entry = entry->prev ? entry->prev : queue->back;
	}
	policy->hand = entry->prev;
	queue_remove(queue, entry);
	return entry;
}

/* The main queue of s3fifo: a clock whose entries have up to three lives. */
static struct entry *evict_main(struct policy *policy)
{
	struct queue *queue = &policy->main;

	for (size_t walked = 4 * queue->count; walked > 0; walked--) {
		struct entry *entry = queue->back;
		unsigned marks = load_relaxed(&entry->marks) & ENTRY_VISITS; /* relaxed: see policy_hit */

		if (marks == 0)
			break;
		clear_visits(entry, marks & ~(marks >> 1)); /* the highest of the unary digits */
		queue_remove(queue, entry);
		queue_push(queue, entry);
	}
	return evict_back(policy);
}

static struct entry *evict_s3fifo(struct policy *policy)
{
	struct queue *small = &policy->small;

	while (small->back && small->bytes * SMALL_SHARE >= small->bytes + policy->main.bytes) {
		struct entry *entry = small->back;

		queue_remove(small, entry);
		if (!visited(entry, SMALL_PROMOTION)) {
			ghost_remember(&policy->ghost, entry->hash);
			return entry;
		}
		clear_visits(entry, ENTRY_VISITS);
		entry->queue = QUEUE_MAIN;
		queue_push(&policy->main, entry);
	}
	return evict_main(policy);
}

struct entry *policy_evict(struct policy *policy)
{
	switch (policy->kind) {
	case CAPACITOR_CLOCK:
		return policy->main.back ? evict_clock(policy) : NULL;
	case CAPACITOR_SIEVE:
		return evict_sieve(policy);
	case CAPACITOR_S3FIFO:
		return evict_s3fifo(policy);
	case CAPACITOR_FIFO:
	case CAPACITOR_LRU:
		break;
	}
	return evict_back(policy);
}

/* ---- Changes of the order ---------------------------------------------------------------------------------------- */

static struct queue *queue_of(struct policy *policy, const struct entry *entry)
{
	return entry->queue == QUEUE_SMALL ? &policy->small : &policy->main;
}

void policy_insert(struct policy *policy, struct entry *entry)
{
	entry->queue = QUEUE_MAIN;
	if (policy->kind == CAPACITOR_S3FIFO && !ghost_recall(&policy->ghost, entry->hash, ghost_reach(policy)))
		entry->queue = QUEUE_SMALL;
	queue_push(queue_of(policy, entry), entry);
}

void policy_remove(struct policy *policy, struct entry *entry)
{
	if (policy->hand == entry)
		policy->hand = entry->prev;
	queue_remove(queue_of(policy, entry), entry);
}

void policy_replace(struct policy *policy, struct entry *old, struct entry *fresh)
{
	struct queue *queue = queue_of(policy, old);

	fresh->queue = old->queue;
	fresh->prev = old->prev;
	fresh->next = old->next;
	if (old->prev)
		old->prev->next = fresh;
	else
		queue->front = fresh;
	if (old->next)
		old->next->prev = fresh;
	else
		queue->back = fresh;
	if (policy->hand == old)
		policy->hand = fresh;
	queue->bytes += entry_charge(fresh) - entry_charge(old);
	fetch_or_relaxed(&fresh->marks, (uint8_t)(load_relaxed(&old->marks) & ENTRY_VISITS)); /* relaxed: see policy_hit */
	policy_hit(fresh, policy_visit_marks(policy->kind));
	if (policy->kind == CAPACITOR_LRU)
		policy_touch(policy, fresh);
}

void policy_touch(struct policy *policy, struct entry *entry)
{
	if (policy->main.front == entry)
		return;
	queue_remove(&policy->main, entry);
	queue_push(&policy->main, entry);
}

struct entry *policy_first(const struct policy *policy)
{
	return policy->main.front ? policy->main.front : policy->small.front;
}

struct entry *policy_next(const struct policy *policy, const struct entry *entry)
{
	if (entry->next)
		return entry->next;
	return entry->queue == QUEUE_MAIN ? policy->small.front : NULL;
}

/* ---- Life -------------------------------------------------------------------------------------------------------- */

size_t policy_table_bytes(enum capacitor_policy kind, size_t expected_entries)
{
	if (kind != CAPACITOR_S3FIFO)
		return 0;
	return ghost_buckets(expected_entries) * GHOST_WAYS * sizeof(struct ghost_slot);
}

bool policy_init(struct policy *policy, enum capacitor_policy kind, size_t expected_entries)
{
	*policy = (struct policy){.kind = kind};
	if (kind == CAPACITOR_S3FIFO) {
		size_t bytes = policy_table_bytes(kind, expected_entries);

		policy->ghost.buckets = ghost_buckets(expected_entries);
		policy->ghost.departures = 1;
		policy->ghost.slots = aligned_alloc(GHOST_WAYS * sizeof(struct ghost_slot), bytes);
		if (!policy->ghost.slots)
			return false;
		memset(policy->ghost.slots, 0, bytes);
		layout_objects(policy->ghost.slots, struct ghost_slot, bytes);
	}
	return true;
}

void policy_destroy(struct policy *policy)
{
	free(policy->ghost.slots);
	policy->ghost.slots = NULL;
}
