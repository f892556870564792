/* SPDX-License-Identifier: BSD-2-Clause */
/* Google Benchmark's JSON as a table, on known examples. */
#include "harness/tidy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "harness/commands.h"
#include "harness/metrics.h"
#include "harness/table.h"
#include "tests/unit/scratch.h"

#define NAME "cache/suite:basic/impl:rwlock/policy:sieve/counters:padded/hash:siphash/threads:4/keys:100000/key_bytes:16/" \
             "value_bytes:100/mix:95-4-1/skew:0.99/capacity_bytes:67108864"

static const char document[] =
	"{\"context\": {\"date\": \"2026\", \"unavailable:rwlock:cas_failures_per_op\": \"no compare-and-swap in this design\"},"
	" \"benchmarks\": ["
	"  {\"name\": \"" NAME "/iterations:1/manual_time\", \"run_type\": \"iteration\", \"repetitions\": 2,"
	"   \"repetition_index\": 0, \"ops_per_s\": 1234567.5, \"ns_per_op\": 3.25e3, \"operations\": 10000000000},"
	"  {\"name\": \"" NAME "/iterations:1/manual_time\", \"run_type\": \"iteration\", \"repetitions\": 2,"
	"   \"repetition_index\": 1, \"ops_per_s\": 1000000, \"ns_per_op\": 4000, \"operations\": 1},"
	"  {\"name\": \"" NAME "_mean\", \"run_type\": \"aggregate\", \"aggregate_name\": \"mean\", \"ops_per_s\": 1},"
	"  {\"name\": \"replay/trace:web07.xz/impl:rcu/threads:2/partition:key\", \"run_type\": \"iteration\","
	"   \"repetition_index\": 0, \"hit_ratio\": 0.5},"
	"  {\"name\": \"" NAME "\", \"run_type\": \"iteration\", \"error_occurred\": true, \"error_message\": \"no memory\"}"
	" ]}";

static void test_parameters_of_a_name(void **state)
{
	char value[64];

	(void)state;
	assert_true(tidy_parameter(NAME, "suite", value, sizeof(value)));
	assert_string_equal(value, "basic");
	assert_true(tidy_parameter(NAME, "keys", value, sizeof(value)));
	assert_string_equal(value, "100000");
	assert_true(tidy_parameter(NAME, "key_bytes", value, sizeof(value)));
	assert_string_equal(value, "16");
	assert_true(tidy_parameter(NAME, "capacity_bytes", value, sizeof(value)));
	assert_string_equal(value, "67108864");
	assert_false(tidy_parameter(NAME, "key", value, sizeof(value)));
	assert_false(tidy_parameter(NAME, "bytes", value, sizeof(value)));
	assert_false(tidy_parameter(NAME, "cache", value, sizeof(value)));
	assert_false(tidy_parameter(NAME, "trace", value, sizeof(value)));
	assert_true(tidy_parameter("trace:a b.lis", "trace", value, sizeof(value)));
	assert_string_equal(value, "a b.lis");
	assert_true(tidy_parameter(NAME, "policy", value, 4)); /* what does not fit is cut, not written beyond */
	assert_string_equal(value, "sie");
}

/* The table of a document, loaded again. */
static struct table tidied(const char *text, size_t *failed, bool *fine)
{
	const char *path = scratch_path("out.tsv");
	json_t *json = json_loads(text, 0, NULL);
	FILE *out = fopen(path, "w");
	struct table table;

	assert_non_null(json);
	assert_non_null(out);
	tidy_header(out);
	*failed = 0;
	*fine = tidy_rows(out, "threads", json, failed);
	assert_int_equal(fclose(out), 0);
	json_decref(json);
	assert_true(table_load(&table, path));
	return table;
}

static void test_columns(void **state)
{
	static const char *const first[] = {"experiment", "repetition", "suite", "impl", "policy", "counters", "hash",
	                                    "threads", "keys", "key_bytes", "value_bytes", "mix", "skew",
	                                    "capacity_bytes", "trace", "partition", "codec", "record", "operation"};
	size_t parameters = sizeof(first) / sizeof(first[0]), failed;
	struct table table;
	bool fine;

	(void)state;
	table = tidied(document, &failed, &fine);
	assert_true(fine);
	assert_int_equal(table.columns, parameters + METRICS + 1);
	assert_string_equal(table_column(&table, parameters + METRICS), "steady");
	for (size_t i = 0; i < parameters; i++)
		assert_string_equal(table_column(&table, i), first[i]);
	for (size_t i = 0; i < METRICS; i++)
		assert_string_equal(table_column(&table, parameters + i), metric_info((enum metric)i)->name);
	table_free(&table);
}

static void test_a_known_example(void **state)
{
	struct table table;
	size_t failed;
	double number;
	bool fine;

	(void)state;
	table = tidied(document, &failed, &fine);
	assert_true(fine);
	assert_int_equal(failed, 1); /* it has no row */
	assert_int_equal(table.rows, 3); /* nor has the aggregate */

	assert_string_equal(table_cell(&table, 0, "experiment"), "threads");
	assert_string_equal(table_cell(&table, 0, "repetition"), "0");
	assert_string_equal(table_cell(&table, 1, "repetition"), "1");
	assert_string_equal(table_cell(&table, 0, "impl"), "rwlock");
	assert_string_equal(table_cell(&table, 0, "mix"), "95-4-1");
	assert_string_equal(table_cell(&table, 0, "trace"), "-");
	assert_true(table_number(&table, 0, "ops_per_s", &number));
	assert_true(number == 1234567.5);
	assert_true(table_number(&table, 0, "ns_per_op", &number));
	assert_true(number == 3250);
	assert_true(table_number(&table, 0, "operations", &number)); /* no digit is lost */
	assert_true(number == 1e10);

	assert_string_equal(table_cell(&table, 2, "impl"), "rcu");
	assert_string_equal(table_cell(&table, 2, "trace"), "web07.xz");
	assert_string_equal(table_cell(&table, 2, "partition"), "key");
	assert_string_equal(table_cell(&table, 2, "suite"), "-");
	table_free(&table);
}

/* A missing metric says why, and is never a number. */
static void test_what_is_missing(void **state)
{
	struct table table;
	size_t failed;
	double number;
	bool fine;

	(void)state;
	table = tidied(document, &failed, &fine);
	assert_string_equal(table_cell(&table, 0, "cas_failures_per_op"), "unavailable: no compare-and-swap in this design");
	for (size_t column = 0; column < table.columns; column++)
		for (size_t row = 0; row < table.rows; row++) {
			const char *name = table_column(&table, column);
			enum metric metric;

			if (metric_find(name, &metric) && !table_number(&table, row, name, &number))
				assert_ptr_equal(strstr(table_cell(&table, row, name), "unavailable: "),
				                 table_cell(&table, row, name));
		}
	assert_false(table_number(&table, 0, "hit_ratio", &number));
	assert_false(table_number(&table, 2, "ops_per_s", &number));
	table_free(&table);
}

/* Reasons are texts of others: they must not break the table. */
static void test_reason_with_tab_and_newline(void **state)
{
	static const char text[] =
		"{\"context\": {\"unavailable:rcu:ops_per_s\": \"one\\ttwo\\nthree\"}, \"benchmarks\": ["
		"{\"name\": \"cache/impl:rcu\", \"run_type\": \"iteration\", \"repetition_index\": 0}]}";
	struct table table;
	size_t failed;
	bool fine;

	(void)state;
	table = tidied(text, &failed, &fine);
	assert_true(fine);
	assert_int_equal(table.rows, 1);
	assert_string_equal(table_cell(&table, 0, "ops_per_s"), "unavailable: one two three");
	table_free(&table);
}

static void test_not_a_document(void **state)
{
	static const char *const texts[] = {
		"[]", "{}", "{\"context\": {}}", "{\"benchmarks\": []}", "{\"context\": [], \"benchmarks\": []}",
		"{\"context\": {}, \"benchmarks\": [{\"run_type\": \"iteration\"}]}",
		"{\"context\": {}, \"benchmarks\": [{\"name\": 7, \"run_type\": \"iteration\"}]}",
		"{\"context\": {}, \"benchmarks\": [7]}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct table table;
		size_t failed;
		bool fine;

		table = tidied(texts[i], &failed, &fine);
		assert_false(fine);
		table_free(&table);
	}
}

/* ---- The subcommand ---------------------------------------------------------------------------------------------- */

#define RUN(...) scratch_run(tidy_command, (const char *const[]){"tidy", __VA_ARGS__, NULL})

static void assert_says(const char *word)
{
	char *text = scratch_read(scratch_path("stderr"));

	assert_non_null(text);
	assert_non_null(strstr(text, word));
	free(text);
}

static void test_command(void **state)
{
	struct table table;

	(void)state;
	scratch_write(scratch_path("a.json"), document);
	scratch_write(scratch_path("b.json"), document);
	assert_int_equal(RUN(scratch_path("a.json"), scratch_path("b.json"), "--experiment", "mix", "--out",
	                     scratch_path("both.tsv")), COMMAND_OK);
	assert_true(table_load(&table, scratch_path("both.tsv")));
	assert_int_equal(table.rows, 6);
	assert_string_equal(table_cell(&table, 5, "experiment"), "mix");
	table_free(&table);
	assert_says("2 runs failed");

	assert_int_equal(RUN(scratch_path("a.json")), COMMAND_OK);
	assert_true(table_load(&table, scratch_path("stdout")));
	assert_int_equal(table.rows, 3);
	assert_string_equal(table_cell(&table, 0, "experiment"), "-");
	table_free(&table);
}

static void test_command_refuses(void **state)
{
	(void)state;
	scratch_write(scratch_path("good.json"), document);
	scratch_write(scratch_path("cut.json"), "{\"context\": {}, \"benchmarks\": [");
	scratch_write(scratch_path("other.json"), "{\"answer\": 42}");

	assert_int_equal(RUN(scratch_path("cut.json"), "--out", scratch_path("out.tsv")), COMMAND_USAGE);
	assert_says("cut.json");
	assert_int_equal(RUN(scratch_path("good.json"), scratch_path("other.json"), "--out", scratch_path("out.tsv")),
	                 COMMAND_USAGE);
	assert_says("other.json");
	assert_int_equal(RUN(scratch_path("none.json"), "--out", scratch_path("out.tsv")), COMMAND_USAGE);
	assert_says("none.json");
	assert_false(scratch_exists(scratch_path("out.tsv"))); /* not even half */

	assert_int_equal(RUN(scratch_path("good.json"), "--out", scratch_path("no/folder.tsv")), COMMAND_FAIL);
	assert_says("no/folder.tsv");
	assert_int_equal(RUN("--out"), COMMAND_USAGE);
	assert_int_equal(RUN("--frob", scratch_path("good.json")), COMMAND_USAGE);
	assert_says("--frob");
	assert_int_equal(scratch_run(tidy_command, (const char *const[]){"tidy", NULL}), COMMAND_USAGE);
	assert_int_equal(RUN("--help"), COMMAND_OK);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, scratch_setup, scratch_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_parameters_of_a_name), TEST(test_columns), TEST(test_a_known_example), TEST(test_what_is_missing),
		TEST(test_reason_with_tab_and_newline), TEST(test_not_a_document), TEST(test_command),
		TEST(test_command_refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
