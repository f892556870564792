/* SPDX-License-Identifier: BSD-2-Clause */
/* What the tests and checks did, as a report shows it; see correctness.h. */
#include "harness/correctness.h"

#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/html.h"
#include "harness/results.h"
#include "harness/report.h"

static json_t *gather(const char *root)
{
	json_t *records = json_array();
	char pattern[RUN_PATH_BYTES];
	glob_t found;

	snprintf(pattern, sizeof pattern, "%.4000s/results/correctness/*.json", root);
	if (glob(pattern, 0, NULL, &found) == 0) { /* sorted */
		for (size_t i = 0; i < found.gl_pathc; i++) {
			json_t *record = json_load_file(found.gl_pathv[i], 0, NULL);

			if (record)
				json_array_append_new(records, record);
		}
		globfree(&found);
	}
	return records;
}

json_t *correctness_of_run(const char *root, const char *folder, char *error)
{
	char path[RUN_PATH_BYTES];
	json_t *records;
	char *text;
	bool kept;

	snprintf(path, sizeof path, "%.4000s/correctness.json", folder);
	records = json_load_file(path, 0, NULL);
	if (records)
		return records;
	records = gather(root);
	text = json_dumps(records, JSON_INDENT(1));
	kept = text && (json_array_size(records) == 0 || results_write_file(path, text, strlen(text), error, RUN_ERROR_BYTES));
	if (!text)
		snprintf(error, RUN_ERROR_BYTES, "no memory for %.400s", path);
	free(text);
	if (kept)
		return records;
	json_decref(records);
	return NULL;
}

/* ---- The section -------------------------------------------------------------------------------------------------- */

static const char *text_of(const json_t *record, const char *key)
{
	const char *text = json_string_value(json_object_get(record, key));

	return text ? text : "";
}

static json_int_t integer_of(const json_t *record, const char *key)
{
	return json_integer_value(json_object_get(record, key));
}

/* Tests of other programs and checks together. */
static json_int_t sum_of(const json_t *record, const char *key)
{
	json_int_t sum = integer_of(record, key);
	json_t *test;
	size_t i;

	json_array_foreach(json_object_get(record, "tests"), i, test)
		sum += integer_of(test, key);
	return sum;
}

static const struct {
	const char *key, *title;
} figures[] = {
	{"operations", "operations"}, {"checked", "of these checked"}, {"histories", "histories"},
	{"schedules", "schedules"},   {"threads", "threads"},          {"faults", "faults"},
};
#define FIGURES (sizeof figures / sizeof figures[0])

static void write_record(FILE *out, const json_t *record)
{
	const json_t *totals = json_object_get(record, "totals");
	json_int_t failed = sum_of(record, "failed");

	fputs("<tr>", out);
	fprintf(out, "<td class=\"t\">%s, ", text_of(record, "tier"));
	html_escaped(out, text_of(record, "configuration"));
	fputs(", ", out);
	html_escaped(out, strncmp(text_of(record, "compiler"), "gcc", 3) == 0 ? "gcc" : "clang");
	fputs("</td><td class=\"t\">", out);
	html_escaped(out, text_of(record, "commit"));
	fputs(strcmp(text_of(record, "dirty"), "yes") == 0 ? " with changes</td>" : "</td>", out);
	html_element(out, "td class=\"t\"", text_of(record, "finished"));
	fprintf(out, "<td>%lld</td><td%s>%lld</td>", (long long)sum_of(record, "passed"),
	        failed ? " class=\"missed\"" : "", (long long)failed);
	for (size_t i = 0; i < FIGURES; i++) {
		fputs("<td>", out);
		html_number(out, (double)integer_of(totals, figures[i].key));
		fputs("</td>", out);
	}
	html_element(out, "td class=\"t i\"", text_of(record, "seed"));
	fputs("</tr>\n", out);
}

static void write_failures(FILE *out, const json_t *record)
{
	json_t *failure;
	size_t i;

	json_array_foreach(json_object_get(record, "failures"), i, failure) {
		fputs("<details><summary><b class=\"missed\">Failed:</b> ", out);
		html_escaped(out, text_of(failure, "name"));
		fputs("</summary>", out);
		html_element(out, "pre", text_of(failure, "text"));
		html_element(out, "pre", text_of(failure, "command"));
		fputs("</details>\n", out);
	}
}

void correctness_write(FILE *out, const json_t *records)
{
	json_t *record;
	size_t i;

	fputs("<h2 id=\"correctness\">Correctness</h2>\n", out);
	if (json_array_size(records) == 0) {
		fputs("<p>Nothing is known: no tests had been run here when this report was first made. <code>make test</code>, "
		      "<code>make tsan</code> and <code>make check-long</code> leave a record.</p>\n", out);
		return;
	}
	fputs("<p>The objects that are measured are those that are checked. Each row is the last run of a tier in one build: "
	      "tests and checks, calls made of a cache by the checks, those whose results were checked against the others', "
	      "short histories searched for a linearization (and how many of their schedules were ours), threads started, and "
	      "faults injected.</p>\n<div class=\"wide\"><table><tr><th class=\"t\">tier</th><th class=\"t\">commit</th>"
	      "<th class=\"t\">finished</th><th>passed</th><th>failed</th>", out);
	for (i = 0; i < FIGURES; i++)
		html_element(out, "th", figures[i].title);
	fputs("<th class=\"t\">seed</th></tr>\n", out);
	json_array_foreach(records, i, record)
		write_record(out, record);
	fputs("</table></div>\n", out);
	json_array_foreach(records, i, record)
		write_failures(out, record);
}
