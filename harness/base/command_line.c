/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <hotbed/command_line.h>

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include <hotbed/assert.h>
#include <hotbed/csv.h>
#include <hotbed/error.h>
#include <hotbed/suggest.h>

#define OPTIONS_MAX 32
#define FIRST_OPTION 256 /* above every character that getopt_long returns */

static int store(const struct hb_option_target *option, const char *text, struct hb_error *reterr)
{
	if (option->flag) {
		*option->flag = true;
		return 0;
	}
	if (option->text) {
		*option->text = text;
		return 0;
	}
	if (option->real && (hb_csv_parse_double(text, option->real) || !isfinite(*option->real)))
		return hb_error_set(
			reterr, -EINVAL, "--%s needs a number, not '%.80s'", option->name, text);
	if (option->u64 && hb_csv_parse_u64(text, option->u64))
		return hb_error_set(reterr, -EINVAL, "--%s needs a whole number, not '%.80s'",
			option->name, text);
	if (option->i64 && hb_csv_parse_i64(text, option->i64))
		return hb_error_set(reterr, -EINVAL, "--%s needs a whole number, not '%.80s'",
			option->name, text);
	return 0;
}

static int refuse(const char *word, const struct hb_option_target *options, int found,
	struct hb_error *reterr)
{
	const char *names[OPTIONS_MAX + 1] = {NULL};
	const char *near;

	for (int i = 0; options[i].name; i++)
		names[i] = options[i].name;
	if (found == ':')
		return hb_error_set(reterr, -EINVAL, "option '%.80s' needs a value", word);
	near = hb_suggest(word + strspn(word, "-"), names);
	return hb_error_set(reterr, -EINVAL, "unknown option '%.80s'%s%s%s", word,
		near ? "; did you mean '--" : "", near ? near : "", near ? "'" : "");
}

int hb_options_read(
	int argc, char **argv, const struct hb_option_target *options, struct hb_error *reterr)
{
	struct option table[OPTIONS_MAX + 1] = {{0}};
	bool given[OPTIONS_MAX] = {false};
	int count = 0, found;

	for (; options[count].name; count++) {
		hb_assert(count < OPTIONS_MAX);
		table[count] = (struct option){options[count].name,
			options[count].flag ? no_argument : required_argument, NULL,
			FIRST_OPTION + count};
	}
	opterr = 0;
	optind = 1;
	while ((found = getopt_long(argc, argv, ":", table, NULL)) != -1) {
		int at = found - FIRST_OPTION;
		int err;

		if (at < 0)
			return refuse(argv[optind - 1], options, found, reterr);
		if (given[at])
			return hb_error_set(
				reterr, -EINVAL, "--%s is given twice", options[at].name);
		given[at] = true;
		err = store(&options[at], optarg, reterr);
		if (err)
			return err;
	}
	if (optind < argc)
		return hb_error_set(reterr, -EINVAL, "unexpected argument '%.80s'", argv[optind]);
	for (int i = 0; i < count; i++) {
		if (options[i].required && !given[i])
			return hb_error_set(reterr, -EINVAL, "--%s is missing", options[i].name);
	}
	return 0;
}
