/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The record as a flat struct: members at fixed places, little-endian, texts and lists by offset and length. No library; what
 * a careful C program would do by hand, and the least that a format can cost.
 *
 *   0  magic "CREC"   4  version   6  flags      8  bytes of all   12  number of tags
 *  16  id            24  modified_ns            32  stock
 *  40  price         48  rating                 56  discount
 *  64  name          72  sku       80  description   88  note      texts: offset, length
 *  96  offset of the tags (a text each)   100  offset of the items   104  number of items   108  0
 * 112  tags, items (32 bytes: id, quantity, price, title), then the texts, with a byte 0 behind each
 *
 * Nothing is believed when it is decoded: magic, version, unknown flags, the length, and every offset and length are checked
 * against what is there before it is read. What texts say is not looked at, as the other binary formats do not, either: there is
 * no checksum, and damage within a text or a number gives another record. Decoding copies the bytes once, and points into
 * the copy. A field is read in place: the header is checked, and eight bytes are loaded.
 */
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "harness/codec.h"

enum {
	MAGIC = 0, VERSION = 4, FLAGS = 6, BYTES = 8, TAG_COUNT = 12, ID = 16, MODIFIED = 24, STOCK = 32, PRICE = 40, RATING = 48,
	DISCOUNT = 56, NAME = 64, SKU = 72, DESCRIPTION = 80, NOTE = 88, TAGS = 96, ITEMS = 100, ITEM_COUNT = 104, ZERO = 108,
	HEADER_BYTES = 112,
	TEXT_BYTES = 8,
	ITEM_QUANTITY = 8, ITEM_PRICE = 16, ITEM_TITLE = 24, ITEM_BYTES = 32,
};

#define MAGIC_VALUE   0x43455243u /* "CREC" */
#define VERSION_VALUE 1u

enum { ACTIVE = 1, VERIFIED = 2, HAS_DISCOUNT = 4, HAS_NOTE = 8, ALL_FLAGS = 15 };

struct state {
	unsigned char *buffer;
	size_t buffer_bytes;
	struct arena arena;
};

static void *open_state(void)
{
	return calloc(1, sizeof(struct state));
}

static void close_state(void *opaque)
{
	struct state *state = opaque;

	if (!state)
		return;
	arena_free(&state->arena);
	free(state->buffer);
	free(state);
}

/* ---- Numbers in place -------------------------------------------------------------------------------------------- */

static void put16(unsigned char *at, uint16_t value)
{
	value = htole16(value);
	memcpy(at, &value, sizeof(value));
}

static void put32(unsigned char *at, uint32_t value)
{
	value = htole32(value);
	memcpy(at, &value, sizeof(value));
}

static void put64(unsigned char *at, int64_t value)
{
	uint64_t bits = htole64((uint64_t)value);

	memcpy(at, &bits, sizeof(bits));
}

static void put_double(unsigned char *at, double value)
{
	int64_t bits;

	memcpy(&bits, &value, sizeof(bits));
	put64(at, bits);
}

static uint16_t get16(const unsigned char *at)
{
	uint16_t value;

	memcpy(&value, at, sizeof(value));
	return le16toh(value);
}

static uint32_t get32(const unsigned char *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return le32toh(value);
}

static int64_t get64(const unsigned char *at)
{
	uint64_t value;

	memcpy(&value, at, sizeof(value));
	return (int64_t)le64toh(value);
}

static double get_double(const unsigned char *at)
{
	int64_t bits = get64(at);
	double value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

/* ---- Encoding ---------------------------------------------------------------------------------------------------- */

/* All that the record takes; beyond 32 bits it has no form. */
static bool measure(const struct record *record, size_t *bytes)
{
	size_t sum = HEADER_BYTES + record->tag_count * TEXT_BYTES + record->item_count * ITEM_BYTES + 4;

	if (record->tag_count > UINT32_MAX / ITEM_BYTES || record->item_count > UINT32_MAX / ITEM_BYTES)
		return false;
	sum += record->name.length + record->sku.length + record->description.length + record->note.length;
	for (size_t i = 0; i < record->tag_count; i++)
		sum += record->tags[i].length + 1;
	for (size_t i = 0; i < record->item_count; i++)
		sum += record->items[i].title.length + 1;
	*bytes = sum;
	return sum <= UINT32_MAX;
}

/* Puts the text's place at `at`, and the text where there is room; moves that on. */
static void put_text(unsigned char *base, size_t at, const struct record_text *text, size_t *end)
{
	put32(base + at, (uint32_t)*end);
	put32(base + at + 4, (uint32_t)text->length);
	memcpy(base + *end, text->bytes, text->length);
	base[*end + text->length] = '\0';
	*end += text->length + 1;
}

static void put_header(unsigned char *base, const struct record *record, size_t bytes)
{
	put32(base + MAGIC, MAGIC_VALUE);
	put16(base + VERSION, VERSION_VALUE);
	put16(base + FLAGS, (uint16_t)((record->active ? ACTIVE : 0) | (record->verified ? VERIFIED : 0) |
	                               (record->has_discount ? HAS_DISCOUNT : 0) | (record->has_note ? HAS_NOTE : 0)));
	put32(base + BYTES, (uint32_t)bytes);
	put64(base + ID, record->id);
	put64(base + MODIFIED, record->modified_ns);
	put64(base + STOCK, record->stock);
	put_double(base + PRICE, record->price);
	put_double(base + RATING, record->rating);
	put_double(base + DISCOUNT, record->discount);
	put32(base + TAG_COUNT, (uint32_t)record->tag_count);
	put32(base + ITEM_COUNT, (uint32_t)record->item_count);
	put32(base + TAGS, HEADER_BYTES);
	put32(base + ITEMS, (uint32_t)(HEADER_BYTES + record->tag_count * TEXT_BYTES));
	put32(base + ZERO, 0);
}

static void put_record(unsigned char *base, const struct record *record, size_t bytes)
{
	size_t items = HEADER_BYTES + record->tag_count * TEXT_BYTES, end = items + record->item_count * ITEM_BYTES;

	put_header(base, record, bytes);
	put_text(base, NAME, &record->name, &end);
	put_text(base, SKU, &record->sku, &end);
	put_text(base, DESCRIPTION, &record->description, &end);
	put_text(base, NOTE, &record->note, &end);
	for (size_t i = 0; i < record->tag_count; i++)
		put_text(base, HEADER_BYTES + i * TEXT_BYTES, &record->tags[i], &end);
	for (size_t i = 0; i < record->item_count; i++) {
		const struct record_item *item = &record->items[i];
		size_t at = items + i * ITEM_BYTES;

		put64(base + at, item->id);
		put64(base + at + ITEM_QUANTITY, item->quantity);
		put_double(base + at + ITEM_PRICE, item->price);
		put_text(base, at + ITEM_TITLE, &item->title, &end);
	}
}

static bool encode(void *opaque, const struct record *record, struct codec_bytes *encoded)
{
	struct state *state = opaque;
	size_t bytes;

	if (!measure(record, &bytes))
		return false;
	if (bytes > state->buffer_bytes) {
		unsigned char *grown = realloc(state->buffer, 2 * bytes);

		if (!grown)
			return false;
		state->buffer = grown;
		state->buffer_bytes = 2 * bytes;
	}
	put_record(state->buffer, record, bytes);
	*encoded = (struct codec_bytes){state->buffer, bytes};
	return true;
}

/* ---- Decoding ---------------------------------------------------------------------------------------------------- */

static bool header_holds(const unsigned char *base, size_t bytes)
{
	return bytes >= HEADER_BYTES && get32(base + MAGIC) == MAGIC_VALUE && get16(base + VERSION) == VERSION_VALUE &&
	       (get16(base + FLAGS) & ~ALL_FLAGS) == 0 && get32(base + BYTES) == bytes && get32(base + ZERO) == 0;
}

/* Do `count` things of `each` bytes lie at an offset behind the header and within all? */
static bool within(uint64_t offset, uint64_t count, uint64_t each, uint64_t bytes)
{
	return offset >= HEADER_BYTES && offset <= bytes && count * each <= bytes - offset; /* both below 2^32 */
}

/* The text whose place is at `at`, which lies within. */
static bool get_text(const unsigned char *base, size_t bytes, size_t at, struct record_text *text)
{
	size_t offset = get32(base + at), length = get32(base + at + 4);

	*text = (struct record_text){(const char *)base + offset, length};
	return within(offset, length + 1, 1, bytes) && base[offset + length] == '\0';
}

static bool get_lists(struct arena *arena, const unsigned char *base, size_t bytes, struct record *record)
{
	size_t tags_at = get32(base + TAGS), items_at = get32(base + ITEMS);
	struct record_text *tags;
	struct record_item *items;

	record->tag_count = get32(base + TAG_COUNT);
	record->item_count = get32(base + ITEM_COUNT);
	if (!within(tags_at, record->tag_count, TEXT_BYTES, bytes) ||
	    !within(items_at, record->item_count, ITEM_BYTES, bytes))
		return false;
	record->tags = tags = arena_take(arena, record->tag_count * sizeof(*tags));
	record->items = items = arena_take(arena, record->item_count * sizeof(*items));
	if (!tags || !items)
		return false;
	for (size_t i = 0; i < record->tag_count; i++)
		if (!get_text(base, bytes, tags_at + i * TEXT_BYTES, &tags[i]))
			return false;
	for (size_t i = 0; i < record->item_count; i++) {
		size_t at = items_at + i * ITEM_BYTES;

		items[i].id = get64(base + at);
		items[i].quantity = get64(base + at + ITEM_QUANTITY);
		items[i].price = get_double(base + at + ITEM_PRICE);
		if (!get_text(base, bytes, at + ITEM_TITLE, &items[i].title))
			return false;
	}
	return true;
}

static bool decode(void *opaque, const void *data, size_t bytes, struct record *record)
{
	struct arena *arena = &((struct state *)opaque)->arena;
	unsigned char *base;
	unsigned flags;

	arena_reset(arena);
	if (!header_holds(data, bytes))
		return false;
	base = arena_take(arena, bytes);
	if (!base)
		return false;
	memcpy(base, data, bytes);
	flags = get16(base + FLAGS);
	record->active = flags & ACTIVE;
	record->verified = flags & VERIFIED;
	record->has_discount = flags & HAS_DISCOUNT;
	record->has_note = flags & HAS_NOTE;
	record->id = get64(base + ID);
	record->modified_ns = get64(base + MODIFIED);
	record->stock = get64(base + STOCK);
	record->price = get_double(base + PRICE);
	record->rating = get_double(base + RATING);
	record->discount = record->has_discount ? get_double(base + DISCOUNT) : 0;
	return get_text(base, bytes, NAME, &record->name) && get_text(base, bytes, SKU, &record->sku) &&
	       get_text(base, bytes, DESCRIPTION, &record->description) && get_text(base, bytes, NOTE, &record->note) &&
	       (record->has_note || record->note.length == 0) && get_lists(arena, base, bytes, record);
}

static bool field(void *opaque, const void *data, size_t bytes, int64_t *stock)
{
	(void)opaque;
	if (!header_holds(data, bytes))
		return false;
	*stock = get64((const unsigned char *)data + STOCK);
	return true;
}

static const char *version(void)
{
	return "1";
}

const struct codec codec_flat = {
	.name = "flat",
	.library = "own layout",
	.version = version,
	.format = "flat struct, little-endian, offsets",
	.use = "written at once; checked against its bounds, copied once, pointed into; a field is read in place",
	.open = open_state,
	.close = close_state,
	.encode = encode,
	.decode = decode,
	.field = field,
};
