# SPDX-License-Identifier: BSD-2-Clause
# what: what was told once is told again, for the next owner
# file: coherence/directory.c
# scenarios: packed
/^static void tell_writes/,/^}/ { /line->unseen_writes = 0;/d }
