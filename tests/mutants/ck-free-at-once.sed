# SPDX-License-Identifier: BSD-2-Clause
# what: ck_hs: what is unlinked is used again at once
# file: impl/ck_hs/ck_hs.c
# impl: ck_hs
# class: early free
# schedules: ck_hs one-key
# tsan: yes
/^static int64_t retire(struct/,/^}/{
s/contract_retire(entry);//
s/ck_epoch_call(.*);/entry_list_push(\&shard->ready, entry);/
}
