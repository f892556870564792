/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A sampler by the wall clock; see profile_offcpu.h.
 *
 * What the handler uses it may: memory that was there before, atomic counters, the clock, and backtrace(), which was called
 * once before (so that it loads nothing) and looks for unwind tables without a lock since glibc 2.35.
 */
#include "harness/profile_offcpu.h"

#include <dirent.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "common/atomics.h"
#include "harness/profile_samples.h"

#define DEPTH_MAX   64
#define SAMPLES_MAX 131072 /* of 520 bytes: 65 MiB, of which only what is written takes memory */
#define THREADS_MAX 1100

#define SAMPLING_SIGNAL (SIGRTMIN + 3)

struct sample {
	uint32_t depth; /* 0: not filled in */
	void *address[DEPTH_MAX];
};

/* What the kernel says of a thread. */
struct account {
	uint64_t now_ns, ran_ns, waited_ns;
	bool known;
};

struct thread {
	pid_t id;
	char name[32];
	int state;           /* a descriptor of its stat */
	_Atomic int asked;   /* a signal is on its way */
	bool in_kernel;      /* asleep where signals must wait: any stack is the right one. Written before the signal is sent */
	struct account opened;
	uint64_t asleep, unanswered; /* looks that found it asleep; of these, when the signal before had not arrived */
	_Atomic uint64_t stacks, missed;
};

static struct {
	_Atomic int on;
	_Atomic uint64_t used; /* of samples, and more: those that found no room */
	struct sample *samples;
	struct thread *threads;
	size_t count;
	uint64_t looks;
	pthread_t looker;
} sampler;

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* ---- The handler ------------------------------------------------------------------------------------------------- */

/* Was the thread in a system call when the signal came? Then it either goes on with that call, so that the next instruction is
 * the call itself, or has just come back from it. */
static bool in_call(const ucontext_t *context, uintptr_t *address)
{
#if defined(__x86_64__)
	const unsigned char *next = (const unsigned char *)(uintptr_t)context->uc_mcontext.gregs[REG_RIP];

	*address = (uintptr_t)next;
	return (next[0] == 0x0f && next[1] == 0x05) || (next[-2] == 0x0f && next[-1] == 0x05);
#elif defined(__aarch64__)
	const uint32_t *next = (const uint32_t *)(uintptr_t)context->uc_mcontext.pc;

	*address = (uintptr_t)next;
	return next[0] == 0xd4000001u || next[-1] == 0xd4000001u;
#else
#error "what a system call's instruction looks like must be told here for this kind of machine"
#endif
}

/* The frames from the interrupted one on: those before it are the handler's. */
static void note(uintptr_t interrupted)
{
	/* Relaxed: the numbers only have to differ; they are read when all is over. */
	uint64_t number = fetch_add_relaxed(&sampler.used, 1);
	void *frames[DEPTH_MAX];
	struct sample *sample;
	uint32_t kept = 1;
	int depth, first = 0;

	if (number >= SAMPLES_MAX)
		return;
	sample = &sampler.samples[number];
	depth = backtrace(frames, DEPTH_MAX);
	while (first < depth && (uintptr_t)frames[first] != interrupted)
		first++;
	sample->address[0] = (void *)interrupted;
	for (int i = first + 1; i < depth; i++)
		sample->address[kept++] = frames[i];
	sample->depth = kept;
}

static void on_signal(int number, siginfo_t *info, void *context)
{
	struct thread *thread = info->si_value.sival_ptr;
	int saved = errno;
	uintptr_t interrupted;

	(void)number;
	/* PAIRS: offcpu_start(). Late signals of a sampling that is over are nobody's. */
	if (load_acquire(&sampler.on) && info->si_code == SI_QUEUE) {
		if (in_call(context, &interrupted) || thread->in_kernel) {
			fetch_add_relaxed(&thread->stacks, 1); /* relaxed: read when all is over */
			note(interrupted);
		} else {
			fetch_add_relaxed(&thread->missed, 1); /* relaxed: likewise */
		}
		store_release(&thread->asked, 0); /* PAIRS: look_at() */
	}
	errno = saved;
}

/* ---- The looker -------------------------------------------------------------------------------------------------- */

/* The letter behind the name, which stands in parentheses and may hold any character. */
static char state_of(const struct thread *thread)
{
	char text[256];
	ssize_t bytes = pread(thread->state, text, sizeof text - 1, 0);
	const char *end;

	if (bytes <= 0)
		return '?';
	text[bytes] = '\0';
	end = strrchr(text, ')');
	return end && end[1] == ' ' ? end[2] : '?';
}

static void look_at(struct thread *thread)
{
	siginfo_t info;
	char state = state_of(thread);

	if (state != 'S' && state != 'D')
		return;
	thread->asleep++;
	/* PAIRS: on_signal() */
	if (load_acquire(&thread->asked)) {
		thread->unanswered++;
		return;
	}
	thread->in_kernel = state == 'D';
	store_release(&thread->asked, 1); /* PAIRS: look_at(), the next time */
	memset(&info, 0, sizeof info);
	info.si_code = SI_QUEUE;
	info.si_signo = SAMPLING_SIGNAL;
	info.si_pid = getpid();
	info.si_uid = getuid();
	info.si_value.sival_ptr = thread;
	syscall(SYS_rt_tgsigqueueinfo, getpid(), thread->id, SAMPLING_SIGNAL, &info);
}

/* Looks come at irregular moments, so that they do not fall into step with what the program does. */
static void *looker_main(void *argument)
{
	uint64_t random = 88172645463325252u, next_ns = now_ns();

	(void)argument;
	pthread_setname_np(pthread_self(), "sampler");
	/* PAIRS: offcpu_stop() */
	while (load_acquire(&sampler.on)) {
		struct timespec until;

		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		next_ns += OFFCPU_PERIOD_US * 500u + random % (OFFCPU_PERIOD_US * 1000u);
		if (next_ns < now_ns())
			next_ns = now_ns();
		until = (struct timespec){(time_t)(next_ns / 1000000000u), (long)(next_ns % 1000000000u)};
		while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
			;
		for (size_t i = 0; i < sampler.count; i++)
			look_at(&sampler.threads[i]);
		sampler.looks++;
	}
	return NULL;
}

/* ---- Threads ----------------------------------------------------------------------------------------------------- */

static bool read_line(pid_t id, const char *file, char *text, int bytes)
{
	char path[96];
	FILE *stream;
	bool fine;

	snprintf(path, sizeof path, "/proc/self/task/%d/%s", (int)id, file);
	stream = fopen(path, "r");
	if (!stream)
		return false;
	fine = fgets(text, bytes, stream) != NULL;
	fclose(stream);
	text[strcspn(text, "\n")] = '\0';
	return fine;
}

static struct account account_of(pid_t id)
{
	struct account account = {0};
	char text[128];

	account.known = read_line(id, "schedstat", text, sizeof text) &&
	                sscanf(text, "%" SCNu64 " %" SCNu64, &account.ran_ns, &account.waited_ns) == 2;
	account.now_ns = now_ns();
	return account;
}

/* All threads but this one. */
static void find_threads(void)
{
	DIR *folder = opendir("/proc/self/task");
	pid_t own = (pid_t)syscall(SYS_gettid);
	char path[96];

	sampler.count = 0;
	for (struct dirent *entry; folder && sampler.count < THREADS_MAX && (entry = readdir(folder));) {
		pid_t id = (pid_t)atoi(entry->d_name);
		struct thread *thread = &sampler.threads[sampler.count];

		if (id <= 0 || id == own)
			continue;
		memset(thread, 0, sizeof *thread);
		thread->id = id;
		snprintf(path, sizeof path, "/proc/self/task/%d/stat", (int)id);
		thread->state = open(path, O_RDONLY | O_CLOEXEC);
		if (thread->state < 0)
			continue; /* it has just ended */
		thread->opened = account_of(id);
		if (!read_line(id, "comm", thread->name, sizeof thread->name))
			snprintf(thread->name, sizeof thread->name, "?");
		sampler.count++;
	}
	if (folder)
		closedir(folder);
}

static const char *prepare(void)
{
	struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_RESTART};
	void *unused[4];

	if (sampler.samples)
		return NULL;
	sampler.threads = calloc(THREADS_MAX, sizeof *sampler.threads);
	sampler.samples = mmap(NULL, SAMPLES_MAX * sizeof(struct sample), PROT_READ | PROT_WRITE,
	                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (!sampler.threads || sampler.samples == MAP_FAILED) {
		sampler.samples = NULL;
		free(sampler.threads);
		return "off-CPU: no memory for samples";
	}
	backtrace(unused, 4);
	sigemptyset(&action.sa_mask);
	if (sigaction(SAMPLING_SIGNAL, &action, NULL) != 0)
		return "off-CPU: the signal cannot be handled";
	return NULL;
}

const char *offcpu_start(void)
{
	const char *trouble = prepare();

	if (trouble)
		return trouble;
	for (uint64_t i = 0; i < SAMPLES_MAX && sampler.samples[i].depth > 0; i++)
		sampler.samples[i].depth = 0;
	store_relaxed(&sampler.used, 0); /* relaxed: no handler runs before `on` is seen */
	sampler.looks = 0;
	find_threads();
	/* PAIRS: on_signal(), looker_main(). They see the threads as they are now. */
	store_release(&sampler.on, 1);
	if (pthread_create(&sampler.looker, NULL, looker_main, NULL) == 0)
		return NULL;
	store_release(&sampler.on, 0); /* PAIRS: on_signal() */
	return "off-CPU: the sampling thread cannot be made";
}

/* ---- Writing ----------------------------------------------------------------------------------------------------- */

static const char *write_stacks(const char *file)
{
	char path[4200];
	FILE *out;
	uint64_t used = load_relaxed(&sampler.used); /* relaxed: the sampling is over */
	bool fine;

	snprintf(path, sizeof path, "%.4096s.stacks", file);
	out = fopen(path, "wb");
	if (!out)
		return "off-CPU: the file of samples cannot be written";
	samples_write_begin(out, OFFCPU_PERIOD_US);
	for (uint64_t i = 0; i < used && i < SAMPLES_MAX; i++)
		if (sampler.samples[i].depth > 0)
			samples_write_stack(out, 1, sampler.samples[i].address, sampler.samples[i].depth);
	fine = samples_write_end(out, NULL);
	return fclose(out) == 0 && fine ? NULL : "off-CPU: the file of samples could not be written";
}

/* Times in seconds; what the kernel does not tell is "-". */
static void write_thread(FILE *out, const struct thread *thread, const struct account *closed)
{
	double window_s = (double)(closed->now_ns - thread->opened.now_ns) / 1e9;
	double ran_s = (double)(closed->ran_ns - thread->opened.ran_ns) / 1e9;
	double waited_s = (double)(closed->waited_ns - thread->opened.waited_ns) / 1e9;
	double blocked_s;

	/* The kernel counts a thread that runs up to its last tick: a few ms of a window are another's. */
	ran_s = ran_s + waited_s > window_s ? window_s - waited_s : ran_s;
	blocked_s = window_s - ran_s - waited_s;
	fprintf(out, "%d\t%s\t%.6f\t", (int)thread->id, thread->name, window_s);
	if (closed->known && thread->opened.known)
		fprintf(out, "%.6f\t%.6f\t%.6f", ran_s, waited_s, blocked_s);
	else
		fputs("-\t-\t-", out);
	/* Relaxed: the sampling is over. */
	fprintf(out, "\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\n", sampler.looks, thread->asleep,
	        load_relaxed(&thread->stacks), load_relaxed(&thread->missed), thread->unanswered);
}

static const char *write_threads(const char *file, const struct account *closed)
{
	char path[4200];
	FILE *out;

	snprintf(path, sizeof path, "%.4096s.threads", file);
	out = fopen(path, "w");
	if (!out)
		return "off-CPU: the table of threads cannot be written";
	fputs("thread\tname\twindow_s\tran_s\twaited_s\tblocked_s\tlooks\tasleep\tstacks\tmissed\tunanswered\n", out);
	for (size_t i = 0; i < sampler.count; i++)
		write_thread(out, &sampler.threads[i], &closed[i]);
	return fclose(out) == 0 ? NULL : "off-CPU: the table of threads could not be written";
}

const char *offcpu_stop(const char *file)
{
	struct account *closed = calloc(sampler.count ? sampler.count : 1, sizeof *closed);
	const char *trouble;

	if (!load_relaxed(&sampler.on)) { /* relaxed: only this thread turns it on and off */
		free(closed);
		return "off-CPU: it had not begun";
	}
	for (size_t i = 0; closed && i < sampler.count; i++)
		closed[i] = account_of(sampler.threads[i].id);
	store_release(&sampler.on, 0); /* PAIRS: looker_main(), on_signal() */
	pthread_join(sampler.looker, NULL);
	for (size_t i = 0; i < sampler.count; i++)
		close(sampler.threads[i].state);
	if (!closed)
		return "off-CPU: no memory";
	trouble = write_stacks(file);
	trouble = trouble ? trouble : write_threads(file, closed);
	free(closed);
	return trouble;
}
