/* SPDX-License-Identifier: BSD-2-Clause */
/* The directory of lines; see directory.h. */
#include "coherence/directory.h"

#include <string.h>

#include "coherence/counts.h"
#include "coherence/memory.h"

#define FIRST_TABLE      ((uint64_t)1 << 16)
#define COPIES_IN_A_LIST 4

static struct {
	struct slot {
		uint64_t key;
		struct line *line; /* NULL: free */
	} *slot; /* open addressing, at most half full */
	uint64_t slots, lines;
	struct line *first, **last;
	unsigned line_shift, granule_shift;
	uintptr_t shift_bytes;
	directory_lost *lost;
} directory;

/* ---- Lines and copies -------------------------------------------------------------------------------------------- */

void directory_init(unsigned line_bytes, unsigned shift_bytes, directory_lost *lost)
{
	directory.line_shift = (unsigned)__builtin_ctz(line_bytes);
	directory.granule_shift = directory.line_shift - 6;
	directory.shift_bytes = shift_bytes;
	directory.lost = lost;
	directory.slots = FIRST_TABLE;
	directory.slot = memory_take(directory.slots * sizeof(struct slot));
	directory.last = &directory.first;
}

static struct slot *slot_of(uint64_t key)
{
	uint64_t mask = directory.slots - 1, at = key * UINT64_C(0x9E3779B97F4A7C15) >> 20;

	while (directory.slot[at & mask].line && directory.slot[at & mask].key != key)
		at++;
	return &directory.slot[at & mask];
}

static void grow(void)
{
	directory.slots *= 2;
	directory.slot = memory_take(directory.slots * sizeof(struct slot));
	for (struct line *line = directory.first; line; line = line->next)
		*slot_of(line->key) = (struct slot){line->key, line};
}

struct line *directory_find(uint64_t key)
{
	return directory.slots ? slot_of(key)->line : NULL;
}

struct line *directory_line(uint64_t key)
{
	struct slot *slot = slot_of(key);
	struct line *line = slot->line;

	if (line)
		return line;
	if (directory.lines * 2 >= directory.slots) {
		grow();
		slot = slot_of(key);
	}
	line = memory_take(sizeof(*line));
	*slot = (struct slot){key, line};
	line->key = key;
	line->owner = NO_OWNER;
	line->made = (uint32_t)directory.lines++;
	*directory.last = line;
	directory.last = &line->next;
	return line;
}

static struct copy *find_copy(const struct line *line, unsigned core)
{
	struct copy *copy = line->first;

	if (line->by_core)
		return line->by_core[core];
	while (copy && copy->core != core)
		copy = copy->next;
	return copy;
}

struct line_detail *directory_detail(struct line *line)
{
	if (!line->detail)
		line->detail = memory_take(sizeof(*line->detail));
	return line->detail;
}

struct copy *directory_copy(struct line *line, unsigned core)
{
	struct copy *copy = find_copy(line, core);

	if (copy)
		return copy;
	copy = memory_take(sizeof(*copy));
	copy->core = (uint8_t)core;
	copy->next = line->first;
	line->first = copy;
	line->copies++;
	if (line->shared)
		copy->heat = memory_take(sizeof(*copy->heat));
	if (line->by_core) {
		line->by_core[core] = copy;
	} else if (line->copies > COPIES_IN_A_LIST) {
		line->by_core = memory_take(COHERENCE_CORES_MAX * sizeof(struct copy *));
		line->stale = memory_take(COHERENCE_CORES_MAX * sizeof(uint64_t));
		for (struct copy *each = line->first; each; each = each->next) {
			line->by_core[each->core] = each;
			line->stale[each->core] = each->stale;
		}
	}
	return copy;
}

uint64_t directory_key(uintptr_t address)
{
	return (address + directory.shift_bytes) >> directory.line_shift;
}

uintptr_t directory_address(const struct line *line)
{
	return (uintptr_t)(line->key << directory.line_shift) - directory.shift_bytes;
}

struct line *directory_first(void)
{
	return directory.first;
}

uint64_t directory_lines(void)
{
	return directory.lines;
}

void directory_freed(uintptr_t first, size_t bytes, bool freed)
{
	uintptr_t at = first + directory.shift_bytes, end = at + bytes;
	uintptr_t line_bytes = (uintptr_t)1 << directory.line_shift;

	while (at < end) {
		uintptr_t next = (at & ~(line_bytes - 1)) + line_bytes;
		uint64_t key = at >> directory.line_shift;
		struct line *line = freed ? directory_line(key) : directory_find(key);
		uintptr_t last = (next < end ? next : end) - 1;
		unsigned from = (unsigned)(at & (line_bytes - 1)) >> directory.granule_shift;
		unsigned to = (unsigned)(last & (line_bytes - 1)) >> directory.granule_shift;
		uint64_t granules = directory_granules(from, to);

		if (line && freed)
			line->freed |= granules;
		else if (line)
			line->freed &= ~granules;
		at = next;
	}
}

/* ---- Transactions ------------------------------------------------------------------------------------------------ */

static struct line_site *site_of(struct line *line, uintptr_t site)
{
	struct line_detail *detail = directory_detail(line);
	struct line_site **at = &detail->sites, *found;

	while (*at && (*at)->site != site)
		at = &(*at)->next;
	found = *at;
	if (!found) {
		found = *at = memory_take(sizeof(*found));
		found->site = site;
	}
	return found;
}

static struct line_site *met_at(struct line *line, uintptr_t site, uint64_t granules)
{
	struct line_site *met = site_of(line, site);

	for (unsigned word = first_word(granules); word <= last_word(granules); word++)
		met->words |= (uint8_t)(1u << word);
	return met;
}

static void classify(struct line_site *site, unsigned operation, enum coherence_count class)
{
	if (!counts.on)
		return;
	site->class[class]++;
	counts_add(operation, class, 1);
}

/* The owner's writes become known: they are stale for everybody else. */
static void tell_writes(struct line *line)
{
	if (!line->unseen_writes)
		return;
	if (line->stale) {
		uint64_t owners = line->stale[line->owner];

		for (unsigned core = 0; core < COHERENCE_CORES_MAX; core++)
			line->stale[core] |= line->unseen_writes;
		line->stale[line->owner] = owners;
	} else {
		for (struct copy *copy = line->first; copy; copy = copy->next)
			if (copy->core != line->owner)
				copy->stale |= line->unseen_writes;
	}
	line->unseen_writes = 0;
}

void directory_judge(struct line *line, struct copy *copy, bool missed)
{
	if (!copy->before)
		classify(copy->missed_at, copy->operation, missed ? COHERENCE_TRUE : COHERENCE_LATE);
	copy->open = false;
	*directory_stale(line, copy) = 0;
}

static void close_miss(struct copy *copy)
{
	if (copy->open && !copy->before)
		classify(copy->missed_at, copy->operation, COHERENCE_FALSE);
	copy->open = false;
}

/* Takes the copies of all cores but `keeper` away, who owns the line now. Result: the granules that the others had used. */
static uint64_t take(struct line *line, unsigned keeper, unsigned operation)
{
	uint64_t used = 0;
	unsigned taken = 0;

	tell_writes(line);
	for (unsigned part = 0; part < COHERENCE_CORES_MAX / 64; part++) {
		uint64_t holders = line->holders.word[part];

		for (; holders; holders &= holders - 1) {
			unsigned core = part * 64 + (unsigned)__builtin_ctzll(holders);
			struct copy *copy;

			if (core == keeper)
				continue;
			copy = find_copy(line, core);
			used |= copy->used;
			copy->used = 0;
			close_miss(copy);
			taken++;
			directory.lost(line, core);
		}
		line->holders.word[part] = 0;
	}
	line->holders.word[keeper / 64] = (uint64_t)1 << keeper % 64;
	line->owner = (int16_t)keeper;
	if (taken && counts.on) {
		directory_detail(line)->invalidations += taken;
		counts_add(operation, COHERENCE_INVALIDATIONS, taken);
	}
	return used;
}

static bool nobody_holds(const struct core_set *set)
{
	uint64_t any = 0;

	for (unsigned part = 0; part < COHERENCE_CORES_MAX / 64; part++)
		any |= set->word[part];
	return any == 0;
}

/* A first contact: cold, wherever the data come from. */
static void meet(struct line *line, struct copy *copy, unsigned operation)
{
	copy->met = true;
	*directory_stale(line, copy) = 0;
	if (!counts.on)
		return;
	copy->cold = true;
	counts_add(operation, COHERENCE_COLD, 1);
}

static void fetch(struct line *line, unsigned core, enum access access, unsigned operation)
{
	if (line->owner != NO_OWNER && line->dirty && counts.on) {
		directory_detail(line)->transfers++;
		counts_add(operation, COHERENCE_TRANSFERS, 1);
	}
	if (access != ACCESS_READ) {
		take(line, core, operation);
		return;
	}
	tell_writes(line);
	line->owner = nobody_holds(&line->holders) ? (int16_t)core : NO_OWNER;
	line->dirty = false;
	line->holders.word[core / 64] |= (uint64_t)1 << core % 64;
}

/* Most lines never are: they need no heat. */
static void share(struct line *line)
{
	if (line->shared)
		return;
	line->shared = true;
	for (struct copy *copy = line->first; copy; copy = copy->next)
		copy->heat = memory_take(sizeof(*copy->heat));
}

bool directory_transact(struct line *line, struct copy *copy, uint64_t granules, enum access access, unsigned operation,
                        uintptr_t site)
{
	if (copy->met)
		share(line);
	if (cores_has(&line->holders, copy->core)) { /* a shared copy is here, and it writes */
		bool same = take(line, copy->core, operation) & granules;

		classify(met_at(line, site, granules), operation, same ? COHERENCE_UPGRADE_TRUE : COHERENCE_UPGRADE_FALSE);
		return false;
	}
	fetch(line, copy->core, access, operation);
	copy->used = 0;
	if (copy->met) {
		copy->missed_at = met_at(line, site, granules);
		copy->operation = (uint8_t)operation;
		copy->open = true;
		copy->before = false;
	} else {
		meet(line, copy, operation);
	}
	return true;
}

/* ---- Measuring --------------------------------------------------------------------------------------------------- */

void directory_measure(void)
{
	for (struct line *line = directory.first; line; line = line->next) {
		if (line->detail) {
			struct line_site *sites = line->detail->sites;

			*line->detail = (struct line_detail){.sites = sites};
			for (struct line_site *site = sites; site; site = site->next) {
				memset(site->class, 0, sizeof(site->class));
				site->words = 0;
			}
		}
		for (struct copy *copy = line->first; copy; copy = copy->next) {
			copy->before = copy->open;
			copy->cold = false;
			if (copy->heat)
				*copy->heat = (struct heat){0};
		}
	}
}

void directory_close(void)
{
	for (struct line *line = directory.first; line; line = line->next)
		for (struct copy *copy = line->first; copy; copy = copy->next)
			close_miss(copy);
}
