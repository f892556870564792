/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Included before everything else where liburcu is compiled, or its headers are, for the observatory: its atomic operations as
 * the compiler's builtins, which are seen, instead of x86's inline assembly, which is not.
 */
#ifndef COHERENCE_URCU_H
#define COHERENCE_URCU_H

#if !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif

#define _URCU_ARCH_UATOMIC_X86_H /* keeps the header with the assembly out */
/* Otherwise a loop of compare-and-swap; on the machine it is one instruction. */
#define uatomic_xchg(object, value) __atomic_exchange_n((object), (value), __ATOMIC_SEQ_CST)
#include <urcu/arch.h>
#include <urcu/uatomic/gcc.h>

#undef cmm_mb
#define cmm_mb() __sync_synchronize()

void coherence_relax(void);
#undef caa_cpu_relax
#define caa_cpu_relax() coherence_relax()

#endif
