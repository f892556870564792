/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `capacitor analyze`: what a run found, in order of what it costs, with the evidence, the mechanism, what to do, and how to see
 * that it helped. The rules are in rules.c, what they look at in evidence.c; here the findings are written down, for people, for
 * other programs, and for the report.
 */
#include "harness/analyze.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/commands.h"
#include "harness/evidence.h"
#include "harness/html.h"
#include "harness/options.h"
#include "harness/plan.h"
#include "harness/report.h"
#include "harness/results.h"
#include "harness/rules.h"

#define INPUTS_MAX 32
#define WIDTH      110

/* ---- Texts ---------------------------------------------------------------------------------------------------------- */

static bool has_price(const struct finding *finding)
{
	return finding->basis <= FINDING_ESTIMATED;
}

static const char *basis_text(const struct finding *finding)
{
	static const char *const texts[] = {"measured", "estimated", "unpriced", "doubt"};

	return texts[finding->basis];
}

/* "34 % of the time", or what it is instead. */
static void cost_text(const struct finding *finding, char text[64])
{
	if (has_price(finding))
		snprintf(text, 64, "%.0f %% of the time (%s)", 100 * finding->weight, basis_text(finding));
	else
		snprintf(text, 64, "%s", finding->basis == FINDING_DOUBT ? "a doubt about the figures" : "no price in time");
}

/* When a rule fires, with its bound. The format comes from the table of rules. */
static void when_text(const struct rule *rule, char text[RULES_LINE_BYTES])
{
	const char *at = strstr(rule->when, "%g");

	if (at)
		snprintf(text, RULES_LINE_BYTES, "%.*s%g%s", (int)(at - rule->when), rule->when, rule->bound, at + 2);
	else
		snprintf(text, RULES_LINE_BYTES, "%s", rule->when);
}

/* A text behind a label, broken between words. */
static void print_wrapped(FILE *out, const char *label, const char *text)
{
	size_t column = 16;

	fprintf(out, "    %-12s", label);
	while (*text) {
		size_t word = strcspn(text, " ");

		if (column + word > WIDTH && column > 16) {
			fprintf(out, "\n%16s", "");
			column = 16;
		}
		fprintf(out, "%.*s", (int)word, text);
		column += word;
		text += word;
		if (*text) {
			fputc(' ', out);
			column++;
			text++;
		}
	}
	fputc('\n', out);
}

/* Is there anything that this rule could have looked at? */
static bool judged(const struct rule *rule, const struct evidence *evidence)
{
	return evidence_tables(evidence, rule->from) > 0 || (rule->or_from && evidence_tables(evidence, rule->or_from) > 0);
}

/* What was not there to be looked at, kind by kind: the names of the rules that went without. */
static bool missing_text(const struct evidence *evidence, enum evidence_kind kind, char text[RULES_LINE_BYTES])
{
	size_t used = 0;

	for (const struct rule *rule = rules; rule->name; rule++)
		if (rule->from == kind && !judged(rule, evidence) && used < RULES_LINE_BYTES)
			used += (size_t)snprintf(text + used, RULES_LINE_BYTES - used, "%s%s", used ? ", " : "", rule->name);
	return used > 0;
}

/* ---- For people ------------------------------------------------------------------------------------------------------ */

/* under: the finding, from 1, that has the rule's texts already; 0: this one is the first. */
static void print_finding(FILE *out, size_t number, const struct finding *finding, size_t under)
{
	const char *of_emphasis = isatty(fileno(out)) && !getenv("NO_COLOR") ? "\033[1m" : "";
	char cost[64];

	cost_text(finding, cost);
	fprintf(out, "\n%s%2zu. %s %s%s: %s  [%s]\n", of_emphasis, number, finding->about, finding->rule->title,
	        *of_emphasis ? "\033[0m" : "", cost, finding->rule->name);
	if (*finding->point)
		print_wrapped(out, "at", finding->point);
	for (unsigned i = 0; i < finding->evidences; i++)
		print_wrapped(out, i ? "" : "evidence", finding->evidence[i]);
	if (finding->elsewhere)
		fprintf(out, "    %-12sand at %zu other points, where it is less bad\n", "", finding->elsewhere);
	if (under) {
		fprintf(out, "    %-12sas under %zu\n", "do", under);
	} else {
		print_wrapped(out, "mechanism", finding->rule->mechanism);
		print_wrapped(out, "do", finding->rule->advice);
	}
	print_wrapped(out, "verify", finding->verify);
}

/* The first finding of the same rule, from 1; 0: it is this one. */
static size_t first_of_rule(const struct findings *findings, size_t index)
{
	for (size_t i = 0; i < index; i++)
		if (findings->item[i].rule == findings->item[index].rule)
			return i + 1;
	return 0;
}

static void print_text(FILE *out, const struct evidence *evidence, const struct findings *findings, size_t top)
{
	char text[RULES_LINE_BYTES];

	fputs("Looked at:", out);
	for (size_t i = 0; i < evidence->count; i++)
		fprintf(out, "%s %s (%s, %zu rows)", i ? "," : "", evidence->tables[i].file,
		        evidence_text(evidence->tables[i].kind), evidence->tables[i].table.rows);
	fputs("\n", out);
	for (size_t i = 0; i < findings->count && i < top; i++)
		print_finding(out, i + 1, &findings->item[i], first_of_rule(findings, i));
	if (findings->count > top)
		fprintf(out, "\n%zu more: --top 0 shows all.\n", findings->count - top);
	if (findings->count == 0)
		fputs("\nNothing was found that a rule fires on (--rules tells what they look for).\n", out);
	fputc('\n', out);
	for (int kind = EVIDENCE_NONE + 1; kind < EVIDENCE_KINDS; kind++)
		if (missing_text(evidence, (enum evidence_kind)kind, text))
			fprintf(out, "Not judged, for want of %s: %s\n", evidence_text((enum evidence_kind)kind), text);
}

/* ---- For programs ---------------------------------------------------------------------------------------------------- */

static json_t *finding_json(const struct finding *finding)
{
	json_t *evidence = json_array();

	for (unsigned i = 0; i < finding->evidences; i++)
		json_array_append_new(evidence, json_string(finding->evidence[i]));
	return json_pack("{s:s, s:s, s:s, s:s, s:o, s:s, s:o, s:s, s:s, s:s, s:I}", "rule", finding->rule->name, "about",
	                 finding->about, "title", finding->rule->title, "basis", basis_text(finding), "cost_share",
	                 has_price(finding) ? json_real(finding->weight) : json_null(), "point", finding->point, "evidence",
	                 evidence, "mechanism", finding->rule->mechanism, "do", finding->rule->advice, "verify", finding->verify,
	                 "elsewhere", (json_int_t)finding->elsewhere);
}

static bool print_json(FILE *out, const struct evidence *evidence, const struct findings *findings)
{
	json_t *array = json_array(), *without = json_array(), *document;
	bool fine, all = true;

	for (size_t i = 0; i < findings->count; i++)
		all = json_array_append_new(array, finding_json(&findings->item[i])) == 0 && all;
	for (const struct rule *rule = rules; rule->name; rule++)
		if (!judged(rule, evidence))
			json_array_append_new(without, json_string(rule->name));
	document = json_pack("{s:o, s:o}", "findings", array, "not_judged", without);
	fine = all && document && json_dumpf(document, out, JSON_INDENT(1)) == 0 && fputc('\n', out) != EOF;
	json_decref(document);
	return fine;
}

/* ---- For the report --------------------------------------------------------------------------------------------------- */

static void write_row(FILE *out, const char *label, const char *text)
{
	fprintf(out, "<dt>%s</dt><dd>", label);
	html_escaped(out, text);
	fputs("</dd>\n", out);
}

static void write_finding(FILE *out, const struct finding *finding)
{
	char cost[64];

	cost_text(finding, cost);
	fputs("<li class=\"finding\"><p><b>", out);
	html_escaped(out, finding->about);
	fputc(' ', out);
	html_escaped(out, finding->rule->title);
	fprintf(out, "</b>: %s <code>%s</code></p>\n<dl>\n", cost, finding->rule->name);
	if (*finding->point)
		write_row(out, "at", finding->point);
	for (unsigned i = 0; i < finding->evidences; i++)
		write_row(out, i ? "" : "evidence", finding->evidence[i]);
	if (finding->elsewhere)
		fprintf(out, "<dt></dt><dd>and at %zu other points, where it is less bad</dd>\n", finding->elsewhere);
	write_row(out, "mechanism", finding->rule->mechanism);
	write_row(out, "do", finding->rule->advice);
	write_row(out, "verify", finding->verify);
	fputs("</dl></li>\n", out);
}

/* Of the chapter: what has a price, what has none, doubts. */
static int part_of(const struct finding *finding)
{
	return has_price(finding) ? 0 : (int)finding->basis - (int)FINDING_ESTIMATED;
}

static void write_chapter(FILE *out, const struct evidence *evidence, const struct findings *findings)
{
	static const char *const parts[] = {"What costs time, the dearest first", "What costs something else",
	                                    "What to keep in mind with these figures"};
	char text[RULES_LINE_BYTES];
	size_t next = 0;

	for (int part = 0; part < 3; part++) {
		size_t first = next;

		while (next < findings->count && part_of(&findings->item[next]) == part)
			next++;
		if (next == first)
			continue;
		fprintf(out, "<details%s><summary>%s (%zu)</summary>\n<ol>\n", part == 0 ? " open" : "", parts[part], next - first);
		for (size_t i = first; i < next; i++)
			write_finding(out, &findings->item[i]);
		fputs("</ol></details>\n", out);
	}
	if (findings->count == 0)
		fputs("<p>Nothing was found that a rule fires on.</p>\n", out);
	for (int kind = EVIDENCE_NONE + 1; kind < EVIDENCE_KINDS; kind++)
		if (missing_text(evidence, (enum evidence_kind)kind, text))
			fprintf(out, "<p class=\"facts\">Not judged, for want of %s: %s.</p>\n",
			        evidence_text((enum evidence_kind)kind), text);
}

bool analyze_write(FILE *out, const char *root, const char *folder, char *error)
{
	struct evidence evidence = {0};
	struct findings findings = {0};
	bool fine = true;

	fputs("<h2 id=\"advice\">What to improve</h2>\n<p>Rules, applied to the tables of this run: <code>capacitor analyze "
	      "--rules</code> lists them with their bounds. A cost is the part of an operation's time at the point named, which is "
	      "the worst one; of counts on virtual cores it is estimated with the latencies given there. What could be noise "
	      "(intervals that overlap) is no finding. Costs overlap: do not add them.</p>\n", out);
	if (!evidence_add(&evidence, root, folder, error)) {
		fputs("<p>", out);
		html_escaped(out, error);
		fputs("</p>\n", out);
	} else if (!rules_apply(&evidence, &findings)) {
		snprintf(error, RUN_ERROR_BYTES, "no memory for the findings");
		fine = false;
	} else {
		write_chapter(out, &evidence, &findings);
	}
	findings_free(&findings);
	evidence_free(&evidence);
	return fine;
}

/* ---- The subcommand ---------------------------------------------------------------------------------------------------- */

enum { FORMAT, TOP, RULES, OUT, ROOT, HELP };

static const struct options_known known[] = {
	[FORMAT] = {"--format", "NAME", "text or json; default: text"},
	[TOP] = {"--top", "N", "how many findings the text shows; 0: all; default: 20"},
	[RULES] = {"--rules", NULL, "lists the rules: when each fires, the mechanism, what to do"},
	[OUT] = {"--out", "FILE", "where it goes, whole or not at all; default: standard output"},
	[ROOT] = {"--root", "DIR", "where plots/ is; default: two folders above the program's"},
	[HELP] = {"--help", NULL, "this text"},
	{NULL, NULL, NULL},
};

static void print_rules(FILE *out)
{
	char when[RULES_LINE_BYTES];

	for (const struct rule *rule = rules; rule->name; rule++) {
		when_text(rule, when);
		fprintf(out, "%s: an implementation that %s\n", rule->name, rule->title);
		print_wrapped(out, "fires when", when);
		print_wrapped(out, "looks at", evidence_text(rule->from));
		print_wrapped(out, "mechanism", rule->mechanism);
		print_wrapped(out, "do", rule->advice);
		print_wrapped(out, "verify", rule->verify);
	}
}

struct request {
	const char *inputs[INPUTS_MAX];
	size_t count;
	bool json, list;
	uint64_t top;
	const char *out;
	char root[RUN_PATH_BYTES];
};

static bool set_option(struct request *request, int option, const char *value, char error[OPTIONS_ERROR_BYTES])
{
	static const char *const formats[] = {"text", "json", NULL};
	size_t index;

	switch (option) {
	case FORMAT:
		if (!options_name("--format", value, formats, &index, error))
			return false;
		request->json = index == 1;
		return true;
	case TOP:
		return options_number("--top", value, 0, 100000, &request->top, error);
	case RULES:
		return request->list = true;
	case OUT:
		request->out = value;
		return true;
	default:
		snprintf(request->root, sizeof request->root, "%s", value);
		return true;
	}
}

/* What has no dashes is what to look at. */
static bool read_request(struct request *request, int argc, char **argv, char error[OPTIONS_ERROR_BYTES])
{
	for (int at = 1; at < argc;) {
		struct options_reader reader = {.command = "analyze", .known = known, .argc = argc, .argv = argv, .at = at};
		int option;

		if (argv[at][0] != '-') {
			if (request->count == INPUTS_MAX) {
				snprintf(error, OPTIONS_ERROR_BYTES, "more than %d files and folders", INPUTS_MAX);
				return false;
			}
			request->inputs[request->count++] = argv[at++];
			continue;
		}
		option = options_read(&reader);
		if (option < 0) {
			snprintf(error, OPTIONS_ERROR_BYTES, "%s", reader.error);
			return false;
		}
		if (!set_option(request, option, reader.value, error))
			return false;
		at = reader.at;
	}
	if (!request->list && request->count == 0) {
		snprintf(error, OPTIONS_ERROR_BYTES, "it wants the folder of a run, or JSON of bench (capacitor bench --out FILE)");
		return false;
	}
	return true;
}

static bool write_findings(const struct request *request, const struct evidence *evidence, const struct findings *findings,
                           char error[RUN_ERROR_BYTES])
{
	size_t top = request->top ? (size_t)request->top : findings->count;
	struct results_file file = {0};

	if (request->out && !results_open(&file, request->out, error, RUN_ERROR_BYTES))
		return false;
	if (request->json && !print_json(file.stream ? file.stream : stdout, evidence, findings)) {
		snprintf(error, RUN_ERROR_BYTES, "the findings could not be written as JSON");
		results_abort(&file);
		return false;
	}
	if (!request->json)
		print_text(file.stream ? file.stream : stdout, evidence, findings, top);
	return !request->out || results_commit(&file, error, RUN_ERROR_BYTES);
}

int analyze_command(int argc, char **argv)
{
	struct request request = {.top = 20};
	struct evidence evidence = {0};
	struct findings findings = {0};
	char error[RUN_ERROR_BYTES] = "";
	int status = COMMAND_OK;

	if (options_want_help(argc, argv)) {
		puts("usage: capacitor analyze RUN|FILE... [OPTION...]\n\n"
		     "Says what a run found, in order of what it costs: evidence, mechanism, what to do, how to verify it. It\n"
		     "looks at the folders and files given, all together: a run of experiment, coherence, profile or codec; JSON\n"
		     "that bench or replay wrote with --out; the table of alloc-check.\n");
		options_print(stdout, known);
		puts("\nA cost is the part of an operation's time at the point named: measured, or estimated from counts on\n"
		     "virtual cores. Costs overlap (who waits for one lock of many waits for locks): do not add them.\n"
		     "Exit status 0, whatever was found.");
		return COMMAND_OK;
	}
	if (!plan_root(request.root, sizeof request.root) || !read_request(&request, argc, argv, error)) {
		fprintf(stderr, "capacitor analyze: %s\n", *error ? error : "no root");
		return COMMAND_USAGE;
	}
	if (request.list) {
		print_rules(stdout);
		return COMMAND_OK;
	}
	for (size_t i = 0; i < request.count && status == COMMAND_OK; i++)
		if (!evidence_add(&evidence, request.root, request.inputs[i], error))
			status = COMMAND_USAGE;
	if (status == COMMAND_OK && !rules_apply(&evidence, &findings)) {
		snprintf(error, sizeof error, "no memory for the findings");
		status = COMMAND_FAIL;
	}
	if (status == COMMAND_OK && !write_findings(&request, &evidence, &findings, error))
		status = COMMAND_FAIL;
	if (status != COMMAND_OK)
		fprintf(stderr, "capacitor analyze: %s\n", error);
	findings_free(&findings);
	evidence_free(&evidence);
	return status;
}
