/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "observe.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <hotbed/error.h>

#include "folder.h"

#define PATH_BYTES 4096
#define WORDS_MAX 1024
#define ORPHANS_MAX 1024
#define ORPHAN_SECONDS 3

void spork_remove_folder(const char *path)
{
	char *roots[] = {(char *)(uintptr_t)path, NULL};
	FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	FTSENT *entry;

	while (tree && (entry = fts_read(tree))) {
		if (entry->fts_info == FTS_D)
			(void)chmod(entry->fts_accpath, 0700);
		else if (entry->fts_info == FTS_DP)
			(void)rmdir(entry->fts_accpath);
		else
			(void)unlink(entry->fts_accpath);
	}
	if (tree)
		(void)fts_close(tree);
}

static int read_output(const char *path, struct spork_output *ret, struct hb_error *reterr)
{
	struct stat stat;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int err = 0;

	if (fd < 0 || fstat(fd, &stat)) {
		err = hb_error_set_at(
			reterr, -errno, path, 0, "cannot be read: %s", strerror(errno));
	} else if ((uint64_t)stat.st_size > SPORK_OUTPUT_BYTES_MAX) {
		err = hb_error_set_at(
			reterr, -EFBIG, path, 0, "the command printed more than 64 MiB");
	} else {
		ret->bytes = malloc((size_t)stat.st_size + 1);
		if (!ret->bytes)
			err = hb_error_set(reterr, -ENOMEM, "no memory for the output");
	}
	while (!err && ret->length < (size_t)stat.st_size) {
		ssize_t got =
			read(fd, ret->bytes + ret->length, (size_t)stat.st_size - ret->length);

		if (got <= 0)
			break;
		ret->length += (size_t)got;
	}
	if (!err)
		ret->bytes[ret->length] = '\0';
	if (fd >= 0)
		(void)close(fd);
	return err;
}

static int start(const struct spork_observer *observer, pid_t *ret_pid, struct hb_error *reterr)
{
	const char *words[WORDS_MAX];
	char out[PATH_BYTES], err_path[PATH_BYTES];
	posix_spawn_file_actions_t actions;
	size_t used = 0;
	int err;

	for (const char *const *word = observer->prefix; word && *word; word++)
		words[used++] = *word;
	for (char *const *word = observer->command; *word; word++) {
		if (used == WORDS_MAX - 1)
			return hb_error_set(reterr, -E2BIG, "the command has too many words");
		words[used++] = *word;
	}
	words[used] = NULL;
	(void)snprintf(out, sizeof(out), "%s/out", observer->stage);
	(void)snprintf(err_path, sizeof(err_path), "%s/err", observer->stage);
	err = posix_spawn_file_actions_init(&actions);
	if (err)
		return hb_error_set(reterr, -err, "no memory");
	(void)posix_spawn_file_actions_addopen(
		&actions, 0, observer->input ? observer->input : "/dev/null", O_RDONLY, 0);
	(void)posix_spawn_file_actions_addopen(
		&actions, 1, out, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
	(void)posix_spawn_file_actions_addopen(
		&actions, 2, err_path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
	(void)posix_spawn_file_actions_addchdir_np(&actions, observer->place);
	err = posix_spawnp(ret_pid, words[0], &actions, NULL, (char *const *)(uintptr_t)words,
		observer->environment);
	(void)posix_spawn_file_actions_destroy(&actions);
	if (err)
		return hb_error_set_at(
			reterr, -err, words[0], 0, "cannot be started: %s", strerror(err));
	return 0;
}

/* Wait for @pid (-1: any) for at most @seconds; 0 when the time is up, -1 when there is none. */
static pid_t wait_for(struct ledger_watch *watch, pid_t pid, int seconds, int *ret_status)
{
	struct timespec pause = {.tv_nsec = 100000}, now;
	time_t end;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	end = now.tv_sec + seconds;
	for (;;) {
		pid_t got = waitpid(pid, ret_status, WNOHANG);

		ledger_drain(watch);
		if (got != 0)
			return got;
		(void)clock_gettime(CLOCK_MONOTONIC, &now);
		if (now.tv_sec >= end)
			return 0;
		(void)nanosleep(&pause, NULL);
		if (pause.tv_nsec < 5000000)
			pause.tv_nsec += pause.tv_nsec / 4;
	}
}

static void kill_children(void)
{
	char path[64], list[4096] = "", *save = NULL;
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/self/task/%d/children", getpid());
	file = fopen(path, "re");
	if (file && fgets(list, sizeof(list), file)) {
		for (char *word = strtok_r(list, " ", &save); word;
			word = strtok_r(NULL, " ", &save))
			(void)kill(atoi(word), SIGKILL);
	}
	if (file)
		(void)fclose(file);
}

static int compare_ints(const void *a, const void *b)
{
	int left = *(const int *)a, right = *(const int *)b;

	return (left > right) - (left < right);
}

/*
 * The helper of `spork run` may outlive it; it is no process of the command. A zombie keeps its name, which is the
 * program's until the helper has given itself one.
 */
static bool is_helper(const struct spork_observer *observer)
{
	char path[64], name[32] = "";
	const char *slash;
	siginfo_t info = {0};
	FILE *file;

	if (!observer->prefix || waitid(P_ALL, 0, &info, WEXITED | WNOWAIT | WNOHANG))
		return false;
	slash = strrchr(observer->prefix[0], '/');
	(void)snprintf(path, sizeof(path), "/proc/%d/comm", info.si_pid);
	file = info.si_pid > 0 ? fopen(path, "re") : NULL;
	if (file) {
		if (fgets(name, sizeof(name), file))
			name[strcspn(name, "\n")] = '\0';
		(void)fclose(file);
	}
	if (slash)
		slash++;
	else
		slash = observer->prefix[0];
	return strcmp(name, "spork-helper") == 0 ||
	       (name[0] && strncmp(name, slash, strlen(slash)) == 0);
}

/* waitid() tells without reaping; the next waitpid(-1) reaps the same process. */
static bool wait_for_zombie(struct ledger_watch *watch, int seconds)
{
	struct timespec pause = {.tv_nsec = 200000}, now;
	time_t end;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	end = now.tv_sec + seconds;
	for (;;) {
		siginfo_t info = {0};

		ledger_drain(watch);
		if (waitid(P_ALL, 0, &info, WEXITED | WNOWAIT | WNOHANG) || info.si_pid)
			return true;
		(void)clock_gettime(CLOCK_MONOTONIC, &now);
		if (now.tv_sec >= end)
			return false;
		(void)nanosleep(&pause, NULL);
	}
}

/* Processes whose parent has ended come to this one. */
static int reap_orphans(const struct spork_observer *observer, struct ledger_watch *watch,
	struct spork_observation *ret, struct hb_error *reterr)
{
	int status = 0;

	ret->orphans = calloc(ORPHANS_MAX, sizeof(int));
	if (!ret->orphans)
		return hb_error_set(reterr, -ENOMEM, "no memory");
	for (;;) {
		bool in_time = wait_for_zombie(watch, ORPHAN_SECONDS), helper;
		pid_t got;

		if (!in_time)
			kill_children();
		(void)wait_for_zombie(watch, 1);
		helper = is_helper(observer);
		got = waitpid(-1, &status, 0);
		if (got < 0)
			break;
		ret->killed += !in_time;
		if (!helper && ret->orphan_count < ORPHANS_MAX)
			ret->orphans[ret->orphan_count++] = status;
	}
	qsort(ret->orphans, ret->orphan_count, sizeof(int), compare_ints);
	return 0;
}

static int watch(const struct spork_observer *observer, struct spork_observation *ret,
	struct hb_error *reterr)
{
	const char *absent;
	struct ledger_watch *watch = ledger_open(&absent);
	pid_t pid = -1;
	int err = start(observer, &pid, reterr);

	if (!err && wait_for(watch, pid, observer->timeout_s, &ret->status) == 0) {
		ret->timed_out = true;
		(void)kill(pid, SIGKILL);
		(void)waitpid(pid, &ret->status, 0);
	}
	if (!err)
		err = reap_orphans(observer, watch, ret, reterr);
	ledger_close(watch, pid, observer->prefix != NULL, absent, &ret->ledger);
	return err;
}

static int look(const struct spork_observer *observer, const struct spork_seen_file *before,
	size_t before_count, struct spork_observation *ret, struct hb_error *reterr)
{
	char path[PATH_BYTES];
	int err;

	(void)snprintf(path, sizeof(path), "%s/out", observer->stage);
	err = read_output(path, &ret->out, reterr);
	(void)snprintf(path, sizeof(path), "%s/err", observer->stage);
	if (!err)
		err = read_output(path, &ret->err, reterr);
	if (!err)
		err = folder_list(observer->place, &ret->files, &ret->file_count, reterr);
	if (!err)
		folder_mark_unchanged(ret->files, ret->file_count, before, before_count);
	return err;
}

int spork_observe(const struct spork_observer *observer, struct spork_observation *ret,
	struct hb_error *reterr)
{
	struct spork_observation seen = {0};
	struct spork_seen_file *before = NULL;
	size_t before_count = 0;
	int was = 0;
	int err = folder_copy(observer->origin, observer->place, reterr);

	(void)prctl(PR_GET_CHILD_SUBREAPER, &was);
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1L);
	if (!err)
		err = folder_list(observer->place, &before, &before_count, reterr);
	if (!err)
		err = watch(observer, &seen, reterr);
	if (!err)
		err = look(observer, before, before_count, &seen, reterr);
	(void)prctl(PR_SET_CHILD_SUBREAPER, (long)was);
	folder_list_finish(before, before_count);
	spork_remove_folder(observer->place);
	if (err) {
		spork_observation_finish(&seen);
		return err;
	}
	*ret = seen;
	return 0;
}

void spork_observation_finish(struct spork_observation *observation)
{
	free(observation->out.bytes);
	free(observation->err.bytes);
	free(observation->orphans);
	ledger_finish(&observation->ledger);
	folder_list_finish(observation->files, observation->file_count);
	*observation = (struct spork_observation){0};
}
