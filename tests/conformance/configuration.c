/* SPDX-License-Identifier: BSD-2-Clause */
/* Configurations: the defaults work, bad ones are refused with a message that names the field. */
#include "heap.h"
#include "suite.h"

/* Refused: INVALID, no cache, and a message that contains the text. */
static void expect_refused(const struct rig *rig, const struct capacitor_config *config, const char *names)
{
	struct capacitor *cache = (struct capacitor *)1;
	struct capacitor_error error;

	memset(&error, 'x', sizeof error);
	expect_result(capacitor_create(rig->info->name, config, &cache, &error), CAPACITOR_INVALID);
	expect(!cache, "*cache is not NULL after a failure");
	expect(memchr(error.message, '\0', sizeof error.message), "the message does not end");
	expect(strstr(error.message, names), "\"%s\" does not name %s", error.message, names);
	cache = (struct capacitor *)1;
	expect_result(capacitor_create(rig->info->name, config, &cache, NULL), CAPACITOR_INVALID);
	expect(!cache, "*cache is not NULL after a failure");
}

static void test_defaults(struct rig *rig)
{
	struct capacitor_config config;

	(void)rig;
	memset(&config, 0xff, sizeof config);
	capacitor_config_init(&config);
	expect_number(config.capacity_bytes, (size_t)64 << 20);
	expect_number(config.policy, CAPACITOR_SIEVE);
	expect_number(config.counters, CAPACITOR_COUNTERS_PADDED);
	expect_number(config.expected_entries, 0);
	expect_number(config.shards, 0);
	expect_number(config.threads_max, 256);
	expect_number(config.hash, CAPACITOR_HASH_SIPHASH);
	expect_number(config.hash_seed_set, false);
	expect(!config.hash_function && !config.clock_ns, "no functions by default");
	expect_number(config.default_ttl_ns, 0);
	expect_number(config.busy_timeout_ns, 100000000);
	expect_number(config.huge_pages, false);
}

static void test_defaults_work(struct rig *rig)
{
	struct capacitor_handle *handle;
	struct capacitor *cache = NULL;
	struct capacitor_stats stats;

	expect_result(capacitor_create(rig->info->name, NULL, &cache, NULL), CAPACITOR_OK);
	rig->cache = cache; /* for the fixture to destroy */
	expect_result(capacitor_enter(cache, &handle), CAPACITOR_OK);
	expect_result(tagged_set(handle, 1, 1, 100), CAPACITOR_STORED);
	expect_result(capacitor_stats(cache, &stats), CAPACITOR_OK);
	expect_number(stats.value[CAPACITOR_STAT_CAPACITY_BYTES], (size_t)64 << 20);
	expect(stats.value[CAPACITOR_STAT_TABLE_BYTES] < (size_t)16 << 20, "the tables take a quarter of the capacity");
}

static void test_bad_numbers(struct rig *rig)
{
	struct capacitor_config config = rig->config;

	config.capacity_bytes = 0;
	expect_refused(rig, &config, "capacity_bytes");
	config.capacity_bytes = ((size_t)1 << 62) + 1;
	expect_refused(rig, &config, "capacity_bytes");
	config = rig->config;
	config.expected_entries = SIZE_MAX;
	expect_refused(rig, &config, "expected_entries");
	config = rig->config;
	config.counters = (enum capacitor_counters)CAPACITOR_COUNTER_LAYOUTS;
	expect_refused(rig, &config, "counters");
	for (unsigned i = 0; i < 4; i++) {
		config = rig->config;
		config.shards = (unsigned[]){3, 2048, 1023, UINT32_MAX}[i];
		expect_refused(rig, &config, "shards");
	}
	config = rig->config;
	config.threads_max = 0;
	expect_refused(rig, &config, "threads_max");
	config.threads_max = CAPACITOR_THREADS_MAX + 1;
	expect_refused(rig, &config, "threads_max");
	config = rig->config;
	config.hash = (enum capacitor_hash)99;
	expect_refused(rig, &config, "hash");
	config.hash = CAPACITOR_HASH_CUSTOM;
	expect_refused(rig, &config, "hash_function");
}

static void test_policies(struct rig *rig)
{
	struct capacitor_config config = rig->config;

	for (unsigned policy = 0; policy < CAPACITOR_POLICIES; policy++) {
		config.policy = (enum capacitor_policy)policy;
		if (rig->info->policies & 1u << policy) {
			struct capacitor *cache = NULL;

			expect_result(capacitor_create(rig->info->name, &config, &cache, NULL), CAPACITOR_OK);
			capacitor_destroy(cache);
			continue;
		}
		expect_refused(rig, &config, "policy");
		expect_refused(rig, &config, capacitor_policy_string(config.policy));
		for (unsigned other = 0; other < CAPACITOR_POLICIES; other++)
			if (rig->info->policies & 1u << other)
				expect_refused(rig, &config, capacitor_policy_string((enum capacitor_policy)other));
	}
	config.policy = (enum capacitor_policy)CAPACITOR_POLICIES;
	expect_refused(rig, &config, "policy");
}

/* The tables alone would not fit. */
static void test_capacity_below_tables(struct rig *rig)
{
	struct capacitor_config config = rig->config;

	config.expected_entries = 100000;
	config.capacity_bytes = 1000;
	expect_refused(rig, &config, "capacity_bytes");
	/* As many bytes as the tables take are enough, one less is not. */
	config.expected_entries = 1000;
	config.capacity_bytes = (size_t)1 << 30;
	rig->config = config;
	rig_open(rig);
	config.capacity_bytes = (size_t)rig_stat(rig, CAPACITOR_STAT_TABLE_BYTES);
	rig->config = config;
	rig_open(rig);
	rig_close(rig);
	config.capacity_bytes--;
	expect_refused(rig, &config, "capacity_bytes");
}

static void test_limits(struct rig *rig)
{
	rig->config.threads_max = CAPACITOR_THREADS_MAX;
	rig->config.shards = CAPACITOR_SHARDS_MAX;
	rig->config.capacity_bytes = (size_t)1 << 62;
	rig_open(rig);
	expect_result(tagged_set(rig->handle, 1, 1, 100), CAPACITOR_STORED);
	rig->config.threads_max = 1;
	rig->config.shards = 1;
	rig->config.busy_timeout_ns = 0;
	rig_open(rig);
	expect_result(tagged_set(rig->handle, 1, 1, 100), CAPACITOR_STORED);
}

/* Without expected_entries, a capacity is enough or refused by its name: never a table of no entries. */
static void test_small_capacities(struct rig *rig)
{
	static const size_t capacities[] = {1, 64, 255, 256, 257, 4096};

	rig->config.expected_entries = 0;
	for (size_t i = 0; i < sizeof capacities / sizeof capacities[0]; i++) {
		struct capacitor *cache = NULL;
		enum capacitor_result result;

		rig->config.capacity_bytes = capacities[i];
		result = capacitor_create(rig->info->name, &rig->config, &cache, NULL);
		if (result == CAPACITOR_OK) {
			capacitor_destroy(cache);
			rig_open(rig);
			result = tagged_set(rig->handle, 1, 1, 100);
			expect(result == CAPACITOR_STORED || result == CAPACITOR_TOO_LARGE, "%s: %s", "set",
			       capacitor_result_string(result));
			rig_close(rig);
		} else {
			expect_refused(rig, &rig->config, "capacity_bytes");
		}
	}
}

/* Without expected_entries they are guessed: a table of at least one, and of no more than fit a machine, whatever the capacity.
 * The text of a failure tells the number, without making tables of that size. */
static void test_guessed_entries(struct rig *rig)
{
	static const struct {
		size_t capacity_bytes;
		const char *text;
	} guesses[] = {
		{1, " 1 expected"}, {255, " 1 expected"}, {511, " 1 expected"}, {512, " 2 expected"}, {1 << 20, " 4096 expected"},
		{((size_t)1 << 32) - 1, " 16777215 expected"}, {(size_t)1 << 32, " 16777216 expected"},
		{(size_t)1 << 62, " 16777216 expected"},
	};

	if (!heap_watched())
		rig_skip(rig, "a sanitizer's malloc is in charge");
	rig->config.expected_entries = 0;
	for (size_t i = 0; i < sizeof guesses / sizeof guesses[0]; i++) {
		struct capacitor *cache = NULL;
		struct capacitor_error error = {{0}};

		rig->config.capacity_bytes = guesses[i].capacity_bytes;
		heap_fail_at(1);
		expect_result(capacitor_create(rig->info->name, &rig->config, &cache, &error), CAPACITOR_NO_MEMORY);
		heap_fail_at(0);
		expect(strstr(error.message, guesses[i].text), "\"%s\" does not say%s", error.message, guesses[i].text);
	}
}

static void test_unknown_implementation(struct rig *rig)
{
	const char *const names[] = {"no such", "", NULL};
	const struct capacitor_info *info;

	(void)rig;
	for (size_t i = 0; i < 3; i++) {
		struct capacitor *cache = (struct capacitor *)1;
		struct capacitor_error error = {{0}};

		expect_result(capacitor_create(names[i], NULL, &cache, &error), CAPACITOR_INVALID);
		expect(!cache, "*cache is not NULL after a failure");
		for (size_t j = 0; (info = capacitor_info(j)); j++)
			expect(strstr(error.message, info->name), "\"%s\" does not name %s", error.message, info->name);
	}
}

const struct suite_test configuration_tests[] = {
	{.name = "the defaults are those of cache.h", .run = test_defaults},
	{.name = "an unknown implementation is refused by naming those there are", .run = test_unknown_implementation},
	{.name = "the default configuration works", .run = test_defaults_work, .scope = SUITE_IMPLEMENTATION},
	{.name = "a number out of range is refused by its field's name", .run = test_bad_numbers,
	 .scope = SUITE_IMPLEMENTATION},
	{.name = "G8 a policy is supported as declared, or refused by naming the others", .run = test_policies,
	 .scope = SUITE_LAYOUT},
	{.name = "a capacity below the tables is refused", .run = test_capacity_below_tables, .scope = SUITE_POLICY,
	 .without = STORAGE},
	{.name = "a small capacity is enough, or refused", .run = test_small_capacities, .scope = SUITE_POLICY},
	{.name = "entries that are not given are guessed from the capacity", .run = test_guessed_entries, .heap = true,
	 .scope = SUITE_IMPLEMENTATION},
	{.name = "the limits of the configuration work", .run = test_limits, .scope = SUITE_ALL},
	{.name = NULL},
};
