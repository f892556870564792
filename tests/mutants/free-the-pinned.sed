# SPDX-License-Identifier: BSD-2-Clause
# what: a deleted entry is freed although it may be pinned
# file: impl/sharded/sharded.c
# impl: sharded
# class: early free
# schedules: sharded one-key
# conformance: yes
/sharded_delete(struct/,/^}/s/operation_bury(handle, &dead, false);/for (struct entry *gone; (gone = entry_list_pop(\&dead));)\n\t\tfree(gone);/
