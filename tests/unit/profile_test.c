/* SPDX-License-Identifier: BSD-2-Clause */
/* Profiles: hand-made stacks and what is read off them, files that are damaged, samplers on planted programs. */
#include "harness/profile.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/atomics.h"
#include "harness/profile_offcpu.h"
#include "harness/profile_samples.h"
#include "harness/profile_window.h"
#include "harness/table.h"
#include "tests/unit/scratch.h"

#define HERE "tests/unit/profile_test.c"

static char error[512];

/* ---- Stacks ------------------------------------------------------------------------------------------------------ */

/* main calls a and b; a calls itself once, and c; b calls c. */
static struct stacks *family(void)
{
	struct stacks *stacks = stacks_new();

	assert_non_null(stacks);
	assert_true(stacks_add_text(stacks, "main;a (impl/x/x.c:10);a (impl/x/x.c:11);c (common/c.h:5)", 40));
	assert_true(stacks_add_text(stacks, "main;b (harness/b.c:7);c (common/c.h:6)", 25));
	assert_true(stacks_add_text(stacks, "main;b (harness/b.c:7)", 30));
	assert_true(stacks_add_text(stacks, "main;a (impl/x/x.c:12)", 5));
	return stacks;
}

static const struct stacks_function *find(const struct stacks_function *list, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(list[i].function, name) == 0)
			return &list[i];
	fail_msg("%s is not in the list", name);
	return NULL;
}

static void test_counts_each_stack_once(void **state)
{
	struct stacks *stacks = family();
	size_t count;
	struct stacks_function *list = stacks_functions(stacks, &count);

	(void)state;
	assert_int_equal(count, 4);
	assert_true(stacks_total(stacks) == 100);
	assert_string_equal(list[0].function, "c");
	assert_true(list[0].self == 65 && list[0].total == 65);
	assert_string_equal(list[0].file, "common/c.h");
	assert_string_equal(list[1].function, "b");
	assert_true(list[1].self == 30 && list[1].total == 55);
	/* The recursion counts once. */
	assert_true(find(list, count, "a")->self == 5 && find(list, count, "a")->total == 45);
	assert_true(find(list, count, "main")->self == 0 && find(list, count, "main")->total == 100);
	free(list);
	stacks_free(stacks);
}

static void test_same_name_in_two_files(void **state)
{
	struct stacks *stacks = stacks_new();
	size_t count;
	struct stacks_function *list;

	(void)state;
	assert_true(stacks_add_text(stacks, "main;get (impl/a/a.c:1)", 1));
	assert_true(stacks_add_text(stacks, "main;get (impl/b/b.c:1)", 2));
	list = stacks_functions(stacks, &count);
	assert_int_equal(count, 3);
	assert_string_equal(list[0].file, "impl/b/b.c");
	assert_string_equal(list[1].file, "impl/a/a.c");
	free(list);
	stacks_free(stacks);
}

static void test_edges(void **state)
{
	struct stacks *stacks = family();
	size_t count;
	struct stacks_edge *edges = stacks_edges(stacks, &count);
	double sum_into_c = 0;

	(void)state;
	assert_int_equal(count, 5); /* main a, main b, a a, a c, b c */
	assert_string_equal(edges[0].caller, "main");
	assert_string_equal(edges[0].callee, "b");
	assert_true(edges[0].weight == 55);
	for (size_t i = 0; i < count; i++)
		if (strcmp(edges[i].callee, "c") == 0)
			sum_into_c += edges[i].weight;
	assert_true(sum_into_c == 65);
	free(edges);
	stacks_free(stacks);
}

static void test_folded(void **state)
{
	const struct debuginfo_frame odd[] = {{"odd;name", NULL, 0}, {"main", NULL, 0}};
	struct stacks *stacks = family();
	char *text = NULL;
	size_t bytes = 0;
	FILE *out = open_memstream(&text, &bytes);

	(void)state;
	assert_true(stacks_add(stacks, odd, 2, 1)); /* a name must not look like two */
	stacks_write_folded(out, stacks);
	fclose(out);
	assert_string_equal(text, "main;a 5\nmain;a;a;c 40\nmain;b 30\nmain;b;c 25\nmain;odd:name 1\n");
	free(text);
	stacks_free(stacks);
}

static void test_dot_leaves_out_the_small(void **state)
{
	struct stacks *stacks = family();
	char *text = NULL;
	size_t bytes = 0;
	FILE *out = open_memstream(&text, &bytes);

	(void)state;
	assert_true(stacks_add_text(stacks, "main;tiny \"quoted\"", 0.5));
	assert_true(stacks_write_dot(out, stacks, "a \"title\"", "samples", 0.01));
	fclose(out);
	assert_non_null(strstr(text, "\"main@\" -> \"b@harness/b.c\" [label=\" 54.7 %\""));
	assert_null(strstr(text, "tiny"));
	assert_non_null(strstr(text, "a \\\"title\\\""));
	free(text);
	stacks_free(stacks);
	stacks = stacks_new();
	out = open_memstream(&text, &bytes);
	assert_false(stacks_write_dot(out, stacks, "", "", 0.01));
	fclose(out);
	free(text);
	stacks_free(stacks);
}

static void test_complete(void **state)
{
	struct stacks *stacks = stacks_new();

	(void)state;
	assert_true(stacks_complete(stacks) == 0);
	assert_true(stacks_add_text(stacks, "clone3;start_thread;f", 3));
	assert_true(stacks_add_text(stacks, "f", 1));
	assert_true(stacks_complete(stacks) == 0.75);
	stacks_free(stacks);
}

static void test_parts(void **state)
{
	(void)state;
	assert_string_equal(names_part("impl/rcu/rcu.c"), "library");
	assert_string_equal(names_part("common/entry.h"), "library");
	assert_string_equal(names_part("build/release-gcc/bugs/slow/impl/rcu/rcu.c"), "library");
	assert_string_equal(names_part("harness/point.c"), "harness");
	assert_string_equal(names_part("libc.so.6"), "other");
	assert_string_equal(names_part("/usr/include/urcu.h"), "other");
	assert_string_equal(names_part(NULL), "other");
}

/* ---- Source ------------------------------------------------------------------------------------------------------ */

static void test_source(void **state)
{
	static const char source[] = "#include <x.h>\n\n/* Says a. */\nstatic int a(int x)\n{\n\tint y = x;\n\n\treturn "
		"y;\n}\n\nint b(void)\n{\n}\n";
	struct stacks *stacks = stacks_new();
	char *text = NULL;
	size_t bytes = 0;
	FILE *out = open_memstream(&text, &bytes);

	(void)state;
	scratch_folder(scratch_path("impl"));
	scratch_write(scratch_path("impl/x.c"), source);
	assert_true(stacks_add_text(stacks, "main;a (impl/x.c:6)", 3));
	assert_true(stacks_add_text(stacks, "main;a (impl/x.c:8);c (impl/y.c:1)", 4));
	assert_true(profile_write_source(out, scratch_path("."), stacks, "a", "impl/x.c"));
	fflush(out);
	assert_non_null(strstr(text, "       .        .     4  static int a(int x)\n"));
	assert_non_null(strstr(text, "       3        3     6  \tint y = x;\n"));
	assert_non_null(strstr(text, "       .        4     8  \treturn y;\n"));
	assert_non_null(strstr(text, "     9  }\n"));
	assert_null(strstr(text, "int b"));
	assert_null(strstr(text, "Says"));
	/* What is not there, is shorter than its lines, or has none. */
	assert_false(profile_write_source(out, scratch_path("."), stacks, "c", "impl/y.c"));
	assert_false(profile_write_source(out, scratch_path("."), stacks, "nobody", "impl/x.c"));
	assert_true(stacks_add_text(stacks, "main;a (impl/x.c:600)", 3));
	assert_false(profile_write_source(out, scratch_path("."), stacks, "a", "impl/x.c"));
	fclose(out);
	free(text);
	stacks_free(stacks);
}

/* ---- Files of samples -------------------------------------------------------------------------------------------- */

static __attribute__((noinline)) void *landmark(void)
{
	return __builtin_return_address(0);
}

static void *inside_of_caller;
static __attribute__((noinline)) void known_caller(void)
{
	inside_of_caller = landmark();
	__asm__ volatile("" ::: "memory");
}

static const char *write_profile(uint64_t count)
{
	const char *path = scratch_path("profile");
	FILE *out = fopen(path, "wb");
	void *address[2];

	known_caller();
	address[0] = (void *)(uintptr_t)getpagesize; /* in the C library, and nobody intercepts it */
	address[1] = inside_of_caller;
	samples_write_begin(out, 1000);
	samples_write_stack(out, count, address, 2);
	address[0] = (void *)16; /* in no file */
	samples_write_stack(out, 1, address, 1);
	assert_true(samples_write_end(out, NULL));
	assert_int_equal(fclose(out), 0);
	return path;
}

static void test_samples_are_named(void **state)
{
	struct samples samples = {0};
	struct names *names = names_open();
	struct stacks *stacks = stacks_new();
	struct stacks_function *list;
	size_t count;

	(void)state;
	assert_true(samples_read(&samples, write_profile(7), error, sizeof error));
	assert_true(samples_read(&samples, write_profile(2), error, sizeof error));
	assert_int_equal(samples.stack_count, 4);
	assert_int_equal(samples.total, 11);
	assert_int_equal(samples.period_us, 1000);
	assert_true(stacks_add_samples(stacks, &samples, names));
	list = stacks_functions(stacks, &count);
	assert_true(find(list, count, "known_caller")->total == 9);
	assert_true(find(list, count, "known_caller")->self == 0);
	assert_string_equal(find(list, count, "known_caller")->file, HERE);
	assert_true(find(list, count, "(in no file)")->self == 2);
	assert_true(list[0].self == 9); /* whatever the C library calls it */
	assert_non_null(strstr(list[0].file, "libc"));
	free(list);
	stacks_free(stacks);
	names_close(names);
	samples_free(&samples);
}

/* What is put together and written once more says the same. */
static void test_samples_survive_writing(void **state)
{
	struct samples samples = {0}, again = {0};
	FILE *out;

	(void)state;
	assert_true(samples_read(&samples, write_profile(7), error, sizeof error));
	out = fopen(scratch_path("again"), "wb");
	samples_write(out, &samples);
	fclose(out);
	assert_true(samples_read(&again, scratch_path("again"), error, sizeof error));
	assert_int_equal(again.total, samples.total);
	assert_int_equal(again.stack_count, samples.stack_count);
	for (size_t i = 0; i < samples.address_count; i++) {
		if (samples.addresses[i].object == SAMPLES_NOWHERE)
			continue;
		assert_string_equal(again.objects[again.addresses[i].object], samples.objects[samples.addresses[i].object]);
		assert_int_equal(again.addresses[i].address, samples.addresses[i].address);
	}
	samples_free(&samples);
	samples_free(&again);
}

static void assert_refused(const char *path, const char *reason)
{
	struct samples samples = {0};

	error[0] = '\0';
	assert_false(samples_read(&samples, path, error, sizeof error));
	assert_non_null(strstr(error, path));
	assert_non_null(strstr(error, reason));
	assert_int_equal(samples.total, 0);
	samples_free(&samples);
}

static void test_damaged_samples(void **state)
{
	uint64_t words[16] = {0, 3, 0, 1000, 0, 1, 1000000, 0};
	char path[SCRATCH_PATH_BYTES];
	FILE *out;

	(void)state;
	snprintf(path, sizeof path, "%s", scratch_path("damaged"));
	assert_refused(scratch_path("nothing"), "No such file");
	scratch_write(path, "");
	assert_refused(path, "no CPU profile");
	scratch_write(path, "heap profile: 1: 2 [3: 4] @ heapprofile\nand so on, so that it is long enough for a header\n");
	assert_refused(path, "no CPU profile");
	/* A stack longer than the file. */
	out = fopen(path, "wb");
	fwrite(words, sizeof words, 1, out);
	fclose(out);
	assert_refused(path, "damaged");
	/* Cut off anywhere before the end of its stacks. */
	write_profile(3);
	for (size_t bytes = 8; bytes < 11 * 8; bytes += 8) {
		char text[256];
		FILE *in = fopen(scratch_path("profile"), "rb");
		size_t got = fread(text, 1, bytes, in);

		fclose(in);
		out = fopen(path, "wb");
		fwrite(text, 1, got, out);
		fclose(out);
		assert_refused(path, bytes < 8 * 8 ? "no CPU profile" : "damaged");
	}
}

/* ---- Tables of several runs -------------------------------------------------------------------------------------- */

/* A profile of one implementation, of which only some kinds are wanted and have run. */
static void begin(struct profile *profile, struct profile_subject *subject, unsigned kind, unsigned rounds)
{
	memset(profile, 0, sizeof *profile);
	memset(subject, 0, sizeof *subject);
	snprintf(profile->folder, sizeof profile->folder, "%s", scratch_path("run"));
	if (!scratch_exists(profile->folder)) {
		scratch_folder(profile->folder);
		scratch_folder(scratch_path("run/raw"));
	}
	profile->rounds = rounds;
	profile->subject = subject;
	profile->subjects = 1;
	profile->names = names_open();
	subject->implementation = "x";
	subject->points = 1;
	subject->result[kind].wanted = true;
}

static void end(struct profile *profile)
{
	for (unsigned kind = 0; kind < PROFILE_KINDS; kind++) {
		json_decref(profile->subject->result[kind].facts);
		for (size_t i = 0; i < profile->subject->result[kind].views; i++)
			stacks_free(profile->subject->result[kind].view[i].stacks);
	}
	names_close(profile->names);
}

static void assert_number(const struct table *table, size_t row, const char *column, double wanted)
{
	double number;

	assert_true(table_number(table, row, column, &number));
	assert_true(number == wanted);
}

#define LOCKS_HEAD "lock\tsite\tstack\tacquisitions\tcontended\twait_ns\tmax_wait_ns\thold_ns\n"

/* Amounts are added, the longest wait is the longest of all, and how long a lock was held is a mean per acquisition. */
static void test_locks_of_two_runs(void **state)
{
	static struct profile profile;
	struct profile_subject subject;
	struct table table;

	(void)state;
	begin(&profile, &subject, PROFILE_LOCKS, 2);
	scratch_write(scratch_path("run/raw/x.locks.0.0.tsv"),
	              LOCKS_HEAD "a\tget\tmain;get;lock\t10\t2\t300\t200\t40\nb\tset\tmain;set;lock\t5\t0\t0\t0\t7\n");
	scratch_write(scratch_path("run/raw/x.locks.1.0.tsv"), LOCKS_HEAD "a\tget\tmain;get;lock\t30\t1\t100\t100\t80\n");
	assert_true(profile_write(&profile, &subject));
	assert_string_equal(subject.result[PROFILE_LOCKS].unavailable, "");
	assert_true(table_load(&table, scratch_path("run/x.locks.tsv")));
	assert_int_equal(table.rows, 2);
	assert_string_equal(table_cell(&table, 0, "lock"), "a");
	assert_number(&table, 0, "acquisitions", 40);
	assert_number(&table, 0, "contended", 3);
	assert_number(&table, 0, "wait_ns", 400);
	assert_number(&table, 0, "max_wait_ns", 200);
	assert_number(&table, 0, "hold_ns", 70); /* (10 * 40 + 30 * 80) / 40 */
	assert_number(&table, 1, "hold_ns", 7);
	table_free(&table);
	assert_int_equal(subject.result[PROFILE_LOCKS].views, 1);
	assert_true(stacks_total(subject.result[PROFILE_LOCKS].view[0].stacks) == 400);
	end(&profile);
}

static void test_heap_of_two_runs(void **state)
{
	static const char head[] = "site\tstack\tcount\tbytes\tlive_count\tlive_bytes\n";
	static struct profile profile;
	struct profile_subject subject;
	struct table table;
	char text[256];

	(void)state;
	begin(&profile, &subject, PROFILE_HEAP, 3); /* the third left nothing */
	snprintf(text, sizeof text, "%sf a.c:1\tmain;f (a.c:1)\t3\t300\t0\t0\n", head);
	scratch_write(scratch_path("run/raw/x.heap.0.heap.tsv"), text);
	snprintf(text, sizeof text, "%sf a.c:1\tmain;f (a.c:1)\t1\t100\t1\t64\ng a.c:2\tmain;g (a.c:2)\t1\t1\t0\t0\n", head);
	scratch_write(scratch_path("run/raw/x.heap.1.heap.tsv"), text);
	assert_true(profile_write(&profile, &subject));
	assert_true(table_load(&table, scratch_path("run/x.heap.tsv")));
	assert_int_equal(table.rows, 2);
	assert_number(&table, 0, "bytes", 400);
	assert_number(&table, 0, "live_bytes", 64);
	table_free(&table);
	assert_int_equal(subject.result[PROFILE_HEAP].views, 2); /* in all, and held */
	assert_true(stacks_total(subject.result[PROFILE_HEAP].view[0].stacks) == 401);
	assert_true(stacks_total(subject.result[PROFILE_HEAP].view[1].stacks) == 64);
	end(&profile);
}

/* Nothing found is a finding; nothing written down has a reason; a table of something else is an error. */
static void test_tables_that_are_not(void **state)
{
	static struct profile profile;
	struct profile_subject subject;

	(void)state;
	begin(&profile, &subject, PROFILE_LOCKS, 1);
	assert_true(profile_write(&profile, &subject));
	assert_non_null(strstr(subject.result[PROFILE_LOCKS].unavailable, "no table"));
	assert_false(scratch_exists(scratch_path("run/x.locks.tsv")));
	end(&profile);

	begin(&profile, &subject, PROFILE_LOCKS, 1);
	scratch_write(scratch_path("run/raw/x.locks.0.0.tsv"), LOCKS_HEAD);
	assert_true(profile_write(&profile, &subject));
	assert_string_equal(subject.result[PROFILE_LOCKS].unavailable, "");
	assert_int_equal(subject.result[PROFILE_LOCKS].views, 0);
	end(&profile);

	begin(&profile, &subject, PROFILE_LOCKS, 1);
	scratch_write(scratch_path("run/raw/x.locks.0.0.tsv"), "key\tvalue\n1\t2\n");
	assert_false(profile_write(&profile, &subject));
	assert_non_null(strstr(profile.error, "not the columns"));
	end(&profile);
}

/* ---- Off-CPU ----------------------------------------------------------------------------------------------------- */

static struct {
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	bool over;
} bed = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false};

static __attribute__((noinline)) void planted_sleep(void)
{
	pthread_mutex_lock(&bed.mutex);
	while (!bed.over)
		pthread_cond_wait(&bed.changed, &bed.mutex);
	pthread_mutex_unlock(&bed.mutex);
}

static void *sleeper_main(void *argument)
{
	(void)argument;
	planted_sleep();
	__asm__ volatile("" ::: "memory");
	return NULL;
}

static void *busy_main(void *argument)
{
	_Atomic bool *over = argument;

	while (!load_relaxed(over)) /* relaxed: it publishes nothing */
		;
	return NULL;
}

/* The stacks of what sleeps, from a sampling that lasts until there are some: a machine may be slow. */
static double asleep_in(const char *function, double *others)
{
	double found = 0;

	*others = 0;
	for (useconds_t us = 50000; found == 0 && us < 20000000; us *= 2) {
		struct samples samples = {0};
		struct names *names = names_open();
		struct stacks *stacks = stacks_new();
		struct stacks_function *list;
		size_t count;

		assert_null(offcpu_start());
		usleep(us);
		assert_null(offcpu_stop(scratch_path("off")));
		assert_true(samples_read(&samples, scratch_path("off.stacks"), error, sizeof error));
		assert_true(stacks_add_samples(stacks, &samples, names));
		list = stacks_functions(stacks, &count);
		for (size_t i = 0; i < count; i++) {
			found += strcmp(list[i].function, function) == 0 ? list[i].total : 0;
			*others += strcmp(list[i].function, "busy_main") == 0 ? list[i].total : 0;
		}
		free(list);
		stacks_free(stacks);
		names_close(names);
		samples_free(&samples);
	}
	return found;
}

static void test_who_sleeps_is_found(void **state)
{
	pthread_t sleeper, busy;
	_Atomic bool over = false;
	struct table table;
	double others, looks;

	(void)state;
	assert_non_null(offcpu_stop(scratch_path("off"))); /* it had not begun */
	assert_int_equal(pthread_create(&sleeper, NULL, sleeper_main, NULL), 0);
	assert_int_equal(pthread_create(&busy, NULL, busy_main, &over), 0);
	assert_true(asleep_in("planted_sleep", &others) > 0);
	assert_true(others == 0); /* who runs or waits for a processor does not sleep */
	assert_true(table_load(&table, scratch_path("off.threads")));
	assert_int_equal(table.rows, 2);
	assert_true(table_number(&table, 0, "looks", &looks) && looks > 0);
	table_free(&table);
	store_relaxed(&over, true); /* relaxed: see busy_main() */
	pthread_mutex_lock(&bed.mutex);
	bed.over = true;
	pthread_cond_broadcast(&bed.changed);
	pthread_mutex_unlock(&bed.mutex);
	pthread_join(sleeper, NULL);
	pthread_join(busy, NULL);
}

/* ---- Windows ----------------------------------------------------------------------------------------------------- */

static void test_windows(void **state)
{
	(void)state;
	setenv("CAPACITOR_PROFILE_FILE", scratch_path("window"), 1);
	setenv("CAPACITOR_PROFILE_IMPL", "rcu", 1);
	profile_window("rcu", false); /* nothing is asked for */
	profile_window("rcu", true);
	setenv("CAPACITOR_PROFILE", "offcpu", 1);
	profile_window("null", false); /* not of this one */
	profile_window("null", true);
	assert_false(scratch_exists(scratch_path("window.0.stacks")));
	profile_window("rcu", false);
	profile_window("rcu", true);
	profile_window("rcu", false);
	profile_window("rcu", true);
	assert_true(scratch_exists(scratch_path("window.1.stacks")) || scratch_exists(scratch_path("window.2.stacks")));
	unsetenv("CAPACITOR_PROFILE");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counts_each_stack_once),
		cmocka_unit_test(test_same_name_in_two_files),
		cmocka_unit_test(test_edges),
		cmocka_unit_test(test_folded),
		cmocka_unit_test(test_dot_leaves_out_the_small),
		cmocka_unit_test(test_complete),
		cmocka_unit_test(test_parts),
		cmocka_unit_test_setup_teardown(test_source, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(test_samples_are_named, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(test_samples_survive_writing, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(test_damaged_samples, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(test_locks_of_two_runs, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(test_heap_of_two_runs, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(test_tables_that_are_not, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(test_who_sleeps_is_found, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(test_windows, scratch_setup, scratch_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
