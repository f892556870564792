/* SPDX-License-Identifier: BSD-2-Clause */
/* The contract of a reclamation scheme, told to ThreadSanitizer; see contract.h. Empty in other builds. */
#include "common/contract.h"

typedef int contract_is_not_empty; /* C11 wants a declaration in every file */

#if defined(CONTRACT_CHECKED)

#include <stdio.h>
#include <stdlib.h>

#include <sanitizer/tsan_interface.h>

/* Objects found in the current read section. One that finds more (iteration) falls back to one token for the rest. */
#define FOUND_MAX 1024

static __thread struct {
	unsigned depth;
	unsigned count;
	int overflow;
	char *object[FOUND_MAX];
} section;

static char overflow_token;

static void broken(const char *what)
{
	fprintf(stderr, "contract: %s\n", what);
	abort();
}

void contract_read_begin(void)
{
	section.depth++;
}

void contract_read_end(void)
{
	if (section.depth == 0)
		broken("a read section ends that never began");
	if (--section.depth > 0)
		return;
	for (unsigned i = 0; i < section.count; i++)
		__tsan_release(section.object[i] + 8);
	if (section.overflow)
		__tsan_release(&overflow_token);
	section.count = 0;
	section.overflow = 0;
}

void contract_found(const void *object)
{
	char *found = (char *)(uintptr_t)object;

	if (section.depth == 0)
		broken("a shared object was reached outside a read section");
	__tsan_acquire(found);
	for (unsigned i = section.count; i > 0 && i + 4 > section.count; i--)
		if (section.object[i - 1] == found)
			return;
	if (section.count < FOUND_MAX)
		section.object[section.count++] = found;
	else
		section.overflow = 1;
}

void contract_publish(void *object)
{
	__tsan_release(object);
}

void contract_retire(void *object)
{
	__tsan_release((char *)object + 8);
}

void contract_reclaim(void *object)
{
	__tsan_acquire((char *)object + 8);
	__tsan_acquire(&overflow_token);
}

/*
 * Not a suppression of reports: calls of malloc, free and mutexes made *by* these libraries are not modelled, because
 * the libraries' own accesses are not seen either.
 */
const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void)
{
	return "called_from_lib:liburcu-cds.so\n"
	       "called_from_lib:liburcu-memb.so\n"
	       "called_from_lib:libck.so\n";
}

const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
	return "history_size=4:exitcode=66:second_deadlock_stack=1";
}

#endif
