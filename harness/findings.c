/* SPDX-License-Identifier: BSD-2-Clause */
/* What rules find; see findings.h. */
#include "harness/findings.h"

#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/rules.h"

const char *figure(double number)
{
	static char texts[8][32];
	static unsigned turn;
	char *text = texts[turn++ % 8];

	if (fabs(number) >= 1e9)
		snprintf(text, sizeof texts[0], "%.3g G", number / 1e9);
	else if (fabs(number) >= 1e6)
		snprintf(text, sizeof texts[0], "%.3g M", number / 1e6);
	else if (fabs(number) >= 1000)
		snprintf(text, sizeof texts[0], "%.0f", number);
	else
		snprintf(text, sizeof texts[0], "%.3g", number);
	return text;
}

const char *figure_of(struct point_row row, const char *column)
{
	double number;

	return row_number(row, column, &number) ? figure(number) : "unknown";
}

/* A point in a few words; what nearly always is the same is left out. */
static void describe(struct point_row row, char text[RULES_LINE_BYTES])
{
	static const struct {
		const char *column, *usual, *format;
	} parts[] = {
		{"source", "-", "%s"}, {"trace", "-", "%s"}, {"impl", "-", "%s"}, {"codec", "-", "%s"},
		{"threads", "-", "threads %s"}, {"mix", "-", "mix %s"}, {"keys", "-", "%s keys"},
		{"value_bytes", "-", "%s-byte values"}, {"skew", "0.99", "skew %s"}, {"policy", "sieve", "%s"},
		{"counters", "padded", "counters %s"}, {"hash", "siphash", "hash %s"},
	};
	size_t used = 0;

	text[0] = '\0';
	for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
		const char *value = row_text(row, parts[i].column);

		if (strcmp(value, "-") == 0 || strcmp(value, parts[i].usual) == 0 || used + 3 > RULES_LINE_BYTES)
			continue;
		used += (size_t)snprintf(text + used, RULES_LINE_BYTES - used, "%s", used ? ", " : "");
		used += (size_t)snprintf(text + used, RULES_LINE_BYTES - used, parts[i].format, value);
	}
}

/* The same as options of bench, without --impl, and without those that are its defaults. */
static void options_of(struct point_row row, char text[RULES_LINE_BYTES])
{
	static const struct {
		const char *column, *option, *usual;
	} options[] = {
		{"threads", "--threads", "1"}, {"mix", "--mix", "95-4-1"}, {"keys", "--keys", "-"},
		{"key_bytes", "--key-size", "16"}, {"value_bytes", "--value-size", "100"}, {"skew", "--skew", "0.99"},
		{"policy", "--policy", "sieve"}, {"counters", "--counters", "padded"}, {"hash", "--hash", "siphash"},
		{"capacity_bytes", "--capacity", "-"},
	};
	size_t used = 0;

	text[0] = '\0';
	for (size_t i = 0; i < sizeof options / sizeof options[0] && used < RULES_LINE_BYTES; i++) {
		const char *value = row_text(row, options[i].column);

		if (strcmp(value, "-") == 0 || strcmp(value, options[i].usual) == 0 ||
		    (strcmp(options[i].column, "capacity_bytes") == 0 && row_usual_capacity(row)))
			continue;
		used += (size_t)snprintf(text + used, RULES_LINE_BYTES - used, "%s%s %s", used ? " " : "", options[i].option,
		                         value);
	}
	for (char *at = strstr(text, "--mix "); at && at[6] && at[6] != ' '; at++) /* 90-9-1 is 90:9:1 on the command line */
		if (at[6] == '-')
			at[6] = ':';
}

static const char *and_rcu(struct point_row row)
{
	static char text[64];

	snprintf(text, sizeof text, "%.50s,rcu", row_text(row, "impl"));
	return text;
}

/* What comes from tables is shown on terminals and in JSON: nothing but printable ASCII. */
static void clean(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || (unsigned char)*text > '~')
			*text = '?';
}

/* A rule's commands, for a row. */
static void fill_verify(struct finding *finding, struct point_row row)
{
	const char *from = finding->rule->verify;
	char options[RULES_LINE_BYTES];
	size_t used = 0;

	options_of(row, options);
	while (*from && used + 1 < sizeof finding->verify) {
		const char *text = NULL;

		if (strncmp(from, "{impl}", 6) == 0)
			text = row_is(row, "impl", "-") ? finding->about : row_text(row, "impl");
		else if (strncmp(from, "{threads}", 9) == 0)
			text = row_is(row, "threads", "-") ? "1" : row_text(row, "threads");
		else if (strncmp(from, "{and_rcu}", 9) == 0) /* the implementation beside one that reads without locks */
			text = row_is(row, "impl", "rcu") ? "rcu,ck_hs" : and_rcu(row);
		else if (strncmp(from, "{point}", 7) == 0)
			text = options;
		if (text) {
			used += (size_t)snprintf(finding->verify + used, sizeof finding->verify - used, "%s", text);
			from = strchr(from, '}') + 1;
		} else {
			finding->verify[used++] = *from++;
		}
	}
	finding->verify[used < sizeof finding->verify ? used : sizeof finding->verify - 1] = '\0';
}

static bool worse(const struct finding *known, enum finding_basis basis, double weight)
{
	return basis != known->basis ? basis < known->basis : weight > known->weight;
}

/* What a finding is about: the implementation, with what was chosen badly on purpose, so that it does not hide what is not. */
static const char *about(struct point_row row)
{
	static char text[64];

	if (row_is(row, "counters", "-") || row_is(row, "counters", "padded"))
		return row_text(row, "impl");
	snprintf(text, sizeof text, "%.30s (%.20s counters)", row_text(row, "impl"), row_text(row, "counters"));
	return text;
}

struct finding *finding_report(struct findings *findings, const struct rule *rule, const char *of, struct point_row row,
                               enum finding_basis basis, double weight)
{
	struct finding *grown, *finding = NULL;
	size_t elsewhere = 0;

	of = of ? of : about(row);
	for (size_t i = 0; i < findings->count && !finding; i++)
		if (findings->item[i].rule == rule && strcmp(findings->item[i].about, of) == 0)
			finding = &findings->item[i];
	if (finding) {
		elsewhere = ++finding->elsewhere;
		if (!worse(finding, basis, weight))
			return NULL;
	} else {
		grown = realloc(findings->item, (findings->count + 1) * sizeof *grown);
		if (!grown) {
			findings->no_memory = true;
			return NULL;
		}
		findings->item = grown;
		finding = &grown[findings->count++];
	}
	*finding = (struct finding){.rule = rule, .basis = basis, .weight = weight, .elsewhere = elsewhere};
	snprintf(finding->about, sizeof finding->about, "%s", of);
	describe(row, finding->point);
	fill_verify(finding, row);
	clean(finding->about);
	clean(finding->point);
	clean(finding->verify);
	return finding;
}

void finding_add(struct finding *finding, const char *format, ...)
{
	va_list arguments;

	if (finding->evidences == RULES_EVIDENCE_MAX)
		return;
	va_start(arguments, format);
	vsnprintf(finding->evidence[finding->evidences], RULES_LINE_BYTES, format, arguments);
	va_end(arguments);
	clean(finding->evidence[finding->evidences++]);
}

void findings_free(struct findings *findings)
{
	free(findings->item);
	*findings = (struct findings){0};
}
