/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory of the runtime's own; see memory.h. */
#include "coherence/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define PIECE ((size_t)16 << 20)

void *memory_take(size_t bytes)
{
	static char *free_first, *free_end;
	void *taken;

	bytes = (bytes + 15) & ~(size_t)15;
	if (bytes > (size_t)(free_end - free_first)) {
		size_t piece = bytes > PIECE ? bytes : PIECE;

		free_first = mmap(NULL, piece, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (free_first == MAP_FAILED) {
			dprintf(STDERR_FILENO, "coherence: no memory for the directory\n");
			_exit(EXIT_FAILURE);
		}
		free_end = free_first + piece;
	}
	taken = free_first;
	free_first += bytes;
	return taken;
}
