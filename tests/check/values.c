/* SPDX-License-Identifier: BSD-2-Clause */
/* Values that tell whether they are whole, current and whose; see values.h. */
#include "values.h"

#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "common/contract.h"

#define WORD_STEP 0x9e3779b97f4a7c15u /* odd: no two words of a value have the same term */

static uint64_t base_of(size_t bytes, uint64_t key, uint64_t version)
{
	return check_mix(check_mix(key + 1) ^ check_mix(version) ^ bytes);
}

void value_fill(void *value, size_t bytes, uint64_t key, uint64_t version)
{
	uint64_t base = base_of(bytes, key, bytes < VALUE_VERSION_BYTES ? 0 : version), word;
	unsigned char *at = value;
	size_t offset = 0;

	if (bytes >= VALUE_VERSION_BYTES) {
		memcpy(at, &version, sizeof version);
		offset = sizeof version;
	}
	for (; offset < bytes; offset += sizeof word) {
		word = base + offset * WORD_STEP;
		memcpy(at + offset, &word, bytes - offset < sizeof word ? bytes - offset : sizeof word);
	}
}

bool value_check(const void *value, size_t bytes, uint64_t key, uint64_t *version)
{
	const unsigned char *at = value;
	uint64_t base, word;
	size_t offset = 0;

	*version = 0;
	if (bytes >= VALUE_VERSION_BYTES) {
		memcpy(version, at, sizeof *version);
		offset = sizeof *version;
	}
	base = base_of(bytes, key, *version);
	for (; offset < bytes; offset += sizeof word) {
		word = base + offset * WORD_STEP;
		if (memcmp(at + offset, &word, bytes - offset < sizeof word ? bytes - offset : sizeof word) != 0)
			return false;
	}
	return true;
}

const char *value_fault(const void *value, size_t bytes, uint64_t keys)
{
	uint64_t version;

	for (uint64_t key = 0; key < keys; key++)
		if (value_check(value, bytes, key, &version))
			return "is another key's";
	return "is torn or mixed";
}

/* ---- The ledger -------------------------------------------------------------------------------------------------- */

/*
 * Outside ThreadSanitizer's builds, who sees a number sees all that its writer did before. In them nothing may be ordered
 * here: it would hide from ThreadSanitizer the races that the calls between are there to show. (What runs is the same, on
 * x86-64: a load there sees what was stored before what an earlier load has seen.)
 */
#if defined(CONTRACT_CHECKED)
#define LEDGER_LOAD(object)         load_relaxed(object) /* relaxed: see above */
#define LEDGER_STORE(object, value) store_relaxed(object, value)
#define LEDGER_RELEASE              memory_order_relaxed
#else
#define LEDGER_LOAD(object)         load_acquire(object) /* PAIRS: LEDGER_STORE */
#define LEDGER_STORE(object, value) store_release(object, value) /* PAIRS: LEDGER_LOAD */
#define LEDGER_RELEASE              memory_order_release
#endif

struct account {
	_Atomic uint64_t begun; /* the number of the write that was begun last; the writer's own */
	_Atomic uint64_t done;  /* that was completed last; the writer's own */
	_Atomic uint64_t floor;
};

struct ledger {
	unsigned keys, writers;
	struct account account[]; /* by key and writer */
};

static struct account *account_of(const struct ledger *ledger, uint64_t key, unsigned writer)
{
	return (struct account *)&ledger->account[key * ledger->writers + writer];
}

struct ledger *ledger_create(unsigned keys, unsigned writers)
{
	struct ledger *ledger = calloc(1, sizeof *ledger + (size_t)keys * writers * sizeof ledger->account[0]);

	if (ledger) {
		ledger->keys = keys;
		ledger->writers = writers;
	}
	return ledger;
}

void ledger_destroy(struct ledger *ledger)
{
	free(ledger);
}

struct ledger_look *ledger_looks(const struct ledger *ledger)
{
	size_t numbers = 2 * (size_t)ledger->writers;
	struct ledger_look *looks = calloc(ledger->keys, sizeof *looks + numbers * sizeof(uint64_t));
	uint64_t *number = (uint64_t *)(void *)(looks + ledger->keys);

	for (unsigned key = 0; looks && key < ledger->keys; key++, number += numbers)
		looks[key] = (struct ledger_look){.key = key, .done = number, .floor = number + ledger->writers};
	return looks;
}

void ledger_take_look(const struct ledger *ledger, struct ledger_look *look)
{
	for (unsigned writer = 0; writer < ledger->writers; writer++) {
		struct account *account = account_of(ledger, look->key, writer);

		look->done[writer] = LEDGER_LOAD(&account->done);
		look->floor[writer] = LEDGER_LOAD(&account->floor);
	}
}

bool ledger_written(const struct ledger *ledger, const struct ledger_look *look)
{
	for (unsigned writer = 0; writer < ledger->writers; writer++)
		if (look->done[writer] > 0)
			return true;
	return false;
}

bool ledger_ever_written(const struct ledger *ledger, uint64_t key)
{
	for (unsigned writer = 0; writer < ledger->writers; writer++)
		if (LEDGER_LOAD(&account_of(ledger, key, writer)->done) > 0)
			return true;
	return false;
}

uint64_t ledger_begin(struct ledger *ledger, uint64_t key, unsigned writer)
{
	struct account *account = account_of(ledger, key, writer);
	uint64_t number = load_relaxed(&account->begun) + 1; /* relaxed: only we write it */

	store_relaxed(&account->begun, number); /* relaxed: who finds the version in the cache is ordered by the cache */
	return ((uint64_t)writer + 1) << 48 | number;
}

void ledger_complete(struct ledger *ledger, uint64_t key, uint64_t version)
{
	LEDGER_STORE(&account_of(ledger, key, VERSION_WRITER(version))->done, VERSION_NUMBER(version));
}

void ledger_void(struct ledger *ledger, uint64_t key, uint64_t version)
{
	store_relaxed(&account_of(ledger, key, VERSION_WRITER(version))->begun, VERSION_NUMBER(version) - 1); /* as above */
}

static void raise_floor(struct account *account, uint64_t floor)
{
	uint64_t now = load_relaxed(&account->floor); /* relaxed: the exchange repeats it */

	while (now < floor && !atomic_compare_exchange_weak_explicit(&account->floor, &now, floor, LEDGER_RELEASE,
	                                                            memory_order_relaxed)) /* relaxed: it is repeated */
		;
}

void ledger_settle(struct ledger *ledger, const struct ledger_look *look, uint64_t version)
{
	for (unsigned writer = 0; writer < ledger->writers; writer++) {
		struct account *account = account_of(ledger, look->key, writer);

		if (version && writer == VERSION_WRITER(version))
			raise_floor(account, VERSION_NUMBER(version));
		else if (look->done[writer] > 0)
			raise_floor(account, look->done[writer] + 1);
	}
}

const char *ledger_fault(const struct ledger *ledger, const struct ledger_look *look, uint64_t version)
{
	unsigned writer = VERSION_WRITER(version);

	if (writer >= ledger->writers)
		return "was written by nobody";
	if (VERSION_NUMBER(version) < look->floor[writer])
		return "is stale: it was gone before the call began";
	if (VERSION_NUMBER(version) > load_relaxed(&account_of(ledger, look->key, writer)->begun)) /* as in ledger_begin() */
		return "is of a write that had failed, or not begun";
	return NULL;
}
