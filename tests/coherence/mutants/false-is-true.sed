# SPDX-License-Identifier: BSD-2-Clause
# what: a miss that brought nothing new counts as true
# file: coherence/directory.c
# scenarios: packed
/^static void close_miss/,/^}/ s/COHERENCE_FALSE/COHERENCE_TRUE/
