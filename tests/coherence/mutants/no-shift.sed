# SPDX-License-Identifier: BSD-2-Clause
# what: addresses are not shifted
# file: coherence/accesses.c
# scenarios: ends64
s/(uintptr_t)address + settings.shift_bytes;/(uintptr_t)address;/
