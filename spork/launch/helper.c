/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The helper of a run before anybody has asked for anything: a process of a few pages, since most short runs end
 * without a request. The first one makes it spork-analyser; requests wait in the socket meanwhile.
 */
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "launch.h"
#include "raw_syscall.h"
#include "text.h"

#define NICE 5 /* the programs come first */
#define SIGNALS 64

/* Of the helper, which has nothing else open but /dev/null; `spork-analyser serve` is told. */
#define SOCKET_FD 3
#define PROGRAM_FD 4

_Noreturn static void leave(int status)
{
	for (;;)
		(void)raw1(SYS_exit_group, status);
}

/* As the kernel takes it. */
struct action {
	uint64_t handler, flags, restorer, mask;
};

/* Nothing of the caller's stays open; 3 is free. */
static void arrange_descriptors(const struct helper_start *start)
{
	int64_t null;

	if (start->program_fd == PROGRAM_FD)
		(void)raw3(SYS_fcntl, PROGRAM_FD, F_SETFD, 0);
	else
		(void)raw2(SYS_dup2, start->program_fd, PROGRAM_FD);
	(void)raw3(SYS_close_range, PROGRAM_FD + 1, ~0U, 0);
	(void)raw1(SYS_close, SOCKET_FD);
	null = raw4(SYS_openat, AT_FDCWD, "/dev/null", O_RDWR, 0);
	for (int fd = 0; null >= 0 && fd <= 2; fd++)
		(void)raw2(SYS_dup2, null, fd);
	if (null > 2)
		(void)raw1(SYS_close, null);
}

static void leave_caller(const struct helper_start *start)
{
	const struct action action = {.handler = 0};
	const uint64_t none = 0;

	arrange_descriptors(start);
	for (int i = 1; i <= SIGNALS; i++)
		(void)raw4(SYS_rt_sigaction, i, &action, NULL, KERNEL_SIGSET_BYTES);
	(void)raw4(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, KERNEL_SIGSET_BYTES);
	(void)raw0(SYS_setsid);
	(void)raw1(SYS_chdir, "/");
	(void)raw2(SYS_prctl, PR_SET_NAME, "spork-helper");
	(void)raw3(SYS_setpriority, PRIO_PROCESS, 0, NICE);
}

/* In the run's folder, which is made, too. */
static bool make_socket(const char *folder)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const size_t size = sizeof(address.sun_path);
	const int yes = 1;
	size_t at = text_append(address.sun_path, size, 0, folder);
	int64_t fd;

	(void)text_append(address.sun_path, size, at, "/socket");
	if (raw2(SYS_mkdir, folder, 0700))
		return false;
	fd = raw3(SYS_socket, AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	if (fd != SOCKET_FD)
		fd = fd < 0 ? fd : raw2(SYS_dup2, fd, SOCKET_FD);
	return fd == SOCKET_FD && raw3(SYS_bind, SOCKET_FD, &address, sizeof(address)) == 0 &&
	       raw5(SYS_setsockopt, SOCKET_FD, SOL_SOCKET, SO_PASSCRED, &yes, sizeof(yes)) == 0;
}

static void become_analyser(const struct helper_start *start)
{
	const char *const argv[] = {
		"spork-analyser", "serve", start->cache, start->folder, "3", "4", NULL};

	(void)raw3(SYS_execve, start->analyser, argv, start->envp);
}

static void remove_run(const char *folder)
{
	char path[HELPER_FOLDER_BYTES + 8];
	size_t at = text_append(path, sizeof(path), 0, folder);

	(void)text_append(path, sizeof(path), at, "/socket");
	(void)raw1(SYS_unlink, path);
	(void)raw1(SYS_rmdir, folder);
}

_Noreturn static void wait_for_requests(const struct helper_start *start)
{
	struct pollfd events[] = {
		{.fd = SOCKET_FD, .events = POLLIN}, {.fd = PROGRAM_FD, .events = POLLIN}};
	bool ready;

	leave_caller(start);
	ready = make_socket(start->folder);
	while (ready && !events[1].revents) {
		if (raw3(SYS_poll, events, 2, -1) < 0)
			continue;
		/* What was asked before the end is still done: the next run profits. */
		if (events[0].revents) {
			become_analyser(start);
			break;
		}
	}
	remove_run(start->folder);
	leave(0);
}

/* On the memory of the caller, which waits: it must not return. */
__attribute__((noinline)) _Noreturn static void between(const struct helper_start *start)
{
	int64_t pid = raw5(SYS_clone, SIGCHLD, 0, 0, 0, 0);

	if (pid == 0)
		wait_for_requests(start);
	leave(pid < 0);
}

bool helper_start(const struct helper_start *start)
{
	int status = 0;
	/* No exit signal: a SIGCHLD that is blocked would stay, for the program to find. */
	int64_t pid = raw5(SYS_clone, CLONE_VM | CLONE_VFORK, 0, 0, 0, 0);

	if (pid == 0)
		between(start);
	if (pid < 0)
		return false;
	while (raw4(SYS_wait4, pid, &status, __WALL, NULL) == -4 /* EINTR */)
		continue;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}
