/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The commands of the program metastable: one file per command, which holds its table of options and its run function;
 * commands.c lists them. The options --set, --horizon, --json, --help and --version belong to every command.
 *
 * To add one: cmd_NAME.c with `const struct command command_NAME`, a line here, in commands.c and in meson.build.
 */
#ifndef METASTABLE_PROGRAM_COMMAND_H
#define METASTABLE_PROGRAM_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <hotbed/json.h>

#include <metastable/model.h>

struct hb_error;

#define OPTIONS_MAX 32
#define OVERRIDES_MAX 64
#define EXIT_NO_ANSWER 1
#define EXIT_COMMAND_LINE 2
#define EXIT_INPUT_OUTPUT 6
#define EXIT_INTERRUPTED 75
#define EXIT_CANNOT_RUN 77

struct option_row {
	const char *name;
	const char *argument; /* NULL = takes none */
	const char *help;
};

/* One call of the program. */
struct arguments {
	const char *const
		*operands; /* what is no option: the model's file first; shape [operand_count] */
	int operand_count;
	bool json;
	struct ms_override overrides[OVERRIDES_MAX];
	size_t override_count;
	const struct option_row *options; /* of the command */
	const char *values
		[OPTIONS_MAX]; /* by position in @options: NULL = not given, "" without argument */
};

struct command {
	const char *name;
	const char *operands; /* as the usage line shows them: "FILE.ms" */
	int operands_min, operands_max;
	const char *help;
	const struct option_row *options; /* ends with a NULL name */
	/*
	 * Prints to standard output. Returns 0, a positive exit code whose reason has been printed, or -errno with the
	 * reason in @reterr: -EINVAL without a path is the command line's fault.
	 */
	int (*run)(const struct arguments *arguments, struct hb_error *reterr);
};

extern const struct command *const commands[]; /* ends with NULL */
extern const struct command command_calibrate;
extern const struct command command_chart;
extern const struct command command_check;
extern const struct command command_ctmc;
extern const struct command command_fluid;
extern const struct command command_fmt;
extern const struct command command_map;
extern const struct command command_report;
extern const struct command command_support;
extern const struct command command_sim;
extern const struct command command_emulate;
extern const struct command command_tip;

/* option_value - of option @name of the command: NULL = not given, "" without argument. */
const char *option_value(const struct arguments *arguments, const char *name);

/*
 * option_* - the value of an option as a number; *@ret keeps its value if the option was not given.
 * Returns 0, or -EINVAL with the option's name in @reterr.
 */
int option_u64(const struct arguments *arguments, const char *name, uint64_t min, uint64_t max,
	uint64_t *ret, struct hb_error *reterr);
int option_real(const struct arguments *arguments, const char *name, double min, double max,
	double *ret, struct hb_error *reterr);
/* option_time - 5s, 250ms or, without unit, seconds; above 0. */
int option_time(
	const struct arguments *arguments, const char *name, double *ret, struct hb_error *reterr);
/* option_choice - *@ret is the position in @words, which ends with NULL. */
int option_choice(const struct arguments *arguments, const char *name, const char *const *words,
	int *ret, struct hb_error *reterr);

/* model_of - read the first operand with the overrides applied. Returns 0 or -errno as ms_model_read_file() does. */
int model_of(const struct arguments *arguments, struct ms_model *ret, struct hb_error *reterr);

/* json_support - member "approximations": [{"feature", "text"}] of what a level makes of a model. 0 or -ENOMEM. */
int json_support(cJSON *object, const struct ms_support *support);

/* print_support - the same as lines of text; nothing if all is exact. */
void print_support(enum ms_level level, const struct ms_support *support);

/* json_print - one line on standard output; @json is freed. Returns 0 or -ENOMEM. */
int json_print(cJSON *json, struct hb_error *reterr);

/* json_number - a member; what is not finite becomes null. */
void json_number(cJSON *object, const char *key, double value);

#endif
