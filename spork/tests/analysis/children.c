/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Functions that fork, one each, whose verdicts test_analysis.c knows. Never run: compiled at every optimisation level,
 * with and without position-independence, and analysed.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* clang never clones and does not know the word. */
#ifdef __clang__
#define ALONE __attribute__((noinline))
#else
#define ALONE __attribute__((noinline, noclone))
#endif
#define SITE ALONE __attribute__((used)) static

static char *const arguments[] = {"true", NULL};
static volatile int sink;
static void (*volatile hook)(void);

SITE pid_t direct_exec(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		(void)execv("/bin/true", arguments);
		_exit(127);
	}
	return pid;
}

SITE pid_t descriptors_then_exec(int in, int out)
{
	pid_t pid = fork();

	if (pid == 0) {
		(void)dup2(in, 0);
		(void)dup2(out, 1);
		(void)close(in);
		(void)setpgid(0, 0);
		(void)signal(SIGINT, SIG_DFL);
		(void)chdir("/");
		(void)execvp(arguments[0], arguments);
		_exit(127);
	}
	return pid;
}

SITE pid_t worker(int count)
{
	pid_t pid = fork();

	if (pid == 0) {
		for (int i = 0; i < count; i++)
			sink += i;
		_exit(sink);
	}
	return pid;
}

ALONE static void run_child(const char *path)
{
	if (path[0] != '/')
		(void)chdir("/");
	(void)execv(path, arguments);
	_exit(126);
}

SITE pid_t exec_in_callee(const char *path)
{
	pid_t pid = fork();

	if (pid == 0)
		run_child(path);
	return pid;
}

SITE int pid_in_variable(const char *path)
{
	pid_t pid = fork();
	int status = 0;

	if (pid < 0)
		return -1;
	if (pid > 0)
		(void)waitpid(pid, &status, 0);
	if (pid == 0) {
		(void)access(path, X_OK);
		if (pid == 0)
			(void)execl(path, path, (char *)NULL);
		_exit(127);
	}
	return status;
}

SITE int switch_on_result(const char *path)
{
	switch (fork()) {
	case -1:
		return -1;
	case 0:
		(void)execl(path, path, (char *)NULL);
		_exit(127);
	default:
		return wait(NULL) > 0;
	}
}

SITE pid_t writes_first(int fd)
{
	pid_t pid = fork();

	if (pid == 0) {
		(void)write(fd, "x", 1);
		(void)execv("/bin/true", arguments);
		_exit(127);
	}
	return pid;
}

SITE pid_t reads_first(int fd)
{
	pid_t pid = fork();

	if (pid == 0) {
		char byte;

		(void)read(fd, &byte, 1);
		(void)execv("/bin/true", arguments);
		_exit(127);
	}
	return pid;
}

static void *thread(void *data)
{
	return data;
}

SITE pid_t thread_first(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		pthread_t id;

		(void)pthread_create(&id, NULL, thread, NULL);
		(void)execv("/bin/true", arguments);
		_exit(127);
	}
	return pid;
}

SITE void hooked(void)
{
	sink = 1;
}

SITE pid_t through_pointer(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		hook();
		(void)execv("/bin/true", arguments);
		_exit(127);
	}
	return pid;
}

SITE pid_t make_child(void)
{
	pid_t pid = fork();

	sink++;
	return pid;
}

SITE pid_t calls_make_child(void)
{
	pid_t pid = make_child();

	if (pid == 0) {
		(void)execv("/bin/true", arguments);
		_exit(127);
	}
	return pid;
}

/* Nobody in this file calls it. */
SITE pid_t returns_only(void)
{
	pid_t pid = fork();

	sink++;
	return pid;
}

SITE pid_t jump_table(int kind, const char *path)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	switch (kind) {
	case 0:
		(void)chdir("/");
		break;
	case 1:
		(void)close(3);
		break;
	case 2:
		(void)setsid();
		break;
	case 3:
		(void)umask(022);
		break;
	case 4:
		(void)dup2(1, 2);
		break;
	case 5:
		(void)nice(1);
		break;
	case 6:
		(void)signal(SIGHUP, SIG_IGN);
		break;
	case 7:
		(void)setpgid(0, 0);
		break;
	default:
		_exit(1);
	}
	(void)execl(path, path, (char *)NULL);
	_exit(127);
}

SITE pid_t learns_its_pid(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		sink = getpid();
		(void)execv("/bin/true", arguments);
		_exit(127);
	}
	return pid;
}

SITE pid_t changes_user(uid_t user)
{
	pid_t pid = fork();

	if (pid == 0) {
		if (setuid(user))
			_exit(1);
		(void)execv("/bin/true", arguments);
		_exit(127);
	}
	return pid;
}

SITE pid_t uses_vfork(void)
{
	pid_t pid = vfork();

	if (pid == 0) {
		(void)execv("/bin/true", arguments);
		_exit(127);
	}
	return pid;
}

SITE pid_t forks_twice(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		if (fork() == 0) {
			(void)execv("/bin/true", arguments);
			_exit(127);
		}
		_exit(0);
	}
	return pid;
}

int main(int argc, char **argv)
{
	if (argc > 1)
		hook = hooked;
	return (int)(direct_exec() + descriptors_then_exec(argc, 4) + worker(argc) +
		     exec_in_callee(argv[0]) + pid_in_variable(argv[0]) +
		     switch_on_result(argv[0]) + writes_first(argc) + reads_first(argc) +
		     thread_first() + through_pointer() + calls_make_child() +
		     jump_table(argc, argv[0]) + learns_its_pid() + changes_user((uid_t)argc) +
		     uses_vfork() + forks_twice());
}
