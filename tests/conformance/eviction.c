/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Eviction policies from the outside. With one shard and entries of one size, the keys that are there after each call
 * are those that the textbook's policy would hold: fifo, lru, clock and sieve are compared with models of them. s3fifo
 * leaves more open (the size of its ghost, who counts as main): what it promises is tested one by one.
 */
#include <inttypes.h>

#include "suite.h"

#define ROOM        32
#define VALUE_BYTES 100

/* ---- The textbook ------------------------------------------------------------------------------------------------ */

struct resident {
	uint64_t key;
	bool visited;
};

/* resident[0] is the oldest, or the least recently used. */
struct textbook {
	enum capacitor_policy policy;
	unsigned room;
	unsigned count;
	unsigned hand; /* sieve: who is looked at next; at the end of the queue, it starts again at the oldest */
	bool hand_set;
	struct resident resident[ROOM + 1];
};

static void take_out(struct textbook *book, unsigned at)
{
	book->count--;
	memmove(&book->resident[at], &book->resident[at + 1], (book->count - at) * sizeof book->resident[0]);
	if (book->hand_set && book->hand > at)
		book->hand--;
	if (book->hand >= book->count) /* behind the newest: it will start at the oldest, whoever comes meanwhile */
		book->hand_set = false;
}

static void put_newest(struct textbook *book, struct resident resident)
{
	book->resident[book->count++] = resident;
}

static unsigned victim_of(struct textbook *book)
{
	unsigned at = book->policy == CAPACITOR_SIEVE && book->hand_set ? book->hand : 0;

	if (book->policy == CAPACITOR_CLOCK) {
		while (book->resident[0].visited) {
			uint64_t key = book->resident[0].key;

			take_out(book, 0);
			put_newest(book, (struct resident){.key = key});
		}
	} else if (book->policy == CAPACITOR_SIEVE) {
		while (book->resident[at].visited) {
			book->resident[at].visited = false;
			at = (at + 1) % book->count;
		}
	}
	return at;
}

static void textbook_insert(struct textbook *book, uint64_t key)
{
	if (book->count == book->room) {
		unsigned victim = victim_of(book);

		book->hand_set = true;
		book->hand = victim; /* the next younger one moves up to here */
		take_out(book, victim);
	}
	put_newest(book, (struct resident){.key = key});
}

static unsigned textbook_find(const struct textbook *book, uint64_t key)
{
	unsigned at = 0;

	while (at < book->count && book->resident[at].key != key)
		at++;
	return at;
}

static void textbook_use(struct textbook *book, unsigned at)
{
	struct resident resident = book->resident[at];

	if (book->policy == CAPACITOR_LRU) {
		take_out(book, at);
		put_newest(book, resident);
	}
	book->resident[at].visited |= book->policy != CAPACITOR_LRU;
}

/* ---- Comparing --------------------------------------------------------------------------------------------------- */

/* How many entries it holds: implementations may keep a reserve. */
static unsigned room_of(struct rig *rig)
{
	unsigned keys = 0;

	rig_open_exact(rig, ROOM, VALUE_BYTES);
	while (rig_stat(rig, CAPACITOR_STAT_EVICTIONS) == 0) {
		expect(keys <= ROOM, "more entries than fit");
		expect_result(tagged_set(rig->handle, keys++, 0, VALUE_BYTES), CAPACITOR_STORED);
	}
	expect(keys > ROOM * 3 / 4, "only %u entries of %u that fit", keys - 1, ROOM);
	rig_open_exact(rig, ROOM, VALUE_BYTES);
	return keys - 1;
}

static void expect_same_keys(const struct rig *rig, const struct textbook *book, uint64_t keys, unsigned step)
{
	for (uint64_t key = 0; key < keys; key++) {
		bool there = label_contains(rig->handle, key) == CAPACITOR_HIT;

		expect(there == (textbook_find(book, key) < book->count),
		       "after step %u, key %" PRIu64 " is %s; by the textbook it is not", step, key,
		       there ? "there" : "gone");
	}
}

/* A use of a key that is there: get, get into too small a buffer, pin. */
static void use(const struct rig *rig, uint64_t key, uint64_t way)
{
	struct label label = label_of(key);
	struct capacitor_pin pin;

	if (way == 0) {
		expect_result(capacitor_get(rig->handle, label.text, label.bytes, NULL, 0, NULL),
		              CAPACITOR_BUFFER_TOO_SMALL);
	} else if (way == 1) {
		expect_result(label_pin(rig->handle, key, &pin), CAPACITOR_HIT);
		expect_result(capacitor_unpin(rig->handle, &pin), CAPACITOR_OK);
	} else {
		expect_number(tagged_version(rig, key), key);
	}
}

static void test_textbook(struct rig *rig)
{
	struct textbook book = {.policy = rig->policy, .room = room_of(rig)};
	uint64_t random = rig->seed, keys = 2 * ROOM;

	for (unsigned step = 0; step < 800; step++) {
		/* Low keys are asked for more often. */
		uint64_t key = random_below(&random, 1 + random_below(&random, keys));
		unsigned at = textbook_find(&book, key);

		if (at < book.count && random_below(&random, 12) == 0) {
			expect_result(label_delete(rig->handle, key), CAPACITOR_HIT);
			take_out(&book, at);
		} else if (at < book.count) {
			use(rig, key, random_below(&random, 4));
			textbook_use(&book, at);
		} else {
			expect_result(tagged_set(rig->handle, key, key, VALUE_BYTES), CAPACITOR_STORED);
			textbook_insert(&book, key);
		}
		if (step % 4 == 0)
			expect_same_keys(rig, &book, keys, step);
	}
	expect(rig_stat(rig, CAPACITOR_STAT_EVICTIONS) > 50, "hardly anything was evicted: the test tests nothing");
}

/* ---- One by one -------------------------------------------------------------------------------------------------- */

static void set_keys(const struct rig *rig, uint64_t from, uint64_t count)
{
	for (uint64_t key = from; key < from + count; key++)
		expect_result(tagged_set(rig->handle, key, key, VALUE_BYTES), CAPACITOR_STORED);
}

static void test_fifo_evicts_the_oldest(struct rig *rig)
{
	uint64_t room = room_of(rig);

	set_keys(rig, 0, room);
	for (uint64_t key = 0; key < room; key++) {
		expect_number(tagged_version(rig, key), key); /* a hit changes nothing */
		set_keys(rig, 1000 + key, 1);
		expect_result(label_contains(rig->handle, key), CAPACITOR_MISS);
		if (key + 1 < room)
			expect_result(label_contains(rig->handle, key + 1), CAPACITOR_HIT);
	}
}

static void test_lru_keeps_the_touched(struct rig *rig)
{
	uint64_t room = room_of(rig);

	set_keys(rig, 0, room);
	for (uint64_t i = 1; i < 3 * room; i++) {
		expect_number(tagged_version(rig, 0), 0);
		set_keys(rig, 1000 + i, 1);
	}
	expect_number(tagged_version(rig, 0), 0);
	expect_result(label_contains(rig->handle, 1), CAPACITOR_MISS);
	/* contains is no use */
	set_keys(rig, 2000, room - 1);
	expect_result(label_contains(rig->handle, 0), CAPACITOR_HIT);
	set_keys(rig, 3000, 1);
	expect_result(label_contains(rig->handle, 0), CAPACITOR_MISS);
}

static void test_the_visited_survives_a_scan(struct rig *rig)
{
	uint64_t room = room_of(rig);

	set_keys(rig, 0, room);
	expect_number(tagged_version(rig, 3), 3);
	for (unsigned i = 0; i < 5; i++)
		expect_result(label_contains(rig->handle, 4), CAPACITOR_HIT); /* is no use */
	set_keys(rig, 1000, room * 3 / 4);
	expect_number(tagged_version(rig, 3), 3);
	for (uint64_t key = 0; key < room / 2; key++)
		if (key != 3)
			expect_result(label_contains(rig->handle, key), CAPACITOR_MISS);
}

/* Keys that were asked for again stay; those that come once pass through the small queue. */
static void test_one_hit_wonders_leave_first(struct rig *rig)
{
	uint64_t room = room_of(rig), kept = 0;

	for (uint64_t key = 0; key < room / 2; key++) {
		set_keys(rig, key, 1);
		for (unsigned hit = 0; hit < 3; hit++)
			expect_number(tagged_version(rig, key), key);
	}
	set_keys(rig, 1000, 5 * room);
	for (uint64_t key = 0; key < room / 2; key++)
		kept += label_contains(rig->handle, key) == CAPACITOR_HIT;
	expect_number(kept, room / 2);
}

/* A key that comes back soon after it left goes to the main queue, and stays. */
static void test_who_comes_back_stays(struct rig *rig)
{
	uint64_t room = room_of(rig), key = 1000;

	for (uint64_t hot = 0; hot < room / 2; hot++) {
		set_keys(rig, hot, 1);
		for (unsigned hit = 0; hit < 3; hit++)
			expect_number(tagged_version(rig, hot), hot);
	}
	set_keys(rig, 500, 1);
	while (label_contains(rig->handle, 500) == CAPACITOR_HIT) {
		expect(key < 1000 + 10 * room, "a key that nobody asks for never leaves");
		set_keys(rig, key++, 1);
	}
	set_keys(rig, 500, 1); /* it is back */
	set_keys(rig, 501, 1); /* this one is new */
	set_keys(rig, 5000, 3 * room);
	expect_result(label_contains(rig->handle, 501), CAPACITOR_MISS);
	expect_result(label_contains(rig->handle, 500), CAPACITOR_HIT);
}

/* Overwriting keeps the number of entries, and with it everybody's place. */
static void test_overwriting_evicts_nobody(struct rig *rig)
{
	uint64_t room = room_of(rig);

	set_keys(rig, 0, room);
	for (unsigned round = 0; round < 5; round++) {
		set_keys(rig, 0, room);
		expect_result(capacitor_quiesce(rig->handle), CAPACITOR_OK);
	}
	expect_number(rig_stat(rig, CAPACITOR_STAT_EVICTIONS), 0);
	expect_number(rig_stat(rig, CAPACITOR_STAT_ENTRIES), room);
}

#define TEXTBOOKS (1u << CAPACITOR_FIFO | 1u << CAPACITOR_LRU | 1u << CAPACITOR_CLOCK | 1u << CAPACITOR_SIEVE)

const struct suite_test eviction_tests[] = {
	{.name = "eviction agrees with the textbook", .run = test_textbook, .scope = SUITE_ALL, .without = STORAGE,
	 .policies = TEXTBOOKS},
	{.name = "fifo evicts the oldest, hits or not", .run = test_fifo_evicts_the_oldest, .scope = SUITE_ALL,
	 .without = STORAGE, .policies = 1u << CAPACITOR_FIFO},
	{.name = "lru keeps what is touched", .run = test_lru_keeps_the_touched, .scope = SUITE_ALL, .without = STORAGE,
	 .policies = 1u << CAPACITOR_LRU},
	{.name = "what was visited survives a scan", .run = test_the_visited_survives_a_scan, .scope = SUITE_ALL,
	 .without = STORAGE, .policies = 1u << CAPACITOR_CLOCK | 1u << CAPACITOR_SIEVE},
	{.name = "one-hit wonders leave first", .run = test_one_hit_wonders_leave_first, .scope = SUITE_ALL,
	 .without = STORAGE, .policies = 1u << CAPACITOR_S3FIFO},
	{.name = "who comes back soon stays", .run = test_who_comes_back_stays, .scope = SUITE_ALL, .without = STORAGE,
	 .policies = 1u << CAPACITOR_S3FIFO},
	{.name = "overwriting evicts nobody", .run = test_overwriting_evicts_nobody, .scope = SUITE_POLICY,
	 .without = STORAGE},
	{.name = NULL},
};
