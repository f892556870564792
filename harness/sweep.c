/* SPDX-License-Identifier: BSD-2-Clause */
/* What bench and replay both do before the first point runs; see sweep.h. */
#include "harness/sweep.h"

#include <stdarg.h>
#include <stdio.h>

#include "harness/environment.h"
#include "harness/latency.h"
#include "harness/options.h"
#include "harness/results.h"
#include "harness/team.h"

/* How much of what is available a point may want: the estimate is rough, and others need memory, too. */
#define MEMORY_SHARE 0.9

#define TOLD_MAX 256

size_t sweep_digit(size_t *number, size_t base)
{
	size_t last = *number % base;

	*number /= base;
	return last;
}

void sweep_left_out(const char *command, const struct capacitor_info *implementation, const char *reason)
{
	static struct {
		const struct capacitor_info *implementation;
		const char *reason;
	} told[TOLD_MAX];
	static size_t count;

	for (size_t i = 0; i < count; i++)
		if (told[i].implementation == implementation && told[i].reason == reason)
			return;
	if (count < TOLD_MAX) {
		told[count].implementation = implementation;
		told[count++].reason = reason;
	}
	fprintf(stderr, "capacitor %s: left out: points of %s: %s\n", command, implementation->name, reason);
}

uint64_t sweep_available_bytes(void)
{
	uint64_t allowed = environment_memory_bytes(), unused = allowed;
	FILE *file = fopen("/proc/meminfo", "re");
	unsigned long kilobytes;
	char line[128];

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "MemAvailable: %lu kB", &kilobytes) == 1)
			unused = (uint64_t)kilobytes * 1024;
	if (file)
		fclose(file);
	return unused < allowed ? unused : allowed;
}

bool sweep_has_memory(const char *command, const char *point, uint64_t wanted, uint64_t available)
{
	if ((double)wanted <= (double)available * MEMORY_SHARE)
		return true;
	fprintf(stderr,
	        "capacitor %s: %s needs about %.1f GiB of memory, and %.1f GiB are available: give fewer or smaller "
	        "keys and values, fewer threads, or a smaller --capacity\n",
	        command, point, (double)wanted / (1 << 30), (double)available / (1 << 30));
	return false;
}

void sweep_add_machine(struct bench_session *session)
{
	const struct latency_clock *clock = latency_clock();
	const char *not_pinned = team_not_pinned();

	bench_add_fact(session, "clock_of_samples", "%s", clock->name);
	bench_add_fact(session, "ns_per_tick", "%.9g", clock->ns_per_tick);
	if (not_pinned)
		bench_add_fact(session, "pinning", "unavailable: %s", not_pinned);
	else
		bench_add_fact(session, "pinning",
		               "a thread per core, then the cores' other hardware threads, then again");
}

/* ---- Parts of bench.h that need no C++ --------------------------------------------------------------------------- */

void bench_add_fact(struct bench_session *session, const char *key, const char *format, ...)
{
	va_list arguments;

	if (session->facts == BENCH_CONTEXT_MAX)
		return;
	session->fact[session->facts].key = key;
	va_start(arguments, format);
	vsnprintf(session->fact[session->facts++].value, sizeof(session->fact[0].value), format, arguments);
	va_end(arguments);
}

bool bench_can_write(const char *command, const char *path)
{
	char error[OPTIONS_ERROR_BYTES];
	struct results_file file;

	if (!results_open(&file, path, error, sizeof(error))) {
		fprintf(stderr, "capacitor %s: %s\n", command, error);
		return false;
	}
	results_abort(&file);
	return true;
}
