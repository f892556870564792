/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Formats of a cache's values: the same record, encoded and decoded by libraries that people use.
 *
 * A codec turns a whole record into bytes, bytes into a whole record again, every field of it materialised, and reads one field
 * out of bytes, by the cheapest way that its format has. Each is used as its documentation says is fastest, into memory of the
 * caller's; what it still allocates is its own.
 *
 * decode and score_of take any bytes: what is damaged is refused, or gives some record, and nothing else happens.
 */
#ifndef HARNESS_CODEC_CODEC_H
#define HARNESS_CODEC_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- The record ----------------------------------------------------------------------------------------------------- */

/* A typical object of an application: numbers, texts, an optional text, a list of texts, a list of smaller records. Texts are
 * UTF-8 and end with a NUL; numbers are finite (JSON has no others). */
struct record_item {
	uint32_t product;
	int32_t quantity;
	double price;
	const char *title;
};

struct record {
	uint64_t id; /* below 2^63: JSON's integers here are signed */
	int64_t created_ms;
	double score;
	bool active;
	const char *name, *email;
	const char *note; /* NULL: there is none */
	size_t tags, items;
	const char **tag;
	struct record_item *item;
};

/* Memory that decoded records are in: taken from its end on, given back all at once. */
struct arena {
	unsigned char *memory;
	size_t bytes, used;
};

/* Aligned for anything; NULL: it is full. */
void *arena_take(struct arena *arena, size_t bytes);
/* A copy with a NUL behind it; NULL: it is full, or there is a NUL in the text. */
const char *arena_text(struct arena *arena, const void *text, size_t bytes);

/* Draws a record with so many items, the same for the same seed. False: the arena is full. */
bool record_draw(struct record *record, struct arena *arena, uint64_t seed, unsigned items);

bool record_equal(const struct record *a, const struct record *b);

/* ---- Codecs ---------------------------------------------------------------------------------------------------------- */

struct codec {
	const char *name;    /* "json" */
	const char *library; /* "jansson 2.14" */
	/* How many bytes it took; 0: there is no room, or no memory. */
	size_t (*encode)(const struct record *record, unsigned char *buffer, size_t room);
	/* False: these bytes are no record, or the arena is full. Nothing in the record points into the bytes. */
	bool (*decode)(const unsigned char *bytes, size_t count, struct arena *arena, struct record *record);
	/* One field: the score. The arena may be used. False: as decode. */
	bool (*score_of)(const unsigned char *bytes, size_t count, struct arena *arena, double *score);
};

extern const struct codec codec_json, codec_msgpack, codec_protobuf, codec_flat;

/* All of them, ended by NULL. */
extern const struct codec *const codecs[];

#endif
