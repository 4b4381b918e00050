/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A simple command after expansion: its name, its fields and its redirections, as built-ins, specifications and
 * checks
 * read them.
 */
#ifndef SHCHECK_SEMANTIC_COMMAND_H
#define SHCHECK_SEMANTIC_COMMAND_H

#include "interpreter.h"

enum { SHC_FIELDS_SHOWN = 256 };

struct shc_call {
	struct shc_interpreter *in;
	const struct shc_command *command;
	struct shc_fields fields;       /* [0] is the name */
	struct shc_text name;           /* known name, or length 0 */
	const struct shc_term **values; /* of the fields; shape [fields.count] */
	bool reads_first;               /* no positional parameter has been read before its words */
};

/*
 * A built-in: changes @state, sets its status and appends it to @out, forked where both outcomes matter. Takes
 * @state.
 * 0 or -ENOMEM.
 */
struct shc_builtin {
	const char *name;
	bool special; /* POSIX special built-in */
	int (*run)(const struct shc_call *call, struct shc_state *state, struct shc_outcomes *out);
};

/* shc_builtin_find - the built-in called @name, or NULL. */
const struct shc_builtin *shc_builtin_find(struct shc_text name);

/* shc_test_run - `test` and `[`: forks on the result and narrows what was tested. */
int shc_test_run(const struct shc_call *call, struct shc_state *state, struct shc_outcomes *out);

/* eval; `.` and source; trap. See inclusion.h and traps.h. */
int shc_eval_run(const struct shc_call *call, struct shc_state *state, struct shc_outcomes *out);
int shc_source_run(const struct shc_call *call, struct shc_state *state, struct shc_outcomes *out);
int shc_trap_run(const struct shc_call *call, struct shc_state *state, struct shc_outcomes *out);

/* shc_dispatch - run @call: a function (where @functions says so), a built-in or a command. Takes @state. */
int shc_dispatch(const struct shc_call *call, struct shc_state *state, bool functions,
	struct shc_outcomes *out);

/* shc_effect_run - a command with a known effect on files; false when there is none for this name. */
bool shc_effect_known(struct shc_text name);
int shc_effect_run(const struct shc_call *call, struct shc_state *state, struct shc_outcomes *out);

/* shc_call_option - is the short option @letter (or the long one, if not NULL) among the leading options? */
bool shc_call_option(const struct shc_call *call, char letter, const char *long_name);

/* shc_call_operand - index of the first operand: behind the options and "--". May equal the count. */
uint32_t shc_call_operand(const struct shc_call *call);

/* shc_check_name - is the name of @call, numbered @number, a command at all? */
void shc_check_name(const struct shc_call *call, struct shc_state *state, uint32_t number);

/* shc_availability - the key under which facts say whether the command @name exists. NULL when there is no memory. */
const struct shc_term *shc_availability(struct shc_interpreter *in, struct shc_text name);

/* shc_check_call - the checks that look at one expanded command. */
void shc_check_call(const struct shc_call *call, struct shc_state *state);

/* shc_check_operands - SH310, SH311, SH513, SH514, SH602 and SH701 on the operands of @call. */
void shc_check_operands(const struct shc_call *call, const struct shc_state *state);

/* shc_check_collision - SH116: each turn of a loop moves or copies its file to one and the same name. */
void shc_check_collision(const struct shc_call *call, const struct shc_state *state);

/* shc_check_replaced - SH520: @call sets a trap of EXIT in place of @old, whose action then never runs. */
void shc_check_replaced(
	const struct shc_call *call, const struct shc_trap *old, const struct shc_term *action);

/* shc_check_octal - SH206: @term, an operand of arithmetic or a whole expression, can be a number such as 08. */
void shc_check_octal(struct shc_interpreter *in, const struct shc_state *state,
	const struct shc_term *term, struct shc_range range);

/* shc_check_order - SH514: a number is compared as text, by @op "<" or ">". */
void shc_check_order(struct shc_interpreter *in, struct shc_range range,
	const struct shc_term *left, struct shc_text op, const struct shc_term *right);

/* shc_check_comparison - SH306 and SH601 on a test whose operands are the fields from @first to before @end. */
void shc_check_comparison(
	const struct shc_call *call, const struct shc_state *state, uint32_t first, uint32_t end);

/* shc_call_unknown - a command of which nothing is known but that it runs. Takes @state. 0 or -ENOMEM. */
int shc_call_unknown(
	const struct shc_call *call, struct shc_state *state, struct shc_outcomes *out);

/* shc_report_removal - SH101 or SH102: what @call deletes can be what @harm says. */
void shc_report_removal(
	const struct shc_call *call, const struct shc_state *state, const struct shc_harm *harm);

/* shc_check_removal - SH101 and SH102 on an operand that the command deletes, with what is below it if @recursive. */
void shc_check_removal(const struct shc_call *call, struct shc_state *state,
	const struct shc_field *field, bool recursive);

/* shc_check_change - SH103 on an operand that the command changes with all that is below it. @reason: for the hint. */
void shc_check_change(const struct shc_call *call, struct shc_state *state,
	const struct shc_field *field, const char *reason);

/* shc_field_may_vanish - can @field be no field at all, by a value that is empty? */
bool shc_field_may_vanish(const struct shc_state *state, const struct shc_field *field);

/* shc_check_input - SH302: without the operands that can vanish, the command reads standard input. */
void shc_check_input(const struct shc_call *call);

/* shc_status_both - append @state with status 0 and a copy with status 1. Takes @state. */
int shc_status_both(const struct shc_call *call, struct shc_state *state, struct shc_outcomes *out);

#endif
