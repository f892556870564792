/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What lies where: blocks of the heap with the place of their allocation, objects that the program has named, stacks, and
 * the program's own static memory.
 */
#ifndef COHERENCE_NAMES_H
#define COHERENCE_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum place_kind {
	PLACE_HEAP,
	PLACE_STATIC,
	PLACE_STACK,
	PLACE_UNKNOWN,
};

struct place {
	enum place_kind kind;
	uintptr_t first, end;  /* the object's, or the block's */
	const char *type;      /* NULL: the program did not tell */
	size_t element_bytes;  /* 0: no array */
	uintptr_t site;        /* heap: who allocated it; as in the ELF file */
	uintptr_t address;     /* static: as in the ELF file */
	unsigned core;         /* stack */
};

void names_block(uintptr_t block, size_t bytes, uintptr_t site);
void names_freed(const void *block);
size_t names_live_blocks(void);
/* A thread's stack, with its thread-local memory; stays known when the thread has ended. */
void names_stack(uintptr_t first, uintptr_t end, unsigned core);
/* element_bytes: of an array's elements; 0: it is none. */
void names_object(const void *object, size_t bytes, size_t element_bytes, const char *type);

/* Where code or static memory of the program lies in its ELF file; 0 for what is elsewhere. */
uintptr_t names_in_file(uintptr_t address);

/* What lies at [first, end), by address: at most `most` places. Result: how many; 1, unknown, where nothing is known. */
unsigned names_at(uintptr_t first, uintptr_t end, struct place *places, unsigned most);

/* In a few words, for messages. */
void names_describe(uintptr_t address, char *text, size_t bytes);

#endif
