/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `capacitor c2c IMPL` and `capacitor stat IMPL`: one point of an implementation under `perf c2c` and `perf stat`.
 *
 * Whether they work here is known only to perf and the hardware, so that perf is asked first, about a program that does nothing.
 * Where it cannot, its last words and what the environment says of the counters are printed, with what of ours has the figures
 * instead, and the exit status is COMMAND_UNAVAILABLE. perf is the user's to install.
 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/program.h"
#include "harness/commands.h"
#include "harness/environment.h"
#include "harness/options.h"

#define ARGUMENTS_MAX 128
#define WORDS_BYTES   512
#define PATH_BYTES    4096

/* A folder for what perf leaves; gone at the end. */
struct scratch {
	char folder[PATH_BYTES];
	char data[PATH_BYTES + 8], words[PATH_BYTES + 8];
};

static const struct wrapper {
	const char *name, *summary, *wants, *instead;
} c2c = {
	"c2c", "runs one point of an implementation under `perf c2c record`, and prints `perf c2c report`: the lines that cores\n"
	"take from each other, as the hardware samples them.",
	"perf c2c samples the addresses of loads: PEBS (Intel), IBS (AMD Zen 4 on) or SPE (ARM)",
	"capacitor coherence --impl %s has lines, fields and sites exactly, without any hardware",
}, stat = {
	"stat", "runs one point of an implementation under `perf stat -d`, and prints what it counted.",
	"perf stat counts with the processor's performance counters",
	"capacitor bench --impl %s --out FILE counts context switches and waits for locks, and capacitor coherence --impl %s "
	"coherence misses",
};

/* ---- Running perf ------------------------------------------------------------------------------------------------ */

/* The exit status of a program; 127: it is not there. Its output goes to `out` and its errors to `errors`; NULL: where ours do. */
static int run(const char *const *argv, const char *out, const char *errors)
{
	int status;
	pid_t child;

	fflush(NULL);
	child = fork();
	if (child == 0) {
		int to = out ? open(out, O_WRONLY | O_CREAT | O_TRUNC, 0666) : -1;
		int errors_to = errors ? open(errors, O_WRONLY | O_CREAT | O_APPEND, 0666) : -1;

		if (to >= 0)
			dup2(to, STDOUT_FILENO);
		if (errors_to >= 0)
			dup2(errors_to, STDERR_FILENO);
		execvp(argv[0], (char **)(uintptr_t)argv);
		_exit(errno == ENOENT ? 127 : 126);
	}
	if (child < 0 || waitpid(child, &status, 0) != child)
		return 126;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static bool says(const char *path, const char *what)
{
	FILE *file = fopen(path, "r");
	char line[WORDS_BYTES];
	bool found = false;

	while (file && !found && fgets(line, sizeof line, file))
		found = strstr(line, what) != NULL;
	if (file)
		fclose(file);
	return found;
}

static bool scratch_make(struct scratch *scratch)
{
	const char *parent = getenv("TMPDIR");

	snprintf(scratch->folder, sizeof scratch->folder, "%.4000s/capacitor-perf-XXXXXX", parent && *parent ? parent : "/tmp");
	if (!mkdtemp(scratch->folder))
		return false;
	snprintf(scratch->data, sizeof scratch->data, "%s/data", scratch->folder);
	snprintf(scratch->words, sizeof scratch->words, "%s/words", scratch->folder);
	return true;
}

static void scratch_end(const struct scratch *scratch)
{
	char old[PATH_BYTES + 16];

	snprintf(old, sizeof old, "%s.old", scratch->data); /* perf keeps the file before */
	unlink(old);
	unlink(scratch->data);
	unlink(scratch->words);
	rmdir(scratch->folder);
}

/* ---- Is it to be had? -------------------------------------------------------------------------------------------- */

static void print_environment(const char *key)
{
	json_t *environment = environment_json(), *value = json_object_get(environment, key);
	char *text = json_is_string(value) ? NULL : json_dumps(value, JSON_ENCODE_ANY);

	fprintf(stderr, "  %s: %s\n", key, text ? text : value ? json_string_value(value) : "unknown");
	free(text);
	json_decref(environment);
}

static int unavailable(const struct wrapper *wrapper, const char *implementation, const char *reason)
{
	fprintf(stderr, "capacitor %s: not on this machine: %s\n  %s\n", wrapper->name, reason, wrapper->wants);
	print_environment("pmu");
	print_environment("perf_event_paranoid");
	fputs("  instead: ", stderr);
	fprintf(stderr, wrapper->instead, implementation, implementation);
	fputc('\n', stderr);
	return COMMAND_UNAVAILABLE;
}

/* Asks perf about a program that does nothing. COMMAND_OK, or it was said why not. */
static int try(const struct wrapper *wrapper, const char *implementation, const struct scratch *scratch)
{
	const char *const record[] = {"perf", "c2c", "record", "-o", scratch->data, "--", "true", NULL};
	const char *const count[] = {"perf", "stat", "-e", "cycles:u", "--", "true", NULL};
	int status = run(wrapper == &c2c ? record : count, "/dev/null", scratch->words);
	char words[WORDS_BYTES], reason[WORDS_BYTES + 64];

	if (status == 127 && !says(scratch->words, "perf"))
		return unavailable(wrapper, implementation,
		                   "there is no program perf on the PATH; it is optional, and not installed by us "
		                   "(Debian: linux-perf)");
	program_last_words(scratch->words, words, sizeof words);
	if (status == 0 && says(scratch->words, "<not "))
		return unavailable(wrapper, implementation, "perf counts no cycles");
	if (status == 0)
		return COMMAND_OK;
	snprintf(reason, sizeof reason, "perf failed with exit status %d: %.400s", status, words);
	return unavailable(wrapper, implementation, reason);
}

/* ---- The subcommands --------------------------------------------------------------------------------------------- */

/* Adds the point: IMPL and the options of bench that were given, on top of ours. */
static bool add_point(const char **arguments, size_t count, int argc, char **argv)
{
	static const char *const defaults[][2] = {{"--repetitions", "1"}, {"--threads", NULL}};
	static char threads[16], program[PATH_BYTES];
	ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1); /* read here: in perf it would be perf */

	program[length > 0 ? length : 0] = '\0';
	arguments[count++] = program;
	arguments[count++] = "bench";
	arguments[count++] = "--impl";
	arguments[count++] = argv[1];
	snprintf(threads, sizeof threads, "%ld", sysconf(_SC_NPROCESSORS_ONLN));
	for (size_t i = 0; i < sizeof defaults / sizeof defaults[0]; i++) {
		bool given = false;

		for (int j = 2; j < argc; j++)
			given |= strncmp(argv[j], defaults[i][0], strlen(defaults[i][0])) == 0;
		if (given)
			continue;
		arguments[count++] = defaults[i][0];
		arguments[count++] = defaults[i][1] ? defaults[i][1] : threads;
	}
	for (int i = 2; i < argc; i++) {
		if (count + 1 >= ARGUMENTS_MAX)
			return false;
		arguments[count++] = argv[i];
	}
	arguments[count] = NULL;
	return true;
}

static int measure(const struct wrapper *wrapper, int argc, char **argv, const struct scratch *scratch)
{
	const char *arguments[ARGUMENTS_MAX] = {"perf", "stat", "-d", "--"};
	const char *const report[] = {"perf", "c2c", "report", "-i", scratch->data, "--stdio", NULL};
	size_t count = 4;
	int status;

	if (wrapper == &c2c) {
		const char *const record[] = {"perf", "c2c", "record", "-o", scratch->data, "--"};

		count = sizeof record / sizeof record[0];
		memcpy(arguments, record, sizeof record);
	}
	if (!add_point(arguments, count, argc, argv)) {
		fprintf(stderr, "capacitor %s: more than %d arguments\n", wrapper->name, ARGUMENTS_MAX);
		return COMMAND_USAGE;
	}
	status = run(arguments, NULL, NULL);
	if (status == 0 && wrapper == &c2c)
		status = run(report, NULL, NULL);
	if (status == 0)
		return COMMAND_OK;
	fprintf(stderr, "capacitor %s: perf ended with exit status %d\n", wrapper->name, status);
	return status == COMMAND_USAGE ? COMMAND_USAGE : COMMAND_FAIL;
}

static int wrap(const struct wrapper *wrapper, int argc, char **argv)
{
	struct scratch scratch;
	int status;

	if (options_want_help(argc, argv)) {
		printf("usage: capacitor %s IMPL [OPTION OF bench...]\n\n"
		       "It %s\n\n"
		       "Without --threads, all processors take part; without --repetitions, the point is measured once.\n"
		       "%s. Where that is not to be had,\n"
		       "the reason is printed, and what of ours has the figures instead; the exit status is %d.\n",
		       wrapper->name, wrapper->summary, wrapper->wants, COMMAND_UNAVAILABLE);
		return COMMAND_OK;
	}
	if (argc < 2 || !capacitor_find(argv[1])) {
		fprintf(stderr, "capacitor %s: %s%s; the first argument is an implementation:", wrapper->name,
		        argc < 2 ? "none is given" : "unknown: ", argc < 2 ? "" : argv[1]);
		for (size_t i = 0; capacitor_info(i); i++)
			fprintf(stderr, " %s", capacitor_info(i)->name);
		fputc('\n', stderr);
		return COMMAND_USAGE;
	}
	if (!scratch_make(&scratch)) {
		fprintf(stderr, "capacitor %s: %s: %s\n", wrapper->name, scratch.folder, strerror(errno));
		return COMMAND_FAIL;
	}
	status = try(wrapper, argv[1], &scratch);
	if (status == COMMAND_OK)
		status = measure(wrapper, argc, argv, &scratch);
	scratch_end(&scratch);
	return status;
}

int c2c_command(int argc, char **argv)
{
	return wrap(&c2c, argc, argv);
}

int stat_command(int argc, char **argv)
{
	return wrap(&stat, argc, argv);
}
