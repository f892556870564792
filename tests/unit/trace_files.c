/* SPDX-License-Identifier: BSD-2-Clause */
/* See trace_files.h. */
#include "tests/unit/trace_files.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

const char *trace_file(const char *name)
{
	static char path[4096];
	const char *folder = getenv("CAPACITOR_TRACES");

	snprintf(path, sizeof(path), "%s/%s", folder && *folder ? folder : "../shared/traces", name);
	if (access(path, R_OK) == 0)
		return path;
	fprintf(stderr, "skipped: the trace %s is not at hand; set CAPACITOR_TRACES to the folder that has it\n", path);
	return NULL;
}
