# SPDX-License-Identifier: BSD-2-Clause
# Lock waits per operation against threads; only for those that take locks.
load style
load threads_part
set ylabel "lock waits per operation"
set format y "%g"
set yrange [0:*]
do for [format in "svg pdf"] {
	eval value(format)
	plot for [i = 1:words(series)] data using (at_threads(name(i), i)):(column("lock_waits_per_op")):(column("lock_waits_per_op_low")):(column("lock_waits_per_op_high")) \
		with yerrorlines lc rgb colour_of(i) pt shape_of(i) dt dash_of(i) lw 1.6 title (is_reference(name(i)) ? "" : name(i))
}
set output
