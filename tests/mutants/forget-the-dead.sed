# SPDX-License-Identifier: BSD-2-Clause
# what: a deleted entry is not reclaimed
# file: impl/sharded/sharded.c
# impl: sharded
# class: memory leak
# schedules: sharded one-key
# matrix: yes
# conformance: yes
/sharded_delete(struct/,/^}/s/operation_bury(handle, &dead, false);//
