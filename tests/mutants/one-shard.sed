# SPDX-License-Identifier: BSD-2-Clause
# what: all keys go to one shard
# file: impl/sharded/sharded.c
# impl: sharded
# class: wrong bound
# conformance: yes
/^static struct shard \*shard_of/,/^}/s/operation_shard(.*))/key->bytes \& 0)/
