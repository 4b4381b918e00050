/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The program that generated children exec: it appends its state to a file and ends with a status that depends on it.
 * Usage: probe FILE PARENT WORK [ARGUMENT...]; FILE and WORK are absolute, PARENT is the process id of the
 * expected parent.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/resource.h>
#include <unistd.h>

#include "state.h"

#define STATUS_WITHOUT_ARGUMENTS 99

static char memory[256 * 1024];

static void add_start(struct spork_text *text, int argc, char **argv)
{
	const char *file = (const char *)getauxval(AT_EXECFN);

	/* Which process and which files it is told differ from run to run. */
	spork_text_add(text, "parent %s\n", atoi(argv[2]) == getppid() ? "as expected" : "another");
	for (int i = 0; i < argc; i++) {
		if (i >= 1 && i <= 3)
			continue;
		spork_text_add(text, "argument %d \"", i);
		spork_text_add_quoted(text, argv[i]);
		spork_text_add(text, "\"\n");
	}
	spork_text_add(text, "file ");
	spork_text_add_quoted(text, file && strrchr(file, '/') ? strrchr(file, '/') : "-");
	spork_text_add(text, "\nsecure %lu\n", getauxval(AT_SECURE));
	for (char **variable = environ; *variable; variable++) {
		spork_text_add(text, "environment \"");
		spork_text_add_quoted(text, *variable);
		spork_text_add(text, "\"\n");
	}
}

static int append(const char *path, const struct spork_text *text)
{
	const struct rlimit unlimited = {RLIM_INFINITY, RLIM_INFINITY};
	size_t done = 0;
	int fd;

	(void)setrlimit(RLIMIT_FSIZE, &unlimited);
	fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
	while (fd >= 0 && done < text->length) {
		ssize_t wrote = write(fd, text->bytes + done, text->length - done);

		if (wrote <= 0)
			return -1;
		done += (size_t)wrote;
	}
	return fd < 0 ? -1 : close(fd);
}

int main(int argc, char **argv)
{
	struct spork_text text = {.bytes = memory, .capacity = sizeof(memory)};
	unsigned hash = 0;

	if (argc < 4)
		return STATUS_WITHOUT_ARGUMENTS;
	spork_text_add(&text, "-- probe\n");
	add_start(&text, argc, argv);
	spork_state_describe(&text, argv[3], 1);
	if (text.full || append(argv[1], &text))
		return STATUS_WITHOUT_ARGUMENTS + 1;
	for (int i = 4; i < argc; i++)
		for (const char *at = argv[i]; *at; at++)
			hash = hash * 31 + (unsigned char)*at;
	return (int)(hash % 64);
}
