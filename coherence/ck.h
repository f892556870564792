/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Included before everything else where Concurrency Kit is compiled, or its headers are, for the observatory: its atomic
 * operations as the compiler's builtins, which are seen, instead of inline assembly, which is not. ck_pr_fas (exchange) would
 * be made of a loop of compare-and-swap there: it is one instruction on the machine, and has to be one access here.
 */
#ifndef COHERENCE_CK_H
#define COHERENCE_CK_H

#define CK_USE_CC_BUILTINS 1

#include <stdbool.h>
#include <stdint.h>

#define EXCHANGE(suffix, object, type)                                                                                 \
	static inline __attribute__((always_inline, unused)) type ck_pr_fas_##suffix(object *target, type value)       \
	{                                                                                                              \
		return __atomic_exchange_n((type *)target, value, __ATOMIC_SEQ_CST);                                   \
	}
EXCHANGE(ptr, void, void *)
EXCHANGE(int, int, int)
EXCHANGE(uint, unsigned, unsigned)
EXCHANGE(char, char, char)
EXCHANGE(64, uint64_t, uint64_t)
EXCHANGE(32, uint32_t, uint32_t)
EXCHANGE(16, uint16_t, uint16_t)
EXCHANGE(8, uint8_t, uint8_t)
#undef EXCHANGE
/* Tell ck_pr.h that they are there. */
#define CK_F_PR_FAS_PTR
#define CK_F_PR_FAS_INT
#define CK_F_PR_FAS_UINT
#define CK_F_PR_FAS_CHAR
#define CK_F_PR_FAS_64
#define CK_F_PR_FAS_32
#define CK_F_PR_FAS_16
#define CK_F_PR_FAS_8

#include <ck_pr.h>

/* The spin hint: after ck_pr.h, which defines one. */
void coherence_relax(void);
#define ck_pr_stall coherence_relax

#endif
