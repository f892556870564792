# SPDX-License-Identifier: BSD-2-Clause
# what: rcu: set, add and replace do not take the lock of their shard
# file: impl/rcu/rcu.c
# impl: rcu
# class: two unlocked writers
# schedules: rcu one-key
# tsan: yes
/^static enum capacitor_result rcu_store(/,/^}/{
s/^\tlock(handle, shard);/\tcontract_exclusive(\&shard->exclusive);/
/^\tunlock(shard);/d
}
