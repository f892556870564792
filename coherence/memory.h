/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The runtime's memory: from the system, never from the program's heap, whose layout it is to report. Zeroed, aligned to
 * 16 bytes, never given back; the process ends when there is none.
 */
#ifndef COHERENCE_MEMORY_H
#define COHERENCE_MEMORY_H

#include <stddef.h>

void *memory_take(size_t bytes);

#endif
