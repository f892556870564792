/* SPDX-License-Identifier: BSD-2-Clause */
/* Futex calls of a thread; see futex.h. */
#include "harness/futex.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The number of the tracepoint. 0: none can be read; errno says why. */
static unsigned long tracepoint(void)
{
	static const char *const paths[] = {"/sys/kernel/tracing/events/syscalls/sys_enter_futex/id",
	                                    "/sys/kernel/debug/tracing/events/syscalls/sys_enter_futex/id"};
	unsigned long number = 0;

	for (unsigned i = 0; i < 2 && number == 0; i++) {
		FILE *file = fopen(paths[i], "re");

		if (!file)
			continue;
		if (fscanf(file, "%lu", &number) != 1)
			number = 0;
		fclose(file);
	}
	return number;
}

int futex_open(void)
{
	struct perf_event_attr event = {.type = PERF_TYPE_TRACEPOINT, .size = sizeof(event), .config = tracepoint()};

	if (event.config == 0)
		return -1;
	return (int)syscall(SYS_perf_event_open, &event, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
}

uint64_t futex_calls(int counter)
{
	uint64_t calls = 0;

	return read(counter, &calls, sizeof(calls)) == (ssize_t)sizeof(calls) ? calls : 0;
}

void futex_close(int counter)
{
	if (counter >= 0)
		close(counter);
}

const char *futex_unavailable(void)
{
	int counter, failure;

	if (tracepoint() == 0)
		return "the tracepoint syscalls:sys_enter_futex cannot be read: tracefs is not mounted, or only for root";
	counter = futex_open();
	failure = errno;
	if (counter >= 0) {
		futex_close(counter);
		return NULL;
	}
	return failure == EACCES || failure == EPERM
	               ? "tracepoints are not permitted: see kernel.perf_event_paranoid, or a filter of the container"
	               : "perf_event_open refused the tracepoint syscalls:sys_enter_futex";
}
