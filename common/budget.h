/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The budget of bytes (G4).
 *
 *   used = table + growing + live + retired
 *
 *   live      entries that can be reached. A writer adds the difference that its operation made, once; an insertion that
 *             evicts its own size changes nothing and writes nothing here.
 *   retired   entries that were unlinked, but that a reader may still hold: within a grace period, or pinned.
 *   table     tables, ghosts.
 *   growing   new arrays of tables that are being filled. Apart from table, because an entry that does not fit beside them
 *             has to wait a little, while one that does not fit beside the tables never will.
 *
 * The rule of writers: begin only while used <= capacity and what is pinned leaves room for the entry; then link, and evict
 * until live is within its limit again. So used exceeds the capacity by one entry per writing thread at the most. (Besides
 * its entry, a thread may keep one spare block between operations; it becomes the next entry, and is the same one.)
 *
 * Schemes that reclaim late reserve a part of the capacity for what is retired: the limit of live is lower by it, so that
 * writers seldom have to wait for a grace period. What is retired because it is pinned may stay for long, and lowers the
 * limit by all of it.
 *
 * All accesses are relaxed: these are amounts, they order nothing. That a thread sees another's addition late is
 * covered by the allowance of one entry per thread.
 */
#ifndef COMMON_BUDGET_H
#define COMMON_BUDGET_H

#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/atomics.h"
#include "common/layout.h"

struct budget {
	/* Read by every writer, written by resize and by tables that grow. */
	alignas(LINE_PAIR_BYTES) _Atomic size_t capacity_bytes;
	_Atomic size_t table_bytes;
	_Atomic size_t growing_bytes;
	/* Some of pinned_bytes may be pinned no more: the next store looks. Without it, they would crowd out live entries. */
	_Atomic bool unpinned;
	unsigned reserve_share; /* 1/reserve_share of the capacity is kept for the retired; 0: nothing */

	/* Written by most writers: lines of their own, or readers of the above would wait for them. */
	alignas(LINE_PAIR_BYTES) _Atomic int64_t live_bytes;
	_Atomic int64_t live_entries;

	/* Written by writers of schemes that reclaim late. */
	alignas(LINE_PAIR_BYTES) _Atomic int64_t retired_bytes;
	_Atomic int64_t retired_peak_bytes;
	_Atomic int64_t pinned_bytes; /* those of retired_bytes that wait for a pin */
};

LAYOUT_TOGETHER(struct budget, capacity_bytes, reserve_share, "read by every writer, written by resize and growing tables");
LAYOUT_TOGETHER(struct budget, live_bytes, live_entries, "one store writes both");
LAYOUT_TOGETHER(struct budget, retired_bytes, pinned_bytes, "who retires or reclaims writes these, and seldom one alone");
LAYOUT_APART(struct budget, reserve_share, live_bytes, "most stores write live, and all read the limits");
LAYOUT_APART(struct budget, live_entries, retired_bytes, "reclaiming does not disturb who only adds");
LAYOUT_OWN_LINES(struct budget, "what stands beside it in a cache is read by every operation");

static inline int64_t budget_tables(struct budget *budget)
{
	return (int64_t)(load_relaxed(&budget->table_bytes) + load_relaxed(&budget->growing_bytes));
}

static inline int64_t budget_used(struct budget *budget)
{
	return budget_tables(budget) + load_relaxed(&budget->live_bytes) + load_relaxed(&budget->retired_bytes);
}

/* What tables and pins leave of the capacity. */
static inline int64_t budget_room(struct budget *budget)
{
	return (int64_t)load_relaxed(&budget->capacity_bytes) - budget_tables(budget) - load_relaxed(&budget->pinned_bytes);
}

/* May a writer with an entry of so many bytes begin? */
static inline bool budget_open(struct budget *budget, size_t bytes)
{
	return budget_used(budget) <= (int64_t)load_relaxed(&budget->capacity_bytes) &&
	       (int64_t)bytes <= budget_room(budget);
}

/* What live should not exceed. */
static inline int64_t budget_live_limit(struct budget *budget)
{
	size_t reserve = budget->reserve_share ? load_relaxed(&budget->capacity_bytes) / budget->reserve_share : 0;

	return budget_room(budget) - (int64_t)reserve;
}

/*
 * Would live, changed by so many bytes and entries, exceed its limit? The last entry may use the reserve, too: a cache
 * whose capacity is one entry holds one entry.
 */
static inline bool budget_over(struct budget *budget, int64_t bytes, int64_t entries)
{
	int64_t live = load_relaxed(&budget->live_bytes) + bytes;

	if (live <= budget_live_limit(budget))
		return false;
	return load_relaxed(&budget->live_entries) + entries > 1 || live > budget_room(budget);
}

/* Pins were released, or an entry joined those that wait for theirs: tells the next store, if there is anything to look for.
 * A release that reads pinned_bytes before another thread adds to it is covered by that thread, which tells, too. */
static inline void budget_unpinned(struct budget *budget)
{
	if (load_relaxed(&budget->pinned_bytes) > 0 && !load_relaxed(&budget->unpinned))
		store_relaxed(&budget->unpinned, true);
}

/* Takes room for a table's new array: all of it, or nothing and false. Taken before it is made, so that two tables that grow
 * at once do not both see the same room. */
static inline bool budget_table_take(struct budget *budget, size_t bytes)
{
	if (budget_used(budget) + (int64_t)bytes > (int64_t)load_relaxed(&budget->capacity_bytes))
		return false;
	fetch_add_relaxed(&budget->growing_bytes, bytes);
	if (budget_used(budget) <= (int64_t)load_relaxed(&budget->capacity_bytes))
		return true;
	fetch_sub_relaxed(&budget->growing_bytes, bytes);
	return false;
}

/* The new array is not made, after all. */
static inline void budget_table_give(struct budget *budget, size_t bytes)
{
	fetch_sub_relaxed(&budget->growing_bytes, bytes);
}

/* The new array has taken the place of the old. */
static inline void budget_table_swap(struct budget *budget, size_t new_bytes, size_t old_bytes)
{
	fetch_add_relaxed(&budget->table_bytes, new_bytes - old_bytes);
	fetch_sub_relaxed(&budget->growing_bytes, new_bytes);
}

static inline void budget_live_add(struct budget *budget, int64_t bytes, int64_t entries)
{
	if (bytes)
		fetch_add_relaxed(&budget->live_bytes, bytes);
	if (entries)
		fetch_add_relaxed(&budget->live_entries, entries);
}

static inline void budget_retired_add(struct budget *budget, int64_t bytes)
{
	int64_t now = fetch_add_relaxed(&budget->retired_bytes, bytes) + bytes;
	int64_t peak = load_relaxed(&budget->retired_peak_bytes);

	while (now > peak && !compare_exchange_relaxed(&budget->retired_peak_bytes, &peak, now))
		;
}

#endif
