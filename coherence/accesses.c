/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What -fsanitize=thread makes of a program's accesses: calls of the functions below, which would be ThreadSanitizer's.
 * Plain ones come before the access; atomic ones are to do it, too. Before any access another thread may go first; a
 * transaction also takes virtual time.
 *
 * Time (schedule clock)   A transaction waits until the line is free, keeps it for its latency, and the state changes half way:
 *                         until then whoever holds the line goes on hitting it. Transfers that took no time would overstate
 *                         contention several times.
 */
#include "coherence/threads.h"

#include "coherence/counts.h"
#include "coherence/seen.h"

static unsigned line_shift, line_mask, granule_shift;

void access_init(void)
{
	line_shift = (unsigned)__builtin_ctz(settings.line_bytes);
	line_mask = settings.line_bytes - 1;
	granule_shift = settings.line_bytes == 128;
}

/* ---- One line ---------------------------------------------------------------------------------------------------- */

static unsigned latency_of(const struct line *line, unsigned core)
{
	if (cores_has(&line->holders, core))
		return settings.latency.upgrade;
	if (line->owner != NO_OWNER && line->dirty)
		return settings.latency.dirty;
	return line->first && line->first->next ? settings.latency.clean : settings.latency.cold;
}

/* Waits for the line and half the way; others may run, and change its state. Result: what is left of the way. */
static uint64_t travel(struct thread *thread, struct line *line)
{
	uint64_t latency = latency_of(line, thread->core);
	uint64_t begin = thread->clock > line->free_at ? thread->clock : line->free_at;

	if (counts.on && begin > thread->clock) {
		directory_detail(line)->queue_cycles += begin - thread->clock;
		counts_add(thread->operation, COHERENCE_QUEUE_CYCLES, begin - thread->clock);
	}
	line->free_at = begin + latency;
	thread->clock = begin + latency - latency / 2;
	if (settings.schedule == COHERENCE_CLOCK && thread->clock > schedule.limit)
		schedule_switch(false);
	return latency / 2;
}

static void access_line(struct thread *thread, uint64_t key, uint64_t granules, enum access access, uintptr_t site)
{
	struct recent *recent = &thread->recent[key % RECENT_LINES];
	uint64_t rest = 0;
	bool missed = false;

	if (recent->key != key || !recent->line) {
		recent->key = key;
		recent->line = directory_line(key);
		recent->copy = directory_copy(recent->line, thread->core);
	}
	if (__builtin_expect((recent->line->freed & granules) != 0, 0))
		end_freed(recent->line, granules, site);
	if (directory_must_ask(recent->line, thread->core, access)) {
		rest = travel(thread, recent->line);
		missed = directory_transact(recent->line, recent->copy, granules, access, thread->operation, site);
	}
	directory_use(recent->line, recent->copy, granules, access, missed);
	if (counts.on) {
		counts.of[thread->operation][COHERENCE_READS + access]++;
		if (recent->copy->heat)
			directory_heat(recent->copy, granules, access);
	}
	thread->last_line = recent->line;
	thread->clock += rest + settings.latency.hit + (access == ACCESS_RMW ? settings.latency.rmw : 0);
	schedule.steps++;
}

void access_memory(const volatile void *address, size_t bytes, enum access access, uintptr_t site)
{
	uintptr_t from = (uintptr_t)address + settings.shift_bytes; /* as directory_key() counts */

	while (bytes > 0) {
		unsigned offset = (unsigned)from & line_mask;
		size_t here = line_mask + 1 - offset < bytes ? line_mask + 1 - offset : bytes;

		unsigned first = offset >> granule_shift, last = (offset + (unsigned)here - 1) >> granule_shift;

		access_line(self, from >> line_shift, directory_granules(first, last), access, site);
		from += here;
		bytes -= here;
	}
}

static inline void see(const volatile void *address, size_t bytes, enum access access, uintptr_t site)
{
	if (!self)
		return;
	schedule_point();
	access_memory(address, bytes, access, site);
}

void coherence_see(const void *address, size_t bytes, enum access access, uintptr_t site)
{
	if (bytes > 0)
		see(address, bytes, access, site);
}

/* ---- Plain accesses ---------------------------------------------------------------------------------------------- */

#pragma GCC diagnostic ignored "-Wmissing-prototypes" /* the compiler knows them */

void __tsan_init(void) {}
void __tsan_func_entry(void *caller) { (void)caller; }
void __tsan_func_exit(void) {}

#define PLAIN(name, bytes, access)                                                                                     \
	void __tsan_##name(void *address) { see(address, bytes, access, SITE); }

#define PLAIN_OF(bytes)                                                                                                \
	PLAIN(read##bytes, bytes, ACCESS_READ)                                                                         \
	PLAIN(write##bytes, bytes, ACCESS_WRITE)                                                                       \
	PLAIN(volatile_read##bytes, bytes, ACCESS_READ)                                                                \
	PLAIN(volatile_write##bytes, bytes, ACCESS_WRITE)                                                              \
	PLAIN(unaligned_read##bytes, bytes, ACCESS_READ)                                                               \
	PLAIN(unaligned_write##bytes, bytes, ACCESS_WRITE)                                                             \
	PLAIN(unaligned_volatile_read##bytes, bytes, ACCESS_READ)                                                      \
	PLAIN(unaligned_volatile_write##bytes, bytes, ACCESS_WRITE)                                                    \
	void __tsan_read_write##bytes(void *address)                                                                   \
	{                                                                                                              \
		see(address, bytes, ACCESS_READ, SITE);                                                                \
		see(address, bytes, ACCESS_WRITE, SITE);                                                               \
	}                                                                                                              \
	void __tsan_unaligned_read_write##bytes(void *address)                                                         \
	{                                                                                                              \
		see(address, bytes, ACCESS_READ, SITE);                                                                \
		see(address, bytes, ACCESS_WRITE, SITE);                                                               \
	}

PLAIN_OF(1)
PLAIN_OF(2)
PLAIN_OF(4)
PLAIN_OF(8)
PLAIN_OF(16)

void __tsan_read_range(void *address, size_t bytes)
{
	coherence_see(address, bytes, ACCESS_READ, SITE);
}

void __tsan_write_range(void *address, size_t bytes)
{
	coherence_see(address, bytes, ACCESS_WRITE, SITE);
}

/* ---- Atomic accesses --------------------------------------------------------------------------------------------- */

void access_failed(const volatile void *address)
{
	struct line *line;

	if (!self || !counts.on)
		return;
	counts_add(self->operation, COHERENCE_CAS_FAILURES, 1);
	line = directory_line(directory_key((uintptr_t)address));
	directory_detail(line)->cas_failures++;
}

/* Threads run one at a time: between see() and the end of a function nobody else does. A sequentially consistent store is
 * an exchange on x86-64. */
#define FETCH(bits, type, name, new)                                                                                   \
	type __tsan_atomic##bits##_fetch_##name(volatile type *object, type value, int order)                          \
	{                                                                                                              \
		type old;                                                                                              \
                                                                                                                       \
		(void)order;                                                                                           \
		see(object, sizeof(type), ACCESS_RMW, SITE);                                                           \
		old = *object;                                                                                         \
		*object = (type)(new);                                                                                 \
		return old;                                                                                            \
	}

#define COMPARE_EXCHANGE(bits, type, strength)                                                                         \
	int __tsan_atomic##bits##_compare_exchange_##strength(volatile type *object, type *expected, type desired,     \
	                                                      int success, int failure)                                \
	{                                                                                                              \
		type old;                                                                                              \
                                                                                                                       \
		(void)success;                                                                                         \
		(void)failure;                                                                                         \
		see(object, sizeof(type), ACCESS_RMW, SITE);                                                           \
		old = *object;                                                                                         \
		if (old == *expected) {                                                                                \
			*object = desired;                                                                             \
			return 1;                                                                                      \
		}                                                                                                      \
		*expected = old;                                                                                       \
		access_failed(object);                                                                                        \
		return 0;                                                                                              \
	}

#define ATOMIC(bits, type)                                                                                             \
	type __tsan_atomic##bits##_load(const volatile type *object, int order)                                        \
	{                                                                                                              \
		(void)order;                                                                                           \
		see(object, sizeof(type), ACCESS_READ, SITE);                                                          \
		return *object;                                                                                        \
	}                                                                                                              \
	void __tsan_atomic##bits##_store(volatile type *object, type value, int order)                                 \
	{                                                                                                              \
		see(object, sizeof(type), order == __ATOMIC_SEQ_CST ? ACCESS_RMW : ACCESS_WRITE, SITE);                \
		*object = value;                                                                                       \
	}                                                                                                              \
	type __tsan_atomic##bits##_exchange(volatile type *object, type value, int order)                              \
	{                                                                                                              \
		type old;                                                                                              \
                                                                                                                       \
		(void)order;                                                                                           \
		see(object, sizeof(type), ACCESS_RMW, SITE);                                                           \
		old = *object;                                                                                         \
		*object = value;                                                                                       \
		return old;                                                                                            \
	}                                                                                                              \
	FETCH(bits, type, add, old + value)                                                                            \
	FETCH(bits, type, sub, old - value)                                                                            \
	FETCH(bits, type, and, old & value)                                                                            \
	FETCH(bits, type, or, old | value)                                                                             \
	FETCH(bits, type, xor, old ^ value)                                                                            \
	FETCH(bits, type, nand, ~(old & value))                                                                        \
	COMPARE_EXCHANGE(bits, type, strong)                                                                           \
	COMPARE_EXCHANGE(bits, type, weak)                                                                             \
	type __tsan_atomic##bits##_compare_exchange_val(volatile type *object, type expected, type desired,            \
	                                                int success, int failure)                                      \
	{                                                                                                              \
		type old;                                                                                              \
                                                                                                                       \
		(void)success;                                                                                         \
		(void)failure;                                                                                         \
		see(object, sizeof(type), ACCESS_RMW, SITE);                                                           \
		old = *object;                                                                                         \
		if (old == expected)                                                                                   \
			*object = desired;                                                                             \
		else                                                                                                   \
			access_failed(object);                                                                                \
		return old;                                                                                            \
	}

ATOMIC(8, uint8_t)
ATOMIC(16, uint16_t)
ATOMIC(32, uint32_t)
ATOMIC(64, uint64_t)
#if defined(__SIZEOF_INT128__)
ATOMIC(128, unsigned __int128)
#endif

void __tsan_atomic_thread_fence(int order)
{
	(void)order;
	if (self)
		self->clock += settings.latency.rmw;
}

void __tsan_atomic_signal_fence(int order)
{
	(void)order;
}
