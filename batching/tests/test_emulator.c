/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Frames over the emulated link, sent and received by functions of this test in the two hosts. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <hotbed/error.h>
#include <hotbed/rng.h>

#include <batching/emulator.h>

#define PORT 7000
#define DATAGRAMS 4000
#define IP_UDP_BYTES 42 /* Ethernet, IP and UDP headers */

/* Criterion 2.4.1 loses 48 bytes where tests that run side by side end in another order than they began. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:libcriterion";
}

struct datagram {
	uint32_t number;
	int64_t sent_ns;
};

/* In memory that the hosts' processes share with the test. */
struct traffic {
	uint32_t count;
	int64_t gap_ns;
	_Atomic bool listening;
	uint32_t received, overtaken;
	bool seen[DATAGRAMS];
	int64_t delay_min_ns;
	_Atomic bool runs[2];
};

static struct traffic *traffic;
static struct bat_emulator_options options;
static struct bat_emulator_result result;

static int64_t now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static int open_socket(const char *to)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(PORT)};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), size = 1 << 22;

	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	(void)inet_pton(AF_INET, to ? to : BAT_EMULATOR_RIGHT, &address.sin_addr);
	if ((to ? connect(fd, (struct sockaddr *)&address, sizeof(address))
		: bind(fd, (struct sockaddr *)&address, sizeof(address))) != 0)
		return -1;
	return fd;
}

static int receive(void *user)
{
	int fd = open_socket(NULL);
	uint32_t last = 0;

	(void)user;
	if (fd < 0)
		return 1;
	traffic->delay_min_ns = INT64_MAX;
	traffic->listening = true;
	for (;;) {
		struct datagram datagram;
		int64_t delay_ns;

		if (recv(fd, &datagram, sizeof(datagram), 0) != (ssize_t)sizeof(datagram))
			return 2;
		delay_ns = now_ns() - datagram.sent_ns;
		if (delay_ns < traffic->delay_min_ns)
			traffic->delay_min_ns = delay_ns;
		if (datagram.number >= DATAGRAMS || traffic->seen[datagram.number])
			return 3;
		traffic->seen[datagram.number] = true;
		traffic->overtaken += datagram.number < last;
		last = datagram.number > last ? datagram.number : last;
		traffic->received++;
	}
}

static int send_all(void *user)
{
	const struct timespec moment = {.tv_nsec = 1000000}, rest = {.tv_nsec = 200000000};
	int fd = open_socket(BAT_EMULATOR_RIGHT);
	int64_t start_ns;

	(void)user;
	while (!traffic->listening)
		(void)nanosleep(&moment, NULL);
	start_ns = now_ns();
	for (uint32_t i = 0; i < traffic->count; i++) {
		struct datagram datagram = {.number = i};

		while (now_ns() < start_ns + i * traffic->gap_ns)
			;
		datagram.sent_ns = now_ns();
		if (send(fd, &datagram, sizeof(datagram), 0) < 0)
			return 1;
	}
	(void)nanosleep(&rest, NULL);
	return 42;
}

static struct bat_link_options plain;

static void begin(struct bat_link_options forward)
{
	const char *text = getenv("HB_SEED");

	traffic = mmap(
		NULL, sizeof(*traffic), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	cr_assert(traffic != MAP_FAILED);
	traffic->count = DATAGRAMS;
	traffic->gap_ns = 20000;
	options = (struct bat_emulator_options){
		.directions = {forward, plain},
		.mtu_bytes = 1500,
		.queue_frames = 10000,
		.seed = text ? strtoull(text, NULL, 10) : 11,
		.programs = {send_all, receive},
		.stop_fd = -1,
	};
	(void)printf("HB_SEED=%llu\n", (unsigned long long)options.seed);
}

/* Runs it, or skips the test where the machine cannot. */
static void run(void)
{
	struct hb_error error = {0};
	int err = bat_emulator_run(&options, &result, &error);

	if (err == -ENOTSUP)
		cr_skip("skip: needs namespaces and /dev/net/tun: %s", error.text);
	cr_assert_eq(err, 0, "%s", error.text);
}

Test(emulator, frames_are_never_early_and_all_arrive_in_order, .timeout = 60)
{
	begin((struct bat_link_options){.delay_ns = 3000000, .jitter_ns = 1000000});
	run();
	cr_assert(result.ended[0]);
	cr_assert_eq(result.codes[0], 42);
	cr_assert_not(result.ended[1]);
	cr_assert_eq(result.directions[0].frames, DATAGRAMS, "%llu",
		(unsigned long long)result.directions[0].frames);
	cr_assert_eq(result.directions[0].bytes,
		DATAGRAMS * (uint64_t)(sizeof(struct datagram) + IP_UDP_BYTES));
	cr_assert_eq(result.directions[1].frames, 0, "the hosts say nothing of their own");
	cr_assert_eq(traffic->received, DATAGRAMS);
	cr_assert_eq(traffic->overtaken, 0);
	cr_assert(traffic->delay_min_ns >= 2000000, "%lld ns", (long long)traffic->delay_min_ns);
}

Test(emulator, exactly_the_frames_that_the_arithmetic_loses_are_lost, .timeout = 60)
{
	struct bat_link_options lossy = {.loss = 0.1};
	struct bat_link link;

	begin(lossy);
	run();
	bat_link_init(&link, &lossy, options.seed, 0);
	for (uint32_t i = 0; i < DATAGRAMS; i++) {
		int64_t at_ns;
		bool lost = bat_link_admit(&link, i, 60, &at_ns) == BAT_LINK_LOST;

		cr_assert_eq(traffic->seen[i], !lost, "datagram %u", i);
	}
	cr_assert_eq(result.directions[0].lost, DATAGRAMS - traffic->received);
	cr_assert(result.directions[0].lost > 0);
}

Test(emulator, reordered_frames_overtake, .timeout = 60)
{
	begin((struct bat_link_options){.delay_ns = 3000000, .reorder = 0.1});
	run();
	cr_assert_eq(traffic->received, DATAGRAMS);
	cr_assert(result.directions[0].reordered > 0);
	/* Each of those that are behind one that skipped the delay counts. */
	cr_assert(
		traffic->overtaken >= result.directions[0].reordered / 2, "%u", traffic->overtaken);
}

Test(emulator, a_rate_is_never_exceeded_and_a_full_queue_drops, .timeout = 60)
{
	/* 58 bytes take 464 us at 1 Mbit/s. */
	begin((struct bat_link_options){.rate_bits_per_s = 1000000});
	traffic->count = 1000;
	options.queue_frames = 50;
	run();
	cr_assert(result.directions[0].dropped > 0);
	/* At the end some are still on their way. */
	cr_assert(traffic->received + result.directions[0].dropped <= 1000);
	cr_assert(traffic->received + result.directions[0].dropped >= 950);
	cr_assert(result.directions[0].carried >= traffic->received);
}

static int die(void *user)
{
	(void)user;
	(void)raise(SIGKILL);
	return 0;
}

Test(emulator, a_killed_program_ends_the_run, .timeout = 60)
{
	begin(plain);
	options.programs[0] = die;
	run();
	cr_assert(result.ended[0]);
	cr_assert_eq(result.codes[0], 128 + SIGKILL);
}

static int daemonize(void *user)
{
	int host = user != NULL;

	if (fork() == 0) {
		(void)setsid();
		traffic->runs[host] = true;
		while (pause() < 0)
			;
	}
	while (pause() < 0)
		;
	return 1;
}

/* Children that hold the end of @fd have died when it reads as ended. */
static bool ends_within(int fd, int timeout_ms)
{
	struct pollfd wait = {.fd = fd};

	return poll(&wait, 1, timeout_ms) == 1 && (wait.revents & POLLHUP);
}

static void kill_and_look(bool stop)
{
	const struct timespec moment = {.tv_nsec = 1000000};
	int ends[2], status;
	pid_t pid;

	begin(plain);
	options.programs[0] = options.programs[1] = daemonize;
	options.users[1] = &options;
	options.stop_fd = eventfd(0, EFD_CLOEXEC);
	cr_assert_eq(pipe(ends), 0);
	pid = fork();
	cr_assert(pid >= 0);
	if (pid == 0) {
		(void)close(ends[0]);
		_exit(bat_emulator_run(&options, &result, NULL) == -ENOTSUP ? 77 : 0);
	}
	(void)close(ends[1]);
	while (!(traffic->runs[0] && traffic->runs[1]) && waitpid(pid, &status, WNOHANG) == 0)
		(void)nanosleep(&moment, NULL);
	if (!traffic->runs[0]) {
		cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 77);
		cr_skip("skip: needs namespaces and /dev/net/tun");
	}
	cr_assert_not(ends_within(ends[0], 0));
	if (stop)
		cr_assert_eq(write(options.stop_fd, &(uint64_t){1}, 8), 8);
	else
		cr_assert_eq(kill(pid, SIGKILL), 0);
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert(ends_within(ends[0], 20000), "processes of the hosts live on");
}

Test(emulator, nothing_remains_when_it_is_killed, .timeout = 60)
{
	kill_and_look(false);
}

Test(emulator, nothing_remains_when_it_is_stopped, .timeout = 60)
{
	kill_and_look(true);
}

Test(emulator, values_out_of_range_are_named)
{
	struct hb_error error = {0};

	options = (struct bat_emulator_options){.mtu_bytes = 100, .queue_frames = 1, .stop_fd = -1};
	cr_assert_eq(bat_emulator_run(&options, &result, &error), -EINVAL);
	cr_assert(strstr(error.text, "mtu"), "%s", error.text);
	options.mtu_bytes = 1500;
	options.queue_frames = 0;
	cr_assert_eq(bat_emulator_run(&options, &result, &error), -EINVAL);
	cr_assert(strstr(error.text, "queue"), "%s", error.text);
	options.queue_frames = 1;
	options.directions[1].loss = 2;
	cr_assert_eq(bat_emulator_run(&options, &result, &error), -EINVAL);
	cr_assert(strstr(error.text, "loss"), "%s", error.text);
}
