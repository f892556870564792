/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a program's own debug information says of its addresses and types: which function and line an address of code is,
 * which field an offset of a type is, which variable lies at an address, and how a struct is laid out.
 *
 * For ELF files that gcc or clang made with -g. Addresses are those of the file, as nm and addr2line count them: of a
 * program that runs, less where it was loaded. Everything that is looked for is indexed when the file is opened, so that
 * a question costs microseconds.
 *
 * One thread at a time. Strings that are returned live until debuginfo_close.
 */
#ifndef HARNESS_DEBUGINFO_H
#define HARNESS_DEBUGINFO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Room for any path of fields, or name of a type, that is not cut off. */
#define DEBUGINFO_TEXT_BYTES 256

struct debuginfo;

/* NULL: no such file, no ELF file, no debug information; *error says which. */
struct debuginfo *debuginfo_open(const char *path, char *error, size_t error_bytes);
/* NULL is allowed. */
void debuginfo_close(struct debuginfo *info);

/* ---- Code -------------------------------------------------------------------------------------------------------- */

struct debuginfo_frame {
	const char *function;
	const char *file; /* relative to where it was compiled ("common/operation.c"); NULL: unknown */
	unsigned line;    /* 0: unknown */
};

/*
 * Where an address of code is: the innermost function, inlined or not, first; then those that it was inlined into, each with
 * the line of the call. Returns how many there are, of which the first `room` are filled in; 0: no code that is known. Of
 * a function without debug information only the symbol's name is told.
 *
 * A return address is where the call comes back to, which may belong to another line or function: of a call, ask for
 * address - 1.
 */
size_t debuginfo_code(struct debuginfo *info, uint64_t address, struct debuginfo_frame *frames, size_t room);

/* ---- Types and data ---------------------------------------------------------------------------------------------- */

/*
 * What lies at [offset, offset + bytes) of an object of that type:
 *
 *   struct rcu_cache.common.budget.live_bytes
 *   struct shard[3].policy.main.{front, back}      several fields: what they have in common, then the fields
 *   struct shard[3].policy.{kind .. ghost}         more than three
 *   struct entry.bytes[8 .. 15]                    elements of an array
 *   struct shard[3].(padding)                      nothing
 *   struct array.(behind)[64]                      so many bytes behind the end of the object
 *
 * Of the members of a union, the first that covers the place is told. `type` is written as in C ("struct shard", "ck_hs_t",
 * "struct entry *"), with "[]" behind it when there are many side by side: then the offset counts from the first. Several
 * files may have a type of that name: `unit` (NULL: any) is a source file that defines it, or that was compiled with it;
 * when none fits, it is the first definition in the program. False: there is no such type.
 */
bool debuginfo_field(struct debuginfo *info, const char *type, const char *unit, uint64_t offset, uint64_t bytes,
                     char text[DEBUGINFO_TEXT_BYTES]);

struct debuginfo_variable {
	const char *name;
	const char *file; /* NULL: only the symbol is known */
	unsigned line;
	uint64_t address; /* where it begins */
	uint64_t bytes;
	char type[DEBUGINFO_TEXT_BYTES]; /* "": only the symbol is known */
	char field[DEBUGINFO_TEXT_BYTES]; /* what lies at the address that was asked for, as above: "table.shards[2].mutex" */
};

/* The static variable, global or not, at [address, address + bytes): that which covers the first byte, or else begins first. */
bool debuginfo_variable(struct debuginfo *info, uint64_t address, uint64_t bytes, struct debuginfo_variable *variable);

/* ---- Layouts ----------------------------------------------------------------------------------------------------- */

struct debuginfo_member {
	char *name; /* with those that it lies in: "policy.main.front" */
	char *type;
	uint64_t offset;
	uint64_t bytes;       /* 0: a flexible array */
	unsigned bit;         /* of a bit field: the first bit, counted from offset, and how many; else 0 and 0 */
	unsigned bits;
	unsigned depth;       /* 0: a member of the struct itself, 1: a member of a member, ... */
	bool holds_members;   /* a struct or union: its members follow */
	bool alternative;     /* of a union, not the first: it lies where another member does */
};

struct debuginfo_layout {
	const char *file;
	unsigned line;
	uint64_t bytes;
	uint64_t alignment;
	struct debuginfo_member *members;
	size_t count;
};

/* How a struct or union is laid out: every member, and right behind it its own members. `type` and `unit` as above. False:
 * there is no such type, it has no members, or there is no memory. */
bool debuginfo_layout(struct debuginfo *info, const char *type, const char *unit, struct debuginfo_layout *layout);
/* A cleared one is allowed. */
void debuginfo_layout_free(struct debuginfo_layout *layout);

#endif
