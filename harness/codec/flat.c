/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A flat C struct: fields at fixed places, texts behind them, found by offsets from the beginning. The bytes of this machine's
 * own numbers, as a cache inside one process has them; the first word tells another version or byte order. A field is read where
 * it lies. Every offset is checked before it is followed: what is in a cache may come from another program.
 *
 *   header | tags: text_ref[] | items: flat_item[] | texts, each with a NUL behind it
 */
#include <stdint.h>
#include <string.h>

#include "harness/codec/codec.h"

#define MAGIC 0xCAC4E001u

struct text_ref {
	uint32_t offset, bytes; /* without the NUL */
};

struct flat_item {
	uint32_t product;
	int32_t quantity;
	double price;
	struct text_ref title;
};

struct flat_header {
	uint32_t magic, bytes; /* of the whole */
	uint64_t id;
	int64_t created_ms;
	double score;
	struct text_ref name, email, note; /* note.offset 0: there is none */
	uint32_t tags, items;
	uint32_t active, unused;
};
_Static_assert(sizeof(struct flat_header) == 72, "no padding: every byte of it is written");
_Static_assert(sizeof(struct flat_item) == 24, "no padding");

/* ---- Encoding ---------------------------------------------------------------------------------------------------------- */

struct output {
	unsigned char *buffer;
	size_t used, room;
};

/* SIZE_MAX: no room. */
static bool put_text(struct output *output, const char *text, struct text_ref *reference)
{
	size_t bytes = strlen(text);

	if (bytes + 1 > output->room - output->used)
		return false;
	memcpy(output->buffer + output->used, text, bytes + 1);
	*reference = (struct text_ref){(uint32_t)output->used, (uint32_t)bytes};
	output->used += bytes + 1;
	return true;
}

static size_t encode(const struct record *record, unsigned char *buffer, size_t room)
{
	size_t tags_at = sizeof(struct flat_header), items_at = tags_at + record->tags * sizeof(struct text_ref);
	struct output output = {buffer, items_at + record->items * sizeof(struct flat_item), room};
	struct flat_header header = {
		.magic = MAGIC, .id = record->id, .created_ms = record->created_ms, .score = record->score,
			.active = record->active,
		.tags = (uint32_t)record->tags, .items = (uint32_t)record->items,
	};

	if (room > UINT32_MAX || output.used > room || !put_text(&output, record->name, &header.name) ||
	    !put_text(&output, record->email, &header.email) ||
	    (record->note && !put_text(&output, record->note, &header.note)))
		return 0;
	for (size_t i = 0; i < record->tags; i++) {
		struct text_ref tag;

		if (!put_text(&output, record->tag[i], &tag))
			return 0;
		memcpy(buffer + tags_at + i * sizeof tag, &tag, sizeof tag);
	}
	for (size_t i = 0; i < record->items; i++) {
		struct flat_item item = {record->item[i].product, record->item[i].quantity, record->item[i].price, {0, 0}};

		if (!put_text(&output, record->item[i].title, &item.title))
			return 0;
		memcpy(buffer + items_at + i * sizeof item, &item, sizeof item);
	}
	header.bytes = (uint32_t)output.used;
	memcpy(buffer, &header, sizeof header);
	return output.used;
}

/* ---- Decoding ---------------------------------------------------------------------------------------------------------- */

/* Values need not be aligned, so that everything is copied out. */
static bool read_header(const unsigned char *bytes, size_t count, struct flat_header *header)
{
	if (count < sizeof *header)
		return false;
	memcpy(header, bytes, sizeof *header);
	return header->magic == MAGIC && header->bytes == count &&
		header->tags <= (count - sizeof *header) / sizeof(struct text_ref) &&
	       header->items <= (count - sizeof *header - header->tags * sizeof(struct text_ref)) / sizeof(struct flat_item);
}

static const char *text_at(const unsigned char *bytes, size_t count, struct text_ref reference, struct arena *arena)
{
	if (reference.offset < sizeof(struct flat_header) || reference.offset >= count ||
	    reference.bytes >= count - reference.offset || bytes[reference.offset + reference.bytes] != '\0')
		return NULL;
	return arena_text(arena, bytes + reference.offset, reference.bytes);
}

static bool read_lists(const unsigned char *bytes, size_t count, const struct flat_header *header, struct arena *arena,
                       struct record *record)
{
	const unsigned char *tags = bytes + sizeof *header, *items = tags + header->tags * sizeof(struct text_ref);

	record->tag = arena_take(arena, (header->tags ? header->tags : 1) * sizeof record->tag[0]);
	record->item = arena_take(arena, (header->items ? header->items : 1) * sizeof record->item[0]);
	if (!record->tag || !record->item)
		return false;
	for (size_t i = 0; i < header->tags; i++) {
		struct text_ref tag;

		memcpy(&tag, tags + i * sizeof tag, sizeof tag);
		if (!(record->tag[i] = text_at(bytes, count, tag, arena)))
			return false;
	}
	for (size_t i = 0; i < header->items; i++) {
		struct flat_item item;

		memcpy(&item, items + i * sizeof item, sizeof item);
		record->item[i] = (struct record_item){item.product, item.quantity, item.price, text_at(bytes, count, item.title,
		                                                                                        arena)};
		if (!record->item[i].title)
			return false;
	}
	return true;
}

static bool decode(const unsigned char *bytes, size_t count, struct arena *arena, struct record *record)
{
	struct flat_header header;

	if (!read_header(bytes, count, &header))
		return false;
	*record = (struct record){
		.id = header.id, .created_ms = header.created_ms, .score = header.score, .active = header.active != 0,
		.name = text_at(bytes, count, header.name, arena), .email = text_at(bytes, count, header.email, arena),
		.note = header.note.offset ? text_at(bytes, count, header.note, arena) : NULL, .tags = header.tags,
			.items = header.items,
	};
	return record->name && record->email && (!header.note.offset || record->note) &&
	       read_lists(bytes, count, &header, arena, record);
}

static bool score_of(const unsigned char *bytes, size_t count, struct arena *arena, double *score)
{
	struct flat_header header;

	(void)arena;
	if (!read_header(bytes, count, &header))
		return false;
	*score = header.score;
	return true;
}

const struct codec codec_flat = {"flat", "none: a C struct", encode, decode, score_of};
