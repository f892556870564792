# SPDX-License-Identifier: BSD-2-Clause
# what: an essential miss at the access itself counts as late, a late one as true
# file: coherence/directory.c
# scenarios: shared header_all
s/missed ? COHERENCE_TRUE : COHERENCE_LATE/missed ? COHERENCE_LATE : COHERENCE_TRUE/
