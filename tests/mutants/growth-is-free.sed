# SPDX-License-Identifier: BSD-2-Clause
# what: a table that grows is not charged
# file: common/segment.c
# impl: unsync
# class: double charge
# conformance: yes
/^static void table_grow/,/^}/s/budget_table_swap(&cache->budget, bytes, bytes \/ 2);/budget_table_give(\&cache->budget, bytes);/
