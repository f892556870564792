# SPDX-License-Identifier: BSD-2-Clause
# Time of a get by counter layout.
load style
load bars
set ylabel "ns per operation"
set xlabel "layout of the counters"
set format y "%g"
set yrange [0:*]
do for [format in "svg pdf"] {
	eval value(format)
	plot for [i = 1:words(series)] data using (bar(word(series, i), i)):(column("ns_per_op")):(bar_width * 0.9) \
		with boxes lc rgb colour[style_of(i)] lw 1.2 fs pattern pattern_of(i) title word(series, i), \
	     for [i = 1:words(series)] data using (bar(word(series, i), i)):(column("ns_per_op")):(column("ns_per_op_low")):(column("ns_per_op_high")) \
		with yerrorbars ps 0 lc rgb "#222222" lw 1
}
set output
