/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Disciplines and protections in scenarios small enough to do by hand. Arrivals are paced at 1, 2, 3, ... s and
 * services constant, so every time below can be counted on fingers; of events at one time, the one that was scheduled
 * first is first.
 */
#include <math.h>
#include <stdlib.h>

#include <criterion/criterion.h>

#include <hotbed/rng.h>

#include "../../src/simulation/protection.h"
#include "scenario.h"

#define BY_HAND                                                                         \
	"server s { threads 1; queue 100 fifo; service constant 3s; on_full reject }\n" \
	"client c -> s { rate paced 1/s; timeout none; retry 0 }\n"

Test(disciplines, order_decides_who_waits)
{
	/* The thread is free at 4, 7 and 10. In order: 1, 2, 3 wait 3 + 5 + 7 s in all. */
	struct ms_model model = scenario_model(BY_HAND, NULL);

	cr_assert_float_eq(scenario_run(&model, 10, 0).clients[0].latency_sum_s, 15, 1e-9);
	/* Newest first: at 4 there are 2 and 3, at 7 also 4, 5 and 6: 3 + 4 + 4. */
	model.servers[0].discipline = MS_LIFO;
	cr_assert_float_eq(scenario_run(&model, 10, 0).clients[0].latency_sum_s, 11, 1e-9);
	/* Above two waiting only: 2 at 4, then 6 of four: 3 + 5 + 4. */
	model.servers[0].discipline = MS_ADAPTIVE_LIFO;
	model.servers[0].lifo_above = 2;
	cr_assert_float_eq(scenario_run(&model, 10, 0).clients[0].latency_sum_s, 12, 1e-9);
}

Test(disciplines, retries_wait_behind_first_attempts)
{
	/*
	 * Requests 1 ... 5 come at 1 ... 5 s, 6 at 10.5 s. 1 and 2 succeed at 4 and 7; 3 is served until 10, too late
	 * (8.6), 4 leaves the queue at 9.6, 5 is served until 13, too late (10.6). Then wait the retries of 3 (since
	 * 8.6), 4, 6 (10.5) and the retry of 5. In order it is the retry of 3, until 16, too late (14.2), and 6 comes
	 * too late as well (16.1). With retries last it is 6, which succeeds at 16.
	 */
	struct ms_model model = scenario_model(BY_HAND "trigger { at 0s for 5.5s rate c 1/s }\n",
		"c.timeout=5.6s c.retry=1 c.rate=0.1/s");
	struct ms_run_result result;

	model.clients[0].cancel = MS_CANCEL_WAITING;
	result = scenario_run(&model, 18.9, 0);
	cr_assert_eq(result.clients[0].requests, 6);
	cr_assert_eq(result.clients[0].successes, 2);
	model.servers[0].discipline = MS_RETRIES_LAST;
	result = scenario_run(&model, 18.9, 0);
	cr_assert_eq(result.clients[0].successes, 3);
	cr_assert_float_eq(result.clients[0].latency_sum_s, 3 + 5 + 5.5, 1e-6);
}

Test(queue, full_one_rejects_and_counts_the_job_in_service)
{
	/* Room for 2: one in service, one waits. 1 serves 1-4, 2 waits, 3 is refused; 4 comes when 1 has left. */
	struct ms_model model = scenario_model(BY_HAND, "s.queue=2");
	struct ms_run_result result = scenario_run(&model, 10, 0);

	/* Places free at 4, 7, 10: taken at once by 4, 7 and 10; refused are 3, 5, 6, 8, 9. */
	cr_assert_eq(result.servers[0].full, 5);
	cr_assert_eq(result.clients[0].rejections, 5);
	cr_assert_eq(result.servers[0].served, 3);
	cr_assert_eq(result.servers[0].peak, 2);
}

Test(queue, drop_is_learnt_from_the_timeout_only)
{
	struct ms_model model = scenario_model(BY_HAND, "s.queue=1 c.timeout=3.5s");
	struct ms_run_result result;

	model.servers[0].on_full = MS_DROP;
	result = scenario_run(&model, 10, 0);
	/* 1, 4, 7 find it free (10 too); 2, 3, 5, 6 of those refused time out at 5.5, 6.5, 8.5, 9.5. */
	cr_assert_eq(result.servers[0].full, 6);
	cr_assert_eq(result.clients[0].rejections, 0);
	cr_assert_eq(result.clients[0].timeouts, 4);
	cr_assert_eq(result.clients[0].open, 3);
}

Test(cancel, waiting_leaves_the_queue_and_always_leaves_the_thread)
{
	/* Patience 1.5 s. Without: the thread works for 1, 2, 3 although nobody waits. */
	struct ms_model model = scenario_model(BY_HAND, "c.timeout=1.5s");
	struct ms_run_result result = scenario_run(&model, 10, 0);

	cr_assert_eq(result.servers[0].wasted, 3);
	cr_assert_eq(result.servers[0].cancelled, 0);
	/* Waiting: 2 leaves at 3.5, at 4 it is 3's turn (since 3), until 7; then 6 until 10. */
	model.clients[0].cancel = MS_CANCEL_WAITING;
	result = scenario_run(&model, 10, 0);
	cr_assert_eq(result.servers[0].served, 3);
	cr_assert_eq(result.servers[0].cancelled, 5); /* 2, 4, 5, 7, 8 */
	/* Always: 1 leaves the thread at 2.5, then it is 2's until 3.5, and so on. */
	model.clients[0].cancel = MS_CANCEL_ALWAYS;
	result = scenario_run(&model, 10, 0);
	cr_assert_eq(result.servers[0].served, 0);
	cr_assert_eq(result.servers[0].cancelled, 8); /* those of 1 ... 8 */
}

Test(deadline, no_attempt_begins_after_it)
{
	/* Attempts time out one second apart: with 2.5 s, those at 0, 1 and 2 s are made. */
	struct ms_model model = scenario_model(
		BY_HAND, "s.queue=1 c.timeout=1s c.retry=10 c.deadline=2.5s c.rate=0.01/s");
	struct ms_run_result result;

	model.servers[0].service.mean_s = 1000;
	model.servers[0].on_full = MS_DROP;
	result = scenario_run(&model, 150, 0);
	cr_assert_eq(result.clients[0].requests, 1);
	cr_assert_eq(result.clients[0].attempts, 3);
	cr_assert_eq(result.clients[0].refused_deadline, 1);
}

Test(backoff, pauses_grow_and_are_capped_and_jittered)
{
	struct ms_client client = {.backoff = MS_BACKOFF_EXPONENTIAL,
		.backoff_s = 0.1,
		.backoff_factor = 2,
		.backoff_max_s = 0.5};

	cr_assert_float_eq(ms_backoff_s(&client, 1, 0), 0.1, 1e-12);
	cr_assert_float_eq(ms_backoff_s(&client, 3, 0), 0.4, 1e-12);
	cr_assert_float_eq(ms_backoff_s(&client, 9, 0), 0.5, 1e-12);
	client.jitter = MS_JITTER_FULL;
	cr_assert_float_eq(ms_backoff_s(&client, 2, 0.25), 0.05, 1e-12);
	client.jitter = MS_JITTER_EQUAL;
	cr_assert_float_eq(ms_backoff_s(&client, 2, 0.5), 0.15, 1e-12);
	client.backoff = MS_BACKOFF_CONSTANT;
	client.jitter = MS_JITTER_NONE;
	cr_assert_float_eq(ms_backoff_s(&client, 7, 0), 0.1, 1e-12);
	client.backoff = MS_IMMEDIATE;
	cr_assert_eq(ms_backoff_s(&client, 1, 0), 0);
}

Test(backoff, pause_of_a_retry_is_kept)
{
	/* Attempts at 100, 101 + 2 and 104 + 4 s: the first has the thread, the others are dropped. */
	struct ms_model model = scenario_model(BY_HAND, "s.queue=1 c.timeout=1s c.rate=0.01/s");
	struct ms_run_result result;

	model.servers[0].service.mean_s = 1000;
	model.servers[0].on_full = MS_DROP;
	model.clients[0].retries = 5;
	model.clients[0].backoff = MS_BACKOFF_EXPONENTIAL;
	model.clients[0].backoff_s = 2;
	model.clients[0].backoff_factor = 2;
	model.clients[0].backoff_max_s = INFINITY;
	result = scenario_run(&model, 102.5, 0);
	cr_assert_eq(result.clients[0].attempts, 1);
	result = scenario_run(&model, 103.5, 0);
	cr_assert_eq(result.clients[0].attempts, 2);
	result = scenario_run(&model, 107.5, 0);
	cr_assert_eq(result.clients[0].attempts, 2);
	result = scenario_run(&model, 108.5, 0);
	cr_assert_eq(result.clients[0].attempts, 3);
}

Test(token_bucket, starts_full_and_is_filled_by_successes)
{
	struct ms_client client = {.bucket_fill = 0.1, .bucket_capacity = 5};
	struct ms_bucket bucket;

	ms_bucket_init(&bucket, &client);
	for (int i = 0; i < 5; i++)
		cr_assert(ms_bucket_take(&bucket, &client));
	cr_assert_not(ms_bucket_take(&bucket, &client));
	for (int i = 0; i < 9; i++)
		ms_bucket_success(&bucket, &client);
	cr_assert_not(ms_bucket_take(&bucket, &client));
	ms_bucket_success(&bucket, &client);
	cr_assert(ms_bucket_take(&bucket, &client));
	for (int i = 0; i < 1000; i++)
		ms_bucket_success(&bucket, &client);
	cr_assert_float_eq(bucket.tokens, 5, 1e-9);
}

Test(token_bucket, limits_the_retries_of_a_run)
{
	struct ms_model model = scenario_model(
		BY_HAND "protect c { token_bucket 0.1 cap 5 }\n", "s.queue=1 c.retry=3");
	struct ms_run_result result;

	model.servers[0].service.mean_s = 1000;
	model.clients[0].retry_on_reject = true;
	result = scenario_run(&model, 100, 0);
	/* Request 1 holds the thread, nothing succeeds: five retries in all. */
	cr_assert_eq(result.clients[0].retries, 5);
	cr_assert(result.clients[0].refused_bucket > 90);
}

Test(budget, retries_are_a_share_of_the_requests_of_the_window)
{
	struct ms_model model = scenario_model(
		BY_HAND "protect c { budget 20% window 10s min 0.1/s }\n", "s.queue=1 c.retry=3");
	struct ms_run_result result;

	model.servers[0].service.mean_s = 10000;
	model.clients[0].retry_on_reject = true;
	result = scenario_run(&model, 1000, 0);
	/* 10 or 11 requests are in a window of 10 s: floor(0.2 x 11 + 1) = 3 retries, within any 10 s. */
	cr_assert(result.clients[0].retries >= 280 && result.clients[0].retries <= 303, "%u",
		(unsigned int)result.clients[0].retries);
}

static bool breaker_end(struct ms_breaker *breaker, const struct ms_client *client, double at_s,
	bool failed, uint32_t probe)
{
	static int64_t entries[64];
	const struct ms_window_memory memory = {entries, 64};

	return ms_breaker_record(breaker, client, &memory, ms_seconds_ns(at_s), failed, probe);
}

Test(breaker, opens_at_the_share_and_closes_after_its_probes)
{
	struct ms_client client = {.breaker_share = 0.5,
		.breaker_window_s = 10,
		.breaker_open_s = 5,
		.breaker_attempts_min = 4,
		.breaker_probes = 2};
	struct ms_breaker breaker = {0};
	uint32_t probe, other;

	(void)breaker_end(&breaker, &client, 0, true, 0); /* forgotten at 11 s */
	(void)breaker_end(&breaker, &client, 10.5, false, 0);
	(void)breaker_end(&breaker, &client, 11, false, 0);
	(void)breaker_end(&breaker, &client, 11.1, true, 0);
	cr_assert_eq((int)breaker.state, MS_BREAKER_CLOSED); /* three attempts, one failed */
	(void)breaker_end(&breaker, &client, 11.2, true, 0);
	cr_assert_eq((int)breaker.state, MS_BREAKER_OPEN); /* two of four */
	cr_assert_not(ms_breaker_admit(&breaker, &client, ms_seconds_ns(16.1), &probe));
	cr_assert(ms_breaker_admit(&breaker, &client, ms_seconds_ns(16.3), &probe));
	cr_assert(probe != 0);
	cr_assert(ms_breaker_admit(&breaker, &client, ms_seconds_ns(16.3), &other));
	cr_assert_not(ms_breaker_admit(&breaker, &client, ms_seconds_ns(16.3), &other));
	(void)breaker_end(&breaker, &client, 16.4, true, 0); /* sent before it opened: no probe */
	cr_assert_eq((int)breaker.state, MS_BREAKER_PROBING);
	(void)breaker_end(&breaker, &client, 16.5, false, probe);
	cr_assert_eq((int)breaker.state, MS_BREAKER_PROBING); /* one of two */
	(void)breaker_end(&breaker, &client, 16.6, false, probe);
	cr_assert_eq((int)breaker.state, MS_BREAKER_CLOSED);
}

Test(breaker, one_failed_probe_opens_it_again)
{
	struct ms_client client = {.breaker_share = 0.5,
		.breaker_window_s = 10,
		.breaker_open_s = 5,
		.breaker_attempts_min = 1,
		.breaker_probes = 3};
	struct ms_breaker breaker = {0};
	uint32_t probe;

	(void)breaker_end(&breaker, &client, 1, true, 0);
	cr_assert(ms_breaker_admit(&breaker, &client, ms_seconds_ns(7), &probe));
	(void)breaker_end(&breaker, &client, 8, true, probe);
	cr_assert_not(ms_breaker_admit(&breaker, &client, ms_seconds_ns(12.9), &probe));
	cr_assert(ms_breaker_admit(&breaker, &client, ms_seconds_ns(13), &probe));
}

Test(breaker, open_one_sends_nothing)
{
	/* 4 attempts fail at once (1 holds the thread for ever): then one probe every 10 s. */
	struct ms_model model = scenario_model(BY_HAND
		"protect c { breaker 50% window 100s open 9.5s attempts 4 probes 1 }\n",
		"s.queue=1");
	struct ms_run_result result;

	model.servers[0].service.mean_s = 10000;
	result = scenario_run(&model, 100.5, 0);
	/* Failures at 2, 3, 4, 5; probes at 15, 25, ..., 95: 1 + 4 + 9 attempts. */
	cr_assert_eq(result.clients[0].attempts, 14);
	cr_assert_eq(result.clients[0].refused_breaker, 86);
}

Test(shedding, bound_and_probability_follow_the_jobs_in_the_server)
{
	struct ms_server server = {
		.shed_bound = 9, .shed_probability = 0.8, .shed_from = 4, .shed_to = 8};

	cr_assert_eq(ms_shed_probability(&server, 3), 0);
	cr_assert_eq(ms_shed_probability(&server, 4), 0);
	cr_assert_float_eq(ms_shed_probability(&server, 6), 0.4, 1e-12);
	cr_assert_float_eq(ms_shed_probability(&server, 8), 0.8, 1e-12);
	cr_assert_eq(ms_shed_probability(&server, 9), 1);
}

Test(slowdown, services_that_begin_in_a_crowd_take_longer)
{
	/* 1 begins alone: 1-4. At 4, 2 begins among 2 and 3 (4 comes after): 1.5 x 3 s, until 8.5. */
	struct ms_model model = scenario_model(BY_HAND, NULL);
	struct ms_run_result result;

	model.servers[0].slowdown = 0.5;
	result = scenario_run(&model, 8.4, 0);
	cr_assert_eq(result.servers[0].served, 1);
	result = scenario_run(&model, 8.6, 0);
	cr_assert_eq(result.servers[0].served, 2);
}

Test(triggers, capacity_and_latency_change_the_services_that_begin_meanwhile)
{
	struct ms_model model =
		scenario_model(BY_HAND "trigger { at 3.5s for 2s capacity s x0.5 }\n", NULL);

	/* 1: 1-4; 2 begins at 4 at half the speed: until 10; 3 from 10 to 13. */
	cr_assert_eq(scenario_run(&model, 9.9, 0).servers[0].served, 1);
	cr_assert_eq(scenario_run(&model, 12.9, 0).servers[0].served, 2);
	cr_assert_eq(scenario_run(&model, 13.1, 0).servers[0].served, 3);
	model.triggers[0].kind = MS_TRIGGER_LATENCY;
	model.triggers[0].value = 2;
	/* 2: 4 + 5 = 9; 3: 12. */
	cr_assert_eq(scenario_run(&model, 8.9, 0).servers[0].served, 1);
	cr_assert_eq(scenario_run(&model, 9.1, 0).servers[0].served, 2);
	cr_assert_eq(scenario_run(&model, 12.1, 0).servers[0].served, 3);
}

Test(triggers, rate_keeps_what_is_left_of_the_gap)
{
	/* At 2.5 half a gap is left, at twice the rate 0.25 s: 2.75, 3.25, ... 5.25; 5.5 ends it with half a gap. */
	struct ms_model model =
		scenario_model(BY_HAND "trigger { at 2.5s for 3s rate c 2/s }\n", NULL);

	cr_assert_eq(scenario_run(&model, 2.7, 0).clients[0].requests, 2);
	cr_assert_eq(scenario_run(&model, 2.8, 0).clients[0].requests, 3);
	cr_assert_eq(scenario_run(&model, 5.4, 0).clients[0].requests, 8);
	cr_assert_eq(scenario_run(&model, 5.9, 0).clients[0].requests, 8);
	cr_assert_eq(scenario_run(&model, 6.1, 0).clients[0].requests, 9);
}

/* ---- CoDel ---- */

struct packets {
	int64_t entered_ns[4096];
	uint32_t first, last;
	uint32_t drops;
};

static bool packets_take(void *queue, int64_t *ret_entered_ns, uint32_t *ret_waiting)
{
	struct packets *packets = queue;

	if (packets->first == packets->last)
		return false;
	*ret_entered_ns = packets->entered_ns[packets->first++];
	*ret_waiting = packets->last - packets->first;
	return true;
}

static void packets_drop(void *queue)
{
	((struct packets *)queue)->drops++;
}

/* RFC 8289, section 5, transcribed: the names are those of the RFC; packets are all of the largest size. */
struct rfc {
	struct packets *q;
	int64_t first_above_time_, drop_next_, target_, interval_;
	uint32_t count_, lastcount_;
	bool dropping_;
};

static bool rfc_dodequeue(struct rfc *c, int64_t now, bool *ok_to_drop)
{
	int64_t tstamp;
	uint32_t packets;

	*ok_to_drop = false;
	if (!packets_take(c->q, &tstamp, &packets)) {
		c->first_above_time_ = 0;
		return false;
	}
	if (now - tstamp < c->target_ || packets <= 1) {
		c->first_above_time_ = 0;
	} else {
		if (c->first_above_time_ == 0)
			c->first_above_time_ = now + c->interval_;
		else if (now >= c->first_above_time_)
			*ok_to_drop = true;
	}
	return true;
}

static int64_t rfc_control_law(const struct rfc *c, int64_t t, uint32_t count)
{
	return t + llround((double)c->interval_ / sqrt(count));
}

static bool rfc_deque(struct rfc *c, int64_t now)
{
	bool ok_to_drop;
	bool p = rfc_dodequeue(c, now, &ok_to_drop);

	if (c->dropping_) {
		if (!ok_to_drop)
			c->dropping_ = false;
		while (now >= c->drop_next_ && c->dropping_) {
			packets_drop(c->q);
			++c->count_;
			p = rfc_dodequeue(c, now, &ok_to_drop);
			if (!ok_to_drop)
				c->dropping_ = false;
			else
				c->drop_next_ = rfc_control_law(c, c->drop_next_, c->count_);
		}
	} else if (ok_to_drop) {
		uint32_t delta;

		packets_drop(c->q);
		p = rfc_dodequeue(c, now, &ok_to_drop);
		c->dropping_ = true;
		delta = c->count_ - c->lastcount_;
		c->count_ = 1;
		if (delta > 1 && now - c->drop_next_ < 16 * c->interval_)
			c->count_ = delta;
		c->drop_next_ = rfc_control_law(c, now, c->count_);
		c->lastcount_ = c->count_;
	}
	return p;
}

Test(codel, decides_as_the_pseudo_code_of_rfc_8289)
{
	const struct ms_server server = {.codel_target_s = 0.005, .codel_interval_s = 0.1};
	static struct packets ours, theirs;
	struct ms_codel codel = {0};
	struct rfc rfc = {.q = &theirs, .target_ = 5000000, .interval_ = 100000000};
	const struct ms_codel_queue queue = {packets_take, packets_drop, &ours};
	struct hb_rng rng;
	int64_t now_ns = 1000000000;
	uint32_t drops = 0;

	hb_rng_init(&rng, scenario_seed(), 4);
	for (int i = 0; i < 200000; i++) {
		/* Load swings between 0.5 and 1.5 every few seconds. */
		double load = 1 + 0.5 * sin((double)now_ns / 2e9);

		now_ns += (int64_t)hb_rng_exponential(&rng, 1e6);
		if (ours.last == 4096 || ours.first == ours.last)
			ours.first = ours.last = theirs.first = theirs.last = 0;
		if (hb_rng_double(&rng) < load / (1 + load) && ours.last < 4096) {
			ours.entered_ns[ours.last++] = now_ns;
			theirs.entered_ns[theirs.last++] = now_ns;
			continue;
		}
		cr_assert_eq(
			ms_codel_take(&codel, &server, &queue, now_ns), rfc_deque(&rfc, now_ns));
		cr_assert_eq(ours.drops, theirs.drops);
		cr_assert_eq(ours.first, theirs.first);
		drops = ours.drops;
	}
	cr_assert(drops > 100, "%u", drops);
}

Test(codel, holds_the_wait_near_its_target_when_clients_do_not_retry)
{
	struct ms_model model = scenario_model(
		"server s { threads 1; queue 10000 fifo; service exp 1000/s; on_full drop }\n"
		"client c -> s { rate poisson 1300/s; timeout 10s; retry 0 }\n"
		"shed s { codel 5ms 100ms }\n",
		NULL);
	struct ms_run_result with = scenario_run(&model, 60, 0);
	struct ms_run_result without;

	model.servers[0].codel_interval_s = model.servers[0].codel_target_s = 0;
	without = scenario_run(&model, 60, 0);
	cr_assert(with.servers[0].dropped > 1000);
	cr_assert(with.servers[0].job_s < 0.2 * without.servers[0].job_s);
}
