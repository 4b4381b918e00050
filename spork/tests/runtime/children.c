/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Children of all kinds, one for each name on the command line. What they print must be the same with and without
 * spork; nothing of it depends on process ids or addresses. `children --state` is what most of them execute: it
 * prints everything that exec hands on.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <pty.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *self;
static volatile sig_atomic_t child_signals;

static void die(const char *what)
{
	(void)fprintf(stderr, "%s: %s\n", what, strerror(errno));
	_exit(99);
}

static void print_descriptors(void)
{
	for (int fd = 0; fd < 64; fd++) {
		int flags = fcntl(fd, F_GETFL);
		struct stat status;

		if (flags < 0 || fstat(fd, &status))
			continue;
		(void)printf("fd %d flags %o kind %o\n", fd, flags, status.st_mode & S_IFMT);
	}
}

static void print_signals(void)
{
	sigset_t mask;

	(void)sigprocmask(SIG_BLOCK, NULL, &mask);
	for (int i = 1; i < NSIG; i++) {
		struct sigaction action;

		if (sigaction(i, NULL, &action))
			continue;
		if (sigismember(&mask, i) == 1)
			(void)printf("blocked %d\n", i);
		if (action.sa_handler == SIG_IGN)
			(void)printf("ignored %d\n", i);
	}
}

static void print_limits(void)
{
	static const int limits[] = {RLIMIT_NOFILE, RLIMIT_CORE, RLIMIT_STACK, RLIMIT_FSIZE};
	cpu_set_t cpus;

	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		struct rlimit limit;

		if (getrlimit((__rlimit_resource_t)limits[i], &limit) == 0)
			(void)printf("limit %zu %ju\n", i, (uintmax_t)limit.rlim_cur);
	}
	(void)sched_getaffinity(0, sizeof(cpus), &cpus);
	(void)printf("cpus %d nice %d\n", CPU_COUNT(&cpus), getpriority(PRIO_PROCESS, 0));
}

/* What exec has handed on. */
static int state(int argc, char **argv)
{
	char cwd[4096];
	mode_t mask = umask(0);

	for (int i = 0; i < argc; i++)
		(void)printf("argument %s\n", i ? argv[i] : "(self)");
	for (char **entry = environ; *entry; entry++) {
		if (strncmp(*entry, "_=", 2) != 0)
			(void)printf("environment %s\n", *entry);
	}
	(void)printf("cwd %s umask %o\n", getcwd(cwd, sizeof(cwd)) ? cwd : "?", mask);
	(void)printf("leader %d session %d dumpable %d death %d\n", getpgrp() == getpid(),
		getsid(0) == getpid(), prctl(PR_GET_DUMPABLE),
		prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
	print_descriptors();
	print_signals();
	print_limits();
	return 7;
}

static void execute_state(void)
{
	(void)execl(self, "children", "--state", "one", "", (char *)NULL);
	die("execl");
}

/* The parent's side of most: wait, and say how the child ended. */
static int report(pid_t pid)
{
	int status;

	if (pid < 0)
		die("fork");
	if (waitpid(pid, &status, 0) != pid)
		die("waitpid");
	(void)printf("status %x\n", status);
	return 0;
}

static int plain(void)
{
	pid_t pid = fork();

	if (pid == 0)
		execute_state();
	return report(pid);
}

static int missing(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		(void)execl("/nonexistent/program", "x", (char *)NULL);
		_exit(errno == ENOENT ? 127 : 1);
	}
	return report(pid);
}

static int search_path(void)
{
	pid_t pid;

	(void)setenv("PATH", "/nonexistent:/etc:/usr/bin:/bin", 1);
	pid = fork();
	if (pid == 0) {
		(void)execlp("printf", "printf", "found\\n", (char *)NULL);
		_exit(127);
	}
	return report(pid);
}

static int redirect(void)
{
	int pair[2];
	char text[64];
	ssize_t got;
	pid_t pid;

	if (pipe(pair))
		die("pipe");
	pid = fork();
	if (pid == 0) {
		(void)dup2(pair[1], 1);
		(void)dup2(pair[1], 9);
		(void)close(pair[0]);
		(void)close(pair[1]);
		(void)fcntl(9, F_SETFD, FD_CLOEXEC);
		(void)execl("/bin/echo", "echo", "through", "the", "pipe", (char *)NULL);
		_exit(127);
	}
	(void)close(pair[1]);
	while ((got = read(pair[0], text, sizeof(text))) > 0)
		(void)printf("%.*s", (int)got, text);
	return report(pid);
}

static int attributes(void)
{
	const struct rlimit files = {200, 300}, core = {0, 0};
	pid_t pid = fork();

	if (pid == 0) {
		cpu_set_t cpus;

		(void)chdir("/");
		(void)umask(027);
		(void)setsid();
		(void)setenv("ADDED", "in the child", 1);
		(void)unsetenv("HOME");
		(void)setrlimit(RLIMIT_NOFILE, &files);
		(void)setrlimit(RLIMIT_CORE, &core);
		(void)nice(3);
		CPU_ZERO(&cpus);
		CPU_SET(sched_getcpu(), &cpus);
		(void)sched_setaffinity(0, sizeof(cpus), &cpus);
		(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		execute_state();
	}
	(void)report(pid);
	return state(0, NULL) - 7;
}

static int group(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		(void)setpgid(0, 0);
		execute_state();
	}
	return report(pid);
}

static void count_child(int number)
{
	(void)number;
	child_signals++;
}

static int signals(void)
{
	struct sigaction action = {.sa_handler = count_child, .sa_flags = SA_RESTART};
	sigset_t some;
	pid_t pid;

	(void)sigaction(SIGCHLD, &action, NULL);
	(void)sigaction(SIGUSR1, &action, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)sigemptyset(&some);
	(void)sigaddset(&some, SIGUSR2);
	(void)sigprocmask(SIG_BLOCK, &some, NULL);
	pid = fork();
	if (pid == 0) {
		(void)signal(SIGTERM, SIG_IGN);
		(void)signal(SIGPIPE, SIG_DFL);
		(void)sigaddset(&some, SIGHUP);
		(void)sigprocmask(SIG_BLOCK, &some, NULL);
		execute_state();
	}
	(void)report(pid);
	print_signals();
	(void)printf("children that ended %d\n", (int)child_signals);
	(void)printf("handler kept %d\n",
		sigaction(SIGUSR1, NULL, &action) == 0 && action.sa_handler == count_child);
	return 0;
}

static int order;

static void atfork_prepare(void)
{
	order = order * 10 + 1;
}

static void atfork_parent(void)
{
	order = order * 10 + 2;
}

static void atfork_child(void)
{
	char text[16];

	order = order * 10 + 3;
	(void)snprintf(text, sizeof(text), "%d", order);
	(void)setenv("ORDER", text, 1);
}

static int handlers(void)
{
	pid_t pid;

	(void)pthread_atfork(atfork_prepare, atfork_parent, atfork_child);
	pid = fork();
	if (pid == 0)
		execute_state();
	(void)printf("order %d\n", order);
	return report(pid);
}

/* Everything the child writes must be gone, the parent's errno too must be as it was. */
static int memory(void)
{
	static char block[100000];
	char *heap = malloc(300000), *freed = malloc(5000);
	uint64_t sum = 0;
	pid_t pid;

	memset(heap, 'h', 300000);
	memset(block, 'b', sizeof(block));
	errno = EXDEV;
	pid = fork();
	if (pid == 0) {
		char *more = malloc(1 << 20);

		free(freed);
		memset(more, 'm', 1 << 20);
		for (int i = 0; i < 300000; i += 997)
			heap[i] = 'X';
		memset(block, 'Y', sizeof(block));
		(void)setenv("LEAKED", "yes", 1);
		errno = EDOM;
		execute_state();
	}
	(void)printf("errno %d leaked %d\n", errno == EXDEV, getenv("LEAKED") != NULL);
	for (int i = 0; i < 300000; i++)
		sum += (uint64_t)heap[i] * (uint64_t)(i + 1);
	for (size_t i = 0; i < sizeof(block); i++)
		sum += (uint64_t)block[i];
	(void)printf("sum %ju\n", (uintmax_t)sum);
	free(heap);
	free(freed);
	return report(pid);
}

/* Large blocks come from mmap: several at a time, given back in another order. */
static int large_blocks(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		char *blocks[6], text[16];
		int wrong = 0;

		for (int i = 0; i < 6; i++) {
			blocks[i] = malloc(200000);
			memset(blocks[i], 'a' + i, 200000);
		}
		free(blocks[1]);
		free(blocks[4]);
		blocks[1] = malloc(300000);
		memset(blocks[1], 'z', 300000);
		for (int i = 0; i < 6; i++) {
			for (int j = 0; i != 4 && j < 200000; j += 1000)
				wrong += blocks[i][j] != (i == 1 ? 'z' : 'a' + i);
		}
		(void)snprintf(text, sizeof(text), "wrong %d", wrong);
		(void)execl("/bin/echo", "echo", text, (char *)NULL);
		_exit(127);
	}
	return report(pid);
}

static int buffered(void)
{
	pid_t pid;

	(void)printf("before ");
	pid = fork();
	if (pid == 0) {
		(void)printf("lost by exec ");
		(void)execl("/bin/true", "true", (char *)NULL);
		_exit(127);
	}
	return report(pid);
}

static int no_exec(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		(void)dprintf(1, "the child itself\n");
		_exit(42);
	}
	return report(pid);
}

/* The child waits for the parent: nobody may wait for the child's exec. */
static int rendezvous(void)
{
	int pair[2];
	char byte;
	pid_t pid;

	if (pipe(pair))
		die("pipe");
	pid = fork();
	if (pid == 0) {
		(void)close(pair[1]);
		if (read(pair[0], &byte, 1) != 1)
			_exit(1);
		(void)execl("/bin/echo", "echo", "released", (char *)NULL);
		_exit(127);
	}
	(void)close(pair[0]);
	(void)write(pair[1], "x", 1);
	return report(pid);
}

static int nested(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		pid_t inner = fork();

		if (inner == 0)
			execute_state();
		_exit(report(inner));
	}
	return report(pid);
}

static int redirect_to_file(void)
{
	char name[] = "spork-children-XXXXXX", text[64] = "";
	int fd = mkstemp(name);
	pid_t pid;

	if (fd < 0 || write(fd, "old old old old old old\n", 24) != 24)
		die("mkstemp");
	(void)close(fd);
	for (int round = 0; round < 2; round++) {
		pid = fork();
		if (pid == 0) {
			/* First an old file is truncated, then a new one is made. */
			(void)close(1);
			if (open(name, O_WRONLY | O_CREAT | O_TRUNC, 0640) != 1)
				_exit(1);
			(void)dup2(1, 5);
			(void)execl("/bin/echo", "echo", "into", "the", "file", (char *)NULL);
			_exit(127);
		}
		(void)report(pid);
		fd = open(name, O_RDONLY);
		(void)printf("read %zd %s", read(fd, text, sizeof(text) - 1), text);
		(void)close(fd);
		(void)unlink(name);
	}
	return 0;
}

static int message_before_exec(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		(void)write(1, "starting\n", 9);
		(void)execl("/bin/echo", "echo", "started", (char *)NULL);
		_exit(127);
	}
	return report(pid);
}

static int script(void)
{
	char name[] = "./spork-children-XXXXXX";
	int fd = mkstemp(name);
	pid_t pid;

	/* No #!: execvp hands it to the shell after ENOEXEC. */
	if (fd < 0 || write(fd, "echo from the script\n", 21) != 21 || fchmod(fd, 0700))
		die("mkstemp");
	(void)close(fd);
	pid = fork();
	if (pid == 0) {
		(void)execlp(name, name, (char *)NULL);
		_exit(127);
	}
	(void)report(pid);
	(void)unlink(name);
	return 0;
}

static atomic_bool threads_end;

static void *spin(void *argument)
{
	volatile uint64_t *count = argument;

	while (!threads_end)
		(*count)++;
	return NULL;
}

static int threads(void)
{
	static volatile uint64_t count;
	pthread_t thread;
	uint64_t before;
	pid_t pid;

	if (pthread_create(&thread, NULL, spin, (void *)&count))
		die("pthread_create");
	while (count < 1000)
		(void)sched_yield();
	pid = fork();
	if (pid == 0)
		execute_state();
	(void)report(pid);
	before = count;
	while (count < before + 1000)
		(void)sched_yield();
	threads_end = true;
	(void)pthread_join(thread, NULL);
	(void)printf("the other thread went on\n");
	return 0;
}

static int handler_status;

static void fork_in_handler(int number)
{
	pid_t pid = fork();

	(void)number;
	if (pid == 0) {
		(void)execl("/bin/echo", "echo", "from the handler", (char *)NULL);
		_exit(127);
	}
	if (waitpid(pid, &handler_status, 0) != pid)
		handler_status = -1;
}

static int in_handler(void)
{
	(void)signal(SIGUSR1, fork_in_handler);
	(void)raise(SIGUSR1);
	(void)printf("handler status %x\n", handler_status);
	return 0;
}

static jmp_buf back;

static int jump(void)
{
	pid_t pid;

	if (setjmp(back) == 0) {
		pid = fork();
		if (pid == 0)
			longjmp(back, 1);
		return report(pid);
	}
	execute_state();
	return 1;
}

static int pseudo_terminal(void)
{
	char text[256];
	size_t held = 0;
	ssize_t got;
	int master;
	pid_t pid = forkpty(&master, NULL, NULL, NULL);

	if (pid == 0) {
		(void)execl("/bin/sh", "sh", "-c", "test -t 0 && test -t 1 && echo terminal",
			(char *)NULL);
		_exit(127);
	}
	while (held < sizeof(text) - 1 &&
		(got = read(master, text + held, sizeof(text) - 1 - held)) > 0)
		held += (size_t)got;
	(void)printf("%.*s", (int)held, text);
	return report(pid);
}

static int spawned(void)
{
	char *const argv[] = {"echo", "spawned", NULL};
	FILE *stream;
	char line[64];
	pid_t pid;

	if (posix_spawn(&pid, "/bin/echo", NULL, NULL, argv, environ))
		die("posix_spawn");
	(void)report(pid);
	pid = vfork();
	if (pid == 0) {
		(void)execl("/bin/echo", "echo", "vforked", (char *)NULL);
		_exit(127);
	}
	(void)report(pid);
	(void)printf("system %x\n", system("echo system; exit 3"));
	(void)fflush(stdout);
	stream = popen("echo popen", "r");
	while (stream && fgets(line, sizeof(line), stream))
		(void)printf("%s", line);
	(void)printf("pclose %x\n", stream ? pclose(stream) : -1);
	return 0;
}

static int through_descriptor(void)
{
	char *const argv[] = {"echo", "by descriptor", NULL};
	int fd = open("/bin/echo", O_RDONLY | O_CLOEXEC);
	pid_t pid = fork();

	if (pid == 0) {
		(void)fexecve(fd, argv, environ);
		_exit(127);
	}
	return report(pid);
}

static int killed_before_exec(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		(void)raise(SIGKILL);
		execute_state();
	}
	return report(pid);
}

/* Set-id calls that change something would make the parent non-dumpable, did the child share its memory. */
static int credentials(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		if (getuid() == 0)
			(void)setresuid(65534, 65534, 65534);
		(void)execl("/bin/true", "true", (char *)NULL);
		_exit(127);
	}
	(void)report(pid);
	(void)printf("dumpable %d\n", prctl(PR_GET_DUMPABLE));
	return 0;
}

static int address_space(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
		(void)prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
		(void)execl("/bin/true", "true", (char *)NULL);
		_exit(127);
	}
	(void)report(pid);
	(void)printf("dumpable %d huge %d\n", prctl(PR_GET_DUMPABLE),
		prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0));
	return 0;
}

/* A write to memory that is really shared must arrive. */
static int shared_memory(void)
{
	volatile int *word =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid = fork();

	if (pid == 0) {
		*word = 11;
		(void)execl("/bin/true", "true", (char *)NULL);
		_exit(127);
	}
	(void)report(pid);
	(void)printf("word %d\n", *word);
	return 0;
}

/* The position of an open file belongs to both. */
static int shared_offset(void)
{
	char name[] = "spork-children-XXXXXX", text[8] = "";
	int fd = mkstemp(name);
	pid_t pid;

	(void)unlink(name);
	if (write(fd, "0123456789", 10) != 10 || lseek(fd, 0, SEEK_SET))
		die("mkstemp");
	pid = fork();
	if (pid == 0) {
		if (read(fd, text, 4) != 4)
			_exit(1);
		(void)execl("/bin/echo", "echo", text, (char *)NULL);
		_exit(127);
	}
	(void)report(pid);
	(void)printf("position %jd\n", (intmax_t)lseek(fd, 0, SEEK_CUR));
	return 0;
}

/* Ids that the child itself prints: its own, not the parent's. */
static int identity(void)
{
	pid_t parent = getpid(), pid = fork();

	if (pid == 0) {
		char text[3][16];

		(void)snprintf(text[0], 16, "%d", getpid() != parent);
		(void)snprintf(text[1], 16, "%d", getppid() == parent);
		(void)snprintf(text[2], 16, "%d", gettid() == getpid());
		(void)execl("/bin/echo", "echo", text[0], text[1], text[2], (char *)NULL);
		_exit(127);
	}
	return report(pid);
}

/* Many, one after another, as a shell has them; a leak of any kind shows. */
static int many(void)
{
	int before = dup(0), failed = 0;

	(void)close(before);
	for (int i = 0; i < 200; i++) {
		int status = -1;
		pid_t pid = fork();

		if (pid == 0) {
			(void)execl(
				"/bin/sh", "sh", "-c", "exit $0", i % 2 ? "3" : "4", (char *)NULL);
			_exit(127);
		}
		if (waitpid(pid, &status, 0) != pid || WEXITSTATUS(status) != (i % 2 ? 3 : 4))
			failed++;
	}
	(void)printf("failed %d next descriptor %d left %d\n", failed, dup(0) - before,
		waitpid(-1, NULL, __WALL | WNOHANG) == -1 && errno == ECHILD);
	return 0;
}

static const struct {
	const char *name;
	int (*run)(void);
} scenarios[] = {
	{"plain", plain},
	{"missing", missing},
	{"search_path", search_path},
	{"redirect", redirect},
	{"attributes", attributes},
	{"group", group},
	{"signals", signals},
	{"handlers", handlers},
	{"memory", memory},
	{"large_blocks", large_blocks},
	{"buffered", buffered},
	{"no_exec", no_exec},
	{"rendezvous", rendezvous},
	{"nested", nested},
	{"redirect_to_file", redirect_to_file},
	{"message_before_exec", message_before_exec},
	{"script", script},
	{"threads", threads},
	{"in_handler", in_handler},
	{"jump", jump},
	{"pseudo_terminal", pseudo_terminal},
	{"spawned", spawned},
	{"through_descriptor", through_descriptor},
	{"killed_before_exec", killed_before_exec},
	{"credentials", credentials},
	{"address_space", address_space},
	{"shared_memory", shared_memory},
	{"shared_offset", shared_offset},
	{"identity", identity},
	{"many", many},
};

int main(int argc, char **argv)
{
	self = "/proc/self/exe";
	if (argc > 1 && strcmp(argv[1], "--state") == 0)
		return state(argc, argv);
	for (size_t i = 0; argc > 1 && i < sizeof(scenarios) / sizeof(scenarios[0]); i++) {
		if (strcmp(argv[1], scenarios[i].name) == 0) {
			(void)setvbuf(stdout, NULL, _IOFBF, 4096);
			return scenarios[i].run();
		}
	}
	(void)fprintf(stderr, "children: no such scenario\n");
	return 2;
}
