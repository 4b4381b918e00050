/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A driver for tests of the runner. Experiment `behave` has one variant per way a driver can go wrong; `trivial` and
 * `trivial-wall` do nothing, fast; `synthetic` draws values with a known ratio and noise; `noisy` reports steal time in
 * its first trials; `random` breaks its promise of exact values. It speaks the protocol by hand, so that it can lie.
 */
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <hotbed/hist.h>
#include <hotbed/rng.h>

struct arguments {
	const char *experiment, *variant, *params, *tmpdir, *set;
	uint64_t seed;
	bool sabotage;
};

static FILE *result;

__attribute__((format(printf, 1, 2))) static void say(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	(void)vfprintf(result, format, arguments);
	va_end(arguments);
	(void)fputc('\n', result);
	(void)fflush(result);
}

static void hello(const struct arguments *a)
{
	say("{\"t\":\"hello\",\"v\":1,\"subproject\":\"fake\",\"experiment\":\"%s\",\"variant\":\"%"
	    "s\"}",
		a->experiment, a->variant);
}

static void phase(const char *name)
{
	say("{\"t\":\"phase\",\"phase\":\"%s\"}", name);
}

static void metric(const char *name, const char *value)
{
	say("{\"t\":\"metric\",\"name\":\"%s\",\"value\":\"%s\",\"n\":\"1\"}", name, value);
}

static void usage(uint64_t steal_ppm)
{
	say("{\"t\":\"usage\",\"run_ns\":\"1000\",\"steal_ppm\":\"%llu\",\"psi_ppm\":\"0\","
	    "\"switches_involuntary\":\"0\",\"migrations\":\"0\"}",
		(unsigned long long)steal_ppm);
}

static int done(void)
{
	phase("teardown");
	say("{\"t\":\"done\"}");
	return 0;
}

static int honest(const char *value)
{
	phase("run");
	metric("value", value);
	usage(0);
	phase("verify");
	return done();
}

static void pause_ms(long ms)
{
	struct timespec time = {ms / 1000, ms % 1000 * 1000000};

	(void)nanosleep(&time, NULL);
}

/* ---- ways to go wrong ---- */

static int crash(void)
{
	struct rlimit none = {0, 0};

	(void)setrlimit(RLIMIT_CORE, &none);
	phase("run");
	/* A sanitizer's handler would make an exit code of it. */
	(void)signal(SIGSEGV, SIG_DFL);
	(void)raise(SIGSEGV);
	return 0;
}

static int hang(void)
{
	phase("run");
	while (!ferror(result))
		pause_ms(1000);
	return 1;
}

static int deaf(void)
{
	(void)signal(SIGTERM, SIG_IGN);
	return hang();
}

static int flood_output(void)
{
	char junk[65536];

	memset(junk, 'x', sizeof(junk));
	phase("run");
	for (;;)
		if (write(STDOUT_FILENO, junk, sizeof(junk)) < 0)
			return 1;
}

static int chatty(void)
{
	for (int i = 0; i < 20000; i++)
		printf("line %d of many\n", i);
	(void)fflush(stdout);
	return honest("1");
}

static int flood_result(void)
{
	phase("run");
	while (!ferror(result))
		say("{\"t\":\"flag\",\"flag\":\"unsteady\"}");
	return 1;
}

static int long_line(void)
{
	phase("run");
	for (;;)
		if (fputs("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
			    result) < 0)
			return 1;
}

static int garbage(void)
{
	phase("run");
	say("\001\002 this is no JSON \377\376");
	return done();
}

static int unknown_metric(void)
{
	phase("run");
	metric("speed_of_light", "299792458");
	return honest("1");
}

static int twice(void)
{
	phase("run");
	metric("value", "1");
	metric("value", "2");
	return done();
}

static int not_a_number(void)
{
	return honest("nan");
}

static int missing_metric(void)
{
	phase("run");
	phase("verify");
	return done();
}

static int early_metric(void)
{
	phase("setup");
	metric("value", "1");
	return done();
}

static int wrong_hello(void)
{
	say("{\"t\":\"hello\",\"v\":1,\"subproject\":\"other\",\"experiment\":\"x\",\"variant\":"
	    "\"y\"}");
	return honest("1");
}

static int silent(void)
{
	return 0;
}

static int no_done(void)
{
	phase("run");
	metric("value", "1");
	return 0;
}

static int exit_three(void)
{
	(void)honest("1");
	return 3;
}

/* A child that leaves session and group, keeps both pipes and ignores SIGTERM; its child does the same again. */
static int stray(void)
{
	if (fork() == 0) {
		(void)setsid();
		(void)signal(SIGTERM, SIG_IGN);
		(void)fork();
		(void)setsid();
		for (;;)
			pause_ms(1000);
	}
	pause_ms(20);
	return honest("1");
}

static int huge(void)
{
	size_t bytes = (size_t)64 << 20;

	phase("run");
	for (int i = 0; i < 64; i++) {
		/* Volatile, so that no compiler leaves the memory out. */
		volatile char *memory = malloc(bytes);

		for (size_t at = 0; memory && at < bytes; at += 4096)
			memory[at] = 1;
		pause_ms(20);
	}
	return 1;
}

static int fail_in(const char *where)
{
	phase(where);
	say("{\"t\":\"fail\",\"phase\":\"%s\",\"text\":\"expected 12, got 11\"}", where);
	return done();
}

static int fail_setup(void)
{
	return fail_in("setup");
}

static int fail_run(void)
{
	return fail_in("run");
}

static int fail_verify(void)
{
	phase("run");
	metric("value", "1");
	return fail_in("verify");
}

static int skip(void)
{
	phase("probe");
	say("{\"t\":\"skip\",\"reason\":\"needs hugepages\"}");
	return done();
}

static int overload(void)
{
	phase("run");
	say("{\"t\":\"invalid_load\",\"adherence\":\"0.93\"}");
	return done();
}

static int digest(const char *value)
{
	phase("run");
	metric("value", "1");
	phase("verify");
	say("{\"t\":\"digest\",\"value\":\"%s\"}", value);
	return done();
}

static int good(void)
{
	return digest("0123456789abcdef");
}

static int wrong_digest(void)
{
	return digest("fedcba9876543210");
}

static int hist(void)
{
	struct hb_hist *h;
	char *text;

	if (hb_hist_create(&h, INT64_C(1) << 40, 3, NULL))
		return 1;
	for (int i = 1; i <= 1000; i++)
		hb_hist_record(h, i * 1000);
	if (hb_hist_encode(h, &text, NULL))
		return 1;
	phase("run");
	metric("value", "1");
	say("{\"t\":\"hist\",\"name\":\"latency_response\",\"data\":\"%s\"}", text);
	free(text);
	hb_hist_destroy(h);
	phase("verify");
	return done();
}

static int litter(void)
{
	if (system("mkdir -p $TMPDIR/a/b && touch $TMPDIR/a/b/c && chmod 0 $TMPDIR/a/b") != 0)
		return 1;
	return honest("1");
}

static int slow(void)
{
	phase("run");
	pause_ms(1500);
	metric("value", "1");
	phase("verify");
	return done();
}

static const struct behaviour {
	const char *name, *role, *digest_class;
	int (*run)(void);
} behaviours[] = {
	{"good", "baseline", "same", good},
	{"chatty", "idea", "", chatty},
	{"crash", "idea", "", crash},
	{"deaf", "idea", "", deaf},
	{"early-metric", "idea", "", early_metric},
	{"exit-three", "idea", "", exit_three},
	{"fail-run", "idea", "", fail_run},
	{"fail-setup", "idea", "", fail_setup},
	{"fail-verify", "idea", "", fail_verify},
	{"flood-output", "idea", "", flood_output},
	{"flood-result", "idea", "", flood_result},
	{"garbage", "idea", "", garbage},
	{"hang", "idea", "", hang},
	{"hist", "idea", "", hist},
	{"huge", "idea", "", huge},
	{"litter", "idea", "", litter},
	{"long-line", "idea", "", long_line},
	{"missing-metric", "idea", "", missing_metric},
	{"no-done", "idea", "", no_done},
	{"not-a-number", "idea", "", not_a_number},
	{"overload", "idea", "", overload},
	{"silent", "idea", "", silent},
	{"skip", "idea", "", skip},
	{"slow", "idea", "", slow},
	{"stray", "idea", "", stray},
	{"twice", "idea", "", twice},
	{"unknown-metric", "idea", "", unknown_metric},
	{"wrong-digest", "idea", "same", wrong_digest},
	{"wrong-hello", "idea", "", wrong_hello},
};

#define BEHAVIOURS (sizeof(behaviours) / sizeof(behaviours[0]))

/* ---- experiments that work ---- */

static int64_t param(const struct arguments *a, const char *key, int64_t fallback)
{
	size_t length = strlen(key);

	for (const char *at = a->params; at && *at; at += strcspn(at, ";"), at += *at == ';')
		if (!strncmp(at, key, length) && at[length] == '=')
			return strtoll(at + length + 1, NULL, 10);
	return fallback;
}

/* The runner names a trial's folder by its sequence number. */
static uint64_t sequence(const struct arguments *a)
{
	const char *slash = a->tmpdir ? strrchr(a->tmpdir, '/') : NULL;

	return slash ? strtoull(slash + 1, NULL, 10) : 0;
}

static int trivial(const struct arguments *a)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "%llu", (unsigned long long)(a->seed % 1000 + 1));
	return honest(text);
}

/* A lognormal value with a known ratio; of heavy tails, one trial in ten has ten times the noise. */
static int synthetic(const struct arguments *a)
{
	double ratio = (double)param(a, "ratio_ppm", 1000000) / 1e6;
	double noise = (double)param(a, "noise_ppm", 30000) / 1e6;
	struct hb_rng rng;
	char text[40];

	/* Control and baseline get the same seed and must differ: the sequence number tells them apart. */
	hb_rng_init(&rng, a->seed, sequence(a));
	if (strstr(a->params, "tail=heavy") && hb_rng_double(&rng) < 0.1)
		noise *= 10;
	double value = exp(log(1e6) + noise * hb_rng_normal(&rng) +
			   (strcmp(a->variant, "idea") ? 0 : log(ratio)));

	(void)snprintf(text, sizeof(text), "%.17g", value);
	return honest(text);
}

static int noisy(const struct arguments *a)
{
	phase("run");
	metric("value", "1");
	usage(sequence(a) < (uint64_t)param(a, "steal_first", 3) ? 50000 : 0);
	phase("verify");
	return done();
}

static int unpredictable(const struct arguments *a)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "%llu", (unsigned long long)sequence(a));
	return honest(text);
}

static const struct experiment {
	const char *name, *params, *variants, *sweep;
	int (*run)(const struct arguments *a);
	int blocks;
	bool exact, quiet;
	const char *basis, *trial_ms, *memory_bytes;
} experiments[] = {
	{"trivial", "n", "plain,other", "n=1", trivial, 12, true, true, "count", "1", "1048576"},
	{"trivial-wall", "n", "plain,other", "n=1", trivial, 12, false, false, "wall", "1",
		"1048576"},
	{"synthetic", "noise_ppm,ratio_ppm,tail", "base,idea",
		"noise_ppm=30000;ratio_ppm=1100000;tail=none", synthetic, 12, false, true, "wall",
		"1", "1048576"},
	{"noisy", "steal_first", "plain,other", "steal_first=3", noisy, 2, false, false, "wall",
		"1", "1048576"},
	{"random", "n", "plain,other", "n=1", unpredictable, 6, true, true, "count", "1",
		"1048576"},
	{"giant", "n", "plain,other", "n=1", trivial, 6, true, true, "count", "1",
		"1152921504606846976"},
};

#define EXPERIMENTS (sizeof(experiments) / sizeof(experiments[0]))

/* ---- tables ---- */

static void print_experiment(const struct experiment *e)
{
	char names[128], *save = NULL;
	const char *comma = "";

	printf(",{\"name\":\"%s\",\"question\":\"Is it so?\",\"blocks\":%d,\"unseeded\":false,"
	       "\"quiet\":%s,\"roles\":[],\"chart\":{\"x\":\"\",\"facet\":\"\",\"metric\":"
	       "\"value\","
	       "\"log_x\":false,\"log_y\":false},\"params\":[",
		e->name, e->blocks, e->quiet ? "true" : "false");
	(void)snprintf(names, sizeof(names), "%s", e->params);
	for (char *name = strtok_r(names, ",", &save); name; name = strtok_r(NULL, ",", &save)) {
		printf("%s{\"name\":\"%s\",\"type\":\"%s\",\"unit\":\"1\",\"help\":\"\",\"sweep\":["
		       "\"1\"],"
		       "\"sweep_quick\":[\"1\"],\"sweep_full\":[\"1\"]}",
			comma, name, strcmp(name, "tail") ? "int" : "text");
		comma = ",";
	}
	printf("],\"metrics\":[{\"name\":\"value\",\"unit\":\"%s\",\"help\":\"\",\"better\":"
	       "\"lower\","
	       "\"basis\":\"%s\",\"exact\":%s,\"optional\":false,\"min_effect\":\"%s\"}],"
	       "\"variants\":[",
		strcmp(e->basis, "wall") ? "1" : "ns", e->basis, e->exact ? "true" : "false",
		e->exact ? "0" : "0.03");
	(void)snprintf(names, sizeof(names), "%s", e->variants);
	comma = "";
	for (char *name = strtok_r(names, ",", &save); name; name = strtok_r(NULL, ",", &save)) {
		printf("%s{\"name\":\"%s\",\"role\":\"%s\",\"help\":\"\",\"digest_class\":\"\"}",
			comma, name, *comma ? "idea" : "baseline");
		comma = ",";
	}
	printf("],\"claims\":[{\"name\":\"%s-claim\",\"text\":\"It is "
	       "so.\",\"paper\":\"\",\"section\":"
	       "\"\",\"metric\":\"value\",\"variant\":\"%s\",\"where\":\"\",\"against_variant\":\"%"
	       "s\","
	       "\"against_where\":\"\",\"lo\":\"0.5\",\"hi\":\"2\",\"needs\":\"\",\"headline\":%s}]"
	       "}",
		e->name, strchr(e->variants, ',') + 1, "",
		strcmp(e->name, "trivial") ? "false" : "true");
}

static int describe(void)
{
	printf("{\"schema\":\"hotbed.describe/1\",\"subproject\":\"fake\",\"version\":\"1\","
	       "\"experiments\":[{\"name\":\"behave\",\"question\":\"Does it?\",\"blocks\":6,"
	       "\"unseeded\":false,\"quiet\":true,\"roles\":[],\"chart\":{},\"params\":[],"
	       "\"metrics\":["
	       "{\"name\":\"value\",\"unit\":\"1\",\"help\":\"\",\"better\":\"lower\",\"basis\":"
	       "\"count\",\"exact\":true,\"optional\":false,\"min_effect\":\"0\"}],\"variants\":[");
	for (size_t i = 0; i < BEHAVIOURS; i++)
		printf("%s{\"name\":\"%s\",\"role\":\"%s\",\"help\":\"\",\"digest_class\":\"%s\"}",
			i ? "," : "", behaviours[i].name, behaviours[i].role,
			behaviours[i].digest_class);
	printf("],\"claims\":[]}");
	for (size_t i = 0; i < EXPERIMENTS; i++)
		print_experiment(&experiments[i]);
	printf("]}\n");
	return 0;
}

static void print_point(const char *params, const struct experiment *e, bool *first)
{
	printf("%s{\"params\":\"%s\",\"memory_bytes\":\"%s\",\"trial_ms\":\"%s\"}",
		*first ? "" : ",", params, e ? e->memory_bytes : "1048576", e ? e->trial_ms : "1");
	*first = false;
}

/* --set "n=1,2,3" gives a point each; of several parameters the values stand in the sweep's order, one point. */
static void print_points(const struct experiment *e, const char *set)
{
	bool first = true;
	char text[65536], params[256], *save = NULL;

	if (!e || !set) {
		print_point(e ? e->sweep : "", e, &first);
		return;
	}
	(void)snprintf(text, sizeof(text), "%s", set);
	if (strchr(e->params, ',')) {
		for (char *c = text; *c; c++)
			if (*c == ',')
				*c = ';';
		print_point(text, e, &first);
		return;
	}
	char *values = strchr(text, '=') + 1;

	for (char *v = strtok_r(values, ",", &save); v; v = strtok_r(NULL, ",", &save)) {
		(void)snprintf(params, sizeof(params), "%s=%s", e->params, v);
		print_point(params, e, &first);
	}
}

static int points(const struct arguments *a)
{
	const struct experiment *e = NULL;

	for (size_t i = 0; i < EXPERIMENTS; i++)
		if (!strcmp(experiments[i].name, a->experiment))
			e = &experiments[i];
	if (a->set && strstr(a->set, "=refused")) {
		(void)fprintf(stderr, "hotbed-fake: n=refused: a number is expected\n");
		return 2;
	}
	printf("{\"schema\":\"hotbed.points/1\",\"experiment\":\"%s\",\"points\":[", a->experiment);
	print_points(e, a->set);
	printf("]}\n");
	return 0;
}

static int trial(const struct arguments *a)
{
	if (!strcmp(a->experiment, "behave")) {
		for (size_t i = 0; i < BEHAVIOURS; i++) {
			if (strcmp(behaviours[i].name, a->variant) != 0)
				continue;
			if (behaviours[i].run != silent && behaviours[i].run != wrong_hello)
				hello(a);
			return behaviours[i].run();
		}
		return 2;
	}
	hello(a);
	if (a->sabotage)
		return fail_verify();
	for (size_t i = 0; i < EXPERIMENTS; i++)
		if (!strcmp(experiments[i].name, a->experiment))
			return experiments[i].run(a);
	return 2;
}

int main(int argc, char **argv)
{
	struct arguments a = {.params = "", .experiment = "", .variant = ""};
	const char *mode = argc > 1 ? argv[1] : "";

	for (int i = 1; i < argc; i++) {
		const char *next = i + 1 < argc ? argv[i + 1] : "";

		if (!strcmp(argv[i], "--experiment") || !strcmp(argv[i], "--points"))
			a.experiment = next;
		else if (!strcmp(argv[i], "--variant"))
			a.variant = next;
		else if (!strcmp(argv[i], "--params"))
			a.params = next;
		else if (!strcmp(argv[i], "--tmpdir"))
			a.tmpdir = next;
		else if (!strcmp(argv[i], "--set"))
			a.set = next;
		else if (!strcmp(argv[i], "--seed"))
			a.seed = strtoull(next, NULL, 10);
		else if (!strcmp(argv[i], "--result-fd"))
			result = fdopen((int)strtol(next, NULL, 10), "w");
		else if (!strcmp(argv[i], "--sabotage"))
			a.sabotage = true;
	}
	if (!strcmp(mode, "--describe"))
		return describe();
	if (!strcmp(mode, "--points"))
		return points(&a);
	if (strcmp(mode, "--trial") != 0 || !result)
		return 2;
	return trial(&a);
}
