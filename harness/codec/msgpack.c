/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * MessagePack by msgpack-c: a map with the same keys as JSON's, packed straight into the caller's buffer; unpacked with
 * msgpack_unpack_next, which builds its objects in a zone and leaves texts where they are. A field is read out of these objects.
 */
#include <msgpack.h>
#include <string.h>

#include "harness/codec/codec.h"

/* ---- Encoding ---------------------------------------------------------------------------------------------------------- */

struct output {
	unsigned char *buffer;
	size_t used, room;
};

static int put(void *data, const char *bytes, size_t count)
{
	struct output *output = data;

	if (count > output->room - output->used)
		return -1;
	memcpy(output->buffer + output->used, bytes, count);
	output->used += count;
	return 0;
}

static int pack_text(msgpack_packer *packer, const char *text)
{
	size_t bytes = strlen(text);

	return msgpack_pack_str(packer, bytes) || msgpack_pack_str_body(packer, text, bytes);
}

static int pack_lists(msgpack_packer *packer, const struct record *record)
{
	int failed = pack_text(packer, "tags") || msgpack_pack_array(packer, record->tags);

	for (size_t i = 0; i < record->tags && !failed; i++)
		failed = pack_text(packer, record->tag[i]);
	failed = failed || pack_text(packer, "items") || msgpack_pack_array(packer, record->items);
	for (size_t i = 0; i < record->items && !failed; i++) {
		const struct record_item *item = &record->item[i];

		failed = msgpack_pack_map(packer, 4) || pack_text(packer, "product") || msgpack_pack_uint32(packer,
		                                                                                            item->product) ||
		         pack_text(packer, "quantity") || msgpack_pack_int32(packer, item->quantity) || pack_text(packer,
			                                                                                          "price") ||
		         msgpack_pack_double(packer, item->price) || pack_text(packer, "title") || pack_text(packer, item->title);
	}
	return failed;
}

static size_t encode(const struct record *record, unsigned char *buffer, size_t room)
{
	struct output output = {buffer, 0, room};
	msgpack_packer packer;

	msgpack_packer_init(&packer, &output, put);
	if (msgpack_pack_map(&packer, record->note ? 9 : 8) || pack_text(&packer, "id") || msgpack_pack_uint64(&packer,
	                                                                                                       record->id) ||
	    pack_text(&packer, "created_ms") || msgpack_pack_int64(&packer, record->created_ms) || pack_text(&packer, "score") ||
	    msgpack_pack_double(&packer, record->score) || pack_text(&packer, "active") ||
	    (record->active ? msgpack_pack_true(&packer) : msgpack_pack_false(&packer)) || pack_text(&packer, "name") ||
	    pack_text(&packer, record->name) || pack_text(&packer, "email") || pack_text(&packer, record->email) ||
	    (record->note && (pack_text(&packer, "note") || pack_text(&packer, record->note))) || pack_lists(&packer, record))
		return 0;
	return output.used;
}

/* ---- Decoding ---------------------------------------------------------------------------------------------------------- */

/* The value of a key; NULL: the object is no map, or has none. Keys come in the order in which they were packed: `hint` is where
 * it probably is. */
static const msgpack_object *value_of(const msgpack_object *map, const char *key, uint32_t hint)
{
	size_t bytes = strlen(key);

	if (!map || map->type != MSGPACK_OBJECT_MAP)
		return NULL;
	for (uint32_t i = 0; i < map->via.map.size; i++) {
		const msgpack_object_kv *pair = &map->via.map.ptr[(hint + i) % map->via.map.size];

		if (pair->key.type == MSGPACK_OBJECT_STR && pair->key.via.str.size == bytes &&
		    memcmp(pair->key.via.str.ptr, key, bytes) == 0)
			return &pair->val;
	}
	return NULL;
}

static bool integer_of(const msgpack_object *object, int64_t *integer)
{
	if (!object || (object->type != MSGPACK_OBJECT_POSITIVE_INTEGER && object->type != MSGPACK_OBJECT_NEGATIVE_INTEGER))
		return false;
	*integer = object->via.i64;
	return true;
}

static bool real_of(const msgpack_object *object, double *real)
{
	if (!object || object->type != MSGPACK_OBJECT_FLOAT64)
		return false;
	*real = object->via.f64;
	return true;
}

static const char *text_of(const msgpack_object *object, struct arena *arena)
{
	return object && object->type == MSGPACK_OBJECT_STR ? arena_text(arena, object->via.str.ptr, object->via.str.size) : NULL;
}

static bool read_lists(const msgpack_object *map, struct arena *arena, struct record *record)
{
	const msgpack_object *tags = value_of(map, "tags", record->note ? 7 : 6), *items = value_of(map, "items",
	                                                                                            record->note ? 8 : 7);

	if (!tags || !items || tags->type != MSGPACK_OBJECT_ARRAY || items->type != MSGPACK_OBJECT_ARRAY)
		return false;
	record->tags = tags->via.array.size;
	record->items = items->via.array.size;
	record->tag = arena_take(arena, (record->tags ? record->tags : 1) * sizeof record->tag[0]);
	record->item = arena_take(arena, (record->items ? record->items : 1) * sizeof record->item[0]);
	if (!record->tag || !record->item)
		return false;
	for (size_t i = 0; i < record->tags; i++)
		if (!(record->tag[i] = text_of(&tags->via.array.ptr[i], arena)))
			return false;
	for (size_t i = 0; i < record->items; i++) {
		const msgpack_object *item = &items->via.array.ptr[i];
		int64_t product, quantity;

		if (!integer_of(value_of(item, "product", 0), &product) || !integer_of(value_of(item, "quantity", 1), &quantity) ||
		    !real_of(value_of(item, "price", 2), &record->item[i].price) ||
		    !(record->item[i].title = text_of(value_of(item, "title", 3), arena)))
			return false;
		record->item[i].product = (uint32_t)product;
		record->item[i].quantity = (int32_t)quantity;
	}
	return true;
}

static bool read_record(const msgpack_object *map, struct arena *arena, struct record *record)
{
	const msgpack_object *active = value_of(map, "active", 3), *note = value_of(map, "note", 6);
	int64_t id;

	*record = (struct record){.name = text_of(value_of(map, "name", 4), arena),
	                          .email = text_of(value_of(map, "email", 5), arena), .note = text_of(note, arena)};
	if (!integer_of(value_of(map, "id", 0), &id) || !integer_of(value_of(map, "created_ms", 1), &record->created_ms) ||
	    !real_of(value_of(map, "score", 2), &record->score) || !active || active->type != MSGPACK_OBJECT_BOOLEAN ||
	    !record->name || !record->email || (note && !record->note))
		return false;
	record->id = (uint64_t)id;
	record->active = active->via.boolean;
	return read_lists(map, arena, record);
}

static bool decode(const unsigned char *bytes, size_t count, struct arena *arena, struct record *record)
{
	msgpack_unpacked unpacked;
	size_t at = 0;
	bool fine;

	msgpack_unpacked_init(&unpacked);
	fine = msgpack_unpack_next(&unpacked, (const char *)bytes, count, &at) == MSGPACK_UNPACK_SUCCESS && at == count &&
	       read_record(&unpacked.data, arena, record);
	msgpack_unpacked_destroy(&unpacked);
	return fine;
}

static bool score_of(const unsigned char *bytes, size_t count, struct arena *arena, double *score)
{
	msgpack_unpacked unpacked;
	size_t at = 0;
	bool fine;

	(void)arena;
	msgpack_unpacked_init(&unpacked);
	fine = msgpack_unpack_next(&unpacked, (const char *)bytes, count, &at) == MSGPACK_UNPACK_SUCCESS &&
	       real_of(value_of(&unpacked.data, "score", 2), score);
	msgpack_unpacked_destroy(&unpacked);
	return fine;
}

const struct codec codec_msgpack = {"msgpack", "msgpack-c " MSGPACK_VERSION, encode, decode, score_of};
