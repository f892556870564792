/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files of results, written whole or not at all; see results.h.
 *
 * O_TMPFILE gives a file without a name, which the kernel forgets when its process dies. linkat cannot replace a
 * target, so that the file gets a hidden name first, and then the target's by rename, which is atomic. Between the two
 * is the only moment in which a kill can leave something behind, and it is complete and hidden.
 */
#include "harness/results.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Hidden names that are tried before giving up: leftovers of dead processes with our number are few. */
#define NAMES_TRIED 100

__attribute__((format(printf, 3, 4))) static bool fail(char *error, size_t error_bytes, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(error, error_bytes, format, arguments);
	va_end(arguments);
	return false;
}

static bool fail_system(char *error, size_t error_bytes, const char *path, const char *what, int number)
{
	return fail(error, error_bytes, "%s: %s: %s", path, what, strerror(number));
}

/* The folder of a path: what stands before its last slash, or ".". */
static char *folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		return strdup(".");
	return strndup(path, slash == path ? 1 : (size_t)(slash - path));
}

/* A hidden name beside the target: folder/.name.PROCESS.NUMBER.tmp */
static char *hidden_name(const char *target, unsigned number)
{
	const char *slash = strrchr(target, '/');
	const char *base = slash ? slash + 1 : target;
	char *name;

	if (asprintf(&name, "%.*s.%s.%ld.%u.tmp", (int)(base - target), target, base, (long)getpid(), number) < 0)
		return NULL;
	return name;
}

/* A file without a name in the target's folder, or one with a hidden name. -1: errno says why. */
static int open_temporary(struct results_file *file)
{
	char *folder = folder_of(file->target);
	int descriptor;

	if (!folder) {
		errno = ENOMEM;
		return -1;
	}
	descriptor = open(folder, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666);
	free(folder);
	/* What file systems and kernels without O_TMPFILE answer. */
	if (descriptor >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL))
		return descriptor;
	for (unsigned number = 0; number < NAMES_TRIED; number++) {
		file->temporary = hidden_name(file->target, number);
		if (!file->temporary) {
			errno = ENOMEM;
			return -1;
		}
		descriptor = open(file->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
		if (descriptor >= 0)
			return descriptor;
		free(file->temporary);
		file->temporary = NULL;
		if (errno != EEXIST)
			return -1;
	}
	return -1;
}

/* Gives a file without a name a hidden one. */
static bool name_temporary(struct results_file *file)
{
	char self[64];

	snprintf(self, sizeof(self), "/proc/self/fd/%d", file->descriptor);
	for (unsigned number = 0; number < NAMES_TRIED; number++) {
		file->temporary = hidden_name(file->target, number);
		if (!file->temporary) {
			errno = ENOMEM;
			return false;
		}
		if (linkat(AT_FDCWD, self, AT_FDCWD, file->temporary, AT_SYMLINK_FOLLOW) == 0)
			return true;
		free(file->temporary);
		file->temporary = NULL;
		if (errno != EEXIST)
			return false;
	}
	return false;
}

static void forget(struct results_file *file)
{
	free(file->target);
	free(file->temporary);
	free(file->text);
	*file = (struct results_file){.stream = NULL};
}

bool results_open(struct results_file *file, const char *path, char *error, size_t error_bytes)
{
	struct stat there;
	int number;

	*file = (struct results_file){.stream = NULL};
	if (path[0] == '\0')
		return fail(error, error_bytes, "the name of a file to be written is empty");
	file->target = realpath(path, NULL); /* what a link points to is what is to be replaced */
	if (!file->target)
		file->target = strdup(path);
	if (!file->target)
		return fail_system(error, error_bytes, path, "cannot be written", ENOMEM);
	if (stat(file->target, &there) == 0 && S_ISDIR(there.st_mode)) {
		forget(file);
		return fail_system(error, error_bytes, path, "cannot be written", EISDIR);
	}
	file->direct = stat(file->target, &there) == 0 && !S_ISREG(there.st_mode);
	file->descriptor = file->direct ? open(file->target, O_WRONLY | O_CLOEXEC) : open_temporary(file);
	number = errno;
	if (file->descriptor >= 0) {
		file->stream = open_memstream(&file->text, &file->bytes);
		if (file->stream)
			return true;
		number = errno;
		close(file->descriptor);
		if (file->temporary)
			unlink(file->temporary);
	}
	forget(file);
	return fail_system(error, error_bytes, path, "cannot be written", number);
}

static bool write_all(const struct results_file *file)
{
	size_t done = 0;

	while (done < file->bytes) {
		ssize_t written = write(file->descriptor, file->text + done, file->bytes - done);

		if (written < 0 && errno != EINTR)
			return false;
		if (written > 0)
			done += (size_t)written;
	}
	return true;
}

/* Makes the new name itself durable. A file system that cannot do so is no failure: the file is there. */
static void sync_folder(const char *target)
{
	char *folder = folder_of(target);
	int descriptor = folder ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

	if (descriptor >= 0) {
		fsync(descriptor);
		close(descriptor);
	}
	free(folder);
}

bool results_commit(struct results_file *file, char *error, size_t error_bytes)
{
	const char *what = NULL;

	if (fflush(file->stream) != 0 || ferror(file->stream)) {
		what = "cannot be gathered";
		errno = ENOMEM; /* the only way for a stream in memory to fail */
	} else if (!write_all(file)) {
		what = "cannot be written";
	} else if (!file->direct && fsync(file->descriptor) != 0) {
		what = "cannot be made durable";
	} else if (!file->direct && !file->temporary && !name_temporary(file)) {
		what = "cannot be named";
	} else if (!file->direct && rename(file->temporary, file->target) != 0) {
		what = "cannot be replaced";
	}
	if (what) {
		fail_system(error, error_bytes, file->target, what, errno);
		results_abort(file);
		return false;
	}
	if (!file->direct)
		sync_folder(file->target);
	free(file->temporary); /* it has the target's name now */
	file->temporary = NULL;
	results_abort(file);
	return true;
}

void results_abort(struct results_file *file)
{
	if (!file->stream)
		return;
	if (file->temporary)
		unlink(file->temporary);
	close(file->descriptor);
	fclose(file->stream);
	forget(file);
}

bool results_write_file(const char *path, const void *data, size_t bytes, char *error, size_t error_bytes)
{
	struct results_file file;

	if (!results_open(&file, path, error, error_bytes))
		return false;
	/* What fails here is found by the commit. */
	if (bytes > 0)
		fwrite(data, 1, bytes, file.stream);
	return results_commit(&file, error, error_bytes);
}

bool results_make_folder(const char *path, char *error, size_t error_bytes)
{
	char *part = strdup(path);
	struct stat there;
	int number = 0;

	if (!part)
		return fail_system(error, error_bytes, path, "cannot be made", ENOMEM);
	for (char *slash = part + 1; part[0] != '\0'; slash++) {
		char was = *slash;

		if (was != '/' && was != '\0')
			continue;
		*slash = '\0';
		number = mkdir(part, 0777) == 0 ? 0 : errno;
		*slash = was;
		if (was == '\0')
			break;
	}
	free(part);
	if (stat(path, &there) == 0 && S_ISDIR(there.st_mode))
		return true;
	return fail_system(error, error_bytes, path, "cannot be made", number ? number : ENOTDIR);
}
