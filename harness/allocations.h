/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How often a thread allocates.
 *
 * The program brings its own malloc, calloc, realloc, reallocarray, memalign, aligned_alloc, posix_memalign, valloc,
 * pvalloc and free. The dynamic linker hands them to all shared libraries too, and C++'s new calls malloc: so every
 * allocation from the heap passes here and is counted for its thread, before glibc's own functions do the work. What
 * goes to the kernel directly (mmap) does not.
 *
 * Where another heap is in charge (a sanitizer's, a test's), nothing is counted, and allocations_unavailable says so:
 * it tries. A heap that is preloaded is not used: the program's own functions come first.
 */
#ifndef HARNESS_ALLOCATIONS_H
#define HARNESS_ALLOCATIONS_H

#include <stddef.h>
#include <stdint.h>

struct allocations {
	uint64_t count; /* calls that give memory: realloc of a block is one, too */
	uint64_t bytes; /* that were asked for */
};

/* What the calling thread has allocated since it began. */
struct allocations allocations_now(void);

/*
 * Who is told of every allocation and every free in the program, by the thread that does it: `made` right after, `freed` right
 * before.
 * Neither may allocate. A realloc is a free and then an allocation. While nobody is told, that costs a load and a test.
 */
struct allocations_watcher {
	void (*made)(void *block, size_t bytes);
	void (*freed)(void *block); /* NULL: not told */
};

/* NULL: nobody any more; whoever has begun to be told goes on to its end, so that a watcher has to live for ever. */
void allocations_watch(const struct allocations_watcher *watcher);

/* NULL where allocations are counted, else the reason why not. */
const char *allocations_unavailable(void);

#endif
