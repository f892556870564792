/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Calls of the C library that instrumented code makes: their accesses are shown to the directory, and what they allocate gets a
 * name. objcopy renames these calls in instrumented objects (calls.symbols), so that calls from elsewhere are not seen.
 */
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "coherence/counts.h"
#include "coherence/names.h"
#include "coherence/seen.h"
#include "coherence/threads.h"

#pragma GCC diagnostic ignored "-Wmissing-prototypes" /* nobody calls them by these names */

void *coherence_memcpy(void *to, const void *from, size_t bytes)
{
	coherence_see(from, bytes, ACCESS_READ, SITE);
	coherence_see(to, bytes, ACCESS_WRITE, SITE);
	return memcpy(to, from, bytes);
}

void *coherence_memmove(void *to, const void *from, size_t bytes)
{
	coherence_see(from, bytes, ACCESS_READ, SITE);
	coherence_see(to, bytes, ACCESS_WRITE, SITE);
	return memmove(to, from, bytes);
}

void *coherence_memset(void *to, int value, size_t bytes)
{
	coherence_see(to, bytes, ACCESS_WRITE, SITE);
	return memset(to, value, bytes);
}

int coherence_memcmp(const void *left, const void *right, size_t bytes)
{
	coherence_see(left, bytes, ACCESS_READ, SITE);
	coherence_see(right, bytes, ACCESS_READ, SITE);
	return memcmp(left, right, bytes);
}

int coherence_bcmp(const void *left, const void *right, size_t bytes) /* what compilers make of some memcmp */
{
	coherence_see(left, bytes, ACCESS_READ, SITE);
	coherence_see(right, bytes, ACCESS_READ, SITE);
	return memcmp(left, right, bytes);
}

size_t coherence_strlen(const char *text)
{
	size_t length = strlen(text);

	coherence_see(text, length + 1, ACCESS_READ, SITE);
	return length;
}

int coherence_strcmp(const char *left, const char *right)
{
	size_t same = 0;

	while (left[same] && left[same] == right[same])
		same++;
	coherence_see(left, same + 1, ACCESS_READ, SITE);
	coherence_see(right, same + 1, ACCESS_READ, SITE);
	return strcmp(left, right);
}

/* ---- The heap ---------------------------------------------------------------------------------------------------- */

static void *allocated(void *block, size_t bytes, uintptr_t site)
{
	if (block)
		names_block((uintptr_t)block, bytes, site);
	if (block && settings.watch_freed)
		directory_freed((uintptr_t)block, bytes, false);
	if (self)
		counts_add(self->operation, COHERENCE_ALLOCATIONS, 1);
	return block;
}

void *coherence_malloc(size_t bytes)
{
	return allocated(malloc(bytes), bytes, SITE);
}

void *coherence_calloc(size_t count, size_t bytes)
{
	void *block = allocated(calloc(count, bytes), count * bytes, SITE);

	if (block)
		coherence_see(block, count * bytes, ACCESS_WRITE, SITE);
	return block;
}

void *coherence_realloc(void *block, size_t bytes)
{
	names_freed(block);
	return allocated(realloc(block, bytes), bytes, SITE);
}

void *coherence_aligned_alloc(size_t alignment, size_t bytes)
{
	return allocated(aligned_alloc(alignment, bytes), bytes, SITE);
}

int coherence_posix_memalign(void **block, size_t alignment, size_t bytes)
{
	int error = posix_memalign(block, alignment, bytes);

	if (!error)
		allocated(*block, bytes, SITE);
	return error;
}

void coherence_free(void *block)
{
	names_freed(block);
	if (block && settings.watch_freed)
		directory_freed((uintptr_t)block, malloc_usable_size(block), true);
	free(block);
}
