/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "network.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <hotbed/clock.h>
#include <hotbed/error.h>
#include <hotbed/load.h>

#include <batching/emulator.h>

#define MTU 1500
#define CONGESTION "reno"
#define START_NS 10000000000
#define STOP_MS 2000
#define PATH_BYTES 64
#define REQUESTS_PER_S 250000.0

/*
 * 20mbit: a millisecond there and back, and a rate at which headers matter before the processors do; the queue is that
 * of a router, 100 frames. tap: no more than what carrying frames through a process costs, like a virtual machine's
 * network; its limit is frames per second.
 */
static const struct link_kind {
	const char *name;
	struct bat_link_options link;
	uint32_t queue_frames;
} kinds[] = {
	{"20mbit", {.delay_ns = 500000, .rate_bits_per_s = 20000000}, 100},
	{"100mbit", {.delay_ns = 500000, .rate_bits_per_s = 100000000}, 100},
	{"tap", {0}, 4096},
};

static const struct link_kind *find_kind(const char *name)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i].name, name) == 0)
			return &kinds[i];
	return NULL;
}

/* ---- loopback ---- */

static int write_setting(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), err = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		err = -errno;
	(void)close(fd);
	return err;
}

static int set_mtu(void)
{
	struct ifreq request = {.ifr_name = "lo", .ifr_mtu = MTU};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), err;

	if (fd < 0)
		return -errno;
	err = ioctl(fd, SIOCSIFMTU, &request) ? -errno : 0;
	(void)close(fd);
	return err;
}

/* ---- the emulated link ---- */

/* Pipes between the trial and the process that carries the link's frames. */
struct carrier {
	const struct link_kind *kind;
	uint64_t seed;
	int hold[2];  /* readable at the carrier when the trial is over */
	int ready[2]; /* the hosts' processes, then a byte when the right one is at its end */
};

static void say_hosts(void *user, pid_t left, pid_t right, bool user_namespace)
{
	const struct carrier *carrier = user;
	const pid_t hosts[BAT_EMULATOR_HOSTS] = {left, right};

	(void)user_namespace;
	/* Without it the trial sees the pipe's end and fails. */
	if (write(carrier->ready[1], hosts, sizeof(hosts)) != (ssize_t)sizeof(hosts))
		_exit(1);
}

/* The right host's process: the host is there for as long as it is. */
static int stay(void *user)
{
	const struct carrier *carrier = user;

	if (write(carrier->ready[1], "r", 1) != 1)
		return 1;
	for (;;)
		(void)pause();
}

static int carry(void *user)
{
	struct carrier *carrier = user;
	const struct bat_emulator_options options = {
		.directions = {carrier->kind->link, carrier->kind->link},
		.mtu_bytes = MTU,
		.queue_frames = carrier->kind->queue_frames,
		.seed = carrier->seed,
		.congestion = CONGESTION,
		.programs = {NULL, stay},
		.users = {NULL, carrier},
		.stop_fd = carrier->hold[0],
		.ready = say_hosts,
		.ready_user = carrier,
	};
	struct bat_emulator_result result;
	struct hb_error error = {0};
	pid_t hosts[BAT_EMULATOR_HOSTS] = {0};

	(void)close(carrier->hold[1]);
	(void)close(carrier->ready[0]);
	hosts[0] = bat_emulator_run(&options, &result, &error);
	if (hosts[0] == 0)
		return 0;
	(void)fprintf(stderr, "the link cannot be made: %s\n", error.text);
	/* In the place of the first host's process: why there is none. */
	(void)!write(carrier->ready[1], hosts, sizeof(hosts));
	return 1;
}

static int read_fully(int fd, void *ret, size_t bytes)
{
	int64_t deadline_ns = hb_clock_now_ns() + START_NS;
	uint8_t *to = ret;

	while (bytes > 0) {
		struct pollfd ready = {fd, POLLIN, 0};
		int count = hb_load_await(&ready, 1, deadline_ns);
		ssize_t got = count > 0 ? read(fd, to, bytes) : -1;

		if (count <= 0)
			return count < 0 ? count : -ETIMEDOUT;
		if (got == 0)
			return -EPIPE;
		if (got > 0) {
			to += got;
			bytes -= (size_t)got;
		}
	}
	return 0;
}

static int open_namespace(pid_t pid)
{
	char path[PATH_BYTES];
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static void close_pipe(int ends[2])
{
	for (int i = 0; i < 2; i++) {
		if (ends[i] >= 0)
			(void)close(ends[i]);
		ends[i] = -1;
	}
}

static int start_link(struct hb_trial *trial, const struct link_kind *kind, struct network *ret)
{
	struct carrier carrier = {kind, hb_trial_seed(trial), {-1, -1}, {-1, -1}};
	pid_t hosts[BAT_EMULATOR_HOSTS];
	char byte;
	int err = 0;

	if (pipe2(carrier.hold, O_CLOEXEC) || pipe2(carrier.ready, O_CLOEXEC))
		err = -errno;
	if (!err)
		err = hb_child_run(trial, "link", carry, &carrier, &ret->carrier);
	if (!err) {
		ret->hold_fd = carrier.hold[1];
		carrier.hold[1] = -1;
		(void)close(carrier.ready[1]);
		carrier.ready[1] = -1;
		err = read_fully(carrier.ready[0], hosts, sizeof(hosts));
	}
	if (!err && hosts[0] < 0)
		err = hosts[0];
	if (!err)
		err = read_fully(carrier.ready[0], &byte, 1);
	if (!err) {
		ret->client_fd = open_namespace(hosts[0]);
		ret->server_fd = open_namespace(hosts[1]);
		err = ret->client_fd < 0 ? ret->client_fd : ret->server_fd < 0 ? ret->server_fd : 0;
	}
	close_pipe(carrier.hold);
	close_pipe(carrier.ready);
	ret->server_address = BAT_EMULATOR_RIGHT;
	return err;
}

/* ---- both ---- */

static const struct network without_link = {"127.0.0.1", -1, -1, -1, {0, -1}};

int network_probe(struct hb_trial *trial, const char *name)
{
	const struct link_kind *kind = find_kind(name);
	struct network network = without_link;
	int err = hb_trial_unshare(trial, HB_NAMESPACE_NET);

	if (err)
		return hb_trial_skip(
			trial, "needs a network namespace of its own (%s)", strerror(-err));
	if (!kind)
		return 0;
	/* Namespaces that can be made need not allow devices in them: only making a link tells. */
	err = start_link(trial, kind, &network);
	network_stop(&network);
	return err == -ENOTSUP ? hb_trial_skip(trial, "needs TAP devices in namespaces") : 0;
}

int network_start(struct hb_trial *trial, const char *name, struct network *ret)
{
	const struct link_kind *kind = find_kind(name);
	int err;

	*ret = without_link;
	if (kind) {
		err = start_link(trial, kind, ret);
		if (!err)
			err = network_enter(ret, false);
	} else {
		err = set_mtu();
		if (!err)
			err = write_setting(
				"/proc/sys/net/ipv4/tcp_congestion_control", CONGESTION);
	}
	return err ? hb_trial_fail(trial, "the network cannot be made: %s", strerror(-err)) : 0;
}

void network_stop(struct network *network)
{
	if (network->hold_fd >= 0)
		(void)close(network->hold_fd);
	if (network->client_fd >= 0)
		(void)close(network->client_fd);
	if (network->server_fd >= 0)
		(void)close(network->server_fd);
	network->hold_fd = network->client_fd = network->server_fd = -1;
	if (network->carrier.pid > 0)
		(void)hb_child_stop(&network->carrier, STOP_MS, NULL);
}

double network_capacity(const char *name, size_t bytes)
{
	const struct link_kind *kind = find_kind(name);
	uint64_t rate_bits_per_s = kind ? kind->link.rate_bits_per_s : 0;

	return rate_bits_per_s > 0 ? (double)rate_bits_per_s / (8.0 * (double)bytes)
				   : REQUESTS_PER_S;
}

int network_enter(const struct network *network, bool server)
{
	int fd = server ? network->server_fd : network->client_fd;

	return fd >= 0 && setns(fd, CLONE_NEWNET) ? -errno : 0;
}
