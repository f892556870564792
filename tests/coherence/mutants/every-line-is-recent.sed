# SPDX-License-Identifier: BSD-2-Clause
# what: a line that was met in the same place of a table of recent lines is taken for this one
# file: coherence/accesses.c
# scenarios: wide
s/if (recent->key != key || !recent->line)/if (!recent->line)/
