# SPDX-License-Identifier: BSD-2-Clause
# 99th percentile of latencies against threads.
load style
set xlabel "threads"
set ylabel "99th percentile of latency, ns"
set logscale x 2
stats data using (column("threads")) nooutput
last = STATS_max
if (last > cores) { \
	set object 1 rectangle from cores * 1.19, graph 0 to last * 1.15, graph 1 behind fillcolor "#F0F0F0" fillstyle solid noborder; \
	set label 1 "more threads than cores" at last * 1.12, graph 1.03 right textcolor "#777777" font ",10" }
set xrange [0.87:last * 1.15]
set logscale y
do for [format in "svg pdf"] {
	eval value(format)
	plot for [i = 1:words(series)] data using (of(word(series, i), column("threads"))):(column("latency_p99_ns")):(column("latency_p99_ns_low")):(column("latency_p99_ns_high")) \
		with yerrorlines lc rgb colour[style_of(i)] pt shape[style_of(i)] dt dash_of(word(series, i)) lw 1.6 \
		title word(series, i)
}
set output
