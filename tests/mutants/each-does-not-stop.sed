# SPDX-License-Identifier: BSD-2-Clause
# what: each goes on with the next shard when told to stop
# file: impl/sharded/sharded.c
# impl: sharded
# class: wrong condition
# conformance: yes
/sharded_each(struct/,/^}/s/go_on = operation_each/(void)operation_each/
