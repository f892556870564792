# SPDX-License-Identifier: BSD-2-Clause
# Hit ratio by trace. null is left out: it keeps nothing.
load style
load groups_part
unset xlabel
set ylabel "hit ratio (objects)"
set format y "%g"
set yrange [0:*]
of_keeper(who, i) = who eq "null" ? NaN : place(who, i)
do for [format in "svg pdf"] {
	eval value(format)
	plot for [i = 1:words(series)] data using (of_keeper(name(i), i)):(column("hit_ratio")):(column("hit_ratio_low")):(column("hit_ratio_high")) \
		with yerrorbars lc rgb colour_of(i) pt shape_of(i) lw 1.4 title (name(i) eq "null" ? "" : name(i))
}
set output
