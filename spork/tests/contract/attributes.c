/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Attributes that belong to the address space, which a child on shared memory would change for its parent. */
#include "contract.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define SET_MDWE 65 /* PR_SET_MDWE; in no header of Debian 12 */
#define GET_MDWE 66

static void change_user(void *data)
{
	(void)data;
	if (setresgid(65534, 65534, 65534) || setresuid(65534, 65534, 65534))
		_exit(1);
	exec_shell("test \"$(id -u)\" = 65534");
}

static int set_id_leaves_the_parent_dumpable(void)
{
	if (geteuid() != 0)
		return SKIPPED;
	for (int i = 0; i < ROUNDS; i++) {
		expect(exit_of(run_child(change_user, NULL)) == 0);
		expect(prctl(PR_GET_DUMPABLE) == 1);
		expect(access("/proc/self/fd/0", F_OK) == 0 && geteuid() == 0 && getegid() == 0);
	}
	return 0;
}

static void change_effective_user(void *data)
{
	(void)data;
	if (seteuid(65534))
		_exit(1);
	exec_shell("exit 4");
}

static int effective_user_is_the_childs_own(void)
{
	if (geteuid() != 0)
		return SKIPPED;
	for (int i = 0; i < ROUNDS; i++) {
		expect(exit_of(run_child(change_effective_user, NULL)) == 4);
		expect(geteuid() == 0 && prctl(PR_GET_DUMPABLE) == 1);
	}
	return 0;
}

static void clear_dumpable(void *data)
{
	(void)data;
	(void)prctl(PR_SET_DUMPABLE, 0L);
	exec_shell("exit 0");
}

static int dumpable_does_not_leak(void)
{
	for (int i = 0; i < ROUNDS; i++) {
		expect(exit_of(run_child(clear_dumpable, NULL)) == 0);
		expect(prctl(PR_GET_DUMPABLE) == 1);
	}
	return 0;
}

static void disable_huge_pages(void *data)
{
	(void)data;
	if (prctl(PR_SET_THP_DISABLE, 1L, 0L, 0L, 0L))
		_exit(1);
	exec_shell("grep -q 'THP_enabled:.*0' /proc/self/status");
}

static int thp_disable_does_not_leak(void)
{
	if (prctl(PR_GET_THP_DISABLE, 0L, 0L, 0L, 0L) != 0)
		return SKIPPED;
	for (int i = 0; i < ROUNDS; i++) {
		expect(exit_of(run_child(disable_huge_pages, NULL)) == 0);
		expect(prctl(PR_GET_THP_DISABLE, 0L, 0L, 0L, 0L) == 0);
	}
	return 0;
}

static void deny_write_and_execute(void *data)
{
	(void)data;
	if (prctl(SET_MDWE, 1L, 0L, 0L, 0L))
		_exit(1);
	exec_shell("exit 0");
}

static int mdwe_does_not_leak(void)
{
	void *page;

	if (prctl(GET_MDWE, 0L, 0L, 0L, 0L) != 0)
		return SKIPPED;
	for (int i = 0; i < ROUNDS; i++) {
		expect(exit_of(run_child(deny_write_and_execute, NULL)) == 0);
		expect(prctl(GET_MDWE, 0L, 0L, 0L, 0L) == 0);
	}
	page = mmap(
		NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	expect(page != MAP_FAILED);
	return 0;
}

static void lock_all(void *data)
{
	(void)data;
	(void)mlockall(MCL_CURRENT | MCL_FUTURE);
	exec_shell("exit 0");
}

static int mlockall_does_not_leak(void)
{
	for (int i = 0; i < ROUNDS; i++) {
		expect(exit_of(run_child(lock_all, NULL)) == 0);
		expect(status_value("VmLck", 10) == 0);
	}
	return 0;
}

static void write_number(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		_exit(1);
	(void)close(fd);
}

static void change_oom_score(void *data)
{
	(void)data;
	write_number("/proc/self/oom_score_adj", "33");
	exec_shell("test \"$(cat /proc/self/oom_score_adj)\" = 33");
}

static int oom_score_does_not_leak(void)
{
	long before = file_value("/proc/self/oom_score_adj");

	for (int i = 0; i < ROUNDS; i++) {
		expect(exit_of(run_child(change_oom_score, NULL)) == 0);
		expect(file_value("/proc/self/oom_score_adj") == before);
	}
	return 0;
}

static void change_filter(void *data)
{
	(void)data;
	write_number("/proc/self/coredump_filter", "0x5");
	exec_shell("test \"$(cat /proc/self/coredump_filter)\" = 00000005");
}

static int coredump_filter_does_not_leak(void)
{
	for (int i = 0; i < ROUNDS; i++) {
		char text[16] = "";
		FILE *file;

		expect(exit_of(run_child(change_filter, NULL)) == 0);
		file = fopen("/proc/self/coredump_filter", "re");
		expect(file && fgets(text, sizeof(text), file));
		(void)fclose(file);
		expect(strtol(text, NULL, 16) == 0x33);
	}
	return 0;
}

static void change_everything(void *data)
{
	struct rlimit limit = {50, 50};

	(void)umask(077);
	(void)!chdir("/");
	(void)!nice(3);
	(void)setpgid(0, 0);
	(void)setrlimit(RLIMIT_NOFILE, &limit);
	(void)prctl(PR_SET_NAME, "renamed");
	(void)prctl(PR_SET_PDEATHSIG, 9L);
	(void)personality(ADDR_NO_RANDOMIZE);
	(void)prctl(PR_SET_TIMERSLACK, 77777L);
	/* The suite itself may run at another priority. */
	exec_shell(data ? "test \"$(umask) $(pwd) $(nice) $(ulimit -n)\" = '0077 / 3 50'"
			: "test \"$(umask) $(pwd) $(ulimit -n)\" = '0077 / 50'");
}

static int attributes_of_the_parent_stay(void)
{
	char name[17] = "", cwd[4096], now[4096];
	mode_t mask = umask(022);
	struct rlimit before, after;
	pid_t group = getpgrp();
	int priority = getpriority(PRIO_PROCESS, 0);

	(void)prctl(PR_SET_NAME, "the parent");
	expect(getcwd(cwd, sizeof(cwd)) && getrlimit(RLIMIT_NOFILE, &before) == 0);
	for (int i = 0; i < ROUNDS; i++) {
		int signal_number = -1;

		expect(exit_of(run_child(change_everything, priority == 0 ? &priority : NULL)) ==
			0);
		expect(umask(022) == 022 && getpgrp() == group);
		expect(getcwd(now, sizeof(now)) && strcmp(cwd, now) == 0);
		expect(getpriority(PRIO_PROCESS, 0) == priority);
		expect(getrlimit(RLIMIT_NOFILE, &after) == 0 && after.rlim_cur == before.rlim_cur);
		expect(prctl(PR_GET_NAME, name) == 0 && strcmp(name, "the parent") == 0);
		expect(prctl(PR_GET_PDEATHSIG, &signal_number) == 0 && signal_number == 0);
		expect((personality(0xffffffff) & ADDR_NO_RANDOMIZE) == 0);
		expect(prctl(PR_GET_TIMERSLACK) != 77777);
	}
	(void)umask(mask);
	return 0;
}

static void report_death_signal(void *data)
{
	int signal_number = -1;

	(void)data;
	(void)prctl(PR_GET_PDEATHSIG, &signal_number);
	exec_shell(signal_number == 0 ? "exit 0" : "exit 1");
}

static int death_signal_is_cleared_in_the_child(void)
{
	int signal_number = 0;

	(void)prctl(PR_SET_PDEATHSIG, 10L);
	for (int i = 0; i < ROUNDS; i++)
		expect(exit_of(run_child(report_death_signal, NULL)) == 0);
	(void)prctl(PR_GET_PDEATHSIG, &signal_number);
	expect(signal_number == 10);
	return 0;
}

static void filter_by_relative_path(void *data)
{
	int fd = chdir("/proc/self") ? -1 : open("coredump_filter", O_WRONLY | O_CLOEXEC);

	(void)data;
	if (fd < 0 || write(fd, "0x11", 4) != 4)
		_exit(1);
	exec_shell("exit 0");
}

static int relative_paths_into_proc_do_not_leak(void)
{
	long before = file_value("/proc/self/coredump_filter");

	if (before < 0 || access("/proc/self/coredump_filter", W_OK))
		return SKIPPED;
	for (int i = 0; i < ROUNDS; i++) {
		expect(exit_of(run_child(filter_by_relative_path, NULL)) == 0);
		expect(file_value("/proc/self/coredump_filter") == before);
	}
	return 0;
}

const struct pitfall pitfalls_attributes[] = {
	{"set-id-leaves-the-parent-dumpable", set_id_leaves_the_parent_dumpable},
	{"effective-user-is-the-childs-own", effective_user_is_the_childs_own},
	{"dumpable-does-not-leak", dumpable_does_not_leak},
	{"thp-disable-does-not-leak", thp_disable_does_not_leak},
	{"mdwe-does-not-leak", mdwe_does_not_leak},
	{"mlockall-does-not-leak", mlockall_does_not_leak},
	{"oom-score-does-not-leak", oom_score_does_not_leak},
	{"coredump-filter-does-not-leak", coredump_filter_does_not_leak},
	{"attributes-of-the-parent-stay", attributes_of_the_parent_stay},
	{"death-signal-is-cleared-in-the-child", death_signal_is_cleared_in_the_child},
	{"relative-paths-into-proc-do-not-leak", relative_paths_into_proc_do_not_leak},
	{NULL, NULL},
};
