/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The conformance suite: one set of tests, run against every row of the implementation table.
 *
 * A test is a function that takes a rig: a cache to be made of one implementation, one policy and one counter layout.
 * A file of tests exports an array of struct suite_test; conformance_test.c multiplies the arrays with the table of
 * implementations, and leaves out what an implementation declares that it lacks (those declarations have tests of
 * their own, in absences.c). Names begin with the guarantee of cache.h that they prove: `G2 a value is never torn
 * (rcu, sieve, padded)`.
 *
 * Nothing in here looks behind cache.h: the suite must accept any implementation that keeps the interface.
 */
#ifndef SUITE_H
#define SUITE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "capacitor/cache.h"
#include "common/atomics.h"

/* How many of the combinations a test runs on. Where a dimension is not swept, the policy is the first that is
 * supported of sieve, clock, fifo, ..., and the layout is padded. */
enum suite_scope {
	SUITE_ONCE,           /* no implementation at all */
	SUITE_IMPLEMENTATION, /* each implementation */
	SUITE_LAYOUT,         /* each implementation and counter layout */
	SUITE_POLICY,         /* each implementation and policy */
	SUITE_ALL,            /* each implementation, policy and counter layout */
};

struct rig;

struct suite_test {
	const char *name; /* NULL ends an array */
	void (*run)(struct rig *rig);
	enum suite_scope scope;
	uint32_t without;  /* CAPACITOR_LACKS_*: only implementations that lack none of these */
	uint32_t lacking;  /* only implementations that lack all of these */
	uint32_t policies; /* bits; 0: all */
	bool (*applies)(const struct capacitor_info *info); /* NULL: to all */
	bool heap; /* it counts allocations or makes them fail: with a sanitizer's malloc it is there once, and skipped */
};

#define STORAGE     CAPACITOR_LACKS_STORAGE
#define CONCURRENCY CAPACITOR_LACKS_CONCURRENCY
#define SHARED      (STORAGE | CONCURRENCY)

/* A cache under test, with the handle of the main thread. The fixture of each test prepares `config`; the test changes
 * it and calls rig_open. Whatever is open at the end is destroyed, also when the test has failed. */
struct rig {
	const struct suite_test *test;
	const struct capacitor_info *info;
	enum capacitor_policy policy;
	enum capacitor_counters counters;
	char *name;
	uint64_t seed; /* of this test: depends on --seed and on the name, not on the order */
	struct capacitor_config config;
	struct capacitor *cache;
	struct capacitor_handle *handle;
	_Atomic uint64_t clock_ns; /* the controlled clock, for config.clock_ns = rig_clock */
	bool finished;             /* the test came to its end, or was skipped */
};

/* Makes the cache of rig->config and enters it. A cache that was open is destroyed first. */
void rig_open(struct rig *rig);
void rig_close(struct rig *rig);

/* Uses the controlled clock, which starts at a million. */
void rig_use_clock(struct rig *rig);
uint64_t rig_clock(void *rig);
void rig_clock_advance(struct rig *rig, uint64_t ns);

/* A cache with one shard, whose table is prepared for `entries` and whose capacity is that table and so many entries
 * with values of value_bytes under keys of label_of. */
void rig_open_exact(struct rig *rig, size_t entries, size_t value_bytes);

uint64_t rig_stat(const struct rig *rig, enum capacitor_stat stat);

/* Table, live and retired bytes together; any thread. */
uint64_t rig_used_bytes(const struct rig *rig);

/*
 * Are more bytes used than the capacity, and an entry of so many bytes for each of the writers, while they write? A
 * sample adds up gauges that are read one after the other while entries move between them: one that is too high must
 * repeat at once, and again, to count. And a store that stands still may have its victims counted twice, as retired and
 * still as live: an entry's bytes and the last victim more. (Where this is too kind, the peak of the heap is strict.)
 * Any thread.
 */
bool rig_exceeds(const struct rig *rig, uint64_t capacity_bytes, unsigned writers, size_t entry_bytes);

/* Skips the running test after telling why. */
void rig_skip(struct rig *rig, const char *why);

/* Is the operation blocking for others while a thread is stopped inside? */
bool rig_blocks(const struct rig *rig, enum capacitor_operation operation);

/* Scales a count of rounds down in builds with a sanitizer, where everything takes ten times as long. */
unsigned rig_rounds(unsigned rounds);

/* ---- Expectations, for the main thread only (they leave the test by longjmp) ------------------------------------- */

void expect_at(bool holds, const char *file, int line, const char *format, ...) __attribute__((format(printf, 4, 5)));
void expect_result_at(enum capacitor_result actual, enum capacitor_result expected, const char *call, const char *file,
                      int line);
void expect_number_at(uint64_t actual, uint64_t expected, const char *what, const char *file, int line);

#define expect(condition, ...)         expect_at(condition, __FILE__, __LINE__, __VA_ARGS__)
#define expect_result(call, expected)  expect_result_at(call, expected, #call, __FILE__, __LINE__)
#define expect_number(number, value)   expect_number_at(number, value, #number, __FILE__, __LINE__)

/* ---- Keys and values by number ----------------------------------------------------------------------------------- */

/* The key number n: "key 00000007". All have the same length. */
struct label {
	size_t bytes;
	char text[24];
};
#define LABEL_BYTES 12
struct label label_of(uint64_t number);

/* SplitMix64 (Steele, Lea and Flood 2014). */
uint64_t mix64(uint64_t x);
uint64_t random_next(uint64_t *state);
static inline uint64_t random_below(uint64_t *state, uint64_t bound)
{
	return random_next(state) % bound;
}

/*
 * Values that tell whether they are whole: every word is a function of key, version, length and position, and the first
 * word is the version. Below 8 bytes there is no room for a version: it reads as 0, and the bytes depend on key and
 * length only.
 */
void tagged_fill(void *value, size_t value_bytes, uint64_t key, uint64_t version);
bool tagged_check(const void *value, size_t value_bytes, uint64_t key, uint64_t *version);

/* set, add, replace and get of tagged values under numbered keys. Threads have a buffer each, of TAGGED_BYTES_MAX. */
#define TAGGED_BYTES_MAX ((size_t)65536)
typedef enum capacitor_result tagged_store(struct capacitor_handle *handle, const void *key, size_t key_bytes,
                                           const void *value, size_t value_bytes, uint64_t ttl_ns);
enum capacitor_result tagged_write(tagged_store *store, struct capacitor_handle *handle, uint64_t key,
                                   uint64_t version, size_t value_bytes);
enum capacitor_result tagged_set(struct capacitor_handle *handle, uint64_t key, uint64_t version, size_t value_bytes);
/* tagged_set, again and again while it is BUSY: for caches that are busy early, on machines that are slow to reclaim. */
enum capacitor_result tagged_set_patiently(struct capacitor_handle *handle, uint64_t key, uint64_t version,
                                           size_t value_bytes);
/* Likewise. */
enum capacitor_result quiesce_patiently(struct capacitor_handle *handle);
/* *whole: false when a value was found that is torn, mixed, or another key's. *version and *value_bytes on HIT. */
enum capacitor_result tagged_get(struct capacitor_handle *handle, uint64_t key, uint64_t *version, size_t *value_bytes,
                                 bool *whole);
enum capacitor_result label_contains(struct capacitor_handle *handle, uint64_t key);
enum capacitor_result label_delete(struct capacitor_handle *handle, uint64_t key);
enum capacitor_result label_pin(struct capacitor_handle *handle, uint64_t key, struct capacitor_pin *pin);

/* The main thread's get, which expects a whole value: the version, or MISSING. */
#define MISSING UINT64_MAX
uint64_t tagged_version(const struct rig *rig, uint64_t key);

/* ---- Time -------------------------------------------------------------------------------------------------------- */

uint64_t now_ns(void);
void sleep_ns(uint64_t ns);

/* Long enough that a thread which can go on at all has gone on, on a loaded machine under a sanitizer. */
#define PATIENCE_NS ((uint64_t)20 * 1000000000u)

/* ---- The files of tests ------------------------------------------------------------------------------------------ */

extern const struct suite_test information_tests[];
extern const struct suite_test configuration_tests[];
extern const struct suite_test arguments_tests[];
extern const struct suite_test model_tests[];
extern const struct suite_test linearizability_tests[];
extern const struct suite_test torn_tests[];
extern const struct suite_test pins_tests[];
extern const struct suite_test budget_tests[];
extern const struct suite_test allocations_tests[];
extern const struct suite_test expiry_tests[];
extern const struct suite_test failures_tests[];
extern const struct suite_test progress_tests[];
extern const struct suite_test hashing_tests[];
extern const struct suite_test limits_tests[];
extern const struct suite_test whole_tests[];
extern const struct suite_test threads_tests[];
extern const struct suite_test loading_tests[];
extern const struct suite_test statistics_tests[];
extern const struct suite_test eviction_tests[];
extern const struct suite_test absences_tests[];

#endif
