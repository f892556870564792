/* SPDX-License-Identifier: BSD-2-Clause */
/* A heap profile of the measured window; see heap.h. */
#include "harness/heap.h"

#include <dlfcn.h>
#include <execinfo.h>
#include <inttypes.h>
#include <link.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/allocations.h"
#include "harness/debuginfo.h"
#include "harness/results.h"

#define DEPTH       48   /* frames of a stack */
#define SITES       4096 /* different stacks */
#define BLOCKS_BITS 20   /* blocks that are held at the same time: 2^20 */
#define PATH_BYTES  4096

struct site {
	uint64_t hash;
	unsigned depth;
	void *frame[DEPTH]; /* innermost first */
	uint64_t count, bytes, live_count, live_bytes;
};

/* A block that is held: in a hash table with open addressing. */
struct block {
	void *address; /* NULL: free; GONE: was one */
	uint32_t site;
	size_t bytes;
};
#define GONE ((void *)-1)

/* All of it under the mutex, which only threads that allocate in the window take. */
static struct {
	pthread_mutex_t mutex;
	struct site *sites; /* the last is "(no room)" */
	unsigned count;
	struct block *blocks;
	uint64_t every;
	uint64_t lost; /* blocks that the table of those held had no room for */
} heap = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static _Thread_local bool in_backtrace; /* what the unwinder allocates is nobody's */
static _Thread_local uint64_t until_next;

/* ---- Recording -------------------------------------------------------------------------------------------------------- */

static uint64_t hash_of(void *const *frames, unsigned depth)
{
	uint64_t hash = depth;

	for (unsigned i = 0; i < depth; i++)
		hash = (hash ^ (uint64_t)(uintptr_t)frames[i]) * UINT64_C(0x9E3779B97F4A7C15);
	return hash;
}

static uint32_t site_of(void *const *frames, unsigned depth)
{
	uint64_t hash = hash_of(frames, depth);

	for (unsigned i = 0; i < heap.count; i++)
		if (heap.sites[i].hash == hash && heap.sites[i].depth == depth &&
		    memcmp(heap.sites[i].frame, frames, depth * sizeof frames[0]) == 0)
			return i;
	if (heap.count == SITES - 1)
		return SITES - 1;
	heap.sites[heap.count].hash = hash;
	heap.sites[heap.count].depth = depth;
	memcpy(heap.sites[heap.count].frame, frames, depth * sizeof frames[0]);
	return heap.count++;
}

static size_t slot_of(const void *address)
{
	return (size_t)(((uint64_t)(uintptr_t)address * UINT64_C(0x9E3779B97F4A7C15)) >> (64 - BLOCKS_BITS));
}

#define PROBES_MAX 64

static void hold(void *address, uint32_t site, size_t bytes)
{
	size_t slot = slot_of(address);

	for (unsigned i = 0; i < PROBES_MAX; i++, slot = (slot + 1) & (((size_t)1 << BLOCKS_BITS) - 1)) {
		struct block *block = &heap.blocks[slot];

		if (block->address && block->address != GONE)
			continue;
		*block = (struct block){address, site, bytes};
		heap.sites[site].live_count += heap.every;
		heap.sites[site].live_bytes += heap.every * bytes;
		return;
	}
	heap.lost++;
}

static void made(void *address, size_t bytes)
{
	void *frames[DEPTH + 2];
	int depth;
	uint32_t site;

	if (in_backtrace)
		return;
	if (heap.every > 1) { /* begins anywhere in the first stretch, another place in each thread,
	                     or the first would always count */
		if (until_next == 0)
			until_next = 1 + ((uint64_t)(uintptr_t)&until_next >> 6) * UINT64_C(0x9E3779B97F4A7C15) % heap.every;
		if (--until_next > 0)
			return;
		until_next = heap.every;
	}
	in_backtrace = true;
	depth = backtrace(frames, DEPTH + 2) - 2; /* without this function, and the one that counts */
	in_backtrace = false;
	if (depth < 0)
		depth = 0;
	pthread_mutex_lock(&heap.mutex);
	site = site_of(frames + 2, (unsigned)depth);
	heap.sites[site].count += heap.every;
	heap.sites[site].bytes += heap.every * bytes;
	hold(address, site, bytes);
	pthread_mutex_unlock(&heap.mutex);
}

static void freed(void *address)
{
	size_t slot = slot_of(address);

	pthread_mutex_lock(&heap.mutex);
	for (unsigned i = 0; i < PROBES_MAX && heap.blocks[slot].address; i++) {
		struct block *block = &heap.blocks[slot];

		if (block->address == address) {
			heap.sites[block->site].live_count -= heap.every;
			heap.sites[block->site].live_bytes -= heap.every * block->bytes;
			block->address = GONE;
			break;
		}
		slot = (slot + 1) & (((size_t)1 << BLOCKS_BITS) - 1);
	}
	pthread_mutex_unlock(&heap.mutex);
}

static const struct allocations_watcher watcher = {made, freed};

/* ---- Writing ----------------------------------------------------------------------------------------------------------- */

static int first_base(struct dl_phdr_info *info, size_t bytes, void *base)
{
	(void)bytes;
	*(uint64_t *)base = (uint64_t)info->dlpi_addr; /* the program comes first */
	return 1;
}

/* A frame of the library or the harness, but not of what counts? */
static bool is_telling(const struct debuginfo_frame *frame)
{
	return frame->file && !strstr(frame->file, "harness/allocations.c") && !strstr(frame->file, "harness/heap.c") &&
	       (strncmp(frame->file, "common/", 7) == 0 || strncmp(frame->file, "impl/", 5) == 0 ||
	        strncmp(frame->file, "harness/", 8) == 0 || strstr(frame->file, "/common/") || strstr(frame->file, "/impl/"));
}

#define TEXT_BYTES 8192

/* Puts "function (file:line)" before what is there: stacks are written outermost first. */
static void put_before(char text[TEXT_BYTES], const char *function, const char *file, unsigned line)
{
	char frame[512];
	size_t bytes, length = strlen(text);

	if (file)
		snprintf(frame, sizeof frame, "%.200s (%.200s:%u)%s", function, file, line, length ? ";" : "");
	else
		snprintf(frame, sizeof frame, "%.400s%s", function, length ? ";" : "");
	bytes = strlen(frame);
	if (length + bytes + 1 > TEXT_BYTES)
		return;
	memmove(text + bytes, text, length + 1);
	memcpy(text, frame, bytes);
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* One address: its frames, inlined ones too, before the text; the innermost telling one as the site. */
static void name_frame(struct debuginfo *info, uint64_t base, void *address, char text[TEXT_BYTES], char site[512])
{
	struct debuginfo_frame frames[16];
	uint64_t at = (uint64_t)(uintptr_t)address - 1;
	size_t count = info ? debuginfo_code(info, at - base, frames, 16) : 0;
	Dl_info symbol;

	if (count == 0) {
		char object[256] = "(unknown)";

		if (dladdr((void *)(uintptr_t)at, &symbol) && symbol.dli_sname)
			snprintf(object, sizeof object, "%s", symbol.dli_sname);
		else if (dladdr((void *)(uintptr_t)at, &symbol) && symbol.dli_fname)
			snprintf(object, sizeof object, "(in %s)", base_name(symbol.dli_fname));
		put_before(text, object, NULL, 0);
		return;
	}
	for (size_t i = 0; i < count && i < 16; i++) {
		if (frames[i].file && (strstr(frames[i].file, "harness/allocations.c") || strstr(frames[i].file, "harness/heap.c")))
			continue;
		if (!*site && is_telling(&frames[i]))
			snprintf(site, 512, "%.200s %.200s:%u", frames[i].function, frames[i].file, frames[i].line);
		put_before(text, frames[i].function, frames[i].file, frames[i].line);
	}
}

static void write_table(FILE *out)
{
	char error[256];
	struct debuginfo *info = debuginfo_open("/proc/self/exe", error, sizeof error); /* without one, only symbols are told */
	uint64_t base = 0;
	static char text[TEXT_BYTES];

	dl_iterate_phdr(first_base, &base);
	fputs("site\tstack\tcount\tbytes\tlive_count\tlive_bytes\n", out);
	for (unsigned i = 0; i < SITES; i++) {
		const struct site *site = &heap.sites[i];
		char place[512] = "";

		if (site->count == 0)
			continue;
		text[0] = '\0';
		for (unsigned frame = 0; frame < site->depth; frame++)
			name_frame(info, base, site->frame[frame], text, place);
		fprintf(out, "%s\t%s\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\n",
		        *place ? place : i == SITES - 1 ? "(no room)" : "?", *text ? text : "(no room)", site->count, site->bytes,
		        site->live_count, site->live_bytes);
	}
	debuginfo_close(info);
}

static void copy_maps(FILE *out)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	char buffer[4096];
	size_t got;

	while (maps && (got = fread(buffer, 1, sizeof buffer, maps)) > 0)
		fwrite(buffer, 1, got, out);
	if (maps)
		fclose(maps);
}

/* gperftools' format: "live: bytes [ all: bytes ] @ addresses", then where what is mapped. */
static void write_profile(FILE *out)
{
	struct site sum = {0};

	for (unsigned i = 0; i < SITES; i++) {
		sum.count += heap.sites[i].count;
		sum.bytes += heap.sites[i].bytes;
		sum.live_count += heap.sites[i].live_count;
		sum.live_bytes += heap.sites[i].live_bytes;
	}
	fprintf(out, "heap profile: %" PRIu64 ": %" PRIu64 " [ %" PRIu64 ": %" PRIu64 "] @ heapprofile\n", sum.live_count,
	        sum.live_bytes, sum.count, sum.bytes);
	for (unsigned i = 0; i < SITES; i++) {
		const struct site *site = &heap.sites[i];

		if (site->count == 0 || site->depth == 0)
			continue;
		fprintf(out, "%" PRIu64 ": %" PRIu64 " [ %" PRIu64 ": %" PRIu64 "] @", site->live_count, site->live_bytes,
		        site->count,
		        site->bytes);
		for (unsigned frame = 0; frame < site->depth; frame++)
			fprintf(out, " 0x%" PRIxPTR, (uintptr_t)site->frame[frame]);
		fputc('\n', out);
	}
	fputs("\nMAPPED_LIBRARIES:\n", out);
	copy_maps(out);
}

static void write_file(const char *path, void (*write)(FILE *out))
{
	struct results_file file;
	char error[PATH_BYTES + 256];

	if (!results_open(&file, path, error, sizeof error)) {
		fprintf(stderr, "capacitor: heap profile: %s\n", error);
		return;
	}
	write(file.stream);
	if (!results_commit(&file, error, sizeof error))
		fprintf(stderr, "capacitor: heap profile: %s\n", error);
}

/* ---- Windows ------------------------------------------------------------------------------------------------------------ */

/* Before anything is recorded; pages come when they are touched. */
static bool make_tables(void)
{
	const char *every = getenv("CAPACITOR_HEAP_EVERY");
	void *warm[4];

	if (heap.sites)
		return true;
	heap.every = every && atoll(every) > 0 ? (uint64_t)atoll(every) : 1;
	heap.blocks = calloc((size_t)1 << BLOCKS_BITS, sizeof *heap.blocks);
	heap.sites = heap.blocks ? calloc(SITES, sizeof *heap.sites) : NULL;
	(void)backtrace(warm, 4); /* loads what it needs, now */
	return heap.sites != NULL;
}

/* What was held when the last window closed has been freed since, unseen. */
static void forget_blocks(void)
{
	if (!heap.sites)
		return;
	pthread_mutex_lock(&heap.mutex);
	memset(heap.blocks, 0, ((size_t)1 << BLOCKS_BITS) * sizeof *heap.blocks);
	for (unsigned i = 0; i < SITES; i++)
		heap.sites[i].live_count = heap.sites[i].live_bytes = 0;
	pthread_mutex_unlock(&heap.mutex);
}

void heap_window(const char *implementation, bool closes)
{
	const char *path = getenv("CAPACITOR_HEAP_PROFILE"), *only = getenv("CAPACITOR_PROFILE_IMPL");
	char table[PATH_BYTES];

	if (!path || !*path || (only && strcmp(only, implementation) != 0))
		return;
	if (!closes) {
		forget_blocks();
		if (allocations_unavailable())
			fprintf(stderr, "capacitor: heap profile: unavailable: %s\n", allocations_unavailable());
		else if (make_tables())
			allocations_watch(&watcher);
		else
			fputs("capacitor: heap profile: no memory for its tables\n", stderr);
		return;
	}
	allocations_watch(NULL);
	if (!heap.sites)
		return;
	if (heap.lost)
		fprintf(stderr, "capacitor: heap profile: %" PRIu64 " blocks found no room in the table of those held\n",
		        heap.lost);
	snprintf(table, sizeof table, "%.4000s.tsv", path);
	pthread_mutex_lock(&heap.mutex); /* somebody may be just in the middle; what this allocates nobody watches */
	write_file(path, write_profile);
	write_file(table, write_table);
	pthread_mutex_unlock(&heap.mutex);
}
