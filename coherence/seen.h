/* SPDX-License-Identifier: BSD-2-Clause */
/* What the runtime's files tell each other of accesses and blocks of memory. */
#ifndef COHERENCE_SEEN_H
#define COHERENCE_SEEN_H

#include "coherence/directory.h"

/* An access of any length, by whichever thread; none where the thread is not known. */
void coherence_see(const void *address, size_t bytes, enum access access, uintptr_t site);

void access_init(void);

#endif
