# SPDX-License-Identifier: BSD-2-Clause
# what: clear leaves the first shard alone
# file: impl/sharded/sharded.c
# impl: sharded
# class: off by one
# conformance: yes
/sharded_clear(struct/,/^}/s/unsigned i = 0/unsigned i = 1/
