# SPDX-License-Identifier: BSD-2-Clause
# what: rcu: what is retired is charged twice
# file: impl/rcu/rcu.c
# impl: rcu
# class: double charge
# conformance: yes
/^static void retire(struct/,/^}/s/(int64_t)entry_charge(entry)/2 * &/
