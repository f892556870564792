/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The record that the codec suite encodes: a product as a shop's cache would hold it, with integers, doubles, booleans, texts, a
 * list of texts, a list of small records, and two members that may be absent. All codecs have this one struct to encode
 * and to fill.
 *
 * Bounds of the model, which are those of the formats: integers are of 64 bits with sign, because JSON's integers in jansson
 * are. A text is UTF-8 without a byte 0 inside, because protobuf-c's strings end there, and has one behind it.
 */
#ifndef HARNESS_CODEC_RECORD_H
#define HARNESS_CODEC_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "harness/workload.h"

struct record_text {
	const char *bytes; /* never NULL; bytes[length] is 0 */
	size_t length;
};

struct record_item {
	int64_t id, quantity;
	double price;
	struct record_text title;
};

struct record {
	int64_t id, modified_ns, stock;
	double price, rating;
	bool active, verified;
	struct record_text name, sku, description;
	const struct record_text *tags;
	size_t tag_count;
	const struct record_item *items;
	size_t item_count;
	bool has_discount, has_note; /* without: the member is 0, or empty */
	double discount;
	struct record_text note;
};

/* ---- Memory ------------------------------------------------------------------------------------------------------ */

/* Blocks that are given back all at once. What was needed the last time is one block the next time: who does the same
 * again allocates nothing. */
struct arena {
	struct arena_block *block; /* the newest first */
	size_t used;               /* of the newest */
	size_t total;              /* of all */
};

/* Aligned for anything. NULL: no memory. */
void *arena_take(struct arena *arena, size_t bytes);
void arena_reset(struct arena *arena);
void arena_free(struct arena *arena);

/* A copy with a byte 0 behind it. False: no memory. */
bool arena_text(struct arena *arena, const char *bytes, size_t length, struct record_text *text);

/* ---- Drawing and comparing --------------------------------------------------------------------------------------- */

/* How large records are. */
struct record_shape {
	const char *name;         /* small: some 100 bytes in Protocol Buffers, medium: 1000, large: 10000, huge: 100000 */
	unsigned items, tags;     /* about: from half to one and a half of it */
	unsigned description;     /* bytes, likewise */
};

extern const struct record_shape record_shapes[]; /* ended by a name that is NULL */

/* The shape of records with so many items. */
struct record_shape record_shape_of_items(unsigned items);

/* About the bytes that a record takes when it is encoded; for sizing things. */
size_t record_estimate(const struct record_shape *shape);

/* Draws a record; the same numbers give the same record. False: no memory. */
bool record_draw(struct record *record, const struct record_shape *shape, struct workload_random *random,
                 struct arena *arena);

/* NULL where both are the same, doubles bit by bit; else the name of the first member that differs. */
const char *record_difference(const struct record *a, const struct record *b);

#endif
