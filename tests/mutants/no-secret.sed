# SPDX-License-Identifier: BSD-2-Clause
# what: the hash has no secret
# file: common/capacitor.c
# impl: sharded
# class: hash flooding
# conformance: yes
s/(!config->hash_seed_set && !secret_draw(cache->hasher.secret))/false/
