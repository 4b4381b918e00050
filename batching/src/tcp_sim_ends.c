/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The applications of the simulation: a requester that writes requests when they are due and reads answers, and a
 * responder that reads what is there, works on it and answers. Each is one serial event loop.
 */
#include "tcp_sim_parts.h"

#include <hotbed/assert.h>

static void on_idle(struct hb_sim *sim, void *object, uint64_t argument)
{
	struct end *end = object;

	(void)sim;
	(void)argument;
	end->busy = false;
	application_wake(end);
}

static void occupy(struct end *end, int64_t duration_ns, hb_event_fn *then)
{
	end->busy = true;
	(void)hb_sim_after(end->connection->sim, duration_ns, then, end, 0, NULL);
}

/* ---- requester ---- */

static void schedule_request(struct connection *c)
{
	struct bat_tcp_request *request = &c->requests[c->scheduled];
	double draw = hb_rng_double(&c->classes);

	request->class = draw < c->config->second_share;
	request->at_ns[BAT_TCP_SCHEDULED] = hb_sim_now_ns(c->sim);
	c->scheduled++;
}

/* The mean time to the next request of one that is due at @now_ns. */
static double gap_at(const struct bat_tcp_config *config, int64_t now_ns)
{
	bool is_other = config->phase_ns > 0 && now_ns / config->phase_ns % 2 == 1;

	return is_other ? config->other_gap_ns : config->gap_ns;
}

void application_arrival(struct hb_sim *sim, void *object, uint64_t argument)
{
	struct connection *c = object;
	const struct bat_tcp_config *config = c->config;
	uint64_t count = 1;

	(void)argument;
	if (config->outstanding > 0)
		count = config->outstanding;
	else if (config->gap_ns <= 0)
		count = config->requests;
	for (; count > 0 && c->scheduled < config->requests; count--)
		schedule_request(c);
	if (config->outstanding == 0 && c->scheduled < config->requests)
		(void)hb_sim_after(sim,
			hb_sim_duration_ns(hb_rng_exponential(
				&c->arrivals, gap_at(config, hb_sim_now_ns(sim)))),
			application_arrival, c, 0, NULL);
	application_wake(&c->ends[0]);
}

static void read_counters(struct connection *c,
	struct bat_reading ret[BAT_TCP_ENDS][BAT_TCP_UNITS][BAT_QUEUE_COUNT],
	struct bat_reading *ret_hinted)
{
	int64_t now_ns = hb_sim_now_ns(c->sim);
	int err = bat_qsum_read(&c->hinted, now_ns, ret_hinted);

	for (int end = 0; end < BAT_TCP_ENDS; end++)
		for (int unit = 0; unit < BAT_TCP_UNITS; unit++)
			for (int queue = 0; queue < BAT_QUEUE_COUNT && !err; queue++)
				err = bat_qsum_read(
					&c->sums[end][unit][queue], now_ns, &ret[end][unit][queue]);
	hb_assert(!err); /* nobody else adds */
}

static void on_written(struct hb_sim *sim, void *object, uint64_t argument)
{
	struct end *end = object;
	struct connection *c = end->connection;
	struct bat_tcp_request *request = &c->requests[end->written];
	uint32_t bytes = c->config->classes[request->class].request_bytes;
	uint32_t head = c->config->head_bytes;

	(void)argument;
	if (end->written == c->config->warm_up && !c->measuring) {
		c->measuring = true;
		read_counters(c, c->start, &c->start_hinted);
	}
	if (head > 0 && head < bytes && !c->head_written) {
		c->head_written = true;
		tcp_write(end, head, 0);
	} else {
		uint64_t rest = c->head_written ? bytes - head : bytes;

		c->head_written = false;
		request->request_end = end->write_seq + rest;
		request->at_ns[BAT_TCP_WRITTEN] = hb_sim_now_ns(sim);
		bat_qsum_add(&c->hinted, hb_sim_now_ns(sim), 1);
		tcp_write(end, rest, 1);
	}
	on_idle(sim, end, 0);
}

static void read_answers(struct end *end)
{
	struct connection *c = end->connection;
	const struct bat_tcp_config *config = c->config;
	int64_t now_ns = hb_sim_now_ns(c->sim);
	uint64_t bytes = end->rcv_nxt - end->copied_seq;
	uint64_t first = end->read, count;

	if (!config->client_reads_all && end->received > end->read)
		bytes = c->requests[end->read].reply_end - end->copied_seq;
	count = tcp_read(end, bytes);
	bat_qsum_add(&c->hinted, now_ns, -(int64_t)count);
	for (uint64_t i = 0; i < count; i++) {
		c->requests[first + i].at_ns[BAT_TCP_DONE] =
			now_ns + (int64_t)(i + 1) * config->client_ns;
		if (config->outstanding > 0 && c->scheduled < config->requests)
			schedule_request(c);
	}
	c->finished += count;
	if (count > 0 && c->finished == config->requests)
		read_counters(c, c->stop, &c->stop_hinted);
	occupy(end, (int64_t)count * config->client_ns, on_idle);
}

static void wake_requester(struct end *end)
{
	struct connection *c = end->connection;
	bool can_read = end->rcv_nxt > end->copied_seq;
	bool can_write = end->written < c->scheduled;

	if (can_read && !(can_write && c->read_last)) {
		c->read_last = true;
		read_answers(end);
	} else if (can_write) {
		c->read_last = false;
		occupy(end, c->config->write_ns, on_written);
	}
}

/* ---- responder ---- */

static void serve_next(struct end *end);

/* Writes the answers of all requests that are worked on and not answered. */
static void on_answer(struct hb_sim *sim, void *object, uint64_t argument)
{
	struct end *end = object;
	struct connection *c = end->connection;
	uint64_t bytes = 0, request_bytes = 0, count = c->served - end->written;

	(void)argument;
	for (uint64_t i = end->written; i < c->served; i++) {
		const struct bat_tcp_class *class = &c->config->classes[c->requests[i].class];

		bytes += class->reply_bytes;
		request_bytes += class->request_bytes;
		c->requests[i].reply_end = end->write_seq + bytes;
		c->requests[i].at_ns[BAT_TCP_ANSWERED] = hb_sim_now_ns(sim);
	}
	track(c, TCP_BYTES, 1, BAT_SERVICE, -(int64_t)request_bytes);
	track(c, TCP_REQUESTS, 1, BAT_SERVICE, -(int64_t)count);
	end->answered_seq += request_bytes;
	track_marks(
		&c->ends[0], MARK_ANSWERED, end->answered_seq, 1, BAT_SERVICE, BAT_QUEUE_COUNT, -1);
	tcp_write(end, bytes, count);
	if (c->served < end->read)
		serve_next(end);
	else
		on_idle(sim, end, 0);
}

static void on_served(struct hb_sim *sim, void *object, uint64_t argument)
{
	struct end *end = object;
	struct connection *c = end->connection;

	(void)sim;
	(void)argument;
	c->served++;
	if (c->config->reply_each || c->served == end->read)
		occupy(end, c->config->reply_ns, on_answer);
	else
		serve_next(end);
}

static void serve_next(struct end *end)
{
	const struct bat_tcp_config *config = end->connection->config;
	int64_t duration_ns = config->request_ns;

	if (config->request_random && duration_ns > 0)
		duration_ns = hb_sim_duration_ns(
			hb_rng_exponential(&end->connection->services, (double)duration_ns));
	occupy(end, duration_ns, on_served);
}

static void on_batch(struct hb_sim *sim, void *object, uint64_t argument)
{
	struct end *end = object;
	uint64_t bytes = end->rcv_nxt - end->copied_seq;
	uint64_t count = tcp_read(end, bytes);

	(void)argument;
	track(end->connection, TCP_BYTES, 1, BAT_SERVICE, (int64_t)bytes);
	track(end->connection, TCP_REQUESTS, 1, BAT_SERVICE, (int64_t)count);
	if (count > 0)
		serve_next(end);
	else
		on_idle(sim, end, 0);
}

void application_wake(struct end *end)
{
	if (end->busy)
		return;
	if (end->which == 0)
		wake_requester(end);
	else if (end->rcv_nxt > end->copied_seq)
		occupy(end, end->connection->config->batch_ns, on_batch);
}
