/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See paper_model.h. */
#include "paper_model.h"

#include <stdio.h>
#include <string.h>

#include <hotbed/error.h>
#include <hotbed/trial.h>

static const char running_example[] =
	"server db { threads 1; queue 150 fifo; service exp 10/s; on_full drop }\n"
	"client c -> db { rate poisson 5/s; timeout 5s; retry 5 immediate; cancel no }\n"
	"trigger { at 300s for 600s rate c 15/s }\n";

int model_read(struct hb_trial *trial, const char *text, struct ms_model *ret)
{
	struct hb_error error = {0};

	if (ms_model_read(text, strlen(text), "model", NULL, 0, ret, &error))
		return hb_trial_fail(trial, "%s", error.text);
	return 0;
}

int paper_model(struct hb_trial *trial, const char *more, struct ms_model *ret)
{
	char text[1024];

	(void)snprintf(text, sizeof(text), "%s%s", running_example, more);
	return model_read(trial, text, ret);
}

int requests_end_once(struct hb_trial *trial, const struct ms_client_counts *counts)
{
	const struct ms_client_counts *c = counts;

	if (c->requests != c->successes + c->failures + c->cancelled + c->open)
		return hb_trial_fail(trial, "requests are lost or end twice");
	return 0;
}

double laplace_share(uint32_t count, uint32_t of)
{
	return (count + 1.0) / (of + 2.0);
}
