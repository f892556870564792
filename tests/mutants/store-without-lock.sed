# SPDX-License-Identifier: BSD-2-Clause
# what: set, add and replace do not take the lock of their shard
# file: impl/sharded/sharded.c
# impl: sharded
# class: two unlocked writers
# schedules: sharded one-key
# conformance: yes
/sharded_store(struct/,/^}/{
s/segment_store(lock(handle, shard), /segment_store(\&shard->segment, /
/unlock(shard);/d
}
