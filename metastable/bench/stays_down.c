/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See stays_down.h. */
#include "stays_down.h"

#include <stdbool.h>

#include <hotbed/error.h>
#include <hotbed/trial.h>

#include "paper_model.h"

#define RUNS 40
#define RUNS_QUICK 5

static struct ms_model model;
static struct ms_study study;
static bool sabotaged;

struct ms_model *stays_down_model(void)
{
	return &model;
}

void stays_down_backoff(void)
{
	struct ms_client *client = &model.clients[0];

	client->backoff = MS_BACKOFF_EXPONENTIAL;
	client->backoff_s = 5;
	client->jitter = MS_JITTER_FULL;
}

int stays_down_run(struct hb_trial *trial)
{
	struct ms_study_options options = {
		.run = {.stop_at_recovery = true},
		.runs = hb_trial_is_quick(trial) ? RUNS_QUICK : RUNS,
		.threads = 1,
	};
	struct hb_error error = {0};

	if (ms_study_run(&model, &options, hb_trial_seed(trial), &study, &error))
		return hb_trial_fail(trial, "%s", error.text);
	hb_trial_metric(trial, "stuck", laplace_share(study.stuck, study.runs), study.runs);
	return 0;
}

int stays_down_verify(struct hb_trial *trial)
{
	if (sabotaged)
		study.clients[0].failures++;
	return requests_end_once(trial, &study.clients[0]);
}

int stays_down_sabotage(struct hb_trial *trial)
{
	(void)trial;
	sabotaged = true;
	return 0;
}

uint64_t stays_down_ms(const struct hb_params *params)
{
	(void)params;
	return 3000;
}
