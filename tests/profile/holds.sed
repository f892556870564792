# SPDX-License-Identifier: BSD-2-Clause
# what: each get goes on for long while it holds the lock of its shard
# file: impl/sharded/sharded.c
# profile: locks sharded_get
/^static enum capacitor_result sharded_get(struct/,/^}/s/^	unlock(shard);/	for (volatile unsigned i = 0; i < 20000; i++)\
		;\
&/
