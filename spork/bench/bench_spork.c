/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The driver of the spork experiments: `hotbed run spork` calls it. */
#include "experiments.h"
#include "speed.h"
#include "under_spork.h"

static const struct hb_experiment *const experiments[] = {
	&spork_spawn_latency,
	&spork_bystander,
	&spork_programs,
	&spork_small_commands,
	&spork_startup,
	&spork_coverage,
	&spork_negative_controls,
	&spork_trap_mechanisms,
	&spork_analyser,
	&spork_decoders,
#ifdef __x86_64__
	&spork_interpreter,
	&spork_speed,
#endif
	NULL,
};

int main(int argc, char **argv)
{
	const struct hb_driver driver = {
		.subproject = "spork",
		.version = "0.1.0",
		.experiments = experiments,
	};

#ifdef __x86_64__
	speed_program_enter(argc, argv);
#endif
	under_spork_enter(argc, argv);
	return hb_driver_main(&driver, argc, argv);
}
