# SPDX-License-Identifier: BSD-2-Clause
# 99th percentile of latencies against threads.
load style
load threads_part
set ylabel "99th percentile of latency, ns"
set logscale y
do for [format in "svg pdf"] {
	eval value(format)
	plot for [i = 1:words(series)] data using (at_threads(name(i), i)):(column("latency_p99_ns")):(column("latency_p99_ns_low")):(column("latency_p99_ns_high")) \
		with yerrorlines lc rgb colour_of(i) pt shape_of(i) dt dash_of(i) lw 1.6 title name(i)
}
set output
