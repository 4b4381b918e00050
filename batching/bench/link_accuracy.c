/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * batching/link-accuracy: does the emulated link do what it was set to? Datagrams over a real one, stamped and counted
 * by their sender and receiver in its two namespaces, against the link's arithmetic on the same schedule (the
 * baseline). Two phases, each with a link of its own: one datagram every half millisecond for delay and loss, then as
 * many as the link does not take for the rate.
 */
#include "experiments.h"

#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <hotbed/error.h>
#include <hotbed/trial.h>

#include <batching/emulator.h>

#define PORT 7000
#define HEADER_BYTES 42 /* Ethernet, IP and UDP */
#define PAYLOAD_BYTES 1400
#define FRAME_BYTES (PAYLOAD_BYTES + HEADER_BYTES)
#define DATAGRAMS 4000
#define GAP_NS 500000
#define MTU_BYTES 1500
#define QUEUE_FRAMES 10000
#define NS_PER_S INT64_C(1000000000)
#define REST_NS 50000000
#define NO_NAMESPACES 77

struct datagram {
	uint32_t number;
	int64_t sent_ns;
	uint8_t rest[PAYLOAD_BYTES - 16];
};

/* What the two hosts' processes share with this one. */
struct traffic {
	uint32_t count;
	int64_t gap_ns;
	int64_t drain_ns; /* how long the sender waits for the last ones */
	_Atomic bool listening;
	uint64_t received, foreign;
	double delay_sum_ns;
	int64_t delay_min_ns;
	int64_t first_ns, last_ns;
	struct bat_emulator_result result;
};

struct measured {
	double delay_mean_ns, delay_min_ns, loss, rate_bits_per_s;
	uint64_t received;
};

static struct bat_link_options set;
static struct traffic *traffic;
static struct measured measured;
static bool sabotaged;

static int64_t now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * NS_PER_S + now.tv_nsec;
}

static void sleep_until(int64_t at_ns)
{
	const struct timespec at = {at_ns / NS_PER_S, at_ns % NS_PER_S};

	(void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
}

static int open_socket(bool sender)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(PORT)};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), size = 1 << 24;
	int rc;

	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	(void)inet_pton(AF_INET, BAT_EMULATOR_RIGHT, &address.sin_addr);
	rc = sender ? connect(fd, (struct sockaddr *)&address, sizeof(address))
		    : bind(fd, (struct sockaddr *)&address, sizeof(address));
	return rc == 0 ? fd : -1;
}

static int receive(void *user)
{
	int fd = open_socket(false);

	(void)user;
	if (fd < 0)
		return 1;
	traffic->delay_min_ns = INT64_MAX;
	traffic->listening = true;
	for (;;) {
		struct datagram datagram;
		ssize_t bytes = recv(fd, &datagram, sizeof(datagram), 0);
		int64_t delay_ns;

		traffic->last_ns = now_ns();
		delay_ns = traffic->last_ns - datagram.sent_ns;
		if (bytes != (ssize_t)sizeof(datagram) || datagram.number >= traffic->count) {
			traffic->foreign++;
			continue;
		}
		if (traffic->received++ == 0)
			traffic->first_ns = traffic->last_ns;
		traffic->delay_sum_ns += (double)delay_ns;
		if (delay_ns < traffic->delay_min_ns)
			traffic->delay_min_ns = delay_ns;
	}
}

static int send_all(void *user)
{
	int fd = open_socket(true);
	int64_t start_ns;

	(void)user;
	if (fd < 0)
		return 1;
	while (!traffic->listening)
		sleep_until(now_ns() + 1000000);
	start_ns = now_ns();
	for (uint32_t i = 0; i < traffic->count; i++) {
		struct datagram datagram = {.number = i};

		sleep_until(start_ns + i * traffic->gap_ns);
		datagram.sent_ns = now_ns();
		if (send(fd, &datagram, sizeof(datagram), 0) < 0)
			return 1;
	}
	sleep_until(now_ns() + traffic->drain_ns);
	return 0;
}

static int nothing(void *user)
{
	(void)user;
	return 0;
}

/* In a process of its own, which the emulator may take into namespaces. 0, -ENOTSUP or another errno. */
static int emulate(const struct bat_link_options *link, uint64_t seed, bool traffic_too)
{
	const struct bat_emulator_options options = {
		.directions = {*link},
		.mtu_bytes = MTU_BYTES,
		.queue_frames = QUEUE_FRAMES,
		.seed = seed,
		.programs = {traffic_too ? send_all : nothing, traffic_too ? receive : NULL},
		.stop_fd = -1,
	};
	pid_t pid = fork();
	int status;

	if (pid < 0)
		return -errno;
	if (pid == 0) {
		struct bat_emulator_result result;
		int err = bat_emulator_run(&options, &result, NULL);

		if (!err)
			traffic->result = result;
		_exit(err == -ENOTSUP ? NO_NAMESPACES : err != 0);
	}
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -EIO;
	if (WEXITSTATUS(status) == NO_NAMESPACES)
		return -ENOTSUP;
	return WEXITSTATUS(status) == 0 ? 0 : -EIO;
}

static int set_up(struct hb_trial *trial)
{
	const struct hb_params *params = hb_trial_params(trial);

	set = (struct bat_link_options){
		.delay_ns = hb_params_i64(params, "delay"),
		.rate_bits_per_s = (uint64_t)hb_params_i64(params, "rate"),
		.loss = hb_params_real(params, "loss"),
	};
	if (!traffic)
		traffic = mmap(NULL, sizeof(*traffic), PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return traffic == MAP_FAILED ? hb_trial_fail(trial, "no memory") : 0;
}

static int probe(struct hb_trial *trial)
{
	const struct bat_link_options plain = {0};

	if (set_up(trial))
		return -ENOMEM;
	if (emulate(&plain, 0, false) == -ENOTSUP)
		return hb_trial_skip(trial, "needs namespaces and /dev/net/tun");
	return 0;
}

/* Twice as fast as the link, so that it is never idle. */
static int64_t burst_gap_ns(void)
{
	return (int64_t)(FRAME_BYTES * 8.0 * (double)NS_PER_S / (double)set.rate_bits_per_s / 2);
}

static uint32_t count_of(const struct hb_trial *trial)
{
	return hb_trial_is_quick(trial) ? DATAGRAMS / 20 : DATAGRAMS;
}

static void report(struct hb_trial *trial)
{
	uint64_t count = count_of(trial);

	hb_trial_metric(trial, "delay_mean", measured.delay_mean_ns, count);
	hb_trial_metric(trial, "delay_min", measured.delay_min_ns, count);
	hb_trial_metric(trial, "passed", 1 - measured.loss, count);
	hb_trial_metric(trial, "rate", measured.rate_bits_per_s, count);
}

/* The schedule of both phases by the link's arithmetic alone. */
static int run_arithmetic(struct hb_trial *trial)
{
	const struct bat_link_options limited = {.rate_bits_per_s = set.rate_bits_per_s};
	uint32_t count = count_of(trial);
	int64_t first_ns = 0, last_ns = 0, at_ns = 0;
	struct bat_link link;

	measured = (struct measured){.delay_min_ns = (double)INT64_MAX};
	bat_link_init(&link, &set, hb_trial_seed(trial), 0);
	for (uint32_t i = 0; i < count; i++) {
		if (bat_link_admit(&link, i * (int64_t)GAP_NS, FRAME_BYTES, &at_ns) ==
			BAT_LINK_LOST)
			continue;
		measured.received++;
		measured.delay_mean_ns += (double)(at_ns - i * (int64_t)GAP_NS);
		if ((double)(at_ns - i * (int64_t)GAP_NS) < measured.delay_min_ns)
			measured.delay_min_ns = (double)(at_ns - i * (int64_t)GAP_NS);
	}
	measured.delay_mean_ns /= (double)measured.received;
	measured.loss = 1 - (double)measured.received / count;
	bat_link_init(&link, &limited, 0, 0);
	for (uint32_t i = 0; i < count; i++) {
		(void)bat_link_admit(&link, i * burst_gap_ns(), FRAME_BYTES, &last_ns);
		first_ns = i == 0 ? last_ns : first_ns;
	}
	measured.rate_bits_per_s =
		(count - 1) * FRAME_BYTES * 8.0 * (double)NS_PER_S / (double)(last_ns - first_ns);
	report(trial);
	return 0;
}

static int run_link(struct hb_trial *trial)
{
	struct bat_link_options limited = {.rate_bits_per_s = set.rate_bits_per_s}, other = set;
	uint32_t count = count_of(trial);
	int64_t gap_ns = burst_gap_ns();

	if (sabotaged)
		other.loss = fmin(1, other.loss + 0.2);
	*traffic = (struct traffic){
		.count = count, .gap_ns = GAP_NS, .drain_ns = set.delay_ns + REST_NS};
	if (emulate(&other, hb_trial_seed(trial), true) || traffic->received == 0)
		return hb_trial_fail(trial, "the link fails");
	measured = (struct measured){
		.received = traffic->received,
		.delay_mean_ns = traffic->delay_sum_ns / (double)traffic->received,
		.delay_min_ns = (double)traffic->delay_min_ns,
		.loss = 1 - (double)traffic->received / count,
	};
	*traffic = (struct traffic){
		.count = count, .gap_ns = gap_ns, .drain_ns = count * gap_ns + REST_NS};
	if (emulate(&limited, 0, true) || traffic->received < 2)
		return hb_trial_fail(trial, "the link fails");
	measured.rate_bits_per_s = (double)(traffic->received - 1) * FRAME_BYTES * 8.0 *
				   (double)NS_PER_S /
				   (double)(traffic->last_ns - traffic->first_ns);
	report(trial);
	return 0;
}

/* As many were lost as the arithmetic loses of so many frames with this seed, and none came early. */
static int verify(struct hb_trial *trial)
{
	uint32_t count = count_of(trial);
	uint64_t expected = 0;
	struct bat_link link;
	int64_t at_ns;

	bat_link_init(&link, &set, hb_trial_seed(trial), 0);
	for (uint32_t i = 0; i < count; i++)
		expected += bat_link_admit(&link, i, FRAME_BYTES, &at_ns) != BAT_LINK_LOST;
	if (measured.received != expected)
		return hb_trial_fail(trial, "expected %llu of %u datagrams, got %llu",
			(unsigned long long)expected, count, (unsigned long long)measured.received);
	if (measured.delay_min_ns < (double)set.delay_ns)
		return hb_trial_fail(trial, "expected %lld ns at least, got %g",
			(long long)set.delay_ns, measured.delay_min_ns);
	return 0;
}

/* A link that loses more than it was told; arithmetic that counts one too many. */
static int sabotage(struct hb_trial *trial)
{
	(void)trial;
	sabotaged = true;
	return 0;
}

static int run_spoilt_arithmetic(struct hb_trial *trial)
{
	int err = run_arithmetic(trial);

	measured.received += sabotaged;
	return err;
}

static const struct hb_param params[] = {
	{
		.name = "delay",
		.type = HB_PARAM_INT,
		.unit = "ns",
		.help = "each way",
		.sweep = "200000,1000000,10000000",
		.sweep_quick = "1000000",
		.min = 0,
		.max = 1000000000,
	},
	{
		.name = "rate",
		.type = HB_PARAM_INT,
		.unit = "1/s",
		.help = "bits per second",
		.sweep = "100000000",
		.sweep_full = "10000000,100000000,500000000",
		.min = 1000000,
		.max = 10000000000,
	},
	{
		.name = "loss",
		.type = HB_PARAM_REAL,
		.unit = "1",
		.help = "of each frame",
		.sweep = "0.01",
		.sweep_full = "0.001,0.01,0.1",
		.min = 0,
		.max = 0.9,
	},
	{.name = NULL},
};

#define METRIC(name_, unit_, help_, better_, effect_)                                   \
	{                                                                               \
		.name = (name_), .unit = (unit_), .help = (help_), .better = (better_), \
		.basis = HB_BASIS_WALL, .min_effect = (effect_),                        \
	}

static const struct hb_metric metrics[] = {
	METRIC("delay_mean", "ns", "from send to receive", HB_BETTER_LOWER, 0.05),
	METRIC("delay_min", "ns", "of the fastest one", HB_BETTER_LOWER, 0.05),
	METRIC("passed", "1", "share that was not lost", HB_BETTER_NONE, 0.001),
	METRIC("rate", "1/s", "bits per second of an overloaded link", HB_BETTER_NONE, 0.02),
	{.name = NULL},
};

static const struct hb_variant variants[] = {
	{
		.name = "arithmetic",
		.role = HB_ROLE_BASELINE,
		.help = "what was set, by link.h, in no time",
		.setup = set_up,
		.run = run_spoilt_arithmetic,
		.verify = verify,
		.sabotage = sabotage,
	},
	{
		.name = "link",
		.role = HB_ROLE_IDEA,
		.help = "datagrams over the emulated link",
		.probe = probe,
		.setup = set_up,
		.run = run_link,
		.verify = verify,
		.sabotage = sabotage,
	},
	{.name = NULL},
};

#define CLAIM(name_, text_, metric_, where_, lo_, hi_)                                  \
	{                                                                               \
		.name = (name_), .text = (text_), .paper = "Hotbed", .section = "",     \
		.metric = (metric_), .variant = "link", .where = (where_), .lo = (lo_), \
		.hi = (hi_), .needs = "namespaces and /dev/net/tun",                    \
	}

static const struct hb_claim claims[] = {
	CLAIM("delay-as-set", "A delay of 10 ms is kept within 5 % on average.", "delay_mean",
		"delay=10000000", 1, 1.05),
	CLAIM("loss-as-set", "Exactly the frames are lost that the arithmetic loses.", "passed", "",
		1 - 1e-9, 1 + 1e-9),
	CLAIM("rate-as-set", "An overloaded link of 100 Mbit/s carries that, within 2 %.", "rate",
		"rate=100000000", 0.98, 1.02),
	{.name = NULL},
};

static uint64_t trial_ms(const struct hb_params *point)
{
	(void)point;
	return 4000;
}

const struct hb_experiment batching_link_accuracy = {
	.name = "link-accuracy",
	.question = "Does the emulated link do what it was set to?",
	.params = params,
	.metrics = metrics,
	.variants = variants,
	.claims = claims,
	.chart = {.x = "delay", .metric = "delay_mean", .log_x = true, .log_y = true},
	.blocks = 6,
	.trial_ms = trial_ms,
};
