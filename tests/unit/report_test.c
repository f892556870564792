/* SPDX-License-Identifier: BSD-2-Clause */
/* The report of a run: medians with intervals by a known example, and a page that holds everything and is safe. */
#include "harness/report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "harness/commands.h"
#include "harness/table.h"
#include "tests/unit/scratch.h"

static char error[RUN_ERROR_BYTES];

/* ---- Medians with intervals -------------------------------------------------------------------------------------- */

/* Summarises n repetitions whose ops_per_s are 1 to n in an odd order, and whose hit_ratio is the text of row `gap`. */
static struct table summarise(unsigned n, unsigned gap)
{
	const char *path = scratch_path("x.tsv");
	struct table table;
	FILE *out = fopen(path, "w");

	assert_non_null(out);
	fputs("experiment\trepetition\timpl\tthreads\tops_per_s\thit_ratio\n", out);
	for (unsigned i = 0; i < n; i++)
		fprintf(out, "x\t%u\trcu\t2\t%u\t%s\n", i, i * 7 % n + 1, i + 1 == gap ? "unavailable: no gets" : "1e-01");
	assert_int_equal(fclose(out), 0);
	if (!report_summarise(".", scratch_path("."), "x", error))
		fail_msg("%s", error);
	assert_true(table_load(&table, scratch_path("x.summary.tsv")));
	assert_int_equal(table.rows, 1);
	return table;
}

static void check(unsigned n, double median, double low, double high, double coverage)
{
	struct table table = summarise(n, 0);
	double number;

	assert_true(table_number(&table, 0, "ops_per_s", &number) && number == median);
	assert_true(table_number(&table, 0, "ops_per_s_low", &number) && number == low);
	assert_true(table_number(&table, 0, "ops_per_s_high", &number) && number == high);
	assert_true(table_number(&table, 0, "coverage", &number) && number == coverage);
	assert_true(table_number(&table, 0, "repetitions", &number) && number == n);
	table_free(&table);
}

/* Exact intervals of the median from the binomial distribution (Conover 1999, table A3; Hahn and Meeker 1991). */
static void test_known_intervals(void **state)
{
	(void)state;
	check(1, 1, 1, 1, 0);
	check(3, 2, 1, 3, 0.75);
	check(5, 3, 1, 5, 0.9375);      /* not 95 %: the most that five can say */
	check(6, 3.5, 1, 6, 0.9688);
	check(10, 5.5, 2, 9, 0.9785);
	check(20, 10.5, 6, 15, 0.9586);
}

/* A metric that some repetitions lack has no median: the ones that have it may be the lucky ones. */
static void test_gaps(void **state)
{
	struct table table = summarise(3, 0);
	double number;

	(void)state;
	assert_true(table_number(&table, 0, "hit_ratio", &number) && number == 0.1);
	table_free(&table);
	table = summarise(3, 2);
	assert_false(table_number(&table, 0, "hit_ratio", &number));
	assert_string_equal(table_cell(&table, 0, "hit_ratio"), "unavailable: no gets (in 1 of 3 repetitions)");
	assert_true(table_number(&table, 0, "ops_per_s", &number) && number == 2);
	table_free(&table);
	table = summarise(1, 1);
	assert_string_equal(table_cell(&table, 0, "hit_ratio"), "unavailable: no gets");
	table_free(&table);
}

/* All points failed: a table without rows, not an error. */
static void test_no_rows(void **state)
{
	struct table table;

	(void)state;
	scratch_write(scratch_path("x.tsv"), "experiment\trepetition\timpl\tops_per_s\n");
	assert_true(report_summarise(".", scratch_path("."), "x", error));
	assert_true(table_load(&table, scratch_path("x.summary.tsv")));
	assert_int_equal(table.rows, 0);
	table_free(&table);
}

/* An error names what failed and what it died of, and leaves no table. */
static void test_summary_fails(void **state)
{
	(void)state;
	assert_false(report_summarise(".", scratch_path("."), "x", error)); /* there is no x.tsv */
	assert_non_null(strstr(error, "summarise.py"));
	assert_non_null(strstr(error, "No such file")); /* the last line of a traceback */
	assert_false(scratch_exists(scratch_path("x.summary.tsv")));
}

/* ---- The page ---------------------------------------------------------------------------------------------------- */

static const char summary[] =
	"experiment\timpl\tthreads\tmix\trepetitions\tcoverage\tops_per_s\tops_per_s_low\tops_per_s_high\tns_per_op\t"
	"ns_per_op_low\tns_per_op_high\toversubscribed\toversubscribed_low\toversubscribed_high\tlocks_per_op\n"
	"one\trcu\t1\t95-4-1\t6\t0.9688\t2000000\t1900000\t2100000\t500\t490\t510\t0\t0\t0\tunavailable: it <takes> no lock\n"
	"one\trwlock\t1\t95-4-1\t6\t0.9688\t1000000\t900000\t1100000\t1000\t990\t1010\t0\t0\t0\t1\n"
	"one\trcu\t8\t95-4-1\t6\t0.9688\t3000000\t2900000\t3100000\t2600\t2500\t2700\t1\t1\t1\tunavailable: it <takes> no lock\n"
	"one\trwlock\t8\t95-4-1\t6\t0.9688\t500000\t400000\t600000\t16000\t15000\t17000\t1\t1\t1\t1\n";

static const char plan[] =
	"{\"tier\": \"tiny\", \"experiments\": [{\"slug\": \"one\", \"repetitions\": 6, \"points\": 4, \"experiment\":"
	" {\"title\": \"<script>alert(1)</script> & \\\"more\\\"\", \"hypothesis\": \"h<i>y\", \"expected\": \"e&x\","
	"  \"command\": \"bench\","
	"  \"claims\": [{\"text\": \"rcu > rwlock\", \"metric\": \"ops_per_s\", \"of\": {\"impl\": \"rcu\"},"
	"                \"above\": {\"impl\": \"rwlock\"}}],"
	"  \"targets\": [{\"text\": \"< 600 ns\", \"mix\": \"95-4-1\", \"metric\": \"ns_per_op\", \"below\": 600}],"
	"  \"figures\": [{\"script\": \"threads.gp\", \"each\": \"mix\", \"caption\": \"what <it> shows\"}]}},"
	" {\"slug\": \"two\", \"repetitions\": 1, \"points\": 0, \"left_out\": \"no trace was found\", \"experiment\":"
	" {\"title\": \"Two\", \"hypothesis\": \"h\", \"expected\": \"e\", \"command\": \"simulate\", \"figures\": []}}]}";

static void write_run(const char *failures)
{
	scratch_folder(scratch_path("a 'run'"));
	scratch_write(scratch_path("a 'run'/plan.json"), plan);
	scratch_write(scratch_path("a 'run'/env.json"),
	              "{\"cores\": 4, \"cpu_model\": \"A <fast> one\", \"pmu\": \"unavailable: a virtual machine\"}");
	scratch_write(scratch_path("a 'run'/one.summary.tsv"), summary);
	scratch_write(scratch_path("a 'run'/failed.tsv"), failures);
}

#define FAILED_HEADER "experiment\tpoint\trepetition\treason\tlast_words\n"

static char *page(void)
{
	char *text;

	if (!report_write(".", scratch_path("a 'run'"), error))
		fail_msg("%s", error);
	text = scratch_read(scratch_path("a 'run'/report.html"));
	assert_non_null(text);
	return text;
}

static void test_page(void **state)
{
	char *text;

	(void)state;
	write_run(FAILED_HEADER);
	text = page();
	assert_non_null(strstr(text, "<svg"));
	assert_non_null(strstr(text, "Figure 1, mix 95-4-1."));
	assert_non_null(strstr(text, "holds at all 2 points"));
	assert_non_null(strstr(text, "no trace was found"));
	assert_non_null(strstr(text, "class=\"over\"")); /* oversubscribed points are marked */
	assert_non_null(strstr(text, ">met<"));
	assert_non_null(strstr(text, ">missed<"));
	assert_non_null(strstr(text, "unavailable: a virtual machine"));
	assert_null(strstr(text, ">Failed<"));
	/* The best that is not oversubscribed, with its distance to the next. */
	assert_non_null(strstr(text, "that is 2.00 times"));
	assert_true(scratch_exists(scratch_path("a 'run'/plots/threads-95-4-1.svg")));
	assert_true(scratch_exists(scratch_path("a 'run'/plots/threads-95-4-1.pdf")));
	assert_int_equal(scratch_entries(scratch_path("a 'run'/plots")), 2);
	free(text);
}

/* Texts of plans, tables and machines are text: they cannot become markup. */
static void test_page_is_escaped(void **state)
{
	static const char *const markup[] = {"<script", "h<i>y", "<it>", "<fast>", "<takes>", "<words>"};
	char *text;

	(void)state;
	write_run(FAILED_HEADER "one\timpl=rcu\t0\texit status 1\tits last <words>\n");
	text = page();
	for (size_t i = 0; i < sizeof(markup) / sizeof(markup[0]); i++)
		assert_null(strstr(text, markup[i]));
	assert_non_null(strstr(text, "&lt;script&gt;alert(1)&lt;/script&gt; &amp; &quot;more&quot;"));
	assert_non_null(strstr(text, "its last &lt;words&gt;"));
	free(text);
}

/* Nothing is fetched from elsewhere: the page can be read without a network. */
static void test_page_stands_alone(void **state)
{
	static const char *const fetches[] = {"src=", "<link", "@import", "url(http", "href=\"http", "<iframe", "<object"};
	char *text;

	(void)state;
	write_run(FAILED_HEADER);
	text = page();
	for (size_t i = 0; i < sizeof(fetches) / sizeof(fetches[0]); i++)
		assert_null(strstr(text, fetches[i]));
	assert_null(strstr(text, "<?xml")); /* which may stand only at the beginning of a document */
	free(text);
}

/* The page of a run of two points, with these coefficients of variation and shares of stolen time. */
static char *page_of(const char *first_cv, const char *second_cv, const char *second_steal)
{
	char text[1024];

	snprintf(text, sizeof(text),
	         "experiment\timpl\tthreads\tmix\trepetitions\tcoverage\tops_per_s\tops_per_s_low\tops_per_s_high\tns_per_op\t"
	         "ns_per_op_low\tns_per_op_high\tns_per_op_cv\tsteal_share\twindow_s\toversubscribed\n"
	         "one\trcu\t1\t95-4-1\t6\t0.9688\t2000000\t1900000\t2100000\t500\t490\t510\t%s\t0\t1\t0\n"
	         "one\trwlock\t2\t95-4-1\t6\t0.9688\t1000000\t900000\t1100000\t1000\t990\t1010\t%s\t%s\t1\t0\n",
	         first_cv, second_cv, second_steal);
	scratch_write(scratch_path("a 'run'/one.summary.tsv"), text);
	return page();
}

/* How far the run can be trusted stands before anything else, and beside what it is about: on a steady run, two that are not, and
 * one that nobody can tell of. */
static void test_trust(void **state)
{
	char *text;

	(void)state;
	write_run(FAILED_HEADER);
	text = page_of("0.02", "0.049", "0.001");
	assert_non_null(strstr(text, "All 2 points are steady"));
	assert_null(strstr(text, "not steady"));
	assert_null(strstr(text, "class=\"trust unsteady\""));
	assert_null(strstr(text, "too few repetitions"));
	free(text);
	text = page_of("0.02", "0.12", "0.05");
	assert_non_null(strstr(text, "class=\"trust unsteady\"><b>How far to trust this run.</b> 1 of 2 points are not steady: "
	                             "1 vary by more than 5 % between repetitions (worst: rwlock, threads 2, in one: 12 %); "
	                             "1 with stolen time."));
	assert_true(strstr(text, "How far to trust") < strstr(text, "<nav>"));
	assert_non_null(strstr(text, "1 of 2 points are not steady (see the table)")); /* under the figure */
	assert_non_null(strstr(text, "<td class=\"t missed\">no</td>"));
	assert_non_null(strstr(text, "<td class=\"t missed\">varies by 12 %, steal 5.0 %</td>"));
	free(text);
	text = page_of("unavailable: fewer than 3 repetitions", "unavailable: fewer than 3 repetitions", "0");
	assert_non_null(strstr(text, "For 2 of 2 points there are too few repetitions to tell"));
	assert_null(strstr(text, "not steady"));
	assert_null(strstr(text, "points are steady"));
	assert_non_null(strstr(text, "<td class=\"t\">unknown</td>"));
	free(text);
}

static void test_failures_are_listed(void **state)
{
	char *text;

	(void)state;
	write_run(FAILED_HEADER "one\timpl=rwlock,threads=2\t3\tkilled by signal 11 (Segmentation fault)\t-\n");
	text = page();
	assert_non_null(strstr(text, "1 runs failed"));
	assert_non_null(strstr(text, "impl=rwlock,threads=2"));
	assert_non_null(strstr(text, "signal 11"));
	free(text);
}

/* A figure of a metric that no point has is a result, not a failure; the others are drawn. */
static void test_nothing_to_draw(void **state)
{
	char *text;

	(void)state;
	write_run(FAILED_HEADER);
	scratch_write(scratch_path("a 'run'/one.summary.tsv"),
	              "experiment\timpl\tthreads\tmix\tops_per_s\tops_per_s_low\tops_per_s_high\toversubscribed\n"
	              "one\trcu\t1\t95-4-1\tunavailable: no operations\t-\t-\t0\n"
	              "one\trwlock\t1\t95-4-1\tunavailable: no operations\t-\t-\t0\n");
	text = page();
	assert_non_null(strstr(text, "is not drawn: no point has a value for it"));
	assert_int_equal(scratch_entries(scratch_path("a 'run'/plots")), 0);
	free(text);
}

/* Drawn again, it is the same page. */
static void test_repeats(void **state)
{
	char *first, *second;

	(void)state;
	write_run(FAILED_HEADER);
	first = page();
	second = page();
	assert_string_equal(first, second);
	free(first);
	free(second);
}

/* ---- The subcommand ---------------------------------------------------------------------------------------------- */

static bool says(const char *word)
{
	char *text = scratch_read(scratch_path("stderr"));
	bool found = text && strstr(text, word);

	free(text);
	return found;
}

static void test_command(void **state)
{
	char folder[SCRATCH_PATH_BYTES], *text;

	(void)state;
	write_run(FAILED_HEADER);
	snprintf(folder, sizeof(folder), "%s/", scratch_path("a 'run'")); /* as a shell completes it */
	assert_int_equal(scratch_run(report_command, (const char *const[]){"report", folder, "--root", ".", NULL}),
	                 COMMAND_OK);
	assert_true(scratch_exists(scratch_path("a 'run'/report.html")));

	assert_int_equal(scratch_run(report_command, (const char *const[]){"report", NULL}), COMMAND_USAGE);
	assert_int_equal(scratch_run(report_command, (const char *const[]){"report", "--help", NULL}), COMMAND_OK);
	assert_int_equal(scratch_run(report_command, (const char *const[]){"report", "/no/such/run", NULL}), COMMAND_FAIL);
	assert_true(says("/no/such/run"));
	/* Without plots/ it says which file it wanted, and the page does, too. */
	assert_int_equal(scratch_run(report_command, (const char *const[]){"report", folder, "--root", "/no/root", NULL}),
	                 COMMAND_FAIL);
	assert_true(says("threads.gp"));
	text = scratch_read(scratch_path("a 'run'/report.html"));
	assert_non_null(text);
	assert_non_null(strstr(text, "Not drawn:"));
	assert_non_null(strstr(text, "threads.gp"));
	free(text);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, scratch_setup, scratch_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_known_intervals), TEST(test_gaps), TEST(test_no_rows), TEST(test_summary_fails), TEST(test_page),
		TEST(test_page_is_escaped), TEST(test_page_stands_alone), TEST(test_trust), TEST(test_failures_are_listed),
		TEST(test_nothing_to_draw), TEST(test_repeats), TEST(test_command),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
