/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The system call filter: what a command has no business with is refused with an error, the rest is the kernel's to
 * decide. It is the second wall behind the namespaces: every call listed here has let somebody out of a namespace,
 * reaches something that has no namespace, or reaches PID 1.
 *
 * libseccomp compares 64-bit registers, the kernel looks at the lower 32 bits of an int: every comparison is masked.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <pthread.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <hotbed/error.h>

#include "inside.h"

#define LOW 0xffffffffUL

/* Refused whatever the arguments. Names that the library or the machine does not know are left out by it. */
static const char *const refused[] = {
	/* Mounts and namespaces. */
	"mount",
	"umount",
	"umount2",
	"pivot_root",
	"chroot",
	"move_mount",
	"open_tree",
	"fsopen",
	"fsconfig",
	"fsmount",
	"fspick",
	"mount_setattr",
	"setns",
	"unshare",
	"open_tree_attr",
	/* Other processes' memory and descriptors. */
	"ptrace",
	"process_vm_readv",
	"process_vm_writev",
	"kcmp",
	"pidfd_getfd",
	"process_madvise",
	"process_mrelease",
	"migrate_pages",
	"move_pages",
	/* Kernel interfaces that are large or without namespaces. */
	"keyctl",
	"add_key",
	"request_key",
	"bpf",
	"perf_event_open",
	"io_uring_setup",
	"io_uring_enter",
	"io_uring_register",
	"userfaultfd",
	"fanotify_init",
	"fanotify_mark",
	"open_by_handle_at",
	"name_to_handle_at",
	"lookup_dcookie",
	"vmsplice",
	"memfd_secret",
	"set_mempolicy_home_node",
	"lsm_set_self_attr",
	"quotactl",
	"quotactl_fd",
	"nfsservctl",
	"syslog",
	"acct",
	"vhangup",
	"uselib",
	"personality",
	"modify_ldt",
	"vm86",
	"vm86old",
	/* The machine. */
	"kexec_load",
	"kexec_file_load",
	"reboot",
	"init_module",
	"finit_module",
	"delete_module",
	"create_module",
	"get_kernel_syms",
	"query_module",
	"swapon",
	"swapoff",
	"settimeofday",
	"clock_settime",
	"clock_settime64",
	"adjtimex",
	"clock_adjtime",
	"clock_adjtime64",
	"stime",
	"iopl",
	"ioperm",
	"sethostname",
	"setdomainname",
	"_sysctl",
	"sysfs",
	"ioprio_set",
};

static int refuse_flags(scmp_filter_ctx filter)
{
	static const unsigned long namespaces[] = {CLONE_NEWUSER, CLONE_NEWNS, CLONE_NEWPID,
		CLONE_NEWNET, CLONE_NEWIPC, CLONE_NEWUTS, CLONE_NEWCGROUP};
	int code = 0;

	for (size_t i = 0; !code && i < sizeof(namespaces) / sizeof(namespaces[0]); i++)
		code = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
			SCMP_A0(SCMP_CMP_MASKED_EQ, namespaces[i], namespaces[i]));
	/* clone3() keeps its flags in memory, where no filter can look: the C library then falls back to clone(). */
	if (!code)
		code = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	return code;
}

/* Input put into a terminal, and a console's state. Some ioctls exist only where the header names them. */
static int refuse_ioctls(scmp_filter_ctx filter)
{
	static const unsigned long requests[] = {TIOCSTI, TIOCLINUX, TIOCCONS, TIOCSETD, TIOCSCTTY};
	int code = 0;

	for (size_t i = 0; !code && i < sizeof(requests) / sizeof(requests[0]); i++)
		code = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(ioctl), 1,
			SCMP_A1(SCMP_CMP_MASKED_EQ, LOW, requests[i]));
	return code;
}

/*
 * Only address families that the network namespace confines: AF_VSOCK reaches the hypervisor from any namespace, AF_ALG
 * and the rest are kernel surface. Families are below 64; a higher bit is refused as such.
 */
static int refuse_sockets(scmp_filter_ctx filter)
{
	static const int calls[] = {SCMP_SYS(socket), SCMP_SYS(socketpair)};
	int code = 0;

	for (size_t call = 0; call < sizeof(calls) / sizeof(calls[0]); call++) {
		for (unsigned family = 0; !code && family < 64; family++) {
			if (family == AF_UNIX || family == AF_INET || family == AF_INET6 ||
				family == AF_NETLINK)
				continue;
			code = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EAFNOSUPPORT), calls[call],
				1, SCMP_A0(SCMP_CMP_MASKED_EQ, LOW, family));
		}
		for (unsigned bit = 6; !code && bit < 32; bit++)
			code = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EAFNOSUPPORT), calls[call],
				1, SCMP_A0(SCMP_CMP_MASKED_EQ, 1UL << bit, 1UL << bit));
	}
	return code;
}

/*
 * PID 1 has the command's user id, and these calls ask only for that: a process may set its own limits and priorities,
 * nobody else's.
 */
static int refuse_others(scmp_filter_ctx filter)
{
	static const int first[] = {SCMP_SYS(prlimit64), SCMP_SYS(sched_setaffinity),
		SCMP_SYS(sched_setscheduler), SCMP_SYS(sched_setparam), SCMP_SYS(sched_setattr)};
	int code = 0;

	for (size_t i = 0; i < sizeof(first) / sizeof(first[0]); i++)
		for (unsigned bit = 0; !code && bit < 32; bit++)
			code = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), first[i], 1,
				SCMP_A0(SCMP_CMP_MASKED_EQ, 1UL << bit, 1UL << bit));
	for (unsigned bit = 0; !code && bit < 32; bit++)
		code = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(setpriority), 1,
			SCMP_A1(SCMP_CMP_MASKED_EQ, 1UL << bit, 1UL << bit));
	if (!code)
		code = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(setpriority), 1,
			SCMP_A0(SCMP_CMP_MASKED_EQ, LOW, PRIO_USER));
	return code;
}

/* Device nodes would be useless on the nodev mounts; whiteouts (0, 0) could be forged in an upper layer. */
static int refuse_nodes(scmp_filter_ctx filter)
{
	static const unsigned kinds[] = {S_IFCHR, S_IFBLK};
	int code = 0;

	for (size_t i = 0; !code && i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		code = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(mknod), 1,
			SCMP_A1(SCMP_CMP_MASKED_EQ, S_IFMT, kinds[i]));
		if (!code)
			code = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(mknodat), 1,
				SCMP_A2(SCMP_CMP_MASKED_EQ, S_IFMT, kinds[i]));
	}
	return code;
}

static int fill(scmp_filter_ctx filter, bool shared_memory)
{
	static const char *const memory[] = {"memfd_create", "shmget"};
	int code = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);

	for (size_t i = 0; !code && i < sizeof(refused) / sizeof(refused[0]); i++) {
		int number = seccomp_syscall_resolve_name(refused[i]);

		if (number != __NR_SCMP_ERROR)
			code = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), number, 0);
	}
	for (size_t i = 0; !code && !shared_memory && i < 2; i++)
		code = seccomp_rule_add(
			filter, SCMP_ACT_ERRNO(ENOSYS), seccomp_syscall_resolve_name(memory[i]), 0);
	if (!code)
		code = refuse_flags(filter);
	if (!code)
		code = refuse_ioctls(filter);
	if (!code)
		code = refuse_sockets(filter);
	if (!code)
		code = refuse_others(filter);
	if (!code)
		code = refuse_nodes(filter);
	return code;
}

/*
 * The library writes its program to a descriptor only. A pipe holds all of it: at most BPF_MAXINSNS instructions, 32
 * KiB.
 */
static int export(scmp_filter_ctx filter, struct sock_fprog *ret)
{
	size_t capacity = BPF_MAXINSNS * sizeof(struct sock_filter);
	void *program = malloc(capacity);
	int ends[2];
	int code;
	ssize_t size;

	if (!program)
		return -ENOMEM;
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0) {
		free(program);
		return -errno;
	}
	code = seccomp_export_bpf(filter, ends[1]);
	size = code ? 0 : read(ends[0], program, capacity);
	(void)close(ends[0]);
	(void)close(ends[1]);
	if (!code && (size <= 0 || (size_t)size % sizeof(struct sock_filter) != 0))
		code = -EIO;
	if (code) {
		free(program);
		return code;
	}
	ret->filter = program;
	ret->len = (unsigned short)((size_t)size / sizeof(struct sock_filter));
	return 0;
}

static struct sock_fprog programs[2];
static int made[2];
static pthread_once_t once[2] = {PTHREAD_ONCE_INIT, PTHREAD_ONCE_INIT};

static void make(bool shared_memory)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);

	made[shared_memory] = filter ? fill(filter, shared_memory) : -ENOMEM;
	if (!made[shared_memory])
		made[shared_memory] = export(filter, &programs[shared_memory]);
	if (filter)
		seccomp_release(filter);
}

static void make_strict(void)
{
	make(false);
}

static void make_shared(void)
{
	make(true);
}

int filter_get(bool shared_memory, const struct sock_fprog **ret, struct hb_error *reterr)
{
	(void)pthread_once(&once[shared_memory], shared_memory ? make_shared : make_strict);
	if (made[shared_memory])
		return hb_error_set(reterr, made[shared_memory],
			"the system call filter cannot be made: %s; sandboxes need libseccomp 2.5 "
			"on a "
			"processor it knows",
			strerrordesc_np(-made[shared_memory]));
	*ret = &programs[shared_memory];
	return 0;
}
