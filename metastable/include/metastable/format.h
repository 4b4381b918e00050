/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One way to write a model. Thread-safe. */
#ifndef METASTABLE_FORMAT_H
#define METASTABLE_FORMAT_H

#include <stddef.h>

struct hb_error;

/*
 * ms_format - @text as models are written: a statement per line, tabs, one blank line between blocks. Comments are
 * kept, numbers stand as they were written, and the model is the same. Formatting twice changes nothing more.
 * @text: @length_bytes of a model that can be parsed; it need not make sense (ms_model_check()). @path: for messages.
 * @ret_text: owned by the caller, free(); ends with a line end, and a zero byte that does not count.
 *
 * Returns 0, -EBADMSG or -E2BIG as ms_model_read() does, or -ENOMEM.
 */
int ms_format(const char *text, size_t length_bytes, const char *path, char **ret_text,
	size_t *ret_length_bytes, struct hb_error *reterr);

#endif
