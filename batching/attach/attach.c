/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <batching/attach.h>

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <hotbed/clock.h>
#include <hotbed/csv.h>
#include <hotbed/error.h>

#include <batching/qsum.h>
#include <batching/tracker.h>

#include "bpf/layout.h"
#include "keeper.h"
#include "target.h"

#define SCAN_NS 20000000
/* Where no descriptor seems to have come or gone, one may have replaced another: all are looked through. */
#define SCAN_ALL_NS 200000000
#define PATH_BYTES 64
#define LINK_BYTES 16
#define TCP_STATE_ESTABLISHED 1
#define TCP_STATE_CLOSE_WAIT 8

struct watched {
	uint64_t cookie; /* 0: free */
	int number;
	uint32_t seen_by; /* the scan that saw it last */
	int64_t found_ns;
	bool is_late;    /* opened while we were attached */
	bool is_changed; /* by us */
	int16_t place;   /* in the tracker; -1: none */
	struct target_options own, wanted;
	uint64_t acked, received, read; /* of the socket, at the last sample */
	uint32_t unacked_size, unread_size, segments;
	int64_t held_ns;        /* since when bytes are held unsent; 0: not */
	uint32_t held_segments; /* sent by then: a further one means that the bytes moved */
};

struct bat_attach {
	pid_t pid;
	int pidfd;
	uint16_t port;
	int64_t hold_max_ns;
	bool has_mode;
	enum bat_socket_mode mode;
	uint32_t scans;
	int64_t scanned_ns, counted_ns;
	int64_t descriptors; /* when they were looked through; 0: not known, or one is gone since */
	struct bat_attach_sample sums;
	struct keeper keeper;
	struct bat_tracker *tracker; /* may be NULL */
	struct bat_reading
		gone[BAT_QUEUE_COUNT]; /* departed and integral of sockets that are closed */
	struct watched sockets[BAT_ATTACH_SOCKETS_MAX];
};

_Static_assert(
	sizeof(struct watched) + sizeof(struct keeper_entry) + sizeof(struct tracker_socket) <= 256,
	"the state of a connection stays small");

static uint16_t port_of(const struct sockaddr_storage *address)
{
	if (address->ss_family == AF_INET)
		return ntohs(((const struct sockaddr_in *)address)->sin_port);
	if (address->ss_family == AF_INET6)
		return ntohs(((const struct sockaddr_in6 *)address)->sin6_port);
	return 0;
}

/* A TCP connection, on the port that was asked for. */
static bool is_wanted(int fd, uint16_t port)
{
	struct sockaddr_storage local = {0}, remote = {0};
	socklen_t local_size = sizeof(local), remote_size = sizeof(remote);
	int protocol = 0;
	socklen_t size = sizeof(protocol);

	if (getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &size) || protocol != IPPROTO_TCP)
		return false;
	/* A listener has no peer. */
	if (getpeername(fd, (struct sockaddr *)&remote, &remote_size) ||
		getsockname(fd, (struct sockaddr *)&local, &local_size))
		return false;
	return port == 0 || port_of(&local) == port || port_of(&remote) == port;
}

static struct watched *find(struct bat_attach *attach, uint64_t cookie)
{
	struct watched *unused = NULL;

	for (int i = 0; i < BAT_ATTACH_SOCKETS_MAX; i++) {
		struct watched *socket = &attach->sockets[i];

		if (socket->cookie == cookie)
			return socket;
		if (socket->cookie == 0 && !unused)
			unused = socket;
	}
	return unused;
}

static void track(struct bat_attach *attach, struct watched *socket)
{
	int place = attach->tracker ? bat_tracker_watch(attach->tracker, socket->cookie) : -1;

	socket->place = (int16_t)(place < 0 ? -1 : place);
}

static void untrack(struct bat_attach *attach, const struct watched *socket)
{
	struct bat_reading queues[BAT_QUEUE_COUNT];

	if (!attach->tracker || socket->place < 0)
		return;
	/* What is still in a queue never leaves it: only what has been counted stays. */
	if (bat_tracker_read(attach->tracker, socket->place, bat_tracker_now_ns(), queues) == 0) {
		for (int q = 0; q < BAT_QUEUE_COUNT; q++) {
			attach->gone[q].departed += queues[q].departed;
			attach->gone[q].integral += queues[q].integral;
		}
	}
	bat_tracker_forget(attach->tracker, socket->place, socket->cookie);
}

static void forget(struct bat_attach *attach, struct watched *socket)
{
	untrack(attach, socket);
	/* Its number may have been given to a new socket, and then there are as many as before. */
	attach->descriptors = 0;
	atomic_store(&attach->keeper.entries[socket - attach->sockets].changed, false);
	*socket = (struct watched){0};
}

/* What the kernel counts of one socket. */
static int measure(int fd, struct watched *socket, int64_t now_ns)
{
	struct tcp_info info = {0};
	socklen_t size = sizeof(info);
	int unacked = 0, unread = 0;

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size))
		return -errno;
	if (info.tcpi_state < TCP_STATE_ESTABLISHED || info.tcpi_state > TCP_STATE_CLOSE_WAIT ||
		ioctl(fd, SIOCOUTQ, &unacked) || ioctl(fd, SIOCINQ, &unread))
		return -ENOTCONN;
	socket->acked = info.tcpi_bytes_acked;
	socket->received = info.tcpi_bytes_received;
	/* Read beside each other, so that a moment's difference must not look like reading backwards. */
	if (socket->received - (uint32_t)unread > socket->read ||
		socket->received < (uint32_t)unread)
		socket->read = socket->received - (uint32_t)unread;
	socket->unacked_size = (uint32_t)unacked;
	socket->unread_size = (uint32_t)unread;
	if (info.tcpi_notsent_bytes == 0) {
		socket->held_ns = 0;
	} else if (socket->held_ns == 0 || socket->held_segments != info.tcpi_data_segs_out) {
		socket->held_ns = now_ns;
		socket->held_segments = info.tcpi_data_segs_out;
	}
	socket->segments = info.tcpi_data_segs_out;
	return 0;
}

/* A socket that was not known, or is known and still there. */
static void meet(struct bat_attach *attach, int number, int64_t now_ns)
{
	int fd = target_take(attach->pidfd, number);
	struct watched *socket;
	uint64_t cookie;

	if (fd < 0)
		return;
	if (target_cookie(fd, &cookie) || !is_wanted(fd, attach->port))
		goto out;
	socket = find(attach, cookie);
	if (!socket)
		goto out; /* more than we can watch: the others stay as they are */
	if (socket->cookie == 0) {
		struct watched fresh = {.cookie = cookie,
			.number = number,
			.found_ns = now_ns,
			.is_late = attach->scans > 1};

		if (measure(fd, &fresh, now_ns) || target_get(fd, &fresh.own))
			goto out;
		*socket = fresh;
		track(attach, socket);
	}
	socket->seen_by = attach->scans;
out:
	(void)close(fd);
}

/* How many descriptors the process has; 0 where the kernel does not say (before Linux 6.2). */
static int64_t count_descriptors(const struct bat_attach *attach)
{
	char path[PATH_BYTES];
	struct stat status;

	(void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)attach->pid);
	return stat(path, &status) ? 0 : status.st_size;
}

static int scan(struct bat_attach *attach, int64_t now_ns)
{
	int64_t descriptors = count_descriptors(attach);
	char path[PATH_BYTES], name[LINK_BYTES];
	struct dirent *entry;
	DIR *folder;

	(void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)attach->pid);
	folder = opendir(path);
	if (!folder)
		return errno == ENOENT ? -ESRCH : -errno;
	attach->scans++;
	attach->scanned_ns = attach->counted_ns = now_ns;
	while ((entry = readdir(folder))) {
		ssize_t length = readlinkat(dirfd(folder), entry->d_name, name, sizeof(name));
		uint64_t number;

		if (length >= 8 && memcmp(name, "socket:[", 8) == 0 &&
			hb_csv_parse_u64(entry->d_name, &number) == 0 && number <= INT32_MAX)
			meet(attach, (int)number, now_ns);
	}
	(void)closedir(folder);
	for (int i = 0; i < BAT_ATTACH_SOCKETS_MAX; i++) {
		struct watched *socket = &attach->sockets[i];

		if (socket->cookie != 0 && socket->seen_by != attach->scans)
			forget(attach, socket);
	}
	/* Counted before: what came since makes the next count differ. */
	attach->descriptors = descriptors;
	return 0;
}

/* Looking through all descriptors costs more than all else: mostly it is enough to count them. */
static bool is_scan_due(struct bat_attach *attach, int64_t now_ns)
{
	if (attach->scans == 0 || now_ns - attach->scanned_ns >= SCAN_ALL_NS)
		return true;
	if (now_ns - attach->counted_ns < SCAN_NS)
		return false;
	attach->counted_ns = now_ns;
	return attach->descriptors == 0 || count_descriptors(attach) != attach->descriptors;
}

static bool same(const struct target_options *a, const struct target_options *b)
{
	return a->nodelay == b->nodelay && a->cork == b->cork;
}

/* The program may have set an option itself: then that is what it wants back. */
static void notice(struct bat_attach *attach, int fd, struct watched *socket)
{
	struct target_options now;

	if (target_get(fd, &now))
		return;
	if (!socket->is_changed) {
		socket->own = now;
	} else if (!same(&now, &socket->wanted)) {
		struct keeper_entry *entry = &attach->keeper.entries[socket - attach->sockets];

		socket->own = now;
		entry->found = now;
		socket->is_changed = false;
		attach->sums.overridden++;
	}
}

static void change(struct bat_attach *attach, int fd, struct watched *socket, int64_t now_ns)
{
	struct keeper_entry *entry = &attach->keeper.entries[socket - attach->sockets];
	struct target_options wanted = target_options_of(attach->mode);

	if (socket->is_late && now_ns - socket->found_ns < SCAN_NS)
		return;
	if (socket->is_changed && same(&wanted, &socket->wanted))
		return;
	/* First noted, then done: whoever ends in between restores what is still there. */
	entry->cookie = socket->cookie;
	entry->number = socket->number;
	entry->found = socket->own;
	atomic_store(&entry->changed, true);
	if (target_set(fd, &wanted) == 0) {
		socket->is_changed = true;
		socket->wanted = wanted;
	}
}

/* Setting nodelay and clearing cork send what is held; then all is as it was. */
static void push(struct bat_attach *attach, int fd, struct watched *socket)
{
	static const struct target_options at_once = {true, false};

	if (target_set(fd, &at_once) == 0 && target_set(fd, &socket->wanted) == 0)
		attach->sums.pushed++;
	socket->held_ns = 0;
}

static void add_up(
	struct bat_attach *attach, const struct watched *before, const struct watched *now)
{
	struct bat_attach_sample *sums = &attach->sums;

	sums->sockets++;
	sums->unacked_size += now->unacked_size;
	sums->unread_size += now->unread_size;
	sums->unacked_departed += now->acked - before->acked;
	sums->unread_departed += now->read - before->read;
	sums->segments += now->segments - before->segments;
}

static int visit(struct bat_attach *attach, struct watched *socket, int64_t now_ns)
{
	int fd = target_take(attach->pidfd, socket->number);
	struct watched before = *socket;
	uint64_t cookie;

	if (fd == -ESRCH || fd == -EPERM)
		return fd;
	if (fd < 0) {
		forget(attach, socket);
		return 0;
	}
	if (target_cookie(fd, &cookie) || cookie != socket->cookie || measure(fd, socket, now_ns)) {
		forget(attach, socket);
	} else {
		notice(attach, fd, socket);
		if (attach->has_mode)
			change(attach, fd, socket, now_ns);
		if (socket->is_changed && socket->held_ns != 0 &&
			attach->mode != BAT_SOCKET_NODELAY &&
			now_ns - socket->held_ns >= attach->hold_max_ns)
			push(attach, fd, socket);
		add_up(attach, &before, socket);
	}
	(void)close(fd);
	return 0;
}

static bool has_ended(const struct bat_attach *attach)
{
	struct pollfd end = {attach->pidfd, POLLIN, 0};

	/* It becomes readable when the process ends, whether or not its parent has waited for it. */
	return poll(&end, 1, 0) > 0;
}

int bat_attach_sample(struct bat_attach *attach, struct bat_attach_sample *ret)
{
	int64_t now_ns = hb_clock_now_ns();
	int err = 0;

	if (has_ended(attach))
		return -ESRCH;
	if (is_scan_due(attach, now_ns))
		err = scan(attach, now_ns);
	attach->sums.time_ns = now_ns;
	attach->sums.sockets = 0;
	attach->sums.unacked_size = attach->sums.unread_size = 0;
	for (int i = 0; i < BAT_ATTACH_SOCKETS_MAX && !err; i++) {
		if (attach->sockets[i].cookie != 0)
			err = visit(attach, &attach->sockets[i], now_ns);
	}
	if (!err)
		*ret = attach->sums;
	return err;
}

void bat_attach_track(struct bat_attach *attach, struct bat_tracker *tracker)
{
	attach->tracker = tracker;
	for (int i = 0; i < BAT_ATTACH_SOCKETS_MAX; i++) {
		if (attach->sockets[i].cookie != 0)
			track(attach, &attach->sockets[i]);
	}
}

int bat_attach_queues(struct bat_attach *attach, int64_t now_ns, struct bat_reading *ret)
{
	struct bat_reading sums[BAT_QUEUE_COUNT], queues[BAT_QUEUE_COUNT];

	for (int q = 0; q < BAT_QUEUE_COUNT; q++) {
		sums[q] = attach->gone[q];
		sums[q].time_ns = now_ns;
	}
	for (int i = 0; i < BAT_ATTACH_SOCKETS_MAX && attach->tracker; i++) {
		const struct watched *socket = &attach->sockets[i];
		int err;

		if (socket->cookie == 0 || socket->place < 0)
			continue;
		err = bat_tracker_read(attach->tracker, socket->place, now_ns, queues);
		if (err == -ENODATA)
			continue;
		if (err)
			return err;
		for (int q = 0; q < BAT_QUEUE_COUNT; q++)
			bat_reading_merge(&sums[q], &queues[q]);
	}
	memcpy(ret, sums, sizeof(sums));
	return 0;
}

int bat_attach_set(struct bat_attach *attach, enum bat_socket_mode mode)
{
	struct bat_attach_sample sample;

	attach->has_mode = true;
	attach->mode = mode;
	return bat_attach_sample(attach, &sample);
}

/* Whether the process lets itself be watched: only its descriptors tell. */
static int try(struct bat_attach *attach, struct hb_error *reterr)
{
	int err = scan(attach, hb_clock_now_ns()), fd;

	if (!err) {
		fd = target_take(attach->pidfd, 0);
		if (fd >= 0)
			(void)close(fd);
		err = fd == -EPERM || fd == -ESRCH || fd == -ENOSYS ? fd : 0;
	}
	if (err == -EPERM || err == -EACCES)
		return hb_error_set(reterr, -EPERM,
			"the sockets of process %d may not be taken; run as the same user, where "
			"kernel.yama.ptrace_scope is 0, or with CAP_SYS_PTRACE",
			(int)attach->pid);
	if (err == -ESRCH)
		return hb_error_set(reterr, err, "process %d has ended", (int)attach->pid);
	if (err)
		return hb_error_set(reterr, err, "cannot look into process %d: %s",
			(int)attach->pid, strerror(-err));
	return 0;
}

int bat_attach_create(struct bat_attach **ret, pid_t pid, uint16_t port, int64_t hold_max_ns,
	struct hb_error *reterr)
{
	struct bat_attach *attach;
	int err;

	if (pid <= 0 || hold_max_ns <= 0)
		return hb_error_set(reterr, -EINVAL,
			"a process has a number above 0, and a hold a length, not %d and %" PRId64
			" ns",
			(int)pid, hold_max_ns);
	attach = calloc(1, sizeof(*attach));
	if (!attach)
		return hb_error_set(reterr, -ENOMEM, "no memory for an attachment");
	attach->pid = pid;
	attach->port = port;
	attach->hold_max_ns = hold_max_ns;
	attach->pidfd = pidfd_open(pid, 0);
	if (attach->pidfd < 0) {
		err = -errno;
		free(attach);
		/* EINVAL is said of a thread that is not its process's first. */
		if (err == -ESRCH || err == -EINVAL)
			return hb_error_set(reterr, -ESRCH, "no process has number %d", (int)pid);
		return hb_error_set(
			reterr, err, "cannot open process %d: %s", (int)pid, strerror(-err));
	}
	err = keeper_start(&attach->keeper, attach->pidfd);
	if (err) {
		(void)close(attach->pidfd);
		free(attach);
		return hb_error_set(reterr, err, "cannot start the keeper: %s", strerror(-err));
	}
	err = try(attach, reterr);
	if (err)
		bat_attach_destroy(attach, NULL);
	else
		*ret = attach;
	return err;
}

void bat_attach_destroy(struct bat_attach *attach, uint32_t *ret_restored)
{
	uint32_t restored = 0;

	if (!attach)
		return;
	for (int i = 0; i < BAT_ATTACH_SOCKETS_MAX; i++) {
		restored += keeper_restore(attach->pidfd, &attach->keeper.entries[i]) == 1;
		if (attach->sockets[i].cookie != 0)
			untrack(attach, &attach->sockets[i]);
	}
	keeper_end(&attach->keeper);
	(void)close(attach->pidfd);
	free(attach);
	if (ret_restored)
		*ret_restored = restored;
}
