# SPDX-License-Identifier: BSD-2-Clause
# what: each visits the first shard only
# file: impl/sharded/sharded.c
# impl: sharded
# class: wrong bound
# conformance: yes
/sharded_each(struct/,/^}/s/i < shard_count(handle)/i < 1/
