/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names, defaults and limits of the simulator's options. */
#include "engine.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <hotbed/error.h>
#include <hotbed/suggest.h>

#include <nicos/sched.h>

#define CORES_MAX 1024
#define SERVICES_MAX 1000000
#define REQUESTS_MAX UINT64_C(10000000000)
#define JBSQ_DEPTH_MAX 64
#define COST_TEXT_BYTES 512

static const char *const policy_names[] = {
	"nicos", "ideal", "rss", "dispatcher", "stealing", "kernel", "poll-yield", "jbsq", NULL};

/* Planning values in ns; where they come from: docs/reference/nicos-json.md. */
static const struct {
	const char *name;
	double ns;
} costs[] = {
	[NIC_COST_HOT] = {"hot", 400},
	[NIC_COST_SWITCH] = {"switch", 2000},
	[NIC_COST_KERNEL] = {"kernel", 2500},
	[NIC_COST_WAKE] = {"wake", 3000},
	[NIC_COST_KERNEL_SWITCH] = {"kernel-switch", 1300},
	[NIC_COST_DISPATCH] = {"dispatch", 200},
	[NIC_COST_PREEMPT] = {"preempt", 1000},
	[NIC_COST_YIELD] = {"yield", 2000},
	[NIC_COST_INTERVAL] = {"interval", 5000},
	[NIC_COST_DELTA] = {"delta", 0},
	[NIC_COST_FETCH] = {"fetch", 1000},
};

static const char *const cpu_names[] = {"useful", "switch", "spin", "stalled", "kernel", "idle"};

void nic_des_defaults(struct nic_des_options *options)
{
	*options = (struct nic_des_options){
		.cores = 16,
		.services = 64,
		.service = {.kind = NIC_EXPONENTIAL, .a = 10000},
		.load = 0.5,
		.seed = 1,
		.requests = 1000000,
		.warm_up = 100000,
		.turn_ns = 50000,
		.buffers = 1 << 20,
	};
	for (int c = 0; c < NIC_COST_COUNT; c++)
		options->costs[c] = (struct nic_distribution){.kind = NIC_CONST, .a = costs[c].ns};
}

void nic_des_finish(struct nic_des_options *options)
{
	nic_distribution_finish(&options->service);
	for (int c = 0; c < NIC_COST_COUNT; c++)
		nic_distribution_finish(&options->costs[c]);
}

const char *nic_policy_name(enum nic_policy policy)
{
	return policy_names[policy];
}

enum nic_policy nic_policy_find(const char *name)
{
	int p = 0;

	while (p < NIC_POLICY_COUNT && strcmp(policy_names[p], name) != 0)
		p++;
	return (enum nic_policy)p;
}

const char *nic_cost_name(enum nic_cost cost)
{
	return costs[cost].name;
}

const char *nic_cpu_name(enum nic_cpu cpu)
{
	return cpu_names[cpu];
}

/* "NAME=DISTRIBUTION" */
static int cost_set(char *text, struct nic_distribution *ret, struct hb_error *reterr)
{
	const char *names[NIC_COST_COUNT + 2] = {"all"};
	char *equals = strchr(text, '=');
	const char *near;
	int found = -1, err;

	if (!equals)
		return hb_error_set(
			reterr, -EINVAL, "cost '%.80s' has no value; write it as switch=2us", text);
	*equals = '\0';
	for (int c = 0; c < NIC_COST_COUNT; c++) {
		names[c + 1] = costs[c].name;
		if (strcmp(costs[c].name, text) == 0)
			found = c;
	}
	if (found < 0 && strcmp(text, "all") != 0) {
		near = hb_suggest(text, names);
		return hb_error_set(reterr, -EINVAL,
			"unknown cost '%.40s'%s%s%s; there are all, hot, switch, kernel, wake, "
			"kernel-switch, dispatch, preempt, yield, interval, delta and fetch",
			text, near ? "; did you mean '" : "", near ? near : "", near ? "'" : "");
	}
	for (int c = 0; c < NIC_COST_COUNT; c++) {
		struct nic_distribution read;

		if (found >= 0 && c != found)
			continue;
		err = nic_distribution_parse(equals + 1, &read, reterr);
		if (err)
			return hb_error_wrap(reterr, "cost %.40s", text);
		nic_distribution_finish(&ret[c]);
		ret[c] = read;
	}
	return 0;
}

int nic_cost_parse(const char *text, struct nic_distribution *ret, struct hb_error *reterr)
{
	char one[COST_TEXT_BYTES];

	/* A comma separates costs if a name and '=' follow; otherwise it belongs to the distribution. */
	while (*text) {
		size_t length = strcspn(text, ",");
		int err;

		while (text[length] == ',') {
			size_t next = strcspn(text + length + 1, ",=");

			if (text[length + 1 + next] == '=')
				break;
			length += 1 + strcspn(text + length + 1, ",");
		}
		if (length >= sizeof(one))
			return hb_error_set(reterr, -EINVAL, "cost '%.80s' is too long", text);
		memcpy(one, text, length);
		one[length] = '\0';
		err = cost_set(one, ret, reterr);
		if (err)
			return err;
		text += length;
		text += *text == ',';
	}
	return 0;
}

/* ---- limits ---- */

static int check_numbers(const struct nic_des_options *o, struct hb_error *reterr)
{
	if (o->cores < 1 || o->cores > CORES_MAX)
		return hb_error_set(reterr, -EINVAL, "cores: from 1 to %d", CORES_MAX);
	if (o->services < 1 || o->services > SERVICES_MAX)
		return hb_error_set(reterr, -EINVAL, "services: from 1 to %d", SERVICES_MAX);
	if (o->requests < 1 || o->requests > REQUESTS_MAX)
		return hb_error_set(reterr, -EINVAL, "requests: from 1 to 10000000000");
	if (o->warm_up >= o->requests)
		return hb_error_set(reterr, -EINVAL,
			"warm-up: fewer than the requests, or nothing is measured");
	if (!(o->load > 0 && o->load <= 100))
		return hb_error_set(reterr, -EINVAL, "load: above 0, at most 100");
	if (!(o->zipf >= 0 && o->zipf <= 10))
		return hb_error_set(reterr, -EINVAL, "popularity: Zipf's exponent is from 0 to 10");
	if (o->buffers < 1 || o->buffers > 1 << 26)
		return hb_error_set(reterr, -EINVAL, "buffers: from 1 to %d", 1 << 26);
	if (!(nic_distribution_mean_ns(&o->service) > 0))
		return hb_error_set(
			reterr, -EINVAL, "service: the mean time is above 0, or there is no load");
	return 0;
}

static int check_burst(const struct nic_des_options *o, struct hb_error *reterr)
{
	if (o->arrival != NIC_ARRIVAL_BURST)
		return 0;
	if (!(o->burst_on_ns > 0 && o->burst_off_ns > 0 && o->burst_factor >= 1 &&
		    o->burst_factor * o->burst_on_ns <=
			    (o->burst_on_ns + o->burst_off_ns) * (1 + 1e-9)))
		return hb_error_set(reterr, -EINVAL,
			"arrival burst:F,ON,OFF: 1 <= F <= (ON + OFF) / ON, so that the mean rate "
			"is kept");
	return 0;
}

int des_options_check(const struct nic_des_options *o, struct hb_error *reterr)
{
	uint32_t depth_max = o->policy == NIC_POLICY_JBSQ    ? JBSQ_DEPTH_MAX
			     : o->policy == NIC_POLICY_NICOS ? NIC_DEPTH_MAX
							     : 1;
	bool preempts = o->policy == NIC_POLICY_NICOS || o->policy == NIC_POLICY_IDEAL ||
			o->policy == NIC_POLICY_DISPATCHER || o->policy == NIC_POLICY_KERNEL;
	int err = check_numbers(o, reterr);

	if (!err)
		err = check_burst(o, reterr);
	if (err)
		return err;
	if (o->depth > depth_max)
		return hb_error_set(reterr, -EINVAL, "a core under %s holds at most %u requests",
			nic_policy_name(o->policy), depth_max);
	if (o->quantum_ns > 0 && (!preempts || o->depth > 1))
		return hb_error_set(reterr, -EINVAL,
			"quantum: only nicos (depth 1), ideal, dispatcher and kernel preempt "
			"running handlers");
	if (o->quantum_ns > 0 && o->policy == NIC_POLICY_NICOS &&
		nic_distribution_mean_ns(&o->costs[NIC_COST_DELTA]) > 0)
		return hb_error_set(reterr, -EINVAL,
			"quantum: the card's timer knows no delay; set delta=0 with it");
	if (o->quantum_ns < 0 || (o->quantum_ns > 0 && o->quantum_ns < 1))
		return hb_error_set(reterr, -EINVAL, "quantum: 1 ns at least");
	if (o->cores < 2 &&
		(o->policy == NIC_POLICY_DISPATCHER || o->policy == NIC_POLICY_STEALING))
		return hb_error_set(reterr, -EINVAL,
			"%s needs a core of its own besides the workers; give 2 cores at least",
			nic_policy_name(o->policy));
	if (o->policy != NIC_POLICY_NICOS && (o->threads || o->queue || o->table))
		return hb_error_set(reterr, -EINVAL,
			"threads, queue and table belong to the card's scheduler; use them with "
			"nicos");
	if (o->threads > o->cores || o->queue > NIC_QUEUE_MAX)
		return hb_error_set(reterr, -EINVAL, "threads: at most %u; queue: at most %d",
			o->cores, NIC_QUEUE_MAX);
	if (!(o->turn_ns >= 0 && o->turn_ns <= 1e9))
		return hb_error_set(reterr, -EINVAL, "turn: from 0 to 1 s");
	return 0;
}
