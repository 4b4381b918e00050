/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See value.h. */
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include <hotbed/csv.h>
#include <hotbed/error.h>
#include <hotbed/suggest.h>

#include "value.h"

#define NUMBER_BYTES 64
#define UNIT_BYTES 16

struct unit {
	const char *name;
	enum ms_unit unit;
	double multiply, divide; /* one of them is 1: 250ms is the double nearest to 0.25 */
};

static const struct unit units[] = {
	{"s", MS_UNIT_TIME, 1, 1},
	{"ms", MS_UNIT_TIME, 1, 1e3},
	{"us", MS_UNIT_TIME, 1, 1e6},
	{"ns", MS_UNIT_TIME, 1, 1e9},
	{"min", MS_UNIT_TIME, 60, 1},
	{"h", MS_UNIT_TIME, 3600, 1},
	{"/s", MS_UNIT_RATE, 1, 1},
	{"rps", MS_UNIT_RATE, 1, 1},
	{"/ms", MS_UNIT_RATE, 1e3, 1},
	{"/min", MS_UNIT_RATE, 1, 60},
	{"/h", MS_UNIT_RATE, 1, 3600},
	{"%", MS_UNIT_PERCENT, 1, 100},
};

#define UNIT_COUNT (sizeof(units) / sizeof(units[0]))

static int unknown_unit(const char *name, const char *text, size_t length, struct hb_error *reterr)
{
	const char *names[UNIT_COUNT + 1];
	const char *near;

	for (size_t i = 0; i < UNIT_COUNT; i++)
		names[i] = units[i].name;
	names[UNIT_COUNT] = NULL;
	near = hb_suggest(name, names);
	return hb_error_set(reterr, -EBADMSG,
		"unknown unit `%s` in `%.*s`; times are in ns, us, ms, s, min or h, rates in /s, "
		"/ms, "
		"/min or /h%s%s%s",
		name, length > 40 ? 40 : (int)length, text, near ? ": did you mean `" : "",
		near ? near : "", near ? "`?" : "");
}

static size_t digits_length(const char *text, size_t length)
{
	size_t n = 0;

	while (n < length && ((text[n] >= '0' && text[n] <= '9') || text[n] == '.'))
		n++;
	/* An exponent needs digits; otherwise the e begins a unit. */
	if (n < length && (text[n] == 'e' || text[n] == 'E')) {
		size_t e = n + 1;

		if (e < length && (text[e] == '+' || text[e] == '-'))
			e++;
		if (e < length && text[e] >= '0' && text[e] <= '9') {
			n = e;
			while (n < length && text[n] >= '0' && text[n] <= '9')
				n++;
		}
	}
	return n;
}

int ms_value_parse(const char *text, size_t length, struct ms_value *ret, struct hb_error *reterr)
{
	char digits[NUMBER_BYTES], name[UNIT_BYTES];
	size_t n = digits_length(text, length);
	double number;

	if (n == 0 || n >= sizeof(digits))
		goto no_number;
	memcpy(digits, text, n);
	digits[n] = '\0';
	if (hb_csv_parse_double(digits, &number) || !isfinite(number))
		goto no_number;
	if (n == length) {
		*ret = (struct ms_value){number, MS_UNIT_BARE};
		return 0;
	}
	if (length - n >= sizeof(name))
		return unknown_unit("...", text, length, reterr);
	memcpy(name, text + n, length - n);
	name[length - n] = '\0';
	for (size_t i = 0; i < UNIT_COUNT; i++) {
		if (strcmp(units[i].name, name) == 0) {
			number = number * units[i].multiply / units[i].divide;
			if (!isfinite(number))
				goto no_number;
			*ret = (struct ms_value){number, units[i].unit};
			return 0;
		}
	}
	return unknown_unit(name, text, length, reterr);
no_number:
	return hb_error_set(reterr, -EBADMSG,
		"`%.*s` is no number; write 5, 0.2, 5s, 250ms or 10/s",
		length > 40 ? 40 : (int)length, text);
}
