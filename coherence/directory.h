/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The directory: which core holds which line, and why a core had to fetch it.
 *
 * States         Per line the set of cores that hold a copy, and the owner: the core that may write (MESI's E or M), or
 *                none (S). Caches have no end: a copy is lost only when another core writes.
 * Resolution     64 granules a line: a byte of a 64-byte line, two of a 128-byte line.
 * Classes        Dubois et al. 1993. Per core and line, `stale` are the granules that others have written since the core's
 *                last essential miss. A first contact is cold. Any other miss is open until the core uses a stale granule,
 *                which makes it essential: `true` when the missing access itself does, `late` when a later one does (pure
 *                Dubois calls both true; but splitting the line would have spared the late one). When the copy is lost
 *                first, or measuring ends, the miss was false sharing. An owner's writes become stale for the others when
 *                another core fetches the line.
 * Upgrades       A core that holds a shared copy and writes: true when one of the copies that it takes away had been used
 *                at the same granules, false otherwise.
 *
 * The directory knows nothing of threads and time, but keeps a place for the time at which a line is free. Its memory
 * is of its own (memory.h): it must not move the program's heap.
 */
#ifndef COHERENCE_DIRECTORY_H
#define COHERENCE_DIRECTORY_H

#include "coherence/coherence.h"

#define WORDS_PER_LINE 8 /* resolution of heat maps */
#define NO_OWNER       (-1)

enum access {
	ACCESS_READ,
	ACCESS_WRITE,
	ACCESS_RMW, /* an atomic read-modify-write, failed or not */
};

struct core_set {
	uint64_t word[COHERENCE_CORES_MAX / 64];
};

/* What one piece of code met at one line. */
struct line_site {
	uintptr_t site; /* a return address */
	struct line_site *next;
	uint32_t class[COHERENCE_CLASSES];
	uint8_t words; /* bit for each eighth of the line that the transactions' accesses touched */
};

/* What is kept of lines at which anything but first contacts happened. */
struct line_detail {
	uint32_t transfers, invalidations, cas_failures;
	uint64_t queue_cycles;
	struct line_site *sites;
};

struct heat {
	uint32_t reads[WORDS_PER_LINE], writes[WORDS_PER_LINE];
};

/* One core's view of a line that it has met. */
struct copy {
	uint64_t stale; /* granules that others wrote since this core's last essential miss; see directory_stale */
	uint64_t used;  /* granules used in this stay */
	struct copy *next;
	struct heat *heat;           /* once there was a transaction that was not cold */
	struct line_site *missed_at; /* of the open miss */
	uint8_t core;
	uint8_t operation; /* of the open miss */
	bool open;         /* missed, and it has not been judged why */
	bool before;       /* it missed before measuring began: judged, but not counted */
	bool met;          /* has held the line before */
	bool cold;         /* its first contact was counted */
};

/* Ordered by use: an access that hits reads the first 64 bytes. */
struct line {
	uint64_t key; /* address / line size */
	struct core_set holders;
	uint64_t unseen_writes; /* the owner's, which others do not know of yet */
	int16_t owner;
	uint8_t copies;
	bool dirty;
	bool shared; /* by cores one of which writes: there was a transaction that was not cold */
	uint32_t made; /* number in the order of first contacts: repeats, unlike the address */
	struct copy *first;
	uint64_t *stale; /* by core, side by side, instead of in the copies: likewise */
	struct copy **by_core; /* instead of a walk, from a few copies on */
	uint64_t freed; /* granules of freed blocks, where they are watched */
	struct line_detail *detail;
	uint64_t free_at; /* virtual time at which the last transfer ends */
	struct line *next; /* in the order of first contacts */
};

/* Called for each core that loses its copy. */
typedef void directory_lost(struct line *line, unsigned core);

void directory_init(unsigned line_bytes, unsigned shift_bytes, directory_lost *lost);

/* The line of a key, made when it is new; and a core's view of it, likewise. */
struct line *directory_line(uint64_t key);
struct line *directory_find(uint64_t key); /* or NULL */
struct copy *directory_copy(struct line *line, unsigned core);

static inline bool cores_has(const struct core_set *set, unsigned core)
{
	return set->word[core / 64] >> core % 64 & 1;
}

/* Would this access need the others' consent, that is, a transaction? */
static inline bool directory_must_ask(const struct line *line, unsigned core, enum access access)
{
	return access == ACCESS_READ ? !cores_has(&line->holders, core) : line->owner != (int)core;
}

/* An access with a transaction: changes the state, counts. `granules` within the line; `site` is who does it. Result: was it
 * a miss, rather than an upgrade? */
bool directory_transact(struct line *line, struct copy *copy, uint64_t granules, enum access access, unsigned operation,
                        uintptr_t site);

/* The rest of any access, with or without transaction. */
void directory_judge(struct line *line, struct copy *copy, bool missed);

static inline uint64_t *directory_stale(const struct line *line, struct copy *copy)
{
	return line->stale ? &line->stale[copy->core] : &copy->stale;
}

static inline void directory_use(struct line *line, struct copy *copy, uint64_t granules, enum access access, bool missed)
{
	copy->used |= granules;
	if (access != ACCESS_READ) {
		line->dirty = true;
		line->unseen_writes |= granules;
	}
	if (copy->open && (*directory_stale(line, copy) & granules))
		directory_judge(line, copy, missed);
}

static inline unsigned first_word(uint64_t granules)
{
	return (unsigned)__builtin_ctzll(granules) / 8;
}

static inline unsigned last_word(uint64_t granules)
{
	return (63 - (unsigned)__builtin_clzll(granules)) / 8;
}

static inline void directory_heat(struct copy *copy, uint64_t granules, enum access access)
{
	uint32_t *of = access == ACCESS_READ ? copy->heat->reads : copy->heat->writes;

	for (unsigned word = first_word(granules); word <= last_word(granules); word++)
		of[word]++;
}

struct line_detail *directory_detail(struct line *line);

/* Counters to zero. */
void directory_measure(void);
/* Judges the misses that are still open. */
void directory_close(void);

/* A mask of the granules first to last. */
static inline uint64_t directory_granules(unsigned first, unsigned last)
{
	return (~UINT64_C(0) >> (63 - (last - first))) << first;
}

/* Turns an address into the line's key and back into the address of the line's first byte. */
uint64_t directory_key(uintptr_t address);
uintptr_t directory_address(const struct line *line);

/* These bytes belong to a block that was freed; or to a new one. */
void directory_freed(uintptr_t first, size_t bytes, bool freed);

struct line *directory_first(void);
uint64_t directory_lines(void);

#endif
