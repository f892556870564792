# SPDX-License-Identifier: BSD-2-Clause
# what: ck_hs: the old array of a set that was rebuilt stays charged
# file: impl/ck_hs/ck_hs.c
# impl: ck_hs
# class: double charge
# matrix: yes
/^static void array_free(/,/^}/s/budget_table_swap(budget, context.fresh_bytes, array->bytes);/budget_table_swap(budget, context.fresh_bytes, 0);/
