/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Would the comparison with real shells notice a wrong transfer function? The interpreter is built with mistakes that
 * can be switched on; the shells run once, and then each mistake must lose a concrete run. Exit 77 without a sandbox.
 *
 * With sanitizers, which look for other errors than these and are slow, a mistake in words is made, and fewer cases.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <hotbed/error.h>
#include <hotbed/sanitizer.h>

#include "contain_script.h"
#include "mistake.h"

enum {
	WORDS = HB_IS_SANITIZED ? 500 : 2000,
	SCRIPTS = HB_IS_SANITIZED ? 300 : 3000,
	/* Scripts of bash about attributes. */
	DECLARING = HB_IS_SANITIZED ? 0 : 600,
	CASES = WORDS + SCRIPTS + DECLARING,
	BATCH = 50,
	/* With sanitizers those in words alone, which show soon. */
	MISTAKE_MADE_MAX = HB_IS_SANITIZED ? (int)MISTAKE_ERREXIT_IGNORED : (int)MISTAKE_COUNT,
	MISTAKE_STRIDE = HB_IS_SANITIZED ? 25 : 1,
};

enum mistake shc_mistake;

static struct shc_oracle_case cases[CASES];
static struct shc_oracle_outcome outcomes[CASES];

/* Words come first, then scripts. */
static enum shc_oracle_shell shell_of(size_t index)
{
	if (index >= WORDS + SCRIPTS)
		return SHC_ORACLE_BASH;
	return index / BATCH & 1 ? SHC_ORACLE_BASH : SHC_ORACLE_DASH;
}

static int run_shells(struct shc_oracle *oracle, uint64_t seed)
{
	struct hb_error error = {0};

	for (size_t i = 0; i < CASES; i++) {
		bool bash = shell_of(i) == SHC_ORACLE_BASH;

		if (i < WORDS ? shc_oracle_generate(seed, i, bash, &cases[i])
			: i < WORDS + SCRIPTS
				? shc_oracle_generate_script(seed, i, bash, &cases[i])
				: shc_oracle_generate_attributes(seed, i, bash, &cases[i]))
			return -ENOMEM;
	}
	for (size_t i = 0; i < CASES; i += BATCH) {
		int r = shc_oracle_run(oracle, shell_of(i), &cases[i], BATCH, &outcomes[i], &error);

		/* One of the scripts has overwritten the file that they are run from: the batch says nothing. */
		if (r == -EPROTO && i >= WORDS) {
			memset(&outcomes[i], 0, BATCH * sizeof(*outcomes));
			continue;
		}
		if (r) {
			(void)printf("the oracle failed: %s\n", error.text);
			return r;
		}
	}
	return 0;
}

static bool is_lost(size_t i)
{
	enum shc_dialect dialect = shell_of(i) == SHC_ORACLE_BASH ? SHC_BASH : SHC_DASH;

	return (i < WORDS ? contain_check(&cases[i], &outcomes[i], dialect)
			  : contain_script_check(&cases[i], &outcomes[i], dialect, NULL)) >
	       CONTAIN_UNDECIDED;
}

/*
 * Is a case lost that is not lost without @mistake? What is wrong in commands shows in scripts sooner. Cases that are
 * lost anyway are a matter of shcheck-differential and shcheck-points.
 */
static bool any_lost(enum mistake mistake)
{
	/* Those before attributes were looked at show soonest in the scripts that are about everything. */
	size_t end = mistake < MISTAKE_INTEGER_IS_TEXT ? WORDS + SCRIPTS : CASES;

	for (size_t i = end; i-- > 0;) {
		bool lost;

		shc_mistake = mistake;
		lost = is_lost(i);
		shc_mistake = MISTAKE_NONE;
		if (lost && !is_lost(i))
			return true;
	}
	return false;
}

/* In a child: a mistake that runs into an assertion or a loop ends nothing else, and has been noticed. */
static bool is_noticed(enum mistake mistake)
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		(void)alarm(30);
		_exit(any_lost(mistake));
	}
	if (child < 0 || waitpid(child, &status, 0) != child)
		return false;
	return !WIFEXITED(status) || WEXITSTATUS(status) != 0;
}

int main(void)
{
	const char *text = getenv("HB_SEED");
	uint64_t seed = text ? strtoull(text, NULL, 10) : 1;
	struct hb_error error = {0};
	struct shc_oracle *oracle;
	int missed = 0, made = 0, r = shc_oracle_create(&oracle, &error);

	if (r == -EPERM || r == -ENOSYS) {
		(void)printf("skip: needs user namespaces (%s)\n", error.text);
		return 77;
	}
	(void)printf("HB_SEED=%" PRIu64 "\n", seed);
	if (!r)
		r = run_shells(oracle, seed);
	shc_oracle_destroy(oracle);
	if (r)
		return 1;
	for (int mistake = MISTAKE_NONE + 1; mistake < MISTAKE_MADE_MAX;
		mistake += MISTAKE_STRIDE) {
		made++;
		if (is_noticed((enum mistake)mistake))
			continue;
		(void)printf("mistake %d goes unnoticed\n", mistake);
		missed++;
	}
	(void)printf("%d of %d mistakes are noticed\n", made - missed, made);
	for (size_t i = 0; i < CASES; i++) {
		shc_oracle_outcome_finish(&outcomes[i]);
		shc_oracle_case_finish(&cases[i]);
	}
	return missed > 0;
}
