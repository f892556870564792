# SPDX-License-Identifier: BSD-2-Clause
# For figures of the observatory over virtual cores.
stats data using (column("threads")) nooutput
last = STATS_max
set xlabel "virtual cores"
set logscale x 2
set xrange [0.85:last * 1.2]
set xtics ()
do for [e = 0:8] { if (2 ** e <= last) { set xtics add (sprintf("%d", 2 ** e) 2 ** e) } }
counted(who, x) = strcol("impl") eq who && in_panel(0) && strcol("schedule") eq "coop" ? x : NaN
timed(who, x) = strcol("impl") eq who && strcol("operation") eq "all" && strcol("schedule") eq "clock" ? x : NaN
latencies = ""
stats data using (latencies = strcol("latency_cycles"), 1) nooutput
