/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The heap as the tests see it: malloc and its family are replaced for the objects of the test program, the library's
 * among them (not inside liburcu and Concurrency Kit). Each call of the calling thread is counted (G5), one of them can be
 * made to fail (G7), and the bytes in use are summed, with their peak (G4, without trusting the library's own statistics).
 *
 * Sanitizers and valgrind bring a malloc of their own: then nothing of this is there, heap_watched() says so, and tests
 * that need it are skipped.
 */
#ifndef HEAP_H
#define HEAP_H

#include <stdbool.h>
#include <stdint.h>

bool heap_watched(void);

/* Allocations by the calling thread so far. */
uint64_t heap_allocations(void);

/* The calling thread's nth allocation from now on fails, once; 0: none. */
void heap_fail_at(unsigned nth);
/* Did it fail since heap_fail_at? */
bool heap_failed(void);

/* Bytes in use, and the most there have been since heap_peak_reset. */
int64_t heap_bytes(void);
int64_t heap_peak_bytes(void);
void heap_peak_reset(void);

#endif
