/* SPDX-License-Identifier: BSD-2-Clause */
/* Clocks, sleeping, and what the system tells of itself: interposed, so that runs repeat. */
#include "coherence/time.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <sys/time.h>
#include <unistd.h>

#include "coherence/real.h"

#define YIELD_CYCLES 200

static struct timespec now(void)
{
	uint64_t ns = TIME_BEGIN_NS + time_ns(self->clock);

	return (struct timespec){.tv_sec = (time_t)(ns / 1000000000), .tv_nsec = (long)(ns % 1000000000)};
}

int clock_gettime(clockid_t clock, struct timespec *time)
{
	if (!self)
		return real(clock_gettime)(clock, time);
	*time = now();
	return 0;
}

int gettimeofday(struct timeval *restrict time, void *restrict zone)
{
	struct timespec precise;

	if (!self)
		return real(gettimeofday)(time, zone);
	precise = now();
	*time = (struct timeval){.tv_sec = precise.tv_sec, .tv_usec = precise.tv_nsec / 1000};
	return 0;
}

static void sleep_until(uint64_t deadline, uintptr_t site)
{
	schedule_block(&self->clock, "its sleep to end", deadline, site);
}

int nanosleep(const struct timespec *time, struct timespec *left)
{
	if (!self)
		return real(nanosleep)(time, left);
	sleep_until(time_after(time_of(time)), SITE);
	return 0;
}

int clock_nanosleep(clockid_t clock, int flags, const struct timespec *time, struct timespec *left)
{
	if (!self)
		return real(clock_nanosleep)(clock, flags, time, left);
	sleep_until(flags & TIMER_ABSTIME ? time_deadline(time) : time_after(time_of(time)), SITE);
	return 0;
}

int usleep(useconds_t us)
{
	if (!self)
		return real(usleep)(us);
	sleep_until(time_after((uint64_t)us * 1000), SITE);
	return 0;
}

unsigned sleep(unsigned seconds)
{
	if (!self)
		return real(sleep)(seconds);
	sleep_until(time_after((uint64_t)seconds * 1000000000), SITE);
	return 0;
}

int poll(struct pollfd *descriptors, nfds_t count, int milliseconds)
{
	if (!self || count > 0 || milliseconds < 0)
		return real(poll)(descriptors, count, milliseconds);
	sleep_until(time_after((uint64_t)milliseconds * 1000000), SITE);
	return 0;
}

int sched_yield(void)
{
	if (!self)
		return real(sched_yield)();
	self->clock += YIELD_CYCLES;
	schedule_switch(true);
	return 0;
}

int sched_getcpu(void)
{
	return self ? (int)(self->core % settings.processors) : real(sched_getcpu)();
}

long sysconf(int name)
{
	if (self && (name == _SC_NPROCESSORS_CONF || name == _SC_NPROCESSORS_ONLN))
		return settings.processors;
	return real(sysconf)(name);
}
