/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The record as JSON, by jansson.
 *
 * Encoding builds jansson's tree and writes it with json_dumpb into a buffer that stays: no allocation for the text.
 * JSON_COMPACT, which is documented to leave out the spaces; keys are not sorted (JSON_SORT_KEYS would). Keys and texts are
 * known to be UTF-8, so the _nocheck functions take them, as their documentation advises. Reals have 17 digits, jansson's default,
 * with which every double comes back bit by bit.
 * Decoding is json_loadb without flags (each of them adds a check). The tree has the texts' copies; it lives until the
 * next call, and the record points into it. jansson reads nothing without parsing all, so a field costs the parse.
 *
 * jansson's allocator could be replaced (json_set_alloc_funcs), but only for the whole process; a library in a user's program
 * rarely may. JSON has no infinities and no NaN: json_real refuses them.
 */
#include <jansson.h>
#include <stdlib.h>

#include "harness/codec.h"

#define BUFFER_BYTES 4096

struct state {
	char *buffer;
	size_t buffer_bytes;
	json_t *root; /* of the decoded record */
	struct arena arena;
};

static void *open_state(void)
{
	struct state *state = calloc(1, sizeof(*state));

	if (!state)
		return NULL;
	state->buffer = malloc(BUFFER_BYTES);
	state->buffer_bytes = BUFFER_BYTES;
	if (state->buffer)
		return state;
	free(state);
	return NULL;
}

static void close_state(void *opaque)
{
	struct state *state = opaque;

	if (!state)
		return;
	json_decref(state->root);
	arena_free(&state->arena);
	free(state->buffer);
	free(state);
}

/* ---- Encoding ---------------------------------------------------------------------------------------------------- */

/* Takes the value over, NULL too: then it is false. */
static bool put(json_t *object, const char *key, json_t *value)
{
	return json_object_set_new_nocheck(object, key, value) == 0;
}

static json_t *text_json(const struct record_text *text)
{
	return json_stringn_nocheck(text->bytes, text->length);
}

static json_t *tags_json(const struct record *record)
{
	json_t *array = json_array();

	for (size_t i = 0; i < record->tag_count; i++)
		if (json_array_append_new(array, text_json(&record->tags[i])) != 0) {
			json_decref(array);
			return NULL;
		}
	return array;
}

static json_t *item_json(const struct record_item *item)
{
	json_t *object = json_object();

	if (put(object, "id", json_integer(item->id)) && put(object, "quantity", json_integer(item->quantity)) &&
	    put(object, "price", json_real(item->price)) && put(object, "title", text_json(&item->title)))
		return object;
	json_decref(object);
	return NULL;
}

static json_t *items_json(const struct record *record)
{
	json_t *array = json_array();

	for (size_t i = 0; i < record->item_count; i++)
		if (json_array_append_new(array, item_json(&record->items[i])) != 0) {
			json_decref(array);
			return NULL;
		}
	return array;
}

static json_t *record_json(const struct record *record)
{
	json_t *object = json_object();

	if (put(object, "id", json_integer(record->id)) &&
	    put(object, "modified_ns", json_integer(record->modified_ns)) &&
	    put(object, "stock", json_integer(record->stock)) && put(object, "price", json_real(record->price)) &&
	    put(object, "rating", json_real(record->rating)) && put(object, "active", json_boolean(record->active)) &&
	    put(object, "verified", json_boolean(record->verified)) &&
	    put(object, "name", text_json(&record->name)) && put(object, "sku", text_json(&record->sku)) &&
	    put(object, "description", text_json(&record->description)) && put(object, "tags", tags_json(record)) &&
	    put(object, "items", items_json(record)) &&
	    (!record->has_discount || put(object, "discount", json_real(record->discount))) &&
	    (!record->has_note || put(object, "note", text_json(&record->note))))
		return object;
	json_decref(object);
	return NULL;
}

/* Writes the tree into the buffer, which grows when it does not fit. */
static bool dump(struct state *state, const json_t *root, struct codec_bytes *encoded)
{
	for (;;) {
		size_t bytes = json_dumpb(root, state->buffer, state->buffer_bytes, JSON_COMPACT);
		char *grown;

		if (bytes == 0)
			return false;
		if (bytes <= state->buffer_bytes) {
			*encoded = (struct codec_bytes){state->buffer, bytes};
			return true;
		}
		grown = realloc(state->buffer, 2 * bytes);
		if (!grown)
			return false;
		state->buffer = grown;
		state->buffer_bytes = 2 * bytes;
	}
}

static bool encode(void *opaque, const struct record *record, struct codec_bytes *encoded)
{
	json_t *root = record_json(record);
	bool done = root && dump(opaque, root, encoded);

	json_decref(root);
	return done;
}

/* ---- Decoding ---------------------------------------------------------------------------------------------------- */

static bool read_integer(const json_t *object, const char *key, int64_t *value)
{
	const json_t *member = json_object_get(object, key);

	*value = json_integer_value(member);
	return json_is_integer(member);
}

static bool read_double(const json_t *object, const char *key, double *value)
{
	const json_t *member = json_object_get(object, key);

	*value = json_number_value(member);
	return json_is_number(member);
}

static bool read_bool(const json_t *object, const char *key, bool *value)
{
	const json_t *member = json_object_get(object, key);

	*value = json_is_true(member);
	return json_is_boolean(member);
}

static bool text_of(const json_t *string, struct record_text *text)
{
	if (!json_is_string(string))
		return false;
	*text = (struct record_text){json_string_value(string), json_string_length(string)};
	return true;
}

static bool read_tags(struct state *state, const json_t *array, struct record *record)
{
	struct record_text *tags = arena_take(&state->arena, json_array_size(array) * sizeof(*tags));
	size_t index;
	json_t *tag;

	if (!tags || !json_is_array(array))
		return false;
	json_array_foreach(array, index, tag)
		if (!text_of(tag, &tags[index]))
			return false;
	record->tags = tags;
	record->tag_count = index;
	return true;
}

static bool read_items(struct state *state, const json_t *array, struct record *record)
{
	struct record_item *items = arena_take(&state->arena, json_array_size(array) * sizeof(*items));
	size_t index;
	json_t *item;

	if (!items || !json_is_array(array))
		return false;
	json_array_foreach(array, index, item)
		if (!read_integer(item, "id", &items[index].id) ||
		    !read_integer(item, "quantity", &items[index].quantity) ||
		    !read_double(item, "price", &items[index].price) ||
		    !text_of(json_object_get(item, "title"), &items[index].title))
			return false;
	record->items = items;
	record->item_count = index;
	return true;
}

static bool read_optional(const json_t *root, struct record *record)
{
	const json_t *discount = json_object_get(root, "discount"), *note = json_object_get(root, "note");

	record->has_discount = discount != NULL;
	record->discount = 0;
	record->has_note = note != NULL;
	record->note = (struct record_text){"", 0};
	return (!discount || read_double(root, "discount", &record->discount)) && (!note || text_of(note, &record->note));
}

static bool decode(void *opaque, const void *data, size_t bytes, struct record *record)
{
	struct state *state = opaque;
	json_t *root;

	json_decref(state->root);
	arena_reset(&state->arena);
	state->root = root = json_loadb(data, bytes, 0, NULL);
	return root && read_integer(root, "id", &record->id) &&
	       read_integer(root, "modified_ns", &record->modified_ns) && read_integer(root, "stock", &record->stock) &&
	       read_double(root, "price", &record->price) && read_double(root, "rating", &record->rating) &&
	       read_bool(root, "active", &record->active) && read_bool(root, "verified", &record->verified) &&
	       text_of(json_object_get(root, "name"), &record->name) &&
	       text_of(json_object_get(root, "sku"), &record->sku) &&
	       text_of(json_object_get(root, "description"), &record->description) &&
	       read_tags(state, json_object_get(root, "tags"), record) &&
	       read_items(state, json_object_get(root, "items"), record) && read_optional(root, record);
}

static bool field(void *opaque, const void *data, size_t bytes, int64_t *stock)
{
	json_t *root = json_loadb(data, bytes, 0, NULL);
	bool found = read_integer(root, "stock", stock);

	(void)opaque;
	json_decref(root);
	return found;
}

const struct codec codec_json = {
	.name = "json",
	.library = "jansson",
	.version = jansson_version_str,
	.format = "JSON, without spaces",
	.use = "json_dumpb into a buffer that stays; json_loadb, texts stay in its tree; a field wants the whole parse",
	.finite_only = true,
	.open = open_state,
	.close = close_state,
	.encode = encode,
	.decode = decode,
	.field = field,
};
