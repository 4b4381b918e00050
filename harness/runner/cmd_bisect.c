/* SPDX-License-Identifier: GPL-3.0-or-later */
/* hotbed bisect: which commit made it slower, by comparing builds in the same blocks. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <hotbed/error.h>
#include <hotbed/json.h>
#include <hotbed/log.h>

#include "command.h"
#include "subprocess.h"

#define COMMITS_MAX 100000
#define WORDS_MAX 40
#define HASH_BYTES 41
#define BUILD_COMMAND "./hotbed build"

enum outcome { GOOD, BAD, UNTESTABLE, STOPPED };
static const char *const outcome_names[] = {"good", "bad", "untestable", "stopped"};

struct bisect {
	const struct hb_arguments *arguments;
	const char *experiment;
	char good[HASH_BYTES];
	char (*commits)[HASH_BYTES]; /* after good, oldest first; the last is bad */
	size_t count;
	char work[PATH_MAX]; /* two working trees: good, try */
	char runs[PATH_MAX]; /* a folder per test */
	bool has_good, has_try;
	size_t tests;
	cJSON *tested; /* one object per test */
};

/* git with @words (NULL-terminated) after its name; @ret_output: as in subprocess.h. Its exit code, or -errno. */
static int git(const char *const *words, char **ret_output)
{
	const char *argv[WORDS_MAX] = {"git"};
	struct hb_error error = {0};
	int status = 0, r;

	for (size_t i = 0; words[i] && i + 2 < WORDS_MAX; i++)
		argv[i + 1] = words[i];
	r = hb_subprocess_run(argv, NULL, 0, ret_output, &status, &error);
	if (r)
		hb_log_error(&error);
	return r ? r : status;
}

/* The full name of the commit that option --@option names. */
static int resolve(const struct bisect *b, const char *option, char *ret)
{
	const char *name = hb_arguments_text(b->arguments, option);
	char *output = NULL, *commit = NULL;
	int r = name ? 0 : -EINVAL;

	if (!name)
		hb_log(HB_LOG_ERROR, "bisect needs --good COMMIT and --bad COMMIT");
	if (!r && asprintf(&commit, "%s^{commit}", name) < 0)
		return -ENOMEM;
	if (!r)
		r = git((const char *const[]){"rev-parse", "--verify", "--quiet", commit, NULL},
			&output);
	if (name && (r || !output || strlen(output) < HASH_BYTES - 1)) {
		hb_log(HB_LOG_ERROR, "--%s %s: git knows no such commit here", option, name);
		r = -EINVAL;
	}
	if (!r)
		(void)snprintf(ret, HASH_BYTES, "%.40s", output);
	free(output);
	free(commit);
	return r;
}

/* The commits after good up to bad, along first parents: merges are tested whole. */
static int list_commits(struct bisect *b, const char *bad)
{
	char range[2 * HASH_BYTES + 2];
	char *output = NULL;
	int r = git((const char *const[]){"merge-base", "--is-ancestor", b->good, bad, NULL}, NULL);

	(void)snprintf(range, sizeof(range), "%s..%s", b->good, bad);
	if (!r)
		r = git((const char *const[]){"rev-list", "--first-parent", "--reverse", range,
				NULL},
			&output);
	for (const char *at = output; !r && at && *at; at += HASH_BYTES)
		b->count++;
	if (r || !b->count || b->count > COMMITS_MAX) {
		hb_log(HB_LOG_ERROR,
			"the good commit must be an ancestor of the bad one, at most %d "
			"commits before it",
			COMMITS_MAX);
		free(output);
		return -EINVAL;
	}
	b->commits = calloc(b->count, sizeof(*b->commits));
	for (size_t i = 0; b->commits && i < b->count; i++)
		(void)snprintf(b->commits[i], HASH_BYTES, "%.40s", output + i * HASH_BYTES);
	free(output);
	return b->commits ? 0 : -ENOMEM;
}

/* Bring the working tree @name to @commit and build it there. Returns 0, 1 (it cannot be built) or -errno. */
static int build(struct bisect *b, const char *name, bool *has, const char *commit)
{
	const char *command = hb_arguments_text(b->arguments, "build");
	char tree[PATH_MAX + 8], script[PATH_MAX + 600];
	char *output = NULL;
	struct hb_error error = {0};
	int status = 0, r;

	(void)snprintf(tree, sizeof(tree), "%s/%s", b->work, name);
	if (*has)
		r = git((const char *const[]){"-C", tree, "checkout", "--quiet", "--force",
				"--detach", commit, NULL},
			NULL);
	else
		r = git((const char *const[]){"worktree", "add", "--quiet", "--detach", tree,
				commit, NULL},
			NULL);
	if (r) {
		hb_log(HB_LOG_ERROR, "bisect: git cannot check out %.12s", commit);
		return r < 0 ? r : -EIO;
	}
	*has = true;
	(void)snprintf(script, sizeof(script), "cd \"$1\" && { %.500s; }",
		command ? command : BUILD_COMMAND);
	r = hb_subprocess_run((const char *const[]){"/bin/sh", "-c", script, "sh", tree, NULL},
		NULL, 0, &output, &status, &error);
	free(output);
	if (r) {
		hb_log_error(&error);
		return r;
	}
	return status ? 1 : 0;
}

/* The build of @commit against the good one, in the same blocks. */
static int compare(const struct bisect *b, const char *commit, char **ret_folder)
{
	static const char *const names[] = {"blocks", "set", "filter", "max-time", "seed", NULL};
	static const char *const options[] = {
		"--blocks", "--set", "--filter", "--max-time", "--seed"};
	char self[PATH_MAX + 1] = "", against[PATH_MAX + 16], drivers[PATH_MAX + 16];
	struct hb_error error = {0};
	char *output = NULL;
	int status = 0;

	if (readlink("/proc/self/exe", self, sizeof(self) - 1) <= 0 ||
		asprintf(ret_folder, "%s/%03zu-%.12s", b->runs, b->tests, commit) < 0)
		return -EIO;
	(void)snprintf(against, sizeof(against), "%s/good/build", b->work);
	(void)snprintf(drivers, sizeof(drivers), "%s/try/build", b->work);
	const char *argv[WORDS_MAX] = {self, "run", b->experiment, "--against", against,
		"--drivers", drivers, "--gate", "--json", "--out", *ret_folder};
	size_t count = 11;

	for (int i = 0; names[i]; i++) {
		const char *const *values = hb_arguments_texts(b->arguments, names[i]);

		for (; values && *values && count + 3 < WORDS_MAX; values++) {
			argv[count++] = options[i];
			argv[count++] = *values;
		}
	}
	int r = hb_subprocess_run(argv, NULL, 0, &output, &status, &error);

	if (r)
		hb_log_error(&error);
	free(output);
	return r ? r : status;
}

static enum outcome outcome_of(int status)
{
	switch (status) {
	case HB_EXIT_DONE:
		return GOOD;
	case HB_EXIT_GATE:
		return BAD;
	case HB_EXIT_INTERRUPTED:
	case HB_EXIT_USAGE:
	case HB_EXIT_LOCKED:
		return STOPPED;
	default:
		return status < 0 ? STOPPED : UNTESTABLE;
	}
}

static enum outcome test(struct bisect *b, const char *commit)
{
	bool quiet =
		hb_arguments_flag(b->arguments, "quiet") || hb_arguments_flag(b->arguments, "json");
	char *folder = NULL;
	cJSON *item = cJSON_CreateObject();
	int r = build(b, "try", &b->has_try, commit);
	enum outcome outcome = r < 0 ? STOPPED : UNTESTABLE;

	if (!r)
		outcome = outcome_of(compare(b, commit, &folder));
	b->tests++;
	if (!quiet)
		printf("%.12s  %-10s  %s\n", commit, outcome_names[outcome],
			folder ? folder : "it cannot be built");
	(void)fflush(stdout);
	if (hb_json_add_text(item, "commit", commit) ||
		hb_json_add_text(item, "outcome", outcome_names[outcome]) ||
		hb_json_add_text(item, "folder", folder) ||
		!cJSON_AddItemToArray(b->tested, item)) {
		cJSON_Delete(item);
		outcome = STOPPED;
	}
	free(folder);
	return outcome;
}

/*
 * Halve until one commit is left. commits[*hi] is bad, and the one before commits[*lo] good. Where the one in the
 * middle cannot be tested the others are tried, those nearest to it first.
 */
static enum outcome halve(struct bisect *b, size_t *lo, size_t *hi)
{
	while (*lo < *hi) {
		size_t middle = *lo + (*hi - *lo) / 2;
		enum outcome outcome = UNTESTABLE;
		size_t at = middle;

		for (size_t off = 0; outcome == UNTESTABLE && off <= *hi - *lo; off++) {
			if (off && middle + off < *hi) {
				at = middle + off;
				outcome = test(b, b->commits[at]);
			}
			if (outcome == UNTESTABLE && middle >= *lo + off) {
				at = middle - off;
				outcome = test(b, b->commits[at]);
			}
		}
		if (outcome == STOPPED || outcome == UNTESTABLE)
			return outcome;
		if (outcome == BAD)
			*hi = at;
		else
			*lo = at + 1;
	}
	return BAD;
}

static int print_json(struct bisect *b, size_t lo, size_t hi)
{
	cJSON *json = cJSON_CreateObject();
	int r = hb_json_add_text(json, "schema", "hotbed.bisect/1");

	r |= hb_json_add_text(json, "first_bad", lo == hi ? b->commits[hi] : "");
	r |= hb_json_add_text(json, "after", lo ? b->commits[lo - 1] : b->good);
	r |= hb_json_add_text(json, "up_to", b->commits[hi]);
	if (!r && cJSON_AddItemToObject(json, "tests", b->tested))
		b->tested = NULL;
	char *text = r ? NULL : cJSON_Print(json);

	if (text)
		puts(text);
	cJSON_free(text);
	cJSON_Delete(json);
	return text ? HB_EXIT_DONE : HB_EXIT_FAULT;
}

static int tell(struct bisect *b, size_t lo, size_t hi)
{
	char *output = NULL;

	if (hb_arguments_flag(b->arguments, "json"))
		return print_json(b, lo, hi);
	if (lo < hi) {
		printf("the first bad commit is one of %zu that cannot be tested, up to %.12s\n",
			hi - lo + 1, b->commits[hi]);
		return HB_EXIT_DONE;
	}
	if (git((const char *const[]){"show", "--no-patch", "--format=%h %an, %ad%n    %s",
			b->commits[hi], NULL},
		    &output))
		return HB_EXIT_FAULT;
	printf("first bad commit, after %zu tests:\n%s", b->tests, output);
	free(output);
	return HB_EXIT_DONE;
}

static int search(struct bisect *b)
{
	size_t lo = 0, hi = b->count - 1;
	int r = build(b, "good", &b->has_good, b->good);
	enum outcome outcome;

	if (r) {
		hb_log(HB_LOG_ERROR, "bisect: the good commit cannot be built");
		return HB_EXIT_FAULT;
	}
	outcome = test(b, b->commits[hi]);
	if (outcome == GOOD || outcome == UNTESTABLE) {
		hb_log(HB_LOG_ERROR,
			outcome == GOOD
				? "bisect: the bad commit is not worse than the good one; "
				  "more --blocks, or a quieter machine?"
				: "bisect: the bad commit cannot be built or its trials fail");
		return outcome == GOOD ? HB_EXIT_INCONCLUSIVE : HB_EXIT_TRIAL;
	}
	if (outcome == BAD)
		outcome = halve(b, &lo, &hi);
	if (outcome == STOPPED) {
		hb_log(HB_LOG_ERROR,
			"bisect: stopped; the first bad commit is after %.12s, at the "
			"latest %.12s",
			lo ? b->commits[lo - 1] : b->good, b->commits[hi]);
		return HB_EXIT_INTERRUPTED;
	}
	return tell(b, lo, hi);
}

static void remove_tree(const struct bisect *b, const char *name, bool has)
{
	char tree[PATH_MAX + 8];

	(void)snprintf(tree, sizeof(tree), "%s/%s", b->work, name);
	if (has && git((const char *const[]){"worktree", "remove", "--force", tree, NULL}, NULL))
		hb_log(HB_LOG_WARNING, "%s stays; 'git worktree remove' removes it", tree);
}

static int make_folders(struct bisect *b)
{
	const char *tmp = getenv("TMPDIR");
	char here[PATH_MAX];

	if (!getcwd(here, sizeof(here)) || (mkdir("results", 0777) && errno != EEXIST))
		return -errno;
	if (snprintf(b->runs, sizeof(b->runs), "%.4000s/results/bisect-XXXXXX", here) < 0 ||
		!mkdtemp(b->runs))
		return -errno;
	(void)snprintf(
		b->work, sizeof(b->work), "%.4000s/hotbed-bisect-XXXXXX", tmp ? tmp : "/tmp");
	return mkdtemp(b->work) ? 0 : -errno;
}

static int run_bisect(const struct hb_arguments *arguments)
{
	struct bisect b = {.arguments = arguments};
	const char *const *operands;
	char bad[HASH_BYTES];
	size_t count;
	int code = HB_EXIT_USAGE, r;

	operands = hb_arguments_operands(arguments, &count);
	if (count != 1) {
		hb_log(HB_LOG_ERROR, "bisect takes one experiment, not %zu", count);
		return HB_EXIT_USAGE;
	}
	b.experiment = operands[0];
	if (resolve(&b, "good", b.good) || resolve(&b, "bad", bad) || list_commits(&b, bad)) {
		free(b.commits);
		return HB_EXIT_USAGE;
	}
	b.tested = cJSON_CreateArray();
	r = b.tested ? make_folders(&b) : -ENOMEM;
	if (r)
		hb_log(HB_LOG_ERROR, "bisect: cannot make its folders: %s", strerror(-r));
	code = r ? HB_EXIT_FAULT : search(&b);
	remove_tree(&b, "try", b.has_try);
	remove_tree(&b, "good", b.has_good);
	if (*b.work)
		(void)rmdir(b.work);
	cJSON_Delete(b.tested);
	free(b.commits);
	return code;
}

static const struct hb_option options[] = {
	{"good", 0, "COMMIT", "A commit that was fast enough."},
	{"bad", 0, "COMMIT", "A later one that is not."},
	{"build", 0, "COMMAND", "Builds a working tree, in it, into build/; else ./hotbed build."},
	{"blocks", 0, "N", "Blocks per point instead of the tables', at least 6."},
	{"set", 0, "K=V,...", "Values of parameters instead of the sweep: k=v,v2,k2=v."},
	{"filter", 0, "K=GLOB,...", "Only points that match; variant=GLOB chooses variants."},
	{"seed", 0, "N", "The seed of every comparison."},
	{"max-time", 0, "TIME", "Of one comparison: begin no block that would end later."},
	{0},
};

static const struct hb_example examples[] = {
	{"./hotbed bisect --help", "what it needs: a repository with both commits"},
	{0},
};

extern const struct hb_command hb_command_bisect;
const struct hb_command hb_command_bisect = {
	.name = "bisect",
	.operands = "SUB/EXPERIMENT",
	.summary = "Find the commit that made an experiment worse.",
	.description =
		"Builds the good commit, and then, halving, commits between the two, each in a "
		"working "
		"tree of its own outside of the repository, and compares each build with the good "
		"one "
		"in the same blocks, as 'hotbed run --against --gate' does: a commit is bad if an "
		"exact metric is worse, or a measured one with an interval clear of the A/A "
		"interval. "
		"Nights are too different from one another for that; two builds in one block are "
		"not.\n\n"
		"Merges are tested whole (first parents). A commit that cannot be built, or whose "
		"trials fail, is passed over for the ones beside it. The runs stay in "
		"results/bisect-*.\n\n"
		"Exit code 0: found, or narrowed down to commits that cannot be tested; 4: the bad "
		"commit is not worse; 75: interrupted, and where it was.",
	.options = options,
	.examples = examples,
	.completion = "experiments",
	.run = run_bisect,
};
