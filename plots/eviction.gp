# SPDX-License-Identifier: BSD-2-Clause
# Hit ratio against capacity, by policy. Where a source has no sizes, all objects count 1: then misses and missed bytes
# are the same, and the capacity is a number of objects.
load style
of(who, x) = strcol("policy") eq who && in_panel(0) ? x : NaN
stats data using (in_panel(0) ? abs(column("missed_bytes") - column("misses")) : 0) nooutput
set xlabel (STATS_max > 0 ? "capacity, bytes of objects" : "capacity, objects")
set ylabel "hit ratio"
set logscale x
tick = STATS_max > 0 ? "%.0s %cB" : "%.0s %c"
set xtics ()
do for [e = 0:14] { do for [digit in "1 3"] { set xtics add (gprintf(tick, digit * 10.0 ** e) digit * 10.0 ** e) } }
set format y "%g"
set autoscale xfix
set offsets graph 0.04, graph 0.04, 0, 0
do for [format in "svg pdf"] {
	eval value(format)
	plot for [i = 1:words(series)] data using (of(name(i), column("capacity_bytes"))):(column("hit_ratio")) \
		with linespoints lc rgb colour_of(i) pt shape_of(i) lw 1.6 title name(i)
}
set output
