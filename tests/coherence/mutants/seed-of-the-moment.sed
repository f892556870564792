# SPDX-License-Identifier: BSD-2-Clause
# what: choices of the schedule hang on addresses
# file: coherence/schedule.c
# with: repeat
# scenarios: packed
s/state.random = settings.seed \* UINT64_C(0x9E3779B97F4A7C15) + 1;/state.random = settings.seed + (uintptr_t)__builtin_frame_address(0);/
