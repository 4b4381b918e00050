/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Assertions that stay in release builds: for arguments and invariants, never for input. Thread-safe.
 */
#ifndef HOTBED_ASSERT_H
#define HOTBED_ASSERT_H

/* hb_assert - abort with file, line and expression unless @expression holds. */
#define hb_assert(expression)                          \
	(__builtin_expect(!!(expression), 1) ? (void)0 \
					     : hb_assert_failed(__FILE__, __LINE__, #expression))

/* hb_assert_failed - print one line to standard error and abort(). Not called directly. */
_Noreturn void hb_assert_failed(const char *file, int line, const char *expression);

#endif
