# SPDX-License-Identifier: BSD-2-Clause
# What all figures share. The caller sets, by gnuplot -e:
#   style     this file
#   data      the table to draw (tab separated, named columns)
#   out       the file to write, without suffix: out.svg and out.pdf are written
#   series    the names that get a colour each, separated by blanks
#   group, groups   where a figure has groups: the column that makes them, and its values
#   cores     how many cores the machine has, 0 where that is not known
#   each, panel     only rows whose column `each` holds `panel`; both empty: all rows
# Colours are Okabe and Ito's, which colour-blind readers can tell apart; points have shapes, for print in grey. null
# (what the harness costs) and unsync (one thread, no synchronisation) are references: grey and black, broken lines.

cores = int(cores)
set datafile separator "\t"
set datafile columnheaders
set datafile missing NaN
set encoding utf8

# ---- Series: 7 colours and 9 shapes, so that 63 differ ----
array colour[7] = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7A5C00"]
array shape[9]  = [5, 7, 9, 13, 11, 4, 6, 8, 12]
name(i) = word(series, i)
is_reference(who) = who eq "null" || who eq "unsync"
# A number among those that are compared, so that colours stay where a reference is missing.
rank(i) = i - 1 - (i > 1 ? sum [k = 1:i - 1] is_reference(name(k)) : 0)
colour_of(i) = name(i) eq "null" ? "#8A8A8A" : name(i) eq "unsync" ? "#000000" : colour[rank(i) % 7 + 1]
shape_of(i) = name(i) eq "null" ? 1 : name(i) eq "unsync" ? 2 : shape[rank(i) % 9 + 1]
dash_of(i) = name(i) eq "null" ? 3 : name(i) eq "unsync" ? 2 : 1

# ---- Rows: x where the row is of a name and of the panel, else missing ----
in_panel(row) = each eq "" || strcol(each) eq panel
of(who, x) = strcol("impl") eq who && in_panel(0) ? x : NaN
# Points of one place side by side, so that their intervals can be told apart.
beside(i) = i - (words(series) + 1) / 2.0

# ---- Look ----
set border 3 lw 0.8 lc "#444444"
set tics nomirror scale 0.6 textcolor "#222222"
set grid ytics lc "#DDDDDD" lw 0.6 lt 1
set key bmargin center horizontal Left reverse samplen 2 width 1 height 1 maxrows 2 noautotitle
set errorbars 0.4
set pointsize 0.8
set pointintervalbox 0
set format y "%.0s %c" # 1000 is 1 k, 1e6 is 1 M
set tmargin 2.2

# ---- What the panel shows, and the run that it comes from ----
path_end(path) = strstrt(path, "/") ? path_end(path[strstrt(path, "/") + 1:*]) : path
folder_of(path) = path[1:strlen(path) - strlen(path_end(path)) - 1]
run = path_end(folder_of(data))
panel_text = each eq "threads" ? panel.(panel eq "1" ? " thread" : " threads").(cores > 0 ? sprintf(", %d cores", cores) : "") \
           : each eq "mix" ? "mix ".panel : panel
set label 90 panel_text at graph 0, graph 1.045 left textcolor "#444444"
set label 91 "run ".run at screen 0.995, screen 0.022 right textcolor "#999999" font ",7"

# ---- Each figure is drawn twice, `do for [format in "svg pdf"] { eval value(format); plot ... }` ----
svg = "set terminal svg size 720,450 dynamic noenhanced font 'Helvetica,13' background '#FFFFFF'; set output out.'.svg'"
pdf = "set terminal pdfcairo size 13cm,8.3cm noenhanced font 'Helvetica,9' fontscale 0.7 linewidth 1.1; set output out.'.pdf'"

# ---- Parts of figures, to be loaded ----
parts = style[1:strlen(style) - strlen("style.gp")]
groups_part = parts."groups.gp"
threads_part = parts."threads-axis.gp"
