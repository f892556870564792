# SPDX-License-Identifier: BSD-2-Clause
# what: a store does not make other shards give
# file: impl/sharded/sharded.c
# impl: sharded
# class: wrong bound
# conformance: yes
/sharded_store(struct/,/^}/s/operation_settle(handle);//
