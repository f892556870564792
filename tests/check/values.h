/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Values that tell whether they are whole, whose they are, and, with a ledger of who wrote what, whether they are current.
 *
 * Every word of a value is a function of key, version, length and position, so that a value of which a part is another's
 * is recognised. A version is its writer and a number that grows with each write of that writer to that key.
 *
 * The ledger needs no search. Before a call a thread takes a look at the key: which versions were completely written by
 * then. What the call finds out (the value is this one; there is none) kills all other versions of the look: they were
 * overwritten, deleted or evicted, and must not come back. The floors keep that, a number for each writer: who reads a
 * version below the floor of his look, has read a stale value. This is what linearizability says of reads, but for
 * writes that overlap; tests/check/streams.c has the rest.
 */
#ifndef VALUES_H
#define VALUES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A value of fewer bytes has no version: it tells whether it is whole, and whose. */
#define VALUE_VERSION_BYTES 8

void value_fill(void *value, size_t bytes, uint64_t key, uint64_t version);
/* Is it whole, and of that key? *version: 0 where it has none. */
bool value_check(const void *value, size_t bytes, uint64_t key, uint64_t *version);
/* What is wrong with one that is not: torn, or another key's (one below `keys`). */
const char *value_fault(const void *value, size_t bytes, uint64_t keys);

#define VERSION_WRITER(version) ((unsigned)((version) >> 48) - 1)
#define VERSION_NUMBER(version) ((version) & (((uint64_t)1 << 48) - 1))

/* ---- The ledger -------------------------------------------------------------------------------------------------- */

struct ledger;

/* What was known of a key at a moment. */
struct ledger_look {
	uint64_t key;
	uint64_t *done;  /* by writer: the number of its latest complete write */
	uint64_t *floor; /* by writer: lower numbers are dead */
};

struct ledger *ledger_create(unsigned keys, unsigned writers); /* NULL: no memory */
void ledger_destroy(struct ledger *ledger);

/* Looks for all keys, for one thread. NULL: no memory. Freed with free. */
struct ledger_look *ledger_looks(const struct ledger *ledger);

void ledger_take_look(const struct ledger *ledger, struct ledger_look *look);
/* Had something been written, completely, by then? By now? */
bool ledger_written(const struct ledger *ledger, const struct ledger_look *look);
bool ledger_ever_written(const struct ledger *ledger, uint64_t key);

/* A version for a write that begins, of a writer that writes this key once at a time. It becomes complete, or void: then
 * nobody may ever see it. */
uint64_t ledger_begin(struct ledger *ledger, uint64_t key, unsigned writer);
void ledger_complete(struct ledger *ledger, uint64_t key, uint64_t version);
void ledger_void(struct ledger *ledger, uint64_t key, uint64_t version);

/* Since the look there was a moment when this version was the value, or (0) when there was none. */
void ledger_settle(struct ledger *ledger, const struct ledger_look *look, uint64_t version);

/* May a call that began after the look have found this version? NULL: yes. Else what is wrong with it. */
const char *ledger_fault(const struct ledger *ledger, const struct ledger_look *look, uint64_t version);

#endif
