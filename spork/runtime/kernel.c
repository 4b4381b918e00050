/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of system calls, and those that need nothing but their arguments translated. */
#include "kernel.h"

#include <stddef.h>
#include <string.h>
#include <errno.h>
#include <fcntl.h>
#include <time.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/times.h>
#include <sys/utsname.h>

#include "raw_syscall.h"
#include "shared.h"

#define PATH_BYTES 4096

/* How a call is carried out. Zero: not known. */
enum how {
	UNKNOWN,
	QUERY,  /* natively, in either process: the parent's answer is the child's */
	CHILD,  /* natively, by the child's own process */
	ZERO,   /* matters only to the kernel's view of memory that exec discards: 0 */
	BLOCKS, /* may block */
	NESTED, /* makes a process or thread */
	SPACE,  /* state of the address space, which is the parent's */
	SET_ID, /* native if nothing changes */
	EXITS,
	TID,
	CLOCK, /* of the process or thread: by the child's own process */
	OPEN,
	OPENAT,
	CREAT,
	CLOSE,
	CLOSE_RANGE,
	DUP,
	FCNTL,
	PIPE,
	READ,
	ENTRIES,
	PREAD,
	SEEK,
	IOCTL,
	WRITE,
	BRK,
	MMAP,
	MUNMAP,
	MPROTECT,
	FUTEX,
	PRCTL,
	SIGACTION,
	SIGPROCMASK,
	EXECVE,
	EXECVEAT,
};

/* What an argument is: a kind, and a size in bytes or the number of the argument that holds it. */
enum argument_kind {
	SCALAR,
	DESCRIPTOR, /* placeholders are refused */
	PATH_IN,
	FIXED_IN,
	FIXED_OUT,
	SIZED_IN,  /* size in another argument */
	SIZED_OUT, /* size in another argument; the result says how much was written */
	GROUPS_IN, /* counted in words of 4 bytes */
	GROUPS_OUT
};

#define ARGUMENT(kind, size) ((uint16_t)((kind) << 12 | (size)))
#define FD ARGUMENT(DESCRIPTOR, 0)
#define PATH ARGUMENT(PATH_IN, 0)
#define IN(type) ARGUMENT(FIXED_IN, sizeof(type))
#define OUT(type) ARGUMENT(FIXED_OUT, sizeof(type))
#define IN_BYTES(index) ARGUMENT(SIZED_IN, index)
#define OUT_BYTES(index) ARGUMENT(SIZED_OUT, index)
#define IN_GROUPS(index) ARGUMENT(GROUPS_IN, index)
#define OUT_GROUPS(index) ARGUMENT(GROUPS_OUT, index)

#define ARGUMENTS 6

struct row {
	uint8_t how;
	uint16_t arguments[5]; /* the sixth is never a pointer here */
};

struct ids {
	uint32_t value;
};

#define STATX_BYTES 256

static const struct row rows[] = {
	[SYS_read] = {READ, {0}},
	[SYS_write] = {WRITE, {0}},
	[SYS_open] = {OPEN, {0}},
	[SYS_close] = {CLOSE, {0}},
	[SYS_stat] = {QUERY, {PATH, OUT(struct stat)}},
	[SYS_fstat] = {QUERY, {FD, OUT(struct stat)}},
	[SYS_lstat] = {QUERY, {PATH, OUT(struct stat)}},
	[SYS_poll] = {BLOCKS, {0}},
	[SYS_lseek] = {SEEK, {0}},
	[SYS_mmap] = {MMAP, {0}},
	[SYS_mprotect] = {MPROTECT, {0}},
	[SYS_munmap] = {MUNMAP, {0}},
	[SYS_brk] = {BRK, {0}},
	[SYS_rt_sigaction] = {SIGACTION, {0}},
	[SYS_rt_sigprocmask] = {SIGPROCMASK, {0}},
	[SYS_ioctl] = {IOCTL, {0}},
	[SYS_pread64] = {PREAD, {0}},
	[SYS_access] = {QUERY, {PATH}},
	[SYS_pipe] = {PIPE, {0}},
	[SYS_select] = {BLOCKS, {0}},
	[SYS_dup] = {DUP, {0}},
	[SYS_dup2] = {DUP, {0}},
	[SYS_pause] = {BLOCKS, {0}},
	[SYS_nanosleep] = {BLOCKS, {0}},
	[SYS_alarm] = {CHILD, {0}},
	[SYS_getitimer] = {CHILD, {0, OUT(struct itimerval)}},
	[SYS_setitimer] = {CHILD, {0, IN(struct itimerval), OUT(struct itimerval)}},
	[SYS_getpid] = {CHILD, {0}},
	[SYS_clone] = {NESTED, {0}},
	[SYS_fork] = {NESTED, {0}},
	[SYS_vfork] = {NESTED, {0}},
	[SYS_clone3] = {NESTED, {0}},
	[SYS_execve] = {EXECVE, {0}},
	[SYS_execveat] = {EXECVEAT, {0}},
	[SYS_exit] = {EXITS, {0}},
	[SYS_exit_group] = {EXITS, {0}},
	[SYS_wait4] = {CHILD, {0, OUT(int), 0, OUT(struct rusage)}},
	[SYS_uname] = {QUERY, {OUT(struct utsname)}},
	[SYS_fcntl] = {FCNTL, {0}},
	[SYS_flock] = {BLOCKS, {0}},
	[SYS_getdents64] = {ENTRIES, {FD, OUT_BYTES(2)}},
	[SYS_getcwd] = {CHILD, {OUT_BYTES(1)}},
	[SYS_chdir] = {CHILD, {PATH}},
	[SYS_fchdir] = {CHILD, {FD}},
	[SYS_readlink] = {CHILD, {PATH, OUT_BYTES(2)}},
	[SYS_umask] = {CHILD, {0}},
	[SYS_gettimeofday] = {QUERY, {OUT(struct timeval), OUT(struct timezone)}},
	[SYS_getrlimit] = {CHILD, {0, OUT(struct rlimit)}},
	[SYS_setrlimit] = {CHILD, {0, IN(struct rlimit)}},
	[SYS_getrusage] = {CHILD, {0, OUT(struct rusage)}},
	[SYS_sysinfo] = {QUERY, {OUT(struct sysinfo)}},
	[SYS_times] = {CHILD, {OUT(struct tms)}},
	[SYS_getuid] = {QUERY, {0}},
	[SYS_getgid] = {QUERY, {0}},
	[SYS_geteuid] = {QUERY, {0}},
	[SYS_getegid] = {QUERY, {0}},
	[SYS_setuid] = {SET_ID, {0}},
	[SYS_setgid] = {SET_ID, {0}},
	[SYS_setreuid] = {SET_ID, {0}},
	[SYS_setregid] = {SET_ID, {0}},
	[SYS_setresuid] = {SET_ID, {0}},
	[SYS_setresgid] = {SET_ID, {0}},
	[SYS_getresuid] = {QUERY, {OUT(struct ids), OUT(struct ids), OUT(struct ids)}},
	[SYS_getresgid] = {QUERY, {OUT(struct ids), OUT(struct ids), OUT(struct ids)}},
	[SYS_getgroups] = {CHILD, {0, OUT_GROUPS(0)}},
	[SYS_setgroups] = {CHILD, {0, IN_GROUPS(0)}},
	[SYS_setpgid] = {CHILD, {0}},
	[SYS_getppid] = {CHILD, {0}},
	[SYS_getpgrp] = {CHILD, {0}},
	[SYS_setsid] = {CHILD, {0}},
	[SYS_getpgid] = {CHILD, {0}},
	[SYS_getsid] = {CHILD, {0}},
	[SYS_statfs] = {QUERY, {PATH, OUT(struct statfs)}},
	[SYS_fstatfs] = {QUERY, {FD, OUT(struct statfs)}},
	[SYS_getpriority] = {CHILD, {0}},
	[SYS_setpriority] = {CHILD, {0}},
	[SYS_sched_getparam] = {CHILD, {0, OUT(int)}},
	[SYS_sched_setparam] = {CHILD, {0, IN(int)}},
	[SYS_sched_setscheduler] = {CHILD, {0, 0, IN(int)}},
	[SYS_sched_getscheduler] = {CHILD, {0}},
	[SYS_sched_yield] = {QUERY, {0}},
	[SYS_mlock] = {SPACE, {0}},
	[SYS_mlockall] = {SPACE, {0}},
	[SYS_munlockall] = {SPACE, {0}},
	[SYS_prctl] = {PRCTL, {0}},
	[SYS_personality] = {SPACE, {0}},
	[SYS_chroot] = {CHILD, {PATH}},
	[SYS_gettid] = {CHILD, {0}},
	[SYS_time] = {QUERY, {OUT(long)}},
	[SYS_futex] = {FUTEX, {0}},
	[SYS_sched_getaffinity] = {CHILD, {0, 0, OUT_BYTES(1)}},
	[SYS_sched_setaffinity] = {CHILD, {0, 0, IN_BYTES(1)}},
	[SYS_set_tid_address] = {TID, {0}},
	[SYS_clock_gettime] = {CLOCK, {0, OUT(struct timespec)}},
	[SYS_clock_getres] = {QUERY, {0, OUT(struct timespec)}},
	[SYS_clock_nanosleep] = {BLOCKS, {0}},
	[SYS_ioprio_set] = {CHILD, {0}},
	[SYS_ioprio_get] = {CHILD, {0}},
	[SYS_openat] = {OPENAT, {0}},
	[SYS_creat] = {CREAT, {0}},
	[SYS_newfstatat] = {QUERY, {FD, PATH, OUT(struct stat)}},
	[SYS_readlinkat] = {CHILD, {FD, PATH, OUT_BYTES(3)}},
	[SYS_faccessat] = {QUERY, {FD, PATH}},
	[SYS_faccessat2] = {QUERY, {FD, PATH}},
	[SYS_statx] = {QUERY, {FD, PATH, 0, 0, ARGUMENT(FIXED_OUT, STATX_BYTES)}},
	[SYS_pselect6] = {BLOCKS, {0}},
	[SYS_ppoll] = {BLOCKS, {0}},
	[SYS_set_robust_list] = {ZERO, {0}},
	[SYS_rseq] = {ZERO, {0}},
	[SYS_dup3] = {DUP, {0}},
	[SYS_pipe2] = {PIPE, {0}},
	[SYS_prlimit64] = {CHILD, {0, 0, IN(struct rlimit), OUT(struct rlimit)}},
	[SYS_getcpu] = {QUERY, {OUT(int), OUT(int)}},
	[SYS_getrandom] = {QUERY, {OUT_BYTES(1)}},
	[SYS_close_range] = {CLOSE_RANGE, {0}},
	[SYS_accept] = {BLOCKS, {0}},
	[SYS_connect] = {BLOCKS, {0}},
	[SYS_recvfrom] = {BLOCKS, {0}},
	[SYS_recvmsg] = {BLOCKS, {0}},
	[SYS_waitid] = {BLOCKS, {0}},
	[SYS_epoll_wait] = {BLOCKS, {0}},
	[SYS_rt_sigsuspend] = {BLOCKS, {0}},
	[SYS_rt_sigtimedwait] = {BLOCKS, {0}},
};

#define ROW_COUNT (sizeof(rows) / sizeof(rows[0]))

SPORK_FAST void kernel_begin(struct kernel *k, struct spork_attempt *attempt)
{
	k->attempt = attempt;
	k->child = k->committed = false;
	k->mask = attempt->caller.mask;
	k->changed = 0;
	k->brk = k->brk_first = 0;
	k->free_first = k->free_start = k->free_end = 0;
	k->library_count = 0;
	memset(k->own, 0, sizeof(k->own));
	memset(k->placeholder, 0, sizeof(k->placeholder));
	k->opens = 0;
	k->maps = false;
	k->robust_list = 0;
	k->deferred_count = k->text_bytes = 0;
}

SPORK_FAST uint64_t kernel_argument(const struct kernel *k, int index)
{
	static const uint8_t registers[ARGUMENTS] = {
		7, SPORK_RSI, SPORK_RDX, SPORK_R10, SPORK_R8, 9};

	return k->attempt->machine.regs.gpr[registers[index]];
}

SPORK_FAST enum call_result kernel_result(struct kernel *k, int64_t result)
{
	k->attempt->machine.regs.gpr[SPORK_RAX] = (uint64_t)result;
	return CALL_DONE;
}

enum call_result kernel_abort(struct kernel *k, enum spork_reason reason)
{
	k->attempt->reason = reason;
	k->attempt->syscall = (uint32_t)KERNEL_NUMBER(k);
	return CALL_ABORT;
}

void *kernel_room(struct kernel *k, uint64_t size_bytes)
{
	uint8_t *at = k->bounce + k->bounced;

	if (size_bytes > KERNEL_BOUNCE_BYTES - k->bounced)
		return NULL;
	k->bounced += (uint32_t)((size_bytes + 15) & ~15ULL);
	if (k->bounced > KERNEL_BOUNCE_BYTES)
		k->bounced = KERNEL_BOUNCE_BYTES;
	return at;
}

/* Memory of a child that shares the program's is read in place, and written after its pages were saved. */
SPORK_FAST bool kernel_read(struct kernel *k, uint64_t address, void *buffer, uint64_t size_bytes)
{
	if (shared_state(k->attempt)) {
		memcpy(buffer, (const void *)address, size_bytes);
		return true;
	}
	return spork_overlay_read(k->attempt->machine.overlay, address, buffer, size_bytes) == 0;
}

bool kernel_write(struct kernel *k, uint64_t address, const void *buffer, uint64_t size_bytes)
{
	struct shared *shared = shared_state(k->attempt);
	enum spork_reason reason;

	if (shared) {
		if (!shared_unlock(shared, address, size_bytes, &reason))
			return false;
		memcpy((void *)address, buffer, size_bytes);
		return true;
	}
	return spork_overlay_write(k->attempt->machine.overlay, address, buffer, size_bytes) == 0;
}

int64_t kernel_string(struct kernel *k, uint64_t address, char *buffer, uint64_t capacity)
{
	const char *text = (const char *)address;

	if (!shared_state(k->attempt))
		return spork_overlay_string(k->attempt->machine.overlay, address, buffer, capacity);
	for (uint64_t i = 0; i < capacity; i++) {
		buffer[i] = text[i];
		if (!text[i])
			return (int64_t)i;
	}
	return -ENAMETOOLONG;
}

char *kernel_path(struct kernel *k, int directory, uint64_t address)
{
	char *path = kernel_room(k, PATH_BYTES);

	/* A file that is still to be made or emptied must not be looked at as it was before. */
	return path && kernel_string(k, address, path, PATH_BYTES) >= 0 &&
			       !kernel_defers_file(k, directory, path)
		       ? path
		       : NULL;
}

static bool reads(uint16_t argument)
{
	return argument >> 12 == FIXED_IN || argument >> 12 == SIZED_IN ||
	       argument >> 12 == GROUPS_IN;
}

/* One argument on its way in. False: cannot be translated. */
static bool translate(struct kernel *k, const struct row *row, int index, uint64_t *value)
{
	uint16_t argument = row->arguments[index];
	uint64_t size = argument & 0xfff;
	void *room;

	switch ((enum argument_kind)(argument >> 12)) {
	case SCALAR:
		return true;
	case DESCRIPTOR:
		return kernel_fd_placeholder(k, *value) == 0 && !kernel_fd_hidden(k, *value);
	case PATH_IN:
		/* A null pointer is an error of the program's, for the kernel to say so. */
		if (*value)
			*value = (uint64_t)kernel_path(k,
				index > 0 && row->arguments[index - 1] == FD
					? (int)kernel_argument(k, index - 1)
					: AT_FDCWD,
				*value);
		return *value != 0;
	case GROUPS_IN:
	case GROUPS_OUT:
	case SIZED_IN:
	case SIZED_OUT:
		size = kernel_argument(k, (int)size) * (argument >> 12 >= GROUPS_IN ? 4 : 1);
		break;
	case FIXED_IN:
	case FIXED_OUT:
		break;
	}
	if (!*value || size == 0)
		return true;
	room = kernel_room(k, size);
	if (!room || (reads(argument) && !kernel_read(k, *value, room, size)))
		return false;
	*value = (uint64_t)room;
	return true;
}

/* What the kernel wrote, on its way out. */
static bool give_back(
	struct kernel *k, const struct row *row, int index, uint64_t room, int64_t result)
{
	uint16_t argument = row->arguments[index];
	uint64_t address = kernel_argument(k, index), size = argument & 0xfff;

	switch ((enum argument_kind)(argument >> 12)) {
	case FIXED_OUT:
		break;
	case SIZED_OUT:
		size = (uint64_t)result;
		break;
	case GROUPS_OUT:
		size = (uint64_t)result * 4;
		break;
	default:
		return true;
	}
	if (!address || size == 0 || room == address)
		return true;
	return kernel_write(k, address, (const void *)room, size);
}

/*
 * The kernel keeps the number of the CPU in memory for sched_getcpu(), but not for a child on shared memory. Where
 * it is allowed to run decides what is a right answer.
 */
static bool tell_cpu(struct kernel *k)
{
	uint64_t area = shared_rseq_area();
	uint32_t cpu, cpus[2];

	if (!area || raw3(SYS_getcpu, &cpu, NULL, NULL))
		return false;
	cpus[0] = cpus[1] = cpu;
	return spork_overlay_write(k->attempt->machine.overlay, area, cpus, sizeof(cpus)) == 0;
}

/* fstat() of a file that is still to be made. */
static bool is_status_of_deferred(struct kernel *k)
{
	uint64_t nr = KERNEL_NUMBER(k);
	char first = 1;

	if (!k->child || !kernel_fd_placeholder(k, kernel_argument(k, 0)))
		return false;
	if (nr == SYS_newfstatat && (kernel_argument(k, 3) & AT_EMPTY_PATH) &&
		!kernel_read(k, kernel_argument(k, 1), &first, 1))
		return false;
	return nr == SYS_fstat || (nr == SYS_newfstatat && first == 0);
}

static enum call_result status_of_deferred(struct kernel *k)
{
	struct stat status;
	int index = KERNEL_NUMBER(k) == SYS_fstat ? 1 : 2;

	return kernel_deferred_status(k, kernel_argument(k, 0), &status) &&
			       kernel_write(k, kernel_argument(k, index), &status, sizeof(status))
		       ? kernel_result(k, 0)
		       : kernel_abort(k, SPORK_ABORT_EXTERNAL);
}

static bool tells_size(uint64_t nr)
{
	return nr == SYS_fstat || nr == SYS_newfstatat || nr == SYS_statx;
}

static enum call_result native(struct kernel *k, const struct row *row)
{
	uint64_t values[ARGUMENTS];
	int64_t result;

	if (is_status_of_deferred(k))
		return status_of_deferred(k);
	if (tells_size(KERNEL_NUMBER(k)) && kernel_defers_bytes(k, kernel_argument(k, 0)))
		return kernel_abort(k, SPORK_ABORT_EXTERNAL);
	for (int i = 0; i < ARGUMENTS; i++) {
		values[i] = kernel_argument(k, i);
		if (i < 5 && !translate(k, row, i, &values[i]))
			return kernel_abort(k, SPORK_ABORT_ARGUMENTS);
	}
	result = raw_syscall6((int64_t)KERNEL_NUMBER(k), values[0], values[1], values[2], values[3],
		values[4], values[5]);
	for (int i = 0; i < 5 && !RAW_FAILED(result); i++) {
		if (!give_back(k, row, i, values[i], result))
			return kernel_abort(k, SPORK_ABORT_ARGUMENTS);
	}
	if (KERNEL_NUMBER(k) == SYS_sched_setaffinity && result == 0 && !tell_cpu(k))
		return kernel_abort(k, SPORK_ABORT_ADDRESS_SPACE);
	return kernel_result(k, result);
}

/* Another task than the child itself is none of its private matters. */
static bool only_self(uint64_t nr, const struct kernel *k)
{
	uint64_t first = kernel_argument(k, 0), second = kernel_argument(k, 1);
	uint64_t self = k->child ? (uint64_t)raw0(SYS_getpid) : 0;

	switch (nr) {
	case SYS_setpgid:
	case SYS_prlimit64:
	case SYS_sched_setscheduler:
	case SYS_sched_setparam:
	case SYS_sched_setaffinity:
		return (uint32_t)first == 0 || (uint32_t)first == self;
	case SYS_setpriority:
		return first == PRIO_PROCESS && ((uint32_t)second == 0 || second == self);
	case SYS_ioprio_set:
		return first == 1 && ((uint32_t)second == 0 || second == self);
	default:
		return true;
	}
}

/*
 * Changed ids make the address space non-dumpable, which is the parent's, too. What keeps all three as they are
 * does not.
 */
static enum call_result set_id(struct kernel *k)
{
	uint64_t nr = KERNEL_NUMBER(k);
	bool user = nr == SYS_setuid || nr == SYS_setreuid || nr == SYS_setresuid;
	int given = nr == SYS_setuid || nr == SYS_setgid       ? 1
		    : nr == SYS_setreuid || nr == SYS_setregid ? 2
							       : 3;
	uint32_t ids[3];

	if (raw3(user ? SYS_getresuid : SYS_getresgid, &ids[0], &ids[1], &ids[2]))
		return kernel_abort(k, SPORK_ABORT_CREDENTIALS);
	for (int i = 0; i < 3; i++) {
		uint32_t wanted = i < given    ? (uint32_t)kernel_argument(k, i)
				  : given == 1 ? (uint32_t)kernel_argument(k, 0)
					       : UINT32_MAX;

		if (wanted != UINT32_MAX && (wanted != ids[i] || ids[i] != ids[0]))
			return kernel_abort(k, SPORK_ABORT_CREDENTIALS);
	}
	return ids[0] == ids[1] && ids[1] == ids[2] ? kernel_result(k, 0)
						    : kernel_abort(k, SPORK_ABORT_CREDENTIALS);
}

static enum call_result control_process(struct kernel *k)
{
	static const struct row in_name = {CHILD, {0, ARGUMENT(FIXED_IN, 16)}};
	static const struct row out_name = {CHILD, {0, ARGUMENT(FIXED_OUT, 16)}};
	static const struct row plain = {CHILD, {0}};

	if (!k->child)
		return CALL_CHILD;
	switch (kernel_argument(k, 0)) {
	case PR_SET_NAME:
		return native(k, &in_name);
	case PR_GET_NAME:
		return native(k, &out_name);
	case PR_SET_PDEATHSIG:
	case PR_GET_DUMPABLE:
	case PR_SET_NO_NEW_PRIVS:
	case PR_GET_NO_NEW_PRIVS:
	case PR_CAPBSET_READ:
	case PR_CAPBSET_DROP:
	case PR_GET_KEEPCAPS:
	case PR_SET_KEEPCAPS:
	case PR_GET_SECUREBITS:
	case PR_SET_SECUREBITS:
	case PR_SET_TIMERSLACK:
	case PR_GET_TIMERSLACK:
	case PR_GET_SECCOMP:
	case PR_SET_CHILD_SUBREAPER:
		return native(k, &plain);
	default:
		return kernel_abort(k, SPORK_ABORT_ADDRESS_SPACE);
	}
}

/* A private lock of the child has no waiters; waking by its address would reach the parent's threads. */
static enum call_result futex(struct kernel *k)
{
	enum { FUTEX_COMMAND = 0x7f, WAKE = 1, WAKE_BITSET = 10, UNLOCK_PI = 7 };
	uint64_t command = kernel_argument(k, 1) & FUTEX_COMMAND;
	bool shared = !(kernel_argument(k, 1) & 128);

	if (shared)
		return kernel_abort(k, SPORK_ABORT_SYSCALL);
	if (command == WAKE || command == WAKE_BITSET)
		return kernel_result(k, 0);
	return kernel_abort(k, SPORK_ABORT_BLOCKING);
}

/* Nothing in the child's memory is watched by the kernel any more once it has executed another program. */
static enum call_result thread_id(struct kernel *k)
{
	return k->child ? kernel_result(k, raw0(SYS_gettid)) : CALL_CHILD;
}

/* Files and folders. */
static enum call_result call_files(struct kernel *k, enum how how)
{
	uint64_t nr = KERNEL_NUMBER(k);

	switch (how) {
	case OPEN:
		return kernel_open(k, -100, kernel_argument(k, 0), kernel_argument(k, 1),
			kernel_argument(k, 2));
	case OPENAT:
		return kernel_open(k, (int)kernel_argument(k, 0), kernel_argument(k, 1),
			kernel_argument(k, 2), kernel_argument(k, 3));
	case CREAT:
		return kernel_open(k, -100, kernel_argument(k, 0),
			01101 /* create, truncate, write */, kernel_argument(k, 1));
	case CLOSE:
		return kernel_close(k);
	case CLOSE_RANGE:
		return kernel_close_range(k);
	case DUP:
		return kernel_dup(k, nr);
	case FCNTL:
		return kernel_fcntl(k);
	case PIPE:
		return kernel_pipe(k);
	case READ:
		return kernel_read_call(k, false);
	case PREAD:
		return kernel_read_call(k, true);
	case SEEK:
		return kernel_seek(k);
	case IOCTL:
		return kernel_ioctl(k);
	case WRITE:
		return kernel_write_call(k);
	default:
		return kernel_abort(k, SPORK_ABORT_SYSCALL);
	}
}

static enum call_result call_process(struct kernel *k, const struct row *row)
{
	switch ((enum how)row->how) {
	case QUERY:
		return native(k, row);
	case CHILD:
		if (!k->child)
			return CALL_CHILD;
		return only_self(KERNEL_NUMBER(k), k) ? native(k, row)
						      : kernel_abort(k, SPORK_ABORT_EXTERNAL);
	case ZERO:
		if (KERNEL_NUMBER(k) == SYS_set_robust_list) {
			k->robust_list = kernel_argument(k, 0);
			k->robust_bytes = kernel_argument(k, 1);
		}
		return kernel_result(k, 0);
	case BLOCKS:
		return kernel_abort(k, SPORK_ABORT_BLOCKING);
	case NESTED:
		return kernel_abort(k, SPORK_ABORT_NESTED);
	case SPACE:
		return kernel_abort(k, SPORK_ABORT_ADDRESS_SPACE);
	case SET_ID:
		return set_id(k);
	case EXITS:
		/* Too late for another process to take over: a child is made that ends with this status. */
		if (k->committed)
			(void)raw1(SYS_exit_group, kernel_argument(k, 0));
		return kernel_abort(k, SPORK_ABORT_NO_EXEC);
	case TID:
		return thread_id(k);
	case CLOCK:
		/* Clocks of a process or thread stand near zero in a child, and are negative if another's. */
		return k->child || (kernel_argument(k, 0) != CLOCK_PROCESS_CPUTIME_ID &&
					   kernel_argument(k, 0) != CLOCK_THREAD_CPUTIME_ID &&
					   (int32_t)kernel_argument(k, 0) >= 0)
			       ? native(k, row)
			       : CALL_CHILD;
	case BRK:
		return kernel_brk(k);
	case MMAP:
		return kernel_mmap(k);
	case MUNMAP:
		return kernel_munmap(k);
	case MPROTECT:
		return kernel_mprotect(k);
	case ENTRIES:
		/* The position in a folder that the parent has opened is the parent's, too. */
		/* Nor does a folder hold yet what is still to be made in it. */
		return kernel_fd_own(k, kernel_argument(k, 0)) && k->deferred_count == 0
			       ? native(k, row)
			       : kernel_abort(k, SPORK_ABORT_EXTERNAL);
	case FUTEX:
		return futex(k);
	case PRCTL:
		return control_process(k);
	case SIGACTION:
		return kernel_sigaction(k);
	case SIGPROCMASK:
		return kernel_sigprocmask(k);
	case EXECVE:
		return kernel_exec(k, false);
	case EXECVEAT:
		return kernel_exec(k, true);
	default:
		return call_files(k, (enum how)row->how);
	}
}

bool kernel_is_nothing(uint64_t nr)
{
	return nr < ROW_COUNT && rows[nr].how == ZERO;
}

SPORK_FAST enum call_result kernel_call(struct kernel *k)
{
	uint64_t nr = KERNEL_NUMBER(k);

	k->bounced = 0;
	if (nr >= ROW_COUNT || rows[nr].how == UNKNOWN)
		return kernel_abort(k, SPORK_ABORT_SYSCALL);
	return call_process(k, &rows[nr]);
}
