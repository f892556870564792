/* SPDX-License-Identifier: BSD-2-Clause */
/* Debug information, of this very program: what is known of it here is asked of the reader. */
#include "harness/debuginfo.h"

#include <elf.h>
#include <link.h>
#include <setjmp.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/operation.h"
#include "tests/unit/scratch.h"

#define SELF "/proc/self/exe"
#define HERE "tests/unit/debuginfo_test.c"

static struct debuginfo *self;

/* ---- What is asked about ----------------------------------------------------------------------------------------- */

struct leaf {
	char tag;
	double weight;
};

typedef struct {
	int of_typedef;
} named_by_typedef;

struct tree {
	struct leaf first;
	struct leaf leaves[3];
	union {
		int as_int;
		struct {
			char as_bytes[6];
		};
	};
	unsigned low : 3, high : 7;
	unsigned : 2;
	unsigned last : 1;
	int16_t grid[2][3]; /* what `short` is called differs between compilers */
	_Atomic(struct leaf *) current;
	struct leaf *const *const *path;
	const char *names[2];
	alignas(64) named_by_typedef apart;
};

struct open_ended {
	int count;
	char rest[];
};

struct __attribute__((packed)) tight {
	char tag;
	long number;
};

struct __attribute__((packed)) tight_end {
	long number;
	int last;
};

/* Used, lest a compiler leaves out what nobody uses. */
static struct tree forest[2];
static volatile struct tight tight;
static volatile struct tight_end tight_end;
static struct open_ended *volatile open_ended;
static volatile uintptr_t returned_to;

/* A symbol of which there is no debug information. */
extern char only_a_symbol[24];
__asm__(".pushsection .data\n.globl only_a_symbol\n.type only_a_symbol, @object\n.size only_a_symbol, 24\n"
        "only_a_symbol: .zero 24\n.popsection\n");

static __attribute__((noinline)) uintptr_t caller(void)
{
	__asm__ volatile("");
	return (uintptr_t)__builtin_return_address(0);
}

enum { INNER_LINE = __LINE__ + 3 };
static inline __attribute__((always_inline)) void inner(void)
{
	returned_to = caller();
}

enum { OUTER_LINE = __LINE__ + 3 };
static inline __attribute__((always_inline)) void outer(void)
{
	inner();
	returned_to++; /* no tail call */
}

enum { FUNCTION_LINE = __LINE__ + 4 };
static __attribute__((noinline)) int inlining(void)
{
	static volatile int calls;
	outer();
	returned_to--;
	return ++calls;
}

/* Addresses of the file: less where the program was loaded. */
static int first_base(struct dl_phdr_info *info, size_t bytes, void *base)
{
	(void)bytes;
	*(uintptr_t *)base = info->dlpi_addr;
	return 1;
}

static uint64_t in_file(const volatile void *address)
{
	uintptr_t base = 0;

	dl_iterate_phdr(first_base, &base);
	return (uintptr_t)address - base;
}

static int open_self(void **state)
{
	char error[300];

	self = debuginfo_open(SELF, error, sizeof error);
	forest[0].current = &forest[1].first;
	tight.number = tight_end.number = inlining();
	open_ended = NULL;
	return scratch_setup(state);
}

static int close_self(void **state)
{
	debuginfo_close(self);
	return scratch_teardown(state);
}

/* ---- Code -------------------------------------------------------------------------------------------------------- */

static void test_inline_chain(void **state)
{
	struct debuginfo_frame frames[8];

	(void)state;
	inlining();
	assert_int_equal(debuginfo_code(self, in_file((void *)returned_to) - 1, frames, 8), 3);
	assert_string_equal(frames[0].function, "inner");
	assert_string_equal(frames[0].file, HERE);
	assert_int_equal(frames[0].line, INNER_LINE);
	assert_string_equal(frames[1].function, "outer");
	assert_string_equal(frames[1].file, HERE);
	assert_int_equal(frames[1].line, OUTER_LINE);
	assert_string_equal(frames[2].function, "inlining");
	assert_int_equal(frames[2].line, FUNCTION_LINE);

	/* As many as there is room for, of as many as there are. */
	frames[1].function = "kept";
	assert_int_equal(debuginfo_code(self, in_file((void *)returned_to) - 1, frames, 1), 3);
	assert_string_equal(frames[1].function, "kept");
}

static void test_function_of_another_file(void **state)
{
	struct debuginfo_frame frame;

	(void)state;
	assert_true(debuginfo_code(self, in_file((void *)(uintptr_t)operation_expiry_ns), &frame, 1) >= 1);
	assert_string_equal(frame.function, "operation_expiry_ns");
	assert_string_equal(frame.file, "common/operation.c");
	assert_true(frame.line > 1);
}

static void test_no_code(void **state)
{
	struct debuginfo_frame frame;

	(void)state;
	assert_int_equal(debuginfo_code(self, 0, &frame, 1), 0);
	assert_int_equal(debuginfo_code(self, UINT64_MAX, &frame, 1), 0);
	assert_int_equal(debuginfo_code(self, in_file(forest), &frame, 1), 0);
}

/* ---- Types ------------------------------------------------------------------------------------------------------- */

static void test_fields(void **state)
{
	static const struct {
		const char *type;
		uint64_t offset, bytes;
		const char *field;
	} cases[] = {
		{"struct tree", offsetof(struct tree, first.tag), 1, "struct tree.first.tag"},
		{"struct tree", offsetof(struct tree, first.weight), 8, "struct tree.first.weight"},
		{"struct tree", offsetof(struct tree, first.weight) + 7, 1, "struct tree.first.weight"},
		{"struct tree", offsetof(struct tree, first.weight), 0, "struct tree.first.weight"},
		{"struct tree", 1, 7, "struct tree.first.(padding)"},
		{"struct tree", 1, 8, "struct tree.first.weight"}, /* and some padding */
		{"struct tree", 0, 16, "struct tree.first.{tag, weight}"},
		{"struct tree", offsetof(struct tree, leaves[2].weight), 8, "struct tree.leaves[2].weight"},
		{"struct tree", offsetof(struct tree, leaves[1]), 32, "struct tree.leaves[1 .. 2]"},
		{"struct tree", 0, 64, "struct tree.{first, leaves}"},
		{"struct tree", 0, sizeof(struct tree), "struct tree.{first .. apart}"},
		{"struct tree", offsetof(struct tree, as_int), 2, "struct tree.as_int"},
		{"struct tree", offsetof(struct tree, as_bytes) + 5, 1, "struct tree.as_bytes[5]"},
		{"struct tree", offsetof(struct tree, as_int) + 8, 1, "struct tree.{low, high}"},
		{"struct tree", offsetof(struct tree, as_int) + 9, 1, "struct tree.{high, last}"},
		{"struct tree", offsetof(struct tree, grid[1][2]), 2, "struct tree.grid[1][2]"},
		{"struct tree", offsetof(struct tree, grid[1][0]), 4, "struct tree.grid[1][0 .. 1]"},
		{"struct tree", offsetof(struct tree, grid[0][0]), 12, "struct tree.grid[0 .. 1]"},
		{"struct tree", offsetof(struct tree, current), 8, "struct tree.current"},
		{"struct tree", offsetof(struct tree, apart), 4, "struct tree.apart.of_typedef"},
		{"struct tree", sizeof(struct tree) + 8, 4, "struct tree.(behind)[8]"},
		{"struct leaf[]", 5 * sizeof(struct leaf) + 8, 8, "struct leaf[5].weight"},
		{"struct leaf[]", sizeof(struct leaf), 64, "struct leaf[1 .. 4]"},
		{"struct leaf *[]", 40, 8, "struct leaf *[5]"},
		{"struct leaf *", 0, 8, "struct leaf *"},
		{"named_by_typedef[]", 12, 4, "named_by_typedef[3].of_typedef"},
		{"struct open_ended", 4, 1, "struct open_ended.rest[0]"},
		{"struct open_ended", 24, 8, "struct open_ended.rest[20 .. 27]"},
		{"struct tight", 1, 8, "struct tight.number"},
		{"uint64_t[]", 16, 8, "uint64_t[2]"},
	};
	char field[DEBUGINFO_TEXT_BYTES];

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		assert_true(debuginfo_field(self, cases[i].type, NULL, cases[i].offset, cases[i].bytes, field));
		assert_string_equal(field, cases[i].field);
	}
	assert_false(debuginfo_field(self, "struct no_such_struct", NULL, 0, 8, field));
	assert_false(debuginfo_field(self, "union tree", NULL, 0, 8, field));
	assert_false(debuginfo_field(self, "", NULL, 0, 8, field));
}

/* Several files have a struct shard: the file says which is meant. */
static void test_unit_chooses(void **state)
{
	struct debuginfo_layout layout;

	(void)state;
	assert_true(debuginfo_layout(self, "struct shard", "impl/rcu/rcu.c", &layout));
	assert_string_equal(layout.file, "impl/rcu/rcu.c");
	debuginfo_layout_free(&layout);
	assert_true(debuginfo_layout(self, "struct shard", "impl/sharded/sharded.c", &layout));
	assert_string_equal(layout.file, "impl/sharded/sharded.c");
	debuginfo_layout_free(&layout);
	assert_true(debuginfo_layout(self, "struct budget", "impl/rcu/rcu.c", &layout)); /* has it from a header */
	assert_string_equal(layout.file, "common/budget.h");
	assert_int_equal(layout.bytes, sizeof(struct budget));
	assert_int_equal(layout.alignment, alignof(struct budget));
	debuginfo_layout_free(&layout);
}

static const struct debuginfo_member *member(const struct debuginfo_layout *layout, const char *name)
{
	for (size_t i = 0; i < layout->count; i++)
		if (strcmp(layout->members[i].name, name) == 0)
			return &layout->members[i];
	fail_msg("no member %s", name);
	return NULL;
}

static void check_member(const struct debuginfo_layout *layout, const char *name, const char *type, uint64_t offset,
                         uint64_t bytes)
{
	const struct debuginfo_member *found = member(layout, name);

	assert_string_equal(found->type, type);
	assert_int_equal(found->offset, offset);
	assert_int_equal(found->bytes, bytes);
}

static void test_layout(void **state)
{
	struct debuginfo_layout layout;
	const struct debuginfo_member *bits;

	(void)state;
	assert_true(debuginfo_layout(self, "struct tree", HERE, &layout));
	assert_string_equal(layout.file, HERE);
	assert_int_equal(layout.bytes, sizeof(struct tree));
	assert_int_equal(layout.alignment, 64);
	check_member(&layout, "first", "struct leaf", 0, sizeof(struct leaf));
	check_member(&layout, "first.weight", "double", 8, 8);
	check_member(&layout, "leaves", "struct leaf[3]", offsetof(struct tree, leaves), 3 * sizeof(struct leaf));
	check_member(&layout, "as_int", "int", offsetof(struct tree, as_int), 4);
	check_member(&layout, "as_bytes", "char[6]", offsetof(struct tree, as_int), 6);
	check_member(&layout, "grid", "int16_t[2][3]", offsetof(struct tree, grid), 12);
	check_member(&layout, "current", "struct leaf *_Atomic", offsetof(struct tree, current), 8);
	check_member(&layout, "path", "struct leaf *const *const *", offsetof(struct tree, path), 8);
	check_member(&layout, "names", "const char *[2]", offsetof(struct tree, names), 16);
	check_member(&layout, "apart", "named_by_typedef", offsetof(struct tree, apart), 4);
	assert_int_equal(member(&layout, "first")->depth, 0);
	assert_int_equal(member(&layout, "first.weight")->depth, 1);
	assert_true(member(&layout, "first")->holds_members);
	assert_false(member(&layout, "leaves")->holds_members);
	assert_false(member(&layout, "as_int")->alternative);
	assert_true(member(&layout, "as_bytes")->alternative);
	bits = member(&layout, "high");
	assert_int_equal(bits->bits, 7);
	assert_int_equal(bits->offset, offsetof(struct tree, as_int) + 8);
	assert_int_equal(bits->bit, 3);
	assert_int_equal(bits->bytes, 2);
	bits = member(&layout, "last");
	assert_int_equal(8 * bits->offset + bits->bit, 8 * (offsetof(struct tree, as_int) + 8) + 12);
	debuginfo_layout_free(&layout);
	debuginfo_layout_free(&layout); /* a cleared one is allowed */

	assert_true(debuginfo_layout(self, "struct tight", HERE, &layout));
	assert_int_equal(layout.bytes, 9);
	assert_int_equal(layout.alignment, 1);
	debuginfo_layout_free(&layout);
	assert_true(debuginfo_layout(self, "struct tight_end", HERE, &layout));
	assert_int_equal(layout.bytes, 12);
	assert_int_equal(layout.bytes % layout.alignment, 0); /* that of `number` cannot be */
	debuginfo_layout_free(&layout);
	assert_true(debuginfo_layout(self, "struct open_ended", HERE, &layout));
	check_member(&layout, "rest", "char[]", 4, 0);
	assert_int_equal(layout.alignment, 4);
	debuginfo_layout_free(&layout);
	assert_true(debuginfo_layout(self, "struct entry", NULL, &layout));
	assert_int_equal(layout.alignment, alignof(struct entry));
	debuginfo_layout_free(&layout);
	assert_true(debuginfo_layout(self, "named_by_typedef", HERE, &layout));
	debuginfo_layout_free(&layout);
	assert_false(debuginfo_layout(self, "uint64_t", NULL, &layout)); /* has no members */
	assert_false(debuginfo_layout(self, "struct no_such_struct", NULL, &layout));
}

/* ---- Variables --------------------------------------------------------------------------------------------------- */

static void test_variables(void **state)
{
	struct debuginfo_variable variable;

	(void)state;
	assert_true(debuginfo_variable(self, in_file(&forest[1].leaves[2].weight), 8, &variable));
	assert_string_equal(variable.name, "forest");
	assert_string_equal(variable.file, HERE);
	assert_string_equal(variable.type, "struct tree[2]");
	assert_string_equal(variable.field, "forest[1].leaves[2].weight");
	assert_int_equal(variable.address, in_file(forest));
	assert_int_equal(variable.bytes, sizeof forest);

	/* What is asked for begins before the variable, or ends behind it. */
	assert_true(debuginfo_variable(self, in_file(forest) + sizeof forest - 64, 128, &variable));
	assert_string_equal(variable.field, "forest[1].apart.of_typedef");

	assert_true(debuginfo_variable(self, in_file(only_a_symbol) + 8, 8, &variable));
	assert_string_equal(variable.name, "only_a_symbol");
	assert_string_equal(variable.field, "only_a_symbol");
	assert_null(variable.file);
	assert_int_equal(variable.bytes, 24);

	assert_false(debuginfo_variable(self, 0, 8, &variable));
	assert_false(debuginfo_variable(self, UINT64_MAX - 16, 8, &variable));
}

static void test_static_of_a_function(void **state)
{
	struct debuginfo_variable variable;
	bool found = false;

	(void)state;
	/* It is a static of this file, near the others of its kind: the only one of this name. */
	for (uint64_t address = in_file(&tight) & ~(uint64_t)4095; !found && address < in_file(&tight) + 65536; address += 4)
		found = debuginfo_variable(self, address, 4, &variable) && variable.file &&
		        strcmp(variable.name, "calls") == 0 && strcmp(variable.file, HERE) == 0;
	assert_true(found);
	assert_string_equal(variable.type, "volatile int");
}

/* ---- What cannot be read ----------------------------------------------------------------------------------------- */

static void check_refused(const char *path, const char *reason)
{
	char error[600];

	assert_null(debuginfo_open(path, error, sizeof error));
	assert_non_null(strstr(error, path));
	assert_non_null(strstr(error, reason));
}

static void write_bytes(const char *path, const void *data, size_t bytes)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(data, 1, bytes, file), bytes);
	assert_int_equal(fclose(file), 0);
}

static void test_refused(void **state)
{
	const char *text = scratch_path("text"), *bare = scratch_path("bare"), *half = scratch_path("half");
	Elf64_Ehdr header;
	unsigned char *whole;
	FILE *file = fopen(SELF, "r");
	size_t bytes;

	(void)state;
	check_refused(scratch_path("missing"), "No such file");
	scratch_write(text, "text\n");
	check_refused(text, "not an ELF file");
	scratch_write(text, "");
	check_refused(text, "not an ELF file");
	check_refused("/", "not an ELF file");

	/* A program without sections, as strip could leave it; and one that was cut off. */
	assert_non_null(file);
	fseek(file, 0, SEEK_END);
	bytes = (size_t)ftell(file);
	rewind(file);
	whole = malloc(bytes);
	assert_non_null(whole);
	assert_int_equal(fread(whole, 1, bytes, file), bytes);
	fclose(file);
	write_bytes(half, whole, bytes / 2);
	check_refused(half, "no debug information");
	memcpy(&header, whole, sizeof header);
	header.e_shoff = 0;
	header.e_shnum = header.e_shstrndx = 0;
	write_bytes(bare, &header, sizeof header);
	check_refused(bare, "no debug information");
	free(whole);
}

static void test_nothing_is_closed(void **state)
{
	(void)state;
	debuginfo_close(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_inline_chain),
		cmocka_unit_test(test_function_of_another_file),
		cmocka_unit_test(test_no_code),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_unit_chooses),
		cmocka_unit_test(test_layout),
		cmocka_unit_test(test_variables),
		cmocka_unit_test(test_static_of_a_function),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_nothing_is_closed),
	};

	return cmocka_run_group_tests(tests, open_self, close_self);
}
