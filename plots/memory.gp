# SPDX-License-Identifier: BSD-2-Clause
# Bytes charged per entry beyond its content, against the size of values. null keeps no entries.
load style
set xlabel "value size, bytes"
set ylabel "bytes charged / bytes of key and value"
set logscale x
set format x "%.0s %c"
set format y "%.1f"
set xrange [70:1.6e6]
set yrange [1:*]
do for [format in "svg pdf"] {
	eval value(format)
	plot for [i = 1:words(series)] data using (of(name(i), column("value_bytes") * 10 ** (0.03 * beside(i)))):(column("bytes_per_entry") / column("ideal_bytes_per_entry")) \
		with linespoints lc rgb colour_of(i) pt shape_of(i) dt dash_of(i) lw 1.6 title (name(i) eq "null" ? "" : name(i))
}
set output
