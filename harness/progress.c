/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The line of progress; see progress.h.
 *
 * The line is wiped with blanks, not with an escape sequence, which works on every terminal. It keeps one column free:
 * a character in the last one makes some terminals wrap. Each drawing is one write, so that nothing flickers.
 */
#include "harness/progress.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define COLUMNS_MAX     200
#define COLUMNS_DEFAULT 80

static struct {
	bool shown; /* a run has begun, and stderr is a terminal */
	size_t steps;
	size_t begun;
	double expected_s;
	double began_s;
	char text[COLUMNS_MAX + 1];
} run;

static double now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* The columns to use; asked for each time, since windows change. */
static int columns(void)
{
	struct winsize size;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
		return COLUMNS_DEFAULT - 1;
	return (size.ws_col > COLUMNS_MAX ? COLUMNS_MAX : size.ws_col) - 1;
}

/* 0:05, 12:34, 3:00:00. */
static void format_s(double seconds, char *text, size_t text_bytes)
{
	uint64_t whole = seconds < 0 ? 0 : seconds > 1e9 ? 1000000000 : (uint64_t)(seconds + 0.5);

	if (whole >= 3600)
		snprintf(text, text_bytes, "%u:%02u:%02u", (unsigned)(whole / 3600), (unsigned)(whole / 60 % 60),
		         (unsigned)(whole % 60));
	else
		snprintf(text, text_bytes, "%u:%02u", (unsigned)(whole / 60), (unsigned)(whole % 60));
}

static void print(const char *text)
{
	fputs(text, stderr);
	fflush(stderr);
}

static void wipe(void)
{
	char line[COLUMNS_MAX + 3];

	snprintf(line, sizeof(line), "\r%*s\r", columns(), "");
	print(line);
}

static void draw(void)
{
	size_t done = run.begun > 0 ? run.begun - 1 : 0;
	double elapsed_s = now_s() - run.began_s;
	double left_s = run.expected_s - elapsed_s;
	char elapsed[32], left[32], times[80], line[COLUMNS_MAX + 3];
	int width = columns(), text_width;

	if (done > run.steps)
		done = run.steps;
	if (done > 0)
		left_s = elapsed_s * (double)(run.steps - done) / (double)done;
	format_s(elapsed_s, elapsed, sizeof(elapsed));
	format_s(left_s, left, sizeof(left));
	snprintf(times, sizeof(times), "%s elapsed, %s left", elapsed, left);
	/* "100 %", two blanks, the text, two blanks, the times; on a narrow terminal the text goes first. */
	text_width = width - 7 - 2 - (int)strlen(times);
	if (text_width > 0)
		snprintf(line, sizeof(line), "\r%3u %%  %-*.*s  %s",
		         (unsigned)(run.steps ? 100 * done / run.steps : 100), text_width, text_width, run.text, times);
	else
		snprintf(line, sizeof(line), "\r%.*s", width, times);
	print(line);
}

void progress_begin(size_t steps, double expected_s)
{
	memset(&run, 0, sizeof(run));
	run.shown = isatty(STDERR_FILENO) == 1;
	run.steps = steps;
	run.expected_s = expected_s;
	run.began_s = now_s();
	if (run.shown)
		draw();
}

void progress_step(const char *text)
{
	if (!run.shown)
		return;
	run.begun++;
	/* What is not printable ASCII would move the cursor, or take another number of columns than of bytes. */
	snprintf(run.text, sizeof(run.text), "%s", text);
	for (char *letter = run.text; *letter; letter++)
		if (*letter < ' ' || *letter > '~')
			*letter = '?';
	draw();
}

void progress_message(const char *format, ...)
{
	va_list arguments;

	if (run.shown)
		wipe();
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	print("\n");
	if (run.shown)
		draw();
}

void progress_end(void)
{
	if (run.shown)
		wipe();
	run.shown = false;
}
