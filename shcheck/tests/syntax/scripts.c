/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "scripts.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <hotbed/rng.h>

#define HEAD_BYTES 256
#define SCRIPT_BYTES_MAX (4u << 20)
#define MESSAGE_BYTES 65536

static const char *const roots[] = {"/usr/bin", "/usr/sbin", "/usr/lib", "/usr/share", "/usr/local",
	"/etc", "/var/lib/dpkg/info", NULL};

static struct scripts *found;

static bool ends_with(const char *text, const char *end)
{
	size_t length = strlen(text), tail = strlen(end);

	return length > tail && strcmp(text + length - tail, end) == 0;
}

/* Does the first line of @head name one of our shells? 1, 0, or -1 when it names another program. */
static int names_shell(char *head)
{
	char *newline = strchr(head, '\n'), *word, *rest = NULL;

	if (strncmp(head, "#!", 2) != 0)
		return 0;
	if (newline)
		*newline = '\0';
	word = strtok_r(head + 2, " \t", &rest);
	if (word && ends_with(word, "/env"))
		word = strtok_r(NULL, " \t", &rest);
	if (!word)
		return -1;
	if (strrchr(word, '/'))
		word = strrchr(word, '/') + 1;
	return strcmp(word, "sh") == 0 || strcmp(word, "bash") == 0 || strcmp(word, "dash") == 0
		       ? 1
		       : -1;
}

static bool is_script(const char *path)
{
	char head[HEAD_BYTES + 1];
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t length = fd < 0 ? -1 : read(fd, head, HEAD_BYTES);
	int named;

	if (fd >= 0)
		(void)close(fd);
	if (length <= 0 || memchr(head, '\0', (size_t)length))
		return false;
	head[length] = '\0';
	named = names_shell(head);
	return named > 0 || (named == 0 && (ends_with(path, ".sh") || ends_with(path, ".bash")));
}

static int visit(const char *path, const struct stat *status, int type, struct FTW *place)
{
	(void)place;
	if (type != FTW_F || status->st_size == 0 || status->st_size > SCRIPT_BYTES_MAX ||
		!is_script(path))
		return 0;
	if (found->count == found->room) {
		found->room = found->room ? found->room * 2 : 1024;
		found->paths = realloc(found->paths, found->room * sizeof(char *));
		if (!found->paths)
			abort();
	}
	found->paths[found->count] = strdup(path);
	if (!found->paths[found->count++])
		abort();
	return 0;
}

static int compare(const void *left, const void *right)
{
	return strcmp(*(char *const *)left, *(char *const *)right);
}

void scripts_find(struct scripts *ret)
{
	*ret = (struct scripts){NULL, 0, 0};
	found = ret;
	for (int i = 0; roots[i]; i++)
		(void)nftw(roots[i], visit, 32, FTW_PHYS);
	if (ret->count)
		qsort(ret->paths, ret->count, sizeof(char *), compare);
}

void scripts_sample(struct scripts *scripts, size_t count)
{
	const char *text = getenv("HB_SEED");
	uint64_t seed = text ? strtoull(text, NULL, 0) : 1;
	struct hb_rng rng;

	if (scripts->count <= count || getenv("HB_NIGHTLY"))
		return;
	(void)fprintf(
		stderr, "seed %" PRIu64 ": %zu of %zu scripts\n", seed, count, scripts->count);
	hb_rng_init(&rng, seed, 0);
	for (size_t i = 0; i < count; i++) {
		size_t other = i + (size_t)hb_rng_below(&rng, scripts->count - i);
		char *path = scripts->paths[i];

		scripts->paths[i] = scripts->paths[other];
		scripts->paths[other] = path;
	}
	for (size_t i = count; i < scripts->count; i++)
		free(scripts->paths[i]);
	scripts->count = count;
	qsort(scripts->paths, scripts->count, sizeof(char *), compare);
}

void scripts_finish(struct scripts *scripts)
{
	for (size_t i = 0; i < scripts->count; i++)
		free(scripts->paths[i]);
	free(scripts->paths);
}

/* Does @message hold a line that is no warning? */
static bool complains(char *message)
{
	char *rest = NULL;

	for (char *line = strtok_r(message, "\n", &rest); line;
		line = strtok_r(NULL, "\n", &rest)) {
		if (!strstr(line, "warning:"))
			return true;
	}
	return false;
}

static size_t read_message(int fd, char *message)
{
	size_t length = 0;
	ssize_t got;

	while ((got = read(fd, message + length, MESSAGE_BYTES - length)) != 0) {
		if (got < 0 && errno != EINTR)
			break;
		length += got > 0 ? (size_t)got : 0;
		if (length == MESSAGE_BYTES)
			break;
	}
	message[length] = '\0';
	return length;
}

int shell_accepts(const char *shell, const char *path)
{
	static char message[MESSAGE_BYTES + 1];
	char *const argv[] = {(char *)(uintptr_t)shell, "-n", (char *)(uintptr_t)path, NULL};
	char *const environment[] = {"LC_ALL=C", "PATH=/usr/bin:/bin", NULL};
	posix_spawn_file_actions_t actions;
	int ends[2], status, code;
	pid_t child;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -1;
	(void)posix_spawn_file_actions_init(&actions);
	(void)posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	(void)posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	(void)posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
	code = posix_spawnp(&child, shell, &actions, NULL, argv, environment);
	(void)posix_spawn_file_actions_destroy(&actions);
	(void)close(ends[1]);
	if (code != 0) {
		(void)close(ends[0]);
		return -1;
	}
	(void)read_message(ends[0], message);
	(void)close(ends[0]);
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 && !complains(message);
}
