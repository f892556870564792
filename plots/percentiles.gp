# SPDX-License-Identifier: BSD-2-Clause
# Percentiles of latencies, at the most threads that have a processor each.
load style
percentiles = "p50 p90 p99 p999 max"
groups = percentiles
group = ""
load groups_part
stats data using (column("oversubscribed") > 0 || !in_panel(0) ? 0 : column("threads")) nooutput
fits = STATS_max
set xtics ("median" 1, "90 %%" 2, "99 %%" 3, "99.9 %%" 4, "longest" 5)
set label 90 panel_text.sprintf(", %d threads; unsync: 1", fits)
set xlabel "percentile of the sampled latencies"
set ylabel "latency, ns"
set logscale y
columns(p) = "latency_".word(percentiles, p)."_ns"
wanted(who) = column("threads") == (who eq "unsync" ? 1 : fits)
do for [format in "svg pdf"] {
	eval value(format)
	plot for [i = 1:words(series)] for [p = 1:words(percentiles)] \
		data using (wanted(name(i)) ? of(name(i), p + beside(i) * 0.8 / words(series)) : NaN):(column(columns(p))):(column(columns(p)."_low")):(column(columns(p)."_high")) \
		with yerrorbars lc rgb colour_of(i) pt shape_of(i) lw 1.4 title (p == 1 ? name(i) : "")
}
set output
