/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The start of a command: from PID 1's child that shares its memory (as after vfork()) to exec. The order matters:
 * capabilities go last but for the filter, because giving them up is itself a use of CAP_SETPCAP.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <linux/securebits.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#if __has_include(<sanitizer/asan_interface.h>)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_UNPOISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#endif

#include "inside.h"

#define STACK_BYTES ((size_t)(256 * 1024))

struct start {
	struct inside *in;
	const struct request *request;
	int descriptors[3];
	struct fault fault;
};

static int limit_set(int resource, uint64_t value)
{
	struct rlimit limit;

	if (getrlimit((__rlimit_resource_t)resource, &limit) < 0)
		return -errno;
	/* The caller may itself live under a lower limit, which cannot be raised. */
	if (limit.rlim_max == RLIM_INFINITY || limit.rlim_max > value)
		limit.rlim_max = value;
	limit.rlim_cur = limit.rlim_max;
	return setrlimit((__rlimit_resource_t)resource, &limit) < 0 ? -errno : 0;
}

/*
 * RLIMIT_CPU and RLIMIT_AS hold per process; PID 1 watches the sums. A core limit of 1 instead of 0 also keeps the
 * kernel from piping dumps to the host's handler, see core(5) and coredump.c.
 */
static int limits_set(const struct hb_sandbox_limits *limits, bool unlimited_address_space)
{
	const struct {
		int resource;
		uint64_t value;
	} all[] = {
		{RLIMIT_CPU, (uint64_t)limits->cpu_ns / 1000000000 + 2},
		{RLIMIT_CORE, 1},
		{RLIMIT_FSIZE, limits->file_size_bytes},
		{RLIMIT_NOFILE, limits->open_files},
		{RLIMIT_NPROC, (uint64_t)limits->processes + 1},
		{RLIMIT_MEMLOCK, 65536},
		{RLIMIT_MSGQUEUE, 65536},
		{RLIMIT_SIGPENDING, 1024},
		{RLIMIT_STACK, 8U << 20},
		{RLIMIT_NICE, 0},
		{RLIMIT_RTPRIO, 0},
	};
	int code = 0;

	for (size_t i = 0; !code && i < sizeof(all) / sizeof(all[0]); i++)
		code = limit_set(all[i].resource, all[i].value);
	if (!code && !unlimited_address_space)
		code = limit_set(RLIMIT_AS, limits->memory_bytes);
	return code;
}

static int capabilities_keep(uint64_t keep)
{
	struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct data[2] = {{(uint32_t)keep, (uint32_t)keep, (uint32_t)keep},
		{(uint32_t)(keep >> 32), (uint32_t)(keep >> 32), (uint32_t)(keep >> 32)}};
	const unsigned long bits = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP |
				   SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED;

	for (unsigned cap = 0; cap < 64; cap++)
		if (!(keep >> cap & 1) && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0 &&
			errno != EINVAL)
			return -errno;
	if (prctl(PR_SET_SECUREBITS, bits, 0, 0, 0) < 0)
		return -errno;
	if (syscall(SYS_capset, &header, data) < 0)
		return -errno;
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return -errno;
	for (unsigned cap = 0; cap < 64; cap++)
		if ((keep >> cap & 1) && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) < 0)
			return -errno;
	return 0;
}

static int filter_install(const struct sock_fprog *filter)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
		prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, filter, 0, 0) < 0)
		return -errno;
	return 0;
}

static const char *path_of(const char *const *environment)
{
	for (; *environment; environment++)
		if (!strncmp(*environment, "PATH=", 5))
			return *environment + 5;
	return "/usr/bin:/bin";
}

/* As execvp() searches, without its fallback to sh for files without a magic number. Returns -errno. */
static int execute(const char *const *argv, const char *const *environment)
{
	const char *name = argv[0], *at = path_of(environment);
	char *const *arguments = (char *const *)(uintptr_t)argv;
	char *const *variables = (char *const *)(uintptr_t)environment;
	char path[4096];
	int code = -ENOENT;

	if (!*name)
		return -ENOENT;
	if (strchr(name, '/')) {
		(void)execve(name, arguments, variables);
		return -errno;
	}
	for (;;) {
		size_t length = strcspn(at, ":");

		if (length + strlen(name) + 2 <= sizeof(path)) {
			memcpy(path, at, length);
			(void)stpcpy(stpcpy(path + length, length ? "/" : "./"), name);
			(void)execve(path, arguments, variables);
			if (errno != ENOENT && errno != ENOTDIR && errno != EACCES)
				return -errno;
			if (errno == EACCES)
				code = -EACCES;
		}
		if (!at[length])
			return code;
		at += length + 1;
	}
}

static int step_fail(struct start *start, int code, enum step step)
{
	start->fault = (struct fault){code, step, 0};
	return 127;
}

/* Runs on a stack of its own in PID 1's memory until exec; PID 1 waits meanwhile. */
static int command_main(void *argument)
{
	struct start *start = argument;
	const struct request *request = start->request;
	sigset_t none;
	int code = 0;

	if (syscall(SYS_setsid) < 0)
		return step_fail(start, -errno, STEP_EXEC);
	for (int i = 0; i < 3; i++)
		if (dup2(start->descriptors[i], i) < 0)
			return step_fail(start, -errno, STEP_EXEC);
	if (close_range(3, ~0U, 0) < 0)
		return step_fail(start, -errno, STEP_EXEC);
	(void)umask(022);
	code = limits_set(&request->limits, start->in->spec->unlimited_address_space);
	if (code)
		return step_fail(start, code, STEP_LIMITS);
	code = capabilities_keep(start->in->spec->capabilities);
	if (code)
		return step_fail(start, code, STEP_FILTER);
	if (chdir(request->directory) < 0)
		return step_fail(start, -errno, STEP_DIRECTORY);
	code = filter_install(start->in->filter);
	if (code)
		return step_fail(start, code, STEP_FILTER);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	code = execute(request->argv, request->environment);
	return step_fail(start, code, STEP_EXEC);
}

struct fault command_start(
	struct inside *in, const struct request *request, const int *descriptors, pid_t *ret_pid)
{
	struct start start = {.in = in, .request = request};
	pid_t pid;

	memcpy(start.descriptors, descriptors, sizeof(start.descriptors));
	/* The last command left this stack by exec, so an address sanitizer still holds its frames to be in use. */
	ASAN_UNPOISON_MEMORY_REGION(in->scratch, STACK_BYTES);
	pid = clone(
		command_main, in->scratch + STACK_BYTES, CLONE_VM | CLONE_VFORK | SIGCHLD, &start);
	if (pid < 0)
		return (struct fault){-errno, STEP_EXEC, 1};
	*ret_pid = pid;
	return start.fault;
}
