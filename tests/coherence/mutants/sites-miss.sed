# SPDX-License-Identifier: BSD-2-Clause
# what: what a piece of code met at a line is not written down
# file: coherence/directory.c
# with: records
s/^\tsite->class\[class\]++;//
