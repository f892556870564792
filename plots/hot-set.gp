# SPDX-License-Identifier: BSD-2-Clause
# Get, set and delete on a hot set, against the targets (dashes).
load style
load groups_part
set bmargin 6.2
set ylabel "ns per operation"
set logscale y
set format y "%g"
label_of(mix) = mix eq "100-0-0" ? "get" : mix eq "0-100-0" ? "set" : mix eq "0-0-100" ? "delete" : mix
target(mix) = mix eq "100-0-0" ? 100 : mix eq "0-100-0" ? 200 : mix eq "0-0-100" ? 150 : 0
set xtics ()
do for [g = 1:words(groups)] {
	wanted_ns = target(word(groups, g))
	set xtics add (label_of(word(groups, g)).(wanted_ns > 0 ? sprintf("\ntarget < %d ns", wanted_ns) : "") g)
	if (wanted_ns > 0) { set arrow 20 + g from g - 0.47, first wanted_ns to g + 0.47, first wanted_ns nohead back lc "#B00000" dt 2 lw 1.4 }
}
do for [format in "svg pdf"] {
	eval value(format)
	plot for [i = 1:words(series)] data using (place(name(i), i)):(column("ns_per_op")):(column("ns_per_op_low")):(column("ns_per_op_high")) \
		with yerrorbars lc rgb colour_of(i) pt shape_of(i) lw 1.4 title name(i)
}
set output
