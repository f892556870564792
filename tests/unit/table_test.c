/* SPDX-License-Identifier: BSD-2-Clause */
/* Tables with named columns. */
#include "harness/table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/scratch.h"

static bool load(struct table *table, const char *text)
{
	scratch_write(scratch_path("table.tsv"), text);
	return table_load(table, scratch_path("table.tsv"));
}

static void test_cells_by_name(void **state)
{
	struct table table;

	(void)state;
	assert_true(load(&table, "impl\tops_per_s\tnote\nrcu\t1.5e+06\tall well\nrwlock\t-\t\n"));
	assert_int_equal(table.columns, 3);
	assert_int_equal(table.rows, 2);
	assert_string_equal(table_column(&table, 1), "ops_per_s");
	assert_string_equal(table_cell(&table, 0, "impl"), "rcu");
	assert_string_equal(table_cell(&table, 0, "note"), "all well");
	assert_string_equal(table_cell(&table, 1, "note"), "");
	assert_null(table_cell(&table, 0, "ops"));
	table_free(&table);
	table_free(&table); /* a cleared one is allowed */
}

static void test_numbers(void **state)
{
	struct table table;
	double number = 7;

	(void)state;
	assert_true(load(&table, "a\tb\tc\td\te\n1.5e+06\t-\tunavailable: no counter\t\t-0.25\n"));
	assert_true(table_number(&table, 0, "a", &number));
	assert_true(number == 1.5e6);
	assert_false(table_number(&table, 0, "b", &number));
	assert_false(table_number(&table, 0, "c", &number));
	assert_false(table_number(&table, 0, "d", &number));
	assert_true(table_number(&table, 0, "e", &number));
	assert_true(number == -0.25);
	assert_false(table_number(&table, 0, "no such column", &number));
	table_free(&table);
}

static void test_distinct(void **state)
{
	const char *values[2];
	struct table table;

	(void)state;
	assert_true(load(&table, "impl\nb\na\nb\nc\nb\n"));
	assert_int_equal(table_distinct(&table, "impl", values, 2), 2); /* as many as there is room for */
	assert_string_equal(values[0], "b");
	assert_string_equal(values[1], "a");
	assert_int_equal(table_distinct(&table, "policy", values, 2), 0);
	table_free(&table);
}

static void test_header_alone(void **state)
{
	const char *values[2];
	struct table table;

	(void)state;
	assert_true(load(&table, "a\tb\n"));
	assert_int_equal(table.rows, 0);
	assert_int_equal(table_distinct(&table, "a", values, 2), 0);
	table_free(&table);
}

/* What is no table is refused, and leaves nothing to free. */
static void test_refused(void **state)
{
	static const char *const texts[] = {
		"",
		"a\tb\n1\n",          /* too few cells */
		"a\tb\n1\t2\t3\n",    /* too many */
		"a\tb\n1\t2\n\n",     /* an empty line */
		"a\tb\n1\t2\n3\n4\t5\n6\t7\t8\n", /* as many cells as there should be, in the wrong rows */
	};
	struct table table;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_false(load(&table, texts[i]));
		assert_null(table.text);
		assert_null(table.cell);
	}
	assert_false(table_load(&table, scratch_path("no such file")));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, scratch_setup, scratch_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_cells_by_name), TEST(test_numbers), TEST(test_distinct), TEST(test_header_alone), TEST(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
