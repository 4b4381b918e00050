/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The simulator against what others have published of systems that it models: fractions of the load that a machine
 * without costs sustains at an objective, and orders. An objective is a p99 of ten mean service times; 16 cores.
 */
#include <criterion/criterion.h>
#include <stdlib.h>

#include <hotbed/error.h>

#include <nicos/des.h>

#define REQUESTS 60000
#define MIXED_REQUESTS 400000 /* few of them are long */
#define STEPS 8               /* of a bisection: loads to within 0.2 % */

static uint64_t base_seed(void)
{
	const char *text = getenv("HB_SEED");

	return text ? strtoull(text, NULL, 10) : 1;
}

static void make(
	struct nic_des_options *o, enum nic_policy policy, const char *service, const char *costs)
{
	nic_des_defaults(o);
	o->policy = policy;
	o->services = policy == NIC_POLICY_RSS ? 1024 : 1;
	o->requests = REQUESTS;
	o->warm_up = REQUESTS / 10;
	o->seed = base_seed();
	cr_assert_eq(nic_cost_parse("all=0", o->costs, NULL), 0);
	cr_assert_eq(nic_cost_parse(costs, o->costs, NULL), 0);
	cr_assert_eq(nic_distribution_parse(service, &o->service, NULL), 0);
}

static double p99_us(struct nic_des_options *o, double load)
{
	struct nic_des_result result;
	struct hb_error error = {0};

	o->load = load;
	cr_assert_eq(nic_des_run(o, &result, &error), 0, "%s", error.text);
	return result.p99_us;
}

/* The largest load at which the objective is kept. */
static double load_at_objective(enum nic_policy policy, const char *service, const char *costs)
{
	struct nic_des_options o;
	double lo = 0.3, hi = 1, limit_us;

	make(&o, policy, service, costs);
	limit_us = 10 * nic_distribution_mean_ns(&o.service) / 1e3;
	for (int i = 0; i < STEPS; i++) {
		double load = (lo + hi) / 2;

		if (p99_us(&o, load) <= limit_us)
			lo = load;
		else
			hi = load;
	}
	nic_des_finish(&o);
	return lo;
}

/*
 * ZygOS (SOSP 2017) reaches 75 % of what one queue without costs does with tasks of 10 us, and 88 % with 25 us. One
 * cost per request explains both: chosen by the first, it gives the second.
 */
Test(published, the_fractions_of_zygos_follow_from_one_cost)
{
	double ideal = load_at_objective(NIC_POLICY_IDEAL, "exp:10us", "all=0");
	double short_tasks = load_at_objective(NIC_POLICY_KERNEL, "exp:10us", "kernel=3us") / ideal;
	double long_tasks = load_at_objective(NIC_POLICY_KERNEL, "exp:25us", "kernel=3us") / ideal;

	cr_assert(short_tasks > 0.72 && short_tasks < 0.78, "10 us: %.3f", short_tasks);
	cr_assert(long_tasks > 0.85 && long_tasks < 0.91, "25 us: %.3f", long_tasks);
}

/* RPCValet (ASPLOS 2019) is within 3 to 15 % of an ideal queue, with two requests at a core and handlers of 600 ns. */
Test(published, two_at_a_core_are_as_near_to_one_queue_as_rpcvalet)
{
	double ideal = load_at_objective(NIC_POLICY_IDEAL, "exp:600ns", "all=0");
	struct nic_des_options o;
	double two, lo = 0.3, hi = 1;

	make(&o, NIC_POLICY_JBSQ, "exp:600ns", "hot=50ns,delta=50ns");
	o.depth = 2;
	for (int i = 0; i < STEPS; i++) {
		double load = (lo + hi) / 2;

		if (p99_us(&o, load) <= 6)
			lo = load;
		else
			hi = load;
	}
	nic_des_finish(&o);
	two = lo / ideal;
	cr_assert(two > 0.85 && two < 0.97, "%.3f", two);
}

/*
 * Shinjuku (NSDI 2019): with 0.5 % of 500 us among 0.5 us, preemption after 5 us beats one queue, which beats
 * queues per core; the tail is up to 88 % lower than theirs.
 */
Test(published, short_quanta_order_the_systems_as_shinjuku_does)
{
	static const char *const mix = "bimodal:0.995,0.5us,500us";
	struct nic_des_options o;
	double pinned_us, queue_us, quanta_us;

	make(&o, NIC_POLICY_RSS, mix, "all=0");
	o.requests = MIXED_REQUESTS;
	pinned_us = p99_us(&o, 0.75);
	nic_des_finish(&o);
	make(&o, NIC_POLICY_IDEAL, mix, "all=0");
	o.requests = MIXED_REQUESTS;
	queue_us = p99_us(&o, 0.75);
	nic_des_finish(&o);
	make(&o, NIC_POLICY_DISPATCHER, mix, "preempt=300ns");
	o.quantum_ns = 5000;
	o.requests = MIXED_REQUESTS;
	quanta_us = p99_us(&o, 0.75);
	nic_des_finish(&o);
	cr_assert(quanta_us < queue_us && queue_us < pinned_us, "%.3g, %.3g, %.3g us", quanta_us,
		queue_us, pinned_us);
	cr_assert(quanta_us < 0.12 * pinned_us, "%.3g and %.3g us", quanta_us, pinned_us);
}
