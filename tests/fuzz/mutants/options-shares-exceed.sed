# SPDX-License-Identifier: BSD-2-Clause
# what: shares may add up to more than 100
# file: harness/options.c
# fuzz: options
/^bool options_mixes/,/^}/s/share\[0\] + share\[1\] + share\[2\] != 100/share[0] + share[1] + share[2] < 100/
