# SPDX-License-Identifier: BSD-2-Clause
# what: delete does not take the lock of its shard
# file: impl/sharded/sharded.c
# impl: sharded
# class: two unlocked writers
# schedules: sharded one-key
# conformance: yes
/sharded_delete(struct/,/^}/{
s/segment_delete(lock(handle, shard), /segment_delete(\&shard->segment, /
/unlock(shard);/d
}
