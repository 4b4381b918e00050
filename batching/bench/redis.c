/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "redis.h"

#include <arpa/inet.h>
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
#include <time.h>
#include <unistd.h>

#include <hotbed/clock.h>
#include <hotbed/error.h>
#include <hotbed/experiment.h>

#define KEYS 64 /* at least, and one per connection */
#define HEADER_MAX 128
#define OUT_BYTES (4u << 20)
#define READ_BYTES 65536
#define START_NS 20000000000
#define DRAIN_NS 2000000000
#define NUMBER_DIGITS 16
#define COMMAND_BYTES 34 /* of a SET, around a value of 64 bytes */
#define BIND_INDEX 4     /* in the command line of the server */

static const char reply[] = "+OK\r\n";
#define REPLY_BYTES (sizeof(reply) - 1)

static bool is_installed(const char *program)
{
	const char *at = getenv("PATH");
	char path[4096];

	while (at && *at) {
		size_t length = strcspn(at, ":");

		if (length > 0 && length + strlen(program) + 2 <= sizeof(path)) {
			(void)snprintf(path, sizeof(path), "%.*s/%s", (int)length, at, program);
			if (access(path, X_OK) == 0)
				return true;
		}
		at += length + (at[length] == ':');
	}
	return false;
}

int redis_probe(struct hb_trial *trial)
{
	if (!is_installed("redis-server"))
		return hb_trial_skip(trial, "needs redis-server");
	return network_probe(trial, hb_params_text(hb_trial_params(trial), "network"));
}

static int set_flag(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value)) ? -errno : 0;
}

static int connect_once(const struct redis *redis)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(REDIS_PORT)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), err;

	if (fd < 0)
		return -errno;
	(void)inet_pton(AF_INET, redis->network.server_address, &address.sin_addr);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
		fcntl(fd, F_SETFL, O_NONBLOCK) == 0)
		return fd;
	err = -errno;
	(void)close(fd);
	return err;
}

/* Exactly @bytes of them, within START_NS. */
static int read_exactly(int fd, uint8_t *ret, size_t bytes)
{
	int64_t deadline_ns = hb_clock_now_ns() + START_NS;

	while (bytes > 0) {
		struct pollfd ready = {fd, POLLIN, 0};
		int count = hb_load_await(&ready, 1, deadline_ns);
		ssize_t got;

		if (count <= 0)
			return count < 0 ? count : -ETIMEDOUT;
		got = recv(fd, ret, bytes, 0);
		if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
			return got == 0 ? -ECONNRESET : -errno;
		if (got > 0) {
			ret += got;
			bytes -= (size_t)got;
		}
	}
	return 0;
}

/* An answer shows that the server has accepted the connection and set its options. */
static int ping(int fd)
{
	static const char command[] = "PING\r\n", expected[] = "+PONG\r\n";
	uint8_t answer[sizeof(expected) - 1];
	int err;

	if (send(fd, command, sizeof(command) - 1, MSG_NOSIGNAL) != sizeof(command) - 1)
		return -errno;
	err = read_exactly(fd, answer, sizeof(answer));
	return err ? err : memcmp(answer, expected, sizeof(answer)) == 0 ? 0 : -EBADMSG;
}

static int connect_all(struct hb_trial *trial, struct redis *redis)
{
	int64_t deadline_ns = hb_clock_now_ns() + START_NS;

	for (unsigned int i = 0; i < redis->connection_count; i++) {
		struct redis_connection *to = &redis->connections[i];

		while ((to->fd = connect_once(redis)) == -ECONNREFUSED &&
			hb_clock_now_ns() < deadline_ns)
			(void)nanosleep(&(struct timespec){0, 2000000}, NULL);
		if (to->fd < 0)
			return hb_trial_fail(trial, "redis-server does not take connections: %s",
				strerror(-to->fd));
		to->next = i;
		to->out = malloc(OUT_BYTES);
		if (!to->out)
			return hb_trial_fail(trial, "no memory for a connection");
	}
	for (unsigned int i = 0; i < redis->connection_count; i++) {
		int err = ping(redis->connections[i].fd);

		if (err)
			return hb_trial_fail(
				trial, "redis-server does not answer PING: %s", strerror(-err));
	}
	return redis_set_nodelay(redis, true) ? hb_trial_fail(trial, "TCP_NODELAY is refused") : 0;
}

int redis_start(
	struct hb_trial *trial, struct redis *redis, unsigned int connections, size_t value_bytes)
{
	char port[8];
	const char *argv[] = {"redis-server", "--port", port, "--bind", NULL, "--protected-mode",
		"no", "--save", "", "--appendonly", "no", "--dir", hb_trial_tmpdir(trial), NULL};
	int err;

	*redis = (struct redis){.connection_count = connections, .value_bytes = value_bytes};
	for (unsigned int i = 0; i < REDIS_CONNECTIONS_MAX; i++)
		redis->connections[i].fd = -1;
	redis->server.pidfd = -1;
	redis->network = (struct network){NULL, -1, -1, -1, {0, -1}};
	(void)snprintf(port, sizeof(port), "%d", REDIS_PORT);
	redis->request = malloc(REDIS_VALUE_MAX + HEADER_MAX);
	if (!redis->request)
		return hb_trial_fail(trial, "no memory for requests");
	err = network_start(
		trial, hb_params_text(hb_trial_params(trial), "network"), &redis->network);
	if (err)
		return err;
	argv[BIND_INDEX] = redis->network.server_address;
	err = network_enter(&redis->network, true);
	if (!err)
		err = hb_child_start(trial, "system", argv, NULL, &redis->server);
	if (!err)
		err = network_enter(&redis->network, false);
	if (err)
		return hb_trial_fail(trial, "redis-server does not start: %s", strerror(-err));
	return connect_all(trial, redis);
}

void redis_stop(struct redis *redis)
{
	free(redis->request);
	redis->request = NULL;
	if (!redis->network.server_address)
		return; /* not begun */
	for (unsigned int i = 0; i < redis->connection_count; i++) {
		if (redis->connections[i].fd >= 0)
			(void)close(redis->connections[i].fd);
		redis->connections[i].fd = -1;
		free(redis->connections[i].out);
		redis->connections[i].out = NULL;
	}
	if (redis->server.pid > 0)
		(void)hb_child_stop(&redis->server, 0, NULL); /* it has nothing to save */
	network_stop(&redis->network);
}

int redis_set_nodelay(struct redis *redis, bool on)
{
	int err = 0;

	for (unsigned int i = 0; i < redis->connection_count && !err; i++)
		err = set_flag(redis->connections[i].fd, IPPROTO_TCP, TCP_NODELAY, on);
	return err;
}

/* A multiple of the connections, so that each key has one connection, whose order is that of its values. */
static uint64_t key_count(const struct redis *redis)
{
	uint64_t connections = redis->connection_count;

	return (KEYS + connections - 1) / connections * connections;
}

static uint64_t key_of(const struct redis *redis, uint64_t request)
{
	return request % key_count(redis);
}

/* The number of the request, again and again: a value of another request differs in every sixteenth byte at least. */
static void fill_value(uint8_t *value, size_t bytes, uint64_t request)
{
	char number[NUMBER_DIGITS + 1];

	(void)snprintf(number, sizeof(number), "%0*" PRIx64, NUMBER_DIGITS, request);
	for (size_t i = 0; i < bytes; i += NUMBER_DIGITS)
		memcpy(value + i, number, bytes - i < NUMBER_DIGITS ? bytes - i : NUMBER_DIGITS);
}

static size_t make_set(const struct redis *redis, uint64_t request)
{
	int length = snprintf((char *)redis->request, HEADER_MAX,
		"*3\r\n$3\r\nSET\r\n$8\r\n%08" PRIx64 "\r\n$%zu\r\n", key_of(redis, request),
		redis->value_bytes);
	size_t at = (size_t)length;

	fill_value(redis->request + at, redis->value_bytes,
		request + (redis->is_sabotaged && request % 7 == 0));
	memcpy(redis->request + at + redis->value_bytes, "\r\n", 2);
	return at + redis->value_bytes + 2;
}

static int flush_out(struct redis_connection *to)
{
	while (to->out_begin < to->out_end) {
		ssize_t put = send(
			to->fd, to->out + to->out_begin, to->out_end - to->out_begin, MSG_NOSIGNAL);

		if (put < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -errno;
		to->out_begin += (size_t)put;
	}
	to->out_begin = to->out_end = 0;
	return 0;
}

static int send_request(void *user, uint64_t request, int64_t intended_ns)
{
	struct redis *redis = user;
	struct redis_connection *to = &redis->connections[request % redis->connection_count];
	size_t bytes = make_set(redis, request);
	ssize_t put = 0;

	if (redis->err)
		return redis->err;
	redis->start_ns = intended_ns - redis->run->schedule.at_ns[request];
	if (to->out_end + bytes > OUT_BYTES)
		return -EAGAIN;
	redis->run->sent_ns[request] = hb_clock_now_ns();
	if (to->out_end == 0) {
		put = send(to->fd, redis->request, bytes, MSG_NOSIGNAL);
		if (put < 0 && errno != EAGAIN && errno != EINTR)
			return -errno;
		put = put < 0 ? 0 : put;
	}
	memcpy(to->out + to->out_end, redis->request + put, bytes - (size_t)put);
	to->out_end += bytes - (size_t)put;
	to->newest = request;
	redis->sent = request + 1;
	return 0;
}

static int take_replies(struct redis *redis, struct redis_connection *to, struct hb_load *load)
{
	static char bytes[READ_BYTES];
	ssize_t got = recv(to->fd, bytes, sizeof(bytes), 0);
	int64_t now_ns = hb_clock_now_ns();

	if (got < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	if (got == 0)
		return -ECONNRESET;
	for (ssize_t i = 0; i < got; i++) {
		if (bytes[i] != reply[to->part++])
			return -EBADMSG;
		if (to->part < REPLY_BYTES)
			continue;
		to->part = 0;
		if (hb_load_complete(load, to->next))
			return -EBADMSG;
		redis->completed++;
		redis->run->answered_ns[to->next] = now_ns;
		if (redis->answered)
			redis->answered(redis->user, to->next, now_ns);
		to->next += redis->connection_count;
	}
	return 0;
}

static int poll_replies(void *user, struct hb_load *load, int64_t until_ns, bool is_held_back)
{
	struct pollfd ready[REDIS_CONNECTIONS_MAX];
	struct redis *redis = user;
	int count, err = 0;

	(void)is_held_back; /* room for it is an event */
	if (redis->idle) {
		int64_t again_ns = redis->idle(redis->user, hb_clock_now_ns());

		until_ns = again_ns < until_ns ? again_ns : until_ns;
	}
	for (unsigned int i = 0; i < redis->connection_count; i++) {
		struct redis_connection *to = &redis->connections[i];

		ready[i] = (struct pollfd){
			to->fd, (short)(POLLIN | (to->out_end > 0 ? POLLOUT : 0)), 0};
	}
	count = hb_load_await(ready, redis->connection_count, until_ns);
	if (count < 0)
		return count;
	for (unsigned int i = 0; i < redis->connection_count && !err; i++) {
		struct redis_connection *to = &redis->connections[i];

		if (ready[i].revents & POLLOUT)
			err = flush_out(to);
		if (!err && (ready[i].revents & (POLLIN | POLLERR | POLLHUP)))
			err = take_replies(redis, to, load);
	}
	return err ? err : redis->err;
}

double redis_capacity(const struct hb_trial *trial)
{
	const struct hb_params *params = hb_trial_params(trial);

	return network_capacity(hb_params_text(params, "network"),
		(size_t)hb_params_i64(params, "size") + COMMAND_BYTES);
}

static int begin(struct redis *redis, struct redis_run *run)
{
	for (unsigned int i = 0; i < redis->connection_count; i++)
		redis->connections[i].next = i;
	redis->run = run;
	redis->sent = redis->completed = 0;
	redis->err = 0;
	run->sent_ns = calloc(run->schedule.count, sizeof(*run->sent_ns));
	run->answered_ns = calloc(run->schedule.count, sizeof(*run->answered_ns));
	return run->sent_ns && run->answered_ns ? 0 : -ENOMEM;
}

int redis_drive(struct hb_trial *trial, struct redis *redis, const struct hb_load_profile *profile,
	uint64_t seed, struct redis_run *ret)
{
	const struct hb_load_transport transport = {send_request, poll_replies, redis};
	const struct hb_load_options options = {.drain_ns = DRAIN_NS};
	struct redis_run run = {0};
	struct hb_error error = {0};
	int err = hb_load_schedule_draw(profile, seed, &run.schedule, &error);

	if (!err)
		err = hb_load_create(&run.load, &run.schedule, &error);
	if (!err)
		err = begin(redis, &run);
	if (!err)
		err = hb_load_run(run.load, &transport, &options, &error);
	redis->run = NULL;
	if (err) {
		redis_run_finish(&run);
		return hb_trial_fail(trial, "the run ended early: %s",
			error.text[0] ? error.text : strerror(-err));
	}
	*ret = run;
	return 0;
}

void redis_run_finish(struct redis_run *run)
{
	hb_load_destroy(run->load);
	hb_load_schedule_finish(&run->schedule);
	free(run->sent_ns);
	free(run->answered_ns);
	*run = (struct redis_run){0};
}

int64_t redis_response_ns(const struct redis *redis, const struct redis_run *run, uint64_t request)
{
	int64_t answered_ns = run->answered_ns[request];

	return answered_ns == 0 ? INT64_MAX
				: answered_ns - redis->start_ns - run->schedule.at_ns[request];
}

size_t redis_request_bytes(const struct redis *redis)
{
	return make_set(redis, 0);
}

uint64_t redis_segments(const struct redis *redis)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < redis->connection_count; i++) {
		struct tcp_info info = {0};
		socklen_t size = sizeof(info);

		if (getsockopt(redis->connections[i].fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0)
			sum += info.tcpi_data_segs_out;
	}
	return sum;
}

/* The value of @key must be that of request @expected, the last that wrote it. */
static int check_key(
	struct hb_trial *trial, struct redis *redis, int fd, uint64_t key, uint64_t expected)
{
	uint8_t *want = redis->request, *got = redis->connections[0].out;
	char header[HEADER_MAX];
	int length =
		snprintf(header, sizeof(header), "*2\r\n$3\r\nGET\r\n$8\r\n%08" PRIx64 "\r\n", key);
	size_t head;
	int err = 0;

	if (send(fd, header, (size_t)length, MSG_NOSIGNAL) != length)
		return hb_trial_fail(trial, "GET cannot be sent: %s", strerror(errno));
	head = (size_t)snprintf((char *)want, HEADER_MAX, "$%zu\r\n", redis->value_bytes);
	fill_value(want + head, redis->value_bytes, expected);
	memcpy(want + head + redis->value_bytes, "\r\n", 2);
	err = read_exactly(fd, got, head + redis->value_bytes + 2);
	if (err)
		return hb_trial_fail(
			trial, "key %" PRIu64 " cannot be read: %s", key, strerror(-err));
	if (memcmp(got, want, head + redis->value_bytes + 2) != 0)
		return hb_trial_fail(trial,
			"key %" PRIu64 " does not have the value of request %" PRIu64
			", which wrote it last",
			key, expected);
	return 0;
}

int redis_verify(struct hb_trial *trial, struct redis *redis)
{
	uint64_t keys = key_count(redis);
	int fd, err = 0;

	for (unsigned int i = 0; i < redis->connection_count; i++) {
		const struct redis_connection *to = &redis->connections[i];

		if (redis->sent > i && to->next != to->newest + redis->connection_count)
			return 0; /* overloaded: not all was answered, so that no last value is known */
	}
	fd = connect_once(redis);
	if (fd < 0)
		return hb_trial_fail(
			trial, "redis-server is gone after the run: %s", strerror(-fd));
	for (uint64_t key = 0; key < keys && key < redis->sent && !err; key++)
		err = check_key(trial, redis, fd, key, key + (redis->sent - 1 - key) / keys * keys);
	(void)close(fd);
	return err;
}

/* ---- hooks ---- */

int redis_verify_trial(struct hb_trial *trial)
{
	return redis_verify(trial, hb_trial_state(trial));
}

int redis_sabotage_trial(struct hb_trial *trial)
{
	struct redis *redis = hb_trial_state(trial);

	redis->is_sabotaged = true;
	return 0;
}

uint64_t redis_memory_bytes(const struct hb_params *params)
{
	(void)params;
	return 1ull << 30;
}

/* A value takes the slow link longer than the SLO allows, or a fast one more frames than a busy machine carries. */
bool redis_is_valid(const struct hb_params *params, const char **ret_why)
{
	bool is_slow = strcmp(hb_params_text(params, "network"), "20mbit") == 0;
	int64_t size = hb_params_i64(params, "size");

	*ret_why = "values of 16 KiB and more need a faster network than 20mbit, and those below 4 "
		   "KiB a slower one than 100mbit";
	if (strcmp(hb_params_text(params, "network"), "100mbit") == 0)
		return size >= 4096;
	return !is_slow || size < 16384;
}
