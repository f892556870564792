# SPDX-License-Identifier: BSD-2-Clause
# what: true upgrades count as false, false ones as true
# file: coherence/directory.c
# scenarios: header_one seqlock
s/same ? COHERENCE_UPGRADE_TRUE : COHERENCE_UPGRADE_FALSE/same ? COHERENCE_UPGRADE_FALSE : COHERENCE_UPGRADE_TRUE/
