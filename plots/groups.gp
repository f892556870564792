# SPDX-License-Identifier: BSD-2-Clause
# For figures that have a group of points for each value of a parameter: place(who, i) is where a row's point stands.
# Groups of which the panel has nothing are left out.
if (group ne "") {
	there = ""
	do for [g = 1:words(groups)] {
		stats data using (strcol(group) eq word(groups, g) && in_panel(0) ? 1 : 0) nooutput
		if (STATS_max > 0) { there = there." ".word(groups, g) }
	}
	groups = there
}
group_of(value) = int(sum [g = 1:words(groups)] (word(groups, g) eq value ? g : 0))
place(who, i) = of(who, group_of(strcol(group)) + beside(i) * 0.8 / words(series))

set xrange [0.5:words(groups) + 0.5]
set xtics () scale 0
if (strlen(groups) > 60) { set xtics rotate by 20 right }
set for [g = 1:words(groups)] xtics add (word(groups, g) g)
do for [g = 1:words(groups) - 1] { set arrow g from g + 0.5, graph 0 to g + 0.5, graph 1 nohead back lc "#DDDDDD" lw 0.8 }
