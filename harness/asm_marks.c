/* SPDX-License-Identifier: BSD-2-Clause */
/* What an instruction is; see asm_marks.h. */
#include "harness/asm_marks.h"

#include <ctype.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

const char *asm_mark_string(enum asm_mark mark)
{
	static const char *const name[ASM_MARKS] = {
		[ASM_PLAIN] = "",    [ASM_ATOMIC] = "atomic", [ASM_FENCE] = "fence", [ASM_ORDERED] = "ordered", [ASM_CALL] = "call",
		[ASM_JUMP] = "jump", [ASM_RETURN] = "return", [ASM_PAUSE] = "pause", [ASM_SYSCALL] = "syscall",
	};

	return (unsigned)mark < ASM_MARKS ? name[mark] : "";
}

/* The next word; returns its length. */
static size_t word(const char **text)
{
	while (isspace((unsigned char)**text))
		++*text;
	return strcspn(*text, " \t\n");
}

static bool is(const char *text, size_t length, const char *name)
{
	return strlen(name) == length && strncmp(text, name, length) == 0;
}

static bool is_one_of(const char *text, size_t length, const char *const *names)
{
	for (; *names; names++)
		if (is(text, length, *names))
			return true;
	return false;
}

static bool begins(const char *text, size_t length, const char *const *names)
{
	for (; *names; names++)
		if (strlen(*names) <= length && strncmp(text, *names, strlen(*names)) == 0)
			return true;
	return false;
}

/* A locked or, or addition, of nothing to the stack: compilers use it as a fence. */
static bool changes_nothing(const char *text, size_t length)
{
	static const char *const names[] = {"or", "orl", "orq", "orb", "add", "addl", "addq", "addb", NULL};
	const char *operands = text + length;

	if (!is_one_of(text, length, names))
		return false;
	operands += strspn(operands, " \t");
	return strncmp(operands, "$0x0,", 5) == 0 && strstr(operands, "(%rsp)");
}

static enum asm_mark mark_x86_64(const char *text)
{
	static const char *const prefixes[] = {"lock", "rep", "repz", "repnz", "bnd", "notrack",  "data16",   "addr32", "cs",
	                                       "ds",   "es",  "fs",   "gs",    "ss",  "xacquire", "xrelease", "rex.W",  NULL};
	static const char *const fences[] = {"mfence", "lfence", "sfence", NULL};
	static const char *const calls[] = {"call", "callq", NULL}, *const returns[] = {"ret", "retq", NULL};
	static const char *const loops[] = {"loop", "loope", "loopne", "jrcxz", "jecxz", NULL};
	static const char *const exchanges[] = {"xchg", "xchgb", "xchgw", "xchgl", "xchgq", NULL};
	bool locked = false;
	size_t length;

	while ((length = word(&text)) > 0 && is_one_of(text, length, prefixes)) {
		locked |= is(text, length, "lock");
		text += length;
	}
	if (locked)
		return changes_nothing(text, length) ? ASM_FENCE : ASM_ATOMIC;
	if (is_one_of(text, length, exchanges))
		return strchr(text + length, '(') ? ASM_ATOMIC : ASM_PLAIN; /* with memory it locks without a prefix */
	if (is_one_of(text, length, fences))
		return ASM_FENCE;
	if (is_one_of(text, length, calls))
		return ASM_CALL;
	if (is_one_of(text, length, returns))
		return ASM_RETURN;
	if (is(text, length, "pause"))
		return ASM_PAUSE;
	if (is(text, length, "syscall") || is(text, length, "sysenter"))
		return ASM_SYSCALL;
	return length > 1 && (text[0] == 'j' || is_one_of(text, length, loops)) ? ASM_JUMP : ASM_PLAIN;
}

static enum asm_mark mark_aarch64(const char *text)
{
	static const char *const atomics[] = {"ldxr",  "ldaxr", "stxr",   "stlxr",  "ldxp",   "ldaxp",  "stxp",  "stlxp",
	                                      "cas",   "swp",   "ldadd",  "stadd",  "ldclr",  "stclr",  "ldeor", "steor",
	                                      "ldset", "stset", "ldsmax", "ldsmin", "ldumax", "ldumin", NULL};
	static const char *const fences[] = {"dmb", "dsb", "isb", NULL}, *const calls[] = {"bl", "blr", "blraa", "blrab", NULL};
	static const char *const ordered[] = {"ldar", "ldapr", "ldapur", "stlr", "stlur", NULL};
	static const char *const pauses[] = {"yield", "wfe", "wfi", NULL}, *const returns[] = {"ret", "retaa", "retab", NULL};
	static const char *const jumps[] = {"b", "br", "braa", "brab", "cbz", "cbnz", "tbz", "tbnz", NULL};
	size_t length = word(&text);

	if (begins(text, length, ordered))
		return ASM_ORDERED;
	if (begins(text, length, atomics))
		return ASM_ATOMIC;
	if (is_one_of(text, length, fences))
		return ASM_FENCE;
	if (is_one_of(text, length, calls))
		return ASM_CALL;
	if (is_one_of(text, length, returns))
		return ASM_RETURN;
	if (is_one_of(text, length, pauses))
		return ASM_PAUSE;
	if (is(text, length, "svc"))
		return ASM_SYSCALL;
	return is_one_of(text, length, jumps) || (length > 2 && strncmp(text, "b.", 2) == 0) ? ASM_JUMP : ASM_PLAIN;
}

enum asm_mark asm_mark_of(enum asm_machine machine, const char *text)
{
	return machine == ASM_AARCH64 ? mark_aarch64(text) : mark_x86_64(text);
}

/* What stands before a name in angle brackets is the target; an indirect one has a star, or a register. */
bool asm_mark_target(const char *text, uint64_t *address)
{
	const char *name = strchr(text, '<'), *digits = name;
	char *end;

	if (!name || strchr(text, '#')) /* behind # is where an operand lies */
		return false;
	while (digits > text && digits[-1] == ' ')
		digits--;
	while (digits > text && isxdigit((unsigned char)digits[-1]))
		digits--;
	*address = strtoull(digits, &end, 16);
	return end > digits && end < name + 1;
}
