# SPDX-License-Identifier: BSD-2-Clause
# what: who asks for an object is told of lines that are not shifted
# file: coherence/directory.c
# scenarios: wide
s/(address + directory.shift_bytes)/(address)/
