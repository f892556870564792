/* SPDX-License-Identifier: BSD-2-Clause */
/* A report's chapter on coherence; see coherence_chapter.h. */
#include "harness/coherence_chapter.h"

#include <stdlib.h>
#include <string.h>

#include "harness/coherence_names.h"
#include "harness/html.h"

#define PATH_BYTES   4096
#define DISTINCT_MAX 64
#define FIELDS_SHOWN 8 /* of each implementation */
#define LINES_SHOWN  5

static bool is(const struct table *table, size_t row, const char *column, const char *value)
{
	const char *cell = table_cell(table, row, column);

	return cell && strcmp(cell, value) == 0;
}

static double value(const struct table *table, size_t row, const char *column)
{
	double number = 0;

	table_number(table, row, column, &number);
	return number;
}

/* The largest number of threads in the table. */
static const char *most_threads(const struct table *table)
{
	const char *most = "1";

	for (size_t row = 0; row < table->rows; row++)
		if (value(table, row, "threads") > atof(most))
			most = table_cell(table, row, "threads");
	return most;
}

static void figures(FILE *out, const struct table *table, size_t row, const char *const *columns)
{
	for (; *columns; columns++)
		fprintf(out, "<td>%.3f</td>", value(table, row, *columns));
}

static const char *const causes[] = {"true", "late", "false", "upgrade_true", "upgrade_false", NULL};
#define CAUSES_HEAD "<th>true</th><th>late</th><th>false</th><th>upgrades, true</th><th>upgrades, false</th>"

static void write_counts(FILE *out, const struct table *table)
{
	static const char *const more[] = {"transfers", "invalidations", "handovers", "lock_waits", "cas_failures", NULL};
	static const char *const shown[] = {"4", "16", "64", NULL};
	bool any = false;

	fputs("<h3>Transactions of an operation</h3>\n<p>Exact counts, schedule coop.</p>\n<div class=\"wide\"><table>\n"
	      "<tr><th class=\"t\">implementation</th><th>cores</th><th class=\"t\">operation</th>" CAUSES_HEAD
	      "<th>transfers</th><th>invalidations</th><th>lock hand-overs</th><th>lock waits</th><th>CAS failures</th></tr>\n",
	      out);
	for (unsigned pass = 0; pass < 2 && !any; pass++) { /* all, where none of those is there */
		for (size_t row = 0; row < table->rows; row++) {
			bool wanted = pass == 1;

			for (size_t i = 0; shown[i]; i++)
				wanted |= is(table, row, "threads", shown[i]);
			if (!wanted || !is(table, row, "schedule", "coop"))
				continue;
			any = true;
			fputs("<tr>", out);
			html_element(out, "td class=\"t\"", table_cell(table, row, "impl"));
			html_element(out, "td", table_cell(table, row, "threads"));
			html_element(out, "td class=\"t\"", table_cell(table, row, "operation"));
			figures(out, table, row, causes);
			figures(out, table, row, more);
			fputs("</tr>\n", out);
		}
	}
	fputs("</table></div>\n", out);
}

static bool load(struct table *table, const char *folder, const char *slug, const char *name)
{
	char path[PATH_BYTES];

	snprintf(path, sizeof(path), "%.3900s/%s.%s.tsv", folder, slug, name);
	return table_load(table, path);
}

/* The first rows of each implementation at the most cores, as the table has them: hottest first. */
static void write_hottest(FILE *out, const struct table *table, const char *threads, unsigned shown, const char *const *texts,
                          const char *share)
{
	const char *implementation[DISTINCT_MAX];
	size_t count = table_distinct(table, "impl", implementation, DISTINCT_MAX);

	for (size_t i = 0; i < count && i < DISTINCT_MAX; i++) {
		unsigned rows = 0;

		for (size_t row = 0; row < table->rows && rows < shown; row++) {
			if (!is(table, row, "impl", implementation[i]) || !is(table, row, "threads", threads) ||
			    !is(table, row, "schedule", "coop"))
				continue;
			rows++;
			fputs("<tr>", out);
			html_element(out, "td class=\"t\"", implementation[i]);
			if (share)
				fprintf(out, "<td>%.1f %%</td>", 100 * value(table, row, share));
			for (const char *const *text = texts; *text; text++)
				html_element(out, "td class=\"t w\"", table_cell(table, row, *text));
			figures(out, table, row, causes);
			fputs("</tr>\n", out);
		}
	}
}

static void write_fields(FILE *out, const char *folder, const char *slug)
{
	static const char *const texts[] = {"field", "function", "code", NULL};
	struct table table;

	if (!load(&table, folder, slug, "fields"))
		return;
	fprintf(out, "<h3>What was met, and where</h3>\n<p>Per operation, at %s cores; the whole list is in %s.fields.tsv.</p>\n"
	             "<div class=\"wide\"><table>\n<tr><th class=\"t\">implementation</th><th class=\"t\">field</th>"
	             "<th class=\"t\">in</th><th class=\"t\">code</th>" CAUSES_HEAD "</tr>\n", most_threads(&table), slug);
	write_hottest(out, &table, most_threads(&table), FIELDS_SHOWN, texts, NULL);
	fputs("</table></div>\n", out);
	table_free(&table);
}

static void write_lines(FILE *out, const char *folder, const char *slug)
{
	static const char *const texts[] = {"cores", "objects", "function", "code", NULL};
	struct table table;

	if (!load(&table, folder, slug, "lines"))
		return;
	fprintf(out, "<h3>The hottest lines</h3>\n<p>At %s cores; their share of all transactions, who has met them, what lies in "
	             "them, and the code that met them most. The whole list is in %s.lines.tsv.</p>\n<div class=\"wide\"><table>\n"
	             "<tr><th class=\"t\">implementation</th><th>share</th><th class=\"t\">cores</th><th class=\"t\">objects</th>"
	             "<th class=\"t\">in</th><th class=\"t\">code</th>" CAUSES_HEAD "</tr>\n", most_threads(&table), slug);
	write_hottest(out, &table, most_threads(&table), LINES_SHOWN, texts, "share");
	fputs("</table></div>\n", out);
	table_free(&table);
}

static void write_locks(FILE *out, const char *folder, const char *slug)
{
	struct table table;
	const char *threads;
	unsigned rows = 0;

	if (!load(&table, folder, slug, "locks"))
		return;
	threads = most_threads(&table);
	fprintf(out,
	        "<h3>Locks that were waited for</h3>\n<p>Estimated by schedule clock, at %s cores.</p>\n<div class=\"wide\">"
	        "<table>\n<tr><th class=\"t\">implementation</th><th class=\"t\">lock</th><th>taken</th><th>waits</th>"
	        "<th>hand-overs</th><th>cycles waited</th></tr>\n", threads);
	for (size_t row = 0; row < table.rows && rows < 4 * LINES_SHOWN; row++) {
		static const char *const columns[] = {"locks", "waits", "handovers", "wait_cycles"};

		if (!is(&table, row, "threads", threads) || !is(&table, row, "schedule", "clock") ||
		    value(&table, row, "waits") == 0)
			continue;
		rows++;
		fputs("<tr>", out);
		html_element(out, "td class=\"t\"", table_cell(&table, row, "impl"));
		html_element(out, "td class=\"t w\"", table_cell(&table, row, "lock"));
		for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++)
			html_element(out, "td", table_cell(&table, row, columns[i]));
		fputs("</tr>\n", out);
	}
	fputs("</table></div>\n", out);
	table_free(&table);
}

static void write_cost(FILE *out, const char *folder, const char *slug)
{
	double accesses = 0, seconds = 0;
	struct table table;

	if (!load(&table, folder, slug, "cost"))
		return;
	for (size_t row = 0; row < table.rows; row++) {
		double took;

		if (!table_number(&table, row, "seconds", &took) || !(took > 0))
			continue;
		seconds += took;
		accesses += value(&table, row, "accesses");
	}
	if (seconds > 0)
		fprintf(out,
		        "<p class=\"facts\">The observatory took %.0f s of processor time for %.0f million accesses: %.0f ns each, "
		        "starts, filling and records included.</p>\n", seconds, accesses * 1e-6, seconds / accesses * 1e9);
	table_free(&table);
}

void coherence_chapter(FILE *out, const char *folder, const char *slug, const struct table *table)
{
	fputs("<p class=\"facts\">Latencies in cycles: ", out);
	html_escaped(out, table_cell(table, 0, "latency_cycles"));
	fputs(". ", out);
	html_escaped(out, coherence_unseen);
	fputs(" Libraries inside which nothing was seen: ", out);
	html_escaped(out, table_cell(table, 0, "unseen"));
	fputs(".</p>\n", out);
	write_counts(out, table);
	write_fields(out, folder, slug);
	write_lines(out, folder, slug);
	write_locks(out, folder, slug);
	write_cost(out, folder, slug);
}
