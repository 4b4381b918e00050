/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The driver of the nicos experiments: `hotbed run nicos` calls it. */
#include "experiments.h"

static const struct hb_experiment *const experiments[] = {
	&nicos_many_services,
	&nicos_load_latency,
	&nicos_popularity,
	&nicos_affinity,
	&nicos_dispersion,
	&nicos_short_handlers,
	&nicos_stale_state,
	&nicos_table,
	&nicos_decision,
	&nicos_real_latency,
	&nicos_hand_over,
	&nicos_real_services,
	&nicos_real_throughput,
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
