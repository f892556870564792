/* SPDX-License-Identifier: BSD-2-Clause */
#include "check.h"

const struct check fault_checks[] = {{.name = NULL}};
