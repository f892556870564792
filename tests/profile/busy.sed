# SPDX-License-Identifier: BSD-2-Clause
# what: each get burns time in a function of its own
# file: impl/sharded/sharded.c
# profile: cpu planted_busy
/^static enum capacitor_result sharded_get(struct/i\
static __attribute__((noinline)) void planted_busy(void)\
{\
	for (volatile unsigned i = 0; i < 2000; i++)\
		;\
}\

/^static enum capacitor_result sharded_get(struct/,/^}/s/^	unlock(shard);/&\
	planted_busy();/
