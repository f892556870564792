/* SPDX-License-Identifier: BSD-2-Clause */
/* G6: an entry lives until its deadline, not a nanosecond longer, by a clock that the test controls. */
#include <inttypes.h>
#include <sched.h>

#include "crew.h"

static void set_for(const struct rig *rig, uint64_t key, uint64_t version, uint64_t ttl_ns)
{
	struct label label = label_of(key);
	char value[100];

	tagged_fill(value, sizeof value, key, version);
	expect_result(capacitor_set(rig->handle, label.text, label.bytes, value, sizeof value, ttl_ns),
	              CAPACITOR_STORED);
}

static bool visit_count(void *context, const void *key, size_t key_bytes, const void *value, size_t value_bytes)
{
	(void)key, (void)key_bytes, (void)value, (void)value_bytes;
	++*(unsigned *)context;
	return true;
}

/* All ways to look at key 1 say the same. */
static void expect_seen(const struct rig *rig, bool there)
{
	struct label label = label_of(1);
	char buffer[100];
	struct capacitor_request request = {label.text, label.bytes, buffer, sizeof buffer, 0, CAPACITOR_BUSY};
	enum capacitor_result expected = there ? CAPACITOR_HIT : CAPACITOR_MISS;
	struct capacitor_pin pin;
	unsigned visits = 0;

	expect_result(capacitor_get(rig->handle, label.text, label.bytes, buffer, sizeof buffer, NULL), expected);
	expect_result(capacitor_get(rig->handle, label.text, label.bytes, NULL, 0, NULL),
	              there ? CAPACITOR_BUFFER_TOO_SMALL : CAPACITOR_MISS);
	expect_result(label_contains(rig->handle, 1), expected);
	expect_result(label_pin(rig->handle, 1, &pin), expected);
	if (there)
		expect_result(capacitor_unpin(rig->handle, &pin), CAPACITOR_OK);
	expect_result(capacitor_get_many(rig->handle, &request, 1), CAPACITOR_OK);
	expect_result(request.result, expected);
	expect_result(capacitor_each(rig->handle, visit_count, &visits), CAPACITOR_OK);
	expect_number(visits, there);
}

static void test_deadline(struct rig *rig)
{
	rig_use_clock(rig);
	rig_open(rig);
	set_for(rig, 1, 1, 1000);
	expect_seen(rig, true);
	rig_clock_advance(rig, 999);
	expect_seen(rig, true);
	rig_clock_advance(rig, 1);
	expect_seen(rig, false);
	rig_clock_advance(rig, 1000000);
	expect_seen(rig, false);
}

static void test_shortest(struct rig *rig)
{
	rig_use_clock(rig);
	rig_open(rig);
	set_for(rig, 1, 1, 1);
	expect_seen(rig, true);
	rig_clock_advance(rig, 1);
	expect_seen(rig, false);
}

static void test_default_and_never(struct rig *rig)
{
	rig_use_clock(rig);
	rig->config.default_ttl_ns = 100;
	rig_open(rig);
	set_for(rig, 1, 1, CAPACITOR_TTL_DEFAULT);
	set_for(rig, 2, 2, CAPACITOR_TTL_NEVER);
	set_for(rig, 3, 3, 200);
	rig_clock_advance(rig, 99);
	expect_number(tagged_version(rig, 1), 1);
	rig_clock_advance(rig, 1);
	expect_number(tagged_version(rig, 1), MISSING);
	expect_number(tagged_version(rig, 3), 3);
	rig_clock_advance(rig, 100);
	expect_number(tagged_version(rig, 3), MISSING);
	rig_clock_advance(rig, UINT64_MAX / 2);
	expect_number(tagged_version(rig, 2), 2);
}

static void test_no_default(struct rig *rig)
{
	rig_use_clock(rig);
	rig_open(rig);
	set_for(rig, 1, 1, CAPACITOR_TTL_DEFAULT);
	rig_clock_advance(rig, UINT64_MAX / 2);
	expect_number(tagged_version(rig, 1), 1);
}

/* Deadlines beyond the end of time are never, not yesterday. */
static void test_saturation(struct rig *rig)
{
	rig_use_clock(rig);
	rig_open(rig);
	set_for(rig, 1, 1, UINT64_MAX - 1);
	set_for(rig, 2, 2, UINT64_MAX - 1000000);
	expect_number(tagged_version(rig, 1), 1);
	rig_clock_advance(rig, UINT64_MAX - 1000000 - 10);
	expect_number(tagged_version(rig, 1), 1);
	set_for(rig, 3, 3, 100);
	set_for(rig, 4, 4, 5);
	expect_number(tagged_version(rig, 3), 3);
	expect_number(tagged_version(rig, 4), 4);
	rig_clock_advance(rig, 5);
	expect_number(tagged_version(rig, 3), 3);
	expect_number(tagged_version(rig, 4), MISSING);
}

/* A dead entry is not there for any store, and does not come back. */
static void test_stores_over_expired(struct rig *rig)
{
	rig_use_clock(rig);
	rig_open(rig);
	set_for(rig, 1, 1, 10);
	set_for(rig, 2, 2, 10);
	set_for(rig, 3, 3, 10);
	set_for(rig, 4, 4, 10);
	expect_result(tagged_write(capacitor_add, rig->handle, 1, 11, 100), CAPACITOR_EXISTS);
	rig_clock_advance(rig, 10);
	expect_result(tagged_write(capacitor_replace, rig->handle, 2, 12, 100), CAPACITOR_MISS);
	expect_result(tagged_write(capacitor_add, rig->handle, 1, 11, 100), CAPACITOR_STORED);
	expect_result(label_delete(rig->handle, 3), CAPACITOR_MISS);
	expect_result(tagged_set(rig->handle, 4, 14, 100), CAPACITOR_STORED);
	expect_number(tagged_version(rig, 1), 11);
	expect_number(tagged_version(rig, 2), MISSING);
	expect_number(tagged_version(rig, 3), MISSING);
	expect_number(tagged_version(rig, 4), 14);
	/* Key 2 may be there still, as a corpse; the others were removed as expired. */
	expect(rig_stat(rig, CAPACITOR_STAT_EXPIRATIONS) >= 3 && rig_stat(rig, CAPACITOR_STAT_EXPIRATIONS) <= 4,
	       "%" PRIu64 " expirations", rig_stat(rig, CAPACITOR_STAT_EXPIRATIONS));
	expect_number(rig_stat(rig, CAPACITOR_STAT_DELETES), 0);
	expect_number(rig_stat(rig, CAPACITOR_STAT_EVICTIONS), 0);
}

static void test_overwriting_renews(struct rig *rig)
{
	rig_use_clock(rig);
	rig_open(rig);
	set_for(rig, 1, 1, 100);
	rig_clock_advance(rig, 60);
	set_for(rig, 1, 2, 100);
	rig_clock_advance(rig, 60);
	expect_number(tagged_version(rig, 1), 2);
	set_for(rig, 1, 3, CAPACITOR_TTL_NEVER);
	rig_clock_advance(rig, 1000);
	expect_number(tagged_version(rig, 1), 3);
	set_for(rig, 1, 4, 10);
	rig_clock_advance(rig, 10);
	expect_number(tagged_version(rig, 1), MISSING);
}

/* Reading does not prolong a life. */
static void test_reading_does_not_renew(struct rig *rig)
{
	rig_use_clock(rig);
	rig_open(rig);
	set_for(rig, 1, 1, 100);
	for (unsigned i = 0; i < 10; i++) {
		expect_seen(rig, true);
		rig_clock_advance(rig, 10);
	}
	expect_seen(rig, false);
}

static enum capacitor_result load(void *context, const void *key, size_t key_bytes, void *buffer, size_t buffer_bytes,
                                  size_t *value_bytes)
{
	(void)key, (void)key_bytes, (void)buffer_bytes;
	memset(buffer, 'v', 10);
	*value_bytes = 10;
	++*(unsigned *)context;
	return CAPACITOR_HIT;
}

static void test_loaded_values_expire(struct rig *rig)
{
	unsigned loads = 0;
	char buffer[16];
	size_t length;

	rig_use_clock(rig);
	rig_open(rig);
	expect_result(capacitor_get_or_load(rig->handle, "k", 1, buffer, 16, &length, 50, load, &loads),
	              CAPACITOR_STORED);
	rig_clock_advance(rig, 49);
	expect_result(capacitor_get_or_load(rig->handle, "k", 1, buffer, 16, &length, 50, load, &loads), CAPACITOR_HIT);
	expect_number(loads, 1);
	rig_clock_advance(rig, 1);
	expect_result(capacitor_get_or_load(rig->handle, "k", 1, buffer, 16, &length, 50, load, &loads),
	              CAPACITOR_STORED);
	expect_number(loads, 2);
}

/* Expired entries make room like others, and their removal is told from eviction. */
static void test_expired_make_room(struct rig *rig)
{
	rig_use_clock(rig);
	rig_open_exact(rig, 20, 100);
	for (uint64_t key = 0; key < 15; key++)
		set_for(rig, key, key, 10);
	rig_clock_advance(rig, 10);
	for (uint64_t key = 100; key < 200; key++)
		set_for(rig, key, key, CAPACITOR_TTL_NEVER);
	expect_number(rig_stat(rig, CAPACITOR_STAT_EXPIRATIONS), 15);
	expect_number(rig_stat(rig, CAPACITOR_STAT_ENTRIES) + rig_stat(rig, CAPACITOR_STAT_EVICTIONS), 100);
}

static void test_real_clock(struct rig *rig)
{
	uint64_t before_ns, after_ns, ttl_ns = 30000000;
	bool there;

	rig_open(rig);
	set_for(rig, 2, 2, (uint64_t)3600 * 1000000000u);
	before_ns = now_ns();
	set_for(rig, 1, 1, ttl_ns);
	after_ns = now_ns();
	do {
		uint64_t began_ns = now_ns();

		there = label_contains(rig->handle, 1) == CAPACITOR_HIT;
		expect(there || now_ns() >= before_ns + ttl_ns, "it expired early");
		expect(!there || began_ns < after_ns + ttl_ns, "it expired late");
	} while (there);
	expect_number(tagged_version(rig, 2), 2);
}

/* ---- With threads ------------------------------------------------------------------------------------------------ */

#define TTL_KEYS 8

/* The first moves the clock. The second stores, and looks again when the deadline has passed, by the clock as it was
 * after the store. The others read meanwhile. */
static void ttl_store(struct crew_member *member, uint64_t key)
{
	struct rig *rig = member->crew->rig;
	uint64_t ttl_ns = 1 + random_below(&member->random, 2000), deadline_ns;
	struct label label = label_of(key);
	enum capacitor_result result;
	char value[64];

	tagged_fill(value, sizeof value, key, ttl_ns);
	result = capacitor_set(member->handle, label.text, label.bytes, value, sizeof value, ttl_ns);
	crew_expect(member, result == CAPACITOR_STORED, "set: %s", capacitor_result_string(result));
	deadline_ns = rig_clock(rig) + ttl_ns;
	while (rig_clock(rig) < deadline_ns && crew_goes_on(member->crew))
		sched_yield();
	if (rig_clock(rig) >= deadline_ns)
		crew_expect(member, label_contains(member->handle, key) == CAPACITOR_MISS,
		            "key %" PRIu64 " is there after its deadline", key);
}

static void ttl_member(struct crew_member *member)
{
	while (crew_goes_on(member->crew)) {
		uint64_t key = random_below(&member->random, TTL_KEYS), version;
		enum capacitor_result result;
		bool whole;

		if (member->index == 0) {
			rig_clock_advance(member->crew->rig, 1 + random_below(&member->random, 500));
		} else if (member->index == 1) {
			ttl_store(member, key);
		} else {
			result = tagged_get(member->handle, key, &version, NULL, &whole);
			crew_expect(member, result == CAPACITOR_MISS || (result == CAPACITOR_HIT && whole), "get: %s",
			            capacitor_result_string(result));
		}
	}
}

static void test_expiry_under_load(struct rig *rig)
{
	struct crew crew;

	rig_use_clock(rig);
	rig_open(rig);
	crew_start(&crew, rig, 3, ttl_member, NULL);
	crew_run_for(&crew, 40000000);
}

const struct suite_test expiry_tests[] = {
	{.name = "G6 it expires exactly at the deadline", .run = test_deadline, .scope = SUITE_ALL, .without = STORAGE},
	{.name = "G6 the shortest life is a nanosecond", .run = test_shortest, .scope = SUITE_ALL, .without = STORAGE},
	{.name = "G6 default, explicit and endless lives", .run = test_default_and_never, .scope = SUITE_ALL,
	 .without = STORAGE},
	{.name = "G6 without a default, nothing expires", .run = test_no_default, .scope = SUITE_ALL,
	 .without = STORAGE},
	{.name = "G6 a deadline beyond the end of time is never", .run = test_saturation, .scope = SUITE_ALL,
	 .without = STORAGE},
	{.name = "G6 an expired entry is not there for stores and deletes", .run = test_stores_over_expired,
	 .scope = SUITE_ALL, .without = STORAGE},
	{.name = "G6 overwriting renews", .run = test_overwriting_renews, .scope = SUITE_ALL, .without = STORAGE},
	{.name = "G6 reading does not renew", .run = test_reading_does_not_renew, .scope = SUITE_ALL,
	 .without = STORAGE},
	{.name = "G6 loaded values expire", .run = test_loaded_values_expire, .scope = SUITE_ALL, .without = STORAGE},
	{.name = "G6 expired entries make room", .run = test_expired_make_room, .scope = SUITE_POLICY,
	 .without = STORAGE, .policies = 1u << CAPACITOR_FIFO | 1u << CAPACITOR_LRU | 1u << CAPACITOR_CLOCK},
	{.name = "G6 it expires by the real clock", .run = test_real_clock, .scope = SUITE_IMPLEMENTATION,
	 .without = STORAGE},
	{.name = "G6 expiry under load", .run = test_expiry_under_load, .scope = SUITE_POLICY, .without = SHARED},
	{.name = NULL},
};
