# SPDX-License-Identifier: BSD-2-Clause
# Coherence transactions of an operation against virtual cores.
load style
load parts."coherence-axis.gp"
set label 90 panel." (between them and in helper threads, too)" at graph 0, graph 1.045 left textcolor "#444444"
if (panel ne "all") { set label 90 panel at graph 0, graph 1.045 left textcolor "#444444" }
set ylabel "transactions per operation"
set format y "%g"
set yrange [0:*]
do for [format in "svg pdf"] {
	eval value(format)
	plot for [i = 1:words(series)] data using (counted(name(i), column("threads"))):(column("transactions")) \
		with linespoints lc rgb colour_of(i) pt shape_of(i) lw 1.6 title name(i)
}
set output
