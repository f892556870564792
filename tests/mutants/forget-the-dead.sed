# SPDX-License-Identifier: BSD-2-Clause
# what: a deleted entry is not reclaimed
# file: impl/sharded/sharded.c
# impl: mutant
/sharded_delete(struct/,/^}/s/operation_bury(handle, &dead, false);//
