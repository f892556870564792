# SPDX-License-Identifier: BSD-2-Clause
# Operations per second against skew.
load style
set xlabel "Zipf exponent (0: uniform)"
set ylabel "operations per second"
set logscale y
do for [format in "svg pdf"] {
	eval value(format)
	plot for [i = 1:words(series)] data using (of(word(series, i), column("skew"))):(column("ops_per_s")):(column("ops_per_s_low")):(column("ops_per_s_high")) \
		with yerrorlines lc rgb colour[style_of(i)] pt shape[style_of(i)] dt dash_of(word(series, i)) lw 1.6 \
		title word(series, i)
}
set output
