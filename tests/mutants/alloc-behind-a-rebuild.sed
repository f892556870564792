# SPDX-License-Identifier: BSD-2-Clause
# what: every store allocates once more, and says that it made a table anew
# file: impl/sharded/sharded.c
# impl: sharded
# class: wrong allocation
# alloc: set, new key
# says: calls made a table anew, one in
/^static enum capacitor_result sharded_store(/,/^}/s/^\tunlock(shard);/\tvoid *volatile behind = malloc(16);\n\n\tfree(behind);\n\tcount(handle, CAPACITOR_STAT_TABLE_REBUILDS, 1);\n&/
1i #include <stdlib.h>
