/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <hotbed/error.h>
#include <hotbed/suggest.h>

#include <shcheck/parse.h>

#define VERSION "0.1.0"

enum long_option {
	OPTION_COLOR = 256,
	OPTION_DUMP,
	OPTION_PRINT,
	OPTION_CROSS_CHECK,
	OPTION_STRICT,
	OPTION_VERSION,
	OPTION_HELP,
};

static const char short_options[] = ":s:S:f:i:e:h";

static const struct option long_options[] = {
	{"shell", required_argument, NULL, 's'},
	{"severity", required_argument, NULL, 'S'},
	{"format", required_argument, NULL, 'f'},
	{"include", required_argument, NULL, 'i'},
	{"exclude", required_argument, NULL, 'e'},
	{"color", optional_argument, NULL, OPTION_COLOR},
	{"dump-ast", no_argument, NULL, OPTION_DUMP},
	{"print", no_argument, NULL, OPTION_PRINT},
	{"cross-check", no_argument, NULL, OPTION_CROSS_CHECK},
	{"strict", no_argument, NULL, OPTION_STRICT},
	{"version", no_argument, NULL, OPTION_VERSION},
	{"help", no_argument, NULL, OPTION_HELP},
	{NULL, 0, NULL, 0},
};

static const char help[] =
	"usage: shcheck [OPTIONS] FILE...\n"
	"       shcheck explain [SH901 | CLASS | COMMAND]...\n\n"
	"Check shell programs for sh, dash and bash without running them. '-' is standard "
	"input.\n\n"
	"  -s, --shell SHELL        sh, dash or bash (default: by #!, a comment or the name)\n"
	"  -S, --severity SEVERITY  report from error, warning, info or style on (default: style)\n"
	"  -i, --include IDS        report these checks only: SH901,SH902\n"
	"  -e, --exclude IDS        do not report these\n"
	"  -f, --format FORMAT      human, gcc or json (default: human)\n"
	"      --color[=WHEN]       auto, always or never (default: auto)\n"
	"      --strict             exit with 1, too, when a script could not be covered within "
	"its budget\n"
	"      --dump-ast           print the syntax tree instead\n"
	"      --print              print the script from its tree instead\n"
	"      --cross-check        compare the tree with tree-sitter's instead\n"
	"      --version, --help\n\n"
	"Exit codes: 0 clean, 1 findings, 2 a file cannot be read, 3 unknown option, 4 bad value "
	"of an option.\n";

static int refuse_value(const char *option, const char *value, const char *const *names)
{
	const char *near = hb_suggest(value, names);

	(void)fprintf(stderr, "shcheck: %s: '%s' is none of", option, value);
	for (int i = 0; names[i]; i++)
		(void)fprintf(stderr, "%s %s", i ? "," : "", names[i]);
	if (near)
		(void)fprintf(stderr, "; did you mean '%s'?", near);
	(void)fputc('\n', stderr);
	return EXIT_BAD_VALUE;
}

/* The index of @value among @names, or -1 with the reason on standard error. */
static int choose(const char *option, const char *value, const char *const *names)
{
	for (int i = 0; names[i]; i++) {
		if (strcmp(value, names[i]) == 0)
			return i;
	}
	(void)refuse_value(option, value, names);
	return -1;
}

static int read_dialect(const char *value, struct options *options)
{
	struct hb_error error = {0};

	if (shc_dialect_of_name(value, &options->dialect, &error) < 0) {
		(void)fprintf(stderr, "shcheck: -s: %s\n", error.text);
		return EXIT_BAD_VALUE;
	}
	options->dialect_given = true;
	return -1;
}

int read_check_id(const char *text, size_t length)
{
	int id = 0;

	if (length > 2 && (text[0] | 0x20) == 's' && (text[1] | 0x20) == 'h') {
		text += 2;
		length -= 2;
	}
	if (length == 0 || length > 6)
		return -1;
	for (size_t i = 0; i < length; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -1;
		id = id * 10 + (text[i] - '0');
	}
	return id;
}

static int read_ids(const char *option, const char *value, int *ids)
{
	int count = 0;

	while (ids[count])
		count++;
	for (;;) {
		size_t length = strcspn(value, ",");
		int id = read_check_id(value, length);

		if (id < 0 || !shc_check_find(id)) {
			(void)fprintf(stderr,
				"shcheck: %s: '%.*s' is no check; 'shcheck explain' lists them\n",
				option, (int)length, value);
			return EXIT_BAD_VALUE;
		}
		if (count == IDS_MAX) {
			(void)fprintf(stderr, "shcheck: %s: more than %d ids\n", option, IDS_MAX);
			return EXIT_BAD_VALUE;
		}
		ids[count++] = id;
		ids[count] = 0;
		if (!value[length])
			return -1;
		value += length + 1;
	}
}

static int read_colour(const char *value, struct options *options)
{
	static const char *const names[] = {"auto", "always", "never", NULL};
	int chosen = choose("--color", value ? value : "always", names);

	if (chosen < 0)
		return EXIT_BAD_VALUE;
	if (chosen > 0)
		options->colour = chosen == 1;
	return -1;
}

static int read_cross_check(struct options *options)
{
#ifdef SHCHECK_CONCRETE
	options->action = ACTION_CROSS_CHECK;
	return -1;
#else
	(void)options;
	(void)fputs("shcheck: --cross-check: built without it; install libtree-sitter-dev, run "
		    "./hotbed setup and configure the build anew\n",
		stderr);
	return EXIT_BAD_VALUE;
#endif
}

static int read_option(int option, struct options *options)
{
	static const char *const formats[] = {"human", "gcc", "json", NULL};
	static const char *const severities[] = {"error", "warning", "info", "style", NULL};
	int chosen;

	switch (option) {
	case 's':
		return read_dialect(optarg, options);
	case 'S':
		chosen = choose("-S", optarg, severities);
		options->severity = chosen < 0 ? SHC_SEVERITY_STYLE : (enum shc_severity)chosen;
		return chosen < 0 ? EXIT_BAD_VALUE : -1;
	case 'f':
		chosen = choose("--format", optarg, formats);
		options->format = chosen < 0 ? SHC_FORMAT_HUMAN : (enum shc_format)chosen;
		return chosen < 0 ? EXIT_BAD_VALUE : -1;
	case 'i':
		return read_ids("-i", optarg, options->included);
	case 'e':
		return read_ids("-e", optarg, options->excluded);
	case OPTION_COLOR:
		return read_colour(optarg, options);
	case OPTION_DUMP:
		options->action = ACTION_DUMP;
		return -1;
	case OPTION_PRINT:
		options->action = ACTION_PRINT;
		return -1;
	case OPTION_CROSS_CHECK:
		return read_cross_check(options);
	case OPTION_STRICT:
		options->strict = true;
		return -1;
	case OPTION_VERSION:
		(void)puts("shcheck " VERSION);
		return EXIT_CLEAN;
	default:
		(void)fputs(help, stdout);
		return EXIT_CLEAN;
	}
}

static int refuse_option(const char *word, bool lacks_value)
{
	static const char *const names[] = {"--shell", "--severity", "--format", "--include",
		"--exclude", "--color", "--strict", "--dump-ast", "--print", "--cross-check",
		"--version", "--help", NULL};
	const char *near = hb_suggest(word, names);

	if (lacks_value) {
		(void)fprintf(
			stderr, "shcheck: option '%s' needs a value; see 'shcheck --help'\n", word);
		return EXIT_BAD_VALUE;
	}
	(void)fprintf(stderr, "shcheck: unknown option '%s'", word);
	if (near)
		(void)fprintf(stderr, "; did you mean '%s'?", near);
	(void)fputs("; see 'shcheck --help'\n", stderr);
	return EXIT_UNKNOWN_OPTION;
}

int options_read(int argc, char **argv, struct options *ret)
{
	const char *no_colour = getenv("NO_COLOR");
	int option;

	*ret = (struct options){.severity = SHC_SEVERITY_STYLE,
		.colour = isatty(STDOUT_FILENO) == 1 && !(no_colour && *no_colour)};
	opterr = 0;
	while ((option = getopt_long(argc, argv, short_options, long_options, NULL)) != -1) {
		char letter[3] = {'-', (char)optopt, '\0'};
		const char *word = argv[optind - 1];
		int code;

		if (option == '?' && optopt > 0 && optopt < 256)
			word = letter;
		code = option == ':' || option == '?' ? refuse_option(word, option == ':')
						      : read_option(option, ret);
		if (code >= 0)
			return code;
	}
	ret->files = argv + optind;
	ret->file_count = argc - optind;
	if (ret->file_count == 0) {
		(void)fputs("shcheck: which file? '-' is standard input; see 'shcheck --help'\n",
			stderr);
		return EXIT_UNKNOWN_OPTION;
	}
	return -1;
}
