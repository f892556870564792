/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Machine code of this process in words: modules, functions, instructions, by objdump.
 *
 * Addresses are those of the process. What is shown are functions that have a symbol, whole; of code without one (entries of the
 * PLT, a library's own functions) what was executed.
 */
#ifndef HARNESS_ASM_CODE_H
#define HARNESS_ASM_CODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "harness/asm_marks.h"
#include "harness/asm_steps.h"

#define ASM_LINE_BYTES 64
#define ASM_TEXT_BYTES 256

struct asm_instruction {
	uintptr_t address;
	unsigned bytes;
	char *text;
	enum asm_mark mark;
	uint64_t executed;
	uintptr_t went; /* where it went when it was last executed and not on to the next; 0: nowhere else */
	uint64_t samples;
};

struct asm_function {
	char *name;   /* "rcu_get", "memcpy@plt", "memcpy" (as it was called) */
	char *module; /* "capacitor", "libc.so.6" */
	bool ours;    /* of the program itself */
	uintptr_t begin;
	uintptr_t base; /* of its module: what is taken off an address to find it in the file */
	struct asm_instruction *instruction;
	size_t count;
	size_t first; /* the step that came here first; SIZE_MAX: none */
};

struct asm_code {
	struct asm_function *function; /* by `first` */
	size_t count;
	uintptr_t base; /* of the program: what is taken off an address to find it in the file */
};

/* All functions that steps went through. False: `error` says why not (`no_objdump`: it is missing). */
bool asm_code_of_steps(const struct asm_steps *steps, struct asm_code *code, bool *no_objdump, char *error, size_t error_bytes);

/* A function of the program, and those of it that `wanted` (by address) lets in, from call to call. */
bool asm_code_of_calls(const void *const *roots, size_t count, bool (*wanted)(void *context, uintptr_t address), void *context,
                       struct asm_code *code, bool *no_objdump, char *error, size_t error_bytes);

void asm_code_free(struct asm_code *code);

/* The name of what lies at an address, "rcu_get" or "libc.so.6+0x1234". */
void asm_code_name(const struct asm_code *code, uintptr_t address, char text[ASM_TEXT_BYTES]);

/* ---- Counts ------------------------------------------------------------------------------------------------------ */

struct asm_counts {
	uint64_t instructions, mark[ASM_MARKS]; /* executed, or, when nothing was, those that there are */
	uint64_t bytes, lines; /* of code: each once */
};

enum asm_share { ASM_ALL, ASM_OURS, ASM_LIBRARIES };
struct asm_counts asm_code_counts(const struct asm_code *code, enum asm_share share, bool executed);
/* Of all parts of the code that have this function's name. */
struct asm_counts asm_function_counts(const struct asm_code *code, const struct asm_function *function, bool executed);

/* ---- Weights ----------------------------------------------------------------------------------------------------- */

struct asm_weights {
	uint64_t samples;  /* of the whole profile */
	uint64_t found;    /* of these, in the code */
};

/* Puts down the samples of a CPU profile of gperftools to the instructions. It must be this program's. */
bool asm_code_weigh(struct asm_code *code, const char *path, struct asm_weights *weights, char *error, size_t error_bytes);

#endif
