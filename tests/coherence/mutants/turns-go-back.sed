# SPDX-License-Identifier: BSD-2-Clause
# what: turns go from the last core to the first
# file: coherence/schedule.c
# scenarios: shared
s/threads\[(self->core + i) % threads_used\]/threads[(self->core + threads_used - i) % threads_used]/
