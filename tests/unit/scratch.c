/* SPDX-License-Identifier: BSD-2-Clause */
/* A folder of its own for a test; see scratch.h. */
#include "tests/unit/scratch.h"

#include <dirent.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[SCRATCH_PATH_BYTES / 2];

int scratch_setup(void **state)
{
	const char *base = getenv("TMPDIR");

	(void)state;
	snprintf(folder, sizeof(folder), "%s/capacitor test.XXXXXX", base && base[0] ? base : "/tmp");
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *where)
{
	(void)status;
	(void)type;
	(void)where;
	return remove(path);
}

int scratch_teardown(void **state)
{
	(void)state;
	return nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

const char *scratch_path(const char *format, ...)
{
	static char buffers[8][SCRATCH_PATH_BYTES];
	static unsigned turn;
	char *path = buffers[turn++ % 8];
	size_t used = (size_t)snprintf(path, SCRATCH_PATH_BYTES, "%s/", folder);
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(path + used, SCRATCH_PATH_BYTES - used, format, arguments);
	va_end(arguments);
	return path;
}

void scratch_write(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

void scratch_folder(const char *path)
{
	assert_int_equal(mkdir(path, 0777), 0);
}

char *scratch_read(const char *path)
{
	FILE *file = fopen(path, "r");
	size_t bytes = 0, room = 65536;
	char *text = malloc(room);

	assert_non_null(text);
	if (!file) {
		free(text);
		return NULL;
	}
	for (size_t got; (got = fread(text + bytes, 1, room - 1 - bytes, file)) > 0;) {
		bytes += got;
		if (room - 1 - bytes < 4096) {
			room *= 2;
			text = realloc(text, room);
			assert_non_null(text);
		}
	}
	text[bytes] = '\0';
	fclose(file);
	return text;
}

bool scratch_exists(const char *path)
{
	struct stat status;

	return lstat(path, &status) == 0;
}

size_t scratch_entries(const char *path)
{
	DIR *entries = opendir(path);
	size_t count = 0;

	assert_non_null(entries);
	for (const struct dirent *entry; (entry = readdir(entries));)
		count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
	closedir(entries);
	return count;
}

int scratch_run(int (*function)(int argc, char **argv), const char *const *argv)
{
	char *copy[64];
	int argc = 0, status;
	pid_t child;

	for (; argv[argc]; argc++)
		copy[argc] = strdup(argv[argc]);
	copy[argc] = NULL;
	fflush(NULL);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		if (!freopen(scratch_path("stdout"), "w", stdout) || !freopen(scratch_path("stderr"), "w", stderr))
			_exit(99);
		status = function(argc, copy);
		fflush(NULL);
		_exit(status);
	}
	for (int i = 0; i < argc; i++)
		free(copy[i]);
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
