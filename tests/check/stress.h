/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A mix of all calls on one cache, by many threads, in which every result is checked: each value is whole, its key's, and
 * current (values.h); a key that is never deleted in a cache with room for all is always there; and when all have left,
 * the sums are right. A check of stress is a plan: it says where to aim.
 */
#ifndef STRESS_H
#define STRESS_H

#include "check.h"
#include "values.h"

enum stress_call {
	STRESS_GET,
	STRESS_GET_MANY,
	STRESS_PIN,
	STRESS_UNPIN,
	STRESS_CONTAINS,
	STRESS_SET,
	STRESS_ADD,
	STRESS_REPLACE,
	STRESS_DELETE,
	STRESS_LOAD,
	STRESS_EACH,
	STRESS_CLEAR,
	STRESS_RESIZE,
	STRESS_QUIESCE,
	STRESS_STATS,
	STRESS_REENTER,
	STRESS_CALLS,
};

#define STRESS_BATCH    3 /* requests of a get_many */
#define STRESS_PINS_MAX 16

struct stress_thread;

struct stress_plan {
	struct capacitor_config config;
	unsigned threads, keys;
	const uint16_t *mix[2];  /* by call: how often, by threads of even and of odd index */
	size_t value_bytes_max;
	size_t value_bytes_min;
	bool prefixes;           /* key n is n + 1 times the same letter, so that each begins all longer ones */
	/* There is room for all: nothing is evicted. Then of four keys two are never deleted, and one is only added and
	 * deleted, so that adds and deletes of it take turns; no mix has clear or resize. */
	bool roomy;
	unsigned pins_max;       /* that a thread holds at a time */
	size_t low_bytes;        /* resize goes down to this */
	void (*body)(struct stress_thread *thread); /* NULL: stress_steps, until the end */
};

struct stress {
	struct check_run *run;
	const struct stress_plan *plan;
	struct capacitor *cache;
	struct ledger *ledger;
	uint64_t until_ns;
	uint64_t table_bytes; /* when it was new */
	_Atomic uint64_t calls, hits, stores, deletes, loads;
	struct {
		_Atomic int64_t balance; /* adds less deletes */
		_Atomic unsigned loaders; /* that run */
	} key[];
};

struct stress_held {
	struct capacitor_pin pin;
	uint64_t key, version;
};

struct stress_thread {
	struct stress *stress;
	struct capacitor_handle *handle;
	unsigned index;          /* the writer that the ledger knows */
	uint64_t random;
	uint16_t shares;         /* the sum of the mix */
	struct ledger_look *look; /* by key */
	unsigned char *buffer;   /* STRESS_BATCH times the longest value */
	unsigned pins;
	struct stress_held held[STRESS_PINS_MAX];
	uint64_t calls, hits, stores, deletes, loads;
};

/* The plan from which the checks' plans differ: all calls, 16 keys, values to 2 KiB, two threads per core, room for half. */
struct stress_plan stress_default(const struct check_run *run);

/* Few keys, many pins: one half of the threads pins what the other half overwrites and deletes. */
struct stress_plan stress_pins_plan(struct check_run *run);

/* Makes the cache, runs the plan's threads on it for so long (0: as long as the run has), checks what is left, and ends it. */
void stress_run(struct check_run *run, const struct stress_plan *plan, uint64_t ns);
/* The same again and again, each time on a new cache. */
void stress_rounds(struct check_run *run, const struct stress_plan *plan, uint64_t ns);

/* The parts of it, for checks that have threads of their own. */
struct stress *stress_open(struct check_run *run, const struct stress_plan *plan, uint64_t ns);
void stress_close(struct stress *stress);
void stress_thread_init(struct stress_thread *thread, struct stress *stress, unsigned index);
void stress_thread_fini(struct stress_thread *thread); /* adds up what it did; holds no pins any more */
bool stress_goes_on(const struct stress *stress);
void stress_steps(struct stress_thread *thread, uint64_t steps); /* 0: until the end */
void stress_check_pins(struct stress_thread *thread);
void stress_unpin_all(struct stress_thread *thread);

/* ---- Single calls (stress_calls.c) ------------------------------------------------------------------------------- */

/* A call by chance, as the mix of the thread has it; its result is checked. */
void stress_step(struct stress_thread *thread);

/* Visits all that is there: each once, and in a roomy cache none is missing. */
struct stress_visit {
	struct stress_thread *thread;
	unsigned char *seen; /* by key */
	uint64_t entries, bytes;
};
void stress_visit(struct stress_thread *thread, struct stress_visit *visit);

void stress_clear(struct stress_thread *thread);
bool stress_there(struct stress_thread *thread, uint64_t key);
uint64_t stress_used_bytes(struct capacitor *cache);
/* Of a roomy cache: comes by add only, and goes by delete only. */
bool stress_balanced(const struct stress_plan *plan, uint64_t key);

/* ---- The checks that are more than a plan (stress_life.c) -------------------------------------------------------- */

void stress_generations(struct check_run *run);
void stress_newcomers(struct check_run *run);
void stress_exit(struct check_run *run);
void stress_fork(struct check_run *run);
void stress_signals(struct check_run *run);

#endif
