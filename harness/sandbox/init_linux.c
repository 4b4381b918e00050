/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * PID 1 of a sandbox: waits for commands, supervises one at a time, and ends everything with itself.
 */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "inside.h"

/* Between two looks at memory and CPU time; the first comes earlier, most commands end before it. */
#define SAMPLE_NS INT64_C(20000000)
#define SAMPLE_FIRST_NS INT64_C(5000000)

static int64_t now_ns(void)
{
	struct timespec time;

	(void)clock_gettime(CLOCK_MONOTONIC, &time);
	return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

/* Handlers of the caller must not run here, and ignored signals must not be inherited by commands. */
static void signals_reset(void)
{
	struct sigaction standard = {.sa_handler = SIG_DFL};
	sigset_t all;

	(void)sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, NULL);
	for (int number = 1; number < NSIG; number++)
		(void)sigaction(number, &standard, NULL);
}

static void oom_first(void)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	/* If it is refused, the kernel chooses by size alone. */
	(void)!write(fd, "1000", 4);
	(void)close(fd);
}

/* Move *@fd to @to, out of the way of the others first. Those that are not there stay so. */
static int descriptor_move(int *fd, int to)
{
	if (*fd < 0)
		return 0;
	if (dup3(*fd, to, O_CLOEXEC) < 0)
		return -errno;
	*fd = to;
	return 0;
}

/* Keep what is needed from 3 on, /dev/null at 0 to 2, and close all others the caller had. */
static int descriptors_keep(struct inside *in)
{
	int *kept[2 + HB_SANDBOX_MOUNTS_MAX];
	const int count = 2 + HB_SANDBOX_MOUNTS_MAX;
	int null, code = 0;

	kept[0] = &in->control;
	kept[1] = &in->caller_pidfd;
	for (int i = 0; i < HB_SANDBOX_MOUNTS_MAX; i++)
		kept[2 + i] = &in->mapped_mount[i];
	/* Above all places they will have: a caller's low limit of open files shows here. */
	for (int i = 0; i < count; i++) {
		if (*kept[i] >= 0 && (*kept[i] = fcntl(*kept[i], F_DUPFD_CLOEXEC, 3 + count)) < 0)
			return -errno;
	}
	for (int i = 0; !code && i < count; i++)
		code = descriptor_move(kept[i], 3 + i);
	if (!code && close_range((unsigned)(3 + count), ~0U, 0) < 0)
		code = -errno;
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (code || null < 0)
		return code ? code : -errno;
	for (int fd = 0; fd < 3; fd++)
		if (dup2(null, fd) < 0)
			return -errno;
	for (int i = 0; i < count; i++)
		if (*kept[i] < 0)
			(void)close(3 + i);
	return 0;
}

static int loopback_up(void)
{
	struct ifreq request = {.ifr_name = "lo"};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int code = 0;

	if (fd < 0)
		return -errno;
	request.ifr_flags = IFF_UP | IFF_RUNNING;
	if (ioctl(fd, SIOCSIFFLAGS, &request) < 0)
		code = -errno;
	(void)close(fd);
	return code;
}

static struct fault start(struct inside *in)
{
	const char *name = in->spec->hostname;
	struct fault fault;
	sigset_t children;
	int code;

	fault = stage_build(in);
	if (fault.code)
		return fault;
	/* Taking on the ids cleared it. */
	if (prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0) < 0)
		return (struct fault){-errno, STEP_IDS, 1};
	if (sethostname(name, strlen(name)) < 0)
		return (struct fault){-errno, STEP_NETWORK, 0};
	code = in->spec->loopback ? loopback_up() : 0;
	if (code)
		return (struct fault){code, STEP_NETWORK, 1};
	in->scratch = mmap(
		NULL, SCRATCH_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (in->scratch == MAP_FAILED)
		return (struct fault){-errno, STEP_MEMORY, 0};
	(void)sigemptyset(&children);
	(void)sigaddset(&children, SIGCHLD);
	in->signal_fd = signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK);
	return (struct fault){in->signal_fd < 0 ? -errno : 0, STEP_MEMORY, 1};
}

/* A message with its descriptors. Returns the operation, 0 at the end of the stream, or -errno. */
static int message_receive(int control, int *ret_descriptors, unsigned *ret_count)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(RUN_DESCRIPTORS * sizeof(int))];
	} ancillary;
	char operation = 0;
	struct iovec data = {&operation, 1};
	struct msghdr message = {.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = &ancillary,
		.msg_controllen = sizeof(ancillary)};
	ssize_t length = recvmsg(control, &message, MSG_CMSG_CLOEXEC);
	struct cmsghdr *header;

	*ret_count = 0;
	if (length < 0)
		return -errno;
	header = CMSG_FIRSTHDR(&message);
	if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS) {
		*ret_count = (unsigned)((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		memcpy(ret_descriptors, CMSG_DATA(header), *ret_count * sizeof(int));
	}
	return length == 0 ? 0 : operation;
}

static struct request *request_map(int fd)
{
	struct request *request;
	struct stat st;
	char *base;

	if (fstat(fd, &st) < 0)
		return NULL;
	base = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	if (base == MAP_FAILED)
		return NULL;
	request = (struct request *)(void *)base;
#define HERE(pointer) ((pointer) = (void *)(base + (uintptr_t)(pointer)))
	HERE(request->argv);
	HERE(request->environment);
	HERE(request->directory);
	HERE(request->tree);
	HERE(request->canaries);
	for (size_t i = 0; i < request->argc; i++)
		HERE(request->argv[i]);
	for (size_t i = 0; i < request->envc; i++)
		HERE(request->environment[i]);
	for (size_t i = 0; i < request->canaries_count; i++)
		HERE(request->canaries[i]);
	for (size_t i = 0; i < request->tree_count; i++) {
		HERE(request->tree[i].path);
		HERE(request->tree[i].content);
	}
#undef HERE
	return request;
}

/* The command that runs now. */
struct run {
	pid_t pid;
	bool over;
	int64_t start_ns;
	int64_t reaped_cpu_ns;
	struct reply *reply;
};

static int64_t time_ns(struct timeval time)
{
	return (int64_t)time.tv_sec * 1000000000 + (int64_t)time.tv_usec * 1000;
}

static void reaped(struct run *run, pid_t pid, int status, const struct rusage *usage)
{
	struct reply *reply = run->reply;

	reply->user_ns += time_ns(usage->ru_utime);
	reply->system_ns += time_ns(usage->ru_stime);
	run->reaped_cpu_ns = reply->user_ns + reply->system_ns;
	if ((uint64_t)usage->ru_maxrss << 10 > reply->memory_peak_bytes)
		reply->memory_peak_bytes = (uint64_t)usage->ru_maxrss << 10;
	if (pid != run->pid || run->over)
		return;
	run->over = true;
	reply->status = status;
	reply->wall_ns = now_ns() - run->start_ns;
}

static void reap(struct run *run, int options)
{
	struct rusage usage;
	int status;
	pid_t pid;

	while ((pid = wait4(-1, &status, options | __WALL, &usage)) > 0 ||
		(pid < 0 && errno == EINTR))
		if (pid > 0)
			reaped(run, pid, status, &usage);
}

/* Every process of the namespace but PID 1. One that is being forked meanwhile is caught by the fork itself. */
static void kill_all(struct run *run)
{
	(void)kill(-1, SIGKILL);
	reap(run, 0);
}

static void sample(struct inside *in, const struct request *request, struct run *run)
{
	struct usage usage;
	struct reply *reply = run->reply;

	usage_sample(in, &usage);
	if (usage.processes > reply->processes_peak)
		reply->processes_peak = usage.processes;
	if (usage.processes >= request->limits.processes)
		reply->limits |= HB_SANDBOX_LIMIT_PROCESSES;
	if (usage.memory_bytes > request->limits.memory_bytes)
		reply->limits |= HB_SANDBOX_LIMIT_MEMORY;
	if (usage.cpu_ns + run->reaped_cpu_ns > request->limits.cpu_ns)
		reply->limits |= HB_SANDBOX_LIMIT_CPU;
}

#define ENDING                                                                    \
	(HB_SANDBOX_LIMIT_WALL | HB_SANDBOX_LIMIT_CPU | HB_SANDBOX_LIMIT_MEMORY | \
		HB_SANDBOX_LIMIT_OUTPUT)

/* What a message on the control socket or the end of the caller means while a command runs. */
static void heed(struct inside *in, struct run *run, const struct pollfd *polls)
{
	int descriptors[RUN_DESCRIPTORS];
	unsigned count;

	if (polls[1].revents)
		_exit(0);
	if (polls[0].revents) {
		if (message_receive(in->control, descriptors, &count) != OPERATION_STOP_OUTPUT)
			_exit(0);
		run->reply->limits |= HB_SANDBOX_LIMIT_OUTPUT;
	}
}

static void supervise(struct inside *in, const struct request *request, struct run *run)
{
	int64_t next_ns = run->start_ns + SAMPLE_FIRST_NS;
	int64_t end_ns = run->start_ns + request->limits.wall_ns;

	while (!run->over && !(run->reply->limits & ENDING)) {
		struct pollfd polls[3] = {{in->control, POLLIN, 0}, {in->caller_pidfd, POLLIN, 0},
			{in->signal_fd, POLLIN, 0}};
		int64_t wait_ns = (next_ns < end_ns ? next_ns : end_ns) - now_ns();
		struct timespec wait = {0};
		struct signalfd_siginfo info;

		if (wait_ns > 0)
			wait = (struct timespec){wait_ns / 1000000000, wait_ns % 1000000000};
		(void)ppoll(polls, 3, &wait, NULL);
		heed(in, run, polls);
		while (read(in->signal_fd, &info, sizeof(info)) > 0)
			;
		reap(run, WNOHANG);
		if (run->over)
			break;
		if (now_ns() >= end_ns)
			run->reply->limits |= HB_SANDBOX_LIMIT_WALL;
		else if (now_ns() >= next_ns) {
			sample(in, request, run);
			next_ns = now_ns() + SAMPLE_NS;
		}
	}
	kill_all(run);
}

/* What the end of the command says about limits that the kernel enforced. */
static void limits_read(struct inside *in, const struct request *request, struct reply *reply)
{
	struct statfs area;

	if (WIFSIGNALED(reply->status) && WTERMSIG(reply->status) == SIGXFSZ)
		reply->limits |= HB_SANDBOX_LIMIT_FILE_SIZE;
	if (WIFSIGNALED(reply->status) && WTERMSIG(reply->status) == SIGXCPU)
		reply->limits |= HB_SANDBOX_LIMIT_CPU;
	if (reply->user_ns + reply->system_ns > request->limits.cpu_ns)
		reply->limits |= HB_SANDBOX_LIMIT_CPU;
	if (fstatfs(in->area, &area) == 0 && (area.f_bfree == 0 || area.f_ffree == 0))
		reply->limits |= HB_SANDBOX_LIMIT_DISK;
}

static struct fault command_run(struct inside *in, const struct request *request,
	const int *descriptors, struct canary_store *store, struct reply *reply)
{
	struct run run = {.reply = reply};
	struct fault fault = root_build(in, request);
	int code = 0;

	if (!fault.code)
		fault = tree_build(in->root, request->tree, request->tree_count);
	if (!fault.code)
		fault = canaries_record(store, in->root, request);
	if (fault.code)
		return fault;
	/* The states come first in the reply, so room for them is left. */
	if (lseek(descriptors[1], (off_t)request->canaries_count, SEEK_SET) < 0)
		return (struct fault){-errno, STEP_REPLY, 0};
	if (request->list_changes)
		code = changes_list_root(in, LISTING_BEFORE, descriptors[1], &reply->changes_cut);
	if (code)
		return (struct fault){code, STEP_REPLY, 1};
	run.start_ns = now_ns();
	fault = command_start(in, request, descriptors + 2, &run.pid);
	for (int i = 2; i < RUN_DESCRIPTORS; i++)
		(void)close(descriptors[i]);
	if (fault.code) {
		kill_all(&run);
		return fault;
	}
	supervise(in, request, &run);
	limits_read(in, request, reply);
	if (request->list_changes)
		code = changes_list_root(in, LISTING_AFTER, descriptors[1], &reply->changes_cut);
	if (!code && request->list_changes)
		code = changes_list_uppers(in, descriptors[1], &reply->changes_cut);
	if (!code && lseek(descriptors[1], 0, SEEK_SET) < 0)
		code = -errno;
	if (!code)
		code = canaries_check(store, in->root, request, descriptors[1]);
	return (struct fault){code, STEP_REPLY, 2};
}

/* One message from the caller while no command runs. */
static void serve(struct inside *in, struct canary_store *store)
{
	int descriptors[RUN_DESCRIPTORS];
	unsigned count;
	struct reply reply = {0};
	struct request *request;
	struct fault leave;
	int operation = message_receive(in->control, descriptors, &count);

	/* A stop that crossed the end of its command is late. */
	if (operation == OPERATION_STOP_OUTPUT)
		return;
	if (operation != OPERATION_RUN || count != RUN_DESCRIPTORS)
		_exit(0);
	request = request_map(descriptors[0]);
	if (request)
		reply.fault = command_run(in, request, descriptors, store, &reply);
	else
		reply.fault = (struct fault){-ENOMEM, STEP_MEMORY, 2};
	if (request)
		(void)munmap(request, request->size_bytes);
	leave = root_leave(in);
	if (send(in->control, &reply, sizeof(reply), MSG_NOSIGNAL) < 0 || leave.code)
		_exit(1);
	/* The descriptors of a command that did not start are still open, and so are the two memory files. */
	(void)close_range(in->first_free, ~0U, 0);
}

_Noreturn void inside_main(struct inside *in)
{
	struct canary_store store = {0};
	struct reply reply = {0};
	char go;
	int code;

	signals_reset();
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	oom_first();
	(void)syscall(SYS_setsid);
	code = descriptors_keep(in);
	/* The caller sets the id maps and then says so; if it is gone, so is this. */
	if (code || recv(in->control, &go, 1, 0) != 1)
		_exit(1);
	reply.fault = start(in);
	in->first_free = 1 + (in->proc > in->stage_ns ? in->proc : in->stage_ns);
	if (in->first_free <= in->signal_fd)
		in->first_free = in->signal_fd + 1;
	if (send(in->control, &reply, sizeof(reply), MSG_NOSIGNAL) < 0 || reply.fault.code)
		_exit(1);
	for (;;) {
		struct pollfd polls[2] = {{in->control, POLLIN, 0}, {in->caller_pidfd, POLLIN, 0}};

		if (poll(polls, 2, -1) < 0 && errno != EINTR)
			_exit(1);
		if (polls[1].revents)
			_exit(0);
		if (polls[0].revents)
			serve(in, &store);
	}
}
