# SPDX-License-Identifier: BSD-2-Clause
# What all figures share. The caller sets, by gnuplot -e:
#   data      the table to draw (tab separated, named columns)
#   out       the file to write, without suffix: out.svg and out.pdf are written
#   series    the names that get a line each, separated by blanks
#   cores     how many cores the machine has
#   each, panel  only rows whose column `each` holds `panel`; both empty: all rows
# Colours are Okabe and Ito's, which colour-blind readers can tell apart; each has its own point shape, for print in grey.

set datafile separator "\t"
set datafile columnheaders
set datafile missing NaN
set encoding utf8

array colour[9] = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#999999", "#7A5C00"]
array shape[9]  = [5, 7, 9, 11, 13, 4, 6, 8, 10]
style_of(i) = (i - 1) % 9 + 1
bars = style[1:strlen(style) - strlen("style.gp")]."bars.gp"

# The ends of the scale are drawn apart from the rest: null is the harness, unsync the limit of one thread.
dash_of(name) = name eq "null" ? 3 : name eq "unsync" ? 2 : 1

set border 3 lw 0.8 lc "#444444"
set tics nomirror scale 0.6 textcolor "#222222"
set grid ytics lc "#DDDDDD" lw 0.6 lt 1
set key outside right center vertical Left reverse samplen 2 spacing 1.15 noautotitle
set errorbars small
set bars 0.5
set pointsize 0.7

# x where the row is of an implementation (and of the panel), else missing
in_panel(row) = each eq "" || strcol(each) eq panel
of(name, x) = strcol("impl") eq name && in_panel(0) ? x : NaN

# 1000 -> 1 k, 1e6 -> 1 M
set format y "%.0s %c"

# Draws the same plot twice: figure(1) sets the terminal of the SVG, figure(2) that of the PDF.
svg = "set terminal svg size 720,420 dynamic noenhanced font 'Helvetica,13' background '#FFFFFF'; set output out.'.svg'"
pdf = "set terminal pdfcairo size 16cm,9.3cm noenhanced font 'Helvetica,11' linewidth 1.2; set output out.'.pdf'"
