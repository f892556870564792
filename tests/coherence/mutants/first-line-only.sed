# SPDX-License-Identifier: BSD-2-Clause
# what: an access that lies across lines is one of the first
# file: coherence/accesses.c
# scenarios: straddle copy
s/^\t\tbytes -= here;/\t\tbytes = 0;/
