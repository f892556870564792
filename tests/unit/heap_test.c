/* SPDX-License-Identifier: BSD-2-Clause */
/* The heap profile: who allocates, how much, and what is held at the end; of a window only. And alloc-check's exit statuses. */
#include "harness/heap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "harness/allocations.h"
#include "harness/commands.h"
#include "harness/table.h"
#include "tests/unit/scratch.h"

#define PLANTED 64

static void *volatile held[PLANTED];

__attribute__((noinline)) static void allocate_planted(unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		held[i] = malloc(1000);
	__asm__ volatile("" ::: "memory"); /* no jump at the end: the frame has to be there */
}

static void free_planted(unsigned from, unsigned to)
{
	for (unsigned i = from; i < to; i++)
		free(held[i]);
}

/* A window in which so many blocks are made, and so many freed; allocations outside of it are nobody's. */
static int play_window(int argc, char **argv)
{
	(void)argc;
	setenv("CAPACITOR_HEAP_PROFILE", argv[1], 1);
	setenv("CAPACITOR_PROFILE_IMPL", "mine", 1);
	allocate_planted(9);
	free_planted(0, 9);
	heap_window("other", false);
	allocate_planted(9);
	heap_window("other", true);
	free_planted(0, 9);
	heap_window("mine", false);
	allocate_planted(5);
	heap_window("mine", true);
	free_planted(0, 5); /* unseen: between windows */
	heap_window("mine", false);
	allocate_planted(PLANTED - 5);
	free_planted(10, PLANTED - 5);
	heap_window("mine", true);
	free_planted(0, 10);
	return 0;
}

static void test_planted_site(void **state)
{
	const char *const argv[] = {"play", scratch_path("heap"), NULL};
	double counts = 0, all_bytes = 0, held_count = 0, held_bytes = 0; /* of both places that call it */
	struct table table;
	char *text;

	(void)state;
	if (allocations_unavailable())
		skip();
	assert_int_equal(scratch_run(play_window, argv), 0);
	assert_true(table_load(&table, scratch_path("heap.tsv")));
	for (size_t row = 0; row < table.rows; row++) {
		double count = 0, bytes = 0, live = 0, live_bytes = 0;

		if (!strstr(table_cell(&table, row, "stack"), "allocate_planted"))
			continue;
		assert_true(table_number(&table, row, "count", &count) && table_number(&table, row, "bytes", &bytes));
		assert_true(table_number(&table, row, "live_count", &live) && table_number(&table, row, "live_bytes", &live_bytes));
		counts += count;
		all_bytes += bytes;
		held_count += live;
		held_bytes += live_bytes;
	}
	table_free(&table);
	assert_true(counts == PLANTED && all_bytes == 1000.0 * PLANTED && held_count == 10 && held_bytes == 10000);
	text = scratch_read(scratch_path("heap"));
	assert_memory_equal(text, "heap profile: ", 14);
	assert_non_null(strstr(text, "MAPPED_LIBRARIES:"));
	free(text);
}

/* Whoever watches is told of everything, realloc being a free and an allocation. */
static unsigned told_made, told_freed;
static void *first_told;

static void count_made(void *block, size_t bytes)
{
	(void)bytes;
	told_made++;
	first_told = block;
}

static void count_freed(void *block)
{
	told_freed += block == first_told;
}

static void test_watcher(void **state)
{
	static const struct allocations_watcher watcher = {count_made, count_freed};
	void *volatile block;

	(void)state;
	if (allocations_unavailable())
		skip();
	allocations_watch(&watcher);
	block = malloc(10);
	assert_ptr_equal(block, first_told);
	block = realloc(block, 100000);
	free(block);
	free(NULL);
	allocations_watch(NULL);
	assert_int_equal(told_made, 2);
	assert_int_equal(told_freed, 2);
	block = malloc(10);
	free(block);
	assert_int_equal(told_made, 2);
}

static void test_alloc_check(void **state)
{
	const char *const good[] = {"alloc-check", "--impl", "sharded", "--threads", "2", "--out", scratch_path("a.tsv"), NULL};
	const char *const wrong[][4] = {
		{"alloc-check", "--impl", "nobody", NULL}, {"alloc-check", "--threads", "0", NULL}, {"alloc-check", "--impl",
			"null", NULL},
		{"alloc-check", "nonsense", NULL},
	};
	struct table table;
	double most;

	(void)state;
	if (allocations_unavailable()) {
		assert_int_equal(scratch_run(alloc_check_command, good), COMMAND_UNAVAILABLE);
		return;
	}
	assert_int_equal(scratch_run(alloc_check_command, good), COMMAND_OK);
	assert_true(table_load(&table, scratch_path("a.tsv")));
	assert_true(table.rows > 10);
	for (size_t row = 0; row < table.rows; row++) {
		assert_true(table_number(&table, row, "max", &most) && most <= 1);
		assert_string_equal(table_cell(&table, row, "verdict"), "ok");
	}
	table_free(&table);
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
		assert_int_equal(scratch_run(alloc_check_command, wrong[i]), COMMAND_USAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_planted_site, scratch_setup, scratch_teardown),
		cmocka_unit_test(test_watcher),
		cmocka_unit_test_setup_teardown(test_alloc_check, scratch_setup, scratch_teardown),
	};

	return cmocka_run_group_tests_name("heap", tests, NULL, NULL);
}
