/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Proves that the coherence runtime is exact: every scenario, for many numbers of workers, lengths, lines and shifts, counted and
 * compared with its closed form. Prints TAP. A run is a process; see scenarios.h.
 *
 * A run is counted in one of two ways. From before the first round to after the last, by the main thread: the form's first round
 * and all later ones. Or from a later round on, between turns: only later ones. With --record, one run under any schedule and seed
 * writes its record instead, for those who compare records.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "coherence/coherence.h"
#include "tests/coherence/oracle.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

struct run {
	const struct scenario *scenario;
	struct setting setting;
	unsigned long rounds;
	unsigned long warm; /* rounds that are not counted */
	enum coherence_schedule schedule;
	uint64_t seed;
	unsigned variant; /* of scenarios that have many */
	bool token;         /* threads pass a token instead of being fibers */
	const char *record; /* or NULL */
};

/* What runs tell; more than a reader wants to see is left out. */
struct report {
	unsigned complaints;
	size_t used;
	char text[4096];
};

static struct run run;
static struct report *report;
static unsigned last_turn; /* whose round began last */

/* A line about this run. */
__attribute__((format(printf, 1, 2))) static void complain(const char *format, ...)
{
	size_t left = sizeof(report->text) - report->used;
	char what[256];
	va_list list;
	int length;

	va_start(list, format);
	vsnprintf(what, sizeof(what), format, list);
	va_end(list);
	length = snprintf(report->text + report->used, left,
	                  "# %u workers, %lu rounds after %lu, lines of %u bytes shifted by %u: %s\n", run.setting.workers,
	                  run.rounds - run.warm, run.warm, run.setting.line_bytes, run.setting.shift_bytes, what);
	if ((size_t)length < left)
		report->used += (size_t)length;
	report->text[report->used] = '\0';
	report->complaints++;
}

/* ---- What is expected -------------------------------------------------------------------------------------------- */

/* In the order of struct tally. */
#define COUNT_OF(field, count) [offsetof(struct tally, field) / sizeof(uint64_t)] = {#field, count, false}
#define CLASS_OF(field, count) [offsetof(struct tally, field) / sizeof(uint64_t)] = {#field, count, true}

static const struct {
	const char *name;
	enum coherence_count count;
	bool by_object; /* counted for addresses, too */
} compared[] = {
	CLASS_OF(true_sharing, COHERENCE_TRUE),
	CLASS_OF(late, COHERENCE_LATE),
	CLASS_OF(false_sharing, COHERENCE_FALSE),
	CLASS_OF(cold, COHERENCE_COLD),
	CLASS_OF(upgrade_true, COHERENCE_UPGRADE_TRUE),
	CLASS_OF(upgrade_false, COHERENCE_UPGRADE_FALSE),
	CLASS_OF(transfers, COHERENCE_TRANSFERS),
	CLASS_OF(invalidations, COHERENCE_INVALIDATIONS),
	CLASS_OF(cas_failures, COHERENCE_CAS_FAILURES),
	COUNT_OF(operations, COHERENCE_OPERATIONS),
	COUNT_OF(reads, COHERENCE_READS),
	COUNT_OF(writes, COHERENCE_WRITES),
	COUNT_OF(rmws, COHERENCE_RMWS),
	COUNT_OF(locks, COHERENCE_LOCKS),
	COUNT_OF(lock_waits, COHERENCE_LOCK_WAITS),
	COUNT_OF(handovers, COHERENCE_HANDOVERS),
	COUNT_OF(blocks, COHERENCE_BLOCKS),
	COUNT_OF(wakes, COHERENCE_WAKES),
	COUNT_OF(membarriers, COHERENCE_MEMBARRIERS),
	COUNT_OF(allocations, COHERENCE_ALLOCATIONS),
};
_Static_assert(LENGTH(compared) * sizeof(uint64_t) == sizeof(struct tally), "every field of a tally is compared");

/* Of each kind of operation. */
static struct tally expected[SCENARIO_KINDS];

static void expect(void)
{
	struct form form[SCENARIO_KINDS] = {0};

	oracle_seed(run.variant);
	if (run.scenario->count) {
		run.scenario->count(&run.setting, run.rounds, run.warm, expected);
		expected[0].operations += (run.rounds - run.warm) * run.setting.workers;
		return;
	}
	run.scenario->form(&run.setting, form);
	form[0].first.operations = form[0].steady.operations = run.setting.workers;
	for (unsigned kind = 0; kind < SCENARIO_KINDS; kind++) {
		const uint64_t *first = (const uint64_t *)&form[kind].first, *steady = (const uint64_t *)&form[kind].steady;

		for (size_t i = 0; i < LENGTH(compared); i++)
			((uint64_t *)&expected[kind])[i] =
				run.warm > 0 ? (run.rounds - run.warm) * steady[i] : first[i] + (run.rounds - 1) * steady[i];
	}
}

static void compare(void)
{
	for (size_t i = 0; i < LENGTH(compared); i++) {
		uint64_t all = 0;

		for (unsigned kind = 1; kind <= SCENARIO_KINDS; kind++) {
			uint64_t want = ((const uint64_t *)&expected[kind - 1])[i], got = coherence_count(kind, compared[i].count);

			all += want;
			if (got != want)
				complain("%s of operation %u: %" PRIu64 ", not %" PRIu64, compared[i].name, kind, got, want);
		}
		if (compared[i].by_object && run.scenario->object) {
			uint64_t got = coherence_count_at(run.scenario->object, run.scenario->bytes, compared[i].count);

			if (got != all)
				complain("%s of its lines: %" PRIu64 ", not %" PRIu64, compared[i].name, got, all);
		}
	}
}

/* ---- A run ------------------------------------------------------------------------------------------------------- */

/* Rounds begin in turns: the forms hang on it. */
static void begin_round(unsigned worker, unsigned long round)
{
	if (run.schedule != COHERENCE_COOP)
		return;
	if (worker != (last_turn + 1) % run.setting.workers && !run.scenario->overlaps)
		complain("round %lu of worker %u came after one of worker %u", round, worker, last_turn);
	last_turn = worker;
	if (worker == 0 && run.warm > 0 && round == run.warm && !run.scenario->life)
		coherence_measure(true);
}

static void end_round(unsigned worker, unsigned long round)
{
	bool last = worker == run.setting.workers - 1 && round == run.rounds - 1;

	if (last && run.warm > 0 && !run.scenario->life)
		coherence_measure(false);
}

static void *work(void *argument)
{
	unsigned worker = (unsigned)(uintptr_t)argument;

	for (unsigned long round = 0; round < run.rounds; round++) {
		begin_round(worker, round);
		coherence_operation(1);
		run.scenario->step(worker, round);
		coherence_operation(0);
		end_round(worker, round);
		coherence_yield();
	}
	return NULL;
}

static unsigned long life_round;

static void *live(void *argument)
{
	unsigned worker = (unsigned)(uintptr_t)argument;

	begin_round(worker, life_round);
	coherence_operation(1);
	run.scenario->life(worker, life_round);
	return NULL;
}

static bool start_and_join(void *(*function)(void *))
{
	pthread_t thread[SCENARIO_WORKERS_MAX];

	for (unsigned i = 0; i < run.setting.workers; i++) {
		int error = pthread_create(&thread[i], NULL, function, (void *)(uintptr_t)i);

		if (error) {
			complain("pthread_create: %s", strerror(error));
			return false;
		}
	}
	for (unsigned i = 0; i < run.setting.workers; i++)
		pthread_join(thread[i], NULL);
	return true;
}

static bool go_through_rounds(void)
{
	bool good = true;

	if (run.scenario->step)
		return start_and_join(work);
	for (life_round = 0; good && life_round < run.rounds; life_round++) {
		if (run.warm > 0 && life_round == run.warm)
			coherence_measure(true);
		good = start_and_join(live);
	}
	return good;
}

/* In a process of its own. */
static void perform(void)
{
	struct coherence_settings settings;
	char error[256];

	expect();
	last_turn = run.setting.workers - 1;
	coherence_settings_init(&settings);
	settings.schedule = run.schedule;
	settings.seed = run.seed;
	settings.token = run.token;
	settings.line_bytes = run.setting.line_bytes;
	settings.shift_bytes = run.setting.shift_bytes;
	coherence_operation_name(1, run.scenario->name);
	if (!coherence_start(&settings, error, sizeof(error))) {
		complain("coherence_start: %s", error);
		return;
	}
	if (run.scenario->setup)
		run.scenario->setup(run.setting.workers);
	if (run.warm == 0)
		coherence_measure(true);
	if (!go_through_rounds())
		return;
	if (run.warm == 0 || run.scenario->life)
		coherence_measure(false);
	if (run.schedule == COHERENCE_COOP)
		compare();
	if (run.record && !coherence_record(run.record, NULL, error, sizeof(error)))
		complain("coherence_record: %s", error);
}

/* True: it went as expected. */
static bool child(void)
{
	unsigned before = report->complaints;
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		perform();
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0) {
		perror("prove: fork");
		exit(2);
	}
	if (WIFSIGNALED(status))
		complain("ended by signal %d", WTERMSIG(status));
	else if (WEXITSTATUS(status) != 0)
		complain("exit status %d", WEXITSTATUS(status));
	return report->complaints == before;
}

/* ---- All runs ---------------------------------------------------------------------------------------------------- */

static const struct setting settings_of_lines[] = {
	{.line_bytes = 64, .shift_bytes = 0},   {.line_bytes = 64, .shift_bytes = 8},   {.line_bytes = 128, .shift_bytes = 0},
	{.line_bytes = 128, .shift_bytes = 8}, {.line_bytes = 128, .shift_bytes = 64},
};

static const unsigned few[] = {2, 3, 16, 64, 0}, all[] = {2, 3, 4, 8, 16, 32, 64, 128, 0};

/* More than there are slots in a ring; fewer where each round has threads of its own, which take most of the time. */
#define ROUNDS       11
#define ROUNDS_LIVED 4
#define WARM         2

/* The first round; some; and some of the later ones. */
static unsigned prove_lines(const struct setting *lines, const unsigned *workers, unsigned *failed)
{
	unsigned long rounds = run.scenario->life ? ROUNDS_LIVED : ROUNDS;
	const struct {
		unsigned long rounds, warm;
	} ways[] = {{1, 0}, {rounds, 0}, {WARM + rounds, WARM}};
	unsigned runs = 0;

	for (; *workers; workers++) {
		for (size_t i = 0; i < LENGTH(ways); i++) {
			if (ways[i].warm > 0 && run.scenario->overlaps)
				continue;
			run.setting = *lines;
			run.setting.workers = *workers;
			run.rounds = ways[i].rounds;
			run.warm = ways[i].warm;
			for (run.variant = 0; run.variant <= run.scenario->variants; run.variant++) {
				*failed += !child();
				runs++;
			}
		}
	}
	return runs;
}

static bool prove(const struct scenario *scenario, unsigned number)
{
	unsigned runs = 0, failed = 0;

	run = (struct run){.scenario = scenario, .schedule = COHERENCE_COOP, .seed = 1};
	*report = (struct report){0};
	for (size_t i = 0; i < LENGTH(settings_of_lines); i++) {
		const struct setting *lines = &settings_of_lines[i];

		if (!(scenario->not_with & SETTING(lines->line_bytes, lines->shift_bytes)))
			runs += prove_lines(lines, i == 0 ? all : few, &failed);
	}
	printf("%s %u - %s: %u runs, %u not as counted on paper\n", failed ? "not ok" : "ok", number, scenario->name, runs,
	       failed);
	if (failed)
		fputs(report->text, stdout);
	return failed == 0;
}

/* ---- The command line -------------------------------------------------------------------------------------------- */

static const struct scenario *find(const char *name)
{
	for (const struct scenario *scenario = scenarios; scenario->name; scenario++)
		if (strcmp(scenario->name, name) == 0)
			return scenario;
	fprintf(stderr, "prove: there is no scenario \"%s\"; --list names them\n", name);
	exit(2);
}

static uint64_t number(const char *option, const char *text, uint64_t least, uint64_t most)
{
	char *end;
	uint64_t value;

	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno || end == text || *end || value < least || value > most) {
		fprintf(stderr, "prove: --%s: \"%s\" is not a number from %" PRIu64 " to %" PRIu64, option, text, least, most);
		exit(2);
	}
	return value;
}

static enum coherence_schedule schedule_called(const char *name)
{
	for (unsigned i = 0; i < COHERENCE_SCHEDULES; i++)
		if (strcmp(coherence_schedule_names[i], name) == 0)
			return (enum coherence_schedule)i;
	fprintf(stderr, "prove: --schedule: \"%s\" is none of coop, clock, rand, pct\n", name);
	exit(2);
}

static int record_one(const char *name)
{
	bool good;

	run.scenario = find(name);
	good = child();
	if (!good)
		fputs(report->text, stderr);
	return good ? 0 : 1;
}

static int prove_all(char **names, int count)
{
	unsigned done = 0, failed = 0;

	for (const struct scenario *scenario = scenarios; scenario->name; scenario++) {
		bool wanted = count == 0;

		for (int i = 0; i < count; i++)
			wanted = wanted || strcmp(names[i], scenario->name) == 0;
		if (wanted)
			failed += !prove(scenario, ++done);
	}
	printf("1..%u\n", done);
	return failed ? 1 : 0;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"list", no_argument, NULL, 'l'},          {"record", required_argument, NULL, 'o'},
		{"schedule", required_argument, NULL, 's'}, {"seed", required_argument, NULL, 'x'},
		{"workers", required_argument, NULL, 'n'},  {"rounds", required_argument, NULL, 'k'},
		{"token", no_argument, NULL, 't'},          {NULL, 0, NULL, 0},
	};
	int option;

	report = mmap(NULL, sizeof(*report), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (report == MAP_FAILED) {
		perror("prove: mmap");
		return 2;
	}
	run = (struct run){.setting = {.workers = 4, .line_bytes = 64}, .rounds = 10, .seed = 1};
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'l':
			for (const struct scenario *scenario = scenarios; scenario->name; scenario++)
				puts(scenario->name);
			return 0;
		case 'o': run.record = optarg; break;
		case 's': run.schedule = schedule_called(optarg); break;
		case 'x': run.seed = number("seed", optarg, 0, UINT64_MAX); break;
		case 'n': run.setting.workers = (unsigned)number("workers", optarg, 2, SCENARIO_WORKERS_MAX); break;
		case 'k': run.rounds = number("rounds", optarg, 1, 1000000); break;
		case 't': run.token = true; break;
		default: return 2;
		}
	}
	for (int i = optind; i < argc; i++)
		find(argv[i]);
	if (run.record && optind != argc - 1) {
		fputs("prove: --record wants the name of one scenario\n", stderr);
		return 2;
	}
	return run.record ? record_one(argv[optind]) : prove_all(argv + optind, argc - optind);
}
