# SPDX-License-Identifier: BSD-2-Clause
# what: a table that grows loses the entries of its last chain
# file: common/segment.c
# impl: unsync
# class: off by one
# conformance: yes
/^static void table_grow/,/^}/s/i < old_chains/i + 1 < old_chains/
