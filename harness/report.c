/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The report of a run: figures by gnuplot, medians by summarise.py, and one page that holds them all, with the figures
 * inside it, so that it can be sent as one file and read anywhere.
 *
 * Everything comes from the run's folder: plan.json says what was measured and why, the tables what came out, env.json on
 * what. `capacitor report RUN` therefore draws a run again, also one from another machine.
 */
#include "harness/report.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/analyze.h"
#include "harness/coherence_chapter.h"
#include "harness/commands.h"
#include "harness/correctness.h"
#include "harness/doctor.h"
#include "harness/html.h"
#include "harness/options.h"
#include "harness/plan.h"
#include "harness/probes.h"
#include "harness/program.h"
#include "harness/results.h"
#include "harness/steady.h"
#include "harness/table.h"
#include "harness/tidy.h"
#include "harness/verdict.h"

#define DISTINCT_MAX 64
#define PYTHON "/usr/bin/python3" /* the distribution's, which has its scipy; the first on PATH may be another */

/* ---- Other programs ------------------------------------------------------------------------------------------------ */

/* Runs a program; what it prints is added to `out` (NULL: thrown away), its errors go to the file errors_path. */
static bool run_program(const char *const argv[], FILE *out, const char *errors_path)
{
	unlink(errors_path);
	return program_run(argv, &(struct program_ends){.gathered = out, .errors = errors_path}) == 0;
}

/* What a program that failed had to say, as the error of ours. */
static bool failed_program(const char *what, const char *errors_path, char *error)
{
	char line[300];

	program_last_words(errors_path, line, sizeof line); /* warnings come first, what it died of last */
	snprintf(error, RUN_ERROR_BYTES, "%.120s failed: %.150s (more in %.150s)", what, line, errors_path);
	return false;
}

/* The summary with the verdict on each row behind it; as it is, where no time was measured. */
static void write_judged(FILE *out, struct table *table)
{
	char verdict[STEADY_BYTES];
	bool timed = table->rows == 0 || table_cell(table, 0, "ns_per_op");

	for (size_t column = 0; column < table->columns; column++)
		fprintf(out, "%s%s", column ? "\t" : "", table_column(table, column));
	fputs(timed ? "\tsteady\n" : "\n", out);
	for (size_t row = 0; row < table->rows; row++) {
		for (size_t column = 0; column < table->columns; column++)
			fprintf(out, "%s%s", column ? "\t" : "", table_cell(table, row, table_column(table, column)));
		if (timed)
			steady_row(table, row, verdict);
		fprintf(out, "%s%s\n", timed ? "\t" : "", timed ? verdict : "");
	}
}

bool report_summarise(const char *root, const char *folder, const char *slug, char *error)
{
	char script[RUN_PATH_BYTES], table[RUN_PATH_BYTES], out[RUN_PATH_BYTES], log[RUN_PATH_BYTES];
	const char *const argv[] = {PYTHON, script, table, NULL};
	struct results_file file;
	struct table summary;
	char *printed = NULL;
	size_t bytes;
	FILE *stream = open_memstream(&printed, &bytes);
	bool fine;

	snprintf(script, sizeof script, "%.4000s/plots/summarise.py", root);
	snprintf(table, sizeof table, "%.3900s/%s.tsv", folder, slug);
	snprintf(out, sizeof out, "%.3900s/%s.summary.tsv", folder, slug);
	snprintf(log, sizeof log, "%.4000s/summarise.log", folder);
	fine = stream && run_program(argv, stream, log);
	if (stream)
		fclose(stream);
	if (!fine) {
		free(printed);
		return failed_program(script, log, error);
	}
	unlink(log);
	if (!table_parse(&summary, printed)) { /* the text is the table's now */
		snprintf(error, RUN_ERROR_BYTES, "%.400s printed no table", script);
		return false;
	}
	fine = results_open(&file, out, error, RUN_ERROR_BYTES);
	if (fine) {
		write_judged(file.stream, &summary);
		fine = results_commit(&file, error, RUN_ERROR_BYTES);
	}
	table_free(&summary);
	return fine;
}

/* ---- HTML ---------------------------------------------------------------------------------------------------------- */

static const char page_head[] =
	"<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
	"<meta name=\"viewport\" content=\"width=device-width\">\n<style>\n"
	"body{font:16px/1.55 Georgia,'Times New Roman',serif;color:#1b1b1b;max-width:60rem;margin:2.5rem auto;padding:0 1.2rem}\n"
	"h1,h2,h3,th,summary,nav,.facts{font-family:'Helvetica Neue',Helvetica,Arial,sans-serif}\n"
	"h1{font-size:1.9rem;margin-bottom:.2rem}h2{margin-top:3rem;border-top:1px solid #ccc;padding-top:1.2rem}\n"
	"figure{margin:1.6rem 0}figure svg{width:100%;height:auto}figcaption{font-size:.93rem;color:#444}\n"
	"table{border-collapse:collapse;font-size:.84rem;font-variant-numeric:tabular-nums;margin:.8rem 0}\n"
	"th,td{padding:.22rem .7rem;text-align:right;border-bottom:1px solid #e4e4e4;white-space:nowrap}\n"
	"th{border-bottom:2px solid #888;font-weight:600}td.t,th.t{text-align:left}td.w{white-space:normal}\n"
	"tr.over td{background:#f2f2f2;color:#555}.met{color:#00694f;font-weight:600}.missed{color:#a33c00;font-weight:600}\n"
	"p.trust{border:1px solid #bbb;border-left:4px solid #00694f;padding:.6rem .9rem;font-size:.95rem}\n"
	"p.unsteady{border-left-color:#a33c00}\n"
	"li.finding{margin:.9rem 0}li.finding p{margin:.2rem 0}li.finding dl{display:grid;grid-template-columns:6rem 1fr;"
	"margin:0;font-size:.9rem}li.finding dt{color:#777}li.finding dd{margin:0}\n"
	".wide{overflow-x:auto}.facts{font-size:.9rem;color:#444}.i{color:#777}summary{cursor:pointer;margin:.6rem 0}\n"
	"@media print{details>*{display:block}h2{break-before:page}}\n</style>\n";

/* ---- Figures ------------------------------------------------------------------------------------------------------- */

static void paste_svg(FILE *out, const char *path)
{
	FILE *file = fopen(path, "r");
	char line[8192];
	bool begun = false;

	while (file && fgets(line, sizeof line, file)) {
		begun = begun || strncmp(line, "<svg", 4) == 0; /* without the XML declaration and the document type */
		if (begun)
			fputs(line, out);
	}
	if (file)
		fclose(file);
}

/* A name as part of a file's name, and as a gnuplot string without a quote. */
static void file_part(char *part, size_t bytes, const char *name)
{
	snprintf(part, bytes, "%s", name);
	for (char *at = part; *at; at++)
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-", *at))
			*at = '-';
}

/* A text between single quotes, as gnuplot wants it: a quote within is doubled. */
static size_t quoted(char *to, size_t bytes, size_t used, const char *text)
{
	if (used < bytes)
		to[used++] = '\'';
	for (; *text && used + 3 < bytes; text++) {
		if (*text == '\'')
			to[used++] = '\'';
		to[used++] = *text;
	}
	if (used + 1 < bytes)
		to[used++] = '\'';
	to[used < bytes ? used : bytes - 1] = '\0';
	return used;
}

struct page {
	FILE *out;
	const char *root, *folder;
	json_t *environment, *correctness;
	unsigned figures, undrawn;
	char *error;
};

/* name='text'; appended to gnuplot definitions. */
static size_t define(char *definitions, size_t bytes, size_t used, const char *name, const char *text)
{
	if (used < bytes)
		used += (size_t)snprintf(definitions + used, bytes - used, "%s=", name);
	used = quoted(definitions, bytes, used, text);
	if (used < bytes)
		used += (size_t)snprintf(definitions + used, bytes - used, "; ");
	return used;
}

/* name='the distinct values of a column'; appended to gnuplot definitions. */
static size_t define_list(char *definitions, size_t bytes, size_t used, const char *name, const struct table *table,
                          const char *column)
{
	const char *values[DISTINCT_MAX];
	size_t count = column ? table_distinct(table, column, values, DISTINCT_MAX) : 0, length = 0;
	char list[2048] = "";

	for (size_t i = 0; i < count && length < sizeof list; i++)
		length += (size_t)snprintf(list + length, sizeof list - length, "%s%s", i ? " " : "", values[i]);
	return define(definitions, bytes, used, name, list);
}

/* What a figure shows of its table, in words. */
static void write_panel(FILE *out, const char *each, const char *panel)
{
	fputs(strcmp(each, "mix") == 0 ? ", mix " : ", ", out);
	html_escaped(out, panel);
	if (strcmp(each, "threads") == 0)
		fputs(strcmp(panel, "1") == 0 ? " thread" : " threads", out);
}

/* A figure that gnuplot did not draw. Where no point has its metric, that is a result; all else is a failure, which the
 * page shows and the exit status tells, but the other figures are drawn. */
static void undrawn(struct page *page, const char *script, const char *log, const char *name)
{
	static const char *const suffixes[] = {".svg", ".pdf"};
	char path[RUN_PATH_BYTES], error[RUN_ERROR_BYTES];

	for (size_t i = 0; i < 2; i++) { /* perhaps begun */
		snprintf(path, sizeof path, "%.3800s/plots/%s%s", page->folder, name, suffixes[i]);
		unlink(path);
	}
	failed_program(script, log, error);
	fputs("<p class=\"facts\">", page->out);
	if (strstr(error, "value undefined")) {
		fprintf(page->out, "%s is not drawn: no point has a value for it.", name);
		unlink(log);
	} else {
		fputs("<b class=\"missed\">Not drawn:</b> ", page->out);
		html_escaped(page->out, error);
		memcpy(page->error, error, sizeof error);
		page->undrawn++;
	}
	fputs("</p>\n", page->out);
}

/* Which table of the experiment a figure is drawn from. */
static const char *table_of(const json_t *figure)
{
	const char *name = json_string_value(json_object_get(figure, "table"));

	return name ? name : "summary";
}

/* Under a figure: how many of the points in it are not to be trusted, where there are any. */
static void write_unsteady(FILE *out, const struct table *table, const char *each, const char *panel)
{
	size_t points = 0, unsteady = 0;
	char verdict[STEADY_BYTES];

	for (size_t row = 0; row < table->rows && table_cell(table, row, "ns_per_op"); row++)
		if (!panel || strcmp(table_cell(table, row, each), panel) == 0) {
			points++;
			unsteady += !steady_row(table, row, verdict);
		}
	if (unsteady)
		fprintf(out, " <span class=\"missed\">%zu of %zu points are not steady (see the table).</span>", unsteady, points);
}

/* Draws one figure from one table: for all its rows, or for those whose column `each` holds `panel`. */
static void draw(struct page *page, const json_t *figure, const char *slug, const struct table *table, const char *panel)
{
	const char *script = json_string_value(json_object_get(figure, "script"));
	const char *series = json_string_value(json_object_get(figure, "series"));
	const char *caption = json_string_value(json_object_get(figure, "caption"));
	const char *group = json_string_value(json_object_get(figure, "group"));
	const char *each = json_string_value(json_object_get(figure, "each"));
	char definitions[16384], path[RUN_PATH_BYTES], log[RUN_PATH_BYTES], name[160], part[96];
	const char *const argv[] = {"gnuplot", "-e", definitions, path, NULL};
	size_t used;

	file_part(part, sizeof part, panel ? panel : "");
	snprintf(name, sizeof name, "%.*s%s%s", (int)(strcspn(script, ".") % 60), script, panel ? "-" : "", part);
	snprintf(path, sizeof path, "%.3900s/plots/style.gp", page->root);
	used = define(definitions, sizeof definitions, 0, "style", path);
	snprintf(path, sizeof path, "%.3900s/%s.%s.tsv", page->folder, slug, table_of(figure));
	used = define(definitions, sizeof definitions, used, "data", path);
	snprintf(path, sizeof path, "%.3800s/plots/%s", page->folder, name);
	used = define(definitions, sizeof definitions, used, "out", path);
	snprintf(path, sizeof path, "%lld", (long long)json_integer_value(json_object_get(page->environment, "cores")));
	used = define(definitions, sizeof definitions, used, "cores", path); /* gnuplot reads it as a number */
	used = define(definitions, sizeof definitions, used, "each", panel ? each : "");
	used = define(definitions, sizeof definitions, used, "panel", panel ? panel : "");
	used = define(definitions, sizeof definitions, used, "group", group ? group : "");
	used = define_list(definitions, sizeof definitions, used, "series", table, series ? series : "impl");
	define_list(definitions, sizeof definitions, used, "groups", table, group);
	snprintf(path, sizeof path, "%.3900s/plots/%s", page->root, script);
	snprintf(log, sizeof log, "%.3800s/plots/%s.log", page->folder, name);
	if (!run_program(argv, NULL, log)) {
		undrawn(page, path, log, name);
		return;
	}
	unlink(log);

	fprintf(page->out, "<figure>\n");
	snprintf(path, sizeof path, "%.3800s/plots/%s.svg", page->folder, name);
	paste_svg(page->out, path);
	fprintf(page->out, "<figcaption><b>Figure %u", ++page->figures);
	if (panel)
		write_panel(page->out, each, panel);
	fputs(".</b> ", page->out);
	html_escaped(page->out, caption);
	write_unsteady(page->out, table, each, panel);
	fputs("</figcaption>\n</figure>\n", page->out);
}

static void draw_figures(struct page *page, const json_t *experiment, const char *slug, const struct table *table)
{
	const json_t *figure;
	size_t index;

	json_array_foreach(json_object_get(experiment, "figures"), index, figure) {
		const char *each = json_string_value(json_object_get(figure, "each"));
		const char *panels[DISTINCT_MAX];
		const struct table *from = table;
		char path[RUN_PATH_BYTES];
		struct table other;
		size_t count;

		snprintf(path, sizeof path, "%.3900s/%s.%s.tsv", page->folder, slug, table_of(figure));
		if (json_object_get(figure, "table") && table_load(&other, path))
			from = &other;
		count = each ? table_distinct(from, each, panels, DISTINCT_MAX) : 0;
		if (!each)
			draw(page, figure, slug, from, NULL);
		for (size_t i = 0; i < count; i++)
			draw(page, figure, slug, from, panels[i]);
		if (from == &other)
			table_free(&other);
	}
}

/* ---- Tables and findings ------------------------------------------------------------------------------------------- */

static bool row_oversubscribed(const struct table *table, size_t row)
{
	double number;

	return table_number(table, row, "oversubscribed", &number) && number > 0;
}

/* The parameters that differ between the points: those that a table has to show. */
static size_t varying(const struct table *table, const char **columns)
{
	const char *values[2];
	size_t count = 0;

	for (size_t i = 0; tidy_parameters[i]; i++)
		if (table_distinct(table, tidy_parameters[i], values, 2) > 1)
			columns[count++] = tidy_parameters[i];
	return count;
}

/* 12.3 M [12.1 M, 12.6 M] */
static void write_median(FILE *out, const struct table *table, size_t row, const char *metric)
{
	char column[128];
	double median, low, high;

	if (!table_number(table, row, metric, &median)) {
		fputs("<td class=\"i\">unavailable</td>", out);
		return;
	}
	fputs("<td>", out);
	html_number(out, median);
	snprintf(column, sizeof column, "%s_low", metric);
	if (table_number(table, row, column, &low)) {
		snprintf(column, sizeof column, "%s_high", metric);
		if (table_number(table, row, column, &high) && low < high) {
			fputs(" <span class=\"i\">[", out);
			html_number(out, low);
			fputs(", ", out);
			html_number(out, high);
			fputs("]</span>", out);
		}
	}
	fputs("</td>", out);
}

static const char *const shown[] = {"ops_per_s", "ns_per_op", "latency_p99_ns", "hit_ratio", "allocations_per_op",
                                    "lock_waits_per_op", "bytes_per_entry", "encoded_bytes", "codec_share_percent",
                                    "null_ns_per_op"};
#define SHOWN (sizeof shown / sizeof shown[0])

/* Has any point a number? Why none has is told below the table. */
static bool measured(const struct table *table, const char *metric)
{
	double number;

	for (size_t row = 0; row < table->rows; row++)
		if (table_number(table, row, metric, &number))
			return true;
	return false;
}

static void write_points(FILE *out, const struct table *table)
{
	const char *columns[32], *metrics[SHOWN];
	size_t parameters = varying(table, columns), count = 0;

	for (size_t i = 0; i < SHOWN; i++)
		if (measured(table, shown[i]))
			metrics[count++] = shown[i];

	fprintf(out, "<details><summary>All %zu points: medians [intervals]</summary><div class=\"wide\"><table><tr>",
	        table->rows);
	for (size_t i = 0; i < parameters; i++)
		fprintf(out, "<th class=\"t\">%s</th>", columns[i]);
	fputs("<th class=\"t\">steady</th>", out);
	for (size_t i = 0; i < count; i++)
		fprintf(out, "<th>%s</th>", metrics[i]);
	fputs("<th class=\"t\">why not</th></tr>\n", out);
	for (size_t row = 0; row < table->rows; row++) {
		char verdict[STEADY_BYTES];
		bool steady = steady_row(table, row, verdict);

		fputs(row_oversubscribed(table, row) ? "<tr class=\"over\">" : "<tr>", out);
		for (size_t i = 0; i < parameters; i++) {
			fputs("<td class=\"t\">", out);
			html_escaped(out, table_cell(table, row, columns[i]));
			fputs("</td>", out);
		}
		fprintf(out, "<td class=\"t%s\">%.*s</td>", steady ? "" : " missed", (int)strcspn(verdict, ":"), verdict);
		for (size_t i = 0; i < count; i++)
			write_median(out, table, row, metrics[i]);
		fprintf(out, "<td class=\"t%s\">", steady ? "" : " missed");
		html_escaped(out, verdict + strcspn(verdict, ":") + (strchr(verdict, ':') ? 2 : 0));
		fputs("</td></tr>\n", out);
	}
	fputs("</table></div><p class=\"facts\">Grey rows: more threads than cores. Steady: repetitions agree within a "
	      "coefficient of variation of 5 %, and half of them at least ran undisturbed (by others on their processors, steal, "
	      "other load, throttling).</p></details>\n", out);
}

/* The best point of each implementation that keeps things and may be shared, with enough cores. */
static void write_fastest(FILE *out, const struct table *table)
{
	const char *impls[DISTINCT_MAX], *columns[32];
	size_t count = table_distinct(table, "impl", impls, DISTINCT_MAX), parameters = varying(table, columns);
	double best = 0, second = 0;
	const char *second_impl = NULL;
	size_t best_row = 0;

	for (size_t i = 0; i < count; i++) {
		double own = 0, number;
		size_t own_row = 0;

		if (strcmp(impls[i], "null") == 0 || strcmp(impls[i], "unsync") == 0)
			continue;
		for (size_t row = 0; row < table->rows; row++)
			if (strcmp(table_cell(table, row, "impl"), impls[i]) == 0 && !row_oversubscribed(table, row) &&
			    table_number(table, row, "ops_per_s", &number) && number > own) {
				own = number;
				own_row = row;
			}
		if (own > best) {
			second = best;
			second_impl = best > 0 ? table_cell(table, best_row, "impl") : NULL;
			best = own;
			best_row = own_row;
		} else if (own > second) {
			second = own;
			second_impl = impls[i];
		}
	}
	if (!second_impl)
		return;
	fputs("<p>The highest median was that of <b>", out);
	html_escaped(out, table_cell(table, best_row, "impl"));
	fputs("</b>: ", out);
	html_number(out, best);
	fputs(" operations per second", out);
	for (size_t i = 0; i < parameters; i++) {
		if (strcmp(columns[i], "impl") == 0)
			continue;
		fprintf(out, ", %s ", columns[i]);
		html_escaped(out, table_cell(table, best_row, columns[i]));
	}
	fprintf(out, "; that is %.2f times the best of ", best / second);
	html_escaped(out, second_impl);
	fputs(".</p>\n", out);
}

/* Targets: {column, value, metric, below | at_most}, for each implementation that keeps things. */
static void write_targets(FILE *out, const json_t *experiment, const struct table *table)
{
	const json_t *targets = json_object_get(experiment, "targets"), *target;
	size_t index;

	if (!json_is_array(targets))
		return;
	fputs("<table><tr><th class=\"t\">target</th><th class=\"t\">impl</th><th>median [interval]</th><th class=\"t\"></th>"
	      "</tr>\n", out);
	json_array_foreach(targets, index, target) {
		const char *metric = json_string_value(json_object_get(target, "metric"));
		const char *mix = json_string_value(json_object_get(target, "mix"));
		const json_t *below = json_object_get(target, "below");
		double limit = json_number_value(below ? below : json_object_get(target, "at_most"));

		for (size_t row = 0; row < table->rows; row++) {
			const char *impl = table_cell(table, row, "impl");
			double number;
			bool met;

			if (strcmp(impl, "null") == 0 || strcmp(table_cell(table, row, "mix"), mix) != 0 ||
			    strcmp(table_cell(table, row, "threads"), "1") != 0 || !table_number(table, row, metric, &number))
				continue;
			met = below ? number < limit : number <= limit;
			fputs("<tr><td class=\"t\">", out);
			html_escaped(out, json_string_value(json_object_get(target, "text")));
			fputs("</td><td class=\"t\">", out);
			html_escaped(out, impl);
			fputs("</td>", out);
			write_median(out, table, row, metric);
			fprintf(out, "<td class=\"t %s\">%s</td></tr>\n", met ? "met" : "missed", met ? "met" : "missed");
		}
	}
	fputs("</table>\n", out);
}

/* Which metrics could not be had, and why: each reason once. */
static void write_unavailable(FILE *out, const struct table *table)
{
	static const char prefix[] = "unavailable: ";
	bool begun = false;

	for (size_t column = 0; column < table->columns; column++) {
		const char *name = table_column(table, column), *seen[DISTINCT_MAX];
		size_t count = table_distinct(table, name, seen, DISTINCT_MAX);

		for (size_t i = 0; i < count; i++) {
			const char *comma = "";

			if (strncmp(seen[i], prefix, sizeof prefix - 1) != 0)
				continue;
			if (!begun)
				fputs("<details><summary>What could not be had, and why</summary><table>\n", out);
			begun = true;
			fprintf(out, "<tr><td class=\"t\">%s</td><td class=\"t\">", name);
			for (size_t row = 0; row < table->rows; row++) {
				const char *impl = table_cell(table, row, "impl");
				bool repeated = false;

				if (strcmp(table_cell(table, row, name), seen[i]) != 0)
					continue;
				for (size_t before = 0; before < row && !repeated; before++)
					repeated = strcmp(table_cell(table, before, "impl"), impl) == 0 &&
					           strcmp(table_cell(table, before, name), seen[i]) == 0;
				if (repeated)
					continue;
				fprintf(out, "%s", comma);
				html_escaped(out, impl);
				comma = ", ";
			}
			fputs("</td><td class=\"t w\">", out);
			html_escaped(out, seen[i] + sizeof prefix - 1);
			fputs("</td></tr>\n", out);
		}
	}
	if (begun)
		fputs("</table></details>\n", out);
}

static void write_failures(struct page *page)
{
	char path[RUN_PATH_BYTES];
	struct table table;

	snprintf(path, sizeof path, "%.4000s/failed.tsv", page->folder);
	if (!table_load(&table, path))
		return;
	if (table.rows > 0) {
		fprintf(page->out, "<h2>Failed</h2>\n<p>%zu runs failed; what they would have shown is missing above.</p><table>"
		        "<tr><th class=\"t\">experiment</th><th class=\"t\">point</th><th>repetition</th>"
		        "<th class=\"t\">reason</th><th class=\"t\">last words</th></tr>\n", table.rows);
		for (size_t row = 0; row < table.rows; row++) {
			fputs("<tr>", page->out);
			for (size_t i = 0; i < table.columns; i++) {
				fputs("<td class=\"t w\">", page->out);
				html_escaped(page->out, table_cell(&table, row, table_column(&table, i)));
				fputs("</td>", page->out);
			}
			fputs("</tr>\n", page->out);
		}
		fputs("</table>\n", page->out);
	}
	table_free(&table);
}

/* The claims of all experiments, and how they came out. */
static void write_verdicts(struct page *page, const json_t *plan)
{
	const json_t *entry, *claim;
	size_t index, number;

	fputs("<table><tr><th class=\"t\">experiment</th><th class=\"t\">expected</th><th class=\"t\">measured</th></tr>\n",
	      page->out);
	json_array_foreach(json_object_get(plan, "experiments"), index, entry) {
		const char *slug = json_string_value(json_object_get(entry, "slug"));
		const json_t *experiment = json_object_get(entry, "experiment");
		char path[RUN_PATH_BYTES], text[160];
		struct table table;
		bool loaded;

		snprintf(path, sizeof path, "%.3900s/%s.summary.tsv", page->folder, slug);
		loaded = table_load(&table, path);
		json_array_foreach(json_object_get(experiment, "claims"), number, claim) {
			struct verdict verdict = {0, 0, 0};

			if (loaded)
				verdict = verdict_of(claim, &table);
			verdict_text(&verdict, text, sizeof text);
			fprintf(page->out, "<tr><td class=\"t\"><a href=\"#%s\">%s</a></td><td class=\"t w\">", slug, slug);
			html_escaped(page->out, json_string_value(json_object_get(claim, "text")));
			fprintf(page->out, "</td><td class=\"t w %s\">%s</td></tr>\n",
			        verdict.fails ? "missed" : verdict.holds && !verdict.undecided ? "met" : "", text);
		}
		if (loaded)
			table_free(&table);
	}
	fputs("</table>\n<p class=\"facts\">A claim holds at a point when the whole intervals of what it compares lie apart in "
	      "the claimed order, fails when they lie apart the other way, and is undecided when they overlap.</p>\n", page->out);
}

/* What the doctor has to say of the machine, by item: results name the environment that they were made in. */
static void write_machine(struct page *page)
{
	json_t *checks = doctor_checks(page->environment), *check;
	size_t index;
	bool begun = false;

	json_array_foreach(checks, index, check) {
		if (strcmp(json_string_value(json_object_get(check, "verdict")), "warn") != 0)
			continue;
		fputs(begun ? "; " : " The doctor's remarks on the machine: ", page->out);
		html_escaped(page->out, json_string_value(json_object_get(check, "item")));
		fputs(" (", page->out);
		html_escaped(page->out, json_string_value(json_object_get(check, "value")));
		fputs(")", page->out);
		begun = true;
	}
	fputs(begun ? "." : "", page->out);
	json_decref(checks);
}

/* "rcu, threads 4, in threads", "json, decode, in codec". */
static void name_point(const struct table *table, size_t row, const char *slug, char text[128])
{
	const char *codec = table_cell(table, row, "codec");
	bool is_codec = codec && strcmp(codec, "-") != 0;

	snprintf(text, 128, "%.30s, %s%.20s, in %.40s", is_codec ? codec : table_cell(table, row, "impl"),
	         is_codec ? "" : "threads ", table_cell(table, row, is_codec ? "operation" : "threads"), slug);
}

/* All points of a run that have a time; how many of them can be told to vary or not. */
static struct steady_tally *tally_run(const struct page *page, const json_t *plan, size_t *points, size_t *known)
{
	struct steady_tally *tally = steady_tally_new();
	const json_t *entry;
	size_t index;

	*points = *known = 0;
	json_array_foreach(json_object_get(plan, "experiments"), index, entry) {
		const char *slug = json_string_value(json_object_get(entry, "slug"));
		char path[RUN_PATH_BYTES], name[128];
		struct table table;

		snprintf(path, sizeof path, "%.3900s/%s.summary.tsv", page->folder, slug);
		if (!table_load(&table, path))
			continue;
		for (size_t row = 0; row < table.rows && table_cell(&table, row, "ns_per_op"); row++) {
			name_point(&table, row, slug, name);
			steady_add_row(tally, name, &table, row);
			*known += steady_known(&table, row);
			++*points;
		}
		table_free(&table);
	}
	return tally;
}

/* How far the run is to be trusted, before anything else: points whose repetitions disagree, or that something disturbed. */
static void write_trust(struct page *page, const json_t *plan)
{
	size_t points, known, bytes, unsteady;
	struct steady_tally *tally = tally_run(page, plan, &points, &known);
	char *said = NULL;
	FILE *memory = open_memstream(&said, &bytes);

	unsteady = memory ? steady_say(memory, tally) : 0;
	if (memory)
		fclose(memory);
	steady_tally_free(tally);
	if (points > 0) {
		fprintf(page->out, "<p class=\"trust%s\"><b>How far to trust this run.</b> ", unsteady ? " unsteady" : "");
		html_escaped(page->out, said ? said : "");
		if (unsteady)
			fputs(". Believe differences only where intervals lie apart, and no small ones; <code>capacitor doctor "
			      "--fix</code> prints what could make this machine steadier.", page->out);
		else if (known == points)
			fprintf(page->out, "All %zu points are steady: repetitions vary by 5 %% at most, and nothing else was "
			        "seen to disturb them.", points);
		else
			fputs("Nothing was seen to disturb what was measured.", page->out);
		if (known < points)
			fprintf(page->out, " For %zu of %zu points there are too few repetitions to tell whether they would come "
			        "out so again.", points - known, points);
		write_machine(page);
		fputs("</p>\n", page->out);
	}
	free(said);
}

/* ---- The page ------------------------------------------------------------------------------------------------------ */

static bool write_experiment(struct page *page, const json_t *entry)
{
	const char *slug = json_string_value(json_object_get(entry, "slug"));
	const char *left_out = json_string_value(json_object_get(entry, "left_out"));
	const json_t *experiment = json_object_get(entry, "experiment");
	char path[RUN_PATH_BYTES];
	struct table table;

	fprintf(page->out, "<h2 id=\"%s\">", slug);
	html_escaped(page->out, json_string_value(json_object_get(experiment, "title")));
	fputs("</h2>\n<p><b>Hypothesis.</b> ", page->out);
	html_escaped(page->out, json_string_value(json_object_get(experiment, "hypothesis")));
	fputs("</p>\n<p><b>Expected.</b> ", page->out);
	html_escaped(page->out, json_string_value(json_object_get(experiment, "expected")));
	fputs("</p>\n", page->out);
	if (left_out) {
		fputs("<p><b>Left out:</b> ", page->out);
		html_escaped(page->out, left_out);
		fputs("</p>\n", page->out);
		return true;
	}
	snprintf(path, sizeof path, "%.3900s/%s.summary.tsv", page->folder, slug);
	if (!table_load(&table, path)) {
		snprintf(page->error, RUN_ERROR_BYTES, "%.400s: not a table", path);
		return false;
	}
	if (table.rows > 0)
		draw_figures(page, experiment, slug, &table);
	if (table.rows > 0 && table_cell(&table, 0, "ops_per_s")) {
		write_fastest(page->out, &table);
		write_targets(page->out, experiment, &table);
		write_points(page->out, &table);
		write_unavailable(page->out, &table);
	}
	if (table.rows > 0 && table_cell(&table, 0, "latency_cycles"))
		coherence_chapter(page->out, page->folder, slug, &table);
	table_free(&table);
	return true;
}

static void write_environment(FILE *out, const json_t *environment)
{
	const char *key;
	json_t *value;

	fputs("<h2 id=\"environment\">Environment</h2>\n<table>\n", out);
	json_object_foreach((json_t *)environment, key, value) {
		char *text = json_is_string(value) ? strdup(json_string_value(value)) : json_dumps(value, JSON_ENCODE_ANY);

		fputs("<tr><td class=\"t\">", out);
		html_escaped(out, key);
		fputs("</td><td class=\"t w\">", out);
		html_escaped(out, text);
		fputs("</td></tr>\n", out);
		free(text);
	}
	fputs("</table>\n", out);
}

static bool write_page(struct page *page, const json_t *plan)
{
	const char *name = strrchr(page->folder, '/');
	const json_t *entry;
	size_t index;

	fputs(page_head, page->out);
	html_element(page->out, "title", "Capacitor: report");
	fputs("</head>\n<body>\n<h1>Concurrent caches, compared</h1>\n<p class=\"facts\">Run ", page->out);
	html_escaped(page->out, name ? name + 1 : page->folder);
	fputs(", tier ", page->out);
	html_escaped(page->out, json_string_value(json_object_get(plan, "tier")));
	fputs(", on ", page->out);
	html_escaped(page->out, json_string_value(json_object_get(page->environment, "cpu_model")));
	fprintf(page->out, ", %lld cores</p>\n",
	        (long long)json_integer_value(json_object_get(page->environment, "cores")));
	write_trust(page, plan);
	fputs("<p>Points are medians over repetitions. Bars are 95 % confidence intervals of the median where there are six "
	      "repetitions or more, and smallest to largest where there are fewer (the column <code>coverage</code> of the tables "
	      "says what that is worth). Each repetition ran in a fresh cache and a process of its own; repetitions are outermost, "
	      "implementations interleaved. <code>null</code> keeps nothing and shows what the harness costs; <code>unsync</code> "
	      "is a table for one thread, the limit. Shaded: more threads than cores.</p>\n<nav><ul>\n", page->out);
	json_array_foreach(json_object_get(plan, "experiments"), index, entry) {
		fprintf(page->out, "<li><a href=\"#%s\">", json_string_value(json_object_get(entry, "slug")));
		html_escaped(page->out, json_string_value(json_object_get(json_object_get(entry, "experiment"), "title")));
		fputs("</a></li>\n", page->out);
	}
	fputs("<li><a href=\"#advice\">What to improve</a></li>\n<li><a href=\"#probes\">What the probes cost</a></li>\n<li><a "
	      "href=\"#correctness\">Correctness</a></li>\n"
	      "<li><a href=\"#environment\">Environment</a></li>\n</ul></nav>\n", page->out);
	write_verdicts(page, plan);
	json_array_foreach(json_object_get(plan, "experiments"), index, entry)
		if (!write_experiment(page, entry))
			return false;
	write_failures(page);
	if (!analyze_write(page->out, page->root, page->folder, page->error))
		return false;
	if (!probes_write(page->out, page->root, page->folder, page->error))
		return false;
	correctness_write(page->out, page->correctness);
	write_environment(page->out, page->environment);
	fputs("</body>\n</html>\n", page->out);
	return true;
}

bool report_write(const char *root, const char *folder, char *error)
{
	struct page page = {.root = root, .folder = folder, .error = error};
	char path[RUN_PATH_BYTES];
	struct results_file file;
	json_t *plan;
	bool fine = false;

	snprintf(path, sizeof path, "%.4000s/plan.json", folder);
	plan = json_load_file(path, 0, NULL);
	snprintf(path, sizeof path, "%.4000s/env.json", folder);
	page.environment = json_load_file(path, 0, NULL);
	page.correctness = correctness_of_run(root, folder, error);
	snprintf(path, sizeof path, "%.4000s/plots", folder);
	if (!page.correctness) {
		; /* error says why */
	} else if (!plan || !page.environment) {
		snprintf(error, RUN_ERROR_BYTES, "%.400s is not a run: it has no plan.json and env.json that can be read",
		         folder);
	} else if (results_make_folder(path, error, RUN_ERROR_BYTES)) {
		snprintf(path, sizeof path, "%.4000s/report.html", folder);
		if (results_open(&file, path, error, RUN_ERROR_BYTES)) {
			page.out = file.stream;
			fine = write_page(&page, plan);
			if (fine)
				fine = results_commit(&file, error, RUN_ERROR_BYTES) && page.undrawn == 0;
			else
				results_abort(&file);
		}
	}
	json_decref(plan);
	json_decref(page.environment);
	json_decref(page.correctness);
	return fine;
}

/* ---- The subcommand ------------------------------------------------------------------------------------------------ */

static const struct options_known known[] = {
	{"--root", "DIR", "where plots/ is; default: two folders above the program's"},
	{"--help", NULL, "this text"},
	{NULL, NULL, NULL},
};

int report_command(int argc, char **argv)
{
	char root[4096], folder[4096], error[RUN_ERROR_BYTES];
	size_t length;

	if (options_want_help(argc, argv)) {
		printf("usage: capacitor report RUN [--root DIR]\n\n"
		       "Draws the plots of a run (a folder that `capacitor experiment` made) and its report.html again.\n\n");
		options_print(stdout, known);
		return COMMAND_OK;
	}
	if (!plan_root(root, sizeof root) || argc < 2 || argc == 3 || argc > 4 || argv[1][0] == '-' ||
	    (argc == 4 && strcmp(argv[2], "--root") != 0)) {
		fprintf(stderr, "capacitor report: it wants the folder of a run, and takes --root DIR behind it\n");
		return COMMAND_USAGE;
	}
	if (argc == 4)
		snprintf(root, sizeof root, "%s", argv[3]);
	snprintf(folder, sizeof folder, "%s", argv[1]);
	length = strlen(folder);
	while (length > 1 && folder[length - 1] == '/')
		folder[--length] = '\0';
	if (!report_write(root, folder, error)) {
		fprintf(stderr, "capacitor report: %s\n", error);
		return COMMAND_FAIL;
	}
	printf("%s/report.html\n", folder);
	return COMMAND_OK;
}
