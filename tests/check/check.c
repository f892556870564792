/* SPDX-License-Identifier: BSD-2-Clause */
/* What checks call; see check.h. */
#include "check.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "record.h"

void record_init(struct check_record *record)
{
	memset(record, 0, sizeof *record);
	pthread_mutex_init(&record->mutex, NULL);
}

/* ---- What a run finds and counts --------------------------------------------------------------------------------- */

bool check_failed(const struct check_run *run)
{
	return load_relaxed(&run->record->failed); /* relaxed: who sees it late goes on a little */
}

bool check_goes_on(const struct check_run *run)
{
	return !check_failed(run) && check_now_ns() < run->until_ns;
}

void check_count(struct check_run *run, enum check_figure figure, uint64_t n)
{
	fetch_add_relaxed(&run->record->figure[figure], n); /* relaxed: a sum */
}

void check_fail(struct check_run *run, const char *format, ...)
{
	struct check_record *record = run->record;
	va_list arguments;

	pthread_mutex_lock(&record->mutex);
	if (!load_relaxed(&record->failed)) { /* relaxed: under the mutex */
		va_start(arguments, format);
		vsnprintf(record->failure, sizeof record->failure, format, arguments);
		va_end(arguments);
		store_relaxed(&record->failed, true); /* relaxed: the text is read after the run */
	}
	pthread_mutex_unlock(&record->mutex);
}

void check_note(struct check_run *run, const char *format, ...)
{
	struct check_record *record = run->record;
	char line[1024];
	va_list arguments;
	int bytes;

	va_start(arguments, format);
	vsnprintf(line, sizeof line, format, arguments);
	va_end(arguments);
	pthread_mutex_lock(&record->mutex);
	bytes = snprintf(record->notes + record->notes_bytes, sizeof record->notes - record->notes_bytes, "%s\n", line);
	if (record->notes_bytes + (size_t)bytes < sizeof record->notes)
		record->notes_bytes += (size_t)bytes;
	else
		record->notes[record->notes_bytes] = '\0'; /* there is no room for it */
	pthread_mutex_unlock(&record->mutex);
}

/* ---- Caches ------------------------------------------------------------------------------------------------------ */

/* A cache or a thread that cannot be made ends the run: nothing after it makes sense. */
static void give_up(struct check_run *run, const char *what, const char *why)
{
	check_fail(run, "%s: %s", what, why);
	exit(1);
}

void check_config(const struct check_run *run, struct capacitor_config *config)
{
	uint64_t seed = check_mix(run->seed);

	capacitor_config_init(config);
	config->policy = run->policy;
	config->counters = run->counters;
	config->hash_seed_set = true;
	memcpy(config->hash_seed, &seed, sizeof seed);
}

struct capacitor *check_create(struct check_run *run, const struct capacitor_config *config)
{
	struct capacitor_error error;
	struct capacitor *cache;

	if (capacitor_create(run->info->name, config, &cache, &error) != CAPACITOR_OK)
		give_up(run, "create", error.message);
	return cache;
}

struct capacitor_handle *check_enter(struct check_run *run, struct capacitor *cache)
{
	struct capacitor_handle *handle;
	enum capacitor_result result = capacitor_enter(cache, &handle);

	if (result != CAPACITOR_OK)
		give_up(run, "enter", capacitor_result_string(result));
	return handle;
}

uint64_t check_stat(struct capacitor *cache, enum capacitor_stat stat)
{
	struct capacitor_stats stats;

	capacitor_stats(cache, &stats);
	return stats.value[stat];
}

/* ---- Threads ----------------------------------------------------------------------------------------------------- */

/* Where threads wait for each other before they begin. */
struct check_gate {
	pthread_mutex_t mutex;
	pthread_cond_t opened;
	unsigned missing;
};

static void gate_pass(struct check_gate *gate)
{
	pthread_mutex_lock(&gate->mutex);
	if (--gate->missing == 0)
		pthread_cond_broadcast(&gate->opened);
	while (gate->missing > 0)
		pthread_cond_wait(&gate->opened, &gate->mutex);
	pthread_mutex_unlock(&gate->mutex);
}

static void *thread_main(void *argument)
{
	struct check_thread *self = argument;

	if (self->cache)
		self->handle = check_enter(self->run, self->cache);
	gate_pass(self->gate);
	self->body(self);
	if (self->cache)
		capacitor_leave(self->handle);
	return NULL;
}

void check_threads(struct check_run *run, struct capacitor *cache, unsigned count,
                   void (*body)(struct check_thread *self), void *context)
{
	struct check_gate gate = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, count};
	struct check_thread *threads = calloc(count, sizeof *threads);

	if (!threads)
		give_up(run, "threads", strerror(ENOMEM));
	for (unsigned i = 0; i < count; i++) {
		int error;

		threads[i] = (struct check_thread){
			.run = run, .cache = cache, .context = context, .index = i, .body = body, .gate = &gate,
			.random = check_mix(run->seed ^ check_mix(i + 1)),
		};
		error = pthread_create(&threads[i].thread, NULL, thread_main, &threads[i]);
		if (error)
			give_up(run, "pthread_create", strerror(error));
	}
	for (unsigned i = 0; i < count; i++)
		pthread_join(threads[i].thread, NULL);
	check_count(run, CHECK_THREADS, count);
	free(threads);
}

/* ---- Small things ------------------------------------------------------------------------------------------------ */

uint64_t check_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void check_sleep_ns(uint64_t ns)
{
	struct timespec left = {.tv_sec = (time_t)(ns / 1000000000u), .tv_nsec = (long)(ns % 1000000000u)};

	while (nanosleep(&left, &left) != 0 && errno == EINTR)
		;
}

uint64_t check_mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15u;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
	return x ^ (x >> 31);
}

uint64_t check_random(uint64_t *state)
{
	uint64_t x = *state;

	*state += 0x9e3779b97f4a7c15u;
	return check_mix(x);
}

void *check_lines(size_t bytes)
{
	size_t whole = (bytes + LINE_PAIR_BYTES - 1) / LINE_PAIR_BYTES * LINE_PAIR_BYTES;
	void *memory = aligned_alloc(LINE_PAIR_BYTES, whole);

	return memory ? memset(memory, 0, whole) : NULL;
}

bool check_sanitized(void)
{
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
	return true;
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	return true;
#else
	return check_serialised();
#endif
}

/* valgrind loads a part of itself into the process, by a name that begins so. */
bool check_serialised(void)
{
	const char *preloaded = getenv("LD_PRELOAD");

	return preloaded && (strstr(preloaded, "/valgrind/") || strstr(preloaded, "/vgpreload"));
}
