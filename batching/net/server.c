/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <hotbed/assert.h>
#include <hotbed/clock.h>
#include <hotbed/error.h>

#include <batching/tracker.h>

#include "address.h"
#include "link.h"
#include "poller.h"

#define BACKLOG 1024
#define EVENTS 64
#define WINDOW_NS 10000000 /* of what the policy is told */
#define COST_MAX_NS 1000000000
#define TURN_NS 1000000
#define ESTIMATE_FRESH_NS 1000000000

struct bat_server {
	struct bat_server_options options;
	struct bat_policy *policy;
	struct bat_tracker *tracker; /* NULL: queues are not followed */
	struct poller *poller;
	int listener, stopper; /* sockets; eventfd */
	uint16_t port;
	int64_t window_ns; /* when the window began */
	uint64_t window_sent;
	int64_t window_held_ns;
	int64_t estimated_ns; /* when the last estimate was told; 0: never */
	struct bat_server_result result;
	int used; /* links 0 ... used - 1 have been in use */
	struct link links[BAT_CONNECTIONS_MAX];
};

static int check(const struct bat_server_options *options, struct hb_error *reterr)
{
	if ((unsigned int)options->backend >= BAT_BACKEND_COUNT)
		return hb_error_set(
			reterr, -EINVAL, "no back end has number %d", (int)options->backend);
	if (options->alpha_ns < 0 || options->alpha_ns > COST_MAX_NS || options->beta_ns < 0 ||
		options->beta_ns > COST_MAX_NS)
		return hb_error_set(reterr, -EINVAL,
			"alpha and beta may be 0 to 1 s, not %" PRId64 " and %" PRId64 " ns",
			options->alpha_ns, options->beta_ns);
	return 0;
}

static int listen_at(struct bat_server *server, struct hb_error *reterr)
{
	struct sockaddr_in address;
	socklen_t size = sizeof(address);
	int one = 1,
	    err = address_read(server->options.address, server->options.port, &address, reterr);

	if (err)
		return err;
	server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (server->listener < 0 ||
		setsockopt(server->listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
		bind(server->listener, (struct sockaddr *)&address, sizeof(address)) ||
		listen(server->listener, BACKLOG) ||
		getsockname(server->listener, (struct sockaddr *)&address, &size))
		return hb_error_set(reterr, -errno, "cannot listen at %s, port %d: %s",
			server->options.address, server->options.port, strerror(errno));
	server->port = ntohs(address.sin_port);
	return 0;
}

int bat_server_create(
	struct bat_server **ret, const struct bat_server_options *options, struct hb_error *reterr)
{
	struct bat_server *server;
	int err = check(options, reterr);

	if (err)
		return err;
	server = calloc(1, sizeof(*server));
	if (!server)
		return hb_error_set(reterr, -ENOMEM, "no memory for a server");
	server->options = *options;
	server->listener = server->stopper = -1;
	for (int i = 0; i < BAT_CONNECTIONS_MAX; i++)
		server->links[i].fd = -1;
	err = bat_policy_create(&server->policy, &options->policy, reterr);
	if (!err)
		err = poller_create(&server->poller, options->backend, reterr);
	if (!err && options->exchange)
		err = bat_tracker_create(&server->tracker, reterr);
	if (!err)
		err = listen_at(server, reterr);
	if (err)
		goto fail;
	server->stopper = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (server->stopper < 0) {
		err = hb_error_set(reterr, -errno, "no eventfd: %s", strerror(errno));
		goto fail;
	}
	if (server->tracker)
		server->result.exchange.tracking = bat_tracker_name(server->tracker);
	*ret = server;
	return 0;
fail:
	bat_server_destroy(server);
	return err;
}

void bat_server_destroy(struct bat_server *server)
{
	if (!server)
		return;
	for (int i = 0; i < BAT_CONNECTIONS_MAX; i++) {
		if (server->links[i].fd < 0)
			continue;
		poller_remove(server->poller, server->links[i].slot);
		link_finish(&server->links[i]);
	}
	poller_destroy(server->poller);
	bat_tracker_destroy(server->tracker);
	if (server->listener >= 0)
		(void)close(server->listener);
	if (server->stopper >= 0)
		(void)close(server->stopper);
	bat_policy_destroy(server->policy);
	free(server);
}

uint16_t bat_server_port(const struct bat_server *server)
{
	return server->port;
}

struct bat_server_result bat_server_results(const struct bat_server *server)
{
	struct bat_server_result result = server->result;

	result.policy = bat_policy_recorded(server->policy);
	return result;
}

void bat_server_stop(struct bat_server *server)
{
	(void)eventfd_write(server->stopper, 1);
}

static void accept_one(struct bat_server *server)
{
	int fd = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	int at = 0;

	if (fd < 0)
		return; /* gone again, or no descriptor is left: the others go on */
	while (at < BAT_CONNECTIONS_MAX && server->links[at].fd >= 0)
		at++;
	if (at == BAT_CONNECTIONS_MAX || link_init(&server->links[at], fd)) {
		(void)close(fd);
		return;
	}
	/* Without a place it is served all the same, and its records are answered without a queue. */
	if (server->tracker)
		(void)counters_begin(&server->links[at].counters, server->tracker, fd);
	server->links[at].slot = poller_add(server->poller, fd, &server->links[at]);
	if (server->links[at].slot < 0) {
		counters_end(&server->links[at].counters, server->tracker);
		link_finish(&server->links[at]);
		return;
	}
	server->used = at < server->used ? server->used : at + 1;
	server->result.connections++;
}

static void drop(struct bat_server *server, struct link *link)
{
	poller_remove(server->poller, link->slot);
	counters_end(&link->counters, server->tracker);
	link_finish(link);
}

static int turn(struct bat_server *server, struct link *link, bool drained)
{
	struct link_turn turn;
	int err = link_turn(link, server->policy, drained, server->options.beta_ns, &turn);

	if (turn.sent > 0) {
		server->result.batches++;
		server->window_sent += turn.sent;
		server->window_held_ns += turn.held_ns;
	}
	return err;
}

/* The client's counters, which are answered with ours. */
static int answer_record(struct bat_server *server, struct link *link, const struct frame *frame)
{
	int64_t now_ns = hb_clock_now_ns();
	uint8_t record[BAT_RECORD_BYTES];
	struct bat_estimate estimate;
	uint64_t departed;
	int found = counters_take(&link->counters, server->tracker, now_ns, frame->payload,
		frame->payload_bytes, false, &estimate, &departed);

	if (found < 0)
		return found;
	if (found == 1) {
		counters_add(&server->result.exchange, &estimate, departed);
		counters_tell(server->policy, &estimate, departed,
			server->estimated_ns ? now_ns - server->estimated_ns : WINDOW_NS);
		server->estimated_ns = now_ns;
	}
	counters_encode(&link->counters, server->tracker, now_ns, record);
	found = link_put_record(link, record, now_ns);
	return found ? found : turn(server, link, false);
}

/*
 * Answer what has arrived whole, for TURN_NS at most: one connection does not keep the others' replies waiting.
 * Returns 1 if requests are left over, 0 if none is whole or has room, or -errno.
 */
static int answer(struct bat_server *server, struct link *link)
{
	int64_t end_ns = hb_clock_now_ns() + TURN_NS, now_ns;

	do {
		struct frame frame;
		int err;

		if (!link_has_room(link, BAT_PAYLOAD_MAX))
			return 0; /* goes on when some of it has been written */
		err = link_next(link, &frame);
		if (err <= 0)
			return err;
		if (frame.is_record) {
			err = answer_record(server, link, &frame);
			if (err)
				return err;
			now_ns = hb_clock_now_ns();
			continue;
		}
		if (link->has_number && frame.number <= link->next_number)
			return -EBADMSG;
		link->has_number = true;
		link->next_number = frame.number;
		server->result.requests++;
		burn(server->options.alpha_ns);
		now_ns = hb_clock_now_ns();
		err = link_put(link, frame.number, frame.reply_bytes, 0, now_ns);
		if (!err)
			err = turn(server, link, false);
		if (err)
			return err;
	} while (now_ns < end_ns);
	return 1;
}

/* Answer, and have the policy say what leaves. */
static int answer_and_turn(struct bat_server *server, struct link *link, bool drained)
{
	bool had_room;

	do {
		int left = answer(server, link), err = 0;

		if (left < 0)
			return left;
		link->has_more = left == 1;
		had_room = link_has_room(link, BAT_PAYLOAD_MAX);
		/* Without room nothing more is taken, which is as good as nothing more being there. */
		if (link->held > 0 || link->in_kernel)
			err = turn(server, link, (drained && !link->has_more) || !had_room);
		if (err)
			return err;
		/* Requests that waited for room have no event of their own: they go on as soon as there is some. */
	} while (!had_room && link_has_room(link, BAT_PAYLOAD_MAX));
	return 0;
}

static void serve(struct bat_server *server, struct link *link, bool readable)
{
	int more = 0, err;

	if (readable && !link->ended && link_has_room(link, BAT_PAYLOAD_MAX))
		more = link_read(link);
	err = more < 0 ? more : link_write(link);
	if (!err)
		err = answer_and_turn(server, link, more == 0);
	server->result.faults += err == -EBADMSG;
	if (!err)
		err = poller_want(server->poller, link->slot,
			!link->ended && link_has_room(link, BAT_PAYLOAD_MAX),
			link_is_blocked(link));
	if (err || (link->ended && !link->has_more && link->held == 0 && !link_is_blocked(link)))
		drop(server, link);
}

static void tell_policy(struct bat_server *server, int64_t now_ns)
{
	struct bat_feedback feedback = {
		.duration_ns = now_ns - server->window_ns,
		.answered = server->window_sent,
		.defined = server->window_sent > 0,
	};

	if (feedback.duration_ns < WINDOW_NS)
		return;
	/* Whoever is told estimates is not told what one end sees, while they come. */
	if (server->estimated_ns && now_ns - server->estimated_ns < ESTIMATE_FRESH_NS)
		return;
	if (feedback.defined)
		feedback.latency_ns = (double)server->window_held_ns / (double)server->window_sent;
	bat_policy_learn(server->policy, &feedback);
	server->window_ns = now_ns;
	server->window_sent = 0;
	server->window_held_ns = 0;
}

/* Ask the policy about what is due, and go on with what was left over. Returns when to do so next. */
static int64_t keep_times(struct bat_server *server)
{
	int64_t now_ns = hb_clock_now_ns(), next_ns = INT64_MAX;

	tell_policy(server, now_ns);
	for (int i = 0; i < server->used; i++) {
		struct link *link = &server->links[i];

		if (link->fd < 0)
			continue;
		if (link->ask_ns <= now_ns || link->has_more)
			serve(server, link, false);
		if (link->fd >= 0 && link->has_more)
			next_ns = now_ns;
		if (link->fd >= 0 && link->ask_ns < next_ns)
			next_ns = link->ask_ns;
	}
	return next_ns;
}

int bat_server_run(struct bat_server *server, struct hb_error *reterr)
{
	struct poller_event events[EVENTS];
	int slot = poller_add(server->poller, server->listener, &server->listener);

	if (slot >= 0)
		slot = poller_add(server->poller, server->stopper, &server->stopper);
	if (slot < 0)
		return hb_error_set(reterr, slot, "cannot watch the listener: %s", strerror(-slot));
	server->window_ns = hb_clock_now_ns();
	for (;;) {
		int count = poller_wait(server->poller, keep_times(server), events, EVENTS);

		if (count < 0)
			return hb_error_set(
				reterr, count, "waiting for sockets failed: %s", strerror(-count));
		for (int i = 0; i < count; i++) {
			struct link *link = events[i].user;

			if (events[i].user == &server->stopper)
				return 0;
			if (events[i].user == &server->listener)
				accept_one(server);
			else if (link->fd >= 0)
				serve(server, link, events[i].readable);
		}
	}
}
