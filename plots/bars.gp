# SPDX-License-Identifier: BSD-2-Clause
# Common to figures with a group of bars for each value of a parameter. Besides what style.gp wants, the caller sets
#   group, groups   the column that makes the groups, and its values, separated by blanks
bar_width = 0.82 / words(series)
place_of(name) = int(sum [g = 1:words(groups)] (word(groups, g) eq name ? g : 0))
bar(name, i) = of(name, place_of(strcol(group)) + (i - (words(series) + 1) / 2.0) * bar_width)
pattern_of(i) = (i - 1) % 8

set xrange [0.5:words(groups) + 0.5]
set xtics () scale 0
set for [g = 1:words(groups)] xtics add (word(groups, g) g)
