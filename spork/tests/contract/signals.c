/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Signals: handlers run where the signal is, masks and dispositions are exact, SIGCHLD comes once per child. */
#include "contract.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t count, in_other_process, wrong_info;
static pid_t parent;
static volatile pid_t
	last_child; /* raise() is declared as a leaf, and yet its handler writes this */
static char touched[8192];

static void handler(int number, siginfo_t *info, void *context)
{
	(void)context;
	if (getpid() != parent)
		in_other_process++;
	else
		count++;
	if (number == SIGCHLD && (info->si_code != CLD_EXITED || info->si_status != 9))
		wrong_info++;
	touched[4096]++;
}

static void handle(int number, int flags)
{
	struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags};

	parent = getpid();
	count = in_other_process = wrong_info = 0;
	(void)sigaction(number, &action, NULL);
}

static void write_what_the_handler_touches(void *data)
{
	(void)data;
	memset(touched, 3, sizeof(touched));
	exec_shell("exit 9");
}

static int one_sigchld_per_child(void)
{
	handle(SIGCHLD, SA_RESTART);
	for (int i = 0; i < ROUNDS; i++) {
		expect(exit_of(run_child(write_what_the_handler_touches, NULL)) == 9);
		expect(count == i + 1 && in_other_process == 0 && wrong_info == 0);
		expect(touched[4096] == i + 1 && touched[0] == 0);
	}
	return 0;
}

static void fail_and_exit(void *data)
{
	(void)data;
	(void)execl("/missing", "missing", (char *)NULL);
	_exit(9);
}

static int one_sigchld_for_a_child_without_exec(void)
{
	handle(SIGCHLD, SA_RESTART);
	for (int i = 0; i < ROUNDS; i++) {
		expect(exit_of(run_child(fail_and_exit, NULL)) == 9);
		expect(count == i + 1 && in_other_process == 0 && wrong_info == 0);
	}
	return 0;
}

static void raise_in_child(void *data)
{
	(void)data;
	(void)raise(SIGUSR1);
	exec_shell(in_other_process == 1 && count == 0 ? "exit 0" : "exit 1");
}

static int handlers_run_in_the_child_that_got_the_signal(void)
{
	handle(SIGUSR1, 0);
	for (int i = 0; i < ROUNDS; i++) {
		expect(exit_of(run_child(raise_in_child, NULL)) == 0);
		expect(count == 0 && in_other_process == 0 && touched[4096] == 0);
	}
	return 0;
}

static void reset_all(void *data)
{
	sigset_t none;

	(void)data;
	for (int number = 1; number < NSIG; number++) {
		struct sigaction old;

		if (sigaction(number, NULL, &old) == 0 && old.sa_handler != SIG_IGN)
			(void)signal(number, SIG_DFL);
	}
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	exec_shell("exit 0");
}

static int resetting_all_handlers_leaves_the_parents(void)
{
	handle(SIGUSR1, 0);
	for (int i = 0; i < ROUNDS; i++) {
		expect(exit_of(run_child(reset_all, NULL)) == 0);
		(void)raise(SIGUSR1);
		expect(count == i + 1);
	}
	return 0;
}

static void show_signals(void *data)
{
	sigset_t set;

	(void)data;
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGUSR2);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	(void)signal(SIGHUP, SIG_IGN);
	/* Bits 12 (SIGUSR2) and 15 (SIGTERM) are blocked; 1 (SIGHUP) and 2 (SIGINT) are ignored, 10 is not. */
	(void)execl("/bin/grep", "grep", "-c", "-E", "SigBlk:.0000000000004800|SigIgn:.*00003$",
		"/proc/self/status", (char *)NULL);
	_exit(127);
}

static int mask_and_ignored_set_pass_exec(void)
{
	sigset_t set, now;

	handle(SIGUSR1, 0);
	(void)signal(SIGINT, SIG_IGN);
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	for (int i = 0; i < ROUNDS; i++) {
		int out[2];
		char text[8] = "";
		pid_t pid;

		expect(pipe(out) == 0);
		pid = fork();
		if (pid == 0) {
			(void)dup2(out[1], 1);
			show_signals(NULL);
		}
		(void)close(out[1]);
		expect(read(out[0], text, sizeof(text) - 1) == 2 && text[0] == '2');
		(void)close(out[0]);
		expect(waitpid(pid, NULL, 0) == pid);
		(void)sigprocmask(SIG_BLOCK, NULL, &now);
		expect(sigismember(&now, SIGTERM) && !sigismember(&now, SIGUSR2));
		expect(!sigismember(&now, SIGCHLD) && !sigismember(&now, SIGUSR1));
	}
	return 0;
}

static void show_pending(void *data)
{
	sigset_t pending;

	(void)data;
	(void)sigpending(&pending);
	exec_shell(sigismember(&pending, SIGUSR1) ? "exit 1" : "exit 0");
}

static int pending_signals_stay_with_the_parent(void)
{
	sigset_t set, pending;

	handle(SIGUSR1, 0);
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGUSR1);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	(void)raise(SIGUSR1);
	for (int i = 0; i < ROUNDS; i++) {
		expect(exit_of(run_child(show_pending, NULL)) == 0);
		(void)sigpending(&pending);
		expect(sigismember(&pending, SIGUSR1) && count == 0);
	}
	(void)sigprocmask(SIG_UNBLOCK, &set, NULL);
	expect(count == 1);
	return 0;
}

static int ignored_sigchld_reaps_by_itself(void)
{
	(void)signal(SIGCHLD, SIG_IGN);
	for (int i = 0; i < ROUNDS; i++) {
		pid_t pid = fork();

		if (pid == 0)
			exec_shell("exit 1");
		errno = 0;
		expect(pid > 0 && waitpid(pid, NULL, 0) == -1 && errno == ECHILD);
	}
	return 0;
}

static void check_timers(void *data)
{
	struct itimerval timer;

	(void)data;
	(void)getitimer(ITIMER_REAL, &timer);
	exec_shell(timer.it_value.tv_sec == 0 && timer.it_value.tv_usec == 0 ? "exit 0" : "exit 1");
}

static int timers_are_not_inherited(void)
{
	(void)alarm(1000);
	for (int i = 0; i < ROUNDS; i++)
		expect(exit_of(run_child(check_timers, NULL)) == 0);
	expect(alarm(0) > 900);
	return 0;
}

static void notify_parent(void *data)
{
	(void)data;
	(void)kill(getppid(), SIGUSR1);
	exec_shell("exit 0");
}

static int child_can_signal_its_parent(void)
{
	handle(SIGUSR1, SA_RESTART);
	for (int i = 0; i < ROUNDS; i++) {
		expect(exit_of(run_child(notify_parent, NULL)) == 0);
		expect(count == i + 1 && in_other_process == 0);
	}
	return 0;
}

/* Signals arrive at any moment of forking, and none of them in the child. */
static int a_storm_of_signals_stays_in_the_parent(void)
{
	const struct itimerval often = {{0, 700}, {0, 700}}, off = {{0, 0}, {0, 0}};
	struct timespec start, now;
	int forks = 0;

	handle(SIGALRM, SA_RESTART);
	(void)setitimer(ITIMER_REAL, &often, NULL);
	(void)clock_gettime(CLOCK_MONOTONIC, &start);
	do {
		expect(exit_of(run_child(write_what_the_handler_touches, NULL)) == 9);
		forks++;
		(void)clock_gettime(CLOCK_MONOTONIC, &now);
	} while (now.tv_sec - start.tv_sec < 2);
	(void)setitimer(ITIMER_REAL, &off, NULL);
	expect(forks > 5 && count > 5 && in_other_process == 0 && touched[0] == 0);
	return 0;
}

static void in_handler(int number)
{
	pid_t pid = fork();

	(void)number;
	if (pid == 0)
		exec_shell("exit 9");
	last_child = pid;
}

static int fork_in_a_signal_handler(void)
{
	(void)signal(SIGUSR2, in_handler);
	for (int i = 0; i < ROUNDS; i++) {
		int status;

		last_child = 0;
		(void)raise(SIGUSR2);
		expect(last_child > 0 && waitpid(last_child, &status, 0) == last_child);
		expect(exit_of(status) == 9);
	}
	return 0;
}

static void on_own_stack(int number)
{
	(void)number;
	count += exit_of(run_child(write_what_the_handler_touches, NULL)) == 9;
}

static int fork_on_an_alternate_stack(void)
{
	stack_t stack = {.ss_sp = malloc(1 << 18), .ss_size = 1 << 18}, now;
	struct sigaction action = {.sa_handler = on_own_stack, .sa_flags = SA_ONSTACK};

	count = 0;
	(void)sigaltstack(&stack, NULL);
	(void)sigaction(SIGUSR1, &action, NULL);
	for (int i = 0; i < ROUNDS; i++) {
		(void)raise(SIGUSR1);
		expect(count == i + 1);
	}
	expect(sigaltstack(NULL, &now) == 0 && now.ss_sp == stack.ss_sp &&
		!(now.ss_flags & SS_DISABLE));
	return 0;
}

const struct pitfall pitfalls_signals[] = {
	{"one-sigchld-per-child", one_sigchld_per_child},
	{"one-sigchld-for-a-child-without-exec", one_sigchld_for_a_child_without_exec},
	{"handlers-run-in-the-child-that-got-the-signal",
		handlers_run_in_the_child_that_got_the_signal},
	{"resetting-all-handlers-leaves-the-parents", resetting_all_handlers_leaves_the_parents},
	{"mask-and-ignored-set-pass-exec", mask_and_ignored_set_pass_exec},
	{"pending-signals-stay-with-the-parent", pending_signals_stay_with_the_parent},
	{"ignored-sigchld-reaps-by-itself", ignored_sigchld_reaps_by_itself},
	{"timers-are-not-inherited", timers_are_not_inherited},
	{"child-can-signal-its-parent", child_can_signal_its_parent},
	{"a-storm-of-signals-stays-in-the-parent", a_storm_of_signals_stays_in_the_parent},
	{"fork-in-a-signal-handler", fork_in_a_signal_handler},
	{"fork-on-an-alternate-stack", fork_on_an_alternate_stack},
	{NULL, NULL},
};
