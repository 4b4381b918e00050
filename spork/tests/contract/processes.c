/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Processes: identity, waiting, groups, exec in all its forms, children that wait for their parents. */
#include "contract.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pty.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <linux/filter.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif
#define PER_QUERY 0xffffffffUL

static char folder[] = "/tmp/spork-contract.XXXXXX";

static void make_file(const char *name, const char *content, mode_t mode)
{
	char path[256];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "we");
	if (!file)
		return;
	(void)fputs(content, file);
	(void)fchmod(fileno(file), mode);
	(void)fclose(file);
}

static void remove_folder(void)
{
	char command[300];

	(void)snprintf(command, sizeof(command), "rm -rf '%s'", folder);
	(void)!system(command);
}

static int exec_failure_is_the_childs(void)
{
	for (int i = 0; i < ROUNDS; i++) {
		pid_t pid = fork();
		int status;

		if (pid == 0) {
			(void)execl("/no/such/program", "program", (char *)NULL);
			_exit(errno == ENOENT ? 127 : 1);
		}
		expect(pid > 0 && waitpid(pid, &status, 0) == pid && exit_of(status) == 127);
	}
	return 0;
}

static int output_of_failed_exec_is_flushed_once(void)
{
	for (int i = 0; i < ROUNDS; i++) {
		int out[2], saved = dup(1);
		char text[100] = "";
		pid_t pid;

		expect(pipe(out) == 0);
		(void)fflush(stdout);
		(void)dup2(out[1], 1);
		(void)close(out[1]);
		(void)printf("before ");
		pid = fork();
		if (pid == 0) {
			(void)execl("/missing", "missing", (char *)NULL);
			(void)printf("failed ");
			exit(127);
		}
		expect(waitpid(pid, NULL, 0) == pid);
		(void)printf("after");
		(void)fflush(stdout);
		(void)dup2(saved, 1);
		(void)close(saved);
		/* The parent's unwritten text is in both, as with fork. */
		expect(read(out[0], text, sizeof(text) - 1) > 0);
		(void)close(out[0]);
		expect(strcmp(text, "before failed before after") == 0);
	}
	return 0;
}

static void search_path(void *data)
{
	char path[600];

	(void)data;
	(void)snprintf(path, sizeof(path), "/missing:%s/none:%s", folder, folder);
	(void)setenv("PATH", path, 1);
	(void)execlp("tool", "tool", "argument", (char *)NULL);
	_exit(126);
}

static int path_search_and_scripts_without_interpreter(void)
{
	expect(mkdtemp(folder));
	make_file("tool", "exit $#$#\n", 0755);
	for (int i = 0; i < ROUNDS; i++)
		expect(exit_of(run_child(search_path, NULL)) == 11);
	remove_folder();
	return 0;
}

static void exec_denied(void *data)
{
	(void)data;
	(void)execl(folder, "folder", (char *)NULL);
	if (errno != EACCES)
		_exit(1);
	(void)execl("/etc/passwd", "passwd", (char *)NULL);
	if (errno != EACCES)
		_exit(2);
	exec_shell("exit 5");
}

static int exec_after_several_failures(void)
{
	expect(mkdtemp(folder));
	for (int i = 0; i < ROUNDS; i++)
		expect(exit_of(run_child(exec_denied, NULL)) == 5);
	remove_folder();
	return 0;
}

static int process_ids_are_what_fork_returned(void)
{
	pid_t self = getpid();

	for (int i = 0; i < ROUNDS; i++) {
		int report[2];
		pid_t pid, ids[4];

		expect(pipe(report) == 0);
		pid = fork();
		if (pid == 0) {
			const pid_t seen[4] = {
				getpid(), getppid(), gettid(), (pid_t)syscall(SYS_getpid)};

			(void)!write(report[1], seen, sizeof(seen));
			exec_shell("exit 0");
		}
		expect(read(report[0], ids, sizeof(ids)) == sizeof(ids));
		expect(ids[0] == pid && ids[1] == self && ids[2] == pid && ids[3] == pid);
		expect(waitpid(pid, NULL, 0) == pid && getpid() == self && gettid() == self);
		(void)close(report[0]);
		(void)close(report[1]);
	}
	return 0;
}

static int shell_of_the_child_has_its_process_id(void)
{
	for (int i = 0; i < ROUNDS; i++) {
		int out[2];
		char text[32] = "";
		pid_t pid;

		expect(pipe(out) == 0);
		pid = fork();
		if (pid == 0) {
			(void)dup2(out[1], 1);
			exec_shell("echo $$");
		}
		expect(read(out[0], text, sizeof(text) - 1) > 0 && atoi(text) == pid);
		expect(waitpid(pid, NULL, 0) == pid);
		(void)close(out[0]);
		(void)close(out[1]);
	}
	return 0;
}

static int child_waits_for_its_parent(void)
{
	for (int i = 0; i < ROUNDS; i++) {
		int go[2], status;
		pid_t pid;

		expect(pipe(go) == 0);
		pid = fork();
		if (pid == 0) {
			char byte;

			(void)close(go[1]);
			(void)!read(go[0], &byte, 1);
			exec_shell("exit 3");
		}
		(void)close(go[0]);
		expect(setpgid(pid, pid) == 0);
		(void)close(go[1]);
		expect(waitpid(pid, &status, 0) == pid && exit_of(status) == 3);
	}
	return 0;
}

/* Beyond the last message the kernel's log makes its reader wait. */
static int child_waits_for_the_kernels_log(void)
{
	if (access("/dev/kmsg", R_OK) != 0)
		return SKIPPED;
	for (int i = 0; i < ROUNDS; i++) {
		int status;
		pid_t pid = fork();

		if (pid == 0) {
			char text[8192];
			int fd = open("/dev/kmsg", O_RDONLY | O_CLOEXEC);

			(void)lseek(fd, 0, SEEK_END);
			(void)!read(fd, text, sizeof(text));
			exec_shell("sleep 60");
		}
		expect(pid > 0 && kill(pid, SIGKILL) == 0);
		expect(waitpid(pid, &status, 0) == pid && exit_of(status) == 1000 + SIGKILL);
	}
	return 0;
}

static int parent_reads_more_than_a_pipe_holds(void)
{
	static char bytes[300000];

	for (int i = 0; i < ROUNDS; i++) {
		int out[2];
		ssize_t got, sum = 0;
		pid_t pid;

		expect(pipe(out) == 0);
		pid = fork();
		if (pid == 0) {
			(void)!write(out[1], bytes, sizeof(bytes));
			(void)dup2(out[1], 1);
			exec_shell("echo end");
		}
		(void)close(out[1]);
		while ((got = read(out[0], bytes, 5000)) > 0)
			sum += got;
		(void)close(out[0]);
		expect(sum == (ssize_t)sizeof(bytes) + 4 && waitpid(pid, NULL, 0) == pid);
	}
	return 0;
}

static int child_without_exec_lives_beside_its_parent(void)
{
	for (int i = 0; i < ROUNDS; i++) {
		int to[2], from[2], status;
		char byte = 'q';
		pid_t pid;

		expect(pipe(to) == 0 && pipe(from) == 0);
		pid = fork();
		if (pid == 0) {
			for (int n = 0; n < 100; n++) {
				if (read(to[0], &byte, 1) != 1)
					_exit(1);
				byte++;
				(void)!write(from[1], &byte, 1);
			}
			_exit(4);
		}
		for (int n = 0; n < 100; n++) {
			char answer = 0;

			byte = (char)n;
			expect(write(to[1], &byte, 1) == 1 && read(from[0], &answer, 1) == 1);
			expect(answer == (char)(n + 1));
		}
		expect(waitpid(pid, &status, 0) == pid && exit_of(status) == 4);
		for (int n = 0; n < 2; n++) {
			(void)close(to[n]);
			(void)close(from[n]);
		}
	}
	return 0;
}

static void fork_again(void *data)
{
	int status = run_child((void (*)(void *))(uintptr_t)exec_shell, data);

	if (exit_of(status) != 6)
		_exit(1);
	exec_shell("exit 7");
}

static int nested_fork(void)
{
	for (int i = 0; i < ROUNDS; i++)
		expect(exit_of(run_child(fork_again, (void *)(uintptr_t) "exit 6")) == 7);
	return 0;
}

static int own_spawning_still_works(void)
{
	for (int i = 0; i < ROUNDS; i++) {
		char *words[] = {(char[]){"sh"}, (char[]){"-c"}, (char[]){"exit 4"}, NULL};
		FILE *stream;
		char text[16] = "";
		int status;
		pid_t pid;

		expect(exit_of(system("exit 5")) == 5);
		stream = popen("echo text", "r");
		expect(stream && fgets(text, sizeof(text), stream) && strcmp(text, "text\n") == 0);
		expect(pclose(stream) == 0);
		expect(posix_spawn(&pid, "/bin/sh", NULL, NULL, words, environ) == 0);
		expect(waitpid(pid, &status, 0) == pid && exit_of(status) == 4);
		pid = vfork();
		if (pid == 0) {
			(void)execl("/bin/sh", "sh", "-c", "exit 8", (char *)NULL);
			_exit(127);
		}
		expect(waitpid(pid, &status, 0) == pid && exit_of(status) == 8);
	}
	return 0;
}

static int forkpty_gives_a_terminal(void)
{
	for (int i = 0; i < ROUNDS; i++) {
		char text[100] = "";
		int master, status;
		ssize_t length = 0, got;
		pid_t pid = forkpty(&master, NULL, NULL, NULL);

		if (pid == 0)
			exec_shell(
				"test -t 0 && test -t 1 && tty >/dev/null && echo terminal; "
				"test \"$(ps -o sid= -p $$ | tr -d ' ')\" = $$ || exit 0; exit 0");
		expect(pid > 0);
		while (length < 99 && (got = read(master, text + length, 99 - (size_t)length)) > 0)
			length += got;
		expect(waitpid(pid, &status, 0) == pid && exit_of(status) == 0);
		expect(strncmp(text, "terminal", 8) == 0);
		(void)close(master);
	}
	return 0;
}

static int daemon_detaches(void)
{
	for (int i = 0; i < ROUNDS; i++) {
		int report[2], status;
		pid_t ids[3];
		pid_t pid;

		expect(pipe(report) == 0);
		pid = fork();
		if (pid == 0) {
			pid_t before = getpid(), seen[3];

			if (daemon(0, 1))
				_exit(1);
			seen[0] = before;
			seen[1] = getpid();
			seen[2] = getsid(0);
			(void)!write(report[1], seen, sizeof(seen));
			_exit(0);
		}
		expect(read(report[0], ids, sizeof(ids)) == sizeof(ids));
		expect(ids[0] == pid && ids[1] != pid && ids[2] == ids[1]);
		expect(waitpid(pid, &status, 0) == pid && exit_of(status) == 0);
		(void)close(report[0]);
		(void)close(report[1]);
	}
	return 0;
}

static int other_entries_to_fork(void)
{
	for (int i = 0; i < ROUNDS; i++) {
		int status;
		pid_t pid = _Fork();

		if (pid == 0)
			exec_shell("exit 3");
		expect(pid > 0 && waitpid(pid, &status, 0) == pid && exit_of(status) == 3);
		pid = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
		if (pid == 0)
			exec_shell("exit 4");
		expect(pid > 0 && waitpid(pid, &status, 0) == pid && exit_of(status) == 4);
		pid = (pid_t)syscall(SYS_fork);
		if (pid == 0)
			exec_shell("exit 5");
		expect(pid > 0 && waitpid(pid, &status, 0) == pid && exit_of(status) == 5);
	}
	return 0;
}

static int waiting_in_all_ways(void)
{
	for (int i = 0; i < ROUNDS; i++) {
		siginfo_t info = {0};
		struct pollfd poll_fd;
		int status;
		pid_t pid = fork();

		if (pid == 0)
			exec_shell("exit 6");
		poll_fd = (struct pollfd){
			.fd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN};
		expect(poll_fd.fd >= 0 && poll(&poll_fd, 1, 5000) == 1);
		expect(waitid(P_PIDFD, (id_t)poll_fd.fd, &info, WEXITED | WNOWAIT) == 0);
		expect(info.si_pid == pid && info.si_status == 6 && info.si_code == CLD_EXITED);
		expect(waitpid(-1, &status, 0) == pid && exit_of(status) == 6);
		expect(waitpid(-1, &status, __WALL | WNOHANG) == -1 && errno == ECHILD);
		(void)close(poll_fd.fd);
	}
	return 0;
}

static void trace_me(void *data)
{
	(void)data;
	(void)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	exec_shell("exit 2");
}

static int child_that_asks_to_be_traced(void)
{
	for (int i = 0; i < ROUNDS; i++) {
		int status;
		pid_t pid = fork();

		if (pid == 0)
			trace_me(NULL);
		expect(waitpid(pid, &status, 0) == pid);
		expect(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP);
		expect(ptrace(PTRACE_CONT, pid, NULL, NULL) == 0);
		expect(waitpid(pid, &status, 0) == pid && exit_of(status) == 2);
	}
	return 0;
}

static void take_terminal_group(void *data)
{
	(void)data;
	if (setsid() != getpid() || getpgrp() != getpid())
		_exit(1);
	exec_shell("exit 0");
}

static int sessions_and_groups(void)
{
	pid_t group = getpgrp(), session = getsid(0);

	for (int i = 0; i < ROUNDS; i++) {
		expect(exit_of(run_child(take_terminal_group, NULL)) == 0);
		expect(getpgrp() == group && getsid(0) == session);
	}
	return 0;
}

static int confined_parents_work(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_acct, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {.len = 4, .filter = code};

	(void)prctl(PR_SET_NO_NEW_PRIVS, 1L, 0L, 0L, 0L);
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		return SKIPPED;
	for (int i = 0; i < ROUNDS; i++)
		expect(exit_of(run_child((void (*)(void *))(uintptr_t)exec_shell,
			       (void *)(uintptr_t) "grep -q 'Seccomp:.*2' /proc/self/status")) ==
			0);
	return 0;
}

static int limit_of_processes_is_forks_failure(void)
{
	struct rlimit none = {0, 0};
	pid_t pid;

	if (geteuid() == 0 && (setresgid(65534, 65534, 65534) || setresuid(65534, 65534, 65534)))
		return SKIPPED;
	if (setrlimit(RLIMIT_NPROC, &none))
		return SKIPPED;
	for (int i = 0; i < ROUNDS; i++) {
		errno = 0;
		pid = fork();
		if (pid == 0)
			exec_shell("exit 0");
		expect(pid == -1 && errno == EAGAIN);
	}
	return 0;
}

/* Has a process of its own before it is clear that the parent's address space cannot be shared. */
static void is_init(void *data)
{
	long pid = syscall(SYS_getpid);

	(void)data;
	if (personality(PER_QUERY) == -1)
		_exit(126);
	exec_shell(pid == 1 ? "exit 7" : "exit 8");
}

/* Its namespace ends with it, so that there is one try only. */
static int first_child_of_a_namespace_is_its_init(void)
{
	for (int i = 0; i < ROUNDS; i++) {
		pid_t pid = fork();
		int status;

		if (pid == 0) {
			if (unshare(CLONE_NEWPID) && unshare(CLONE_NEWUSER | CLONE_NEWPID))
				_exit(SKIPPED);
			status = exit_of(run_child(is_init, NULL));
			_exit(status == 7 && fork() == -1 && errno == ENOMEM ? 0 : 1);
		}
		expect(pid > 0 && waitpid(pid, &status, 0) == pid);
		if (exit_of(status) == SKIPPED)
			return SKIPPED;
		expect(exit_of(status) == 0);
		expect(exit_of(run_child(is_init, NULL)) == 8);
	}
	return 0;
}

/* Seconds since the start of the machine, as the child's program sees them and as the child itself did. */
static void tell_uptime(void *data)
{
	struct timespec now;
	char text[100];

	(void)data;
	if (clock_gettime(CLOCK_BOOTTIME, &now))
		_exit(126);
	(void)snprintf(text, sizeof(text), "read up rest </proc/uptime; test ${up%%.*} -le %ld",
		(long)now.tv_sec + 5000);
	exec_shell(now.tv_sec >= 100000000 ? text : "exit 9");
}

static int children_see_the_clocks_of_their_namespace(void)
{
	for (int i = 0; i < ROUNDS; i++) {
		pid_t pid = fork();
		int status, fd;

		if (pid == 0) {
			if (unshare(CLONE_NEWTIME))
				_exit(SKIPPED);
			fd = open("/proc/self/timens_offsets", O_WRONLY | O_CLOEXEC);
			if (fd < 0 || write(fd, "boottime 100000000 0\n", 21) != 21 || close(fd))
				_exit(SKIPPED);
			_exit(exit_of(run_child(tell_uptime, NULL)));
		}
		expect(pid > 0 && waitpid(pid, &status, 0) == pid);
		if (exit_of(status) == SKIPPED)
			return SKIPPED;
		expect(exit_of(status) == 0);
	}
	return 0;
}

const struct pitfall pitfalls_processes[] = {
	{"exec-failure-is-the-childs", exec_failure_is_the_childs},
	{"output-of-failed-exec-is-flushed-once", output_of_failed_exec_is_flushed_once},
	{"path-search-and-scripts-without-interpreter",
		path_search_and_scripts_without_interpreter},
	{"exec-after-several-failures", exec_after_several_failures},
	{"process-ids-are-what-fork-returned", process_ids_are_what_fork_returned},
	{"shell-of-the-child-has-its-process-id", shell_of_the_child_has_its_process_id},
	{"child-waits-for-its-parent", child_waits_for_its_parent},
	{"child-waits-for-the-kernels-log", child_waits_for_the_kernels_log},
	{"parent-reads-more-than-a-pipe-holds", parent_reads_more_than_a_pipe_holds},
	{"child-without-exec-lives-beside-its-parent", child_without_exec_lives_beside_its_parent},
	{"nested-fork", nested_fork},
	{"own-spawning-still-works", own_spawning_still_works},
	{"forkpty-gives-a-terminal", forkpty_gives_a_terminal},
	{"daemon-detaches", daemon_detaches},
	{"other-entries-to-fork", other_entries_to_fork},
	{"waiting-in-all-ways", waiting_in_all_ways},
	{"child-that-asks-to-be-traced", child_that_asks_to_be_traced},
	{"sessions-and-groups", sessions_and_groups},
	{"confined-parents-work", confined_parents_work},
	{"limit-of-processes-is-forks-failure", limit_of_processes_is_forks_failure},
	{"first-child-of-a-namespace-is-its-init", first_child_of_a_namespace_is_its_init},
	{"children-see-the-clocks-of-their-namespace", children_see_the_clocks_of_their_namespace},
	{NULL, NULL},
};
