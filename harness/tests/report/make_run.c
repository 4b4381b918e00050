/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * make_run KIND - write a made-up run and print its folder. KIND: "spawn", a run like the real one, with claims of
 * every verdict, histograms, failures and noise; "hostile", the same with markup in every text that a driver controls;
 * "large" and "huge", about 100,000 and 1,000,000 rows. The browser test opens reports of them.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cjson/cJSON.h>

#include "hotbed/assert.h"
#include "hotbed/hist.h"
#include "hotbed/rng.h"
#include "run_writer.h"

#define HOSTILE                                                \
	"</script><script>window.broken=1</script><img src=x " \
	"onerror=window.broken=1>\\u0022'&amp;"

static const struct run_metric spawn_metrics[] = {
	{"call_p50", "ns", "lower", "wall", false, false, 0.03},
	{"reap_p50", "ns", "lower", "wall", false, false, 0.03},
	{"page_faults", "1", "lower", "count", true, false, 0},
	{NULL, NULL, NULL, NULL, false, false, 0}};
static const struct run_variant spawn_variants[] = {{"fork", "baseline", "child"},
	{"vfork", "rival", "child"}, {"posix_spawn", "idea", "child"}, {NULL, NULL, NULL}};
static const char *const spawn_points[] = {"pages=4k;rss_bytes=1048576",
	"pages=4k;rss_bytes=16777216", "pages=4k;rss_bytes=268435456",
	"pages=4k;rss_bytes=1073741824", "pages=thp;rss_bytes=1048576",
	"pages=thp;rss_bytes=16777216", "pages=thp;rss_bytes=268435456",
	"pages=thp;rss_bytes=1073741824", NULL};
static const char spawn_params[] =
	"[{\"name\":\"rss_bytes\",\"type\":\"int\",\"unit\":\"B\",\"help\":\"\",\"sweep\":[]},"
	"{\"name\":\"pages\",\"type\":\"text\",\"unit\":\"1\",\"help\":\"\",\"sweep\":[]}]";
static const char spawn_chart[] = "{\"x\":\"rss_bytes\",\"facet\":\"pages\",\"metric\":\"call_"
				  "p50\",\"log_x\":true,\"log_y\":true}";

#define CLAIM(name, text, metric, variant, where, against, against_where, lo, hi, needs) \
	"{\"name\":\"" name "\",\"text\":\"" text                                        \
	"\",\"paper\":\"A fork() in the road, HotOS'19\","                               \
	"\"section\":\"5\",\"metric\":\"" metric "\",\"variant\":\"" variant             \
	"\",\"where\":\"" where "\",\"against_variant\":\"" against                      \
	"\",\"against_where\":\"" against_where "\",\"lo\":\"" lo "\",\"hi\":\"" hi      \
	"\",\"needs\":\"" needs "\",\"headline\":true}"

#define CLAIM_FLAT                                                                              \
	CLAIM("spawn-flat", "posix_spawn costs the same however much memory the parent holds.", \
		"call_p50", "posix_spawn", "pages=4k;rss_bytes=1073741824", "posix_spawn",      \
		"rss_bytes=1048576", "0.8", "1.25", "")
#define CLAIM_FAST                                                                               \
	CLAIM("spawn-fast", "At 1 GiB posix_spawn returns at least ten times sooner than fork.", \
		"call_p50", "posix_spawn", "rss_bytes=1073741824", "", "", "0", "0.1", "")
#define CLAIM_WRONG                                                                     \
	CLAIM("vfork-free", "vfork returns a hundred thousand times sooner than fork.", \
		"call_p50", "vfork", "pages=4k;rss_bytes=1073741824", "", "", "0", "0.00001", "")
#define CLAIM_EDGE                                                                    \
	CLAIM("reap-same", "The child lives as long whoever started it.", "reap_p50", \
		"posix_spawn", "pages=4k;rss_bytes=1048576", "", "", "0.5", "0.62", "")
#define CLAIM_ABSENT                                                        \
	CLAIM("spawn-huge", "Flat up to 8 TiB.", "call_p50", "posix_spawn", \
		"rss_bytes=8796093022208", "", "", "0.8", "1.2", "8 TiB of memory")

static const char spawn_claims[] =
	"[" CLAIM_FLAT "," CLAIM_FAST "," CLAIM_WRONG "," CLAIM_EDGE "," CLAIM_ABSENT "]";

static double spawn_value(uint32_t metric, uint32_t arm, uint32_t point, double noise)
{
	static const double rss[] = {1048576, 16777216, 268435456, 1073741824};
	double size = rss[point % 4], pages = point < 4 ? 1 : 0.08;
	double fork_ns = 45000 + size / 4096 * 9 * pages, spawn_ns = 38000;

	if (metric == 2)
		return arm == 0 || arm == 3 ? 100 + size / 4096 : 42 + arm;
	if (metric == 1)
		return (380000 + (arm == 0 || arm == 3 ? fork_ns : -120000)) * noise;
	return (arm == 0 || arm == 3 ? fork_ns : arm == 1 ? spawn_ns * 0.9 : spawn_ns) * noise;
}

static void put_hist(FILE *hlog, struct hb_rng *rng, uint32_t seq, double center)
{
	struct hb_hist *hist;
	char *text;

	hb_assert(!hb_hist_create(&hist, (int64_t)1 << 36, 3, NULL));
	for (int i = 0; i < 400; i++) {
		double tail = hb_rng_double(rng) < 0.02 ? 6 : 1;

		hb_hist_record(hist, (int64_t)(center * tail * exp(0.2 * hb_rng_normal(rng))));
	}
	hb_assert(!hb_hist_encode(hist, &text, NULL));
	fprintf(hlog, "Tag=%u:call,0.000,1.000,0.000,%s\n", seq, text);
	free(text);
	hb_hist_destroy(hist);
}

/* What a trial drew: a layered chart without facets. @title and the text in the data may be hostile. */
static void put_figure(const char *dir, uint32_t seq, const char *name, const char *title)
{
	cJSON *json = cJSON_CreateObject(), *values;
	char path[512], *text;
	FILE *file;

	cJSON_AddStringToObject(json, "title", title);
	cJSON_AddStringToObject(json, "description", title);
	values = cJSON_AddArrayToObject(cJSON_AddObjectToObject(json, "data"), "values");
	for (int i = 0; i < 40; i++) {
		cJSON *row = cJSON_CreateObject();

		cJSON_AddItemToArray(values, row);
		cJSON_AddNumberToObject(row, "x", i);
		cJSON_AddNumberToObject(row, title, i % 7);
		cJSON_AddNumberToObject(row, "y", i * i);
	}
	cJSON_AddNumberToObject(json, "height", 240);
	cJSON_AddItemToObject(json, "encoding",
		cJSON_Parse("{\"x\":{\"field\":\"x\",\"type\":\"quantitative\"},"
			    "\"y\":{\"field\":\"y\",\"type\":\"quantitative\"}}"));
	cJSON_AddItemToObject(
		json, "layer", cJSON_Parse("[{\"mark\":\"line\"},{\"mark\":\"point\"}]"));
	text = cJSON_Print(json);
	snprintf(path, sizeof(path), "%s/logs", dir);
	(void)mkdir(path, 0700);
	snprintf(path, sizeof(path), "%s/logs/%u-%s.vl.json", dir, seq, name);
	file = fopen(path, "w");
	hb_assert(file && text && fputs(text, file) >= 0);
	hb_assert(!fclose(file));
	free(text);
	cJSON_Delete(json);
}

static void spawn_trial(struct run_writer *writer, FILE *hlog, struct hb_rng *rng, uint32_t e,
	uint32_t p, uint32_t b, uint32_t arm, bool hostile)
{
	double values[3];
	struct run_trial trial = {.experiment = e,
		.point = p,
		.block = b,
		.arm = arm,
		.values = values,
		.digest = "0123456789abcdef"};

	for (uint32_t m = 0; m < 3; m++)
		values[m] = spawn_value(m, arm, p, exp(0.03 * hb_rng_normal(rng)));
	if (p == 2 && b == 5 && arm == 1) {
		trial.values = NULL;
		trial.status = "crashed";
		trial.detail = hostile ? "\"</script><script>window.broken=1</script>\""
				       : "signal 11 (Segmentation fault)";
	}
	trial.flags = p == 1 && b == 3 ? "psi;steal" : "";
	if (hlog)
		put_hist(hlog, rng, writer->seq, values[0]);
	if (e == 0 && p == 0 && arm == 2)
		put_figure(writer->dir, writer->seq, "shape",
			hostile ? HOSTILE : "What the parent looks like");
	run_writer_trial(writer, &trial);
}

static void write_spawn(bool hostile)
{
	static const struct run_variant odd[] = {
		{"a", "baseline", ""}, {"b", "idea", ""}, {NULL, NULL, NULL}};
	static const char *const one_point[] = {"", NULL};
	static const struct run_experiment spawn = {"spork", "spawn-latency",
		"How long is a parent held up when it starts a program?", spawn_metrics,
		spawn_variants, spawn_points, spawn_params, spawn_claims, spawn_chart, 12, false};
	static const struct run_experiment bad = {"spork", "hostile", HOSTILE, spawn_metrics, odd,
		one_point, NULL,
		"[{\"name\":\"x\",\"text\":\"</script><script>window.broken=1</script>\",\"paper\":"
		"\"<b>p\",\"section\":\"\\u2028<!--\",\"metric\":\"call_p50\",\"variant\":\"b\","
		"\"where\":\"\",\"against_variant\":\"\",\"against_where\":\"\",\"lo\":\"0\","
		"\"hi\":"
		"\"inf\",\"needs\":\"\",\"headline\":true}]",
		NULL, 6, false};
	const struct run_experiment *experiments[] = {&spawn, hostile ? &bad : NULL, NULL};
	struct run_writer writer;
	struct hb_rng rng;
	char path[512];
	FILE *hlog;

	hb_rng_init(&rng, 7, 0);
	run_writer_open(&writer, experiments, NULL);
	snprintf(path, sizeof(path), "%s/hist.hlog", writer.dir);
	hlog = fopen(path, "w");
	hb_assert(hlog);
	fputs("#[Histogram log format version 1.3]\n", hlog);
	for (uint32_t b = 0; b < 12; b++) {
		for (uint32_t p = 0; p < 8; p++) {
			for (uint32_t arm = 0; arm < 4; arm++)
				spawn_trial(&writer, hlog, &rng, 0, p, b, arm, hostile);
		}
		for (uint32_t arm = 0; hostile && b < 6 && arm < 3; arm++)
			spawn_trial(&writer, NULL, &rng, 1, 0, b, arm, hostile);
	}
	hb_assert(!fclose(hlog));
	snprintf(path, sizeof(path), "%s/env.json", writer.dir);
	hlog = fopen(path, "w");
	hb_assert(hlog);
	fprintf(hlog, "{\"schema\":\"hotbed.env/1\",\"cpu\":{\"model\":\"%s\",\"cores\":2}}\n",
		hostile ? "</dl><script>window.broken=1</script>" : "a made-up processor");
	hb_assert(!fclose(hlog));
	run_writer_close(&writer);
	puts(writer.dir);
	free(writer.dir);
}

/* 200 points x @blocks x 3 arms x (6 metrics + commit mark): 4,200 rows a block. */
static void write_large(uint32_t blocks)
{
	static const struct run_metric metrics[] = {
		{"a", "ns", "lower", "wall", false, false, 0.03},
		{"b", "ns", "lower", "wall", false, false, 0.03},
		{"c", "1/s", "higher", "wall", false, false, 0.03},
		{"d", "B", "lower", "count", false, false, 0.03},
		{"e", "1", "none", "wall", false, false, 0.03},
		{"f", "J", "lower", "model", false, false, 0.03},
		{NULL, NULL, NULL, NULL, false, false, 0}};
	static const struct run_variant variants[] = {
		{"base", "baseline", ""}, {"idea", "idea", ""}, {NULL, NULL, NULL}};
	static char params[200][24];
	static const char *points[201];
	const struct run_experiment large = {"nicos", "wide", "Does a large run still fit?",
		metrics, variants, points,
		"[{\"name\":\"load\",\"type\":\"int\",\"unit\":\"1\",\"help\":\"\",\"sweep\":[]}]",
		NULL, NULL, blocks, false};
	const struct run_experiment *experiments[] = {&large, NULL};
	struct run_writer writer;
	struct hb_rng rng;

	hb_rng_init(&rng, 8, 0);
	for (int p = 0; p < 200; p++) {
		snprintf(params[p], sizeof(params[p]), "load=%d", p + 1);
		points[p] = params[p];
	}
	run_writer_open(&writer, experiments, NULL);
	for (uint32_t n = 0; n < blocks * 200 * 3; n++) {
		double values[6];
		struct run_trial trial = {
			.point = n / 3 % 200, .block = n / 600, .arm = n % 3, .values = values};

		for (int m = 0; m < 6; m++)
			values[m] = 1000 * (m + 1) * (n % 3 == 1 ? 0.8 : 1) *
				    exp(0.03 * hb_rng_normal(&rng));
		run_writer_trial(&writer, &trial);
	}
	run_writer_close(&writer);
	puts(writer.dir);
	free(writer.dir);
}

int main(int argc, char **argv)
{
	const char *kind = argc == 2 ? argv[1] : "";

	if (!strcmp(kind, "large")) {
		write_large(25);
	} else if (!strcmp(kind, "huge")) {
		write_large(240);
	} else if (!strcmp(kind, "spawn") || !strcmp(kind, "hostile")) {
		write_spawn(!strcmp(kind, "hostile"));
	} else {
		fputs("usage: make_run spawn|hostile|large|huge\n", stderr);
		return 2;
	}
	return 0;
}
