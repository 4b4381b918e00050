/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See call.h. */
#include <stdio.h>
#include <sys/wait.h>

#include <criterion/criterion.h>

#include "call.h"

char out[TEXT_BYTES];

int call(const char *arguments)
{
	char command[4096];
	FILE *pipe;
	size_t length;
	int status;

	(void)snprintf(
		command, sizeof(command), "cd '" MODELS "' && '" PROGRAM "' %s 2>&1", arguments);
	pipe = popen(command, "r");
	cr_assert(pipe);
	length = fread(out, 1, sizeof(out) - 1, pipe);
	out[length] = '\0';
	status = pclose(pipe);
	cr_assert(WIFEXITED(status), "%s: ended by signal %d", arguments, WTERMSIG(status));
	return WEXITSTATUS(status);
}

void read_text(const char *path, char *ret)
{
	FILE *file = fopen(path, "r");
	size_t length;

	cr_assert(file, "%s cannot be read", path);
	length = fread(ret, 1, TEXT_BYTES - 1, file);
	ret[length] = '\0';
	(void)fclose(file);
}
