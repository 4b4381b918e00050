/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The scripts with known bugs: what is due is found, fixed versions are silent, twice the same. The floors only rise.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "labelled.h"

enum { FINDINGS_MAX = 256 };

/* What must hold of one half of the corpus, in per cent of what is due, and in fixed scripts that are reported. */
struct floor {
	const char *folder;
	uint32_t buggy, rewrite, fixed_reported_max;
};

static const struct floor floors[] = {
	{"blind", 100, 100, 0},
	{"seen", 100, 100, 0},
	{"families", 100, 100, 0},
};

static const char *const form_names[] = {"buggy", "rewrite", "fixed"};

static int failures;

static void must(bool holds, const char *what, const char *where)
{
	if (holds)
		return;
	(void)printf("FAILED: %s: %s\n", where, what);
	failures++;
}

struct sums {
	struct labelled_score of[LABELLED_FORMS];
	uint32_t reported[LABELLED_FORMS];
};

static void judge_script(const struct labelled_scripts *scripts,
	const struct labelled_script *script, struct sums *sums)
{
	struct labelled_finding findings[FINDINGS_MAX], again[FINDINGS_MAX];
	struct labelled_score *sum = &sums->of[script->form], score;
	uint32_t classes = labelled_classes(scripts, script);
	long count = labelled_analyse(script, findings, FINDINGS_MAX);
	long count_again = labelled_analyse(script, again, FINDINGS_MAX);

	must(count >= 0 && count == count_again &&
			(!count || !memcmp(findings, again, (size_t)count * sizeof(*findings))),
		"two runs differ", script->path);
	if (count < 0)
		return;
	score = labelled_judge(script, classes, findings, (size_t)count);
	sum->due += score.due;
	sum->found += score.found;
	sum->same_class += score.same_class;
	sum->noise += score.noise;
	sums->reported[script->form] += score.same_class > 0;
	for (int i = 0; i < SHC_CLASS_COUNT; i++) {
		sum->due_of[i] += score.due_of[i];
		sum->found_of[i] += score.found_of[i];
	}
	if (score.found < score.due || score.same_class || score.noise)
		(void)printf("  %s: due %" PRIu32 ", found %" PRIu32 ", beside it %" PRIu32
			     ", noise %" PRIu32 "\n",
			script->path, score.due, score.found, score.same_class, score.noise);
}

static void print_sums(const struct sums *sums)
{
	for (int class = 0; class < SHC_CLASS_COUNT; class ++) {
		const struct labelled_score *of = sums->of;

		if (of[LABELLED_BUGGY].due_of[class] + of[LABELLED_REWRITE].due_of[class])
			(void)printf("%-18s buggy %" PRIu32 "/%" PRIu32 "  rewrite %" PRIu32
				     "/%" PRIu32 "\n",
				shc_class_name((enum shc_class) class),
				of[LABELLED_BUGGY].found_of[class],
				of[LABELLED_BUGGY].due_of[class],
				of[LABELLED_REWRITE].found_of[class],
				of[LABELLED_REWRITE].due_of[class]);
	}
	for (int form = 0; form < LABELLED_FORMS; form++)
		(void)printf("%s: found %" PRIu32 " of %" PRIu32
			     ", scripts with the class elsewhere %" PRIu32 ", noise %" PRIu32 "\n",
			form_names[form], sums->of[form].found, sums->of[form].due,
			sums->reported[form], sums->of[form].noise);
}

static void check_half(const char *corpus, const struct floor *floor)
{
	struct labelled_scripts scripts;
	struct sums sums = {0};
	char folder[200];
	const struct labelled_score *of = sums.of;

	(void)snprintf(folder, sizeof(folder), "%s/%s", corpus, floor->folder);
	(void)printf("== %s\n", floor->folder);
	if (labelled_read(folder, &scripts)) {
		must(false, "cannot be read", folder);
		return;
	}
	for (size_t i = 0; i < scripts.count; i++)
		judge_script(&scripts, &scripts.items[i], &sums);
	print_sums(&sums);
	must(of[LABELLED_BUGGY].due > 0 &&
			of[LABELLED_BUGGY].found * 100 >= of[LABELLED_BUGGY].due * floor->buggy,
		"too few of the buggy ones are found", folder);
	must(of[LABELLED_REWRITE].found * 100 >= of[LABELLED_REWRITE].due * floor->rewrite,
		"too few of the rewrites are found", folder);
	must(sums.reported[LABELLED_FIXED] <= floor->fixed_reported_max,
		"too many of the fixed ones are reported", folder);
	labelled_finish(&scripts);
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		(void)fputs("usage: bugs CORPUS\n", stderr);
		return 2;
	}
	for (size_t i = 0; i < sizeof(floors) / sizeof(*floors); i++)
		check_half(argv[1], &floors[i]);
	return failures > 0;
}
