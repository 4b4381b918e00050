/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sysfile.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int open_below(const char *root, const char *path)
{
	char full[PATH_MAX];
	int fd;

	if (snprintf(full, sizeof(full), "%s%s", root, path) >= (int)sizeof(full))
		return -ENAMETOOLONG;
	fd = open(full, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int hb_sysfile_read(const char *root, const char *path, char *ret, size_t size_bytes)
{
	int fd = open_below(root, path);
	size_t length = 0;
	ssize_t got;

	ret[0] = '\0';
	if (fd < 0)
		return fd;
	/* Some files of sysfs come in several pieces; the buffer bounds the loop. */
	while (length < size_bytes - 1 &&
		(got = read(fd, ret + length, size_bytes - 1 - length)) > 0)
		length += (size_t)got;
	close(fd);
	while (length && isspace((unsigned char)ret[length - 1]))
		length--;
	ret[length] = '\0';
	return (int)length;
}

int64_t hb_sysfile_i64(const char *root, const char *path, int64_t fallback)
{
	char text[64];
	char *end;
	int64_t value;

	if (hb_sysfile_read(root, path, text, sizeof(text)) <= 0)
		return fallback;
	errno = 0;
	value = strtoll(text, &end, 10);
	return errno || *end ? fallback : value;
}

int hb_sysfile_key(
	const char *root, const char *path, const char *key, char *ret, size_t size_bytes)
{
	size_t key_length = strlen(key);
	int fd = open_below(root, path);
	char *line = NULL;
	size_t capacity = 0;
	int length = -ENOENT;
	FILE *file;

	ret[0] = '\0';
	file = fd < 0 ? NULL : fdopen(fd, "r");
	if (!file) {
		if (fd >= 0)
			close(fd);
		return -ENOENT;
	}
	while (length < 0 && getline(&line, &capacity, file) > 0) {
		const char *value = line + key_length;

		if (strncmp(line, key, key_length) != 0)
			continue;
		value += strspn(value, " \t");
		if (*value++ != ':')
			continue;
		value += strspn(value, " \t");
		snprintf(ret, size_bytes, "%.*s", (int)strcspn(value, "\n"), value);
		length = (int)strlen(ret);
	}
	free(line);
	fclose(file);
	return length;
}

uint64_t hb_sysfile_kib(const char *root, const char *path, const char *key)
{
	char text[64];

	if (hb_sysfile_key(root, path, key, text, sizeof(text)) <= 0)
		return 0;
	return strtoull(text, NULL, 10) * 1024;
}

void hb_sysfile_selected(char *text)
{
	char *begin = strchr(text, '[');
	char *end = begin ? strchr(begin, ']') : NULL;

	if (!end)
		return;
	memmove(text, begin + 1, (size_t)(end - begin - 1));
	text[end - begin - 1] = '\0';
}
