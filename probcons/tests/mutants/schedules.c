/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * schedules VARIANT COUNT SEED: simulates until a promise is broken. Prints "N TEXT", N the schedules that it took, and
 * exits 0; prints "none" and exits 1 when all COUNT went well. Linked with a mutant of one file in place of that file.
 */
#include <inttypes.h>
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
	if (options->variant == PC_V1) {
		options->rule.need_per = 2;
		options->rule.need_vc = 4;
	}
}

int main(int argc, char **argv)
{
	static struct pc_simulation_report report;
	struct pc_simulation_options options = {.nodes = NODES, .linearizable = true};
	struct pc_simulation *simulation;
	struct hb_error error = {0};
	uint64_t count;
	int err;

	if (argc != 4 || strlen(argv[1]) != 2)
		return 2;
	choose(argv[1], &options);
	count = strtoull(argv[2], NULL, 10);
	options.seed = strtoull(argv[3], NULL, 10);
	err = pc_simulation_create(&options, &simulation, &error);
	for (uint64_t i = 0; i < count && !err && report.violation_count == 0; i++)
		err = pc_simulation_run(simulation, i, &report, &error);
	if (err) {
		(void)fprintf(stderr, "schedules: %s\n", error.text);
		return 2;
	}
	pc_simulation_destroy(simulation);
	if (report.violation_count == 0) {
		(void)puts("none");
		return 1;
	}
	(void)printf("%" PRIu64 " %s\n", report.schedules, report.violations[0].text);
	return 0;
}
