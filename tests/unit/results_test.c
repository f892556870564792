/* SPDX-License-Identifier: BSD-2-Clause */
/* Results are written whole or not at all: through failures, kills and full disks. */
#include "harness/results.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/scratch.h"

static char error[512];

static void assert_holds(const char *path, const char *expected)
{
	char *text = scratch_read(path);

	assert_non_null(text);
	assert_string_equal(text, expected);
	free(text);
}

static bool write_text(const char *path, const char *text)
{
	return results_write_file(path, text, strlen(text), error, sizeof(error));
}

static void test_writes_and_replaces(void **state)
{
	const char *path = scratch_path("out/file.json");
	struct stat status;
	mode_t mask = umask(0022);

	(void)state;
	scratch_folder(scratch_path("out"));
	assert_true(write_text(path, "old"));
	assert_holds(path, "old");
	assert_true(write_text(path, "a new text"));
	assert_holds(path, "a new text");
	assert_true(write_text(path, ""));
	assert_holds(path, "");
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0644);
	assert_int_equal(scratch_entries(scratch_path("out")), 1);
	umask(mask);
}

/* Whoever looks before the commit sees the old file. */
static void test_old_until_committed(void **state)
{
	const char *path = scratch_path("out/file");
	struct results_file file;

	(void)state;
	scratch_folder(scratch_path("out"));
	assert_true(write_text(path, "old"));
	assert_true(results_open(&file, path, error, sizeof(error)));
	fprintf(file.stream, "%0100000d", 7); /* more than a buffer */
	fflush(file.stream);
	assert_holds(path, "old");
	assert_true(results_commit(&file, error, sizeof(error)));
	assert_null(file.stream);
	char *text = scratch_read(path);
	assert_int_equal(strlen(text), 100000);
	free(text);
	assert_int_equal(scratch_entries(scratch_path("out")), 1);
}

static void test_abort_leaves_nothing(void **state)
{
	struct results_file file;

	(void)state;
	scratch_folder(scratch_path("out"));
	assert_true(results_open(&file, scratch_path("out/new"), error, sizeof(error)));
	fputs("half", file.stream);
	results_abort(&file);
	results_abort(&file); /* a closed one is allowed */
	assert_int_equal(scratch_entries(scratch_path("out")), 0);

	assert_true(write_text(scratch_path("out/old"), "old"));
	assert_true(results_open(&file, scratch_path("out/old"), error, sizeof(error)));
	fputs("half", file.stream);
	results_abort(&file);
	assert_holds(scratch_path("out/old"), "old");
	assert_int_equal(scratch_entries(scratch_path("out")), 1);
}

/* What fails at the very end leaves nothing either, whatever name it had by then. */
static void test_not_replaceable(void **state)
{
	struct results_file file;

	(void)state;
	scratch_folder(scratch_path("out"));
	assert_true(results_open(&file, scratch_path("out/new"), error, sizeof(error)));
	fputs("whole", file.stream);
	scratch_folder(scratch_path("out/new"));
	assert_false(results_commit(&file, error, sizeof(error)));
	assert_ptr_equal(strstr(error, scratch_path("out/new")), error);
	assert_non_null(strstr(error, strerror(EISDIR)));
	assert_null(file.stream);
	assert_int_equal(scratch_entries(scratch_path("out")), 1);
	assert_int_equal(scratch_entries(scratch_path("out/new")), 0);
}

static bool has_nameless_files(void)
{
	int descriptor = open(scratch_path("out"), O_TMPFILE | O_WRONLY, 0600);

	if (descriptor < 0)
		return false;
	close(descriptor);
	return true;
}

static void test_killed_while_writing(void **state)
{
	int status;
	pid_t child;

	(void)state;
	scratch_folder(scratch_path("out"));
	if (!has_nameless_files()) {
		print_message("skipped: this file system has no files without a name\n");
		skip();
	}
	assert_true(write_text(scratch_path("out/file"), "old"));
	child = fork();
	if (child == 0) {
		struct results_file file;

		if (results_open(&file, scratch_path("out/file"), error, sizeof(error))) {
			fputs("half", file.stream);
			fflush(file.stream);
			raise(SIGKILL);
		}
		_exit(1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	assert_holds(scratch_path("out/file"), "old");
	assert_int_equal(scratch_entries(scratch_path("out")), 1);
}

/* A disk that is full in the middle of a file: the limit on the length of files stands in for it. */
static int write_beyond_limit(int argc, char **argv)
{
	static char text[100000];

	(void)argc;
	memset(text, 'x', sizeof(text));
	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &(struct rlimit){50000, 50000});
	if (results_write_file(argv[0], text, sizeof(text), error, sizeof(error)))
		return 2;
	return strstr(error, strerror(EFBIG)) && strstr(error, argv[0]) == error ? 0 : 3;
}

static void test_full_in_the_middle(void **state)
{
	const char *path = scratch_path("out/file");

	(void)state;
	scratch_folder(scratch_path("out"));
	assert_true(write_text(path, "old"));
	assert_int_equal(scratch_run(write_beyond_limit, (const char *const[]){path, NULL}), 0);
	assert_holds(path, "old");
	assert_int_equal(scratch_entries(scratch_path("out")), 1);
}

static void test_full_device(void **state)
{
	struct stat status;

	(void)state;
	if (stat("/dev/full", &status) != 0 || !S_ISCHR(status.st_mode)) {
		print_message("skipped: there is no device /dev/full\n");
		skip();
	}
	assert_false(write_text("/dev/full", "text"));
	assert_non_null(strstr(error, "/dev/full"));
	assert_non_null(strstr(error, strerror(ENOSPC)));
	assert_int_equal(stat("/dev/full", &status), 0);
	assert_true(S_ISCHR(status.st_mode)); /* not replaced by a file */
	assert_true(write_text("/dev/null", "text"));
	assert_int_equal(stat("/dev/null", &status), 0);
	assert_true(S_ISCHR(status.st_mode));
}

static void test_pipe(void **state)
{
	char text[16] = "";
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	char path[64];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", ends[1]);
	assert_true(write_text(path, "through"));
	assert_int_equal(read(ends[0], text, sizeof(text)), 7);
	assert_string_equal(text, "through");
	close(ends[0]);
	close(ends[1]);
}

static void assert_refused(const char *path, int number)
{
	struct results_file file;

	memset(error, 0, sizeof(error));
	assert_false(results_open(&file, path, error, sizeof(error)));
	assert_null(file.stream);
	assert_ptr_equal(strstr(error, path), error);
	assert_non_null(strstr(error, strerror(number)));
	assert_null(strchr(error, '\n'));
}

static void test_refused_when_opened(void **state)
{
	(void)state;
	scratch_folder(scratch_path("out"));
	assert_true(write_text(scratch_path("out/file"), "old"));
	assert_refused(scratch_path("no/such/folder/file"), ENOENT);
	assert_refused(scratch_path("out/file/below"), ENOTDIR);
	assert_refused(scratch_path("out"), EISDIR);
	assert_false(write_text("", "text"));
	assert_true(strlen(error) > 0);
	if (geteuid() != 0) {
		assert_int_equal(chmod(scratch_path("out"), 0555), 0);
		assert_refused(scratch_path("out/new"), EACCES);
		assert_int_equal(chmod(scratch_path("out"), 0755), 0);
	}
	assert_int_equal(scratch_entries(scratch_path("out")), 1);
}

static void test_follows_a_link(void **state)
{
	struct stat status;

	(void)state;
	scratch_folder(scratch_path("out"));
	assert_true(write_text(scratch_path("out/file"), "old"));
	assert_int_equal(symlink("file", scratch_path("out/link")), 0);
	assert_true(write_text(scratch_path("out/link"), "new"));
	assert_holds(scratch_path("out/file"), "new");
	assert_int_equal(lstat(scratch_path("out/link"), &status), 0);
	assert_true(S_ISLNK(status.st_mode));
}

static void test_folders(void **state)
{
	(void)state;
	assert_true(results_make_folder(scratch_path("a/b c/d"), error, sizeof(error)));
	assert_true(results_make_folder(scratch_path("a/b c/d"), error, sizeof(error)));
	assert_true(results_make_folder(scratch_path("a/b c/e//"), error, sizeof(error)));
	assert_int_equal(scratch_entries(scratch_path("a/b c")), 2);
	scratch_write(scratch_path("file"), "");
	assert_false(results_make_folder(scratch_path("file"), error, sizeof(error)));
	assert_ptr_equal(strstr(error, scratch_path("file")), error);
	assert_false(results_make_folder(scratch_path("file/below"), error, sizeof(error)));
	assert_non_null(strstr(error, strerror(ENOTDIR)));
	assert_false(results_make_folder("", error, sizeof(error)));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, scratch_setup, scratch_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_writes_and_replaces), TEST(test_old_until_committed), TEST(test_abort_leaves_nothing),
		TEST(test_not_replaceable),
		TEST(test_killed_while_writing), TEST(test_full_in_the_middle), TEST(test_full_device), TEST(test_pipe),
		TEST(test_refused_when_opened), TEST(test_follows_a_link), TEST(test_folders),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
