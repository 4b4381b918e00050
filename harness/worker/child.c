/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Processes of a trial: servers, load generators, peers. They stay in the driver's process group,
 * so that the runner's kill reaches them, and die with the driver's main thread (PR_SET_PDEATHSIG).
 * Linux only: pidfd_open(2).
 */
#include <hotbed/trial.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <hotbed/assert.h>
#include <hotbed/clock.h>

#include "state.h"

#define CHILDREN_MAX 4096

/* Children that were started and not yet reaped; hb_children_stop_all() ends what is left. */
static struct hb_child *running;
static size_t running_count;

static int remember(const struct hb_child *child)
{
	struct hb_child *grown;

	if (running_count == CHILDREN_MAX)
		return -EAGAIN;
	grown = reallocarray(running, running_count + 1, sizeof(*running));
	if (!grown)
		return -ENOMEM;
	running = grown;
	running[running_count++] = *child;
	return 0;
}

static void forget(const struct hb_child *child)
{
	for (size_t i = 0; i < running_count; i++) {
		if (running[i].pid == child->pid)
			running[i] = running[--running_count];
	}
}

static bool is_running(const struct hb_child *child)
{
	for (size_t i = 0; child->pid > 0 && i < running_count; i++) {
		if (running[i].pid == child->pid)
			return true;
	}
	return false;
}

/*
 * What every child does first. A parent that died before prctl() sends no signal: then the parent's
 * id is another's. In a PID namespace of its own the child sees parent 0 and relies on the runner's
 * sweep for that moment.
 */
static int become_child(const struct hb_trial *trial, const char *role, pid_t parent)
{
	const struct hb_role_cpus *cpus = hb_role_find(trial, role);
	sigset_t none;

	if (prctl(PR_SET_PDEATHSIG, SIGKILL))
		return -errno;
	if (!(trial->namespaces & HB_NAMESPACE_PID) && getppid() != parent)
		return -ESRCH;
	if (cpus && sched_setaffinity(0, sizeof(cpus->cpus), &cpus->cpus))
		return -errno;
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	return 0;
}

/*
 * In the child: never returns. An error travels to the parent through @report_fd, which a
 * successful exec closes.
 */
_Noreturn static void exec_child(const struct hb_trial *trial, const char *role, pid_t parent,
	const char *const *argv, const char *stdout_path, int report_fd)
{
	int err = become_child(trial, role, parent);

	if (!err && stdout_path) {
		int fd = open(stdout_path, O_WRONLY | O_CREAT | O_APPEND, 0666);

		if (fd < 0 || dup2(fd, STDOUT_FILENO) < 0)
			err = -errno;
		if (fd > STDERR_FILENO)
			(void)close(fd);
	}
	if (!err) {
		(void)execvp(argv[0], (char *const *)argv);
		err = -errno;
	}
	if (write(report_fd, &err, sizeof(err)) < 0)
		_exit(126);
	_exit(127);
}

static void kill_and_reap(pid_t pid)
{
	(void)kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		continue;
}

/* Take up a child that was just forked: pidfd and registry. On failure it is gone. */
static int adopt(pid_t pid, struct hb_child *ret)
{
	struct hb_child child = {.pid = pid, .pidfd = pidfd_open(pid, 0)};
	int err = child.pidfd < 0 ? -errno : remember(&child);

	if (err) {
		if (child.pidfd >= 0)
			(void)close(child.pidfd);
		kill_and_reap(pid);
		return err;
	}
	*ret = child;
	return 0;
}

int hb_child_start(struct hb_trial *trial, const char *role, const char *const *argv,
	const char *stdout_path, struct hb_child *ret)
{
	int report[2];
	int err = 0;
	ssize_t length;
	pid_t parent = getpid(), pid;

	hb_assert(argv && argv[0]);
	if (pipe2(report, O_CLOEXEC))
		return -errno;
	pid = fork();
	if (pid == 0)
		exec_child(trial, role, parent, argv, stdout_path, report[1]);
	if (pid < 0)
		err = -errno;
	(void)close(report[1]);
	if (pid > 0) {
		do {
			length = read(report[0], &err, sizeof(err));
		} while (length < 0 && errno == EINTR);
		if (err)
			kill_and_reap(pid);
	}
	(void)close(report[0]);
	return err ? err : adopt(pid, ret);
}

int hb_child_run(struct hb_trial *trial, const char *role, int (*function)(void *user), void *user,
	struct hb_child *ret)
{
	pid_t parent = getpid(), pid;
	int code;

	(void)fflush(NULL); /* or the copy would write our buffered output a second time */
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid > 0)
		return adopt(pid, ret);
	running_count = 0; /* the parent's children are not ours */
	if (trial->result_fd > STDERR_FILENO)
		(void)close(trial->result_fd);
	if (become_child(trial, role, parent))
		_exit(126);
	code = function(user);
	(void)fflush(NULL);
	_exit(code & 0xff);
}

static int reap(struct hb_child *child, int *ret_status)
{
	int status = 0;
	pid_t pid;

	do {
		pid = waitpid(child->pid, &status, 0);
	} while (pid < 0 && errno == EINTR);
	forget(child);
	(void)close(child->pidfd);
	*child = (struct hb_child){.pid = 0, .pidfd = -1};
	if (pid < 0)
		return -ESRCH;
	if (ret_status)
		*ret_status = status;
	return 0;
}

/* Wait until the child has ended, at most @timeout_ms (-1 = no limit). 0 or -ETIMEDOUT. */
static int await(const struct hb_child *child, int64_t timeout_ms)
{
	int64_t deadline_ns = hb_clock_now_ns() + timeout_ms * 1000000;
	struct pollfd poll_fd = {.fd = child->pidfd, .events = POLLIN};

	for (;;) {
		int64_t left_ms = (deadline_ns - hb_clock_now_ns() + 999999) / 1000000;
		int ready;

		if (left_ms < 0)
			left_ms = 0;
		ready = poll(&poll_fd, 1, timeout_ms < 0 ? -1 : (int)left_ms);
		if (ready > 0)
			return 0;
		if (ready == 0 && left_ms == 0)
			return -ETIMEDOUT;
	}
}

int hb_child_wait(struct hb_child *child, int64_t timeout_ms, int *ret_status)
{
	hb_assert(timeout_ms <= INT32_MAX);
	if (!is_running(child))
		return -ESRCH;
	if (await(child, timeout_ms))
		return -ETIMEDOUT;
	return reap(child, ret_status);
}

int hb_child_stop(struct hb_child *child, int64_t grace_ms, int *ret_status)
{
	hb_assert(grace_ms >= 0 && grace_ms <= INT32_MAX);
	if (!is_running(child))
		return -ESRCH;
	(void)pidfd_send_signal(child->pidfd, SIGTERM, NULL, 0);
	if (await(child, grace_ms))
		(void)pidfd_send_signal(child->pidfd, SIGKILL, NULL, 0);
	return reap(child, ret_status);
}

void hb_children_stop_all(void)
{
	while (running_count > 0) {
		struct hb_child child = running[running_count - 1];

		(void)pidfd_send_signal(child.pidfd, SIGKILL, NULL, 0);
		(void)reap(&child, NULL);
	}
	free(running);
	running = NULL;
}
