/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The driver of the nicos experiments: `hotbed run nicos` calls it. */
#include "experiments.h"

static const struct hb_experiment *const experiments[] = {
	&nicos_many_services,
	&nicos_load_latency,
	NULL,
};

int main(int argc, char **argv)
{
	const struct hb_driver driver = {
		.subproject = "nicos",
		.version = "0.1.0",
		.experiments = experiments,
	};

	return hb_driver_main(&driver, argc, argv);
}
