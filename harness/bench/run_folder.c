/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Formats: docs/reference/formats.md. */
#include "run_folder.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <hotbed/error.h>
#include <hotbed/rng.h>

enum {
	METRICS = 24,
	BLOCKS = 12,
	VARIANTS = 3,
	SLOTS = VARIANTS + 1,
	ROWS_PER_TRIAL = METRICS + 1,
};

#define RUN_ID "01890a5d-ac96-774b-bcce-b302099a8057"
#define IDS "00112233aabb,44556677ccdd,8899aabbeeff"

static const char *const variant_names[SLOTS] = {"whole", "half", "same", "whole"};
static const char *const role_names[SLOTS] = {"baseline", "idea", "rival", "control"};

struct run_folder run_folder_size(uint64_t rows)
{
	uint64_t rows_per_point = (uint64_t)BLOCKS * SLOTS * ROWS_PER_TRIAL;
	uint64_t points = (rows + rows_per_point - 1) / rows_per_point;

	return (struct run_folder){
		.points = points,
		.trials = points * BLOCKS * SLOTS,
		.rows = points * rows_per_point,
		.comparisons =
			points * METRICS * VARIANTS, /* two to the baseline, one idea to rival */
	};
}

static FILE *folder_open(const char *folder, const char *name, struct hb_error *reterr)
{
	char path[PATH_MAX];
	FILE *file;

	if (snprintf(path, sizeof(path), "%s/%s", folder, name) >= (int)sizeof(path)) {
		(void)hb_error_set(reterr, -ENAMETOOLONG, "%s: the path is too long", folder);
		return NULL;
	}
	file = fopen(path, "we");
	if (!file)
		(void)hb_error_set(reterr, -errno, "%s: %s", path, strerror(errno));
	return file;
}

static int folder_close(FILE *file, const char *name, struct hb_error *reterr)
{
	bool failed = ferror(file) != 0;

	if (fclose(file) != 0 || failed)
		return hb_error_set(reterr, -EIO, "%s cannot be written: is the disk full?", name);
	return 0;
}

static void put_describe(FILE *file)
{
	(void)fputs("{\"schema\": \"hotbed.describe/1\", \"subproject\": \"harness\", "
		    "\"version\": \"0.1.0\", \"experiments\": [{\"name\": \"made-up\", "
		    "\"question\": \"How long does a report take?\", \"blocks\": 12, "
		    "\"unseeded\": false, \"quiet\": false, \"roles\": [], "
		    "\"chart\": {\"x\": \"size\", \"facet\": \"\", \"metric\": \"m00\", "
		    "\"log_x\": false, \"log_y\": false}, "
		    "\"params\": [{\"name\": \"size\", \"type\": \"int\", \"unit\": \"1\", "
		    "\"help\": \"\", \"sweep\": [\"0\"], \"sweep_quick\": [\"0\"], "
		    "\"sweep_full\": [\"0\"]}],\n\"metrics\": [",
		file);
	for (int i = 0; i < METRICS; i++)
		(void)fprintf(file,
			"%s{\"name\": \"m%02d\", \"unit\": \"ns\", \"help\": \"\", "
			"\"better\": \"lower\", \"basis\": \"wall\", \"exact\": false, "
			"\"optional\": false, \"min_effect\": \"0.03\"}",
			i ? ",\n" : "", i);
	(void)fputs("],\n\"variants\": [", file);
	for (int i = 0; i < VARIANTS; i++)
		(void)fprintf(file,
			"%s{\"name\": \"%s\", \"role\": \"%s\", \"help\": \"\", "
			"\"digest_class\": \"\"}",
			i ? ", " : "", variant_names[i], role_names[i]);
	(void)fputs("],\n\"claims\": [{\"name\": \"half\", \"text\": \"Half is half.\", "
		    "\"paper\": \"made up\", \"section\": \"\", \"metric\": \"m00\", "
		    "\"variant\": \"half\", \"where\": \"\", \"against_variant\": \"whole\", "
		    "\"against_where\": \"\", \"lo\": \"0.4\", \"hi\": \"0.6\", \"needs\": \"\", "
		    "\"headline\": true}]}]}",
		file);
}

static int write_plan(const char *folder, const struct run_folder *size, struct hb_error *reterr)
{
	FILE *file = folder_open(folder, "plan.json", reterr);

	if (!file)
		return -EIO;
	(void)fputs("{\"schema\": \"hotbed.plan/1\", \"run_id\": \"" RUN_ID "\", "
		    "\"created_utc\": \"2025-05-14T12:00:00.000000000Z\", \"seed\": \"1\", "
		    "\"mode\": \"default\", \"verdicts\": true, \"sabotage\": false, "
		    "\"host_id\": \"00112233aabb\", \"env_id\": \"44556677ccdd\", "
		    "\"build_id\": \"8899aabbeeff\",\n\"drivers\": [{\"subproject\": \"harness\", "
		    "\"path\": \"/nonexistent/hotbed-harness\", \"describe\": ",
		file);
	put_describe(file);
	(void)fputs("}],\n\"experiments\": [{\"driver\": 0, \"subproject\": \"harness\", "
		    "\"experiment\": \"made-up\", \"blocks\": 12, \"until_ci\": false, "
		    "\"variants\": [\"whole\", \"half\", \"same\"], \"baseline\": 0, "
		    "\"points\": [\n",
		file);
	for (uint64_t point = 0; point < size->points; point++)
		(void)fprintf(file,
			"%s{\"params\": \"size=%" PRIu64 "\", \"memory_bytes\": \"67108864\", "
			"\"trial_ms\": \"500\", \"skip\": \"\"}",
			point ? ",\n" : "", point);
	(void)fputs("]}],\n\"blocks\": [\n", file);
	for (uint64_t block = 0; block < BLOCKS; block++) {
		for (uint64_t point = 0; point < size->points; point++)
			(void)fprintf(file,
				"%s{\"e\": 0, \"p\": %" PRIu64 ", \"b\": %" PRIu64
				", \"seed\": \"%" PRIu64 "\", \"order\": \"0 1 2 3\"}",
				point || block ? ",\n" : "", point, block, block + 1);
	}
	(void)fputs("]}\n", file);
	return folder_close(file, "plan.json", reterr);
}

/* One trial in the order of the plan: all points of block 0, then of block 1 ... */
static void put_trial(FILE *file, const struct run_folder *size, uint64_t trial, struct hb_rng *rng)
{
	uint64_t slot = trial % SLOTS;
	uint64_t point = trial / SLOTS % size->points;
	uint64_t block = trial / SLOTS / size->points;

	for (int metric = 0; metric <= METRICS; metric++) {
		double value =
			(slot == 1 ? 0.5e6 : 1e6) * (metric + 1) * exp(0.01 * hb_rng_normal(rng));
		char name[16] = "trial_wall";

		if (metric < METRICS)
			(void)snprintf(name, sizeof(name), "m%02d", metric);
		(void)fprintf(file,
			RUN_ID ",harness,made-up,size=%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64
			       ",0,%" PRIu64 ",%s,%s,ok,%s,%.0f,ns,%s,wall,0,1,%" PRIu64
			       ",,2025-05-14T12:00:00.000000000Z,0,," IDS ",\r\n",
			point, point, block, slot, trial, variant_names[slot], role_names[slot],
			name, value, metric < METRICS ? "lower" : "none", block + 1);
	}
}

static int write_trials(const char *folder, const struct run_folder *size, uint64_t seed,
	uint64_t trials, struct hb_error *reterr)
{
	FILE *file = folder_open(folder, "trials.csv", reterr);
	struct hb_rng rng;

	if (!file)
		return -EIO;
	hb_rng_init(&rng, seed, 0);
	(void)fputs("run_id,subproject,experiment,params,point,block,slot,attempt,seq,variant,role,"
		    "status,metric,value,unit,better,basis,exact,n,seed,digest,start_utc,steal_ppm,"
		    "flags,host_id,env_id,build_id,detail\r\n",
		file);
	for (uint64_t trial = 0; trial < trials; trial++)
		put_trial(file, size, trial, &rng);
	return folder_close(file, "trials.csv", reterr);
}

int run_folder_write(const char *folder, const struct run_folder *size, uint64_t seed,
	uint64_t trials, struct hb_error *reterr)
{
	FILE *file = folder_open(folder, "env.json", reterr);
	int result;

	if (!file)
		return -EIO;
	(void)fputs("{\"schema\": \"hotbed.env/1\", \"host_id\": \"00112233aabb\", "
		    "\"env_id\": \"44556677ccdd\", \"build_id\": \"8899aabbeeff\"}\n",
		file);
	result = folder_close(file, "env.json", reterr);
	if (result == 0)
		result = write_plan(folder, size, reterr);
	if (result == 0)
		result = write_trials(folder, size, seed, trials, reterr);
	return result;
}
