/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The instructions that a call executes, one after the other: the program forks, and the child is stepped through the call by
 * ptrace, from the function's first instruction to its return. Exact, without any hardware. The addresses are those of this
 * process.
 *
 * Only the thread that calls is stepped; others of the child run on.
 */
#ifndef HARNESS_ASM_STEPS_H
#define HARNESS_ASM_STEPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A call that goes on for longer does not end, or waits for somebody. (A step takes some microseconds.) */
#define ASM_STEPS_MAX ((size_t)200000)

struct asm_steps {
	uintptr_t *address; /* of each instruction, in the order of execution */
	size_t count;
};

struct asm_call {
	/* In the child: makes ready, and calls. prepare returns NULL, or why it cannot. */
	const char *(*prepare)(void *context);
	void (*call)(void *context);
	void *context;
	size_t most;          /* steps; 0: ASM_STEPS_MAX */
	const void *function; /* what `call` calls, first or later, directly or not: steps begin and end with it */
};

/* False: `error` says why not, and *steps is cleared. `forbidden`: this machine does not let us. */
bool asm_steps_take(const struct asm_call *call, struct asm_steps *steps, bool *forbidden, char *error, size_t error_bytes);
void asm_steps_free(struct asm_steps *steps);

#endif
