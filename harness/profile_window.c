/* SPDX-License-Identifier: BSD-2-Clause */
/* The samplers, from inside; see profile_window.h. */
#include "harness/profile_window.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/profile_offcpu.h"

static unsigned windows; /* that have been opened */

static void complain(const char *what)
{
	fprintf(stderr, "capacitor: profile: %s\n", what);
}

static const char *file_name(void)
{
	static char name[4096];
	const char *file = getenv("CAPACITOR_PROFILE_FILE");

	snprintf(name, sizeof name, "%.4000s.%u", file ? file : "profile", windows);
	return name;
}

/* ---- gperftools -------------------------------------------------------------------------------------------------- */

/* Of libprofiler, where it was preloaded: nothing here is linked with it. */
static void *preloaded(const char *name)
{
	void *function = dlsym(RTLD_DEFAULT, name);

	if (!function)
		complain("libprofiler.so.0 is not preloaded");
	return function;
}

static void cpu_window(bool closes)
{
	void *found = preloaded(closes ? "ProfilerStop" : "ProfilerStart");
	int (*start)(const char *);
	void (*stop)(void);

	if (!found)
		return;
	if (closes) {
		memcpy(&stop, &found, sizeof stop);
		stop();
	} else {
		memcpy(&start, &found, sizeof start);
		if (!start(file_name()))
			complain("gperftools could not start its sampling");
	}
}

/* ---- perf -------------------------------------------------------------------------------------------------------- */

/* perf answers "ack\n" once it has done so. */
static void perf_window(bool closes)
{
	static const char *const words[] = {"enable\n", "disable\n"};
	const char *control = getenv("CAPACITOR_PROFILE_CONTROL"), *ack = getenv("CAPACITOR_PROFILE_ACK");
	int to = control ? open(control, O_WRONLY | O_CLOEXEC) : -1, from = ack ? open(ack, O_RDONLY | O_CLOEXEC) : -1;
	char answer[8];

	if (to < 0 || from < 0 || write(to, words[closes], strlen(words[closes])) < 0 || read(from, answer, sizeof answer) <= 0)
		complain("perf record does not answer");
	if (to >= 0)
		close(to);
	if (from >= 0)
		close(from);
}

/* ---- Windows ----------------------------------------------------------------------------------------------------- */

static void offcpu_window(bool closes)
{
	const char *trouble = closes ? offcpu_stop(file_name()) : offcpu_start();

	if (trouble)
		complain(trouble);
}

void profile_window(const char *implementation, bool closes)
{
	const char *kind = getenv("CAPACITOR_PROFILE"), *only = getenv("CAPACITOR_PROFILE_IMPL");

	if (!kind || (only && strcmp(only, implementation) != 0))
		return;
	if (strcmp(kind, "cpu") == 0)
		cpu_window(closes);
	else if (strcmp(kind, "perf") == 0)
		perf_window(closes);
	else if (strcmp(kind, "offcpu") == 0)
		offcpu_window(closes);
	windows += closes;
}
