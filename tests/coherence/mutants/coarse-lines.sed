# SPDX-License-Identifier: BSD-2-Clause
# what: who asks for an object of lines of 128 bytes is told of lines of 64
# file: coherence/directory.c
# scenarios: pad64
s/directory.line_shift = .*/directory.line_shift = 6;/
