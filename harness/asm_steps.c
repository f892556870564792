/* SPDX-License-Identifier: BSD-2-Clause */
/* The instructions of a call; see asm_steps.h. */
#include "harness/asm_steps.h"

#include <elf.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

/* What comes between the child's stop and the function: the rest of raise(), and what `call` does first. */
#define APPROACH_MAX 100000

#define FORBIDDEN   77 /* exit statuses of the child */
#define UNPREPARED  78

enum { STEPPED, ENDED, FAILED };

/* ---- Registers --------------------------------------------------------------------------------------------------- */

struct place {
	uintptr_t address, stack, link; /* link: the return address, where a register holds it */
};

static bool look(pid_t child, struct place *place)
{
#if defined(__x86_64__) || defined(__aarch64__)
	struct user_regs_struct registers;
	struct iovec all = {&registers, sizeof registers};

	if (ptrace(PTRACE_GETREGSET, child, (void *)(uintptr_t)NT_PRSTATUS, &all) != 0)
		return false;
#if defined(__x86_64__)
	*place = (struct place){registers.rip, registers.rsp, 0};
#else
	*place = (struct place){registers.pc, registers.sp, registers.regs[30]};
#endif
	return true;
#else
	(void)child, (void)place;
	errno = ENOSYS;
	return false;
#endif
}

/* Where the function at whose first instruction the child stands will return to. */
static bool look_at_return(pid_t child, const struct place *entry, uintptr_t *address)
{
#if defined(__x86_64__)
	errno = 0;
	*address = (uintptr_t)ptrace(PTRACE_PEEKDATA, child, (void *)entry->stack, NULL);
	return errno == 0;
#else
	(void)child;
	*address = entry->link;
	return true;
#endif
}

/* ---- The child --------------------------------------------------------------------------------------------------- */

static void __attribute__((noreturn)) be_stepped(const struct asm_call *call, int why)
{
	const char *reason;

	prctl(PR_SET_PDEATHSIG, SIGKILL); /* nobody is to stay stopped for ever */
	reason = call->prepare(call->context);
	if (reason) {
		ssize_t written = write(why, reason, strlen(reason));

		_exit(written < 0 ? FAILED : UNPREPARED);
	}
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
		_exit(FORBIDDEN);
	raise(SIGSTOP);
	call->call(call->context);
	_exit(0);
}

/* ---- Stepping ---------------------------------------------------------------------------------------------------- */

/* One instruction. A signal of the child's own is handed on. */
static int step(pid_t child, int *status)
{
	int signal = 0;

	for (;;) {
		if (ptrace(PTRACE_SINGLESTEP, child, NULL, (void *)(uintptr_t)signal) != 0 ||
		    waitpid(child, status, __WALL) != child)
			return FAILED;
		if (!WIFSTOPPED(*status))
			return ENDED;
		if (WSTOPSIG(*status) == SIGTRAP)
			return STEPPED;
		signal = WSTOPSIG(*status);
	}
}

static bool add(struct asm_steps *steps, uintptr_t address)
{
	if ((steps->count & (steps->count - 1)) == 0) { /* a power of two: full */
		size_t room = steps->count ? 2 * steps->count : 1;
		uintptr_t *more = realloc(steps->address, room * sizeof *more);

		if (!more)
			return false;
		steps->address = more;
	}
	steps->address[steps->count++] = address;
	return true;
}

/* Steps until the function is reached, then through it. NULL, or what went wrong. */
static const char *follow(pid_t child, const struct asm_call *call, struct asm_steps *steps)
{
	uintptr_t function = (uintptr_t)call->function;
	size_t most = call->most ? call->most : ASM_STEPS_MAX;
	struct place place = {0}, entry;
	uintptr_t back;
	int status;

	for (unsigned i = 0; place.address != function; i++) {
		if (i == APPROACH_MAX)
			return "the function was not called";
		if (step(child, &status) != STEPPED || !look(child, &place))
			return "the child ended before the function was called";
	}
	entry = place;
	if (!look_at_return(child, &entry, &back))
		return "the return address cannot be read";
	/* Stacks grow down: a call of the same function further inside has less of it. */
	while (place.address != back || place.stack < entry.stack) {
		if (steps->count == most)
			return "the call does not end: it waits for somebody, or single steps break its atomics";
		if (!add(steps, place.address))
			return "there is no memory for the steps";
		if (step(child, &status) != STEPPED || !look(child, &place))
			return "the child ended within the function";
	}
	return NULL;
}

static bool fail(struct asm_steps *steps, char *error, size_t error_bytes, const char *why)
{
	snprintf(error, error_bytes, "%s", why);
	asm_steps_free(steps);
	return false;
}

static bool fail_ended(struct asm_steps *steps, int status, int why, bool *forbidden, char *error, size_t error_bytes)
{
	char reason[256] = "";

	if (WIFEXITED(status) && WEXITSTATUS(status) == UNPREPARED && read(why, reason, sizeof reason - 1) > 0)
		return fail(steps, error, error_bytes, reason);
	*forbidden = WIFEXITED(status) && WEXITSTATUS(status) == FORBIDDEN;
	return fail(steps, error, error_bytes, *forbidden ? "ptrace is not permitted here (a filter of the container, or Yama)"
	                                                  : "the child ended before it could be stepped");
}

bool asm_steps_take(const struct asm_call *call, struct asm_steps *steps, bool *forbidden, char *error, size_t error_bytes)
{
	const char *wrong;
	int why[2], status;
	pid_t child;

	*steps = (struct asm_steps){0};
	*forbidden = false;
	if (pipe(why) != 0)
		return fail(steps, error, error_bytes, strerror(errno));
	fflush(NULL);
	child = fork();
	if (child == 0)
		be_stepped(call, why[1]);
	close(why[1]);
	if (child < 0 || waitpid(child, &status, __WALL) != child) {
		close(why[0]);
		return fail(steps, error, error_bytes, strerror(errno));
	}
	if (!WIFSTOPPED(status)) {
		fail_ended(steps, status, why[0], forbidden, error, error_bytes);
		close(why[0]);
		return false;
	}
	close(why[0]);
	wrong = follow(child, call, steps);
	kill(child, SIGKILL);
	while (waitpid(child, &status, __WALL) == child && !WIFEXITED(status) && !WIFSIGNALED(status))
		;
	return !wrong || fail(steps, error, error_bytes, wrong);
}

void asm_steps_free(struct asm_steps *steps)
{
	free(steps->address);
	*steps = (struct asm_steps){0};
}
