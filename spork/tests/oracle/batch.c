/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "batch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CASE_SECONDS 8
#define ORPHAN_SECONDS 3
#define PATH_BYTES 4200
#define ORPHANS_MAX 64

static int write_file(const char *folder, const char *name, const char *content, mode_t mode)
{
	char path[PATH_BYTES];
	int fd;
	ssize_t length = (ssize_t)strlen(content);
	int err = 0;

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	if (write(fd, content, (size_t)length) != length || fchmod(fd, mode))
		err = -errno;
	(void)close(fd);
	return err;
}

static int make_folder(const char *folder, const char *name)
{
	char path[PATH_BYTES];

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	return mkdir(path, 0755) || chmod(path, 0777) ? -errno : 0;
}

int oracle_prepare(const char *folder)
{
	static const char *const folders[] = {"", "dir", "dir/sub", "bin1", "bin2"};
	char data[8193], script[PATH_BYTES * 2], path[PATH_BYTES];
	int err = 0;

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]) && !err; i++)
		err = make_folder(folder, folders[i]);
	for (size_t i = 0; i < sizeof(data) - 1; i++)
		data[i] = (char)('a' + i % 23);
	data[sizeof(data) - 1] = '\0';
	if (!err)
		err = write_file(folder, "data.bin", data, 0666);
	if (!err)
		err = write_file(
			folder, "input.txt", "first line\nsecond line\nthird line\n", 0644);
	if (!err)
		err = write_file(folder, "dir/inner.txt", "inner\n", 0644);
	if (!err)
		err = write_file(folder, "bin1/probe", "cannot be executed\n", 0644);
	(void)snprintf(script, sizeof(script), "exec '%s' \"$@\"\n", PROBE);
	if (!err)
		err = write_file(folder, "script", script, 0755);
	(void)snprintf(script, sizeof(script), "#!/bin/sh\nexec '%s' \"$@\" extra\n", PROBE);
	if (!err)
		err = write_file(folder, "sh-script", script, 0755);
	(void)snprintf(path, sizeof(path), "%s/bin2/probe", folder);
	if (!err && symlink(PROBE, path))
		err = -errno;
	/* Children change their user: all may append. */
	for (int i = 0; i < 3 && !err; i++)
		err = write_file(folder,
			(const char *[]){"out.parent", "out.child", "out.nested"}[i], "", 0666);
	return err;
}

/* The folder differs from run to run, and programs tell it. */
static void append_text(FILE *to, const char *folder, const char *text)
{
	size_t length = strlen(folder);
	const char *found;

	while ((found = strstr(text, folder))) {
		(void)fwrite(text, 1, (size_t)(found - text), to);
		(void)fputs("WORK", to);
		text = found + length;
	}
	(void)fputs(text, to);
}

static void append_file(FILE *to, const char *folder, const char *name)
{
	char path[PATH_BYTES];
	char *text = NULL;
	size_t size = 0;
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "re");
	(void)fprintf(to, "== %s%s\n", name, file ? "" : " is missing");
	if (file && getdelim(&text, &size, '\0', file) > 0)
		append_text(to, folder, text);
	free(text);
	if (file)
		(void)fclose(file);
}

static uint64_t hash_file(const char *path)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);
	FILE *file = fopen(path, "re");
	int byte;

	while (file && (byte = getc(file)) != EOF)
		hash = (hash ^ (uint64_t)byte) * UINT64_C(0x100000001b3);
	if (file)
		(void)fclose(file);
	return hash;
}

/* Every file below @folder but the reports, whose texts are appended anyway, with mode, size and a hash. */
static void list_files(FILE *to, const char *folder, const char *below)
{
	char path[PATH_BYTES];
	struct dirent **entries;
	int count;

	(void)snprintf(path, sizeof(path), "%s%s", folder, below);
	count = scandir(path, &entries, NULL, alphasort);
	for (int i = 0; i < count; i++) {
		const char *name = entries[i]->d_name;
		char file[PATH_BYTES + 300], next[PATH_BYTES];
		struct stat stat;

		(void)snprintf(file, sizeof(file), "%s/%s", path, name);
		(void)snprintf(next, sizeof(next), "%s/%s", below, name);
		if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0 &&
			strncmp(name, "out.", 4) != 0 && strncmp(name, "std", 3) != 0 &&
			lstat(file, &stat) == 0) {
			(void)fprintf(to, "%s %o %u", next, stat.st_mode, stat.st_uid);
			if (S_ISREG(stat.st_mode))
				(void)fprintf(to, " %lld %016llx", (long long)stat.st_size,
					(unsigned long long)hash_file(file));
			(void)fprintf(to, "\n");
			if (S_ISDIR(stat.st_mode))
				list_files(to, folder, next);
		}
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
}

/* Wait for @pid (-1: any child) until @deadline_s; 0 when it is too late, -1 when there is none. */
static pid_t wait_until(pid_t pid, time_t deadline_s, int *ret_status)
{
	const struct timespec pause = {.tv_nsec = 100000};
	struct timespec now;

	for (;;) {
		pid_t got = waitpid(pid, ret_status, WNOHANG);

		if (got != 0)
			return got;
		(void)clock_gettime(CLOCK_MONOTONIC, &now);
		if (now.tv_sec > deadline_s)
			return 0;
		(void)nanosleep(&pause, NULL);
	}
}

/* Children that were handed on to this process and do not end. */
static void kill_children(void)
{
	char path[64], list[4096] = "";
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/self/task/%d/children", getpid());
	file = fopen(path, "re");
	if (file && fgets(list, sizeof(list), file)) {
		char *save = NULL;

		for (char *word = strtok_r(list, " ", &save); word;
			word = strtok_r(NULL, " ", &save))
			(void)kill(atoi(word), SIGKILL);
	}
	if (file)
		(void)fclose(file);
}

static int compare_statuses(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

static void finish_case(FILE *to, pid_t pid)
{
	struct timespec now;
	int status = 0, orphans = 0, killed = 0, statuses[ORPHANS_MAX];
	pid_t got;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	got = wait_until(pid, now.tv_sec + CASE_SECONDS, &status);
	if (got == 0) {
		(void)kill(pid, SIGKILL);
		got = waitpid(pid, &status, 0);
		(void)fprintf(to, "timeout\n");
	}
	(void)fprintf(to, "status %x\n", got == pid ? status : -1);
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	for (;;) {
		got = wait_until(-1, now.tv_sec + ORPHAN_SECONDS, &status);
		if (got < 0)
			break;
		if (got == 0) {
			kill_children();
			killed++;
			got = waitpid(-1, &status, 0);
			if (got < 0)
				break;
		}
		statuses[orphans % ORPHANS_MAX] = status;
		orphans++;
	}
	/* In what order they end is chance. */
	qsort(statuses, orphans < ORPHANS_MAX ? (size_t)orphans : ORPHANS_MAX, sizeof(int),
		compare_statuses);
	for (int i = 0; i < orphans && i < ORPHANS_MAX; i++)
		(void)fprintf(to, "orphan status %x\n", (unsigned)statuses[i]);
	(void)fprintf(to, "orphans %d killed %d\n", orphans, killed);
}

/* A fixed one, so that whoever runs the tests has no part in them. */
static void environment(char **variables, char *preload, size_t size)
{
	static char saboteur[100];
	int count = 0;

	variables[count++] = (char *)(uintptr_t) "HOME=/";
	variables[count++] = (char *)(uintptr_t) "LC_ALL=C";
	variables[count++] = (char *)(uintptr_t) "PATH=/usr/bin:/bin";
	variables[count++] = (char *)(uintptr_t) "BETA=given";
	if (getenv("ORACLE_PRELOAD")) {
		(void)snprintf(preload, size, "LD_PRELOAD=%s", getenv("ORACLE_PRELOAD"));
		(void)snprintf(saboteur, sizeof(saboteur), "ORACLE_SABOTEUR=%s",
			getenv("ORACLE_SABOTEUR") ? getenv("ORACLE_SABOTEUR") : "none");
		variables[count++] = preload;
		variables[count++] = saboteur;
	}
	variables[count] = NULL;
}

static int start(const char *program, const char *folder, int number, int rounds, pid_t *ret_pid)
{
	char number_text[16], rounds_text[16], preload[PATH_BYTES];
	char path[PATH_BYTES], probe[] = PROBE, probe_static[] = PROBE_STATIC;
	char *words[] = {path, number_text, rounds_text, probe, probe_static, NULL};
	char *variables[8];
	posix_spawn_file_actions_t actions;
	int err;

	(void)snprintf(path, sizeof(path), "%s", program);
	(void)snprintf(number_text, sizeof(number_text), "%d", number);
	(void)snprintf(rounds_text, sizeof(rounds_text), "%d", rounds);
	environment(variables, preload, sizeof(preload));
	err = posix_spawn_file_actions_init(&actions);
	if (err)
		return -err;
	(void)posix_spawn_file_actions_addchdir_np(&actions, folder);
	(void)posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	(void)posix_spawn_file_actions_addopen(
		&actions, 1, "stdout", O_WRONLY | O_CREAT | O_APPEND, 0666);
	(void)posix_spawn_file_actions_addopen(
		&actions, 2, "stderr", O_WRONLY | O_CREAT | O_APPEND, 0666);
	err = posix_spawn(ret_pid, path, &actions, NULL, words, variables);
	(void)posix_spawn_file_actions_destroy(&actions);
	return -err;
}

static int run_case(const char *program, const char *folder, int number, int index, int rounds)
{
	static const char *const reports[] = {
		"out.parent", "out.child", "out.nested", "stdout", "stderr"};
	char work[PATH_BYTES - 300], path[PATH_BYTES];
	pid_t pid = -1;
	FILE *file;
	int err;

	(void)snprintf(work, sizeof(work), "%s/%d", folder, number);
	(void)snprintf(path, sizeof(path), "%s/%d.txt", folder, number);
	file = fopen(path, "we");
	if (!file)
		return -errno;
	err = oracle_prepare(work);
	if (!err)
		err = start(program, work, index, rounds, &pid);
	if (!err) {
		finish_case(file, pid);
		for (size_t i = 0; i < sizeof(reports) / sizeof(reports[0]); i++)
			append_file(file, work, reports[i]);
		(void)fprintf(file, "== files\n");
		list_files(file, work, "");
	}
	if (fclose(file) && !err)
		err = -errno;
	return err;
}

int oracle_batch(const char *program, const char *folder, int first, int count, int rounds)
{
	int err = 0;

	(void)umask(022);
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1L);
	for (int i = 0; i < count && !err; i++)
		err = run_case(program, folder, first + i, i, rounds);
	return err;
}
