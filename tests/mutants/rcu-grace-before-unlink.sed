# SPDX-License-Identifier: BSD-2-Clause
# what: rcu: delete waits for a grace period, then unlinks and reclaims
# file: impl/rcu/rcu.c
# impl: rcu
# class: grace period before unlink
# schedules: rcu one-key
# matrix: yes
# tsan: yes
/^static enum capacitor_result rcu_delete(/,/^}/s/^\t\tunlink_entry(handle, shard, entry);/\t\tread_end();\n\t\tsynchronize_rcu();\n\t\tcontract_reclaim(entry);\n\t\tread_begin();\n\t\tcds_lfht_del(cache_of(handle)->table, node_of(entry));\n\t\tbudget_retired_add(\&handle->cache->budget, (int64_t)entry_charge(entry));\n\t\tentry_list_push(\&shard->limbo.ready, entry);/
