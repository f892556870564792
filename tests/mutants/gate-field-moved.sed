# SPDX-License-Identifier: BSD-2-Clause
# what: ck_hs: a word that stores write is moved into the line that readers read
# file: impl/ck_hs/ck_hs.c
# impl: ck_hs
# class: false sharing
# gate: ck_hs, mixed: get
# says: retired_since_poll
/^struct shard {/,/^}/{
/retired_since_poll/d
s/^\talignas(LINE_PAIR_BYTES) ck_hs_t set;/&\n\tunsigned retired_since_poll;/
}
