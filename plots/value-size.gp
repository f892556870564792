# SPDX-License-Identifier: BSD-2-Clause
# Operations per second against the size of values.
load style
set xlabel "value size, bytes"
set ylabel "operations per second"
set logscale x
set logscale y
set format x "%.0s %c"
set xrange [70:1.5e6]
do for [format in "svg pdf"] {
	eval value(format)
	plot for [i = 1:words(series)] data using (of(word(series, i), column("value_bytes"))):(column("ops_per_s")):(column("ops_per_s_low")):(column("ops_per_s_high")) \
		with yerrorlines lc rgb colour[style_of(i)] pt shape[style_of(i)] dt dash_of(word(series, i)) lw 1.6 \
		title word(series, i)
}
set output
