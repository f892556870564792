/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `capacitor list`: what there is to measure, and what is measured.
 *
 * Everything comes from the tables that the rest uses (cache.h's information calls, metrics.h): one JSON document is
 * made of them, which is printed as it is, or as text for reading.
 */
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "capacitor/cache.h"
#include "harness/codec.h"
#include "harness/commands.h"
#include "harness/metrics.h"
#include "harness/options.h"
#include "harness/trace.h"

static const char *const topics[] = {"implementations", "policies", "counters", "hashes", "metrics",
                                     "statistics", "codecs", "trace_formats", NULL};

static const char help[] =
	"usage: capacitor list [--json] [TOPIC...]\n"
	"\n"
	"Lists implementations (what they are and are for, how they reclaim memory, the progress of each operation,\n"
	"what they lack), eviction policies, counter layouts, hashes, metrics with their units and meaning, the\n"
	"caches' own statistics, codecs with their libraries, and formats of traces.\n"
	"\n"
	"  TOPIC    implementations, policies, counters, hashes, metrics, statistics, codecs, trace_formats; default: all\n"
	"  --json   as JSON\n"
	"  --help   this text\n";

/* What the names stand for; cache.h has it in comments only. */
static const char *const policy_meanings[CAPACITOR_POLICIES] = {
	[CAPACITOR_FIFO] = "evicts the oldest insertion; a hit writes nothing",
	[CAPACITOR_LRU] = "evicts the least recently used; a hit reorders, so it needs a lock",
	[CAPACITOR_CLOCK] = "FIFO with one reinsertion for a visited entry (Corbato 1968)",
	[CAPACITOR_SIEVE] = "a hand that leaves visited entries in their place (Zhang et al., NSDI 2024)",
	[CAPACITOR_S3FIFO] = "small, main and ghost FIFO queues (Yang et al., SOSP 2023)",
};

static const char *const counter_meanings[CAPACITOR_COUNTER_LAYOUTS] = {
	[CAPACITOR_COUNTERS_GLOBAL] = "one atomic per counter, shared by all threads",
	[CAPACITOR_COUNTERS_PACKED] = "one per thread, side by side: the false-sharing baseline",
	[CAPACITOR_COUNTERS_PADDED] = "one block per thread, on cache lines of its own",
};

static const char *const hash_meanings[] = {
	[CAPACITOR_HASH_SIPHASH] = "SipHash-2-4, keyed with a secret: crafted keys cannot degrade it",
	[CAPACITOR_HASH_XXH3] = "XXH3, unkeyed and faster: for trusted keys",
};

static const struct {
	uint32_t flag;
	const char *name;
} lacks[] = {
	{CAPACITOR_LACKS_STORAGE, "storage"},
	{CAPACITOR_LACKS_CONCURRENCY, "concurrency"},
	{CAPACITOR_LACKS_HUGE_PAGES, "huge pages"},
	{CAPACITOR_LACKS_TABLE_GROWTH, "table growth"},
	{CAPACITOR_LACKS_SHARDS, "shards"},
};

/* ---- The document ------------------------------------------------------------------------------------------------ */

static json_t *implementation_json(const struct capacitor_info *info)
{
	json_t *progress = json_object(), *unavailable = json_object();
	json_t *policies = json_array(), *lacking = json_array();

	for (unsigned i = 0; i < CAPACITOR_OPERATIONS; i++)
		json_object_set_new(progress, capacitor_operation_string((enum capacitor_operation)i),
		                    json_string(capacitor_progress_string(info->progress[i])));
	for (unsigned i = 0; i < CAPACITOR_POLICIES; i++)
		if (info->policies & 1u << i)
			json_array_append_new(policies, json_string(capacitor_policy_string((enum capacitor_policy)i)));
	for (size_t i = 0; i < sizeof(lacks) / sizeof(lacks[0]); i++)
		if (info->lacks & lacks[i].flag)
			json_array_append_new(lacking, json_string(lacks[i].name));
	for (unsigned i = 0; i < CAPACITOR_STATS; i++)
		if (info->unavailable[i])
			json_object_set_new(unavailable, capacitor_stat_string((enum capacitor_stat)i),
			                    json_string(info->unavailable[i]));
	return json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:o}", "name", info->name, "what", info->summary, "use",
	                 info->use, "reclamation", info->reclamation, "progress", progress, "policies", policies,
	                 "lacks", lacking, "unavailable", unavailable);
}

static json_t *implementations_json(void)
{
	json_t *array = json_array();

	for (size_t i = 0; capacitor_info(i); i++)
		json_array_append_new(array, implementation_json(capacitor_info(i)));
	return array;
}

static json_t *names_json(const char *const *names, const char *const *meanings)
{
	json_t *array = json_array();

	for (size_t i = 0; names[i]; i++)
		json_array_append_new(array, meanings ? json_pack("{s:s, s:s}", "name", names[i], "meaning",
		                                                  meanings[i])
		                                      : json_pack("{s:s}", "name", names[i]));
	return array;
}

static json_t *quantity_json(const char *name, const char *unit, const char *meaning)
{
	return json_pack("{s:s, s:s, s:s}", "name", name, "unit", unit, "meaning", meaning);
}

static json_t *metrics_json(void)
{
	json_t *array = json_array();

	for (unsigned i = 0; i < METRICS; i++) {
		const struct metric_row *row = metric_info((enum metric)i);

		json_array_append_new(array, quantity_json(row->name, row->unit, row->meaning));
	}
	return array;
}

static json_t *statistics_json(void)
{
	json_t *array = json_array();

	for (unsigned i = 0; i < CAPACITOR_STATS; i++) {
		enum capacitor_stat stat = (enum capacitor_stat)i;

		json_array_append_new(array, quantity_json(capacitor_stat_string(stat), capacitor_stat_unit(stat),
		                                           capacitor_stat_meaning(stat)));
	}
	return array;
}

static json_t *codecs_json(void)
{
	json_t *array = json_array();

	for (size_t i = 0; codecs[i]; i++)
		json_array_append_new(array, json_pack("{s:s, s:o, s:s, s:s}", "name", codecs[i]->name, "meaning",
		                                       json_sprintf("%s: %s %s", codecs[i]->format, codecs[i]->library,
		                                                    codecs[i]->version()),
		                                       "library", codecs[i]->library, "version", codecs[i]->version()));
	return array;
}

static json_t *topic_json(const char *topic)
{
	if (strcmp(topic, "implementations") == 0)
		return implementations_json();
	if (strcmp(topic, "policies") == 0)
		return names_json(options_policies(), policy_meanings);
	if (strcmp(topic, "counters") == 0)
		return names_json(options_counters(), counter_meanings);
	if (strcmp(topic, "hashes") == 0)
		return names_json(options_hashes(), hash_meanings);
	if (strcmp(topic, "metrics") == 0)
		return metrics_json();
	if (strcmp(topic, "statistics") == 0)
		return statistics_json();
	if (strcmp(topic, "codecs") == 0)
		return codecs_json();
	return names_json(trace_formats, NULL);
}

/* ---- As text ----------------------------------------------------------------------------------------------------- */

/* Prints words, broken at so many columns, the lines after the first indented. */
static void print_words(const char *text, int indent)
{
	int column = indent;

	while (*text) {
		int length = (int)strcspn(text, " ");

		if (column + 1 + length > 118 && column > indent) {
			printf("\n%*s", indent, "");
			column = indent;
		}
		column += printf("%s%.*s", column > indent ? " " : "", length, text);
		text += length;
		text += strspn(text, " ");
	}
	putchar('\n');
}

static void print_field(const char *name, const char *text)
{
	printf("    %-14s", name);
	print_words(text, 18);
}

/* The items of an array, or "key value" of an object, in one line. */
static void print_items(const char *name, const json_t *items, const char *when_empty)
{
	char text[2048] = "";
	size_t used = 0, index;
	const char *key;
	json_t *item;

	if (json_is_array(items)) {
		json_array_foreach(items, index, item) {
			used = strlen(text);
			snprintf(text + used, sizeof(text) - used, "%s%s", used ? ", " : "", json_string_value(item));
		}
	} else {
		json_object_foreach((json_t *)items, key, item) {
			used = strlen(text);
			snprintf(text + used, sizeof(text) - used, "%s%s: %s", used ? "; " : "", key,
			         json_string_value(item));
		}
	}
	print_field(name, text[0] ? text : when_empty);
}

static void print_implementation(const json_t *item)
{
	printf("  %s\n", json_string_value(json_object_get(item, "name")));
	print_field("what it is", json_string_value(json_object_get(item, "what")));
	print_field("for", json_string_value(json_object_get(item, "use")));
	print_field("reclamation", json_string_value(json_object_get(item, "reclamation")));
	print_items("progress", json_object_get(item, "progress"), "-");
	print_items("policies", json_object_get(item, "policies"), "none");
	print_items("lacks", json_object_get(item, "lacks"), "nothing");
	print_items("uncounted", json_object_get(item, "unavailable"), "-");
}

static void print_topic(const char *topic, const json_t *items)
{
	size_t index;
	json_t *item;

	printf("%s\n", topic);
	json_array_foreach(items, index, item) {
		const char *name = json_string_value(json_object_get(item, "name"));
		const char *unit = json_string_value(json_object_get(item, "unit"));
		const char *meaning = json_string_value(json_object_get(item, "meaning"));

		if (json_object_get(item, "progress")) {
			print_implementation(item);
		} else if (meaning) {
			printf("  %-28s%-9s", name, unit ? unit : "");
			print_words(meaning, 39);
		} else {
			printf("  %s\n", name);
		}
	}
}

/* ---- The subcommand ---------------------------------------------------------------------------------------------- */

static void print_all(const json_t *document, bool as_json)
{
	const char *topic;
	json_t *items;
	bool first = true;

	if (as_json) {
		json_dumpf(document, stdout, JSON_INDENT(2));
		putchar('\n');
		return;
	}
	json_object_foreach((json_t *)document, topic, items) {
		printf("%s", first ? "" : "\n");
		print_topic(topic, items);
		first = false;
	}
}

int list_command(int argc, char **argv)
{
	char error[OPTIONS_ERROR_BYTES];
	json_t *document = json_object();
	bool as_json = false;
	size_t index;

	if (options_want_help(argc, argv)) {
		fputs(help, stdout);
		json_decref(document);
		return COMMAND_OK;
	}
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--json") == 0) {
			as_json = true;
		} else if (options_name("topic", argv[i], topics, &index, error)) {
			json_object_set_new(document, topics[index], topic_json(topics[index]));
		} else {
			fprintf(stderr, "capacitor list: %s; and --json, --help\n", error);
			json_decref(document);
			return COMMAND_USAGE;
		}
	}
	if (json_object_size(document) == 0)
		for (size_t i = 0; topics[i]; i++)
			json_object_set_new(document, topics[i], topic_json(topics[i]));
	print_all(document, as_json);
	json_decref(document);
	return COMMAND_OK;
}
