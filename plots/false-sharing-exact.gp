# SPDX-License-Identifier: BSD-2-Clause
# Counter layouts: native time on the left, exact transactions by cause on the right, for each implementation.
load style
layouts = "global packed padded"
unset label 90
unset label 91
native = folder_of(data)."/false-sharing.summary.tsv"
there = int(system("test -s '".native."' && echo 1 || echo 0"))
# As many threads as here, or the most that the machine has.
most = 0
if (there) {
	stats native using (column("threads") <= panel && (cores == 0 || column("threads") <= cores) ? column("threads") : NaN) nooutput
	most = STATS_max
}
set xrange [0.4:words(series) + 0.6]
set xtics () scale 0
set for [i = 1:words(series)] xtics add (name(i) i)
unset xlabel
set style fill solid 0.9 border lc "#FFFFFF"
set boxwidth 0.24
layout_colour(k) = word("#D55E00 #E69F00 #0072B2", k)
place_of(i, k) = i + (k - 2) * 0.28
row(who, k) = strcol("impl") eq who && strcol("counters") eq word(layouts, k)
exact(who, i, k) = row(who, k) && in_panel(0) && strcol("operation") eq "get" ? place_of(i, k) : NaN
timed(who, i, k) = row(who, k) && column("threads") == most ? place_of(i, k) : NaN
do for [format in "svg pdf"] {
	eval value(format)
	set multiplot layout 1, 2 margins 0.1, 0.98, 0.2, 0.87 spacing 0.11, 0
	set ylabel "ns per get" offset 1
	set format y "%g"
	set yrange [1:*]
	set logscale y
	set key at screen 0.5, 0.07 center horizontal Left reverse samplen 2 maxrows 1 width -1
	set label 1 sprintf("measured, %d threads", most) at graph 0, graph 1.05 left textcolor "#444444"
	if (there) {
		plot for [k = 1:3] for [i = 1:words(series)] native using (timed(name(i), i, k)):(column("ns_per_op")) \
			with boxes lc rgb layout_colour(k) title (i == 1 ? word(layouts, k) : ""), \
		     for [k = 1:3] for [i = 1:words(series)] native using \
			(timed(name(i), i, k)):(column("ns_per_op")):(column("ns_per_op_low")):(column("ns_per_op_high")) \
			with yerrorbars lc rgb "#333333" pt 0 lw 1 notitle
	} else {
		plot NaN notitle
	}
	unset logscale y
	unset key
	set ylabel "transactions per get"
	set yrange [0:*]
	set label 1 sprintf("counted, %s virtual cores; dark: false sharing", panel) at graph 0, graph 1.05 left textcolor "#444444"
	plot for [k = 1:3] for [i = 1:words(series)] data using (exact(name(i), i, k)):(column("transactions")) \
		with boxes lc rgb layout_colour(k) notitle, \
	     for [k = 1:3] for [i = 1:words(series)] data using (exact(name(i), i, k)):(column("false") + column("upgrade_false")) \
		with boxes fill pattern 3 lc rgb "#333333" notitle
	unset multiplot
}
set output
