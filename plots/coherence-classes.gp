# SPDX-License-Identifier: BSD-2-Clause
# Coherence transactions of an operation by cause, at the most cores: a stack for each implementation.
load style
stats data using (column("threads")) nooutput
last = STATS_max
set label 90 sprintf("%s, %d cores", panel, last) at graph 0, graph 1.045 left textcolor "#444444"
causes = "true late false upgrade_true upgrade_false"
title_of(c) = c == 1 ? "true sharing" : c == 2 ? "late" : c == 3 ? "false sharing" : c == 4 ? "upgrade, true" : "upgrade, false"
cause_colour(c) = word("#0072B2 #8CC6EA #8B2500 #7FCDAE #F0C36D", c)
set xrange [0.5:words(series) + 0.5]
set xtics ()
set for [i = 1:words(series)] xtics add (name(i) i)
unset xlabel
set ylabel "transactions per operation"
set format y "%g"
set yrange [0:*]
set boxwidth 0.55
set style fill solid 0.9 border lc "#FFFFFF"
at(who, i) = strcol("impl") eq who && in_panel(0) && strcol("schedule") eq "coop" && column("threads") == last ? i : NaN
upto(c) = sum [k = 1:c] column(word(causes, k))
do for [format in "svg pdf"] {
	eval value(format)
	# The tallest first: each box hides all but the top of the one before.
	plot for [c = 5:1:-1] for [i = 1:words(series)] data using (at(name(i), i)):(upto(c)) \
		with boxes lc rgb cause_colour(c) title (i == 1 ? title_of(c) : "")
}
set output
