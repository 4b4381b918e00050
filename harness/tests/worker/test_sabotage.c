/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Every variant of every experiment of every driver that was built: its quick points pass verify,
 * and fail it once the variant has been sabotaged. A driver that is added later is covered as soon
 * as it is in the manifest.
 */
#include <criterion/criterion.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <hotbed/error.h>
#include <hotbed/json.h>

#include "capture.h"

#define TRIAL_MS_MAX 120000

static int trials, skipped;

static cJSON *parse(const char *text, const char *what)
{
	struct hb_error error = {0};
	cJSON *json = NULL;

	cr_assert_eq(hb_json_parse(text, strlen(text), what, &json, &error), 0, "%s: %s", what,
		error.text);
	return json;
}

static cJSON *ask(const char *const *argv)
{
	struct capture capture = capture_program(argv, TRIAL_MS_MAX);
	cJSON *json;

	cr_assert(WIFEXITED(capture.status) && WEXITSTATUS(capture.status) == 0, "%s %s: %s",
		argv[0], argv[1], capture.error);
	json = parse(capture.out, argv[0]);
	capture_finish(&capture);
	return json;
}

/* What a trial's messages said. */
struct outcome {
	bool done, skip;
	char failed_phase[32];
	char text[512];
};

static struct outcome read_messages(char *messages, const char *what)
{
	struct outcome outcome = {0};
	char *rest = messages;

	while (rest && *rest) {
		cJSON *message = parse(strsep(&rest, "\n"), what);
		const char *kind = hb_json_text_or(message, "t", "");

		cr_assert(!outcome.done, "%s: a message after `done`", what);
		outcome.done = strcmp(kind, "done") == 0;
		outcome.skip |= strcmp(kind, "skip") == 0;
		if (strcmp(kind, "fail") == 0) {
			(void)snprintf(outcome.failed_phase, sizeof(outcome.failed_phase), "%s",
				hb_json_text_or(message, "phase", ""));
			(void)snprintf(outcome.text, sizeof(outcome.text), "%s",
				hb_json_text_or(message, "text", ""));
		}
		if (strcmp(kind, "invalid_load") == 0)
			(void)snprintf(outcome.failed_phase, sizeof(outcome.failed_phase), "load");
		cJSON_Delete(message);
	}
	return outcome;
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *position)
{
	(void)status;
	(void)type;
	(void)position;
	return remove(path);
}

/* In a folder of its own that is removed with all that is in it, as the runner does. */
static void run_trial(const char *program, const char *experiment, const char *variant,
	const char *params, bool sabotaged)
{
	char tmpdir[] = "/tmp/hotbed-sabotage-XXXXXX";
	char result_fd[16], what[PATH_MAX + 512];
	const char *const argv[] = {program, "--trial", "--experiment", experiment, "--variant",
		variant, "--params", params, "--seed", "20250514", "--tmpdir", tmpdir,
		"--result-fd", result_fd, "--quick", sabotaged ? "--sabotage" : NULL, NULL};
	struct capture capture;
	struct outcome outcome;

	cr_assert(mkdtemp(tmpdir));
	(void)snprintf(result_fd, sizeof(result_fd), "%d", CAPTURE_RESULT_FD);
	(void)snprintf(what, sizeof(what), "%s %s/%s at '%s'%s", program, experiment, variant,
		params, sabotaged ? " --sabotage" : "");
	capture = capture_program(argv, TRIAL_MS_MAX);
	cr_assert_eq(nftw(tmpdir, remove_entry, 8, FTW_DEPTH | FTW_PHYS), 0);
	cr_assert(WIFEXITED(capture.status) && WEXITSTATUS(capture.status) == 0,
		"%s: wait status 0x%x: %s", what, (unsigned)capture.status, capture.error);
	outcome = read_messages(capture.result, what);
	cr_assert(outcome.done, "%s: no `done`", what);
	trials++;
	skipped += outcome.skip;
	if (!outcome.skip)
		cr_assert_str_eq(outcome.failed_phase, sabotaged ? "verify" : "", "%s: %s", what,
			outcome.text);
	capture_finish(&capture);
}

static void run_experiment(const char *program, const cJSON *experiment)
{
	const char *name = hb_json_text_or(experiment, "name", "");
	cJSON *points =
		ask((const char *const[]){program, "--points", name, "--sweep", "quick", NULL});
	const cJSON *point, *variant;

	cJSON_ArrayForEach(point, cJSON_GetObjectItem(points, "points"))
	{
		cJSON_ArrayForEach(variant, cJSON_GetObjectItem(experiment, "variants"))
		{
			const char *params = hb_json_text_or(point, "params", "");

			run_trial(
				program, name, hb_json_text_or(variant, "name", ""), params, false);
			run_trial(
				program, name, hb_json_text_or(variant, "name", ""), params, true);
		}
	}
	cJSON_Delete(points);
}

static cJSON *read_manifest(void)
{
	static const char *const paths[] = {
		BUILD_ROOT "/harness/drivers.json", BUILD_ROOT "/drivers.json"};
	struct hb_error error = {0};
	cJSON *json = NULL;

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]) && !json; i++) {
		if (access(paths[i], R_OK) == 0)
			cr_assert_eq(
				hb_json_read_file(paths[i], 0, &json, &error), 0, "%s", error.text);
	}
	cr_assert(json, "no manifest of drivers below " BUILD_ROOT);
	return json;
}

Test(sabotage, every_variant_passes_verify_and_fails_it_when_sabotaged)
{
	cJSON *manifest = read_manifest();
	const cJSON *path, *experiment;

	cJSON_ArrayForEach(path, cJSON_GetObjectItem(manifest, "drivers"))
	{
		char program[PATH_MAX];
		cJSON *description;

		(void)snprintf(program, sizeof(program), BUILD_ROOT "/%s", path->valuestring);
		description = ask((const char *const[]){program, "--describe", NULL});
		cJSON_ArrayForEach(experiment, cJSON_GetObjectItem(description, "experiments"))
			run_experiment(program, experiment);
		cJSON_Delete(description);
	}
	(void)fprintf(stderr, "%d trials, %d skipped by their probe\n", trials, skipped);
	cr_assert(trials > skipped);
	cJSON_Delete(manifest);
}
