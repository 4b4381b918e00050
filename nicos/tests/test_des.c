/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The simulator against closed forms, and what holds under every policy. */
#include <criterion/criterion.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/error.h>
#include <hotbed/rng.h>
#include <hotbed/sanitizer.h>
#include <hotbed/stats.h>

#include <nicos/des.h>

#include "closed_form.h"

#define RUNS 10
#define REQUESTS 60000
#define SHARED_REQUESTS 30000 /* each takes many quanta */
/* A false alarm in 10,000 comparisons, and seeds are fixed. */
#define LEVEL 0.9999

static uint64_t base_seed(void)
{
	const char *text = getenv("HB_SEED");

	return text ? strtoull(text, NULL, 10) : 1;
}

/* One core, one service, nothing costs anything. */
static void make(
	struct nic_des_options *o, enum nic_policy policy, const char *service, double load)
{
	nic_des_defaults(o);
	o->policy = policy;
	o->cores = o->services = 1;
	o->load = load;
	o->requests = REQUESTS;
	o->warm_up = REQUESTS / 10;
	cr_assert_eq(nic_cost_parse("all=0", o->costs, NULL), 0);
	cr_assert_eq(nic_distribution_parse(service, &o->service, NULL), 0);
}

/* The mean of several runs agrees with @expected_us, and says something. */
static void agree(struct nic_des_options *o, double expected_us, const char *what)
{
	double means[RUNS];
	struct hb_interval interval;
	struct nic_des_result result;
	struct hb_error error = {0};

	for (int i = 0; i < RUNS; i++) {
		o->seed = base_seed() + (uint64_t)i;
		cr_assert_eq(nic_des_run(o, &result, &error), 0, "%s: %s", what, error.text);
		means[i] = result.mean_us;
	}
	cr_assert_eq(hb_stats_student_interval(means, RUNS, LEVEL, &interval), 0);
	cr_assert(interval.lo <= expected_us && expected_us <= interval.hi,
		"%s, HB_SEED=%llu: expected %.5g us, simulated %.5g [%.5g, %.5g]", what,
		(unsigned long long)base_seed(), expected_us, interval.estimate, interval.lo,
		interval.hi);
	cr_assert(interval.hi - interval.lo < 0.2 * expected_us,
		"%s: the interval [%.5g, %.5g] says nothing", what, interval.lo, interval.hi);
	nic_des_finish(o);
}

Test(des, one_core_is_the_queue_of_pollaczek_and_khinchine)
{
	static const char *const services[] = {"exp:10us", "const:10us", "bimodal:0.9,5us,55us",
		"pareto:2.5,4us,400us", "lognormal:10us,15us", "uniform:5us,15us"};
	static const enum nic_policy policies[] = {NIC_POLICY_NICOS, NIC_POLICY_IDEAL,
		NIC_POLICY_RSS, NIC_POLICY_KERNEL, NIC_POLICY_POLL_YIELD, NIC_POLICY_JBSQ};

	for (size_t i = 0; i < sizeof(services) / sizeof(services[0]); i++) {
		struct nic_des_options o;
		double rate;

		make(&o, policies[i], services[i], 0.6);
		rate = 0.6 / nic_distribution_mean_ns(&o.service);
		agree(&o,
			closed_mg1(rate, nic_distribution_mean_ns(&o.service),
				nic_distribution_square(&o.service)) /
				1e3,
			services[i]);
	}
}

Test(des, many_cores_are_the_queue_of_erlang)
{
	static const struct {
		enum nic_policy policy;
		uint32_t cores, servers;
		double load;
	} cases[] = {
		{NIC_POLICY_IDEAL, 16, 16, 0.9},
		{NIC_POLICY_NICOS, 16, 16, 0.9},
		{NIC_POLICY_NICOS, 4, 4, 0.7},
		{NIC_POLICY_KERNEL, 4, 4, 0.7},
		{NIC_POLICY_JBSQ, 4, 4, 0.7},
		/* A core of its own dispatches: 5 x 0.56 = 4 x 0.7. */
		{NIC_POLICY_DISPATCHER, 5, 4, 0.7},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct nic_des_options o;

		make(&o, cases[i].policy, "exp:10us",
			cases[i].load * cases[i].servers / cases[i].cores);
		o.cores = cases[i].cores;
		agree(&o, closed_mmc(cases[i].servers, cases[i].load, 10),
			nic_policy_name(cases[i].policy));
	}
}

Test(des, switching_between_services_is_a_longer_service)
{
	struct nic_des_options o;

	make(&o, NIC_POLICY_JBSQ, "exp:10us", 0.5);
	o.services = 64;
	cr_assert_eq(nic_cost_parse("switch=2.7us", o.costs, NULL), 0);
	/* The design page: 17.73 us of waiting. */
	cr_assert_float_eq(closed_switching(0.05, 10, 200, 2.7, 64) - 12.6578, 17.73, 0.005);
	agree(&o, closed_switching(0.05, 10, 200, 2.7, 64), "switching");
}

Test(des, a_short_quantum_is_processor_sharing)
{
	struct nic_des_options o;

	make(&o, NIC_POLICY_NICOS, "bimodal:0.9,5us,55us", 0.6);
	o.quantum_ns = 250;
	o.requests = SHARED_REQUESTS;
	o.warm_up = SHARED_REQUESTS / 10;
	agree(&o, closed_sharing(0.6, 10), "nicos");
	make(&o, NIC_POLICY_IDEAL, "const:10us", 0.6);
	o.quantum_ns = 250;
	o.requests = SHARED_REQUESTS;
	o.warm_up = SHARED_REQUESTS / 10;
	/* The first quantum of a newcomer comes after those of the others: half a round late at most. */
	agree(&o, closed_sharing(0.6, 10), "ideal");
}

Test(des, pollers_that_yield_follow_the_pseudo_conservation_law)
{
	struct nic_des_options o;

	make(&o, NIC_POLICY_POLL_YIELD, "exp:10us", 0.5);
	o.services = 16;
	cr_assert_eq(nic_cost_parse("yield=2us", o.costs, NULL), 0);
	agree(&o, closed_polling(0.05, 10, 200, 2, 16), "16 pollers");
	make(&o, NIC_POLICY_POLL_YIELD, "const:10us", 0.3);
	o.services = 3;
	cr_assert_eq(nic_cost_parse("yield=5us", o.costs, NULL), 0);
	agree(&o, closed_polling(0.03, 10, 100, 5, 3), "3 pollers");
}

Test(des, pinned_cores_are_queues_of_their_own)
{
	struct nic_des_options o;

	make(&o, NIC_POLICY_RSS, "exp:10us", 0.5);
	o.cores = 8;
	o.services = 64;
	agree(&o, 20, "64 services");
	/* One service on all cores, by hash. */
	make(&o, NIC_POLICY_RSS, "exp:10us", 0.5);
	o.cores = 8;
	agree(&o, 20, "1 service");
}

/* @policy under twice the load that it can take: requests per second. */
static double capacity(const char *policy_cost, uint32_t depth)
{
	struct nic_des_options o;
	struct nic_des_result result;

	make(&o, NIC_POLICY_JBSQ, "const:1us", 2);
	o.depth = depth;
	o.cores = 4;
	cr_assert_eq(nic_cost_parse(policy_cost, o.costs, NULL), 0);
	cr_assert_eq(nic_des_run(&o, &result, NULL), 0);
	nic_des_finish(&o);
	return result.goodput_per_s;
}

Test(des, news_on_their_way_cost_a_bound_of_one_its_capacity)
{
	/* One core: S / (S + 2 delta) of what it could do. */
	cr_assert_float_eq(capacity("delta=0.4us", 1), 4e6 / 1.8, 1e3);
	cr_assert_float_eq(capacity("delta=0.1us", 1), 4e6 / 1.2, 1e3);
	cr_assert_float_eq(capacity("delta=0.4us", 2), 4e6, 2e4);
}

/* ---- under every policy ---- */

static void random_options(struct nic_des_options *o, struct hb_rng *rng)
{
	static const char *const services[] = {
		"exp:10us", "const:1us", "bimodal:0.995,0.5us,500us", "pareto:1.5,1us,1ms"};

	nic_des_defaults(o);
	o->policy = (enum nic_policy)hb_rng_below(rng, NIC_POLICY_COUNT);
	o->cores = 2 + (uint32_t)hb_rng_below(rng, 7);
	o->services = 1 + (uint32_t)hb_rng_below(rng, 40);
	o->load = 0.1 + 1.1 * hb_rng_double(rng);
	o->zipf = hb_rng_below(rng, 2) ? 0.9 : 0;
	o->seed = hb_rng_u64(rng);
	o->requests = 3000;
	o->warm_up = hb_rng_below(rng, 2) ? 300 : 0;
	o->buffers = hb_rng_below(rng, 3) ? 4096 : 20;
	if (o->policy == NIC_POLICY_JBSQ)
		o->depth = 1 + (uint32_t)hb_rng_below(rng, 4);
	if (hb_rng_below(rng, 3) == 0) {
		o->arrival = NIC_ARRIVAL_BURST;
		o->burst_factor = 4;
		o->burst_on_ns = 1e5;
		o->burst_off_ns = 4e5;
	}
	if (o->policy == NIC_POLICY_NICOS) {
		o->depth = 1 + (uint32_t)hb_rng_below(rng, 3);
		o->threads = (uint32_t)hb_rng_below(rng, o->cores + 1);
		o->queue = (uint32_t)hb_rng_below(rng, 2) * 8;
		o->table = (uint32_t)hb_rng_below(rng, 2) * 4;
		if (o->depth == 1 && hb_rng_below(rng, 2))
			o->quantum_ns = 5000;
		else if (hb_rng_below(rng, 2))
			cr_assert_eq(
				nic_cost_parse("delta=uniform:0.1us,0.9us", o->costs, NULL), 0);
	}
	cr_assert_eq(nic_distribution_parse(services[hb_rng_below(rng, 4)], &o->service, NULL), 0);
}

Test(des, requests_and_time_are_conserved_and_runs_repeat)
{
	struct hb_rng rng;
	uint64_t seed = base_seed();
	int runs = HB_IS_SANITIZED ? 40 : 300;

	hb_rng_init(&rng, seed, 0);
	for (int i = 0; i < runs; i++) {
		struct nic_des_options o;
		struct nic_des_result result, again;
		struct hb_error error = {0};
		double sum = 0;

		random_options(&o, &rng);
		cr_assert_eq(nic_des_run(&o, &result, &error), 0, "%s", error.text);
		for (int k = 0; k < NIC_CPU_COUNT; k++) {
			cr_assert(result.cpu[k] >= 0);
			sum += result.cpu[k];
		}
		cr_assert_float_eq(sum, 1, 1e-9, "run %d, HB_SEED=%llu, %s: shares sum to %.12f", i,
			(unsigned long long)seed, nic_policy_name(o.policy), sum);
		cr_assert_eq(result.in, o.requests);
		cr_assert_eq(result.in, result.done + result.queued + result.dropped);
		cr_assert(result.queued <= o.buffers);
		cr_assert_eq(nic_des_run(&o, &again, NULL), 0);
		cr_assert_arr_eq(&result, &again, sizeof(result));
		nic_des_finish(&o);
	}
}

Test(des, what_cores_do_is_what_requests_took_and_littles_law_holds)
{
	for (int p = 0; p < NIC_POLICY_COUNT; p++) {
		struct nic_des_options o;
		struct nic_des_result result;
		double useful;

		nic_des_defaults(&o);
		o.policy = (enum nic_policy)p;
		o.services = 200;
		o.load = 0.5;
		o.requests = 40000;
		o.warm_up = 4000;
		o.service.kind = NIC_CONST;
		cr_assert_eq(nic_des_run(&o, &result, NULL), 0);
		useful = result.goodput_per_s * 10e-6 / o.cores;
		cr_assert_float_eq(
			result.cpu[NIC_CPU_USEFUL], useful, 0.002, "%s", nic_policy_name(o.policy));
		cr_assert_float_eq(result.in_system, result.goodput_per_s * result.mean_us * 1e-6,
			0.02 * result.in_system, "%s", nic_policy_name(o.policy));
		cr_assert(result.mean_us >= 10);
	}
}

Test(des, no_policy_beats_the_ideal_on_the_same_requests)
{
	struct nic_des_result ideal, result;
	struct nic_des_options o;

	for (int p = 0; p < NIC_POLICY_COUNT; p++) {
		nic_des_defaults(&o);
		o.services = 128;
		o.load = 0.6;
		o.requests = 40000;
		o.warm_up = 0;
		o.policy = NIC_POLICY_IDEAL;
		cr_assert_eq(nic_des_run(&o, &ideal, NULL), 0);
		o.policy = (enum nic_policy)p;
		cr_assert_eq(nic_des_run(&o, &result, NULL), 0);
		cr_assert(result.mean_us >= ideal.mean_us * 0.9999, "%s: %.6g against %.6g us",
			nic_policy_name(o.policy), result.mean_us, ideal.mean_us);
	}
}

Test(des, unfinished_requests_rank_above_all_others)
{
	struct nic_des_options o;
	struct nic_des_result result;

	make(&o, NIC_POLICY_NICOS, "const:10us", 1.5);
	cr_assert_eq(nic_des_run(&o, &result, NULL), 0);
	/* A third of the requests is still there. */
	cr_assert_float_eq((double)result.queued / (double)result.in, 1.0 / 3, 0.02);
	cr_assert(isinf(result.p99_us) && isfinite(result.p50_us));
	nic_des_finish(&o);
}

Test(des, a_full_queue_drops_and_counts)
{
	struct nic_des_options o;
	struct nic_des_result result;

	make(&o, NIC_POLICY_NICOS, "const:10us", 2);
	o.queue = 4;
	cr_assert_eq(nic_des_run(&o, &result, NULL), 0);
	cr_assert_float_eq((double)result.dropped / (double)result.in, 0.5, 0.02);
	cr_assert(result.p50_us <= 60);
	nic_des_finish(&o);
}

Test(des, a_small_table_hits_as_often_as_its_services_are_asked_for)
{
	struct nic_des_options o;
	struct nic_des_result result;

	make(&o, NIC_POLICY_NICOS, "const:1us", 0.1);
	o.services = 1000;
	o.table = 100;
	cr_assert_eq(nic_des_run(&o, &result, NULL), 0);
	/* Uniform popularity: any policy of replacement hits 100 / 1000. */
	cr_assert_float_eq(result.table_hits, 0.1, 0.01);
	o.zipf = 1.2;
	cr_assert_eq(nic_des_run(&o, &result, NULL), 0);
	cr_assert(result.table_hits > 0.5);
	nic_des_finish(&o);
}

Test(des, options_that_do_not_go_together_are_refused)
{
	struct nic_des_options good, o;
	struct nic_des_result result;
	struct hb_error error;

	nic_des_defaults(&good);
#define REFUSED(change)                                                           \
	do {                                                                      \
		o = good;                                                         \
		error.text[0] = '\0';                                             \
		change;                                                           \
		cr_assert_eq(nic_des_run(&o, &result, &error), -EINVAL, #change); \
		cr_assert(error.text[0], #change);                                \
	} while (0)
	REFUSED(o.cores = 0);
	REFUSED(o.cores = 1025);
	REFUSED(o.services = 0);
	REFUSED(o.services = 1000001);
	REFUSED(o.load = 0);
	REFUSED(o.load = NAN);
	REFUSED(o.requests = 0);
	REFUSED(o.warm_up = o.requests);
	REFUSED(o.buffers = 0);
	REFUSED(o.zipf = -1);
	REFUSED(o.depth = 9);
	REFUSED(o.quantum_ns = 0.5);
	REFUSED((o.quantum_ns = 1000, o.policy = NIC_POLICY_RSS));
	REFUSED((o.quantum_ns = 1000, o.depth = 2));
	REFUSED((o.quantum_ns = 1000, o.costs[NIC_COST_DELTA].a = 100));
	REFUSED((o.cores = 1, o.policy = NIC_POLICY_DISPATCHER));
	REFUSED((o.table = 5, o.policy = NIC_POLICY_KERNEL));
	REFUSED(o.threads = 17);
	REFUSED((o.arrival = NIC_ARRIVAL_BURST, o.burst_factor = 9, o.burst_on_ns = 1,
		o.burst_off_ns = 1));
	REFUSED(o.service.a = 0);
#undef REFUSED
}
