/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the abstract interpreter: its context, the outcomes of commands, and the functions its files share.
 *
 * Every function that may run out of memory returns -ENOMEM and the whole analysis ends with it. Budgets are counted
 * steps: when they are used up, paths are cut and the script is reported as exhausted, never silently.
 */
#ifndef SHCHECK_SEMANTIC_INTERPRETER_H
#define SHCHECK_SEMANTIC_INTERPRETER_H

#include <shcheck/analyse.h>
#include <shcheck/finding.h>
#include <shcheck/parse.h>

#include <time.h>

#include "state.h"

/* What a command leaves behind besides its state. */
enum shc_flow {
	SHC_FLOW_NEXT,
	SHC_FLOW_BREAK, /* .levels */
	SHC_FLOW_CONTINUE,
	SHC_FLOW_RETURN,
	SHC_FLOW_EXIT, /* .levels: enum shc_end */
	/* bash: an error ends the command, and all that stands in the line of the script; the next line is run. */
	SHC_FLOW_DISCARD,
};

/*
 * Why the shell ends. bash undoes before the trap of EXIT what functions and assignments before a command have hidden
 * after -e, and leaves functions after an error; after `exit` neither. dash always gives the parameters back, and only
 * these.
 */
enum shc_end {
	SHC_END_ASKED, /* exit */
	SHC_END_ERREXIT,
	SHC_END_ERROR,
	SHC_END_ANY, /* any of these: eval and `.` make a difference, or nothing is known */
};

struct shc_outcome {
	struct shc_state *state;
	enum shc_flow flow;
	uint32_t levels;
};

/* A list of outcomes that owns its states. */
struct shc_outcomes {
	struct shc_outcome *items;
	uint32_t count, capacity;
};

struct shc_name {
	struct shc_text text;
	const struct shc_term *environment; /* what the environment may hold; made on demand */
	bool assigned_anywhere;             /* somewhere in the script, on whatever path */
	bool defined_anywhere;              /* as a function */
	bool defined_here;                  /* by the text of the script itself */
	bool is_variable;   /* read or assigned somewhere; else it may be a command's */
	bool read_as_array; /* ${x[@]}: the environment holds no arrays */
	struct shc_definition *definitions; /* functions of this name; made when it is needed */
};

/* A parameter that no part of the script has set: equal numbers are equal values. */
struct shc_positional {
	uint64_t number;
	const struct shc_term *term;
	struct shc_positional *next;
};

/* A command that reads a variable: reached without any assignment of it, or with one? */
struct shc_read_site {
	const struct shc_command *command;
	uint32_t name;
	bool assigned;
	bool bare; /* under -u, on a path on which nothing was sourced, after something was on others */
	bool closed; /* reached while all that may assign variables was known */
};

/* A file that a stage of a running pipeline reads. */
struct shc_file_read {
	const struct shc_term *path;
	uint32_t stage; /* SHC_STAGE_OPEN: by a redirection of the command at hand */
};

/* Why a path must not be deleted. */
enum shc_protection {
	SHC_UNPROTECTED,
	SHC_PROTECTED_SYSTEM, /* /, /usr, /etc, ... or everything in one of them */
	SHC_PROTECTED_USER,   /* a home, or everything in one */
	SHC_PROTECTED_START, /* the directory in which the script was started, or everything in it */
};

/* How a field can become a protected path. */
struct shc_harm {
	enum shc_protection protection;
	const struct shc_atom *empty; /* the unknown that is then empty; NULL = none has to be */
	char path[160];               /* what it then is */
	bool dots;                    /* its last component is written "." or ".." */
	bool every;                   /* in turn everything in it: by a loop over "*" */
};

struct shc_call;
struct shc_definition;
struct shc_written;
struct shc_inclusion;
struct shc_interruptions;

enum { SHC_PREFIXES_MAX = 32 };

/* Told of every command before it runs: for tests of soundness. */
struct shc_observer {
	void *context;
	void (*call)(void *context, const struct shc_call *call, struct shc_state *state);
	/* @command is not run, since too much of the budget is spent; or NULL. */
	void (*left_out)(void *context, const struct shc_command *command);
};

struct shc_interpreter {
	const struct shc_observer *observer; /* or NULL */
	const struct shc_script *script;
	struct shc_findings *findings;
	struct shc_arena *arena;
	struct shc_dfa_pool *pool;
	struct shc_terms *terms;
	struct shc_name *names;
	uint32_t name_count, name_capacity;
	uint32_t *name_slots; /* open addressing, number + 1 */
	uint32_t name_slot_count;
	const struct shc_term *home;  /* the value of an untouched HOME */
	const struct shc_term *start; /* the directory in which the script is started */
	uint64_t steps, steps_max;
	uint64_t work_max;                 /* moves in languages, all operations together */
	bool open;                         /* commands were run that are not known: eval, `.` */
	const struct shc_command *current; /* the simple command or test being run */
	struct shc_text assigning;         /* name on the left of the assignment being run */
	struct shc_read_site
		*sites; /* where variables are read, to report those that nothing reaches */
	uint32_t site_count, site_capacity;
	uint32_t suppressed_outside; /* ->suppressed when the running function was called */
	bool exhausted;
	uint64_t *
		reported; /* (check, place) that a finding was made of: open addressing, 0 = free */
	uint32_t reported_count, reported_slots;
	uint16_t *seen; /* shape [seen_count], by id of the command: SHC_SEEN ... */
	uint32_t seen_count;
	uint32_t command_count; /* of the script and of all inclusions */
	struct shc_inclusion *inclusions;
	uint32_t inclusion_count, inclusion_bytes, inclusion_depth;
	const struct shc_command
		*site; /* the command of the script that runs an inclusion, or NULL */
	const struct shc_list *included; /* the list of the inclusion that is being run, or NULL */
	bool reading_file;               /* commands of a sourced file are being run */
	struct shc_interruptions *interruptions;
	uint64_t walks; /* over the tree, see risk.h */
	bool definitions_known, definitions_lost;
	struct shc_written *outputs; /* redirections whose files were read, or overwritten unread */
	struct timespec began;       /* the clock that only stops what counting does not */
	bool late;
	bool at_signal;
	unsigned int
		in_traps; /* bits 1 << SHC_TRAP_...: actions that are being run, and do not begin again */
	bool debugging; /* bash: shopt -s extdebug was seen */
	bool may_end;   /* the expansion at hand may also have ended the shell */
	/* The state before ${x:?} has narrowed an unknown, as the shell goes on; or NULL. */
	struct shc_state *unchecked;
	bool refused; /* something was assigned that is, or may be, read-only */
	bool discards; /* arithmetic at hand may have failed: bash then leaves out the rest of the line */
	bool declaring; /* an operand of `export` and its like is being expanded */
	/* A command whose failure is another one's matter: a stage of a pipeline, or what bash negates. */
	const struct shc_command *exempt;
	struct shc_positional *positionals[64]; /* by number */
	uint32_t call_depth;
	const struct shc_command *calls[16]; /* functions being run, to see recursion */
	uint32_t suppressed;                 /* > 0: in a context where -e does not apply */
	/* Names that are assigned before the commands that are being run; the count may be larger. */
	uint32_t prefixes[SHC_PREFIXES_MAX];
	uint32_t prefix_count;
	bool attributes_escape; /* declare -g was seen, which may give attributes to what they hide */
	uint32_t subshells;
	const struct shc_command
		*arguments_loop; /* the loop around what is run that ends by $#, or NULL */
	uint32_t loops;          /* bodies of loops around what is run */
	uint32_t loop_depth;     /* loops around what is run, within the same function */
	bool in_order;           /* words of the command at hand assign what later ones may read */
	bool leaks; /* something was written to a descriptor that may be what a substitution captures */
	bool substituting;               /* the subshell that begins is a command substitution */
	uint32_t substitutions;          /* command substitutions around what is run */
	uint32_t piped;                  /* > 0: inside a pipeline, so standard input is a pipe */
	const struct shc_pending **jobs; /* where to note what is read in the background; or NULL */
	struct shc_file_read *reads;
	uint32_t stage, stage_count; /* the stage being run, and how many there were */
	uint32_t read_count, read_capacity, read_start;
	struct shc_harm listed; /* what the `find` of a stage begins at */
	uint32_t listed_stage;
};

enum {
	SHC_SEEN = 1,
	SHC_APPROXIMATED = 2,
	SHC_SIMPLE = 4,
	SHC_CALM = 8, /* see risk.h */
	SHC_ANCHORED = 16,
	SHC_TURNED = 32,     /* a loop whose body has come to its end, or broke off */
	SHC_DEFEATED = 128,  /* the body of a function in which SH507 was reported */
	SHC_LEFT = 64,       /* a loop whose body has left the function or the script */
	SHC_BROKEN = 256,    /* a loop whose body has left it by break */
	SHC_LISTED = 512,    /* a for over several values that are known */
	SHC_COMPARED = 1024, /* a case whose patterns were held against one another */
	SHC_GUARD = 2048,    /* a test after which the script leaves, or goes on as usual */
	SHC_STAGE_OPEN = 0,
	/* Paths kept apart at one point; beyond that the two last are joined. */
	SHC_PATHS_MAX = 24,
	/* States of a language after a join in a loop. */
	SHC_JOIN_STATES = 64,
};

/* shc_analyse_observed - shc_analyse() that tells @observer (NULL = none) of the commands on its way. */
int shc_analyse_observed(const struct shc_script *script, const struct shc_analysis_limits *limits,
	struct shc_findings *findings, struct shc_coverage *ret_coverage,
	const struct shc_observer *observer);

/* ---- Findings ------------------------------------------------------------------------------------------------ */

/*
 * shc_report - add a finding unless the same check has been reported at the same place: many paths lead to one
 * command.
 * Returns it, or NULL (then there is nothing more to do).
 */
struct shc_finding *shc_report(struct shc_interpreter *in, int id, struct shc_range range,
	const char *format, ...) __attribute__((format(printf, 4, 5)));

/* ---- Names ---------------------------------------------------------------------------------------------------- */

/* shc_name_number - the number of @name, given on first use. 0 or -ENOMEM. */
int shc_name_number(struct shc_interpreter *in, struct shc_text name, uint32_t *ret);

/* shc_name_environment - the unknown that the environment may have in a variable. NULL when there is no memory. */
const struct shc_term *shc_name_environment(struct shc_interpreter *in, uint32_t name);

/* shc_spent - how much of the budgets is used up, in per mille; from 1000 on everything is cut. */
uint32_t shc_spent(const struct shc_interpreter *in);

/* shc_look_at_clock - after too much time everything is cut. */
void shc_look_at_clock(struct shc_interpreter *in);

/* ---- Outcomes ------------------------------------------------------------------------------------------------- */

/* shc_outcomes_add - append; takes @state, also on failure. 0 or -ENOMEM. */
int shc_outcomes_add(struct shc_interpreter *in, struct shc_outcomes *outcomes,
	struct shc_state *state, enum shc_flow flow, uint32_t levels);
void shc_outcomes_finish(struct shc_outcomes *outcomes);

/* ---- Expansion ------------------------------------------------------------------------------------------------ */

/* How many fields a part of a word can give. */
enum shc_occurrence {
	SHC_ONCE,
	SHC_OPTIONAL, /* none when it is empty */
	SHC_ANY,      /* any number */
};

/* A piece of a field: known text, an atom, or a glob. */
struct shc_field_piece {
	struct shc_piece piece;
	bool glob;    /* .piece.text is an unquoted pattern */
	bool splits;  /* unquoted, and may hold separators */
	bool matches; /* unquoted, and may hold pattern characters */
};

struct shc_field {
	struct shc_field_piece *pieces; /* in the arena */
	uint32_t count;
	enum shc_occurrence occurrence;
	const struct shc_word *word;
};

struct shc_fields {
	struct shc_field *items;
	uint32_t count, capacity;
};

void shc_fields_finish(struct shc_fields *fields);

/* shc_field_is_one - is @field one field always, and no file names in its place? */
bool shc_field_is_one(const struct shc_field *field);

/* shc_fields_add_term - append @term as one whole field of @word. 0 or -ENOMEM. */
int shc_fields_add_term(struct shc_interpreter *in, struct shc_state *state,
	struct shc_fields *fields, const struct shc_word *word, const struct shc_term *term);

/* shc_field_term - the field as a value, globs as their own text. NULL when there is no memory. */
const struct shc_term *shc_field_term(struct shc_interpreter *in, const struct shc_field *field);

/*
 * shc_expand_word - all fields of @word in @state (which assignments of ${x=w} and ${x?w} change).
 * Returns 1, 0 when the expansion ends the shell (${x?}, -u), or -ENOMEM. Substitutions must have been run before.
 */
int shc_expand_word(struct shc_interpreter *in, struct shc_state *state,
	const struct shc_word *word, struct shc_fields *ret);

/* shc_has_braces - does bash find braces to be expanded in @word, so that it may be several words? */
bool shc_has_braces(const struct shc_word *word);

/* shc_expand_value - the same without splitting and globbing (assignments, redirects, case). NULL @word is "". */
int shc_expand_value(struct shc_interpreter *in, struct shc_state *state,
	const struct shc_word *word, const struct shc_term **ret);

/*
 * shc_subject_splits - does bash take @word apart at IFS though it is the subject of a case, and join the pieces with
 * blanks? It does where "$@" or "${a[@]}" stands beside an expansion without quotes.
 */
bool shc_subject_splits(const struct shc_word *word);

/* shc_expand_pattern - the language of @word as a pattern (case, [[ = ]], ${x#P}). As shc_expand_value(). */
int shc_expand_pattern(struct shc_interpreter *in, struct shc_state *state,
	const struct shc_word *word, const struct shc_dfa **ret);

/*
 * shc_pattern_is_exact - is the language of @word exactly what the pattern matches, nothing in it being unknown?
 * 1, 0 or -ENOMEM.
 */
int shc_pattern_is_exact(
	struct shc_interpreter *in, struct shc_state *state, const struct shc_word *word);

/* ---- Arithmetic ----------------------------------------------------------------------------------------------- */

/* shc_arith_value - @text as a term: known where its operands are. 1 or -ENOMEM. */
int shc_arith_value(struct shc_interpreter *in, struct shc_state *state,
	const struct shc_arith_text *text, struct shc_range range, const struct shc_term **ret);

/*
 * shc_arith_of_text - what the expression @text comes to, as in an assignment to an integer. Returns 1, 0 where it may
 * be none (then nothing has been assigned), or -ENOMEM.
 */
int shc_arith_of_text(struct shc_interpreter *in, struct shc_state *state, struct shc_text text,
	struct shc_range range, const struct shc_term **ret);

/* shc_arith_is_plain - can @text stand between (( and )) without another meaning? */
bool shc_arith_is_plain(struct shc_text text);

/* ---- Execution ------------------------------------------------------------------------------------------------ */

/* All of these take @state and append to @out. 0 or -ENOMEM. */
int shc_execute_list(struct shc_interpreter *in, const struct shc_list *list,
	struct shc_state *state, struct shc_outcomes *out);
int shc_execute_command(struct shc_interpreter *in, const struct shc_command *command,
	struct shc_state *state, struct shc_outcomes *out);
int shc_execute_simple(struct shc_interpreter *in, const struct shc_command *command,
	struct shc_state *state, struct shc_outcomes *out);
int shc_execute_function(struct shc_interpreter *in, const struct shc_command *function,
	struct shc_state *state, struct shc_outcomes *out);

/* shc_return_traps - the trap of RETURN on every end of a function or file in @body, which it changes. 0 or -ENOMEM. */
int shc_return_traps(struct shc_interpreter *in, struct shc_outcomes *body);

/*
 * shc_run_substitutions - run every command substitution of @words in a copy of each state and fork on what
 * comes out.
 * Appends states with results in ->substituted; flow is always NEXT.
 */
int shc_run_substitutions(struct shc_interpreter *in, const struct shc_word *words,
	struct shc_state *state, struct shc_outcomes *out);

/*
 * shc_execute_subshell - run @list (or else @command) in a copy of @outer; what outlives a subshell is appended
 * to @out as
 * states like @outer. @outer is unchanged.
 */
int shc_execute_subshell(struct shc_interpreter *in, const struct shc_list *list,
	const struct shc_command *command, const struct shc_state *outer, struct shc_outcomes *out);

/* shc_leave_subshell - append @outer as it is after a subshell that ended in @inner, which is taken. 0 or -ENOMEM. */
int shc_leave_subshell(struct shc_interpreter *in, const struct shc_state *outer,
	struct shc_state *inner, struct shc_outcomes *out);

/*
 * shc_prepare - what comes before a command: its substitutions are run, and its redirections opened. Takes @state.
 * @refused: states in which a redirection was refused and the command is not run, where that is another state than
 * with shc_widen_refused(); special built-ins end the shell then (in @out).
 */
int shc_prepare(struct shc_interpreter *in, const struct shc_command *command,
	struct shc_state *state, struct shc_outcomes *out, struct shc_outcomes *refused);

/* shc_widen_refused - the status of @results of @command is also that of a refused redirection. */
void shc_widen_refused(struct shc_interpreter *in, const struct shc_command *command,
	struct shc_outcomes *results);

/* shc_diverts_output - does a redirection take the command's standard output away from who captures it? */
bool shc_diverts_output(const struct shc_command *command);

/* [[ ]] and (( )). */
int shc_execute_test(struct shc_interpreter *in, const struct shc_command *command,
	struct shc_state *state, struct shc_outcomes *out);
int shc_execute_arith(struct shc_interpreter *in, const struct shc_command *command,
	struct shc_state *state, struct shc_outcomes *out);

/* shc_begin_expansion - forget what the expansion before has said of the end of the shell. */
void shc_begin_expansion(struct shc_interpreter *in);

/*
 * shc_may_end_here - the shell may end at this place of an expansion: what is assigned behind it is not, then. Where
 * there are several, the states at all of them are joined. 0 or -ENOMEM.
 */
int shc_may_end_here(struct shc_interpreter *in, const struct shc_state *state);

/*
 * shc_end_too - an expansion or assignment that may also have ended the shell (-u, ${x?}, a read-only variable): the
 * state in which it then ends. Borrows @state. 0 or -ENOMEM.
 */
int shc_end_too(struct shc_interpreter *in, const struct shc_command *command,
	const struct shc_state *state, struct shc_outcomes *out);

/*
 * shc_field_names - every text that a pathname expansion of @field may give: names of files, or the pattern itself.
 * @state: of its unknowns, or NULL. 0, -E2BIG (then *ret is all text) or -ENOMEM.
 */
int shc_field_names(struct shc_interpreter *in, const struct shc_state *state,
	const struct shc_field *field, const struct shc_dfa **ret);

/* shc_loop_value - what the variable of a `for` holds in the turn for @field. NULL when there is no memory. */
const struct shc_term *shc_loop_value(struct shc_interpreter *in, const struct shc_field *field);

/* shc_check_for - SH5xx on the words of a `for`. */
void shc_check_for(struct shc_interpreter *in, const struct shc_command *command,
	const struct shc_state *state, const struct shc_fields *fields);

/* shc_forget_assigned - variables that a loop of unknown arithmetic assigns may hold any number. */
void shc_forget_assigned(
	struct shc_interpreter *in, const struct shc_command *command, struct shc_state *state);

/*
 * shc_set_arguments - the fields of @call from @first on become the positional parameters. 0 or -ENOMEM (then nothing
 * has changed). shc_copy_arguments - @to has the positional parameters of @from. 0 or -ENOMEM.
 */
int shc_set_arguments(const struct shc_call *call, struct shc_state *state, uint32_t first);
int shc_copy_arguments(struct shc_state *to, const struct shc_state *from);

/*
 * shc_prefix_escapes - bash: `export` or `unset` of the variable @number, which reaches through assignments before the
 * commands that are being run.
 */
void shc_prefix_escapes(
	const struct shc_interpreter *in, struct shc_state *state, uint32_t number, bool sealed);

/* shc_variable_anything - @variable may have any value, or none. 0 or -ENOMEM. */
int shc_variable_anything(
	struct shc_interpreter *in, struct shc_variable *variable, struct shc_range range);

/* shc_restore_hidden - end of a function: put back what `local` hid at @depth. */
void shc_restore_hidden(struct shc_state *state, uint32_t depth);

/* shc_keep_hidden - the end of the shell in a function: what `local` hid at @depth stays so. */
void shc_keep_hidden(struct shc_state *state, uint32_t depth);

/* shc_split_ends - bash: follow every way in which an unknown end of the shell may leave a function. 0 or -ENOMEM. */
int shc_split_ends(struct shc_interpreter *in, struct shc_outcomes *outcomes);

/* shc_end_restores - the shell ends (@end): is what functions and assignments before a command hid put back? */
bool shc_end_restores(const struct shc_interpreter *in, enum shc_end end);

/*
 * shc_split_status - append @state once with status 0 and once without, as far as either is possible.
 * Takes @state.
 */
int shc_split_status(struct shc_interpreter *in, struct shc_state *state, struct shc_outcomes *zero,
	struct shc_outcomes *other);

/* shc_set_status - status [low, high] of @command. */
void shc_set_status(struct shc_state *state, const struct shc_command *command, int low, int high);

/* shc_run_array - one assignment of an array or to an element. 1, 0 (the shell ends) or -ENOMEM. */
int shc_run_array(
	struct shc_interpreter *in, struct shc_state *state, const struct shc_assignment *a);

/* shc_assign_or_append - shc_assign() as @a says, x=@term or x+=@term. 0 or -ENOMEM. */
int shc_assign_or_append(struct shc_interpreter *in, struct shc_state *state,
	const struct shc_assignment *a, const struct shc_term *term);

/* shc_store - shc_assign() to the variable @name itself, past its attributes. 0 or -ENOMEM. */
int shc_store(struct shc_interpreter *in, struct shc_state *state, struct shc_text name,
	const struct shc_term *term, struct shc_range range);

/*
 * shc_assign - give a variable a value in @state, or what its attributes make of it; see attributes.h. Of one that is
 * read-only, or may be, ->refused and ->may_end tell afterwards. 0 or -ENOMEM.
 */
int shc_assign(struct shc_interpreter *in, struct shc_state *state, struct shc_text name,
	const struct shc_term *term, struct shc_range range);

/* shc_note_read - a command reads @name: remembered for shc_check_reads(). 0 or -ENOMEM. */
int shc_note_read(struct shc_interpreter *in, struct shc_state *state, struct shc_text name);
/* shc_check_reads - SH303 and SH304, after the analysis. 0 or -ENOMEM. */
int shc_check_reads(struct shc_interpreter *in);

/* shc_name_is_set - does every shell of this @dialect, or any login, set this variable? */
bool shc_name_is_set(enum shc_dialect dialect, struct shc_text name);

/* shc_check_lost - SH506 where @term is a status that a declaration has hidden. */
void shc_check_lost(struct shc_interpreter *in, const struct shc_term *term);

/* shc_check_masked - SH506 on a declaration that stands before && or ||. */
void shc_check_masked(struct shc_interpreter *in, const struct shc_command *command,
	const struct shc_state *state);

/* shc_check_negated - SH518: @before is negated, and its status is not asked for. */
void shc_check_negated(struct shc_interpreter *in, const struct shc_state *state,
	const struct shc_command *before);

/* shc_check_unset - SH519: a test asks whether @word is empty, the first command that reads the arguments. */
void shc_check_unset(struct shc_interpreter *in, struct shc_state *state, struct shc_range range,
	const struct shc_word *word);

/*
 * shc_check_errexit - SH507: @command runs after @before although that may have failed under -e. @earlier: the first
 * command of the list that may have failed so, kept from call to call.
 */
void shc_check_errexit(struct shc_interpreter *in, const struct shc_state *state,
	const struct shc_command *before, const struct shc_command *command,
	const struct shc_command **earlier);

/*
 * shc_check_pipe_status - SH511 at @range: the status of @command is asked for, which is a pipeline (or a function that
 * ends in one) whose last stage never fails where one before may.
 */
void shc_check_pipe_status(struct shc_interpreter *in, const struct shc_state *state,
	const struct shc_command *command, struct shc_range range);

/* shc_check_pipe_errexit - SH511: -e does not see that @before fails, and something from @next on loses files. */
void shc_check_pipe_errexit(struct shc_interpreter *in, const struct shc_state *state,
	const struct shc_command *before, const struct shc_statement *next);

/* shc_check_declared - SH506: -e does not see that the substitution in the declaration @command fails. */
void shc_check_declared(struct shc_interpreter *in, const struct shc_state *state,
	const struct shc_command *command);

/* shc_status_reader - the test or assignment with which @command begins, if that reads $?; else NULL. */
const struct shc_command *shc_status_reader(const struct shc_command *command);

/* shc_check_stages - SH401 and SH402 on a pipeline. */
void shc_check_stages(struct shc_interpreter *in, const struct shc_command *pipeline);

/* shc_check_subshells - SH304, SH308, SH309, SH401, SH402 and SH512, after the analysis. */
void shc_check_subshells(struct shc_interpreter *in);

/* shc_breaks_in_subshell - does a `break` in @loop, meant for it, stand in a subshell, so that it leaves only that? */
bool shc_breaks_in_subshell(const struct shc_command *loop);

/*
 * shc_approximate - a command that is not modelled: the state is kept, the command counted and an
 * obligation recorded.
 */
void shc_approximate(struct shc_interpreter *in, const struct shc_command *command);

#endif
