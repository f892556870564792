/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Other programs that `capacitor regress` runs: bench of two builds, git, make; see regress.h.
 *
 * A baseline is built where its sources are: a worktree of its commit under build/baseline/<commit>/. It stays there, with a mark
 * when it is complete, so that the next comparison with the same commit need not build it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "harness/regress.h"
#include "harness/program.h"
#include "harness/results.h"

#define BUILD_LIMIT_S 3600
#define MARK          ".baseline-is-built"

volatile int regress_interrupted;

static void on_signal(int number)
{
	regress_interrupted = number;
}

void regress_catch_signals(void)
{
	struct sigaction action = {.sa_handler = on_signal};

	regress_interrupted = 0;
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
}

__attribute__((format(printf, 2, 3))) static bool fail(char error[REGRESS_ERROR_BYTES], const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(error, REGRESS_ERROR_BYTES, format, arguments);
	va_end(arguments);
	return false;
}

/* ---- Running ----------------------------------------------------------------------------------------------------- */

static void send_to(const char *path, int descriptor)
{
	int file = open(path ? path : "/dev/null", O_WRONLY | O_CREAT | O_TRUNC, 0666);

	if (file >= 0)
		dup2(file, descriptor);
}

/* A make above us has variables of its own for its children, BASE and OUT among them; git's name another repository. */
static const char *const callers[] = {"MAKEFLAGS", NULL, "MFLAGS", NULL, "MAKEOVERRIDES", NULL, "MAKELEVEL", NULL, "GIT_DIR", NULL,
                                      "GIT_WORK_TREE", NULL, "GIT_INDEX_FILE", NULL, "CONF", NULL, "CC", NULL, "BUG", NULL,
                                      "WRONG", NULL, "BASE", NULL, "NEW", NULL, "OUT", NULL, NULL};

static _Noreturn void become(const char *const *argv, const char *environment)
{
	int null = open("/dev/null", O_RDONLY);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	dup2(null, STDIN_FILENO);
	for (size_t i = 0; callers[i]; i += 2)
		unsetenv(callers[i]);
	if (environment)
		setenv("CAPACITOR_ENVIRONMENT", environment, 1);
	else
		unsetenv("CAPACITOR_ENVIRONMENT");
	execvp(argv[0], (char *const *)(uintptr_t)argv);
	dprintf(STDERR_FILENO, "%s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

static double now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

int regress_program(const char *const *argv, const char *out, const char *log, const char *environment, double limit_s)
{
	double deadline_s = now_s() + limit_s;
	int status;
	pid_t child;

	fflush(NULL);
	child = fork();
	if (child == 0) {
		setpgid(0, 0); /* so that what it starts ends with it */
		send_to(out, STDOUT_FILENO);
		send_to(log, STDERR_FILENO);
		become(argv, environment);
	}
	if (child < 0)
		return -1;
	setpgid(child, child);
	while (waitpid(child, &status, WNOHANG) == 0) {
		if (regress_interrupted || now_s() > deadline_s) {
			kill(-child, SIGKILL);
			waitpid(child, &status, 0);
			return -1;
		}
		nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

char *regress_capture(const char *const *argv)
{
	char *text = NULL;
	size_t bytes;
	FILE *gathered = open_memstream(&text, &bytes);
	int status;

	if (!gathered)
		return NULL;
	status = program_run(argv, &(struct program_ends){.settings = callers, .gathered = gathered});
	fclose(gathered);
	if (status != 0) {
		free(text);
		return NULL;
	}
	if (bytes > 0 && text[bytes - 1] == '\n')
		text[bytes - 1] = '\0';
	return text;
}

/* ---- The baseline's build ------------------------------------------------------------------------------------------- */

char *regress_commit(const char *root, const char *name)
{
	char object[256];

	if (name[0] == '-' || snprintf(object, sizeof object, "%s^{commit}", name) >= (int)sizeof object)
		return NULL;
	return regress_capture((const char *const[]){"git", "-C", root, "rev-parse", "--verify", "--quiet", object, NULL});
}

/* CONF and CC that this program was built with, from its folder: build/release-gcc. */
static void own_build(char folder[64], char conf[80], char cc[80])
{
	char path[REGRESS_PATH_BYTES];
	ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
	const char *dash, *name;
	char *slash;

	strcpy(folder, "release-gcc");
	strcpy(conf, "CONF=release");
	strcpy(cc, "CC=gcc");
	if (length <= 0)
		return;
	path[length] = '\0';
	slash = strrchr(path, '/');
	*slash = '\0';
	slash = strrchr(path, '/');
	name = slash ? slash + 1 : path;
	dash = strchr(name, '-');
	if (!dash || strlen(name) > 60 || strncmp(name, "release-", strlen("release-")) != 0)
		return; /* a build for something else than measuring: the baseline is built as releases are */
	strcpy(folder, name);
	snprintf(conf, 80, "CONF=%.*s", (int)(dash - name), name);
	snprintf(cc, 80, "CC=%s", dash + 1);
}

static bool make_worktree(const char *root, const char *folder, const char *commit, const char *log,
                          char error[REGRESS_ERROR_BYTES])
{
	char words[256], *head = regress_capture((const char *const[]){"git", "-C", folder, "rev-parse", "HEAD", NULL});
	char *top = regress_capture((const char *const[]){"git", "-C", folder, "rev-parse", "--show-prefix", NULL});
	bool good = head && top && strcmp(head, commit) == 0 && top[0] == '\0' && access(folder, F_OK) == 0;

	free(head);
	free(top);
	if (good)
		return true; /* begun before, and interrupted */
	regress_program((const char *const[]){"git", "-C", root, "worktree", "remove", "--force", folder, NULL}, NULL, log, NULL,
	                600);
	regress_program((const char *const[]){"git", "-C", root, "worktree", "prune", NULL}, NULL, log, NULL, 600);
	if (regress_program((const char *const[]){"git", "-C", root, "worktree", "add", "--force", "--detach", folder, commit,
	                                          NULL}, NULL,
	                    log, NULL, 600) == 0)
		return true;
	program_last_words(log, words, sizeof words);
	return fail(error, "git worktree add of %.12s failed: %s", commit, words);
}

bool regress_build(const char *root, const char *commit, char program[REGRESS_PATH_BYTES], char error[REGRESS_ERROR_BYTES])
{
	char folder[REGRESS_PATH_BYTES], mark[REGRESS_PATH_BYTES], log[REGRESS_PATH_BYTES], name[64], conf[80], cc[80], jobs[32],
		words[256];
	long processors = sysconf(_SC_NPROCESSORS_ONLN);

	own_build(name, conf, cc);
	snprintf(folder, sizeof folder, "%.3800s/build/baseline", root);
	if (!results_make_folder(folder, error, REGRESS_ERROR_BYTES))
		return false;
	snprintf(folder, sizeof folder, "%.3800s/build/baseline/%.12s", root, commit);
	snprintf(log, sizeof log, "%.4000s.log", folder);
	snprintf(program, REGRESS_PATH_BYTES, "%.3900s/build/%s/capacitor", folder, name);
	snprintf(mark, sizeof mark, "%.3900s/build/%s/" MARK, folder, name);
	if (access(mark, F_OK) == 0 && access(program, X_OK) == 0)
		return true;
	if (!make_worktree(root, folder, commit, log, error))
		return false;
	fprintf(stderr, "capacitor regress: building the baseline, commit %.12s, in %s\n", commit, folder);
	snprintf(jobs, sizeof jobs, "-j%ld", processors > 0 ? processors : 1);
	if (regress_program((const char *const[]){"make", "-s", "-C", folder, jobs, conf, cc, "all", NULL}, NULL, log, NULL,
	                    BUILD_LIMIT_S) != 0 || access(program, X_OK) != 0) {
		program_last_words(log, words, sizeof words);
		return fail(error, "the baseline %.12s cannot be built: %.200s (more in %.200s)", commit, words, log);
	}
	unlink(log);
	return results_write_file(mark, "", 0, error, REGRESS_ERROR_BYTES);
}
