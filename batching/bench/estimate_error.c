/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * batching/estimate-error: how far the end-to-end estimate is from the truth, over load, size and mode, and what each
 * of its terms is worth. A simulated connection, where the truth is known for every request; each variant evaluates
 * the same counters in another way.
 */
#include "experiments.h"

#include <math.h>

#include <hotbed/error.h>
#include <hotbed/trial.h>

#include <batching/tcp_sim.h>

#define REQUESTS 20000
#define PACKET_NS 500
#define REQUEST_NS 2000
#define REPLY_NS 1000
#define BATCH_NS 3000
#define WRITE_NS 500
#define CLIENT_NS 1000
#define SMALL_BYTES 40
/* Ratios of errors are compared, so that none may be 0. */
#define ERROR_MIN 1e-6

enum form { FORM_REQUESTS, FORM_ANSWERS, FORM_LARGER, FORM_HINTS };

struct evaluation {
	enum form form;
	uint32_t terms; /* bits BAT_UNACKED ... of A and, shifted by 4, of B */
	int unit;       /* index into bat_tcp_units */
};

#define OF_A(queue) (1U << (queue))
#define OF_B(queue) (1U << (BAT_QUEUE_COUNT + (queue)))
#define PAPER (OF_A(BAT_UNACKED) | OF_A(BAT_UNREAD) | OF_B(BAT_ACKDELAY) | OF_B(BAT_UNREAD))
#define FULL (PAPER | OF_B(BAT_SERVICE))
#define ANSWERS                                                                         \
	(OF_B(BAT_UNACKED) | OF_B(BAT_UNREAD) | OF_A(BAT_ACKDELAY) | OF_A(BAT_UNREAD) | \
		OF_B(BAT_SERVICE) | OF_A(BAT_UNSENT))

static struct bat_tcp_config config;
static struct bat_tcp_result result;
static double estimate_ns;
static bool sabotaged;

static int setup(struct hb_trial *trial)
{
	const struct hb_params *p = hb_trial_params(trial);
	uint32_t bytes = (uint32_t)hb_params_i64(p, "bytes");
	double segments, bottleneck_ns;

	bat_tcp_config_init(&config);
	config.hosts[0] = config.hosts[1] =
		(struct bat_tcp_host){.nagle = hb_params_text(p, "mode")[2] == 'g',
			.send_packet_ns = PACKET_NS,
			.receive_packet_ns = PACKET_NS};
	config.requests = hb_trial_is_quick(trial) ? REQUESTS / 10 : REQUESTS;
	config.classes[0] = (struct bat_tcp_class){bytes, 8};
	config.classes[1] = (struct bat_tcp_class){SMALL_BYTES, bytes};
	config.second_share = hb_params_real(p, "gets");
	config.write_ns = WRITE_NS;
	config.client_ns = CLIENT_NS;
	config.batch_ns = BATCH_NS;
	config.request_ns = REQUEST_NS;
	config.request_random = true;
	config.reply_ns = REPLY_NS;
	config.reply_each = true;
	segments = ceil((double)bytes / config.mss_bytes);
	/* Whichever is dearer: the server's work, or its packets with their answers and acknowledgements. */
	bottleneck_ns = fmax(REQUEST_NS + REPLY_NS, (1.5 * segments + 3) * PACKET_NS);
	config.gap_ns = bottleneck_ns / hb_params_real(p, "load");
	return 0;
}

/* The terms of @estimate that @terms has; false if one of them is not defined. */
static bool sum_up(const struct bat_estimate *estimate, uint32_t terms, double *ret_ns)
{
	double sum_ns = 0;

	for (uint32_t i = 0; i < estimate->term_count; i++) {
		const struct bat_term *term = &estimate->terms[i];

		if (!(terms & (term->at_responder ? OF_B(term->queue) : OF_A(term->queue))))
			continue;
		if (!term->wait.defined)
			return false;
		sum_ns += term->subtracted ? -term->wait.ns : term->wait.ns;
	}
	*ret_ns = sum_ns;
	return true;
}

/* The counters read as @evaluation says; false if a queue that it needs had no departures. */
static bool evaluate(const struct evaluation *evaluation, double *ret_ns)
{
	double by_answers_ns = 0;

	if (evaluation->form == FORM_HINTS)
		return bat_window_wait_ns(&result.hinted, ret_ns);
	if (evaluation->form != FORM_REQUESTS &&
		!sum_up(&result.by_answers[evaluation->unit], ANSWERS, &by_answers_ns))
		return false;
	*ret_ns = by_answers_ns;
	if (evaluation->form == FORM_ANSWERS)
		return true;
	if (!sum_up(&result.estimates[evaluation->unit], evaluation->terms, ret_ns))
		return false;
	*ret_ns = fmax(*ret_ns, by_answers_ns);
	return true;
}

static int run(struct hb_trial *trial)
{
	struct hb_error error = {0};

	if (bat_tcp_simulate(&config, hb_trial_seed(trial), 0, &result, &error))
		return hb_trial_fail(trial, "%s", error.text);
	if (!evaluate(hb_trial_data(trial), &estimate_ns))
		return hb_trial_fail(trial, "a queue had no departures");
	hb_trial_metric(trial, "error",
		fmax(ERROR_MIN, fabs(estimate_ns / result.latency_mean_ns - 1)), result.measured);
	hb_trial_metric(trial, "ratio", estimate_ns / result.latency_mean_ns, result.measured);
	hb_trial_metric(trial, "latency_mean", result.latency_mean_ns, result.measured);
	return 0;
}

/*
 * The simulation begins and ends without a request under way: requests written and not answered are the truth,
 * exactly.
 */
static int verify(struct hb_trial *trial)
{
	double hinted_ns;

	if (!bat_window_wait_ns(&result.hinted, &hinted_ns))
		return hb_trial_fail(trial, "no answers in the window");
	if (fabs(hinted_ns / result.latency_mean_ns - 1) > 1e-9)
		return hb_trial_fail(trial,
			"expected %.17g ns from write to read by the log, Little's law says %.17g",
			result.latency_mean_ns, hinted_ns);
	return 0;
}

/* The application forgets to count some of its answers. */
static int sabotage(struct hb_trial *trial)
{
	(void)trial;
	sabotaged = true;
	return 0;
}

static int run_or_spoil(struct hb_trial *trial)
{
	int err = run(trial);

	if (sabotaged)
		result.hinted.departed -= result.hinted.departed / 100;
	return err;
}

static const struct evaluation local = {FORM_REQUESTS, OF_A(BAT_UNACKED) | OF_A(BAT_UNREAD), 0},
			       paper = {FORM_REQUESTS, PAPER, 0}, full = {FORM_REQUESTS, FULL, 0},
			       no_unacked = {FORM_REQUESTS, FULL & ~OF_A(BAT_UNACKED), 0},
			       no_ackdelay = {FORM_REQUESTS, FULL & ~OF_B(BAT_ACKDELAY), 0},
			       no_unread_b = {FORM_REQUESTS, FULL & ~OF_B(BAT_UNREAD), 0},
			       no_unread_a = {FORM_REQUESTS, FULL & ~OF_A(BAT_UNREAD), 0},
			       by_request = {FORM_REQUESTS, FULL, 1},
			       unsent = {FORM_REQUESTS, FULL | OF_B(BAT_UNSENT), 0},
			       answers = {FORM_ANSWERS, 0, 0}, larger = {FORM_LARGER, FULL, 0},
			       larger_by_request = {FORM_LARGER, FULL, 1},
			       larger_by_send = {FORM_LARGER, FULL, 2},
			       larger_by_segment = {FORM_LARGER, FULL, 3},
			       hints = {FORM_HINTS, 0, 0};

static const struct hb_param params[] = {
	{
		.name = "mode",
		.type = HB_PARAM_TEXT,
		.unit = "1",
		.help = "TCP_NODELAY or Nagle's algorithm, at both ends",
		.sweep = "nodelay,nagle",
		.sweep_quick = "nagle",
	},
	{
		.name = "bytes",
		.type = HB_PARAM_INT,
		.unit = "B",
		.help = "of the large side: the request of a SET, the answer of a GET",
		.sweep = "64,16384",
		.sweep_quick = "64",
		.sweep_full = "64,1024,16384",
		.min = 1,
		.max = 1 << 20,
	},
	{
		.name = "load",
		.type = HB_PARAM_REAL,
		.unit = "1",
		.help = "share of what the server can do unbatched",
		.sweep = "0.2,0.8",
		.sweep_quick = "0.5",
		.sweep_full = "0.1,0.3,0.5,0.7,0.9",
		.min = 0.01,
		.max = 3,
	},
	{
		.name = "gets",
		.type = HB_PARAM_REAL,
		.unit = "1",
		.help = "share of GETs, small requests with large answers",
		.sweep = "0,0.95",
		.sweep_quick = "0",
		.sweep_full = "0,0.05,0.5,0.95",
		.min = 0,
		.max = 1,
	},
	{.name = NULL},
};

static const struct hb_metric metrics[] = {
	{
		.name = "error",
		.unit = "1",
		.help = "|estimate / true mean latency - 1|, at least 1e-6",
		.better = HB_BETTER_LOWER,
		.basis = HB_BASIS_MODEL,
		.exact = true,
	},
	{
		.name = "ratio",
		.unit = "1",
		.help = "estimate / true mean latency",
		.better = HB_BETTER_NONE,
		.basis = HB_BASIS_MODEL,
		.exact = true,
	},
	{
		.name = "latency_mean",
		.unit = "ns",
		.help = "the truth: from a request's write to the read of its answer",
		.better = HB_BETTER_NONE,
		.basis = HB_BASIS_MODEL,
		.exact = true,
	},
	{.name = NULL},
};

#define VARIANT(name_, role_, help_, data_)                                                   \
	{                                                                                     \
		.name = (name_), .role = (role_), .help = (help_), .setup = setup,            \
		.run = run_or_spoil, .verify = verify, .sabotage = sabotage, .data = (data_), \
	}

static const struct hb_variant variants[] = {
	VARIANT("local", HB_ROLE_BASELINE, "the requester's queues only: unacked + unread", &local),
	VARIANT("paper", HB_ROLE_IDEA, "the paper's sum over both ends", &paper),
	VARIANT("full", HB_ROLE_IDEA, "and the service queue", &full),
	VARIANT("no_unacked", HB_ROLE_RIVAL, "full without unacked of the requester", &no_unacked),
	VARIANT("no_ackdelay", HB_ROLE_RIVAL, "full without ackdelay of the responder",
		&no_ackdelay),
	VARIANT("no_unread_b", HB_ROLE_RIVAL, "full without unread of the responder", &no_unread_b),
	VARIANT("no_unread_a", HB_ROLE_RIVAL, "full without unread of the requester", &no_unread_a),
	VARIANT("by_request", HB_ROLE_RIVAL, "full, counted in requests instead of bytes",
		&by_request),
	VARIANT("unsent", HB_ROLE_RIVAL, "full, and the unsent queue of the responder", &unsent),
	VARIANT("answers", HB_ROLE_RIVAL,
		"seen from the answer, with the unsent queue of the requester", &answers),
	VARIANT("larger", HB_ROLE_IDEA, "the larger of full and answers", &larger),
	VARIANT("larger_by_request", HB_ROLE_RIVAL, "the same, counted in requests",
		&larger_by_request),
	VARIANT("larger_by_send", HB_ROLE_RIVAL, "the same, counted in sends, what one write gives",
		&larger_by_send),
	VARIANT("larger_by_segment", HB_ROLE_RIVAL,
		"the same, counted in segments, without what is not sent", &larger_by_segment),
	VARIANT("hints", HB_ROLE_RIVAL, "the application counts its requests", &hints),
	{.name = NULL},
};

static const struct hb_claim claims[] = {
	{
		.name = "both-ends-beat-one",
		.text = "The sum over both ends with a service queue is closer to the truth than "
			"the requester's own queues, over all loads, sizes and modes without GETs.",
		.paper = "Batching with End-to-End Performance Estimation, HotOS'25",
		.section = "",
		.metric = "error",
		.variant = "full",
		.where = "gets=0",
		.lo = 0,
		.hi = 0.8,
	},
	{
		.name = "held-answers-are-missed",
		.text = "With Nagle's algorithm at both ends and messages of 64 bytes and less, "
			"the "
			"paper's sum and a service queue are off by more than ten times as much as "
			"the larger of both ends' views, which sees answers that are held back.",
		.paper = "Hotbed",
		.section = "",
		.metric = "error",
		.variant = "full",
		.where = "mode=nagle;bytes=64;gets=0",
		.against_variant = "larger",
		.against_where = "mode=nagle;bytes=64;gets=0",
		.lo = 10,
		.hi = INFINITY,
	},
	{
		.name = "hints-are-exact",
		.text = "Counting requests is exact where it begins and ends with none under way.",
		.paper = "Hotbed",
		.section = "",
		.metric = "ratio",
		.variant = "hints",
		.against_variant = "hints",
		.where = "mode=nagle",
		.against_where = "mode=nodelay",
		.lo = 1 - 1e-9,
		.hi = 1 + 1e-9,
	},
	{.name = NULL},
};

const struct hb_experiment batching_estimate_error = {
	.name = "estimate-error",
	.question = "How close does the estimate come to the truth, and what is each term worth?",
	.params = params,
	.metrics = metrics,
	.variants = variants,
	.claims = claims,
	.chart = {.x = "load", .facet = "mode", .metric = "ratio"},
	.blocks = 6,
	.quiet = true,
};
