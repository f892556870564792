# SPDX-License-Identifier: BSD-2-Clause
# For figures against threads: a logarithmic axis, and a shade over points with more threads than processors, as the
# measurement itself saw it (column oversubscribed).
set xlabel "threads"
set logscale x 2
stats data using (column("threads")) nooutput
last = STATS_max
stats data using (column("oversubscribed") > 0 ? 0 : column("threads")) nooutput
fits = STATS_max
if (last > fits) { \
	set object 1 rectangle from (fits > 0 ? fits * 1.41 : 0.87), graph 0 to last * 1.2, graph 1 behind fillcolor "#EEEEEE" fillstyle solid noborder; \
	set label 1 "threads > cores" at last * 1.17, graph 1.045 right textcolor "#777777" }
set xrange [0.85:last * 1.2]
# Side by side.
at_threads(who, i) = of(who, column("threads") * 2 ** (0.035 * beside(i)))
