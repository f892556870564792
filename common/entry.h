/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An entry: one block with a header, the key and the value. The same block serves every implementation, so that what
 * differs between them is the table and the protocol, not the memory they touch.
 *
 *   offset  0        16       32     40       48       52      54      55      56
 *           | link   | next   | hash | expires| value_ | key_  | marks | queue | key ... | value ...
 *           | (table)| prev   |      | _ns    | bytes  | bytes |       |       |         | (8-aligned)
 *
 * Who writes what, and when
 *   link            the table's writer, under its lock (cds_lfht: lock-free)
 *   next, prev      whoever holds the lock of the eviction order; after unlinking, whoever holds the retired list
 *   marks           anyone, by atomic or/and: the only field that a hit may write, and only a bit that is not yet set
 *   queue           whoever holds the lock of the eviction order
 *   the rest        written before the entry is published, constant until it is reclaimed
 *
 * A hit reads hash, lengths, expiry and marks, which share 24 bytes, and then the key behind them: in most blocks one
 * line. The marks share it on purpose: a hit reads them anyway, and writes one only the first time after an eviction
 * scan has cleared it.
 *
 * What is shared falsely, and why it stays (misses per get, 16 cores, one operation in ten a store or delete: `capacitor
 * coherence --threads 16 --mix 90:8:2`)
 *   next and prev lie beside the hash: whoever replaces an entry writes those of its neighbours in the order, and takes their
 *   lines from those who look for them (0.1). On a line of their own they would cost every entry a line, every store a miss.
 *   A block begins where malloc puts it, at a multiple of 16: it shares lines with its neighbours' ends (0.03 for rcu, 0.01 for
 *   rwlock, and one miss in a store of eight). Entries that begin with a line would take a fifth more memory.
 */
#ifndef COMMON_ENTRY_H
#define COMMON_ENTRY_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "common/atomics.h"
#include "common/layout.h"

/* marks: how often an entry was visited since it was last considered for eviction, in unary, so that racing hits cannot
 * overflow it; and whether it was ever pinned (never cleared: then its reclaimer has to look at the pins). */
#define ENTRY_VISIT_1 0x01u
#define ENTRY_VISIT_2 0x02u
#define ENTRY_VISIT_3 0x04u
#define ENTRY_VISITS  (ENTRY_VISIT_1 | ENTRY_VISIT_2 | ENTRY_VISIT_3)
#define ENTRY_PINNED  0x80u

#define ENTRY_NEVER_EXPIRES UINT64_MAX

struct entry {
	void *link[2];
	struct entry *next;
	struct entry *prev;
	uint64_t hash;
	uint64_t expires_ns;
	uint32_t value_bytes;
	uint16_t key_bytes_less_1; /* 1 to 65536 in 16 bits */
	_Atomic uint8_t marks;
	uint8_t queue; /* the policy's: which of its queues */
	unsigned char bytes[];
};

static_assert(offsetof(struct entry, bytes) == 56, "an entry's header is 56 bytes");
LAYOUT_SPAN(struct entry, next, hash, 24, "writers of the order disturb readers here; apart, it would cost a line an entry");
LAYOUT_SPAN(struct entry, hash, marks, 24, "what a hit reads and the mark that it may write: in most blocks one line");

/* A key with its hash, as operations pass it down. */
struct key {
	const void *data;
	size_t bytes;
	uint64_t hash;
};

static inline size_t entry_key_bytes(const struct entry *entry)
{
	return (size_t)entry->key_bytes_less_1 + 1;
}

/* The value starts at a multiple of 8, for those who pin it and read words. */
static inline size_t entry_value_offset(size_t key_bytes)
{
	return (offsetof(struct entry, bytes) + key_bytes + 7) & ~(size_t)7;
}

static inline unsigned char *entry_value(struct entry *entry)
{
	return (unsigned char *)entry + entry_value_offset(entry_key_bytes(entry));
}

/*
 * The size of the block, which is what an entry is charged. Rounded to 16 bytes up to 1 KiB and to a sixteenth of the
 * power of two beyond (6 % at most), so that the block of a dead entry fits a new one of about its size.
 */
static inline size_t entry_block_bytes(size_t key_bytes, size_t value_bytes)
{
	size_t bytes = entry_value_offset(key_bytes) + value_bytes;
	size_t step = 16;

	if (bytes > 1024)
		step = (size_t)1 << (63 - __builtin_clzll(bytes) - 4);
	return (bytes + step - 1) & ~(step - 1);
}

static inline size_t entry_charge(const struct entry *entry)
{
	return entry_block_bytes(entry_key_bytes(entry), entry->value_bytes);
}

static inline bool entry_matches(const struct entry *entry, const struct key *key)
{
	return entry->hash == key->hash && entry_key_bytes(entry) == key->bytes &&
	       memcmp(entry->bytes, key->data, key->bytes) == 0;
}

/* A list of unlinked entries, through next, with the bytes they are charged. */
struct entry_list {
	struct entry *first;
	size_t bytes;
	size_t count;
};

static inline void entry_list_push(struct entry_list *list, struct entry *entry)
{
	entry->next = list->first;
	list->first = entry;
	list->bytes += entry_charge(entry);
	list->count++;
}

static inline struct entry *entry_list_pop(struct entry_list *list)
{
	struct entry *entry = list->first;

	if (entry) {
		list->first = entry->next;
		list->bytes -= entry_charge(entry);
		list->count--;
	}
	return entry;
}

#endif
