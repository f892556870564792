/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `capacitor regress` with programs that are shell scripts: they write figures that were made up, so that nothing here depends on
 * how fast this machine is. Builds of a baseline, in a repository whose Makefile makes such a program.
 */
#include "harness/regress.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "harness/commands.h"
#include "harness/table.h"
#include "tests/unit/scratch.h"

/* ---- Programs ----------------------------------------------------------------------------------------------------- */

/*
 * Answers as bench does: 100 ns and noise of 3 %, which depends on the seed, the point and the program; rcu slower by a factor; so
 * many allocations. `before` comes first. What it was called with is noted in a file, one run a line.
 */
static const char program_text[] =
	"#!/bin/sh\n"
	"name=%s\n"
	"all=$*\n"
	"while [ $# -gt 0 ]; do\n"
	"	case $1 in --impl) impl=$2;; --threads) threads=$2;; --mix) mix=$2;; --seed) seed=$2;; --out) out=$2;; esac\n"
	"	shift\n"
	"done\n"
	"echo \"$name $all\" >>'%s'\n"
	"%s\n"
	"awk -v seed=$seed -v name=$name -v impl=$impl -v threads=$threads -v mix=$(echo $mix | tr : -) -v factor=%g -v "
		"\"disturbed=${disturbed:-1}\" -v "
		"allocations=%g '\n"
	"BEGIN {\n"
	"	srand(seed * 1000 + length(name) * 100 + threads * 10 + length(impl))\n"
	"	rand()\n"
	"	ns = disturbed * 100 * (1 + 0.03 * rand()) * (impl == \"rcu\" ? factor : 1)\n"
	"	printf \"{\\\"context\\\": {\\\"git_commit\\\": \\\"%%s\\\", \\\"git_dirty\\\": \\\"no\\\", \\\"window_s\\\": "
		"\\\"0.05\\\", \\\"warmup_s\\\": \\\"0.01\\\"},\", name\n"
	"	printf \"\\\"benchmarks\\\": [{\\\"name\\\": \\\"cache/suite:custom/impl:%%s/threads:%%d/mix:%%s\\\",\", impl, "
		"threads, mix\n"
	"	printf \"\\\"run_type\\\": \\\"iteration\\\", \\\"ns_per_op\\\": %%.9g, \\\"allocations_per_op\\\": %%.9g,\", ns, "
		"allocations * (1 + 0.01 * rand())\n"
	"	printf \"\\\"allocated_bytes_per_op\\\": 0, \\\"bytes_per_entry\\\": 200}]}\\n\"\n"
	"}' >\"$out\"\n";

static const char *lasting(const char *path)
{
	static char kept[8][SCRATCH_PATH_BYTES];
	static unsigned turn;

	return strcpy(kept[turn++ % 8], path);
}

static const char *write_program(const char *name, double factor, double allocations, const char *before)
{
	const char *path = lasting(scratch_path("%s.sh", name)), *log = lasting(scratch_path("calls"));
	char text[sizeof program_text + 8 * SCRATCH_PATH_BYTES];

	snprintf(text, sizeof text, program_text, name, log, before, factor, allocations);
	scratch_write(path, text);
	assert_int_equal(chmod(path, 0755), 0);
	return path;
}

#define GRID "--impl", "rcu,sharded", "--threads", "1,2", "--mix", "100:0:0", "--seconds", "10ms"

static int regressed(const char *const *arguments)
{
	const char *argv[48] = {"regress"};

	for (unsigned i = 0; arguments[i]; i++)
		argv[i + 1] = arguments[i];
	return scratch_run(regress_command, argv);
}
#define REGRESSED(...) regressed((const char *const[]){__VA_ARGS__, NULL})

static bool said(const char *file, const char *what)
{
	char *text = scratch_read(scratch_path("%s", file));
	bool found = text && strstr(text, what) != NULL;

	free(text);
	return found;
}

static size_t lines_of(const char *file, const char *beginning)
{
	char *text = scratch_read(scratch_path("%s", file)), *rest = text, *line;
	size_t count = 0;

	while (rest && (line = strsep(&rest, "\n")))
		count += strncmp(line, beginning, strlen(beginning)) == 0;
	free(text);
	return count;
}

/* ---- Verdicts ------------------------------------------------------------------------------------------------------ */

/* A new build that measures no time any more is worse, not equal. */
static void test_lost_figure(void **state)
{
	const char *base = write_program("base", 1, 0.01, ""), *lost = lasting(scratch_path("lost.sh"));
	char text[SCRATCH_PATH_BYTES + 128];

	(void)state;
	snprintf(text, sizeof text, "#!/bin/sh\n'%s' \"$@\" || exit\nfor out; do :; done\nsed -i 's/\"ns_per_op\"/\"other\"/' "
	                            "\"$out\"\n", base);
	scratch_write(lost, text);
	assert_int_equal(chmod(lost, 0755), 0);
	assert_int_equal(REGRESSED("--base-program", base, "--new-program", lost, GRID, "--out", scratch_path("out")),
	                 COMMAND_FAIL);
	assert_true(said("out/verdict.txt", "LOST  "));
	assert_true(said("out/verdict.txt", "WORSE"));
}

static void test_same(void **state)
{
	const char *base = write_program("base", 1, 0.01, ""), *new = write_program("newer", 1, 0.01, "");
	const char *out = lasting(scratch_path("out"));

	(void)state;
	assert_int_equal(REGRESSED("--base-program", base, "--new-program", new, GRID, "--out", out), COMMAND_OK);
	assert_true(said("stdout", "no worse: 4 points: 0 slower by more than 10 %"));
	assert_true(said("out/verdict.txt", "no worse"));
	assert_true(said("out/comparison.md", "**ns_per_op**"));
	assert_true(said("out/comparison.tsv", "point\tns_per_op\tns\trcu\t-\t-\tcustom\trcu"));
	assert_true(said("out/base.json", "\"repetition_index\": 9"));
	assert_true(said("out/new.json", "newer"));
	assert_int_equal(scratch_entries(out), 6); /* those and verdict.tsv: nothing of the way there */
	assert_false(said("stderr", "\033"));
	/* Results are not written over others. */
	assert_int_equal(REGRESSED("--base-program", base, "--new-program", new, GRID, "--out", out), COMMAND_FAIL);
	assert_true(said("stderr", "is there already"));
}

/* In turn, repetition by repetition, each side as often first as chance has it; both with the same seeds. */
static void test_order(void **state)
{
	const char *base = write_program("base", 1, 0, ""), *new = write_program("newer", 1, 0, "");
	char *text, *rest, *line, *previous = NULL;
	unsigned base_first = 0, new_first = 0, at = 0;

	(void)state;
	assert_int_equal(REGRESSED("--base-program", base, "--new-program", new, GRID, "--out", scratch_path("out")), COMMAND_OK);
	rest = text = scratch_read(scratch_path("calls"));
	for (; (line = strsep(&rest, "\n")) && *line; at++, previous = line) {
		if (at % 2 == 0)
			continue;
		assert_true(strncmp(previous, "base ", 5) == 0 ? strncmp(line, "newer ", 6) == 0 : strncmp(line, "base ", 5) == 0);
		assert_string_equal(strchr(previous, ' '), strchr(line, ' ')); /* same point, seed, and all */
		*(strncmp(previous, "base ", 5) == 0 ? &base_first : &new_first) += 1;
	}
	assert_int_equal(at, 4 * 10 * 2);
	assert_true(base_first > 5 && new_first > 5);
	free(text);
}

/* The fastest of several windows: one in three is disturbed, here, by ten times the size of the change. */
static void test_best(void **state)
{
	const char *base, *new;
	char before[2][256 + 2 * SCRATCH_PATH_BYTES];
	struct table table;

	(void)state;
	for (unsigned side = 0; side < 2; side++) {
		const char *counter = scratch_path("counter.%u", side);

		snprintf(before[side], sizeof before[side], "n=$(($(cat '%s' 2>/dev/null || echo 0) + 1)); echo $n >'%s'; "
		         "[ $((n %% 3)) = 0 ] && disturbed=2.5", counter, counter);
	}
	base = write_program("base", 1, 0, before[0]);
	new = write_program("newer", 1.15, 0, before[1]);
	assert_int_equal(REGRESSED("--base-program", base, "--new-program", new, GRID, "--best-of", "3", "--out",
	                           scratch_path("out")),
	                 COMMAND_FAIL);
	assert_int_equal(lines_of("calls", "base"), 4 * 10 * 3);
	assert_int_equal(lines_of("out/verdict.txt", "SLOWER  impl=rcu"), 2);
	assert_true(table_load(&table, scratch_path("out/comparison.tsv")));
	for (size_t row = 0; row < table.rows; row++)
		if (strcmp(table_cell(&table, row, "kind"), "point") == 0)
			assert_string_equal(table_cell(&table, row, "n_base"), "10");
	table_free(&table);
	assert_int_equal(REGRESSED("--base-program", base, "--new-program", base, GRID, "--best-of", "0"), COMMAND_USAGE);
	/* With a window each, the noise is too much to say anything, which is said. */
	assert_int_equal(REGRESSED("--base-program", base, "--new-program", base, GRID, "--out", scratch_path("noisy")),
	                 COMMAND_OK);
	assert_true(said("noisy/verdict.txt", "undecided: at "));
	assert_true(said("noisy/verdict.tsv", "\tundecided\n"));
}

static void test_slower(void **state)
{
	const char *base = write_program("base", 1, 0.01, ""), *new = write_program("newer", 1.15, 0.01, "");
	struct table table;

	(void)state;
	assert_int_equal(REGRESSED("--base-program", base, "--new-program", new, GRID, "--out", scratch_path("out")), COMMAND_FAIL);
	assert_int_equal(lines_of("out/verdict.txt", "SLOWER  impl=rcu"), 2);
	assert_int_equal(lines_of("out/verdict.txt", "SLOWER"), 2); /* sharded is as it was */
	assert_true(said("stdout", "WORSE: 4 points: 2 slower by more than 10 %"));
	assert_true(table_load(&table, scratch_path("out/verdict.tsv")));
	for (size_t row = 0; row < table.rows; row++)
		if (strcmp(table_cell(&table, row, "what"), "speed") == 0)
			assert_string_equal(table_cell(&table, row, "verdict"), strstr(table_cell(&table, row, "point"),
			                                                               "impl=rcu") ? "slower" : "~");
	table_free(&table);
	assert_false(said("out/verdict.txt", "undecided"));
	/* The other way round it is faster; and below a higher threshold no failure. */
	assert_int_equal(REGRESSED("--base-program", new, "--new-program", base, GRID, "--out", scratch_path("back")), COMMAND_OK);
	assert_int_equal(REGRESSED("--base-program", base, "--new-program", new, GRID, "--threshold", "20", "--out",
	                           scratch_path("high")),
	                 COMMAND_OK);
	assert_true(said("high/verdict.tsv", "slower within the limit"));
}

static void test_allocations(void **state)
{
	const char *base = write_program("base", 1, 0.01, ""), *more = write_program("newer", 1, 0.03, "");
	const char *little = write_program("little", 1, 0.0115, "");

	(void)state;
	assert_int_equal(REGRESSED("--base-program", base, "--new-program", more, GRID, "--out", scratch_path("out")),
	                 COMMAND_FAIL);
	assert_int_equal(lines_of("out/verdict.txt", "ALLOCATES MORE"), 4);
	assert_int_equal(REGRESSED("--base-program", base, "--new-program", little, GRID, "--out", scratch_path("little")),
	                 COMMAND_OK);
	assert_int_equal(REGRESSED("--base-program", base, "--new-program", little, GRID, "--allocations", "0.001", "--out",
	                           scratch_path("strict")), COMMAND_FAIL);
}

/* ---- When things go wrong ------------------------------------------------------------------------------------------- */

/* What the baseline does not have is left out; what the new build cannot do any more is a failure, and leaves nothing. */
static void test_failing(void **state)
{
	static const char refuse[] = "if [ $impl = rcu ]; then echo 'there is no rcu' >&2; exit 2; fi";
	const char *sound = write_program("sound", 1, 0, ""), *broken = write_program("broken", 1, 0, refuse);
	const char *silent = write_program("silent", 1, 0, "exit 0");
	size_t before;

	(void)state;
	assert_int_equal(REGRESSED("--base-program", broken, "--new-program", sound, GRID, "--out", scratch_path("out")),
	                 COMMAND_OK);
	assert_true(said("stderr", "left out: the base build: impl=rcu/threads=1"));
	assert_true(said("stderr", "there is no rcu"));
	assert_true(said("out/verdict.txt", "no worse: 2 points"));
	before = scratch_entries(scratch_path("."));
	assert_int_equal(REGRESSED("--base-program", sound, "--new-program", broken, GRID, "--out", scratch_path("none")),
	                 COMMAND_FAIL);
	assert_true(said("stderr", "the new build: impl=rcu"));
	assert_int_equal(REGRESSED("--base-program", sound, "--new-program", silent, GRID, "--out", scratch_path("none")),
	                 COMMAND_FAIL);
	assert_true(said("stderr", "it left no measurement"));
	assert_int_equal(scratch_entries(scratch_path(".")), before);
}

/* Ctrl-C: nothing stays, neither files nor what was running. */
static void test_interrupted(void **state)
{
	const char *slow = write_program("slow", 1, 0, "echo $$ >\"${0%.sh}.pid\"; sleep 1000");
	const char *argv[] = {"regress", "--base-program", slow, GRID, "--out", lasting(scratch_path("out")), NULL};
	char *text = NULL;
	int status, running;
	pid_t child;

	(void)state;
	child = fork();
	if (child == 0) {
		if (!freopen("/dev/null", "w", stderr))
			_exit(99);
		_exit(regress_command(sizeof argv / sizeof argv[0] - 1, (char **)(uintptr_t)argv));
	}
	while (!text || !*text) {
		free(text);
		nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
		text = scratch_read(scratch_path("slow.pid"));
	}
	running = atoi(text);
	free(text);
	assert_int_equal(kill(child, SIGINT), 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == COMMAND_FAIL);
	while (kill(running, 0) == 0) /* whoever inherits it may take a moment to bury it */
		nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
	assert_int_equal(errno, ESRCH);
	assert_int_equal(scratch_entries(scratch_path(".")), 3); /* the program, its number, its calls */
}

static void test_wrong(void **state)
{
	const char *program = write_program("base", 1, 0, "");

	(void)state;
	assert_int_equal(regressed((const char *const[]){NULL}), COMMAND_USAGE);
	assert_true(said("stderr", "no BASE is named"));
	assert_int_equal(REGRESSED("no-such-commit"), COMMAND_USAGE);
	assert_true(said("stderr", "is no file, no folder, and no commit"));
	assert_int_equal(REGRESSED("--base-program", scratch_path("none")), COMMAND_USAGE);
	assert_int_equal(REGRESSED("--base-program", program, GRID, "--repetitions", "3"), COMMAND_USAGE);
	assert_true(said("stderr", "3 repetitions of 4 points cannot show anything"));
	assert_int_equal(REGRESSED("--base-program", program, GRID, "--filter", "impl=none"), COMMAND_USAGE);
	assert_int_equal(REGRESSED("--base-program", program, GRID, "--filter", "["), COMMAND_USAGE);
	assert_int_equal(REGRESSED("--base-program", program, "--threshold", "ten"), COMMAND_USAGE);
	assert_int_equal(REGRESSED("--base-program", program, "--stored"), COMMAND_USAGE);
	assert_int_equal(REGRESSED(scratch_path(".")), COMMAND_USAGE);
	assert_true(said("stderr", "it has no plan.json"));
	scratch_write(scratch_path("garbage.json"), "{");
	assert_int_equal(REGRESSED(scratch_path("garbage.json")), COMMAND_USAGE);
	scratch_write(scratch_path("empty.json"), "{\"context\": {}, \"benchmarks\": []}");
	assert_int_equal(REGRESSED(scratch_path("empty.json")), COMMAND_USAGE);
	assert_true(said("stderr", "no point is left"));
	assert_int_equal(REGRESSED(scratch_path("empty.json"), "--impl", "rcu"), COMMAND_USAGE);
	assert_true(said("stderr", "are of the small grid"));
	assert_int_equal(REGRESSED("--help"), COMMAND_OK);
}

/* ---- A stored baseline ---------------------------------------------------------------------------------------------- */

/* Of a commit that nobody has: its samples have to do, and that is said; its points become options again. */
static void test_stored(void **state)
{
	const char *sound = write_program("newer", 1, 0, ""), *slow = write_program("slower", 1.3, 0, "");
	const char *base = lasting(scratch_path("base.json"));
	FILE *out = fopen(base, "w");

	(void)state;
	assert_non_null(out);
	fputs("{\"context\": {\"git_commit\": \"0123456789ab\", \"git_dirty\": \"no\", \"window_s\": \"0.05\", \"warmup_s\": "
	      "\"0.01\", \"fill\": "
	      "\"auto: where\"}, \"benchmarks\": [", out);
	for (unsigned r = 0; r < 10; r++)
		fprintf(out, "{\"name\": \"cache/suite:custom/impl:rcu/threads:2/mix:95-4-1\", \"run_type\": \"iteration\", "
		        "\"repetition_index\": %u, "
		        "\"ns_per_op\": %g, \"allocations_per_op\": 0, \"allocated_bytes_per_op\": 0},", r, 100 + 0.3 * r);
	fputs("{\"name\": \"replay/trace:web/impl:rcu/threads:2\", \"run_type\": \"iteration\"}]}", out);
	assert_int_equal(fclose(out), 0);
	assert_int_equal(REGRESSED(base, "--new-program", sound, "--out", scratch_path("out")), COMMAND_OK);
	assert_true(said("stderr", "THE BASELINE DOES NOT RUN AGAIN: its commit 0123456789ab is not in this repository"));
	assert_true(said("stderr", "runs of traces are left out: 1"));
	assert_true(said("out/verdict.txt", "stored ones"));
	assert_int_equal(lines_of("calls", "newer bench --impl rcu --threads 2 --mix 95:4:1 --seconds 0.05 --warmup 0.01 "
	                          "--repetitions 1 --seed 1 "), 1);
	assert_int_equal(lines_of("calls", "newer"), 10);
	assert_int_equal(REGRESSED(base, "--new-program", slow, "--best-of", "2", "--out", scratch_path("best")), COMMAND_FAIL);
	assert_true(said("stderr", "--best-of wants a baseline that runs again"));
	assert_int_equal(REGRESSED(base, "--new-program", slow, "--out", scratch_path("slow")), COMMAND_FAIL);
	assert_true(said("slow/verdict.txt", "SLOWER"));
	assert_int_equal(REGRESSED(base, "--stored", "--seconds", "20ms", "--new-program", sound, "--out", scratch_path("given")),
	                 COMMAND_FAIL);
	assert_true(said("stderr", "--seconds wants a baseline that runs again"));
}

/* ---- The baseline's build ------------------------------------------------------------------------------------------- */

static void git(const char *arguments)
{
	char command[SCRATCH_PATH_BYTES * 2];

	snprintf(command, sizeof command, "cd '%s' && git -c user.name=test -c user.email=test@example.org -c "
	         "init.defaultBranch=main %s "
	         ">/dev/null 2>&1", scratch_path("tree"), arguments);
	assert_int_equal(system(command), 0);
}

static const char makefile[] = "all:\n\tmkdir -p build/release-gcc\n\techo built >>../built\n\tcp Makefile "
	"build/release-gcc/capacitor\n"
			       "\tchmod +x build/release-gcc/capacitor\n";

static void test_build(void **state)
{
	char program[REGRESS_PATH_BYTES], error[REGRESS_ERROR_BYTES], *first, *second;
	const char *root = lasting(scratch_path("tree"));

	(void)state;
	scratch_folder(root);
	git("init");
	scratch_write(scratch_path("tree/Makefile"), makefile);
	git("add Makefile");
	git("commit -m one");
	scratch_write(scratch_path("tree/Makefile"), "all:\n\techo 'no rule for this' >&2; false\n");
	git("commit -a -m two");
	first = regress_commit(root, "HEAD~1");
	second = regress_commit(root, "main");
	assert_true(first && second && strlen(first) == 40 && strcmp(first, second) != 0);
	assert_null(regress_commit(root, "--all"));
	assert_null(regress_commit(root, "nothing"));

	setenv("MAKEFLAGS", "-n", 1); /* those of a make above are not for this one */
	assert_true(regress_build(root, first, program, error));
	unsetenv("MAKEFLAGS");
	assert_int_equal(access(program, X_OK), 0);
	assert_non_null(strstr(program, "/tree/build/baseline/"));
	assert_int_equal(lines_of("tree/build/baseline/built", "built"), 1);
	assert_true(regress_build(root, first, program, error)); /* it is there */
	assert_int_equal(lines_of("tree/build/baseline/built", "built"), 1);
	assert_int_equal(unlink(program), 0); /* half of it is gone */
	assert_true(regress_build(root, first, program, error));
	assert_int_equal(lines_of("tree/build/baseline/built", "built"), 2);
	git("clean -ffdx"); /* all of it is, which git was not told */
	assert_false(scratch_exists(program));
	assert_true(regress_build(root, first, program, error));

	assert_false(regress_build(root, second, program, error));
	assert_non_null(strstr(error, "cannot be built"));
	assert_false(regress_build(root, "0123456789012345678901234567890123456789", program, error));
	assert_non_null(strstr(error, "git worktree add"));
	free(first);
	free(second);
}

/* ---- Coherence misses ------------------------------------------------------------------------------------------------ */

#define BASELINE(toolchain, misses) \
	"# Counts.\n# toolchain: " toolchain "\n" \
	"cell\twhat\tname\toperations\ttrue\tlate\tfalse\tcold\tupgrade_true\tupgrade_false\n" \
	"rcu, hits\toperation\tget\t1000\t" misses "\t0\t0\t0\t0\t0\nrcu, hits\tfield\tx in y()\t0\t900\t0\t0\t0\t0\t0\n" \
	"rcu, hits\toperation\tset\t1000\t7\t0\t0\t0\t0\t0\n"

static size_t missing(bool *known, char **text)
{
	size_t bytes, worse;
	FILE *out = open_memstream(text, &bytes), *table = fopen(scratch_path("rows"), "w");

	assert_true(out && table);
	worse = regress_coherence(table, out, scratch_path("tree"), "HEAD", known);
	fclose(table);
	fclose(out);
	return worse;
}

static void test_coherence(void **state)
{
	char *text;
	bool known;

	(void)state;
	scratch_folder(scratch_path("tree"));
	scratch_folder(scratch_path("tree/coherence"));
	git("init");
	git("commit --allow-empty -m none");
	assert_int_equal(missing(&known, &text), 0);
	assert_false(known);
	assert_non_null(strstr(text, "unavailable: the baseline's commit keeps none"));
	free(text);
	scratch_write(scratch_path("tree/coherence/baseline.tsv"), BASELINE("gcc", "5"));
	git("add coherence");
	git("commit -m counts");
	assert_int_equal(missing(&known, &text), 0);
	assert_true(known);
	assert_non_null(strstr(text, "2 operations compared, 0 miss more often"));
	free(text);
	scratch_write(scratch_path("tree/coherence/baseline.tsv"), BASELINE("gcc", "6"));
	assert_int_equal(missing(&known, &text), 1);
	assert_non_null(strstr(text, "MISSES MORE  rcu, hits: get: 5 -> 6"));
	assert_true(said("rows", "coherence\trcu, hits: get\tmisses\t5\t6\t-\t-\t-\t-\t-\tmisses more\n"));
	free(text);
	scratch_write(scratch_path("tree/coherence/baseline.tsv"), BASELINE("gcc", "4"));
	assert_int_equal(missing(&known, &text), 0);
	free(text);
	scratch_write(scratch_path("tree/coherence/baseline.tsv"), BASELINE("clang", "6"));
	assert_int_equal(missing(&known, &text), 0);
	assert_false(known);
	free(text);
	scratch_write(scratch_path("tree/coherence/baseline.tsv"), "");
	assert_int_equal(missing(&known, &text), 0);
	assert_false(known);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_same, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(test_lost_figure, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(test_order, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(test_best, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(test_slower, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(test_allocations, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(test_failing, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(test_interrupted, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(test_wrong, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(test_stored, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(test_build, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(test_coherence, scratch_setup, scratch_teardown),
	};

	return cmocka_run_group_tests_name("regress", tests, NULL, NULL);
}
