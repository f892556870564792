/* SPDX-License-Identifier: BSD-2-Clause */
/* Progress: a line on a terminal (a pseudo-terminal here), nothing on anything else. */
#include "harness/progress.h"

#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

/* What was written to stderr between begin_capture and end_capture. */
static char captured[65536];
static int read_end, saved_stderr;

static void redirect(int write_end)
{
	fflush(stderr);
	saved_stderr = dup(STDERR_FILENO);
	assert_true(saved_stderr >= 0);
	assert_int_equal(dup2(write_end, STDERR_FILENO), STDERR_FILENO);
	close(write_end);
	assert_int_equal(fcntl(read_end, F_SETFL, O_NONBLOCK), 0);
}

static void begin_terminal(unsigned short columns)
{
	struct winsize size = {.ws_row = 25, .ws_col = columns};
	int terminal;

	assert_int_equal(openpty(&read_end, &terminal, NULL, NULL, &size), 0);
	redirect(terminal);
}

static void begin_pipe(void)
{
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	read_end = ends[0];
	redirect(ends[1]);
}

/* Everything is small enough to lie in the buffers of the kernel, so nobody need read meanwhile. */
static void end_capture(void)
{
	size_t used = 0;
	ssize_t bytes;

	fflush(stderr);
	while ((bytes = read(read_end, captured + used, sizeof(captured) - 1 - used)) > 0)
		used += (size_t)bytes;
	captured[used] = '\0';
	assert_int_equal(dup2(saved_stderr, STDERR_FILENO), STDERR_FILENO);
	close(saved_stderr);
	close(read_end);
}

/* What a terminal of that many columns shows of `captured`: its lines, without the blanks at their ends. */
static void show(size_t columns, char *screen, size_t screen_bytes)
{
	char line[512];
	size_t at = 0, used = 0;

	memset(line, ' ', sizeof(line));
	for (const char *letter = captured;; letter++) {
		if (*letter == '\r') {
			at = 0;
		} else if (*letter == '\n' || *letter == '\0') {
			size_t end = columns;

			while (end > 0 && line[end - 1] == ' ')
				end--;
			used += (size_t)snprintf(screen + used, screen_bytes - used, "%.*s\n", (int)end, line);
			memset(line, ' ', sizeof(line));
			at = 0;
			if (*letter == '\0')
				break;
		} else {
			assert_true(*letter >= ' ' && *letter <= '~');
			assert_true(at < columns - 1); /* the last column stays free */
			line[at++] = *letter;
		}
	}
}

static void sleep_ms(long ms)
{
	struct timespec duration = {0, ms * 1000000};

	nanosleep(&duration, NULL);
}

static void test_pipe_stays_empty(void **state)
{
	(void)state;
	begin_pipe();
	progress_begin(10, 5);
	progress_step("a step");
	progress_end();
	end_capture();
	assert_string_equal(captured, "");
}

static void test_line(void **state)
{
	char screen[1024];

	(void)state;
	begin_terminal(60);
	progress_begin(4, 3725);
	progress_step("first");
	end_capture();
	show(60, screen, sizeof(screen));
	/* Nothing is done yet: the expectation counts. */
	assert_string_equal(screen, "  0 %  first                     0:00 elapsed, 1:02:05 left\n");
}

static void test_percent_and_time_left(void **state)
{
	char screen[1024];
	unsigned percent, elapsed_s, left_s;

	(void)state;
	begin_terminal(80);
	progress_begin(16, 1000);
	progress_step("one");
	sleep_ms(600);
	progress_step("two"); /* one of 16 is done in 0.6 s: 15 times as long is left */
	end_capture();
	show(80, screen, sizeof(screen));
	assert_int_equal(sscanf(screen, "%u %%  two 0:%u elapsed, 0:%u left", &percent, &elapsed_s, &left_s), 3);
	assert_int_equal(percent, 6);
	assert_in_range(elapsed_s, 1, 3);
	assert_in_range(left_s, 9, 30);
}

static void test_end_wipes(void **state)
{
	char screen[1024];

	(void)state;
	begin_terminal(80);
	progress_begin(2, 1);
	progress_step("a text that has to vanish");
	progress_step("and another one");
	progress_end();
	progress_end();
	progress_step("after the end");
	end_capture();
	show(80, screen, sizeof(screen));
	assert_non_null(strstr(captured, "vanish"));
	assert_null(strstr(captured, "after"));
	assert_string_equal(screen, "\n");
}

static void test_more_steps_than_announced(void **state)
{
	char screen[1024];

	(void)state;
	begin_terminal(80);
	progress_begin(1, 1);
	sleep_ms(600);
	for (int i = 0; i < 5; i++)
		progress_step("again");
	end_capture();
	show(80, screen, sizeof(screen));
	assert_memory_equal(screen, "100 %  again ", 13);
	assert_non_null(strstr(screen, ", 0:00 left\n"));
}

static void test_no_steps(void **state)
{
	char screen[1024];

	(void)state;
	begin_terminal(80);
	progress_begin(0, 0);
	end_capture();
	show(80, screen, sizeof(screen));
	assert_memory_equal(screen, "100 %  ", 7);
}

/* Whatever the text and the width of the terminal (0: it does not tell): one line, one column free. */
static void test_widths(void **state)
{
	char text[500], screen[8192];

	(void)state;
	memset(text, 'x', sizeof(text));
	memcpy(text, "tab\t, newline\n, escape \x1B[1m, \xC3\xA9 ", 32);
	text[sizeof(text) - 1] = '\0';
	for (unsigned short columns = 2; columns < 300; columns++) {
		begin_terminal(columns == 2 ? 0 : columns);
		progress_begin(3, 100000);
		progress_step(text);
		progress_end();
		end_capture();
		show(columns == 2 ? 80 : columns, screen, sizeof(screen));
		assert_string_equal(screen, "\n");
	}
}

static void test_message(void **state)
{
	char screen[1024];

	(void)state;
	begin_terminal(60);
	progress_begin(2, 7);
	progress_step("working");
	progress_message("point %d failed", 3);
	end_capture();
	show(60, screen, sizeof(screen));
	assert_string_equal(screen, "point 3 failed\n  0 %  working                      0:00 elapsed, 0:07 left\n");
	begin_pipe();
	progress_begin(2, 7);
	progress_message("point %d failed", 3);
	progress_end();
	end_capture();
	assert_string_equal(captured, "point 3 failed\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pipe_stays_empty),
		cmocka_unit_test(test_line),
		cmocka_unit_test(test_percent_and_time_left),
		cmocka_unit_test(test_end_wipes),
		cmocka_unit_test(test_more_steps_than_announced),
		cmocka_unit_test(test_no_steps),
		cmocka_unit_test(test_widths),
		cmocka_unit_test(test_message),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
