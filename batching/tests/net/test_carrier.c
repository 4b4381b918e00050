/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Options on real segments over loopback: what is put at one end arrives at the other, on one segment and as it was,
 * and the stream is as it would be without. Each test is a process in a control group of its own.
 */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <hotbed/error.h>

#include <batching/carrier.h>
#include <batching/exchange.h>
#include <batching/qsum.h>

#define PATIENCE_MS 20000
#define PATH_BYTES 512
#define SEGMENT_BYTES 1000
#define BULK_BYTES (4u << 20)
#define CHUNK_BYTES 30000

struct bench {
	char group[PATH_BYTES], home[PATH_BYTES]; /* folders: the test's, and where it came from */
	struct bat_carrier *carrier;
	int client, server;
	uint64_t client_cookie, server_cookie;
};

static struct bench bench;

static int write_text(const char *folder, const char *name, const char *text)
{
	char path[PATH_BYTES + 32];
	int fd;
	ssize_t put;

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	put = write(fd, text, strlen(text));
	(void)close(fd);
	return put < 0 ? -errno : 0;
}

static int go_to(const char *group)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "%d", (int)getpid());
	return write_text(group, "cgroup.procs", text);
}

/* Where groups of version 2 are mounted; false if nowhere. */
static bool find_mount(char ret[PATH_BYTES])
{
	FILE *mounts = fopen("/proc/mounts", "r");
	char line[1024], folder[PATH_BYTES], kind[32];
	bool found = false;

	while (mounts && !found && fgets(line, sizeof(line), mounts))
		found = sscanf(line, "%*s %511s %31s", folder, kind) == 2 &&
			strcmp(kind, "cgroup2") == 0;
	if (mounts)
		(void)fclose(mounts);
	if (found)
		(void)snprintf(ret, PATH_BYTES, "%s", folder);
	return found;
}

static bool find_home(const char *mount, char ret[PATH_BYTES])
{
	FILE *own = fopen("/proc/self/cgroup", "r");
	char line[PATH_BYTES];
	bool found = false;

	while (own && !found && fgets(line, sizeof(line), own)) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, "0::", 3) == 0) {
			int size = snprintf(ret, PATH_BYTES, "%s%s", mount, line + 3);

			found = size > 0 && size < PATH_BYTES;
		}
	}
	if (own)
		(void)fclose(own);
	return found;
}

static void skip(const char *why)
{
	(void)printf("skip: needs %s\n", why);
	cr_skip("%s", why);
}

static void create(void)
{
	struct hb_error error = {0};
	char mount[PATH_BYTES];
	int err;

	if (!find_mount(mount) || !find_home(mount, bench.home))
		skip("control groups of version 2");
	cr_assert(
		snprintf(bench.group, sizeof(bench.group), "%s/hotbed-XXXXXX", mount) < PATH_BYTES);
	if (!mkdtemp(bench.group))
		skip("the right to make a control group");
	err = bat_carrier_create(&bench.carrier, bench.group, &error);
	if (err == -EPERM || err == -ENOTSUP) {
		(void)rmdir(bench.group);
		skip(error.text);
	}
	cr_assert_eq(err, 0, "%s", error.text);
}

static uint64_t cookie_of(int fd)
{
	uint64_t cookie;
	socklen_t size = sizeof(cookie);

	cr_assert_eq(getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &size), 0);
	return cookie;
}

static void connect_pair(int *ret_client, int *ret_server)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t size = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
	int segment = SEGMENT_BYTES;

	cr_assert_eq(setsockopt(listener, IPPROTO_TCP, TCP_MAXSEG, &segment, sizeof(segment)), 0);
	cr_assert(
		bind(listener, (struct sockaddr *)&address, size) == 0 && listen(listener, 8) == 0);
	cr_assert_eq(getsockname(listener, (struct sockaddr *)&address, &size), 0);
	*ret_client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	cr_assert_eq(connect(*ret_client, (struct sockaddr *)&address, size), 0);
	*ret_server = accept(listener, NULL, NULL);
	cr_assert(*ret_server >= 0);
	(void)setsockopt(*ret_client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	(void)close(listener);
}

static void set_up(void)
{
	create();
	cr_assert_eq(go_to(bench.group), 0);
	connect_pair(&bench.client, &bench.server);
	bench.client_cookie = cookie_of(bench.client);
	bench.server_cookie = cookie_of(bench.server);
}

static void tear_down(void)
{
	if (!bench.carrier)
		return;
	(void)close(bench.client);
	(void)close(bench.server);
	bat_carrier_destroy(bench.carrier);
	cr_assert_eq(go_to(bench.home), 0);
	cr_assert_eq(rmdir(bench.group), 0, "%s: %s", bench.group, strerror(errno));
}

TestSuite(carrier, .init = set_up, .fini = tear_down);

static void await_input(int fd)
{
	struct pollfd ready = {fd, POLLIN, 0};

	cr_assert_eq(poll(&ready, 1, PATIENCE_MS), 1);
}

static void move(int from, int to, size_t bytes)
{
	char text[CHUNK_BYTES] = {0};

	cr_assert_eq(write(from, text, bytes), (ssize_t)bytes);
	while (bytes > 0) {
		ssize_t got;

		await_input(to);
		got = read(to, text, bytes);
		cr_assert(got > 0);
		bytes -= (size_t)got;
	}
}

struct arrivals {
	unsigned int count;
	struct bat_carried last;
};

static void keep(void *user, const struct bat_carried *carried)
{
	struct arrivals *arrivals = user;

	arrivals->count++;
	arrivals->last = *carried;
}

static struct arrivals take(void)
{
	struct arrivals arrivals = {0};

	cr_assert(bat_carrier_take(bench.carrier, keep, &arrivals) >= 0);
	return arrivals;
}

static void make_option(uint32_t number, uint8_t ret[BAT_OPTION_BYTES])
{
	const struct bat_option option = {
		.epoch = 3, .reading = {BAT_UNREAD, number, number + 1, number + 2}};

	bat_option_encode(&option, ret);
}

Test(carrier, brings_an_option_once_and_as_it_was)
{
	uint8_t option[BAT_OPTION_BYTES];
	struct arrivals arrivals;

	make_option(0x01020304, option);
	move(bench.client, bench.server, 100);
	cr_assert_eq(take().count, 0);
	cr_assert_eq(bat_carrier_put(bench.carrier, bench.client_cookie, option), 0);
	move(bench.client, bench.server, 100);
	arrivals = take();
	cr_assert_eq(arrivals.count, 1);
	cr_assert_eq(arrivals.last.cookie, bench.server_cookie);
	cr_assert_arr_eq(arrivals.last.option, option, BAT_OPTION_BYTES);
	for (int i = 0; i < 20; i++)
		move(bench.client, bench.server, 100);
	cr_assert_eq(take().count, 0);
}

Test(carrier, refuses_a_second_one_until_the_first_has_left)
{
	uint8_t first[BAT_OPTION_BYTES], second[BAT_OPTION_BYTES];

	make_option(1, first);
	make_option(2, second);
	cr_assert_eq(bat_carrier_put(bench.carrier, bench.server_cookie, first), 0);
	cr_assert_eq(bat_carrier_put(bench.carrier, bench.server_cookie, second), -EBUSY);
	move(bench.server, bench.client, 1);
	cr_assert_arr_eq(take().last.option, first, BAT_OPTION_BYTES);
	cr_assert_eq(bat_carrier_put(bench.carrier, bench.server_cookie, second), 0);
	cr_assert_eq(bat_carrier_put(bench.carrier, UINT64_MAX, second), -ENOENT);
}

/* An acknowledgement without data can carry it: the receiver of a bulk transfer has nothing else to send. */
Test(carrier, uses_acknowledgements)
{
	struct arrivals arrivals = {0};
	uint8_t option[BAT_OPTION_BYTES];

	make_option(7, option);
	cr_assert_eq(bat_carrier_put(bench.carrier, bench.server_cookie, option), 0);
	for (int i = 0; i < PATIENCE_MS && arrivals.count == 0; i++) {
		move(bench.client, bench.server, 2 * SEGMENT_BYTES);
		arrivals = take();
	}
	cr_assert_eq(arrivals.count, 1);
	cr_assert_eq(arrivals.last.cookie, bench.client_cookie);
}

struct tally {
	uint32_t newest, options;
	unsigned int count;
};

static void count(void *user, const struct bat_carried *carried)
{
	struct tally *tally = user;
	struct bat_option option;

	cr_assert_eq(carried->cookie, bench.server_cookie);
	cr_assert_eq(bat_option_decode(carried->option, BAT_OPTION_BYTES, &option, NULL), 0);
	cr_assert(option.reading.time >= tally->newest, "loopback keeps the order");
	tally->options += option.reading.time > tally->newest;
	tally->newest = option.reading.time;
	tally->count++;
}

/* Full segments, cut by segmentation offload: each option comes, on some segments and not on all. */
Test(carrier, leaves_a_bulk_stream_whole)
{
	static unsigned char out[CHUNK_BYTES], in[CHUNK_BYTES];
	struct tally tally = {0};
	struct tcp_info info;
	socklen_t size = sizeof(info);
	uint32_t put = 0;

	for (size_t done = 0; done < BULK_BYTES; done += CHUNK_BYTES) {
		uint8_t option[BAT_OPTION_BYTES];
		size_t got = 0;

		make_option(put + 1, option);
		put += bat_carrier_put(bench.carrier, bench.client_cookie, option) == 0;
		for (size_t i = 0; i < CHUNK_BYTES; i++)
			out[i] = (unsigned char)((done + i) * 31 >> 3);
		cr_assert_eq(write(bench.client, out, CHUNK_BYTES), CHUNK_BYTES);
		while (got < CHUNK_BYTES) {
			ssize_t more;

			await_input(bench.server);
			more = read(bench.server, in + got, CHUNK_BYTES - got);
			cr_assert(more > 0);
			got += (size_t)more;
		}
		cr_assert_arr_eq(in, out, CHUNK_BYTES);
		cr_assert(bat_carrier_take(bench.carrier, count, &tally) >= 0);
	}
	cr_assert_eq(getsockopt(bench.client, IPPROTO_TCP, TCP_INFO, &info, &size), 0);
	cr_assert(tally.options >= put - 1 && put > 2, "%u of %u came", tally.options, put);
	cr_assert(tally.count < info.tcpi_data_segs_out / 2, "%u on %u segments", tally.count,
		info.tcpi_data_segs_out);
}

static void accept_one(void *user, const struct bat_carried *carried)
{
	enum bat_exchange_verdict verdict = bat_receiver_accept(
		user, (int64_t)carried->time_ns, carried->option, BAT_OPTION_BYTES);

	cr_assert(verdict == BAT_SETUP || verdict == BAT_BASELINE || verdict == BAT_ACCEPTED, "%s",
		bat_exchange_verdict_name(verdict));
}

/* The exchange as it is specified, over a connection: what the receiver believes is what the sender counted. */
Test(carrier, carries_an_exchange)
{
	const struct bat_option_setup setup = {.tracked = 1 << BAT_UNACKED,
		.scale = {.size_log2 = 20, .rate_log2 = 30},
		.horizon_log2 = 30};
	struct bat_receiver receiver = {0};
	struct bat_reading queues[BAT_QUEUE_COUNT] = {0}, first, last;
	struct bat_window window;
	struct bat_sender sender;
	const struct bat_scale *scale = &sender.setup.scale;
	int64_t now_ns = 1000000;

	bat_sender_init(&sender, now_ns, 1000000, 1, &setup);
	for (int i = 0; i < 10; i++) {
		uint8_t option[BAT_OPTION_BYTES];

		now_ns += 1000000;
		queues[BAT_UNACKED] = (struct bat_reading){.time_ns = now_ns,
			.departed = (uint64_t)i * 1000,
			.integral = (uint64_t)i * 1000 * 1000000};
		cr_assert(bat_sender_emit(&sender, now_ns, queues, option));
		cr_assert_eq(bat_carrier_put(bench.carrier, bench.client_cookie, option), 0);
		move(bench.client, bench.server, 50);
		cr_assert_eq(bat_carrier_take(bench.carrier, accept_one, &receiver), 1);
		if (i == 1)
			cr_assert_eq(bat_receiver_read(&receiver, BAT_UNACKED, &first, NULL), 0);
	}
	cr_assert_eq(bat_receiver_read(&receiver, BAT_UNACKED, &last, NULL), 0);
	cr_assert_eq(bat_window_between(&first, &last, &window), 0);
	/* From the second option, the first reading, to the tenth: cut by the scale, once at each end. */
	cr_assert_leq(imaxabs(window.duration_ns - 8 * 1000000), 1ll << scale->time_shift);
	cr_assert_leq(imaxabs((intmax_t)window.departed - 8 * 1000), 1ll << scale->departed_shift);
	cr_assert_leq(imaxabs((intmax_t)window.integral - 8ll * 1000 * 1000000),
		1ll << scale->integral_shift);
}

/* Connections outside the group, and those from before, have none. */
Test(carrier, leaves_other_connections_alone)
{
	uint8_t option[BAT_OPTION_BYTES];
	int client, server;

	make_option(9, option);
	cr_assert_eq(go_to(bench.home), 0);
	connect_pair(&client, &server);
	cr_assert_eq(bat_carrier_put(bench.carrier, cookie_of(client), option), -ENOENT);
	move(client, server, 100);
	(void)close(client);
	(void)close(server);
	cr_assert_eq(take().count, 0);
}
