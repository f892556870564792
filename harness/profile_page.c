/* SPDX-License-Identifier: BSD-2-Clause */
/* profile.json, and the page that ties lists and pictures together; see profile.h. */
#include <stdlib.h>
#include <string.h>

#include "build_info.h"
#include "harness/html.h"
#include "harness/profile.h"
#include "harness/results.h"
#include "harness/table.h"

#define ROWS_SHOWN 12

static const char head[] =
	"<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
	"<meta name=\"viewport\" content=\"width=device-width\">\n<style>\n"
	"body{font:16px/1.55 Georgia,'Times New Roman',serif;color:#1b1b1b;max-width:76rem;margin:2.5rem auto;padding:0 1.2rem}\n"
	"h1,h2,h3,h4,th,summary,nav,.facts{font-family:'Helvetica Neue',Helvetica,Arial,sans-serif}\n"
	"h1{font-size:1.9rem;margin-bottom:.2rem}h2{margin-top:3rem;border-top:1px solid #ccc;padding-top:1.2rem}\n"
	"p{max-width:52rem}figure{margin:1.4rem 0}figcaption{font-size:.93rem;color:#444;max-width:52rem}\n"
	"figure.flame object{width:100%;border:1px solid #ddd}figure.calls img{max-width:100%;max-height:52rem;border:1px "
		"solid #ddd}\n"
	"table{border-collapse:collapse;font-size:.84rem;font-variant-numeric:tabular-nums;margin:.8rem 0}\n"
	"th,td{padding:.22rem .7rem;text-align:right;border-bottom:1px solid #e4e4e4;white-space:nowrap;vertical-align:top}\n"
	"th{border-bottom:2px solid #888;font-weight:600}td.t,th.t{text-align:left}td.w{white-space:normal;text-align:left}\n"
	"pre{font-size:.8rem;line-height:1.35;overflow-x:auto;background:#f7f7f4;padding:.8rem;tab-size:8}\n"
	".wide{overflow-x:auto}.facts{font-size:.9rem;color:#444}.i{color:#777}summary{cursor:pointer;margin:.6rem 0}\n"
	"code{font-size:.92em}.library{font-weight:600}\n"
	"</style>\n<title>Profiles</title>\n</head>\n<body>\n";

static const char *const kind_titles[PROFILE_KINDS] = {"CPU", "Heap", "Locks", "Off-CPU"};

/* ---- Numbers ----------------------------------------------------------------------------------------------------- */

static double median(const double *values, unsigned count)
{
	double sorted[PROFILE_ROUNDS_MAX];

	if (count == 0)
		return 0;
	memcpy(sorted, values, count * sizeof *sorted);
	return probes_summary(sorted, count).median;
}

/* ---- profile.json ------------------------------------------------------------------------------------------------ */

static json_t *rounds_json(const struct profile_result *result)
{
	json_t *array = json_array();

	for (unsigned i = 0; i < result->rounds; i++)
		json_array_append_new(array, json_real(result->ns_per_op[i]));
	return array;
}

static void add_top(json_t *json, const struct profile_view *view)
{
	size_t count;
	struct stacks_function *functions = stacks_functions(view->stacks, &count);
	json_t *array = json_array();

	for (size_t i = 0; i < count && i < ROWS_SHOWN; i++)
		json_array_append_new(array, json_pack("{s:s, s:s, s:s, s:f, s:f}", "function", functions[i].function, "file",
		                                       functions[i].file, "part", names_part(functions[i].file), "self_percent",
		                                       100 * functions[i].self / stacks_total(view->stacks), "total_percent",
		                                       100 * functions[i].total / stacks_total(view->stacks)));
	free(functions);
	json_object_set_new(json, view->name, array);
}

static json_t *kind_json(const struct profile_result *result)
{
	json_t *json = json_object(), *top = json_object();

	if (result->unavailable[0]) {
		json_object_set_new(json, "unavailable", json_string(result->unavailable));
		json_decref(top);
		return json;
	}
	if (result->facts)
		json_object_update(json, result->facts);
	json_object_set_new(json, "note", json_string(result->note));
	json_object_set_new(json, "ns_per_op", rounds_json(result));
	if (result->overhead.median > 0)
		json_object_set_new(json, "overhead",
		                    json_pack("{s:f, s:f, s:f, s:f}", "ratio", result->overhead.median, "ratio_low",
		                              result->overhead.low, "ratio_high", result->overhead.high, "coverage",
		                              result->overhead.coverage));
	else
		json_object_set_new(json, "overhead", json_string(result->locks_by_label ? "unavailable: counted in the plain runs"
		                                                                         : "unavailable: the run tells no time"));
	for (size_t i = 0; i < result->views; i++)
		add_top(top, &result->view[i]);
	json_object_set_new(json, "top", top);
	return json;
}

static json_t *profile_json(const struct profile *profile)
{
	json_t *json = json_object(), *options = json_array(), *subjects = json_array();

	for (size_t i = 0; i < profile->bench_count; i++)
		json_array_append_new(options, json_string(profile->bench[i]));
	json_object_set_new(json, "commit", json_string(BUILD_COMMIT));
	json_object_set_new(json, "dirty", json_string(BUILD_DIRTY));
	json_object_set_new(json, "seconds", json_real(profile->seconds));
	json_object_set_new(json, "rounds", json_integer((json_int_t)profile->rounds));
	json_object_set_new(json, "seed", json_integer((json_int_t)profile->seed));
	json_object_set_new(json, "bench_options", options);
	for (size_t i = 0; i < profile->subjects; i++) {
		const struct profile_subject *subject = &profile->subject[i];
		const struct profile_result *plain = &subject->result[PROFILE_PLAIN];
		json_t *entry = json_object(), *kinds = json_object();

		json_object_set_new(entry, "impl", json_string(subject->implementation));
		if (plain->unavailable[0])
			json_object_set_new(entry, "unavailable", json_string(plain->unavailable));
		json_object_set_new(entry, "plain_ns_per_op", rounds_json(plain));
		for (unsigned kind = 0; kind < PROFILE_KINDS; kind++)
			if (subject->result[kind].wanted)
				json_object_set_new(kinds, profile_kinds[kind], kind_json(&subject->result[kind]));
		json_object_set_new(entry, "kinds", kinds);
		json_array_append_new(subjects, entry);
	}
	json_object_set_new(json, "implementations", subjects);
	return json;
}

/* ---- The page ---------------------------------------------------------------------------------------------------- */

static void write_overhead(FILE *out, const struct profile_result *result)
{
	if (result->overhead.median > 0)
		fprintf(out, "<td>&times; %.3f <span class=\"i\">[%.3f, %.3f]</span></td>", result->overhead.median,
		        result->overhead.low,
		        result->overhead.high);
	else
		html_element(out, "td class=\"t i\"", result->locks_by_label ? "none: counted in the plain runs" : "not measured");
}

static void write_summary_row(FILE *out, const struct profile_subject *subject, unsigned kind)
{
	const struct profile_result *result = &subject->result[kind];
	const struct profile_view *view = result->views > 0 ? &result->view[0] : NULL;
	size_t count = 0;
	struct stacks_function *functions = view ? stacks_functions(view->stacks, &count) : NULL;

	fputs("<tr>", out);
	html_element(out, "td class=\"t\"", subject->implementation);
	fprintf(out, "<td class=\"t\"><a href=\"#%s-%s\">%s</a></td>", subject->implementation, profile_kinds[kind],
	        kind_titles[kind]);
	if (result->unavailable[0]) {
		fputs("<td class=\"w\" colspan=\"3\">unavailable: ", out);
		html_escaped(out, result->unavailable);
		fputs("</td></tr>\n", out);
		return;
	}
	write_overhead(out, result);
	if (count > 0) {
		fputs("<td class=\"t\"><code>", out);
		html_escaped(out, functions[0].function);
		fprintf(out, "</code> %.1f %%</td>", 100 * functions[0].self / stacks_total(view->stacks));
	} else {
		fputs("<td class=\"t i\">-</td>", out);
	}
	html_element(out, "td class=\"w\"", result->note);
	fputs("</tr>\n", out);
	free(functions);
}

static void write_top(FILE *out, const struct profile_view *view)
{
	size_t count;
	struct stacks_function *functions = stacks_functions(view->stacks, &count);
	double total = stacks_total(view->stacks);

	fprintf(out, "<div class=\"wide\"><table><tr><th>self %%</th><th>total %%</th><th>self, %s</th><th "
	        "class=\"t\">function</th>"
	             "<th class=\"t\">file</th></tr>\n", view->unit);
	for (size_t i = 0; i < count && i < ROWS_SHOWN; i++) {
		fprintf(out, "<tr><td>%.1f</td><td>%.1f</td><td>", 100 * functions[i].self / total,
		        100 * functions[i].total / total);
		html_number(out, functions[i].self);
		fprintf(out, "</td><td class=\"t %s\"><code>", names_part(functions[i].file));
		html_escaped(out, functions[i].function);
		fputs("</code></td>", out);
		html_element(out, "td class=\"t\"", functions[i].file);
		fputs("</tr>\n", out);
	}
	fputs("</table></div>\n", out);
	free(functions);
}

static void write_text_of(FILE *out, const char *path)
{
	FILE *file = fopen(path, "r");
	char line[4096];

	fputs("<pre>", out);
	while (file && fgets(line, sizeof line, file))
		html_escaped(out, line);
	fputs("</pre>\n", out);
	if (file)
		fclose(file);
}

static void write_view(FILE *out, const struct profile *profile, const struct profile_subject *subject,
                       const struct profile_view *view)
{
	const char *impl = subject->implementation;
	char path[PROFILE_PATH_BYTES], amount[64];

	profile_amount(view, stacks_total(view->stacks), amount);
	fputs("<h4>", out);
	html_escaped(out, view->title);
	fprintf(out, ": %s</h4>\n", amount);
	html_element(out, "p", view->what);
	write_top(out, view);
	fprintf(out, "<p class=\"facts\">All functions: <a href=\"%s.%s.txt\">%s.%s.txt</a>. Folded stacks: <a "
	        "href=\"%s.%s.folded\">"
	             "%s.%s.folded</a>.</p>\n", impl, view->name, impl, view->name, impl, view->name, impl, view->name);
	if (view->has_flame)
		fprintf(out, "<figure class=\"flame\"><object data=\"%s.%s.flame.svg\" type=\"image/svg+xml\"></object><figcaption>"
		             "Flame graph. Width is share of %s; what stands on a box is what it called, inlined functions "
		             "included; the order "
		             "from left to right says nothing. A click enlarges. <a "
		             "href=\"%s.%s.flame.svg\">Alone</a>.</figcaption></figure>\n",
		        impl, view->name, view->unit, impl, view->name);
	if (view->has_calls)
		fprintf(out, "<figure class=\"calls\"><a href=\"%s.%s.calls.svg\"><img src=\"%s.%s.calls.svg\" alt=\"call "
		        "graph\"></a>"
		             "<figcaption>Call graph. Each function once, whoever called it; the darker, the more it has of "
		             "its own.</figcaption>"
		             "</figure>\n", impl, view->name, impl, view->name);
	if (view->pictures[0])
		html_element(out, "p class=\"facts\"", view->pictures);
	if (view->has_source) {
		fputs("<details open><summary>Lines of <code>", out);
		html_escaped(out, view->source);
		fputs("</code>, with samples that fell on the line, and on it or what it called</summary>\n", out);
		snprintf(path, sizeof path, "%.3600s/%.64s.%.100s.source.txt", profile->folder, impl, view->name);
		write_text_of(out, path);
		fputs("</details>\n", out);
	} else if (view->source[0]) {
		fputs("<p class=\"facts\">No lines: ", out);
		html_escaped(out, view->source);
		fputs(".</p>\n", out);
	}
}

/* ---- Sites ------------------------------------------------------------------------------------------------------- */

/* What a page shows of a table: some columns that tell places apart, then amounts. Rows of the same place, which differ in the
 * rest of their stacks, are shown as one. */
struct shown {
	const char *columns[9];
	size_t keys, count;
	size_t by; /* the amount that decides which come first */
};

struct place {
	size_t row;
	double amount[8];
	bool known[8];
	double order;
};

static int by_order(const void *a, const void *b)
{
	const struct place *one = a, *other = b;

	if (one->order != other->order)
		return one->order < other->order ? 1 : -1;
	return (one->row > other->row) - (one->row < other->row);
}

static bool same_place(const struct table *table, const struct shown *shown, size_t one, size_t other)
{
	for (size_t i = 0; i < shown->keys; i++)
		if (strcmp(table_cell(table, one, shown->columns[i]), table_cell(table, other, shown->columns[i])) != 0)
			return false;
	return true;
}

static void add_row(struct place *place, const struct table *table, const struct shown *shown, size_t row)
{
	for (size_t i = shown->keys; i < shown->count; i++) {
		double *amount = &place->amount[i - shown->keys], number;

		if (!table_number(table, row, shown->columns[i], &number))
			continue;
		place->known[i - shown->keys] = true;
		if (strncmp(shown->columns[i], "max_", 4) != 0)
			*amount += number;
		else if (number > *amount)
			*amount = number;
	}
	place->order = place->amount[shown->by - shown->keys];
}

static size_t find_places(struct place *places, const struct table *table, const struct shown *shown)
{
	size_t count = 0;

	for (size_t row = 0; row < table->rows; row++) {
		size_t at = 0;

		while (at < count && !same_place(table, shown, places[at].row, row))
			at++;
		if (at == count)
			places[count++].row = row;
		add_row(&places[at], table, shown, row);
	}
	qsort(places, count, sizeof *places, by_order);
	return count;
}

static void write_place(FILE *out, const struct table *table, const struct shown *shown, const struct place *place)
{
	fputs("<tr>", out);
	for (size_t i = 0; i < shown->keys; i++)
		html_element(out, "td class=\"t\"", table_cell(table, place->row, shown->columns[i]));
	for (size_t i = shown->keys; i < shown->count; i++) {
		if (!place->known[i - shown->keys]) {
			html_element(out, "td class=\"t i\"", table_cell(table, place->row, shown->columns[i]));
			continue;
		}
		fputs("<td>", out);
		html_number(out, place->amount[i - shown->keys]);
		fputs("</td>", out);
	}
	fputs("</tr>\n", out);
}

static void write_sites(FILE *out, const char *path, const struct shown *shown)
{
	struct table table;
	struct place *places;
	size_t count = 0;

	if (!table_load(&table, path))
		return;
	places = calloc(table.rows ? table.rows : 1, sizeof *places);
	if (places && table.rows > 0)
		count = find_places(places, &table, shown);
	if (count > 0) {
		fputs("<div class=\"wide\"><table><tr>", out);
		for (size_t i = 0; i < shown->count; i++)
			html_element(out, i < shown->keys ? "th class=\"t\"" : "th", shown->columns[i]);
		fputs("</tr>\n", out);
		for (size_t i = 0; i < count && i < ROWS_SHOWN; i++)
			write_place(out, &table, shown, &places[i]);
		fputs("</table></div>\n", out);
	}
	free(places);
	table_free(&table);
}

static void write_kind(FILE *out, const struct profile *profile, const struct profile_subject *subject, unsigned kind)
{
	static const struct shown shown[PROFILE_KINDS] = {
		[PROFILE_HEAP] = {{"site", "count", "bytes", "live_count", "live_bytes"}, 1, 5, 2},
		[PROFILE_LOCKS] = {{"lock", "site", "acquisitions", "contended", "wait_ns", "max_wait_ns", "hold_ns"}, 2, 7, 4},
		[PROFILE_OFFCPU] = {{"site", "file", "line", "part", "waits_in", "samples", "percent", "seconds"}, 5, 8, 5},
	};
	const struct profile_result *result = &subject->result[kind];
	char path[PROFILE_PATH_BYTES];

	fprintf(out, "<h3 id=\"%s-%s\">%s: %s</h3>\n", subject->implementation, profile_kinds[kind], subject->implementation,
	        kind_titles[kind]);
	if (result->unavailable[0]) {
		fputs("<p>unavailable: ", out);
		html_escaped(out, result->unavailable);
		fputs("</p>\n", out);
		return;
	}
	html_element(out, "p", result->note);
	if (shown[kind].count > 0) {
		snprintf(path, sizeof path, "%.3600s/%.64s.%s.tsv", profile->folder, subject->implementation, profile_kinds[kind]);
		write_sites(out, path, &shown[kind]);
	}
	fprintf(out, "<p class=\"facts\">Table: <a href=\"%s.%s.tsv\">%s.%s.tsv</a>.", subject->implementation, profile_kinds[kind],
	        subject->implementation, profile_kinds[kind]);
	if (kind == PROFILE_CPU)
		fprintf(out, " For other tools: <code>google-pprof capacitor %s.cpu.prof</code>, <code>capacitor asm %s get "
		             "--weights %s.cpu.prof</code>; by line and by instruction: <a href=\"%s.cpu.lines.tsv\">lines</a>, "
		             "<a href=\"%s.cpu.addresses.tsv\">addresses</a>.",
		        subject->implementation, subject->implementation, subject->implementation, subject->implementation,
		        subject->implementation);
	fputs("</p>\n", out);
	for (size_t i = 0; i < result->views; i++)
		write_view(out, profile, subject, &result->view[i]);
}

static void write_subject(FILE *out, const struct profile *profile, const struct profile_subject *subject)
{
	const struct profile_result *plain = &subject->result[PROFILE_PLAIN];

	fprintf(out, "<h2 id=\"%s\">%s</h2>\n", subject->implementation, subject->implementation);
	if (plain->unavailable[0])
		html_element(out, "p", plain->unavailable);
	else
		fprintf(out, "<p>Without a profiler an operation takes %.4g ns in its thread (median of %u runs; geometric "
		        "mean over the points).</p>\n",
		        median(plain->ns_per_op, plain->rounds), plain->rounds);
	for (unsigned kind = 0; kind < PROFILE_KINDS; kind++)
		if (subject->result[kind].wanted)
			write_kind(out, profile, subject, kind);
}

static void write_html(FILE *out, const struct profile *profile)
{
	fputs(head, out);
	fputs("<h1>Profiles</h1>\n<p class=\"facts\">Commit ", out);
	html_escaped(out, BUILD_COMMIT);
	fprintf(out, "%s; bench", strcmp(BUILD_DIRTY, "yes") == 0 ? " with changes" : "");
	for (size_t i = 0; i < profile->bench_count; i++) {
		fputc(' ', out);
		html_escaped(out, profile->bench[i]);
	}
	fprintf(out, "; %llu rounds of %g s windows of each kind. <a href=\"profile.json\">profile.json</a>, <a href=\"env.json\">"
	             "the machine</a>, raw files in <code>raw/</code>.</p>\n", (unsigned long long)profile->rounds,
	        profile->seconds / (double)profile->rounds);
	fputs("<p>Each kind was run in processes of its own, in turn with runs without a profiler, and was on in the measured "
	      "windows only. "
	      "The cost of a profiler is the time per operation with it, divided by that of the plain run of the same round: "
	      "the median "
	      "of the rounds, with the 95 % interval (from six rounds on; else smallest to largest).</p>\n"
	      "<div class=\"wide\"><table><tr><th class=\"t\">impl</th><th class=\"t\">kind</th><th>cost</th><th "
	      "class=\"t\">first of the list</th>"
	      "<th class=\"t\">what was found</th></tr>\n", out);
	for (size_t i = 0; i < profile->subjects; i++)
		for (unsigned kind = 0; kind < PROFILE_KINDS; kind++)
			if (profile->subject[i].result[kind].wanted)
				write_summary_row(out, &profile->subject[i], kind);
	fputs("</table></div>\n<p class=\"facts\">In lists, <b>bold</b> functions are the library's. Files under "
	      "<code>harness/</code> are what "
	      "measures; the rest is what the library stands on. \"(in libx.so)\" is code that no symbol covers.</p>\n", out);
	for (size_t i = 0; i < profile->subjects; i++)
		write_subject(out, profile, &profile->subject[i]);
	fputs("</body>\n</html>\n", out);
}

bool profile_write_page(struct profile *profile)
{
	char path[PROFILE_PATH_BYTES + 16];
	json_t *json = profile_json(profile);
	char *text = json_dumps(json, JSON_INDENT(1));
	struct results_file file = {0};
	bool fine;

	json_decref(json);
	snprintf(path, sizeof path, "%s/profile.json", profile->folder);
	fine = text && results_write_file(path, text, strlen(text), profile->error, sizeof profile->error);
	free(text);
	snprintf(path, sizeof path, "%s/index.html", profile->folder);
	if (!fine || !results_open(&file, path, profile->error, sizeof profile->error))
		return false;
	write_html(file.stream, profile);
	return results_commit(&file, profile->error, sizeof profile->error);
}
