/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Does the comparison of `spork check` find every fault that an executor could have? Generated programs,
 * whose reports are files, run twice as they are and once with the fault; each fault must be found in one
 * of them, and no fault in none.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <hotbed/error.h>

#include "batch.h"
#include "compare.h"
#include "observe.h"
#include "programs.h"
#include "saboteurs.h"

#define CASES 60
#define TRIES 3
#define SEED 1
#define PATH_BYTES 4096

struct stage {
	char folder[256], origin[512], place[512], program[512];
	struct spork_observation native[CASES][2];
};

static int observe(const struct stage *stage, int number, const char *saboteur,
	struct spork_observation *ret, struct hb_error *reterr)
{
	char number_text[16], program[512], preload[PATH_BYTES], fault[128];
	char rounds[] = "1", probe[] = PROBE, probe_static[] = PROBE_STATIC;
	char *command[] = {program, number_text, rounds, probe, probe_static, NULL};
	char path[] = "PATH=/usr/bin:/bin", beta[] = "BETA=given";
	char *environment[] = {path, beta, preload, fault, NULL};
	const struct spork_observer observer = {.command = command,
		.origin = stage->origin,
		.place = stage->place,
		.stage = stage->folder,
		.timeout_s = 20,
		.environment = environment};

	(void)snprintf(program, sizeof(program), "%s", stage->program);
	(void)snprintf(number_text, sizeof(number_text), "%d", number);
	(void)snprintf(preload, sizeof(preload), "LD_PRELOAD=%s", SABOTEUR_LIBRARY);
	(void)snprintf(fault, sizeof(fault), "ORACLE_SABOTEUR=%s", saboteur);
	return spork_observe(&observer, ret, reterr);
}

/* Differences between one run of a case with the fault and those without; -1 on an error. */
static int compare_case(
	struct stage *stage, int number, const char *saboteur, struct hb_error *reterr)
{
	struct spork_observation tested;
	struct spork_finding *findings = NULL;
	size_t count = 0;
	int different;

	if (observe(stage, number, saboteur, &tested, reterr))
		return -1;
	different = spork_compare(&stage->native[number][0], &stage->native[number][1], &tested,
		false, &findings, &count);
	spork_findings_finish(findings, count);
	spork_observation_finish(&tested);
	return different < 0 ? -1 : different;
}

/* The case in which the fault is found every time, CASES if in none, -1 on an error. */
static int find_fault(struct stage *stage, const char *saboteur, struct hb_error *reterr)
{
	for (int number = 0; number < CASES; number++) {
		int different = 1;

		/* Once may be a race of the case itself. */
		for (int i = 0; i < TRIES && different > 0; i++)
			different = compare_case(stage, number, saboteur, reterr);
		if (different < 0)
			return -1;
		if (different > 0)
			return number;
	}
	return CASES;
}

static int prepare(struct stage *stage, struct hb_error *reterr)
{
	struct oracle_build build = oracle_builds[1];
	int err;

	(void)snprintf(stage->folder, sizeof(stage->folder), "%s/spork-saboteurs.XXXXXX",
		getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	if (!mkdtemp(stage->folder) || chmod(stage->folder, 0755))
		return hb_error_set_at(reterr, -errno, stage->folder, 0, "%s", strerror(errno));
	(void)snprintf(stage->origin, sizeof(stage->origin), "%s/origin", stage->folder);
	(void)snprintf(stage->place, sizeof(stage->place), "%s/work", stage->folder);
	(void)snprintf(stage->program, sizeof(stage->program), "%s/%s", stage->folder, build.name);
	err = oracle_prepare(stage->origin);
	if (!err)
		err = oracle_compile(&build, stage->folder, SEED, 0, CASES);
	if (err)
		return hb_error_set(reterr, err, "the cases cannot be made: %s", strerror(-err));
	for (int number = 0; number < CASES && !err; number++) {
		for (int i = 0; i < 2 && !err; i++)
			err = observe(stage, number, "none", &stage->native[number][i], reterr);
	}
	return err;
}

static int judge_all(struct stage *stage, struct hb_error *reterr)
{
	char names[] = ORACLE_SABOTEURS "," LEDGER_SABOTEURS, *save = NULL;
	int bad = 0, count = 0;

	for (char *name = strtok_r(names, ",", &save); name; name = strtok_r(NULL, ",", &save)) {
		int found;
		bool right;

		if (strstr(LEDGER_SABOTEURS, name) && stage->native[0][0].ledger.absent) {
			(void)printf("%-28s skip: needs the process connector\n", name);
			continue;
		}
		found = find_fault(stage, name, reterr);
		right = strcmp(name, "none") == 0 ? found == CASES : found >= 0 && found < CASES;

		(void)printf("%-28s %s %d%s\n", name,
			found == CASES ? "in none of" : "found in case", found,
			right ? "" : ", WRONG");
		if (found < 0)
			return -1;
		bad += !right;
		count++;
	}
	return count < 20 ? 1 : bad;
}

int main(void)
{
	static struct stage stage;
	struct hb_error error = {0};
	int bad = prepare(&stage, &error);

	if (!bad)
		bad = judge_all(&stage, &error);
	if (error.code)
		(void)fprintf(stderr, "%s: %s\n", error.path, error.text);
	for (int number = 0; number < CASES; number++) {
		for (int i = 0; i < 2; i++)
			spork_observation_finish(&stage.native[number][i]);
	}
	spork_remove_folder(stage.folder);
	return bad != 0;
}
