/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The record as MessagePack, by msgpack-c.
 *
 * A record is an array of its members in order, as msgpack-c's own MSGPACK_DEFINE lays out structs: a map would repeat the
 * names of the members in every value. Absent members are nil.
 * Encoding packs into one msgpack_sbuffer that is cleared, not freed, between records: it stops allocating once it is large
 * enough. Decoding is msgpack_unpack_next with one msgpack_unpacked: it makes a zone for each record, of which it frees the
 * last; two allocations for a small one. (msgpack_unpack takes a zone that can be cleared and used again, and then allocates
 * nothing; but the header calls it obsolete, and measured beside it was no faster.) The objects of the zone point into the
 * input for texts; as the record must outlive the input, those are copied, all into one arena. The C interface has no way to
 * skip members: a field unpacks all, but copies nothing.
 *
 * Beware: msgpack-c believes an array's length. Five damaged bytes can ask for 2^32 objects, for which it takes memory
 * (96 GiB) before it looks whether there is so much input, and its C interface has no limit to set. malloc refuses, or hands
 * out pages that nobody touches before the end of the input is found: slow, but no crash. Do not feed it what strangers wrote.
 */
#include <msgpack.h>
#include <stdlib.h>

#include "harness/codec.h"

#define MEMBERS      14
#define STOCK        2
#define ITEM_MEMBERS 4

struct state {
	msgpack_sbuffer buffer;
	msgpack_packer packer;
	msgpack_unpacked unpacked;
	struct arena arena;
};

static void *open_state(void)
{
	struct state *state = calloc(1, sizeof(*state));

	if (!state)
		return NULL;
	msgpack_unpacked_init(&state->unpacked);
	msgpack_sbuffer_init(&state->buffer);
	msgpack_packer_init(&state->packer, &state->buffer, msgpack_sbuffer_write);
	return state;
}

static void close_state(void *opaque)
{
	struct state *state = opaque;

	if (!state)
		return;
	msgpack_sbuffer_destroy(&state->buffer);
	msgpack_unpacked_destroy(&state->unpacked);
	arena_free(&state->arena);
	free(state);
}

/* ---- Encoding: each returns 0, or what failed ---------------------------------------------------------------------- */

static int pack_text(msgpack_packer *packer, const struct record_text *text)
{
	return msgpack_pack_str_with_body(packer, text->bytes, text->length);
}

static int pack_bool(msgpack_packer *packer, bool value)
{
	return value ? msgpack_pack_true(packer) : msgpack_pack_false(packer);
}

static int pack_lists(msgpack_packer *packer, const struct record *record)
{
	int failed = msgpack_pack_array(packer, record->tag_count);

	for (size_t i = 0; i < record->tag_count; i++)
		failed |= pack_text(packer, &record->tags[i]);
	failed |= msgpack_pack_array(packer, record->item_count);
	for (size_t i = 0; i < record->item_count; i++) {
		const struct record_item *item = &record->items[i];

		failed |= msgpack_pack_array(packer, ITEM_MEMBERS);
		failed |= msgpack_pack_int64(packer, item->id);
		failed |= msgpack_pack_int64(packer, item->quantity);
		failed |= msgpack_pack_double(packer, item->price);
		failed |= pack_text(packer, &item->title);
	}
	return failed;
}

static bool encode(void *opaque, const struct record *record, struct codec_bytes *encoded)
{
	struct state *state = opaque;
	msgpack_packer *packer = &state->packer;
	int failed;

	if (record->tag_count > UINT32_MAX || record->item_count > UINT32_MAX)
		return false;
	msgpack_sbuffer_clear(&state->buffer);
	failed = msgpack_pack_array(packer, MEMBERS);
	failed |= msgpack_pack_int64(packer, record->id);
	failed |= msgpack_pack_int64(packer, record->modified_ns);
	failed |= msgpack_pack_int64(packer, record->stock);
	failed |= msgpack_pack_double(packer, record->price);
	failed |= msgpack_pack_double(packer, record->rating);
	failed |= pack_bool(packer, record->active);
	failed |= pack_bool(packer, record->verified);
	failed |= pack_text(packer, &record->name);
	failed |= pack_text(packer, &record->sku);
	failed |= pack_text(packer, &record->description);
	failed |= pack_lists(packer, record);
	failed |= record->has_discount ? msgpack_pack_double(packer, record->discount) : msgpack_pack_nil(packer);
	failed |= record->has_note ? pack_text(packer, &record->note) : msgpack_pack_nil(packer);
	*encoded = (struct codec_bytes){state->buffer.data, state->buffer.size};
	return failed == 0;
}

/* ---- Decoding ---------------------------------------------------------------------------------------------------- */

/* An array of so many objects; else NULL. */
static const msgpack_object *members_of(const msgpack_object *object, uint32_t count)
{
	return object->type == MSGPACK_OBJECT_ARRAY && object->via.array.size == count ? object->via.array.ptr : NULL;
}

/* The members of the record in the input; NULL: it is no record. */
static const msgpack_object *unpack(struct state *state, const void *data, size_t bytes)
{
	size_t at = 0;

	if (msgpack_unpack_next(&state->unpacked, data, bytes, &at) != MSGPACK_UNPACK_SUCCESS || at != bytes)
		return NULL; /* also with more bytes behind it */
	return members_of(&state->unpacked.data, MEMBERS);
}

static bool read_integer(const msgpack_object *object, int64_t *value)
{
	if (object->type == MSGPACK_OBJECT_NEGATIVE_INTEGER) {
		*value = object->via.i64;
		return true;
	}
	*value = (int64_t)object->via.u64;
	return object->type == MSGPACK_OBJECT_POSITIVE_INTEGER && object->via.u64 <= INT64_MAX;
}

static bool read_double(const msgpack_object *object, double *value)
{
	*value = object->via.f64;
	return object->type == MSGPACK_OBJECT_FLOAT64;
}

static bool read_bool(const msgpack_object *object, bool *value)
{
	if (object->type != MSGPACK_OBJECT_BOOLEAN)
		return false;
	*value = object->via.boolean;
	return true;
}

static bool read_text(struct arena *arena, const msgpack_object *object, struct record_text *text)
{
	return object->type == MSGPACK_OBJECT_STR && arena_text(arena, object->via.str.ptr, object->via.str.size, text);
}

static bool read_tags(struct arena *arena, const msgpack_object *object, struct record *record)
{
	struct record_text *tags;

	if (object->type != MSGPACK_OBJECT_ARRAY)
		return false;
	record->tag_count = object->via.array.size;
	record->tags = tags = arena_take(arena, record->tag_count * sizeof(*tags));
	if (!tags)
		return false;
	for (size_t i = 0; i < record->tag_count; i++)
		if (!read_text(arena, &object->via.array.ptr[i], &tags[i]))
			return false;
	return true;
}

static bool read_items(struct arena *arena, const msgpack_object *object, struct record *record)
{
	struct record_item *items;

	if (object->type != MSGPACK_OBJECT_ARRAY)
		return false;
	record->item_count = object->via.array.size;
	record->items = items = arena_take(arena, record->item_count * sizeof(*items));
	if (!items)
		return false;
	for (size_t i = 0; i < record->item_count; i++) {
		const msgpack_object *member = members_of(&object->via.array.ptr[i], ITEM_MEMBERS);

		if (!member || !read_integer(&member[0], &items[i].id) || !read_integer(&member[1], &items[i].quantity) ||
		    !read_double(&member[2], &items[i].price) || !read_text(arena, &member[3], &items[i].title))
			return false;
	}
	return true;
}

static bool read_optional(struct arena *arena, const msgpack_object *discount, const msgpack_object *note,
                          struct record *record)
{
	record->has_discount = discount->type != MSGPACK_OBJECT_NIL;
	record->discount = 0;
	record->has_note = note->type != MSGPACK_OBJECT_NIL;
	record->note = (struct record_text){"", 0};
	return (!record->has_discount || read_double(discount, &record->discount)) &&
	       (!record->has_note || read_text(arena, note, &record->note));
}

static bool decode(void *opaque, const void *data, size_t bytes, struct record *record)
{
	struct state *state = opaque;
	struct arena *arena = &state->arena;
	const msgpack_object *member = unpack(state, data, bytes);

	arena_reset(arena);
	return member && read_integer(&member[0], &record->id) && read_integer(&member[1], &record->modified_ns) &&
	       read_integer(&member[STOCK], &record->stock) && read_double(&member[3], &record->price) &&
	       read_double(&member[4], &record->rating) && read_bool(&member[5], &record->active) &&
	       read_bool(&member[6], &record->verified) && read_text(arena, &member[7], &record->name) &&
	       read_text(arena, &member[8], &record->sku) && read_text(arena, &member[9], &record->description) &&
	       read_tags(arena, &member[10], record) && read_items(arena, &member[11], record) &&
	       read_optional(arena, &member[12], &member[13], record);
}

static bool field(void *opaque, const void *data, size_t bytes, int64_t *stock)
{
	const msgpack_object *member = unpack(opaque, data, bytes);

	return member && read_integer(&member[STOCK], stock);
}

const struct codec codec_msgpack = {
	.name = "msgpack",
	.library = "msgpack-c",
	.version = msgpack_version,
	.format = "MessagePack, members by position",
	.use = "a packer on one sbuffer; msgpack_unpack_next, texts copied; a field wants all unpacked, but no copies",
	.open = open_state,
	.close = close_state,
	.encode = encode,
	.decode = decode,
	.field = field,
};
