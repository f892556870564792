# SPDX-License-Identifier: BSD-2-Clause
# what: each get sleeps
# file: impl/sharded/sharded.c
# profile: offcpu planted_sleep
/^static enum capacitor_result sharded_get(struct/i\
#include <time.h>\
static __attribute__((noinline)) void planted_sleep(void)\
{\
	const struct timespec pause = {.tv_nsec = 50000};\
\
	nanosleep(&pause, NULL);\
	__asm__ volatile("" ::: "memory");\
}\

/^static enum capacitor_result sharded_get(struct/,/^}/s/^	unlock(shard);/&\
	planted_sleep();/
