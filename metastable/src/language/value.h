/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Numbers with units: 5s, 250ms, 10/s, 3/min, 10%, 0.2. Base units are seconds and 1 per second. */
#ifndef METASTABLE_LANGUAGE_VALUE_H
#define METASTABLE_LANGUAGE_VALUE_H

#include <stddef.h>

struct hb_error;

enum ms_unit {
	MS_UNIT_BARE,    /* none was written */
	MS_UNIT_TIME,    /* value in seconds */
	MS_UNIT_RATE,    /* value per second */
	MS_UNIT_PERCENT, /* value already divided by 100 */
};

struct ms_value {
	double number; /* finite, >= 0 */
	enum ms_unit unit;
};

/*
 * ms_value_parse - @text of @length bytes, all of it. Returns 0 or -EBADMSG (the text says why; no place is set).
 */
int ms_value_parse(const char *text, size_t length, struct ms_value *ret, struct hb_error *reterr);

#endif
