/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <hotbed/clock.h>
#include <hotbed/error.h>
#include <hotbed/load.h>

#include <batching/bnet.h>
#include <batching/tracker.h>

#include "address.h"
#include "link.h"
#include "poller.h"

#define EVENTS 64
#define CONNECT_NS 2000000000
#define RETRY_NS 5000000
#define WINDOW_NS 10000000
#define COST_MAX_NS 1000000000

struct client {
	struct bat_client_options options;
	struct bat_policy *policy;
	struct bat_tracker *tracker; /* NULL: no exchange */
	int64_t exchange_at_ns;
	struct poller *poller;
	struct link *links;   /* [options.connections] */
	int64_t *intended_ns; /* of each request */
	uint64_t requests;
	int64_t window_ns;
	uint64_t window_answered;
	double window_latency_ns;
	struct bat_client_result result;
	struct hb_error *reterr;
};

static int check(const struct bat_client_options *options, struct hb_error *reterr)
{
	if ((unsigned int)options->backend >= BAT_BACKEND_COUNT)
		return hb_error_set(
			reterr, -EINVAL, "no back end has number %d", (int)options->backend);
	if (options->connections < 1 || options->connections > BAT_CONNECTIONS_MAX)
		return hb_error_set(reterr, -EINVAL,
			"%" PRIu32 " connections; 1 to %d are possible", options->connections,
			BAT_CONNECTIONS_MAX);
	if (options->request_bytes > BAT_PAYLOAD_MAX || options->reply_bytes > BAT_PAYLOAD_MAX)
		return hb_error_set(reterr, -EINVAL,
			"requests of %" PRIu32 " and replies of %" PRIu32
			" bytes; at most %d are possible",
			options->request_bytes, options->reply_bytes, BAT_PAYLOAD_MAX);
	if (options->cost_ns < 0 || options->cost_ns > COST_MAX_NS || options->drain_ns < 0 ||
		options->exchange_ns < 0)
		return hb_error_set(reterr, -EINVAL,
			"the cost of a reply may be 0 to 1 s, the drain and the exchange period 0 "
			"or more, not %" PRId64 ", %" PRId64 " and %" PRId64 " ns",
			options->cost_ns, options->drain_ns, options->exchange_ns);
	return 0;
}

static int turn(struct client *client, struct link *link, bool drained)
{
	struct link_turn turn;
	int err = link_turn(link, client->policy, drained, 0, &turn);

	client->result.batches += turn.sent > 0;
	if (!err)
		err = poller_want(client->poller, link->slot, true, link_is_blocked(link));
	return err;
}

static int send_request(void *user, uint64_t request, int64_t intended_ns)
{
	struct client *client = user;
	struct link *link = &client->links[request % client->options.connections];
	int err = link_put(link, request, client->options.request_bytes,
		client->options.reply_bytes, hb_clock_now_ns());

	if (err)
		return err;
	client->intended_ns[request] = intended_ns;
	return turn(client, link, false);
}

static int complain(const struct client *client, const struct link *link, const struct frame *frame)
{
	return hb_error_set(client->reterr, -EBADMSG,
		"a reply to request %" PRIu64 " with %" PRIu32
		" bytes came where one to request %" PRIu64 " with %" PRIu32
		" was due; replies were lost, repeated, overtaken or cut",
		frame->number, frame->payload_bytes, link->next_number,
		client->options.reply_bytes);
}

/* The server's counters: with ours they tell what a request takes. */
static int take_record(struct client *client, struct link *link, const struct frame *frame)
{
	struct bat_exchange_result *result = &client->result.exchange;
	int64_t now_ns = hb_clock_now_ns();
	struct bat_estimate estimate;
	uint64_t departed;
	int found = counters_take(&link->counters, client->tracker, now_ns, frame->payload,
		frame->payload_bytes, true, &estimate, &departed);

	if (found < 0)
		return hb_error_set(client->reterr, found, "the server's counters are no record");
	if (found == 0)
		return 0;
	counters_add(result, &estimate, departed);
	counters_tell(client->policy, &estimate, departed, client->options.exchange_ns);
	return 0;
}

/* Ours over each connection, when it is time; a connection without room waits for the next time. */
static int send_records(struct client *client, int64_t now_ns)
{
	uint8_t record[BAT_RECORD_BYTES];
	int err = 0;

	if (!client->tracker || now_ns < client->exchange_at_ns)
		return 0;
	client->exchange_at_ns = now_ns + client->options.exchange_ns;
	for (uint32_t i = 0; i < client->options.connections && !err; i++) {
		struct link *link = &client->links[i];

		counters_encode(&link->counters, client->tracker, now_ns, record);
		err = link_put_record(link, record, now_ns);
		err = err == -EAGAIN ? 0 : err;
	}
	return err;
}

static int take_replies(struct client *client, struct link *link, struct hb_load *load)
{
	struct frame frame;
	int found;

	while ((found = link_next(link, &frame)) == 1) {
		if (frame.is_record && client->tracker) {
			int err = take_record(client, link, &frame);

			if (err)
				return err;
			continue;
		}
		if (frame.is_record || frame.number != link->next_number ||
			frame.payload_bytes != client->options.reply_bytes ||
			frame.number >= client->requests || hb_load_complete(load, frame.number))
			return complain(client, link, &frame);
		link->next_number += client->options.connections;
		client->result.answered++;
		client->window_answered++;
		client->window_latency_ns +=
			(double)(hb_clock_now_ns() - client->intended_ns[frame.number]);
		burn(client->options.cost_ns);
	}
	if (found < 0)
		return hb_error_set(client->reterr, found,
			"what came where a reply to request %" PRIu64
			" was due is no message, or its checksum is wrong",
			link->next_number);
	return 0;
}

static int handle(struct client *client, struct link *link, bool readable, struct hb_load *load)
{
	int err = link_write(link), more = 0;

	if (!err && readable) {
		more = link_read(link);
		err = more < 0 ? more : take_replies(client, link, load);
	}
	if (!err && link->ended)
		err = hb_error_set(client->reterr, -ECONNRESET, "the server closed a connection");
	return err ? err : turn(client, link, true);
}

static void tell_policy(struct client *client, int64_t now_ns)
{
	struct bat_feedback feedback = {
		.duration_ns = now_ns - client->window_ns,
		.answered = client->window_answered,
		.defined = client->window_answered > 0,
	};

	if (feedback.duration_ns < WINDOW_NS || client->tracker)
		return;
	if (feedback.defined)
		feedback.latency_ns = client->window_latency_ns / (double)client->window_answered;
	bat_policy_learn(client->policy, &feedback);
	client->window_ns = now_ns;
	client->window_answered = 0;
	client->window_latency_ns = 0;
}

static int poll_replies(void *user, struct hb_load *load, int64_t until_ns, bool is_held_back)
{
	struct client *client = user;
	struct poller_event events[EVENTS];
	int count, err = send_records(client, hb_clock_now_ns());

	(void)is_held_back; /* whatever makes room is an event */
	tell_policy(client, hb_clock_now_ns());
	if (client->tracker && client->exchange_at_ns < until_ns)
		until_ns = client->exchange_at_ns;
	/* Nothing is to be sent at this moment: the input is drained. */
	for (uint32_t i = 0; i < client->options.connections && !err; i++) {
		struct link *link = &client->links[i];

		if (link->held > 0 || link->in_kernel)
			err = turn(client, link, true);
		if (link->ask_ns < until_ns)
			until_ns = link->ask_ns;
	}
	if (err)
		return err;
	count = poller_wait(client->poller, until_ns, events, EVENTS);
	if (count < 0)
		return count;
	for (int i = 0; i < count && !err; i++)
		err = handle(client, events[i].user, events[i].readable, load);
	return err;
}

/* A connected socket. A server that was started together with this client may not listen yet. */
static int connect_socket(const struct sockaddr_in *address)
{
	int64_t deadline_ns = hb_clock_now_ns() + CONNECT_NS;

	for (;;) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), err;

		if (fd < 0)
			return -errno;
		if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0)
			return fd;
		err = -errno;
		(void)close(fd);
		if (err != -ECONNREFUSED || hb_clock_now_ns() >= deadline_ns)
			return err;
		(void)nanosleep(&(struct timespec){0, RETRY_NS}, NULL);
	}
}

static int connect_link(struct client *client, uint32_t at, const struct sockaddr_in *address)
{
	struct link *link = &client->links[at];
	int fd = connect_socket(address), err;

	if (fd < 0)
		return fd;
	err = link_init(link, fd);
	if (err) {
		(void)close(fd);
		return err;
	}
	link->next_number = at;
	if (client->tracker) {
		err = counters_begin(&link->counters, client->tracker, fd);
		if (err)
			return err;
	}
	link->slot = poller_add(client->poller, fd, link);
	return link->slot < 0 ? link->slot : 0;
}

static int open_client(struct client *client, struct hb_error *reterr)
{
	struct sockaddr_in address;
	int err = address_read(client->options.address, client->options.port, &address, reterr);

	if (!err)
		err = bat_policy_create(&client->policy, &client->options.policy, reterr);
	if (!err)
		err = poller_create(&client->poller, client->options.backend, reterr);
	if (!err && client->options.exchange_ns > 0)
		err = bat_tracker_create(&client->tracker, reterr);
	if (err)
		return err;
	if (client->tracker)
		client->result.exchange.tracking = bat_tracker_name(client->tracker);
	client->links = calloc(client->options.connections, sizeof(*client->links));
	client->intended_ns =
		calloc(client->requests ? client->requests : 1, sizeof(*client->intended_ns));
	if (!client->links || !client->intended_ns)
		return hb_error_set(
			reterr, -ENOMEM, "no memory for %" PRIu64 " requests", client->requests);
	for (uint32_t i = 0; i < client->options.connections; i++)
		client->links[i].fd = client->links[i].slot = -1;
	for (uint32_t i = 0; i < client->options.connections; i++) {
		err = connect_link(client, i, &address);
		if (err)
			return hb_error_set(reterr, err, "cannot connect to %s, port %d: %s",
				client->options.address, client->options.port, strerror(-err));
	}
	return 0;
}

static void close_client(struct client *client)
{
	for (uint32_t i = 0; client->links && i < client->options.connections; i++) {
		if (client->links[i].slot >= 0)
			poller_remove(client->poller, client->links[i].slot);
		link_finish(&client->links[i]);
	}
	poller_destroy(client->poller);
	bat_tracker_destroy(client->tracker);
	bat_policy_destroy(client->policy);
	free(client->links);
	free(client->intended_ns);
}

int bat_client_run(const struct bat_client_options *options,
	const struct hb_load_schedule *schedule, struct hb_load *load,
	struct bat_client_result *ret, struct hb_error *reterr)
{
	struct hb_error fault = {0};
	struct client client = {.options = *options, .requests = schedule->count, .reterr = &fault};
	struct hb_load_transport transport = {send_request, poll_replies, &client};
	struct hb_load_options load_options = {.drain_ns = options->drain_ns};
	int err = check(options, reterr);

	if (err)
		return err;
	err = open_client(&client, reterr);
	if (!err) {
		client.window_ns = hb_clock_now_ns();
		err = hb_load_run(load, &transport, &load_options, NULL);
		if (err && fault.code == err)
			(void)hb_error_set(reterr, err, "%s", fault.text);
		else if (err)
			(void)hb_error_set(reterr, err, "the run ended early: %s", strerror(-err));
	}
	if (!err) {
		*ret = client.result;
		ret->policy = bat_policy_recorded(client.policy);
	}
	close_client(&client);
	return err;
}
