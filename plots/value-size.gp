# SPDX-License-Identifier: BSD-2-Clause
# Operations per second against the size of values.
load style
set xlabel "value size, bytes"
set ylabel "operations per second"
set logscale xy
set format x "%.0s %c"
set xrange [70:1.6e6]
do for [format in "svg pdf"] {
	eval value(format)
	plot for [i = 1:words(series)] data using (of(name(i), column("value_bytes") * 10 ** (0.03 * beside(i)))):(column("ops_per_s")):(column("ops_per_s_low")):(column("ops_per_s_high")) \
		with yerrorlines lc rgb colour_of(i) pt shape_of(i) dt dash_of(i) lw 1.6 title name(i)
}
set output
