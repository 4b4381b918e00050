/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Subcommands and options of the program probcons, as tables: getopt_long's array, the help text and the check that an
 * option belongs to the command all come from them.
 */
#ifndef PROBCONS_COMMAND_H
#define PROBCONS_COMMAND_H

#include <stdbool.h>
#include <stdint.h>

#include <probcons/protocol.h>

struct hb_error;

enum option_name {
	OPT_NODES,
	OPT_CURVES,
	OPT_MISSION,
	OPT_CRASH,
	OPT_BYZ,
	OPT_FAULTS,
	OPT_WEIGHTS,
	OPT_Q_PER,
	OPT_Q_VC,
	OPT_Q_EQ,
	OPT_Q_VC_T,
	OPT_PRINTED_SIGN,
	OPT_BETA,
	OPT_COPULA,
	OPT_GROUPS,
	OPT_BAND,
	OPT_REPAIR,
	OPT_REPLACE,
	OPT_WIPE,
	OPT_ELECTION,
	OPT_CREWS,
	OPT_EVENT,
	OPT_TOP,
	OPT_METHOD,
	OPT_SAMPLES,
	OPT_RELATIVE_ERROR,
	OPT_LEVEL,
	OPT_SEED,
	OPT_TYPES,
	OPT_TYPES_FILE,
	OPT_MIN_NODES,
	OPT_MAX_NODES,
	OPT_TARGET,
	OPT_TARGET_UNSAFE,
	OPT_TARGET_UNLIVE,
	OPT_TARGET_LOSS,
	OPT_MIN_COPIES,
	OPT_ALLOW_DICTATOR,
	OPT_WEIGHTED,
	OPT_STEPS,
	OPT_CHAIN,
	OPT_START,
	OPT_ABSORBING,
	OPT_CURVE,
	OPT_AGE,
	OPT_VARIANT,
	OPT_SCHEDULES,
	OPT_FIRST,
	OPT_UNJUDGED,
	OPT_TRACE,
	OPT_SHRINK,
	OPT_ID,
	OPT_PEERS,
	OPT_CLIENT,
	OPT_DATA,
	OPT_JOIN,
	OPT_TICK,
	OPT_SERVERS,
	OPT_TIMEOUT,
	OPT_JSON,
	OPT_HELP,
	OPT_VERSION,
	OPT_COUNT,
};

/* One call of the program. Values are NULL where the option was not given, "" for those without argument. */
struct arguments {
	const char *values[OPT_COUNT];
	const char *operand; /* NULL for commands without */
	char **words;        /* of commands with more_operands: @word_count, the operands */
	int word_count;
	enum pc_protocol_kind protocol;
	bool json;
};

struct command {
	const char *name;
	const char *help;
	bool takes_protocol;
	const char *operand; /* what must follow, "FILE"; NULL = nothing may */
	bool more_operands;  /* @operand is only for the help: as many as come are handed on */
	const char *options; /* names, separated by blanks */
	int error_code;      /* exit code when it fails; 0 = that of all commands */
	/* Prints to standard output. Returns an exit code, or -errno with the reason in @reterr. */
	int (*run)(const struct arguments *arguments, struct hb_error *reterr);
};

extern const struct command command_nines;
extern const struct command command_optimize;
extern const struct command command_explain;
extern const struct command command_estimate;
extern const struct command command_mttdl;
extern const struct command command_curve;
extern const struct command command_quorum;
extern const struct command command_linearizable;
extern const struct command command_sim;
extern const struct command command_serve;
extern const struct command command_kv;

/* option_text - "--name", for messages. */
const char *option_text(enum option_name name);

/*
 * option_* - the value of an option as a number; *@ret keeps its value if the option was not given.
 * Returns 0, or -EINVAL with the option's name in @reterr.
 */
int option_u64(const struct arguments *arguments, enum option_name name, uint64_t min, uint64_t max,
	uint64_t *ret, struct hb_error *reterr);
int option_real(const struct arguments *arguments, enum option_name name, double min, double max,
	double *ret, struct hb_error *reterr);
int option_probability(const struct arguments *arguments, enum option_name name, double *ret,
	struct hb_error *reterr);
int option_duration(const struct arguments *arguments, enum option_name name, double *ret,
	struct hb_error *reterr);

/* option_required - -EINVAL unless the option was given. */
int option_required(
	const struct arguments *arguments, enum option_name name, struct hb_error *reterr);

#endif
