/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The proxy between a client and a server of this test: every byte arrives as it was, and requests are counted. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <hotbed/error.h>
#include <hotbed/rng.h>

#include <batching/proxy.h>

#define STREAM_BYTES 3000000

/* Criterion 2.4.1 loses 48 bytes where tests that run side by side end in another order than they began. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:libcriterion";
}

static struct bat_proxy_options options;
static struct bat_proxy_stats stats;
static struct hb_error error;
static int result, ready[2];
static uint16_t proxy_port;

static void note_port(void *user, uint16_t port)
{
	(void)user;
	proxy_port = port;
	cr_assert_eq(write(ready[1], "x", 1), 1);
}

static void *serve(void *user)
{
	(void)user;
	result = bat_proxy_run(&options, &stats, &error);
	return NULL;
}

static int listen_anywhere(char *ret_address, size_t size)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t bytes = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	cr_assert(fd >= 0 && bind(fd, (struct sockaddr *)&address, bytes) == 0);
	cr_assert_eq(listen(fd, 16), 0);
	cr_assert_eq(getsockname(fd, (struct sockaddr *)&address, &bytes), 0);
	(void)snprintf(ret_address, size, "127.0.0.1:%u", ntohs(address.sin_port));
	return fd;
}

static int connect_to(uint16_t port)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	cr_assert(fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
	return fd;
}

static pthread_t start_proxy(const char *to)
{
	pthread_t thread;
	char byte;

	cr_assert_eq(pipe(ready), 0);
	options = (struct bat_proxy_options){.listen = "127.0.0.1:0",
		.to = to,
		.connections_max = 100,
		.stop_fd = eventfd(0, EFD_CLOEXEC),
		.ready = note_port};
	cr_assert_eq(pthread_create(&thread, NULL, serve, NULL), 0);
	cr_assert_eq(read(ready[0], &byte, 1), 1);
	return thread;
}

static void stop_proxy(pthread_t thread)
{
	uint64_t one = 1;

	cr_assert_eq(write(options.stop_fd, &one, sizeof(one)), (ssize_t)sizeof(one));
	cr_assert_eq(pthread_join(thread, NULL), 0);
	cr_assert_eq(result, 0, "%s", error.text);
	(void)close(options.stop_fd);
}

static void read_exactly(int fd, void *buffer, size_t size)
{
	size_t at = 0;

	while (at < size) {
		ssize_t bytes = read(fd, (char *)buffer + at, size - at);

		cr_assert(bytes > 0, "the stream ends after %zu of %zu bytes", at, size);
		at += (size_t)bytes;
	}
}

static void write_all(int fd, const char *text)
{
	cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

Test(proxy, requests_are_counted_while_they_are_on_their_way, .timeout = 30)
{
	const char *request = "*1\r\n$4\r\nPING\r\n";
	const struct timespec pause = {.tv_nsec = 20000000};
	char address[32], buffer[64];
	int listener = listen_anywhere(address, sizeof(address));
	pthread_t thread = start_proxy(address);
	int client = connect_to(proxy_port), server = accept(listener, NULL, NULL);
	double wait_ns;

	for (int i = 0; i < 3; i++) {
		write_all(client, request);
		read_exactly(server, buffer, strlen(request));
		(void)nanosleep(&pause, NULL);
		write_all(server, "+PO");
		write_all(server, "NG\r\n");
		read_exactly(client, buffer, 7);
		cr_assert_eq(memcmp(buffer, "+PONG\r\n", 7), 0);
	}
	write_all(client, request); /* never answered */
	read_exactly(server, buffer, strlen(request));
	(void)close(client);
	(void)close(server);
	stop_proxy(thread);
	(void)close(listener);
	cr_assert_eq(stats.connections, 1);
	cr_assert_eq(stats.requests, 4);
	cr_assert_eq(stats.answers, 3);
	cr_assert_eq(stats.uncounted, 0);
	cr_assert_eq(stats.hints.departed, 4);
	cr_assert_eq(stats.hints.growth, 0);
	cr_assert(bat_window_wait_ns(&stats.hints, &wait_ns));
	cr_assert(wait_ns >= 3 * 20e6 / 4, "%g", wait_ns);
}

struct sender {
	int fd;
	uint8_t *data;
};

static void *send_stream(void *user)
{
	struct sender *sender = user;
	size_t at = 0;

	while (at < STREAM_BYTES) {
		ssize_t bytes = write(sender->fd, sender->data + at, STREAM_BYTES - at);

		if (bytes <= 0)
			break;
		at += (size_t)bytes;
	}
	(void)shutdown(sender->fd, SHUT_WR);
	return NULL;
}

Test(proxy, foreign_streams_pass_unchanged_both_ways_and_uncounted, .timeout = 60)
{
	const char *text = getenv("HB_SEED");
	uint64_t seed = text ? strtoull(text, NULL, 10) : 7;
	char address[32];
	int listener = listen_anywhere(address, sizeof(address));
	pthread_t thread = start_proxy(address), senders[2];
	struct sender ends[2];
	uint8_t *received = malloc(STREAM_BYTES + 1);
	struct hb_rng rng;

	(void)printf("HB_SEED=%llu\n", (unsigned long long)seed);
	ends[0].fd = connect_to(proxy_port);
	ends[1].fd = accept(listener, NULL, NULL);
	hb_rng_init(&rng, seed, 0);
	for (int i = 0; i < 2; i++) {
		ends[i].data = malloc(STREAM_BYTES);
		cr_assert(ends[i].data && received);
		for (size_t at = 0; at < STREAM_BYTES; at++)
			ends[i].data[at] = (uint8_t)hb_rng_u64(&rng);
		cr_assert_eq(pthread_create(&senders[i], NULL, send_stream, &ends[i]), 0);
	}
	for (int i = 0; i < 2; i++) {
		read_exactly(ends[1 - i].fd, received, STREAM_BYTES);
		cr_assert_eq(read(ends[1 - i].fd, received + STREAM_BYTES, 1), 0, "no end");
		cr_assert_eq(memcmp(received, ends[i].data, STREAM_BYTES), 0);
	}
	for (int i = 0; i < 2; i++) {
		cr_assert_eq(pthread_join(senders[i], NULL), 0);
		(void)close(ends[i].fd);
		free(ends[i].data);
	}
	stop_proxy(thread);
	(void)close(listener);
	free(received);
	cr_assert_eq(stats.uncounted, 1);
	cr_assert_eq(stats.hints.growth, 0);
	cr_assert_eq(stats.bytes_to_server, STREAM_BYTES);
	cr_assert_eq(stats.bytes_to_client, STREAM_BYTES);
}

Test(proxy, an_unreachable_server_closes_the_client_and_is_counted, .timeout = 30)
{
	char address[32], byte;
	int listener = listen_anywhere(address, sizeof(address)), client;
	pthread_t thread;

	(void)close(listener);
	thread = start_proxy(address);
	client = connect_to(proxy_port);
	cr_assert(read(client, &byte, 1) <= 0);
	(void)close(client);
	stop_proxy(thread);
	cr_assert_eq(stats.refused, 1);
}

Test(proxy, bad_addresses_are_named)
{
	static const char *const bad[] = {"nonsense", ":80", "127.0.0.1:", "127.0.0.1:x"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		options = (struct bat_proxy_options){
			.listen = bad[i], .to = "127.0.0.1:1", .connections_max = 1, .stop_fd = 0};
		error = (struct hb_error){0};
		cr_assert_eq(bat_proxy_run(&options, &stats, &error), -EINVAL);
		cr_assert(strstr(error.text, bad[i]), "%s", error.text);
	}
}
