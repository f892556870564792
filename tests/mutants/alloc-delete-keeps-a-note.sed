# SPDX-License-Identifier: BSD-2-Clause
# what: a delete makes a note on the heap
# file: impl/sharded/sharded.c
# impl: sharded
# class: wrong allocation
# alloc: delete that misses
# says: sharded_delete (
/^static enum capacitor_result sharded_delete(/,/^}/s/^\tunlock(shard);/\tvoid *volatile note = malloc(16);\n\n\tfree(note);\n&/
1i #include <stdlib.h>
