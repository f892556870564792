/* SPDX-License-Identifier: BSD-2-Clause */
/* What the traced program records; see record.h. */
#include "harness/traced/record.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MEMBERS_MAX 1024
#define LOCKS_MAX   4096
#define LOCK_SPAN   4096 /* a lock and the words that count its waits are nearer than this */

bool record_counter;
static struct record_plan plan;
static _Atomic uint64_t started = UINT64_MAX, ended = UINT64_MAX;
/* Under the mutex, which is taken when a thread begins. */
static pthread_mutex_t threads = PTHREAD_MUTEX_INITIALIZER;
static struct record *all, *members[MEMBERS_MAX];
static __thread struct record *mine;

/* ---- Threads ----------------------------------------------------------------------------------------------------- */


const struct record_plan *record_plan(void)
{
	return &plan;
}

/* Zeroed pages, touched: nothing is to fault in the window. */
static void *pages(size_t bytes)
{
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

static struct record *make(void)
{
	struct record *record = pages(sizeof *record);

	if (!record)
		return NULL;
	record->from = UINT64_MAX;
	if (plan.mode == RECORD_SPANS && !(record->span = pages(plan.spans_max * sizeof *record->span)))
		return NULL;
	if (plan.mode == RECORD_LOCKS && !(record->site = pages(RECORD_SITES * sizeof *record->site)))
		return NULL;
	pthread_mutex_lock(&threads);
	record->next = all;
	all = record;
	pthread_mutex_unlock(&threads);
	return record;
}

struct record *record_mine(void)
{
	if (!mine && plan.mode != RECORD_NOTHING) {
		mine = make();
		if (mine) {
			mine->tid = (int)syscall(SYS_gettid);
			mine->from = 0; /* a helper of the cache: from the window's beginning */
		}
	}
	return mine;
}

struct record *record_all(void)
{
	struct record *first;

	pthread_mutex_lock(&threads);
	first = all;
	pthread_mutex_unlock(&threads);
	return first;
}

static void forget(struct record *record)
{
	record->from = UINT64_MAX;
	record->holds = 0;
	record->tried.lock = NULL;
	memset(record->waited, 0, sizeof record->waited);
	record->sites_dropped = 0;
	record->harness_counted = false;
	record->team = NULL;
	store_relaxed(&record->depth, 0); /* relaxed, as what follows: its thread's own */
	store_relaxed(&record->spans, 0);
	store_relaxed(&record->dropped, 0);
	for (unsigned i = 0; i < RECORD_KINDS; i++)
		store_relaxed(&record->calls[i], 0);
	if (record->site)
		memset(record->site, 0, RECORD_SITES * sizeof *record->site);
}

bool record_prepare(const struct record_plan *wanted)
{
	plan = *wanted;
	record_counter = latency_clock()->counter; /* calibrated now */
	pthread_mutex_lock(&threads);
	for (struct record *record = all; record; record = record->next) {
		uint64_t from = record->from;

		forget(record);
		record->from = from;
	}
	pthread_mutex_unlock(&threads);
	return record_mine();
}

void record_member(unsigned index)
{
	struct record *record;

	if (plan.mode == RECORD_NOTHING || index >= MEMBERS_MAX)
		return;
	record = members[index]; /* of an earlier team, whose threads have been joined */
	if (!record)
		members[index] = record = make();
	if (!record)
		return;
	forget(record);
	record->member = true;
	record->index = index;
	record->tid = (int)syscall(SYS_gettid);
	snprintf(record->name, sizeof record->name, "thread %u", index);
	mine = record;
}

void record_start(void)
{
	store_relaxed(&ended, UINT64_MAX); /* relaxed: times; a span more or less at the edge is all the same */
	store_relaxed(&started, record_now());
}

void record_stop(void)
{
	store_relaxed(&ended, record_now());
}

uint64_t record_started(void)
{
	return load_relaxed(&started);
}

uint64_t record_stopped(void)
{
	uint64_t from = load_relaxed(&started), to = load_relaxed(&ended);

	return plan.window > 0 && from + plan.window < to ? from + plan.window : to;
}

bool record_within(uint64_t now)
{
	return now >= record_started() && now < record_stopped();
}

/* ---- Spans ------------------------------------------------------------------------------------------------------- */

void record_open_span(struct record *record, enum record_kind kind, uint64_t begin, uint64_t argument, const void *site)
{
	unsigned depth = load_relaxed(&record->depth);

	if (depth < RECORD_DEPTH_MAX) {
		struct record_open *open = &record->open[depth];

		store_relaxed(&open->begin, begin); /* relaxed: published by the depth */
		store_relaxed(&open->argument, argument);
		store_relaxed(&open->site, site);
		store_relaxed(&open->kind, (unsigned)kind);
	}
	store_release(&record->depth, depth + 1); /* PAIRS: record_close_span(), and who reads the record */
}

void record_close_span(struct record *record, uint64_t end, uint64_t argument, unsigned result)
{
	unsigned depth = load_relaxed(&record->depth);

	if (depth == 0)
		return; /* it was opened before this record was begun */
	store_release(&record->depth, depth - 1); /* PAIRS: record_open_span() */
	if (depth <= RECORD_DEPTH_MAX) {
		struct record_open *open = &record->open[depth - 1];

		/* Relaxed: this thread wrote them. */
		record_whole_span(record, load_relaxed(&open->kind), load_relaxed(&open->begin), end,
		                  argument ? argument : load_relaxed(&open->argument), load_relaxed(&open->site), result);
	}
}

void record_close_hold(struct record *record, uint64_t end, uint64_t lock)
{
	unsigned depth = load_relaxed(&record->depth);

	/* Relaxed: this thread wrote them. */
	for (unsigned i = depth < RECORD_DEPTH_MAX ? depth : RECORD_DEPTH_MAX; i-- > 0;) {
		struct record_open *open = &record->open[i];
		uint64_t begin = load_relaxed(&open->begin);
		const void *site = load_relaxed(&open->site);

		if (load_relaxed(&open->kind) != RECORD_LOCK_HOLD || load_relaxed(&open->argument) != lock)
			continue;
		for (; i + 1 < depth && i + 1 < RECORD_DEPTH_MAX; i++) {
			store_relaxed(&record->open[i].begin, load_relaxed(&record->open[i + 1].begin));
			store_relaxed(&record->open[i].argument, load_relaxed(&record->open[i + 1].argument));
			store_relaxed(&record->open[i].site, load_relaxed(&record->open[i + 1].site));
			store_relaxed(&record->open[i].kind, load_relaxed(&record->open[i + 1].kind));
		}
		store_release(&record->depth, depth - 1); /* PAIRS: record_open_span() */
		record_whole_span(record, RECORD_LOCK_HOLD, begin, end, lock, site, 0);
		return;
	}
}

void record_drop_span(struct record *record)
{
	unsigned depth = load_relaxed(&record->depth);

	if (depth > 0)
		store_release(&record->depth, depth - 1); /* PAIRS: record_open_span() */
}

/* A span belongs to the window when it begins before its end, and ends after its beginning. */
void record_whole_span(struct record *record, enum record_kind kind, uint64_t begin, uint64_t end, uint64_t argument,
                       const void *site, unsigned result)
{
	uint64_t spans = load_relaxed(&record->spans), from = record_started();

	if (plan.mode != RECORD_SPANS || record->from > end || from > end || begin >= record_stopped())
		return;
	store_relaxed(&record->calls[kind], load_relaxed(&record->calls[kind]) + 1);
	if (spans >= plan.spans_max && !plan.ring) {
		store_relaxed(&record->dropped, load_relaxed(&record->dropped) + 1);
		return;
	}
	record->span[spans % plan.spans_max] = (struct record_span){
		.begin = begin, .end = end, .argument = argument, .site = site, .kind = (uint16_t)kind, .result = (uint16_t)result,
	};
	store_release(&record->spans, spans + 1); /* PAIRS: who reads the record */
}

/* ---- Locks ------------------------------------------------------------------------------------------------------- */

static uint64_t mix(uint64_t hash, const void *pointer)
{
	hash = (hash ^ (uint64_t)(uintptr_t)pointer) * UINT64_C(0x9e3779b97f4a7c15);
	return hash ^ hash >> 29;
}

static bool same_site(const struct record_site *slot, const struct record_held *held, void *const *frame, unsigned frames)
{
	return slot->lock == held->lock && slot->site == held->site && slot->waited == held->contended &&
	       slot->frames == frames &&
	       memcmp(slot->frame, frame, frames * sizeof *frame) == 0;
}

static struct record_site *find_site(struct record *record, const struct record_held *held, void *const *frame, unsigned frames)
{
	uint64_t hash = mix(mix(0, held->lock), held->site);

	for (unsigned i = 0; i < frames; i++)
		hash = mix(hash, frame[i]);
	for (unsigned probe = 0; probe < RECORD_SITES / 2; probe++) {
		struct record_site *slot = &record->site[(hash + probe) % RECORD_SITES];

		if (slot->lock && !same_site(slot, held, frame, frames))
			continue;
		if (!slot->lock) {
			slot->lock = held->lock;
			slot->site = held->site;
			slot->waited = held->contended;
			slot->frames = frames;
			for (unsigned i = 0; i < frames; i++)
				slot->frame[i] = frame[i];
		}
		return slot;
	}
	return NULL;
}

void record_acquisition(struct record *record, const struct record_held *held, uint64_t end, void *const *frame, unsigned frames)
{
	struct record_site *slot;

	if (plan.mode != RECORD_LOCKS || record->from > end || !record_within(held->since))
		return;
	if (frames > RECORD_FRAMES_MAX)
		frames = RECORD_FRAMES_MAX;
	slot = find_site(record, held, frame, frames);
	if (!slot) {
		record->sites_dropped++;
		return;
	}
	slot->acquisitions++;
	slot->contended += held->contended;
	slot->wait += held->waited;
	slot->hold += end - held->since;
	if (held->waited > slot->max_wait)
		slot->max_wait = held->waited;
}

/* ---- Names of locks ---------------------------------------------------------------------------------------------- */

/* Written seldom, by any thread, under the mutex. */
struct known_lock {
	const void *lock;
	const void *contention; /* NULL: unknown */
	bool shared;
	char name[RECORD_LOCK_NAME_BYTES];
};

struct known_words {
	const void *contention;
	char name[RECORD_LOCK_NAME_BYTES];
};

static pthread_mutex_t names = PTHREAD_MUTEX_INITIALIZER;
static struct known_lock locks[LOCKS_MAX], named[LOCKS_MAX];
static struct known_words words[LOCKS_MAX];
static unsigned lock_count, word_count, named_count;

void record_lock_made(const void *lock, bool shared)
{
	pthread_mutex_lock(&names);
	if (lock_count < LOCKS_MAX)
		locks[lock_count++] = (struct known_lock){.lock = lock, .shared = shared};
	pthread_mutex_unlock(&names);
}

void record_lock_gone(const void *lock)
{
	pthread_mutex_lock(&names);
	for (unsigned i = 0; i < lock_count; i++)
		if (locks[i].lock == lock) {
			locks[i] = locks[--lock_count];
			break;
		}
	pthread_mutex_unlock(&names);
}

void record_contention_named(const void *contention, const char *name, unsigned index)
{
	unsigned i = 0;

	pthread_mutex_lock(&names);
	while (i < word_count && words[i].contention != contention)
		i++;
	if (i < LOCKS_MAX) {
		words[i].contention = contention;
		snprintf(words[i].name, sizeof words[i].name, "%s[%u]", name, index);
		if (i == word_count)
			word_count++;
	}
	pthread_mutex_unlock(&names);
}

void record_contention_of(struct record *record, const void *lock, const void *contention)
{
	unsigned slot = (unsigned)(mix(0, lock) % RECORD_WAITED);

	record->waited[slot].lock = lock;
	record->waited[slot].contention = contention;
}

static int by_lock(const void *a, const void *b)
{
	const char *one = ((const struct known_lock *)a)->lock, *other = ((const struct known_lock *)b)->lock;

	return (one > other) - (one < other);
}

static int by_words(const void *a, const void *b)
{
	const char *one = ((const struct known_words *)a)->contention, *other = ((const struct known_words *)b)->contention;

	return (one > other) - (one < other);
}

/*
 * Locks lie in front of the words that count their waits, in the same struct and the same order: each words' lock is the first one
 * that lies close in front of them and has no words yet. Who waits for a lock tells both, which proves it, or else
 * contradicts.
 */
void record_name_locks(void)
{
	pthread_mutex_lock(&names);
	named_count = lock_count;
	memcpy(named, locks, lock_count * sizeof *locks);
	qsort(named, named_count, sizeof *named, by_lock);
	qsort(words, word_count, sizeof *words, by_words);
	for (unsigned w = 0; w < word_count; w++)
		for (unsigned i = 0; i < named_count; i++) {
			intptr_t distance = (intptr_t)words[w].contention - (intptr_t)named[i].lock;

			if (distance > 0 && distance < LOCK_SPAN && !named[i].contention) {
				named[i].contention = words[w].contention;
				memcpy(named[i].name, words[w].name, sizeof named[i].name);
				break;
			}
		}
	word_count = 0;
	pthread_mutex_unlock(&names);
}

void record_lock_name(const void *lock, char name[RECORD_LOCK_NAME_BYTES])
{
	for (unsigned i = 0; i < named_count; i++)
		if (named[i].lock == lock) {
			if (named[i].name[0])
				snprintf(name, RECORD_LOCK_NAME_BYTES, "%s", named[i].name);
			else
				snprintf(name, RECORD_LOCK_NAME_BYTES, "%s %u", named[i].shared ? "rwlock" : "mutex", i);
			return;
		}
	snprintf(name, RECORD_LOCK_NAME_BYTES, "lock %#jx", (uintmax_t)(uintptr_t)lock);
}

unsigned record_lock_contradictions(unsigned *proofs)
{
	unsigned contradictions = 0;

	*proofs = 0;
	for (const struct record *record = record_all(); record; record = record->next)
		for (unsigned slot = 0; slot < RECORD_WAITED; slot++)
			for (unsigned i = 0; i < named_count && record->waited[slot].lock; i++)
				if (named[i].lock == record->waited[slot].lock) {
					bool proof = named[i].contention == record->waited[slot].contention;

					*proofs += proof;
					contradictions += !proof;
				}
	return contradictions;
}
