/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "traced_fork.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <hotbed/clock.h>

#define OPTIONS                                                                                \
	(PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | \
		PTRACE_O_EXITKILL)
#define TRACED_MAX 256
#define EXIT_NO_TRACE 125
#define PAUSE_NS 200000

struct tracer {
	struct traced_program *program;
	int (*at_fork)(void *data, const struct traced_fork *at);
	void *data;
	/* Processes that are traced; the first is the program. A new one stops once before it runs. */
	struct {
		pid_t pid;
		bool started;
	} traced[TRACED_MAX];
	size_t traced_count;
};

int traced_read(void *data, uint64_t address, void *buffer, size_t size_bytes)
{
	struct iovec here = {buffer, size_bytes};
	struct iovec there = {(void *)(uintptr_t)address, size_bytes};
	ssize_t got = process_vm_readv(*(const pid_t *)data, &here, 1, &there, 1, 0);

	return got >= 0 && (size_t)got == size_bytes ? 0 : -EFAULT;
}

static void start_program(const char *const *argv)
{
	int null = open("/dev/null", O_RDWR);

	if (null >= 0) {
		(void)dup2(null, STDIN_FILENO);
		(void)dup2(null, STDOUT_FILENO);
		(void)dup2(null, STDERR_FILENO);
	}
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0)
		(void)execvp(argv[0], (char *const *)(uintptr_t)argv);
	_exit(EXIT_NO_TRACE);
}

static int add_traced(struct tracer *tracer, pid_t pid)
{
	for (size_t i = 0; i < tracer->traced_count; i++) {
		if (tracer->traced[i].pid == pid)
			return 0;
	}
	if (tracer->traced_count == TRACED_MAX)
		return -E2BIG;
	tracer->traced[tracer->traced_count].pid = pid;
	tracer->traced[tracer->traced_count++].started = false;
	return 0;
}

static void remove_traced(struct tracer *tracer, pid_t pid)
{
	for (size_t i = 0; i < tracer->traced_count; i++) {
		if (tracer->traced[i].pid == pid) {
			tracer->traced[i] = tracer->traced[--tracer->traced_count];
			return;
		}
	}
}

static int on_fork(struct tracer *tracer, pid_t parent, bool copies)
{
	struct user_regs_struct registers;
	struct traced_fork *fork;
	unsigned long child = 0;
	int err;

	if (ptrace(PTRACE_GETEVENTMSG, parent, NULL, &child))
		return -errno;
	err = add_traced(tracer, (pid_t)child);
	if (err || !copies)
		return err;
	if (tracer->program->count == TRACED_FORKS_MAX)
		return -E2BIG;
	if (ptrace(PTRACE_GETREGS, parent, NULL, &registers))
		return -errno;
	fork = &tracer->program->forks[tracer->program->count++];
	*fork = (struct traced_fork){.parent = parent,
		.child = (pid_t)child,
		.rip = registers.rip,
		.rsp = registers.rsp,
		.rbp = registers.rbp};
	return tracer->at_fork(tracer->data, fork);
}

static void on_exec(struct tracer *tracer, pid_t pid)
{
	for (size_t i = tracer->program->count; i-- > 0;) {
		if (tracer->program->forks[i].child == pid) {
			tracer->program->forks[i].execs = true;
			return;
		}
	}
}

/* The first stop of a new process is the tracer's own and not passed on. */
static bool is_first_stop(struct tracer *tracer, pid_t pid)
{
	for (size_t i = 0; i < tracer->traced_count; i++) {
		if (tracer->traced[i].pid == pid) {
			bool first = !tracer->traced[i].started;

			tracer->traced[i].started = true;
			return first;
		}
	}
	/* A child may stop before its parent tells of it. */
	(void)add_traced(tracer, pid);
	return is_first_stop(tracer, pid);
}

static int on_stop(struct tracer *tracer, pid_t pid, pid_t program, int status)
{
	int event = status >> 16, signal_number = WSTOPSIG(status), err = 0;

	if (event == PTRACE_EVENT_EXEC && pid != program) {
		on_exec(tracer, pid);
		(void)ptrace(PTRACE_DETACH, pid, NULL, NULL);
		remove_traced(tracer, pid);
		return 0;
	}
	if (event == PTRACE_EVENT_FORK || event == PTRACE_EVENT_VFORK ||
		event == PTRACE_EVENT_CLONE)
		err = on_fork(tracer, pid, event == PTRACE_EVENT_FORK);
	if (event || is_first_stop(tracer, pid))
		signal_number = 0;
	(void)ptrace(PTRACE_CONT, pid, NULL, (void *)(intptr_t)signal_number);
	return err;
}

static void kill_all(const struct tracer *tracer)
{
	for (size_t i = 0; i < tracer->traced_count; i++) {
		(void)kill(tracer->traced[i].pid, SIGKILL);
		(void)waitpid(tracer->traced[i].pid, NULL, __WALL);
	}
}

/* Waits for stops of traced processes one by one, so that other children of this process are left alone. */
static int follow(struct tracer *tracer, pid_t program, int64_t end_ns)
{
	const struct timespec pause = {.tv_nsec = PAUSE_NS};
	int err = 0;

	while (tracer->traced_count && !err) {
		bool any = false;

		for (size_t i = tracer->traced_count; i-- > 0 && !err;) {
			pid_t pid = tracer->traced[i].pid;
			int status;
			pid_t got = waitpid(pid, &status, __WALL | WNOHANG);

			if (got == 0)
				continue;
			any = true;
			if (got < 0 || !WIFSTOPPED(status)) {
				remove_traced(tracer, pid);
				continue;
			}
			err = on_stop(tracer, pid, program, status);
		}
		if (!err && !any && hb_clock_now_ns() > end_ns)
			err = -ETIMEDOUT;
		if (!any)
			(void)nanosleep(&pause, NULL);
	}
	return err;
}

int traced_run(const char *const *argv, int64_t timeout_ns, struct traced_program *ret,
	int (*at_fork)(void *data, const struct traced_fork *at), void *data)
{
	struct tracer tracer = {.program = ret, .at_fork = at_fork, .data = data};
	pid_t program = fork();
	int status, err;

	ret->count = 0;
	if (program < 0)
		return -errno;
	if (program == 0)
		start_program(argv);
	if (waitpid(program, &status, 0) != program)
		return -errno;
	if (!WIFSTOPPED(status))
		return -EPERM;
	(void)add_traced(&tracer, program);
	tracer.traced[0].started = true;
	if (ptrace(PTRACE_SETOPTIONS, program, NULL, (void *)(uintptr_t)OPTIONS)) {
		err = -errno;
	} else {
		(void)ptrace(PTRACE_CONT, program, NULL, NULL);
		err = follow(&tracer, program, hb_clock_now_ns() + timeout_ns);
	}
	kill_all(&tracer);
	return err;
}
