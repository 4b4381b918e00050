/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Forks that bypass libc: system calls made by this program itself, and through syscall(2). */
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static long call(long nr, long a, long b, long c)
{
	register long none10 __asm__("r10") = 0;
	register long none8 __asm__("r8") = 0;
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "0"(nr), "D"(a), "S"(b), "d"(c), "r"(none10), "r"(none8)
			 : "rcx", "r11", "memory");
	return result;
}

static volatile sig_atomic_t caught;

static void on_signal(int number)
{
	(void)number;
	caught++;
}

static long fork_as(int kind)
{
	switch (kind) {
	case 0:
		return call(SYS_clone, SIGCHLD, 0, 0);
	case 1:
		return syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
	default:
		return call(SYS_fork, 0, 0, 0);
	}
}

int main(void)
{
	static const char *const names[] = {"clone", "syscall", "fork"};

	(void)signal(SIGUSR1, on_signal);
	for (int i = 0; i < 6; i++) {
		const char *arguments[] = {"/bin/echo", names[i % 3], NULL};
		long pid;
		int status = 0;

		(void)fflush(stdout);
		pid = fork_as(i % 3);
		if (pid == 0) {
			(void)call(SYS_execve, (long)arguments[0], (long)arguments, (long)environ);
			(void)call(SYS_exit_group, 127, 0, 0);
		}
		(void)waitpid((pid_t)pid, &status, 0);
		(void)printf("%d: status %x\n", i, (unsigned)status);
		(void)call(SYS_kill, call(SYS_getpid, 0, 0, 0), SIGUSR1, 0);
	}
	(void)printf("%d signals\n", (int)caught);
	return 0;
}
