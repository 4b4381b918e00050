/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * make_nights FOLDER [KEY=VALUE]... - write a run per night into FOLDER, as nightly runs leave them; print how many.
 *   first=N count=N      nights to write, counted from 2026-01-01 (0, 20)
 *   points=N metrics=N   size of a run (1, 1); six blocks of baseline, idea and control
 *   noise=X              standard deviation of a night's ratio, relative (0.01)
 *   step=NIGHT,X         from NIGHT on the idea takes X times as long
 *   env=NIGHT            from NIGHT on the machine's settings are others
 *   build=NIGHT          from NIGHT on the build is another (without it every night has its own)
 *   broken=NIGHT         from NIGHT on every trial of the baseline fails
 *   host=ID seed=N       the machine, 12 hex digits (aaaaaaaaaaaa), and the seed (1)
 *   blocks=N             blocks that were run, of six (6): the rest is still to come
 *   smoke=1              a smoke run
 */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "hotbed/assert.h"
#include "hotbed/rng.h"
#include "../report/run_writer.h"

#define METRICS_MAX 32
#define POINTS_MAX 256
#define BLOCKS 6

struct nights {
	const char *folder, *host;
	long first, count, points, metrics, step_at, env_at, build_at, broken_at, blocks;
	double noise, step;
	uint64_t seed;
	bool smoke;
};

static struct run_metric metrics[METRICS_MAX + 1];
static char metric_names[METRICS_MAX][16];
static const char *points[POINTS_MAX + 1];
static char point_names[POINTS_MAX][16];
static const struct run_variant variants[] = {
	{"base", "baseline", ""}, {"idea", "idea", ""}, {NULL, NULL, NULL}};

static bool set(struct nights *n, const char *key, const char *value)
{
	char *end;
	struct {
		const char *key;
		long *number;
	} numbers[] = {{"first", &n->first}, {"count", &n->count}, {"points", &n->points},
		{"metrics", &n->metrics}, {"env", &n->env_at}, {"build", &n->build_at},
		{"broken", &n->broken_at}, {"blocks", &n->blocks}};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (!strcmp(key, numbers[i].key)) {
			*numbers[i].number = strtol(value, NULL, 10);
			return true;
		}
	if (!strcmp(key, "noise"))
		n->noise = strtod(value, NULL);
	else if (!strcmp(key, "host"))
		n->host = value;
	else if (!strcmp(key, "seed"))
		n->seed = strtoull(value, NULL, 10);
	else if (!strcmp(key, "smoke"))
		n->smoke = true;
	else if (!strcmp(key, "step") && (n->step_at = strtol(value, &end, 10)) >= 0 && *end == ',')
		n->step = strtod(end + 1, NULL);
	else
		return false;
	return true;
}

static void write_trials(struct run_writer *writer, const struct nights *n, long night)
{
	struct hb_rng rng;
	double ratios[POINTS_MAX][METRICS_MAX];

	/* A night's own numbers do not depend on which nights are written beside it. */
	hb_rng_init(&rng, n->seed, (uint64_t)night);
	for (long p = 0; p < n->points; p++)
		for (long m = 0; m < n->metrics; m++)
			ratios[p][m] = 0.5 * exp(n->noise * hb_rng_normal(&rng)) *
				       (night >= n->step_at ? n->step : 1);
	for (uint32_t b = 0; b < (uint32_t)n->blocks; b++)
		for (uint32_t p = 0; p < (uint32_t)n->points; p++)
			for (uint32_t arm = 0; arm < 3; arm++) {
				double values[METRICS_MAX];
				bool broken = arm != 1 && night >= n->broken_at;
				struct run_trial trial = {.point = p,
					.block = b,
					.arm = arm,
					.values = broken ? NULL : values,
					.status = broken ? "crashed" : NULL};

				for (long m = 0; m < n->metrics; m++)
					values[m] = 1000 * exp(0.002 * hb_rng_normal(&rng)) *
						    (arm == 1 ? ratios[p][m] : 1);
				run_writer_trial(writer, &trial);
			}
}

static void write_night(const struct nights *n, long night)
{
	const struct run_experiment experiment = {"spork", "night", "Is it as fast as yesterday?",
		metrics, variants, points,
		"[{\"name\":\"n\",\"type\":\"int\",\"unit\":\"1\",\"help\":\"\",\"sweep\":[]}]",
		NULL, NULL, BLOCKS, false};
	const struct run_experiment *experiments[] = {&experiment, NULL};
	char run_id[37], dir[512], utc[40], build[16], commit[44];
	time_t start = 1767225600 + 86400 * (time_t)night + 7200;
	struct run_writer writer;

	/* UUIDv7: its first 48 bits are the time in ms. */
	snprintf(run_id, sizeof(run_id), "%08llx-%04llx-7000-8000-%.6s%06lx",
		(unsigned long long)start * 1000 >> 16, (unsigned long long)start * 1000 & 0xffff,
		n->host, night & 0xffffff);
	snprintf(dir, sizeof(dir), "%s/%s", n->folder, run_id);
	strftime(utc, sizeof(utc), "%Y-%m-%dT%H:%M:%S.000000000Z", gmtime(&start));
	long made = n->build_at < 0 ? night : night >= n->build_at;

	snprintf(build, sizeof(build), "%012lx", 0xb00000 + made);
	snprintf(commit, sizeof(commit), "%040lx", 0xc00000 + made);
	const struct run_options options = {.run_id = run_id,
		.host_id = n->host,
		.created_utc = utc,
		.env_id = night >= n->env_at ? "e2e2e2e2e2e2" : "e1e1e1e1e1e1",
		.build_id = build,
		.commit = commit,
		.dir = dir,
		.smoke = n->smoke};

	run_writer_open(&writer, experiments, &options);
	write_trials(&writer, n, night);
	run_writer_close(&writer);
	free(writer.dir);
}

int main(int argc, char **argv)
{
	struct nights n = {.host = "aaaaaaaaaaaa",
		.count = 20,
		.points = 1,
		.metrics = 1,
		.step_at = 1 << 30,
		.env_at = 1 << 30,
		.build_at = -1,
		.broken_at = 1 << 30,
		.blocks = BLOCKS,
		.noise = 0.01,
		.step = 1,
		.seed = 1};

	n.folder = argc > 1 ? argv[1] : "";
	for (int i = 2; i < argc; i++) {
		char *equals = strchr(argv[i], '=');

		if (equals)
			*equals = '\0';
		if (!equals || !set(&n, argv[i], equals + 1)) {
			fprintf(stderr, "make_nights: unknown argument '%s'\n", argv[i]);
			return 2;
		}
	}
	if (argc < 2 || n.points < 1 || n.points > POINTS_MAX || n.metrics < 1 ||
		n.metrics > METRICS_MAX || n.blocks < 0 || n.blocks > BLOCKS) {
		fputs("usage: make_nights FOLDER [KEY=VALUE]...\n", stderr);
		return 2;
	}
	for (long m = 0; m < n.metrics; m++) {
		snprintf(metric_names[m], sizeof(metric_names[m]), "call_%ld", m);
		metrics[m] = (struct run_metric){
			metric_names[m], "ns", "lower", "wall", false, false, 0.03};
	}
	for (long p = 0; p < n.points; p++) {
		snprintf(point_names[p], sizeof(point_names[p]), "n=%ld", p + 1);
		points[p] = point_names[p];
	}
	for (long night = n.first; night < n.first + n.count; night++)
		write_night(&n, night);
	printf("%ld\n", n.count);
	return 0;
}
