/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The driver of the shcheck experiments: `hotbed run shcheck` calls it. */
#include "experiments.h"

static const struct hb_experiment *const experiments[] = {
	&shcheck_bugs,
	&shcheck_classes,
	&shcheck_noise,
	&shcheck_throughput,
	&shcheck_automata,
	&shcheck_speed,
	NULL,
};

int main(int argc, char **argv)
{
	const struct hb_driver driver = {
		.subproject = "shcheck",
		.version = "0.1.0",
		.experiments = experiments,
	};

	return hb_driver_main(&driver, argc, argv);
}
