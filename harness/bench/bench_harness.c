/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The harness's own driver: `hotbed run harness` calls it. */
#include "experiments.h"

static const struct hb_experiment *const experiments[] = {
	&harness_event_queue,
	&harness_journal,
	&harness_aa_noise,
	&harness_summary_speed,
	&harness_launcher,
	&harness_trivial,
	NULL,
};

int main(int argc, char **argv)
{
	const struct hb_driver driver = {
		.subproject = "harness",
		.version = "0.1.0",
		.experiments = experiments,
	};

	return hb_driver_main(&driver, argc, argv);
}
