# SPDX-License-Identifier: BSD-2-Clause
# what: a sequentially consistent store counts as any other
# file: coherence/accesses.c
# scenarios: read_mostly
s/order == __ATOMIC_SEQ_CST ? ACCESS_RMW : ACCESS_WRITE/order == -1 ? ACCESS_RMW : ACCESS_WRITE/
