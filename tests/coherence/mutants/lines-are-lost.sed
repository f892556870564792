# SPDX-License-Identifier: BSD-2-Clause
# what: lines are lost when the table grows
# file: coherence/directory.c
# scenarios: wide
/^static void grow/,/^}/ s/for (struct line \*line = directory.first; line;/for (struct line *line = directory.first->next; line;/
