/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * shcheck/automata: one operation with minimisation, on languages of paths as scripts have them and on the expression
 * whose deterministic automaton is exponential. Results are verified against fnmatch(3) and by counting letters.
 */
#include "experiments.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include <hotbed/clock.h>
#include <hotbed/rng.h>
#include <hotbed/trial.h>

#include "automata_engine.h"

static const char *const paths[] = {
	"/home/*/.cache/*",
	"/home/*/.config/*/settings.json",
	"/usr/share/*/lib*.so",
	"/tmp/build-*/*.o",
	"/var/lib/dpkg/info/*.list",
	"/*/*/*",
	"/home/*/*/*.json",
	"/*/*build*/*",
};

#define PATH_COUNT (sizeof(paths) / sizeof(paths[0]))
#define PAIR_COUNT (PATH_COUNT * (PATH_COUNT - 1))
#define ROUNDS 100
#define SAMPLES 2000

static const struct automata_engine *engine;
static void *languages[PATH_COUNT], *results[PATH_COUNT][PATH_COUNT];
static int blow_up; /* count of the expression, 0 = paths */
static bool sabotaged;

static int probe(struct hb_trial *trial)
{
	engine = hb_trial_data(trial);
	return engine->available ? 0 : hb_trial_skip(trial, "needs libfoma-dev");
}

static int setup(struct hb_trial *trial)
{
	const char *name = hb_params_text(hb_trial_params(trial), "languages");

	if (!engine->open())
		return hb_trial_fail(trial, "the library cannot be opened");
	if (sscanf(name, "blow-up-%d", &blow_up) == 1)
		return 0;
	for (size_t i = 0; i < PATH_COUNT; i++) {
		languages[i] = engine->pattern(paths[i]);
		if (!languages[i])
			return hb_trial_fail(trial, "the pattern %s was refused", paths[i]);
	}
	return 0;
}

static int sabotage(struct hb_trial *trial)
{
	(void)trial;
	sabotaged = true;
	return 0;
}

/* What is kept for verification is the last round's. */
static bool round_of_pairs(void)
{
	for (size_t i = 0; i < PATH_COUNT; i++) {
		for (size_t j = 0; j < PATH_COUNT; j++) {
			if (i == j)
				continue;
			if (results[i][j])
				engine->release(results[i][j]);
			results[i][j] = engine->intersect(languages[i], languages[j]);
			if (!results[i][j])
				return false;
		}
	}
	return true;
}

static bool complement_of_blow_up(void)
{
	languages[0] = engine->blow_up(blow_up);
	results[0][0] = languages[0] ? engine->complement(languages[0]) : NULL;
	return results[0][0] != NULL;
}

static int run(struct hb_trial *trial)
{
	int rounds = hb_trial_is_quick(trial) ? ROUNDS / 10 : ROUNDS;
	int64_t start, elapsed;
	uint64_t count;
	bool done = true;

	if (blow_up)
		rounds = 1;
	start = hb_clock_now_ns();
	for (int i = 0; i < rounds && done; i++) {
		done = blow_up ? complement_of_blow_up() : round_of_pairs();
	}
	elapsed = hb_clock_now_ns() - start;
	if (!done)
		return hb_trial_fail(trial, "an operation gave up");
	count = blow_up ? 1 : (uint64_t)rounds * PAIR_COUNT;
	hb_trial_metric(trial, "operation", (double)elapsed / (double)count, count);
	return 0;
}

/* A path that often matches: a pattern with random text for its stars. */
static void sample_path(struct hb_rng *rng, char *ret, size_t size)
{
	static const char *const texts[] = {
		"a", "", "x.json", ".cache", "build", "lib.so", "a/b", "home"};
	const char *pattern = paths[hb_rng_below(rng, PATH_COUNT)];
	size_t used = 0;

	for (; *pattern && used + 1 < size; pattern++) {
		if (*pattern == '*')
			used += (size_t)snprintf(ret + used, size - used, "%s",
				texts[hb_rng_below(rng, sizeof(texts) / sizeof(texts[0]))]);
		else
			used += (size_t)snprintf(ret + used, size - used, "%c", *pattern);
	}
}

static int verify_paths(struct hb_trial *trial, struct hb_rng *rng)
{
	uint64_t matched = 0;

	for (int s = 0; s < SAMPLES; s++) {
		size_t i = hb_rng_below(rng, PATH_COUNT), j = hb_rng_below(rng, PATH_COUNT - 1);
		char text[128];
		bool expected, found;

		j += j >= i;
		sample_path(rng, text, sizeof(text));
		expected = fnmatch(paths[i], text, FNM_PATHNAME) == 0 &&
			   fnmatch(paths[j], text, FNM_PATHNAME) == 0;
		found = engine->matches(
			sabotaged ? languages[i] : results[i][j], text, strlen(text));
		if (found != expected)
			return hb_trial_fail(trial, "%s and %s: %s should %sbe in both", paths[i],
				paths[j], text, expected ? "" : "not ");
		matched += expected;
	}
	if (!matched)
		return hb_trial_fail(trial, "no sample was in two languages");
	hb_trial_digest(trial, &matched, sizeof(matched));
	return 0;
}

static int verify_blow_up(struct hb_trial *trial, struct hb_rng *rng)
{
	uint64_t matched = 0;

	for (int s = 0; s < SAMPLES; s++) {
		char text[64];
		int length = (int)hb_rng_below(rng, 40);
		bool expected, found;

		for (int i = 0; i < length; i++)
			text[i] = hb_rng_below(rng, 2) ? 'a' : 'b';
		expected = length <= blow_up || text[length - 1 - blow_up] != 'a';
		found = engine->matches(
			sabotaged ? languages[0] : results[0][0], text, (size_t)length);
		if (found != expected)
			return hb_trial_fail(trial, "%.*s should %sbe in the complement", length,
				text, expected ? "" : "not ");
		matched += expected;
	}
	hb_trial_digest(trial, &matched, sizeof(matched));
	return 0;
}

static int verify(struct hb_trial *trial)
{
	struct hb_rng rng;

	hb_rng_init(&rng, hb_trial_seed(trial), 0);
	return blow_up ? verify_blow_up(trial, &rng) : verify_paths(trial, &rng);
}

static int teardown(struct hb_trial *trial)
{
	(void)trial;
	if (engine && engine->close)
		engine->close();
	return 0;
}

static uint64_t memory_bytes(const struct hb_params *params)
{
	(void)params;
	return (uint64_t)512 << 20;
}

static uint64_t trial_ms(const struct hb_params *params)
{
	return strcmp(hb_params_text(params, "languages"), "blow-up-16") == 0 ? 2000 : 700;
}

static const struct hb_param params[] = {
	{
		.name = "languages",
		.type = HB_PARAM_TEXT,
		.unit = "1",
		.help = "paths: intersections of pairs of path patterns; blow-up-N: the complement "
			"of "
			"(a|b)*a(a|b){N}",
		.sweep = "paths,blow-up-8,blow-up-12,blow-up-16",
		.sweep_quick = "paths,blow-up-8",
	},
	{.name = NULL},
};

static const struct hb_metric metrics[] = {
	{
		.name = "operation",
		.unit = "ns",
		.help = "time of one operation, the minimisation of its result included",
		.better = HB_BETTER_LOWER,
		.basis = HB_BASIS_WALL,
	},
	{.name = NULL},
};

#define VARIANT(name_, role_, help_, data_)                                                     \
	{                                                                                       \
		.name = (name_), .role = (role_), .help = (help_), .digest_class = "languages", \
		.probe = probe, .setup = setup, .run = run, .verify = verify,                   \
		.teardown = teardown, .sabotage = sabotage, .data = (data_),                    \
	}

static const struct hb_variant variants[] = {
	VARIANT("foma", HB_ROLE_BASELINE, "libfoma; operands are copied, because it uses them up",
		&engine_foma),
	VARIANT("shcheck", HB_ROLE_IDEA, "the automata core of shcheck, its cache off",
		&engine_shcheck),
	{.name = NULL},
};

static const struct hb_claim claims[] = {
	{
		.name = "automata-paths",
		.text = "An intersection of two languages of paths takes at most half as long as "
			"with "
			"libfoma.",
		.paper = "Hotbed",
		.section = "",
		.metric = "operation",
		.variant = "shcheck",
		.where = "languages=paths",
		.lo = 0,
		.hi = 0.5,
		.needs = "libfoma-dev",
	},
	{.name = NULL},
};

const struct hb_experiment shcheck_automata = {
	.name = "automata",
	.question = "How fast are operations on the languages of paths?",
	.params = params,
	.metrics = metrics,
	.variants = variants,
	.claims = claims,
	.chart = {.x = "languages", .metric = "operation", .log_y = true},
	.memory_bytes = memory_bytes,
	.trial_ms = trial_ms,
};
