# SPDX-License-Identifier: BSD-2-Clause
# what: who takes a slot reads how deep other threads are inside, which they write without a lock
# file: common/capacitor.c
# impl: sharded
# class: non-atomic flag
# matrix: yes
# tsan: yes
/^static struct capacitor_handle \*slot_take/,/^}/s/!handle->taken/handle->depth == 0/
