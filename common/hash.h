/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hashing a key to 64 bits. Tables take the low bits, shards the high ones, ghosts those between.
 *
 * The default is SipHash-2-4 under a 128-bit secret that each cache draws from the kernel, so that nobody can choose keys
 * that collide (G9). XXH3 is faster and unkeyed: for trusted keys.
 */
#ifndef COMMON_HASH_H
#define COMMON_HASH_H

#include <assert.h>
#include <string.h>

#include <sodium/crypto_shorthash.h>
#include <xxhash.h>

#include "capacitor/cache.h"

static_assert(crypto_shorthash_KEYBYTES == 16, "the secret is 128 bits");
static_assert(crypto_shorthash_BYTES == 8, "the hash is 64 bits");

struct hasher {
	enum capacitor_hash kind;
	uint8_t secret[16];
	uint64_t (*function)(const void *key, size_t key_bytes, const uint8_t seed[16]);
};

static inline uint64_t hash_key(const struct hasher *hasher, const void *key, size_t key_bytes)
{
	uint64_t hash;

	switch (hasher->kind) {
	case CAPACITOR_HASH_XXH3:
		return XXH3_64bits(key, key_bytes);
	case CAPACITOR_HASH_CUSTOM:
		return hasher->function(key, key_bytes, hasher->secret);
	case CAPACITOR_HASH_SIPHASH:
		break;
	}
	crypto_shorthash((unsigned char *)&hash, key, key_bytes, hasher->secret);
	return hash;
}

#endif
