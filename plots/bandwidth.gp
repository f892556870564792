# SPDX-License-Identifier: BSD-2-Clause
# Value bytes per second against the size of values; null copies none.
load style
set xlabel "value size, bytes"
set ylabel "value bytes copied per second"
set logscale x
set logscale y
set format x "%.0s %c"
set xrange [70:1.5e6]
do for [format in "svg pdf"] {
	eval value(format)
	plot for [i = 1:words(series)] data using (word(series, i) eq "null" ? NaN : of(word(series, i), column("value_bytes"))):(column("bytes_per_s")):(column("bytes_per_s_low")):(column("bytes_per_s_high")) \
		with yerrorlines lc rgb colour[style_of(i)] pt shape[style_of(i)] dt dash_of(word(series, i)) lw 1.6 \
		title (word(series, i) eq "null" ? "" : word(series, i))
}
set output
