/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The record in Protocol Buffers, by protobuf-c; codec_record.proto is compiled by protoc-c when this is built.
 *
 * Encoding fills protobuf-c's structs, which point to the record's own texts, takes the packed size and packs into a buffer
 * that stays (packing into a ProtobufCBuffer would call its append for each member). Decoding gives protobuf-c an allocator that
 * takes from an arena and frees nothing: one pointer moved per allocation, all given back at the next call; and then puts what was
 * unpacked into struct record, whose texts are protobuf-c's copies. A program that works on protobuf-c's own structs saves
 * that step. protobuf-c unpacks all or nothing: a field costs the unpacking.
 */
#include <stdlib.h>
#include <string.h>

#include "harness/codec.h"
#include "harness/codec_record.pb-c.h"

struct state {
	unsigned char *buffer;
	size_t buffer_bytes;
	struct arena arena;
	ProtobufCAllocator allocator;
};

static void *take(void *arena, size_t bytes)
{
	return arena_take(arena, bytes);
}

static void give_back(void *arena, void *memory)
{
	(void)arena;
	(void)memory;
}

static void *open_state(void)
{
	struct state *state = calloc(1, sizeof(*state));

	if (state)
		state->allocator = (ProtobufCAllocator){take, give_back, &state->arena};
	return state;
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

/* ---- Encoding ---------------------------------------------------------------------------------------------------- */

/* protobuf-c's structs want pointers to texts that may be written, and do not write. */
static char *text_of(const struct record_text *text)
{
	return (char *)(uintptr_t)text->bytes;
}

static bool fill_items(struct arena *arena, const struct record *record, Codec__Record *message)
{
	Codec__Item *items = arena_take(arena, record->item_count * sizeof(*items));

	message->n_items = record->item_count;
	message->items = arena_take(arena, record->item_count * sizeof(Codec__Item *));
	if (!items || !message->items)
		return false;
	for (size_t i = 0; i < record->item_count; i++) {
		const struct record_item *item = &record->items[i];

		codec__item__init(&items[i]);
		items[i].id = item->id;
		items[i].quantity = item->quantity;
		items[i].price = item->price;
		items[i].title = text_of(&item->title);
		message->items[i] = &items[i];
	}
	return true;
}

static bool fill(struct arena *arena, const struct record *record, Codec__Record *message)
{
	codec__record__init(message);
	message->id = record->id;
	message->modified_ns = record->modified_ns;
	message->stock = record->stock;
	message->price = record->price;
	message->rating = record->rating;
	message->active = record->active;
	message->verified = record->verified;
	message->name = text_of(&record->name);
	message->sku = text_of(&record->sku);
	message->description = text_of(&record->description);
	message->has_discount = record->has_discount;
	message->discount = record->discount;
	message->note = record->has_note ? text_of(&record->note) : NULL;
	message->n_tags = record->tag_count;
	message->tags = arena_take(arena, record->tag_count * sizeof(char *));
	if (!message->tags)
		return false;
	for (size_t i = 0; i < record->tag_count; i++)
		message->tags[i] = text_of(&record->tags[i]);
	return fill_items(arena, record, message);
}

static bool encode(void *opaque, const struct record *record, struct codec_bytes *encoded)
{
	struct state *state = opaque;
	Codec__Record message;
	size_t bytes;

	arena_reset(&state->arena);
	if (!fill(&state->arena, record, &message))
		return false;
	bytes = codec__record__get_packed_size(&message);
	if (bytes > state->buffer_bytes) {
		unsigned char *grown = realloc(state->buffer, 2 * bytes);

		if (!grown)
			return false;
		state->buffer = grown;
		state->buffer_bytes = 2 * bytes;
	}
	*encoded = (struct codec_bytes){state->buffer, codec__record__pack(&message, state->buffer)};
	return true;
}

/* ---- Decoding ---------------------------------------------------------------------------------------------------- */

static struct record_text text_from(const char *bytes)
{
	return (struct record_text){bytes, strlen(bytes)};
}

static bool read_lists(struct arena *arena, const Codec__Record *message, struct record *record)
{
	struct record_text *tags = arena_take(arena, message->n_tags * sizeof(*tags));
	struct record_item *items = arena_take(arena, message->n_items * sizeof(*items));

	if (!tags || !items)
		return false;
	for (size_t i = 0; i < message->n_tags; i++)
		tags[i] = text_from(message->tags[i]);
	for (size_t i = 0; i < message->n_items; i++) {
		const Codec__Item *item = message->items[i];

		items[i] = (struct record_item){item->id, item->quantity, item->price, text_from(item->title)};
	}
	record->tags = tags;
	record->tag_count = message->n_tags;
	record->items = items;
	record->item_count = message->n_items;
	return true;
}

static bool decode(void *opaque, const void *data, size_t bytes, struct record *record)
{
	struct state *state = opaque;
	Codec__Record *message;

	arena_reset(&state->arena);
	message = codec__record__unpack(&state->allocator, bytes, data);
	if (!message)
		return false;
	record->id = message->id;
	record->modified_ns = message->modified_ns;
	record->stock = message->stock;
	record->price = message->price;
	record->rating = message->rating;
	record->active = message->active;
	record->verified = message->verified;
	record->name = text_from(message->name);
	record->sku = text_from(message->sku);
	record->description = text_from(message->description);
	record->has_discount = message->has_discount;
	record->discount = message->has_discount ? message->discount : 0;
	record->has_note = message->note != NULL;
	record->note = text_from(message->note ? message->note : "");
	return read_lists(&state->arena, message, record);
}

static bool field(void *opaque, const void *data, size_t bytes, int64_t *stock)
{
	struct state *state = opaque;
	const Codec__Record *message;

	arena_reset(&state->arena);
	message = codec__record__unpack(&state->allocator, bytes, data);
	if (message)
		*stock = message->stock;
	return message != NULL;
}

const struct codec codec_protobuf = {
	.name = "protobuf",
	.library = "protobuf-c",
	.version = protobuf_c_version,
	.format = "Protocol Buffers, proto2",
	.use = "packed into a buffer that stays; unpacked by an allocator that is an arena; a field wants all unpacked",
	.open = open_state,
	.close = close_state,
	.encode = encode,
	.decode = decode,
	.field = field,
};
