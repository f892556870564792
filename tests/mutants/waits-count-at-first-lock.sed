# SPDX-License-Identifier: BSD-2-Clause
# what: a wait for the lock of any shard counts at that of the first
# file: impl/sharded/sharded.c
# impl: sharded
# class: wrong statistic
# matrix: yes
# conformance: yes
/^static struct segment \*lock(/,/^}/s/&shard->waits/\&shard_at(handle, 0)->waits/
