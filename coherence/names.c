/* SPDX-License-Identifier: BSD-2-Clause */
/* What lies where; see names.h. */
#include "coherence/names.h"

#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coherence/memory.h"
#include "coherence/threads.h"

/* By their first address; the newest of an address replaces what was there before. */
struct named {
	uintptr_t first;
	size_t bytes, element_bytes;
	const char *type;
	uintptr_t site;
	uint64_t order; /* of naming: newer names are truer */
	bool freed;
};

struct table {
	struct named *slot;
	size_t slots, used;
};

static struct table blocks, objects;
static uint64_t order;

/* ---- Tables ------------------------------------------------------------------------------------------------------ */

#define FIRST_SLOTS 1024

static struct named *find(const struct table *table, uintptr_t first)
{
	uint64_t at = first / 8 * UINT64_C(0x9E3779B97F4A7C15) >> 20;

	while (table->slot[at & (table->slots - 1)].first && table->slot[at & (table->slots - 1)].first != first)
		at++;
	return &table->slot[at & (table->slots - 1)];
}

static struct named *add(struct table *table, uintptr_t first)
{
	struct named *named;

	if (table->used * 2 >= table->slots) {
		struct table larger = {.slots = table->slots ? table->slots * 2 : FIRST_SLOTS, .used = table->used};

		larger.slot = memory_take(larger.slots * sizeof(struct named));
		for (size_t i = 0; i < table->slots; i++)
			if (table->slot[i].first)
				*find(&larger, table->slot[i].first) = table->slot[i];
		*table = larger;
	}
	named = find(table, first);
	if (!named->first)
		table->used++;
	*named = (struct named){.first = first, .order = ++order};
	return named;
}

void names_block(uintptr_t block, size_t bytes, uintptr_t site)
{
	struct named *named = add(&blocks, block);

	named->bytes = bytes;
	named->site = site;
}

void names_freed(const void *block)
{
	if (block && blocks.slots) {
		struct named *named = find(&blocks, (uintptr_t)block);

		named->freed = named->first != 0;
	}
}

size_t names_live_blocks(void)
{
	size_t live = 0;

	for (size_t i = 0; i < blocks.slots; i++)
		live += blocks.slot[i].first && !blocks.slot[i].freed;
	return live;
}

void names_object(const void *object, size_t bytes, size_t element_bytes, const char *type)
{
	struct named *named = add(&objects, (uintptr_t)object);

	named->bytes = bytes;
	named->element_bytes = element_bytes;
	named->type = type;
}

/* ---- Stacks ------------------------------------------------------------------------------------------------------ */

struct stack {
	uintptr_t first, end;
	unsigned core;
	struct stack *older;
};
static struct stack *stacks; /* the newest first: later ones may lie where others were */

void names_stack(uintptr_t first, uintptr_t end, unsigned core)
{
	struct stack *stack = memory_take(sizeof(*stack));

	*stack = (struct stack){.first = first, .end = end, .core = core, .older = stacks};
	stacks = stack;
}

static const struct stack *stack_of(uintptr_t address)
{
	const struct stack *stack = stacks;

	while (stack && (address < stack->first || address >= stack->end))
		stack = stack->older;
	return stack;
}

/* ---- The program's file ------------------------------------------------------------------------------------------ */

static struct {
	bool known;
	uintptr_t bias, first, end;
} program;

static int take_first(struct dl_phdr_info *info, size_t bytes, void *unused)
{
	(void)bytes;
	(void)unused;
	program.bias = info->dlpi_addr;
	program.first = UINTPTR_MAX;
	for (unsigned i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *header = &info->dlpi_phdr[i];

		if (header->p_type != PT_LOAD)
			continue;
		if (program.first > program.bias + header->p_vaddr)
			program.first = program.bias + header->p_vaddr;
		if (program.end < program.bias + header->p_vaddr + header->p_memsz)
			program.end = program.bias + header->p_vaddr + header->p_memsz;
	}
	program.known = true;
	return 1; /* the program is the first; the others are libraries */
}

uintptr_t names_in_file(uintptr_t address)
{
	if (!program.known)
		dl_iterate_phdr(take_first, NULL);
	return address >= program.first && address < program.end ? address - program.bias : 0;
}

/* ---- Places ------------------------------------------------------------------------------------------------------ */

static bool overlap(uintptr_t first, uintptr_t end, uintptr_t other, uintptr_t other_end)
{
	return first < other_end && other < end;
}

static int by_address(const void *left, const void *right)
{
	const struct place *a = left, *b = right;

	return (a->first > b->first) - (a->first < b->first);
}

/* An index of all names by address, made when it is asked for: records come at the end. */
static struct {
	struct named *name;
	size_t count;
	uint64_t order; /* that of the newest in it */
	size_t widest;
} index_of_names[2];

static int by_first(const void *left, const void *right)
{
	const struct named *a = left, *b = right;

	return (a->first > b->first) - (a->first < b->first);
}

static void make_index(unsigned which, const struct table *table)
{
	index_of_names[which].name = memory_take((table->used + 1) * sizeof(struct named));
	index_of_names[which].count = 0;
	index_of_names[which].widest = 0;
	for (size_t i = 0; i < table->slots; i++) {
		if (!table->slot[i].first)
			continue;
		index_of_names[which].name[index_of_names[which].count++] = table->slot[i];
		if (table->slot[i].bytes > index_of_names[which].widest)
			index_of_names[which].widest = table->slot[i].bytes;
	}
	qsort(index_of_names[which].name, index_of_names[which].count, sizeof(struct named), by_first);
	index_of_names[which].order = order;
}

/* The first in the index that may reach `first`. */
static size_t begin_at(unsigned which, uintptr_t first)
{
	uintptr_t from = first > index_of_names[which].widest ? first - index_of_names[which].widest : 0;
	size_t low = 0, high = index_of_names[which].count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (index_of_names[which].name[middle].first < from)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

enum { BLOCKS, OBJECTS };

/* The newest block that holds the address; NULL: none. */
static const struct named *block_of(uintptr_t address)
{
	const struct named *newest = NULL;

	for (size_t i = begin_at(BLOCKS, address); i < index_of_names[BLOCKS].count; i++) {
		const struct named *block = &index_of_names[BLOCKS].name[i];

		if (block->first > address)
			break;
		if (address < block->first + block->bytes && (!newest || block->order > newest->order))
			newest = block;
	}
	return newest;
}

/* Is that what lies there now? A block may lie where another was before, an object in a block that was freed since. */
static bool is_true(const struct named *named, const struct named *block)
{
	return block == NULL || named->order >= block->order;
}

static unsigned named_at(unsigned which, uintptr_t first, uintptr_t end, struct place *places, unsigned count, unsigned most)
{
	for (size_t i = begin_at(which, first); i < index_of_names[which].count && count < most; i++) {
		const struct named *named = &index_of_names[which].name[i];
		const struct named *block;
		bool covered = false;

		if (named->first >= end)
			break;
		if (!overlap(first, end, named->first, named->first + named->bytes))
			continue;
		block = block_of(named->first > first ? named->first : first);
		if (!is_true(named, block))
			continue;
		for (unsigned other = 0; other < count; other++)
			covered |= overlap(places[other].first, places[other].end, named->first, named->first + named->bytes);
		if (covered)
			continue;
		places[count++] = (struct place){
			.kind = names_in_file(named->first) ? PLACE_STATIC : PLACE_HEAP,
			.first = named->first,
			.end = named->first + named->bytes,
			.type = named->type,
			.element_bytes = named->element_bytes,
			.site = block ? names_in_file(block->site) : 0,
			.address = names_in_file(named->first),
		};
	}
	return count;
}

unsigned names_at(uintptr_t first, uintptr_t end, struct place *places, unsigned most)
{
	const struct stack *stack;
	unsigned count = 0;

	if (index_of_names[BLOCKS].order != order || index_of_names[OBJECTS].order != order) {
		make_index(BLOCKS, &blocks);
		make_index(OBJECTS, &objects);
	}
	count = named_at(OBJECTS, first, end, places, count, most);
	count = named_at(BLOCKS, first, end, places, count, most);
	if (count > 0) {
		qsort(places, count, sizeof(*places), by_address);
		return count;
	}
	*places = (struct place){.kind = PLACE_UNKNOWN, .first = first, .end = end};
	stack = stack_of(first);
	if (names_in_file(first)) {
		places->kind = PLACE_STATIC;
		places->address = names_in_file(first);
	} else if (stack) {
		places->kind = PLACE_STACK;
		places->core = stack->core;
	}
	return 1;
}

/* Without the index, which sorting may allocate for: this is called by a signal's handler, too. */
static const struct named *newest_at(const struct table *table, uintptr_t address)
{
	const struct named *newest = NULL;

	for (size_t i = 0; i < table->slots; i++) {
		const struct named *named = &table->slot[i];

		if (named->first && address >= named->first && address < named->first + named->bytes &&
		    (!newest || named->order > newest->order))
			newest = named;
	}
	return newest;
}

void names_describe(uintptr_t address, char *text, size_t bytes)
{
	const struct named *block = newest_at(&blocks, address), *object = newest_at(&objects, address);
	const struct stack *stack = stack_of(address);

	if (object && block && object->order < block->order)
		object = NULL; /* of a block that was there before */
	if (object)
		snprintf(text, bytes, "%s+%zu", object->type, (size_t)(address - object->first));
	else if (block)
		snprintf(text, bytes, "a block+%zu, allocated at 0x%zx", (size_t)(address - block->first),
		         (size_t)names_in_file(block->site));
	else if (names_in_file(address))
		snprintf(text, bytes, "static, at 0x%zx", (size_t)names_in_file(address));
	else if (stack)
		snprintf(text, bytes, "the stack of core %u", stack->core);
	else
		snprintf(text, bytes, "memory that nobody named");
}
