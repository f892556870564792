# SPDX-License-Identifier: BSD-2-Clause
# what: a get that hits copies the value by way of a block of its own
# file: impl/rcu/rcu.c
# impl: rcu
# class: wrong allocation
# alloc: get that hits
# says: get_inside (
/^static enum capacitor_result get_inside(/,/^}/s/^\tpolicy_hit(.*/\tvoid *volatile scratch = malloc(64);\n\n\tfree(scratch);\n&/
1i #include <stdlib.h>
