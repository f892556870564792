/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>

#include "harness/commands.h"

int regress_command(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	fputs("capacitor regress: not yet\n", stderr);
	return COMMAND_UNAVAILABLE;
}
