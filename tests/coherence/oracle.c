/* SPDX-License-Identifier: BSD-2-Clause */
/* See oracle.h. Granules are a byte of a line of 64 bytes, two of one of 128. */
#include "tests/coherence/oracle.h"

#include <string.h>

#define LINES_MAX    (ORACLE_BYTES / 64 + 1)
#define GRANULES     64
#define NOBODY       (-1)

static uint64_t seed_of_accesses;

/* ---- Accesses ---------------------------------------------------------------------------------------------------- */

void oracle_seed(uint64_t seed)
{
	seed_of_accesses = seed;
}

/* splitmix64 (Steele, Lea and Flood 2014). */
static uint64_t mixed(uint64_t value)
{
	value += UINT64_C(0x9E3779B97F4A7C15);
	value = (value ^ value >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
	value = (value ^ value >> 27) * UINT64_C(0x94D049BB133111EB);
	return value ^ value >> 31;
}

/* Reads are half of them, and a quarter of the words see half of the accesses: lines are shared, lost and fetched again. */
struct oracle_access oracle_access(unsigned worker, unsigned long round, unsigned number)
{
	static const enum oracle_what whats[] = {ORACLE_READ, ORACLE_READ, ORACLE_READ, ORACLE_READ, ORACLE_READ, ORACLE_WRITE,
	                                         ORACLE_WRITE, ORACLE_ADD, ORACLE_FAIL, ORACLE_SET};
	uint64_t random = mixed(seed_of_accesses ^ mixed(worker ^ mixed(round * ORACLE_ACCESSES + number)));
	struct oracle_access access = {.what = whats[random % 10], .operation = (uint8_t)(1 + (random >> 8) % SCENARIO_KINDS)};
	unsigned range = (random >> 12) % 2 ? ORACLE_BYTES / 4 : ORACLE_BYTES;

	access.bytes = 8;
	if (access.what == ORACLE_READ || access.what == ORACLE_WRITE)
		access.bytes = (uint16_t)(1u << (random >> 16) % 4);
	if (access.what == ORACLE_SET) {
		access.bytes = (uint16_t)(1 + (random >> 16) % 200);
		access.offset = (uint16_t)((random >> 32) % (ORACLE_BYTES - access.bytes));
	} else {
		access.offset = (uint16_t)((random >> 32) % (range / access.bytes) * access.bytes);
	}
	return access;
}

/* ---- Lines and stays --------------------------------------------------------------------------------------------- */

/* A stay is from the fetch of a line to the loss of it. */
static struct line {
	int exclusive; /* the core that may write without asking; or NOBODY */
	bool modified;
	uint64_t written[GRANULES][SCENARIO_WORKERS_MAX]; /* when, by whom; 0: never */
	struct stay {
		bool met, holds;
		bool open;   /* fetched for a reason that is not known yet */
		bool before; /* fetched before counting began: judged, but not counted */
		unsigned operation;
		uint64_t from;      /* when it was fetched */
		uint64_t essential; /* the fetch of the last essential stay */
		uint64_t used[GRANULES];
	} stay[SCENARIO_WORKERS_MAX];
} lines[LINES_MAX];

static struct {
	unsigned workers;
	bool counted;
	uint64_t now;
	struct tally *tally; /* of operations 1 and 2 */
} oracle;

static void end_stay(struct stay *stay)
{
	if (stay->open && oracle.counted && !stay->before)
		oracle.tally[stay->operation - 1].false_sharing++;
	stay->open = stay->holds = false;
}

/* Has another written any of the granules since this core's last essential fetch? */
static bool is_news(const struct line *line, unsigned core, unsigned first, unsigned last)
{
	for (unsigned granule = first; granule <= last; granule++)
		for (unsigned other = 0; other < oracle.workers; other++)
			if (other != core && line->written[granule][other] > line->stay[core].essential)
				return true;
	return false;
}

/* All others lose the line. True: one of them had used a granule of these in its stay. */
static bool take(struct line *line, unsigned core, unsigned first, unsigned last, struct tally *tally)
{
	bool used = false;

	for (unsigned other = 0; other < oracle.workers; other++) {
		struct stay *stay = &line->stay[other];

		if (other == core || !stay->holds)
			continue;
		for (unsigned granule = first; granule <= last; granule++)
			used = used || stay->used[granule] >= stay->from;
		end_stay(stay);
		tally->invalidations += oracle.counted;
	}
	return used;
}

static bool is_held(const struct line *line)
{
	for (unsigned core = 0; core < oracle.workers; core++)
		if (line->stay[core].holds)
			return true;
	return false;
}

static void fetch(struct line *line, unsigned core, unsigned operation, struct tally *tally)
{
	struct stay *stay = &line->stay[core];

	tally->transfers += oracle.counted && line->modified;
	stay->holds = true;
	stay->from = oracle.now;
	stay->operation = operation;
	stay->open = stay->met;
	stay->before = !oracle.counted;
	if (!stay->met) {
		stay->met = true;
		stay->essential = oracle.now;
		tally->cold += oracle.counted;
	}
}

static void access_line(struct line *line, unsigned core, unsigned first, unsigned last, bool writes, unsigned operation)
{
	struct stay *stay = &line->stay[core];
	struct tally *tally = &oracle.tally[operation - 1];
	bool missed = !stay->holds;

	oracle.now++;
	if (missed) {
		bool held = is_held(line);

		fetch(line, core, operation, tally);
		if (writes)
			take(line, core, first, last, tally);
		line->exclusive = writes || !held ? (int)core : NOBODY;
		line->modified = false;
	} else if (writes && line->exclusive != (int)core) {
		if (take(line, core, first, last, tally))
			tally->upgrade_true += oracle.counted;
		else
			tally->upgrade_false += oracle.counted;
		line->exclusive = (int)core;
	}
	for (unsigned granule = first; granule <= last; granule++)
		stay->used[granule] = oracle.now;
	if (stay->open && is_news(line, core, first, last)) {
		stay->open = false;
		stay->essential = stay->from;
		if (missed)
			oracle.tally[stay->operation - 1].true_sharing += !stay->before;
		else
			oracle.tally[stay->operation - 1].late += !stay->before;
	}
	if (!writes)
		return;
	line->modified = true;
	for (unsigned granule = first; granule <= last; granule++)
		line->written[granule][core] = oracle.now;
}

/* ---- All of them ------------------------------------------------------------------------------------------------- */

static void access_bytes(const struct setting *setting, unsigned core, struct oracle_access access)
{
	unsigned at = access.offset + setting->shift_bytes, end = at + access.bytes;
	unsigned granule_bytes = setting->line_bytes / GRANULES;
	struct tally *tally = &oracle.tally[access.operation - 1];

	tally->operations += oracle.counted;
	while (at < end) {
		unsigned next = (at / setting->line_bytes + 1) * setting->line_bytes, to = next < end ? next : end;

		access_line(&lines[at / setting->line_bytes], core, at % setting->line_bytes / granule_bytes,
		            (to - 1) % setting->line_bytes / granule_bytes, access.what != ORACLE_READ, access.operation);
		tally->reads += oracle.counted && access.what == ORACLE_READ;
		tally->writes += oracle.counted && (access.what == ORACLE_WRITE || access.what == ORACLE_SET);
		tally->rmws += oracle.counted && (access.what == ORACLE_ADD || access.what == ORACLE_FAIL);
		at = to;
	}
	tally->cas_failures += oracle.counted && access.what == ORACLE_FAIL;
}

void oracle_count(const struct setting *setting, unsigned long rounds, unsigned long warm, struct tally tally[SCENARIO_KINDS])
{
	memset(lines, 0, sizeof(lines));
	memset(tally, 0, SCENARIO_KINDS * sizeof(*tally));
	oracle.workers = setting->workers;
	oracle.counted = false;
	oracle.now = 0;
	oracle.tally = tally;
	for (unsigned i = 0; i < LINES_MAX; i++)
		lines[i].exclusive = NOBODY;
	for (unsigned long round = 0; round < rounds; round++) {
		oracle.counted = round >= warm;
		for (unsigned worker = 0; worker < setting->workers; worker++)
			for (unsigned number = 0; number < ORACLE_ACCESSES; number++)
				access_bytes(setting, worker, oracle_access(worker, round, number));
	}
	for (unsigned i = 0; i < LINES_MAX; i++)
		for (unsigned core = 0; core < oracle.workers; core++)
			end_stay(&lines[i].stay[core]);
}
