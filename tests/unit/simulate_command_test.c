/* SPDX-License-Identifier: BSD-2-Clause */
/* `capacitor simulate`: the table that it writes, and what it answers to wrong arguments. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "harness/commands.h"

static char folder[4096], trace[4200], table[4200];

static int make_folder(void **state)
{
	const char *parent = getenv("TMPDIR");
	FILE *file;

	(void)state;
	snprintf(folder, sizeof(folder), "%s/capacitor-simulate-XXXXXX", parent && *parent ? parent : "/tmp");
	if (!mkdtemp(folder))
		return -1;
	snprintf(table, sizeof(table), "%s/table.tsv", folder);
	/* Ten objects of 100 bytes, one after the other, twice; then the last of them again. */
	snprintf(trace, sizeof(trace), "%s/loop.csv", folder);
	file = fopen(trace, "w");
	for (int i = 0; file && i < 21; i++)
		fprintf(file, "%c,100\n", i < 20 ? 'a' + i % 10 : 'j');
	return file && fclose(file) == 0 ? 0 : -1;
}

static int remove_folder(void **state)
{
	(void)state;
	unlink(trace);
	return rmdir(folder);
}

/* Runs the command with the words of `line` as arguments, @ standing for the trace and # for the table. What it wrote
 * on `stream` (1 or 2) is in `text`. */
static int run(const char *line, int stream, char text[8192])
{
	char words[2048], *rest = words, *argv[32];
	FILE *files[3] = {NULL, tmpfile(), tmpfile()};
	int saved[3], argc = 0, status;
	size_t bytes;

	snprintf(words, sizeof(words), "simulate %s", line);
	for (char *word; (word = strsep(&rest, " "));)
		argv[argc++] = strcmp(word, "@") == 0 ? trace : strcmp(word, "#") == 0 ? table : word;
	argv[argc] = NULL;
	fflush(NULL);
	for (int i = 1; i <= 2; i++) {
		assert_non_null(files[i]);
		saved[i] = dup(i);
		dup2(fileno(files[i]), i);
	}
	status = simulate_command(argc, argv);
	fflush(NULL);
	for (int i = 1; i <= 2; i++) {
		dup2(saved[i], i);
		close(saved[i]);
	}
	rewind(files[stream]);
	bytes = fread(text, 1, 8191, files[stream]);
	text[bytes] = '\0';
	fclose(files[1]);
	fclose(files[2]);
	return status;
}

static const char header[] =
	"source\tpolicy\tcapacity_bytes\trequests\tmisses\tmissed_bytes\thit_ratio\tbyte_hit_ratio\n";

static void test_table(void **state)
{
	char text[8192], expected[8192];

	(void)state;
	assert_int_equal(run("--trace @ --policy fifo,lru --capacity 500,1000", 1, text), COMMAND_OK);
	snprintf(expected, sizeof(expected), "%s%s", header,
	         "loop.csv\tfifo\t500\t21\t20\t2000\t0.047619\t0.047619\n"
	         "loop.csv\tfifo\t1000\t21\t10\t1000\t0.523810\t0.523810\n"
	         "loop.csv\tlru\t500\t21\t20\t2000\t0.047619\t0.047619\n"
	         "loop.csv\tlru\t1000\t21\t10\t1000\t0.523810\t0.523810\n");
	assert_string_equal(text, expected);
}

static void test_percent_is_of_all_objects(void **state)
{
	char text[8192], expected[8192];

	(void)state;
	assert_int_equal(run("--trace @ --policy fifo --capacity-percent 50,100", 1, text), COMMAND_OK);
	snprintf(expected, sizeof(expected), "%s%s", header,
	         "loop.csv\tfifo\t500\t21\t20\t2000\t0.047619\t0.047619\n"
	         "loop.csv\tfifo\t1000\t21\t10\t1000\t0.523810\t0.523810\n");
	assert_string_equal(text, expected);
}

static void test_several_sources(void **state)
{
	char text[8192], *second;

	(void)state;
	assert_int_equal(run("--trace @ --trace @ --zipf 0 --keys 10 --requests 100 --object-size 7 --policy fifo "
	                     "--capacity 70", 1, text), COMMAND_OK);
	second = strstr(text, "zipf-0-keys-10\tfifo\t70\t100\t10\t70\t0.900000\t0.900000\n");
	assert_non_null(second);
	assert_non_null(strstr(text, "loop.csv"));
	assert_non_null(strstr(strstr(text, "loop.csv") + 1, "loop.csv"));
}

static void test_stream_repeats_with_its_seed(void **state)
{
	char first[8192], second[8192], third[8192];

	(void)state;
	assert_int_equal(run("--zipf 0.9 --keys 1000 --requests 5000 --seed 7", 1, first), COMMAND_OK);
	assert_int_equal(run("--zipf 0.9 --keys 1000 --requests 5000 --seed 7", 1, second), COMMAND_OK);
	assert_int_equal(run("--zipf 0.9 --keys 1000 --requests 5000 --seed 8", 1, third), COMMAND_OK);
	assert_string_equal(first, second);
	assert_string_not_equal(first, third);
}

static void test_no_bytes(void **state)
{
	char text[8192];

	(void)state;
	assert_int_equal(run("--zipf 0 --keys 5 --requests 50 --object-size 0 --policy lru --capacity 1", 1, text),
	                 COMMAND_OK);
	assert_non_null(strstr(text, "\t0.900000\tunavailable: no bytes were requested\n"));
}

static void test_out(void **state)
{
	char text[8192], error[8192];
	FILE *file;

	(void)state;
	assert_int_equal(run("--trace @ --policy lru --capacity 500 --out #", 1, text), COMMAND_OK);
	assert_string_equal(text, "");
	file = fopen(table, "r");
	assert_non_null(file);
	assert_non_null(fgets(text, sizeof(text), file));
	assert_string_equal(text, header);
	assert_non_null(fgets(text, sizeof(text), file));
	fclose(file);
	unlink(table);
	assert_int_equal(run("--trace @ --out /proc/no/such/folder/table", 2, error), COMMAND_FAIL);
	assert_non_null(strstr(error, "/proc/no/such/folder/table"));
	/* A source that fails leaves no table, though one before it did not. */
	assert_int_equal(run("--trace @ --trace missing --out #", 2, error), COMMAND_USAGE);
	assert_non_null(strstr(error, "missing: cannot be opened"));
	assert_int_equal(access(table, F_OK), -1);
}

static void test_wrong_arguments(void **state)
{
	static const struct {
		const char *line;
		const char *words;
	} wrong[] = {
		{"--policy lru", "--trace FILE or --zipf SKEW"},
		{"--trace @ --policy lru,arc", "'arc' is unknown; allowed: fifo lru clock sieve s3fifo"},
		{"--trace @ --format tar", "oracleGeneral vscsi cache2k arc csv keys"},
		{"--trace @ --format keys --format arc", "line 1: expected four numbers"},
		{"--trace @ --capacity 0", "--capacity '0': wanted is a number from 1"},
		{"--trace @ --capacity 5 --capacity-percent 5", "exclude each other"},
		{"--trace @ --capacity-percent 0", "--capacity-percent '0'"},
		{"--trace @ --capacity-percent 101", "to 100"},
		{"--trace @ --requests 0", "--requests '0'"},
		{"--trace @ --keys 5", "--keys and --seed are for --zipf"},
		{"--trace @ --object-size 5G", "--object-size '5G'"},
		{"--zipf 1 --format csv", "--format is for --trace"},
		{"--zipf 1,2", "one number is wanted, not a list"},
		{"--zipf -1", "--zipf '-1'"},
		{"--zipf 1 --keys 0", "--keys '0'"},
		{"--zipf", "--zipf: its value SKEW is missing"},
		{"--trace @ --capacities 5", "--capacity"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		char text[8192];

		if (run(wrong[i].line, 2, text) != COMMAND_USAGE || !strstr(text, wrong[i].words) ||
		    strncmp(text, "capacitor simulate: ", 20) != 0 || strchr(text, '\n') != text + strlen(text) - 1)
			fail_msg("%s: expected %s; it says: %s", wrong[i].line, wrong[i].words, text);
		run(wrong[i].line, 1, text);
		assert_string_equal(text, "");
	}
}

static void test_help(void **state)
{
	char text[8192];

	(void)state;
	assert_int_equal(run("--help", 1, text), COMMAND_OK);
	assert_non_null(strstr(text, "--capacity-percent"));
	assert_int_equal(run("--help", 2, text), COMMAND_OK);
	assert_string_equal(text, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_percent_is_of_all_objects),
		cmocka_unit_test(test_several_sources),
		cmocka_unit_test(test_stream_repeats_with_its_seed),
		cmocka_unit_test(test_no_bytes),
		cmocka_unit_test(test_out),
		cmocka_unit_test(test_wrong_arguments),
		cmocka_unit_test(test_help),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
