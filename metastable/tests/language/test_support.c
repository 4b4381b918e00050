/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table feature x level is complete, and the query follows it. */
#include <errno.h>
#include <math.h>
#include <string.h>

#include <criterion/criterion.h>

#include <hotbed/error.h>

#include <metastable/model.h>

static struct ms_model running_example(void)
{
	struct ms_model model = {
		.server_count = 1, .client_count = 1, .horizon_s = MS_HORIZON_DEFAULT_S};

	model.servers[0] = (struct ms_server){.name = "db",
		.threads = 1,
		.queue_capacity = 150,
		.service = {MS_EXPONENTIAL, 0.1, 1, 1},
		.shed_to = 0};
	model.clients[0] = (struct ms_client){.name = "c",
		.from_server = MS_NONE,
		.cache = MS_NONE,
		.rate_per_s = 5,
		.timeout_kind = MS_TIMEOUT_CONSTANT,
		.timeout_s = 5,
		.retries = 5,
		.retry_on_timeout = true,
		.deadline_s = INFINITY};
	return model;
}

Test(support, every_cell_has_a_name_and_a_reason)
{
	for (int f = 0; f < MS_FEATURE_COUNT; f++) {
		cr_assert(strlen(ms_feature_name((enum ms_feature)f)) > 3);
		for (int l = 0; l < MS_LEVEL_COUNT; l++) {
			struct ms_support_row row =
				ms_feature_support((enum ms_level)l, (enum ms_feature)f);

			cr_assert_eq((int)row.feature, f);
			cr_assert_eq(row.kind == MS_EXACT, row.text[0] == '\0');
		}
	}
}

Test(support, simulation_does_the_running_example_exactly)
{
	struct ms_model model = running_example();
	struct ms_support support;
	struct hb_error error = {0};

	cr_assert_eq(ms_support_query(MS_LEVEL_SIMULATION, &model, &support, &error), 0);
	cr_assert_eq(support.worst, MS_EXACT);
	cr_assert_eq(
		support.row_count, 2, "constant timeout and retries, not %u", support.row_count);
}

Test(support, markov_names_its_approximations)
{
	struct ms_model model = running_example();
	struct ms_support support;
	struct hb_error error = {0};

	cr_assert_eq(ms_support_query(MS_LEVEL_MARKOV, &model, &support, &error), 0);
	cr_assert_eq(support.worst, MS_APPROXIMATION);
}

Test(support, markov_refuses_a_breaker_with_the_reason)
{
	struct ms_model model = running_example();
	struct ms_support support;
	struct hb_error error = {0};

	model.clients[0].breaker_window_s = 10;
	cr_assert_eq(ms_support_query(MS_LEVEL_MARKOV, &model, &support, &error), -EOPNOTSUPP);
	cr_assert_eq(support.worst, MS_REFUSED);
	cr_assert(strstr(error.text, "circuit breaker") && strstr(error.text, "window"), "%s",
		error.text);
}
