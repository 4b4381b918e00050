/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The oracle of spork: random programs that fork, run with fork and with every executor, must not differ in
 * anything that can be seen: what the child's program is given, what becomes of the parent, all files.
 * `oracle --help` says how.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <hotbed/error.h>
#include <hotbed/json.h>

#include "batch.h"
#include "programs.h"
#include "saboteurs.h"

#define PATH_BYTES 4200
#define KINDS_MAX 16
#define SABOTEURS_MAX 64
#define NATIVE_TRIES 5
#define SHOWN_MAX 8

static const char help[] =
	"usage: oracle [OPTIONS]\n"
	"  --seed N        of the random programs (default: HB_SEED, or 1)\n"
	"  --first N       the first case (default 0)\n"
	"  --count N       how many cases (default 300)\n"
	"  --rounds N      forks per case and process (default 2)\n"
	"  --build NAME    only this way of compiling\n"
	"  --modes A,B     modes of `spork run`, each run twice (default "
	"record,auto,shared); none: only native runs\n"
	"  --spork FILE    the spork program\n"
	"  --libraries     children that load libraries, too; 'all' are then their faults\n"
	"  --native N      also compare N further native runs with the first\n"
	"  --saboteur A,B  native runs with these faults (all: every one): each must be found\n"
	"  --keep          keep the working folder, and name it\n";

struct options {
	uint64_t seed;
	int first, count, rounds, native;
	const char *build, *modes, *spork, *saboteurs;
	bool keep, libraries;
};

/* One way of running a batch. */
struct kind {
	char name[64];
	const char *mode;     /* of spork, or NULL */
	const char *saboteur; /* or NULL */
	int differences;
	int64_t forks, converted;
};

struct session {
	struct options options;
	char folder[256];
	char self[PATH_BYTES];
	struct kind kinds[KINDS_MAX + SABOTEURS_MAX];
	int kind_count;
	int cases, differences, unstable, shown;
};

static int spawn_and_wait(char *const *words, char *const *variables)
{
	pid_t pid;
	int status = 0;
	int err = posix_spawn(&pid, words[0], NULL, NULL, words, variables);

	if (err)
		return -err;
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		continue;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* How much of it spork did: a comparison of fork with fork would prove nothing. */
static int count_conversions(struct kind *kind, const char *path)
{
	struct hb_error error = {0};
	int64_t forks = 0, converted = 0;
	cJSON *root = NULL;
	int err = hb_json_read_file(path, 1 << 24, &root, &error);

	if (!err)
		err = hb_json_get_i64(root, "forks", &forks, &error);
	if (!err)
		err = hb_json_get_i64(root, "converted", &converted, &error);
	cJSON_Delete(root);
	if (err)
		(void)fprintf(stderr, "oracle: %s: %s\n", path, error.text);
	kind->forks += forks;
	kind->converted += converted;
	return err ? 1 : 0;
}

/* This program again, as `oracle --batch ...`, perhaps under spork. */
static int run_batch(const struct session *session, struct kind *kind, const char *program,
	const char *folder, int first, int count)
{
	char first_text[16], count_text[16], rounds_text[16], seed_cache[PATH_BYTES];
	char statistics[PATH_BYTES];
	char *words[24];
	int used = 0, code;

	if (mkdir(folder, 0755) && errno != EEXIST)
		return -errno;
	(void)snprintf(first_text, sizeof(first_text), "%d", first);
	(void)snprintf(count_text, sizeof(count_text), "%d", count);
	(void)snprintf(rounds_text, sizeof(rounds_text), "%d", session->options.rounds);
	(void)snprintf(seed_cache, sizeof(seed_cache), "%s/cache", session->folder);
	(void)snprintf(statistics, sizeof(statistics), "%s/stats.json", session->folder);
	(void)setenv("XDG_CACHE_HOME", seed_cache, 1);
	if (kind->mode) {
		const char *const prefix[] = {session->options.spork, "run", "--stats", statistics,
			"--mode", kind->mode, "--min-rss", "0", "--settle", "--"};

		for (size_t i = 0; i < sizeof(prefix) / sizeof(prefix[0]); i++)
			words[used++] = (char *)(uintptr_t)prefix[i];
	}
	words[used++] = (char *)(uintptr_t)session->self;
	words[used++] = (char *)(uintptr_t) "--batch";
	words[used++] = (char *)(uintptr_t)program;
	words[used++] = (char *)(uintptr_t)folder;
	words[used++] = first_text;
	words[used++] = count_text;
	words[used++] = rounds_text;
	words[used] = NULL;
	(void)unsetenv("ORACLE_PRELOAD");
	if (kind->saboteur) {
		(void)setenv("ORACLE_PRELOAD", SABOTEUR_LIBRARY, 1);
		(void)setenv("ORACLE_SABOTEUR", kind->saboteur, 1);
	}
	code = spawn_and_wait(words, environ);
	if (kind->mode && code == 0)
		code = count_conversions(kind, statistics);
	return code;
}

static char *read_text(const char *path)
{
	FILE *file = fopen(path, "re");
	char *text = NULL;
	size_t size = 0;

	if (!file)
		return NULL;
	if (getdelim(&text, &size, '\0', file) < 0) {
		free(text);
		text = strdup("");
	}
	(void)fclose(file);
	return text;
}

static bool same(const char *a, const char *b)
{
	char *left = read_text(a), *right = read_text(b);
	bool equal = left && right && *left && strcmp(left, right) == 0;

	free(left);
	free(right);
	return equal;
}

static void remove_tree(const char *path)
{
	char *words[] = {(char[]){"/bin/rm"}, (char[]){"-rf"}, (char[]){"--"},
		(char *)(uintptr_t)path, NULL};

	(void)spawn_and_wait(words, environ);
}

static void show(struct session *session, const char *build, const struct kind *kind, int number,
	const char *native, const char *other)
{
	char command[3 * PATH_BYTES];

	(void)printf("DIFFERENCE: --seed %" PRIu64 " --first %d --count 1 --build %s, %s\n",
		session->options.seed, number, build, kind->name);
	if (session->shown++ >= SHOWN_MAX)
		return;
	(void)snprintf(
		command, sizeof(command), "diff -a -U1 '%s' '%s' | head -n 40", native, other);
	(void)fflush(stdout);
	(void)!system(command);
}

/*
 * A difference may be the program's own: a native run that looks like the other one proves that. Races need
 * several tries.
 */
static bool explained(const struct session *session, const char *build, const char *program,
	int number, int index, const char *other)
{
	struct kind native = {.name = "native"};

	(void)index;
	for (int i = 0; i < NATIVE_TRIES; i++) {
		char folder[PATH_BYTES], text[PATH_BYTES + 32];
		bool found;

		(void)snprintf(folder, sizeof(folder), "%s/again-%s-%d-%d", session->folder, build,
			number, i);
		if (run_batch(session, &native, program, folder, number, 1))
			return false;
		(void)snprintf(text, sizeof(text), "%s/%d.txt", folder, number);
		found = same(text, other);
		remove_tree(folder);
		if (found)
			return true;
	}
	return false;
}

/* Programs hold a range of cases; a case by itself is compiled by itself. */
static bool explained_alone(const struct session *session, const struct oracle_build *build,
	int number, const char *other)
{
	char folder[PATH_BYTES], program[PATH_BYTES + 64];

	(void)snprintf(
		folder, sizeof(folder), "%s/alone-%s-%d", session->folder, build->name, number);
	(void)mkdir(folder, 0755);
	(void)snprintf(program, sizeof(program), "%s/%s", folder, build->name);
	if (oracle_compile(build, folder, session->options.seed, number, 1))
		return false;
	return explained(session, build->name, program, number, 0, other);
}

static void compare_cases(struct session *session, const struct oracle_build *build,
	struct kind *kind, const char *native, const char *other, int first, int count)
{
	for (int number = first; number < first + count; number++) {
		char a[PATH_BYTES + 32], b[PATH_BYTES + 32];

		(void)snprintf(a, sizeof(a), "%s/%d.txt", native, number);
		(void)snprintf(b, sizeof(b), "%s/%d.txt", other, number);
		if (same(a, b))
			continue;
		if (kind->saboteur) {
			kind->differences++;
			continue;
		}
		if (explained_alone(session, build, number, b)) {
			session->unstable++;
			continue;
		}
		kind->differences++;
		session->differences++;
		show(session, build->name, kind, number, a, b);
	}
}

static int run_build(
	struct session *session, const struct oracle_build *build, int first, int count)
{
	char program[PATH_BYTES], native[PATH_BYTES], other[PATH_BYTES];
	int err = oracle_compile(build, session->folder, session->options.seed, first, count);
	struct kind plain = {
		.name = "native", .saboteur = *session->options.saboteurs ? "none" : NULL};

	if (err == -ENOENT) {
		(void)printf("left out: no %s\n", build->compiler);
		return 0;
	}
	(void)snprintf(program, sizeof(program), "%s/%s", session->folder, build->name);
	(void)snprintf(native, sizeof(native), "%s/%s.native", session->folder, build->name);
	if (!err)
		err = run_batch(session, &plain, program, native, first, count);
	for (int i = 0; i < session->kind_count && !err; i++) {
		struct kind *kind = &session->kinds[i];

		(void)snprintf(
			other, sizeof(other), "%s/%s.%s", session->folder, build->name, kind->name);
		err = run_batch(session, kind, program, other, first, count);
		if (err)
			(void)fprintf(stderr, "oracle: the batch %s of %s failed: %d\n", kind->name,
				build->name, err);
		else
			compare_cases(session, build, kind, native, other, first, count);
		if (!session->options.keep)
			remove_tree(other);
	}
	if (!session->options.keep)
		remove_tree(native);
	session->cases += count;
	return err;
}

static void add_kinds(struct session *session)
{
	/* The kinds point into them for as long as the program runs. */
	static char *modes, *saboteurs;
	char *save = NULL;

	modes = strdup(session->options.modes);
	saboteurs = strdup(session->options.saboteurs);
	for (int i = 0; i < session->options.native && session->kind_count < KINDS_MAX; i++)
		(void)snprintf(session->kinds[session->kind_count++].name, 64, "native-%d", i + 2);
	for (char *word = strtok_r(modes, ",", &save);
		word && strcmp(word, "none") != 0 && session->kind_count < KINDS_MAX;
		word = strtok_r(NULL, ",", &save)) {
		for (int i = 0; i < 2; i++) {
			struct kind *kind = &session->kinds[session->kind_count++];

			kind->mode = word;
			(void)snprintf(
				kind->name, sizeof(kind->name), "%s-%s", word, i ? "warm" : "cold");
		}
	}
	for (char *word = strtok_r(saboteurs, ",", &save);
		word && session->kind_count < KINDS_MAX + SABOTEURS_MAX;
		word = strtok_r(NULL, ",", &save)) {
		struct kind *kind = &session->kinds[session->kind_count++];

		kind->saboteur = word;
		(void)snprintf(kind->name, sizeof(kind->name), "saboteur-%s", word);
	}
}

/* With saboteurs, success means that every one was found, and that the one without a fault was not. */
static int judge_saboteurs(const struct session *session)
{
	int bad = 0;

	for (int i = 0; i < session->kind_count; i++) {
		const struct kind *kind = &session->kinds[i];
		bool harmless = strcmp(kind->saboteur ? kind->saboteur : "", "none") == 0;

		if (!kind->saboteur)
			continue;
		(void)printf("%-28s found in %d of %d cases%s\n", kind->saboteur, kind->differences,
			session->cases, harmless == (kind->differences == 0) ? "" : ", WRONG");
		bad += harmless != (kind->differences == 0);
	}
	return bad;
}

/* In warm runs something must have been converted, except where that is not asked for. */
static int judge_conversions(const struct session *session)
{
	int bad = 0;

	for (int i = 0; i < session->kind_count; i++) {
		const struct kind *kind = &session->kinds[i];
		bool must = kind->mode && strcmp(kind->mode, "fork") != 0 &&
			    strstr(kind->name, "-warm") && session->cases >= 20;

		if (!kind->mode)
			continue;
		(void)printf("%-28s %" PRId64 " of %" PRId64 " forks converted%s\n", kind->name,
			kind->converted, kind->forks, must && kind->converted == 0 ? ", NONE" : "");
		bad += must && kind->converted == 0;
	}
	return bad;
}

static int run_session(struct session *session)
{
	const struct oracle_build *all =
		session->options.libraries ? oracle_library_builds : oracle_builds;
	int builds = 0, first = session->options.first, turn = 0, left, err = 0;

	for (const struct oracle_build *build = all; build->name; build++)
		builds +=
			!session->options.build || strcmp(build->name, session->options.build) == 0;
	if (builds == 0) {
		(void)fprintf(stderr, "oracle: no build is named %s\n", session->options.build);
		return 2;
	}
	left = session->options.count;
	for (const struct oracle_build *build = all; build->name && !err && left; build++) {
		int count;

		if (session->options.build && strcmp(build->name, session->options.build) != 0)
			continue;
		count = left / (builds - turn++);
		if (count)
			err = run_build(session, build, first, count);
		first += count;
		left -= count;
	}
	if (err)
		return 1;
	(void)printf("%d cases, %d differences, %d unstable by themselves, seed %" PRIu64 "\n",
		session->cases, session->differences, session->unstable, session->options.seed);
	return judge_saboteurs(session) + judge_conversions(session) + session->differences ||
			       session->cases == 0
		       ? 1
		       : 0;
}

static int parse(int argc, char **argv, struct options *options)
{
	static const struct option rows[] = {{"seed", 1, NULL, 's'}, {"first", 1, NULL, 'f'},
		{"count", 1, NULL, 'c'}, {"rounds", 1, NULL, 'r'}, {"build", 1, NULL, 'b'},
		{"modes", 1, NULL, 'm'}, {"spork", 1, NULL, 'p'}, {"native", 1, NULL, 'n'},
		{"saboteur", 1, NULL, 'x'}, {"libraries", 0, NULL, 'l'}, {"keep", 0, NULL, 'k'},
		{"help", 0, NULL, 'h'}, {NULL, 0, NULL, 0}};
	int found;

	while ((found = getopt_long(argc, argv, "", rows, NULL)) != -1) {
		switch (found) {
		case 's':
			options->seed = strtoull(optarg, NULL, 10);
			break;
		case 'f':
			options->first = atoi(optarg);
			break;
		case 'c':
			options->count = atoi(optarg);
			break;
		case 'r':
			options->rounds = atoi(optarg);
			break;
		case 'b':
			options->build = optarg;
			break;
		case 'm':
			options->modes = optarg;
			break;
		case 'p':
			options->spork = optarg;
			break;
		case 'n':
			options->native = atoi(optarg);
			break;
		case 'x':
			options->saboteurs = optarg;
			break;
		case 'l':
			options->libraries = true;
			break;
		case 'k':
			options->keep = true;
			break;
		default:
			(void)fputs(help, found == 'h' ? stdout : stderr);
			return found == 'h' ? 0 : 2;
		}
	}
	if (strcmp(options->saboteurs, "all") == 0)
		options->saboteurs = options->libraries ? LIBRARY_SABOTEURS : ORACLE_SABOTEURS;
	return -1;
}

/* What whoever runs the tests has left open or ignored is no part of them. */
static void forget_inheritance(void)
{
	sigset_t none;

	(void)close_range(3, ~0U, 0);
	for (int number = 1; number < NSIG; number++)
		(void)signal(number, SIG_DFL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

int main(int argc, char **argv)
{
	static struct session session;
	const char *seed = getenv("HB_SEED");
	const char *temporary = getenv("TMPDIR");
	int code;

	if (argc == 7 && strcmp(argv[1], "--batch") == 0)
		return oracle_batch(
			       argv[2], argv[3], atoi(argv[4]), atoi(argv[5]), atoi(argv[6])) != 0;
	session.options = (struct options){.seed = seed ? strtoull(seed, NULL, 10) : 1,
		.count = 300,
		.rounds = 2,
		.modes = "record,auto,shared",
		.spork = "",
		.saboteurs = ""};
	code = parse(argc, argv, &session.options);
	if (code >= 0)
		return code;
	forget_inheritance();
	(void)snprintf(session.folder, sizeof(session.folder), "%s/spork-oracle.XXXXXX",
		temporary ? temporary : "/tmp");
	if (!mkdtemp(session.folder) || chmod(session.folder, 0755) ||
		readlink("/proc/self/exe", session.self, sizeof(session.self) - 1) < 0) {
		(void)fprintf(stderr, "oracle: %s: %s\n", session.folder, strerror(errno));
		return 1;
	}
	add_kinds(&session);
	code = run_session(&session);
	if (session.options.keep)
		(void)printf("kept: %s\n", session.folder);
	else
		remove_tree(session.folder);
	return code;
}
