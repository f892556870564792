# SPDX-License-Identifier: BSD-2-Clause
# what: sharded: a store makes other shards give before it releases its own
# file: impl/sharded/sharded.c
# impl: sharded
# class: deadlock
# schedules: sharded no-room
# matrix: yes
/^static enum capacitor_result sharded_store(/,/^}/s/^\tunlock(shard);/\toperation_settle(handle);\n&/
