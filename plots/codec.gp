# SPDX-License-Identifier: BSD-2-Clause
# Time of an operation by codec: bars side by side, and within those on the cache, what of it the cache takes alone (grey).
# The series are codecs here.
load style
of(who, x) = strcol("codec") eq who && in_panel(0) ? x : NaN
group = "operation"
groups = "encode decode field set set+encode get get+decode pin pin+decode pin+field"
load groups_part
unset xlabel
set ylabel "ns per operation"
set logscale y
set format y "%.0s%c"
width = 0.8 / words(series)
set style fill solid 0.75 border lc "#444444"
# What the cache takes, of a bar: where the codec has no part, all of it.
cache_ns(row) = strcol("codec_share_percent")[1:1] ne "u" ? column("ns_per_op") * (1 - column("codec_share_percent") / 100) \
              : strstrt("get pin set", strcol("operation")) ? column("ns_per_op") : NaN
stats data using (in_panel(0) ? column("ns_per_op_low") : NaN) nooutput
bottom = 10 ** floor(log10(STATS_min))
stats data using (in_panel(0) ? column("ns_per_op_high") : NaN) nooutput
set yrange [bottom:10 ** ceil(log10(STATS_max))]
set key maxrows 2
do for [format in "svg pdf"] {
	eval value(format)
	plot for [i = 1:words(series)] data using (place(name(i), i)):(column("ns_per_op")):(width) with boxes fc rgb colour_of(i) title name(i), \
		for [i = 1:words(series)] data using (place(name(i), i)):(cache_ns(0)):(width * 0.5) with boxes fs solid 1 noborder fc rgb "#BBBBBB" \
			title (i == 1 ? "of it, the cache alone" : ""), \
		for [i = 1:words(series)] data using (place(name(i), i)):(column("ns_per_op_low")):(0):(column("ns_per_op_high") - column("ns_per_op_low")) \
			with vectors nohead lc rgb "#000000" lw 1.4 notitle
}
set output
