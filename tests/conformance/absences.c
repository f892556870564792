/* SPDX-License-Identifier: BSD-2-Clause */
/* G8: what an implementation declares that it lacks, it lacks; what it does not declare, it has. */
#include <inttypes.h>
#include <unistd.h>

#include "crew.h"
#include "heap.h"

/* ---- Storage ----------------------------------------------------------------------------------------------------- */

static bool visited(void *context, const void *key, size_t key_bytes, const void *value, size_t value_bytes)
{
	(void)key, (void)key_bytes, (void)value, (void)value_bytes;
	*(bool *)context = true;
	return true;
}

static void test_no_storage(struct rig *rig)
{
	struct label label = label_of(1);
	struct capacitor_request request = {.key = label.text, .key_bytes = label.bytes};
	struct capacitor_pin pin;
	bool any = false;

	rig_open(rig);
	expect_result(tagged_set(rig->handle, 1, 1, 100), CAPACITOR_STORED);
	expect_number(tagged_version(rig, 1), MISSING);
	expect_result(label_contains(rig->handle, 1), CAPACITOR_MISS);
	expect_result(label_pin(rig->handle, 1, &pin), CAPACITOR_MISS);
	expect_result(label_delete(rig->handle, 1), CAPACITOR_MISS);
	expect_result(tagged_write(capacitor_replace, rig->handle, 1, 1, 100), CAPACITOR_MISS);
	expect_result(tagged_write(capacitor_add, rig->handle, 1, 1, 100), CAPACITOR_STORED);
	expect_result(tagged_write(capacitor_add, rig->handle, 1, 1, 100), CAPACITOR_STORED);
	expect_result(capacitor_get_many(rig->handle, &request, 1), CAPACITOR_OK);
	expect_result(request.result, CAPACITOR_MISS);
	expect_result(capacitor_each(rig->handle, visited, &any), CAPACITOR_OK);
	expect(!any, "each visited something");
	expect_result(capacitor_clear(rig->handle), CAPACITOR_OK);
	expect_result(capacitor_quiesce(rig->handle), CAPACITOR_OK);
	expect_result(capacitor_resize(rig->handle, (size_t)1 << 20), CAPACITOR_OK);
	expect_number(rig_stat(rig, CAPACITOR_STAT_CAPACITY_BYTES), (size_t)1 << 20);
	expect_number(rig_stat(rig, CAPACITOR_STAT_ENTRIES), 0);
	expect_number(rig_used_bytes(rig), 0);
}

static void test_storage(struct rig *rig)
{
	rig_open(rig);
	expect_result(tagged_set(rig->handle, 1, 1, 100), CAPACITOR_STORED);
	expect_number(tagged_version(rig, 1), 1);
}

/* ---- Concurrency ------------------------------------------------------------------------------------------------- */

struct second {
	struct rig *rig;
	enum capacitor_result result;
	struct capacitor_handle *handle;
};

static void *second_main(void *argument)
{
	struct second *second = argument;

	second->handle = (struct capacitor_handle *)1;
	second->result = capacitor_enter(second->rig->cache, &second->handle);
	if (second->result == CAPACITOR_OK)
		(void)tagged_set(second->handle, 2, 2, 100);
	return NULL; /* dying inside is leaving */
}

static struct second run_second(struct rig *rig)
{
	struct second second = {.rig = rig};
	pthread_t thread;

	expect(pthread_create(&thread, NULL, second_main, &second) == 0, "no thread");
	pthread_join(thread, NULL);
	return second;
}

static void test_no_concurrency(struct rig *rig)
{
	struct second second;

	rig->config.threads_max = 100;
	rig_open(rig);
	expect_result(tagged_set(rig->handle, 1, 1, 100), CAPACITOR_STORED);
	second = run_second(rig);
	expect_result(second.result, CAPACITOR_BUSY);
	expect(!second.handle, "*handle is not NULL");
	expect_number(tagged_version(rig, 1), 1);
	/* One at a time, in turns, sees what the others did. */
	capacitor_leave(rig->handle);
	second = run_second(rig);
	expect_result(second.result, CAPACITOR_OK);
	expect_result(capacitor_enter(rig->cache, &rig->handle), CAPACITOR_OK);
	expect_number(tagged_version(rig, 1), 1);
	expect_number(tagged_version(rig, 2), 2);
}

static void test_concurrency(struct rig *rig)
{
	struct second second;

	rig_open(rig);
	second = run_second(rig);
	expect_result(second.result, CAPACITOR_OK);
	expect_number(tagged_version(rig, 2), rig->info->lacks & STORAGE ? MISSING : 2);
}

/* ---- Table growth ------------------------------------------------------------------------------------------------ */

static void fill_beyond_expected(struct rig *rig, uint64_t keys)
{
	rig->config.expected_entries = 8;
	rig_open(rig);
	for (uint64_t key = 0; key < keys; key++)
		expect_result(tagged_set(rig->handle, key, key, 20), CAPACITOR_STORED);
	for (uint64_t key = 0; key < keys; key++)
		expect_number(tagged_version(rig, key), key);
	expect_number(rig_stat(rig, CAPACITOR_STAT_ENTRIES), keys);
}

static void test_table_growth(struct rig *rig)
{
	uint64_t table_bytes;

	fill_beyond_expected(rig, 8);
	table_bytes = rig_stat(rig, CAPACITOR_STAT_TABLE_BYTES);
	fill_beyond_expected(rig, 3000);
	expect(rig_stat(rig, CAPACITOR_STAT_TABLE_REBUILDS) > 0, "the table grew without being rebuilt");
	expect(rig_stat(rig, CAPACITOR_STAT_TABLE_BYTES) > table_bytes, "the table grew without being charged");
}

static void test_no_table_growth(struct rig *rig)
{
	uint64_t table_bytes;

	fill_beyond_expected(rig, 8);
	table_bytes = rig_stat(rig, CAPACITOR_STAT_TABLE_BYTES);
	fill_beyond_expected(rig, 1000);
	expect_number(rig_stat(rig, CAPACITOR_STAT_TABLE_REBUILDS), 0);
	expect_number(rig_stat(rig, CAPACITOR_STAT_TABLE_BYTES), table_bytes);
}

/* ---- Huge pages -------------------------------------------------------------------------------------------------- */

/* Mappings that were advised to use huge pages, by the "hg" flag of Linux. -1: the kernel does not tell. */
static int huge_mappings(void)
{
	FILE *smaps = fopen("/proc/self/smaps", "r");
	int huge = 0, told = 0;
	char line[512];

	while (smaps && fgets(line, sizeof line, smaps)) {
		if (strncmp(line, "VmFlags:", 8) == 0) {
			told = 1;
			huge += strstr(line, " hg") != NULL;
		}
	}
	if (smaps)
		fclose(smaps);
	return told ? huge : -1;
}

static void test_huge_pages(struct rig *rig)
{
	bool lacking = rig->info->lacks & CAPACITOR_LACKS_HUGE_PAGES;
	int before = huge_mappings(), after;

	rig->config.huge_pages = true;
	rig->config.shards = 1;
	rig->config.capacity_bytes = (size_t)256 << 20;
	rig->config.expected_entries = (size_t)1 << 20;
	rig_open(rig);
	after = huge_mappings();
	expect_result(tagged_set(rig->handle, 1, 1, 100), CAPACITOR_STORED);
	expect_result(label_contains(rig->handle, 1), rig->info->lacks & STORAGE ? CAPACITOR_MISS : CAPACITOR_HIT);
	if (lacking) {
		expect(after == before, "huge pages are declared missing, and asked for");
		return;
	}
	if (before < 0)
		rig_skip(rig, "this kernel does not tell which mappings were advised to use huge pages");
	if (access("/sys/kernel/mm/transparent_hugepage/enabled", F_OK) != 0)
		rig_skip(rig, "this kernel has no transparent huge pages");
	/* Not `after > before`: the heap may hand out again what an earlier cache had advised. */
	expect(after > 0, "huge pages were not asked for");
	if (!heap_watched())
		return; /* a sanitizer keeps freed memory mapped */
	rig->config.huge_pages = false;
	rig_open(rig);
	expect(huge_mappings() <= before, "huge pages were asked for though nobody wanted them");
}

/* ---- Shards ------------------------------------------------------------------------------------------------------ */

#define SHARD_PROBES 8

struct shards {
	struct gate parked;
	struct gate stored; /* each probe that came through arrives */
};

static bool park(void *context, const void *key, size_t key_bytes, const void *value, size_t value_bytes)
{
	struct shards *shards = context;

	(void)key, (void)key_bytes, (void)value, (void)value_bytes;
	gate_pass(&shards->parked);
	return false;
}

static void shards_member(struct crew_member *member)
{
	struct shards *shards = member->crew->context;

	if (member->index == 0) {
		(void)capacitor_each(member->handle, park, shards);
		return;
	}
	(void)gate_await(&shards->parked, 1, PATIENCE_NS);
	(void)tagged_set(member->handle, 100 + member->index, 1, 50);
	pthread_mutex_lock(&shards->stored.mutex);
	shards->stored.arrived++;
	pthread_cond_broadcast(&shards->stored.changed);
	pthread_mutex_unlock(&shards->stored.mutex);
}

/* each holds the lock of one shard of 64: of eight stores, hardly all go there. */
static void test_shards(struct rig *rig)
{
	struct shards shards;
	struct crew crew;
	bool stored;

	rig->config.shards = 64;
	rig_open(rig);
	for (uint64_t key = 0; key < 20; key++)
		expect_result(tagged_set(rig->handle, key, 1, 50), CAPACITOR_STORED);
	gate_init(&shards.parked);
	gate_init(&shards.stored);
	crew_start(&crew, rig, 1 + SHARD_PROBES, shards_member, &shards);
	stored = gate_await(&shards.stored, SHARD_PROBES / 2, PATIENCE_NS);
	gate_open(&shards.parked);
	crew_finish(&crew);
	gate_destroy(&shards.parked);
	gate_destroy(&shards.stored);
	expect(stored, "a thread that holds one shard of 64 stops them all");
}

const struct suite_test absences_tests[] = {
	{.name = "G8 it lacks storage", .run = test_no_storage, .scope = SUITE_ALL, .lacking = STORAGE},
	{.name = "G8 it has storage", .run = test_storage, .scope = SUITE_ALL, .without = STORAGE},
	{.name = "G8 it lacks concurrency", .run = test_no_concurrency, .scope = SUITE_ALL, .lacking = CONCURRENCY},
	{.name = "G8 it has concurrency", .run = test_concurrency, .scope = SUITE_ALL, .without = CONCURRENCY},
	{.name = "G8 its table grows", .run = test_table_growth, .scope = SUITE_POLICY,
	 .without = STORAGE | CAPACITOR_LACKS_TABLE_GROWTH},
	{.name = "G8 its table does not grow", .run = test_no_table_growth, .scope = SUITE_POLICY,
	 .lacking = CAPACITOR_LACKS_TABLE_GROWTH, .without = STORAGE},
	{.name = "G8 it asks for huge pages unless it declares not to", .run = test_huge_pages, .scope = SUITE_POLICY},
	{.name = "G8 it has shards", .run = test_shards, .scope = SUITE_POLICY,
	 .without = SHARED | CAPACITOR_LACKS_SHARDS},
	{.name = NULL},
};
