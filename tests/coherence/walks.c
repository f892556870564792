/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/coherence/walks.h"

#include <pthread.h>

#define SHARDS  64
#define WORKERS 64
#define TABLE   16384

static struct shard {
	pthread_mutex_t lock;
	volatile long order[4];
} __attribute__((aligned(128))) shards[SHARDS];
static volatile long table[TABLE];
static struct {
	long hits;
} __attribute__((aligned(128))) counters[WORKERS];

void walk_word(unsigned long rounds)
{
	volatile long *word = &table[0];

	for (; rounds > 0; rounds--) {
		(*word)++;
		(*word)++;
		(*word)++;
		(*word)++;
	}
}

void walk_block(const volatile char *block, size_t bytes, size_t stride)
{
	for (size_t at = 0; at < bytes; at += stride)
		(void)block[at];
}

void walk_operation(unsigned worker, unsigned long round)
{
	unsigned long at = (round * 64 + worker) * 0x9E3779B97F4A7C15ul >> 20;
	struct shard *shard = &shards[at % SHARDS];

	pthread_mutex_lock(&shard->lock);
	for (unsigned i = 0; i < 24; i++)
		(void)table[(at + i) % TABLE];
	table[at % TABLE] = (long)round;
	shard->order[at / SHARDS % 4] = (long)round;
	pthread_mutex_unlock(&shard->lock);
	__atomic_fetch_add(&counters[worker].hits, 1, __ATOMIC_RELAXED);
}
