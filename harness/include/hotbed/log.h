/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Diagnostics of programs. Libraries never log; they return errors. Lines go to standard error as
 * "PROGRAM: LEVEL: text" (no level for HB_LOG_INFO), one write() each, so lines of several threads do not mix.
 *
 * Thread-safe after hb_log_init(). May block on a full pipe.
 */
#ifndef HOTBED_LOG_H
#define HOTBED_LOG_H

struct hb_error;

enum hb_log_level {
	HB_LOG_ERROR,
	HB_LOG_WARNING,
	HB_LOG_INFO,
	HB_LOG_DEBUG,
};

/*
 * hb_log_init - name the program and choose what is shown.
 * @program: kept by reference, e.g. "hotbed". @level: the most detailed level shown.
 */
void hb_log_init(const char *program, enum hb_log_level level);

/* hb_log - print one line if @level is shown. Lines above 4 KiB are cut. */
void hb_log(enum hb_log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* hb_log_error - print @error, formatted by hb_error_format(), at HB_LOG_ERROR. */
void hb_log_error(const struct hb_error *error);

#endif
