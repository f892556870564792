# SPDX-License-Identifier: BSD-2-Clause
# what: ck_hs: delete waits for the epochs, then unlinks and reclaims
# file: impl/ck_hs/ck_hs.c
# impl: ck_hs
# class: grace period before unlink
# schedules: ck_hs one-key
# tsan: yes
/^static enum capacitor_result ck_hs_cache_delete(/,/^}/s/^\t\tunlink_entry(handle, shard, entry);/\t\tck_epoch_synchronize(\&shard->record);\n\t\tcontract_reclaim(entry);\n\t\tck_hs_remove(\&shard->set, entry->hash, entry);\n\t\tbudget_retired_add(\&handle->cache->budget, (int64_t)entry_charge(entry));\n\t\tentry_list_push(\&shard->ready, entry);/
