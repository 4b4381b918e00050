/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <criterion/criterion.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/error.h>
#include <hotbed/rng.h>

#include <batching/scenario.h>
#include <batching/tcp_sim.h>

#define MS 1e6
#define CHANGES_MAX 400000

static uint64_t test_seed(void)
{
	const char *text = getenv("HB_SEED");
	uint64_t seed = text ? strtoull(text, NULL, 10) : 20250514;

	(void)printf("HB_SEED=%llu\n", (unsigned long long)seed);
	return seed;
}

static struct bat_tcp_result simulate(const struct bat_tcp_config *config, uint64_t seed)
{
	struct bat_tcp_result result = {0};
	struct hb_error error = {0};

	cr_assert_eq(bat_tcp_simulate(config, seed, 0, &result, &error), 0, "%s", error.text);
	return result;
}

/* Without a network in the way, the simulation is the paper's scenario. */
Test(tcp_sim, the_motivating_scenario_is_its_closed_form)
{
	for (int c = 0; c <= 6; c++) {
		struct bat_scenario scenario = {
			.requests = 3, .alpha = 2000, .beta = 4000, .client = 1000.0 * c};
		struct bat_comparison expected;
		struct bat_tcp_config config;

		cr_assert_eq(bat_scenario_compare(&scenario, &expected, NULL), 0);
		for (int batched = 0; batched < 2; batched++) {
			const struct bat_outcome *want =
				batched ? &expected.batched : &expected.unbatched;
			struct bat_tcp_result result;

			bat_tcp_config_init(&config);
			config.links[0] = config.links[1] = (struct bat_tcp_link){.delay_ns = 1};
			config.requests = 3;
			config.gap_ns = 0;
			config.client_reads_all = false;
			config.client_ns = 1000 * c;
			config.request_ns = 2000;
			config.reply_ns = 4000;
			config.reply_each = !batched;
			result = simulate(&config, 1);
			cr_assert_float_eq(result.response_mean_ns, want->mean + 2, 1e-6,
				"c=%d batched=%d: %g, not %g", c, batched, result.response_mean_ns,
				want->mean);
			cr_assert_eq(result.finish_ns, (int64_t)want->finish + 2);
		}
	}
}

/* One request at a time in two writes: the second waits for an acknowledgement that the first does not get. */
static double write_write_read(bool nagle, uint32_t head_bytes, uint32_t request_bytes)
{
	struct bat_tcp_config config;

	bat_tcp_config_init(&config);
	config.hosts[0].nagle = nagle;
	config.head_bytes = head_bytes;
	config.classes[0].request_bytes = request_bytes;
	config.outstanding = 1;
	config.requests = 120;
	config.warm_up = 40;
	config.request_ns = 1000;
	return simulate(&config, 1).latency_mean_ns;
}

Test(tcp_sim, write_write_read_stalls_for_the_delayed_acknowledgement_under_nagle_only)
{
	double stalled_ns = write_write_read(true, 20, 64);

	cr_assert(stalled_ns > 39.5 * MS && stalled_ns < 41 * MS, "%g ms", stalled_ns / MS);
	cr_assert(write_write_read(false, 20, 64) < 0.2 * MS);
	cr_assert(write_write_read(true, 0, 64) < 0.2 * MS, "one write must not wait");
}

/*
 * Nagle's own rule would hold the partial segment while the full one before it is unacknowledged; Minshall's does
 * not.
 */
Test(tcp_sim, a_partial_segment_after_a_full_one_goes_at_once)
{
	cr_assert(write_write_read(true, 0, 1448 + 100) < 0.2 * MS);
	cr_assert(write_write_read(true, 1448, 1448 + 100) < 0.2 * MS);
}

Test(tcp_sim, nagle_and_autocorking_save_segments_and_deliver_everything)
{
	struct bat_tcp_result plain, nagle, autocork;
	struct bat_tcp_config config;

	bat_tcp_config_init(&config);
	config.requests = 5000;
	config.gap_ns = 2000;
	config.links[0].rate_bytes_per_s = 60000000;
	plain = simulate(&config, 1);
	config.hosts[0].nagle = true;
	nagle = simulate(&config, 1);
	config.hosts[0].nagle = false;
	config.hosts[0].autocork = true;
	autocork = simulate(&config, 1);
	cr_assert_eq(plain.segments[0], 5000);
	cr_assert(nagle.segments[0] < 4000, "%llu", (unsigned long long)nagle.segments[0]);
	cr_assert(autocork.segments[0] < 4900, "%llu", (unsigned long long)autocork.segments[0]);
	cr_assert_eq(nagle.measured, 5000);
	cr_assert_eq(autocork.measured, 5000);
}

/* ---- counters against brute force ---- */

struct change {
	int64_t time_ns, delta;
};

struct trace {
	struct change changes[BAT_TCP_ENDS][BAT_TCP_UNITS][BAT_QUEUE_COUNT][CHANGES_MAX / 8];
	size_t count[BAT_TCP_ENDS][BAT_TCP_UNITS][BAT_QUEUE_COUNT];
};

static void record(void *user, enum bat_unit unit, int end, enum bat_queue queue, int64_t time_ns,
	int64_t delta)
{
	struct trace *trace = user;
	int u = 0;
	size_t at;

	while (bat_tcp_units[u] != unit)
		u++;
	at = trace->count[end][u][queue]++;
	cr_assert(at < CHANGES_MAX / 8);
	trace->changes[end][u][queue][at] = (struct change){time_ns, delta};
}

static struct bat_tcp_config random_config(struct hb_rng *rng)
{
	struct bat_tcp_config config;

	bat_tcp_config_init(&config);
	config.requests = 2000;
	config.gap_ns = 1000 + (double)hb_rng_below(rng, 30000);
	config.outstanding = hb_rng_below(rng, 3) == 0 ? 1 + (uint32_t)hb_rng_below(rng, 20) : 0;
	config.window_bytes = 1448 + hb_rng_below(rng, 100000);
	config.window_segments = 1 + (uint32_t)hb_rng_below(rng, 500);
	config.second_share = (double)hb_rng_below(rng, 3) / 2;
	config.head_bytes = hb_rng_below(rng, 2) ? 30 : 0;
	for (int i = 0; i < 2; i++) {
		config.hosts[i] = (struct bat_tcp_host){.nagle = hb_rng_below(rng, 2),
			.autocork = hb_rng_below(rng, 2),
			.send_packet_ns = (int64_t)hb_rng_below(rng, 2000),
			.receive_packet_ns = (int64_t)hb_rng_below(rng, 2000)};
		config.links[i].delay_ns = (int64_t)hb_rng_below(rng, 100000);
		config.classes[i] = (struct bat_tcp_class){1 + (uint32_t)hb_rng_below(rng, 4000),
			1 + (uint32_t)hb_rng_below(rng, 4000)};
	}
	config.write_ns = (int64_t)hb_rng_below(rng, 1000);
	config.client_ns = (int64_t)hb_rng_below(rng, 5000);
	config.client_reads_all = hb_rng_below(rng, 2);
	config.batch_ns = (int64_t)hb_rng_below(rng, 3000);
	config.request_ns = (int64_t)hb_rng_below(rng, 3000);
	config.request_random = hb_rng_below(rng, 2);
	config.reply_ns = (int64_t)hb_rng_below(rng, 3000);
	config.reply_each = hb_rng_below(rng, 2);
	config.congestion = hb_rng_below(rng, 2) ? BAT_TCP_RENO : BAT_TCP_WINDOW_FIXED;
	for (int i = 0; i < 2; i++)
		config.links[i].loss =
			hb_rng_below(rng, 2) ? 0 : (double)hb_rng_below(rng, 100) / 1000;
	return config;
}

/* Integral of the size over time within from ... to, step by step; also checks that it never falls below 0. */
static uint64_t integral_within(
	const struct change *changes, size_t count, int64_t from_ns, int64_t to_ns)
{
	int64_t size = 0, last_ns = from_ns;
	uint64_t integral = 0;

	for (size_t i = 0; i < count && changes[i].time_ns <= to_ns; i++) {
		int64_t at_ns = changes[i].time_ns < from_ns ? from_ns : changes[i].time_ns;

		integral += (uint64_t)(size * (at_ns - last_ns));
		last_ns = at_ns;
		size += changes[i].delta;
		cr_assert(size >= 0);
	}
	return integral + (uint64_t)(size * (to_ns - last_ns));
}

/* Sum of the times that units spent in the queue, first in, first out; the queue must end empty. */
static uint64_t sojourns(const struct change *changes, size_t count)
{
	uint64_t sum = 0;
	size_t in = 0;
	int64_t left = 0;

	for (size_t out = 0; out < count; out++) {
		int64_t leaving = -changes[out].delta;

		while (leaving > 0) {
			int64_t part;

			while (left == 0) {
				cr_assert(in < out, "a unit leaves that never came");
				if (changes[in].delta > 0)
					left = changes[in].delta;
				in++;
			}
			part = left < leaving ? left : leaving;
			sum += (uint64_t)part *
			       (uint64_t)(changes[out].time_ns - changes[in - 1].time_ns);
			left -= part;
			leaving -= part;
		}
	}
	cr_assert_eq(left, 0);
	for (; in < count; in++)
		cr_assert(changes[in].delta < 0, "a unit never leaves");
	return sum;
}

/* The same from the stamps of each request. */
static uint64_t stamped(const struct bat_tcp_request *log, uint64_t count, int end, int queue)
{
	static const int spans[BAT_TCP_ENDS][BAT_QUEUE_COUNT][2] = {
		{
			[BAT_UNACKED] = {BAT_TCP_WRITTEN, BAT_TCP_ACKED},
			[BAT_UNREAD] = {BAT_TCP_REPLY_RECEIVED, BAT_TCP_REPLY_READ},
			[BAT_ACKDELAY] = {BAT_TCP_REPLY_RECEIVED, BAT_TCP_REPLY_ACK_SENT},
			[BAT_UNSENT] = {BAT_TCP_WRITTEN, BAT_TCP_SENT},
		},
		{
			[BAT_UNACKED] = {BAT_TCP_ANSWERED, BAT_TCP_REPLY_ACKED},
			[BAT_UNREAD] = {BAT_TCP_RECEIVED, BAT_TCP_READ},
			[BAT_ACKDELAY] = {BAT_TCP_RECEIVED, BAT_TCP_ACK_SENT},
			[BAT_SERVICE] = {BAT_TCP_READ, BAT_TCP_ANSWERED},
			[BAT_UNSENT] = {BAT_TCP_ANSWERED, BAT_TCP_REPLY_SENT},
		},
	};
	uint64_t sum = 0;

	for (uint64_t i = 0; i < count; i++)
		sum += (uint64_t)(log[i].at_ns[spans[end][queue][1]] -
				  log[i].at_ns[spans[end][queue][0]]);
	return sum;
}

static void check_queue(const struct trace *trace, const struct bat_tcp_config *config,
	const struct bat_tcp_result *result, int end, int unit, int queue)
{
	const struct change *changes = trace->changes[end][unit][queue];
	size_t count = trace->count[end][unit][queue];
	int64_t stop_ns = config->log[config->requests - 1].at_ns[BAT_TCP_REPLY_READ];
	uint64_t whole = integral_within(changes, count, 0, INT64_C(1) << 50);

	if ((end == 0 && queue == BAT_SERVICE) ||
		(bat_tcp_units[unit] == BAT_UNIT_SEGMENTS && queue == BAT_UNSENT)) {
		cr_assert_eq(count, 0);
		return;
	}
	cr_assert(count > 0);
	cr_assert_eq(whole, sojourns(changes, count), "end %d unit %d queue %d", end, unit, queue);
	if (unit == 1)
		cr_assert_eq(whole, stamped(config->log, config->requests, end, queue));
	cr_assert_eq(result->windows[end][unit][queue].integral,
		integral_within(changes, count,
			stop_ns - result->windows[end][unit][queue].duration_ns, stop_ns));
}

Test(tcp_sim, littles_identity_holds_on_every_queue, .timeout = 120)
{
	struct trace *trace = malloc(sizeof(*trace));
	struct bat_tcp_request *log = calloc(2000, sizeof(*log));
	struct hb_rng rng;

	cr_assert(trace && log);
	hb_rng_init(&rng, test_seed(), 2);
	for (int round = 0; round < 60; round++) {
		struct bat_tcp_config config = random_config(&rng);
		struct bat_tcp_result result;

		config.log = log;
		config.observe = record;
		config.user = trace;
		memset(trace->count, 0, sizeof(trace->count));
		result = simulate(&config, hb_rng_u64(&rng));
		for (int end = 0; end < BAT_TCP_ENDS; end++)
			for (int unit = 0; unit < BAT_TCP_UNITS; unit++)
				for (int queue = 0; queue < BAT_QUEUE_COUNT; queue++)
					check_queue(trace, &config, &result, end, unit, queue);
		/* The window begins and ends without a request under way: the hint is the truth. */
		cr_assert_eq(result.hinted.departed, 2000);
		cr_assert_float_eq((double)result.hinted.integral / 2000, result.latency_mean_ns,
			1e-9 * result.latency_mean_ns);
	}
	free(log);
	free(trace);
}

Test(tcp_sim, a_request_passes_its_stages_in_order)
{
	static const int chain[] = {BAT_TCP_SCHEDULED, BAT_TCP_WRITTEN, BAT_TCP_SENT,
		BAT_TCP_RECEIVED, BAT_TCP_READ, BAT_TCP_ANSWERED, BAT_TCP_REPLY_SENT,
		BAT_TCP_REPLY_RECEIVED, BAT_TCP_REPLY_READ, BAT_TCP_DONE};
	struct bat_tcp_request log[2000];
	struct hb_rng rng;

	hb_rng_init(&rng, test_seed(), 3);
	for (int round = 0; round < 30; round++) {
		struct bat_tcp_config config = random_config(&rng);

		config.log = log;
		(void)simulate(&config, hb_rng_u64(&rng));
		for (size_t i = 0; i < 2000; i++) {
			for (size_t s = 1; s < sizeof(chain) / sizeof(chain[0]); s++)
				cr_assert(log[i].at_ns[chain[s]] >= log[i].at_ns[chain[s - 1]]);
			cr_assert(log[i].at_ns[BAT_TCP_ACKED] >= log[i].at_ns[BAT_TCP_ACK_SENT]);
			cr_assert(i == 0 || log[i].reply_end > log[i - 1].reply_end);
		}
	}
}

Test(tcp_sim, reruns_are_the_same_to_the_byte_and_other_seeds_are_not)
{
	struct bat_tcp_request *logs[3];
	struct hb_rng rng;

	hb_rng_init(&rng, test_seed(), 4);
	for (int i = 0; i < 3; i++) {
		struct bat_tcp_config config;

		logs[i] = calloc(2000, sizeof(*logs[i]));
		cr_assert(logs[i]);
		bat_tcp_config_init(&config);
		config.requests = 2000;
		config.second_share = 0.3;
		config.request_ns = 3000;
		config.request_random = true;
		config.log = logs[i];
		(void)simulate(&config, i == 2 ? 8 : 7);
	}
	cr_assert_eq(memcmp(logs[0], logs[1], 2000 * sizeof(*logs[0])), 0);
	cr_assert(memcmp(logs[0], logs[2], 2000 * sizeof(*logs[0])) != 0);
	for (int i = 0; i < 3; i++)
		free(logs[i]);
}

/* ---- the estimate ---- */

struct ablation {
	double whole, without[BAT_TERMS_MAX]; /* worst relative errors */
};

static void ablate(const struct bat_estimate *estimate, double truth_ns, struct ablation *ablation)
{
	cr_assert(estimate->defined);
	cr_assert_eq(estimate->term_count, BAT_TERMS_MAX);
	ablation->whole = fmax(ablation->whole, fabs(estimate->end_to_end_ns / truth_ns - 1));
	for (uint32_t i = 0; i < estimate->term_count; i++) {
		double sign = estimate->terms[i].subtracted ? -1 : 1;
		double rest_ns = estimate->end_to_end_ns - sign * estimate->terms[i].wait.ns;

		ablation->without[i] = fmax(ablation->without[i], fabs(rest_ns / truth_ns - 1));
	}
}

Test(tcp_sim, every_term_of_both_estimates_is_needed_somewhere)
{
	struct ablation forms[2] = {{0}};
	struct bat_tcp_config config;

	for (int mode = 0; mode < 4; mode++) {
		struct bat_tcp_result result;

		bat_tcp_config_init(&config);
		config.hosts[0].nagle = mode & 1;
		config.hosts[1].nagle = mode & 2;
		config.requests = 20000;
		config.warm_up = 1000;
		config.gap_ns = 12000;
		config.client_ns = 8000;
		config.client_reads_all = false;
		config.batch_ns = 5000;
		config.request_ns = 3000;
		config.reply_ns = 1000;
		config.reply_each = true;
		result = simulate(&config, test_seed());
		ablate(&result.estimates[0], result.latency_mean_ns, &forms[0]);
		ablate(&result.by_answers[0], result.latency_mean_ns, &forms[1]);
	}
	for (int form = 0; form < 2; form++) {
		(void)printf("off by at most %.4f\n", forms[form].whole);
		cr_assert(forms[form].whole < 0.02, "%g", forms[form].whole);
		for (int i = 0; i < BAT_TERMS_MAX; i++)
			cr_assert(forms[form].without[i] > forms[form].whole + 0.02,
				"form %d, term %d: %g without, %g with", form, i,
				forms[form].without[i], forms[form].whole);
	}
}

/*
 * One request at a time between idle ends, no cost but the links: every queue's wait is known, and so are both sums.
 * A request of one segment goes out at once; its answer follows after alpha + beta, and carries the acknowledgement.
 */
Test(tcp_sim, one_request_at_a_time_takes_two_trips_and_its_service)
{
	const double trip_ns = 50000 + 300, back_ns = 20000 + 500, work_ns = 4000 + 1000 + 2000;
	struct bat_tcp_config config;
	struct bat_tcp_result result;
	double c_ns = 700;

	bat_tcp_config_init(&config);
	config.links[0] = (struct bat_tcp_link){.delay_ns = 50000};
	config.links[1] = (struct bat_tcp_link){.delay_ns = 20000};
	config.hosts[0] = (struct bat_tcp_host){.send_packet_ns = 100, .receive_packet_ns = 400};
	config.hosts[1] = (struct bat_tcp_host){.send_packet_ns = 100, .receive_packet_ns = 200};
	config.outstanding = 1;
	config.requests = 1000;
	config.warm_up = 200;
	config.batch_ns = 1000;
	config.request_ns = 4000;
	config.reply_ns = 2000;
	config.client_ns = (int64_t)c_ns;
	result = simulate(&config, 1);
	cr_assert_float_eq(result.latency_mean_ns, trip_ns + work_ns + back_ns, 1e-6);
	/* Due when the last answer was read: the requester is busy with it first. */
	cr_assert_float_eq(
		result.response_mean_ns, c_ns + trip_ns + work_ns + back_ns + c_ns, 1e-6);
	for (int unit = 0; unit < BAT_TCP_UNITS; unit++) {
		cr_assert_float_eq(
			result.estimates[unit].end_to_end_ns, result.latency_mean_ns, 1e-6);
		cr_assert_float_eq(result.by_answers[unit].end_to_end_ns, result.latency_mean_ns,
			0.01 * result.latency_mean_ns);
	}
}

/* Each message being written at once and fitting a segment, sends are messages, and segments are, without batching. */
Test(tcp_sim, sends_and_segments_are_messages_where_nothing_is_batched)
{
	struct bat_tcp_config config;
	struct bat_tcp_result result;

	bat_tcp_config_init(&config);
	config.requests = 3000;
	config.reply_each = true;
	result = simulate(&config, 5);
	cr_assert_eq(result.segments[0], 3000);
	for (int end = 0; end < BAT_TCP_ENDS; end++) {
		for (int queue = 0; queue < BAT_QUEUE_COUNT; queue++) {
			const struct bat_window *requests = &result.windows[end][1][queue];

			cr_assert_eq(result.windows[end][2][queue].departed, requests->departed);
			cr_assert_eq(result.windows[end][2][queue].integral, requests->integral);
			if (queue == BAT_UNSENT || queue == BAT_UNACKED)
				continue; /* which begin with the write */
			cr_assert_eq(result.windows[end][3][queue].integral, requests->integral);
		}
	}
	/* Two writes per request: twice as many sends, the same messages. */
	config.head_bytes = 1;
	result = simulate(&config, 5);
	cr_assert_eq(result.windows[0][2][BAT_UNACKED].departed, 6000);
	cr_assert_eq(result.windows[0][1][BAT_UNACKED].departed, 3000);
}

/* A message of three segments counts as three of them, and as one send. */
Test(tcp_sim, a_large_message_is_one_send_of_several_segments)
{
	struct bat_tcp_config config;
	struct bat_tcp_result result;

	bat_tcp_config_init(&config);
	config.requests = 1000;
	config.classes[0] = (struct bat_tcp_class){2 * config.mss_bytes + 1, 8};
	config.second_share = 0;
	result = simulate(&config, 6);
	cr_assert_eq(result.windows[0][2][BAT_UNACKED].departed, 1000);
	cr_assert_eq(result.windows[0][3][BAT_UNACKED].departed, 3000);
	cr_assert_eq(result.windows[1][3][BAT_SERVICE].departed, 3000);
}

/* A controller that wants what it is told, and counts. */
struct switcher {
	bool nagle;
	uint64_t ticks;
	uint64_t departed; /* requests that the requester has read answers of, at the last tick */
};

static void switch_to(void *user, int64_t now_ns,
	struct bat_reading readings[BAT_TCP_ENDS][BAT_TCP_UNITS][BAT_QUEUE_COUNT],
	bool nagle[BAT_TCP_ENDS])
{
	struct switcher *switcher = user;

	switcher->ticks++;
	switcher->departed = readings[0][1][BAT_UNREAD].departed;
	cr_assert_eq(readings[1][0][BAT_SERVICE].time_ns, now_ns);
	nagle[0] = switcher->nagle;
}

Test(tcp_sim, a_controller_switches_the_algorithm_and_otherwise_changes_nothing)
{
	for (int begin = 0; begin < 2; begin++) {
		for (int wanted = 0; wanted < 2; wanted++) {
			struct switcher switcher = {.nagle = wanted};
			struct bat_tcp_config config;
			struct bat_tcp_result is, should;

			bat_tcp_config_init(&config);
			config.requests = 2000;
			config.gap_ns = 5000;
			config.hosts[0].nagle = wanted;
			should = simulate(&config, 5);
			config.hosts[0].nagle = begin;
			config.tick = switch_to;
			config.tick_user = &switcher;
			config.tick_ns =
				1; /* before the first request can meet an unacknowledged one */
			config.requests = 20;
			is = simulate(&config, 5);
			cr_assert(switcher.ticks > 1000 && switcher.departed <= 20);
			config.tick = NULL;
			config.hosts[0].nagle = wanted;
			cr_assert_eq(is.segments[0], simulate(&config, 5).segments[0]);
			cr_assert_eq(is.finish_ns, simulate(&config, 5).finish_ns);
			/* With 2,000 requests the two choices do differ. */
			config.requests = 2000;
			config.hosts[0].nagle = !wanted;
			cr_assert(simulate(&config, 5).segments[0] != should.segments[0]);
		}
	}
}

Test(tcp_sim, switching_nagle_off_sends_what_it_held)
{
	struct switcher switcher = {.nagle = false};
	struct bat_tcp_request log[2];
	struct bat_tcp_config config;

	bat_tcp_config_init(&config);
	config.links[0].delay_ns = config.links[1].delay_ns = 10000000;
	config.requests = 2;
	config.gap_ns = 0;
	config.hosts[0].nagle = true;
	config.log = log;
	config.tick = switch_to;
	config.tick_user = &switcher;
	config.tick_ns = 1000000;
	(void)simulate(&config, 1);
	/* Both were written at once; the second waits for an acknowledgement 20 ms away, or for the tick. */
	cr_assert(log[0].at_ns[BAT_TCP_SENT] < 1000000);
	cr_assert_eq(log[1].at_ns[BAT_TCP_SENT], 1000000);
}

Test(tcp_sim, phases_alternate_between_two_loads)
{
	static struct bat_tcp_request log[22000];
	uint64_t counts[2] = {0};
	struct bat_tcp_config config;

	bat_tcp_config_init(&config);
	config.requests = 22000;
	config.gap_ns = 100000;
	config.other_gap_ns = 10000;
	config.phase_ns = 10000000;
	config.log = log;
	(void)simulate(&config, test_seed());
	/* 100 and 1,000 requests in a phase, 40 phases: six standard deviations. */
	for (uint64_t i = 0; i < config.requests; i++) {
		int64_t phase = log[i].at_ns[BAT_TCP_SCHEDULED] / config.phase_ns;

		if (phase < 36)
			counts[phase % 2]++;
	}
	cr_assert(fabs((double)counts[0] - 1800) < 6 * sqrt(1800.0) + 36, "%g", (double)counts[0]);
	cr_assert(
		fabs((double)counts[1] - 18000) < 6 * sqrt(18000.0) + 36, "%g", (double)counts[1]);
}

/*
 * One small request at a time, and packets of requests are lost: each costs the timer, which doubles from loss to loss.
 * The mean of the time lost is RTO x p / (1 - 2p), its variance RTO^2 x ((1-p)/(1-4p) - ((1-p)/(1-2p))^2).
 */
Test(tcp_sim, a_lost_request_costs_its_timer)
{
	const double p = 0.05, rto_ns = 200e6 + 2 * 50000;
	struct bat_tcp_config config;
	struct bat_tcp_result clean, result;
	double mean_ns, deviation_ns, found_ns;

	bat_tcp_config_init(&config);
	config.links[0] = config.links[1] = (struct bat_tcp_link){.delay_ns = 50000};
	config.requests = 20000;
	config.outstanding = 1;
	config.congestion = BAT_TCP_RENO;
	clean = simulate(&config, test_seed());
	cr_assert_eq(clean.lost[0] + clean.timeouts[0] + clean.retransmitted[0], 0);
	config.links[0].loss = p;
	result = simulate(&config, test_seed());
	cr_assert_eq(result.retransmitted[0], result.timeouts[0]);
	mean_ns = rto_ns * p / (1 - 2 * p);
	deviation_ns = rto_ns * sqrt((1 - p) / (1 - 4 * p) - pow((1 - p) / (1 - 2 * p), 2));
	found_ns = result.latency_mean_ns - clean.latency_mean_ns;
	/* Whatever acknowledges an answer only is lost, too, and costs nothing. */
	cr_assert(fabs(found_ns - mean_ns) < 6 * deviation_ns / sqrt(20000),
		"%g ns lost per request, %g expected", found_ns, mean_ns);
}

/* 10, 20 and 40 segments, a round trip apart: the last of 70 arrives after two and a half. */
Test(tcp_sim, slow_start_doubles_the_window_each_round_trip)
{
	struct bat_tcp_request log[1];
	struct bat_tcp_config config;

	bat_tcp_config_init(&config);
	config.links[0] = config.links[1] = (struct bat_tcp_link){.delay_ns = 5000000};
	config.header_bytes = 0;
	config.requests = 1;
	config.window_bytes = 1 << 20;
	config.log = log;
	for (int flights = 1; flights <= 4; flights++) {
		uint32_t segments = 10 * ((1u << flights) - 1);

		config.congestion = BAT_TCP_RENO;
		config.classes[0].request_bytes = segments * config.mss_bytes;
		(void)simulate(&config, 1);
		cr_assert_eq(log[0].at_ns[BAT_TCP_RECEIVED] - log[0].at_ns[BAT_TCP_SCHEDULED],
			(2 * flights - 1) * INT64_C(5000000), "%u segments", segments);
		config.congestion = BAT_TCP_WINDOW_FIXED;
		(void)simulate(&config, 1);
		cr_assert_eq(
			log[0].at_ns[BAT_TCP_RECEIVED] - log[0].at_ns[BAT_TCP_SCHEDULED], 5000000);
	}
}

/* Mathis, Semke, Mahdavi and Ott, 1997: MSS / RTT x sqrt(3 / (2 b p)) with b segments per acknowledgement, 1 to 2. */
Test(tcp_sim, reno_gets_the_throughput_that_loss_allows)
{
	static const double losses[] = {0.001, 0.004, 0.01};

	for (size_t i = 0; i < sizeof(losses) / sizeof(losses[0]); i++) {
		struct bat_tcp_config config;
		struct bat_tcp_result result;
		double rate, model;

		bat_tcp_config_init(&config);
		config.links[0] = config.links[1] = (struct bat_tcp_link){.delay_ns = 10000000};
		config.links[0].loss = losses[i];
		config.congestion = BAT_TCP_RENO;
		config.window_bytes = 1 << 28;
		config.requests = 40;
		config.outstanding = 2;
		config.classes[0].request_bytes = 4 << 20;
		result = simulate(&config, test_seed());
		rate = 40.0 * (4 << 20) * 1e9 / (double)result.finish_ns;
		model = config.mss_bytes / 0.02 * sqrt(1.5 / losses[i]);
		cr_assert(rate > 0.4 * model && rate < 1.6 * model,
			"loss %g: %g bytes per second, %g by the model", losses[i], rate, model);
		cr_assert(result.retransmitted[0] >= result.lost[0] / 2 && result.lost[0] > 0);
	}
}

Test(tcp_sim, values_out_of_range_are_named)
{
	struct bat_tcp_result result = {.measured = 77};
	struct bat_tcp_config config;
	struct hb_error error = {0};

#define REFUSED(assignment, text_)                                                       \
	do {                                                                             \
		bat_tcp_config_init(&config);                                            \
		assignment;                                                              \
		cr_assert_eq(bat_tcp_simulate(&config, 1, 0, &result, &error), -EINVAL); \
		cr_assert(strstr(error.text, text_), "%s", error.text);                  \
		cr_assert_eq(result.measured, 77);                                       \
	} while (0)

	REFUSED(config.mss_bytes = 0, "mss_bytes");
	REFUSED(config.mss_bytes = 65536, "mss_bytes");
	REFUSED(config.window_bytes = 10, "window_bytes");
	REFUSED(config.window_segments = 0, "window_segments");
	REFUSED(config.requests = 0, "0 requests");
	REFUSED(config.warm_up = config.requests, "warm up");
	REFUSED(config.gap_ns = NAN, "gap_ns");
	REFUSED(config.second_share = 1.5, "second_share");
	REFUSED(config.links[1].delay_ns = -1, "delay_ns");
	REFUSED(config.classes[1].reply_bytes = 0, "reply_bytes");
	REFUSED(config.reply_ns = -5, "reply_ns");
	REFUSED(config.links[0].loss = 0.6, "links.loss");
	REFUSED(config.congestion = BAT_TCP_CONGESTION_COUNT, "congestion control");
	REFUSED(config.phase_ns = 1000, "phases need times");
	REFUSED(config.tick = switch_to, "tick_ns");
#undef REFUSED
}
