/* SPDX-License-Identifier: GPL-3.0-or-later */
/* hotbed nightly: one night from the look at the machine to the digest. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <hotbed/error.h>
#include <hotbed/json.h>
#include <hotbed/log.h>

#include "command.h"
#include "digest.h"
#include "history.h"
#include "history_folders.h"
#include "lock.h"
#include "subprocess.h"

#define SAMPLE_MS 300
#define HOOK_MS 60000
#define KEEP_MAX 100000
#define ARGUMENTS_MAX 64
#define LOCK_NAME "nightly.lock"
#define DIGEST_JSON "digest.json"

struct night {
	const struct hb_arguments *arguments;
	struct hb_finding findings[HB_FINDINGS_MAX];
	struct hb_history history;
	struct hb_import_result imported;
	struct hb_alarms alarms;
	struct hb_digest digest;
	cJSON *run;
	int lock_fd;
	enum hb_exit code;
	bool quiet, json;
};

static void worsen(struct night *n, int code)
{
	n->code = hb_exit_worst(n->code, (enum hb_exit)code);
}

/* Logs @error; the night goes on, and ends with @code at best. */
static int fail(struct night *n, const struct hb_error *error, int code)
{
	hb_log_error(error);
	worsen(n, code);
	return -1;
}

/* One night at a time below one results folder; the kernel gives the lock up with the process. */
static int lock_results(struct night *n)
{
	char holder[HB_LOCK_HOLDER_BYTES];

	if (mkdir("results", 0777) && errno != EEXIST) {
		hb_log(HB_LOG_ERROR, "nightly: results: %s", strerror(errno));
		return HB_EXIT_FAULT;
	}
	n->lock_fd = open("results/" LOCK_NAME, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (n->lock_fd < 0) {
		hb_log(HB_LOG_ERROR, "nightly: results/" LOCK_NAME ": %s", strerror(errno));
		return HB_EXIT_FAULT;
	}
	if (!flock(n->lock_fd, LOCK_EX | LOCK_NB))
		return HB_EXIT_DONE;
	hb_log(HB_LOG_ERROR, "nightly: the last night is still at work: %s; nothing was run",
		hb_lock_holder(n->lock_fd, holder));
	return HB_EXIT_LOCKED;
}

static int look_at_machine(struct night *n)
{
	size_t warnings = 0;

	n->digest.findings = n->findings;
	n->digest.finding_count = hb_doctor_examine("", "results", SAMPLE_MS, n->findings);
	for (size_t i = 0; i < n->digest.finding_count; i++)
		warnings += n->findings[i].state == HB_FINDING_WARN;
	if (!warnings || !hb_arguments_flag(n->arguments, "strict"))
		return HB_EXIT_DONE;
	hb_log(HB_LOG_ERROR,
		"nightly: %zu checks of this machine warn ('hotbed doctor' lists them); "
		"nothing was run",
		warnings);
	return HB_EXIT_DOCTOR;
}

struct command_line {
	const char *words[ARGUMENTS_MAX];
	size_t count;
	bool is_full;
};

static void add_word(struct command_line *line, const char *word)
{
	if (line->count + 1 < ARGUMENTS_MAX)
		line->words[line->count++] = word;
	else
		line->is_full = true;
}

/* The options that go on to `hotbed run` as they are. */
static void add_options(const struct hb_arguments *arguments, struct command_line *line)
{
	static const char *const flags[] = {"all", "quick", "full", NULL};
	static const char *const flag_words[] = {"--all", "--quick", "--full"};
	static const char *const names[] = {"set", "filter", "blocks", "max-time", "drivers", NULL};
	static const char *const words[] = {
		"--set", "--filter", "--blocks", "--max-time", "--drivers"};

	for (int i = 0; flags[i]; i++)
		if (hb_arguments_flag(arguments, flags[i]))
			add_word(line, flag_words[i]);
	for (int i = 0; names[i]; i++) {
		const char *const *values = hb_arguments_texts(arguments, names[i]);

		for (; values && *values; values++) {
			add_word(line, words[i]);
			add_word(line, *values);
		}
	}
}

/* `hotbed run` as a process of its own, so that a fault of it costs the run and not the night. */
static int run_all(struct night *n, struct hb_error *error)
{
	const char *seed = hb_arguments_text(n->arguments, "seed");
	const char *const *operands = hb_arguments_operands(n->arguments, NULL);
	struct command_line line = {0};
	char self[PATH_MAX + 1] = "";
	char *output = NULL;
	int status = 0;

	if (readlink("/proc/self/exe", self, sizeof(self) - 1) <= 0)
		return hb_error_set(error, -errno, "/proc/self/exe: %s", strerror(errno));
	add_word(&line, self);
	add_word(&line, "run");
	add_word(&line, "--json");
	/* One seed for all nights: what is exact then stays as it is until the code changes. */
	add_word(&line, "--seed");
	add_word(&line, seed ? seed : "1");
	add_options(n->arguments, &line);
	for (; *operands; operands++)
		add_word(&line, *operands);
	if (line.is_full)
		return hb_error_set(error, -E2BIG, "more than %d options and names of experiments",
			ARGUMENTS_MAX);
	int r = hb_subprocess_run(line.words, NULL, 0, &output, &status, error);

	if (r)
		return r;
	n->digest.run_code = status < 0 ? HB_EXIT_FAULT : status;
	worsen(n, n->digest.run_code);
	if (hb_json_parse(output, strlen(output), "hotbed run", &n->run, NULL))
		n->run = NULL;
	free(output);
	return 0;
}

static int import_run(struct night *n, struct hb_error *error)
{
	int r = hb_history_open(
		hb_arguments_text(n->arguments, "db"), HB_HISTORY_CREATE, &n->history, error);

	if (!r)
		r = hb_history_verify(&n->history, error);
	if (!r)
		r = hb_history_execute(&n->history, "BEGIN IMMEDIATE", error);
	if (!r)
		r = hb_history_import(&n->history, n->digest.folder, true, &n->imported, error);
	if (!r)
		r = hb_history_execute(&n->history, "COMMIT", error);
	if (!r)
		hb_import_warn(&n->imported, n->digest.folder);
	return r;
}

static int check_history(struct night *n, struct hb_error *error)
{
	uint64_t days = 0, removed;
	int r = 0;

	if (hb_arguments_u64(n->arguments, "keep-days", 1, KEEP_MAX, 0, &days))
		return -EINVAL;
	r = hb_history_check(&n->history, NULL, &n->alarms, error);
	if (!r && n->alarms.open)
		worsen(n, HB_EXIT_GATE);
	/* After the check: only now is it known what open changes rest on. */
	return !r && days ? hb_history_prune(&n->history, days, &removed, error) : r;
}

static int write_text(
	const struct night *n, const char *name, const struct hb_text *text, struct hb_error *error)
{
	char path[PATH_MAX];

	if (text->failed)
		return hb_error_set(error, text->failed, "not enough memory for the digest");
	(void)snprintf(path, sizeof(path), "%s/%s", n->digest.folder, name);
	return hb_json_write_bytes_file(path, text->bytes, text->length_bytes, error);
}

static int run_hook(const struct night *n, const char *json, struct hb_error *error)
{
	const char *hook = hb_arguments_text(n->arguments, "hook");
	const char *const argv[] = {"/bin/sh", "-c", hook, NULL};
	int status = 0;

	if (!hook)
		return 0;
	int r = hb_subprocess_run(argv, json, HOOK_MS, NULL, &status, error);

	if (!r && status)
		r = hb_error_set(error, -EIO, "ended with %d", status);
	return r ? hb_error_wrap(error, "the hook '%.100s'", hook) : 0;
}

/* The digest in its three forms, then the hook. */
static int tell(struct night *n, struct hb_error *error)
{
	struct hb_text text = {0}, page = {0}, json = {0};
	cJSON *object;
	int r;

	n->digest.exit_code = n->code;
	hb_digest_put_text(&n->digest, &text);
	hb_digest_put_html(&n->digest, &page);
	object = hb_digest_json(&n->digest);
	char *printed = object ? cJSON_Print(object) : NULL;

	cJSON_Delete(object);
	if (!printed)
		json.failed = -ENOMEM;
	hb_text_put(&json, printed);
	hb_text_put(&json, "\n");
	cJSON_free(printed);
	r = write_text(n, "digest.txt", &text, error);
	if (!r)
		r = write_text(n, "digest.html", &page, error);
	if (!r)
		r = write_text(n, DIGEST_JSON, &json, error);
	if (!json.failed && !text.failed)
		(void)fputs(n->json ? json.bytes : text.bytes, stdout);
	if (!r)
		r = run_hook(n, json.bytes, error);
	hb_text_finish(&text);
	hb_text_finish(&page);
	hb_text_finish(&json);
	return r;
}

/* Folders of earlier nights: run_ids with a digest, so nothing that was made by hand. */
static int is_night(const struct dirent *entry)
{
	char path[PATH_MAX];

	if (strlen(entry->d_name) != 36 || entry->d_name[0] == '.')
		return 0;
	(void)snprintf(path, sizeof(path), "results/%.36s/" DIGEST_JSON, entry->d_name);
	return !access(path, F_OK);
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *ftw)
{
	(void)status;
	(void)type;
	(void)ftw;
	return remove(path);
}

static int forget_folders(struct night *n)
{
	struct dirent **entries;
	uint64_t keep;

	if (hb_arguments_u64(n->arguments, "keep-runs", 1, KEEP_MAX, 0, &keep))
		return -1;
	int count = keep ? scandir("results", &entries, is_night, alphasort) : 0;

	for (int i = 0; i < count; i++) {
		char path[PATH_MAX];

		(void)snprintf(path, sizeof(path), "results/%.36s", entries[i]->d_name);
		free(entries[i]);
		if ((uint64_t)(count - i) > keep &&
			nftw(path, remove_entry, 8, FTW_DEPTH | FTW_PHYS))
			hb_log(HB_LOG_WARNING, "%s cannot be removed: %s", path, strerror(errno));
	}
	if (count > 0)
		free(entries);
	return 0;
}

/* After the run: what it left is taken into the history, checked and told. */
static void finish_night(struct night *n)
{
	struct hb_error error = {0};
	const char *folder = n->run ? hb_json_text_or(n->run, "folder", NULL) : NULL;
	int r;

	if (!folder || n->digest.run_code == HB_EXIT_INTERRUPTED) {
		hb_log(HB_LOG_ERROR, "nightly: the run %s; the history is as it was",
			folder ? "was interrupted ('hotbed resume' goes on with it)"
			       : "left no results");
		worsen(n, n->digest.run_code ? n->digest.run_code : HB_EXIT_FAULT);
		return;
	}
	n->digest.folder = folder;
	n->digest.run_id = hb_json_text_or(n->run, "run_id", "");
	n->digest.run = n->run;
	r = import_run(n, &error);
	if (!r)
		r = check_history(n, &error);
	if (r) {
		(void)fail(n, &error, hb_history_exit(r));
		return;
	}
	n->digest.imported = &n->imported;
	n->digest.alarms = &n->alarms;
	n->digest.utc = n->imported.utc;
	if (tell(n, &error))
		(void)fail(n, &error, HB_EXIT_FAULT);
	(void)forget_folders(n);
}

static int run_nightly(const struct hb_arguments *arguments)
{
	struct night n = {.arguments = arguments,
		.lock_fd = -1,
		.quiet = hb_arguments_flag(arguments, "quiet"),
		.json = hb_arguments_flag(arguments, "json")};
	struct hb_error error = {0};
	uint64_t number;
	int code;

	/* Before an hour of measuring, not after it. */
	if (hb_arguments_u64(arguments, "keep-days", 1, KEEP_MAX, 0, &number) ||
		hb_arguments_u64(arguments, "keep-runs", 1, KEEP_MAX, 0, &number) ||
		hb_arguments_u64(arguments, "seed", 0, UINT64_MAX, 1, &number))
		return HB_EXIT_USAGE;
	code = lock_results(&n);
	if (!code)
		code = look_at_machine(&n);
	if (!code && run_all(&n, &error))
		(void)fail(&n, &error, HB_EXIT_FAULT);
	else if (!code)
		finish_night(&n);
	worsen(&n, code);
	hb_alarms_finish(&n.alarms);
	hb_history_close(&n.history);
	cJSON_Delete(n.run);
	if (n.lock_fd >= 0)
		(void)close(n.lock_fd);
	return n.code;
}

static const struct hb_option options[] = {
	{"all", 0, NULL, "Every experiment of every subproject."},
	{"quick", 0, NULL, "A smoke run, in series of its own."},
	{"full", 0, NULL, "The large sweeps."},
	{"blocks", 0, "N", "Blocks per point instead of the tables'."},
	{"set", 0, "K=V,...", "Values of parameters instead of the sweep: k=v,v2,k2=v."},
	{"filter", 0, "K=GLOB,...", "Only points that match; variant=GLOB chooses variants."},
	{"seed", 0, "N", "The seed of every night, 1 without it: exact metrics then repeat."},
	{"max-time", 0, "TIME", "Begin no block that would end later: 90s, 5m, 1h30m."},
	{"drivers", 0, "FILE", "A list of drivers (drivers.json) instead of this build's."},
	{"strict", 0, NULL, "Run nothing and exit with 5 if 'hotbed doctor' warns."},
	{"db", 0, "FILE", "The history instead of results/history.db."},
	{"hook", 0, "COMMAND", "Shell command that gets the digest as JSON on standard input."},
	{"keep-days", 0, "N",
		"Remove runs from the history that are older, as history prune does."},
	{"keep-runs", 0, "N", "Remove the folders of all but the last N nights."},
	{0},
};

static const struct hb_example examples[] = {
	{"./hotbed nightly --quick spork/spawn-latency", "try it out in some seconds"},
	{"./hotbed nightly --quick spork/spawn-latency --keep-runs=30 --hook='cat >digest.json'",
		"hand the digest to a program, keep the folders of a month"},
	{0},
};

extern const struct hb_command hb_command_nightly;
const struct hb_command hb_command_nightly = {
	.name = "nightly",
	.operands = "[SUB[/EXPERIMENT]...]",
	.summary = "Run, import, check and report: one night.",
	.description =
		"Looks at the machine (doctor), runs as 'hotbed run' with the same names and "
		"options "
		"does, adds the run to the history, checks the history, and writes a digest: text "
		"on "
		"standard output, and digest.txt, digest.html and digest.json in the run's folder. "
		"Meant for a timer; docs/howto/ has files for systemd, GitHub Actions and GitLab "
		"CI.\n\n"
		"Two nights never overlap: the second ends at once with 7. An interrupted run is "
		"not "
		"taken into the history (75). The run is put after all others of its machine, even "
		"if "
		"the clock went back.\n\n"
		"The hook is run by /bin/sh and has 60 s. If it fails the exit code is 6.\n\n"
		"The exit code is the worst of the run's (3: trials failed) and of the check's (1: "
		"an "
		"open change); 5 with --strict.",
	.options = options,
	.examples = examples,
	.completion = "experiments",
	.run = run_nightly,
};
