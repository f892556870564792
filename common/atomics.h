/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Atomic accesses whose names carry their order.
 *
 * Plain operators on _Atomic objects are sequentially consistent without saying so; these are not, and say so. The
 * rules of use: every access that is not relaxed names what it pairs with (`PAIRS: function()`), every relaxed access
 * to shared state says why no order is needed. They are macros because C11 has no overloading; each expands to one
 * C11 call.
 */
#ifndef COMMON_ATOMICS_H
#define COMMON_ATOMICS_H

#include <stdatomic.h>

#define load_relaxed(object)          atomic_load_explicit(object, memory_order_relaxed)
#define load_acquire(object)          atomic_load_explicit(object, memory_order_acquire)
#define store_relaxed(object, value)  atomic_store_explicit(object, value, memory_order_relaxed)
#define store_release(object, value)  atomic_store_explicit(object, value, memory_order_release)

/* Read-modify-writes return the value before. */
#define fetch_add_relaxed(object, value) atomic_fetch_add_explicit(object, value, memory_order_relaxed)
#define fetch_sub_relaxed(object, value) atomic_fetch_sub_explicit(object, value, memory_order_relaxed)
#define fetch_or_relaxed(object, value)  atomic_fetch_or_explicit(object, value, memory_order_relaxed)
#define fetch_and_relaxed(object, value) atomic_fetch_and_explicit(object, value, memory_order_relaxed)

/* True when *object was *expected and is desired now; else *expected is what it was. May not fail spuriously. */
#define compare_exchange_relaxed(object, expected, desired)                                                            \
	atomic_compare_exchange_strong_explicit(object, expected, desired, memory_order_relaxed, memory_order_relaxed)

/* Two lines, because the adjacent-line prefetcher of x86-64 fetches lines in pairs: what must not share, keeps this
 * distance. */
#define LINE_PAIR_BYTES 128

#endif
