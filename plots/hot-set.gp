# SPDX-License-Identifier: BSD-2-Clause
# Get, set and delete on a hot set, against the targets.
load style
load bars
set ylabel "ns per operation"
set xlabel "mix: get-set-delete, percent"
set format y "%g"
set yrange [0:*]
target(mix) = mix eq "100-0-0" ? 100 : mix eq "0-100-0" ? 200 : mix eq "0-0-100" ? 150 : NaN
do for [i = 1:words(groups)] { set arrow i from i - 0.45, target(word(groups, i)) to i + 0.45, target(word(groups, i)) nohead front dt 2 lw 1.5 lc rgb "#222222" }
do for [format in "svg pdf"] {
	eval value(format)
	plot for [i = 1:words(series)] data using (bar(word(series, i), i)):(column("ns_per_op")):(bar_width * 0.9) \
		with boxes lc rgb colour[style_of(i)] lw 1.2 fs pattern pattern_of(i) title word(series, i), \
	     for [i = 1:words(series)] data using (bar(word(series, i), i)):(column("ns_per_op")):(column("ns_per_op_low")):(column("ns_per_op_high")) \
		with yerrorbars ps 0 lc rgb "#222222" lw 1
}
set output
