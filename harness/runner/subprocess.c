/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "subprocess.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <hotbed/clock.h>
#include <hotbed/error.h>
#include <hotbed/file.h>

extern char **environ;

/* Whom a signal that comes in the meantime is for. */
static volatile sig_atomic_t current;

static void forward(int signal_number)
{
	int saved = errno;

	if (current > 0 && signal_number != SIGINT)
		(void)kill((pid_t)current, signal_number);
	errno = saved;
}

/* A memory file holding @text, to be read from its beginning; -errno. */
static int memory_file(const char *text)
{
	int fd = memfd_create("hotbed", MFD_CLOEXEC);
	int r = fd < 0 ? -errno : text ? hb_file_write(fd, text, strlen(text)) : 0;

	if (fd < 0)
		return r;
	if (!r && lseek(fd, 0, SEEK_SET) < 0)
		r = -errno;
	if (r) {
		(void)close(fd);
		return r;
	}
	return fd;
}

static char *read_back(int fd)
{
	struct stat status;
	char *text;

	if (fstat(fd, &status) || !(text = malloc((size_t)status.st_size + 1)))
		return NULL;
	ssize_t got = pread(fd, text, (size_t)status.st_size, 0);

	text[got > 0 ? got : 0] = '\0';
	return text;
}

static int start(const char *const *argv, int input, int output, bool own_group, pid_t *ret_pid)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	int error = posix_spawn_file_actions_init(&actions);

	if (error)
		return -error;
	error = posix_spawnattr_init(&attributes);
	if (!error) {
		if (own_group)
			error = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
		if (!error)
			error = posix_spawn_file_actions_adddup2(&actions, input, 0);
		if (!error && output >= 0)
			error = posix_spawn_file_actions_adddup2(&actions, output, 1);
		if (!error)
			error = posix_spawnp(ret_pid, argv[0], &actions, &attributes,
				(char *const *)argv, environ);
		(void)posix_spawnattr_destroy(&attributes);
	}
	(void)posix_spawn_file_actions_destroy(&actions);
	return -error;
}

/* Wait for its end; at the deadline kill the group, and wait again. Returns 0 or -ETIMEDOUT. */
static int wait_for(pid_t pid, int64_t timeout_ms, int *ret_status)
{
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	int64_t deadline_ns = hb_clock_now_ns() + timeout_ms * 1000000;
	int status, r = 0;

	while (pidfd >= 0 && timeout_ms > 0) {
		struct pollfd poller = {.fd = pidfd, .events = POLLIN};
		int64_t left_ms = (deadline_ns - hb_clock_now_ns()) / 1000000 + 1;

		if (left_ms > 0 && poll(&poller, 1, (int)left_ms) > 0)
			break;
		if (left_ms <= 0) {
			(void)kill(-pid, SIGKILL);
			r = -ETIMEDOUT;
			break;
		}
	}
	if (pidfd >= 0)
		(void)close(pidfd);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	*ret_status = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
	return r;
}

static int run(const char *const *argv, int input, int output, int64_t timeout_ms, int *ret_status)
{
	struct sigaction action = {.sa_handler = forward}, old[2];
	pid_t pid = 0;
	int r;

	(void)sigaction(SIGINT, &action, &old[0]);
	(void)sigaction(SIGTERM, &action, &old[1]);
	r = start(argv, input, output, timeout_ms > 0, &pid);
	if (!r) {
		current = pid;
		r = wait_for(pid, timeout_ms, ret_status);
		current = 0;
	}
	(void)sigaction(SIGINT, &old[0], NULL);
	(void)sigaction(SIGTERM, &old[1], NULL);
	return r;
}

int hb_subprocess_run(const char *const *argv, const char *input, int64_t timeout_ms,
	char **ret_output, int *ret_status, struct hb_error *reterr)
{
	int in = memory_file(input), out = ret_output ? memory_file(NULL) : -1;
	char *text = NULL;
	int r = in < 0 ? in : ret_output && out < 0 ? out : 0;

	if (!r)
		r = run(argv, in, out, timeout_ms, ret_status);
	if (!r && ret_output && !(text = read_back(out)))
		r = -ENOMEM;
	if (in >= 0)
		(void)close(in);
	if (out >= 0)
		(void)close(out);
	if (r)
		return hb_error_set(reterr, r, "%s: %s", argv[0],
			r == -ETIMEDOUT ? "did not end in time and was killed" : strerror(-r));
	if (ret_output)
		*ret_output = text;
	return 0;
}
