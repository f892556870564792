/* SPDX-License-Identifier: BSD-2-Clause */
/* natively NAME: runs one planted bug natively, once. Exit status: 0 when it did not show. */
#include <stdio.h>
#include <string.h>

#include "tests/schedules/scenarios.h"

int main(int argc, char **argv)
{
	for (const struct scenario *bug = planted_bugs; argc == 2 && bug->name; bug++)
		if (strcmp(bug->name, argv[1]) == 0)
			return bug->run(NULL, 0) ? 0 : 1;
	fprintf(stderr, "usage: natively NAME, of:");
	for (const struct scenario *bug = planted_bugs; bug->name; bug++)
		fprintf(stderr, " %s", bug->name);
	fprintf(stderr, "\n");
	return 2;
}
