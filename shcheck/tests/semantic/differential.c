/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Random expansions and assignments by dash and bash in the sandbox lie inside the abstract fields and states
 * (invariants I1 and I2). HB_SEED chooses the sequence; HB_NIGHTLY makes it long. Exit 77 without a sandbox.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/error.h>

#include "contain.h"

enum { BATCH = 50, BATCHES = 12, BATCHES_NIGHTLY = 400, SHOWN_MAX = 12 };

static uint32_t counts[CONTAIN_FAILED + 1], shown;

static void show(const struct shc_oracle_case *one, const struct shc_oracle_outcome *outcome,
	enum contain_verdict verdict, const char *shell)
{
	char *text;

	if (shown++ >= SHOWN_MAX)
		return;
	text = shc_oracle_case_print(one);
	(void)printf("%s: %s not held\n%s\n  concrete:", shell,
		verdict == CONTAIN_FIELDS      ? "fields"
		: verdict == CONTAIN_VARIABLES ? "variables"
					       : "analysis",
		text ? text : "?");
	for (size_t i = 0; i < outcome->count; i++)
		(void)printf(" <%s>", outcome->fields[i].bytes);
	(void)putchar('\n');
	free(text);
}

static int check_batch(struct shc_oracle *oracle, uint64_t seed, uint64_t batch)
{
	static const enum shc_dialect dialects[] = {SHC_DASH, SHC_BASH};
	static const char *const names[] = {"dash", "bash"};
	struct shc_oracle_case cases[BATCH];
	struct shc_oracle_outcome outcomes[BATCH];
	enum shc_oracle_shell shell = batch & 1 ? SHC_ORACLE_BASH : SHC_ORACLE_DASH;
	struct hb_error error = {0};
	int r;

	for (size_t i = 0; i < BATCH; i++)
		if (shc_oracle_generate(
			    seed, batch * BATCH + i, shell == SHC_ORACLE_BASH, &cases[i]))
			return -ENOMEM;
	r = shc_oracle_run(oracle, shell, cases, BATCH, outcomes, &error);
	if (r) {
		(void)printf("the oracle failed: %s\n", error.text);
		return r;
	}
	for (size_t i = 0; i < BATCH; i++) {
		enum contain_verdict verdict =
			contain_check(&cases[i], &outcomes[i], dialects[shell]);

		counts[verdict]++;
		if (verdict > CONTAIN_UNDECIDED)
			show(&cases[i], &outcomes[i], verdict, names[shell]);
		shc_oracle_outcome_finish(&outcomes[i]);
		shc_oracle_case_finish(&cases[i]);
	}
	return 0;
}

int main(void)
{
	const char *text = getenv("HB_SEED");
	uint64_t seed = text ? strtoull(text, NULL, 10) : 1;
	uint64_t batches = getenv("HB_NIGHTLY") ? BATCHES_NIGHTLY : BATCHES;
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
	(void)printf("HB_SEED=%" PRIu64 "\n", seed);
	for (uint64_t i = 0; i < batches && !r; i++)
		r = check_batch(oracle, seed, i);
	shc_oracle_destroy(oracle);
	(void)printf("held %" PRIu32 ", undecided %" PRIu32 ", fields lost %" PRIu32
		     ", variables lost %" PRIu32 ", not analysed %" PRIu32 "\n",
		counts[CONTAIN_HELD], counts[CONTAIN_UNDECIDED], counts[CONTAIN_FIELDS],
		counts[CONTAIN_VARIABLES], counts[CONTAIN_FAILED]);
	return r || counts[CONTAIN_FIELDS] || counts[CONTAIN_VARIABLES] || counts[CONTAIN_FAILED] ||
	       !counts[CONTAIN_HELD];
}
