# SPDX-License-Identifier: BSD-2-Clause
# what: misses that are open at the end are not judged
# file: coherence/directory.c
# scenarios: packed
/^void directory_close/,/^}/ s/close_miss(copy);/(void)copy;/
