# SPDX-License-Identifier: BSD-2-Clause
# Operations per second against threads. unsync has one thread: a line shows its speed across.
load style
load threads_part
set ylabel "operations per second"
set logscale y
do for [format in "svg pdf"] {
	eval value(format)
	plot for [i = 1:words(series)] data using (at_threads(name(i), i)):(column("ops_per_s")):(column("ops_per_s_low")):(column("ops_per_s_high")) \
		with yerrorlines lc rgb colour_of(i) pt shape_of(i) dt dash_of(i) lw 1.6 title name(i), \
	     data using (of("unsync", 0.85)):(column("ops_per_s")):(last * 1.2 - 0.85):(0) \
		with vectors nohead lc rgb "#000000" dt 2 lw 1
}
set output
