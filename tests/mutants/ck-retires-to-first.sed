# SPDX-License-Identifier: BSD-2-Clause
# what: ck_hs: all shards retire to the epoch record of the first
# file: impl/ck_hs/ck_hs.c
# impl: ck_hs
# class: wrong retire list
# conformance: yes
/^static void retire(struct/,/^}/s/&shard->record/\&shard_at(handle, 0)->record/
