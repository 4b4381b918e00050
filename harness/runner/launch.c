/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "launch.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/close_range.h>

#include <hotbed/assert.h>
#include <hotbed/error.h>

#define STACK_BYTES (64 * 1024)
#define ENVIRONMENT_MAX 16

struct child {
	const struct hb_launch *launch;
	const char *const *environment;
	sigset_t mask;
	pid_t parent;
	int null_fd;
	int error; /* errno of the step that failed; written through the shared memory */
};

static int place(int fd, int target)
{
	/* dup2() onto itself would keep close-on-exec set; ours are all above the targets. */
	return dup2(fd, target) < 0 ? errno : 0;
}

/* Runs on its own stack in our memory while we are suspended: only system calls, and nothing is left changed. */
__attribute__((noinline, no_sanitize_address)) static int child_main(void *argument)
{
	struct child *child = argument;
	const struct hb_launch *launch = child->launch;
	static const int handled[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGCHLD, SIGUSR1};
	struct rlimit core = {0, 0};
	struct rlimit cpu = {launch->cpu_limit_s, launch->cpu_limit_s + 1};

	/*
	 * A Ctrl-C in this moment still reaches the child, as a member of our group. Ignoring drops what is pending, so
	 * that it interrupts the run and not the trial; from setsid() on it does not come here.
	 */
	for (size_t i = 0; i < sizeof(handled) / sizeof(handled[0]); i++)
		(void)signal(handled[i], SIG_IGN);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != child->parent)
		_exit(127); /* we died before the line above */
	(void)setsid();
	for (size_t i = 0; i < sizeof(handled) / sizeof(handled[0]); i++)
		(void)signal(handled[i], SIG_DFL);
	(void)setrlimit(RLIMIT_CORE, &core);
	if (launch->cpu_limit_s > 0)
		(void)setrlimit(RLIMIT_CPU, &cpu);
	if ((child->error = place(child->null_fd, 0)) ||
		(child->error = place(
			 launch->output_fd < 0 ? child->null_fd : launch->output_fd, 1)) ||
		(child->error = place(launch->error_fd < 0 ? child->null_fd : launch->error_fd, 2)))
		_exit(127);
	if (launch->result_fd >= 0 &&
		(child->error = place(launch->result_fd, HB_LAUNCH_RESULT_FD)))
		_exit(127);
	(void)sigprocmask(SIG_SETMASK, &child->mask, NULL);
	(void)execve(launch->path, (char *const *)launch->argv, (char *const *)child->environment);
	child->error = errno;
	_exit(127);
}

/* The same environment on every machine and from every shell, so that it cannot explain a difference. */
static int make_environment(const char *tmpdir, char *buffer, size_t size_bytes, const char **ret)
{
	static const char *const kept[] = {
		"HOME", "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS", "TSAN_OPTIONS"};
	size_t used = 0, count = 0;

	ret[count++] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	ret[count++] = "LANG=C.UTF-8";
	int length = snprintf(buffer, size_bytes, "TMPDIR=%s", tmpdir ? tmpdir : "/tmp");

	if (length < 0 || (size_t)length >= size_bytes)
		return -ENAMETOOLONG;
	ret[count++] = buffer;
	used += (size_t)length + 1;
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		const char *value = getenv(kept[i]);

		if (!value)
			continue;
		length = snprintf(buffer + used, size_bytes - used, "%s=%s", kept[i], value);
		if (length < 0 || (size_t)length >= size_bytes - used)
			continue;
		ret[count++] = buffer + used;
		used += (size_t)length + 1;
	}
	ret[count] = NULL;
	return 0;
}

static int null_device(void)
{
	static int fd = -1;

	if (fd < 0) {
		int low = open("/dev/null", O_RDWR | O_CLOEXEC);

		if (low < 0)
			return -errno;
		fd = fcntl(low, F_DUPFD_CLOEXEC, HB_LAUNCH_RESULT_FD + 1);
		if (fd < 0)
			fd = -errno;
		(void)close(low);
	}
	return fd;
}

static void *child_stack(void)
{
	static void *stack;

	if (!stack) {
		void *got = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);

		stack = got == MAP_FAILED ? NULL : got;
	}
	return stack;
}

int hb_launch(
	const struct hb_launch *launch, pid_t *ret_pid, int *ret_pidfd, struct hb_error *reterr)
{
	char buffer[8192];
	const char *environment[ENVIRONMENT_MAX];
	struct child child = {.launch = launch, .environment = environment, .parent = getpid()};
	sigset_t all;
	int pidfd = -1;

	hb_assert(launch->path && launch->argv);
	int error = make_environment(launch->tmpdir, buffer, sizeof(buffer), environment);

	if (error)
		return hb_error_set_at(
			reterr, error, launch->path, 0, "the temporary folder's name is too long");
	char *stack = child_stack();

	child.null_fd = null_device();
	if (!stack || child.null_fd < 0)
		return hb_error_set_at(reterr, stack ? child.null_fd : -ENOMEM, launch->path, 0,
			"cannot prepare to start it: %s",
			strerror(stack ? -child.null_fd : ENOMEM));
	(void)sigfillset(&all);
	(void)sigprocmask(SIG_BLOCK, &all, &child.mask);
	pid_t pid = clone(child_main, stack + STACK_BYTES,
		CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, &child, &pidfd);

	error = pid < 0 ? -errno : -child.error;
	(void)sigprocmask(SIG_SETMASK, &child.mask, NULL);
	if (pid >= 0 && error) {
		(void)waitpid(pid, NULL, 0);
		(void)close(pidfd);
	}
	if (error)
		return hb_error_set_at(
			reterr, error, launch->path, 0, "cannot start it: %s", strerror(-error));
	*ret_pid = pid;
	*ret_pidfd = pidfd;
	return 0;
}

static int raise_fd(int *fd)
{
	if (*fd > HB_LAUNCH_RESULT_FD)
		return 0;
	int high = fcntl(*fd, F_DUPFD_CLOEXEC, HB_LAUNCH_RESULT_FD + 1);

	if (high < 0)
		return -errno;
	(void)close(*fd);
	*fd = high;
	return 0;
}

int hb_launch_pipe(int *ret_read, int *ret_write)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	int error = raise_fd(&fds[0]);

	if (!error)
		error = raise_fd(&fds[1]);
	if (error) {
		(void)close(fds[0]);
		(void)close(fds[1]);
		return error;
	}
	*ret_read = fds[0];
	*ret_write = fds[1];
	return 0;
}

void hb_launch_seal(void)
{
	(void)close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
}
