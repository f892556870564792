# SPDX-License-Identifier: BSD-2-Clause
# what: the default hash ignores its secret
# file: common/hash.h
# impl: sharded
# class: hash flooding
# matrix: yes
# conformance: yes
s/crypto_shorthash((unsigned char \*)&hash, key, key_bytes, hasher->secret);/crypto_shorthash((unsigned char *)\&hash, key, key_bytes, (const unsigned char *)"0123456789abcdef");/
