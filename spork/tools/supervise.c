/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "supervise.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static sigset_t mask_before;

void supervise_prepare(void)
{
	sigset_t all;

	(void)sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, &mask_before);
}

void supervise_restore(void)
{
	(void)sigprocmask(SIG_SETMASK, &mask_before, NULL);
}

/* The terminal sends its signals to the whole foreground group, so the program has those already. */
static bool from_terminal(const siginfo_t *info)
{
	return info->si_code == SI_KERNEL;
}

static bool stops(int signal_number)
{
	return signal_number == SIGTSTP || signal_number == SIGTTIN || signal_number == SIGTTOU;
}

static bool reap(pid_t pid, int *ret_status)
{
	int status;
	pid_t found;

	while ((found = waitpid(pid, &status, WNOHANG | WUNTRACED)) > 0) {
		if (!WIFSTOPPED(status)) {
			*ret_status = status;
			return true;
		}
		/* Our own parent sees a stopped job, too. SIGCONT comes back through the queue. */
		(void)raise(SIGSTOP);
		(void)kill(pid, SIGCONT);
	}
	return found < 0 && errno == ECHILD;
}

int supervise_wait(pid_t pid)
{
	sigset_t all;
	int status = 0;

	(void)sigfillset(&all);
	while (!reap(pid, &status)) {
		siginfo_t info;
		int found = sigwaitinfo(&all, &info);

		if (found <= 0 || found == SIGCHLD || from_terminal(&info) || stops(found))
			continue;
		(void)kill(pid, found);
	}
	return status;
}

int supervise_end_as(int status)
{
	const struct rlimit none = {0, 0};
	sigset_t mask;

	if (!WIFSIGNALED(status))
		return WEXITSTATUS(status);
	/* The program has dumped core already, if it was to. */
	(void)setrlimit(RLIMIT_CORE, &none);
	(void)signal(WTERMSIG(status), SIG_DFL);
	(void)sigemptyset(&mask);
	(void)sigprocmask(SIG_SETMASK, &mask, NULL);
	(void)kill(getpid(), WTERMSIG(status));
	return 128 + WTERMSIG(status);
}
