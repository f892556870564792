/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Protocol Buffers by protobuf-c, from record.proto: packed from structs on the stack that point at the record's texts; unpacked
 * with
 * an allocator of ours, which takes from the arena and gives nothing back, so that nothing is allocated.
 */
#include <string.h>

#include "harness/codec/codec.h"
#include "harness/codec/record.pb-c.h"

#define ITEMS_MAX 4096
#define TAGS_MAX  4096

static size_t encode(const struct record *record, unsigned char *buffer, size_t room)
{
	static _Thread_local Capacitor__Item items[ITEMS_MAX];
	static _Thread_local Capacitor__Item *pointers[ITEMS_MAX];
	Capacitor__Record message = CAPACITOR__RECORD__INIT;

	if (record->items > ITEMS_MAX)
		return 0;
	for (size_t i = 0; i < record->items; i++) {
		capacitor__item__init(&items[i]);
		items[i].product = record->item[i].product;
		items[i].quantity = record->item[i].quantity;
		items[i].price = record->item[i].price;
		items[i].title = (char *)record->item[i].title;
		pointers[i] = &items[i];
	}
	message.id = record->id;
	message.created_ms = record->created_ms;
	message.score = record->score;
	message.active = record->active;
	message.name = (char *)record->name;
	message.email = (char *)record->email;
	message.note = (char *)record->note;
	message.n_tags = record->tags;
	message.tags = (char **)record->tag;
	message.n_items = record->items;
	message.items = pointers;
	if (capacitor__record__get_packed_size(&message) > room)
		return 0;
	return capacitor__record__pack(&message, buffer);
}

static void *take(void *arena, size_t bytes)
{
	return arena_take(arena, bytes);
}

static void give_back(void *arena, void *block)
{
	(void)arena;
	(void)block;
}

static Capacitor__Record *unpack(const unsigned char *bytes, size_t count, struct arena *arena)
{
	ProtobufCAllocator allocator = {take, give_back, arena};

	return capacitor__record__unpack(&allocator, count, bytes);
}

static bool decode(const unsigned char *bytes, size_t count, struct arena *arena, struct record *record)
{
	const Capacitor__Record *message = unpack(bytes, count, arena);

	if (!message || !message->name || !message->email)
		return false;
	*record = (struct record){
		.id = message->id, .created_ms = message->created_ms, .score = message->score, .active = message->active != 0,
		.name = message->name, .email = message->email, .note = message->note, .tags = message->n_tags,
		.items = message->n_items, .tag = (const char **)message->tags,
		.item = arena_take(arena, (message->n_items ? message->n_items : 1) * sizeof record->item[0]),
	};
	for (size_t i = 0; record->item && i < record->items; i++)
		record->item[i] = (struct record_item){message->items[i]->product, message->items[i]->quantity,
			message->items[i]->price,
		                                       message->items[i]->title};
	return record->item != NULL;
}

/* protobuf-c reads a message whole, or not at all. */
static bool score_of(const unsigned char *bytes, size_t count, struct arena *arena, double *score)
{
	const Capacitor__Record *message = unpack(bytes, count, arena);

	if (message)
		*score = message->score;
	return message != NULL;
}

const struct codec codec_protobuf = {"protobuf", "protobuf-c " PROTOBUF_C_VERSION, encode, decode, score_of};
