/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See metastable/text_file.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <hotbed/error.h>

#include <metastable/text_file.h>

#define FIRST_BYTES 4096

/* One byte more than fits is read, to see that there is one. */
static int read_all(int fd, const char *path, size_t bytes_max, char **ret_text, size_t *ret_length,
	struct hb_error *reterr)
{
	char *text = NULL;
	size_t length = 0, room = 0;

	for (;;) {
		ssize_t got;

		if (length + 1 >= room) {
			size_t more = room ? 2 * room : FIRST_BYTES;
			char *grown = realloc(text, more);

			if (!grown) {
				free(text);
				return hb_error_set(reterr, -ENOMEM, "no memory to read a file");
			}
			text = grown;
			room = more;
		}
		got = read(fd, text + length, room - length - 1);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			int code = -errno;

			free(text);
			return hb_error_set_at(
				reterr, code, path, 0, "cannot be read: %s", strerror(-code));
		}
		if (got == 0)
			break;
		length += (size_t)got;
		if (length > bytes_max) {
			free(text);
			return hb_error_set_at(reterr, -E2BIG, path, 0,
				"longer than %zu bytes; is it the right file?", bytes_max);
		}
	}
	text[length] = '\0';
	*ret_text = text;
	*ret_length = length;
	return 0;
}

int ms_text_file_read(const char *path, size_t bytes_max, char **ret_text, size_t *ret_length_bytes,
	struct hb_error *reterr)
{
	bool is_stdin = strcmp(path, "-") == 0;
	int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	int code;

	if (fd < 0) {
		code = -errno;
		return hb_error_set_at(
			reterr, code, path, 0, "cannot be opened: %s", strerror(-code));
	}
	code = read_all(fd, path, bytes_max, ret_text, ret_length_bytes, reterr);
	if (!is_stdin)
		(void)close(fd);
	return code;
}
