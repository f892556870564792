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

#include <stdint.h>

struct allocations {
	uint64_t count; /* calls that give memory: realloc of a block is one, too */
	uint64_t bytes; /* that were asked for */
};

/* What the calling thread has allocated since it began. */
struct allocations allocations_now(void);

/* NULL where allocations are counted, else the reason why not. */
const char *allocations_unavailable(void);

#endif
