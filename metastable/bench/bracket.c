/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * metastable/bracket: three services of the MSF-Model artifact (SRDS 2024), each measured once at the highest burst
 * that it came back from and once at the lowest that kept it down. How often does the model stay down below, inside and
 * above each bracket? The measured services tip later than a model with Poisson arrivals: whether evenly spaced
 * arrivals, steadier services or a capacity that was fitted too low explain that is what the variants are for.
 */
#include "experiments.h"

#include <math.h>
#include <stdio.h>

#include <hotbed/trial.h>

#include "paper_model.h"
#include "stays_down.h"

#define HORIZON_S 300
#define FASTER 1.03

/* Requests per second: capacity, load, and the bursts that the artifact recovered from and did not. */
struct service {
	int64_t capacity;
	double load, recovers, stays;
};

static const struct service services[] = {
	{17, 8, 12.7, 13.3},
	{27, 15.2, 22.2, 22.7},
	{40, 30.3, 34.5, 35.7},
};

struct arm {
	const char *arrivals, *service;
	double capacity_factor;
};

static const struct service *service_of(const struct hb_params *params)
{
	size_t i = 0;

	while (i < 2 && services[i].capacity != hb_params_i64(params, "capacity"))
		i++;
	return &services[i];
}

static int setup(struct hb_trial *trial)
{
	const struct arm *arm = hb_trial_data(trial);
	const struct hb_params *params = hb_trial_params(trial);
	const struct service *service = service_of(params);
	double place = (double)hb_params_i64(params, "place") / 100;
	char text[512];

	if (!arm)
		return 0;
	(void)snprintf(text, sizeof(text),
		"server app { threads 1; queue 400 fifo; service %s %.6g/s; on_full drop }\n"
		"client c -> app { rate %s %.6g/s; timeout 1s; retry 2 immediate }\n"
		"trigger { at 60s for 360s rate c %.6g/s }\n"
		"horizon %ds\n",
		arm->service, (double)service->capacity * arm->capacity_factor, arm->arrivals,
		service->load, service->recovers + place * (service->stays - service->recovers),
		HORIZON_S);
	return model_read(trial, text, stays_down_model());
}

/* The artifact has one run at either end; what lies between it does not say. */
static int run_artifact(struct hb_trial *trial)
{
	int64_t place = hb_params_i64(hb_trial_params(trial), "place");

	hb_trial_metric(trial, "stuck",
		place <= 0     ? laplace_share(0, 1)
		: place >= 100 ? laplace_share(1, 1)
			       : laplace_share(0, 0),
		1);
	return 0;
}

static const struct hb_param params[] = {
	{
		.name = "capacity",
		.type = HB_PARAM_INT,
		.unit = "1/s",
		.help = "of the measured service: one of 17, 27, 40",
		.sweep = "17,27,40",
		.sweep_quick = "40",
		.min = 17,
		.max = 40,
	},
	{
		.name = "place",
		.type = HB_PARAM_INT,
		.unit = "1",
		.help = "of the burst, in percent of the measured bracket: at 0 the service came "
			"back, at 100 it did not",
		.sweep = "-100,0,50,100,200",
		.sweep_quick = "100",
		.min = -200,
		.max = 300,
	},
	{.name = NULL},
};

static const struct hb_metric metrics[] = {
	STAYS_DOWN_METRIC,
	{.name = NULL},
};

static const struct hb_variant variants[] = {
	STAYS_DOWN_VARIANT("artifact", HB_ROLE_BASELINE, "the artifact's one run at either end",
		setup, run_artifact, NULL),
	STAYS_DOWN_VARIANT("poisson", HB_ROLE_IDEA, "Poisson arrivals, exponential services", setup,
		stays_down_run, &((const struct arm){"poisson", "exp", 1})),
	STAYS_DOWN_VARIANT("paced", HB_ROLE_IDEA, "evenly spaced arrivals, exponential services",
		setup, stays_down_run, &((const struct arm){"paced", "exp", 1})),
	STAYS_DOWN_VARIANT("paced-constant", HB_ROLE_RIVAL,
		"evenly spaced arrivals, constant services", setup, stays_down_run,
		&((const struct arm){"paced", "constant", 1})),
	STAYS_DOWN_VARIANT("poisson-faster", HB_ROLE_RIVAL, "Poisson arrivals, 3 % more capacity",
		setup, stays_down_run, &((const struct arm){"poisson", "exp", FASTER})),
	{.name = NULL},
};

#define MSF_PAPER "A Modeling Framework for Metastable Failures, SRDS'24"

/* One run that stayed down gives 2/3, one that did not 1/3; a half is 3/4 of the first and 3/2 of the second. */
#define ABOVE(name_, variant_, capacity_)                                                       \
	{                                                                                       \
		.name = (name_), .paper = MSF_PAPER, .section = "artifact", .metric = "stuck",  \
		.text = "Above the bracket measured at a capacity of " capacity_                \
			" per second most runs stay down (" variant_ ").",                      \
		.variant = (variant_), .where = "capacity=" capacity_ ";place=100", .lo = 0.75, \
		.hi = INFINITY,                                                                 \
	}
#define BELOW(name_, variant_, capacity_)                                                      \
	{                                                                                      \
		.name = (name_), .paper = MSF_PAPER, .section = "artifact", .metric = "stuck", \
		.text = "Below the bracket measured at a capacity of " capacity_               \
			" per second most runs recover (" variant_ ").",                       \
		.variant = (variant_), .where = "capacity=" capacity_ ";place=0", .lo = 0,     \
		.hi = 1.5,                                                                     \
	}

static const struct hb_claim claims[] = {
	ABOVE("stays-down-above-40", "poisson", "40"),
	ABOVE("stays-down-above-27", "poisson", "27"),
	ABOVE("stays-down-above-17", "poisson", "17"),
	BELOW("recovers-below-40", "poisson", "40"),
	BELOW("recovers-below-27", "poisson", "27"),
	BELOW("recovers-below-17", "poisson", "17"),
	ABOVE("paced-stays-down-above-40", "paced", "40"),
	ABOVE("paced-stays-down-above-27", "paced", "27"),
	ABOVE("paced-stays-down-above-17", "paced", "17"),
	BELOW("paced-recovers-below-40", "paced", "40"),
	BELOW("paced-recovers-below-27", "paced", "27"),
	BELOW("paced-recovers-below-17", "paced", "17"),
	{.name = NULL},
};

static bool valid(const struct hb_params *at, const char **ret_why)
{
	int64_t capacity = hb_params_i64(at, "capacity");

	*ret_why = "only capacities of 17, 27 and 40 per second were measured";
	return capacity == 17 || capacity == 27 || capacity == 40;
}

const struct hb_experiment metastable_bracket = {
	.name = "bracket",
	.question = "Does the model tip where three measured services did?",
	.params = params,
	.metrics = metrics,
	.variants = variants,
	.claims = claims,
	.chart = {.x = "place", .facet = "capacity", .metric = "stuck"},
	.blocks = 6,
	.quiet = true,
	.trial_ms = stays_down_ms,
	.valid = valid,
};
