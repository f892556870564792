/* SPDX-License-Identifier: BSD-2-Clause */
/* G8: what the library and its implementations say about themselves is complete, unique and findable. */
#include "suite.h"

typedef const char *name_of(unsigned number);

/* All names below `count` are there and differ; numbers beyond get a name, too, which is none of them. */
static void expect_names(const char *what, name_of *name, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		expect(name(i) && name(i)[0] != '\0', "%s %u has no name", what, i);
		for (unsigned j = 0; j < i; j++)
			expect(strcmp(name(i), name(j)) != 0, "%s %u and %u are both \"%s\"", what, i, j, name(i));
		expect(name(count) && strcmp(name(i), name(count)) != 0, "%s %u is called as an unknown one", what, i);
	}
	expect(name(count) && strstr(name(count), "unknown"), "%s %u should be unknown", what, count);
	expect(name(UINT32_MAX) && strstr(name(UINT32_MAX), "unknown"), "%s -1 should be unknown", what);
}

static const char *result_name(unsigned number)
{
	return capacitor_result_string((enum capacitor_result)number);
}

static const char *operation_name(unsigned number)
{
	return capacitor_operation_string((enum capacitor_operation)number);
}

static const char *progress_name(unsigned number)
{
	return capacitor_progress_string((enum capacitor_progress)number);
}

static const char *policy_name(unsigned number)
{
	return capacitor_policy_string((enum capacitor_policy)number);
}

static const char *layout_name(unsigned number)
{
	return capacitor_counters_string((enum capacitor_counters)number);
}

static const char *stat_name(unsigned number)
{
	return capacitor_stat_string((enum capacitor_stat)number);
}

static const char *stat_meaning(unsigned number)
{
	return capacitor_stat_meaning((enum capacitor_stat)number);
}

static void test_names(struct rig *rig)
{
	(void)rig;
	expect_names("result", result_name, CAPACITOR_RESULTS);
	expect_names("operation", operation_name, CAPACITOR_OPERATIONS);
	expect_names("progress", progress_name, CAPACITOR_SINGLE + 1);
	expect_names("policy", policy_name, CAPACITOR_POLICIES);
	expect_names("counter layout", layout_name, CAPACITOR_COUNTER_LAYOUTS);
	expect_names("statistic", stat_name, CAPACITOR_STATS);
	expect_names("meaning of statistic", stat_meaning, CAPACITOR_STATS);
	expect(strcmp(result_name(CAPACITOR_HIT), "hit") == 0 && strcmp(result_name(CAPACITOR_MISS), "miss") == 0,
	       "cache.h names hit and miss");
}

static void test_stat_units(struct rig *rig)
{
	(void)rig;
	for (unsigned i = 0; i < CAPACITOR_STATS; i++) {
		const char *name = stat_name(i);
		const char *unit = capacitor_stat_unit((enum capacitor_stat)i);
		size_t length = strlen(name);
		const char *wanted = "1";

		/* Units are last in names. */
		if (length > 3 && strcmp(name + length - 3, "_ns") == 0)
			wanted = "ns";
		if (length > 6 && strcmp(name + length - 6, "_bytes") == 0)
			wanted = "bytes";
		expect(unit && strcmp(unit, wanted) == 0, "statistic %s: unit \"%s\", should be \"%s\"", name,
		       unit ? unit : "NULL", wanted);
	}
	expect(strstr(capacitor_stat_unit((enum capacitor_stat)CAPACITOR_STATS), "unknown"), "a unit out of nowhere");
}

static void test_names_are_found(struct rig *rig)
{
	enum capacitor_policy policy = CAPACITOR_LRU;
	enum capacitor_counters layout = CAPACITOR_COUNTERS_PACKED;

	(void)rig;
	for (unsigned i = 0; i < CAPACITOR_POLICIES; i++)
		expect(capacitor_policy_find(policy_name(i), &policy) && (unsigned)policy == i,
		       "policy %s is not found", policy_name(i));
	for (unsigned i = 0; i < CAPACITOR_COUNTER_LAYOUTS; i++)
		expect(capacitor_counters_find(layout_name(i), &layout) && (unsigned)layout == i,
		       "layout %s is not found", layout_name(i));
	policy = CAPACITOR_CLOCK;
	expect(!capacitor_policy_find("mru", &policy) && !capacitor_policy_find("", &policy) &&
	       !capacitor_policy_find("FIFO", &policy) && !capacitor_policy_find(NULL, &policy),
	       "a policy was found that does not exist");
	expect(!capacitor_counters_find("shared", &layout) && !capacitor_counters_find(NULL, &layout),
	       "a layout was found that does not exist");
	expect(policy == CAPACITOR_CLOCK, "a search that fails writes nothing");
}

static void test_table_is_alphabetical(struct rig *rig)
{
	const struct capacitor_info *info;
	size_t count = 0;

	(void)rig;
	for (; (info = capacitor_info(count)); count++) {
		expect(capacitor_find(info->name) == info, "%s is not found by its name", info->name);
		if (count > 0)
			expect(strcmp(capacitor_info(count - 1)->name, info->name) < 0, "%s is out of order",
			       info->name);
	}
	expect(count > 0, "there is no implementation");
	expect(!capacitor_info(count + 1) && !capacitor_info(SIZE_MAX), "the table does not end");
	expect(!capacitor_find("no such") && !capacitor_find("") && !capacitor_find(NULL),
	       "an implementation was found that does not exist");
}

static bool text(const char *string)
{
	return string && strlen(string) >= 3 && !strchr(string, '\n');
}

static void test_declaration_is_complete(struct rig *rig)
{
	const struct capacitor_info *info = rig->info;
	uint32_t known = CAPACITOR_LACKS_STORAGE | CAPACITOR_LACKS_CONCURRENCY | CAPACITOR_LACKS_HUGE_PAGES |
	                 CAPACITOR_LACKS_TABLE_GROWTH | CAPACITOR_LACKS_SHARDS;

	expect(text(info->summary) && text(info->use) && text(info->reclamation), "%s: a text is missing", info->name);
	expect(info->policies != 0 && info->policies < 1u << CAPACITOR_POLICIES, "%s: policies are 0x%x", info->name,
	       info->policies);
	expect((info->lacks & ~known) == 0, "%s: lacks 0x%x", info->name, info->lacks);
	for (unsigned i = 0; i < CAPACITOR_OPERATIONS; i++) {
		expect(!strstr(progress_name(info->progress[i]), "unknown"), "%s: the progress of %s", info->name,
		       operation_name(i));
		expect((info->progress[i] == CAPACITOR_SINGLE) == ((info->lacks & CAPACITOR_LACKS_CONCURRENCY) != 0),
		       "%s: single-threaded progress goes with a lack of concurrency", info->name);
	}
	for (unsigned i = 0; i < CAPACITOR_STATS; i++)
		expect(!info->unavailable[i] || text(info->unavailable[i]), "%s: the reason why %s is unavailable",
		       info->name, stat_name(i));
	for (unsigned i = CAPACITOR_STAT_GAUGES; i < CAPACITOR_STATS; i++)
		expect(!info->unavailable[i], "%s: %s must be known, the guarantees build on it", info->name,
		       stat_name(i));
}

/* A lock on the way of a hit is what LRU needs; who declares hits without locks cannot have it. */
static void test_lru_only_where_hits_lock(struct rig *rig)
{
	bool lru = rig->info->policies & 1u << CAPACITOR_LRU;

	expect(!lru || rig_blocks(rig, CAPACITOR_OP_GET) || (rig->info->lacks & STORAGE),
	       "%s reorders at a hit, and declares that hits take no lock", rig->info->name);
}

static void test_cache_info(struct rig *rig)
{
	rig_open(rig);
	expect(capacitor_cache_info(rig->cache) == rig->info, "the cache is of another implementation");
}

static void test_entry_bytes(struct rig *rig)
{
	(void)rig;
	for (size_t key_bytes = 1; key_bytes <= CAPACITOR_KEY_BYTES_MAX; key_bytes = key_bytes * 3 + 1) {
		size_t before = 0;

		for (size_t value_bytes = 0; value_bytes <= CAPACITOR_VALUE_BYTES_MAX;
		     value_bytes = value_bytes * 2 + 1) {
			size_t bytes = capacitor_entry_bytes(key_bytes, value_bytes);

			expect(bytes > key_bytes + value_bytes, "an entry of %zu + %zu bytes is charged %zu", key_bytes,
			       value_bytes, bytes);
			expect(bytes <= 256 + (key_bytes + value_bytes) * 5 / 4, "%zu + %zu bytes are charged %zu",
			       key_bytes, value_bytes, bytes);
			expect(bytes >= before, "a longer value is charged less");
			before = bytes;
		}
	}
}

const struct suite_test information_tests[] = {
	{.name = "every result, operation, policy, layout and statistic has a name of its own", .run = test_names},
	{.name = "a statistic's unit is the end of its name", .run = test_stat_units},
	{.name = "policies and layouts are found by their names, and nothing else is", .run = test_names_are_found},
	{.name = "the table is alphabetical and ends", .run = test_table_is_alphabetical},
	{.name = "an entry is charged its header, key and value, and little more", .run = test_entry_bytes},
	{.name = "G8 the declaration is complete", .run = test_declaration_is_complete, .scope = SUITE_IMPLEMENTATION},
	{.name = "G8 lru is only there where hits may lock", .run = test_lru_only_where_hits_lock,
	 .scope = SUITE_IMPLEMENTATION},
	{.name = "a cache knows what it was made of", .run = test_cache_info, .scope = SUITE_ALL},
	{.name = NULL},
};
