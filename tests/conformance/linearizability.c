/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * G1 for many threads, by invariants that need no search (a full linearizability checker is a suite of its own):
 *
 *   windows      One writer per key numbers its calls: set n stores the value n, every eighth call is a delete. It says
 *                `started` before a call and `completed` after it. What a reader finds must be a state between the two,
 *                and never older than what it has seen already.
 *   last words   Many writers per key: the value that remains at the end is the last that its writer wrote, and no
 *                reader sees two values of one writer in the wrong order.
 *   accounts     Threads add, replace and delete the same few keys: per key, adds that stored less deletes that hit is
 *                1 when the key is there at the end, else 0.
 */
#include <inttypes.h>
#include <sched.h>

#include "crew.h"

/* ---- Windows ----------------------------------------------------------------------------------------------------- */

#define WINDOW_KEYS    16
#define WINDOW_WRITERS 2
#define WINDOW_READERS 2
#define DELETE_EVERY   8

struct windows {
	bool evicts;
	struct {
		_Atomic uint64_t started;
		_Atomic uint64_t completed;
	} key[WINDOW_KEYS];
};

static size_t window_value_bytes(uint64_t number)
{
	return 8 + mix64(number) % 200;
}

static void window_write(struct crew_member *member, struct windows *windows, uint64_t key)
{
	uint64_t number = load_relaxed(&windows->key[key].started) + 1; /* relaxed: ours alone to write */
	enum capacitor_result result;

	store_release(&windows->key[key].started, number); /* PAIRS: window_read() */
	if (number % DELETE_EVERY == 0) {
		result = label_delete(member->handle, key);
		crew_expect(member, result == CAPACITOR_HIT || (result == CAPACITOR_MISS && windows->evicts),
		            "delete of a key that was set: %s", capacitor_result_string(result));
	} else {
		result = tagged_set(member->handle, key, number, window_value_bytes(number));
		crew_expect(member, result == CAPACITOR_STORED, "set: %s", capacitor_result_string(result));
	}
	store_release(&windows->key[key].completed, number); /* PAIRS: window_read() */
}

/* One lookup by one of three ways: HIT with its version (0: not known), or MISS. */
static enum capacitor_result window_lookup(struct crew_member *member, uint64_t key, uint64_t *version)
{
	unsigned way = (unsigned)random_below(&member->random, 3);
	struct capacitor_pin pin;
	enum capacitor_result result;
	bool whole = true;

	*version = 0;
	if (way == 0)
		return label_contains(member->handle, key);
	if (way == 1) {
		result = tagged_get(member->handle, key, version, NULL, &whole);
	} else {
		result = label_pin(member->handle, key, &pin);
		if (result == CAPACITOR_HIT) {
			whole = tagged_check(pin.value, pin.value_bytes, key, version);
			capacitor_unpin(member->handle, &pin);
		}
	}
	if (!whole)
		crew_fail(member, "key %" PRIu64 ": torn", key);
	return result;
}

static void window_read(struct crew_member *member, struct windows *windows, uint64_t key, uint64_t *least)
{
	uint64_t from = load_acquire(&windows->key[key].completed); /* PAIRS: window_write() */
	uint64_t to, version;
	enum capacitor_result result = window_lookup(member, key, &version);

	to = load_acquire(&windows->key[key].started); /* PAIRS: window_write() */
	if (result == CAPACITOR_HIT && version > 0) {
		crew_expect(member, version >= from && version <= to,
		            "key %" PRIu64 ": %" PRIu64 " was found, %" PRIu64 " complete, %" PRIu64 " not begun",
		            key, version, from, to + 1);
		crew_expect(member, version >= *least, "key %" PRIu64 ": %" PRIu64 " came back, when %" PRIu64
		            " was the least that could", key, version, *least);
		*least = version;
	} else if (result == CAPACITOR_HIT) {
		crew_expect(member, to > from || from % DELETE_EVERY != 0, "key %" PRIu64 " is there after its delete",
		            key);
	} else {
		crew_expect(member, result == CAPACITOR_MISS, "lookup: %s", capacitor_result_string(result));
		crew_expect(member, windows->evicts || to / DELETE_EVERY * DELETE_EVERY >= from,
		            "key %" PRIu64 " was set by %" PRIu64 " and is not there", key, from);
		if (*least < from + 1) /* what was complete and is gone, never comes back */
			*least = from + 1;
	}
}

static void window_member(struct crew_member *member)
{
	struct windows *windows = member->crew->context;
	uint64_t least[WINDOW_KEYS] = {0};
	bool writes = member->index < WINDOW_WRITERS;

	while (crew_goes_on(member->crew)) {
		uint64_t key = random_below(&member->random, WINDOW_KEYS);

		if (!writes)
			window_read(member, windows, key, &least[key]);
		else
			window_write(member, windows, key - key % WINDOW_WRITERS + member->index);
	}
}

static void run_windows(struct rig *rig, bool evicts)
{
	struct windows *windows = calloc(1, sizeof *windows);
	struct crew crew;
	uint64_t until_ns;

	expect(windows, "no memory");
	windows->evicts = evicts;
	crew_start(&crew, rig, WINDOW_WRITERS + WINDOW_READERS, window_member, windows);
	until_ns = now_ns() + 60000000;
	while (evicts && crew_evicts_until(&crew, until_ns))
		sleep_ns(1000000);
	crew_run_for(&crew, evicts ? 0 : 60000000);
	free(windows);
}

static void test_windows(struct rig *rig)
{
	rig_open(rig);
	run_windows(rig, false);
	expect_number(rig_stat(rig, CAPACITOR_STAT_EVICTIONS), 0);
}

static void test_windows_evicting(struct rig *rig)
{
	rig_open_exact(rig, WINDOW_KEYS / 2, 100);
	run_windows(rig, true);
	expect(rig_stat(rig, CAPACITOR_STAT_EVICTIONS) > 0, "nothing was evicted: the test tests nothing");
}

/* ---- Last words -------------------------------------------------------------------------------------------------- */

#define WORDS_KEYS    4
#define WORDS_THREADS 4
/* A version is the writer and its count. */
#define WORDS_WRITER(version) ((unsigned)((version) % WORDS_THREADS))

struct words {
	uint64_t last[WORDS_THREADS][WORDS_KEYS]; /* of each writer; read after joining */
};

static void words_member(struct crew_member *member)
{
	struct words *words = member->crew->context;
	uint64_t seen[WORDS_KEYS][WORDS_THREADS] = {{0}};
	uint64_t written = 0;

	while (crew_goes_on(member->crew)) {
		uint64_t key = random_below(&member->random, WORDS_KEYS), version;
		enum capacitor_result result;
		bool whole;

		if (random_below(&member->random, 2)) {
			uint64_t *last = &words->last[member->index][key];

			*last = ++written * WORDS_THREADS + member->index;
			result = tagged_set(member->handle, key, *last, 16 + *last % 64);
			crew_expect(member, result == CAPACITOR_STORED, "set: %s", capacitor_result_string(result));
			continue;
		}
		result = tagged_get(member->handle, key, &version, NULL, &whole);
		if (result == CAPACITOR_MISS)
			continue;
		crew_expect(member, result == CAPACITOR_HIT && whole, "get: %s", capacitor_result_string(result));
		crew_expect(member, version >= seen[key][WORDS_WRITER(version)],
		            "key %" PRIu64 ": an overwritten value of thread %u came back", key, WORDS_WRITER(version));
		crew_expect(member,
		            WORDS_WRITER(version) != member->index || version == words->last[member->index][key],
		            "key %" PRIu64 ": our own overwritten value came back", key);
		seen[key][WORDS_WRITER(version)] = version;
	}
}

static void test_last_words(struct rig *rig)
{
	struct words words = {{{0}}};
	struct crew crew;

	rig_open(rig);
	crew_start(&crew, rig, WORDS_THREADS, words_member, &words);
	crew_run_for(&crew, 50000000);
	for (uint64_t key = 0; key < WORDS_KEYS; key++) {
		uint64_t version = tagged_version(rig, key);

		if (version != MISSING)
			expect_number(version, words.last[WORDS_WRITER(version)][key]);
		else
			for (unsigned thread = 0; thread < WORDS_THREADS; thread++)
				expect(words.last[thread][key] == 0, "key %" PRIu64 " was set and is not there", key);
	}
}

/* ---- Accounts ---------------------------------------------------------------------------------------------------- */

#define ACCOUNT_KEYS    4
#define ACCOUNT_THREADS 4

struct accounts {
	int64_t balance[ACCOUNT_THREADS][ACCOUNT_KEYS]; /* of each thread; read after joining */
};

static void accounts_member(struct crew_member *member)
{
	struct accounts *accounts = member->crew->context;

	while (crew_goes_on(member->crew)) {
		uint64_t key = random_below(&member->random, ACCOUNT_KEYS);
		uint64_t version = random_next(&member->random);
		int64_t *balance = &accounts->balance[member->index][key];
		enum capacitor_result result;

		switch (random_below(&member->random, 3)) {
		case 0:
			result = tagged_write(capacitor_add, member->handle, key, version, 24);
			crew_expect(member, result == CAPACITOR_STORED || result == CAPACITOR_EXISTS, "add: %s",
			            capacitor_result_string(result));
			*balance += result == CAPACITOR_STORED;
			break;
		case 1:
			result = tagged_write(capacitor_replace, member->handle, key, version, 24);
			crew_expect(member, result == CAPACITOR_STORED || result == CAPACITOR_MISS, "replace: %s",
			            capacitor_result_string(result));
			break;
		default:
			result = label_delete(member->handle, key);
			crew_expect(member, result == CAPACITOR_HIT || result == CAPACITOR_MISS, "delete: %s",
			            capacitor_result_string(result));
			*balance -= result == CAPACITOR_HIT;
		}
	}
}

static void test_accounts(struct rig *rig)
{
	struct accounts accounts = {{{0}}};
	uint64_t entries = 0;
	struct crew crew;

	rig_open(rig);
	crew_start(&crew, rig, ACCOUNT_THREADS, accounts_member, &accounts);
	crew_run_for(&crew, 50000000);
	for (uint64_t key = 0; key < ACCOUNT_KEYS; key++) {
		int64_t balance = 0;

		for (unsigned thread = 0; thread < ACCOUNT_THREADS; thread++)
			balance += accounts.balance[thread][key];
		expect(balance == 0 || balance == 1, "key %" PRIu64 ": adds less deletes is %" PRId64, key, balance);
		expect_result(label_contains(rig->handle, key), balance == 1 ? CAPACITOR_HIT : CAPACITOR_MISS);
		entries += (uint64_t)balance;
	}
	expect_number(rig_stat(rig, CAPACITOR_STAT_ENTRIES), entries);
}

/* ---- One winner -------------------------------------------------------------------------------------------------- */

#define RACE_THREADS 4
#define RACE_KEYS    300

struct race {
	_Atomic unsigned added[RACE_KEYS];
	_Atomic unsigned deleted[RACE_KEYS];
};

/* All threads add every key in the same order, then all delete it. relaxed: counts, read after joining. */
static void race_member(struct crew_member *member)
{
	struct race *race = member->crew->context;

	for (uint64_t key = 0; key < RACE_KEYS; key++)
		if (tagged_write(capacitor_add, member->handle, key, member->index, 16) == CAPACITOR_STORED)
			fetch_add_relaxed(&race->added[key], 1);
}

static void race_delete_member(struct crew_member *member)
{
	struct race *race = member->crew->context;

	for (uint64_t key = 0; key < RACE_KEYS; key++)
		if (label_delete(member->handle, key) == CAPACITOR_HIT)
			fetch_add_relaxed(&race->deleted[key], 1);
}

static void test_one_winner(struct rig *rig)
{
	struct race *race = calloc(1, sizeof *race);
	struct crew crew;

	expect(race, "no memory");
	rig_open(rig);
	crew_start(&crew, rig, RACE_THREADS, race_member, race);
	crew_finish(&crew);
	crew_start(&crew, rig, RACE_THREADS, race_delete_member, race);
	crew_finish(&crew);
	for (unsigned key = 0; key < RACE_KEYS; key++) {
		expect(load_relaxed(&race->added[key]) == 1, "key %u was added by %u threads", key,
		       load_relaxed(&race->added[key]));
		expect(load_relaxed(&race->deleted[key]) == 1, "key %u was deleted by %u threads", key,
		       load_relaxed(&race->deleted[key]));
	}
	expect_number(rig_stat(rig, CAPACITOR_STAT_ENTRIES), 0);
	free(race);
}

const struct suite_test linearizability_tests[] = {
	{.name = "G1 readers see what was complete, and nothing that was not begun", .run = test_windows,
	 .scope = SUITE_POLICY, .without = SHARED},
	{.name = "G1 what was evicted never comes back", .run = test_windows_evicting, .scope = SUITE_POLICY,
	 .without = SHARED},
	{.name = "G1 the last value of some writer remains", .run = test_last_words, .scope = SUITE_POLICY,
	 .without = SHARED},
	{.name = "G1 adds less deletes is what is there", .run = test_accounts, .scope = SUITE_POLICY,
	 .without = SHARED},
	{.name = "G1 of racing adds and deletes one wins", .run = test_one_winner, .scope = SUITE_ALL,
	 .without = SHARED},
	{.name = NULL},
};
