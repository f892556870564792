# SPDX-License-Identifier: BSD-2-Clause
# Bytes charged per entry over its content, against the size of values.
load style
set xlabel "value size, bytes"
set ylabel "bytes charged / bytes of key and value"
set logscale x
set format x "%.0s %c"
set format y "%g"
set xrange [70:1.5e6]
set yrange [1:*]
do for [format in "svg pdf"] {
	eval value(format)
	plot for [i = 1:words(series)] data using (of(word(series, i), column("value_bytes"))):(column("bytes_per_entry") / column("ideal_bytes_per_entry")) \
		with linespoints lc rgb colour[style_of(i)] pt shape[style_of(i)] dt dash_of(word(series, i)) lw 1.6 \
		title (word(series, i) eq "null" ? "" : word(series, i))
}
set output
