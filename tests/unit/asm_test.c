/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * capacitor asm: marks of both machines; known functions of this very program, stepped through, with as many atomics and fences as
 * were put in; the implementations' own paths; profiles that fit, and that do not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <linux/filter.h>
#include <linux/seccomp.h>

#include <cmocka.h>

#include "build_info.h"
#include "harness/asm_code.h"
#include "harness/asm_steps.h"
#include "harness/commands.h"
#include "harness/table.h"
#include "tests/unit/scratch.h"

/* ---- Marks ------------------------------------------------------------------------------------------------------- */

static void marks(void **state)
{
	static const struct {
		enum asm_machine machine;
		const char *text;
		enum asm_mark mark;
	} cases[] = {
		{ASM_X86_64, "lock cmpxchg %rcx,(%rdx)", ASM_ATOMIC},
		{ASM_X86_64, "lock xadd %rax,0x8(%rbx)", ASM_ATOMIC},
		{ASM_X86_64, "lock orb $0x40,0x36(%rsi)", ASM_ATOMIC},
		{ASM_X86_64, "lock orq $0x0,(%rsp)", ASM_FENCE},
		{ASM_X86_64, "lock orl $0x0,-0x40(%rsp)", ASM_FENCE},
		{ASM_X86_64, "lock orl $0x1,-0x40(%rsp)", ASM_ATOMIC},
		{ASM_X86_64, "lock addl $0x0,(%rax)", ASM_ATOMIC},
		{ASM_X86_64, "xchg   %rax,(%rdx)", ASM_ATOMIC},
		{ASM_X86_64, "xchg   %ax,%ax", ASM_PLAIN},
		{ASM_X86_64, "mfence", ASM_FENCE},
		{ASM_X86_64, "lfence", ASM_FENCE},
		{ASM_X86_64, "sfence", ASM_FENCE},
		{ASM_X86_64, "mov    (%rdi),%rax", ASM_PLAIN}, /* also one with acquire */
		{ASM_X86_64, "call   177c0 <crypto_shorthash@plt>", ASM_CALL},
		{ASM_X86_64, "call   *0x130(%rax)", ASM_CALL},
		{ASM_X86_64, "bnd jmp *0x2b(%rip)        # 8ff50 <x>", ASM_JUMP},
		{ASM_X86_64, "notrack jmp *%rax", ASM_JUMP},
		{ASM_X86_64, "jne    64200 <rcu_get+0x1a0>", ASM_JUMP},
		{ASM_X86_64, "repz ret", ASM_RETURN},
		{ASM_X86_64, "ret", ASM_RETURN},
		{ASM_X86_64, "pause", ASM_PAUSE},
		{ASM_X86_64, "syscall", ASM_SYSCALL},
		{ASM_X86_64, "cs nopw 0x0(%rax,%rax,1)", ASM_PLAIN},
		{ASM_X86_64, "rep stos %al,%es:(%rdi)", ASM_PLAIN},
		{ASM_X86_64, "", ASM_PLAIN},
		{ASM_AARCH64, "ldaxr\tx0, [x1]", ASM_ATOMIC},
		{ASM_AARCH64, "stlxr\tw2, x0, [x1]", ASM_ATOMIC},
		{ASM_AARCH64, "ldxr\tx0, [x1]", ASM_ATOMIC},
		{ASM_AARCH64, "casal\tx0, x1, [x2]", ASM_ATOMIC},
		{ASM_AARCH64, "ldaddal\tx0, x1, [x2]", ASM_ATOMIC},
		{ASM_AARCH64, "swpal\tx0, x1, [x2]", ASM_ATOMIC},
		{ASM_AARCH64, "ldar\tx0, [x1]", ASM_ORDERED},
		{ASM_AARCH64, "ldapr\tx0, [x1]", ASM_ORDERED},
		{ASM_AARCH64, "stlr\tx0, [x1]", ASM_ORDERED},
		{ASM_AARCH64, "dmb\tish", ASM_FENCE},
		{ASM_AARCH64, "isb", ASM_FENCE},
		{ASM_AARCH64, "bl\t4004 <memcpy@plt>", ASM_CALL},
		{ASM_AARCH64, "blr\tx1", ASM_CALL},
		{ASM_AARCH64, "b.ne\t4004 <f+0x4>  // b.any", ASM_JUMP},
		{ASM_AARCH64, "cbz\tx0, 4004 <f+0x4>", ASM_JUMP},
		{ASM_AARCH64, "bic\tx0, x1, x2", ASM_PLAIN},
		{ASM_AARCH64, "ldr\tx0, [x1]", ASM_PLAIN},
		{ASM_AARCH64, "ret", ASM_RETURN},
		{ASM_AARCH64, "yield", ASM_PAUSE},
		{ASM_AARCH64, "svc\t#0x0", ASM_SYSCALL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		if (asm_mark_of(cases[i].machine, cases[i].text) != cases[i].mark)
			fail_msg("'%s' is %s", cases[i].text, asm_mark_string(asm_mark_of(cases[i].machine, cases[i].text)));
}

static void targets(void **state)
{
	uint64_t address = 0;

	(void)state;
	assert_true(asm_mark_target("call   177c0 <crypto_shorthash@plt>", &address));
	assert_true(address == 0x177c0);
	assert_true(asm_mark_target("cbz\tx0, 4004 <f+0x4>", &address));
	assert_true(address == 0x4004);
	assert_false(asm_mark_target("call   *0x130(%rax)", &address));
	assert_false(asm_mark_target("jmp    *0x2b(%rip)        # 8ff50 <x>", &address));
	assert_false(asm_mark_target("blr\tx1", &address));
	assert_false(asm_mark_target("ret", &address));
}

/* ---- Known functions --------------------------------------------------------------------------------------------- */

static uint64_t word;

__attribute__((noinline)) static uint64_t known_helper(uint64_t number)
{
	__asm__ volatile("" : "+r"(number));
	return number + 1;
}

/* So many atomic additions, a fence, and so many calls. */
__attribute__((noinline)) static uint64_t known_function(unsigned additions, unsigned calls)
{
	uint64_t number = 0;

	for (unsigned i = 0; i < additions; i++)
		__atomic_fetch_add(&word, 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	for (unsigned i = 0; i < calls; i++)
		number = known_helper(number);
	return number;
}

static unsigned known_recursion(unsigned depth);

/* Each level of the recursion returns to the same address, here: only the outermost return ends the steps. */
__attribute__((noinline)) static unsigned known_way(unsigned depth)
{
	unsigned levels = known_recursion(depth);

	__asm__ volatile("" : "+r"(levels));
	return levels;
}

__attribute__((noinline)) static unsigned known_recursion(unsigned depth)
{
	unsigned below = depth > 0 ? known_way(depth - 1) : 0;

	__asm__ volatile("" : "+r"(below));
	return below + 1;
}

__attribute__((noinline)) static void known_endless(void)
{
	for (;;)
		__atomic_load_n(&word, __ATOMIC_RELAXED);
}

struct known_call {
	unsigned additions, calls, depth;
};

static const char *prepare(void *context) { return context ? NULL : "not prepared"; }
static void call_function(void *context)
{
	const struct known_call *call = context;

	known_function(call->additions, call->calls);
}
static void call_recursion(void *context) { known_way(((struct known_call *)context)->depth); }
static void call_endless(void *context) { (void)context, known_endless(); }

static void take(const struct asm_call *call, struct asm_code *code)
{
	struct asm_steps steps;
	bool forbidden, missing;
	char error[256];

	if (!asm_steps_take(call, &steps, &forbidden, error, sizeof error)) {
		if (forbidden)
			skip();
		fail_msg("%s", error);
	}
	if (!asm_code_of_steps(&steps, code, &missing, error, sizeof error))
		fail_msg("%s", error);
	asm_steps_free(&steps);
}

static const struct asm_function *function_of(const struct asm_code *code, const char *name)
{
	for (size_t i = 0; i < code->count; i++)
		if (strcmp(code->function[i].name, name) == 0)
			return &code->function[i];
	fail_msg("%s was not executed", name);
	return NULL;
}

/* Single steps end the exclusive access of aarch64's ldxr: there, atomics are known only where they are single instructions. */
#if defined(__aarch64__)
#define ADDITIONS 0
#else
#define ADDITIONS 7
#endif

static void what_is_executed_is_counted(void **state)
{
	struct known_call call = {.additions = ADDITIONS, .calls = 5};
	const struct asm_call step = {.prepare = prepare, .call = call_function, .context = &call,
	                              .function = (const void *)(uintptr_t)known_function};
	struct asm_counts counts, helper, ours;
	struct asm_code code;
	uint64_t before, after;

	(void)state;
	before = word;
	take(&step, &code);
	after = word;
	assert_true(before == after); /* it was another process */
	counts = asm_function_counts(&code, function_of(&code, "known_function"), true);
	assert_int_equal(counts.mark[ASM_ATOMIC], ADDITIONS);
	assert_int_equal(counts.mark[ASM_FENCE], 1);
	assert_int_equal(counts.mark[ASM_CALL], 5);
	assert_int_equal(counts.mark[ASM_RETURN], 1);
	assert_true(counts.lines >= (counts.bytes + ASM_LINE_BYTES - 1) / ASM_LINE_BYTES);
	helper = asm_function_counts(&code, function_of(&code, "known_helper"), true);
	assert_int_equal(helper.mark[ASM_RETURN], 5);
	assert_int_equal(helper.instructions % 5, 0);
	ours = asm_code_counts(&code, ASM_OURS, true);
	assert_int_equal(ours.instructions, counts.instructions + helper.instructions);
	assert_int_equal(asm_code_counts(&code, ASM_LIBRARIES, true).instructions, 0);
	asm_code_free(&code);
}

static void the_outermost_return_ends_it(void **state)
{
	struct known_call call = {.depth = 10};
	const struct asm_call step = {.prepare = prepare, .call = call_recursion, .context = &call,
	                              .function = (const void *)(uintptr_t)known_recursion};
	struct asm_code code;

	(void)state;
	take(&step, &code);
	assert_int_equal(asm_function_counts(&code, function_of(&code, "known_recursion"), true).mark[ASM_RETURN], 11);
	asm_code_free(&code);
}

/* Through the PLT, the C library and what the kernel put into memory, which no file has. */
__attribute__((noinline)) static void known_clock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	__asm__ volatile("" : : "m"(now));
}

static void call_clock(void *context) { (void)context, known_clock(); }

static void libraries_are_told_apart(void **state)
{
	struct known_call call = {.depth = 0};
	const struct asm_call step = {.prepare = prepare, .call = call_clock, .context = &call,
	                              .function = (const void *)(uintptr_t)known_clock};
	struct asm_counts ours, libraries;
	struct asm_code code;

	(void)state;
	take(&step, &code);
	ours = asm_code_counts(&code, ASM_OURS, true);
	libraries = asm_code_counts(&code, ASM_LIBRARIES, true);
	assert_true(ours.mark[ASM_CALL] >= 1);
	assert_true(libraries.instructions > 0);
	assert_int_equal(ours.instructions + libraries.instructions, asm_code_counts(&code, ASM_ALL, true).instructions);
	for (size_t i = 0; i < code.count; i++)
		if (strcmp(code.function[i].name, "known_clock") == 0)
			assert_true(code.function[i].ours);
		else if (strncmp(code.function[i].module, "libc.", 5) == 0 || strstr(code.function[i].module, "vdso"))
			assert_false(code.function[i].ours);
	asm_code_free(&code);
}

static void what_cannot_be_stepped_is_told(void **state)
{
	struct known_call call = {.depth = 1};
	struct asm_call step = {.prepare = prepare, .call = call_recursion, .context = NULL,
	                        .function = (const void *)(uintptr_t)known_recursion};
	struct asm_steps steps;
	char error[256];
	bool forbidden;

	(void)state;
	assert_false(asm_steps_take(&step, &steps, &forbidden, error, sizeof error));
	assert_string_equal(error, "not prepared");
	assert_false(forbidden);
	step.context = &call;
	step.function = (const void *)(uintptr_t)known_function;
	if (asm_steps_take(&step, &steps, &forbidden, error, sizeof error) || !forbidden)
		assert_non_null(strstr(error, "was called")); /* it never is */
	step.call = call_endless;
	step.most = 5000;
	step.function = (const void *)(uintptr_t)known_endless;
	if (asm_steps_take(&step, &steps, &forbidden, error, sizeof error) || !forbidden)
		assert_non_null(strstr(error, "does not end"));
}

/* ---- Profiles ---------------------------------------------------------------------------------------------------- */

#define HEADER 0, 3, 0, 10000, 0
#define END    0, 1, 0

/* Words, and behind them where this program lies, or another. */
static const char *write_profile(const char *name, const uintptr_t *slot, size_t slots, const char *mappings)
{
	const char *path = scratch_path("%s", name);
	FILE *file = fopen(path, "w"), *own = fopen("/proc/self/maps", "r");
	int byte;

	assert_non_null(file);
	fwrite(slot, sizeof *slot, slots, file);
	if (mappings)
		fputs(mappings, file);
	else
		while ((byte = fgetc(own)) != EOF)
			fputc(byte, file);
	fclose(own);
	fclose(file);
	return path;
}

static void samples_are_put_down_to_instructions(void **state)
{
	struct known_call call = {.additions = ADDITIONS, .calls = 1};
	const struct asm_call step = {.prepare = prepare, .call = call_function, .context = &call,
	                              .function = (const void *)(uintptr_t)known_function};
	const struct asm_function *function;
	struct asm_weights weights;
	struct asm_code code;
	char error[512];
	uint64_t sum = 0;

	(void)state;
	take(&step, &code);
	function = function_of(&code, "known_function");
	{
		const uintptr_t one = function->instruction[1].address, other = function->instruction[0].address;
		const uintptr_t slots[] = {HEADER, 7, 2,     one, 4711, 2, 1, other, 11, 1, (uintptr_t)(const void *)malloc,
		                           5,      1, 12345, END};
		const uintptr_t cut[] = {HEADER, 7, 200, 1, END}, none[] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
		const size_t count = sizeof slots / sizeof slots[0];
		const char *path = write_profile("good", slots, count, NULL);

		if (!asm_code_weigh(&code, path, &weights, error, sizeof error))
			fail_msg("%s", error);
		assert_int_equal(weights.samples, 25);
		assert_int_equal(weights.found, 9);
		assert_int_equal(function->instruction[1].samples, 7);
		assert_int_equal(function->instruction[0].samples, 2);
		for (size_t i = 0; i < function->count; i++)
			sum += function->instruction[i].samples;
		assert_int_equal(sum, 9);

		path = write_profile("other", slots, count, "400000-500000 r-xp 00000000 08:01 1 /bin/true\n");
		assert_false(asm_code_weigh(&code, path, &weights, error, sizeof error));
		assert_non_null(strstr(error, "of another program"));
		path = write_profile("cut", cut, sizeof cut / sizeof cut[0], NULL);
		assert_false(asm_code_weigh(&code, path, &weights, error, sizeof error));
		assert_non_null(strstr(error, "no CPU profile"));
		path = write_profile("none", none, sizeof none / sizeof none[0], NULL);
		assert_false(asm_code_weigh(&code, path, &weights, error, sizeof error));
		assert_non_null(strstr(error, "no CPU profile"));
		assert_false(asm_code_weigh(&code, scratch_path("absent"), &weights, error, sizeof error));
		assert_non_null(strstr(error, "No such file"));
		assert_false(asm_code_weigh(&code, "/dev/null", &weights, error, sizeof error));
		assert_non_null(strstr(error, "no regular file"));
	}
	asm_code_free(&code);
}

/* ---- The command -------------------------------------------------------------------------------------------------- */

static int run(const char *const *arguments)
{
	return scratch_run(asm_command, arguments);
}

static void said(const char *file, const char *what)
{
	char *text = scratch_read(scratch_path("%s", file));

	assert_non_null(text);
	if (!strstr(text, what))
		fail_msg("%s has no \"%s\": %s", file, what, text);
	free(text);
}

static double cell(const struct table *table, const char *module, const char *column)
{
	double number = -1;

	for (size_t row = 0; row < table->rows; row++)
		if (strcmp(table_cell(table, row, "function"), "all") == 0 && strcmp(table_cell(table, row, "module"), module) == 0)
			assert_true(table_number(table, row, column, &number));
	return number;
}

/* What is true of the released machine code: who reads without a lock executes no atomic of a lock's, and none at all where the
 * grace period's machinery needs none. */
static void paths_of_gets(void **state)
{
	static const struct {
		const char *implementation;
		double ours, libraries;
	} cases[] = {
		{"null", 0, 0}, {"unsync", 0, 0}, {"rcu", 0, 0},
		{"sharded", 0, 2}, {"rwlock", 0, 2}, /* the C library's locks: one to take, one to let go */
		{"ck_hs", 1, 0},                     /* ck_epoch_begin's exchange, which is a fence, too */
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const char *const arguments[] = {"asm", cases[i].implementation, "get", "--format", "counts", NULL};
		struct table table;
		char *errors;

		if (run(arguments) != COMMAND_OK)
			fail_msg("%s: %s", cases[i].implementation, scratch_read(scratch_path("stderr")));
		errors = scratch_read(scratch_path("stderr"));
		if (errors && strstr(errors, "as it lies in the file"))
			skip();
		free(errors);
		assert_true(table_load(&table, scratch_path("stdout")));
		assert_true(cell(&table, "program", "instructions") > 0);
		assert_true(cell(&table, "all", "instructions") ==
		            cell(&table, "program", "instructions") + cell(&table, "libraries", "instructions"));
#if defined(__x86_64__)
		if (strcmp(BUILD_CONF, "release") == 0) {
			if (cell(&table, "program", "atomics") != cases[i].ours ||
			    cell(&table, "libraries", "atomics") != cases[i].libraries)
				fail_msg("%s: %g and %g atomics", cases[i].implementation, cell(&table, "program", "atomics"),
				         cell(&table, "libraries", "atomics"));
			assert_true(cell(&table, "all", "fences") == 0);
			assert_true(cell(&table, "all", "syscalls") == 0);
		}
#endif
		table_free(&table);
	}
}

static void every_operation(void **state)
{
	static const char *const cases[][2] = {
		{"rcu", "miss"},     {"rcu", "set"},     {"rcu", "insert"}, {"rcu", "delete"},
		{"rcu", "contains"}, {"rcu", "pin"},     {"null", "set"},   {"unsync", "set"},
		{"rwlock", "set"},   {"sharded", "set"}, {"ck_hs", "set"},  {"sharded", "delete"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const char *const arguments[] = {"asm", cases[i][0], cases[i][1], NULL};

		if (run(arguments) != COMMAND_OK)
			fail_msg("%s %s: %s", cases[i][0], cases[i][1], scratch_read(scratch_path("stderr")));
		said("stdout", "instructions");
	}
}

static void formats(void **state)
{
	static const char *const ways[][8] = {
		{"asm", "sharded", "get", "--format", "tsv", NULL},
		{"asm", "sharded", "get", "--format", "tsv", "--static", NULL},
		{"asm", "sharded", "get", "--format", "tsv", "--libraries", "--all", NULL},
	};
	const char *const inlined[] = {"asm", "--impl", "sharded", NULL}, *const text[] = {"asm", "sharded", "get", "--inline",
	                                                                                   NULL};
	const char *const one[] = {"asm", "rcu", "get", "--function", "rcu_get", "--all", NULL};
	struct table table;

	(void)state;
	for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
		bool found = false;

		assert_int_equal(run(ways[i]), COMMAND_OK);
		assert_true(table_load(&table, scratch_path("stdout")));
		for (size_t row = 0; row < table.rows; row++)
			found |= strcmp(table_cell(&table, row, "function"), "sharded_get") == 0 &&
			         strcmp(table_cell(&table, row, "file"), "common/operation.h") == 0 &&
			         strstr(table_cell(&table, row, "inlined"), "<sharded_get:");
		assert_true(found || strcmp(BUILD_CONF, "release") != 0);
		table_free(&table);
	}
	assert_int_equal(run(inlined), COMMAND_USAGE);
	said("stderr", "the operation is missing");
	assert_int_equal(run(text), COMMAND_OK);
	said("stdout", "in sharded_get, impl/sharded/sharded.c");
	assert_int_equal(run(one), COMMAND_OK);
	said("stdout", "rcu_get");
}

static void what_is_wrong_is_told(void **state)
{
	static const struct {
		const char *arguments[6];
		int status;
		const char *said;
	} cases[] = {
		{{"asm", NULL}, COMMAND_USAGE, "the implementation is missing"},
		{{"asm", "foo", "get", NULL}, COMMAND_USAGE, "they are: ck_hs"},
		{{"asm", "rcu", NULL}, COMMAND_USAGE, "the operation is missing"},
		{{"asm", "rcu", "foo", NULL}, COMMAND_USAGE, "'foo' is unknown"},
		{{"asm", "rcu", "get", "--bogus", NULL}, COMMAND_USAGE, "--bogus"},
		{{"asm", "rcu", "get", "--policy", "lru", NULL}, COMMAND_USAGE, "policy"},
		{{"asm", "rcu", "get", "--function", "foo", NULL}, COMMAND_USAGE, "no function of this name"},
		{{"asm", "rcu", "get", "--weights", "/no/such/file", NULL}, COMMAND_FAIL, "No such file"},
		{{"asm", "rcu", "miss", "--sample", "1s", NULL}, COMMAND_USAGE, "only of get, set and delete"},
		{{"asm", "rcu", "get", "--impl", "rcu", NULL}, COMMAND_USAGE, "given twice"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		assert_int_equal(run(cases[i].arguments), cases[i].status);
		said("stderr", cases[i].said);
	}
}

static int without_objdump(int argc, char **argv)
{
	setenv("PATH", "/nowhere", 1);
	return asm_command(argc, argv);
}

/* As a container's filter does. */
static int without_ptrace(int argc, char **argv)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ptrace, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {.len = sizeof filter / sizeof filter[0], .filter = filter};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
		return 99;
	return asm_command(argc, argv);
}

static void what_is_missing_is_told(void **state)
{
	const char *const arguments[] = {"asm", "rcu", "get", NULL};
	int status;

	(void)state;
	assert_int_equal(scratch_run(without_objdump, arguments), COMMAND_UNAVAILABLE);
	said("stderr", "binutils");
	status = scratch_run(without_ptrace, arguments);
	if (status == 99)
		skip();
	assert_int_equal(status, COMMAND_OK);
	said("stderr", "ptrace is not permitted");
	said("stdout", "the code as it lies in the file");
	said("stdout", "rcu_get");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(marks),
		cmocka_unit_test(targets),
		cmocka_unit_test(what_is_executed_is_counted),
		cmocka_unit_test(the_outermost_return_ends_it),
		cmocka_unit_test(libraries_are_told_apart),
		cmocka_unit_test(what_cannot_be_stepped_is_told),
		cmocka_unit_test_setup_teardown(samples_are_put_down_to_instructions, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(paths_of_gets, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(every_operation, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(formats, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(what_is_wrong_is_told, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(what_is_missing_is_told, scratch_setup, scratch_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
