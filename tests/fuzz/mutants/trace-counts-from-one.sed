# SPDX-License-Identifier: BSD-2-Clause
# what: an object that comes again gets its neighbour's number
# file: harness/trace.c
# fuzz: trace
/^bool trace_count/,/^}/s/index\[i\] = index\[\*first - 1\];/index[i] = index[*first - (*first > 1 ? 2 : 1)];/
