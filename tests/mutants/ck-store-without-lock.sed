# SPDX-License-Identifier: BSD-2-Clause
# what: ck_hs: set, add and replace do not take the lock of their shard
# file: impl/ck_hs/ck_hs.c
# impl: ck_hs
# class: two unlocked writers
# schedules: ck_hs one-key
# matrix: yes
# tsan: yes
/^static enum capacitor_result ck_hs_cache_store(/,/^}/{
s/^\tlock(handle, shard);/\tcontract_exclusive(\&shard->exclusive);\n\tcontract_read_begin();\n\tset_context(handle->cache, shard, handle);/
s/^\tunlock(shard);/\tcontract_read_end();/
}
