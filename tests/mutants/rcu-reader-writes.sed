# SPDX-License-Identifier: BSD-2-Clause
# what: rcu: a hit writes into its entry, what is there already
# file: impl/rcu/rcu.c
# impl: rcu
# class: reader writes an entry
# tsan: yes
/^static enum capacitor_result get_inside(/,/^}/s/^\tpolicy_hit(.*/\t*(volatile uint64_t *)\&entry->hash = key->hash;\n&/
