/* SPDX-License-Identifier: BSD-2-Clause */
/* Threads of a test; see crew.h. */
#include "crew.h"

#include <errno.h>
#include <sched.h>
#include <time.h>

static void note(char *failure, size_t failure_bytes, const char *format, va_list arguments)
{
	if (failure[0] == '\0')
		vsnprintf(failure, failure_bytes, format, arguments);
}

void crew_fail(struct crew_member *member, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	note(member->failure, sizeof member->failure, format, arguments);
	va_end(arguments);
	crew_stop(member->crew);
}

void crew_fail_main(struct crew *crew, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	note(crew->failure, sizeof crew->failure, format, arguments);
	va_end(arguments);
	crew_stop(crew);
}

static void *member_main(void *argument)
{
	struct crew_member *member = argument;
	struct crew *crew = member->crew;
	enum capacitor_result result = CAPACITOR_OK;

	if (crew->enters)
		result = capacitor_enter(crew->rig->cache, &member->handle);
	if (result != CAPACITOR_OK)
		crew_fail(member, "capacitor_enter: %s", capacitor_result_string(result));
	fetch_add_relaxed(&crew->ready, 1); /* relaxed: a count; `go` orders */
	while (!load_acquire(&crew->go))    /* PAIRS: start() */
		sched_yield();
	if (result == CAPACITOR_OK)
		crew->run(member);
	capacitor_leave(member->handle);
	return NULL;
}

static void start(struct crew *crew, struct rig *rig, unsigned count, void (*run)(struct crew_member *member),
                  void *context, bool enters)
{
	unsigned made = 0;

	*crew = (struct crew){.rig = rig, .run = run, .context = context, .enters = enters};
	for (; made < count; made++) {
		struct crew_member *member = &crew->member[made];

		member->crew = crew;
		member->index = made;
		member->random = mix64(rig->seed + made + 1);
		if (pthread_create(&member->thread, NULL, member_main, member) != 0) {
			crew_fail_main(crew, "pthread_create failed at thread %u", made);
			break;
		}
	}
	crew->count = made;
	while (load_relaxed(&crew->ready) < made) /* relaxed: a count; nothing is read that they wrote */
		sched_yield();
	store_release(&crew->go, true); /* PAIRS: member_main() */
}

void crew_start(struct crew *crew, struct rig *rig, unsigned count, void (*run)(struct crew_member *member),
                void *context)
{
	start(crew, rig, count, run, context, true);
}

void crew_start_outside(struct crew *crew, struct rig *rig, unsigned count,
                        void (*run)(struct crew_member *member), void *context)
{
	start(crew, rig, count, run, context, false);
}

bool crew_goes_on(const struct crew *crew)
{
	return !load_relaxed(&crew->stop); /* relaxed: a hint; joining orders */
}

void crew_stop(struct crew *crew)
{
	store_relaxed(&crew->stop, true); /* relaxed: as above */
}

void crew_finish(struct crew *crew)
{
	for (unsigned i = 0; i < crew->count; i++)
		pthread_join(crew->member[i].thread, NULL);
	expect(crew->failure[0] == '\0', "%s", crew->failure);
	for (unsigned i = 0; i < crew->count; i++)
		expect(crew->member[i].failure[0] == '\0', "thread %u: %s", i, crew->member[i].failure);
}

void crew_run_for(struct crew *crew, uint64_t ns)
{
	uint64_t until_ns = now_ns() + ns;

	while (crew_goes_on(crew) && now_ns() < until_ns)
		sleep_ns(1000000);
	crew_stop(crew);
	crew_finish(crew);
}

bool crew_evicts_until(const struct crew *crew, uint64_t until_ns)
{
	struct capacitor_stats stats = {{0}};
	uint64_t now = now_ns();

	if (!crew_goes_on(crew) || now > until_ns + PATIENCE_NS)
		return false;
	if (now < until_ns)
		return true;
	capacitor_stats(crew->rig->cache, &stats);
	return stats.value[CAPACITOR_STAT_EVICTIONS] == 0;
}

/* ---- Gates ------------------------------------------------------------------------------------------------------- */

void gate_init(struct gate *gate)
{
	pthread_condattr_t attributes;

	*gate = (struct gate){.open = false};
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_mutex_init(&gate->mutex, NULL);
	pthread_cond_init(&gate->changed, &attributes);
	pthread_condattr_destroy(&attributes);
}

void gate_destroy(struct gate *gate)
{
	pthread_cond_destroy(&gate->changed);
	pthread_mutex_destroy(&gate->mutex);
}

void gate_pass(struct gate *gate)
{
	pthread_mutex_lock(&gate->mutex);
	gate->arrived++;
	pthread_cond_broadcast(&gate->changed);
	while (!gate->open)
		pthread_cond_wait(&gate->changed, &gate->mutex);
	pthread_mutex_unlock(&gate->mutex);
}

bool gate_await(struct gate *gate, unsigned arrived, uint64_t timeout_ns)
{
	uint64_t deadline_ns = now_ns() + timeout_ns;
	struct timespec deadline = {
		.tv_sec = (time_t)(deadline_ns / 1000000000u),
		.tv_nsec = (long)(deadline_ns % 1000000000u),
	};
	bool all;

	pthread_mutex_lock(&gate->mutex);
	while (gate->arrived < arrived &&
	       pthread_cond_timedwait(&gate->changed, &gate->mutex, &deadline) != ETIMEDOUT)
		;
	all = gate->arrived >= arrived;
	pthread_mutex_unlock(&gate->mutex);
	return all;
}

void gate_open(struct gate *gate)
{
	pthread_mutex_lock(&gate->mutex);
	gate->open = true;
	pthread_cond_broadcast(&gate->changed);
	pthread_mutex_unlock(&gate->mutex);
}
