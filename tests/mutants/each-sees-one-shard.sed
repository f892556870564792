# SPDX-License-Identifier: BSD-2-Clause
# what: each visits the first shard only
# file: impl/sharded/sharded.c
# impl: mutant
/sharded_each(struct/,/^}/s/i < shard_count(handle)/i < 1/
