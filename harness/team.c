/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A team of threads; see team.h.
 *
 * Who is ready and who has ended is kept under one mutex, because that happens twice in a run. The phase is read
 * without it, by every member after every operation. So is the gate: members that wait for it sleep on a futex, which
 * wakes them all at once; a condition variable would hand them its mutex one after the other, and the last of a
 * thousand threads would have to wait for as many others to be scheduled, which are running already.
 */
#include "harness/team.h"

#include <errno.h>
#include <hwloc.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* How far apart the reading of the time before and after the counts may be; more, and the coordinator was interrupted
 * in between and reads again. A window is 10 ms at least: 100 us are 1 % of that. */
#define READING_NS    100000
#define READINGS_MAX  10

/* A window in which no operation ended at all is made longer by its length, so often at the most. */
#define EXTENSIONS_MAX 10

enum gate {
	GATE_CLOSED,
	GATE_OPEN,
	GATE_GIVEN_UP, /* it will never open */
};

struct team {
	/* Read by all members, written three times in a run. */
	alignas(LINE_PAIR_BYTES) _Atomic int phase;
	_Atomic uint32_t gate;

	alignas(LINE_PAIR_BYTES) pthread_mutex_t mutex;
	pthread_cond_t changed;
	unsigned ready, ended; /* members that came to the gate; whose bodies returned */
	bool failed;           /* a body returned false */
	pthread_barrier_t meeting;
	enum team_phase agreed;
	const char *not_pinned;

	const struct team_plan *plan;
	struct team_member *members;
	pthread_t *threads;
	uint64_t open_ns; /* when the gate opened */
	uint64_t end_ns;  /* when the last body ended */
};

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void sleep_until(uint64_t time_ns)
{
	struct timespec until = {.tv_sec = (time_t)(time_ns / 1000000000u), .tv_nsec = (long)(time_ns % 1000000000u)};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
		;
}

/* ---- Processors -------------------------------------------------------------------------------------------------- */

/* Loaded once, because that takes longer than to start a team; NULL where hwloc fails. Never freed. */
static hwloc_topology_t topology;

/* The machine without what this process may not use: by its control group, and by its own binding (taskset). */
static void load_topology(void)
{
	hwloc_cpuset_t allowed;

	if (hwloc_topology_init(&topology) != 0) {
		topology = NULL;
		return;
	}
	if (hwloc_topology_load(topology) != 0) {
		hwloc_topology_destroy(topology);
		topology = NULL;
		return;
	}
	allowed = hwloc_bitmap_alloc();
	if (allowed && hwloc_get_cpubind(topology, allowed, HWLOC_CPUBIND_PROCESS) == 0 &&
	    !hwloc_bitmap_iszero(allowed))
		hwloc_topology_restrict(topology, allowed, 0);
	hwloc_bitmap_free(allowed);
}

unsigned team_processors(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	int processors;

	pthread_once(&once, load_topology);
	processors = topology ? hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_PU) : 0;
	return processors > 0 ? (unsigned)processors : 1;
}

/* The processor of a member: the first hardware threads of all cores, then the second ones, ..., and round again. */
static hwloc_obj_t processor_of(unsigned index)
{
	int processors = hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_PU);
	int cores = hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_CORE);
	int left;

	if (processors <= 0)
		return NULL;
	left = (int)(index % (unsigned)processors);
	if (cores <= 0)
		return hwloc_get_obj_by_type(topology, HWLOC_OBJ_PU, (unsigned)left);
	for (unsigned sibling = 0; sibling < (unsigned)processors; sibling++)
		for (unsigned core = 0; core < (unsigned)cores; core++) {
			hwloc_obj_t object = hwloc_get_obj_by_type(topology, HWLOC_OBJ_CORE, core);
			hwloc_obj_t processor =
				hwloc_get_obj_inside_cpuset_by_type(topology, object->cpuset, HWLOC_OBJ_PU, sibling);

			if (processor && left-- == 0)
				return processor;
		}
	return NULL;
}

static const char *pin(unsigned index)
{
	hwloc_obj_t processor = topology ? processor_of(index) : NULL;

	if (!processor)
		return "hwloc finds no processors";
	if (hwloc_set_cpubind(topology, processor->cpuset, HWLOC_CPUBIND_THREAD) != 0)
		return "the system refused to bind a thread to a processor";
	return NULL;
}

/* ---- Members ----------------------------------------------------------------------------------------------------- */

static void *member_main(void *argument)
{
	struct team_member *member = argument;
	struct team *team = member->team;
	const char *not_pinned = pin(member->index);
	bool done = team->plan->body(member);
	uint64_t end_ns = now_ns();

	pthread_mutex_lock(&team->mutex);
	team->ended++;
	if (end_ns > team->end_ns)
		team->end_ns = end_ns;
	if (!done)
		team->failed = true;
	if (not_pinned)
		team->not_pinned = not_pinned;
	pthread_cond_broadcast(&team->changed);
	pthread_mutex_unlock(&team->mutex);
	return NULL;
}

/* PAIRS: set_gate(). What the coordinator did before it opened the gate happened before what members do after it. */
bool team_ready(struct team_member *member)
{
	struct team *team = member->team;
	uint32_t gate;

	pthread_mutex_lock(&team->mutex);
	team->ready++;
	pthread_cond_broadcast(&team->changed);
	pthread_mutex_unlock(&team->mutex);
	while ((gate = load_acquire(&team->gate)) == GATE_CLOSED)
		syscall(SYS_futex, &team->gate, FUTEX_WAIT_PRIVATE, GATE_CLOSED, NULL, NULL, 0);
	return gate == GATE_OPEN;
}

/* PAIRS: team_ready(). */
static void set_gate(struct team *team, enum gate gate)
{
	store_release(&team->gate, (uint32_t)gate);
	syscall(SYS_futex, &team->gate, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

void team_meet(struct team_member *member)
{
	pthread_barrier_wait(&member->team->meeting);
}

/* One member reads the phase between two meetings, so that the coordinator cannot change it under some of them. */
enum team_phase team_agree(struct team_member *member)
{
	struct team *team = member->team;

	if (pthread_barrier_wait(&team->meeting) == PTHREAD_BARRIER_SERIAL_THREAD)
		team->agreed = team_phase(member);
	pthread_barrier_wait(&team->meeting);
	return team->agreed;
}

bool team_fail(struct team_member *member, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(member->error, sizeof(member->error), format, arguments);
	va_end(arguments);
	return false;
}

/* ---- The coordinator --------------------------------------------------------------------------------------------- */

struct reading {
	uint64_t time_ns;
	uint64_t *count; /* [threads][TEAM_COUNTS] */
};

static void read_counts(struct team *team, struct reading *reading)
{
	for (int attempt = 0; attempt < READINGS_MAX; attempt++) {
		uint64_t begin_ns = now_ns(), end_ns;

		for (unsigned i = 0; i < team->plan->threads; i++)
			for (unsigned j = 0; j < TEAM_COUNTS; j++)
				reading->count[i * TEAM_COUNTS + j] = team_counted(&team->members[i], j);
		end_ns = now_ns();
		reading->time_ns = begin_ns + (end_ns - begin_ns) / 2;
		if (end_ns - begin_ns <= READING_NS)
			return;
	}
}

static void fill_result(const struct team *team, const struct reading *opened, const struct reading *closed,
                        const struct reading *edge, struct team_result *result)
{
	unsigned threads = team->plan->threads;
	double sum = 0, squares = 0;

		for (unsigned i = 0; i < threads; i++) {
		double operations = (double)(closed->count[i * TEAM_COUNTS] - opened->count[i * TEAM_COUNTS]);

		result->edge_operations += edge->count[i * TEAM_COUNTS] - opened->count[i * TEAM_COUNTS];
		for (unsigned j = 0; j < TEAM_COUNTS; j++)
			result->count[j] += closed->count[i * TEAM_COUNTS + j] - opened->count[i * TEAM_COUNTS + j];
		sum += operations;
		squares += operations * operations;
	}
	result->edge_s = (double)(edge->time_ns - opened->time_ns) / 1e9;
	result->window_s = (double)(closed->time_ns - opened->time_ns) / 1e9;
	result->fairness = squares > 0 ? sum * sum / (threads * squares) : 1;
}

static void copy_reading(const struct team *team, struct reading *to, const struct reading *from)
{
	to->time_ns = from->time_ns;
	memcpy(to->count, from->count, team->plan->threads * TEAM_COUNTS * sizeof(uint64_t));
}

static void say(struct team *team, enum team_phase phase)
{
	store_relaxed(&team->phase, phase); /* relaxed: see team_phase() */
}

/* Has a member ended? In a window none should. */
static bool someone_ended(struct team *team)
{
	bool ended;

	pthread_mutex_lock(&team->mutex);
	ended = team->ended > 0;
	pthread_mutex_unlock(&team->mutex);
	return ended;
}

static void wait_until_all_run(struct team *team)
{
	for (unsigned i = 0; i < team->plan->threads; i++)
		while (team_counted(&team->members[i], TEAM_OPERATIONS) == 0 && !someone_ended(team))
			sleep_until(now_ns() + 100000);
}

static uint64_t operations_of(const struct team *team, const struct reading *reading)
{
	uint64_t operations = 0;

	for (unsigned i = 0; i < team->plan->threads; i++)
		operations += reading->count[i * TEAM_COUNTS + TEAM_OPERATIONS];
	return operations;
}

static void run_window(struct team *team, struct reading *opened, struct reading *closed, struct reading *edge)
{
	const struct team_plan *plan = team->plan;

	wait_until_all_run(team);
	sleep_until(now_ns() + (uint64_t)(plan->warmup_s * 1e9));
	if (plan->edge)
		plan->edge(plan->context, false);
	say(team, TEAM_WINDOW);
	read_counts(team, opened);
	closed->time_ns = opened->time_ns;
	for (int extensions = 0; extensions <= EXTENSIONS_MAX; extensions++) {
		sleep_until(closed->time_ns + (uint64_t)(plan->window_s * 1e9));
		read_counts(team, closed);
		if (operations_of(team, closed) > operations_of(team, opened))
			break;
	}
	if (plan->edge)
		plan->edge(plan->context, true);
	read_counts(team, edge);
	say(team, TEAM_STOP);
}

/* The gate opens when all have come to it; never, when one failed before. */
static bool open_gate(struct team *team)
{
	bool open;

	pthread_mutex_lock(&team->mutex);
	while (team->ready + team->ended < team->plan->threads && !team->failed)
		pthread_cond_wait(&team->changed, &team->mutex);
	open = team->ready == team->plan->threads && !team->failed;
	pthread_mutex_unlock(&team->mutex);
	team->open_ns = now_ns();
	set_gate(team, open ? GATE_OPEN : GATE_GIVEN_UP);
	return open;
}

static void wait_for_the_end(struct team *team)
{
	pthread_mutex_lock(&team->mutex);
	while (team->ended < team->plan->threads)
		pthread_cond_wait(&team->changed, &team->mutex);
	pthread_mutex_unlock(&team->mutex);
}

static void coordinate(struct team *team, struct reading *opened, struct reading *closed, struct reading *edge)
{
	const struct team_plan *plan = team->plan;

	if (plan->window_s > 0) {
		if (open_gate(team))
			run_window(team, opened, closed, edge);
		wait_for_the_end(team);
		return;
	}
	/* Nobody works before the gate opens, or after the last has ended: this edge and that are exact. */
	if (plan->edge)
		plan->edge(plan->context, false);
	open_gate(team);
	wait_for_the_end(team);
	read_counts(team, closed);
	opened->time_ns = team->open_ns;
	closed->time_ns = team->end_ns > team->open_ns ? team->end_ns : team->open_ns;
	if (plan->edge)
		plan->edge(plan->context, true);
	copy_reading(team, edge, closed);
}

/* Starts the threads; gives up, and ends those that were started, when one cannot be made. */
static bool start(struct team *team, char error[TEAM_ERROR_BYTES])
{
	for (unsigned i = 0; i < team->plan->threads; i++) {
		struct team_member *member = &team->members[i];
		int status;

		member->team = team;
		member->phase = &team->phase;
		member->context = team->plan->context;
		member->index = i;
		member->threads = team->plan->threads;
		status = pthread_create(&team->threads[i], NULL, member_main, member);
		if (status == 0)
			continue;
		snprintf(error, TEAM_ERROR_BYTES, "thread %u of %u cannot be made: %s", i + 1, team->plan->threads,
		         strerror(status));
		set_gate(team, GATE_GIVEN_UP);
		while (i-- > 0)
			pthread_join(team->threads[i], NULL);
		return false;
	}
	return true;
}

static bool run(struct team *team, struct team_result *result, char error[TEAM_ERROR_BYTES])
{
	unsigned threads = team->plan->threads;
	struct reading opened = {.count = calloc(threads * TEAM_COUNTS, sizeof(uint64_t))};
	struct reading closed = {.count = calloc(threads * TEAM_COUNTS, sizeof(uint64_t))};
	struct reading edge = {.count = calloc(threads * TEAM_COUNTS, sizeof(uint64_t))};
	bool done = false;

	if (!opened.count || !closed.count || !edge.count) {
		snprintf(error, TEAM_ERROR_BYTES, "no memory for the counts of %u threads", threads);
	} else if (start(team, error)) {
		coordinate(team, &opened, &closed, &edge);
		for (unsigned i = 0; i < threads; i++)
			pthread_join(team->threads[i], NULL);
		done = !team->failed;
		snprintf(error, TEAM_ERROR_BYTES, "a thread failed");
		for (unsigned i = threads; i-- > 0;)
			if (team->members[i].error[0])
				snprintf(error, TEAM_ERROR_BYTES, "%s", team->members[i].error);
		fill_result(team, &opened, &closed, &edge, result);
	}
	free(opened.count);
	free(closed.count);
	free(edge.count);
	return done;
}

bool team_run(const struct team_plan *plan, struct team_result *result, char error[TEAM_ERROR_BYTES])
{
	struct team team = {.plan = plan};
	unsigned processors = team_processors();
	bool done = false;

	memset(result, 0, sizeof(*result));
	team.members = aligned_alloc(alignof(struct team_member), plan->threads * sizeof(*team.members));
	team.threads = calloc(plan->threads, sizeof(*team.threads));
	if (team.members && team.threads && pthread_barrier_init(&team.meeting, NULL, plan->threads) == 0) {
		memset(team.members, 0, plan->threads * sizeof(*team.members));
		pthread_mutex_init(&team.mutex, NULL);
		pthread_cond_init(&team.changed, NULL);
		done = run(&team, result, error);
		pthread_cond_destroy(&team.changed);
		pthread_mutex_destroy(&team.mutex);
		pthread_barrier_destroy(&team.meeting);
	} else {
		snprintf(error, TEAM_ERROR_BYTES, "no memory for a team of %u threads", plan->threads);
	}
	result->not_pinned = team.not_pinned;
	result->oversubscribed = plan->threads > processors;
	free(team.threads);
	free(team.members);
	return done;
}

static bool ready_body(struct team_member *member)
{
	team_ready(member);
	return true;
}

const char *team_not_pinned(void)
{
	struct team_plan plan = {.threads = 1, .body = ready_body};
	struct team_result result;
	char error[TEAM_ERROR_BYTES];

	return team_run(&plan, &result, error) ? result.not_pinned : "no thread could be made to try";
}
