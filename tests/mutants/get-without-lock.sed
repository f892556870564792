# SPDX-License-Identifier: BSD-2-Clause
# what: get does not take the lock of its shard
# file: impl/sharded/sharded.c
# impl: sharded
# class: no read section
# schedules: sharded one-key
# conformance: yes
/sharded_get(struct/,/^}/{
s/= lock(handle, shard);/= \&shard->segment;/
/unlock(shard);/d
}
