/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <probcons/client.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include <hotbed/clock.h>
#include <hotbed/error.h>

#include "store.h"
#include "wire.h"

#define SERVERS_MAX 64
#define PAUSE_MS 20     /* before the next server is asked */
#define SILENCE_MS 1000 /* of a server, before another is asked */

struct pc_client {
	struct sockaddr_in servers[SERVERS_MAX];
	uint32_t count, next;
	struct sockaddr_in current;
	int fd;
	uint32_t timeout_ms;
	uint64_t client, sequence, id;
	struct bytes in, out, answer;
};

static int64_t now_ms(void)
{
	return hb_clock_now_ns() / 1000000;
}

static int parse_address(const char *text, size_t length, struct sockaddr_in *ret)
{
	char copy[64];
	char *colon, *end;
	unsigned long port;

	if (length >= sizeof(copy))
		return -EINVAL;
	memcpy(copy, text, length);
	copy[length] = '\0';
	colon = strrchr(copy, ':');
	if (!colon)
		return -EINVAL;
	*colon = '\0';
	port = strtoul(colon + 1, &end, 10);
	*ret = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	return *end || end == colon + 1 || port == 0 || port > 65535 ||
			       inet_pton(AF_INET, copy, &ret->sin_addr) != 1
		       ? -EINVAL
		       : 0;
}

int pc_client_create(
	const char *servers, uint32_t timeout_ms, struct pc_client **ret, struct hb_error *reterr)
{
	struct pc_client *c = calloc(1, sizeof(*c));
	int err = 0;

	if (!c)
		return hb_error_set(reterr, -ENOMEM, "out of memory");
	c->fd = -1;
	c->timeout_ms = timeout_ms;
	while (!err && servers) {
		size_t length = strcspn(servers, ",");

		if (c->count == SERVERS_MAX ||
			parse_address(servers, length, &c->servers[c->count++]))
			err = hb_error_set(reterr, -EINVAL,
				"'%.100s' is no list of addresses such as 127.0.0.1:7101", servers);
		servers = servers[length] ? servers + length + 1 : NULL;
	}
	if (!err && getrandom(&c->client, sizeof(c->client), 0) != sizeof(c->client))
		err = hb_error_set(reterr, -EIO, "no random numbers");
	if (err) {
		free(c);
		return err;
	}
	c->client >>= 1; /* the upper half is the servers' own */
	c->current = c->servers[0];
	*ret = c;
	return 0;
}

static void disconnect(struct pc_client *c)
{
	if (c->fd >= 0)
		(void)close(c->fd);
	c->fd = -1;
	c->in.length = 0;
}

void pc_client_destroy(struct pc_client *client)
{
	if (!client)
		return;
	disconnect(client);
	free(client->in.data);
	free(client->out.data);
	free(client->answer.data);
	free(client);
}

static int wait_for(int fd, short events, int64_t until_ms)
{
	struct pollfd poll_fd = {.fd = fd, .events = events};
	int64_t left = until_ms - now_ms();
	int ready = left > 0 ? poll(&poll_fd, 1, (int)left) : 0;

	return ready > 0 ? 0 : -ETIMEDOUT;
}

static int connect_to(struct pc_client *c, int64_t until_ms)
{
	int one = 1, err = 0;
	socklen_t size = sizeof(err);

	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (c->fd < 0)
		return -errno;
	(void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (connect(c->fd, (const struct sockaddr *)&c->current, sizeof(c->current)) == 0)
		return 0;
	if (errno != EINPROGRESS || wait_for(c->fd, POLLOUT, until_ms))
		return -ECONNREFUSED;
	if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &err, &size) || err)
		return -ECONNREFUSED;
	return 0;
}

static int send_all(struct pc_client *c, int64_t until_ms)
{
	for (size_t sent = 0; sent < c->out.length;) {
		ssize_t done = send(c->fd, c->out.data + sent, c->out.length - sent, MSG_NOSIGNAL);

		if (done > 0)
			sent += (size_t)done;
		else if (errno != EAGAIN || wait_for(c->fd, POLLOUT, until_ms))
			return -EPIPE;
	}
	return 0;
}

/* The reply to request @id; older ones are passed over. */
static int receive(struct pc_client *c, uint64_t id, int64_t until_ms, struct wire_reply *ret)
{
	for (;;) {
		struct reader body;
		uint32_t kind;
		int64_t size = frame_next(c->in.data, c->in.length, &kind, &body);
		uint8_t *room;
		ssize_t got;

		if (size < 0)
			return -EBADMSG;
		if (size > 0) {
			if (kind != FRAME_REPLY || !decode_reply(&body, ret))
				return -EBADMSG;
			c->answer.length = 0;
			bytes_put(&c->answer, ret->data, ret->length);
			put_u8(&c->answer, 0); /* texts are terminated */
			ret->data = c->answer.data;
			memmove(c->in.data, c->in.data + size, c->in.length - (size_t)size);
			c->in.length -= (size_t)size;
			if (ret->id == id)
				return c->answer.bad ? -ENOMEM : 0;
			continue;
		}
		if (wait_for(c->fd, POLLIN, until_ms))
			return -ETIMEDOUT;
		room = bytes_room(&c->in, 4096);
		if (!room)
			return -ENOMEM;
		got = recv(c->fd, room, 4096, 0);
		c->in.length -= 4096;
		if (got <= 0)
			return -EPIPE;
		c->in.length += (size_t)got;
	}
}

static int ask(
	struct pc_client *c, struct wire_request *request, int64_t until_ms, struct wire_reply *ret)
{
	int64_t silence_ms = now_ms() + SILENCE_MS;
	int err;

	until_ms = silence_ms < until_ms ? silence_ms : until_ms;
	request->id = ++c->id;
	c->out.length = 0;
	encode_request(&c->out, request);
	if (c->out.bad)
		return -ENOMEM;
	err = c->fd < 0 ? connect_to(c, until_ms) : 0;
	if (!err)
		err = send_all(c, until_ms);
	if (!err)
		err = receive(c, request->id, until_ms, ret);
	if (err)
		disconnect(c);
	return err;
}

/* Another server: the one that was named, or the next of the list after a while. */
static void go_on(struct pc_client *c, const struct wire_reply *reply, int64_t until_ms)
{
	struct sockaddr_in named;

	if (reply && reply->status == REPLY_LATER && c->count == 1) {
		(void)poll(NULL, 0, PAUSE_MS);
		return;
	}
	disconnect(c);
	if (reply && reply->status == REPLY_ELSEWHERE && reply->length > 0 &&
		parse_address((const char *)reply->data, reply->length, &named) == 0 &&
		memcmp(&named, &c->current, sizeof(named)) != 0) {
		c->current = named;
		return;
	}
	c->next = (c->next + 1) % c->count;
	c->current = c->servers[c->next];
	if (now_ms() < until_ms)
		(void)poll(NULL, 0, PAUSE_MS);
}

static struct pc_answer call(struct pc_client *c, struct wire_request *request)
{
	int64_t until_ms = now_ms() + c->timeout_ms;
	struct wire_reply reply;

	do {
		int err = ask(c, request, until_ms, &reply);

		if (!err && reply.status != REPLY_ELSEWHERE && reply.status != REPLY_LATER)
			return (struct pc_answer){
				(enum pc_outcome)(reply.status == REPLY_REFUSED ? PC_OUTCOME_REFUSED
										: reply.status),
				(const char *)reply.data, reply.length};
		go_on(c, err ? NULL : &reply, until_ms);
	} while (now_ms() < until_ms);
	return (struct pc_answer){.outcome = PC_OUTCOME_UNKNOWN, .data = ""};
}

static struct pc_answer refuse(const char *why)
{
	return (struct pc_answer){PC_OUTCOME_REFUSED, why, strlen(why)};
}

static struct pc_answer command(struct pc_client *c, const struct store_command *command)
{
	struct wire_request request = {.client = c->client, .kind = REQUEST_COMMAND};
	struct pc_answer answer;
	struct bytes bytes = {0};

	if (command->key_length > KEY_BYTES_MAX)
		return refuse("keys have at most 4096 bytes");
	if (command->value_length > VALUE_BYTES_MAX || command->expected_length > VALUE_BYTES_MAX)
		return refuse("values have at most 65536 bytes");
	request.sequence = ++c->sequence;
	store_command_encode(&bytes, command);
	if (bytes.bad)
		return refuse("out of memory");
	request.data = bytes.data;
	request.length = (uint32_t)bytes.length;
	answer = call(c, &request);
	free(bytes.data);
	return answer;
}

struct pc_answer pc_client_get(struct pc_client *client, const char *key, size_t length)
{
	struct wire_request request = {
		.kind = REQUEST_GET, .length = (uint32_t)length, .data = (const uint8_t *)key};

	return length > KEY_BYTES_MAX ? refuse("keys have at most 4096 bytes")
				      : call(client, &request);
}

static uint32_t clamp(size_t length)
{
	return length > UINT32_MAX ? UINT32_MAX : (uint32_t)length;
}

struct pc_answer pc_client_put(struct pc_client *client, const char *key, size_t key_length,
	const char *value, size_t value_length)
{
	return command(client, &(struct store_command){.operation = STORE_PUT,
				       .key = (const uint8_t *)key,
				       .key_length = clamp(key_length),
				       .value = (const uint8_t *)value,
				       .value_length = clamp(value_length)});
}

struct pc_answer pc_client_cas(struct pc_client *client, const char *key, size_t key_length,
	const char *expected, size_t expected_length, const char *value, size_t value_length)
{
	return command(client, &(struct store_command){.operation = STORE_CAS,
				       .key = (const uint8_t *)key,
				       .key_length = clamp(key_length),
				       .value = (const uint8_t *)value,
				       .value_length = clamp(value_length),
				       .expected = (const uint8_t *)expected,
				       .expected_length = clamp(expected_length)});
}

struct pc_answer pc_client_del(struct pc_client *client, const char *key, size_t length)
{
	return command(client, &(struct store_command){.operation = STORE_DEL,
				       .key = (const uint8_t *)key,
				       .key_length = clamp(length)});
}

struct pc_answer pc_client_status(struct pc_client *client, uint32_t number)
{
	struct wire_request request = {.kind = REQUEST_STATUS};
	struct wire_reply reply;

	disconnect(client);
	client->current = client->servers[number];
	if (ask(client, &request, now_ms() + client->timeout_ms, &reply))
		return (struct pc_answer){.outcome = PC_OUTCOME_UNKNOWN, .data = ""};
	return (struct pc_answer){PC_OUTCOME_DONE, (const char *)reply.data, reply.length};
}

uint32_t pc_client_servers(const struct pc_client *client)
{
	return client->count;
}

static struct pc_answer member(
	struct pc_client *client, enum request_kind kind, uint32_t id, const char *address)
{
	uint8_t data[1 + ADDRESS_BYTES_MAX] = {(uint8_t)id};
	size_t length = strlen(address);

	if (id >= STORE_NODES_MAX || length >= ADDRESS_BYTES_MAX)
		return refuse("no such node number, or the address is too long");
	memcpy(data + 1, address, length);
	return call(client,
		&(struct wire_request){
			.kind = (uint8_t)kind, .length = (uint32_t)(1 + length), .data = data});
}

struct pc_answer pc_client_add(struct pc_client *client, uint32_t id, const char *address)
{
	return member(client, REQUEST_ADD, id, address);
}

struct pc_answer pc_client_remove(struct pc_client *client, uint32_t id)
{
	return member(client, REQUEST_REMOVE, id, "");
}

struct pc_answer pc_client_transfer(struct pc_client *client, uint32_t id)
{
	return member(client, REQUEST_TRANSFER, id, "");
}
