/* SPDX-License-Identifier: BSD-2-Clause */
/* What users type: what is taken, and that errors name the option, what was given and what is allowed. */
#include "harness/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char error[OPTIONS_ERROR_BYTES];

/* The error has all of these words; the last argument is NULL. */
static void error_names(const char *first, ...)
{
	va_list words;

	va_start(words, first);
	for (const char *word = first; word; word = va_arg(words, const char *))
		if (!strstr(error, word))
			fail_msg("'%s' does not name '%s'", error, word);
	va_end(words);
}

static void numbers_are_taken(void **state)
{
	struct options_list list;

	(void)state;
	assert_true(options_numbers("--keys", "1,100,1K,10k,1M,2G,1T", 1, UINT64_MAX, &list, error));
	assert_int_equal(list.count, 7);
	assert_int_equal(list.item[1], 100);
	assert_int_equal(list.item[2], 1024);
	assert_int_equal(list.item[3], 10240);
	assert_int_equal(list.item[4], 1048576);
	assert_int_equal(list.item[5], (uint64_t)2 << 30);
	assert_int_equal(list.item[6], (uint64_t)1 << 40);
	assert_true(options_numbers("--keys", "18446744073709551615", 1, UINT64_MAX, &list, error));
	assert_true(list.item[0] == UINT64_MAX);
	assert_true(options_numbers("--value-size", "0", 0, 10, &list, error));
}

static void wrong_numbers_are_refused(void **state)
{
	static const char *const wrong[] = {
		"", ",", "1,", ",1", "1,,2", "0", "11", "-1", "+1", " 1", "1 ", "1.5", "1X", "1KK", "K", "0x10", "1e3",
		"abc",
		"18446744073709551616", "99999999999999999999999", "18014398509481984K", "9,9", "auto"};
	struct options_list list;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		if (options_numbers("--keys", wrong[i], 1, 10, &list, error))
			fail_msg("'%s' was taken", wrong[i]);
		error_names("--keys", NULL);
	}
	assert_false(options_numbers("--keys", "77", 1, 10, &list, error));
	error_names("--keys", "'77'", "from 1 to 10", NULL);
}

static void long_input_is_refused(void **state)
{
	struct options_list list;
	char *text = malloc(100001);

	(void)state;
	memset(text, '1', 100000);
	text[100000] = '\0';
	assert_false(options_numbers("--keys", text, 1, UINT64_MAX, &list, error));
	for (size_t i = 1; i < 100000; i += 2)
		text[i] = ',';
	assert_false(options_numbers("--keys", text, 1, UINT64_MAX, &list, error));
	text[0] = '\0';
	for (int i = 1; i <= OPTIONS_ITEMS_MAX + 1; i++)
		sprintf(text + strlen(text), i > 1 ? ",%d" : "%d", i);
	assert_false(options_numbers("--keys", text, 1, UINT64_MAX, &list, error));
	error_names("--keys", "64", NULL);
	*strrchr(text, ',') = '\0';
	assert_true(options_numbers("--keys", text, 1, UINT64_MAX, &list, error));
	assert_int_equal(list.count, OPTIONS_ITEMS_MAX);
	free(text);
}

static void check_auto(unsigned cores, const uint64_t *wanted, size_t count)
{
	struct options_list list;

	assert_true(options_threads("--threads", "auto", cores, &list, error));
	assert_int_equal(list.count, count);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(list.item[i], wanted[i]);
}

static void threads_sweep_to_twice_the_cores(void **state)
{
	struct options_list list;

	(void)state;
	check_auto(1, (uint64_t[]){1, 2}, 2);
	check_auto(2, (uint64_t[]){1, 2, 4}, 3);
	check_auto(4, (uint64_t[]){1, 2, 4, 8}, 4);
	check_auto(6, (uint64_t[]){1, 2, 4, 6, 12}, 5);
	check_auto(1024, (uint64_t[]){1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024}, 11);
	assert_true(options_threads("--threads", "3,1", 4, &list, error));
	assert_int_equal(list.item[0], 3);
	assert_false(options_threads("--threads", "0", 4, &list, error));
	error_names("--threads", "'0'", "1 to 1024", "auto", NULL);
	assert_false(options_threads("--threads", "1025", 4, &list, error));
	assert_false(options_threads("--threads", "1,auto", 4, &list, error));
	assert_false(options_threads("--threads", "2,2", 4, &list, error));
	error_names("'2'", "twice", NULL);
}

static void reals_and_times(void **state)
{
	static const char *const wrong[] = {"",
	                                    "2.1",
	                                    "-0.1",
	                                    "nan",
	                                    "inf",
	                                    "1e0",
	                                    ".5",
	                                    "5.",
	                                    "0.9.9",
	                                    "0,99,",
	                                    "0.5,0.5",
	                                    "x",
	                                    "00000000000000000000000000000000000000001"};
	struct options_reals list;
	double seconds;

	(void)state;
	assert_true(options_reals("--skew", "0,0.99,2", 0, 2, &list, error));
	assert_int_equal(list.count, 3);
	assert_true(list.item[1] == 0.99);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		if (options_reals("--skew", wrong[i], 0, 2, &list, error))
			fail_msg("'%s' was taken", wrong[i]);
		error_names("--skew", NULL);
	}
	assert_true(options_seconds("--seconds", "250ms", 0.01, 3600, &seconds, error) && seconds == 0.25);
	assert_true(options_seconds("--seconds", "2s", 0.01, 3600, &seconds, error) && seconds == 2);
	assert_true(options_seconds("--seconds", "0.5", 0.01, 3600, &seconds, error) && seconds == 0.5);
	assert_false(options_seconds("--seconds", "0", 0.01, 3600, &seconds, error));
	error_names("--seconds", "'0'", "0.01s to 3600s", NULL);
	assert_false(options_seconds("--seconds", "1h", 0.01, 3600, &seconds, error));
	assert_false(options_seconds("--seconds", "-1", 0.01, 3600, &seconds, error));
}

static void mixes_add_up(void **state)
{
	static const char *const wrong[] = {"",        "95:4",    "95:4:2",       "100:0:0:0",      "101:-1:0",
	                                    "+95:4:1", "95: 4:1", "95:4:1x",      "4294967391:4:1", "a:b:c",
	                                    "::",      "95,4,1",  "95:4:1,95:4:1"};
	struct options_mixes list;

	(void)state;
	assert_true(options_mixes("--mix", "95:4:1,0:0:100", &list, error));
	assert_int_equal(list.count, 2);
	assert_int_equal(list.item[0].get_percent, 95);
	assert_int_equal(list.item[0].set_percent, 4);
	assert_int_equal(list.item[0].delete_percent, 1);
	assert_int_equal(list.item[1].delete_percent, 100);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		if (options_mixes("--mix", wrong[i], &list, error))
			fail_msg("'%s' was taken", wrong[i]);
		error_names("--mix", NULL);
	}
	assert_false(options_mixes("--mix", "95:4:2", &list, error));
	error_names("'95:4:2'", "add up to 100", NULL);
}

static void names_come_from_the_library(void **state)
{
	const char *const *implementations = options_implementations();
	struct options_list list;
	size_t index;

	(void)state;
	assert_true(options_names("--impl", "all", implementations, &list, error));
	for (size_t i = 0; i < list.count; i++)
		assert_string_equal(implementations[list.item[i]], capacitor_info(list.item[i])->name);
	assert_null(capacitor_info(list.count));
	assert_false(options_names("--impl", "nonsense", implementations, &list, error));
	for (size_t i = 0; implementations[i]; i++)
		error_names("'nonsense'", implementations[i], "all", NULL);

	assert_true(options_names("--policy", "s3fifo,fifo", options_policies(), &list, error));
	assert_int_equal(list.item[0], CAPACITOR_S3FIFO);
	assert_int_equal(list.item[1], CAPACITOR_FIFO);
	assert_true(options_name("--counters", "packed", options_counters(), &index, error));
	assert_int_equal(index, CAPACITOR_COUNTERS_PACKED);
	assert_true(options_name("--hash", "xxh3", options_hashes(), &index, error));
	assert_int_equal(index, CAPACITOR_HASH_XXH3);
	assert_false(options_name("--hash", "xxh", options_hashes(), &index, error));
	assert_false(options_names("--policy", "fifo,fifo", options_policies(), &list, error));
	assert_false(options_names("--policy", "all,fifo", options_policies(), &list, error));
}

static const struct options_known known[] = {{"--size", "N", "a number"},
                                             {"--size-limit", "N", "another"},
                                             {"--fast", NULL, "a switch"},
                                             {NULL, NULL, NULL}};

static int read_all(const char *const *arguments, int count, int *options, const char **values, int max)
{
	char *argv[16];
	struct options_reader reader = {.command = "test",
	                                .known = known,
	                                .foreign_prefix = "--foreign_",
	                                .argc = count,
	                                .argv = argv,
	                                .at = 1};
	int option, read = 0;

	for (int i = 0; i < count; i++)
		argv[i] = (char *)(uintptr_t)arguments[i];
	while ((option = options_read(&reader)) != OPTIONS_END && option != OPTIONS_ERROR && read < max) {
		options[read] = option;
		values[read++] = reader.value;
	}
	memcpy(error, reader.error, sizeof(error));
	return option == OPTIONS_ERROR ? -1 : read;
}

static void arguments_are_read(void **state)
{
	const char *values[8];
	int options[8];

	(void)state;
	assert_int_equal(read_all((const char *[]){"x", "--size", "1", "--size-limit=2", "--fast", "--foreign_a=b"}, 6,
	                          options, values, 8),
	                 4);
	assert_int_equal(options[0], 0);
	assert_string_equal(values[0], "1");
	assert_int_equal(options[1], 1);
	assert_string_equal(values[1], "2");
	assert_int_equal(options[2], 2);
	assert_int_equal(options[3], OPTIONS_FOREIGN);
	assert_string_equal(values[3], "--foreign_a=b");

	assert_int_equal(read_all((const char *[]){"x", "--siz", "1"}, 3, options, values, 8), -1);
	error_names("'--siz'", "--size", "--size-limit", "--fast", "--foreign_", NULL);
	assert_int_equal(read_all((const char *[]){"x", "stray"}, 2, options, values, 8), -1);
	error_names("'stray'", "argument", NULL);
	assert_int_equal(read_all((const char *[]){"x", "--size"}, 2, options, values, 8), -1);
	error_names("--size", "missing", NULL);
	assert_int_equal(read_all((const char *[]){"x", "--fast=1"}, 2, options, values, 8), -1);
	error_names("--fast", "no value", NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_taken),
		cmocka_unit_test(wrong_numbers_are_refused),
		cmocka_unit_test(long_input_is_refused),
		cmocka_unit_test(threads_sweep_to_twice_the_cores),
		cmocka_unit_test(reals_and_times),
		cmocka_unit_test(mixes_add_up),
		cmocka_unit_test(names_come_from_the_library),
		cmocka_unit_test(arguments_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
