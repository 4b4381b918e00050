/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <hotbed/assert.h>
#include <hotbed/error.h>
#include <hotbed/log.h>
#include <hotbed/suggest.h>

/* getopt_long() returns this plus the option's index, clear of all letters, ':' and '?'. */
#define OPTION_VALUE_BASE 256
/* Of one subcommand, the shared ones included. */
#define OPTIONS_MAX 64

struct hb_arguments {
	const struct hb_command *command;
	size_t option_count;
	size_t *counts;      /* shape [option_count]: how often it was given */
	const char ***texts; /* shape [option_count]: its values in order, NULL-terminated */
	const char **slots;  /* what texts points into */
	size_t slots_per_option;
	const char *const *operands; /* tail of argv */
	size_t operand_count;
};

const struct hb_option hb_shared_options[] = {
	{"json", 0, NULL, "Print one JSON object instead of text."},
	{"quiet", 'q', NULL, "Print results, warnings and errors only."},
	{"color", 0, "WHEN",
		"Colour the output: auto (on a terminal, the default), always or never."},
	{"help", 'h', NULL, "Print this text."},
	{0},
};

const struct hb_option *hb_command_option_at(const struct hb_command *command, size_t index)
{
	const struct hb_option *option = command->options;
	size_t shared_count = sizeof(hb_shared_options) / sizeof(hb_shared_options[0]) - 1;

	while (option && option->name) {
		if (index-- == 0)
			return option;
		option++;
	}
	return index < shared_count ? &hb_shared_options[index] : NULL;
}

const struct hb_command *hb_command_find(const struct hb_command *const *commands, const char *name)
{
	for (; *commands; commands++)
		if (!strcmp((*commands)->name, name))
			return *commands;
	return NULL;
}

static size_t option_index(const struct hb_arguments *arguments, const char *name)
{
	size_t i = 0;

	while (i < arguments->option_count &&
		strcmp(hb_command_option_at(arguments->command, i)->name, name) != 0)
		i++;
	/* Asking for an option that the table lacks is a fault of the program, not of its user. */
	hb_assert(i < arguments->option_count);
	return i;
}

bool hb_arguments_flag(const struct hb_arguments *arguments, const char *name)
{
	return arguments->counts[option_index(arguments, name)] > 0;
}

const char *const *hb_arguments_texts(const struct hb_arguments *arguments, const char *name)
{
	return arguments->texts[option_index(arguments, name)];
}

const char *hb_arguments_text(const struct hb_arguments *arguments, const char *name)
{
	size_t i = option_index(arguments, name);

	return arguments->counts[i] ? arguments->texts[i][arguments->counts[i] - 1] : NULL;
}

const char *const *hb_arguments_operands(const struct hb_arguments *arguments, size_t *ret_count)
{
	if (ret_count)
		*ret_count = arguments->operand_count;
	return arguments->operands;
}

int hb_arguments_u64(const struct hb_arguments *arguments, const char *name, uint64_t min,
	uint64_t max, uint64_t fallback, uint64_t *ret)
{
	const char *text = hb_arguments_text(arguments, name);
	uint64_t value;
	char *end;

	if (!text) {
		*ret = fallback;
		return 0;
	}
	errno = 0;
	/* strtoull() takes signs and leading white space, which are no numbers here. */
	value = strtoull(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end || errno || value < min || value > max) {
		hb_log(HB_LOG_ERROR,
			"%s: --%s: '%.60s' is not a whole number from %" PRIu64 " to %" PRIu64,
			arguments->command->name, name, text, min, max);
		return -EINVAL;
	}
	*ret = value;
	return 0;
}

bool hb_arguments_color(const struct hb_arguments *arguments, int fd)
{
	const char *when = hb_arguments_text(arguments, "color");
	const char *no_color = getenv("NO_COLOR");
	const char *term = getenv("TERM");

	if (when && !strcmp(when, "always"))
		return true;
	if (when && !strcmp(when, "never"))
		return false;
	return isatty(fd) && !(no_color && *no_color) && term && strcmp(term, "dumb") != 0;
}

static int arguments_create(const struct hb_command *command, int argc, struct hb_arguments **ret)
{
	struct hb_arguments *arguments = calloc(1, sizeof(*arguments));

	if (!arguments)
		return -ENOMEM;
	arguments->command = command;
	while (hb_command_option_at(command, arguments->option_count))
		arguments->option_count++;
	hb_assert(arguments->option_count <= OPTIONS_MAX);
	/* An option is given at most once per argument, or once per letter of "-qqq", which carries no value. */
	arguments->slots_per_option = (size_t)argc + 1;
	arguments->counts = calloc(arguments->option_count, sizeof(*arguments->counts));
	arguments->texts = calloc(arguments->option_count, sizeof(*arguments->texts));
	arguments->slots = calloc(
		arguments->option_count * arguments->slots_per_option, sizeof(*arguments->slots));
	if (!arguments->counts || !arguments->texts || !arguments->slots) {
		hb_arguments_destroy(arguments);
		return -ENOMEM;
	}
	for (size_t i = 0; i < arguments->option_count; i++)
		arguments->texts[i] = arguments->slots + i * arguments->slots_per_option;
	*ret = arguments;
	return 0;
}

void hb_arguments_destroy(struct hb_arguments *arguments)
{
	if (!arguments)
		return;
	free(arguments->counts);
	free(arguments->texts);
	free(arguments->slots);
	free(arguments);
}

/* Fills getopt_long()'s two tables. @letters: 2 bytes an option and 2 more. */
static void getopt_tables(
	const struct hb_arguments *arguments, struct option *options, char *letters)
{
	/* ':' first: a missing value is told apart from an unknown option. */
	*letters++ = ':';
	for (size_t i = 0; i < arguments->option_count; i++) {
		const struct hb_option *option = hb_command_option_at(arguments->command, i);

		options[i] = (struct option){option->name,
			option->argument ? required_argument : no_argument, NULL,
			OPTION_VALUE_BASE + (int)i};
		if (!option->letter)
			continue;
		hb_assert(option->letter != ':' && option->letter != '?');
		*letters++ = option->letter;
		if (option->argument)
			*letters++ = ':';
	}
	*letters = '\0';
	options[arguments->option_count] = (struct option){0};
}

static int unknown_option(const struct hb_arguments *arguments, const char *given, int letter,
	struct hb_error *reterr)
{
	const char *command = arguments->command->name;
	const char *names[OPTIONS_MAX + 1];
	const char *near;
	char word[64];

	if (letter)
		return hb_error_set(reterr, -EINVAL,
			"unknown option '-%c'; 'hotbed help %s' lists the options", letter,
			command);
	for (size_t i = 0; i < arguments->option_count; i++)
		names[i] = hb_command_option_at(arguments->command, i)->name;
	names[arguments->option_count] = NULL;
	snprintf(word, sizeof(word), "%.*s", (int)strcspn(given + 2, "="), given + 2);
	near = hb_suggest(word, names);
	if (near)
		return hb_error_set(
			reterr, -EINVAL, "unknown option '--%s'; did you mean '--%s'?", word, near);
	return hb_error_set(reterr, -EINVAL,
		"unknown option '--%s'; 'hotbed help %s' lists the options", word, command);
}

static int missing_value(const struct hb_arguments *arguments, int value, struct hb_error *reterr)
{
	const struct hb_option *option = NULL;

	/* getopt_long() stores the long option's value, or the letter. */
	for (size_t i = 0; i < arguments->option_count; i++) {
		option = hb_command_option_at(arguments->command, i);
		if (value == OPTION_VALUE_BASE + (int)i ||
			(option->letter && value == option->letter))
			break;
	}
	hb_assert(option);
	return hb_error_set(reterr, -EINVAL, "option '--%s' needs a value: --%s=%s", option->name,
		option->name, option->argument);
}

static int store_option(
	struct hb_arguments *arguments, int found, const char *value, struct hb_error *reterr)
{
	const struct hb_option *option;
	size_t i = 0;

	if (found >= OPTION_VALUE_BASE)
		i = (size_t)(found - OPTION_VALUE_BASE);
	else
		while (hb_command_option_at(arguments->command, i)->letter != found)
			i++;
	option = hb_command_option_at(arguments->command, i);
	if (!option->argument) {
		arguments->counts[i]++;
		return 0;
	}
	hb_assert(arguments->counts[i] + 1 < arguments->slots_per_option);
	if (!strcmp(option->name, "color") && strcmp(value, "auto") != 0 &&
		strcmp(value, "always") != 0 && strcmp(value, "never") != 0)
		return hb_error_set(
			reterr, -EINVAL, "--color: '%.60s' is none of auto, always, never", value);
	/* No option means anything by an empty value: most often a shell variable was not set. */
	if (!*value)
		return hb_error_set(reterr, -EINVAL, "option '--%s' needs a value: --%s=%s",
			option->name, option->name, option->argument);
	arguments->texts[i][arguments->counts[i]++] = value;
	return 0;
}

static int parse_all(struct hb_arguments *arguments, int argc, char **argv, struct hb_error *reterr)
{
	struct option options[OPTIONS_MAX + 1];
	char letters[2 * OPTIONS_MAX + 2];
	int found;
	int r;

	getopt_tables(arguments, options, letters);
	opterr = 0;
	/* 0 makes glibc forget an earlier parse. */
	optind = 0;
	while ((found = getopt_long(argc, argv, letters, options, NULL)) != -1) {
		if (found == ':')
			return missing_value(arguments, optopt, reterr);
		if (found == '?' && optopt >= OPTION_VALUE_BASE)
			return hb_error_set(reterr, -EINVAL, "option '--%s' takes no value",
				options[optopt - OPTION_VALUE_BASE].name);
		if (found == '?')
			return unknown_option(arguments, argv[optind - 1], optopt, reterr);
		r = store_option(arguments, found, optarg, reterr);
		if (r < 0)
			return r;
	}
	arguments->operands = (const char *const *)argv + optind;
	arguments->operand_count = (size_t)(argc - optind);
	return 0;
}

int hb_arguments_parse(const struct hb_command *command, int argc, char **argv,
	struct hb_arguments **ret, struct hb_error *reterr)
{
	struct hb_arguments *arguments = NULL;
	int r;

	hb_assert(argc >= 1);
	r = arguments_create(command, argc, &arguments);
	if (r < 0)
		return hb_error_set(reterr, r, "not enough memory for the command line");
	r = parse_all(arguments, argc, argv, reterr);
	if (r < 0) {
		hb_arguments_destroy(arguments);
		return r;
	}
	*ret = arguments;
	return 0;
}

enum hb_exit hb_exit_worst(enum hb_exit a, enum hb_exit b)
{
	/* The worst first; usage, doctor and "nothing runnable" end a command before anything else can apply. */
	static const enum hb_exit order[] = {HB_EXIT_INTERRUPTED, HB_EXIT_FAULT, HB_EXIT_LOCKED,
		HB_EXIT_USAGE, HB_EXIT_DOCTOR, HB_EXIT_TRIAL, HB_EXIT_GATE, HB_EXIT_INCONCLUSIVE,
		HB_EXIT_NOTHING, HB_EXIT_DONE};

	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
		if (order[i] == a || order[i] == b)
			return order[i];
	return HB_EXIT_FAULT;
}
