/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * capacitor/cache.h - the one interface to every cache of the laboratory.
 *
 * What it is
 *   A cache maps byte-string keys (1 byte to 64 KiB) to byte-string values (0 bytes to 1 GiB) inside a budget of
 *   bytes. It is made from an implementation, found by name, and a configuration. A thread enters a cache and gets a
 *   handle; every call that touches entries takes a handle. The same calls reach every implementation, so that a
 *   program, a benchmark or a checker written once runs on all of them.
 *
 * Guarantees
 *   Tests cite them by number.
 *   G1  Per key, get, pin, contains, set, add, replace and delete are linearizable. Besides, an entry may vanish at any
 *       time by eviction or expiry; a value that was overwritten, deleted, evicted or expired never comes back.
 *   G2  A value is never torn or mixed with another, whatever its size.
 *   G3  A pinned value stays readable and unchanged until it is unpinned, whatever happens to its key.
 *   G4  The bytes charged (entry headers, keys, values, tables), retired but unreclaimed bytes included, never exceed
 *       the capacity by more than one entry per writing thread. A reader that stalls inside a read cannot make memory
 *       grow without bound: writers reclaim, then wait to busy_timeout_ns, then return CAPACITOR_BUSY.
 *   G5  get, pin and contains allocate nothing. set, add and replace allocate at most one block for the entry, and
 *       none when a block that was freed before fits. Growing or rebuilding a table allocates its new array; that is
 *       counted apart (CAPACITOR_STAT_TABLE_REBUILDS).
 *   G6  An expired entry is never returned. Time is monotonic: jumps of the wall clock change nothing.
 *   G7  A call that fails (too large, no memory, busy, invalid) changes nothing: the old value stays.
 *   G8  Each implementation declares the progress of each operation, its reclamation scheme and what it lacks
 *       (struct capacitor_info). The declaration is tested.
 *   G9  Keys crafted against the hash cannot degrade it: the default hash is keyed with a 128-bit secret that each
 *       cache draws from getrandom. A faster unkeyed hash is opt-in, for trusted keys.
 *
 * Threads
 *   capacitor_create, capacitor_destroy and the information calls take no handle. Any number of threads may call
 *   the information calls, capacitor_enter and capacitor_stats at the same time. A handle belongs to the thread that
 *   entered: only that thread may use it. A thread that exits without leaving is made to leave, its pins included.
 *   capacitor_destroy may run only when all other threads have left the cache or ended. After fork, the child must not
 *   touch a cache of its parent (its helper threads are gone); exec is fine.
 *
 * Compiles as C11 and as C++17. The library prints nothing, never exits, and has no state outside its caches but for
 * a thread's registrations where a library (liburcu) keeps one per process.
 */
#ifndef CAPACITOR_CACHE_H
#define CAPACITOR_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define CAPACITOR_API __attribute__((visibility("default")))
#else
#define CAPACITOR_API
#endif

/* Limits of the interface. */
#define CAPACITOR_KEY_BYTES_MAX   ((size_t)65536)      /* 64 KiB; a key has at least 1 byte */
#define CAPACITOR_VALUE_BYTES_MAX ((size_t)1073741824) /* 1 GiB; a value may have 0 bytes */
#define CAPACITOR_PINS_MAX        64                   /* values that one handle may hold pinned at a time */
#define CAPACITOR_THREADS_MAX     1024                 /* threads that may be inside one cache at a time */
#define CAPACITOR_SHARDS_MAX      1024

/* ---- Results -------------------------------------------------------------------------------------------------- */

enum capacitor_result {
	CAPACITOR_OK = 0,           /* done (calls that are not about one key) */
	CAPACITOR_HIT,              /* the key was there */
	CAPACITOR_MISS,             /* the key was not there (or had expired) */
	CAPACITOR_STORED,           /* the value is in the cache now */
	CAPACITOR_EXISTS,           /* add: the key is there already; nothing changed */
	CAPACITOR_TOO_LARGE,        /* the entry would not fit into the capacity; nothing changed */
	CAPACITOR_NO_MEMORY,        /* an allocation failed; nothing changed */
	CAPACITOR_BUFFER_TOO_SMALL, /* the key is there, the buffer too short; the needed length was reported */
	CAPACITOR_INVALID,          /* an argument is out of its range; nothing changed */
	CAPACITOR_BUSY,             /* a bound is reached and stayed so until the deadline; nothing changed */
};
#define CAPACITOR_RESULTS 10

/* The name of a result ("hit", "miss", ...). Never NULL: an unknown number gives "unknown result". Wait-free. */
CAPACITOR_API const char *capacitor_result_string(enum capacitor_result result);

/* ---- What an implementation declares (G8) ---------------------------------------------------------------------- */

enum capacitor_operation {
	CAPACITOR_OP_GET,
	CAPACITOR_OP_PIN,
	CAPACITOR_OP_CONTAINS,
	CAPACITOR_OP_SET, /* set, add and replace */
	CAPACITOR_OP_DELETE,
	CAPACITOR_OP_GET_MANY,
	CAPACITOR_OP_EACH,
};
#define CAPACITOR_OPERATIONS 7
CAPACITOR_API const char *capacitor_operation_string(enum capacitor_operation operation);

/* Herlihy and Shavit, The Art of Multiprocessor Programming, section 3.7. Bounds are in terms of our own steps and
 * exclude the copy of the value, which is linear in its size. */
enum capacitor_progress {
	CAPACITOR_BLOCKING,   /* a thread stopped inside may stop the others */
	CAPACITOR_LOCK_FREE,  /* some thread always completes */
	CAPACITOR_WAIT_FREE,  /* every thread completes in a bounded number of its own steps */
	CAPACITOR_SINGLE,     /* one owner thread: the question does not arise */
};
CAPACITOR_API const char *capacitor_progress_string(enum capacitor_progress progress);

enum capacitor_policy {
	CAPACITOR_FIFO,   /* evict the oldest insertion; a hit writes nothing */
	CAPACITOR_LRU,    /* evict the least recently used; a hit reorders, so it needs a lock */
	CAPACITOR_CLOCK,  /* FIFO with one reinsertion for a visited entry (Corbato 1968) */
	CAPACITOR_SIEVE,  /* a hand that keeps visited entries in place (Zhang et al., NSDI 2024) */
	CAPACITOR_S3FIFO, /* small, main and ghost FIFO queues (Yang et al., SOSP 2023) */
};
#define CAPACITOR_POLICIES 5
CAPACITOR_API const char *capacitor_policy_string(enum capacitor_policy policy);
/* Finds a policy by its name ("fifo", "lru", "clock", "sieve", "s3fifo"). False when there is none of that name. */
CAPACITOR_API bool capacitor_policy_find(const char *name, enum capacitor_policy *policy);

/* Where the counters of capacitor_stats live; chosen at run time so that sharing can be measured on the real object. */
enum capacitor_counters {
	CAPACITOR_COUNTERS_GLOBAL, /* one atomic per counter, shared by all threads */
	CAPACITOR_COUNTERS_PACKED, /* one per thread, side by side: the false-sharing baseline */
	CAPACITOR_COUNTERS_PADDED, /* one block per thread, on lines of its own */
};
#define CAPACITOR_COUNTER_LAYOUTS 3
CAPACITOR_API const char *capacitor_counters_string(enum capacitor_counters counters);
CAPACITOR_API bool capacitor_counters_find(const char *name, enum capacitor_counters *counters);

/* What an implementation lacks: flags of capacitor_info.lacks. */
#define CAPACITOR_LACKS_STORAGE     (1u << 0) /* keeps nothing: every set succeeds, every get misses */
#define CAPACITOR_LACKS_CONCURRENCY (1u << 1) /* one thread at a time may be inside */
#define CAPACITOR_LACKS_HUGE_PAGES  (1u << 2) /* ignores huge_pages: its table is not ours to place */
#define CAPACITOR_LACKS_TABLE_GROWTH (1u << 3) /* the table is sized once, from expected_entries */
#define CAPACITOR_LACKS_SHARDS      (1u << 4) /* ignores shards: it has one */

enum capacitor_stat {
	CAPACITOR_STAT_HITS,            /* get, pin, contains, get_many that found their key */
	CAPACITOR_STAT_MISSES,          /* and that did not */
	CAPACITOR_STAT_STORES,          /* values stored by set, add, replace, get_or_load */
	CAPACITOR_STAT_DELETES,         /* keys deleted */
	CAPACITOR_STAT_EVICTIONS,       /* entries evicted by the policy */
	CAPACITOR_STAT_EXPIRATIONS,     /* expired entries removed */
	CAPACITOR_STAT_LOADS,           /* loader calls of get_or_load */
	CAPACITOR_STAT_BUSY,            /* calls that returned CAPACITOR_BUSY */
	CAPACITOR_STAT_LOCKS,           /* lock acquisitions */
	CAPACITOR_STAT_LOCK_WAITS,      /* acquisitions that had to wait */
	CAPACITOR_STAT_LOCK_WAIT_NS,    /* time spent waiting for locks, summed over threads */
	CAPACITOR_STAT_CAS_FAILURES,    /* compare-and-swap attempts that lost */
	CAPACITOR_STAT_GRACE_PERIODS,   /* grace periods or epochs that passed */
	CAPACITOR_STAT_TABLE_REBUILDS,  /* table arrays allocated after creation */
	CAPACITOR_STAT_ROOM_WAIT_NS,    /* time that calls waited for memory to be reclaimed (G4), summed over threads */
	CAPACITOR_STAT_GRACE_NS,        /* time that the grace periods took that passed */
	/* Gauges: what is so now. */
	CAPACITOR_STAT_ENTRIES,         /* entries reachable */
	CAPACITOR_STAT_LIVE_BYTES,      /* bytes charged for reachable entries */
	CAPACITOR_STAT_RETIRED_BYTES,   /* bytes unlinked but not yet reclaimed (a reader may still hold them) */
	CAPACITOR_STAT_RETIRED_PEAK_BYTES, /* the most that retired_bytes has been */
	CAPACITOR_STAT_TABLE_BYTES,     /* bytes charged for tables */
	CAPACITOR_STAT_CAPACITY_BYTES,  /* the capacity */
};
#define CAPACITOR_STAT_GAUGES CAPACITOR_STAT_ENTRIES /* the first gauge; below it are counters */
#define CAPACITOR_STATS 22

/* Name ("lock_wait_ns"), unit ("ns", "bytes", "1") and one-line meaning of a statistic. Never NULL. Wait-free. */
CAPACITOR_API const char *capacitor_stat_string(enum capacitor_stat stat);
CAPACITOR_API const char *capacitor_stat_unit(enum capacitor_stat stat);
CAPACITOR_API const char *capacitor_stat_meaning(enum capacitor_stat stat);

struct capacitor_info {
	const char *name;        /* the name of its folder under impl/ */
	const char *summary;     /* one line: the mechanism */
	const char *use;         /* one line: what it is for */
	const char *reclamation; /* how memory of unlinked entries is reclaimed */
	uint32_t policies;       /* bit (1u << policy) for each policy it supports */
	uint32_t lacks;          /* CAPACITOR_LACKS_* */
	enum capacitor_progress progress[CAPACITOR_OPERATIONS];
	/* NULL where the statistic is counted, else the reason why it is not ("no compare-and-swap in this design"). */
	const char *unavailable[CAPACITOR_STATS];
};

/* The implementations built in, in alphabetical order: index 0, 1, ... until NULL. Wait-free. */
CAPACITOR_API const struct capacitor_info *capacitor_info(size_t index);
/* The implementation of that name, or NULL. Wait-free. */
CAPACITOR_API const struct capacitor_info *capacitor_find(const char *name);

/* ---- Configuration ---------------------------------------------------------------------------------------------- */

enum capacitor_hash {
	CAPACITOR_HASH_SIPHASH, /* SipHash-2-4, keyed (Aumasson and Bernstein 2012); the default */
	CAPACITOR_HASH_XXH3,    /* XXH3, unkeyed: faster, for trusted keys only */
	CAPACITOR_HASH_CUSTOM,  /* hash_function: for trusted keys, and for tests that want collisions */
};

struct capacitor_config {
	size_t capacity_bytes;   /* the budget of G4; default 64 MiB; up to 2^62 */
	enum capacitor_policy policy;     /* default CAPACITOR_SIEVE */
	enum capacitor_counters counters; /* default CAPACITOR_COUNTERS_PADDED */
	size_t expected_entries; /* sizes the tables, to 2^32; 0 (default): capacity_bytes / 256, at most 2^24 */
	unsigned shards;         /* 0 (default): four per core, as a power of two; else a power of two to 1024 */
	unsigned threads_max;    /* threads inside at a time, 1 to 1024; default 256 */
	enum capacitor_hash hash;
	bool hash_seed_set;      /* false (default): the secret comes from getrandom; true: it is hash_seed */
	uint8_t hash_seed[16];   /* for runs that must repeat; a known secret loses G9 */
	uint64_t (*hash_function)(const void *key, size_t key_bytes, const uint8_t seed[16]); /* CAPACITOR_HASH_CUSTOM */
	uint64_t default_ttl_ns; /* for sets with CAPACITOR_TTL_DEFAULT; 0 (default): entries never expire */
	uint64_t (*clock_ns)(void *context); /* NULL (default): CLOCK_MONOTONIC; must never run backwards */
	void *clock_context;
	uint64_t busy_timeout_ns; /* how long a call may wait for memory to be reclaimed; default 100 ms */
	bool huge_pages;         /* ask for transparent huge pages for tables of 2 MiB and more; default false */
};

/* TTL arguments, besides a number of nanoseconds. */
#define CAPACITOR_TTL_DEFAULT ((uint64_t)0)    /* the configuration's default_ttl_ns */
#define CAPACITOR_TTL_NEVER   (UINT64_MAX)     /* until evicted */

/* Fills *config with the defaults above. Wait-free. */
CAPACITOR_API void capacitor_config_init(struct capacitor_config *config);

struct capacitor;        /* a cache */
struct capacitor_handle; /* a thread inside a cache */

/* The text of an error: what was wrong and what is allowed. */
struct capacitor_error {
	char message[256];
};

/*
 * Makes a cache.
 *   implementation  a name of capacitor_info, or any NULL-free string (an unknown one is an error)
 *   config          NULL for the defaults
 *   cache           where the new cache goes; set to NULL on failure
 *   error           NULL, or where the text of a failure goes
 * Result: OK, INVALID (the message names the field and the allowed range) or NO_MEMORY. Any thread; blocking.
 */
CAPACITOR_API enum capacitor_result capacitor_create(const char *implementation, const struct capacitor_config *config,
                                                     struct capacitor **cache, struct capacitor_error *error);

/* Frees a cache and all it holds, pinned values too. NULL is allowed. All other threads must have left or ended; the
 * calling thread may still be inside: it is made to leave. Blocking. */
CAPACITOR_API void capacitor_destroy(struct capacitor *cache);

/* What the cache was made of. Valid until destroy. Wait-free. */
CAPACITOR_API const struct capacitor_info *capacitor_cache_info(const struct capacitor *cache);

/* The bytes that an entry with this key and value is charged: header, key, value and rounding. Wait-free. */
CAPACITOR_API size_t capacitor_entry_bytes(size_t key_bytes, size_t value_bytes);

/* ---- Threads ------------------------------------------------------------------------------------------------------ */

/*
 * Enters the calling thread. A thread that is inside already gets the same handle again, and must leave as often as
 * it entered. Result: OK; BUSY when threads_max threads are inside (or, with CAPACITOR_LACKS_CONCURRENCY, when another
 * one is); NO_MEMORY; INVALID. *handle is NULL unless OK. Blocking, short.
 */
CAPACITOR_API enum capacitor_result capacitor_enter(struct capacitor *cache, struct capacitor_handle **handle);

/* Leaves: the handle, its pins and its spare memory go back. NULL is allowed. The calling thread must own it. */
CAPACITOR_API void capacitor_leave(struct capacitor_handle *handle);

/* ---- Reading ------------------------------------------------------------------------------------------------------ */

/*
 * Copies the value of a key into the buffer.
 *   key, key_bytes         1 to CAPACITOR_KEY_BYTES_MAX bytes
 *   buffer, buffer_bytes   where the value goes; NULL is allowed when buffer_bytes is 0
 *   value_bytes            NULL, or where the value's length goes (on HIT and on BUFFER_TOO_SMALL; else 0)
 * Result: HIT; MISS; BUFFER_TOO_SMALL (nothing is copied; the access counts as a hit); INVALID.
 * Allocates nothing (G5). Progress: info->progress[CAPACITOR_OP_GET].
 */
CAPACITOR_API enum capacitor_result capacitor_get(struct capacitor_handle *handle, const void *key, size_t key_bytes,
                                                  void *buffer, size_t buffer_bytes, size_t *value_bytes);

/* A value held in place. Its fields are for reading; filled by capacitor_pin. */
struct capacitor_pin {
	const void *value;
	size_t value_bytes;
	unsigned slot; /* which of the handle's CAPACITOR_PINS_MAX slots holds it */
};

/*
 * Finds a value and holds it in place until capacitor_unpin (G3), without copying it. Eviction for room passes pinned
 * values over, because it would free nothing. The memory of a pinned value stays charged after its key is gone, so that long pins
 * shrink the room for others.
 * Result: HIT; MISS; BUSY (CAPACITOR_PINS_MAX pins are held by this handle); INVALID.
 * Allocates nothing (G5). Progress: info->progress[CAPACITOR_OP_PIN].
 */
CAPACITOR_API enum capacitor_result capacitor_pin(struct capacitor_handle *handle, const void *key, size_t key_bytes,
                                                  struct capacitor_pin *pin);

/* Releases a pin of this handle: OK, or INVALID when that pin is not held. *pin is cleared. Wait-free. */
CAPACITOR_API enum capacitor_result capacitor_unpin(struct capacitor_handle *handle, struct capacitor_pin *pin);

/* Is the key there? HIT, MISS or INVALID. Does not count as a use for the eviction policy.
 * Allocates nothing (G5). Progress: info->progress[CAPACITOR_OP_CONTAINS]. */
CAPACITOR_API enum capacitor_result capacitor_contains(struct capacitor_handle *handle, const void *key,
                                                       size_t key_bytes);

/* One get of a batch. The caller fills the first four fields, capacitor_get_many the last two. */
struct capacitor_request {
	const void *key;
	size_t key_bytes;
	void *buffer;
	size_t buffer_bytes;
	size_t value_bytes;           /* as capacitor_get's *value_bytes */
	enum capacitor_result result; /* as capacitor_get's result */
};

/*
 * Does `count` gets, each linearizable on its own (the batch is not atomic). Keys may repeat. Tables and entries are
 * prefetched where the implementation can. Result: OK when all requests were carried out (each has its own result), or
 * INVALID when handle or requests is NULL. Allocates nothing. Progress: info->progress[CAPACITOR_OP_GET_MANY].
 */
CAPACITOR_API enum capacitor_result capacitor_get_many(struct capacitor_handle *handle,
                                                       struct capacitor_request *requests, size_t count);

/* ---- Writing ------------------------------------------------------------------------------------------------------ */

/*
 * Stores a value under a key, whether it was there or not.
 *   value, value_bytes   0 to CAPACITOR_VALUE_BYTES_MAX bytes; NULL is allowed when value_bytes is 0. Copied.
 *   ttl_ns               nanoseconds from now until it expires, CAPACITOR_TTL_DEFAULT or CAPACITOR_TTL_NEVER
 * Result: STORED; TOO_LARGE; NO_MEMORY; BUSY (G4); INVALID. Other entries may be evicted, also when it fails.
 * Allocates at most one block (G5). Progress: info->progress[CAPACITOR_OP_SET].
 */
CAPACITOR_API enum capacitor_result capacitor_set(struct capacitor_handle *handle, const void *key, size_t key_bytes,
                                                  const void *value, size_t value_bytes, uint64_t ttl_ns);

/* As capacitor_set, but only when the key is not there; else EXISTS, and nothing changes. */
CAPACITOR_API enum capacitor_result capacitor_add(struct capacitor_handle *handle, const void *key, size_t key_bytes,
                                                  const void *value, size_t value_bytes, uint64_t ttl_ns);

/* As capacitor_set, but only when the key is there; else MISS, and nothing changes. Where reading takes no lock, an entry
 * that expires while it is being replaced may be missed for a moment before the new value is there. */
CAPACITOR_API enum capacitor_result capacitor_replace(struct capacitor_handle *handle, const void *key,
                                                      size_t key_bytes, const void *value, size_t value_bytes,
                                                      uint64_t ttl_ns);

/* Removes a key: HIT (it was there, now it is not), MISS or INVALID. Allocates nothing.
 * Progress: info->progress[CAPACITOR_OP_DELETE]. */
CAPACITOR_API enum capacitor_result capacitor_delete(struct capacitor_handle *handle, const void *key,
                                                     size_t key_bytes);

/*
 * Makes the value of a key that is not in the cache. Writes it to the buffer, its length to *value_bytes.
 * Returns HIT (made), MISS (there is none), BUFFER_TOO_SMALL (with the needed length in *value_bytes) or any failure
 * of enum capacitor_result. It must not call this cache.
 */
typedef enum capacitor_result capacitor_loader(void *context, const void *key, size_t key_bytes, void *buffer,
                                               size_t buffer_bytes, size_t *value_bytes);

/*
 * Gets a value; on a miss calls the loader, stores what it made, and returns it. For each key one loader runs at a time;
 * other threads that miss the same key wait for it and take its outcome. A value that somebody else stored while the
 * loader ran wins over the loaded one.
 * Result: HIT (it was there, or another thread's loader made it); STORED (this call's loader made it, and it is in the
 * buffer; where it could not be stored for lack of room it is returned all the same); else what the loader returned:
 * MISS, BUFFER_TOO_SMALL, ...; INVALID. Blocking.
 */
CAPACITOR_API enum capacitor_result capacitor_get_or_load(struct capacitor_handle *handle, const void *key,
                                                          size_t key_bytes, void *buffer, size_t buffer_bytes,
                                                          size_t *value_bytes, uint64_t ttl_ns,
                                                          capacitor_loader *loader, void *context);

/* ---- The whole cache ---------------------------------------------------------------------------------------------- */

/* Called for an entry. Return false to stop. It must not call this cache, and its arguments end with it. */
typedef bool capacitor_visitor(void *context, const void *key, size_t key_bytes, const void *value,
                               size_t value_bytes);

/*
 * Visits every entry that is there from beginning to end exactly once, and others at most once; no expired ones.
 * Holds the lock of one shard at a time while it visits its entries. Result: OK or INVALID.
 * Progress: info->progress[CAPACITOR_OP_EACH].
 */
CAPACITOR_API enum capacitor_result capacitor_each(struct capacitor_handle *handle, capacitor_visitor *visitor,
                                                   void *context);

struct capacitor_stats {
	uint64_t value[CAPACITOR_STATS]; /* by enum capacitor_stat; 0 where info->unavailable names a reason */
};

/* Reads the statistics. Counters of running threads may lag; exact when nobody writes. Any thread. Blocking, short. */
CAPACITOR_API enum capacitor_result capacitor_stats(struct capacitor *cache, struct capacitor_stats *stats);

/* A lock of a cache, and how often and how long threads have waited for it since the cache was made. Acquisitions that did not
 * have to wait are not counted here: that would cost all of them. */
struct capacitor_lock {
	const char *name;   /* what it protects: "shard", "table", "threads", ...; a constant */
	unsigned index;     /* which of those of that name, from 0 */
	bool in_statistics; /* of the implementation: CAPACITOR_STAT_LOCK_WAITS and LOCK_WAIT_NS are the sums over these */
	uint64_t waits;     /* acquisitions that had to wait */
	uint64_t wait_ns;   /* time that they waited, summed over threads */
};

/* Called for a lock, which ends with the call. Return false to stop. */
typedef bool capacitor_lock_visitor(void *context, const struct capacitor_lock *lock);

/*
 * Visits the locks of a cache, always in the same order. Waits that are not over may be missing; exact when nobody is inside.
 * Result: OK or INVALID. Any thread. Takes none of the locks: wait-free.
 */
CAPACITOR_API enum capacitor_result capacitor_each_lock(struct capacitor *cache, capacitor_lock_visitor *visitor,
                                                        void *context);

/* Removes every entry that was there when it was called. Result: OK or INVALID. Blocking. */
CAPACITOR_API enum capacitor_result capacitor_clear(struct capacitor_handle *handle);

/*
 * Sets the capacity, evicting down to it. Result: OK; INVALID (it must hold at least the tables: see
 * CAPACITOR_STAT_TABLE_BYTES); BUSY (the new capacity is in force, but retired memory could not be reclaimed in time:
 * later writers go on). Blocking.
 */
CAPACITOR_API enum capacitor_result capacitor_resize(struct capacitor_handle *handle, size_t capacity_bytes);

/* Reclaims all retired memory that no pin holds. Result: OK; BUSY (a reader held some until the deadline); INVALID.
 * Blocking. */
CAPACITOR_API enum capacitor_result capacitor_quiesce(struct capacitor_handle *handle);

#ifdef __cplusplus
}
#endif

#endif /* CAPACITOR_CACHE_H */
