# SPDX-License-Identifier: BSD-2-Clause
# Time of an operation by codec: the series are codecs here.
load style
of(who, x) = strcol("codec") eq who && in_panel(0) ? x : NaN
load groups_part
unset xlabel
set ylabel "ns per operation"
set logscale y
set format y "%g"
set xtics rotate by 20 right
do for [format in "svg pdf"] {
	eval value(format)
	plot for [i = 1:words(series)] data using (place(name(i), i)):(column("ns_per_op")):(column("ns_per_op_low")):(column("ns_per_op_high")) \
		with yerrorbars lc rgb colour_of(i) pt shape_of(i) lw 1.4 title name(i)
}
set output
