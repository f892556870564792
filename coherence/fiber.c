/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fibers; see threads.h. A switch saves the registers that a call preserves, and moves the stack pointer and the thread
 * pointer (which carries errno, thread-local variables and pthread_self) to another thread's. With the instruction that
 * writes the thread pointer it takes about ten nanoseconds; where the kernel keeps that instruction to itself, a system call
 * does it.
 */
#include "coherence/threads.h"

#include <linux/futex.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "coherence/real.h"

/* ---- Words ------------------------------------------------------------------------------------------------------- */

void word_await(int *word)
{
	while (!__atomic_load_n(word, __ATOMIC_ACQUIRE)) /* PAIRS: word_set() */
		system_call(SYS_futex, (long)word, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 0, 0, 0, 0);
	*word = 0;
}

void word_set(int *word)
{
	__atomic_store_n(word, 1, __ATOMIC_RELEASE); /* PAIRS: word_await() */
	system_call(SYS_futex, (long)word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, 0, 0, 0);
}

#if FIBERS_EXIST

long system_call(long number, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long result;

	__asm__ volatile("syscall"
	                 : "=a"(result)
	                 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
	                 : "rcx", "r11", "memory");
	return result;
}

/* ---- Switching --------------------------------------------------------------------------------------------------- */

/* Saves the callee's registers on this stack, its pointer to *from, and goes on where `to` was left. */
void fiber_swap(void **from, void *to, uintptr_t thread_pointer);
void fiber_begin(void);

__asm__(".text\n"
        ".globl fiber_swap\n"
        ".hidden fiber_swap\n"
        ".type fiber_swap, @function\n"
        "fiber_swap:\n"
        "	push %rbp\n	push %rbx\n	push %r12\n	push %r13\n	push %r14\n	push %r15\n"
        "	mov %rsp, (%rdi)\n"
        "	mov %rsi, %rsp\n"
        "	wrfsbase %rdx\n"
        "	pop %r15\n	pop %r14\n	pop %r13\n	pop %r12\n	pop %rbx\n	pop %rbp\n"
        "	ret\n"
        ".size fiber_swap, . - fiber_swap\n"
        /* The same, after arch_prctl(ARCH_SET_FS, rdx). */
        ".globl fiber_swap_slowly\n"
        ".hidden fiber_swap_slowly\n"
        ".type fiber_swap_slowly, @function\n"
        "fiber_swap_slowly:\n"
        "	push %rbp\n	push %rbx\n	push %r12\n	push %r13\n	push %r14\n	push %r15\n"
        "	mov %rsp, (%rdi)\n"
        "	mov %rsi, %rsp\n"
        "	mov %rdx, %rsi\n"
        "	mov $0x1002, %edi\n"
        "	mov $158, %eax\n"
        "	syscall\n"
        "	pop %r15\n	pop %r14\n	pop %r13\n	pop %r12\n	pop %rbx\n	pop %rbp\n"
        "	ret\n"
        ".size fiber_swap_slowly, . - fiber_swap_slowly\n"
        /* The first instruction of a fiber: the stack is aligned as after a call, and its bottom marked for unwinders. */
        ".globl fiber_begin\n"
        ".hidden fiber_begin\n"
        ".type fiber_begin, @function\n"
        "fiber_begin:\n"
        "	xor %ebp, %ebp\n"
        "	call *%rbx\n"
        "	ud2\n"
        ".size fiber_begin, . - fiber_begin\n"
        /* Calls a function on another stack. */
        ".globl fiber_call\n"
        ".hidden fiber_call\n"
        ".type fiber_call, @function\n"
        "fiber_call:\n"
        "	push %rbx\n"
        "	mov %rsp, %rbx\n"
        "	mov %rdi, %rsp\n"
        "	call *%rsi\n"
        "	mov %rbx, %rsp\n"
        "	pop %rbx\n"
        "	ret\n"
        ".size fiber_call, . - fiber_call\n");
void fiber_call(void *stack, void (*function)(void));
void fiber_swap_slowly(void **from, void *to, uintptr_t thread_pointer);

static void (*swap)(void **from, void *to, uintptr_t thread_pointer);

#define HWCAP2_FSGSBASE (1ul << 1) /* asm/hwcap2.h, of kernel 5.9 and later */

void fiber_init(void)
{
	swap = getauxval(AT_HWCAP2) & HWCAP2_FSGSBASE ? fiber_swap : fiber_swap_slowly;
}

/* Pages begin where they begin: stacks that start at one have their lines at the same places in every run. */
#define PAGE_MASK ((uintptr_t)4095)

static uintptr_t thread_pointer_now(void)
{
	uintptr_t pointer;

	__asm__ volatile("mov %%fs:0, %0" : "=r"(pointer));
	return pointer;
}

void fiber_carry(struct thread *thread, void (*body)(void))
{
	void **stack = (void **)(((uintptr_t)__builtin_frame_address(0) - CARRIERS_OWN / 2) & ~PAGE_MASK);

	stack -= 2; /* what is above fiber_begin() is aligned, as before a call */
	thread->thread_pointer = thread_pointer_now();
	if (settings.token) {
		word_set(&thread->started);
		word_await(&thread->may_run);
		fiber_call(stack, body);
		return;
	}
	*--stack = (void *)fiber_begin;
	stack -= 6;
	stack[4] = (void *)body; /* rbx */
	thread->stack_pointer = stack;
	word_set(&thread->started);
	word_await(&thread->may_end);
}

void fiber_switch(struct thread *from, struct thread *to)
{
	if (!from->thread_pointer)
		from->thread_pointer = thread_pointer_now();
	if (!settings.token) {
		swap(&from->stack_pointer, to->stack_pointer, to->thread_pointer);
		return;
	}
	word_set(&to->may_run);
	word_await(from->state == THREAD_ENDED ? &from->may_end : &from->may_run);
}

#else

long system_call(long number, long a, long b, long c, long d, long e, long f)
{
	return real(syscall)(number, a, b, c, d, e, f);
}

void fiber_init(void)
{
	settings.token = true;
}

void fiber_carry(struct thread *thread, void (*body)(void))
{
	word_set(&thread->started);
	word_await(&thread->may_run);
	body();
}

void fiber_switch(struct thread *from, struct thread *to)
{
	word_set(&to->may_run);
	word_await(from->state == THREAD_ENDED ? &from->may_end : &from->may_run);
}

#endif
