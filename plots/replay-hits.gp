# SPDX-License-Identifier: BSD-2-Clause
# Hit ratio by trace.
load style
load bars
set ylabel "hit ratio"
unset xlabel
set xtics rotate by 18 right font ",10"
set format y "%g"
set yrange [0:*]
do for [format in "svg pdf"] {
	eval value(format)
	plot for [i = 1:words(series)] data using (bar(word(series, i), i)):(column("hit_ratio")):(bar_width * 0.9) \
		with boxes lc rgb colour[style_of(i)] lw 1.2 fs pattern pattern_of(i) title word(series, i), \
	     for [i = 1:words(series)] data using (bar(word(series, i), i)):(column("hit_ratio")):(column("hit_ratio_low")):(column("hit_ratio_high")) \
		with yerrorbars ps 0 lc rgb "#222222" lw 1
}
set output
