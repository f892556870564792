/* SPDX-License-Identifier: BSD-2-Clause */
/* The record that codecs encode, and the memory that decoded ones are in; see codec.h. */
#include <stdalign.h>
#include <stdio.h>
#include <string.h>

#include "harness/codec/codec.h"
#include "harness/workload.h"

const struct codec *const codecs[] = {&codec_json, &codec_msgpack, &codec_protobuf, &codec_flat, NULL};

void *arena_take(struct arena *arena, size_t bytes)
{
	size_t begin = (arena->used + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);

	if (begin > arena->bytes || bytes > arena->bytes - begin)
		return NULL;
	arena->used = begin + bytes;
	return arena->memory + begin;
}

const char *arena_text(struct arena *arena, const void *text, size_t bytes)
{
	char *copy;

	if ((bytes && memchr(text, '\0', bytes)) || bytes == SIZE_MAX)
		return NULL;
	copy = arena_take(arena, bytes + 1);
	if (!copy)
		return NULL;
	if (bytes)
		memcpy(copy, text, bytes);
	copy[bytes] = '\0';
	return copy;
}

/* ---- Drawing ---------------------------------------------------------------------------------------------------------- */

/* Words, with what formats have to escape or encode now and then. */
static const char *draw_text(struct workload_random *random, struct arena *arena, unsigned words)
{
	static const char *const some[] = {"alder", "birch", "cedar", "elm", "fir", "hazel", "larch", "maple", "oak", "pine",
		"rowan",
	                                   "spruce", "willow", "\"quoted\"", "caf\xc3\xa9", "na\xc3\xafve", "back\\slash",
	                                   	"\xe6\xa8\xb9"};
	char text[256];
	size_t used = 0;

	text[0] = '\0';
	for (unsigned i = 0; i < words && used + 24 < sizeof text; i++)
		used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", i ? " " : "",
		                         some[workload_random_below(random, sizeof some / sizeof some[0])]);
	return arena_text(arena, text, used);
}

static double draw_amount(struct workload_random *random)
{
	return (double)workload_random_below(random, 1000000) / 100;
}

static bool draw_lists(struct record *record, struct arena *arena, struct workload_random *random, unsigned items)
{
	record->tags = 1 + items / 4 + (size_t)workload_random_below(random, 3);
	record->items = items;
	record->tag = arena_take(arena, (record->tags ? record->tags : 1) * sizeof record->tag[0]);
	record->item = arena_take(arena, (items ? items : 1) * sizeof record->item[0]);
	if (!record->tag || !record->item)
		return false;
	for (size_t i = 0; i < record->tags; i++)
		if (!(record->tag[i] = draw_text(random, arena, 1)))
			return false;
	for (size_t i = 0; i < items; i++) {
		record->item[i] = (struct record_item){(uint32_t)workload_random_next(random),
			(int32_t)workload_random_below(random, 20) - 4, draw_amount(random),
		                                       draw_text(random, arena, 2 + (unsigned)workload_random_below(random, 3))};
		if (!record->item[i].title)
			return false;
	}
	return true;
}

bool record_draw(struct record *record, struct arena *arena, uint64_t seed, unsigned items)
{
	struct workload_random random;

	workload_random_init(&random, seed, 0);
	*record = (struct record){
		.id = workload_random_next(&random) >> 1,
		.created_ms = (int64_t)(1500000000000 + workload_random_below(&random, 300000000000)),
		.score = draw_amount(&random) - 5000,
		.active = workload_random_below(&random, 2),
		.name = draw_text(&random, arena, 2),
		.email = draw_text(&random, arena, 1),
	};
	if (workload_random_below(&random, 2))
		record->note = draw_text(&random, arena, 6);
	return record->name && record->email && draw_lists(record, arena, &random, items);
}

/* ---- Comparing -------------------------------------------------------------------------------------------------------- */

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_number(double a, double b)
{
	return memcmp(&a, &b, sizeof a) == 0;
}

bool record_equal(const struct record *a, const struct record *b)
{
	if (a->id != b->id || a->created_ms != b->created_ms || !same_number(a->score, b->score) || a->active != b->active ||
	    !same_text(a->name, b->name) || !same_text(a->email, b->email) || !same_text(a->note, b->note) || a->tags != b->tags ||
	    a->items != b->items)
		return false;
	for (size_t i = 0; i < a->tags; i++)
		if (!same_text(a->tag[i], b->tag[i]))
			return false;
	for (size_t i = 0; i < a->items; i++)
		if (a->item[i].product != b->item[i].product || a->item[i].quantity != b->item[i].quantity ||
		    !same_number(a->item[i].price, b->item[i].price) || !same_text(a->item[i].title, b->item[i].title))
			return false;
	return true;
}
