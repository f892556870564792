/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Counting allocations: controls that allocate nothing, once, and a known number of times, by every function of the
 * family, from a shared library, and by C++'s new. Where a sanitizer's heap is in charge, that is what is to be said.
 */
#include "harness/allocations.h"

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

/* C++'s operator new and delete, from its shared library. */
void *_Znwm(size_t bytes);
void _ZdlPv(void *block);

/* Compilers know these functions, and leave out what has no effect; these they must call. */
static void *(*volatile call_malloc)(size_t) = malloc;
static void *(*volatile call_calloc)(size_t, size_t) = calloc;
static void *(*volatile call_realloc)(void *, size_t) = realloc;
static void *(*volatile call_reallocarray)(void *, size_t, size_t) = reallocarray;
static void *(*volatile call_aligned_alloc)(size_t, size_t) = aligned_alloc;
static void *(*volatile call_memalign)(size_t, size_t) = memalign;
static int (*volatile call_posix_memalign)(void **, size_t, size_t) = posix_memalign;
static void (*volatile call_free)(void *) = free;
static char *(*volatile call_strdup)(const char *) = strdup;
static void *(*volatile call_new)(size_t) = _Znwm;
static void (*volatile call_delete)(void *) = _ZdlPv;

static struct allocations before;

static void begin(void)
{
	before = allocations_now();
}

static void expect(uint64_t count, uint64_t bytes)
{
	struct allocations now = allocations_now();

	assert_int_equal(now.count - before.count, count);
	assert_int_equal(now.bytes - before.bytes, bytes);
}

static void need_counting(void)
{
	if (allocations_unavailable()) {
		fprintf(stderr, "skipped: allocations are not counted: %s\n", allocations_unavailable());
		skip();
	}
}

static void nothing_counts_as_nothing(void **state)
{
	volatile int sum = 0;

	(void)state;
	need_counting();
	begin();
	for (int i = 0; i < 1000; i++)
		sum += i;
	(void)sum;
	call_free(NULL);
	expect(0, 0);
}

static void each_function_counts_once(void **state)
{
	void *block;

	(void)state;
	need_counting();
	begin();
	block = call_malloc(100);
	expect(1, 100);
	block = call_realloc(block, 200);
	expect(2, 300);
	block = call_reallocarray(block, 10, 50);
	expect(3, 800);
	call_free(block);
	expect(3, 800);
	begin();
	call_free(call_calloc(7, 11));
	expect(1, 77);
	begin();
	call_free(call_aligned_alloc(64, 640));
	call_free(call_memalign(4096, 1));
	expect(2, 641);
	begin();
	assert_int_equal(call_posix_memalign(&block, 128, 256), 0);
	assert_int_equal((uintptr_t)block % 128, 0);
	call_free(block);
	expect(1, 256);
}

static void failures_do_not_count(void **state)
{
	volatile size_t absurd = SIZE_MAX / 2 + 1;
	void *block = &block;

	(void)state;
	need_counting();
	begin();
	assert_null(call_malloc(absurd));
	assert_null(call_calloc(absurd, 4));
	assert_null(call_reallocarray(NULL, absurd, 4));
	errno = 0;
	assert_int_equal(call_posix_memalign(&block, 3, 16), EINVAL);
	assert_int_equal(call_posix_memalign(&block, 64, absurd), ENOMEM);
	assert_int_equal(errno, 0);
	assert_ptr_equal(block, &block);
	expect(0, 0);
}

/* strdup is the C library's own call of malloc, json_string another library's, new C++'s. */
static void other_libraries_count(void **state)
{
	json_t *json;
	char *copy;

	(void)state;
	need_counting();
	begin();
	copy = call_strdup("0123456789");
	expect(1, 11);
	call_free(copy);
	begin();
	json = json_string("a text that a shared library keeps");
	assert_true(allocations_now().count - before.count >= 1);
	json_decref(json);
	begin();
	call_delete(call_new(33));
	expect(1, 33);
}

static void *allocate_a_thousand(void *argument)
{
	struct allocations *made = argument;
	struct allocations first = allocations_now();

	for (int i = 0; i < 1000; i++)
		call_free(call_malloc(8));
	made->count = allocations_now().count - first.count;
	made->bytes = allocations_now().bytes - first.bytes;
	return NULL;
}

static void threads_count_for_themselves(void **state)
{
	struct allocations made = {0, 0};
	pthread_t thread;
	uint64_t count;

	(void)state;
	need_counting();
	assert_int_equal(pthread_create(&thread, NULL, allocate_a_thousand, &made), 0);
	begin();
	count = allocations_now().count;
	pthread_join(thread, NULL);
	assert_int_equal(made.count, 1000);
	assert_int_equal(made.bytes, 8000);
	assert_int_equal(allocations_now().count, count);
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#if !defined(SANITIZED)
#define SANITIZED 0
#endif

/* Sanitizers and valgrind bring a heap of their own. */
static bool another_heap(void)
{
	const char *preloaded = getenv("LD_PRELOAD");

	return SANITIZED || (preloaded && strstr(preloaded, "vgpreload"));
}

/* What cannot be counted says why; what can gives no reason. */
static void the_reason_fits_the_build(void **state)
{
	(void)state;
	if (another_heap())
		assert_non_null(allocations_unavailable());
	else
		assert_null(allocations_unavailable());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_counts_as_nothing),
		cmocka_unit_test(each_function_counts_once),
		cmocka_unit_test(failures_do_not_count),
		cmocka_unit_test(other_libraries_count),
		cmocka_unit_test(threads_count_for_themselves),
		cmocka_unit_test(the_reason_fits_the_build),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
