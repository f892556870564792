/* SPDX-License-Identifier: BSD-2-Clause */
#include "check.h"

const struct check flood_checks[] = {{.name = NULL}};
