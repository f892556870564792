/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>

#include "harness/commands.h"

int codec_command(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	fputs("capacitor codec: not yet\n", stderr);
	return COMMAND_UNAVAILABLE;
}
