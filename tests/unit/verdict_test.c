/* SPDX-License-Identifier: BSD-2-Clause */
/* Claims, judged on a table whose verdicts are plain to see. */
#include "harness/verdict.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/scratch.h"

/* fast is above slow everywhere; near overlaps with slow at 2 threads; 8 threads do not fit. */
static const char text[] =
	"impl\tthreads\tmix\toversubscribed\tops_per_s\tops_per_s_low\tops_per_s_high\tlocks_per_op\n"
	"fast\t1\tm\t0\t100\t90\t110\tunavailable: none\n"
	"fast\t2\tm\t0\t200\t190\t210\tunavailable: none\n"
	"fast\t8\tm\t1\t50\t45\t55\tunavailable: none\n"
	"slow\t1\tm\t0\t80\t70\t89\t1\n"
	"slow\t2\tm\t0\t60\t50\t70\t1\n"
	"near\t1\tm\t0\t100\t95\t105\t1\n"
	"near\t2\tm\t0\t65\t60\t75\t1\n"
	"fast\t1\tother\t0\t1\t1\t1\t1\n";

/* A claim about ops_per_s. */
#define OPS "{\"metric\": \"ops_per_s\", "

static struct verdict judge(const char *claim)
{
	json_t *json = json_loads(claim, 0, NULL);
	struct verdict verdict;
	struct table table;

	assert_non_null(json);
	scratch_write(scratch_path("table.tsv"), text);
	assert_true(table_load(&table, scratch_path("table.tsv")));
	verdict = verdict_of(json, &table);
	table_free(&table);
	json_decref(json);
	return verdict;
}

static void assert_verdict(const char *claim, size_t holds, size_t fails, size_t undecided)
{
	struct verdict verdict = judge(claim);

	assert_int_equal(verdict.holds, holds);
	assert_int_equal(verdict.fails, fails);
	assert_int_equal(verdict.undecided, undecided);
}

static void test_compared_to_points(void **state)
{
	(void)state;
	assert_verdict(OPS "\"of\": {\"impl\": \"fast\"}, \"above\": {\"impl\": \"slow\"}}", 2, 0, 0);
	assert_verdict(OPS "\"of\": {\"impl\": \"slow\"}, \"below\": {\"impl\": \"fast\"}}", 2, 0, 0);
	assert_verdict(OPS "\"of\": {\"impl\": \"slow\"}, \"above\": {\"impl\": \"fast\"}}", 0, 2, 0);
	assert_verdict(OPS "\"of\": {\"impl\": \"near\"}, \"above\": {\"impl\": \"slow\"}}", 1, 0, 1);
	/* With itself at another number of threads; of the mixes only one has two. */
	assert_verdict(OPS "\"of\": {\"impl\": \"fast\", \"threads\": \"2\"}, \"above\": {\"threads\": \"1\"}}",
	               1, 0, 0);
}

static void test_compared_to_a_number(void **state)
{
	(void)state;
	assert_verdict(OPS "\"of\": {\"mix\": \"m\"}, \"below\": 100}", 4, 1, 2);
	assert_verdict(OPS "\"of\": {\"mix\": \"m\"}, \"except\": {\"impl\": \"near\"}, \"below\": 100}", 3, 1, 1);
	assert_verdict(OPS "\"of\": {\"mix\": \"m\"}, \"above\": 50, \"factor\": 10}", 0, 7, 0);
}

static void test_threads_that_fit(void **state)
{
	(void)state;
	assert_verdict(OPS "\"of\": {\"impl\": \"fast\", \"threads\": \"fit\"}, \"above\": 180}", 1, 0, 0);
}

static void test_factor(void **state)
{
	(void)state;
	assert_verdict(OPS "\"of\": {\"impl\": \"fast\", \"threads\": \"2\"}, \"above\": {\"impl\": \"slow\"},"
	               " \"factor\": 2}", 1, 0, 0);
	assert_verdict(OPS "\"of\": {\"impl\": \"fast\", \"threads\": \"2\"}, \"above\": {\"impl\": \"slow\"},"
	               " \"factor\": 3}", 0, 0, 1);
	assert_verdict(OPS "\"of\": {\"impl\": \"fast\", \"threads\": \"2\"}, \"above\": {\"impl\": \"slow\"},"
	               " \"factor\": 5}", 0, 1, 0);
}

/* What was not measured says nothing, in either direction. */
static void test_not_measured(void **state)
{
	static const char *const claims[] = {
		"{\"metric\": \"ops_per_s\", \"of\": {\"impl\": \"none\"}, \"above\": 1}",
		"{\"metric\": \"ops_per_s\", \"of\": {\"impl\": \"fast\"}, \"above\": {\"impl\": \"none\"}}",
		"{\"metric\": \"no_metric\", \"of\": {\"impl\": \"fast\"}, \"above\": 1}",
		"{\"metric\": \"locks_per_op\", \"of\": {\"impl\": \"fast\", \"mix\": \"m\"}, \"above\": 1}",
		"{\"metric\": \"locks_per_op\", \"of\": {\"impl\": \"slow\"}, \"above\": {\"impl\": \"fast\"}}",
		"{\"metric\": \"ops_per_s\", \"of\": {\"impl\": \"fast\"}}",
		"{\"of\": {\"impl\": \"fast\"}, \"above\": 1}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(claims) / sizeof(claims[0]); i++)
		assert_verdict(claims[i], 0, 0, 0);
}

static void test_texts(void **state)
{
	static const struct {
		struct verdict verdict;
		const char *text;
	} examples[] = {
		{{0, 0, 0}, "not measured"},
		{{1, 0, 0}, "holds"},
		{{0, 1, 0}, "fails"},
		{{0, 0, 1}, "undecided"},
		{{4, 0, 0}, "holds at all 4 points"},
		{{0, 3, 0}, "fails at all 3 points"},
		{{2, 1, 0}, "holds at 2 of 3 points, fails at 1 of 3 points"},
		{{2, 0, 1}, "holds at 2 of 3 points, undecided at 1 of 3 points"},
	};
	char words[160];

	(void)state;
	for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
		verdict_text(&examples[i].verdict, words, sizeof(words));
		assert_string_equal(words, examples[i].text);
	}
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, scratch_setup, scratch_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_compared_to_points), TEST(test_compared_to_a_number), TEST(test_threads_that_fit), TEST(test_factor),
		TEST(test_not_measured), TEST(test_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
