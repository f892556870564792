# SPDX-License-Identifier: BSD-2-Clause
# what: live bytes are added up without an atomic
# file: common/budget.h
# impl: sharded
# class: lost update
# matrix: yes
s/fetch_add_relaxed(&budget->live_bytes, bytes);/store_relaxed(\&budget->live_bytes, load_relaxed(\&budget->live_bytes) + bytes);/
