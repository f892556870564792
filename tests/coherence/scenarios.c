/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The scenarios, each with its closed form above its code; scenarios.h says what both are. This file is compiled as code under
 * study: every access in it is seen.
 *
 * How to read a form. n is the number of workers. A form is written for lines of 64 bytes and no shift where the setting does
 * not enter. Objects begin at a page and lie a multiple of 128 bytes apart, so that only what a scenario is about shares a
 * line. In every later round each worker meets what the round before left behind, which repeats: hence "steady".
 *   - A worker's first contact with a line is cold, whoever has it; it is also a transfer where another has it modified.
 *   - A reader leaves the line shared: the writer before it keeps a copy, and its next write is an upgrade.
 *   - A writer takes all other copies away: so many invalidations.
 */
#include "tests/coherence/scenarios.h"

#include <linux/futex.h>
#include <linux/membarrier.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "coherence/coherence.h"
#include "tests/coherence/oracle.h"

#define AT_A_PAGE   __attribute__((aligned(4096)))
#define LINE_MAX    128
#define WORKERS_MAX SCENARIO_WORKERS_MAX

#define LOAD(object)         __atomic_load_n(&(object), __ATOMIC_ACQUIRE)
#define STORE(object, value) __atomic_store_n(&(object), (value), __ATOMIC_RELEASE)
#define COUNT(object)        __atomic_fetch_add(&(object), 1, __ATOMIC_RELAXED)
/* Without an address of a local variable, which would be an object of the stack's, and seen. */
#define SWAP_IF(object, old, new) __sync_val_compare_and_swap(&(object), (old), (new))

/* For what a scenario needs and is not about. */
#define UNSEEN __attribute__((no_sanitize("thread"), noinline))

/* A long on a line of its own. */
struct padded {
	volatile long value;
	char padding[LINE_MAX - sizeof(long)];
};

/* Keeps the compiler from leaving a read out. */
static inline void use(long value)
{
	__asm__ volatile("" : : "r"(value));
}

static unsigned workers_now;

UNSEEN static void workers_setup(unsigned workers)
{
	workers_now = workers;
}

UNSEEN static bool is_last(unsigned worker)
{
	return worker == workers_now - 1;
}

/* Where workers go in pairs. */
UNSEEN static bool is_alone(unsigned worker)
{
	return worker == workers_now - 1 && worker % 2 == 0;
}

/* ---- Arithmetic of forms ----------------------------------------------------------------------------------------- */

/* n things in a row, of which the first line takes `first` and each other line `per`: how many lines. */
static uint64_t lines_of(uint64_t n, uint64_t first, uint64_t per)
{
	return n <= first ? n > 0 : 1 + (n - first + per - 1) / per;
}

/* ... and how many of the things share their line with another. */
static uint64_t in_company(uint64_t n, uint64_t first, uint64_t per)
{
	uint64_t rest = n > first ? n - first : 0, in_first = n - rest, alone = per == 1 ? rest : rest % per == 1;

	return (in_first > 1 ? in_first : 0) + rest - alone;
}

/* Lines that `bytes` bytes at `offset` lie in. */
static uint64_t span(const struct setting *setting, uint64_t offset, uint64_t bytes)
{
	uint64_t from = offset + setting->shift_bytes;

	return (from + bytes - 1) / setting->line_bytes - from / setting->line_bytes + 1;
}

/* An array at a page, of elements that are smaller than a line and fit into it evenly: how many lie in its first line. */
static uint64_t first_line_of(const struct setting *setting, uint64_t element_bytes)
{
	return (setting->line_bytes - setting->shift_bytes % setting->line_bytes + element_bytes - 1) / element_bytes;
}

/* ---- Counters ---------------------------------------------------------------------------------------------------- */

static long packed[WORKERS_MAX] AT_A_PAGE;

/*
 * Each counts in its own element of an array. c of the n elements share their line, and there are g lines.
 * First: a line's first worker finds it in nobody's cache, each other one takes it from the worker before.
 * Steady: of c workers each has lost its line to the next in turn, who never uses what it wrote: false.
 */
static void packed_step(unsigned worker, unsigned long round)
{
	(void)round;
	COUNT(packed[worker]);
}

static void packed_form(const struct setting *setting, struct form *form)
{
	uint64_t n = setting->workers, per = setting->line_bytes / sizeof(long), first = first_line_of(setting, sizeof(long));
	uint64_t g = lines_of(n, first, per), c = in_company(n, first, per);

	form->first = (struct tally){.cold = n, .transfers = n - g, .invalidations = n - g, .rmws = n};
	form->steady = (struct tally){.false_sharing = c, .transfers = c, .invalidations = c, .rmws = n};
}

/*
 * The same without atomics: a read and a write. The read brings the line from its owner, who keeps a copy; the write has to
 * take that away, which had used another element: an upgrade, false.
 */
static void packed_plain_step(unsigned worker, unsigned long round)
{
	volatile long *counter = &packed[worker];

	(void)round;
	*counter = *counter + 1;
}

static void packed_plain_form(const struct setting *setting, struct form *form)
{
	packed_form(setting, form);
	form->first.upgrade_false = form->first.invalidations;
	form->steady.upgrade_false = form->steady.invalidations;
	form->first.reads = form->first.writes = form->steady.reads = form->steady.writes = form->first.rmws;
	form->first.rmws = form->steady.rmws = 0;
}

/* The same in a block of the heap, which the main thread has allocated and not touched. */
static long *heap;

UNSEEN static void heap_setup(unsigned workers)
{
	(void)workers;
	heap = aligned_alloc(4096, 4096);
	if (!heap)
		abort();
	coherence_object(heap, WORKERS_MAX * sizeof(long), "long");
}

UNSEEN static long *heap_of(unsigned worker)
{
	return &heap[worker];
}

static void heap_step(unsigned worker, unsigned long round)
{
	(void)round;
	COUNT(*heap_of(worker));
}

#define heap_form packed_form

/*
 * Counters of a byte. A line of 64 bytes is kept apart byte by byte: all false. In one of 128, two bytes are one granule: who
 * has a neighbour in its granule is told that the neighbour's write was meant for it. That is the resolution.
 */
static unsigned char bytes[WORKERS_MAX] AT_A_PAGE;

static void bytes_step(unsigned worker, unsigned long round)
{
	(void)round;
	COUNT(bytes[worker]);
}

static void bytes_form(const struct setting *setting, struct form *form)
{
	uint64_t n = setting->workers, per = setting->line_bytes, first = first_line_of(setting, 1);
	uint64_t g = lines_of(n, first, per), c = in_company(n, first, per), pairs = per == 128 ? n / 2 : 0;

	form->first = (struct tally){.cold = n, .transfers = n - g, .invalidations = n - g, .rmws = n};
	form->steady = (struct tally){
		.true_sharing = 2 * pairs, .false_sharing = c - 2 * pairs, .transfers = c, .invalidations = c, .rmws = n};
}

static struct padded padded[WORKERS_MAX] AT_A_PAGE;

/* Each on lines of its own: nothing after the first contact. */
static void padded_step(unsigned worker, unsigned long round)
{
	(void)round;
	COUNT(padded[worker].value);
}

static void padded_form(const struct setting *setting, struct form *form)
{
	uint64_t n = setting->workers;

	form->first = (struct tally){.cold = n, .rmws = n};
	form->steady = (struct tally){.rmws = n};
}

/* Read, then written by the only one who has it: a read that finds nobody brings the right to write. */
static void exclusive_step(unsigned worker, unsigned long round)
{
	use(LOAD(padded[worker].value));
	STORE(padded[worker].value, (long)round);
}

static void exclusive_form(const struct setting *setting, struct form *form)
{
	uint64_t n = setting->workers;

	form->first = (struct tally){.cold = n, .reads = n, .writes = n};
	form->steady = (struct tally){.reads = n, .writes = n};
}

static struct {
	volatile long value;
	char padding[56];
} pad64[WORKERS_MAX] AT_A_PAGE;

/* Padded to 64 bytes: right where lines have 64, two to a line where they have 128; a shift by 64 makes other pairs. */
static void pad64_step(unsigned worker, unsigned long round)
{
	(void)round;
	COUNT(pad64[worker].value);
}

static void pad64_form(const struct setting *setting, struct form *form)
{
	uint64_t n = setting->workers, per = setting->line_bytes / 64, first = first_line_of(setting, 64);
	uint64_t g = lines_of(n, first, per), c = in_company(n, first, per);

	form->first = (struct tally){.cold = n, .transfers = n - g, .invalidations = n - g, .rmws = n};
	form->steady = (struct tally){.false_sharing = c, .transfers = c, .invalidations = c, .rmws = n};
}

static struct {
	volatile long first;
	char padding[48];
	volatile long last;
} ends64[WORKERS_MAX] AT_A_PAGE;

/*
 * 64 bytes each, counting at both ends. Aligned to lines of 64: nothing is shared. Not aligned, as after a shift by 8 to 56: the
 * last word of one lies in the line of the next one's first; n - 1 lines with two cores each.
 * Lines of 128: in pairs, as pad64. Shifted by 8 to 56, line j holds the end of 2j - 1, both ends of 2j, and the beginning
 * of 2j + 1: n / 2 + 1 lines (the first without 2j - 1), met by n + n / 2 cores; three cores share each but the last
 * and the first. An odd n ends with two in the last line, an even one with one, which is alone.
 */
static void ends64_step(unsigned worker, unsigned long round)
{
	(void)round;
	COUNT(ends64[worker].first);
	COUNT(ends64[worker].last);
}

static void ends64_form(const struct setting *setting, struct form *form)
{
	uint64_t n = setting->workers, met, lines, sharers;

	if (setting->shift_bytes % 64 == 0) {
		pad64_form(setting, form);
		form->first.rmws = form->steady.rmws = 2 * n;
		return;
	}
	if (setting->line_bytes == 64) {
		met = 2 * n;
		lines = n + 1;
		sharers = 2 * (n - 1);
	} else {
		met = n + n / 2;
		lines = n / 2 + 1;
		sharers = met - (n % 2 == 0);
	}
	form->first = (struct tally){.cold = met, .transfers = met - lines, .invalidations = met - lines, .rmws = 2 * n};
	form->steady = (struct tally){.false_sharing = sharers, .transfers = sharers, .invalidations = sharers, .rmws = 2 * n};
}

/* ---- One word ---------------------------------------------------------------------------------------------------- */

static struct padded one AT_A_PAGE;

/* All count in one word: everybody needs what the one before wrote. */
static void shared_step(unsigned worker, unsigned long round)
{
	(void)worker;
	(void)round;
	COUNT(one.value);
}

static void shared_form(const struct setting *setting, struct form *form)
{
	uint64_t n = setting->workers;

	form->first = (struct tally){.cold = n, .transfers = n - 1, .invalidations = n - 1, .rmws = n};
	form->steady = (struct tally){.true_sharing = n, .transfers = n, .invalidations = n, .rmws = n};
}

/* The main thread has written the word: its copy goes with the first worker's. Later rounds are the same. */
static void shared_main_setup(unsigned workers)
{
	(void)workers;
	one.value = 0;
}

static void shared_main_form(const struct setting *setting, struct form *form)
{
	shared_form(setting, form);
	form->first.transfers++;
	form->first.invalidations++;
}

/* All read it: a copy for everybody. */
static void read_step(unsigned worker, unsigned long round)
{
	(void)worker;
	(void)round;
	use(LOAD(one.value));
}

static void read_form(const struct setting *setting, struct form *form)
{
	uint64_t n = setting->workers;

	form->first = (struct tally){.cold = n, .reads = n};
	form->steady = (struct tally){.reads = n};
}

/*
 * The first worker writes, the others read it in four turns: one writer that is read mostly. Each of its writes takes n - 1
 * copies away that had used the word (an upgrade, true), which come back at the first of the four reads, the first of them
 * from the writer. A sequentially consistent store counts as a read-modify-write, as which processors do it.
 */
static void read_mostly_step(unsigned worker, unsigned long round)
{
	if (worker == 0)
		__atomic_store_n(&one.value, (long)round, __ATOMIC_SEQ_CST);
	for (unsigned turn = 0; turn < 4; turn++) {
		if (worker > 0)
			use(LOAD(one.value));
		if (turn < 3)
			coherence_yield();
	}
}

static void read_mostly_form(const struct setting *setting, struct form *form)
{
	uint64_t n = setting->workers;

	form->first = (struct tally){.cold = n, .transfers = 1, .reads = 4 * (n - 1), .rmws = 1};
	form->steady = (struct tally){.true_sharing = n - 1, .upgrade_true = 1, .transfers = 1, .invalidations = n - 1,
	                              .reads = 4 * (n - 1), .rmws = 1};
}

/* A compare-and-swap that fails takes the line as one that does not: as `shared`, with as many failures. */
static void cas_fails_step(unsigned worker, unsigned long round)
{
	(void)worker;
	(void)round;
	use(SWAP_IF(one.value, -1, 1));
}

static void cas_fails_form(const struct setting *setting, struct form *form)
{
	shared_form(setting, form);
	form->first.cas_failures = form->steady.cas_failures = setting->workers;
}

/*
 * All read the word, then, in a second turn, all try to add one to what they have read. The first succeeds: an upgrade that
 * takes n - 1 copies. Each other one fails, which brings it the line from the one before, and succeeds with what it found.
 * Steady: of the n reads all miss but that of the last who wrote; the first to read takes a copy from it.
 */
static void cas_race_step(unsigned worker, unsigned long round)
{
	long expected = LOAD(one.value), found;

	(void)worker;
	(void)round;
	coherence_yield();
	while ((found = SWAP_IF(one.value, expected, expected + 1)) != expected)
		expected = found;
}

static void cas_race_form(const struct setting *setting, struct form *form)
{
	uint64_t n = setting->workers;

	form->first = (struct tally){.true_sharing = n - 1, .cold = n, .upgrade_true = 1, .transfers = n - 1,
	                             .invalidations = 2 * (n - 1), .cas_failures = n - 1, .reads = n, .rmws = 2 * n - 1};
	form->steady = form->first;
	form->steady.cold = 0;
	form->steady.true_sharing = 2 * (n - 1);
	form->steady.transfers = n;
}

/* ---- Headers: what is read beside what is written ---------------------------------------------------------------- */

static struct {
	void *bucket;
	volatile long hits;
	char padding[LINE_MAX - 2 * sizeof(long)];
} header AT_A_PAGE = {.bucket = &header};

/*
 * All read the pointer and count beside it. The pointer is as it was, so that the miss itself was needless; the count then
 * needs what the others wrote: late. It also takes the copy away that the one before kept when it was read: true.
 */
static void header_all_step(unsigned worker, unsigned long round)
{
	(void)worker;
	(void)round;
	use((long)LOAD(header.bucket));
	COUNT(header.hits);
}

static void header_all_form(const struct setting *setting, struct form *form)
{
	uint64_t n = setting->workers;

	form->first = (struct tally){.cold = n, .upgrade_true = n - 1, .transfers = n - 1, .invalidations = n - 1, .reads = n,
	                             .rmws = n};
	form->steady = (struct tally){.late = n, .upgrade_true = n, .transfers = n, .invalidations = n, .reads = n, .rmws = n};
}

/* The main thread has written the pointer: it gives the line to the first worker, and the copy that it keeps, in which it
 * had used the pointer, goes when that counts: one more upgrade, false. */
static void header_main_setup(unsigned workers)
{
	(void)workers;
	header.bucket = &header;
}

static void header_main_form(const struct setting *setting, struct form *form)
{
	header_all_form(setting, form);
	form->first.upgrade_false++;
	form->first.transfers++;
	form->first.invalidations++;
}

/* One counts, all others read the pointer: each count takes their copies (which had used the pointer: false), and they come
 * back for nothing new; the first of them from the one who counts. */
static void header_one_step(unsigned worker, unsigned long round)
{
	(void)round;
	if (worker == 0)
		COUNT(header.hits);
	else
		use((long)LOAD(header.bucket));
}

static void header_one_form(const struct setting *setting, struct form *form)
{
	uint64_t n = setting->workers;

	form->first = (struct tally){.cold = n, .transfers = 1, .reads = n - 1, .rmws = 1};
	form->steady = (struct tally){.false_sharing = n - 1, .upgrade_false = 1, .transfers = 1, .invalidations = n - 1,
	                              .reads = n - 1, .rmws = 1};
}

static struct {
	void *bucket;
	char padding[LINE_MAX - sizeof(void *)];
	struct padded hits;
} split AT_A_PAGE = {.bucket = &split};

/* Split: the pointer stays with everybody, the count is `shared`. */
static void header_split_step(unsigned worker, unsigned long round)
{
	(void)worker;
	(void)round;
	use((long)LOAD(split.bucket));
	COUNT(split.hits.value);
}

static void header_split_form(const struct setting *setting, struct form *form)
{
	shared_form(setting, form);
	form->first.cold *= 2;
	form->first.reads = form->steady.reads = setting->workers;
}

/* ---- Classes ----------------------------------------------------------------------------------------------------- */

static struct {
	volatile long a, b, c;
	char padding[LINE_MAX - 3 * sizeof(long)];
} words AT_A_PAGE;

/* One writes b; the others read a, which nobody writes, then b: late. */
static void late_step(unsigned worker, unsigned long round)
{
	if (worker == 0) {
		STORE(words.b, (long)round);
		return;
	}
	use(LOAD(words.a));
	use(LOAD(words.b));
}

static void late_form(const struct setting *setting, struct form *form)
{
	uint64_t n = setting->workers;

	form->first = (struct tally){.cold = n, .transfers = 1, .reads = 2 * (n - 1), .writes = 1};
	form->steady = (struct tally){.late = n - 1, .upgrade_true = 1, .transfers = 1, .invalidations = n - 1,
	                              .reads = 2 * (n - 1), .writes = 1};
}

/* The same, reading b in an operation of another kind: the miss belongs to the operation that missed. */
static void late_kind_step(unsigned worker, unsigned long round)
{
	if (worker == 0) {
		STORE(words.b, (long)round);
		return;
	}
	use(LOAD(words.a));
	coherence_operation(2);
	use(LOAD(words.b));
}

static void late_kind_form(const struct setting *setting, struct form *form)
{
	uint64_t n = setting->workers;

	late_form(setting, form);
	form[0].first.reads = form[0].steady.reads = n - 1;
	form[1].first = form[1].steady = (struct tally){.operations = n - 1, .reads = n - 1};
}

/*
 * What is new to a core is so until its next essential miss, however often it had the line in between without looking
 * (Dubois). One writes b, the others read a; one writes c, the others read b.
 * Steady: the reads of a are false (b and c are new, a is not), those of b true, though what took the line last was c.
 * The write of b takes copies that had used b, that of c copies that had used a.
 * First: the first contact is with b as it is, so that only c is new when b is read: false.
 */
static void remember_step(unsigned worker, unsigned long round)
{
	if (worker == 0)
		STORE(words.b, (long)round);
	else
		use(LOAD(words.a));
	coherence_yield();
	if (worker == 0)
		STORE(words.c, (long)round);
	else
		use(LOAD(words.b));
}

static void remember_form(const struct setting *setting, struct form *form)
{
	uint64_t n = setting->workers;

	form->first = (struct tally){.false_sharing = n - 1, .cold = n, .upgrade_false = 1, .transfers = 2,
	                             .invalidations = n - 1, .reads = 2 * (n - 1), .writes = 2};
	form->steady = (struct tally){.true_sharing = n - 1, .false_sharing = n - 1, .upgrade_true = 1, .upgrade_false = 1,
	                              .transfers = 2, .invalidations = 2 * (n - 1), .reads = 2 * (n - 1), .writes = 2};
}

/*
 * And what was seen is not new any more. One writes a, the others read a (true); one writes b, the others read a (false). The
 * write of a takes copies that had used a (an upgrade, true), that of b as well (false).
 */
static void forget_step(unsigned worker, unsigned long round)
{
	for (unsigned turn = 0; turn < 2; turn++) {
		if (worker > 0)
			use(LOAD(words.a));
		else if (turn == 0)
			STORE(words.a, (long)round);
		else
			STORE(words.b, (long)round);
		if (turn == 0)
			coherence_yield();
	}
}

static void forget_form(const struct setting *setting, struct form *form)
{
	uint64_t n = setting->workers;

	form->first = (struct tally){.false_sharing = n - 1, .cold = n, .upgrade_false = 1, .transfers = 2,
	                             .invalidations = n - 1, .reads = 2 * (n - 1), .writes = 2};
	form->steady = (struct tally){.true_sharing = n - 1, .false_sharing = n - 1, .upgrade_true = 1, .upgrade_false = 1,
	                              .transfers = 2, .invalidations = 2 * (n - 1), .reads = 2 * (n - 1), .writes = 2};
}

/* One writes a; of the others the first reads a, the rest read b. One copy that had used a makes the upgrade true; the rest
 * lose theirs for nothing. */
static void upgrade_one_step(unsigned worker, unsigned long round)
{
	if (worker == 0)
		STORE(words.a, (long)round);
	else if (worker == 1)
		use(LOAD(words.a));
	else
		use(LOAD(words.b));
}

static void upgrade_one_form(const struct setting *setting, struct form *form)
{
	uint64_t n = setting->workers;

	form->first = (struct tally){.cold = n, .transfers = 1, .reads = n - 1, .writes = 1};
	form->steady = (struct tally){.true_sharing = 1, .false_sharing = n - 2, .upgrade_true = 1, .transfers = 1,
	                              .invalidations = n - 1, .reads = n - 1, .writes = 1};
}

/*
 * Eight words of a line in a circle: each worker (but for a ninth and more, who rest) writes its own and reads its left
 * neighbour's. The miss of the write is open, as nobody else writes that word, until the read, which finds something new: late.
 * Where the circle is not closed (n < 8), nobody writes what worker 0 reads: false.
 */
static void circle_step(unsigned worker, unsigned long round)
{
	long neighbours = (long)(worker == 0 ? 7 : worker - 1);

	if (worker >= 8)
		return;
	STORE(packed[worker], (long)round);
	use(LOAD(packed[neighbours]));
}

static void circle_form(const struct setting *setting, struct form *form)
{
	uint64_t n = setting->workers < 8 ? setting->workers : 8, with_left = n < 8 ? n - 1 : n;

	form->first = (struct tally){.cold = n, .transfers = n - 1, .invalidations = n - 1, .reads = n, .writes = n};
	form->steady = (struct tally){.late = with_left, .false_sharing = n - with_left, .transfers = n, .invalidations = n,
	                              .reads = n, .writes = n};
}

/* ---- Sizes ------------------------------------------------------------------------------------------------------- */

struct sized {
	union {
		__extension__ volatile __int128 i16;
		volatile uint64_t i8;
		volatile uint32_t i4;
		volatile uint16_t i2;
		volatile uint8_t i1;
		volatile unsigned char byte[LINE_MAX];
	};
};
static struct sized sized[5] AT_A_PAGE;

/*
 * One writes objects of 16, 8, 4, 2 and 1 bytes, each on a line of its own. Of the others, the odd read the last byte of each
 * object (new: true), the even the byte after it (not new: false). Worker 1 had used what is written: upgrades are true.
 * Lines of 128 bytes have granules of two: the byte after a single byte counts as the same.
 */
static void extents_step(unsigned worker, unsigned long round)
{
	if (worker == 0) {
		sized[0].i16 = (long)round;
		sized[1].i8 = round;
		sized[2].i4 = (uint32_t)round;
		sized[3].i2 = (uint16_t)round;
		sized[4].i1 = (uint8_t)round;
		return;
	}
	for (unsigned i = 0; i < 5; i++)
		use(sized[i].byte[(16u >> i) - (worker & 1)]);
}

static void extents_form(const struct setting *setting, struct form *form)
{
	uint64_t n = setting->workers, odd = n / 2, even = (n - 1) / 2, same = setting->line_bytes == 128 ? even : 0;

	form->first = (struct tally){.cold = 5 * n, .transfers = 5, .reads = 5 * (n - 1), .writes = 5};
	form->steady = (struct tally){.true_sharing = 5 * odd + same, .false_sharing = 5 * even - same, .upgrade_true = 5,
	                              .transfers = 5, .invalidations = 5 * (n - 1), .reads = 5 * (n - 1), .writes = 5};
}

static struct {
	char before[60];
	volatile long across;
	char after[2 * LINE_MAX - 68];
} __attribute__((packed)) straddling AT_A_PAGE;

/* One writes, the others read a word that lies across two lines: each access is one of both. */
static void straddle_step(unsigned worker, unsigned long round)
{
	if (worker == 0)
		straddling.across = (long)round;
	else
		use(straddling.across);
}

static void straddle_form(const struct setting *setting, struct form *form)
{
	uint64_t n = setting->workers, lines = span(setting, 60, sizeof(long));

	form->first = (struct tally){.cold = lines * n, .transfers = lines, .reads = lines * (n - 1), .writes = lines};
	form->steady = (struct tally){.true_sharing = lines * (n - 1), .upgrade_true = lines, .transfers = lines,
	                              .invalidations = lines * (n - 1), .reads = lines * (n - 1), .writes = lines};
}

#define BLOCK_BYTES 200
#define BLOCK_AT    40
static struct {
	char shared[512];
	struct {
		char block[256];
	} own[WORKERS_MAX];
} blocks AT_A_PAGE;

/*
 * One sets a block of memory, the others copy it: memset and memcpy are seen line by line. The block lies in `lines` lines, a
 * copy in `own` (copies lie 256 bytes apart and share none).
 */
static void copy_step(unsigned worker, unsigned long round)
{
	if (worker == 0)
		memset(blocks.shared + BLOCK_AT, (int)round, BLOCK_BYTES);
	else
		memcpy(blocks.own[worker].block, blocks.shared + BLOCK_AT, BLOCK_BYTES);
}

static void copy_form(const struct setting *setting, struct form *form)
{
	uint64_t n = setting->workers, lines = span(setting, BLOCK_AT, BLOCK_BYTES), own = span(setting, 0, BLOCK_BYTES);

	form->first = (struct tally){.cold = lines + (lines + own) * (n - 1), .transfers = lines, .reads = lines * (n - 1),
	                             .writes = lines + own * (n - 1)};
	form->steady = (struct tally){.true_sharing = lines * (n - 1), .upgrade_true = lines, .transfers = lines,
	                              .invalidations = lines * (n - 1), .reads = lines * (n - 1),
	                              .writes = lines + own * (n - 1)};
}

struct dozen {
	long word[12];
};
static struct {
	char before[32];
	struct dozen shared;
	char after[128];
	struct {
		struct dozen words;
		char padding[32];
	} own[WORKERS_MAX];
} dozens AT_A_PAGE;

/* The same with assignments of a struct. The first worker's own one is read, at first from memory. */
static void assign_step(unsigned worker, unsigned long round)
{
	(void)round;
	if (worker == 0)
		dozens.shared = dozens.own[0].words;
	else
		dozens.own[worker].words = dozens.shared;
}

static void assign_form(const struct setting *setting, struct form *form)
{
	uint64_t n = setting->workers, lines = span(setting, 32, sizeof(struct dozen));
	uint64_t own = span(setting, 0, sizeof(struct dozen));

	form->first = (struct tally){.cold = (lines + own) * n, .transfers = lines, .reads = lines * (n - 1) + own,
	                             .writes = lines + own * (n - 1)};
	form->steady = (struct tally){.true_sharing = lines * (n - 1), .upgrade_true = lines, .transfers = lines,
	                              .invalidations = lines * (n - 1), .reads = lines * (n - 1) + own,
	                              .writes = lines + own * (n - 1)};
}

#define TABLE_BYTES 4096
static volatile char table[TABLE_BYTES + LINE_MAX] AT_A_PAGE;

/* All walk through a table, a read every 64 bytes: cold, once. Where two reads meet the same line, the second hits. */
static void walk_step(unsigned worker, unsigned long round)
{
	(void)worker;
	(void)round;
	for (unsigned i = 0; i < TABLE_BYTES; i += 64)
		use(table[i]);
}

static void walk_form(const struct setting *setting, struct form *form)
{
	uint64_t n = setting->workers;

	form->first = (struct tally){.cold = n * span(setting, 0, TABLE_BYTES - 63), .reads = n * TABLE_BYTES / 64};
	form->steady = (struct tally){.reads = n * TABLE_BYTES / 64};
}

/* The main thread has filled the table: the first to walk takes each line from it, and leaves it shared. */
static void walk_main_setup(unsigned workers)
{
	(void)workers;
	for (unsigned i = 0; i < TABLE_BYTES; i += 64)
		table[i] = 1;
}

static void walk_main_form(const struct setting *setting, struct form *form)
{
	walk_form(setting, form);
	form->first.transfers = span(setting, 0, TABLE_BYTES - 63);
}

#define WIDE_LINES 40000
static volatile char wide[WIDE_LINES][64] AT_A_PAGE;

/* One walks through more lines than the directory's first table has room for, and finds all of them again. */
static void wide_step(unsigned worker, unsigned long round)
{
	(void)round;
	if (worker == 0)
		for (unsigned i = 0; i < WIDE_LINES; i++)
			use(wide[i][0]);
}

static void wide_form(const struct setting *setting, struct form *form)
{
	form->first = (struct tally){.cold = span(setting, 0, sizeof(wide) - 63), .reads = WIDE_LINES};
	form->steady = (struct tally){.reads = WIDE_LINES};
}

static union {
	volatile uint8_t i1[ORACLE_BYTES];
	volatile uint16_t i2[ORACLE_BYTES / 2];
	volatile uint32_t i4[ORACLE_BYTES / 4];
	volatile uint64_t i8[ORACLE_BYTES / 8];
} anything AT_A_PAGE;

static void random_read(unsigned offset, unsigned size)
{
	switch (size) {
	case 1: use(anything.i1[offset]); break;
	case 2: use(anything.i2[offset / 2]); break;
	case 4: use((long)anything.i4[offset / 4]); break;
	default: use((long)anything.i8[offset / 8]);
	}
}

static void random_write(unsigned offset, unsigned size)
{
	switch (size) {
	case 1: anything.i1[offset] = 1; break;
	case 2: anything.i2[offset / 2] = 1; break;
	case 4: anything.i4[offset / 4] = 1; break;
	default: anything.i8[offset / 8] = 1;
	}
}

/*
 * Anything anywhere in a few lines, in operations of both kinds. Its form is not written down: another account, by the
 * definition of the classes, goes through the same accesses (oracle.h).
 */
static void random_step(unsigned worker, unsigned long round)
{
	for (unsigned number = 0; number < ORACLE_ACCESSES; number++) {
		struct oracle_access access = oracle_access(worker, round, number);

		coherence_operation(access.operation);
		switch (access.what) {
		case ORACLE_READ: random_read(access.offset, access.bytes); break;
		case ORACLE_WRITE: random_write(access.offset, access.bytes); break;
		case ORACLE_ADD: COUNT(anything.i8[access.offset / 8]); break;
		case ORACLE_FAIL: use((long)SWAP_IF(anything.i8[access.offset / 8], UINT64_MAX - 1, 0)); break;
		default: memset((void *)&anything.i1[access.offset], 0, access.bytes);
		}
	}
}

/* ---- Algorithms -------------------------------------------------------------------------------------------------- */

static struct {
	volatile int lock;
	char padding[LINE_MAX - sizeof(int)];
	volatile long data;
	char padding_of_data[LINE_MAX - sizeof(long)];
} spin AT_A_PAGE;

/*
 * A test-and-test-and-set lock that nobody holds for longer than a turn: the look brings the lock from the one before
 * (true), the exchange makes it one's own (an upgrade, true: the one before had used the lock), the data likewise; the
 * unlock hits.
 */
static void spinlock_step(unsigned worker, unsigned long round)
{
	(void)worker;
	(void)round;
	do {
		while (LOAD(spin.lock))
			coherence_relax();
	} while (__atomic_exchange_n(&spin.lock, 1, __ATOMIC_ACQUIRE));
	spin.data = spin.data + 1;
	STORE(spin.lock, 0);
}

static void spinlock_form(const struct setting *setting, struct form *form)
{
	uint64_t n = setting->workers, others = 2 * (n - 1);

	form->first = (struct tally){.cold = 2 * n, .upgrade_true = others, .transfers = others, .invalidations = others,
	                             .reads = 2 * n, .writes = 2 * n, .rmws = n};
	form->steady = (struct tally){.true_sharing = 2 * n, .upgrade_true = 2 * n, .transfers = 2 * n, .invalidations = 2 * n,
	                              .reads = 2 * n, .writes = 2 * n, .rmws = n};
}

static struct {
	volatile unsigned sequence;
	volatile long data[4];
	char padding[LINE_MAX - 5 * sizeof(long)];
} seqlock AT_A_PAGE;

/* One writes behind a sequence lock, in one line; the others read: one upgrade, which takes n - 1 copies that had used the
 * sequence, then n - 1 copies come back, for what is new at once. */
static void seqlock_step(unsigned worker, unsigned long round)
{
	if (worker == 0) {
		unsigned sequence = seqlock.sequence;

		STORE(seqlock.sequence, sequence + 1);
		for (unsigned i = 0; i < 4; i++)
			seqlock.data[i] = (long)round;
		STORE(seqlock.sequence, sequence + 2);
		return;
	}
	for (;;) {
		unsigned before = LOAD(seqlock.sequence);

		if (before & 1) {
			coherence_relax();
			continue;
		}
		for (unsigned i = 0; i < 4; i++)
			use(seqlock.data[i]);
		if (LOAD(seqlock.sequence) == before)
			break;
	}
}

static void seqlock_form(const struct setting *setting, struct form *form)
{
	uint64_t n = setting->workers;

	form->first = (struct tally){.cold = n, .transfers = 1, .reads = 1 + 6 * (n - 1), .writes = 6};
	form->steady = (struct tally){.true_sharing = n - 1, .upgrade_true = 1, .transfers = 1, .invalidations = n - 1,
	                              .reads = 1 + 6 * (n - 1), .writes = 6};
}

#define RING_SLOTS 8
static struct ring {
	struct padded head, tail; /* next to write; next to read */
	volatile long slot[RING_SLOTS];
	char padding[LINE_MAX - RING_SLOTS * sizeof(long)];
} rings[WORKERS_MAX / 2] AT_A_PAGE;

/*
 * Workers in pairs, the even one produces, the odd one consumes, by way of a ring with one line of slots. An odd one out rests.
 * Steady, a pair. The producer still has a copy of the head; it fetches the tail (true), writes a slot, taking the consumer's
 * copy, which had used the slot before it (an upgrade, false), and the head, taking the copy that had used it (true). The
 * consumer has the tail, fetches head and slot (true), and writes the tail, which the producer had read (an upgrade, true).
 * First, a pair: six cold contacts; head and slot come from the producer, the tail's copy is taken from it.
 */
static void ring_step(unsigned worker, unsigned long round)
{
	struct ring *ring = &rings[worker / 2];
	long head, tail;

	(void)round;
	if (is_alone(worker))
		return;
	head = LOAD(ring->head.value);
	tail = LOAD(ring->tail.value);
	if (worker % 2 == 0 && head - tail < RING_SLOTS) {
		ring->slot[head % RING_SLOTS] = head;
		STORE(ring->head.value, head + 1);
	}
	if (worker % 2 == 1 && head > tail) {
		use(ring->slot[tail % RING_SLOTS]);
		STORE(ring->tail.value, tail + 1);
	}
}

static void ring_form(const struct setting *setting, struct form *form)
{
	uint64_t p = setting->workers / 2;

	form->first = (struct tally){.cold = 6 * p, .upgrade_true = p, .transfers = 2 * p, .invalidations = p, .reads = 5 * p,
	                             .writes = 3 * p};
	form->steady = (struct tally){.true_sharing = 3 * p, .upgrade_true = 2 * p, .upgrade_false = p, .transfers = 3 * p,
	                              .invalidations = 3 * p, .reads = 5 * p, .writes = 3 * p};
}

/* ---- Locks ------------------------------------------------------------------------------------------------------- */

/*
 * The C library's mutex of 2.36 is replayed field by field. Taking a free one reads kind (byte 16), exchanges lock (0), reads and
 * writes owner (8), reads and writes nusers (12); giving it back reads kind, writes owner, reads and writes nusers, exchanges
 * lock: together 5 reads, 4 writes, 2 read-modify-writes.
 */
#define MUTEX_READS  5
#define MUTEX_WRITES 4
#define MUTEX_RMWS   2

static struct {
	pthread_mutex_t mutex;
	char padding[LINE_MAX - sizeof(pthread_mutex_t)];
} mutexes[WORKERS_MAX] AT_A_PAGE;

/* Each its own, on lines of its own. */
static void mutex_padded_step(unsigned worker, unsigned long round)
{
	(void)round;
	pthread_mutex_lock(&mutexes[worker].mutex);
	pthread_mutex_unlock(&mutexes[worker].mutex);
}

static void mutex_padded_form(const struct setting *setting, struct form *form)
{
	uint64_t n = setting->workers;

	form->steady = (struct tally){.reads = MUTEX_READS * n, .writes = MUTEX_WRITES * n, .rmws = MUTEX_RMWS * n, .locks = n};
	form->first = form->steady;
	form->first.cold = n;
}

static pthread_mutex_t mutexes_packed[WORKERS_MAX] AT_A_PAGE;

static void mutex_packed_step(unsigned worker, unsigned long round)
{
	(void)round;
	pthread_mutex_lock(&mutexes_packed[worker]);
	pthread_mutex_unlock(&mutexes_packed[worker]);
}

/*
 * Each its own, packed: 40 bytes each, eight in five lines of 64 bytes. Two workers share each of these lines:
 *   line 0   0 and 1, all fields
 *   line 1   2, all; 3, the lock
 *   line 2   3, the rest; 4, all
 *   line 3   5, all; 6, but its kind
 *   line 4   6, its kind; 7, all
 * Who reads kind there first has a miss and, when it writes, an upgrade; who exchanges the lock first has a miss only, which
 * takes the copy away. All of it is false. In line 4, 6 only reads: 7 keeps its copy and has an upgrade, but no miss.
 * Each line has: the number of workers from which on both are there; what these two meet in the first round, as the second finds
 * it; and in later rounds.
 */
static void mutex_packed_form(const struct setting *setting, struct form *form)
{
	static const struct {
		unsigned from;
		struct tally first, steady;
	} line[5] = {
		{2, {.upgrade_false = 1, .transfers = 1, .invalidations = 1},
		    {.false_sharing = 2, .upgrade_false = 2, .transfers = 2, .invalidations = 2}},
		{4, {.upgrade_false = 0, .transfers = 1, .invalidations = 1},
		    {.false_sharing = 2, .upgrade_false = 1, .transfers = 2, .invalidations = 2}},
		{5, {.upgrade_false = 1, .transfers = 1, .invalidations = 1},
		    {.false_sharing = 2, .upgrade_false = 2, .transfers = 2, .invalidations = 2}},
		{7, {.upgrade_false = 0, .transfers = 1, .invalidations = 1},
		    {.false_sharing = 2, .upgrade_false = 1, .transfers = 2, .invalidations = 2}},
		{8, {.upgrade_false = 1, .transfers = 0, .invalidations = 1},
		    {.false_sharing = 1, .upgrade_false = 1, .transfers = 1, .invalidations = 1}},
	};
	uint64_t n = setting->workers;

	mutex_padded_form(setting, form);
	form->first.cold = n + (n + 4) / 8 + (n + 1) / 8; /* 3 and 6 meet two lines */
	for (unsigned i = 0; i < 5; i++) {
		uint64_t times = (n + 8 - line[i].from) / 8;

		form->first.upgrade_false += times * line[i].first.upgrade_false;
		form->first.transfers += times * line[i].first.transfers;
		form->first.invalidations += times * line[i].first.invalidations;
		form->steady.false_sharing += times * line[i].steady.false_sharing;
		form->steady.upgrade_false += times * line[i].steady.upgrade_false;
		form->steady.transfers += times * line[i].steady.transfers;
		form->steady.invalidations += times * line[i].steady.invalidations;
	}
}

static struct {
	pthread_mutex_t mutex;
	char padding[LINE_MAX - sizeof(pthread_mutex_t)];
	long data;
	char padding_of_data[LINE_MAX - sizeof(long)];
} locked AT_A_PAGE;

/*
 * One mutex round one word, and never two at a time. The mutex: the read of kind brings it and finds nothing new, the exchange
 * does (late), and takes the copy away that the one before kept (an upgrade, true). The word: its read is true, its
 * write takes that copy away (an upgrade, true). The mutex goes from hand to hand.
 */
static void mutex_one_step(unsigned worker, unsigned long round)
{
	(void)worker;
	(void)round;
	pthread_mutex_lock(&locked.mutex);
	locked.data++;
	pthread_mutex_unlock(&locked.mutex);
}

static void mutex_one_form(const struct setting *setting, struct form *form)
{
	uint64_t n = setting->workers, others = 2 * (n - 1);

	form->first = (struct tally){.cold = 2 * n, .upgrade_true = others, .transfers = others, .invalidations = others,
	                             .reads = (MUTEX_READS + 1) * n, .writes = (MUTEX_WRITES + 1) * n, .rmws = MUTEX_RMWS * n,
	                             .locks = n, .handovers = n - 1};
	form->steady = (struct tally){.true_sharing = n, .late = n, .upgrade_true = 2 * n, .transfers = 2 * n,
	                              .invalidations = 2 * n, .reads = (MUTEX_READS + 1) * n, .writes = (MUTEX_WRITES + 1) * n,
	                              .rmws = MUTEX_RMWS * n, .locks = n, .handovers = n};
}

/*
 * One mutex, held over a turn: all others find it taken. Who does reads kind, exchanges the lock, reads it and exchanges it again,
 * and blocks; when it was woken it exchanges the lock once more: 1 read and 2 read-modify-writes besides. It is given to
 * who waits longest; its owner then comes to its next round and finds it taken in turn. So all wait but the very first.
 *   - who takes it exchanges the lock, which the one before gave back: true.
 *   - who comes to it reads kind, then exchanges the lock: late (at first: cold), and an upgrade, true.
 *   - who gives it back lost the line to who came meanwhile: it reads kind (a miss), writes owner (an upgrade: who came used
 *     kind and lock: false), exchanges the lock: late. In the last round nobody comes, but while worker 0 has it: no misses.
 */
static void mutex_held_step(unsigned worker, unsigned long round)
{
	(void)worker;
	(void)round;
	pthread_mutex_lock(&locked.mutex);
	coherence_yield();
	pthread_mutex_unlock(&locked.mutex);
}

static void mutex_held_form(const struct setting *setting, struct form *form)
{
	uint64_t n = setting->workers, waits = n - 1;

	form->first = (struct tally){.true_sharing = waits, .late = 1, .cold = n, .upgrade_true = waits, .upgrade_false = 1,
	                             .transfers = 2 * waits + 1, .invalidations = 2 * waits + 1,
	                             .reads = MUTEX_READS * n + waits, .writes = MUTEX_WRITES * n,
	                             .rmws = MUTEX_RMWS * n + 2 * waits, .locks = n, .lock_waits = waits, .handovers = waits,
	                             .blocks = waits, .wakes = waits};
	form->steady = (struct tally){.true_sharing = n, .late = 2 * n, .upgrade_true = n, .upgrade_false = n, .transfers = 3 * n,
	                              .invalidations = 3 * n, .reads = (MUTEX_READS + 1) * n, .writes = MUTEX_WRITES * n,
	                              .rmws = (MUTEX_RMWS + 2) * n, .locks = n, .lock_waits = n, .handovers = n, .blocks = n,
	                              .wakes = n};
}

/*
 * One holds a mutex over a turn, the others try it: kind, then the lock, which fails. Each has a miss (late, at first cold) and an
 * upgrade (true). The holder gives it back as in `mutex_held`, and finds it all its own in the next round.
 */
static void mutex_try_life(unsigned worker, unsigned long round)
{
	(void)round;
	if (worker == 0) {
		pthread_mutex_lock(&locked.mutex);
		coherence_yield();
	} else if (pthread_mutex_trylock(&locked.mutex) != 0) {
		return;
	}
	pthread_mutex_unlock(&locked.mutex);
}

static void mutex_try_form(const struct setting *setting, struct form *form)
{
	uint64_t n = setting->workers;

	form->steady = (struct tally){.late = n, .upgrade_true = n - 1, .upgrade_false = 1, .transfers = n, .invalidations = n,
	                              .reads = MUTEX_READS + n - 1, .writes = MUTEX_WRITES, .rmws = MUTEX_RMWS + n - 1,
	                              .locks = 1};
	form->first = form->steady;
	form->first.cold = n;
	form->first.late = 1;
}

static struct {
	pthread_spinlock_t lock;
	char padding[LINE_MAX - sizeof(pthread_spinlock_t)];
} spinning AT_A_PAGE;

/* A spin lock of the C library: an exchange and a store, as `shared`. */
static void pthread_spin_setup(unsigned workers)
{
	(void)workers;
	pthread_spin_init(&spinning.lock, PTHREAD_PROCESS_PRIVATE);
}

static void pthread_spin_step(unsigned worker, unsigned long round)
{
	(void)worker;
	(void)round;
	pthread_spin_lock(&spinning.lock);
	pthread_spin_unlock(&spinning.lock);
}

static void pthread_spin_form(const struct setting *setting, struct form *form)
{
	uint64_t n = setting->workers;

	shared_form(setting, form);
	form->first.writes = form->steady.writes = form->first.locks = form->steady.locks = n;
	form->first.handovers = n - 1;
	form->steady.handovers = n;
}

static struct {
	pthread_rwlock_t lock;
	char padding[LINE_MAX - sizeof(pthread_rwlock_t)];
	volatile long data;
	char padding_of_data[LINE_MAX - sizeof(long)];
} guarded AT_A_PAGE;

/*
 * A lock for readers, who only read. Taking it reads cur_writer and flags and adds to readers; giving it back reads cur_writer
 * and readers and subtracts. The reads find nothing new, the addition does (late), and takes a copy away (an upgrade, true).
 * What it guards stays with everybody.
 */
static void rwlock_readers_step(unsigned worker, unsigned long round)
{
	(void)worker;
	(void)round;
	pthread_rwlock_rdlock(&guarded.lock);
	use(guarded.data);
	pthread_rwlock_unlock(&guarded.lock);
}

static void rwlock_readers_form(const struct setting *setting, struct form *form)
{
	uint64_t n = setting->workers;

	form->first = (struct tally){.cold = 2 * n, .upgrade_true = n - 1, .transfers = n - 1, .invalidations = n - 1,
	                             .reads = 5 * n, .rmws = 2 * n, .locks = n, .handovers = n - 1};
	form->steady = (struct tally){.late = n, .upgrade_true = n, .transfers = n, .invalidations = n, .reads = 5 * n,
	                              .rmws = 2 * n, .locks = n, .handovers = n};
}

/*
 * One writes, the others read. The writer reads cur_writer, takes readers, writes writers_futex, tries to begin the writers' turn
 * in readers (which fails once: it does not count itself), writes wrphase_futex and cur_writer; giving back, it reads and writes
 * cur_writer, exchanges writers_futex, reads flags and readers, and exchanges readers. The first reader after it begins the
 * readers' turn, in readers and wrphase_futex. The lock: the writer finds nothing new in cur_writer, which only it writes: late,
 * by readers. The readers do: true. Each has an upgrade, true. The data: the write takes n - 1 copies (an upgrade, true), which
 * come back (true), the first from the writer.
 */
static void rwlock_writer_step(unsigned worker, unsigned long round)
{
	if (worker > 0) {
		rwlock_readers_step(worker, round);
		return;
	}
	pthread_rwlock_wrlock(&guarded.lock);
	guarded.data = (long)round;
	pthread_rwlock_unlock(&guarded.lock);
}

static void rwlock_writer_form(const struct setting *setting, struct form *form)
{
	uint64_t n = setting->workers;

	form->first = (struct tally){.cold = 2 * n, .upgrade_true = n - 1, .transfers = n, .invalidations = n - 1,
	                             .cas_failures = 1, .reads = 5 * n - 1, .writes = 5, .rmws = 2 * n + 5, .locks = n,
	                             .handovers = n - 1};
	form->steady = (struct tally){.true_sharing = 2 * (n - 1), .late = 1, .upgrade_true = n + 1, .transfers = n + 1,
	                              .invalidations = 2 * n - 1, .cas_failures = 1, .reads = 5 * n - 1, .writes = 5,
	                              .rmws = 2 * n + 5, .locks = n, .handovers = n};
}

/*
 * The writer holds it over a turn. Each reader reads cur_writer (true: the writer is there) and flags, adds to readers (an
 * upgrade, true), reads wrphase_futex, which the first of them marks as awaited, and blocks. The writer has lost the line: its
 * read of cur_writer finds nothing new, its write of it takes the last reader's copy (an upgrade, true), its look at readers is
 * news: late. It begins the readers' turn. Each reader finds that in wrphase_futex (true), looks at readers and once more at the
 * futex, and gives the lock back (an upgrade, true).
 */
static void rwlock_held_life(unsigned worker, unsigned long round)
{
	(void)round;
	if (worker > 0) {
		pthread_rwlock_rdlock(&guarded.lock);
	} else {
		pthread_rwlock_wrlock(&guarded.lock);
		coherence_yield();
	}
	pthread_rwlock_unlock(&guarded.lock);
}

static void rwlock_held_form(const struct setting *setting, struct form *form)
{
	uint64_t n = setting->workers;

	form->steady = (struct tally){.true_sharing = 2 * (n - 1), .late = 2, .upgrade_true = 2 * n, .transfers = 2 * n,
	                              .invalidations = 2 * n, .cas_failures = 1, .reads = 4 + 8 * (n - 1), .writes = 4,
	                              .rmws = 2 * n + 5, .locks = n, .lock_waits = n - 1, .handovers = n, .blocks = n - 1,
	                              .wakes = n - 1};
	form->first = form->steady;
	form->first.cold = n;
	form->first.true_sharing = n - 1;
	form->first.late = 1;
	form->first.upgrade_true = form->first.transfers = form->first.invalidations = 2 * n - 1;
	form->first.handovers = n - 1;
}

/*
 * All write, each holding it over a turn: a queue, as in `mutex_held`. The very first begins the writers' turn, as in
 * `rwlock_writer`, which then lasts. Who comes reads cur_writer, adds itself to readers, finds a writer there, reads
 * writers_futex (the first to wait marks it as awaited) and blocks; when it was woken it reads that and readers, exchanges
 * readers, and writes writers_futex and cur_writer.
 *   - who takes it finds writers_futex changed (true), and exchanges readers (an upgrade, true).
 *   - who comes finds another in cur_writer (true; at first cold), and adds itself to readers (an upgrade, true).
 *   - who gives it back lost the line to who came: it reads cur_writer (a miss), writes it (an upgrade, true), and sees readers
 *     or, the very first, writers_futex: late. In the last round nobody comes, but while worker 0 has it: no misses.
 */
static void rwlock_writers_step(unsigned worker, unsigned long round)
{
	(void)worker;
	(void)round;
	pthread_rwlock_wrlock(&guarded.lock);
	coherence_yield();
	pthread_rwlock_unlock(&guarded.lock);
}

static void rwlock_writers_form(const struct setting *setting, struct form *form)
{
	uint64_t n = setting->workers, waits = n - 1;

	form->first = (struct tally){.true_sharing = waits, .late = 1, .cold = n, .upgrade_true = 2 * waits + 1,
	                             .transfers = 2 * waits + 1, .invalidations = 2 * waits + 1, .cas_failures = 1,
	                             .reads = 4 + 7 * waits, .writes = 4 + 3 * waits, .rmws = 6 + 4 * waits, .locks = n,
	                             .lock_waits = waits, .handovers = waits, .blocks = waits, .wakes = waits};
	form->steady = (struct tally){.true_sharing = 2 * n, .late = n, .upgrade_true = 3 * n, .transfers = 3 * n,
	                              .invalidations = 3 * n, .reads = 7 * n, .writes = 3 * n, .rmws = 4 * n, .locks = n,
	                              .lock_waits = n, .handovers = n, .blocks = n, .wakes = n};
}

/*
 * All but the last read, holding it over a turn; the last wants to write, and waits for them to leave.
 *   - a reader finds that the writer had been there, in cur_writer (true; at first cold), and adds itself to readers (an
 *     upgrade, true). The first of a later round begins the readers' turn: readers and wrphase_futex once more.
 *   - the writer, who alone writes cur_writer, finds readers changed (late; at first cold) and adds itself to them (an upgrade,
 *     true), writes writers_futex, reads wrphase_futex, marks it as awaited, and blocks.
 *   - a reader who leaves reads cur_writer (a miss), sees readers (late), and subtracts itself (an upgrade, true). The last one
 *     exchanges wrphase_futex, and wakes the writer.
 *   - the writer finds wrphase_futex changed (true), looks at readers and once more at the futex, writes cur_writer, which
 *     readers had read (an upgrade, true), and leaves.
 */
static void rwlock_leave_life(unsigned worker, unsigned long round)
{
	(void)round;
	if (is_last(worker)) {
		pthread_rwlock_wrlock(&guarded.lock);
	} else {
		pthread_rwlock_rdlock(&guarded.lock);
		coherence_yield();
	}
	pthread_rwlock_unlock(&guarded.lock);
}

static void rwlock_leave_form(const struct setting *setting, struct form *form)
{
	uint64_t n = setting->workers;

	form->steady = (struct tally){.true_sharing = n, .late = n, .upgrade_true = 2 * n, .transfers = 2 * n,
	                              .invalidations = 2 * n, .reads = 4 * (n - 1) + 8, .writes = 3, .rmws = 2 * n + 5,
	                              .locks = n, .lock_waits = 1, .handovers = n, .blocks = 1, .wakes = 1};
	form->first = form->steady;
	form->first.true_sharing = 1;
	form->first.late = n - 1;
	form->first.cold = n;
	form->first.upgrade_true = form->first.transfers = form->first.invalidations = 2 * n - 1;
	form->first.rmws = 2 * n + 3;
	form->first.handovers = n - 1;
}

/* ---- Waiting ----------------------------------------------------------------------------------------------------- */

static struct pair {
	union {
		struct {
			sem_t ping;
			char padding_of_ping[LINE_MAX - sizeof(sem_t)];
			sem_t pong;
			char padding_of_pong[LINE_MAX - sizeof(sem_t)];
		};
		struct {
			pthread_mutex_t mutex;
			char padding_of_mutex[LINE_MAX - sizeof(pthread_mutex_t)];
			pthread_cond_t changed;
			char padding_of_changed[LINE_MAX - sizeof(pthread_cond_t)];
			volatile long full;
			char padding[LINE_MAX - sizeof(long)];
		};
	};
} pairs[WORKERS_MAX / 2] AT_A_PAGE;

/*
 * Semaphores, in pairs: the even one waits for ping, then posts pong; the odd one posts ping, then waits for pong. Both block in
 * each round, both are woken, and look again. Each of the two semaphores goes there and back: true; who waits for it had it last.
 */
static void semaphores_step(unsigned worker, unsigned long round)
{
	struct pair *pair = &pairs[worker / 2];

	(void)round;
	if (is_alone(worker))
		return;
	if (worker % 2 == 0) {
		sem_wait(&pair->ping);
		sem_post(&pair->pong);
	} else {
		sem_post(&pair->ping);
		sem_wait(&pair->pong);
	}
}

static void semaphores_form(const struct setting *setting, struct form *form)
{
	uint64_t p = setting->workers / 2;

	form->first = (struct tally){.true_sharing = 2 * p, .cold = 4 * p, .transfers = 4 * p, .invalidations = 4 * p,
	                             .rmws = 6 * p, .blocks = 2 * p, .wakes = 2 * p};
	form->steady = (struct tally){.true_sharing = 4 * p, .transfers = 4 * p, .invalidations = 4 * p, .rmws = 6 * p,
	                              .blocks = 2 * p, .wakes = 2 * p};
}

/*
 * The same with a condition: the odd one fills and waits until it is empty, the even one waits until it is full and empties. A
 * round of a pair, where "takes" is the mutex, as in `mutex_one` (late and an upgrade, true), four times by another than the one
 * before, and `changed` and `full` are on lines of their own:
 *   even  takes; reads full (has it); touches changed (has it); waits
 *   odd   takes; writes full (an upgrade, true); touches changed (true), to wake; reads full; touches changed; waits
 *   even  takes; reads full (true), writes it (an upgrade, true); touches changed (true), to wake
 *   odd   takes; reads full (true)
 */
static void conditions_step(unsigned worker, unsigned long round)
{
	struct pair *pair = &pairs[worker / 2];
	long odd = worker % 2;

	(void)round;
	if (is_alone(worker))
		return;
	pthread_mutex_lock(&pair->mutex);
	if (odd) {
		pair->full = 1;
		pthread_cond_signal(&pair->changed);
	}
	while (pair->full == odd)
		pthread_cond_wait(&pair->changed, &pair->mutex);
	if (!odd) {
		pair->full = 0;
		pthread_cond_signal(&pair->changed);
	}
	pthread_mutex_unlock(&pair->mutex);
}

static void conditions_form(const struct setting *setting, struct form *form)
{
	uint64_t p = setting->workers / 2;

	form->steady = (struct tally){.true_sharing = 4 * p, .late = 4 * p, .upgrade_true = 6 * p, .transfers = 8 * p,
	                              .invalidations = 8 * p, .reads = (4 * MUTEX_READS + 4) * p,
	                              .writes = (4 * MUTEX_WRITES + 2) * p, .rmws = (4 * MUTEX_RMWS + 4) * p, .locks = 4 * p,
	                              .handovers = 4 * p, .blocks = 2 * p, .wakes = 2 * p};
	/* Six contacts are cold, two with each line. Of the four takes two are, and the very first finds nobody: no transfer, no
	 * upgrade. `changed` has one true miss less. `full` is written by who has not read it: no upgrade, no transfer. */
	form->first = form->steady;
	form->first.cold = 6 * p;
	form->first.true_sharing = 3 * p;
	form->first.late = 2 * p;
	form->first.upgrade_true = 4 * p;
	form->first.transfers = form->first.invalidations = 7 * p;
	form->first.handovers = 3 * p;
}

static struct {
	volatile unsigned word;
	char padding[LINE_MAX - sizeof(unsigned)];
} futex AT_A_PAGE;

/*
 * All but the last wait for a word to change; the last changes it, which takes n - 1 copies (an upgrade, true), and wakes them. In
 * the next round they read it: true.
 */
static void futex_life(unsigned worker, unsigned long round)
{
	if (!is_last(worker)) {
		syscall(SYS_futex, &futex.word, FUTEX_WAIT_PRIVATE, (unsigned)round, NULL);
		return;
	}
	COUNT(futex.word);
	syscall(SYS_futex, &futex.word, FUTEX_WAKE_PRIVATE, SCENARIO_WORKERS_MAX);
}

static void futex_form(const struct setting *setting, struct form *form)
{
	uint64_t n = setting->workers, others = n - 1;

	form->first = (struct tally){.cold = n, .invalidations = others, .reads = others, .rmws = 1, .blocks = others,
	                             .wakes = others};
	form->steady = (struct tally){.true_sharing = others, .upgrade_true = 1, .transfers = 1, .invalidations = others,
	                              .reads = others, .rmws = 1, .blocks = others, .wakes = others};
}

static struct {
	pthread_barrier_t barrier;
	char padding[LINE_MAX - sizeof(pthread_barrier_t)];
} meeting AT_A_PAGE;

static void barrier_setup(unsigned workers)
{
	pthread_barrier_init(&meeting.barrier, NULL, workers);
}

/*
 * All meet at a barrier: each adds itself to the word of those that have arrived (true; the first has kept a copy: an upgrade,
 * true), the last writes that word and the round, the others find the round changed (true), the first of them in the last
 * one's copy.
 */
static void barrier_life(unsigned worker, unsigned long round)
{
	(void)worker;
	(void)round;
	pthread_barrier_wait(&meeting.barrier);
}

static void barrier_form(const struct setting *setting, struct form *form)
{
	uint64_t n = setting->workers, others = n - 1;

	form->first = (struct tally){.true_sharing = others, .cold = n, .transfers = n, .invalidations = others, .reads = others,
	                             .writes = 2, .rmws = n, .blocks = others, .wakes = others};
	form->steady = form->first;
	form->steady.cold = 0;
	form->steady.true_sharing = form->steady.invalidations = 2 * others;
	form->steady.upgrade_true = 1;
}

#define ROUNDS_OF_ONCE 64
static struct {
	pthread_once_t once;
	char padding[LINE_MAX - sizeof(pthread_once_t)];
} onces[ROUNDS_OF_ONCE] AT_A_PAGE;

/*
 * A new initialisation in each round, which takes a turn. The first reads the word and exchanges it; the others read it and block;
 * the first writes it (an upgrade, true) and wakes them; they read it again (true).
 */
static void once_life(unsigned worker, unsigned long round)
{
	(void)worker;
	pthread_once(&onces[round % ROUNDS_OF_ONCE].once, coherence_yield);
}

static void once_form(const struct setting *setting, struct form *form)
{
	uint64_t n = setting->workers;

	form->first = (struct tally){.true_sharing = n - 1, .cold = n, .upgrade_true = 1, .transfers = 2,
	                             .invalidations = n - 1, .reads = 2 * n - 1, .writes = 1, .rmws = 1, .blocks = n - 1,
	                             .wakes = n - 1};
	form->steady = form->first;
}

/* Asleep, one after another. */
static void sleep_step(unsigned worker, unsigned long round)
{
	(void)worker;
	(void)round;
	usleep(1);
}

static void sleep_form(const struct setting *setting, struct form *form)
{
	form->first = form->steady = (struct tally){.blocks = setting->workers};
}

/* ---- The rest ---------------------------------------------------------------------------------------------------- */

/* Blocks that nobody looks at. */
static void allocations_step(unsigned worker, unsigned long round)
{
	void *block = malloc(48), *aligned = aligned_alloc(64, 64);

	(void)worker;
	(void)round;
	block = realloc(block, 96);
	use((long)block);
	use((long)aligned);
	free(block);
	free(aligned);
}

static void allocations_form(const struct setting *setting, struct form *form)
{
	form->first = form->steady = (struct tally){.allocations = 3 * setting->workers};
}

static void membarrier_step(unsigned worker, unsigned long round)
{
	(void)worker;
	(void)round;
	syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0);
}

static void membarrier_form(const struct setting *setting, struct form *form)
{
	form->first = form->steady = (struct tally){.membarriers = setting->workers};
}

/* Each round has threads of its own, which come and go: their cores are used again, so that a later thread has in its cache
 * what the earlier one left there. As `shared`. */
static void lives_life(unsigned worker, unsigned long round)
{
	shared_step(worker, round);
}

static pthread_key_t key;

static void count_at_exit(void *value)
{
	shared_step(0, (unsigned long)value);
}

static void keys_setup(unsigned workers)
{
	(void)workers;
	pthread_key_create(&key, count_at_exit);
}

/* The same in a destructor of thread-specific data: these run, in the thread, at its end. */
UNSEEN static void keys_life(unsigned worker, unsigned long round)
{
	(void)worker;
	(void)round;
	pthread_setspecific(key, &key);
}

#define lives_form shared_form
#define keys_form  shared_form

/* ---- All of them ------------------------------------------------------------------------------------------------- */

#define SCENARIO(called, what) .name = #called, .form = called##_form, .object = (const void *)&(what), .bytes = sizeof(what)
#define STEPS(called, what)    SCENARIO(called, what), .step = called##_step
#define LIVES(called, what)    SCENARIO(called, what), .life = called##_life

const struct scenario scenarios[] = {
	{STEPS(packed, packed)},
	{STEPS(packed_plain, packed)},
	{.name = "heap", .form = heap_form, .step = heap_step, .setup = heap_setup},
	{STEPS(bytes, bytes)},
	{STEPS(padded, padded)},
	{STEPS(exclusive, padded)},
	{STEPS(pad64, pad64)},
	{STEPS(ends64, ends64), .not_with = SETTING(128, 64)},
	{STEPS(shared, one)},
	{SCENARIO(shared_main, one), .step = shared_step, .setup = shared_main_setup},
	{STEPS(read, one)},
	{STEPS(read_mostly, one)},
	{STEPS(cas_fails, one)},
	{STEPS(cas_race, one)},
	{STEPS(header_all, header)},
	{SCENARIO(header_main, header), .step = header_all_step, .setup = header_main_setup},
	{STEPS(header_one, header)},
	{STEPS(header_split, split)},
	{STEPS(late, words)},
	{STEPS(late_kind, words)},
	{STEPS(remember, words)},
	{STEPS(forget, words)},
	{STEPS(upgrade_one, words)},
	{STEPS(circle, packed), .not_with = SETTING(64, 8)},
	{STEPS(extents, sized)},
	{STEPS(straddle, straddling)},
	{STEPS(copy, blocks), .not_with = SETTING(128, 64)},
	{STEPS(assign, dozens), .not_with = SETTING(128, 64)},
	{STEPS(walk, table)},
	{SCENARIO(walk_main, table), .step = walk_step, .setup = walk_main_setup},
	{STEPS(wide, wide)},
	{.name = "random", .step = random_step, .count = oracle_count, .object = (const void *)&anything,
	 .bytes = sizeof(anything), .variants = 7},
	{STEPS(spinlock, spin)},
	{STEPS(seqlock, seqlock)},
	{STEPS(ring, rings), .setup = workers_setup, .not_with = SETTING(64, 8)},
	{STEPS(mutex_padded, mutexes)},
	{STEPS(mutex_packed, mutexes_packed), .not_with = ~SETTING(64, 0)},
	{STEPS(mutex_one, locked)},
	{STEPS(mutex_held, locked), .overlaps = true},
	{LIVES(mutex_try, locked)},
	{STEPS(pthread_spin, spinning), .setup = pthread_spin_setup},
	{STEPS(rwlock_readers, guarded)},
	{STEPS(rwlock_writer, guarded)},
	{LIVES(rwlock_held, guarded)},
	{STEPS(rwlock_writers, guarded), .overlaps = true},
	{LIVES(rwlock_leave, guarded), .setup = workers_setup},
	{STEPS(semaphores, pairs), .setup = workers_setup, .overlaps = true},
	{STEPS(conditions, pairs), .setup = workers_setup, .overlaps = true},
	{LIVES(futex, futex), .setup = workers_setup},
	{LIVES(barrier, meeting), .setup = barrier_setup},
	{LIVES(once, onces)},
	{STEPS(sleep, one), .overlaps = true},
	{STEPS(allocations, one)},
	{STEPS(membarrier, one)},
	{LIVES(lives, one)},
	{LIVES(keys, one), .setup = keys_setup},
	{.name = NULL},
};
