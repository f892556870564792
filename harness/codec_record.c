/* SPDX-License-Identifier: BSD-2-Clause */
/* Records of the codec suite; see codec_record.h. */
#include "harness/codec_record.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

/* ---- Memory ------------------------------------------------------------------------------------------------------ */

#define BLOCK_MIN 4096

struct arena_block {
	struct arena_block *next;
	size_t bytes;
	alignas(max_align_t) unsigned char memory[];
};

static bool add_block(struct arena *arena, size_t bytes)
{
	struct arena_block *block;

	if (bytes < BLOCK_MIN)
		bytes = BLOCK_MIN;
	if (bytes < arena->total) /* so there are few blocks */
		bytes = arena->total;
	block = malloc(sizeof(*block) + bytes);
	if (!block)
		return false;
	block->next = arena->block;
	block->bytes = bytes;
	arena->block = block;
	arena->used = 0;
	arena->total += bytes;
	return true;
}

void *arena_take(struct arena *arena, size_t bytes)
{
	void *memory;

	if (bytes > SIZE_MAX / 4)
		return NULL;
	bytes = (bytes + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
	if ((!arena->block || arena->block->bytes - arena->used < bytes) && !add_block(arena, bytes))
		return NULL;
	memory = arena->block->memory + arena->used;
	arena->used += bytes;
	return memory;
}

void arena_free(struct arena *arena)
{
	while (arena->block) {
		struct arena_block *next = arena->block->next;

		free(arena->block);
		arena->block = next;
	}
	arena->used = arena->total = 0;
}

void arena_reset(struct arena *arena)
{
	size_t total = arena->total;

	arena->used = 0;
	if (!arena->block || !arena->block->next)
		return;
	arena_free(arena);
	add_block(arena, total); /* no memory now: then later */
}

bool arena_text(struct arena *arena, const char *bytes, size_t length, struct record_text *text)
{
	char *copy = arena_take(arena, length + 1);

	if (!copy)
		return false;
	memcpy(copy, bytes, length);
	copy[length] = '\0';
	*text = (struct record_text){copy, length};
	return true;
}

/* ---- Drawing ----------------------------------------------------------------------------------------------------- */

const struct record_shape record_shapes[] = {
	{"small", 0, 1, 20},
	{"medium", 12, 6, 240},
	{"large", 170, 20, 1200},
	{"huge", 1900, 40, 4000},
	{NULL, 0, 0, 0},
};

/* An item's integers, double and title, a tag, and all the rest. */
#define ITEM_BYTES  50
#define TAG_BYTES   10
#define OTHER_BYTES 80

struct record_shape record_shape_of_items(unsigned items)
{
	return (struct record_shape){NULL, items, 6, 240};
}

size_t record_estimate(const struct record_shape *shape)
{
	return OTHER_BYTES + (size_t)shape->items * ITEM_BYTES + (size_t)shape->tags * TAG_BYTES + shape->description;
}

/* About n: from half to one and a half of it. */
static size_t about(struct workload_random *random, size_t n)
{
	return n / 2 + workload_random_below(random, n + 1);
}

/* Words of lower case letters, now and then with what JSON has to escape or is longer than a byte. */
static bool draw_text(struct record_text *text, size_t length, struct workload_random *random, struct arena *arena)
{
	static const char *const rare[] = {"\"", "\\", "\n", "/", "é", "ß", "€", "漢", "😀"};
	char *bytes = arena_take(arena, length + 1);
	size_t used = 0;

	if (!bytes)
		return false;
	while (used < length) {
		uint64_t die = workload_random_below(random, 100);
		const char *piece = rare[workload_random_below(random, sizeof(rare) / sizeof(rare[0]))];

		if (die < 2 && used + strlen(piece) <= length) {
			memcpy(bytes + used, piece, strlen(piece));
			used += strlen(piece);
		} else if (die < 17) {
			bytes[used++] = ' ';
		} else {
			bytes[used++] = (char)('a' + workload_random_below(random, 26));
		}
	}
	bytes[length] = '\0';
	*text = (struct record_text){bytes, length};
	return true;
}

static double draw_price(struct workload_random *random)
{
	return (double)workload_random_below(random, 1000000) / 100;
}

static bool draw_tags(struct record *record, const struct record_shape *shape, struct workload_random *random,
                      struct arena *arena)
{
	size_t count = about(random, shape->tags);
	struct record_text *tags = arena_take(arena, count * sizeof(*tags));

	if (!tags)
		return false;
	for (size_t i = 0; i < count; i++)
		if (!draw_text(&tags[i], about(random, 8), random, arena))
			return false;
	record->tags = tags;
	record->tag_count = count;
	return true;
}

static bool draw_items(struct record *record, const struct record_shape *shape, struct workload_random *random,
                       struct arena *arena)
{
	size_t count = about(random, shape->items);
	struct record_item *items = arena_take(arena, count * sizeof(*items));

	if (!items)
		return false;
	for (size_t i = 0; i < count; i++) {
		items[i].id = (int64_t)workload_random_below(random, 1000000000);
		items[i].quantity = (int64_t)workload_random_below(random, 100) - 2;
		items[i].price = draw_price(random);
		if (!draw_text(&items[i].title, about(random, 28), random, arena))
			return false;
	}
	record->items = items;
	record->item_count = count;
	return true;
}

bool record_draw(struct record *record, const struct record_shape *shape, struct workload_random *random,
                 struct arena *arena)
{
	const struct record_text empty = {"", 0};

	memset(record, 0, sizeof(*record));
	record->id = (int64_t)(workload_random_next(random) >> 16);
	record->modified_ns = 1700000000000000000 + (int64_t)workload_random_below(random, 100000000000000000);
	record->stock = (int64_t)workload_random_below(random, 1000) - 10;
	record->price = draw_price(random);
	record->rating = 1 + 4 * workload_random_real(random);
	record->active = workload_random_below(random, 10) != 0;
	record->verified = workload_random_below(random, 2) != 0;
	record->has_discount = workload_random_below(random, 2) != 0;
	if (record->has_discount)
		record->discount = workload_random_real(random);
	record->has_note = workload_random_below(random, 4) == 0;
	record->note = empty;
	return draw_text(&record->name, about(random, 16), random, arena) &&
	       draw_text(&record->sku, 12, random, arena) &&
	       draw_text(&record->description, about(random, shape->description), random, arena) &&
	       draw_tags(record, shape, random, arena) && draw_items(record, shape, random, arena) &&
	       (!record->has_note || draw_text(&record->note, about(random, 12), random, arena));
}

/* ---- Comparing --------------------------------------------------------------------------------------------------- */

static bool same_text(const struct record_text *a, const struct record_text *b)
{
	return a->length == b->length && memcmp(a->bytes, b->bytes, a->length) == 0 && a->bytes[a->length] == '\0' &&
	       b->bytes[b->length] == '\0';
}

static bool same_double(double a, double b)
{
	return memcmp(&a, &b, sizeof(a)) == 0;
}

static const char *item_difference(const struct record_item *a, const struct record_item *b)
{
	return a->id != b->id                    ? "items.id"
	       : a->quantity != b->quantity      ? "items.quantity"
	       : !same_double(a->price, b->price) ? "items.price"
	       : !same_text(&a->title, &b->title) ? "items.title"
	                                          : NULL;
}

static const char *list_difference(const struct record *a, const struct record *b)
{
	if (a->tag_count != b->tag_count)
		return "tags";
	if (a->item_count != b->item_count)
		return "items";
	for (size_t i = 0; i < a->tag_count; i++)
		if (!same_text(&a->tags[i], &b->tags[i]))
			return "tags";
	for (size_t i = 0; i < a->item_count; i++) {
		const char *name = item_difference(&a->items[i], &b->items[i]);

		if (name)
			return name;
	}
	return NULL;
}

const char *record_difference(const struct record *a, const struct record *b)
{
	const struct {
		bool same;
		const char *name;
	} members[] = {
		{a->id == b->id, "id"},
		{a->modified_ns == b->modified_ns, "modified_ns"},
		{a->stock == b->stock, "stock"},
		{same_double(a->price, b->price), "price"},
		{same_double(a->rating, b->rating), "rating"},
		{a->active == b->active, "active"},
		{a->verified == b->verified, "verified"},
		{same_text(&a->name, &b->name), "name"},
		{same_text(&a->sku, &b->sku), "sku"},
		{same_text(&a->description, &b->description), "description"},
		{a->has_discount == b->has_discount && same_double(a->discount, b->discount), "discount"},
		{a->has_note == b->has_note && same_text(&a->note, &b->note), "note"},
	};

	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		if (!members[i].same)
			return members[i].name;
	return list_difference(a, b);
}
