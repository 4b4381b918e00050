/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Diagnostics of programs on standard error. See hotbed/log.h.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <hotbed/error.h>
#include <hotbed/log.h>

#define LINE_BYTES 4096

static const char *log_program = "hotbed";
static enum hb_log_level log_level = HB_LOG_INFO;

static const char *const level_prefixes[] = {
	[HB_LOG_ERROR] = "error: ",
	[HB_LOG_WARNING] = "warning: ",
	[HB_LOG_INFO] = "",
	[HB_LOG_DEBUG] = "debug: ",
};

void hb_log_init(const char *program, enum hb_log_level level)
{
	log_program = program;
	log_level = level;
}

/*
 * Texts may quote file names and the output of broken drivers: control characters would start new lines or
 * terminal escape sequences.
 */
static void mask_controls(char *text, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)text[i];

		if ((c < 0x20 && c != '\t') || c == 0x7f)
			text[i] = c == '\n' ? ' ' : '?';
	}
}

static void write_line(char *line, size_t length)
{
	size_t done = 0;

	mask_controls(line, length);
	line[length++] = '\n';
	while (done < length) {
		ssize_t written = write(STDERR_FILENO, line + done, length - done);

		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return; /* nowhere left to report it */
		done += (size_t)written;
	}
}

void hb_log(enum hb_log_level level, const char *format, ...)
{
	char line[LINE_BYTES];
	size_t length;
	va_list arguments;
	int saved_errno = errno;

	if (level > log_level)
		return;
	(void)snprintf(line, sizeof(line) - 1, "%.64s: %s", log_program, level_prefixes[level]);
	length = strlen(line);
	va_start(arguments, format);
	(void)vsnprintf(line + length, sizeof(line) - 1 - length, format, arguments);
	va_end(arguments);
	write_line(line, strlen(line));
	errno = saved_errno;
}

void hb_log_error(const struct hb_error *error)
{
	char text[HB_ERROR_PATH_BYTES + HB_ERROR_TEXT_BYTES + 32];

	hb_log(HB_LOG_ERROR, "%s", hb_error_format(error, text, sizeof(text)));
}
