/* SPDX-License-Identifier: BSD-2-Clause */
/* Stress that aims: each check is a mix of all calls (stress.h) at one place where caches break. */
#include "stress.h"

#include "points.h"

#define ROUND_NS 50000000 /* of checks that begin again with a new cache */

/* All calls, reads and writes alike. The calls of the whole cache take long. */
static const uint16_t mixed[STRESS_CALLS] = {
	[STRESS_GET] = 300,     [STRESS_GET_MANY] = 60, [STRESS_PIN] = 100,  [STRESS_UNPIN] = 50,  [STRESS_CONTAINS] = 40,
	[STRESS_SET] = 200,     [STRESS_ADD] = 100,     [STRESS_REPLACE] = 60, [STRESS_DELETE] = 120, [STRESS_LOAD] = 60,
	[STRESS_EACH] = 1,      [STRESS_CLEAR] = 1,     [STRESS_RESIZE] = 0, [STRESS_QUIESCE] = 1, [STRESS_STATS] = 4,
	[STRESS_REENTER] = 2,
};

/* The same, without what takes entries away from a roomy cache. */
static const uint16_t mixed_roomy[STRESS_CALLS] = {
	[STRESS_GET] = 300,     [STRESS_GET_MANY] = 60, [STRESS_PIN] = 60,   [STRESS_UNPIN] = 60,  [STRESS_CONTAINS] = 100,
	[STRESS_SET] = 100,     [STRESS_ADD] = 200,     [STRESS_REPLACE] = 60, [STRESS_DELETE] = 300, [STRESS_LOAD] = 60,
	[STRESS_EACH] = 1,      [STRESS_QUIESCE] = 1,   [STRESS_STATS] = 2,  [STRESS_REENTER] = 2,
};

static const uint16_t reading[STRESS_CALLS] = {
	[STRESS_GET] = 600, [STRESS_GET_MANY] = 200, [STRESS_CONTAINS] = 50, [STRESS_LOAD] = 10, [STRESS_STATS] = 2,
};

static const uint16_t writing[STRESS_CALLS] = {
	[STRESS_SET] = 500, [STRESS_ADD] = 50, [STRESS_REPLACE] = 50, [STRESS_GET] = 20, [STRESS_DELETE] = 20,
};

static const uint16_t pinning[STRESS_CALLS] = {
	[STRESS_PIN] = 500, [STRESS_UNPIN] = 450, [STRESS_GET] = 20, [STRESS_REENTER] = 5,
};

static const uint16_t deleting[STRESS_CALLS] = {
	[STRESS_SET] = 400, [STRESS_REPLACE] = 100, [STRESS_DELETE] = 200, [STRESS_CLEAR] = 2, [STRESS_QUIESCE] = 4,
};

static const uint16_t resizing[STRESS_CALLS] = {
	[STRESS_GET] = 200, [STRESS_PIN] = 50, [STRESS_UNPIN] = 50, [STRESS_SET] = 300, [STRESS_ADD] = 50, [STRESS_DELETE] = 50,
	[STRESS_EACH] = 2, [STRESS_RESIZE] = 30, [STRESS_STATS] = 5,
};

static const uint16_t clearing[STRESS_CALLS] = {
	[STRESS_GET] = 200, [STRESS_PIN] = 40, [STRESS_UNPIN] = 40, [STRESS_SET] = 200, [STRESS_ADD] = 100, [STRESS_DELETE] = 20,
	[STRESS_EACH] = 40, [STRESS_CLEAR] = 20, [STRESS_QUIESCE] = 2,
};

static const uint16_t visiting[STRESS_CALLS] = {
	[STRESS_SET] = 300, [STRESS_REPLACE] = 100, [STRESS_ADD] = 100, [STRESS_DELETE] = 150, [STRESS_GET] = 50,
	[STRESS_EACH] = 60,
};

struct stress_plan stress_default(const struct check_run *run)
{
	struct stress_plan plan = {
		.threads = 2 * run->cores, .keys = 16, .mix = {mixed, mixed}, .value_bytes_max = 2048, .pins_max = 4,
	};

	check_config(run, &plan.config);
	plan.config.expected_entries = plan.keys;
	plan.config.shards = 4;
	plan.config.capacity_bytes = 32768; /* with tables of a few KiB and values that are mostly small: about all of the keys */
	plan.config.busy_timeout_ns = 5000000;
	return plan;
}

static struct stress_plan roomy(const struct check_run *run)
{
	struct stress_plan plan = stress_default(run);

	plan.roomy = true;
	plan.mix[0] = plan.mix[1] = mixed_roomy;
	plan.value_bytes_max = 256;
	plan.config.capacity_bytes = (size_t)64 << 20;
	plan.config.busy_timeout_ns = 10000000000; /* nobody is to be busy, however slow the machine */
	return plan;
}

/* ---- Keys that collide ------------------------------------------------------------------------------------------- */

static uint64_t content_hash(const void *key, size_t key_bytes)
{
	const unsigned char *at = key;
	uint64_t hash = key_bytes;

	for (size_t i = 0; i < key_bytes; i++)
		hash = check_mix(hash ^ at[i]);
	return hash;
}

static uint64_t hash_all(const void *key, size_t key_bytes, const uint8_t seed[16])
{
	(void)key, (void)key_bytes, (void)seed;
	return 0x0123456789abcdef;
}

/* A shard is chosen by the high bits. */
static uint64_t hash_shard(const void *key, size_t key_bytes, const uint8_t seed[16])
{
	(void)seed;
	return content_hash(key, key_bytes) >> 16;
}

/* A place in a table, by the low bits. */
static uint64_t hash_place(const void *key, size_t key_bytes, const uint8_t seed[16])
{
	(void)seed;
	return content_hash(key, key_bytes) << 32;
}

/* A fingerprint is made of the bits between. */
static uint64_t hash_fingerprint(const void *key, size_t key_bytes, const uint8_t seed[16])
{
	(void)seed;
	return content_hash(key, key_bytes) & 0xffff00000000ffff;
}

/* One after the other; those with the same hash also with keys that begin each other. */
static void colliding_keys(struct check_run *run)
{
	static const struct {
		uint64_t (*hash)(const void *key, size_t key_bytes, const uint8_t seed[16]);
		bool prefixes;
	} levels[] = {{hash_all, false}, {hash_all, true}, {hash_shard, false}, {hash_place, false}, {hash_fingerprint, false}};
	unsigned at = 0;

	do {
		struct stress_plan plan = at % 2 ? stress_default(run) : roomy(run); /* five levels: each comes to be both */

		plan.keys = plan.config.expected_entries = 20;
		plan.config.hash = CAPACITOR_HASH_CUSTOM;
		plan.config.hash_function = levels[at % 5].hash;
		plan.prefixes = levels[at % 5].prefixes;
		stress_run(run, &plan, ROUND_NS);
		at++;
	} while (check_goes_on(run));
}

/* ---- Plans ------------------------------------------------------------------------------------------------------- */

static void one_hot_key(struct check_run *run)
{
	struct stress_plan plan = stress_default(run);

	plan.keys = 1;
	stress_run(run, &plan, 0);
}

/* Of the tables, what they need; and four entries of 1 KiB. */
static size_t capacity_for(struct check_run *run, const struct capacitor_config *config, size_t entries, size_t value_bytes)
{
	struct capacitor_config large = *config;
	struct capacitor *cache;
	size_t bytes;

	large.capacity_bytes = (size_t)1 << 30;
	cache = check_create(run, &large);
	bytes = (size_t)check_stat(cache, CAPACITOR_STAT_TABLE_BYTES) + entries * capacitor_entry_bytes(12, value_bytes);
	capacitor_destroy(cache);
	return bytes;
}

static void few_entries(struct check_run *run)
{
	struct stress_plan plan = stress_default(run);

	plan.config.capacity_bytes = capacity_for(run, &plan.config, 4, 1024);
	plan.pins_max = 1;
	stress_run(run, &plan, 0);
}

/* From nothing to more than the capacity. */
static void mixed_sizes(struct check_run *run)
{
	struct stress_plan plan = stress_default(run);

	plan.config.capacity_bytes = capacity_for(run, &plan.config, 4, 16384);
	plan.value_bytes_max = 2 * plan.config.capacity_bytes;
	plan.pins_max = 1;
	stress_run(run, &plan, 0);
}

static void get_against_evict(struct check_run *run)
{
	struct stress_plan plan = stress_default(run);

	plan.keys = 64;
	plan.config.expected_entries = plan.keys;
	plan.value_bytes_max = 512;
	plan.config.capacity_bytes = capacity_for(run, &plan.config, plan.keys / 4, 256);
	plan.mix[0] = reading;
	plan.mix[1] = writing;
	stress_run(run, &plan, 0);
}

/* At places inside a read section, or a lock: parks the thread now and then, for longer than a grace period. */
static void slow_down(void *random, enum point point)
{
	if ((point == POINT_FOUND || point == POINT_COPYING) && check_below(random, 8) == 0)
		check_sleep_ns(check_below(random, 300000));
}

static void slow_reader(struct stress_thread *thread)
{
	if (thread->index % 2 == 0)
		points_visit(slow_down, &thread->random);
	stress_steps(thread, 0);
}

/* Readers that hold up grace periods, of different length: some overlap, and the next begins while one is under way. */
static void slow_readers(struct check_run *run)
{
	struct stress_plan plan = stress_default(run);

	plan.value_bytes_max = 512;
	plan.config.busy_timeout_ns = 50000000;
	plan.config.capacity_bytes = capacity_for(run, &plan.config, 3 * plan.keys, 512);
	plan.mix[0] = reading;
	plan.mix[1] = writing;
	plan.body = slow_reader;
	stress_run(run, &plan, 0);
}

/* Room for all keys and all pins: what is pinned has to outlast its key, not to keep it. */
struct stress_plan stress_pins_plan(struct check_run *run)
{
	struct stress_plan plan = stress_default(run);

	plan.keys = 4;
	plan.pins_max = STRESS_PINS_MAX;
	plan.value_bytes_max = 512;
	plan.config.capacity_bytes = capacity_for(run, &plan.config, plan.threads * STRESS_PINS_MAX + plan.keys, 512);
	plan.mix[0] = pinning;
	plan.mix[1] = deleting;
	return plan;
}

static void pins(struct check_run *run)
{
	struct stress_plan plan = stress_pins_plan(run);

	stress_run(run, &plan, 0);
}

static void resize(struct check_run *run)
{
	struct stress_plan plan = stress_default(run);

	plan.keys = 64;
	plan.config.expected_entries = plan.keys;
	plan.value_bytes_max = 512;
	plan.low_bytes = capacity_for(run, &plan.config, 8, 512);
	plan.config.capacity_bytes = capacity_for(run, &plan.config, plan.keys, 512);
	plan.mix[0] = plan.mix[1] = resizing;
	plan.pins_max = 1;
	stress_run(run, &plan, 0);
}

static void clear_and_each(struct check_run *run)
{
	struct stress_plan plan = stress_default(run);

	plan.keys = 64;
	plan.config.expected_entries = plan.keys;
	plan.value_bytes_max = 128;
	plan.mix[0] = plan.mix[1] = clearing;
	stress_run(run, &plan, 0);
}

/* What is there from beginning to end is visited, each time. */
static void each(struct check_run *run)
{
	struct stress_plan plan = roomy(run);

	plan.keys = 64;
	plan.config.expected_entries = plan.keys;
	plan.value_bytes_max = 64;
	plan.mix[0] = plan.mix[1] = visiting;
	stress_run(run, &plan, 0);
}

/* Tables that begin with one entry, and grow and are rebuilt while they are read. */
static void growth(struct check_run *run)
{
	struct stress_plan plan = roomy(run);

	plan.keys = 600;
	plan.value_bytes_max = 32;
	plan.config.expected_entries = 1;
	plan.config.shards = 2;
	stress_rounds(run, &plan, ROUND_NS);
}

static void large_values(struct check_run *run)
{
	struct stress_plan plan = stress_default(run);

	plan.keys = 3;
	plan.threads = run->cores;
	plan.value_bytes_min = 1024;
	plan.value_bytes_max = (size_t)1 << 20;
	plan.config.capacity_bytes = (size_t)16 << 20;
	stress_run(run, &plan, 0);
}

static void many_threads(struct check_run *run)
{
	struct stress_plan plan = stress_default(run);

	plan.threads = 16 * run->cores < CHECK_THREADS_MAX ? 16 * run->cores : CHECK_THREADS_MAX;
	plan.config.threads_max = plan.threads + 1;
	plan.value_bytes_max = 256;
	plan.pins_max = 1;
	stress_run(run, &plan, 0);
}

/* ---- The checks -------------------------------------------------------------------------------------------------- */

#define SHARED (CAPACITOR_LACKS_STORAGE | CAPACITOR_LACKS_CONCURRENCY)

const struct check stress_checks[] = {
	{.name = "stress/colliding-keys", .what = "keys with the same hash, shard, place in the table or fingerprint",
	 .run = colliding_keys, .without = SHARED, .test_ms = 500, .long_s = 12},
	{.name = "stress/one-hot-key", .what = "all calls on one key", .run = one_hot_key, .without = SHARED, .test_ms = 200,
	 .long_s = 8},
	{.name = "stress/few-entries", .what = "room for four entries, and 16 keys", .run = few_entries, .without = SHARED,
	 .test_ms = 200, .long_s = 8},
	{.name = "stress/mixed-sizes", .what = "values from nothing to more than the capacity", .run = mixed_sizes,
	 .without = SHARED, .test_ms = 200, .long_s = 8},
	{.name = "stress/get-against-evict", .what = "readers of keys of which most have just been evicted",
	 .run = get_against_evict, .without = SHARED, .test_ms = 200, .long_s = 10},
	{.name = "stress/slow-readers", .what = "readers stop inside their read sections, for longer than a grace period",
	 .run = slow_readers, .without = SHARED, .test_ms = 500, .long_s = 8},
	{.name = "stress/pins", .what = "pinned values whose keys are deleted and overwritten", .run = pins, .without = SHARED,
	 .test_ms = 200, .long_s = 10},
	{.name = "stress/resize", .what = "the capacity goes up and down", .run = resize, .without = SHARED, .test_ms = 200,
	 .long_s = 6},
	{.name = "stress/clear-and-each", .what = "the cache is cleared and visited", .run = clear_and_each, .without = SHARED,
	 .test_ms = 200, .long_s = 6},
	{.name = "stress/each", .what = "visits see all that is there all the time, once", .run = each, .without = SHARED,
	 .test_ms = 200, .long_s = 6},
	{.name = "stress/growth", .what = "tables grow from one entry while they are read", .run = growth, .without = SHARED,
	 .test_ms = 300, .long_s = 6},
	{.name = "stress/large-values", .what = "values of 1 KiB to 1 MiB, overwritten while they are read",
	 .run = large_values, .without = SHARED, .test_ms = 250, .long_s = 8},
	{.name = "stress/many-threads", .what = "16 times more threads than cores", .run = many_threads, .without = SHARED,
	 .test_ms = 300, .long_s = 8},
	{.name = "stress/generations", .what = "threads are born and die, some inside, some with pins",
	 .run = stress_generations, .without = SHARED, .test_ms = 300, .long_s = 15},
	{.name = "stress/newcomers", .what = "threads come for the first time while pins are looked for",
	 .run = stress_newcomers, .without = SHARED, .test_ms = 200, .long_s = 4},
	{.name = "stress/exit", .what = "a process exits while its threads are inside", .run = stress_exit, .without = SHARED,
	 .test_ms = 200, .long_s = 5},
	{.name = "stress/fork", .what = "fork and exec while threads work", .run = stress_fork, .without = SHARED,
	 .test_ms = 200, .long_s = 8},
	{.name = "stress/signals", .what = "signals at 10 kHz, which interrupt system calls", .run = stress_signals,
	 .without = SHARED, .test_ms = 200, .long_s = 8},
	{.name = NULL},
};
