/* SPDX-License-Identifier: BSD-2-Clause */
/* malloc and its family, watched; see heap.h. The work is done by glibc's own, under the names it keeps for this. */
#include "heap.h"

#include <errno.h>
#include <malloc.h>
#include <stddef.h>
#include <stdlib.h>

#include "common/atomics.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define HEAP_OF_SANITIZER 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HEAP_OF_SANITIZER 1
#endif

#if !defined(HEAP_OF_SANITIZER)

void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t bytes);
void *__libc_realloc(void *block, size_t bytes);
void *__libc_memalign(size_t alignment, size_t bytes);
void __libc_free(void *block);

static _Thread_local uint64_t allocations;
static _Thread_local unsigned fail_countdown; /* 0: none */
static _Thread_local bool failed;

/* All relaxed: sums, which order nothing. */
static _Atomic int64_t bytes_now;
static _Atomic int64_t bytes_peak;

/* Counts an allocation. False: it is the one that is to fail. */
static bool allow(void)
{
	allocations++;
	if (fail_countdown > 0 && --fail_countdown == 0) {
		failed = true;
		errno = ENOMEM;
		return false;
	}
	return true;
}

static void *taken(void *block)
{
	if (block) {
		int64_t bytes = (int64_t)malloc_usable_size(block);
		int64_t now = fetch_add_relaxed(&bytes_now, bytes) + bytes;
		int64_t peak = load_relaxed(&bytes_peak);

		while (now > peak && !compare_exchange_relaxed(&bytes_peak, &peak, now))
			;
	}
	return block;
}

static void given_back(void *block)
{
	if (block)
		fetch_sub_relaxed(&bytes_now, (int64_t)malloc_usable_size(block));
}

void *malloc(size_t bytes)
{
	return allow() ? taken(__libc_malloc(bytes)) : NULL;
}

void *calloc(size_t count, size_t bytes)
{
	return allow() ? taken(__libc_calloc(count, bytes)) : NULL;
}

void *realloc(void *block, size_t bytes)
{
	int64_t old_bytes = block ? (int64_t)malloc_usable_size(block) : 0;
	void *moved;

	if (!allow())
		return NULL;
	moved = __libc_realloc(block, bytes);
	if (moved || bytes == 0) {
		fetch_sub_relaxed(&bytes_now, old_bytes);
		taken(moved);
	}
	return moved;
}

void *memalign(size_t alignment, size_t bytes)
{
	return allow() ? taken(__libc_memalign(alignment, bytes)) : NULL;
}

void *aligned_alloc(size_t alignment, size_t bytes)
{
	return memalign(alignment, bytes);
}

int posix_memalign(void **block, size_t alignment, size_t bytes)
{
	void *made = memalign(alignment, bytes);

	if (!made)
		return ENOMEM;
	*block = made;
	return 0;
}

void free(void *block)
{
	given_back(block);
	__libc_free(block);
}

/* valgrind can put its own malloc in the place of ours: then a call is not counted. */
bool heap_watched(void)
{
	static _Atomic int watched; /* 0: not known yet; 1: yes; 2: no */
	void *(*volatile allocate)(size_t bytes) = malloc; /* volatile: or the compiler would see through the call */
	int known = load_relaxed(&watched); /* relaxed: whoever finds it out finds the same */

	if (known == 0) {
		uint64_t before = allocations;

		free(allocate(1));
		known = allocations > before ? 1 : 2;
		store_relaxed(&watched, known);
	}
	return known == 1;
}

uint64_t heap_allocations(void)
{
	return allocations;
}

void heap_fail_at(unsigned nth)
{
	failed = false;
	fail_countdown = nth;
}

bool heap_failed(void)
{
	return failed;
}

int64_t heap_bytes(void)
{
	return load_relaxed(&bytes_now);
}

int64_t heap_peak_bytes(void)
{
	return load_relaxed(&bytes_peak);
}

void heap_peak_reset(void)
{
	store_relaxed(&bytes_peak, load_relaxed(&bytes_now));
}

#else

bool heap_watched(void)
{
	return false;
}

uint64_t heap_allocations(void)
{
	return 0;
}

void heap_fail_at(unsigned nth)
{
	(void)nth;
}

bool heap_failed(void)
{
	return false;
}

int64_t heap_bytes(void)
{
	return 0;
}

int64_t heap_peak_bytes(void)
{
	return 0;
}

void heap_peak_reset(void)
{
}

#endif
