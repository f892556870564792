# SPDX-License-Identifier: BSD-2-Clause
# what: a store that finds no memory has removed the old value
# file: impl/sharded/sharded.c
# impl: sharded
# class: lost update
# conformance: yes
/sharded_store(struct/,/^}/s/^\t\treturn CAPACITOR_NO_MEMORY;/\t\treturn segment_delete(lock(handle, shard), handle, \&key, \&dead), unlock(shard), CAPACITOR_NO_MEMORY;/
