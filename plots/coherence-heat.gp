# SPDX-License-Identifier: BSD-2-Clause
# The hottest line of an implementation: cores x words of eight bytes, reads on the left and writes on the right.
load style
stats data using (in_panel(0) && strcol("schedule") eq "coop" ? column("threads") : NaN) nooutput
last = STATS_max
hot(x) = in_panel(0) && strcol("schedule") eq "coop" && column("threads") == last ? x : NaN
what = ""
stats data using (in_panel(0) && strcol("schedule") eq "coop" && column("threads") == last ? (what = strcol("objects"), 1) : NaN) nooutput
stats data using (hot(column("reads"))) nooutput
most = STATS_max
stats data using (hot(column("writes"))) nooutput
most = most > STATS_max ? most : STATS_max
stats data using (hot(column("core"))) nooutput
first_core = STATS_min
last_core = STATS_max
unset key
unset grid
unset label 90
unset label 91
set border 15 lw 0.6 lc "#444444"
set palette defined (0 "#F7F7F7", 0.35 "#9ECAE1", 0.7 "#2171B5", 1 "#08306B")
set cbrange [0:log10(most + 1)]
set xrange [-0.5:7.5]
set yrange [first_core - 0.5:last_core + 0.5]
set xtics 0,1,7
set format y "%g"
set xlabel "word of eight bytes"
shade(n) = log10(n + 1)
do for [format in "svg pdf"] {
	eval value(format)
	set multiplot title sprintf("%s, %d cores: %s", panel, last, what) noenhanced font ",11"
	set tmargin at screen 0.85
	unset colorbox
	set lmargin at screen 0.09
	set rmargin at screen 0.46
	set ylabel "core"
	set label 1 "reads" at graph 0.5, graph 1.03 center textcolor "#444444"
	plot data using (hot(column("word"))):(column("core")):(shade(column("reads"))) with image pixels
	set colorbox
	set cblabel "accesses"
	set cbtics ()
	do for [e = 0:9] { if (10 ** e <= most) { set cbtics add (sprintf("%g", 10.0 ** e) shade(10 ** e)) } }
	set cbtics add ("0" 0)
	set lmargin at screen 0.51
	set rmargin at screen 0.88
	unset ylabel
	set label 1 "writes" at graph 0.5, graph 1.03 center textcolor "#444444"
	plot data using (hot(column("word"))):(column("core")):(shade(column("writes"))) with image pixels
	unset multiplot
}
set output
