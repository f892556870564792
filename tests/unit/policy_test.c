/* SPDX-License-Identifier: BSD-2-Clause */
/* Orders of eviction where the conformance suite cannot lead them: empty, and with hits that never stop. */
#include "common/policy.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#define ENTRIES_MAX 4
#define ROUNDS_MIN 100000
#define PATIENCE_S 60 /* for the visits of another thread, on a machine that is busy otherwise */

static const enum capacitor_policy kinds[] = {
	CAPACITOR_FIFO, CAPACITOR_LRU, CAPACITOR_CLOCK, CAPACITOR_SIEVE, CAPACITOR_S3FIFO,
};
#define KINDS (sizeof kinds / sizeof kinds[0])

static struct entry *entry_made(uint64_t hash)
{
	struct entry *entry = calloc(1, entry_block_bytes(1, 0));

	assert_non_null(entry);
	entry->hash = hash;
	return entry;
}

/* ---- Empty orders ------------------------------------------------------------------------------------------------ */

static void test_empty(void **state)
{
	(void)state;
	for (size_t i = 0; i < KINDS; i++) {
		struct entry *entry = entry_made(7);
		struct policy policy;

		assert_true(policy_init(&policy, kinds[i], 8));
		assert_null(policy_evict(&policy));
		policy_insert(&policy, entry);
		assert_ptr_equal(policy_evict(&policy), entry);
		assert_null(policy_evict(&policy)); /* also with what the last eviction left behind: a hand, a ghost */
		policy_insert(&policy, entry);
		policy_remove(&policy, entry);
		assert_null(policy_evict(&policy));
		assert_null(policy_first(&policy));
		assert_int_equal(policy_count(&policy), 0);
		policy_destroy(&policy);
		free(entry);
	}
}

/* ---- Hits that never stop ---------------------------------------------------------------------------------------- */

/* A thread that visits all entries, again and again. */
struct visitor {
	struct entry *entry[ENTRIES_MAX];
	unsigned entries;
	unsigned visit_marks;
	_Atomic bool stop;
};

static void *visit(void *argument)
{
	struct visitor *visitor = argument;

	while (!load_relaxed(&visitor->stop)) /* relaxed: nothing comes with it */
		for (unsigned i = 0; i < visitor->entries; i++)
			policy_hit(visitor->entry[i], visitor->visit_marks);
	return NULL;
}

static bool all_visited(const struct visitor *visitor)
{
	for (unsigned i = 0; i < visitor->entries; i++)
		if ((load_relaxed(&visitor->entry[i]->marks) & visitor->visit_marks) != visitor->visit_marks)
			return false;
	return true;
}

/*
 * Whoever evicts clears marks that the thread sets again: the walk is bounded, and takes one of the visited in the end. Runs
 * so often that it happens nearly always, and until all entries were seen visited right after an eviction.
 */
static void run_visited(enum capacitor_policy kind, unsigned entries)
{
	struct visitor visitor = {.entries = entries, .visit_marks = policy_visit_marks(kind)};
	time_t until = time(NULL) + PATIENCE_S;
	struct policy policy;
	pthread_t thread;
	unsigned seen = 0;

	assert_true(policy_init(&policy, kind, entries));
	for (unsigned i = 0; i < entries; i++) {
		visitor.entry[i] = entry_made(i);
		policy_insert(&policy, visitor.entry[i]);
	}
	assert_int_equal(pthread_create(&thread, NULL, visit, &visitor), 0);
	for (unsigned round = 0; round < ROUNDS_MIN || (seen == 0 && time(NULL) < until); round++) {
		struct entry *victim = policy_evict(&policy);

		assert_non_null(victim);
		assert_int_equal(policy_count(&policy), entries - 1);
		seen += all_visited(&visitor);
		policy_insert(&policy, victim);
		assert_int_equal(policy_count(&policy), entries);
	}
	store_relaxed(&visitor.stop, true);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_true(seen > 0); /* else the thread visited nothing while we evicted */
	for (unsigned i = 0; i < entries; i++) {
		struct entry *victim = policy_evict(&policy);

		assert_non_null(victim);
		free(victim);
	}
	assert_null(policy_evict(&policy));
	policy_destroy(&policy);
}

static void test_visited_all_the_time(void **state)
{
	(void)state;
	for (size_t i = 0; i < KINDS; i++) {
		if (policy_visit_marks(kinds[i]) == 0)
			continue;
		run_visited(kinds[i], 1);
		run_visited(kinds[i], ENTRIES_MAX);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_visited_all_the_time),
	};

	return cmocka_run_group_tests_name("policy", tests, NULL, NULL);
}
