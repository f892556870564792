/* SPDX-License-Identifier: BSD-2-Clause */
/* The report's section on correctness: what was checked is shown, kept with the run, and nothing is made up. */
#include "harness/correctness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "harness/report.h"
#include "tests/unit/scratch.h"

static char error[RUN_ERROR_BYTES];

static const char record[] =
	"{\"format\": 1, \"tier\": \"test\", \"configuration\": \"release\", \"compiler\": \"gcc 12\", \"commit\": \"abc\", "
	"\"dirty\": \"yes\", \"finished\": \"2026-01-02T03:04:05Z\", \"seed\": \"77\", \"passed\": 5, \"failed\": 1, "
	"\"tests\": [{\"program\": \"x\", \"passed\": 100, \"failed\": 0}], \"totals\": {\"operations\": 1234567}, "
	"\"failures\": [{\"name\": \"a <b>\", \"command\": \"check --seed 77\", \"text\": \"key 1 & key 2\"}]}";

static char *section(const json_t *records)
{
	char *text = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);

	assert_non_null(out);
	correctness_write(out, records);
	assert_int_equal(fclose(out), 0);
	return text;
}

static void folders(void)
{
	scratch_folder(scratch_path("results"));
	scratch_folder(scratch_path("results/correctness"));
	scratch_folder(scratch_path("results/run"));
}

static void test_nothing_known(void **state)
{
	json_t *records;
	char *text;

	(void)state;
	folders();
	records = correctness_of_run(scratch_path("."), scratch_path("results/run"), error);
	assert_non_null(records);
	assert_int_equal(json_array_size(records), 0);
	assert_false(scratch_exists(scratch_path("results/run/correctness.json"))); /* or it would never be known */
	text = section(records);
	assert_non_null(strstr(text, "Nothing is known"));
	free(text);
	json_decref(records);
}

static void test_record(void **state)
{
	json_t *records;
	char *text;

	(void)state;
	folders();
	scratch_write(scratch_path("results/correctness/test-release-gcc.json"), record);
	records = correctness_of_run(scratch_path("."), scratch_path("results/run"), error);
	assert_int_equal(json_array_size(records), 1);
	text = section(records);
	assert_non_null(strstr(text, "test, release, gcc"));
	assert_non_null(strstr(text, "abc with changes"));
	assert_non_null(strstr(text, "<td>105</td><td class=\"missed\">1</td>")); /* checks and other tests together */
	assert_non_null(strstr(text, "1.23 M"));
	assert_non_null(strstr(text, "a &lt;b&gt;"));
	assert_non_null(strstr(text, "key 1 &amp; key 2"));
	assert_non_null(strstr(text, "check --seed 77"));
	free(text);
	json_decref(records);
}

/* A report that is drawn again shows what was known when it was made, not what was found since. */
static void test_kept(void **state)
{
	json_t *records;

	(void)state;
	folders();
	scratch_write(scratch_path("results/correctness/test-release-gcc.json"), record);
	json_decref(correctness_of_run(scratch_path("."), scratch_path("results/run"), error));
	scratch_write(scratch_path("results/correctness/long-release-gcc.json"), record);
	records = correctness_of_run(scratch_path("."), scratch_path("results/run"), error);
	assert_int_equal(json_array_size(records), 1);
	json_decref(records);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_nothing_known, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(test_record, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(test_kept, scratch_setup, scratch_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
