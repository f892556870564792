/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The coherence observatory: what a program under study tells its runtime.
 *
 * What it is
 *   A runtime for code that was compiled with -fsanitize=thread and linked without it: every access that the compiler
 *   marked comes here instead of to ThreadSanitizer, and goes through a directory of cache lines (MESI, caches without
 *   end) over virtual cores. Threads of the program are fibers of one thread of the system, each on a virtual core of its
 *   own, and run one at a time as a seed says. So each coherence miss is counted and classed, exactly and repeatably,
 *   whatever the machine is and does.
 *
 * Schedules
 *   coop   a thread runs until it yields or blocks: the programs under study yield between operations, in turns. Counts
 *          do not depend on any latency, and closed forms hold exactly.
 *   clock  the core whose virtual clock is the lowest runs: an estimate of contention, which depends on the latencies.
 *   rand   the next thread is drawn after a random number of accesses: finds wrong interleavings.
 *   pct    priorities and a few change points (Burckhardt et al., A Randomized Scheduler with Probabilistic Guarantees of
 *          Finding Bugs, ASPLOS 2010): finds those that need few but special switches.
 *
 * Classes of transactions
 *   Dubois et al., The Detection and Elimination of Useless Misses in Multiprocessors, ISCA 1993, with one more class.
 *   A miss of a core that had the line before is essential when the core then uses something that another has written
 *   since its own last essential miss; else it is false sharing. See directory.h.
 *
 * What it cannot see
 *   Weak memory and store buffers (it is sequentially consistent), misses for lack of room, prefetching, NUMA, SMT, the
 *   kernel, the allocator's insides, code that was not compiled for it.
 *
 * Threads
 *   All calls but coherence_start and coherence_record may come from any thread of the program. None is async-signal-safe.
 *   A thread's calls before coherence_start see nothing and count nothing. Barriers, and locks that are held, must not be of the
 *   time before it: theirs is the system's form, which is not ours.
 */
#ifndef COHERENCE_COHERENCE_H
#define COHERENCE_COHERENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Threads that may live at a time: 128 under study, the main thread, and helper threads of what is studied. */
#define COHERENCE_CORES_MAX      192
#define COHERENCE_THREADS_MAX    128
#define COHERENCE_OPERATIONS_MAX 8 /* kinds of operations; 0 is what lies between operations */

enum coherence_schedule {
	COHERENCE_COOP,
	COHERENCE_CLOCK,
	COHERENCE_RAND,
	COHERENCE_PCT,
};
#define COHERENCE_SCHEDULES 4
extern const char *const coherence_schedule_names[COHERENCE_SCHEDULES + 1]; /* ended by NULL */

/* In cycles. The defaults are of the order of a current x86-64 server core; estimates are worth what these are. */
struct coherence_latency {
	unsigned hit;       /* an access that hits */
	unsigned rmw;       /* an atomic read-modify-write or sequentially consistent store, besides */
	unsigned clean;     /* a miss that another core's clean copy or the last-level cache answers */
	unsigned dirty;     /* a miss that another core's modified copy answers */
	unsigned upgrade;   /* ownership of a line of which a copy is here */
	unsigned cold;      /* a miss that memory answers */
	unsigned wake;      /* from futex wake to the woken thread's next step */
	unsigned pause;     /* a spin hint */
	unsigned per_1000_ns; /* cycles in a microsecond: turns cycles into time */
};

struct coherence_settings {
	enum coherence_schedule schedule;
	uint64_t seed;            /* any; the same one gives the same run */
	unsigned line_bytes;      /* 64 or 128 */
	unsigned shift_bytes;     /* 0 to line_bytes - 1, a multiple of 8: as if all memory lay so much higher */
	unsigned processors;      /* what sysconf tells the program, 1 to COHERENCE_CORES_MAX */
	unsigned quantum;         /* rand: a thread runs 1 to 2 * quantum - 1 accesses */
	unsigned pct_depth;       /* pct: one more than there are change points, 1 to 16 */
	uint64_t pct_steps;       /* pct: change points are drawn from so many accesses */
	unsigned slack;           /* clock: a core may be ahead of the others by up to so many cycles */
	bool token;               /* pass a token among threads of the system instead of switching fibers: same counts, slow;
	                             processors for which there is no fiber.c do so anyway */
	bool watch_freed;         /* an access to a freed block ends the run; only what is seen may allocate */
	unsigned hang_seconds;    /* without an access for so long: the run is ended and explained */
	uint64_t idle_steps_max;  /* without a finished operation for so many accesses: likewise */
	struct coherence_latency latency;
};

/* How a run ends that cannot go on; what it waited for goes to stderr. */
#define COHERENCE_EXIT_FREED    96 /* used a block after it was freed */
#define COHERENCE_EXIT_HANG     97 /* no progress: spins in code that is not seen, or goes in circles */
#define COHERENCE_EXIT_DEADLOCK 98 /* every thread waits */

/* What is counted per kind of operation. The first six are the classes of transactions. */
enum coherence_count {
	COHERENCE_TRUE,          /* misses that bring what another has written, at the access itself */
	COHERENCE_LATE,          /* the missing access touched nothing new, a later one of the same stay did */
	COHERENCE_FALSE,         /* nothing new was used before the line was lost again */
	COHERENCE_COLD,          /* the core's first contact with the line */
	COHERENCE_UPGRADE_TRUE,  /* ownership of a line whose copies elsewhere had used the same bytes */
	COHERENCE_UPGRADE_FALSE, /* whose copies elsewhere had used others */
	COHERENCE_OPERATIONS,    /* operations begun */
	COHERENCE_READS,         /* accesses by kind, each a line's share of one access */
	COHERENCE_WRITES,
	COHERENCE_RMWS,
	COHERENCE_TRANSFERS,     /* misses that another core's modified copy answered */
	COHERENCE_INVALIDATIONS, /* copies that others lost */
	COHERENCE_CAS_FAILURES,
	COHERENCE_LOCKS,         /* mutexes and rwlocks taken */
	COHERENCE_LOCK_WAITS,    /* of these, how many found it taken */
	COHERENCE_HANDOVERS,     /* of these, how many had last been taken by another core */
	COHERENCE_BLOCKS,        /* waits in the kernel */
	COHERENCE_WAKES,         /* threads woken */
	COHERENCE_MEMBARRIERS,
	COHERENCE_CYCLES,        /* virtual time inside */
	COHERENCE_WAIT_CYCLES,   /* of it, waiting for locks and other threads */
	COHERENCE_QUEUE_CYCLES,  /* of it, waiting for a line that was on its way to others */
	COHERENCE_ALLOCATIONS,   /* malloc and its kin */
};
#define COHERENCE_CLASSES 6
#define COHERENCE_COUNTS  23
extern const char *const coherence_count_names[COHERENCE_COUNTS];

/* Defaults: coop, seed 1, lines of 64 bytes. */
void coherence_settings_init(struct coherence_settings *settings);

/* Begins. From the main thread, while it is the only one. False: *error says what is wrong and what is allowed. */
bool coherence_start(const struct coherence_settings *settings, char *error, size_t error_bytes);

/* Counting begins from zero (true; who has which line stays) or ends (false; also: stays without use are judged). */
void coherence_measure(bool on);

/* The calling thread begins an operation of that kind, 1 to COHERENCE_OPERATIONS_MAX - 1, or is between operations (0). */
void coherence_operation(unsigned kind);
/* The name of a kind, for records. `name` is kept. */
void coherence_operation_name(unsigned kind, const char *name);

/* What lies at `object` is called `type` in records: a type's name ("struct shard") where it has one. It counts from the
 * address, whether it lies in the heap or not, until the block is freed. `type` is kept. */
void coherence_object(const void *object, size_t bytes, const char *type);
/* The same for an array, whose elements are of `element_bytes`: "struct shard[]". */
void coherence_objects(const void *first, size_t bytes, size_t element_bytes, const char *type);

/* A place to switch threads: the only one of schedule coop, but for blocking. */
void coherence_yield(void);
/* A spin hint, in place of the processor's: nothing can change before the line read last is written by another. */
void coherence_relax(void);

/* A sum over all cores. */
uint64_t coherence_count(unsigned kind, enum coherence_count count);
/* The sum, over all cores and kinds, of what happened to lines of [object, object + bytes). Classes, TRANSFERS,
 * INVALIDATIONS and CAS_FAILURES; 0 for others. */
uint64_t coherence_count_at(const void *object, size_t bytes, enum coherence_count count);

/* The virtual clock of the furthest core, since measuring began (stopped when it ended). */
uint64_t coherence_cycles(void);
/* Blocks that instrumented code has allocated and not freed. */
size_t coherence_blocks(void);
/* Accesses since the start. */
uint64_t coherence_steps(void);

/* Writes what was measured (record.h has the form), to `path` by way of a temporary file. `subject` is a JSON object, or NULL,
 * that is written into it as it is. From the main thread, when no other is left or measuring has ended. False: *error. */
bool coherence_record(const char *path, const char *subject, char *error, size_t error_bytes);

#endif
