# SPDX-License-Identifier: BSD-2-Clause
# what: nobody is told what the owner has written
# file: coherence/directory.c
# scenarios: shared
s/if (!line->unseen_writes)/if (line)/
