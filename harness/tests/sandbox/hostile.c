/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A program that tries to get out, one way per run, by raw system calls. Each attempt is harmless where it succeeds
 * (wrong magic numbers, null pointers, its own process), so that it can run outside a sandbox too and show that the
 * test can fail. Exit status: 0 the attempt succeeded, else the errno it met. Usage: hostile ATTEMPT [NUMBER|TEXT]
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <linux/perf_event.h>
#include <linux/sched.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define HIGH (1L << 32)

static long connect_port(const char *text)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
		.sin_port = htons((uint16_t)atoi(text)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	return fd < 0 ? -1 : connect(fd, (struct sockaddr *)&address, sizeof(address));
}

static long connect_abstract(const char *name)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	memcpy(address.sun_path + 1, name, strlen(name));
	return fd < 0 ? -1
		      : connect(fd, (struct sockaddr *)&address,
				(socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
					    strlen(name)));
}

static long clone_namespace(unsigned long flag)
{
	long pid = syscall(SYS_clone, flag | SIGCHLD, NULL, NULL, NULL, NULL);

	if (pid == 0)
		_exit(0);
	if (pid > 0)
		(void)waitpid((pid_t)pid, NULL, 0);
	return pid;
}

static long clone_three(void)
{
	struct clone_args arguments = {.exit_signal = SIGCHLD};
	long pid = syscall(SYS_clone3, &arguments, sizeof(arguments));

	if (pid == 0)
		_exit(0);
	if (pid > 0)
		(void)waitpid((pid_t)pid, NULL, 0);
	return pid;
}

static long perf_open(void)
{
	struct perf_event_attr attributes = {.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attributes),
		.config = PERF_COUNT_SW_TASK_CLOCK};

	return syscall(SYS_perf_event_open, &attributes, 0, -1, -1, 0);
}

/* Allocate and touch: address space of one process, or many processes with a little each. */
static long memory(const char *text)
{
	size_t mebibytes = (size_t)atol(text);

	for (size_t i = 0; i < mebibytes; i++) {
		void *page = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

		if (page == MAP_FAILED)
			return -1;
	}
	(void)sleep(60);
	return 0;
}

static long limit_of(const char *text)
{
	struct rlimit limit = {1024, 1024};

	return syscall(SYS_prlimit64, atoi(text), RLIMIT_NOFILE, NULL, &limit);
}

static long affinity_of(const char *text)
{
	unsigned long mask = 1;

	return syscall(SYS_sched_setaffinity, atoi(text), sizeof(mask), &mask);
}

#ifdef __x86_64__
/* getpid() through the entry of 32-bit programs, whose numbers mean other calls. */
static long other_entry(void)
{
	long result;

	__asm__ volatile("int $0x80" : "=a"(result) : "a"(20L) : "memory");
	return result > 0 ? 0 : -1;
}
#endif

/* Attempts of one system call. */
static int attempt_call(const char *name, long *ret)
{
#define CALL(text, ...)                      \
	if (!strcmp(name, text)) {           \
		*ret = syscall(__VA_ARGS__); \
		return 1;                    \
	}
	CALL("mount", SYS_mount, "none", "/tmp", "tmpfs", 0, NULL)
	CALL("umount", SYS_umount2, "/proc", 2)
	CALL("pivot_root", SYS_pivot_root, "/tmp", "/tmp")
	CALL("chroot", SYS_chroot, "/")
	CALL("open_tree", SYS_open_tree, -100, "/", 1)
	CALL("fsopen", SYS_fsopen, "tmpfs", 0)
	CALL("setns", SYS_setns, open("/proc/self/ns/uts", O_RDONLY), 0)
	CALL("unshare_user", SYS_unshare, CLONE_NEWUSER)
	CALL("unshare_nothing", SYS_unshare, 0)
	CALL("ptrace_traceme", SYS_ptrace, PTRACE_TRACEME, 0, 0, 0)
	CALL("ptrace_init", SYS_ptrace, PTRACE_SEIZE, 1, 0, 0)
	CALL("process_vm_readv", SYS_process_vm_readv, getpid(), NULL, 0, NULL, 0, 0)
	CALL("pidfd_getfd", SYS_pidfd_getfd, -1, 0, 0)
	CALL("keyctl", SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0)
	CALL("add_key", SYS_add_key, "user", "x", "y", 1, KEY_SPEC_PROCESS_KEYRING)
	CALL("bpf", SYS_bpf, 0, NULL, 0)
	CALL("io_uring_setup", SYS_io_uring_setup, 1, NULL)
	CALL("userfaultfd", SYS_userfaultfd, 1)
	CALL("kexec_load", SYS_kexec_load, 0, 0, NULL, 0xffff)
	CALL("init_module", SYS_init_module, NULL, 0, "")
	CALL("reboot", SYS_reboot, 0, 0, 0, NULL)
	CALL("settimeofday", SYS_settimeofday, 1, 1)
	CALL("personality", SYS_personality, 0x0040000)
	CALL("open_by_handle_at", SYS_open_by_handle_at, -1, NULL, 0)
	CALL("swapon", SYS_swapon, "/nonexistent", 0)
	CALL("acct", SYS_acct, "/nonexistent/x")
	CALL("syslog", SYS_syslog, 10, NULL, 0)
	CALL("sethostname", SYS_sethostname, "x", -1)
	CALL("tiocsti", SYS_ioctl, 0, TIOCSTI, "x")
	CALL("tiocsti_high", SYS_ioctl, 0, TIOCSTI | HIGH, "x")
	CALL("tioclinux", SYS_ioctl, 0, TIOCLINUX, "x")
	CALL("vsock", SYS_socket, AF_VSOCK, SOCK_STREAM, 0)
	CALL("vsock_high", SYS_socket, AF_VSOCK | HIGH, SOCK_STREAM, 0)
	CALL("packet", SYS_socket, AF_PACKET, SOCK_RAW, 0)
	CALL("alg", SYS_socket, AF_ALG, SOCK_SEQPACKET, 0)
	CALL("family_99", SYS_socket, 99, SOCK_STREAM, 0)
	CALL("raw", SYS_socket, AF_INET, SOCK_RAW, 1)
	CALL("mknod_null", SYS_mknod, "/tmp/null", S_IFCHR | 0666, 0x103)
	CALL("mknodat_disk", SYS_mknodat, -100, "/tmp/disk", S_IFBLK | 0666, 0xfe00)
	CALL("mknod_whiteout", SYS_mknod, "/tmp/whiteout", S_IFCHR, 0)
	CALL("memfd_create", SYS_memfd_create, "x", 0)
	CALL("shmget", SYS_shmget, 0, 4096, 01600)
	CALL("setpriority_init", SYS_setpriority, PRIO_PROCESS, 1, 19)
	CALL("setpriority_user", SYS_setpriority, PRIO_USER, 0, 19)
	CALL("setpriority_self", SYS_setpriority, PRIO_PROCESS, 0, 19)
	CALL("setuid_zero", SYS_setuid, 0)
	CALL("inet", SYS_socket, AF_INET, SOCK_STREAM, 0)
	CALL("unix", SYS_socket, AF_UNIX, SOCK_STREAM, 0)
#ifdef __x86_64__
	CALL("x32_getpid", 0x40000000L | SYS_getpid)
#endif
#undef CALL
	return 0;
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "", *argument = argc > 2 ? argv[2] : "";
	long result = -1;

	errno = 0;
	if (attempt_call(name, &result))
		;
	else if (!strcmp(name, "connect"))
		result = connect_port(argument);
	else if (!strcmp(name, "abstract"))
		result = connect_abstract(argument);
	else if (!strcmp(name, "clone_user"))
		result = clone_namespace(CLONE_NEWUSER);
	else if (!strcmp(name, "clone_nothing"))
		result = clone_namespace(0);
	else if (!strcmp(name, "clone3"))
		result = clone_three();
	else if (!strcmp(name, "perf_event_open"))
		result = perf_open();
	else if (!strcmp(name, "memory"))
		result = memory(argument);
	else if (!strcmp(name, "prlimit"))
		result = limit_of(argument);
	else if (!strcmp(name, "sched_setaffinity"))
		result = affinity_of(argument);
	else if (!strcmp(name, "kill"))
		result = kill(atoi(argument), 0);
	else if (!strcmp(name, "effective_ids")) {
		(void)printf("%u %u\n", (unsigned)geteuid(), (unsigned)getegid());
		result = 0;
#ifdef __x86_64__
	} else if (!strcmp(name, "int80")) {
		result = other_entry();
#endif
	} else {
		(void)fprintf(stderr, "hostile: no attempt %s\n", name);
		return 255;
	}
	return result < 0 ? errno : 0;
}
