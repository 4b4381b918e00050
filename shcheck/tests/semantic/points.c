/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Random scripts, run by dash and bash in the sandbox, go through states that lie inside the abstract ones at every
 * sampled point (invariant I1). HB_SEED chooses the sequence; HB_NIGHTLY makes it long; HB_SCRIPTS says where it ends,
 * HB_FIRST where it begins, and HB_SECONDS after which time it stops, saying where to go on. What is lost is shrunk and
 * shown, HB_SHOWN scripts at most; HB_LOSSES lost ones end the run. Exit 77 without a sandbox.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <hotbed/error.h>
#include <hotbed/sanitizer.h>

#include "contain_script.h"

enum {
	SCRIPTS = HB_IS_SANITIZED ? 250 : 600,
	SCRIPTS_NIGHTLY = 20000,
	SHOWN_MAX = 12,
	RENEWED_MAX = 5,
	UNREADABLE_MAX = 20
};

static const enum shc_dialect dialects[] = {SHC_DASH, SHC_BASH};
static const char *const names[] = {"dash", "bash"};
static uint64_t counts[CONTAIN_FAILED + 1], points, shown_max;

static double analysis_seconds;

static double seconds_now(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void show(struct shc_oracle *oracle, enum shc_oracle_shell shell,
	struct shc_oracle_case *one, uint64_t index)
{
	struct contain_loss loss = {0};
	char *text = NULL, *printed;

	if (contain_script_shrink(oracle, shell, one, &text, &loss))
		return;
	printed = shc_oracle_case_print(one);
	(void)printf("---- %s, script %" PRIu64 ": point %u not held in %u states: %s\n%s",
		names[shell], index, loss.point, loss.visits, loss.text, printed ? printed : "?");
	(void)printf("# the analysis is not told:%s", one->arguments_unknown ? " arguments" : "");
	for (size_t i = 0; i < one->variables_count; i++)
		if (one->variables[i].unknown && !one->variables[i].left)
			(void)printf(" %s", one->variables[i].name);
	(void)putchar('\n');
	free(printed);
	free(text);
}

/*
 * A sandbox that has ended, for want of memory or by what a script did, is made anew a few times. Returns 0, 1 when
 * what the script did is not known, or a negative error.
 */
static int run(struct shc_oracle **oracle, enum shc_oracle_shell shell,
	const struct shc_oracle_case *one, struct shc_oracle_outcome *ret)
{
	static unsigned renewed, unreadable;
	struct hb_error error = {0};
	int r = shc_oracle_run(*oracle, shell, one, 1, ret, &error);

	while (r == -ECHILD && renewed < RENEWED_MAX) {
		renewed++;
		(void)printf("the sandbox has ended; a new one is made\n");
		shc_oracle_destroy(*oracle);
		*oracle = NULL;
		r = shc_oracle_create(oracle, &error);
		if (!r)
			r = shc_oracle_run(*oracle, shell, one, 1, ret, &error);
	}
	/* A few scripts overwrite the file that they are run from (by $0): nobody knows what they did then. */
	if (r == -EPROTO && ++unreadable <= UNREADABLE_MAX)
		return 1;
	if (r)
		(void)printf("the oracle failed: %s\n", error.text);
	return r;
}

static int check(struct shc_oracle **oracle, uint64_t seed, uint64_t index)
{
	enum shc_oracle_shell shell = index & 1 ? SHC_ORACLE_BASH : SHC_ORACLE_DASH;
	struct shc_oracle_outcome outcome;
	struct contain_loss loss = {0};
	enum contain_verdict verdict;
	struct shc_oracle_case one;
	double before;
	int r = shc_oracle_generate_script(seed, index, shell == SHC_ORACLE_BASH, &one);

	if (r)
		return r;
	r = run(oracle, shell, &one, &outcome);
	if (r) {
		counts[CONTAIN_UNDECIDED] += r > 0;
		shc_oracle_case_finish(&one);
		return r < 0 ? r : 0;
	}
	before = seconds_now();
	verdict = contain_script_check(&one, &outcome, dialects[shell], &loss);
	analysis_seconds += seconds_now() - before;
	counts[verdict]++;
	points += outcome.snapshots_count;
	if (verdict > CONTAIN_UNDECIDED)
		(void)printf("%s, script %" PRIu64 ": point %u not held in %u states: %s\n",
			names[shell], index, loss.point, loss.visits, loss.text);
	if (verdict > CONTAIN_UNDECIDED && counts[CONTAIN_POINT] <= shown_max)
		show(*oracle, shell, &one, index);
	shc_oracle_outcome_finish(&outcome);
	shc_oracle_case_finish(&one);
	return 0;
}

static uint64_t number(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 10) : otherwise;
}

int main(void)
{
	uint64_t seed = number("HB_SEED", 1);
	uint64_t scripts = number("HB_SCRIPTS", getenv("HB_NIGHTLY") ? SCRIPTS_NIGHTLY : SCRIPTS);
	uint64_t at = number("HB_FIRST", 0), seconds = number("HB_SECONDS", 0);
	uint64_t losses_max = number("HB_LOSSES", UINT64_MAX);
	double began = seconds_now();
	struct hb_error error = {0};
	struct shc_oracle *oracle;
	int r = shc_oracle_create(&oracle, &error);

	if (r == -EPERM || r == -ENOSYS) {
		(void)printf("skip: needs user namespaces (%s)\n", error.text);
		return 77;
	}
	if (r) {
		(void)printf("%s\n", error.text);
		return 1;
	}
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	shown_max = number("HB_SHOWN", SHOWN_MAX);
	(void)printf("HB_SEED=%" PRIu64 "\n", seed);
	for (; at < scripts && !r && counts[CONTAIN_POINT] < losses_max &&
		(!seconds || seconds_now() - began < (double)seconds);
		at++)
		r = check(&oracle, seed, at);
	shc_oracle_destroy(oracle);
	(void)printf("%" PRIu64 " points; scripts: held %" PRIu64 ", undecided %" PRIu64
		     ", lost %" PRIu64 ", not analysed %" PRIu64 "\n",
		points, counts[CONTAIN_HELD], counts[CONTAIN_UNDECIDED], counts[CONTAIN_POINT],
		counts[CONTAIN_FAILED]);
	(void)printf("next: HB_FIRST=%" PRIu64 "; %.1f s, of which the analysis took %.1f s\n", at,
		seconds_now() - began, analysis_seconds);
	return r || counts[CONTAIN_POINT] || counts[CONTAIN_FAILED] || !counts[CONTAIN_HELD];
}
