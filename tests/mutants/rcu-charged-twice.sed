# SPDX-License-Identifier: BSD-2-Clause
# what: rcu: what is retired is charged twice
# file: impl/rcu/rcu.c
# impl: rcu
# class: double charge
# schedules: rcu no-room
# conformance: yes
/^static int64_t retire(struct/,/^}/s/(int64_t)entry_charge(entry)/2 * &/
