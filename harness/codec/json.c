/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * JSON by jansson: the tree of values is built and written compactly into the caller's buffer (json_dumpb); read with json_loadb.
 * jansson has no other way: a field is read by parsing everything. Doubles are written with 17 digits, so that they come back.
 */
#include <jansson.h>
#include <string.h>

#include "harness/codec/codec.h"

static json_t *items_json(const struct record *record)
{
	json_t *items = json_array();

	for (size_t i = 0; i < record->items; i++)
		json_array_append_new(items, json_pack("{s:I, s:i, s:f, s:s}", "product", (json_int_t)record->item[i].product,
		                                       "quantity",
		                                       (int)record->item[i].quantity, "price", record->item[i].price, "title",
		                                       record->item[i].title));
	return items;
}

static size_t encode(const struct record *record, unsigned char *buffer, size_t room)
{
	json_t *tags = json_array(), *whole;
	size_t bytes;

	for (size_t i = 0; i < record->tags; i++)
		json_array_append_new(tags, json_string(record->tag[i]));
	whole = json_pack("{s:I, s:I, s:f, s:b, s:s, s:s, s:s*, s:o, s:o}", "id", (json_int_t)record->id, "created_ms",
	                  (json_int_t)record->created_ms, "score", record->score, "active", record->active, "name", record->name,
	                  "email", record->email, "note", record->note, "tags", tags, "items", items_json(record));
	bytes = whole ? json_dumpb(whole, (char *)buffer, room, JSON_COMPACT | JSON_REAL_PRECISION(17)) : 0;
	json_decref(whole);
	return bytes <= room ? bytes : 0;
}

static const char *text_of(const json_t *object, const char *key, struct arena *arena)
{
	const json_t *text = json_object_get(object, key);

	return json_is_string(text) ? arena_text(arena, json_string_value(text), json_string_length(text)) : NULL;
}

static bool read_items(const json_t *items, struct arena *arena, struct record *record)
{
	const json_t *item;
	size_t i;

	record->items = json_array_size(items);
	record->item = arena_take(arena, (record->items ? record->items : 1) * sizeof record->item[0]);
	if (!record->item)
		return false;
	json_array_foreach(items, i, item) {
		record->item[i] = (struct record_item){(uint32_t)json_integer_value(json_object_get(item, "product")),
		                                       (int32_t)json_integer_value(json_object_get(item, "quantity")),
		                                       json_number_value(json_object_get(item, "price")), text_of(item, "title",
						                                                                  arena)};
		if (!record->item[i].title)
			return false;
	}
	return true;
}

static bool read_tags(const json_t *tags, struct arena *arena, struct record *record)
{
	const json_t *tag;
	size_t i;

	record->tags = json_array_size(tags);
	record->tag = arena_take(arena, (record->tags ? record->tags : 1) * sizeof record->tag[0]);
	if (!record->tag)
		return false;
	json_array_foreach(tags, i, tag)
		if (!json_is_string(tag) ||
		    !(record->tag[i] = arena_text(arena, json_string_value(tag), json_string_length(tag))))
			return false;
	return true;
}

static bool decode(const unsigned char *bytes, size_t count, struct arena *arena, struct record *record)
{
	json_t *whole = json_loadb((const char *)bytes, count, 0, NULL), *note = json_object_get(whole, "note");
	bool fine;

	*record = (struct record){
		.id = (uint64_t)json_integer_value(json_object_get(whole, "id")),
		.created_ms = json_integer_value(json_object_get(whole, "created_ms")),
		.score = json_number_value(json_object_get(whole, "score")),
		.active = json_is_true(json_object_get(whole, "active")),
		.name = text_of(whole, "name", arena),
		.email = text_of(whole, "email", arena),
		.note = text_of(whole, "note", arena),
	};
	fine = record->name && record->email && (!note || record->note) && read_tags(json_object_get(whole, "tags"), arena,
	                                                                             record) &&
	       read_items(json_object_get(whole, "items"), arena, record);
	json_decref(whole);
	return fine;
}

static bool score_of(const unsigned char *bytes, size_t count, struct arena *arena, double *score)
{
	json_t *whole = json_loadb((const char *)bytes, count, 0, NULL), *number = json_object_get(whole, "score");
	bool fine = json_is_number(number);

	(void)arena;
	*score = json_number_value(number);
	json_decref(whole);
	return fine;
}

const struct codec codec_json = {"json", "jansson " JANSSON_VERSION, encode, decode, score_of};
