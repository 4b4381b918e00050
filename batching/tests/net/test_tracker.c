/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Queues tracked in the kernel against clocks of the test's own, read before and after each call: what the tracker says
 * of a queue's integral must lie between what they allow. Both ends are in this process.
 */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <hotbed/error.h>
#include <hotbed/rng.h>

#include <batching/tracker.h>

#define PATIENCE_MS 20000
#define ROUNDS 20
#define BULK_BYTES (4u << 20)
#define CHUNK_MAX 20000

struct watched {
	int fd, place;
	uint64_t cookie;
};

static struct bat_tracker *create(void)
{
	struct bat_tracker *tracker = NULL;
	struct hb_error error = {0};
	int err = bat_tracker_create(&tracker, &error);

	if (err == -EPERM || err == -ENOTSUP) {
		(void)printf("skip: needs BPF (%s)\n", error.text);
		cr_skip("no right to");
	}
	cr_assert_eq(err, 0, "%s", error.text);
	return tracker;
}

static void connect_pair(int *ret_client, int *ret_server)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t size = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	cr_assert(
		bind(listener, (struct sockaddr *)&address, size) == 0 && listen(listener, 8) == 0);
	cr_assert_eq(getsockname(listener, (struct sockaddr *)&address, &size), 0);
	*ret_client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	cr_assert_eq(connect(*ret_client, (struct sockaddr *)&address, size), 0);
	*ret_server = accept(listener, NULL, NULL);
	cr_assert(*ret_server >= 0);
	(void)setsockopt(*ret_client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	(void)setsockopt(*ret_server, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	(void)close(listener);
}

static struct watched watch(struct bat_tracker *tracker, int fd)
{
	struct watched watched = {.fd = fd};
	socklen_t size = sizeof(watched.cookie);

	cr_assert_eq(getsockopt(fd, SOL_SOCKET, SO_COOKIE, &watched.cookie, &size), 0);
	watched.place = bat_tracker_watch(tracker, watched.cookie);
	cr_assert(watched.place >= 0);
	return watched;
}

static void await_input(int fd)
{
	struct pollfd ready = {fd, POLLIN, 0};

	cr_assert_eq(poll(&ready, 1, PATIENCE_MS), 1);
}

static void move(int from, int to, size_t bytes)
{
	char text[CHUNK_MAX] = {0};

	cr_assert_eq(write(from, text, bytes), (ssize_t)bytes);
	await_input(to);
	cr_assert_eq(read(to, text, bytes), (ssize_t)bytes);
}

static void read_queues(
	struct bat_tracker *tracker, const struct watched *watched, struct bat_reading *ret)
{
	cr_assert_eq(bat_tracker_read(tracker, watched->place, bat_tracker_now_ns(), ret), 0);
}

/* Nothing is in any queue of either end: the last acknowledgement may take some 40 ms. */
static void await_empty(struct bat_tracker *tracker, const struct watched *watched)
{
	static const struct timespec ms = {0, 1000000};
	struct bat_reading queues[BAT_QUEUE_COUNT];

	for (int i = 0; i < PATIENCE_MS; i++) {
		read_queues(tracker, watched, queues);
		if (queues[BAT_UNACKED].size == 0 && queues[BAT_ACKDELAY].size == 0)
			return;
		(void)nanosleep(&ms, NULL);
	}
	cr_assert(0, "the last acknowledgement was not seen");
}

static void between(const char *what, uint64_t value, int64_t least, int64_t most)
{
	cr_assert((int64_t)value >= least && (int64_t)value <= most,
		"%s: %llu ns per byte in all; %lld to %lld are possible", what,
		(unsigned long long)value, (long long)least, (long long)most);
}

/* Sums over rounds, in ns for each byte of a message. */
struct bounds {
	int64_t unread_least, unread_most, service_least, service_most, unacked_most;
};

static void round_trip(int client, int server, size_t bytes, struct bounds *bounds)
{
	static const struct timespec ms = {0, 1000000};
	char text[CHUNK_MAX] = {0};
	int64_t written, arrived, reading, read_by, answering, answered;

	written = bat_tracker_now_ns();
	cr_assert_eq(write(client, text, bytes), (ssize_t)bytes);
	await_input(server);
	arrived = bat_tracker_now_ns();
	(void)nanosleep(&ms, NULL);
	reading = bat_tracker_now_ns();
	cr_assert_eq(read(server, text, bytes), (ssize_t)bytes);
	read_by = bat_tracker_now_ns();
	(void)nanosleep(&ms, NULL);
	answering = bat_tracker_now_ns();
	cr_assert_eq(write(server, text, 2 * bytes), (ssize_t)(2 * bytes));
	answered = bat_tracker_now_ns();
	await_input(client);
	cr_assert_eq(read(client, text, 2 * bytes), (ssize_t)(2 * bytes));
	bounds->unread_least += reading - arrived;
	bounds->unread_most += read_by - written;
	bounds->service_least += answering - read_by;
	bounds->service_most += answered - reading;
	bounds->unacked_most += bat_tracker_now_ns() - written;
}

Test(tracker, integrals_lie_between_what_clocks_allow)
{
	enum { BYTES = 500 };
	struct bat_tracker *tracker = create();
	struct bat_reading a0[BAT_QUEUE_COUNT], b0[BAT_QUEUE_COUNT];
	struct bat_reading a[BAT_QUEUE_COUNT], b[BAT_QUEUE_COUNT];
	struct watched client, server;
	struct bounds bounds = {0};
	int fds[2];

	(void)printf("# tracking: %s\n", bat_tracker_name(tracker));
	connect_pair(&fds[0], &fds[1]);
	client = watch(tracker, fds[0]);
	server = watch(tracker, fds[1]);
	cr_assert_eq(bat_tracker_read(tracker, client.place, 0, a), -ENODATA);
	move(client.fd, server.fd, 100);
	move(server.fd, client.fd, 100);
	await_empty(tracker, &client);
	await_empty(tracker, &server);
	read_queues(tracker, &client, a0);
	read_queues(tracker, &server, b0);
	for (int i = 0; i < ROUNDS; i++)
		round_trip(client.fd, server.fd, BYTES, &bounds);
	await_empty(tracker, &client);
	await_empty(tracker, &server);
	read_queues(tracker, &client, a);
	read_queues(tracker, &server, b);
	for (int q = 0; q < BAT_QUEUE_COUNT; q++) {
		bool is_sent = q == BAT_UNACKED || q == BAT_UNSENT;

		cr_assert_eq(b[q].size, 0, "%s", bat_queue_name((enum bat_queue)q));
		cr_assert_eq(b[q].departed - b0[q].departed, (is_sent ? 2u : 1u) * ROUNDS * BYTES);
		if (q == BAT_SERVICE)
			continue; /* the client wrote nothing after its last reading */
		cr_assert_eq(a[q].size, 0, "%s", bat_queue_name((enum bat_queue)q));
		cr_assert_eq(a[q].departed - a0[q].departed, (is_sent ? 1u : 2u) * ROUNDS * BYTES);
	}
	between("unread", (b[BAT_UNREAD].integral - b0[BAT_UNREAD].integral) / BYTES,
		bounds.unread_least, bounds.unread_most);
	between("service", (b[BAT_SERVICE].integral - b0[BAT_SERVICE].integral) / BYTES,
		bounds.service_least, bounds.service_most);
	/* An acknowledgement leaves with the answer at the latest, and each trip takes some time. */
	between("unacked", (a[BAT_UNACKED].integral - a0[BAT_UNACKED].integral) / BYTES, 1,
		bounds.unacked_most);
	between("ackdelay", (b[BAT_ACKDELAY].integral - b0[BAT_ACKDELAY].integral) / BYTES, 0,
		(int64_t)((a[BAT_UNACKED].integral - a0[BAT_UNACKED].integral) / BYTES));
	bat_tracker_destroy(tracker);
	(void)close(fds[0]);
	(void)close(fds[1]);
}

Test(tracker, bytes_held_by_nagles_algorithm_are_unsent)
{
	struct bat_tracker *tracker = create();
	struct bat_reading first[BAT_QUEUE_COUNT], held[BAT_QUEUE_COUNT], last[BAT_QUEUE_COUNT];
	struct watched client;
	int fds[2], on = 1, off = 0;
	int64_t begun, ended;
	char text[100] = {0};

	connect_pair(&fds[0], &fds[1]);
	client = watch(tracker, fds[0]);
	move(fds[0], fds[1], 100);
	await_empty(tracker, &client);
	cr_assert_eq(setsockopt(fds[0], IPPROTO_TCP, TCP_CORK, &on, sizeof(on)), 0);
	read_queues(tracker, &client, first);
	cr_assert_eq(write(fds[0], text, sizeof(text)), (ssize_t)sizeof(text));
	begun = bat_tracker_now_ns();
	read_queues(tracker, &client, held);
	cr_assert_eq(held[BAT_UNSENT].size, sizeof(text));
	cr_assert_eq(held[BAT_UNACKED].size, sizeof(text));
	ended = bat_tracker_now_ns();
	cr_assert_eq(setsockopt(fds[0], IPPROTO_TCP, TCP_CORK, &off, sizeof(off)), 0);
	await_empty(tracker, &client);
	read_queues(tracker, &client, last);
	cr_assert_eq(last[BAT_UNSENT].size, 0);
	cr_assert_eq(last[BAT_UNSENT].departed - first[BAT_UNSENT].departed, sizeof(text));
	cr_assert(last[BAT_UNSENT].integral - first[BAT_UNSENT].integral >=
		  (uint64_t)(ended - begun) * sizeof(text));
	bat_tracker_destroy(tracker);
	(void)close(fds[0]);
	(void)close(fds[1]);
}

struct writer {
	int fd;
	uint64_t seed;
};

static void *write_all(void *user)
{
	static const char text[CHUNK_MAX];
	const struct writer *writer = user;
	struct hb_rng rng;
	size_t left = BULK_BYTES;

	hb_rng_init(&rng, writer->seed, 1);
	while (left > 0) {
		size_t want = 1 + hb_rng_below(&rng, CHUNK_MAX);
		ssize_t done = write(writer->fd, text, want < left ? want : left);

		if (done <= 0)
			return "failed";
		left -= (size_t)done;
	}
	return NULL;
}

Test(tracker, no_byte_is_counted_twice_or_missed_by_hooks_on_several_processors)
{
	struct bat_tracker *tracker = create();
	struct bat_reading first[2][BAT_QUEUE_COUNT], queues[BAT_QUEUE_COUNT];
	struct watched ends[2];
	struct writer writer = {.seed = 1};
	const char *text_of_seed = getenv("HB_SEED");
	void *fault = NULL;
	pthread_t thread;
	int fds[2];
	static char text[CHUNK_MAX];
	size_t left = BULK_BYTES;

	if (text_of_seed)
		writer.seed = strtoull(text_of_seed, NULL, 0);
	(void)printf("HB_SEED=%llu\n", (unsigned long long)writer.seed);
	connect_pair(&fds[0], &fds[1]);
	for (int i = 0; i < 2; i++)
		ends[i] = watch(tracker, fds[i]);
	move(fds[0], fds[1], 1);
	await_empty(tracker, &ends[0]);
	for (int i = 0; i < 2; i++)
		read_queues(tracker, &ends[i], first[i]);
	writer.fd = fds[0];
	cr_assert_eq(pthread_create(&thread, NULL, write_all, &writer), 0);
	while (left > 0) {
		ssize_t got = read(fds[1], text, sizeof(text));

		cr_assert(got > 0);
		left -= (size_t)got;
		(void)bat_tracker_read(tracker, ends[1].place, bat_tracker_now_ns(), queues);
	}
	cr_assert_eq(pthread_join(thread, &fault), 0);
	cr_assert_null(fault);
	await_empty(tracker, &ends[0]);
	await_empty(tracker, &ends[1]);
	read_queues(tracker, &ends[0], queues);
	cr_assert_eq(queues[BAT_UNACKED].departed - first[0][BAT_UNACKED].departed, BULK_BYTES);
	cr_assert_eq(queues[BAT_UNSENT].departed - first[0][BAT_UNSENT].departed, BULK_BYTES);
	cr_assert(queues[BAT_UNACKED].integral - first[0][BAT_UNACKED].integral <= INT64_MAX);
	read_queues(tracker, &ends[1], queues);
	cr_assert_eq(queues[BAT_UNREAD].departed - first[1][BAT_UNREAD].departed, BULK_BYTES);
	cr_assert_eq(queues[BAT_UNREAD].size, 0);
	cr_assert(queues[BAT_UNREAD].integral - first[1][BAT_UNREAD].integral <= INT64_MAX);
	bat_tracker_destroy(tracker);
	(void)close(fds[0]);
	(void)close(fds[1]);
}

Test(tracker, a_place_is_given_again_and_begins_anew)
{
	struct bat_tracker *tracker = create();
	struct bat_reading queues[BAT_QUEUE_COUNT];
	struct watched client;
	int fds[2];

	connect_pair(&fds[0], &fds[1]);
	for (int i = 0; i < 2 * BAT_TRACKER_SOCKETS_MAX; i++) {
		client = watch(tracker, fds[0]);
		bat_tracker_forget(tracker, client.place, client.cookie);
	}
	client = watch(tracker, fds[0]);
	cr_assert_eq(bat_tracker_watch(tracker, client.cookie), -EEXIST);
	cr_assert_eq(bat_tracker_read(tracker, client.place, 0, queues), -ENODATA);
	move(fds[0], fds[1], 10);
	read_queues(tracker, &client, queues);
	bat_tracker_destroy(tracker);
	(void)close(fds[0]);
	(void)close(fds[1]);
}
