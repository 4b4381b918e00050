/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The failing end of hb_assert(). See hotbed/assert.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <hotbed/assert.h>

_Noreturn void hb_assert_failed(const char *file, int line, const char *expression)
{
	char text[1024];
	int length;

	/* stdio's locks may be held or its buffers broken at this point: write() needs neither. */
	length = snprintf(
		text, sizeof(text), "%s:%d: assertion failed: %s\n", file, line, expression);
	if (length >= (int)sizeof(text)) {
		length = (int)sizeof(text) - 1;
		text[length - 1] = '\n';
	}
	if (length > 0 && write(STDERR_FILENO, text, (size_t)length) < 0)
		abort();
	abort();
}
