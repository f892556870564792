# SPDX-License-Identifier: BSD-2-Clause
# what: a miss is of no operation
# file: coherence/directory.c
# scenarios: shared
s/copy->operation = (uint8_t)operation;/copy->operation = 0;/
