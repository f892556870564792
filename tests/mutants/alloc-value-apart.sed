# SPDX-License-Identifier: BSD-2-Clause
# what: a new entry is made in two blocks, of which one is thrown away again
# file: common/operation.c
# impl: rwlock
# class: wrong allocation
# alloc: set, new key
# says: operation_entry (
/^struct entry \*operation_entry(/,/^}/s/^\tentry->hash = /\tvoid *volatile apart = malloc(value_bytes + 1);\n\n\tfree(apart);\n&/
