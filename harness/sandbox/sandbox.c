/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The caller's side: starts PID 1 of the namespaces, sends commands, collects output. See hotbed/sandbox.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <hotbed/error.h>
#include <hotbed/sandbox.h>

#include "outside.h"

/* How much longer than the wall limit PID 1 may take before it is killed: it clears memory and unmounts meanwhile. */
#define GRACE_NS INT64_C(10000000000)

#define NAMESPACES                                                                                 \
	(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | \
		CLONE_NEWCGROUP)

struct hb_sandbox {
	struct hb_sandbox_spec *spec;
	int control; /* to PID 1 */
	int pidfd;   /* PID 1 */
};

static void close_one(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

static int64_t now_ns(void)
{
	struct timespec time;

	(void)clock_gettime(CLOCK_MONOTONIC, &time);
	return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static int namespaces_refused(int code, struct hb_error *reterr)
{
	if (code == -EPERM || code == -EACCES)
		return hb_error_set(reterr, -EPERM,
			"user namespaces are not allowed here; enable them with sysctl "
			"kernel.unprivileged_userns_clone=1 or "
			"kernel.apparmor_restrict_unprivileged_userns=0 "
			"(whichever exists), or leave the container, chroot or sandbox this runs "
			"in");
	if (code == -ENOSPC || code == -EUSERS)
		return hb_error_set(reterr, -EPERM,
			"no further user namespace is allowed: raise sysctl "
			"user.max_user_namespaces (and the "
			"other user.max_*_namespaces)");
	if (code == -ENOSYS || code == -EINVAL)
		return hb_error_set(reterr, -ENOSYS,
			"namespaces cannot be made: this runs inside a sandbox or container that "
			"hides clone3(), or "
			"the kernel is older than Linux 5.14 or built without user namespaces");
	return hb_error_set(
		reterr, code, "the namespaces cannot be made: %s", strerrordesc_np(-code));
}

/* Inside ids to one host id each. @host: the caller's own, or nobody's for root. */
static int maps_write(pid_t pid, unsigned inside, bool privileged, struct hb_error *reterr)
{
	char text[64];
	int code = 0;

	if (!privileged)
		code = map_write(pid, "setgroups", "deny");
	(void)snprintf(text, sizeof(text), "%u %u 1\n", inside, privileged ? NOBODY : getegid());
	if (!code)
		code = map_write(pid, "gid_map", text);
	(void)snprintf(text, sizeof(text), "%u %u 1\n", inside, privileged ? NOBODY : geteuid());
	if (!code)
		code = map_write(pid, "uid_map", text);
	if (!code)
		return 0;
	if (privileged)
		return hb_error_set(reterr, code,
			"user 65534 cannot be used for the sandbox: %s; a root that is confined to "
			"a "
			"namespace without it cannot be made weaker, run as an ordinary user",
			strerrordesc_np(-code));
	return hb_error_set(reterr, code,
		"the user id cannot be mapped: %s; see user_namespaces(7)", strerrordesc_np(-code));
}

/* Make the upper layer's folders, owned by who the command is outside. */
static int upper_make(const char *upper, bool privileged, struct hb_error *reterr)
{
	static const char *const names[] = {"upper", "work"};
	int folder = open(upper, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int code = 0;

	if (folder < 0) {
		code = -errno;
		return hb_error_set_at(reterr, code, upper, 0,
			"the folder for the upper layer cannot be opened: %s; make it first",
			strerrordesc_np(-code));
	}
	for (int i = 0; !code && i < 2; i++) {
		if (mkdirat(folder, names[i], 0755) < 0) {
			if (errno != EEXIST)
				code = -errno;
		} else if (privileged &&
			   fchownat(folder, names[i], NOBODY, NOBODY, AT_SYMLINK_NOFOLLOW) < 0) {
			code = -errno;
		}
	}
	(void)close(folder);
	if (!code)
		return 0;
	return hb_error_set_at(reterr, code, upper, 0, "the upper layer cannot be prepared: %s",
		strerrordesc_np(-code));
}

/*
 * What a root caller shows as an overlay looks like the command's own. The lower layer is read-only; what the command
 * writes, to the upper layer or a read-write mount, is nobody's on disk too: a program that it makes setuid there must
 * not become root's. A file system that cannot map ids is shown as it is: then the command may change nothing of it.
 */
static int mounts_prepare(
	const struct hb_sandbox_spec *spec, struct inside *in, struct hb_error *reterr)
{
	bool privileged = in->drop_groups;
	int code = 0;

	for (size_t i = 0; !code && i < spec->mounts_count; i++) {
		const struct hb_sandbox_mount *mount = &spec->mounts[i];

		if (privileged && mount->kind == HB_SANDBOX_OVERLAY)
			in->mapped_mount[i] = mapped_open(mount->source);
		if (mount->upper)
			code = upper_make(mount->upper, privileged, reterr);
	}
	return code;
}

/* Wait for @pidfd to end and collect it. It is no ordinary child: its end sends no signal, wait() does not see it. */
static void collect(int pidfd)
{
	siginfo_t info;

	while (waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED | __WALL) < 0 && errno == EINTR)
		;
}

static void end(struct hb_sandbox *sandbox)
{
	if (sandbox->pidfd < 0)
		return;
	(void)syscall(SYS_pidfd_send_signal, sandbox->pidfd, SIGKILL, NULL, 0);
	collect(sandbox->pidfd);
	close_one(&sandbox->pidfd);
	close_one(&sandbox->control);
}

static int ended(struct hb_error *reterr)
{
	return hb_error_set(reterr, -ECHILD,
		"the sandbox itself has ended, perhaps for want of memory; make a new one");
}

/* Wait for a reply until @deadline_ns. Returns 0, -ETIMEDOUT, or -ECHILD at the end of PID 1. */
static int reply_receive(struct hb_sandbox *sandbox, int64_t deadline_ns, struct reply *ret)
{
	for (;;) {
		struct pollfd poll_control = {sandbox->control, POLLIN, 0};
		int64_t wait_ms = (deadline_ns - now_ns()) / 1000000 + 1;
		ssize_t length;

		if (wait_ms <= 0)
			return -ETIMEDOUT;
		if (poll(&poll_control, 1, (int)(wait_ms < 1000000 ? wait_ms : 1000000)) <= 0)
			continue;
		length = recv(sandbox->control, ret, sizeof(*ret), 0);
		if (length < 0 && errno == EINTR)
			continue;
		return length == (ssize_t)sizeof(*ret) ? 0 : -ECHILD;
	}
}

/* The clone. In the child it does not return. */
static int process_start(struct inside *in, int *ret_pidfd, pid_t *ret_pid)
{
	int pidfd = -1;
	struct clone_args arguments = {
		.flags = NAMESPACES | CLONE_PIDFD,
		.pidfd = (uint64_t)(uintptr_t)&pidfd,
	};
	sigset_t all, before;
	long pid;
	int code;

	/* No handler of the caller may run in the copy. */
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	pid = syscall(SYS_clone3, &arguments, sizeof(arguments));
	if (pid == 0)
		inside_main(in);
	code = pid < 0 ? -errno : 0;
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (code)
		return code;
	*ret_pidfd = pidfd;
	*ret_pid = (pid_t)pid;
	return 0;
}

static int start(struct hb_sandbox *sandbox, struct inside *in, struct hb_error *reterr)
{
	bool privileged = in->drop_groups;
	struct reply reply;
	pid_t pid;
	int code = process_start(in, &sandbox->pidfd, &pid);

	if (code)
		return namespaces_refused(code, reterr);
	close_one(&in->control);
	code = maps_write(pid, in->uid, privileged, reterr);
	if (code)
		return code;
	if (send(sandbox->control, "", 1, MSG_NOSIGNAL) < 0)
		return ended(reterr);
	code = reply_receive(sandbox, now_ns() + GRACE_NS, &reply);
	if (code)
		return ended(reterr);
	if (reply.fault.code)
		return fault_describe(&reply.fault, sandbox->spec, NULL, reterr);
	return 0;
}

static int prepare(struct hb_sandbox *sandbox, struct inside *in, struct hb_error *reterr)
{
	int pair[2];
	int code = filter_get(sandbox->spec->shared_memory, &in->filter, reterr);

	if (code)
		return code;
	code = mounts_prepare(sandbox->spec, in, reterr);
	if (code)
		return code;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return hb_error_set(reterr, -errno,
			"no socket for the sandbox: %s; too many open files?",
			strerrordesc_np(errno));
	sandbox->control = pair[0];
	in->control = pair[1];
	in->caller_pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0);
	if (in->caller_pidfd < 0)
		return hb_error_set(reterr, -errno, "pidfd_open: %s; Linux 5.14 or newer is needed",
			strerrordesc_np(errno));
	return 0;
}

int hb_sandbox_create(
	const struct hb_sandbox_spec *spec, struct hb_sandbox **ret, struct hb_error *reterr)
{
	struct hb_sandbox *sandbox;
	struct inside *in;
	int code = spec ? spec_check(spec, reterr) : 0;

	if (code)
		return code;
	sandbox = calloc(1, sizeof(*sandbox));
	in = calloc(1, sizeof(*in));
	if (sandbox)
		sandbox->spec = spec_copy(spec);
	if (!sandbox || !in || !sandbox->spec) {
		free(sandbox);
		free(in);
		return hb_error_set(reterr, -ENOMEM, "no memory for a sandbox");
	}
	sandbox->control = sandbox->pidfd = -1;
	in->spec = sandbox->spec;
	in->uid = sandbox->spec->root_inside ? 0 : 1000;
	in->drop_groups = geteuid() == 0;
	in->control = in->caller_pidfd = in->area = in->root = -1;
	for (size_t i = 0; i < HB_SANDBOX_MOUNTS_MAX; i++)
		in->lower_fd[i] = in->upper_fd[i] = in->mapped_mount[i] = -1;
	code = prepare(sandbox, in, reterr);
	if (!code)
		code = start(sandbox, in, reterr);
	close_one(&in->control);
	close_one(&in->caller_pidfd);
	for (size_t i = 0; i < HB_SANDBOX_MOUNTS_MAX; i++) {
		close_one(&in->mapped_mount[i]);
	}
	free(in);
	if (code)
		hb_sandbox_destroy(sandbox);
	else
		*ret = sandbox;
	return code;
}

void hb_sandbox_destroy(struct hb_sandbox *sandbox)
{
	if (!sandbox)
		return;
	end(sandbox);
	close_one(&sandbox->control);
	free(sandbox->spec);
	free(sandbox);
}

/* One captured stream. */
struct capture {
	int fd;
	char *bytes;
	size_t used_bytes, capacity_bytes;
	size_t limit_bytes;
	bool over;
};

/*
 * Read a part of what there is; what is beyond the limit only shows that there is more. Returns 0, -EAGAIN if there
 * is nothing now, or -ENOMEM; the descriptor is closed at the end of the stream.
 */
static int capture_read(struct capture *capture)
{
	char rest[4096];
	ssize_t count;

	if (capture->used_bytes == capture->limit_bytes) {
		count = read(capture->fd, rest, sizeof(rest));
		if (count > 0)
			capture->over = true;
	} else {
		if (capture->used_bytes == capture->capacity_bytes) {
			size_t capacity =
				capture->capacity_bytes ? 2 * capture->capacity_bytes : 4096;
			char *bytes;

			if (capacity > capture->limit_bytes)
				capacity = capture->limit_bytes;
			bytes = realloc(capture->bytes, capacity + 1);
			if (!bytes)
				return -ENOMEM;
			capture->bytes = bytes;
			capture->capacity_bytes = capacity;
		}
		count = read(capture->fd, capture->bytes + capture->used_bytes,
			capture->capacity_bytes - capture->used_bytes);
		if (count > 0)
			capture->used_bytes += (size_t)count;
	}
	if (count < 0 && errno == EAGAIN)
		return -EAGAIN;
	if (count == 0 || (count < 0 && errno != EINTR))
		close_one(&capture->fd);
	return 0;
}

static int capture_end(struct capture *capture, char **ret, size_t *ret_bytes)
{
	if (!capture->bytes) {
		capture->bytes = malloc(1);
		if (!capture->bytes)
			return -ENOMEM;
	}
	capture->bytes[capture->used_bytes] = '\0';
	*ret = capture->bytes;
	*ret_bytes = capture->used_bytes;
	capture->bytes = NULL;
	return 0;
}

/* A command on its way: what is sent to PID 1 and what is kept here. */
struct run {
	int sent[RUN_DESCRIPTORS];
	int reply; /* also sent */
	struct capture captures[2];
	struct reply result;
	bool stop_sent;
};

static int input_open(const struct hb_sandbox_command *command)
{
	char path[32];
	int fd, reader, code;

	if (command->input_bytes == 0) {
		fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
		return fd < 0 ? -errno : fd;
	}
	fd = memfd_create("input", MFD_CLOEXEC);
	if (fd < 0)
		return -errno;
	code = write_all(fd, command->input, command->input_bytes);
	/* A second open, so that what is standard input inside cannot be written. */
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (!code && fchmod(fd, 0444) < 0)
		code = -errno;
	reader = code ? code : open(path, O_RDONLY | O_CLOEXEC);
	if (!code && reader < 0)
		reader = -errno;
	(void)close(fd);
	return reader;
}

static int run_open(const struct hb_sandbox_command *command, struct run *run)
{
	struct hb_sandbox_limits limits = limits_complete(&command->limits);

	run->sent[0] = request_write(command);
	if (run->sent[0] < 0)
		return run->sent[0];
	run->sent[1] = run->reply = memfd_create("reply", MFD_CLOEXEC);
	if (run->reply < 0)
		return -errno;
	run->sent[2] = input_open(command);
	if (run->sent[2] < 0)
		return run->sent[2];
	for (int i = 0; i < 2; i++) {
		int ends[2];

		if (pipe2(ends, O_CLOEXEC) < 0)
			return -errno;
		run->captures[i].fd = ends[0];
		run->captures[i].limit_bytes = (size_t)limits.output_bytes;
		run->sent[3 + i] = ends[1];
		if (fcntl(ends[0], F_SETFL, O_NONBLOCK) < 0)
			return -errno;
	}
	return 0;
}

static int run_send(struct hb_sandbox *sandbox, const struct run *run)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(run->sent))];
	} ancillary = {0};
	char operation = OPERATION_RUN;
	struct iovec data = {&operation, 1};
	struct msghdr message = {.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = &ancillary,
		.msg_controllen = sizeof(ancillary)};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(run->sent));
	memcpy(CMSG_DATA(header), run->sent, sizeof(run->sent));
	return sendmsg(sandbox->control, &message, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* What is in the pipes. The reading ends do not block. */
static int captures_read(struct hb_sandbox *sandbox, struct run *run)
{
	for (int i = 0; i < 2; i++) {
		struct capture *capture = &run->captures[i];
		char operation = OPERATION_STOP_OUTPUT;
		int code = 0;

		/* What floods is not read on: it waits in write() for its end. */
		while (!code && capture->fd >= 0 && !capture->over)
			code = capture_read(capture);
		if (code == -ENOMEM)
			return code;
		if (!capture->over || run->stop_sent)
			continue;
		(void)send(sandbox->control, &operation, 1, MSG_NOSIGNAL);
		run->stop_sent = true;
	}
	return 0;
}

/*
 * Read both streams until the reply comes, and then what is left in them. All writers are dead by then, so the end of
 * the streams need not be waited for: a command can hide a pipe's end in a socket that is freed later.
 */
static int run_follow(struct hb_sandbox *sandbox, struct run *run, int64_t deadline_ns)
{
	for (;;) {
		struct pollfd polls[3] = {{sandbox->control, POLLIN, 0},
			{run->captures[0].over ? -1 : run->captures[0].fd, POLLIN, 0},
			{run->captures[1].over ? -1 : run->captures[1].fd, POLLIN, 0}};
		int64_t wait_ms = (deadline_ns - now_ns()) / 1000000 + 1;
		int code;

		if (wait_ms <= 0)
			return -ETIMEDOUT;
		if (poll(polls, 3, (int)(wait_ms < 1000000 ? wait_ms : 1000000)) < 0)
			continue;
		code = polls[0].revents ? reply_receive(sandbox, deadline_ns, &run->result) : 0;
		if (!code)
			code = captures_read(sandbox, run);
		if (code || polls[0].revents)
			return code;
	}
}

static int result_fill(const struct hb_sandbox *sandbox, const struct hb_sandbox_command *command,
	struct run *run, struct hb_sandbox_result *ret)
{
	const struct reply *reply = &run->result;
	int code = listing_read(run->reply, sandbox->spec, command, ret);

	if (!code)
		code = capture_end(&run->captures[0], &ret->output, &ret->output_bytes);
	if (!code)
		code = capture_end(&run->captures[1], &ret->error, &ret->error_bytes);
	ret->exit_status = WIFEXITED(reply->status) ? WEXITSTATUS(reply->status) : -1;
	ret->signal = WIFSIGNALED(reply->status) ? WTERMSIG(reply->status) : 0;
	ret->limits = reply->limits;
	if (run->stop_sent)
		ret->limits |= HB_SANDBOX_LIMIT_OUTPUT;
	ret->wall_ns = reply->wall_ns;
	ret->user_ns = reply->user_ns;
	ret->system_ns = reply->system_ns;
	ret->memory_peak_bytes = reply->memory_peak_bytes;
	ret->processes_peak = reply->processes_peak;
	if (reply->changes_cut)
		ret->changes_cut = true;
	return code;
}

static void run_close(struct run *run)
{
	for (int i = 0; i < RUN_DESCRIPTORS; i++)
		close_one(&run->sent[i]);
	for (int i = 0; i < 2; i++) {
		close_one(&run->captures[i].fd);
		free(run->captures[i].bytes);
	}
}

int hb_sandbox_run(struct hb_sandbox *sandbox, const struct hb_sandbox_command *command,
	struct hb_sandbox_result *ret, struct hb_error *reterr)
{
	struct run run = {.sent = {-1, -1, -1, -1, -1}, .captures = {{.fd = -1}, {.fd = -1}}};
	struct hb_sandbox_result result = {0};
	int64_t wall_ns;
	int code = command_check(command, reterr);

	if (code)
		return code;
	if (sandbox->pidfd < 0)
		return ended(reterr);
	code = run_open(command, &run);
	if (code) {
		run_close(&run);
		return hb_error_set(reterr, code, "the command cannot be sent to the sandbox: %s",
			strerrordesc_np(-code));
	}
	wall_ns = limits_complete(&command->limits).wall_ns;
	code = run_send(sandbox, &run);
	/* The pipes end when the command's ends are closed, so none may stay open here. */
	for (int i = 2; i < RUN_DESCRIPTORS; i++)
		close_one(&run.sent[i]);
	if (!code)
		code = run_follow(sandbox, &run,
			wall_ns < INT64_MAX / 4 ? now_ns() + wall_ns + GRACE_NS : INT64_MAX / 2);
	if (code) {
		end(sandbox);
		code = code == -ENOMEM
			       ? hb_error_set(reterr, code, "no memory for the captured output")
			       : ended(reterr);
	} else if (run.result.fault.code) {
		code = fault_describe(&run.result.fault, sandbox->spec, command, reterr);
	} else {
		code = result_fill(sandbox, command, &run, &result);
		if (code)
			(void)hb_error_set(reterr, code,
				"the result of the command cannot be read: %s",
				strerrordesc_np(-code));
	}
	run_close(&run);
	if (code)
		hb_sandbox_result_finish(&result);
	else
		*ret = result;
	return code;
}

int hb_sandbox_run_batch(struct hb_sandbox *sandbox, const struct hb_sandbox_command *commands,
	size_t count, struct hb_sandbox_result *results, struct hb_error *reterr)
{
	for (size_t i = 0; i < count; i++) {
		int code = hb_sandbox_run(sandbox, &commands[i], &results[i], reterr);

		if (!code)
			continue;
		if (reterr)
			(void)hb_error_wrap(reterr, "command %zu", i);
		while (i-- > 0)
			hb_sandbox_result_finish(&results[i]);
		return code;
	}
	return 0;
}

int hb_sandbox_run_once(const struct hb_sandbox_spec *spec,
	const struct hb_sandbox_command *command, struct hb_sandbox_result *ret,
	struct hb_error *reterr)
{
	struct hb_sandbox *sandbox;
	int code = command_check(command, reterr);

	if (!code)
		code = hb_sandbox_create(spec, &sandbox, reterr);
	if (code)
		return code;
	code = hb_sandbox_run(sandbox, command, ret, reterr);
	hb_sandbox_destroy(sandbox);
	return code;
}

void hb_sandbox_result_finish(struct hb_sandbox_result *result)
{
	free(result->output);
	free(result->error);
	free(result->canaries);
	free(result->changes);
	free(result->text);
	*result = (struct hb_sandbox_result){0};
}

int hb_sandbox_probe(struct hb_error *reterr)
{
	struct hb_sandbox *sandbox;
	int code = hb_sandbox_create(NULL, &sandbox, reterr);

	if (!code)
		hb_sandbox_destroy(sandbox);
	return code;
}
