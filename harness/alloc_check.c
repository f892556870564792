/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `capacitor alloc-check`: how often each call of each implementation allocates, at most, against what guarantee G5 allows: get,
 * pin,
 * contains, get_many and delete not at all, a store once. Where a call allocates more, the stack of the allocation is told.
 *
 * Counted is in the calling thread, call by call, so that neither other threads nor the machine's speed matter. A store that
 * makes a table anew allocates the table's array besides, which G5 counts apart: such calls are a row of their own.
 */
#include <execinfo.h>
#include <inttypes.h>
#include <link.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "capacitor/cache.h"
#include "harness/allocations.h"
#include "harness/commands.h"
#include "harness/debuginfo.h"
#include "harness/options.h"
#include "harness/results.h"

#define KEYS         512 /* of each thread, of each kind */
#define CALLS        2048
#define BATCH        8
#define VALUE_BYTES  100
#define OTHER_BYTES  400 /* of values of another size */
#define FRAMES       48
#define STACK_BYTES  1024 /* of names */
#define THREADS_MAX  64
#define REBUILDING_MAX 20 /* one call in so many may make a table anew */
#define ERROR_BYTES  OPTIONS_ERROR_BYTES

/* ---- Watching one call ------------------------------------------------------------------------------------------------ */

/* An allocation that a call should not have made. */
struct excess {
	unsigned frames;
	void *frame[FRAMES];
	size_t bytes;
};

static _Thread_local struct {
	bool inside;       /* a call is being watched */
	bool in_backtrace; /* what this allocates is ours */
	unsigned count, allowed;
	struct excess excess; /* the first allocation beyond what is allowed */
} watched;

static void made(void *block, size_t bytes)
{
	(void)block;
	if (!watched.inside || watched.in_backtrace)
		return;
	if (watched.count++ == watched.allowed) {
		watched.in_backtrace = true;
		watched.excess.frames = (unsigned)backtrace(watched.excess.frame, FRAMES);
		watched.excess.bytes = bytes;
		watched.in_backtrace = false;
	}
}

static const struct allocations_watcher watcher = {made, NULL};

/* ---- Operations --------------------------------------------------------------------------------------------------------- */

/* A thread in the cache. */
struct caller {
	struct capacitor *cache;
	struct capacitor_handle *handle;
	unsigned index;
	char key[BATCH][32];
	char buffer[BATCH][OTHER_BYTES];
};

static size_t make_key(struct caller *caller, unsigned slot, const char *kind, unsigned number)
{
	return (size_t)snprintf(caller->key[slot], sizeof caller->key[slot], "%s %u %u", kind, caller->index, number);
}

static bool store(struct caller *caller, const char *kind, unsigned number, size_t value_bytes)
{
	size_t bytes = make_key(caller, 0, kind, number);

	return capacitor_set(caller->handle, caller->key[0], bytes, caller->buffer[0], value_bytes, CAPACITOR_TTL_NEVER) ==
	       CAPACITOR_STORED;
}

static void fill(struct caller *caller)
{
	for (unsigned i = 0; i < KEYS; i++)
		store(caller, "there", i, VALUE_BYTES);
}

/* What each does, given the number of its call. Whatever it needs was made ready by `prepare`, which is not watched. */
static bool get_hit(struct caller *caller, unsigned i)
{
	size_t bytes = make_key(caller, 0, "there", i % KEYS), value_bytes;

	return capacitor_get(caller->handle, caller->key[0], bytes, caller->buffer[0], sizeof caller->buffer[0], &value_bytes) ==
	       CAPACITOR_HIT;
}

static bool get_miss(struct caller *caller, unsigned i)
{
	size_t bytes = make_key(caller, 0, "nowhere", i), value_bytes;

	return capacitor_get(caller->handle, caller->key[0], bytes, caller->buffer[0], sizeof caller->buffer[0], &value_bytes) ==
	       CAPACITOR_MISS;
}

static bool contains(struct caller *caller, unsigned i)
{
	size_t bytes = make_key(caller, 0, i % 2 ? "there" : "nowhere", i % KEYS);

	return capacitor_contains(caller->handle, caller->key[0], bytes) == (i % 2 ? CAPACITOR_HIT : CAPACITOR_MISS);
}

static bool pin_unpin(struct caller *caller, unsigned i)
{
	size_t bytes = make_key(caller, 0, "there", i % KEYS);
	struct capacitor_pin pin;

	return capacitor_pin(caller->handle, caller->key[0], bytes, &pin) == CAPACITOR_HIT &&
	       capacitor_unpin(caller->handle, &pin) == CAPACITOR_OK;
}

static bool get_many(struct caller *caller, unsigned i)
{
	struct capacitor_request requests[BATCH];

	for (unsigned slot = 0; slot < BATCH; slot++) {
		size_t bytes = make_key(caller, slot, slot % 2 ? "there" : "nowhere", (i + slot) % KEYS);

		requests[slot] = (struct capacitor_request){caller->key[slot], bytes, caller->buffer[slot],
		                                            sizeof caller->buffer[slot], 0, CAPACITOR_MISS};
	}
	return capacitor_get_many(caller->handle, requests, BATCH) == CAPACITOR_OK && requests[1].result == CAPACITOR_HIT &&
	       requests[0].result == CAPACITOR_MISS;
}

static void put_back(struct caller *caller, unsigned i)
{
	store(caller, "there", i % KEYS, VALUE_BYTES);
}

static bool delete_there(struct caller *caller, unsigned i)
{
	return capacitor_delete(caller->handle, caller->key[0], make_key(caller, 0, "there", i % KEYS)) == CAPACITOR_HIT;
}

static bool delete_nowhere(struct caller *caller, unsigned i)
{
	return capacitor_delete(caller->handle, caller->key[0], make_key(caller, 0, "nowhere", i)) == CAPACITOR_MISS;
}

static bool set_same(struct caller *caller, unsigned i)
{
	return store(caller, "there", i % KEYS, VALUE_BYTES);
}

static bool set_other(struct caller *caller, unsigned i)
{
	return store(caller, "there", i % KEYS, i / KEYS % 2 ? VALUE_BYTES : OTHER_BYTES);
}

static bool set_new(struct caller *caller, unsigned i)
{
	return store(caller, "new", i, VALUE_BYTES);
}

static bool add(struct caller *caller, unsigned i)
{
	size_t bytes = make_key(caller, 0, i % 2 ? "there" : "added", i % KEYS);

	return capacitor_add(caller->handle, caller->key[0], bytes, caller->buffer[0], VALUE_BYTES, CAPACITOR_TTL_NEVER) ==
	       (i % 2 || i >= KEYS ? CAPACITOR_EXISTS : CAPACITOR_STORED);
}

static bool replace(struct caller *caller, unsigned i)
{
	size_t bytes = make_key(caller, 0, i % 2 ? "there" : "nowhere", i % KEYS);

	return capacitor_replace(caller->handle, caller->key[0], bytes, caller->buffer[0], VALUE_BYTES, CAPACITOR_TTL_NEVER) ==
	       (i % 2 ? CAPACITOR_STORED : CAPACITOR_MISS);
}

static const struct operation {
	const char *name;
	unsigned allowed; /* G5 */
	bool (*call)(struct caller *caller, unsigned i); /* did it do what its name says? */
	void (*prepare)(struct caller *caller, unsigned i); /* NULL: nothing */
	bool evicts; /* in a cache that is too small for it */
} operations[] = {
	{"get that hits", 0, get_hit, NULL, false},
	{"get that misses", 0, get_miss, NULL, false},
	{"contains", 0, contains, NULL, false},
	{"pin and unpin", 0, pin_unpin, NULL, false},
	{"get_many of 8", 0, get_many, NULL, false},
	{"delete that hits", 0, delete_there, put_back, false},
	{"delete that misses", 0, delete_nowhere, NULL, false},
	{"set, same size", 1, set_same, NULL, false},
	{"set, other size", 1, set_other, NULL, false},
	{"set, new key", 1, set_new, NULL, false},
	{"set that evicts", 1, set_new, NULL, true},
	{"add", 1, add, NULL, false},
	{"replace", 1, replace, NULL, false},
};
#define OPERATIONS (sizeof(operations) / sizeof(operations[0]))

/* ---- Counting ------------------------------------------------------------------------------------------------------------ */

/* Of one operation of one implementation. */
struct count {
	uint64_t calls, allocations;
	uint64_t wanted; /* calls that did what the row's name says */
	unsigned most;
	uint64_t rebuilding;   /* calls that allocated more while a table was made anew */
	unsigned most_of_them;
	struct excess excess;  /* of the call with the most */
};

static uint64_t rebuilds(struct capacitor *cache)
{
	struct capacitor_stats stats;

	capacitor_stats(cache, &stats);
	return stats.value[CAPACITOR_STAT_TABLE_REBUILDS];
}

static void watch_call(struct caller *caller, const struct operation *operation, unsigned i, struct count *count)
{
	uint64_t before = operation->allowed ? rebuilds(caller->cache) : 0;
	bool done;

	if (operation->prepare)
		operation->prepare(caller, i);
	watched.count = 0;
	watched.allowed = operation->allowed;
	watched.inside = true;
	done = operation->call(caller, i);
	watched.inside = false;
	count->calls++;
	count->wanted += done;
	count->allocations += watched.count;
	/* One more than is allowed, while a table was made anew (by whomever: the statistic is the cache's): the table's array, if
	 * it is
	 * rare. That it is, is judged at the end. */
	if (watched.count == operation->allowed + 1 && operation->allowed && rebuilds(caller->cache) != before) {
		count->rebuilding++;
		if (watched.count > count->most_of_them)
			count->most_of_them = watched.count;
		return;
	}
	if (watched.count > count->most) {
		count->most = watched.count;
		if (watched.count > operation->allowed)
			count->excess = watched.excess;
	}
}

/* One of the threads that work on the same cache. */
struct worker {
	pthread_t thread;
	struct caller caller;
	pthread_barrier_t *barrier;
	bool evicts; /* which operations */
	struct count count[OPERATIONS];
	bool failed;
};

static void *work(void *argument)
{
	struct worker *worker = argument;
	struct caller *caller = &worker->caller;

	worker->failed = capacitor_enter(caller->cache, &caller->handle) != CAPACITOR_OK;
	if (!worker->failed) {
		fill(caller);
		for (unsigned i = 0; i < CALLS; i++) /* warm, as in a cache that has been running for a while */
			set_other(caller, i);
		fill(caller);
	}
	for (size_t o = 0; o < OPERATIONS; o++) {
		if (operations[o].evicts != worker->evicts)
			continue;
		pthread_barrier_wait(worker->barrier);
		if (!worker->failed)
			fill(caller);
		for (unsigned i = 0; i < CALLS && !worker->failed; i++)
			watch_call(caller, &operations[o], i, &worker->count[o]);
	}
	if (!worker->failed)
		capacitor_leave(caller->handle);
	return NULL;
}

static void merge(struct count *into, const struct count *from)
{
	into->calls += from->calls;
	into->allocations += from->allocations;
	into->wanted += from->wanted;
	into->rebuilding += from->rebuilding;
	if (from->most_of_them > into->most_of_them)
		into->most_of_them = from->most_of_them;
	if (from->most > into->most) {
		into->most = from->most;
		into->excess = from->excess;
	}
}

/* All operations on caches of one implementation, by so many threads. False: a line in error. */
static bool count_all(const char *name, enum capacitor_policy policy, unsigned threads, bool evicts, struct count count[OPERATIONS],
                      char error[ERROR_BYTES])
{
	struct worker *workers = calloc(threads, sizeof *workers);
	struct capacitor_config config;
	struct capacitor_error why;
	struct capacitor_stats stats;
	struct capacitor *cache;
	pthread_barrier_t barrier;
	unsigned started = 0;
	bool fine = workers != NULL;

	capacitor_config_init(&config);
	config.policy = policy;
	config.capacity_bytes = (size_t)threads * (evicts ? 256 << 10 : 16 << 20);
	config.expected_entries = (size_t)threads * (evicts ? 2 * KEYS : 16 * KEYS); /* tables that need not grow */
	if (!fine || capacitor_create(name, &config, &cache, &why) != CAPACITOR_OK) {
		snprintf(error, ERROR_BYTES, "%s: %.300s", name, workers ? why.message : "no memory");
		free(workers);
		return false;
	}
	pthread_barrier_init(&barrier, NULL, threads);
	for (; started < threads && fine; started += fine) {
		workers[started] = (struct worker){.caller = {.cache = cache, .index = started}, .barrier = &barrier,
			.evicts = evicts};
		fine = pthread_create(&workers[started].thread, NULL, work, &workers[started]) == 0;
	}
	if (!fine) { /* those that wait for the others never end */
		snprintf(error, ERROR_BYTES, "%s: thread %u of %u cannot be started", name, started + 1, threads);
		return false;
	}
	for (unsigned i = 0; i < threads; i++) {
		pthread_join(workers[i].thread, NULL);
		if (workers[i].failed) {
			snprintf(error, ERROR_BYTES, "%s: thread %u cannot enter the cache", name, i + 1);
			fine = false;
		}
		for (size_t o = 0; o < OPERATIONS; o++)
			merge(&count[o], &workers[i].count[o]);
	}
	pthread_barrier_destroy(&barrier);
	capacitor_stats(cache, &stats);
	if (fine && evicts && stats.value[CAPACITOR_STAT_EVICTIONS] == 0) {
		snprintf(error, ERROR_BYTES, "%s: nothing was evicted: what is said of evicting would mean nothing", name);
		fine = false;
	}
	capacitor_destroy(cache);
	free(workers);
	return fine;
}

/* ---- Names --------------------------------------------------------------------------------------------------------------- */

static int first_base(struct dl_phdr_info *info, size_t bytes, void *base)
{
	(void)bytes;
	*(uint64_t *)base = (uint64_t)info->dlpi_addr; /* the program comes first */
	return 1;
}

/* Is it the interposer, or what looks at it? */
static bool is_ours(const struct debuginfo_frame *frame)
{
	return frame->file && (strstr(frame->file, "harness/allocations.c") || strstr(frame->file, "harness/alloc_check.c"));
}

/* The stack of an allocation: "function (file:line) < function (file:line) ...", from the library's end on. */
static void name_stack(struct debuginfo *info, const struct excess *excess, char text[STACK_BYTES])
{
	uint64_t base = 0;
	size_t used = 0;

	text[0] = '\0';
	dl_iterate_phdr(first_base, &base);
	for (unsigned i = 0; i < excess->frames; i++) {
		struct debuginfo_frame frames[16];
		size_t count = info ? debuginfo_code(info, (uint64_t)excess->frame[i] - base - 1, frames, 16) : 0;

		for (size_t j = 0; j < count && j < 16 && used < STACK_BYTES; j++) {
			if (is_ours(&frames[j])) {
				if (used) /* the harness's end of it */
					return;
				continue;
			}
			used += (size_t)snprintf(text + used, STACK_BYTES - used, "%s%s (%s:%u)", used ? " < " : "",
			                         frames[j].function,
			                         frames[j].file ? frames[j].file : "?", frames[j].line);
		}
	}
}

/* ---- The table ----------------------------------------------------------------------------------------------------------- */

/* One implementation and policy, with so many threads. */
struct cell {
	const char *implementation, *policy;
	unsigned threads;
	struct count count[OPERATIONS];
};

/* What may not be, with the stack of the first allocation that is too many. */
static void print_excess(struct debuginfo *info, const struct cell *cell, const struct operation *operation,
                         const struct count *count,
                         char stack[STACK_BYTES])
{
	name_stack(info, &count->excess, stack);
	if (count->wanted < count->calls - count->calls / 50) {
		printf("TOO FEW: %s, %s, threads %u: %s: only %" PRIu64 " of %" PRIu64 " calls did that\n", cell->implementation,
		       cell->policy, cell->threads, operation->name, count->wanted, count->calls);
		return;
	}
	if (count->most <= operation->allowed) {
		printf("TOO MANY: %s, %s, threads %u: %s: %" PRIu64 " of %" PRIu64 " calls made a table anew, one in %d may\n",
		       cell->implementation, cell->policy, cell->threads, operation->name, count->rebuilding, count->calls,
		       REBUILDING_MAX);
		return;
	}
	printf("TOO MANY: %s, %s, threads %u: %s: up to %u allocations in a call, %u may be\n          %zu bytes, by %s\n",
	       cell->implementation, cell->policy, cell->threads, operation->name, count->most, operation->allowed,
	       	count->excess.bytes,
	       *stack ? stack : "a stack without names");
}

/* Does it allocate no more than it may, and a table seldom, and did it do what it says? */
static bool is_fine(const struct count *count, const struct operation *operation)
{
	return count->most <= operation->allowed && count->rebuilding * REBUILDING_MAX <= count->calls &&
	       count->wanted >= count->calls - count->calls / 50;
}

/* The rows of a cell. Returns how many operations allocate too much. */
static unsigned write_cell(FILE *table, struct debuginfo *info, const struct cell *cell)
{
	unsigned wrong = 0;

	for (size_t o = 0; o < OPERATIONS; o++) {
		const struct count *count = &cell->count[o];
		bool fine = is_fine(count, &operations[o]);
		char stack[STACK_BYTES] = "";

		if (!fine)
			print_excess(info, cell, &operations[o], count, stack);
		wrong += !fine;
		if (table)
			fprintf(table, "%s\t%s\t%u\t%s\t%" PRIu64 "\t%.6g\t%u\t%u\t%" PRIu64 "\t%u\t%s\t%s\n", cell->implementation,
			        cell->policy, cell->threads, operations[o].name, count->calls,
			        (double)count->allocations / (double)count->calls, count->most, operations[o].allowed,
			        	count->rebuilding,
			        count->most_of_them, fine ? "ok" : "too many", *stack ? stack : "-");
	}
	return wrong;
}

/* The most of one operation in all cells, with the mean: a row an operation, a column an implementation. */
static void print_table(const struct cell *cells, size_t count)
{
	printf("%-20s %3s", "max (mean)", "may");
	for (size_t c = 0; c < count; c++)
		if (c == 0 || strcmp(cells[c].implementation, cells[c - 1].implementation) != 0)
			printf("  %-12s", cells[c].implementation);
	fputc('\n', stdout);
	for (size_t o = 0; o < OPERATIONS; o++) {
		printf("%-20s %3u", operations[o].name, operations[o].allowed);
		for (size_t c = 0; c < count;) {
			struct count sum = {0};
			size_t first = c;
			char text[48];

			for (; c < count && strcmp(cells[c].implementation, cells[first].implementation) == 0; c++)
				merge(&sum, &cells[c].count[o]);
			snprintf(text, sizeof text, "%u (%.3f)%s", sum.most, (double)sum.allocations / (double)sum.calls,
			         sum.rebuilding ? "*" : "");
			printf("  %-12s", text);
		}
		fputc('\n', stdout);
	}
	for (size_t c = 0; c < count; c++)
		for (size_t o = 0; o < OPERATIONS; o++)
			if (cells[c].count[o].rebuilding)
				printf("* %s, %s, threads %u: %s: %" PRIu64 " of %" PRIu64 " calls made a table anew, with up "
				       "to %u allocations (G5 counts them apart)\n", cells[c].implementation, cells[c].policy,
				       cells[c].threads, operations[o].name, cells[c].count[o].rebuilding,
				       cells[c].count[o].calls, cells[c].count[o].most_of_them);
}

/* ---- The subcommand ------------------------------------------------------------------------------------------------------ */

enum { IMPL, POLICY, THREADS, OUT, HELP };

static const struct options_known known[] = {
	[IMPL] = {"--impl", "NAMES", "implementations, or all; default: all"},
	[POLICY] = {"--policy", "NAMES", "eviction policies, or all; default: sieve"},
	[THREADS] = {"--threads", "NUMBERS", "threads that work on the same cache, 1 to 64; default: 1,2"},
	[OUT] = {"--out", "FILE", "the table, tab separated, whole or not at all"},
	[HELP] = {"--help", NULL, "this text"},
	{NULL, NULL, NULL},
};

struct request {
	struct options_list impl, policy, threads;
	const char *out;
};

static bool read_request(struct request *request, int argc, char **argv)
{
	struct options_reader reader = {.command = "alloc-check", .known = known, .argc = argc, .argv = argv, .at = 1};
	bool fine = options_names("--impl", "all", options_implementations(), &request->impl, reader.error) &&
	            options_names("--policy", "sieve", options_policies(), &request->policy, reader.error) &&
	            options_numbers("--threads", "1,2", 1, THREADS_MAX, &request->threads, reader.error);
	int option;

	while (fine && (option = options_read(&reader)) != OPTIONS_END) {
		if (option == IMPL)
			fine = options_names("--impl", reader.value, options_implementations(), &request->impl, reader.error);
		else if (option == POLICY)
			fine = options_names("--policy", reader.value, options_policies(), &request->policy, reader.error);
		else if (option == THREADS)
			fine = options_numbers("--threads", reader.value, 1, THREADS_MAX, &request->threads, reader.error);
		else if (option == OUT)
			request->out = reader.value;
		else
			fine = false;
	}
	if (!fine)
		fprintf(stderr, "capacitor alloc-check: %s\n", reader.error);
	return fine;
}

#define CELLS_MAX 1024

/* Can it be asked for this? What cannot is passed over. */
static bool is_possible(const char *name, enum capacitor_policy policy, unsigned threads)
{
	const struct capacitor_info *info = capacitor_find(name);

	return info && !(info->lacks & CAPACITOR_LACKS_STORAGE) && (threads == 1 || !(info->lacks & CAPACITOR_LACKS_CONCURRENCY)) &&
	       (info->policies & (1u << policy));
}

static size_t make_cells(const struct request *request, struct cell *cells)
{
	size_t count = 0;

	for (size_t i = 0; i < request->impl.count; i++)
		for (size_t p = 0; p < request->policy.count; p++)
			for (size_t t = 0; t < request->threads.count && count < CELLS_MAX; t++) {
				const char *name = options_implementations()[request->impl.item[i]];
				enum capacitor_policy policy = (enum capacitor_policy)request->policy.item[p];

				if (is_possible(name, policy, (unsigned)request->threads.item[t]))
					cells[count++] = (struct cell){name, capacitor_policy_string(policy),
					                               (unsigned)request->threads.item[t], {{0}}};
			}
	return count;
}

/* *counted: all of it was, whatever came out. */
static int check_all(const struct request *request, FILE *table, struct debuginfo *info, struct cell *cells, bool *counted)
{
	size_t count = make_cells(request, cells), policy;
	char error[ERROR_BYTES];
	unsigned wrong = 0;

	if (count == 0) {
		fprintf(stderr, "capacitor alloc-check: none of these implementations has these policies and threads\n");
		return COMMAND_USAGE;
	}
	for (size_t c = 0; c < count; c++) {
		if (!options_name("--policy", cells[c].policy, options_policies(), &policy, error) ||
		    !count_all(cells[c].implementation, (enum capacitor_policy)policy, cells[c].threads, false, cells[c].count,
		               error) ||
		    !count_all(cells[c].implementation, (enum capacitor_policy)policy, cells[c].threads, true, cells[c].count,
		               error)) {
			fprintf(stderr, "capacitor alloc-check: %s\n", error);
			return COMMAND_FAIL;
		}
		wrong += write_cell(table, info, &cells[c]);
	}
	*counted = true;
	print_table(cells, count);
	printf("%zu operations in %zu caches: %u allocate too often\n", OPERATIONS, count, wrong);
	return wrong ? COMMAND_FAIL : COMMAND_OK;
}

int alloc_check_command(int argc, char **argv)
{
	struct request request = {0};
	struct results_file file = {0};
	struct debuginfo *info;
	struct cell *cells;
	bool counted = false;
	char error[ERROR_BYTES];
	void *warm[4];
	int status;

	if (options_want_help(argc, argv)) {
		puts("usage: capacitor alloc-check [OPTION...]\n\n"
		     "Counts what each call allocates, on a small hot set, call by call in the calling thread, and fails when a\n"
		     "get, pin, contains, get_many or delete allocates, or a store more than once (guarantee G5): with the stack "
		     "of\n"
		     "the allocation. Stores during which a table was made anew are counted apart.\n");
		options_print(stdout, known);
		puts("\nExit status: 0; 1 when something allocates too often; 3 where allocations cannot be counted (sanitizers).");
		return COMMAND_OK;
	}
	if (!read_request(&request, argc, argv))
		return COMMAND_USAGE;
	if (allocations_unavailable()) {
		fprintf(stderr, "capacitor alloc-check: unavailable: %s\n", allocations_unavailable());
		return COMMAND_UNAVAILABLE;
	}
	if (request.out && !results_open(&file, request.out, error, sizeof error)) {
		fprintf(stderr, "capacitor alloc-check: %s\n", error);
		return COMMAND_FAIL;
	}
	if (file.stream)
		fputs("implementation\tpolicy\tthreads\toperation\tcalls\tmean\tmax\tallowed\trebuilding\tmax_rebuilding\t"
		      "verdict\tsite\n", file.stream);
	info = debuginfo_open("/proc/self/exe", error, sizeof error); /* without one, stacks have no names */
	(void)backtrace(warm, 4); /* loads what it needs, now */
	allocations_watch(&watcher);
	cells = calloc(CELLS_MAX, sizeof *cells);
	status = cells ? check_all(&request, file.stream, info, cells, &counted) : COMMAND_FAIL;
	free(cells);
	allocations_watch(NULL);
	debuginfo_close(info);
	if (request.out && status == COMMAND_USAGE)
		results_abort(&file);
	else if (request.out && status == COMMAND_FAIL && !counted)
		results_abort(&file);
	else if (request.out && !results_commit(&file, error, sizeof error)) {
		fprintf(stderr, "capacitor alloc-check: %s\n", error);
		return COMMAND_FAIL;
	}
	return status;
}
