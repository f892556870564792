/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a codec is: a row of a table. Each uses its library as the library's documentation says is fast, and says in its file
 * what was chosen, and why.
 *
 * The same rules for all, so that they can be compared: encoding begins with a struct record and ends with bytes in a row,
 * ready to be set. Decoding begins with bytes and ends with a struct record in which every member is filled and which no
 * longer needs the bytes: those of a pinned value end with the pin. Where a library makes copies of texts, the record may
 * point into them; where it points into the input, the codec copies. What one call left in memory is the next call's to
 * use again or to free.
 */
#ifndef HARNESS_CODEC_H
#define HARNESS_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "harness/codec_record.h"

struct codec_bytes {
	const void *data;
	size_t bytes;
};

struct codec {
	const char *name;              /* json, msgpack, protobuf, flat */
	const char *library;           /* "jansson" */
	const char *(*version)(void);  /* of the library that runs */
	const char *format;            /* one line */
	const char *use;               /* one line: how the library is used */
	bool finite_only;              /* doubles that are infinite or not a number cannot be encoded */

	void *(*open)(void); /* what a thread needs between calls; NULL: no memory */
	void (*close)(void *state);
	/* The bytes stay until the next encoding with this state. False: no memory, or what the format cannot hold. */
	bool (*encode)(void *state, const struct record *record, struct codec_bytes *encoded);
	/* The record stays until the next call with this state. False: these are no encoded record, or no memory. */
	bool (*decode)(void *state, const void *data, size_t bytes, struct record *record);
	/* Reads `stock` alone: in place where the format allows, else as far as the library must decode. */
	bool (*field)(void *state, const void *data, size_t bytes, int64_t *stock);
};

extern const struct codec codec_json, codec_msgpack, codec_protobuf, codec_flat;

/* All, ended by NULL. */
extern const struct codec *const codecs[];

#endif
