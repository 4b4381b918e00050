/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * metastable/protections: the running example after its trigger, for several lengths of its queue, with and without
 * something that protects it. The baseline retries at once, without protection.
 */
#include "experiments.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include <hotbed/error.h>
#include <hotbed/trial.h>

#include <metastable/chart.h>
#include <metastable/simulation.h>

#include "paper_model.h"

#define RUNS 40
#define RUNS_QUICK 10

/* What a variant adds to the text, or changes in the client. */
struct protection {
	const char *more;
	bool cancel, no_retries;
};

static struct ms_model model;
static struct ms_study study;
static bool sabotaged;

static int setup(struct hb_trial *trial)
{
	const struct protection *protection = hb_trial_data(trial);
	const struct hb_params *params = hb_trial_params(trial);
	struct hb_error error = {0};
	int code = paper_model(trial, protection ? protection->more : "", &model);

	if (code)
		return code;
	code = ms_model_set(&model, "db.queue", (double)hb_params_i64(params, "queue"), &error);
	if (protection && protection->cancel)
		model.clients[0].cancel = MS_CANCEL_WAITING;
	if (protection && protection->no_retries)
		model.clients[0].retries = 0;
	if (!code)
		code = ms_model_check(&model, &error);
	return code ? hb_trial_fail(trial, "%s", error.text) : 0;
}

/* A run that does not recover was down for the whole horizon. */
static double mean_down_s(const struct ms_study *s, double horizon_s)
{
	double recovered = s->recovery_s.runs ? s->recovery_s.runs * s->recovery_s.mean : 0;

	return fmax((recovered + s->stuck * horizon_s) / s->runs, 1);
}

static int run(struct hb_trial *trial)
{
	struct ms_study_options options = {
		.runs = hb_trial_is_quick(trial) ? RUNS_QUICK : RUNS, .threads = 1};
	struct hb_error error = {0};

	if (ms_study_run(&model, &options, hb_trial_seed(trial), &study, &error))
		return hb_trial_fail(trial, "%s", error.text);
	hb_trial_metric(trial, "down", 1e9 * mean_down_s(&study, model.horizon_s), study.runs);
	hb_trial_metric(trial, "stuck", (study.stuck + 1.0) / (study.runs + 2.0), study.runs);
	hb_trial_metric(trial, "goodput", study.goodput_per_s, study.runs);
	hb_trial_metric(trial, "attempts", study.attempts_per_request, study.runs);
	return 0;
}

/* The paper's Figure 4 is of a queue that stays down and one that recovers. */
static bool is_drawn(struct hb_trial *trial)
{
	int64_t queue = hb_params_i64(hb_trial_params(trial), "queue");

	return hb_trial_data(trial) == NULL && (queue == 35 || queue == 150);
}

static int draw(struct hb_trial *trial)
{
	struct ms_study_options options = {.runs = RUNS_QUICK, .threads = 1, .series = true};
	struct hb_error error = {0};
	struct ms_study drawn = {0};
	char *text = NULL;
	int code = ms_study_run(&model, &options, hb_trial_seed(trial), &drawn, &error);

	if (!code)
		code = ms_chart_series(&model, &drawn, &text, &error);
	ms_study_finish(&drawn);
	if (code)
		return hb_trial_fail(trial, "%s", error.text);
	hb_trial_figure(trial, "series", text);
	free(text);
	return 0;
}

/* Every request ends once, and none is tried more often than it may be. */
static int verify(struct hb_trial *trial)
{
	const struct ms_client_counts *c = &study.clients[0];

	if (sabotaged)
		study.clients[0].successes++;
	if (c->requests != c->successes + c->failures + c->cancelled + c->open)
		return hb_trial_fail(trial, "requests are lost or end twice");
	if (c->attempts > c->requests * (1 + model.clients[0].retries))
		return hb_trial_fail(trial, "more attempts than the retries allow");
	return is_drawn(trial) ? draw(trial) : 0;
}

static int sabotage(struct hb_trial *trial)
{
	(void)trial;
	sabotaged = true;
	return 0;
}

static uint64_t trial_ms(const struct hb_params *params)
{
	(void)params;
	return 2000;
}

static const struct hb_param params[] = {
	{
		.name = "queue",
		.type = HB_PARAM_INT,
		.unit = "1",
		.help = "jobs that fit, those in service included",
		.sweep = "35,50,60,75,150",
		.sweep_quick = "150",
		.min = 2,
		.max = 100000,
	},
	{.name = NULL},
};

static const struct hb_metric metrics[] = {
	{
		.name = "down",
		.unit = "ns",
		.help = "mean time down after the trigger, 30 min at most and 1 s at least",
		.better = HB_BETTER_LOWER,
		.basis = HB_BASIS_MODEL,
		.exact = true,
	},
	{
		.name = "stuck",
		.unit = "1",
		.help = "share of runs that stay down, by Laplace's rule (k + 1) / (n + 2)",
		.better = HB_BETTER_LOWER,
		.basis = HB_BASIS_MODEL,
		.exact = true,
	},
	{
		.name = "goodput",
		.unit = "1/s",
		.help = "requests that end with success, over whole runs",
		.better = HB_BETTER_HIGHER,
		.basis = HB_BASIS_MODEL,
		.exact = true,
	},
	{
		.name = "attempts",
		.unit = "1",
		.help = "per request, over whole runs",
		.better = HB_BETTER_LOWER,
		.basis = HB_BASIS_MODEL,
		.exact = true,
	},
	{.name = NULL},
};

#define VARIANT(name_, role_, help_, data_)                                                    \
	{                                                                                      \
		.name = (name_), .role = (role_), .help = (help_), .setup = setup, .run = run, \
		.verify = verify, .sabotage = sabotage, .data = (data_),                       \
	}

static const struct hb_variant variants[] = {
	VARIANT("naive", HB_ROLE_BASELINE, "five retries at once, no protection", NULL),
	VARIANT("token-bucket", HB_ROLE_IDEA, "a success earns a tenth of a retry",
		&((const struct protection){.more = "protect c { token_bucket 10% cap 10 }"})),
	VARIANT("budget", HB_ROLE_IDEA, "retries are at most a tenth of the requests",
		&((const struct protection){.more = "protect c { budget 10% window 10s }"})),
	VARIANT("breaker", HB_ROLE_IDEA, "no requests for 30 s when half of the attempts fail",
		&((const struct protection){
			.more = "protect c { breaker 50% window 20s open 30s }"})),
	VARIANT("codel", HB_ROLE_IDEA, "drops at the head of a queue that stays long",
		&((const struct protection){.more = "shed db { codel 500ms 1s }"})),
	VARIANT("adaptive-lifo", HB_ROLE_IDEA, "the newest first while more than 20 wait",
		&((const struct protection){.more = "shed db { adaptive_lifo above 20 }"})),
	VARIANT("retries-last", HB_ROLE_IDEA, "first attempts before retries",
		&((const struct protection){.more = "shed db { retries_last }"})),
	VARIANT("bound", HB_ROLE_IDEA, "rejects arrivals that find 40 jobs",
		&((const struct protection){.more = "shed db { bound 40; answer drop }"})),
	VARIANT("cancel", HB_ROLE_IDEA, "attempts that timed out leave the queue",
		&((const struct protection){.more = "", .cancel = true})),
	VARIANT("no-retries", HB_ROLE_RIVAL, "clients do not retry",
		&((const struct protection){.more = "", .no_retries = true})),
	{.name = NULL},
};

#define RECOVERS(name_, variant_, text_)                                                           \
	{                                                                                          \
		.name = (name_), .text = (text_), .paper = METASTABLE_PAPER, .section = "Fig. 4",  \
		.metric = "down", .variant = (variant_), .where = "queue=150", .lo = 0, .hi = 0.1, \
	}

static const struct hb_claim claims[] = {
	{
		.name = "stays-down-at-150",
		.text = "After the trigger a queue of 150 keeps the service down; one of 35 lets "
			"it recover.",
		.paper = METASTABLE_PAPER,
		.section = "Fig. 4",
		.metric = "down",
		.variant = "naive",
		.where = "queue=150",
		.against_where = "queue=35",
		.lo = 20,
		.hi = INFINITY,
		.headline = 1,
	},
	{
		.name = "knee-between-50-and-75",
		.text = "The knee is where the queue holds a timeout's worth of work.",
		.paper = METASTABLE_PAPER,
		.section = "Fig. 3",
		.metric = "stuck",
		.variant = "naive",
		.where = "queue=75",
		.against_where = "queue=50",
		.lo = 10,
		.hi = INFINITY,
	},
	RECOVERS("token-bucket-recovers", "token-bucket",
		"A token bucket for retries lets the service recover."),
	RECOVERS("budget-recovers", "budget", "A retry budget lets the service recover."),
	RECOVERS("breaker-recovers", "breaker", "A circuit breaker lets the service recover."),
	RECOVERS("codel-recovers", "codel", "CoDel lets the service recover."),
	RECOVERS("adaptive-lifo-recovers", "adaptive-lifo",
		"Adaptive LIFO lets the service recover."),
	RECOVERS("retries-last-recovers", "retries-last",
		"Serving first attempts first lets the service recover."),
	RECOVERS("bound-recovers", "bound",
		"Shedding what would wait a timeout lets the service recover."),
	RECOVERS("cancel-recovers", "cancel", "Cancelled attempts let the service recover."),
	{.name = NULL},
};

const struct hb_experiment metastable_protections = {
	.name = "protections",
	.question = "Which queues stay down after an overload, and what brings them back?",
	.params = params,
	.metrics = metrics,
	.variants = variants,
	.claims = claims,
	.chart = {.x = "queue", .metric = "down", .log_y = true},
	.blocks = 6,
	.quiet = true,
	.trial_ms = trial_ms,
};
