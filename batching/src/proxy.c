/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One thread and epoll. Each connection has two pipes (client to server and back), each with one buffer: it is read
 * when empty and written until empty, so that a slow receiver slows its sender and memory is bounded.
 */
#include <batching/proxy.h>

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <hotbed/assert.h>
#include <hotbed/clock.h>
#include <hotbed/error.h>

#include <batching/qsum.h>
#include <batching/resp.h>

#define BUFFER_BYTES 65536U
#define EVENTS_MAX 64
#define HOST_BYTES 256
#define STARVED_MS 100

enum side { CLIENT, SERVER, SIDES };

struct pipe {
	struct bat_resp resp;
	size_t start, length; /* of what is in the buffer and not written yet */
	uint64_t pending;     /* values that end in it: counted when it is written */
	bool ended;           /* the reader said so */
	bool passed_on;       /* and the writer's peer was told */
	uint8_t buffer[BUFFER_BYTES];
};

struct pair {
	struct endpoint {
		struct pair *pair;
		int side;
		int fd;
		bool ready_in, ready_out; /* edge-triggered: until a call says EAGAIN */
	} ends[SIDES];
	struct pipe pipes[SIDES]; /* [CLIENT] reads from the client */
	uint64_t outstanding;     /* requests counted and not answered */
	bool connecting, counted, dead;
	struct pair *next, *previous;
	bool is_ready;
	struct pair *next_ready;
};

struct proxy {
	const struct bat_proxy_options *options;
	struct sockaddr_storage to;
	socklen_t to_bytes;
	int listener, epoll;
	bool accepting;
	bool starved; /* no descriptor or memory for another connection: asks again after a pause */
	uint32_t open;
	struct pair *pairs;
	struct pair *ready; /* those with something to do, each once */
	struct bat_qsum hints;
	struct bat_proxy_stats stats;
};

/* HOST:PORT into an address; numeric hosts and names of this machine alike. */
static int resolve(const char *text, bool passive, struct sockaddr_storage *ret,
	socklen_t *ret_bytes, struct hb_error *reterr)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_NUMERICSERV | (passive ? AI_PASSIVE : 0)};
	const char *colon = strrchr(text, ':');
	size_t length = colon ? (size_t)(colon - text) : 0;
	struct addrinfo *found = NULL;
	char host[HOST_BYTES];
	int rc;

	if (!colon || length == 0 || length >= sizeof(host) || colon[1] == '\0')
		return hb_error_set(reterr, -EINVAL,
			"'%.80s' is no address; write HOST:PORT, such as 127.0.0.1:6379", text);
	if (text[0] == '[' && text[length - 1] == ']')
		(void)snprintf(host, sizeof(host), "%.*s", (int)length - 2, text + 1);
	else
		(void)snprintf(host, sizeof(host), "%.*s", (int)length, text);
	rc = getaddrinfo(host, colon + 1, &hints, &found);
	if (rc)
		return hb_error_set(
			reterr, -EINVAL, "'%.80s' is no address: %s", text, gai_strerror(rc));
	memcpy(ret, found->ai_addr, found->ai_addrlen);
	*ret_bytes = found->ai_addrlen;
	freeaddrinfo(found);
	return 0;
}

static void watch(struct proxy *proxy, int operation, int fd, uint32_t events, void *object)
{
	struct epoll_event event = {.events = events, .data.ptr = object};
	int rc = epoll_ctl(proxy->epoll, operation, fd, &event);

	hb_assert(rc == 0 || errno == ENOMEM || errno == ENOSPC);
}

static void set_accepting(struct proxy *proxy, bool accepting)
{
	if (proxy->accepting != accepting)
		watch(proxy, EPOLL_CTL_MOD, proxy->listener, accepting ? EPOLLIN : 0, proxy);
	proxy->accepting = accepting;
}

/* Requests that will not be answered any more leave the queue. */
static void stop_counting(struct proxy *proxy, struct pair *pair)
{
	if (pair->outstanding > 0)
		bat_qsum_add(&proxy->hints, hb_clock_now_ns(), -(int64_t)pair->outstanding);
	pair->outstanding = 0;
	pair->counted = false;
}

static void close_pair(struct proxy *proxy, struct pair *pair)
{
	stop_counting(proxy, pair);
	for (int i = 0; i < SIDES; i++)
		(void)close(pair->ends[i].fd);
	if (pair->previous)
		pair->previous->next = pair->next;
	else
		proxy->pairs = pair->next;
	if (pair->next)
		pair->next->previous = pair->previous;
	free(pair);
	proxy->open--;
	set_accepting(proxy, true);
}

static void count_requests(struct proxy *proxy, struct pair *pair, uint64_t values)
{
	proxy->stats.requests += values;
	pair->outstanding += values;
	if (values > 0)
		bat_qsum_add(&proxy->hints, hb_clock_now_ns(), (int64_t)values);
}

/* More answers than requests: subscriptions and the like. What they answer cannot be told. */
static void count_answers(struct proxy *proxy, struct pair *pair, uint64_t values)
{
	if (values > pair->outstanding) {
		proxy->stats.uncounted++;
		stop_counting(proxy, pair);
		return;
	}
	proxy->stats.answers += values;
	pair->outstanding -= values;
	if (values > 0)
		bat_qsum_add(&proxy->hints, hb_clock_now_ns(), -(int64_t)values);
}

static void parse(struct proxy *proxy, struct pair *pair, int side, size_t bytes)
{
	struct pipe *pipe = &pair->pipes[side];
	uint64_t values = 0;
	int err;

	if (!pair->counted)
		return;
	err = bat_resp_feed(&pipe->resp, pipe->buffer, bytes, &values);
	if (side == CLIENT)
		count_requests(proxy, pair, values);
	else
		pipe->pending = values;
	if (err) {
		proxy->stats.uncounted++;
		stop_counting(proxy, pair);
	}
}

/*
 * @side takes nothing any more: what is on its way to it is gone. What it has sent before is still passed on, however
 * slowly the other side reads.
 */
static void break_off(struct pair *pair, int side)
{
	struct pipe *to = &pair->pipes[1 - side];

	to->length = 0;
	to->ended = to->passed_on = true;
}

/* Reads into the empty buffer. Returns whether anything happened. */
static bool fill(struct proxy *proxy, struct pair *pair, int side)
{
	struct endpoint *from = &pair->ends[side];
	struct pipe *pipe = &pair->pipes[side];
	ssize_t bytes;

	if (pipe->length > 0 || pipe->ended || !from->ready_in)
		return false;
	bytes = recv(from->fd, pipe->buffer, BUFFER_BYTES, 0);
	if (bytes < 0) {
		from->ready_in = errno == EINTR;
		if (errno == EAGAIN || errno == EINTR)
			return errno == EINTR;
		break_off(pair, side);
		bytes = 0;
	}
	if (bytes == 0) {
		pipe->ended = true;
		return true;
	}
	pipe->start = 0;
	pipe->length = (size_t)bytes;
	parse(proxy, pair, side, pipe->length);
	return true;
}

static bool drain(struct proxy *proxy, struct pair *pair, int side)
{
	struct endpoint *to = &pair->ends[1 - side];
	struct pipe *pipe = &pair->pipes[side];
	ssize_t bytes;

	if (pipe->length == 0 && pipe->ended && !pipe->passed_on && !pair->connecting) {
		pipe->passed_on = true;
		(void)shutdown(to->fd, SHUT_WR);
		return true;
	}
	if (pipe->length == 0 || !to->ready_out || pair->connecting)
		return false;
	bytes = send(to->fd, pipe->buffer + pipe->start, pipe->length, MSG_NOSIGNAL);
	if (bytes < 0) {
		to->ready_out = errno == EINTR;
		if (errno == EAGAIN || errno == EINTR)
			return errno == EINTR;
		break_off(pair, 1 - side);
		return true;
	}
	pipe->start += (size_t)bytes;
	pipe->length -= (size_t)bytes;
	if (side == CLIENT) {
		proxy->stats.bytes_to_server += (uint64_t)bytes;
	} else {
		proxy->stats.bytes_to_client += (uint64_t)bytes;
		if (pipe->length == 0 && pair->counted)
			count_answers(proxy, pair, pipe->pending);
	}
	return true;
}

static bool is_over(const struct pair *pair)
{
	return pair->dead || (pair->pipes[CLIENT].passed_on && pair->pipes[SERVER].passed_on);
}

/* How often one connection goes on before the others have their turn. */
#define ROUNDS_MAX 16

/* Edge-triggered events that were left are in the flags; returns whether there is more to do. */
static bool serve(struct proxy *proxy, struct pair *pair)
{
	for (int round = 0; round < ROUNDS_MAX; round++) {
		bool progress = false;

		for (int side = 0; side < SIDES && !is_over(pair); side++) {
			progress |= fill(proxy, pair, side);
			progress |= drain(proxy, pair, side);
		}
		if (!progress || is_over(pair))
			return false;
	}
	return true;
}

static void finish_connecting(struct proxy *proxy, struct pair *pair)
{
	socklen_t bytes = sizeof(int);
	int problem = 0;

	if (getsockopt(pair->ends[SERVER].fd, SOL_SOCKET, SO_ERROR, &problem, &bytes) || problem) {
		proxy->stats.refused++;
		pair->dead = true;
	}
	pair->connecting = false;
}

static void make_ready(struct proxy *proxy, struct pair *pair)
{
	if (pair->is_ready)
		return;
	pair->is_ready = true;
	pair->next_ready = proxy->ready;
	proxy->ready = pair;
}

static void on_event(struct proxy *proxy, struct endpoint *end, uint32_t events)
{
	struct pair *pair = end->pair;

	make_ready(proxy, pair);
	if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		end->ready_in = true;
	if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) {
		end->ready_out = true;
		if (end->side == SERVER && pair->connecting)
			finish_connecting(proxy, pair);
	}
}

/* Takes @client over. */
static int open_pair(struct proxy *proxy, int client)
{
	const uint32_t events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
	int on = !proxy->options->nagle, yes = 1;
	struct pair *pair = calloc(1, sizeof(*pair));
	int server = socket(proxy->to.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (!pair || server < 0)
		goto fail;
	if (connect(server, (struct sockaddr *)&proxy->to, proxy->to_bytes) &&
		errno != EINPROGRESS) {
		proxy->stats.refused++;
		goto fail;
	}
	(void)setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	(void)setsockopt(server, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	/* Peers that vanish without a word do not hold their connection for ever. */
	(void)setsockopt(client, SOL_SOCKET, SO_KEEPALIVE, &yes, sizeof(yes));
	(void)setsockopt(server, SOL_SOCKET, SO_KEEPALIVE, &yes, sizeof(yes));
	pair->connecting = pair->counted = true;
	pair->ends[CLIENT] = (struct endpoint){.pair = pair, .side = CLIENT, .fd = client};
	pair->ends[SERVER] = (struct endpoint){.pair = pair, .side = SERVER, .fd = server};
	bat_resp_init(&pair->pipes[CLIENT].resp, BAT_RESP_REQUESTS);
	bat_resp_init(&pair->pipes[SERVER].resp, BAT_RESP_ANSWERS);
	pair->next = proxy->pairs;
	if (pair->next)
		pair->next->previous = pair;
	proxy->pairs = pair;
	proxy->open++;
	proxy->stats.connections++;
	watch(proxy, EPOLL_CTL_ADD, client, events, &pair->ends[CLIENT]);
	watch(proxy, EPOLL_CTL_ADD, server, events, &pair->ends[SERVER]);
	return 0;
fail:
	if (server >= 0)
		(void)close(server);
	(void)close(client);
	free(pair);
	return -ECONNABORTED;
}

static void accept_all(struct proxy *proxy)
{
	while (proxy->open < proxy->options->connections_max) {
		int client = accept4(proxy->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (client < 0) {
			proxy->starved = errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
					 errno == ENOMEM;
			if (proxy->starved)
				set_accepting(proxy, false);
			return;
		}
		(void)open_pair(proxy, client);
	}
	set_accepting(proxy, false);
}

/* How long to wait for events: not at all while there is work, for a while where accepting is to be tried again. */
static int timeout_ms(const struct proxy *proxy)
{
	if (proxy->ready)
		return 0;
	return proxy->starved ? STARVED_MS : -1;
}

/*
 * One round of events. Pairs are closed only afterwards, since one array may hold events of both of their sockets.
 * Returns whether to go on.
 */
static bool turn(struct proxy *proxy)
{
	struct epoll_event events[EVENTS_MAX];
	int count = epoll_wait(proxy->epoll, events, EVENTS_MAX, timeout_ms(proxy));
	bool failed = count < 0 && errno != EINTR, stop = false;
	struct pair *pair, *next;

	if (proxy->starved) {
		proxy->starved = false;
		set_accepting(proxy, true);
	}
	for (int i = 0; i < count; i++) {
		if (events[i].data.ptr == NULL)
			stop = true;
		else if (events[i].data.ptr == proxy)
			accept_all(proxy);
		else
			on_event(proxy, events[i].data.ptr, events[i].events);
	}
	pair = proxy->ready;
	proxy->ready = NULL;
	for (; pair; pair = next) {
		next = pair->next_ready;
		pair->is_ready = false;
		if (serve(proxy, pair))
			make_ready(proxy, pair);
		if (is_over(pair))
			close_pair(proxy, pair);
	}
	return !stop && !failed;
}

static int start_listening(struct proxy *proxy, struct hb_error *reterr)
{
	const struct bat_proxy_options *options = proxy->options;
	struct sockaddr_storage address;
	socklen_t bytes;
	int on = 1;
	int err = resolve(options->listen, true, &address, &bytes, reterr);

	if (!err)
		err = resolve(options->to, false, &proxy->to, &proxy->to_bytes, reterr);
	if (err)
		return err;
	proxy->listener = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	proxy->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (proxy->listener < 0 || proxy->epoll < 0 ||
		setsockopt(proxy->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
		bind(proxy->listener, (struct sockaddr *)&address, bytes) ||
		listen(proxy->listener, SOMAXCONN)) {
		err = -errno;
		return hb_error_set(
			reterr, err, "cannot listen on %s: %s", options->listen, strerror(-err));
	}
	watch(proxy, EPOLL_CTL_ADD, proxy->listener, EPOLLIN, proxy);
	watch(proxy, EPOLL_CTL_ADD, options->stop_fd, EPOLLIN, NULL);
	proxy->accepting = true;
	bytes = sizeof(address);
	if (getsockname(proxy->listener, (struct sockaddr *)&address, &bytes))
		return hb_error_set(reterr, -errno, "cannot tell the port of the listener");
	if (options->ready)
		options->ready(options->user,
			ntohs(address.ss_family == AF_INET6
					? ((struct sockaddr_in6 *)&address)->sin6_port
					: ((struct sockaddr_in *)&address)->sin_port));
	return 0;
}

int bat_proxy_run(const struct bat_proxy_options *options, struct bat_proxy_stats *ret,
	struct hb_error *reterr)
{
	struct proxy proxy = {.options = options, .listener = -1, .epoll = -1};
	struct bat_reading before, after;
	int err;

	if (options->connections_max < 1 || options->connections_max > BAT_PROXY_CONNECTIONS_MAX)
		return hb_error_set(reterr, -EINVAL, "%u connections; there must be 1 ... %u",
			options->connections_max, BAT_PROXY_CONNECTIONS_MAX);
	err = start_listening(&proxy, reterr);
	if (!err) {
		err = bat_qsum_read(&proxy.hints, hb_clock_now_ns(), &before);
		hb_assert(!err);
		while (turn(&proxy))
			;
		while (proxy.pairs)
			close_pair(&proxy, proxy.pairs);
		err = bat_qsum_read(&proxy.hints, hb_clock_now_ns(), &after);
		hb_assert(!err);
		err = bat_window_between(&before, &after, &proxy.stats.hints);
		hb_assert(!err);
		*ret = proxy.stats;
	}
	if (proxy.listener >= 0)
		(void)close(proxy.listener);
	if (proxy.epoll >= 0)
		(void)close(proxy.epoll);
	return err;
}
