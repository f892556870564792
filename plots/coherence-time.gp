# SPDX-License-Identifier: BSD-2-Clause
# Estimated operations per second against virtual cores, and measured ones where the machine has the cores.
load style
load parts."coherence-axis.gp"
set label 90 "latencies in cycles: ".latencies at graph 0, graph 1.045 left textcolor "#444444" font ",9"
set ylabel "operations per second, estimated and measured"
set logscale y
measured = folder_of(data)."/coherence-native.summary.tsv"
there = int(system("test -s '".measured."' && echo 1 || echo 0"))
do for [format in "svg pdf"] {
	eval value(format)
	if (there) {
		plot for [i = 1:words(series)] data using (timed(name(i), column("threads"))):(column("estimated_ops_per_s")) \
			with linespoints lc rgb colour_of(i) pt shape_of(i) lw 1.6 title name(i), \
		     for [i = 1:words(series)] measured using \
			(strcol("impl") eq name(i) && (cores == 0 || column("threads") <= cores) ? column("threads") * (1 + 0.02 * beside(i)) : NaN): \
			(column("ops_per_s")):(column("ops_per_s_low")):(column("ops_per_s_high")) \
			with yerrorbars lc rgb colour_of(i) pt shape_of(i) lw 1.2 notitle
	} else {
		plot for [i = 1:words(series)] data using (timed(name(i), column("threads"))):(column("estimated_ops_per_s")) \
			with linespoints lc rgb colour_of(i) pt shape_of(i) lw 1.6 title name(i)
	}
}
set output
