# SPDX-License-Identifier: BSD-2-Clause
# Value bytes per second against the size of values. null is left out: it copies none.
load style
set xlabel "value size, bytes"
set ylabel "value bytes copied per second"
set logscale xy
set format x "%.0s %c"
set format y "%.0s %cB"
set xrange [70:1.6e6]
of_copier(who, x) = who eq "null" ? NaN : of(who, x)
do for [format in "svg pdf"] {
	eval value(format)
	plot for [i = 1:words(series)] data using (of_copier(name(i), column("value_bytes") * 10 ** (0.03 * beside(i)))):(column("bytes_per_s")):(column("bytes_per_s_low")):(column("bytes_per_s_high")) \
		with yerrorlines lc rgb colour_of(i) pt shape_of(i) dt dash_of(i) lw 1.6 title (name(i) eq "null" ? "" : name(i))
}
set output
