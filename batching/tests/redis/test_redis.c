/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * batching proxy between clients of this test and an unmodified redis-server: every answer is the one that its
 * request must get, in order, whatever the sizes and however the requests are cut; and the proxy's counts are those of
 * the test.
 */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <hotbed/rng.h>

#define CLIENTS 12
#define ROUNDS 40
#define BATCH_MAX 30
#define VALUE_MAX 40000
#define SERVER "redis-server"
#define LARGE (1 << 20)
#define LARGE_COUNT 100

static pid_t server, proxy;
static uint16_t server_port, proxy_port;
static FILE *proxy_out;

static int connect_to(uint16_t port)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	(void)close(fd);
	return -1;
}

/* A port that was free a moment ago. */
static uint16_t free_port(void)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t bytes = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	cr_assert_eq(bind(fd, (struct sockaddr *)&address, bytes), 0);
	cr_assert_eq(getsockname(fd, (struct sockaddr *)&address, &bytes), 0);
	(void)close(fd);
	return ntohs(address.sin_port);
}

static pid_t start(const char *const *argv, int out, int err)
{
	pid_t pid = fork();

	cr_assert(pid >= 0);
	if (pid > 0)
		return pid;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)dup2(out, STDOUT_FILENO);
	(void)dup2(err, STDERR_FILENO);
	(void)execvp(argv[0], (char *const *)argv);
	_exit(127);
}

static void start_server(void)
{
	const struct timespec moment = {.tv_nsec = 10000000};
	char port[8];
	const char *argv[] = {SERVER, "--port", port, "--bind", "127.0.0.1", "--save", "",
		"--appendonly", "no", "--loglevel", "warning", NULL};
	int fd = -1;

	server_port = free_port();
	(void)snprintf(port, sizeof(port), "%u", server_port);
	server = start(argv, STDERR_FILENO, STDERR_FILENO);
	for (int i = 0; i < 1000 && fd < 0; i++) {
		(void)nanosleep(&moment, NULL);
		fd = connect_to(server_port);
	}
	cr_assert(fd >= 0, SERVER " does not answer");
	(void)close(fd);
}

static void start_proxy(void)
{
	char to[32];
	const char *argv[] = {
		PROGRAM, "proxy", "--listen", "127.0.0.1:0", "--to", to, "--json", NULL};
	int out[2], err[2];
	unsigned int port;
	FILE *log;

	(void)snprintf(to, sizeof(to), "127.0.0.1:%u", server_port);
	cr_assert(pipe(out) == 0 && pipe(err) == 0);
	proxy = start(argv, out[1], err[1]);
	(void)close(out[1]);
	(void)close(err[1]);
	proxy_out = fdopen(out[0], "r");
	log = fdopen(err[0], "r");
	cr_assert(log && fscanf(log, "batching proxy: port %u", &port) == 1);
	proxy_port = (uint16_t)port; /* the log stays open: nobody is to write into a closed pipe */
}

static void set_up(void)
{
	start_server();
	start_proxy();
}

static void end(pid_t pid, int signal, int *ret_status)
{
	(void)kill(pid, signal);
	cr_assert_eq(waitpid(pid, ret_status, 0), pid);
}

/* The proxy's own number @name, after it has ended. */
static unsigned long long counted(const char *text, const char *name)
{
	char key[32];
	const char *at;

	(void)snprintf(key, sizeof(key), "\"%s\":", name);
	at = strstr(text, key);
	cr_assert(at, "no %s in %s", name, text);
	return strtoull(at + strlen(key), NULL, 10);
}

static void stop_all(char *ret_text, size_t size)
{
	int status;

	end(proxy, SIGTERM, &status);
	cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the proxy ends with %d", status);
	cr_assert(fgets(ret_text, (int)size, proxy_out));
	if (server > 0)
		end(server, SIGKILL, &status);
}

/* ---- clients ---- */

struct text {
	char *bytes;
	size_t length, capacity;
};

static void append(struct text *text, const void *bytes, size_t length)
{
	if (text->length + length > text->capacity) {
		text->capacity = 2 * (text->length + length);
		text->bytes = realloc(text->bytes, text->capacity);
		cr_assert(text->bytes);
	}
	memcpy(text->bytes + text->length, bytes, length);
	text->length += length;
}

static void append_bulk(struct text *text, const void *bytes, size_t length)
{
	char head[32];
	int count = snprintf(head, sizeof(head), "$%zu\r\n", length);

	append(text, head, (size_t)count);
	append(text, bytes, length);
	append(text, "\r\n", 2);
}

struct client {
	int fd, number;
	uint64_t requests;
	long long counter;
	char value[VALUE_MAX];
	size_t value_length;
	struct text asked, expected;
	size_t sent, read;
};

/* One random request and the answer that it must get. */
static void add_request(struct client *client, struct hb_rng *rng)
{
	char key[32], line[32];
	int key_length = snprintf(key, sizeof(key), "k%d", client->number), count;
	struct text *asked = &client->asked, *expected = &client->expected;

	client->requests++;
	switch (hb_rng_below(rng, 4)) {
	case 0:
		client->value_length = hb_rng_below(rng, hb_rng_below(rng, 5) ? 64 : VALUE_MAX);
		for (size_t i = 0; i < client->value_length; i++)
			client->value[i] = (char)hb_rng_u64(rng);
		append(asked, "*3\r\n$3\r\nSET\r\n", 13);
		append_bulk(asked, key, (size_t)key_length);
		append_bulk(asked, client->value, client->value_length);
		append(expected, "+OK\r\n", 5);
		break;
	case 1:
		append(asked, "*2\r\n$3\r\nGET\r\n", 13);
		append_bulk(asked, key, (size_t)key_length);
		append_bulk(expected, client->value, client->value_length);
		break;
	case 2:
		key[0] = 'n';
		append(asked, "*2\r\n$4\r\nINCR\r\n", 14);
		append_bulk(asked, key, (size_t)key_length);
		count = snprintf(line, sizeof(line), ":%lld\r\n", ++client->counter);
		append(expected, line, (size_t)count);
		break;
	default:
		append(asked, "PING\r\n", 6);
		append(expected, "+PONG\r\n", 7);
		break;
	}
}

/* Writes and reads what is possible, in pieces of random size. Returns whether all answers are there. */
static bool step(struct client *client, struct hb_rng *rng)
{
	struct pollfd wait = {.fd = client->fd, .events = POLLIN};
	size_t piece = 1 + hb_rng_below(rng, 20000);
	char buffer[65536];
	ssize_t bytes;

	if (client->sent < client->asked.length) {
		size_t left = client->asked.length - client->sent;

		wait.events |= POLLOUT;
		bytes = send(client->fd, client->asked.bytes + client->sent,
			piece < left ? piece : left, MSG_DONTWAIT | MSG_NOSIGNAL);
		client->sent += bytes > 0 ? (size_t)bytes : 0;
	}
	cr_assert(poll(&wait, 1, 0) >= 0);
	if (wait.revents & (POLLIN | POLLHUP)) {
		bytes = recv(client->fd, buffer, piece, MSG_DONTWAIT);
		cr_assert(bytes > 0, "client %d: the stream ends", client->number);
		cr_assert(client->read + (size_t)bytes <= client->expected.length,
			"client %d: more than was asked for", client->number);
		cr_assert_eq(memcmp(buffer, client->expected.bytes + client->read, (size_t)bytes),
			0, "client %d: another answer within bytes %zu + %zd", client->number,
			client->read, bytes);
		client->read += (size_t)bytes;
	}
	return client->sent == client->asked.length && client->read == client->expected.length;
}

static void run_round(struct client *clients, struct hb_rng *rng)
{
	int open = CLIENTS;

	for (int i = 0; i < CLIENTS; i++) {
		clients[i].asked.length = clients[i].expected.length = 0;
		clients[i].sent = clients[i].read = 0;
		for (uint64_t n = 1 + hb_rng_below(rng, BATCH_MAX); n > 0; n--)
			add_request(&clients[i], rng);
	}
	while (open > 0) {
		open = 0;
		for (int i = 0; i < CLIENTS; i++)
			open += !step(&clients[i], rng);
	}
}

Test(redis, no_answer_is_lost_repeated_or_out_of_order, .timeout = 100)
{
	const char *text = getenv("HB_SEED");
	uint64_t seed = text ? strtoull(text, NULL, 10) : 42, requests = 0;
	struct client *clients = calloc(CLIENTS, sizeof(*clients));
	char json[2048];
	struct hb_rng rng;
	int length;

	(void)printf("HB_SEED=%llu\n", (unsigned long long)seed);
	cr_assert(clients);
	hb_rng_init(&rng, seed, 0);
	set_up();
	for (int i = 0; i < CLIENTS; i++) {
		clients[i].number = i;
		clients[i].fd = connect_to(proxy_port);
		cr_assert(clients[i].fd >= 0);
		/* A value for GET before the first SET. */
		length = snprintf(json, sizeof(json), "SET k%d \"\"\r\n", i);
		append(&clients[i].asked, json, (size_t)length);
		append(&clients[i].expected, "+OK\r\n", 5);
		clients[i].requests = 1;
		while (!step(&clients[i], &rng))
			;
	}
	for (int round = 0; round < ROUNDS; round++)
		run_round(clients, &rng);
	for (int i = 0; i < CLIENTS; i++) {
		requests += clients[i].requests;
		(void)close(clients[i].fd);
		free(clients[i].asked.bytes);
		free(clients[i].expected.bytes);
	}
	free(clients);
	stop_all(json, sizeof(json));
	cr_assert_eq(counted(json, "requests"), requests, "%s", json);
	cr_assert_eq(counted(json, "answers"), requests, "%s", json);
	cr_assert_eq(counted(json, "uncounted"), 0, "%s", json);
	cr_assert_eq(counted(json, "connections"), CLIENTS, "%s", json);
	cr_assert(counted(json, "mean_wait_ns") > 0, "%s", json);
}

static unsigned long long resident_kib(pid_t pid)
{
	unsigned long long kib = 0;
	char path[64], line[256];
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	file = fopen(path, "re");
	cr_assert(file);
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "VmRSS: %llu", &kib) == 1)
			break;
	(void)fclose(file);
	return kib;
}

static void read_exactly(int fd, char *buffer, size_t size)
{
	for (size_t at = 0; at < size;) {
		ssize_t bytes = read(fd, buffer + at, size - at);

		cr_assert(bytes > 0, "the stream ends after %zu of %zu bytes", at, size);
		at += (size_t)bytes;
	}
}

/* 100 MiB of answers for a client that does not read: they wait at the server, not in the proxy. */
Test(redis, a_client_that_does_not_read_costs_no_memory, .timeout = 100)
{
	const char get[] = "*2\r\n$3\r\nGET\r\n$1\r\nx\r\n", head[] = "$1048576\r\n";
	const struct timespec pause = {.tv_nsec = 500000000};
	size_t answer = sizeof(head) - 1 + LARGE + 2;
	char *value = malloc(answer), json[2048];
	unsigned long long before_kib;
	struct text set = {0};
	int fd;

	set_up();
	fd = connect_to(proxy_port);
	cr_assert(fd >= 0 && value);
	memset(value, 'v', LARGE);
	append(&set, "*3\r\n$3\r\nSET\r\n$1\r\nx\r\n", 20);
	append_bulk(&set, value, LARGE);
	for (size_t at = 0; at < set.length;) {
		ssize_t bytes = write(fd, set.bytes + at, set.length - at);

		cr_assert(bytes > 0);
		at += (size_t)bytes;
	}
	read_exactly(fd, value, 5);
	before_kib = resident_kib(proxy);
	for (int i = 0; i < LARGE_COUNT; i++)
		cr_assert_eq(write(fd, get, sizeof(get) - 1), (ssize_t)sizeof(get) - 1);
	(void)nanosleep(&pause, NULL);
	cr_assert(resident_kib(proxy) < before_kib + 4096, "%llu KiB, %llu before",
		resident_kib(proxy), before_kib);
	for (int i = 0; i < LARGE_COUNT; i++) {
		read_exactly(fd, value, answer);
		cr_assert_eq(memcmp(value, head, sizeof(head) - 1), 0);
		cr_assert(value[sizeof(head) - 1] == 'v' && value[answer - 3] == 'v');
	}
	(void)close(fd);
	stop_all(json, sizeof(json));
	cr_assert_eq(counted(json, "requests"), LARGE_COUNT + 1, "%s", json);
	cr_assert_eq(counted(json, "answers"), LARGE_COUNT + 1, "%s", json);
	free(set.bytes);
	free(value);
}

/* Its clients are told, requests that nobody will answer leave the count, and the proxy goes on. */
Test(redis, a_server_that_dies_ends_its_connections_only, .timeout = 100)
{
	const char wait_for_ever[] = "*3\r\n$5\r\nBLPOP\r\n$1\r\nq\r\n$1\r\n0\r\n";
	const struct timespec pause = {.tv_nsec = 200000000};
	char byte, json[2048];
	int fd, status;

	set_up();
	fd = connect_to(proxy_port);
	cr_assert(fd >= 0);
	cr_assert_eq(write(fd, wait_for_ever, sizeof(wait_for_ever) - 1),
		(ssize_t)sizeof(wait_for_ever) - 1);
	(void)nanosleep(&pause, NULL);
	end(server, SIGKILL, &status);
	server = 0;
	cr_assert(read(fd, &byte, 1) <= 0);
	(void)close(fd);
	fd = connect_to(proxy_port);
	cr_assert(fd >= 0);
	cr_assert(read(fd, &byte, 1) <= 0);
	(void)close(fd);
	stop_all(json, sizeof(json));
	cr_assert_eq(counted(json, "refused"), 1, "%s", json);
	cr_assert_eq(counted(json, "requests"), 1, "%s", json);
	cr_assert_eq(counted(json, "answers"), 0, "%s", json);
}

/* Subscriptions answer unasked: passed on, and no longer counted. */
Test(redis, subscriptions_pass_uncounted, .timeout = 100)
{
	const char subscribe[] = "SUBSCRIBE a b\r\n";
	const char answers[] = "*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n"
			       "*3\r\n$9\r\nsubscribe\r\n$1\r\nb\r\n:2\r\n";
	char buffer[sizeof(answers)], json[2048];
	int fd;

	set_up();
	fd = connect_to(proxy_port);
	cr_assert(fd >= 0);
	cr_assert_eq(write(fd, subscribe, sizeof(subscribe) - 1), (ssize_t)sizeof(subscribe) - 1);
	read_exactly(fd, buffer, sizeof(answers) - 1);
	cr_assert_eq(memcmp(buffer, answers, sizeof(answers) - 1), 0);
	(void)close(fd);
	stop_all(json, sizeof(json));
	cr_assert_eq(counted(json, "uncounted"), 1, "%s", json);
}

static bool have_server(void)
{
	const char *argv[] = {SERVER, "--version", NULL};
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		(void)freopen("/dev/null", "w", stdout);
		(void)execvp(argv[0], (char *const *)argv);
		_exit(127);
	}
	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

int main(int argc, char **argv)
{
	struct criterion_test_set *tests = criterion_initialize();
	int code = 0;

	if (!have_server()) {
		(void)printf("skip: needs redis-server\n");
		code = 77;
	} else if (criterion_handle_args(argc, argv, true)) {
		code = !criterion_run_all_tests(tests);
	}
	criterion_finalize(tests);
	return code;
}
