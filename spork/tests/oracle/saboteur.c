/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Faults that an executor could have, one at a time: loaded into a program before libc, its fork() does
 * what ORACLE_SABOTEUR names. Whoever compares such a program with an honest one must find each of them.
 * The variable and LD_PRELOAD are removed at once, so that the fault is all there is to find; `none` is no
 * fault.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <iconv.h>
#include <pthread.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char fault[64] = "none";
static int spoils_status;
static void *heap_word;

static int is(const char *name)
{
	return strcmp(fault, name) == 0;
}

__attribute__((constructor)) static void start(void)
{
	const char *name = getenv("ORACLE_SABOTEUR");

	(void)snprintf(fault, sizeof(fault), "%s", name ? name : "none");
	(void)unsetenv("ORACLE_SABOTEUR");
	(void)unsetenv("LD_PRELOAD");
	spoils_status = is("exit-status");
	heap_word = malloc(24);
	if (heap_word)
		memset(heap_word, 1, 24);
}

/* Also found by the program's own sums: a word that it knows nothing of lies next to those that it does. */
static void spoil_memory(void)
{
	if (is("heap-byte"))
		((volatile char *)heap_word)[5] ^= 4;
	if (is("stack-byte"))
		environ[0][strlen(environ[0]) - 1] ^= 1;
	if (is("errno"))
		errno = EAGAIN;
	if (is("environment-of-parent"))
		(void)unsetenv("BETA");
}

static void for_descriptors(void (*change)(int fd))
{
	for (int fd = 0; fd < 64; fd++) {
		if (fcntl(fd, F_GETFD) >= 0)
			change(fd);
	}
}

static void clear_cloexec(int fd)
{
	(void)fcntl(fd, F_SETFD, 0);
}

static void set_cloexec(int fd)
{
	if (fd > 2)
		(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
}

static void move_offset(int fd)
{
	(void)lseek(fd, 1, SEEK_CUR);
}

static void set_nonblocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	(void)fcntl(fd, F_SETFL, flags | O_ASYNC);
}

static void spoil_parents_descriptors(void)
{
	if (is("parent-descriptor-closed"))
		(void)close(2);
	if (is("parent-descriptor-left"))
		(void)fcntl(0, F_DUPFD, 40);
	if (is("parent-cloexec"))
		for_descriptors(set_cloexec);
	if (is("parent-offset"))
		for_descriptors(move_offset);
}

static void take_sigchld(pid_t child)
{
	const struct timespec limit = {.tv_nsec = 200000000};
	siginfo_t info;
	sigset_t set, old;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGCHLD);
	(void)sigprocmask(SIG_BLOCK, &set, &old);
	(void)waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT);
	(void)sigtimedwait(&set, NULL, &limit);
	(void)sigprocmask(SIG_SETMASK, &old, NULL);
}

static void *nothing(void *data)
{
	return data;
}

/* What leaves no trace but in the kernel's own accounts. */
static void spoil_ledger(void)
{
	pthread_t thread;
	long child;

	if (is("library-left"))
		(void)dlopen("libz.so.1", RTLD_NOW);
	if (is("extra-thread") && pthread_create(&thread, NULL, nothing, NULL) == 0)
		(void)pthread_join(thread, NULL);
	if (!is("extra-process"))
		return;
	child = syscall(SYS_clone, SIGURG, 0, 0, 0, 0);
	if (child == 0)
		_exit(0);
	(void)waitpid((pid_t)child, NULL, __WALL);
}

static void spoil_parent(pid_t child)
{
	struct rlimit limit = {0};
	sigset_t set;

	spoil_parents_descriptors();
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGUSR2);
	if (is("lost-sigchld"))
		take_sigchld(child);
	if (is("doubled-sigchld"))
		(void)kill(getpid(), SIGCHLD);
	if (is("parent-mask"))
		(void)sigprocmask(SIG_BLOCK, &set, NULL);
	if (is("parent-handler"))
		(void)signal(SIGXCPU, SIG_IGN);
	if (is("parent-not-dumpable"))
		(void)prctl(PR_SET_DUMPABLE, 0L);
	if (is("parent-thp"))
		(void)prctl(PR_SET_THP_DISABLE, 1L, 0L, 0L, 0L);
	if (is("parent-cwd"))
		(void)!chdir("dir");
	if (is("parent-umask"))
		(void)umask(077);
	if (is("parent-name"))
		(void)prctl(PR_SET_NAME, "other");
	if (is("parent-limit") && getrlimit(RLIMIT_CORE, &limit) == 0) {
		limit.rlim_cur = 12345;
		(void)setrlimit(RLIMIT_CORE, &limit);
	}
	if (is("zombie") && syscall(SYS_clone, 0, 0, 0, 0, 0) == 0)
		_exit(0);
	spoil_ledger();
	spoil_memory();
}

static void spoil_childs_signals(void)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGXFSZ);
	if (is("mask"))
		(void)sigprocmask(SIG_BLOCK, &set, NULL);
	if (is("ignored-lost"))
		for (int number = 1; number < 32; number++)
			(void)signal(number, SIG_DFL);
	if (is("ignored-added"))
		(void)signal(SIGXFSZ, SIG_IGN);
	if (is("pending-signal")) {
		(void)sigprocmask(SIG_BLOCK, &set, NULL);
		(void)raise(SIGXFSZ);
	}
	for (int number = 1; is("handler-in-child") && number < 32; number++) {
		struct sigaction action;

		if (sigaction(number, NULL, &action) == 0 && action.sa_flags & SA_SIGINFO) {
			(void)raise(number);
			break;
		}
	}
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	(void)!write(fd, text, strlen(text));
	(void)close(fd);
}

static void spoil_childs_attributes(void)
{
	struct rlimit limit = {0};
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(1, &one);
	if (is("limit") && getrlimit(RLIMIT_MSGQUEUE, &limit) == 0) {
		limit.rlim_cur--;
		(void)setrlimit(RLIMIT_MSGQUEUE, &limit);
	}
	if (is("nice"))
		(void)!nice(1);
	if (is("affinity"))
		(void)sched_setaffinity(0, sizeof(one), &one);
	if (is("group"))
		(void)setpgid(0, 0);
	if (is("session"))
		(void)setsid();
	if (is("death-signal"))
		(void)prctl(PR_SET_PDEATHSIG, SIGXFSZ);
	if (is("no-new-privs"))
		(void)prctl(PR_SET_NO_NEW_PRIVS, 1L, 0L, 0L, 0L);
	if (is("personality"))
		(void)personality(ADDR_NO_RANDOMIZE);
	if (is("oom-score"))
		write_file("/proc/self/oom_score_adj", "5");
	if (is("coredump-filter"))
		write_file("/proc/self/coredump_filter", "3");
	if (is("timer"))
		(void)alarm(900);
	if (is("timer-slack"))
		(void)prctl(PR_SET_TIMERSLACK, 51000L);
}

static void spoil_child(void)
{
	spoil_childs_signals();
	spoil_childs_attributes();
	if (is("cwd"))
		(void)!chdir("dir");
	if (is("umask"))
		(void)umask(umask(0) ^ 1);
	if (is("variable-lost"))
		(void)unsetenv("BETA");
	if (is("variable-added"))
		(void)setenv("LD_PRELOAD", "/lost.so", 1);
	if (is("descriptor-left"))
		(void)fcntl(0, F_DUPFD, 41);
	if (is("cloexec-lost"))
		for_descriptors(clear_cloexec);
	if (is("file-flags"))
		for_descriptors(set_nonblocking);
	if (is("output-twice"))
		(void)!write(1, "again\n", 6);
}

static void spoil(pid_t child)
{
	int error = errno;

	if (child == 0)
		spoil_child();
	errno = error;
	if (child > 0)
		spoil_parent(child);
}

/* ISO C has no conversion between pointers to objects and to functions. */
static void find(void *function, size_t size, const char *name)
{
	void *found = dlsym(RTLD_NEXT, name);

	memcpy(function, &found, size);
}

pid_t fork(void)
{
	pid_t (*real)(void);
	pid_t child;

	find(&real, sizeof(real), "fork");
	child = real();
	spoil(child);
	return child;
}

void *dlopen(const char *name, int flags)
{
	void *(*real)(const char *, int);

	find(&real, sizeof(real), "dlopen");
	if (is("library-lost"))
		return NULL;
	return real(is("library-other") ? "libc.so.6" : name, flags);
}

size_t iconv(iconv_t converter, char **in, size_t *in_bytes, char **out, size_t *out_bytes)
{
	size_t (*real)(iconv_t, char **, size_t *, char **, size_t *);
	size_t done;

	find(&real, sizeof(real), "iconv");
	done = real(converter, in, in_bytes, out, out_bytes);
	if (is("conversion-changed") && out && *out)
		(*out)[-1] ^= 1;
	return done;
}

struct passwd *getpwnam(const char *name)
{
	struct passwd *(*real)(const char *);

	find(&real, sizeof(real), "getpwnam");
	return is("user-changed") ? NULL : real(name);
}

/* Where the status is read: it is off by one. */
static void spoil_status(int *status)
{
	if (spoils_status && status && WIFEXITED(*status))
		*status ^= 0x100;
}

pid_t waitpid(pid_t pid, int *status, int options)
{
	pid_t (*real)(pid_t, int *, int);
	pid_t got;

	find(&real, sizeof(real), "waitpid");
	got = real(pid, status, options);
	if (got > 0)
		spoil_status(status);
	return got;
}

/* The last argument is lost, whichever way the program is started. */
static char **shortened(char *const *words)
{
	static char *kept[64];
	int count = 0;

	while (words[count] && count < 63) {
		kept[count] = words[count];
		count++;
	}
	kept[is("argument-lost") && count > 5 ? count - 1 : count] = NULL;
	if (is("argument-changed") && count > 4)
		kept[4] = (char *)(uintptr_t) "changed";
	return kept;
}

int execv(const char *path, char *const *words)
{
	int (*real)(const char *, char *const *);

	find(&real, sizeof(real), "execv");
	return real(path, shortened(words));
}
