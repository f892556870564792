# SPDX-License-Identifier: BSD-2-Clause
# Operations per second by mix.
load style
load groups_part
set xlabel "mix: get-set-delete, percent"
set ylabel "operations per second"
set logscale y
do for [format in "svg pdf"] {
	eval value(format)
	plot for [i = 1:words(series)] data using (place(name(i), i)):(column("ops_per_s")):(column("ops_per_s_low")):(column("ops_per_s_high")) \
		with yerrorbars lc rgb colour_of(i) pt shape_of(i) lw 1.4 title name(i)
}
set output
