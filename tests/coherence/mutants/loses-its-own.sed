# SPDX-License-Identifier: BSD-2-Clause
# what: who takes a line loses its own copy, too
# file: coherence/directory.c
# scenarios: header_one
s/if (core == keeper)/if (core == keeper + 1000)/
