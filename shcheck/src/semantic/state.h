/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One abstract state of the shell: what is known at a point of a path. States are values: clone, change, join.
 *
 * Variables are indexed by the interpreter's numbering of names, so that a state is a few flat arrays and a
 * clone is a
 * few copies. Not thread-safe. Source: design page, "State"; POSIX.1-2017 XCU 2.12 (shell execution environment).
 */
#ifndef SHCHECK_SEMANTIC_STATE_H
#define SHCHECK_SEMANTIC_STATE_H

#include "term.h"

struct shc_command;
struct shc_array;

enum shc_presence {
	SHC_PRESENT,
	SHC_ABSENT,
	SHC_PERHAPS,
};

/* Attributes of variables in bash; see attributes.h. */
enum {
	SHC_ATTRIBUTE_INTEGER = 1,
	SHC_ATTRIBUTE_LOWER = 2,
	SHC_ATTRIBUTE_UPPER = 4,
	SHC_ATTRIBUTE_REFERENCE = 8,
	SHC_ATTRIBUTE_OTHER = 16, /* of which nothing is known */
	SHC_ATTRIBUTE_ALL = 31,
};

/*
 * A shell variable. @term is what its expansion gives, so that it may be "" where the variable may be absent, and NULL
 * where it is surely absent. Of one that is not assigned it is the environment's value, once that has been read.
 */
struct shc_variable {
	enum shc_presence presence;
	bool exported;
	bool readonly, perhaps_readonly; /* surely; on some of the paths that were joined */
	bool array;                      /* bash: @term is the element 0, which need not be there */
	bool assigned;                   /* by the script, on this path */
	bool prefixed; /* by an assignment before the command that runs: bash's `local` takes it over */
	unsigned char attributes, perhaps_attributes; /* SHC_ATTRIBUTE_...; on some of the paths */
	const struct shc_term *term;
	const struct shc_array
		*elements;      /* of an array; NULL otherwise. In the arena, never changed */
	struct shc_range range; /* of the last assignment */
};

/*
 * The elements of an array: exactly @items under the keys 0 ... @count - 1, or (@weak) any number of them under any
 * keys, each in the language @any.
 */
struct shc_array {
	bool weak;
	bool associative;
	const struct shc_dfa *any; /* weak ones */
	uint32_t count;
	const struct shc_term *items[];
};

/* What is at a path. */
enum shc_file_kind {
	SHC_FILE_UNKNOWN,
	SHC_FILE_NOTHING,   /* absent */
	SHC_FILE_SOMETHING, /* exists, kind unknown */
	SHC_FILE_REGULAR,
	SHC_FILE_DIRECTORY,
	SHC_FILE_LINK,
};

/* One fact of the symbolic file system: later facts shadow earlier ones on the same path or below it. */
struct shc_fact {
	const struct shc_term *path; /* normalised, see path.h */
	enum shc_file_kind kind;
	bool contents_gone; /* a directory that was emptied */
	bool tested;        /* seen by a test: others may change it at any time */
	bool assumed; /* the usual outcome, if nothing was refused and no other name leads there: rules no path out */
	char asked; /* not 0: no file, but the answer (.kind) of this test of .path, and of .target */
	bool written_unread; /* truncated or written here and not read since */
	bool perhaps_read;   /* since then something has run that may know of the file by itself */
	const struct shc_term
		*target;        /* SHC_FILE_LINK: the path (normal) to which it leads, or NULL */
	struct shc_range range; /* the command that made it so */
};

/* A language to which an atom was narrowed. */
struct shc_narrowing {
	uint32_t atom;
	const struct shc_dfa *language;
};

/* A decision taken on the way: becomes a related place of findings. */
struct shc_step {
	struct shc_range range;
	const char *text; /* static */
	const struct shc_step *before;
};

/* Exit status: any of [low, high], of the command @owner (id), so that a test of $? narrows both. */
struct shc_status {
	int low, high;
	uint32_t owner;
	struct shc_range range;
	bool lost; /* a declaration stands between this and the status of a substitution */
};

/* The result of a command substitution that was run before its word is expanded. */
struct shc_substituted {
	const struct shc_part *part;
	const struct shc_term *output;
};

/* What `local` hid: put back when the function at this depth of calls returns. */
struct shc_hidden {
	uint32_t depth;
	uint32_t name;
	struct shc_variable variable;
};

/* What a signal, an error or the end runs. @site NULL: nothing was set. An action of no bytes: ignored. */
struct shc_trap {
	const struct shc_command *site; /* the `trap` that has set it */
	const struct shc_term *action;
};

enum shc_trap_kind {
	SHC_TRAP_EXIT,
	SHC_TRAP_ERROR,
	SHC_TRAP_DEBUG,
	SHC_TRAP_RETURN,
	SHC_TRAP_HANGUP,
	SHC_TRAP_INTERRUPT,
	SHC_TRAP_QUIT,
	SHC_TRAP_TERMINATE,
	SHC_TRAP_OTHER, /* all other signals: the last one set */
	SHC_TRAP_COUNT,
};

/* Shared by states, never changed. States that were joined may have any of several. */
struct shc_traps {
	struct shc_trap entries[SHC_TRAP_COUNT];
	const struct shc_traps *also;
};

/* The function of this name may also be @function, or (NULL) not be defined. */
struct shc_doubt {
	uint32_t name;
	const struct shc_command *function;
};

/* Options that are set on some of the paths which were joined: bits of shc_state.doubtful. */
enum {
	SHC_DOUBT_ERREXIT = 1,
	SHC_DOUBT_NOUNSET = 2,
	SHC_DOUBT_NOGLOB = 4,
	SHC_DOUBT_NOCLOBBER = 8,
	SHC_DOUBT_PIPEFAIL = 16,
	SHC_DOUBT_ERRTRACE = 32,
	SHC_DOUBT_INHERIT = 64,
	SHC_DOUBT_LASTPIPE = 128,
	SHC_DOUBT_FUNCTRACE = 256,
	SHC_DOUBT_ALL = 511,
};

/* A path that a command in the background may still read. In the arena, never changed. */
struct shc_pending {
	const struct shc_term *path; /* normal */
	struct shc_range range;      /* of that command */
	const struct shc_pending *next;
};

struct shc_state {
	struct shc_variable *variables; /* shape [variable_count], by number of the name */
	uint32_t variable_count;
	struct shc_narrowing *narrowed; /* by atom */
	uint32_t narrowed_count;
	struct shc_fact *facts; /* in order of time */
	uint32_t fact_count;
	const struct shc_term **arguments; /* $1 ...; known part of the positional parameters */
	uint32_t argument_count;
	const struct shc_term *name; /* $0, where it is not that of the script: sh -c; or NULL */
	bool arguments_open;         /* any number of unknown ones may follow */
	bool arguments_output;       /* `set --` has made them of what a command printed */
	bool arguments_fresh; /* none of the unknown ones has been read since they came to be */
	bool arguments_read;  /* one of them, on some path */
	uint64_t
		shifted; /* number of the unknown before the first: equal numbers are equal values */
	const struct shc_command **functions; /* by number of the name; NULL = not defined here */
	uint32_t function_count;
	struct shc_doubt *doubts;
	uint32_t doubt_count;
	const struct shc_traps *traps; /* NULL = none */
	struct shc_substituted *substituted;
	uint32_t substituted_count;
	bool has_substituted; /* also where states were joined, which forget what they may not share */
	struct shc_hidden *hidden;
	uint32_t hidden_count;
	const struct shc_term *directory; /* the current one, absolute */
	bool directory_doubtful;          /* a cd before may have failed unnoticed */
	struct shc_range directory_range; /* of that cd */
	struct shc_status status;
	const struct shc_term
		*output; /* what was printed since capturing began; NULL = not captured */
	bool sourced;    /* a file that was not read may have set any variable and function */
	bool errexit, nounset, noglob, noclobber, pipefail;
	bool errtrace;         /* set -E: functions and subshells keep the trap of ERR */
	bool functrace;        /* set -T: the same of DEBUG and RETURN */
	bool lastpipe;         /* bash: the last command of a pipeline is run by the shell itself */
	bool inherit_errexit;  /* bash: -e holds in command substitutions, too */
	unsigned int doubtful; /* SHC_DOUBT_...: these are off here, and may be on */
	/* Bits 1 << place in shc_interpreter.prefixes: what that assignment hides may have been changed. */
	uint32_t escaped;
	uint32_t sealed; /* and of these, which may have been made read-only */
	const struct shc_step *steps;
	const struct shc_pending *pending; /* since the last `wait`; for findings only */
};

/* shc_state_create - an empty state: no variables, status 0. NULL when there is no memory. */
struct shc_state *shc_state_create(void);
/* shc_state_clone - an independent copy. NULL when there is no memory. */
struct shc_state *shc_state_clone(const struct shc_state *state);
void shc_state_destroy(struct shc_state *state);

/* shc_state_bytes - about how large a copy is. */
size_t shc_state_bytes(const struct shc_state *state);

/*
 * shc_state_variable - the variable numbered @name, made absent-and-untouched when new. NULL when
 * there is no memory.
 */
struct shc_variable *shc_state_variable(struct shc_state *state, uint32_t name);

/* shc_state_function, shc_state_define - the function called by number @name, or NULL; and its definition. */
const struct shc_command *shc_state_function(const struct shc_state *state, uint32_t name);
int shc_state_define(struct shc_state *state, uint32_t name, const struct shc_command *function);

/* shc_state_language_of - what @atom may be in this state. */
const struct shc_dfa *shc_state_language_of(
	const struct shc_state *state, const struct shc_atom *atom);

/*
 * shc_state_narrow - intersect what @atom may be with @language.
 * Returns 1, 0 when nothing is left (the path is impossible; the state is unchanged), or -ENOMEM. A language
 * that grows
 * too large is left as it was: a superset.
 */
int shc_state_narrow(struct shc_state *state, struct shc_dfa_pool *pool,
	const struct shc_atom *atom, const struct shc_dfa *language);

/*
 * shc_state_term_language - every string that @term may be in this state. 0, -E2BIG (then *ret is all
 * text), -ENOMEM.
 */
int shc_state_term_language(const struct shc_state *state, struct shc_dfa_pool *pool,
	const struct shc_term *term, const struct shc_dfa **ret);

/*
 * shc_state_narrow_term - intersect what @term may be with @language, as far as one atom of it can take the
 * blame: the
 * rest of the term is divided away by quotients. Returns 1, 0 (impossible) or -ENOMEM.
 */
int shc_state_narrow_term(struct shc_state *state, struct shc_dfa_pool *pool,
	const struct shc_term *term, const struct shc_dfa *language);

/* shc_state_add_fact - append @fact, dropping what it shadows. 0 or -ENOMEM. */
int shc_state_add_fact(struct shc_state *state, const struct shc_fact *fact);

/*
 * shc_state_join - make @into a state that covers itself and @other.
 * @states_max: size of languages beyond which they are widened; @round: how often this place was joined.
 * Values that differ become a new atom with both languages; places that hold the same two values share it.
 * Returns 0 or -ENOMEM; @other is unchanged.
 */
int shc_state_join(struct shc_state *into, const struct shc_state *other, struct shc_terms *terms,
	uint32_t states_max, uint32_t round, struct shc_range range);

/* shc_state_forget_doubts - the function called @name is known again. */
void shc_state_forget_doubts(struct shc_state *state, uint32_t name);

/* shc_state_doubt - the function called @name may also be @function (NULL: not defined). 0 or -ENOMEM. */
int shc_state_doubt(struct shc_state *state, uint32_t name, const struct shc_command *function);

/*
 * shc_state_covers - does @wide hold everything that @narrow does, its unknowns renamed? Used to end loops; false is
 * always safe.
 */
bool shc_state_covers(
	const struct shc_state *wide, const struct shc_state *narrow, struct shc_dfa_pool *pool);

#endif
