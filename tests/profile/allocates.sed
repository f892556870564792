# SPDX-License-Identifier: BSD-2-Clause
# what: each get allocates, and one in sixteen forgets to free
# file: impl/sharded/sharded.c
# profile: heap planted_allocation
/^static enum capacitor_result sharded_get(struct/i\
static __attribute__((noinline)) void planted_allocation(void)\
{\
	static _Thread_local unsigned calls;\
	void *volatile block = malloc(1000);\
\
	if (calls++ % 16 > 0)\
		free(block);\
}\

/^static enum capacitor_result sharded_get(struct/,/^}/s/^	unlock(shard);/&\
	planted_allocation();/
