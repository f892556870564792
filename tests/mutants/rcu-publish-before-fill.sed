# SPDX-License-Identifier: BSD-2-Clause
# what: rcu: a store links its entry, then fills in the value
# file: impl/rcu/rcu.c
# impl: rcu
# class: publish before init
# schedules: rcu one-key
# tsan: yes
/^static enum capacitor_result rcu_store(/,/^}/{
s/^\tlock(handle, shard);/\tif (value_bytes > 0)\n\t\tmemset(entry_value(fresh), 0, value_bytes);\n&/
s/^\tresult = store_locked(.*/&\n\tif (result == CAPACITOR_STORED \&\& value_bytes > 0)\n\t\tmemcpy(entry_value(fresh), value, value_bytes);/
}
