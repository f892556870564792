# SPDX-License-Identifier: BSD-2-Clause
# Requests per second by trace.
load style
load groups_part
unset xlabel
set ylabel "requests per second"
set logscale y
do for [format in "svg pdf"] {
	eval value(format)
	plot for [i = 1:words(series)] data using (place(name(i), i)):(column("ops_per_s")):(column("ops_per_s_low")):(column("ops_per_s_high")) \
		with yerrorbars lc rgb colour_of(i) pt shape_of(i) lw 1.4 title name(i)
}
set output
