# SPDX-License-Identifier: BSD-2-Clause
# what: a get that hits takes longer, by as many turns of an empty loop as SLOWER_STEPS in the environment says
# file: impl/rcu/rcu.c
# impl: rcu
# class: slower
# regress: yes
/^static enum capacitor_result get_inside(/{
i\
#include <stdlib.h>\
static unsigned long slower_steps;\
\
__attribute__((constructor)) static void slower_begin(void)\
{\
	const char *steps = getenv("SLOWER_STEPS");\
\
	slower_steps = steps ? strtoul(steps, NULL, 10) : 0;\
}\
\
static void slower(void)\
{\
	for (unsigned long i = 0; i < slower_steps; i++)\
		__asm__ volatile("" ::: "memory");\
}\

}
/^static enum capacitor_result get_inside(/,/^}/s/^\tpolicy_hit(.*/\tslower();\n&/
