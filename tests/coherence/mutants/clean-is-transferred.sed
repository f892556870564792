# SPDX-License-Identifier: BSD-2-Clause
# what: a clean copy counts as a modified one
# file: coherence/directory.c
# scenarios: read
s/line->owner != NO_OWNER && line->dirty/line->owner != NO_OWNER/
