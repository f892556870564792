# SPDX-License-Identifier: BSD-2-Clause
# what: a table that could not grow for lack of memory is charged all the same
# file: common/segment.c
# impl: unsync
# class: double charge
# conformance: yes
/^static void table_grow/,/^}/s/^\t\tbudget_table_give(&cache->budget, bytes);//
