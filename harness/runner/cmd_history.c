/* SPDX-License-Identifier: GPL-3.0-or-later */
/* hotbed history: what the nights have shown, and whether something changed. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/error.h>
#include <hotbed/file.h>
#include <hotbed/json.h>
#include <hotbed/log.h>
#include <hotbed/suggest.h>

#include "alarm_text.h"
#include "command.h"
#include "history.h"
#include "history_folders.h"
#include "history_show.h"

#define KEEP_DAYS_MAX 36500

struct action {
	const struct hb_arguments *arguments;
	const char *const *operands; /* after the action's name */
	size_t count;
	bool json, quiet;
};

static int fail(const struct hb_error *error, int code)
{
	hb_log_error(error);
	return hb_history_exit(code);
}

static int open_history(const struct action *a, enum hb_history_mode mode, struct hb_history *ret)
{
	struct hb_error error = {0};
	int r = hb_history_open(hb_arguments_text(a->arguments, "db"), mode, ret, &error);

	return r ? fail(&error, r) : HB_EXIT_DONE;
}

/* Prints @object and frees it. */
static int print_object(cJSON *object, int failed)
{
	char *text = failed ? NULL : cJSON_Print(object);

	cJSON_Delete(object);
	if (text)
		puts(text);
	cJSON_free(text);
	if (text)
		return HB_EXIT_DONE;
	hb_log(HB_LOG_ERROR, "history: not enough memory");
	return HB_EXIT_FAULT;
}

static int print_totals(const struct action *a, const struct hb_import_totals *t)
{
	cJSON *json;
	int r;

	if (!a->json) {
		if (!a->quiet)
			printf("%" PRIu64 " new runs, %" PRIu64 " longer than before, %" PRIu64
			       " there already, %" PRIu64 " left out, %" PRIu64 " faulty; %" PRIu64
			       " values, %" PRIu64 " without a ratio\n",
				t->outcomes[HB_IMPORT_NEW], t->outcomes[HB_IMPORT_LONGER],
				t->outcomes[HB_IMPORT_THERE], t->outcomes[HB_IMPORT_OTHER],
				t->faulty, t->values, t->without);
		return HB_EXIT_DONE;
	}
	json = cJSON_CreateObject();
	r = hb_json_add_text(json, "schema", "hotbed.history.import/1");
	r |= hb_json_add_u64(json, "new", t->outcomes[HB_IMPORT_NEW]);
	r |= hb_json_add_u64(json, "longer", t->outcomes[HB_IMPORT_LONGER]);
	r |= hb_json_add_u64(json, "there", t->outcomes[HB_IMPORT_THERE]);
	r |= hb_json_add_u64(json, "left_out", t->outcomes[HB_IMPORT_OTHER]);
	r |= hb_json_add_u64(json, "faulty", t->faulty);
	r |= hb_json_add_u64(json, "values", t->values);
	r |= hb_json_add_u64(json, "without_ratio", t->without);
	return print_object(json, r);
}

static int run_import(const struct action *a)
{
	struct hb_history history;
	struct hb_import_totals totals = {0};
	struct hb_error error = {0};
	int code = open_history(a, HB_HISTORY_CREATE, &history);

	if (code)
		return code;
	int r = hb_history_import_named(&history, a->operands, a->quiet, &totals, &error);

	hb_history_close(&history);
	code = print_totals(a, &totals);
	if (totals.faulty)
		code = hb_exit_worst((enum hb_exit)code, HB_EXIT_FAULT);
	return r ? fail(&error, r) : code;
}

static int run_show(const struct action *a)
{
	struct hb_history history;
	struct hb_error error = {0};
	struct hb_text text = {0};
	int code = open_history(a, HB_HISTORY_READ, &history);

	if (code)
		return code;
	int r = hb_history_put_series(&history, a->operands[0], a->json, &text, &error);

	if (r)
		code = fail(&error, r);
	else if (text.bytes)
		(void)fputs(text.bytes, stdout);
	else
		puts("the history is empty");
	hb_text_finish(&text);
	hb_history_close(&history);
	return code;
}

static int print_alarms(const struct action *a, const struct hb_alarms *alarms)
{
	struct hb_text text = {0};

	if (a->json) {
		cJSON *json = cJSON_CreateObject();
		int r = hb_json_add_text(json, "schema", "hotbed.history.check/1");

		return print_object(json, r || hb_alarms_add_json(alarms, json));
	}
	hb_alarms_put_text(alarms, !a->quiet, &text);
	if (!text.failed)
		(void)fputs(text.bytes, stdout);
	hb_text_finish(&text);
	return HB_EXIT_DONE;
}

static int run_check(const struct action *a)
{
	struct hb_history history;
	struct hb_error error = {0};
	struct hb_alarms alarms;
	int code = open_history(a, HB_HISTORY_READ, &history);

	if (code)
		return code;
	int r = hb_history_verify(&history, &error);

	if (!r)
		r = hb_history_check(&history, a->operands[0], &alarms, &error);
	hb_history_close(&history);
	if (r)
		return fail(&error, r);
	code = print_alarms(a, &alarms);
	if (alarms.open)
		code = hb_exit_worst((enum hb_exit)code, HB_EXIT_GATE);
	hb_alarms_finish(&alarms);
	return code;
}

static int run_accept(const struct action *a)
{
	const char *reason = hb_arguments_text(a->arguments, "reason");
	struct hb_history history;
	struct hb_error error = {0};
	int code, r = 0;

	if (!a->count || !reason || !*reason) {
		hb_log(HB_LOG_ERROR, "history accept takes numbers that 'hotbed history check' "
				     "printed, and --reason TEXT");
		return HB_EXIT_USAGE;
	}
	code = open_history(a, HB_HISTORY_WRITE, &history);
	if (code)
		return code;
	r = hb_history_execute(&history, "BEGIN IMMEDIATE", &error);
	for (size_t i = 0; !r && i < a->count; i++) {
		char *end;
		long long id = strtoll(a->operands[i], &end, 10);

		r = *end || id <= 0 ? hb_error_set(&error, -EINVAL, "'%s' is no number of a change",
					      a->operands[i])
				    : hb_history_accept(&history, id, reason, &error);
	}
	if (!r)
		r = hb_history_execute(&history, "COMMIT", &error);
	hb_history_close(&history);
	if (r)
		return fail(&error, r);
	if (!a->quiet)
		printf("%zu change%s accepted: %s\n", a->count, a->count == 1 ? "" : "s", reason);
	return HB_EXIT_DONE;
}

static int run_prune(const struct action *a)
{
	struct hb_history history;
	struct hb_error error = {0};
	uint64_t days, removed = 0;
	int code;

	if (!hb_arguments_text(a->arguments, "keep-days")) {
		hb_log(HB_LOG_ERROR, "history prune needs --keep-days N: older runs are removed");
		return HB_EXIT_USAGE;
	}
	if (hb_arguments_u64(a->arguments, "keep-days", 1, KEEP_DAYS_MAX, 0, &days))
		return HB_EXIT_USAGE;
	code = open_history(a, HB_HISTORY_WRITE, &history);
	if (code)
		return code;
	int r = hb_history_prune(&history, days, &removed, &error);

	hb_history_close(&history);
	if (r)
		return fail(&error, r);
	if (!a->quiet)
		printf("%" PRIu64 " runs removed; those that open changes rest on stay\n", removed);
	return HB_EXIT_DONE;
}

static int run_export(const struct action *a)
{
	const char *out = hb_arguments_text(a->arguments, "out");
	struct hb_file file = {0};
	struct hb_history history;
	struct hb_error error = {0};
	int code = open_history(a, HB_HISTORY_READ, &history), r = 0;

	if (code)
		return code;
	if (out)
		r = hb_file_replace(out, &file, &error);
	if (!r)
		r = hb_history_export(&history, out ? file.stream : stdout, &error);
	if (r)
		hb_file_discard(&file);
	else if (out)
		r = hb_file_commit(&file, 0, &error);
	hb_history_close(&history);
	if (!r)
		return HB_EXIT_DONE;
	hb_log_error(&error);
	return HB_EXIT_FAULT;
}

static const struct {
	const char *name;
	int (*run)(const struct action *action);
	size_t operands_max;
} actions[] = {
	{"import", run_import, SIZE_MAX},
	{"show", run_show, 1},
	{"check", run_check, 1},
	{"accept", run_accept, SIZE_MAX},
	{"prune", run_prune, 0},
	{"export", run_export, 0},
};
#define ACTIONS (sizeof(actions) / sizeof(actions[0]))

static int unknown_action(const char *name)
{
	const char *names[ACTIONS + 1] = {NULL};
	const char *near;

	for (size_t i = 0; i < ACTIONS; i++)
		names[i] = actions[i].name;
	near = name ? hb_suggest(name, names) : NULL;
	if (near)
		hb_log(HB_LOG_ERROR, "history has no action '%s'; did you mean '%s'?", name, near);
	else
		hb_log(HB_LOG_ERROR, "history takes import, show, check, accept, prune or export; "
				     "'hotbed help history' tells more");
	return HB_EXIT_USAGE;
}

static int run_history(const struct hb_arguments *arguments)
{
	struct action a = {.arguments = arguments,
		.json = hb_arguments_flag(arguments, "json"),
		.quiet = hb_arguments_flag(arguments, "quiet")};
	const char *const *operands = hb_arguments_operands(arguments, &a.count);

	if (!a.count)
		return unknown_action(NULL);
	a.operands = operands + 1;
	a.count--;
	for (size_t i = 0; i < ACTIONS; i++) {
		if (strcmp(actions[i].name, operands[0]) != 0)
			continue;
		if (a.count > actions[i].operands_max) {
			hb_log(HB_LOG_ERROR, "history %s takes at most %zu operands, not %zu",
				operands[0], actions[i].operands_max, a.count);
			return HB_EXIT_USAGE;
		}
		return actions[i].run(&a);
	}
	return unknown_action(operands[0]);
}

static const struct hb_option options[] = {
	{"db", 0, "FILE", "The database instead of results/history.db."},
	{"reason", 0, "TEXT", "accept: why the change is wanted, or is none."},
	{"keep-days", 0, "N", "prune: remove runs that are so much older than the newest one."},
	{"out", 'o', "FILE", "export: the file to write instead of standard output."},
	{0},
};

static const struct hb_example examples[] = {
	{"./hotbed history import", "add every run below ./results"},
	{"./hotbed history import before results", "one run, and a folder of runs"},
	{"./hotbed history show spork", "the series of one subproject"},
	{"./hotbed history check", "did something change?"},
	{"./hotbed report --history", "all of it as one page, results/history.html"},
	{"./hotbed history export --out=history.csv", "every night as one table"},
	{"./hotbed history prune --keep-days=400", "forget what is older"},
	{0},
};

extern const struct hb_command hb_command_history;
const struct hb_command hb_command_history = {
	.name = "history",
	.operands = "import|show|check|accept|prune|export [ARGUMENT...]",
	.summary = "Keep the results of many nights and find what changed.",
	.description =
		"A series is one metric of one variant at one point of an experiment on one kind "
		"of "
		"machine. Its value of a night is the ratio to the baseline of the same run, which "
		"cancels what the machine does to both.\n\n"
		"import [RUN...]: add runs, or folders of runs, from this machine or others; "
		"without "
		"names every run below ./results. What is there already is left alone, however "
		"often "
		"and by however many programs it is imported; a run that was resumed is brought up "
		"to "
		"date.\n\n"
		"show [SUB[/EXPERIMENT] | NUMBER]: the series, or the nights of one.\n\n"
		"check [SUB[/EXPERIMENT]]: every change of level, with its number, the size, the "
		"night "
		"and the suspected commits. A change is reported after three nights at the "
		"earliest. "
		"One that coincides with new settings of the machine is labelled environment. "
		"Seven "
		"nights in a row without a clear answer are a change of the kind undecided. Exit "
		"code 1 "
		"if one is open: worse or undecided, not brought back, not of the environment, not "
		"accepted.\n\n"
		"accept NUMBER... --reason TEXT: the change is known and does not fail a check "
		"again.\n\n"
		"prune --keep-days N: remove old runs, but none that an open change rests on.\n\n"
		"export: every night of every series as CSV.",
	.options = options,
	.examples = examples,
	.completion = "import show check accept prune export",
	.run = run_history,
};
