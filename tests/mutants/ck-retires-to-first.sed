# SPDX-License-Identifier: BSD-2-Clause
# what: ck_hs: all shards retire to the epoch record of the first
# file: impl/ck_hs/ck_hs.c
# impl: ck_hs
# class: wrong retire list
# conformance: yes
s/retire(shard, \(entry\|old\))/retire(shard_at(handle, 0), \1)/
