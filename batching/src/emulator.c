/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Carrying frames between two TAP devices, and the programs at their ends. The programs' parent is the first process of
 * a process namespace and dies with this one, so that the kernel kills all that they have started.
 */
#include <batching/emulator.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <hotbed/assert.h>
#include <hotbed/error.h>

#include "emulator_hosts.h"

#define ETHERNET_BYTES 18 /* header and one VLAN tag */
#define READS_MAX 64      /* frames from one device before the other has its turn */
#define NS_PER_S INT64_C(1000000000)
#define KILLED 137 /* 128 + SIGKILL, as shells say it */

struct frame {
	struct frame *next;
	int64_t due_ns;
	uint32_t bytes;
	uint8_t data[];
};

/* Frames in the order of their times. Those that skip the delay have a line of their own, in order, too. */
struct line {
	struct frame *first, *last;
};

enum { IN_ORDER, SKIPPING, LINES };

struct way {
	struct bat_link link;
	struct line lines[LINES];
	uint32_t waiting;
	struct bat_emulator_direction stats;
};

/* What the programs' parent tells, in memory that both see. */
struct report {
	bool ended[BAT_EMULATOR_HOSTS];
	int codes[BAT_EMULATOR_HOSTS];
};

struct emulator {
	const struct bat_emulator_options *options;
	struct hosts hosts;
	struct way ways[BAT_EMULATOR_HOSTS];
	uint8_t buffer[BAT_EMULATOR_MTU_MAX + ETHERNET_BYTES];
	struct report *report; /* shared */
	pid_t parent;          /* of the programs; 0 = none yet */
	int parent_fd, go[2];
};

static int64_t now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * NS_PER_S + now.tv_nsec;
}

/* ---- frames ---- */

static void append(struct line *line, struct frame *frame)
{
	if (line->last)
		line->last->next = frame;
	else
		line->first = frame;
	line->last = frame;
}

static struct frame *take(struct line *line)
{
	struct frame *frame = line->first;

	line->first = frame->next;
	if (!line->first)
		line->last = NULL;
	return frame;
}

/* Frames that @way has waiting in both of its lines, the one that is due first; NULL if there is none. */
static struct line *first_line(struct way *way)
{
	struct line *order = &way->lines[IN_ORDER], *skip = &way->lines[SKIPPING];

	if (!order->first || !skip->first)
		return order->first ? order : skip->first ? skip : NULL;
	return skip->first->due_ns < order->first->due_ns ? skip : order;
}

static void admit(struct emulator *emulator, int from, uint32_t bytes)
{
	struct way *way = &emulator->ways[from];
	int64_t due_ns;
	enum bat_link_fate fate = bat_link_admit(&way->link, now_ns(), bytes, &due_ns);
	struct frame *frame;

	way->stats.frames++;
	way->stats.bytes += bytes;
	if (fate == BAT_LINK_LOST) {
		way->stats.lost++;
		return;
	}
	frame = way->waiting < emulator->options->queue_frames ? malloc(sizeof(*frame) + bytes)
							       : NULL;
	if (!frame) {
		way->stats.dropped++;
		return;
	}
	way->stats.reordered += fate == BAT_LINK_REORDERED;
	way->waiting++;
	*frame = (struct frame){.due_ns = due_ns, .bytes = bytes};
	memcpy(frame->data, emulator->buffer, bytes);
	append(&way->lines[fate == BAT_LINK_REORDERED ? SKIPPING : IN_ORDER], frame);
}

/* Returns 0, or -ENODEV if the device is gone. */
static int receive(struct emulator *emulator, int from)
{
	for (int i = 0; i < READS_MAX; i++) {
		ssize_t bytes = read(
			emulator->hosts.taps[from], emulator->buffer, sizeof(emulator->buffer));

		if (bytes < 0 && errno != EAGAIN && errno != EINTR)
			return -ENODEV;
		if (bytes <= 0)
			return 0;
		admit(emulator, from, (uint32_t)bytes);
	}
	return 0;
}

/* Carries what is due. Returns when the next frame will be, INT64_MAX if there is none. */
static int64_t deliver(struct emulator *emulator, int from)
{
	struct way *way = &emulator->ways[from];
	struct line *line;

	while ((line = first_line(way))) {
		int64_t late_ns = now_ns() - line->first->due_ns;
		struct frame *frame;

		if (late_ns < 0)
			return line->first->due_ns;
		frame = take(line);
		way->waiting--;
		if (write(emulator->hosts.taps[1 - from], frame->data, frame->bytes) ==
			(ssize_t)frame->bytes) {
			way->stats.carried++;
			way->stats.late_mean_ns += ((double)late_ns - way->stats.late_mean_ns) /
						   (double)way->stats.carried;
			if (late_ns > way->stats.late_max_ns)
				way->stats.late_max_ns = late_ns;
		} else {
			way->stats.dropped++;
		}
		free(frame);
	}
	return INT64_MAX;
}

/* Until the programs are over or @options->stop_fd is readable. */
static int carry(struct emulator *emulator, struct hb_error *reterr)
{
	struct pollfd waits[] = {
		{.fd = emulator->hosts.taps[0], .events = POLLIN},
		{.fd = emulator->hosts.taps[1], .events = POLLIN},
		{.fd = emulator->parent_fd, .events = POLLIN},
		{.fd = emulator->options->stop_fd, .events = POLLIN},
	};

	for (;;) {
		int64_t next_ns = INT64_MAX;
		struct timespec timeout;
		int count;

		for (int from = 0; from < BAT_EMULATOR_HOSTS; from++) {
			int64_t due_ns = deliver(emulator, from);

			next_ns = due_ns < next_ns ? due_ns : next_ns;
		}
		if (next_ns < INT64_MAX) {
			int64_t left_ns = next_ns - now_ns();

			left_ns = left_ns > 0 ? left_ns : 0;
			timeout = (struct timespec){left_ns / NS_PER_S, left_ns % NS_PER_S};
		}
		count = ppoll(waits, sizeof(waits) / sizeof(waits[0]),
			next_ns < INT64_MAX ? &timeout : NULL, NULL);
		if (count < 0 && errno != EINTR)
			return hb_error_set(reterr, -errno, "ppoll: %s", strerror(errno));
		if (count <= 0)
			continue;
		if (waits[2].revents || waits[3].revents)
			return 0;
		for (int from = 0; from < BAT_EMULATOR_HOSTS; from++)
			if (waits[from].revents && receive(emulator, from))
				return hb_error_set(reterr, -ENODEV,
					"somebody removed the device of the %s host",
					from == 0 ? "left" : "right");
	}
}

/* ---- programs ---- */

static int code_of(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static pid_t start_program(struct emulator *emulator, int host)
{
	const struct bat_emulator_options *options = emulator->options;
	pid_t pid = options->programs[host] ? fork() : 0;
	int status;

	if (pid != 0 || !options->programs[host])
		return pid;
	if (setns(emulator->hosts.namespaces[host], CLONE_NEWNET))
		_exit(KILLED);
	status = options->programs[host](options->users[host]);
	(void)fflush(NULL);
	_exit(status);
}

/* In the first process of the process namespace: when it ends, the kernel kills all others there. */
static int watch_programs(struct emulator *emulator)
{
	int last = emulator->options->programs[0] ? 0 : 1; /* whose end is the end */
	pid_t pids[BAT_EMULATOR_HOSTS], pid;
	int status;

	for (int host = BAT_EMULATOR_HOSTS - 1; host >= 0; host--)
		pids[host] = start_program(emulator, host);
	if (pids[0] < 0 || pids[1] < 0)
		return KILLED;
	/* Orphans become children of this one. */
	while ((pid = wait(&status)) > 0 || errno == EINTR) {
		for (int host = 0; host < BAT_EMULATOR_HOSTS; host++) {
			if (pid != pids[host] || pid <= 0)
				continue;
			emulator->report->codes[host] = code_of(status);
			emulator->report->ended[host] = true;
			if (host == last)
				return 0;
		}
	}
	for (;;)
		(void)pause();
}

/* This process in the right host's namespace, in a new process namespace. */
static int start_parent(struct emulator *emulator, struct hb_error *reterr)
{
	char byte;

	if (pipe2(emulator->go, O_CLOEXEC))
		return hb_error_set(reterr, -errno, "pipe: %s", strerror(errno));
	(void)fflush(NULL); /* or the children would write it again */
	emulator->parent = fork();
	if (emulator->parent < 0)
		return hb_error_set(reterr, -errno, "fork: %s", strerror(errno));
	if (emulator->parent == 0) {
		/* Whoever died before this line left the pipe without a writer. */
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)close(emulator->go[1]);
		if (setns(emulator->hosts.namespaces[1], CLONE_NEWNET) ||
			read(emulator->go[0], &byte, 1) != 1)
			_exit(KILLED);
		(void)close(emulator->go[0]);
		for (int host = 0; host < BAT_EMULATOR_HOSTS; host++)
			(void)close(emulator->hosts.taps[host]);
		_exit(watch_programs(emulator));
	}
	emulator->parent_fd = (int)syscall(SYS_pidfd_open, emulator->parent, 0);
	if (emulator->parent_fd < 0)
		return hb_error_set(reterr, -errno, "pidfd_open: %s", strerror(errno));
	return 0;
}

static int run(struct emulator *emulator, struct hb_error *reterr)
{
	const struct bat_emulator_options *options = emulator->options;
	int err = hosts_make(&emulator->hosts, options->mtu_bytes, options->congestion, reterr);

	if (!err)
		err = start_parent(emulator, reterr);
	if (err)
		return err;
	if (options->ready)
		options->ready(options->ready_user, getpid(), emulator->parent,
			emulator->hosts.user_namespace);
	if (write(emulator->go[1], "g", 1) != 1)
		return hb_error_set(reterr, -errno, "cannot start the programs");
	/* Sleeps end on time; the default may add 50 us. */
	(void)prctl(PR_SET_TIMERSLACK, 1UL);
	return carry(emulator, reterr);
}

static void clean_up(struct emulator *emulator)
{
	if (emulator->parent > 0) {
		(void)kill(emulator->parent, SIGKILL);
		(void)waitpid(emulator->parent, NULL, 0);
	}
	for (int i = 0; i < 2; i++)
		if (emulator->go[i] >= 0)
			(void)close(emulator->go[i]);
	if (emulator->parent_fd >= 0)
		(void)close(emulator->parent_fd);
	for (int from = 0; from < BAT_EMULATOR_HOSTS; from++)
		for (int line = 0; line < LINES; line++)
			while (emulator->ways[from].lines[line].first)
				free(take(&emulator->ways[from].lines[line]));
	hosts_close(&emulator->hosts);
}

static int check(const struct bat_emulator_options *options, struct hb_error *reterr)
{
	if (options->mtu_bytes < BAT_EMULATOR_MTU_MIN || options->mtu_bytes > BAT_EMULATOR_MTU_MAX)
		return hb_error_set(reterr, -EINVAL, "mtu is %" PRIu32 "; it must be %u ... %u",
			options->mtu_bytes, BAT_EMULATOR_MTU_MIN, BAT_EMULATOR_MTU_MAX);
	if (options->queue_frames < 1 || options->queue_frames > BAT_EMULATOR_QUEUE_MAX)
		return hb_error_set(reterr, -EINVAL, "queue is %" PRIu32 "; it must be 1 ... %u",
			options->queue_frames, BAT_EMULATOR_QUEUE_MAX);
	for (int from = 0; from < BAT_EMULATOR_HOSTS; from++)
		if (bat_link_options_check(&options->directions[from], reterr))
			return -EINVAL;
	return 0;
}

int bat_emulator_run(const struct bat_emulator_options *options, struct bat_emulator_result *ret,
	struct hb_error *reterr)
{
	struct emulator *emulator;
	int err = check(options, reterr);

	if (err)
		return err;
	emulator = calloc(1, sizeof(*emulator));
	if (!emulator)
		return hb_error_set(reterr, -ENOMEM, "no memory for a link");
	emulator->options = options;
	emulator->hosts = (struct hosts){.namespaces = {-1, -1}, .taps = {-1, -1}, .processes = -1};
	emulator->parent_fd = emulator->go[0] = emulator->go[1] = -1;
	emulator->report = mmap(NULL, sizeof(*emulator->report), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (emulator->report == MAP_FAILED) {
		free(emulator);
		return hb_error_set(reterr, -ENOMEM, "no memory for a link");
	}
	for (int from = 0; from < BAT_EMULATOR_HOSTS; from++)
		bat_link_init(&emulator->ways[from].link, &options->directions[from], options->seed,
			(uint64_t)from);
	err = run(emulator, reterr);
	clean_up(emulator);
	if (!err) {
		for (int host = 0; host < BAT_EMULATOR_HOSTS; host++) {
			ret->directions[host] = emulator->ways[host].stats;
			ret->ended[host] = emulator->report->ended[host];
			ret->codes[host] = emulator->report->codes[host];
		}
	}
	(void)munmap(emulator->report, sizeof(*emulator->report));
	free(emulator);
	return err;
}
