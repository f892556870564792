# SPDX-License-Identifier: BSD-2-Clause
# Operations per second by mix.
load style
load bars
set ylabel "operations per second"
set xlabel "mix: get-set-delete, percent"
set logscale y
do for [format in "svg pdf"] {
	eval value(format)
	plot for [i = 1:words(series)] data using (bar(word(series, i), i)):(column("ops_per_s")):(bar_width * 0.9) \
		with boxes lc rgb colour[style_of(i)] lw 1.2 fs pattern pattern_of(i) title word(series, i), \
	     for [i = 1:words(series)] data using (bar(word(series, i), i)):(column("ops_per_s")):(column("ops_per_s_low")):(column("ops_per_s_high")) \
		with yerrorbars ps 0 lc rgb "#222222" lw 1
}
set output
