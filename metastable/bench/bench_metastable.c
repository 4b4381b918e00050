/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The driver of the metastable experiments: `hotbed run metastable` calls it. */
#include "experiments.h"

static const struct hb_experiment *const experiments[] = {
	&metastable_protections,
	&metastable_field,
	&metastable_threshold,
	&metastable_trigger,
	&metastable_agreement,
	&metastable_bracket,
	&metastable_storm,
	&metastable_cache,
	&metastable_tiers,
	&metastable_throttle,
	&metastable_calibration,
	&metastable_cells,
	&metastable_engines,
	&metastable_speed,
	&metastable_speed_markov,
	NULL,
};

int main(int argc, char **argv)
{
	const struct hb_driver driver = {
		.subproject = "metastable",
		.version = "0.1.0",
		.experiments = experiments,
	};

	return hb_driver_main(&driver, argc, argv);
}
