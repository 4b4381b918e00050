/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * spork check: does a command do the same with spork as with fork? It is run four times, each in a fresh
 * copy of the working folder: twice with fork, so that its own chance is known, and twice with spork, cold
 * and warm.
 */
#include <errno.h>
#include <limits.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <hotbed/error.h>
#include <hotbed/json.h>

#include "command.h"
#include "compare.h"
#include "observe.h"

#define PATH_BYTES 4096
#define STATS_BYTES_MAX (1 << 24)
#define VARIABLES_MAX 4096
#define TIMEOUT_S 60
#define FORK_TRIES 5
#define EXIT_DIFFERENT 1

/* The second run with fork is the last, so that whatever follows the clock differs between the two. */
enum { FORK, COLD, WARM, FORK_AGAIN, RUNS };

static const char *const run_names[RUNS] = {"fork", "cold", "warm", "fork again"};

struct check {
	const char *mode, *min_rss, *input;
	int timeout_s;
	bool json, kinds;
	char **command;

	char stage[PATH_BYTES / 4], place[PATH_BYTES / 2], origin[PATH_BYTES], program[PATH_BYTES];
	char statistics[PATH_BYTES / 2], cache[PATH_BYTES / 2];
	char *environment[VARIABLES_MAX];
	struct spork_observation runs[RUNS];
	/* Of COLD and WARM; [0] and [1]. */
	struct spork_finding *findings[2];
	size_t finding_count[2];
	int64_t forks[2], converted[2], exec_forks[2];
	cJSON *reasons[2], *executed[2]; /* of spork.stats/1; NULL = none */
	int different;
};

static void print_help(void)
{
	(void)printf(
		"usage: spork check [OPTIONS] -- COMMAND [ARGUMENT...]\n\n%s\n\n"
		"  --mode MODE       of 'spork run' (default auto)\n"
		"  --min-rss BYTES   of 'spork run' (default 0: convert in small programs too)\n"
		"  --input FILE      standard input of every run (default /dev/null)\n"
		"  --timeout S       seconds that a run may take (default 60)\n"
		"  --ledger WHAT     compare all processes (default), or only which kinds there\n"
		"                    were: for commands that poll\n"
		"  --json            print spork.check/1\n"
		"  --help            print this and exit\n\n"
		"Exit status: 0 the same, 1 different, 2 usage, 125 the check itself failed.\n",
		command_check.help);
}

static int parse_timeout(const char *text, int *ret)
{
	char *end;
	long value = strtol(text, &end, 10);

	if (*end || end == text || value < 1 || value > 86400)
		return command_usage(
			&command_check, "--timeout: '%.32s' is not 1 to 86400 seconds", text);
	*ret = (int)value;
	return 0;
}

static int parse_ledger(const char *text, bool *ret_kinds)
{
	*ret_kinds = strcmp(text, "kinds") == 0;
	return *ret_kinds || strcmp(text, "all") == 0
		       ? 0
		       : command_usage(&command_check, "--ledger: '%.32s' is neither all nor kinds",
				 text);
}

/* 0, an exit status, or -1 when help was printed. */
static int parse(int argc, char **argv, struct check *check)
{
	static const struct option options[] = {{"mode", required_argument, NULL, 'm'},
		{"min-rss", required_argument, NULL, 'r'}, {"input", required_argument, NULL, 'i'},
		{"timeout", required_argument, NULL, 't'}, {"ledger", required_argument, NULL, 'l'},
		{"json", no_argument, NULL, 'j'}, {"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0}};
	int found, err = 0;

	opterr = 0;
	optind = 0;
	while (!err && (found = getopt_long(argc, argv, "+:", options, NULL)) != -1) {
		switch (found) {
		case 'm':
			check->mode = optarg;
			break;
		case 'r':
			check->min_rss = optarg;
			break;
		case 'i':
			check->input = optarg;
			break;
		case 't':
			err = parse_timeout(optarg, &check->timeout_s);
			break;
		case 'l':
			err = parse_ledger(optarg, &check->kinds);
			break;
		case 'j':
			check->json = true;
			break;
		case 'h':
			print_help();
			return -1;
		case ':':
			return command_usage(
				&command_check, "option '%s' needs a value", argv[optind - 1]);
		default:
			return command_usage(
				&command_check, "unknown option '%s'", argv[optind - 1]);
		}
	}
	check->command = argv + optind;
	if (!err && !*check->command)
		return command_usage(&command_check, "which command? put it after '--'");
	return err;
}

/* Does @path lie below @folder, whatever links lead there? */
static bool is_within(const char *path, const char *folder)
{
	char real[PATH_MAX], root[PATH_MAX];
	size_t length;

	if (!realpath(path, real) || !realpath(folder, root))
		return false;
	length = strlen(root);
	return strncmp(real, root, length) == 0 &&
	       (length == 1 || real[length] == '/' || real[length] == '\0');
}

static int prepare(struct check *check, struct hb_error *reterr)
{
	const char *temporary = getenv("TMPDIR");
	ssize_t length = readlink("/proc/self/exe", check->program, sizeof(check->program) - 1);
	size_t count = 0;

	if (length < 0)
		return hb_error_set(
			reterr, -errno, "cannot read /proc/self/exe: %s", strerror(errno));
	check->program[length] = '\0';
	if (!getcwd(check->origin, sizeof(check->origin)))
		return hb_error_set(
			reterr, -errno, "the working folder cannot be named: %s", strerror(errno));
	(void)snprintf(check->stage, sizeof(check->stage), "%s/spork-check.XXXXXX",
		temporary && *temporary ? temporary : "/tmp");
	if (!mkdtemp(check->stage))
		return hb_error_set_at(reterr, -errno, check->stage, 0,
			"cannot be made: %s; set TMPDIR to a folder that can be written",
			strerror(errno));
	if (is_within(check->stage, check->origin)) {
		(void)rmdir(check->stage);
		return hb_error_set_at(reterr, -EINVAL, check->origin, 0,
			"the copies of the check would lie within the folder itself; set TMPDIR to "
			"another place, or run the check in a folder of its own");
	}
	(void)snprintf(check->place, sizeof(check->place), "%s/work", check->stage);
	(void)snprintf(check->statistics, sizeof(check->statistics), "%s/stats.json", check->stage);
	/* All runs are told the same, those with fork too. */
	(void)snprintf(check->cache, sizeof(check->cache), "XDG_CACHE_HOME=%s/cache", check->stage);
	check->environment[count++] = check->cache;
	for (char **variable = environ; *variable && count < VARIABLES_MAX - 1; variable++) {
		if (strncmp(*variable, "XDG_CACHE_HOME=", 15) != 0 &&
			strncmp(*variable, "OLDPWD=", 7) != 0 && strncmp(*variable, "PWD=", 4) != 0)
			check->environment[count++] = *variable;
	}
	if (mkdir(check->cache + strlen("XDG_CACHE_HOME="), 0700))
		return hb_error_set(
			reterr, -errno, "cannot make a cache folder: %s", strerror(errno));
	return 0;
}

/* Counts from spork.stats/1; they are told, not judged. */
static void read_statistics(struct check *check, int which)
{
	cJSON *root = NULL;

	if (hb_json_read_file(check->statistics, STATS_BYTES_MAX, &root, NULL) == 0) {
		(void)hb_json_get_i64(root, "forks", &check->forks[which], NULL);
		(void)hb_json_get_i64(root, "converted", &check->converted[which], NULL);
		(void)hb_json_get_i64(root, "exec_forks", &check->exec_forks[which], NULL);
		check->reasons[which] = cJSON_DetachItemFromObject(root, "reasons");
		check->executed[which] = cJSON_DetachItemFromObject(root, "executed");
		cJSON_Delete(root);
	}
	(void)unlink(check->statistics);
}

static int run_once(struct check *check, int run, struct hb_error *reterr)
{
	const char *const prefix[] = {check->program, "run", "--stats", check->statistics, "--mode",
		check->mode, "--min-rss", check->min_rss, "--settle", "--", NULL};
	const struct spork_observer observer = {.command = check->command,
		.prefix = run == COLD || run == WARM ? prefix : NULL,
		.origin = check->origin,
		.place = check->place,
		.input = check->input,
		.stage = check->stage,
		.timeout_s = check->timeout_s,
		.environment = check->environment};
	int err = spork_observe(&observer, &check->runs[run], reterr);

	if (err) {
		(void)hb_error_wrap(reterr, "run '%s'", run_names[run]);
		return err;
	}
	if (observer.prefix)
		read_statistics(check, run - COLD);
	return 0;
}

static int run_all(struct check *check, struct hb_error *reterr)
{
	int err = 0;

	for (int run = 0; run < RUNS && !err; run++)
		err = run_once(check, run, reterr);
	return err;
}

static int compare_one(struct check *check, int which)
{
	spork_findings_finish(check->findings[which], check->finding_count[which]);
	check->findings[which] = NULL;
	check->finding_count[which] = 0;
	return spork_compare(&check->runs[FORK], &check->runs[FORK_AGAIN],
		&check->runs[COLD + which], check->kinds, &check->findings[which],
		&check->finding_count[which]);
}

/* A race that two runs with fork did not show may show in another: then nothing is to be said against spork. */
static int compare_all(struct check *check, struct hb_error *reterr)
{
	for (int which = 0; which < 2; which++) {
		int different = compare_one(check, which);

		for (int i = 0; i < FORK_TRIES && different > 0; i++) {
			int err;

			spork_observation_finish(&check->runs[FORK_AGAIN]);
			err = run_once(check, FORK_AGAIN, reterr);
			if (err)
				return err;
			different = compare_one(check, which);
		}
		if (different < 0)
			return hb_error_set(reterr, different, "no memory for the comparison");
		check->different += different;
	}
	return 0;
}

/* Why forks stayed forks. */
static void print_reasons(const struct check *check, int which)
{
	const cJSON *reason;

	cJSON_ArrayForEach(reason, check->reasons[which])
	{
		int64_t count = 0;

		if (strncmp(reason->string, "converted-", strlen("converted-")) == 0)
			continue;
		(void)hb_json_get_i64(check->reasons[which], reason->string, &count, NULL);
		(void)printf("  %-8s %s: %lld\n", "forked", reason->string, (long long)count);
	}
}

static void print_text(const struct check *check)
{
	for (int which = 0; which < 2; which++) {
		size_t files = 0, same_files = 0;

		(void)printf("%s: %lld of %lld forks converted\n", run_names[COLD + which],
			(long long)check->converted[which], (long long)check->forks[which]);
		print_reasons(check, which);
		for (size_t i = 0; i < check->finding_count[which]; i++) {
			const struct spork_finding *finding = &check->findings[which][i];
			bool is_file = strncmp(finding->item, "file ", 5) == 0;

			files += is_file;
			same_files += is_file && finding->agreement == SPORK_SAME;
			if (!is_file || finding->agreement != SPORK_SAME)
				(void)printf("  %-8s %s%s%s\n", finding->item,
					spork_agreement_name(finding->agreement),
					finding->detail[0] ? ": " : "", finding->detail);
		}
		(void)printf("  files    %zu made or changed, %zu the same\n", files, same_files);
	}
	(void)printf("%s\n", check->different ? "DIFFERENT" : "same");
}

static bool add_ledger(const struct spork_ledger *ledger, cJSON *run)
{
	cJSON *object;

	if (ledger->absent)
		return true;
	object = cJSON_AddObjectToObject(run, "ledger");
	return object && !hb_json_add_u64(object, "processes", ledger->count) &&
	       !hb_json_add_u64(object, "threads", ledger->threads) &&
	       !hb_json_add_u64(object, "execs", ledger->execs) &&
	       !hb_json_add_u64(object, "sigchlds", ledger->sigchlds) &&
	       !hb_json_add_u64(object, "attempts", ledger->attempts);
}

static bool add_copy(cJSON *run, const char *name, const cJSON *object)
{
	cJSON *copy = object ? cJSON_Duplicate(object, true) : cJSON_CreateObject();

	return copy && cJSON_AddItemToObject(run, name, copy);
}

static bool add_findings(const struct check *check, int which, cJSON *runs)
{
	cJSON *run = cJSON_CreateObject(), *list;

	if (!run || !cJSON_AddItemToArray(runs, run) ||
		hb_json_add_text(run, "name", run_names[COLD + which]) ||
		hb_json_add_i64(run, "forks", check->forks[which]) ||
		hb_json_add_i64(run, "converted", check->converted[which]) ||
		hb_json_add_i64(run, "exec_forks", check->exec_forks[which]) ||
		!add_copy(run, "reasons", check->reasons[which]) ||
		!add_copy(run, "executed", check->executed[which]) ||
		!add_ledger(&check->runs[COLD + which].ledger, run))
		return false;
	list = cJSON_AddArrayToObject(run, "compared");
	for (size_t i = 0; list && i < check->finding_count[which]; i++) {
		const struct spork_finding *finding = &check->findings[which][i];
		cJSON *item = cJSON_CreateObject();

		if (!item || !cJSON_AddItemToArray(list, item) ||
			hb_json_add_text(item, "item", finding->item) ||
			hb_json_add_text(
				item, "result", spork_agreement_name(finding->agreement)) ||
			hb_json_add_text(item, "detail", finding->detail))
			return false;
	}
	return list != NULL;
}

static int print_json(const struct check *check, struct hb_error *reterr)
{
	cJSON *root = cJSON_CreateObject();
	cJSON *command = root ? cJSON_AddArrayToObject(root, "command") : NULL;
	cJSON *runs = root ? cJSON_AddArrayToObject(root, "runs") : NULL;
	bool good = command && runs && !hb_json_add_text(root, "schema", "spork.check/1") &&
		    !hb_json_add_text(root, "mode", check->mode) &&
		    !hb_json_add_i64(root, "differences", check->different);
	char *text = NULL;

	for (char **word = check->command; good && *word; word++)
		good = cJSON_AddItemToArray(command, cJSON_CreateString(*word));
	for (int which = 0; good && which < 2; which++)
		good = add_findings(check, which, runs);
	if (good)
		text = cJSON_Print(root);
	cJSON_Delete(root);
	if (!text)
		return hb_error_set(reterr, -ENOMEM, "no memory for the answer");
	(void)puts(text);
	cJSON_free(text);
	return 0;
}

static void finish(struct check *check)
{
	for (int run = 0; run < RUNS; run++)
		spork_observation_finish(&check->runs[run]);
	for (int which = 0; which < 2; which++) {
		spork_findings_finish(check->findings[which], check->finding_count[which]);
		cJSON_Delete(check->reasons[which]);
		cJSON_Delete(check->executed[which]);
	}
	if (check->stage[0])
		spork_remove_folder(check->stage);
}

static int run_check(int argc, char **argv)
{
	static struct check check;
	struct hb_error error = {0};
	int status, err;

	check = (struct check){.mode = "auto", .min_rss = "0", .timeout_s = TIMEOUT_S};
	status = parse(argc, argv, &check);
	if (status)
		return status < 0 ? 0 : status;
	err = prepare(&check, &error);
	if (!err)
		err = run_all(&check, &error);
	if (!err)
		err = compare_all(&check, &error);
	if (!err && check.json)
		err = print_json(&check, &error);
	else if (!err)
		print_text(&check);
	status = check.different ? EXIT_DIFFERENT : 0;
	finish(&check);
	return err ? command_fault(&command_check, &error) : status;
}

const struct command command_check = {
	.name = "check",
	.usage = "[OPTIONS] -- COMMAND [ARGUMENT...]",
	.help = "Run a command with and without spork and compare what the world can see.",
	.run = run_check,
};
