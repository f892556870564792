/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Counting allocations; see allocations.h.
 *
 * The functions are weak: a test that watches the heap in its own way may define them again. They are visible: only so
 * do shared libraries find them. The counts are thread-local in the program's own block of thread-local storage, which
 * exists before any code of the thread runs and is reached without an allocation.
 */
#include "harness/allocations.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define SANITIZER_HEAP 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZER_HEAP 1
#endif

#if defined(SANITIZER_HEAP)

struct allocations allocations_now(void)
{
	return (struct allocations){0, 0};
}

void allocations_watch(const struct allocations_watcher *watcher)
{
	(void)watcher;
}

const char *allocations_unavailable(void)
{
	return "this build's sanitizer has a heap of its own";
}

#else

/* glibc's own heap, under the names that it keeps for those who replace it. */
void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t bytes);
void *__libc_realloc(void *block, size_t bytes);
void *__libc_memalign(size_t alignment, size_t bytes);
void *__libc_valloc(size_t bytes);
void *__libc_pvalloc(size_t bytes);
void __libc_free(void *block);

#define REPLACES __attribute__((weak, visibility("default")))

void *reallocarray(void *block, size_t count, size_t bytes);
void *memalign(size_t alignment, size_t bytes);
void *valloc(size_t bytes);
void *pvalloc(size_t bytes);

static _Thread_local struct allocations counted __attribute__((tls_model("initial-exec")));

/* Written when no window is open; what it points to never changes and never goes away. */
static _Atomic(const struct allocations_watcher *) watching;

static void *count(void *block, size_t bytes)
{
	const struct allocations_watcher *watcher = atomic_load_explicit(&watching, memory_order_acquire);

	if (block) {
		counted.count++;
		counted.bytes += bytes;
		if (__builtin_expect(watcher != NULL, 0))
			watcher->made(block, bytes);
	}
	return block;
}

static void tell_freed(void *block)
{
	const struct allocations_watcher *watcher = atomic_load_explicit(&watching, memory_order_acquire);

	if (__builtin_expect(watcher != NULL, 0) && block && watcher->freed)
		watcher->freed(block);
}

void allocations_watch(const struct allocations_watcher *watcher)
{
	atomic_store_explicit(&watching, watcher, memory_order_release);
}

REPLACES void *malloc(size_t bytes)
{
	return count(__libc_malloc(bytes), bytes);
}

REPLACES void *calloc(size_t n, size_t bytes)
{
	return count(__libc_calloc(n, bytes), n * bytes); /* no overflow: then there is no block */
}

REPLACES void *realloc(void *block, size_t bytes)
{
	tell_freed(block);
	return count(__libc_realloc(block, bytes), bytes);
}

REPLACES void *reallocarray(void *block, size_t n, size_t bytes)
{
	size_t product;

	if (__builtin_mul_overflow(n, bytes, &product)) {
		errno = ENOMEM;
		return NULL;
	}
	tell_freed(block);
	return count(__libc_realloc(block, product), product);
}

REPLACES void *memalign(size_t alignment, size_t bytes)
{
	return count(__libc_memalign(alignment, bytes), bytes);
}

REPLACES void *aligned_alloc(size_t alignment, size_t bytes)
{
	return count(__libc_memalign(alignment, bytes), bytes);
}

REPLACES int posix_memalign(void **block, size_t alignment, size_t bytes)
{
	int before = errno;
	void *made;

	if (alignment < sizeof(void *) || (alignment & (alignment - 1)) != 0)
		return EINVAL;
	made = count(__libc_memalign(alignment, bytes), bytes);
	errno = before; /* it reports by its result, and leaves errno alone */
	if (!made)
		return ENOMEM;
	*block = made;
	return 0;
}

REPLACES void *valloc(size_t bytes)
{
	return count(__libc_valloc(bytes), bytes);
}

REPLACES void *pvalloc(size_t bytes)
{
	return count(__libc_pvalloc(bytes), bytes);
}

REPLACES void free(void *block)
{
	tell_freed(block);
	__libc_free(block);
}

struct allocations allocations_now(void)
{
	return counted;
}

const char *allocations_unavailable(void)
{
	/* Through a pointer that may be anything: compilers know malloc, and know better than to expect it to count. */
	void *(*volatile allocate)(size_t bytes) = malloc;
	uint64_t before = counted.count;

	free(allocate(1));
	return counted.count == before + 1 ? NULL : "another heap is in charge of this program";
}

#endif
