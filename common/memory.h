/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Arrays of tables: zeroed, on lines of their own, and on transparent huge pages where asked for and large enough. The
 * kernel decides whether it grants them; a table that misses the TLB at every lookup costs more than its cache misses.
 */
#ifndef COMMON_MEMORY_H
#define COMMON_MEMORY_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "common/atomics.h"

#define HUGE_PAGE_BYTES ((size_t)2 << 20)

/* NULL: no memory. Freed by free(). */
static inline void *memory_array(size_t bytes, bool huge_pages)
{
	bool huge = huge_pages && bytes >= HUGE_PAGE_BYTES;
	size_t alignment = huge ? HUGE_PAGE_BYTES : LINE_PAIR_BYTES;
	void *array;

	if (bytes > SIZE_MAX - alignment)
		return NULL;
	bytes = (bytes + alignment - 1) & ~(alignment - 1);
	array = aligned_alloc(alignment, bytes);
	if (!array)
		return NULL;
	if (huge)
		(void)madvise(array, bytes, MADV_HUGEPAGE); /* a kernel without them: small pages, as without asking */
	memset(array, 0, bytes);
	return array;
}

#endif
