# SPDX-License-Identifier: BSD-2-Clause
# what: rcu: a store works on the retired of its shard after it released the lock
# file: impl/rcu/rcu.c
# impl: rcu
# class: use after unlock
# schedules: rcu one-key
# tsan: yes
/^static enum capacitor_result rcu_store(/,/^}/{
/^\tunlock(shard);/d
s/^\tlimbo_advance(/\tunlock(shard);\n&/
}
