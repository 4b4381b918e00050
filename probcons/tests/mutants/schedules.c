/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * schedules VARIANT COUNT SEED: simulates until a promise is broken. Prints "N TEXT", N the schedules that it took, and
 * exits 0; prints "none" and exits 1 when all COUNT went well. Linked with a mutant of one file in place of that file.
 * Committees (V5) may miss each other: that they do so more or less often than uniform ones is the broken promise.
 */
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/error.h>

#include <probcons/simulation.h>

#define NODES 5

static void choose(const char *variant, struct pc_simulation_options *options)
{
	pc_rule_init(&options->rule, (1 << NODES) - 1);
	options->variant = (enum pc_variant)(variant[1] - '0');
	if (options->variant == PC_V5)
		options->committee_per = options->committee_vc = 2;
	if (options->variant == PC_V1) {
		options->rule.need_per = 2;
		options->rule.need_vc = 4;
	}
}

/* Two uniform committees of 2 of 5 have no member in common with C(3,2) / C(5,2). */
static bool misses_too_often(const struct pc_simulation_report *report)
{
	const double declared = 3.0 / 10;
	double trials = (double)report->committee_trials, misses = (double)report->committee_misses;

	return trials >= 100 &&
	       fabs(misses - declared * trials) > 6 * sqrt(trials * declared * (1 - declared));
}

int main(int argc, char **argv)
{
	static struct pc_simulation_report report;
	struct pc_simulation_options options = {.nodes = NODES, .linearizable = true};
	struct pc_simulation *simulation;
	struct hb_error error = {0};
	uint64_t count;
	bool astray = false;
	int err;

	if (argc != 4 || strlen(argv[1]) != 2)
		return 2;
	choose(argv[1], &options);
	count = strtoull(argv[2], NULL, 10);
	options.seed = strtoull(argv[3], NULL, 10);
	err = pc_simulation_create(&options, &simulation, &error);
	for (uint64_t i = 0; i < count && !err && report.violation_count == 0 && !astray; i++) {
		err = pc_simulation_run(simulation, i, &report, &error);
		astray = options.variant == PC_V5 && misses_too_often(&report);
	}
	if (err) {
		(void)fprintf(stderr, "schedules: %s\n", error.text);
		return 2;
	}
	pc_simulation_destroy(simulation);
	if (astray) {
		(void)printf("%" PRIu64 " committees miss each other %" PRIu64 " of %" PRIu64
			     " times, declared 0.3\n",
			report.schedules, report.committee_misses, report.committee_trials);
		return 0;
	}
	if (report.violation_count == 0) {
		(void)puts("none");
		return 1;
	}
	(void)printf("%" PRIu64 " %s\n", report.schedules, report.violations[0].text);
	return 0;
}
