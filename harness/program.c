/* SPDX-License-Identifier: BSD-2-Clause */
/* Other programs; see program.h. */
#include "harness/program.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

const char PROGRAM_OURS[] = "ours";

static void send_to(const char *path, int flags, int descriptor)
{
	int file;

	if (path == PROGRAM_OURS)
		return;
	file = open(path ? path : "/dev/null", O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0666);
	if (file < 0 || dup2(file, descriptor) < 0)
		_exit(126);
}

static _Noreturn void become(const char *const *arguments, const struct program_ends *ends, const int printed[2])
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (ends->in)
		rewind(ends->in);
	if (dup2(ends->in ? fileno(ends->in) : open("/dev/null", O_RDONLY | O_CLOEXEC), STDIN_FILENO) < 0)
		_exit(126);
	if (ends->gathered)
		dup2(printed[1], STDOUT_FILENO);
	else
		send_to(ends->out, O_TRUNC, STDOUT_FILENO);
	send_to(ends->errors, O_APPEND, STDERR_FILENO);
	for (const char *const *setting = ends->settings; setting && setting[0]; setting += 2) {
		if (setting[1])
			setenv(setting[0], setting[1], 1);
		else
			unsetenv(setting[0]);
	}
	execvp(arguments[0], (char *const *)(uintptr_t)arguments);
	dprintf(STDERR_FILENO, "%s: %s\n", arguments[0], strerror(errno));
	_exit(127);
}

static void gather(int from, FILE *to)
{
	char buffer[65536];
	ssize_t got;

	while ((got = read(from, buffer, sizeof buffer)) > 0 || (got < 0 && errno == EINTR))
		if (got > 0)
			fwrite(buffer, 1, (size_t)got, to); /* whoever closes it learns whether all of it arrived */
}

int program_run(const char *const *arguments, const struct program_ends *ends)
{
	int printed[2] = {-1, -1}, status = -1;
	pid_t child;

	fflush(NULL); /* or the child would have our unwritten output, too */
	if (ends->gathered && pipe2(printed, O_CLOEXEC) != 0)
		return -1;
	child = fork();
	if (child == 0)
		become(arguments, ends, printed);
	if (ends->gathered) {
		close(printed[1]);
		if (child > 0)
			gather(printed[0], ends->gathered);
		close(printed[0]);
	}
	if (child < 0)
		return -1;
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void program_last_words(const char *log, char *words, size_t bytes)
{
	FILE *file = fopen(log, "r");
	char line[1024];

	snprintf(words, bytes, "it said nothing");
	while (file && fgets(line, sizeof line, file)) {
		line[strcspn(line, "\n")] = '\0';
		if (line[strspn(line, " \t")])
			snprintf(words, bytes, "%s", line);
	}
	if (file)
		fclose(file);
}
