/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "program_kind.h"

#include <elf.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define HEAD_BYTES 1024
#define SCRIPT_DEPTH 4

const char *program_kind_name(enum program_kind kind)
{
	static const char *const names[] = {"dynamic", "static", "setuid"};

	return names[kind];
}

static bool find(const char *name, char path[PATH_MAX])
{
	const char *at = getenv("PATH");

	if (strchr(name, '/'))
		return snprintf(path, PATH_MAX, "%s", name) < PATH_MAX;
	for (at = at ? at : "/bin:/usr/bin"; *at; at += strspn(at, ":")) {
		size_t length = strcspn(at, ":");

		if (snprintf(path, PATH_MAX, "%.*s/%s", (int)length, at, name) < PATH_MAX &&
			access(path, X_OK) == 0)
			return true;
		at += length;
	}
	return false;
}

static bool is_set_id(const char *path)
{
	struct stat status;

	if (stat(path, &status))
		return false;
	return (status.st_mode & S_ISUID) ||
	       (status.st_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) ||
	       getxattr(path, "security.capability", NULL, 0) > 0;
}

static bool has_our_linker(const char *head, size_t size_bytes)
{
	Elf64_Ehdr header;

	if (size_bytes < sizeof(header))
		return false;
	memcpy(&header, head, sizeof(header));
	if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_machine != EM_X86_64 ||
		header.e_phentsize != sizeof(Elf64_Phdr))
		return false;
	for (size_t i = 0; i < header.e_phnum; i++) {
		size_t at = header.e_phoff + i * sizeof(Elf64_Phdr);
		Elf64_Phdr segment;

		if (at > size_bytes || size_bytes - at < sizeof(segment))
			return false;
		memcpy(&segment, head + at, sizeof(segment));
		if (segment.p_type != PT_INTERP)
			continue;
		return segment.p_offset < size_bytes &&
		       memmem(head + segment.p_offset, size_bytes - segment.p_offset,
			       "/ld-linux-x86-64.so.2", 22) != NULL;
	}
	return false;
}

enum program_kind program_kind(const char *name)
{
	char path[PATH_MAX], head[HEAD_BYTES + 1];

	if (!find(name, path))
		return PROGRAM_DYNAMIC;
	for (int depth = 0; depth < SCRIPT_DEPTH; depth++) {
		int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
		ssize_t got = fd < 0 ? -1 : read(fd, head, HEAD_BYTES);
		char *word;

		if (fd >= 0)
			(void)close(fd);
		if (is_set_id(path))
			return PROGRAM_SETUID;
		if (got < 4)
			return PROGRAM_DYNAMIC;
		head[got] = '\0';
		if (memcmp(head, ELFMAG, SELFMAG) == 0)
			return has_our_linker(head, (size_t)got) ? PROGRAM_DYNAMIC : PROGRAM_STATIC;
		if (head[0] != '#' || head[1] != '!')
			return PROGRAM_DYNAMIC;
		word = head + 2 + strspn(head + 2, " \t");
		word[strcspn(word, " \t\n")] = '\0';
		(void)snprintf(path, sizeof(path), "%s", word);
	}
	return PROGRAM_DYNAMIC;
}
