/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * harness/journal: what the runner costs. `hotbed run harness/trivial` as a whole, plan, order, supervision,
 * journal and report included, against a bare loop that starts the same trials one by one, appends their rows to a
 * file and calls fdatasync().
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <hotbed/clock.h>
#include <hotbed/csv.h>
#include <hotbed/error.h>
#include <hotbed/trial.h>

#include "experiments.h"
#include "programs.h"

enum {
	SLOTS = 3, /* baseline, idea and control of harness/trivial */
	RESULT_FD = 3,
	ROWS_PER_TRIAL = 2,
};

struct state {
	uint64_t trials; /* a multiple of SLOTS */
	bool sabotaged;
	char driver[PATH_MAX], runner[PATH_MAX];
	char folder[PATH_MAX];     /* of this trial alone */
	char output[PATH_MAX + 8]; /* where trials.csv goes */
};

/* Two rows of the length of those that the runner writes. */
static const char rows[] = "01a2015c-6db4-7f65-b472-6c02f99f19f7,harness,trivial,copy=1,0,0,0,0,0,"
			   "as_little,idea,ok,answer,3248555475,1,"
			   "none,model,1,1,10848855893588947432,f80b5d337586ece0,2026-01-22T03:46:"
			   "04.354075198Z,0,,45ca3a02160e,"
			   "3079ee27eb8a,b3e477002d7a,\r\n"
			   "01a2015c-6db4-7f65-b472-6c02f99f19f7,harness,trivial,copy=1,0,0,0,0,0,"
			   "as_little,idea,ok,trial_wall,1143651,ns,"
			   "none,wall,0,1,10848855893588947432,f80b5d337586ece0,2026-01-22T03:46:"
			   "04.354075198Z,0,,45ca3a02160e,"
			   "3079ee27eb8a,b3e477002d7a,\r\n";

extern char **environ;

static int setup(struct hb_trial *trial)
{
	struct state *state = calloc(1, sizeof(*state));
	uint64_t wanted = (uint64_t)hb_params_i64(hb_trial_params(trial), "trials");
	int length;

	if (!state)
		return hb_trial_fail(trial, "no memory");
	hb_trial_set_state(trial, state);
	state->trials = (wanted + SLOTS - 1) / SLOTS * SLOTS;
	if (program_driver(state->driver) < 0 || program_runner(state->runner) < 0)
		return hb_trial_fail(
			trial, "cannot find hotbed beside this driver; build all of it");
	length = snprintf(
		state->folder, sizeof(state->folder), "%s/journal-XXXXXX", hb_trial_tmpdir(trial));
	if (length < 0 || (size_t)length >= sizeof(state->folder))
		return hb_trial_fail(trial, "the temporary folder's path is too long");
	if (!mkdtemp(state->folder))
		return hb_trial_fail(trial, "%s: %s", state->folder, strerror(errno));
	(void)snprintf(state->output, sizeof(state->output), "%s/run", state->folder);
	return 0;
}

static int sabotage(struct hb_trial *trial)
{
	struct state *state = hb_trial_state(trial);

	state->sabotaged = true;
	return 0;
}

static void report(struct hb_trial *trial, const struct state *state, int64_t elapsed_ns)
{
	hb_trial_metric(
		trial, "time_per_trial", (double)elapsed_ns / (double)state->trials, state->trials);
	hb_trial_metric(trial, "trials", (double)state->trials, 1);
}

/* ---- the bare loop ---- */

static int bare_setup(struct hb_trial *trial)
{
	const struct state *state;
	int result = setup(trial);

	if (result < 0)
		return result;
	state = hb_trial_state(trial);
	return mkdir(state->output, 0755) == 0
		       ? 0
		       : hb_trial_fail(trial, "%s: %s", state->output, strerror(errno));
}

static int bare_trial(const struct state *state, int journal, posix_spawn_file_actions_t *actions)
{
	const char *const argv[] = {state->driver, "--trial", "--experiment", "trivial",
		"--variant", "nothing", "--params", "copy=1", "--seed", "1", "--result-fd", "3",
		"--tmpdir", state->output, NULL};
	pid_t pid;
	int status;
	int result = posix_spawn(
		&pid, state->driver, actions, NULL, (char *const *)(uintptr_t)argv, environ);

	if (result != 0)
		return -result;
	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return -ECHILD;
	if (write(journal, rows, sizeof(rows) - 1) != (ssize_t)sizeof(rows) - 1)
		return -EIO;
	return fdatasync(journal) < 0 ? -errno : 0;
}

static int bare_run(struct hb_trial *trial)
{
	const struct state *state = hb_trial_state(trial);
	uint64_t trials = state->trials - (state->sabotaged ? 1 : 0);
	int64_t begin_ns = hb_clock_now_ns();
	posix_spawn_file_actions_t actions;
	char path[PATH_MAX + 16];
	int journal;
	int result = 0;

	(void)snprintf(path, sizeof(path), "%s/trials.csv", state->output);
	journal = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (journal < 0)
		return hb_trial_fail(trial, "%s: %s", path, strerror(errno));
	if (posix_spawn_file_actions_init(&actions) != 0 ||
		posix_spawn_file_actions_addopen(&actions, RESULT_FD, "/dev/null", O_WRONLY, 0) !=
			0)
		result = -ENOMEM;
	for (uint64_t i = 0; i < trials && result == 0; i++)
		result = bare_trial(state, journal, &actions);
	(void)posix_spawn_file_actions_destroy(&actions);
	(void)close(journal);
	if (result < 0)
		return hb_trial_fail(trial, "a trial of the loop: %s", strerror(-result));
	report(trial, state, hb_clock_now_ns() - begin_ns);
	return 0;
}

/* ---- the runner ---- */

static int runner_run(struct hb_trial *trial)
{
	const struct state *state = hb_trial_state(trial);
	int64_t begin_ns = hb_clock_now_ns();
	char blocks[24];
	const char *const argv[] = {state->runner, "run", "harness/trivial", "--jobs", "1", "--set",
		"copy=1", "--blocks", blocks, "--quiet", "--out", state->output, NULL};
	struct hb_child child;
	int status;
	int result;

	(void)snprintf(blocks, sizeof(blocks), "%llu",
		(unsigned long long)(state->trials / SLOTS - (state->sabotaged ? 1 : 0)));
	result = hb_child_start(trial, "system", argv, NULL, &child);
	if (result < 0)
		return hb_trial_fail(trial, "%s: %s", state->runner, strerror(-result));
	result = hb_child_wait(&child, -1, &status);
	if (result < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return hb_trial_fail(trial,
			"hotbed run ended with wait status %d; see the trial's log",
			result < 0 ? result : status);
	report(trial, state, hb_clock_now_ns() - begin_ns);
	return 0;
}

/* ---- verification: what is in the file afterwards ---- */

struct count {
	int columns[2]; /* positions of metric and status; -1 before the header */
	uint64_t records, committed;
};

static int record_count(const struct hb_csv_record *record, void *user, struct hb_error *reterr)
{
	static const char *const names[] = {"metric", "status"};
	struct count *count = user;

	if (count->columns[0] < 0)
		return hb_csv_columns(record, "trials.csv", names, 2, 2, count->columns, reterr);
	if (record->field_count <= (size_t)count->columns[0] ||
		record->field_count <= (size_t)count->columns[1])
		return -EBADMSG;
	count->records++;
	count->committed += strcmp(record->fields[count->columns[0]], "trial_wall") == 0 &&
			    strcmp(record->fields[count->columns[1]], "ok") == 0;
	return 0;
}

static int verify_journal(struct hb_trial *trial, struct count *count)
{
	const struct state *state = hb_trial_state(trial);
	struct hb_error error = {0};
	char path[PATH_MAX + 16];
	int journal;
	int result;

	(void)snprintf(path, sizeof(path), "%s/trials.csv", state->output);
	journal = open(path, O_RDONLY | O_CLOEXEC);
	if (journal < 0)
		return hb_trial_fail(trial, "%s: %s", path, strerror(errno));
	result = hb_csv_read(journal, path, 0, record_count, count, NULL, &error);
	(void)close(journal);
	if (result < 0)
		return hb_trial_fail(trial, "%s", error.text);
	if (count->committed != state->trials || count->records != ROWS_PER_TRIAL * state->trials)
		return hb_trial_fail(trial, "%llu trials are in the journal (%llu rows), not %llu",
			(unsigned long long)count->committed, (unsigned long long)count->records,
			(unsigned long long)state->trials);
	return 0;
}

static int bare_verify(struct hb_trial *trial)
{
	struct count count = {.columns = {12, 11}}; /* the loop writes no header */

	return verify_journal(trial, &count);
}

static int runner_verify(struct hb_trial *trial)
{
	struct count count = {.columns = {-1, -1}};

	return verify_journal(trial, &count);
}

static int teardown(struct hb_trial *trial)
{
	free(hb_trial_state(trial));
	return 0;
}

static uint64_t trial_ms(const struct hb_params *params)
{
	return 300 + 8 * (uint64_t)hb_params_i64(params, "trials");
}

static const struct hb_param params[] = {
	{.name = "trials",
		.type = HB_PARAM_INT,
		.unit = "1",
		.help = "trivial trials in a row; rounded up to a multiple of 3",
		.sweep = "1000",
		.sweep_quick = "50",
		.min = 3,
		.max = 2700},
	{0},
};

static const struct hb_metric metrics[] = {
	{.name = "time_per_trial",
		.unit = "ns",
		.help = "from the start of the loop, or of hotbed, to its end, by trials",
		.better = HB_BETTER_LOWER,
		.basis = HB_BASIS_WALL,
		.min_effect = 0.05},
	{.name = "trials",
		.unit = "1",
		.help = "trials run",
		.better = HB_BETTER_NONE,
		.basis = HB_BASIS_COUNT,
		.exact = true},
	{0},
};

static const struct hb_variant variants[] = {
	{.name = "bare_loop",
		.role = HB_ROLE_BASELINE,
		.help = "posix_spawn, wait, write, fdatasync",
		.setup = bare_setup,
		.run = bare_run,
		.verify = bare_verify,
		.teardown = teardown,
		.sabotage = sabotage},
	{.name = "hotbed_run",
		.role = HB_ROLE_IDEA,
		.help = "hotbed run harness/trivial --jobs 1, report included",
		.setup = setup,
		.run = runner_run,
		.verify = runner_verify,
		.teardown = teardown,
		.sabotage = sabotage},
	{0},
};

static const struct hb_claim claims[] = {
	{.name = "runner-within-three-loops",
		.text = "A thousand trivial trials take at most 3 times as long as in a bare loop "
			"of spawn, "
			"append and fdatasync.",
		.paper = "Hotbed, harness/README.md",
		.section = "",
		.metric = "time_per_trial",
		.variant = "hotbed_run",
		.where = "trials=1000",
		.lo = 0,
		.hi = 3},
	{0},
};

const struct hb_experiment harness_journal = {
	.name = "journal",
	.question = "What does the runner add to starting a trial and saving its rows?",
	.params = params,
	.metrics = metrics,
	.variants = variants,
	.claims = claims,
	.trial_ms = trial_ms,
};
