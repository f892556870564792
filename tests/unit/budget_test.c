/* SPDX-License-Identifier: BSD-2-Clause */
/* The sums of the budget (common/budget.h) at their edges, and two tables that want the same room; arrays of any size. */
#include "common/budget.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <time.h>

#include <cmocka.h>

#include "common/memory.h"

#define CAPACITY ((size_t)1000)
#define TABLE_BYTES ((size_t)600) /* there is room for one, not for two */
#define ROUNDS_MIN 20000
#define PATIENCE_S 5 /* for two threads to run side by side, on a machine that is busy otherwise */

static struct budget budget_of(unsigned reserve_share)
{
	struct budget budget = {.reserve_share = reserve_share};

	store_relaxed(&budget.capacity_bytes, CAPACITY);
	return budget;
}

/* ---- Writers ------------------------------------------------------------------------------------------------------ */

static void test_open_up_to_the_capacity(void **state)
{
	struct budget budget = budget_of(0);

	(void)state;
	assert_true(budget_open(&budget, CAPACITY));
	assert_false(budget_open(&budget, CAPACITY + 1));
	budget_live_add(&budget, CAPACITY, 3); /* used may be all of it: the writer evicts */
	assert_true(budget_open(&budget, CAPACITY));
	budget_live_add(&budget, 1, 0);
	assert_false(budget_open(&budget, 1));
	budget_live_add(&budget, -1, 0);
	store_relaxed(&budget.pinned_bytes, 400);
	assert_true(budget_open(&budget, 600));
	assert_false(budget_open(&budget, 601));
}

static void test_over(void **state)
{
	struct budget budget = budget_of(0);

	(void)state;
	budget_live_add(&budget, 900, 2);
	assert_false(budget_over(&budget, 100, 1));
	assert_true(budget_over(&budget, 101, 1));
	store_relaxed(&budget.table_bytes, 50);
	store_relaxed(&budget.growing_bytes, 30);
	store_relaxed(&budget.pinned_bytes, 20);
	assert_false(budget_over(&budget, 0, 0));
	assert_true(budget_over(&budget, 1, 0));
}

/* The reserve of schemes that reclaim late is open to the last entry only. */
static void test_last_entry_may_use_the_reserve(void **state)
{
	struct budget budget = budget_of(10);

	(void)state;
	assert_int_equal(budget_live_limit(&budget), 900);
	assert_false(budget_over(&budget, 1000, 1));
	assert_true(budget_over(&budget, 1001, 1));
	assert_true(budget_over(&budget, 901, 2));
	assert_false(budget_over(&budget, 900, 2));
}

static void test_retired_has_a_peak(void **state)
{
	struct budget budget = budget_of(0);

	(void)state;
	budget_retired_add(&budget, 300);
	budget_retired_add(&budget, -200);
	budget_retired_add(&budget, 100);
	assert_int_equal(load_relaxed(&budget.retired_bytes), 200);
	assert_int_equal(load_relaxed(&budget.retired_peak_bytes), 300);
	assert_int_equal(budget_used(&budget), 200);
}

/* ---- Tables ------------------------------------------------------------------------------------------------------- */

static void test_table_takes_all_or_nothing(void **state)
{
	struct budget budget = budget_of(0);

	(void)state;
	budget_live_add(&budget, 400, 1);
	assert_false(budget_table_take(&budget, 601));
	assert_int_equal(budget_used(&budget), 400);
	assert_true(budget_table_take(&budget, 600));
	assert_int_equal(budget_used(&budget), 1000);
	budget_table_give(&budget, 600);
	assert_true(budget_table_take(&budget, 500));
	budget_table_swap(&budget, 500, 0);
	assert_int_equal(load_relaxed(&budget.table_bytes), 500);
	assert_int_equal(load_relaxed(&budget.growing_bytes), 0);
}

/* Two that take the same room, in rounds: at the same time, as far as a program can bring that about. */
struct takers {
	struct budget budget;
	_Atomic unsigned long arrivals;
	_Atomic bool taken[2];
	_Atomic bool stop;
	unsigned both, neither; /* rounds in which both, in which neither was let in */
};
struct taker {
	struct takers *all;
	unsigned number;
};

/* Returns when both have arrived so often. */
static void meet(struct takers *all, unsigned long *meetings)
{
	*meetings += 1;
	atomic_fetch_add(&all->arrivals, 1);
	for (unsigned spins = 1; atomic_load(&all->arrivals) < 2 * *meetings; spins++)
		if (spins % 1000 == 0)
			sched_yield();
}

/* Goes on for ROUNDS_MIN rounds, and until each has kept the other out, which shows that they did run side by side. */
static void *take_and_give(void *argument)
{
	const struct taker *taker = argument;
	struct takers *all = taker->all;
	time_t until = time(NULL) + PATIENCE_S;
	unsigned long meetings = 0;

	for (unsigned round = 0; !atomic_load(&all->stop); round++) {
		bool taken;

		meet(all, &meetings);
		taken = budget_table_take(&all->budget, TABLE_BYTES);
		atomic_store(&all->taken[taker->number], taken);
		meet(all, &meetings);
		if (taker->number == 0) {
			bool other = atomic_load(&all->taken[1]);

			all->both += taken && other;
			all->neither += !taken && !other;
			atomic_store(&all->stop, round >= ROUNDS_MIN && (all->neither > 0 || time(NULL) >= until));
		}
		if (taken)
			budget_table_give(&all->budget, TABLE_BYTES);
		meet(all, &meetings);
	}
	return NULL;
}

static void test_two_tables_do_not_share_room(void **state)
{
	struct takers all = {.budget = budget_of(0)};
	struct taker taker[2] = {{&all, 0}, {&all, 1}};
	pthread_t thread[2];

	(void)state;
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, take_and_give, &taker[i]), 0);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(pthread_join(thread[i], NULL), 0);
	assert_int_equal(all.both, 0);
	assert_int_equal(budget_used(&all.budget), 0);
}

/* ---- Arrays ------------------------------------------------------------------------------------------------------- */

static void test_arrays_are_aligned_and_zero(void **state)
{
	static const size_t sizes[] = {0, 1, 127, 128, 129, HUGE_PAGE_BYTES - 1, HUGE_PAGE_BYTES, HUGE_PAGE_BYTES + 1};

	(void)state;
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		for (int huge = 0; huge <= 1; huge++) {
			unsigned char *array = memory_array(sizes[i], huge);
			bool large = huge && sizes[i] >= HUGE_PAGE_BYTES;

			assert_non_null(array);
			assert_int_equal((uintptr_t)array % (large ? HUGE_PAGE_BYTES : LINE_PAIR_BYTES), 0);
			for (size_t at = 0; at < sizes[i]; at++)
				if (array[at] != 0)
					fail_msg("byte %zu of an array of %zu is not zero", at, sizes[i]);
			free(array);
		}
	}
}

/* Sizes that would wrap when they are rounded up. */
static void test_arrays_beyond_memory(void **state)
{
	static const size_t sizes[] = {SIZE_MAX, SIZE_MAX - 1, SIZE_MAX - LINE_PAIR_BYTES + 1};

	(void)state;
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		assert_null(memory_array(sizes[i], true));
		assert_null(memory_array(sizes[i], false));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_open_up_to_the_capacity),
		cmocka_unit_test(test_over),
		cmocka_unit_test(test_last_entry_may_use_the_reserve),
		cmocka_unit_test(test_retired_has_a_peak),
		cmocka_unit_test(test_table_takes_all_or_nothing),
		cmocka_unit_test(test_two_tables_do_not_share_room),
		cmocka_unit_test(test_arrays_are_aligned_and_zero),
		cmocka_unit_test(test_arrays_beyond_memory),
	};

	return cmocka_run_group_tests_name("budget", tests, NULL, NULL);
}
