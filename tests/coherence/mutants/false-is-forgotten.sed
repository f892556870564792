# SPDX-License-Identifier: BSD-2-Clause
# what: a miss that brought nothing new is not counted
# file: coherence/directory.c
# scenarios: packed
/^static void close_miss/,/^}/ s/classify(.*);/;/
