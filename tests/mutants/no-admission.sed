# SPDX-License-Identifier: BSD-2-Clause
# what: a store begins whether there is room or not
# file: impl/sharded/sharded.c
# impl: sharded
# class: wrong bound
# matrix: yes
# conformance: yes
/sharded_store(struct/,/^}/s/= operation_admit(handle, key_bytes, value_bytes)/= CAPACITOR_OK/
