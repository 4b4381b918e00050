/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <shcheck/source.h>

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <hotbed/assert.h>
#include <hotbed/error.h>

#define READ_BYTES_FIRST ((size_t)64 << 10)

static int find_lines(struct shc_source *source)
{
	uint32_t count = 1;
	const char *at = source->bytes, *end = source->bytes + source->size;

	while ((at = memchr(at, '\n', (size_t)(end - at)))) {
		count++;
		at++;
	}
	source->line_starts = malloc(count * sizeof(*source->line_starts));
	if (!source->line_starts)
		return -ENOMEM;
	source->line_starts[0] = 0;
	source->line_count = 1;
	for (at = source->bytes; (at = memchr(at, '\n', (size_t)(end - at)));) {
		at++;
		source->line_starts[source->line_count++] = (uint32_t)(at - source->bytes);
	}
	return 0;
}

/* Make a source of @bytes, which is taken over also on failure. */
static int adopt(const char *name, char *bytes, size_t size, struct shc_source **ret)
{
	struct shc_source *source = calloc(1, sizeof(*source));

	if (!source) {
		free(bytes);
		return -ENOMEM;
	}
	source->bytes = bytes;
	source->size = (uint32_t)size;
	source->name = strdup(name);
	if (!source->name || find_lines(source) < 0) {
		shc_source_destroy(source);
		return -ENOMEM;
	}
	*ret = source;
	return 0;
}

int shc_source_create(const char *name, const void *bytes, size_t size, struct shc_source **ret)
{
	char *copy;

	if (size > SHC_SOURCE_BYTES_MAX)
		return -EFBIG;
	copy = malloc(size + 1);
	if (!copy)
		return -ENOMEM;
	if (size)
		memcpy(copy, bytes, size);
	copy[size] = '\0';
	return adopt(name, copy, size, ret);
}

/* Read @fd to its end, at most one byte more than a source may have. */
static int read_all(int fd, char **ret_bytes, size_t *ret_size)
{
	size_t size = 0, room = READ_BYTES_FIRST;
	char *bytes = malloc(room + 1);

	while (bytes && size <= SHC_SOURCE_BYTES_MAX) {
		ssize_t got;

		if (size == room) {
			char *larger = realloc(bytes, room * 2 + 1);

			if (!larger)
				break;
			bytes = larger;
			room *= 2;
		}
		got = read(fd, bytes + size, room - size);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			int code = -errno;

			free(bytes);
			return code;
		}
		if (got == 0) {
			bytes[size] = '\0';
			*ret_bytes = bytes;
			*ret_size = size;
			return 0;
		}
		size += (size_t)got;
	}
	free(bytes);
	return size > SHC_SOURCE_BYTES_MAX ? -EFBIG : -ENOMEM;
}

int shc_source_read(const char *path, struct shc_source **ret, struct hb_error *reterr)
{
	bool is_stdin = strcmp(path, "-") == 0;
	/* A pipe nobody writes to must not hang the check before it is opened; reading it then ends at once. */
	int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat status;
	char *bytes = NULL;
	size_t size = 0;
	int code = 0;

	if (fd < 0)
		return hb_error_set_at(reterr, -errno, path, 0, "%s", strerror(errno));
	if (fstat(fd, &status) == 0) {
		if (S_ISDIR(status.st_mode))
			code = -EISDIR;
		else if (S_ISREG(status.st_mode) && status.st_size > SHC_SOURCE_BYTES_MAX)
			code = -EFBIG;
	}
	if (code == 0)
		code = read_all(fd, &bytes, &size);
	if (!is_stdin)
		(void)close(fd);
	if (code == 0)
		code = adopt(path, bytes, size, ret);
	if (code == -EFBIG)
		return hb_error_set_at(reterr, code, path, 0,
			"longer than %u MiB, which no script is; split it or check its parts",
			SHC_SOURCE_BYTES_MAX >> 20);
	if (code < 0)
		return hb_error_set_at(reterr, code, path, 0, "%s", strerror(-code));
	return 0;
}

void shc_source_destroy(struct shc_source *source)
{
	if (!source)
		return;
	free(source->name);
	free(source->bytes);
	free(source->line_starts);
	free(source);
}

struct shc_place shc_source_place(const struct shc_source *source, uint32_t offset)
{
	uint32_t low = 0, high = source->line_count;

	hb_assert(offset <= source->size);
	while (high - low > 1) {
		uint32_t middle = low + (high - low) / 2;

		if (source->line_starts[middle] <= offset)
			low = middle;
		else
			high = middle;
	}
	return (struct shc_place){low + 1, offset - source->line_starts[low] + 1};
}

struct shc_range shc_source_line(const struct shc_source *source, uint32_t line)
{
	uint32_t start, end;

	hb_assert(line >= 1 && line <= source->line_count);
	start = source->line_starts[line - 1];
	end = line < source->line_count ? source->line_starts[line] - 1 : source->size;
	return (struct shc_range){start, end};
}
