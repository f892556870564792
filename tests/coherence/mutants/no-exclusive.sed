# SPDX-License-Identifier: BSD-2-Clause
# what: who reads what nobody has gets no right to write it
# file: coherence/directory.c
# scenarios: exclusive
s/line->owner = nobody_holds(&line->holders) ? (int16_t)core : NO_OWNER;/line->owner = NO_OWNER;/
