/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * nicos/decision: what the scheduler takes for a decision. An event is an arrival, a switch or an end; each
 * request of a queue that keeps 64 cores busy makes two or three. The time of all events, by the number of
 * events; the stream of services is drawn before, and the next arrival's record is prefetched, as the card does
 * with the packet behind.
 */
#include "experiments.h"

#include <stdlib.h>

#include <hotbed/clock.h>
#include <hotbed/error.h>
#include <hotbed/rng.h>
#include <hotbed/trial.h>

#include <nicos/popularity.h>
#include <nicos/sched.h>

#define CORES 16
#define SLOTS 4096
#define OPEN 64 /* requests under way: the cores are busy and short queues stand */
#define EVENTS 2000000
#define RAN_NS 10000

/* What a core has been told and will answer. */
struct answer {
	enum nic_event_kind kind;
	uint32_t core, request, epoch;
};

static struct {
	struct nic_sched *sched;
	uint32_t *services; /* shape [arrivals] */
	uint64_t arrivals, events;
	struct answer answers[OPEN + 2 * CORES]; /* a ring */
	uint32_t first, count;
	uint32_t free_slots[SLOTS], free_count;
	bool is_sabotaged;
} bench;

static int setup(struct hb_trial *trial)
{
	const struct hb_params *params = hb_trial_params(trial);
	const struct nic_sched_options options = {
		.cores = CORES,
		.services = (uint32_t)hb_params_i64(params, "services"),
		.requests = SLOTS,
		.turn_ns = 50000,
	};
	double zipf = hb_trial_data(trial) ? 0.9 : 0;
	struct nic_popularity *popularity;
	struct hb_error error = {0};
	struct hb_rng rng;

	bench.events = EVENTS / (hb_trial_is_quick(trial) ? 20 : 1);
	bench.arrivals = bench.events / 2;
	bench.services = calloc(bench.arrivals, sizeof(*bench.services));
	if (!bench.services || nic_sched_create(&options, &bench.sched, &error) ||
		nic_popularity_create(options.services, zipf, &popularity, &error))
		return hb_trial_fail(trial, "no memory: %s", error.text);
	hb_rng_init(&rng, hb_trial_seed(trial), 0);
	for (uint64_t i = 0; i < bench.arrivals; i++)
		bench.services[i] = nic_popularity_draw(popularity, &rng);
	nic_popularity_destroy(popularity);
	for (uint32_t i = 0; i < SLOTS; i++)
		bench.free_slots[bench.free_count++] = i;
	return 0;
}

static void answer_add(struct answer answer)
{
	bench.answers[(bench.first + bench.count++) % (OPEN + 2 * CORES)] = answer;
}

static int step(const struct nic_event *event)
{
	const struct nic_action *actions;
	int count = nic_sched_step(bench.sched, event, &actions);

	for (int i = 0; i < count; i++) {
		const struct nic_action *action = &actions[i];

		if (action->kind == NIC_DELIVER)
			answer_add((struct answer){.kind = NIC_DONE,
				.core = action->core,
				.request = action->request});
		else if (action->kind == NIC_SWITCH)
			answer_add((struct answer){.kind = NIC_SWITCHED,
				.core = action->core,
				.epoch = action->epoch});
	}
	return count;
}

/* Until all have arrived: keep OPEN requests under way, and answer what the cores were told first. */
static uint64_t events_run(int *ret_err)
{
	uint64_t next = 0, events = 0;

	for (; next < bench.arrivals || bench.count; events++) {
		struct nic_event event = {.core = 0};

		if (next < bench.arrivals && SLOTS - bench.free_count < OPEN) {
			event.kind = NIC_ARRIVED;
			event.request = bench.free_slots[--bench.free_count];
			event.service = bench.services[next++];
			if (next + 4 < bench.arrivals)
				nic_sched_prefetch(bench.sched, bench.services[next + 4]);
		} else {
			struct answer answer = bench.answers[bench.first];

			/* Cores that wait for ever: only when they have been sabotaged. */
			if (bench.count == 0)
				break;
			bench.first = (bench.first + 1) % (OPEN + 2 * CORES);
			bench.count--;
			event.kind = answer.kind;
			event.core = answer.core;
			event.request = answer.request;
			event.epoch = answer.epoch;
			event.ran_ns = RAN_NS;
			if (answer.kind == NIC_DONE)
				bench.free_slots[bench.free_count++] = answer.request;
			if (bench.is_sabotaged && events % 1000 == 999 && answer.kind == NIC_DONE) {
				bench.free_count--;
				continue;
			}
		}
		if (step(&event) < 0) {
			*ret_err = 1;
			break;
		}
	}
	return events;
}

static int run(struct hb_trial *trial)
{
	int64_t began_ns = hb_clock_cpu_ns(), took_ns;
	uint64_t events;
	int err = 0;

	events = events_run(&err);
	took_ns = hb_clock_cpu_ns() - began_ns;
	if (err)
		return hb_trial_fail(trial, "the scheduler refused an event");
	hb_trial_metric(trial, "decision", (double)took_ns / (double)events, events);
	return 0;
}

static int verify(struct hb_trial *trial)
{
	struct nic_sched_counts counts;

	nic_sched_counts(bench.sched, &counts);
	if (counts.arrived != bench.arrivals || counts.done != bench.arrivals)
		return hb_trial_fail(trial, "%llu of %llu requests are done",
			(unsigned long long)counts.done, (unsigned long long)bench.arrivals);
	return 0;
}

/* Ends that the scheduler is not told of. */
static int sabotage(struct hb_trial *trial)
{
	(void)trial;
	bench.is_sabotaged = true;
	return 0;
}

static int teardown(struct hb_trial *trial)
{
	(void)trial;
	nic_sched_destroy(bench.sched);
	free(bench.services);
	return 0;
}

static const struct hb_param params[] = {
	{
		.name = "services",
		.type = HB_PARAM_INT,
		.unit = "1",
		.help = "services that the scheduler knows",
		.sweep = "1000,100000",
		.sweep_quick = "100000",
		.min = 1,
		.max = 1000000,
	},
	{.name = NULL},
};

static const struct hb_metric metrics[] = {
	{
		.name = "decision",
		.unit = "ns",
		.help = "processor time per event, the making of the events included",
		.better = HB_BETTER_LOWER,
		.basis = HB_BASIS_CPU,
	},
	{.name = NULL},
};

#define DECISION_VARIANT(name_, role_, help_, data_)                                           \
	{                                                                                      \
		.name = (name_), .role = (role_), .help = (help_), .setup = setup, .run = run, \
		.verify = verify, .teardown = teardown, .sabotage = sabotage, .data = (data_), \
	}

static const struct hb_variant variants[] = {
	DECISION_VARIANT("uniform", HB_ROLE_BASELINE, "all services alike", NULL),
	DECISION_VARIANT("zipf", HB_ROLE_IDEA, "popularity by Zipf's law, exponent 0.9", ""),
	{.name = NULL},
};

static const struct hb_claim claims[] = {
	{
		.name = "hot-records-stay-in-the-cache",
		.text = "With 100,000 services, a decision under Zipf 0.9 takes less time than "
			"when "
			"all services are alike.",
		.paper = "Hotbed",
		.section = "",
		.metric = "decision",
		.variant = "zipf",
		.where = "services=100000",
		.lo = 0,
		.hi = 1,
	},
	{.name = NULL},
};

const struct hb_experiment nicos_decision = {
	.name = "decision",
	.question = "How long does the scheduler take to decide?",
	.params = params,
	.metrics = metrics,
	.variants = variants,
	.claims = claims,
	.chart = {.x = "services", .metric = "decision", .log_x = true},
	.blocks = 8,
};
