# SPDX-License-Identifier: BSD-2-Clause
# Hit ratio against capacity, by policy.
load style
set xlabel "capacity, bytes of objects (objects, where a trace has no sizes)"
set ylabel "hit ratio"
set logscale x
set format y "%g"
set format x "%.0s %c"
set key inside right bottom

of_policy(name, x) = strcol("policy") eq name && strcol(each) eq panel ? x : NaN
do for [format in "svg pdf"] {
	eval value(format)
	plot for [i = 1:words(series)] data using (of_policy(word(series, i), column("capacity_bytes"))):(column("hit_ratio")) \
		with linespoints lc rgb colour[style_of(i)] pt shape[style_of(i)] lw 1.6 title word(series, i)
}
set output
