/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "baseline.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* What a code of ShellCheck says in our vocabulary; where it fits two classes it counts for either. */
static const struct {
	int code;
	enum shc_class class;
} meanings[] = {
	{1035, SHC_CLASS_NOT_A_COMMAND},
	{1068, SHC_CLASS_NOT_A_COMMAND},
	{1069, SHC_CLASS_NOT_A_COMMAND},
	{2024, SHC_CLASS_MUST_FAIL},
	{2028, SHC_CLASS_PORTABILITY},
	{2029, SHC_CLASS_SECURITY},
	{2031, SHC_CLASS_CONSTANT_TEST},
	{2038, SHC_CLASS_WORD_SPLIT},
	{2043, SHC_CLASS_LOOP_ONCE},
	{2044, SHC_CLASS_WORD_SPLIT},
	{2045, SHC_CLASS_WORD_SPLIT},
	{2046, SHC_CLASS_WORD_SPLIT},
	{2048, SHC_CLASS_WORD_SPLIT},
	{2050, SHC_CLASS_CONSTANT_TEST},
	{2059, SHC_CLASS_SECURITY},
	{2060, SHC_CLASS_GLOB},
	{2061, SHC_CLASS_GLOB},
	{2065, SHC_CLASS_CONSTANT_TEST},
	{2066, SHC_CLASS_LOOP_ONCE},
	{2068, SHC_CLASS_WORD_SPLIT},
	{2070, SHC_CLASS_CONSTANT_TEST},
	{2071, SHC_CLASS_CONSTANT_TEST},
	{2077, SHC_CLASS_CONSTANT_TEST},
	{2086, SHC_CLASS_WORD_SPLIT},
	{2094, SHC_CLASS_DATA_LOSS},
	{2114, SHC_CLASS_SYSTEM_DELETION},
	{2115, SHC_CLASS_SYSTEM_DELETION},
	{2122, SHC_CLASS_CONSTANT_TEST},
	{2123, SHC_CLASS_NOT_A_COMMAND},
	{2144, SHC_CLASS_GLOB},
	{2153, SHC_CLASS_UNBOUND},
	{2154, SHC_CLASS_UNBOUND},
	{2155, SHC_CLASS_LOST_STATUS},
	{2156, SHC_CLASS_SECURITY},
	{2157, SHC_CLASS_CONSTANT_TEST},
	{2164, SHC_CLASS_USER_DELETION},
	{2181, SHC_CLASS_COUNT},
	{2193, SHC_CLASS_CONSTANT_TEST},
	{2213, SHC_CLASS_DEAD_CODE},
	{2214, SHC_CLASS_DEAD_CODE},
	{2218, SHC_CLASS_NOT_A_COMMAND},
	{2221, SHC_CLASS_DEAD_CODE},
	{2222, SHC_CLASS_DEAD_CODE},
	{2238, SHC_CLASS_NOT_A_COMMAND},
	{2276, SHC_CLASS_NOT_A_COMMAND},
	{2281, SHC_CLASS_NOT_A_COMMAND},
	{2283, SHC_CLASS_NOT_A_COMMAND},
	{2317, SHC_CLASS_DEAD_CODE},
	{2320, SHC_CLASS_LOST_STATUS},
};

static enum shc_class class_of(int code)
{
	for (size_t i = 0; i < sizeof(meanings) / sizeof(*meanings); i++)
		if (meanings[i].code == code)
			return meanings[i].class;
	/* What sh does not have. */
	return code >= 3000 && code < 4000 ? SHC_CLASS_PORTABILITY : SHC_CLASS_COUNT;
}

/* Start shellcheck with its output in a file. The process, or -errno. */
static pid_t start(char *const *arguments, const char *output)
{
	posix_spawn_file_actions_t actions;
	pid_t process;
	int r = posix_spawn_file_actions_init(&actions);

	if (r)
		return -r;
	r = posix_spawn_file_actions_addopen(
		&actions, STDOUT_FILENO, output, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (!r)
		r = posix_spawn_file_actions_addopen(
			&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	if (!r)
		r = posix_spawnp(&process, "shellcheck", &actions, NULL, arguments, environ);
	(void)posix_spawn_file_actions_destroy(&actions);
	return r ? -r : process;
}

/* 0 when it ended by itself, whatever it found; 127 means that it is not there. */
static int finish(pid_t process)
{
	int status;

	if (process < 0)
		return (int)process;
	while (waitpid(process, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) && WEXITSTATUS(status) < 2 ? 0 : -ENOENT;
}

bool baseline_available(void)
{
	char *arguments[] = {"shellcheck", "--version", NULL};

	return finish(start(arguments, "/dev/null")) == 0;
}

static enum shc_severity severity_of(const char *word)
{
	if (!strcmp(word, "error"))
		return SHC_SEVERITY_ERROR;
	return !strcmp(word, "warning") ? SHC_SEVERITY_WARNING : SHC_SEVERITY_STYLE;
}

static long read_findings(FILE *file, struct labelled_finding *findings, size_t room)
{
	char *line = NULL;
	size_t size = 0, count = 0;

	while (count < room && getline(&line, &size, file) > 0) {
		char word[16];
		const char *code = strrchr(line, '[');
		uint32_t number;
		int value;

		if (!code || sscanf(code, "[SC%d]", &value) != 1 ||
			sscanf(line, "%*[^:]:%u:%*u: %15[a-z]", &number, word) != 2)
			continue;
		findings[count++] = (struct labelled_finding){
			.line = number, .class = class_of(value), .severity = severity_of(word)};
	}
	free(line);
	return (long)count;
}

long baseline_analyse(const struct labelled_script *script, const char *folder,
	struct labelled_finding *findings, size_t room)
{
	char source[512], output[512];
	char *arguments[] = {"shellcheck", "-f", "gcc", source, NULL};
	FILE *file;
	long count;
	int r;

	(void)snprintf(source, sizeof(source), "%s/script", folder);
	(void)snprintf(output, sizeof(output), "%s/findings", folder);
	file = fopen(source, "we");
	if (!file)
		return -errno;
	r = fwrite(script->text, 1, script->length, file) == script->length ? 0 : -EIO;
	if (fclose(file))
		r = -EIO;
	if (!r)
		r = finish(start(arguments, output));
	if (r)
		return r;
	file = fopen(output, "re");
	if (!file)
		return -errno;
	count = read_findings(file, findings, room);
	(void)fclose(file);
	return count;
}

int baseline_run(const char *const *paths, size_t count)
{
	char **arguments = calloc(count + 4, sizeof(*arguments));
	int r;

	if (!arguments)
		return -ENOMEM;
	arguments[0] = "shellcheck";
	arguments[1] = "-f";
	arguments[2] = "gcc";
	for (size_t i = 0; i < count; i++)
		arguments[3 + i] = (char *)paths[i];
	r = finish(start(arguments, "/dev/null"));
	free(arguments);
	return r;
}
