/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The driver of the probcons experiments: `hotbed run probcons` calls it. */
#include "experiments.h"

static const struct hb_experiment *const experiments[] = {
	&probcons_cost_frontier,
	&probcons_tables,
	&probcons_accuracy,
	&probcons_correlation,
	&probcons_rare_events,
	&probcons_weights,
	&probcons_speed,
	&probcons_availability,
	&probcons_committees,
	NULL,
};

int main(int argc, char **argv)
{
	const struct hb_driver driver = {
		.subproject = "probcons",
		.version = "0.1.0",
		.experiments = experiments,
	};

	return hb_driver_main(&driver, argc, argv);
}
