/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See scenario.h. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include <hotbed/error.h>

#include "scenario.h"

struct ms_model scenario_model(const char *text, const char *overrides)
{
	struct ms_override list[16];
	size_t count = 0;
	char copy[512];
	char *rest = copy;
	struct hb_error error = {0};
	struct ms_model model;

	(void)snprintf(copy, sizeof(copy), "%s", overrides ? overrides : "");
	for (char *word; (word = strsep(&rest, " "));) {
		if (!*word)
			continue;
		cr_assert_eq(ms_override_parse(word, &list[count++], &error), 0, "%s", error.text);
	}
	cr_assert_eq(ms_model_read(text, strlen(text), "scenario", list, count, &model, &error), 0,
		"line %d: %s", error.line, error.text);
	return model;
}

struct ms_run_result scenario_run(const struct ms_model *model, double end_s, uint64_t replication)
{
	const struct ms_run_options options = {.end_s = end_s, .digest = true};
	struct ms_simulation *simulation;
	struct hb_error error = {0};
	struct ms_run_result result;

	cr_assert_eq(
		ms_simulation_create(model, &options, &simulation, &error), 0, "%s", error.text);
	cr_assert_eq(ms_simulation_run(simulation, 1, replication, NULL, &result, &error), 0, "%s",
		error.text);
	ms_simulation_destroy(simulation);
	return result;
}

uint64_t scenario_seed(void)
{
	const char *text = getenv("HB_SEED");
	uint64_t seed = text ? strtoull(text, NULL, 0) : 20251122;

	(void)fprintf(stderr, "seed: HB_SEED=%" PRIu64 "\n", seed);
	return seed;
}
