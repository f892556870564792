# SPDX-License-Identifier: BSD-2-Clause
# what: ck_hs: the old array of a set that was rebuilt is freed at once
# file: impl/ck_hs/ck_hs.c
# impl: ck_hs
# class: map freed early
# matrix: yes
# tsan: yes
/^static void array_free(/,/^}/s/^\t(void)bytes;/\t(void)bytes;\n\tdefer = false;/
