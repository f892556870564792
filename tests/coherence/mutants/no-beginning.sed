# SPDX-License-Identifier: BSD-2-Clause
# what: misses from before the measurement are counted in it
# file: coherence/directory.c
# scenarios: packed
s/copy->before = copy->open;/copy->before = false;/
