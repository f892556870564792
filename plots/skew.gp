# SPDX-License-Identifier: BSD-2-Clause
# Operations per second against skew.
load style
set xlabel "Zipf exponent (0: uniform)"
set ylabel "operations per second"
set logscale y
stats data using (column("skew")) nooutput
set xrange [-0.05:STATS_max + 0.05]
do for [format in "svg pdf"] {
	eval value(format)
	plot for [i = 1:words(series)] data using (of(name(i), column("skew") + 0.007 * beside(i))):(column("ops_per_s")):(column("ops_per_s_low")):(column("ops_per_s_high")) \
		with yerrorlines lc rgb colour_of(i) pt shape_of(i) dt dash_of(i) lw 1.6 title name(i)
}
set output
