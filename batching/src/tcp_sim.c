/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One run of the simulated connection: its configuration checked, its events, and what the counters and the log say. */
#include "tcp_sim_parts.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include <hotbed/assert.h>
#include <hotbed/error.h>

#define SIZE_MAX_BYTES (16U << 20)
#define WINDOW_MAX_BYTES (UINT64_C(1) << 30)
#define WINDOW_MAX_SEGMENTS 65536U
#define HEADER_MAX_BYTES 1000U

/* A segment is on its way in one event, or on the device in another; so is its acknowledgement. */
#define EVENTS_PER_SEGMENT 4U
#define EVENTS_BESIDE 64U

#define LOSS_FACTOR 4U /* more of them, where segments are sent again */

enum source { SOURCE_ARRIVALS, SOURCE_SERVICES, SOURCE_CLASSES, SOURCE_LOSSES };

void bat_tcp_config_init(struct bat_tcp_config *config)
{
	const struct bat_tcp_link link = {.delay_ns = 10000, .rate_bytes_per_s = 1250000000};

	*config = (struct bat_tcp_config){
		.links = {link, link},
		.mss_bytes = 1448,
		.header_bytes = 66,
		.window_bytes = 262144,
		.window_segments = 4096,
		.ack_delay_ns = 40000000,
		.requests = 1000,
		.gap_ns = 100000,
		.classes = {{64, 8}, {64, 8}},
		.client_reads_all = true,
	};
}

struct range {
	const char *name;
	int64_t value, min, max;
};

static int check_ranges(const struct range *ranges, size_t count, struct hb_error *reterr)
{
	for (size_t i = 0; i < count; i++)
		if (ranges[i].value < ranges[i].min || ranges[i].value > ranges[i].max)
			return hb_error_set(reterr, -EINVAL,
				"%s is %" PRId64 "; it must be %" PRId64 " ... %" PRId64,
				ranges[i].name, ranges[i].value, ranges[i].min, ranges[i].max);
	return 0;
}

static int check_ends(const struct bat_tcp_config *config, struct hb_error *reterr)
{
	int err = 0;

	for (int i = 0; i < BAT_TCP_ENDS && !err; i++) {
		const struct bat_tcp_host *host = &config->hosts[i];
		const struct range ranges[] = {
			{"hosts.send_packet_ns", host->send_packet_ns, 0, BAT_TCP_TIME_MAX_NS},
			{"hosts.receive_packet_ns", host->receive_packet_ns, 0,
				BAT_TCP_TIME_MAX_NS},
			{"links.delay_ns", config->links[i].delay_ns, 0, BAT_TCP_TIME_MAX_NS},
			{"classes.request_bytes", config->classes[i].request_bytes, 1,
				SIZE_MAX_BYTES},
			{"classes.reply_bytes", config->classes[i].reply_bytes, 1, SIZE_MAX_BYTES},
		};

		err = check_ranges(ranges, sizeof(ranges) / sizeof(ranges[0]), reterr);
	}
	for (int i = 0; i < BAT_TCP_ENDS && !err; i++) {
		if (!(config->links[i].loss >= 0 && config->links[i].loss <= 0.5))
			err = hb_error_set(reterr, -EINVAL,
				"links.loss is %g; it must be 0 ... 0.5", config->links[i].loss);
	}
	if (!err && (unsigned int)config->congestion >= BAT_TCP_CONGESTION_COUNT)
		err = hb_error_set(reterr, -EINVAL, "no congestion control has number %d",
			(int)config->congestion);
	return err;
}

static int check(const struct bat_tcp_config *config, struct hb_error *reterr)
{
	const struct range ranges[] = {
		{"mss_bytes", config->mss_bytes, 1, UINT16_MAX},
		{"header_bytes", config->header_bytes, 0, HEADER_MAX_BYTES},
		{"window_segments", config->window_segments, 1, WINDOW_MAX_SEGMENTS},
		{"ack_delay_ns", config->ack_delay_ns, 0, BAT_TCP_TIME_MAX_NS},
		{"phase_ns", config->phase_ns, 0, BAT_TCP_TIME_MAX_NS},
		{"tick_ns", config->tick_ns, config->tick ? 1 : 0, BAT_TCP_TIME_MAX_NS},
		{"write_ns", config->write_ns, 0, BAT_TCP_TIME_MAX_NS},
		{"client_ns", config->client_ns, 0, BAT_TCP_TIME_MAX_NS},
		{"batch_ns", config->batch_ns, 0, BAT_TCP_TIME_MAX_NS},
		{"request_ns", config->request_ns, 0, BAT_TCP_TIME_MAX_NS},
		{"reply_ns", config->reply_ns, 0, BAT_TCP_TIME_MAX_NS},
	};

	if (config->window_bytes < config->mss_bytes || config->window_bytes > WINDOW_MAX_BYTES)
		return hb_error_set(reterr, -EINVAL,
			"window_bytes is %" PRIu64 "; it must be the MSS ... 1 GiB",
			config->window_bytes);
	if (config->requests < 1 || config->requests > BAT_TCP_REQUESTS_MAX ||
		config->warm_up >= config->requests)
		return hb_error_set(reterr, -EINVAL,
			"%" PRIu64 " requests with %" PRIu64
			" to warm up; there must be 1 ... %" PRIu64 ", and more than warm up",
			config->requests, config->warm_up, BAT_TCP_REQUESTS_MAX);
	if (!(config->gap_ns >= 0 && config->gap_ns <= (double)BAT_TCP_TIME_MAX_NS))
		return hb_error_set(
			reterr, -EINVAL, "gap_ns is %g; it must be 0 ... 1e12", config->gap_ns);
	if (config->phase_ns > 0 && !(config->gap_ns > 0 && config->other_gap_ns > 0 &&
					    config->other_gap_ns <= (double)BAT_TCP_TIME_MAX_NS))
		return hb_error_set(reterr, -EINVAL,
			"phases need times between requests above 0, not %g and %g ns",
			config->gap_ns, config->other_gap_ns);
	if (!(config->second_share >= 0 && config->second_share <= 1))
		return hb_error_set(reterr, -EINVAL, "second_share is %g; it must be 0 ... 1",
			config->second_share);
	if (check_ends(config, reterr))
		return -EINVAL;
	return check_ranges(ranges, sizeof(ranges) / sizeof(ranges[0]), reterr);
}

static struct bat_window window_of(const struct bat_reading *start, const struct bat_reading *stop)
{
	struct bat_window window = {0};
	int err = bat_window_between(start, stop, &window);

	hb_assert(!err);
	return window;
}

static void conclude_estimates(const struct connection *c, struct bat_tcp_result *ret)
{
	for (int unit = 0; unit < BAT_TCP_UNITS; unit++) {
		struct bat_end ends[BAT_TCP_ENDS] = {{{{0}}}};

		for (int end = 0; end < BAT_TCP_ENDS; end++)
			for (int queue = 0; queue < BAT_QUEUE_COUNT; queue++) {
				struct bat_window *window = &ret->windows[end][unit][queue];

				*window = window_of(
					&c->start[end][unit][queue], &c->stop[end][unit][queue]);
				/* Segments that are not sent do not exist. */
				if (unit != TCP_SEGMENTS || queue != BAT_UNSENT)
					ends[end].queues[queue] = bat_wait_of(window);
			}
		bat_estimate_combine(&ends[0], &ends[1], &ret->estimates[unit]);
		bat_estimate_by_answers(&ends[0], &ends[1], &ret->by_answers[unit]);
	}
	ret->hinted = window_of(&c->start_hinted, &c->stop_hinted);
}

static void conclude(const struct connection *c, struct bat_tcp_result *ret)
{
	double latency_ns = 0, response_ns = 0;

	*ret = (struct bat_tcp_result){0};
	for (uint64_t i = 0; i < c->config->requests; i++) {
		const int64_t *at_ns = c->requests[i].at_ns;

		if (at_ns[BAT_TCP_DONE] > ret->finish_ns)
			ret->finish_ns = at_ns[BAT_TCP_DONE];
		/* Those read in the window; older ones may still have been on their way when it began. */
		if (at_ns[BAT_TCP_REPLY_READ] <= c->start_hinted.time_ns && i < c->config->warm_up)
			continue;
		ret->measured++;
		latency_ns += (double)(at_ns[BAT_TCP_REPLY_READ] - at_ns[BAT_TCP_WRITTEN]);
		response_ns += (double)(at_ns[BAT_TCP_DONE] - at_ns[BAT_TCP_SCHEDULED]);
	}
	ret->latency_mean_ns = latency_ns / (double)ret->measured;
	ret->response_mean_ns = response_ns / (double)ret->measured;
	for (int i = 0; i < BAT_TCP_ENDS; i++) {
		ret->segments[i] = c->ends[i].segments_sent;
		ret->pure_acks[i] = c->ends[i].pure_acks;
		ret->retransmitted[i] = c->ends[i].retransmitted;
		ret->timeouts[i] = c->ends[i].timeouts;
		ret->lost[i] = c->ends[i].lost;
	}
	conclude_estimates(c, ret);
}

/* The controller looks at the counters, and may switch the algorithm. */
static void on_tick(struct hb_sim *sim, void *object, uint64_t argument)
{
	struct connection *c = object;
	const struct bat_tcp_config *config = c->config;
	struct bat_reading readings[BAT_TCP_ENDS][BAT_TCP_UNITS][BAT_QUEUE_COUNT];
	bool nagle[BAT_TCP_ENDS];
	int err = 0;

	(void)argument;
	for (int end = 0; end < BAT_TCP_ENDS; end++) {
		nagle[end] = c->ends[end].nagle;
		for (int unit = 0; unit < BAT_TCP_UNITS; unit++)
			for (int queue = 0; queue < BAT_QUEUE_COUNT && !err; queue++)
				err = bat_qsum_read(&c->sums[end][unit][queue], hb_sim_now_ns(sim),
					&readings[end][unit][queue]);
	}
	hb_assert(!err); /* nobody else adds */
	config->tick(config->tick_user, hb_sim_now_ns(sim), readings, nagle);
	for (int end = 0; end < BAT_TCP_ENDS; end++) {
		bool is_off = c->ends[end].nagle && !nagle[end];

		c->ends[end].nagle = nagle[end];
		if (is_off)
			tcp_push(&c->ends[end],
				false); /* do_tcp_setsockopt: tcp_push_pending_frames */
	}
	if (c->finished < config->requests)
		(void)hb_sim_after(sim, config->tick_ns, on_tick, c, 0, NULL);
}

static int run(struct connection *c, struct hb_error *reterr)
{
	int err;

	hb_sim_stream(c->sim, SOURCE_ARRIVALS, &c->arrivals);
	hb_sim_stream(c->sim, SOURCE_SERVICES, &c->services);
	hb_sim_stream(c->sim, SOURCE_CLASSES, &c->classes);
	for (int i = 0; i < BAT_TCP_ENDS; i++)
		hb_sim_stream(c->sim, (uint64_t)(SOURCE_LOSSES + i), &c->ends[i].losses);
	application_arrival(c->sim, c, 0);
	if (c->config->tick)
		(void)hb_sim_after(c->sim, c->config->tick_ns, on_tick, c, 0, NULL);
	err = hb_sim_run(c->sim, INT64_MAX, UINT64_MAX, reterr);
	hb_assert(err || c->finished == c->config->requests);
	if (!err && (c->ends[0].out_of_memory || c->ends[1].out_of_memory))
		err = hb_error_set(reterr, -ENOMEM, "no memory for sends and segments");
	return err;
}

static int create(
	struct connection *c, uint64_t seed, uint64_t replication, struct hb_error *reterr)
{
	const struct bat_tcp_config *config = c->config;
	size_t events = (size_t)2 * EVENTS_PER_SEGMENT * config->window_segments + EVENTS_BESIDE;

	for (int i = 0; i < BAT_TCP_ENDS; i++) {
		c->ends[i] = (struct end){.connection = c,
			.which = i,
			.received_ns = -1,
			.nagle = config->hosts[i].nagle};
		loss_init(&c->ends[i]);
		for (int unit = 0; unit < MARKS_UNITS; unit++)
			c->ends[i].marks[unit].points = i == 0 ? MARK_POINTS : MARK_ANSWERED;
		c->ends[i].segments = calloc(config->window_segments, sizeof(uint64_t));
		c->ends[i].spans = calloc(config->window_segments, sizeof(struct span));
		if (!c->ends[i].segments || !c->ends[i].spans)
			return hb_error_set(reterr, -ENOMEM, "no memory for the segments");
	}
	if (loss_is_possible(&c->ends[0]))
		events *= LOSS_FACTOR;
	c->packets = calloc(events, sizeof(*c->packets));
	if (!c->packets)
		return hb_error_set(reterr, -ENOMEM, "no memory for the packets");
	/* With loss, less than events, so that packets run out first: one more is dropped, as by any queue. */
	c->packet_count = (uint32_t)(loss_is_possible(&c->ends[0]) ? events / 4 : events);
	for (uint32_t i = 0; i < c->packet_count; i++)
		c->packets[i].next = i + 1;
	c->requests = config->log ? config->log : calloc(config->requests, sizeof(*c->requests));
	if (!c->requests)
		return hb_error_set(
			reterr, -ENOMEM, "no memory for %" PRIu64 " requests", config->requests);
	return hb_sim_create(events, seed, replication, &c->sim, reterr);
}

static void destroy(struct connection *c)
{
	for (int i = 0; i < BAT_TCP_ENDS; i++) {
		free(c->ends[i].segments);
		free(c->ends[i].spans);
		for (int unit = 0; unit < MARKS_UNITS; unit++)
			marks_finish(&c->ends[i].marks[unit]);
	}
	free(c->packets);
	if (c->requests != c->config->log)
		free(c->requests);
	hb_sim_destroy(c->sim);
	free(c);
}

int bat_tcp_simulate(const struct bat_tcp_config *config, uint64_t seed, uint64_t replication,
	struct bat_tcp_result *ret, struct hb_error *reterr)
{
	struct connection *c;
	int err = check(config, reterr);

	if (err)
		return err;
	c = calloc(1, sizeof(*c));
	if (!c)
		return hb_error_set(reterr, -ENOMEM, "no memory for a connection");
	c->config = config;
	err = create(c, seed, replication, reterr);
	if (!err)
		err = run(c, reterr);
	if (!err)
		conclude(c, ret);
	destroy(c);
	return err;
}
