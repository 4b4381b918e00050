/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Subcommands of `hotbed` as data: one cmd_NAME.c per subcommand defines a `const struct hb_command hb_command_NAME`;
 * main.c lists them. The option tables are the single source of parsing (getopt_long), --help, man pages and
 * bash completion.
 */
#ifndef HOTBED_RUNNER_COMMAND_H
#define HOTBED_RUNNER_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hb_arguments;

/* Exit codes; precedence when several apply: 75 > 6 > 7 > 3 > 1 > 4 > 0. */
enum hb_exit {
	HB_EXIT_DONE = 0,
	HB_EXIT_GATE = 1, /* a gate, `claims --strict` or `history check` failed */
	HB_EXIT_USAGE = 2,
	HB_EXIT_TRIAL = 3,        /* a trial crashed, timed out or failed verify */
	HB_EXIT_INCONCLUSIVE = 4, /* with --strict */
	HB_EXIT_DOCTOR = 5,       /* doctor --strict refused */
	HB_EXIT_FAULT = 6,        /* I/O or runner fault */
	HB_EXIT_LOCKED = 7,       /* locked by another runner, or the build changed */
	HB_EXIT_INTERRUPTED = 75, /* resumable */
	HB_EXIT_NOTHING = 77,     /* nothing runnable here */
};

struct hb_option {
	const char *name;     /* long name without dashes; NULL ends the table */
	char letter;          /* 0 = none */
	const char *argument; /* "DIR"; NULL = a flag; may be repeated */
	const char *help;     /* one sentence */
};

/* A command line that works as it stands, on any machine, in some seconds: a test runs all of them in order. */
struct hb_example {
	const char *command; /* "./hotbed list"; NULL ends the table */
	const char *purpose; /* what it does, one phrase */
};

struct hb_command {
	const char *name;
	const char *operands;    /* "[SUB[/EXPERIMENT]...]", "" */
	const char *summary;     /* one line, imperative */
	const char *description; /* paragraphs for --help and the man page */
	const struct hb_option
		*options; /* the shared ones (--json --quiet --color --help) are added to all */
	const struct hb_example *examples;
	/* What operands complete to: "experiments", "results", "files", "" */
	const char *completion;
	int (*run)(const struct hb_arguments *arguments);
};

/* hb_arguments_flag - was --name given? */
bool hb_arguments_flag(const struct hb_arguments *arguments, const char *name);
/* hb_arguments_text - last value of --name, or NULL. hb_arguments_texts: all, NULL-terminated array, in order. */
const char *hb_arguments_text(const struct hb_arguments *arguments, const char *name);
const char *const *hb_arguments_texts(const struct hb_arguments *arguments, const char *name);
/* hb_arguments_operands - the positional arguments, NULL-terminated. */
const char *const *hb_arguments_operands(const struct hb_arguments *arguments, size_t *ret_count);
/*
 * hb_arguments_u64 - the value of --name as a number in [@min, @max]; @fallback when it was not given.
 * On a bad value prints what is accepted and returns -EINVAL (callers then return HB_EXIT_USAGE).
 */
int hb_arguments_u64(const struct hb_arguments *arguments, const char *name, uint64_t min,
	uint64_t max, uint64_t fallback, uint64_t *ret);

/* hb_arguments_color - may escape sequences go to @fd? From --color, NO_COLOR, TERM and whether it is a terminal. */
bool hb_arguments_color(const struct hb_arguments *arguments, int fd);

/* hb_exit_worst - the code that takes precedence. */
enum hb_exit hb_exit_worst(enum hb_exit a, enum hb_exit b);

/* hb_build_root - folder of the build that this program belongs to, from /proc/self/exe. Static storage. */
const char *hb_build_root(void);

/*
 * hb_results_find - resolve a results operand: NULL or "latest" is the newest run below ./results, a path stays, a
 * run_id or a unique prefix of one is looked up in ./results. @ret_path: freed by the caller.
 * Returns 0, -ENOENT or -EINVAL (ambiguous), with a message in @reterr.
 */
struct hb_error;
int hb_results_find(const char *operand, char **ret_path, struct hb_error *reterr);

#endif
