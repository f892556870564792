/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>

#include "harness/commands.h"

int alloc_check_command(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	fputs("capacitor alloc-check: not yet\n", stderr);
	return COMMAND_UNAVAILABLE;
}
