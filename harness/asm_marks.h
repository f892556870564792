/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an instruction is, by its text as objdump writes it (AT&T syntax on x86-64; aarch64).
 *
 * Only what the machine code says is marked. On x86-64 a load with acquire and a store with release are plain moves, and marked as
 * nothing; on aarch64 they are instructions of their own (ldar, ldapr, stlr), and marked as ordered.
 */
#ifndef HARNESS_ASM_MARKS_H
#define HARNESS_ASM_MARKS_H

#include <stdbool.h>
#include <stdint.h>

enum asm_mark {
	ASM_PLAIN,
	ASM_ATOMIC,  /* reads and writes as one: lock-prefixed, xchg with memory; ldadd, swp, cas, ldxr and stxr */
	ASM_FENCE,   /* mfence, lfence, sfence, a locked operation that changes nothing on the stack; dmb, dsb, isb */
	ASM_ORDERED, /* aarch64: load-acquire, store-release */
	ASM_CALL,
	ASM_JUMP,    /* conditional or not */
	ASM_RETURN,
	ASM_PAUSE,
	ASM_SYSCALL,
	ASM_MARKS,
};

const char *asm_mark_string(enum asm_mark mark); /* "" of plain ones */

enum asm_machine { ASM_X86_64, ASM_AARCH64 };
#if defined(__aarch64__)
#define ASM_HERE ASM_AARCH64
#else
#define ASM_HERE ASM_X86_64
#endif

enum asm_mark asm_mark_of(enum asm_machine machine, const char *text);

/* The address that a direct call or jump goes to: "call   177c0 <crypto_shorthash@plt>". False: it is indirect, or none. */
bool asm_mark_target(const char *text, uint64_t *address);

#endif
