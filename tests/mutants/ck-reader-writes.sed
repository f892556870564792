# SPDX-License-Identifier: BSD-2-Clause
# what: ck_hs: a hit writes into its entry, what is there already
# file: impl/ck_hs/ck_hs.c
# impl: ck_hs
# class: reader writes an entry
# matrix: yes
# tsan: yes
/^static enum capacitor_result get_inside(/,/^}/s/^\tpolicy_hit(.*/\t*(volatile uint64_t *)\&entry->hash = key->hash;\n&/
