/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an implementation is to the rest of the library, and what every cache and every handle begins with.
 *
 * An implementation is a folder under impl/ with one C file that defines IMPLEMENTATION, a table of functions and
 * declarations. The build gives that symbol the folder's name and lists it in implementation_table; nothing else has to
 * be touched. The front (capacitor.c) checks arguments, keeps threads and pins, and calls these functions, which may
 * rely on what it checked.
 */
#ifndef COMMON_IMPLEMENTATION_H
#define COMMON_IMPLEMENTATION_H

#include <pthread.h>
#include <stdalign.h>

#include "capacitor/cache.h"
#include "common/budget.h"
#include "common/contention.h"
#include "common/counters.h"
#include "common/entry.h"
#include "common/flight.h"
#include "common/hash.h"
#include "common/layout.h"
#include "common/policy.h"

/* The symbol of the implementation in this file: implementation_<folder>. */
#if defined(IMPLEMENTATION_NAME)
#define IMPLEMENTATION_PASTE(name) implementation_##name
#define IMPLEMENTATION_SYMBOL(name) IMPLEMENTATION_PASTE(name)
#define IMPLEMENTATION IMPLEMENTATION_SYMBOL(IMPLEMENTATION_NAME)
#define IMPLEMENTATION_QUOTE(name) #name
#define IMPLEMENTATION_TEXT(name) IMPLEMENTATION_QUOTE(name)
#define IMPLEMENTATION_STRING IMPLEMENTATION_TEXT(IMPLEMENTATION_NAME)
#endif

enum store_mode { STORE_SET, STORE_ADD, STORE_REPLACE };

struct implementation {
	struct capacitor_info info;
	size_t cache_bytes;     /* sizeof its cache, which begins with a struct capacitor */
	size_t handle_bytes;    /* sizeof its handle, which begins with a struct capacitor_handle */
	unsigned reserve_share; /* struct budget */

	/* Prepares the cache, whose common part is ready; charges its tables to the budget. OK or NO_MEMORY, and then it has
	 * freed what it made. destroy runs with no thread inside and frees tables and entries. */
	enum capacitor_result (*create)(struct capacitor *cache);
	void (*destroy)(struct capacitor *cache);

	/* May be NULL. enter runs on a handle in the memory of an earlier one: it may find what leave left. */
	enum capacitor_result (*enter)(struct capacitor_handle *handle, bool first);
	void (*leave)(struct capacitor_handle *handle);

	enum capacitor_result (*get)(struct capacitor_handle *handle, const void *key, size_t key_bytes, void *buffer,
	                             size_t buffer_bytes, size_t *value_bytes);
	enum capacitor_result (*pin)(struct capacitor_handle *handle, const void *key, size_t key_bytes,
	                             struct capacitor_pin *pin);
	enum capacitor_result (*contains)(struct capacitor_handle *handle, const void *key, size_t key_bytes);
	void (*get_many)(struct capacitor_handle *handle, struct capacitor_request *requests, size_t count);
	enum capacitor_result (*store)(struct capacitor_handle *handle, const void *key, size_t key_bytes,
	                               const void *value, size_t value_bytes, uint64_t ttl_ns, enum store_mode mode);
	enum capacitor_result (*delete)(struct capacitor_handle *handle, const void *key, size_t key_bytes);
	void (*each)(struct capacitor_handle *handle, capacitor_visitor *visitor, void *context);
	void (*clear)(struct capacitor_handle *handle);

	/* Evicts until live is within its limit or nothing is left. */
	void (*shrink)(struct capacitor_handle *handle);
	/* Reclaims what no reader can hold any more, without waiting for readers. NULL: memory is reclaimed at once. */
	void (*reclaim)(struct capacitor_handle *handle);

	/* May be NULL. Fills in statistics that the implementation counts itself. */
	void (*stats)(struct capacitor *cache, struct capacitor_stats *stats);
	/* NULL: it has no locks of its own. Shows them (contention_show), until the visitor says stop. */
	bool (*each_lock)(struct capacitor *cache, capacitor_lock_visitor *visitor, void *context);
};

extern const struct implementation *const implementation_table[]; /* ends with NULL */

/*
 * A cache. The first part is constant after creation and read by every operation; the budget keeps its own lines; the
 * rest is for entering, leaving and rare paths.
 */
struct capacitor {
	const struct implementation *implementation;
	struct capacitor_config config; /* with the defaults resolved */
	struct hasher hasher;
	unsigned visit_marks; /* policy_visit_marks */
	struct counters counters;
	pthread_key_t thread_key; /* the calling thread's handle */
	bool thread_key_made;

	struct budget budget;

	alignas(LINE_PAIR_BYTES) pthread_mutex_t threads_mutex;
	unsigned threads_inside;
	/* Handles by slot, published by capacitor_enter. A handle is never freed before the cache, so that operation_pinned
	 * can scan the pins without a lock. */
	_Atomic(struct capacitor_handle *) *handles;

	/* Entries that were pinned when they should have been reclaimed; charged as retired. */
	pthread_mutex_t pinned_mutex;
	struct entry_list pinned;

	/* Of these two mutexes; written by who had to wait for one. */
	struct contention threads_waits;
	struct contention pinned_waits;

	struct flight_board flights;
};

LAYOUT_APART(struct capacitor, thread_key_made, budget, "every operation reads what is constant, and stores write the budget");
LAYOUT_APART(struct capacitor, budget, threads_mutex, "entering and leaving do not disturb stores");
LAYOUT_TOGETHER(struct capacitor, threads_mutex, pinned,
                "rare paths share: entering, leaving, and burying what was ever pinned, which alone reads `handles`");
LAYOUT_APART(struct capacitor, pinned, flights, "loading does not meet burying");

/*
 * A thread inside a cache. The first lines are the thread's own; the pins are written by it and read by reclaimers, and
 * only when an entry was ever pinned: lines of their own.
 */
struct capacitor_handle {
	const struct implementation *implementation;
	struct capacitor *cache;
	struct counter_slot counters;
	struct entry *spare; /* a block that the next store may use; NULL: none */
	size_t spare_bytes;
	/* Of the entry that the running store replaced: retired, but not added to the budget before operation_bury. In the
	 * steady state as much is reclaimed there, and nobody has to be told (two atomics on a line that all stores share). */
	int64_t replaced_bytes;
	uint64_t pins_used;  /* bit per pin */
	unsigned slot;
	unsigned depth; /* enters less leaves */
	bool taken;     /* by a thread; under threads_mutex */
	unsigned next_victim; /* the shard that shrink tries first: not always the same one gives */

	alignas(LINE_PAIR_BYTES) _Atomic(struct entry *) pins[CAPACITOR_PINS_MAX];
};

static_assert(CAPACITOR_PINS_MAX <= 64, "pins_used has a bit for each pin");
LAYOUT_TOGETHER(struct capacitor_handle, implementation, next_victim,
                "written by its thread; others read `taken` here, when they enter");
LAYOUT_APART(struct capacitor_handle, next_victim, pins, "reclaimers read the pins of all threads");
LAYOUT_OWN_LINES(struct capacitor_handle, "a thread's own");

#endif
