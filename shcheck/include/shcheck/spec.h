/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What commands do: specifications read from text (docs/reference/shcheck-specifications.md has the language). One says
 * which options and operands a command has, what it does to the files they name, and what it leaves behind and returns.
 * Every clause is a statement that can be executed; a test does.
 *
 * Thread safety: a set is read-only once it is filled; any number of threads may look things up in it.
 * Source: design page, "Specs"; POSIX.1-2017 XBD 12.2 and getopt_long(3) for the syntax of arguments.
 */
#ifndef SHCHECK_SPEC_H
#define SHCHECK_SPEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <shcheck/ast.h>

struct hb_error;

/* What can stand at a path, the last link not followed: a set of these says what is known. */
enum shc_entry {
	SHC_ENTRY_ABSENT = 1 << 0,
	SHC_ENTRY_FILE = 1 << 1,
	SHC_ENTRY_EMPTY = 1 << 2, /* a directory with nothing in it */
	SHC_ENTRY_FULL = 1 << 3,  /* a directory with something in it */
	SHC_ENTRY_FILE_LINK = 1 << 4,
	SHC_ENTRY_DIRECTORY_LINK = 1 << 5,
	SHC_ENTRY_DANGLING = 1 << 6, /* a link to nothing */
	SHC_ENTRY_OTHER = 1 << 7,    /* a device, a pipe, a socket */
	SHC_ENTRY_ALL = (1 << 8) - 1,
	SHC_ENTRY_DIRECTORY = SHC_ENTRY_EMPTY | SHC_ENTRY_FULL,
	SHC_ENTRY_LINK = SHC_ENTRY_FILE_LINK | SHC_ENTRY_DIRECTORY_LINK | SHC_ENTRY_DANGLING,
};

/* How a command reads its arguments. */
enum shc_spec_syntax {
	SHC_SYNTAX_GNU, /* -ab, -oARG, --long=ARG and its abbreviations, operands in between, "--" */
	SHC_SYNTAX_POSIX, /* the same, but options end at the first operand */
	SHC_SYNTAX_WORDS, /* options are whole words behind the operands, as of find and test */
	SHC_SYNTAX_KEYS,  /* key=value, as of dd */
};

enum shc_spec_argument {
	SHC_ARGUMENT_NONE,
	SHC_ARGUMENT_REQUIRED,
	SHC_ARGUMENT_OPTIONAL, /* glued to the option */
	SHC_ARGUMENT_COMMAND,  /* words up to ";" or "+" are a command that is run */
};

enum {
	SHC_SPEC_ROLE_NONE = 255,
	SHC_SPEC_ROLES_MAX = 16,
	SHC_SPEC_OPTIONS_MAX = 128,
	SHC_SPEC_SPELLINGS_MAX = 6,
	SHC_SPEC_OPERANDS_MAX = 6,
	SHC_SPEC_CLAIMS_MAX = 8,
	SHC_SPEC_RUNS_MAX = 8,
};

struct shc_spec_option {
	const char *spellings[SHC_SPEC_SPELLINGS_MAX]; /* "-r", "--recursive", "-name", "if" */
	uint8_t spelling_count;
	uint8_t role; /* of the argument, or SHC_SPEC_ROLE_NONE */
	enum shc_spec_argument argument;
};

/* A condition on what was given on the command line. NULL holds always. */
struct shc_spec_guard {
	enum shc_guard_kind {
		SHC_GUARD_OPTION,
		SHC_GUARD_ROLE, /* an operand or argument of this role is there */
		SHC_GUARD_NOT,
		SHC_GUARD_AND,
		SHC_GUARD_OR,
	} kind;
	uint8_t index; /* of the option or the role */
	const struct shc_spec_guard *left, *right;
};

enum shc_spec_count { SHC_COUNT_ONE, SHC_COUNT_OPTIONAL, SHC_COUNT_ANY, SHC_COUNT_SOME };

/* One way in which operands are understood: the first whose guard holds and whose number fits. */
struct shc_spec_form {
	const struct shc_spec_form *next;
	const struct shc_spec_guard *guard;
	struct {
		uint8_t role;
		enum shc_spec_count count;
		bool assignments; /* only words NAME=VALUE */
	} operands[SHC_SPEC_OPERANDS_MAX];
	uint8_t operand_count;
};

/* What a command does to the files of a role. */
enum shc_spec_verb {
	SHC_VERB_READS,   /* their contents */
	SHC_VERB_WRITES,  /* their contents, old ones are lost */
	SHC_VERB_APPENDS, /* to their contents */
	SHC_VERB_DELETES,
	SHC_VERB_CREATES,
	SHC_VERB_LISTS,   /* names in them, or facts about them */
	SHC_VERB_CHANGES, /* mode, owner or times */
	SHC_VERB_ENTERS,  /* makes them the current directory */
	SHC_VERB_COUNT,
};

struct shc_spec_use {
	const struct shc_spec_use *next;
	enum shc_spec_verb verb;
	uint8_t role;
	const struct shc_spec_guard *guard;
};

/* Operands whose deletion or change is a disaster when they are the wrong ones. */
struct shc_spec_danger {
	const struct shc_spec_danger *next;
	uint8_t role;
	bool shallow; /* only what is directly there, not what is below */
	const struct shc_spec_guard *guard;
	const char *reason;
};

/* A path made from roles. */
struct shc_spec_path {
	enum { SHC_PATH_SELF, SHC_PATH_PARENT, SHC_PATH_INSIDE } form;
	uint8_t role;
	uint8_t inner; /* INSIDE: the entry in @role that is called like the last component of @inner */
};

/* Something that holds before or after. */
struct shc_spec_claim {
	enum shc_claim_kind {
		SHC_CLAIM_ENTRY, /* one of @entries stands at @path */
		SHC_CLAIM_SAME,  /* @path is as it was */
		SHC_CLAIM_COPY,  /* @path is now what @source was before */
		SHC_CLAIM_LEADS, /* @path is a link, its text the word that names @source */
	} kind;
	uint8_t entries;
	struct shc_spec_path path, source;
};

enum shc_spec_output {
	SHC_PRINTS_UNSAID,
	SHC_PRINTS_NOTHING,
	SHC_PRINTS_TEXT,  /* anything */
	SHC_PRINTS_REGEX, /* all of it matches the extended regular expression */
};

/* An operand that is text and no path, with values that tests may give it. */
struct shc_spec_text {
	const struct shc_spec_text *next;
	uint8_t role;
	const char *sample;
};

/* Standard output. */
struct shc_spec_prints {
	const struct shc_spec_prints
		*next; /* of the command's defaults: the first whose guard holds */
	const struct shc_spec_guard *guard;
	enum shc_spec_output output;
	const char *regex;
};

/*
 * Where the guard and all of @before hold, the command ends with a status in [low, high] and all of @after holds. When
 * a role stands for several operands, the clause is about each of them, and the status is 0 only when it is for all.
 */
struct shc_spec_clause {
	const struct shc_spec_clause *next;
	enum shc_clause_kind {
		SHC_CLAUSE_CASE,
		SHC_CLAUSE_FAULT, /* when permissions, devices or space fail it */
		SHC_CLAUSE_USAGE, /* when the words are not understood */
	} kind;
	const struct shc_spec_guard *guard;
	struct shc_spec_claim before[SHC_SPEC_CLAIMS_MAX], after[SHC_SPEC_CLAIMS_MAX];
	uint8_t before_count, after_count;
	bool unknown; /* nothing is said of what is left behind */
	uint8_t low, high;
	struct shc_spec_prints prints;
	const char *assumed; /* why it cannot be executed in a test; NULL = it is */
	uint32_t line;       /* of its text, from 1 */
};

struct shc_spec {
	const char *names[4];
	uint8_t name_count;
	const char *manual; /* "rm(1), GNU coreutils", or NULL */
	bool builtin;       /* of the shell */
	enum shc_spec_syntax syntax;
	bool bundle; /* the first word may be options without a dash, as of tar */
	const char *roles[SHC_SPEC_ROLES_MAX];
	uint8_t role_count;
	const struct shc_spec_option *options[SHC_SPEC_OPTIONS_MAX];
	uint8_t option_count;
	const struct shc_spec_form *forms;
	const struct shc_spec_use *uses;
	const struct shc_spec_danger *dangers;
	const struct shc_spec_prints *prints;
	const struct shc_spec_text *texts;
	bool takes_input; /* reads standard input where @input holds */
	const struct shc_spec_guard *input;
	uint8_t runs;   /* role whose operands are a command that is run, or SHC_SPEC_ROLE_NONE */
	bool runs_more; /* with operands from standard input behind them */
	const struct shc_spec_clause *clauses;
	struct shc_text text; /* as it was written */
	const char *path;     /* file it comes from */
	uint32_t line;
};

struct shc_specs;

/* shc_specs_create - an empty set. 0 or -ENOMEM; release with shc_specs_destroy(). */
int shc_specs_create(struct shc_specs **ret);
void shc_specs_destroy(struct shc_specs *specs);

/*
 * shc_specs_read - add the commands of one text; a name that is there already gets the new meaning.
 * @path: for messages, copied. @text: @length bytes, any.
 * Returns 0, -EINVAL (@reterr has line, column and the rule of the grammar; nothing is added) or -ENOMEM.
 */
int shc_specs_read(struct shc_specs *specs, const char *path, const char *text, size_t length,
	struct hb_error *reterr);

/*
 * shc_specs_read_folder - add every file *.spec of @folder, in the order of their names. At most 1 MiB each.
 * Returns as shc_specs_read(), or another -errno when the folder or a file cannot be read. Blocks while it reads.
 */
int shc_specs_read_folder(struct shc_specs *specs, const char *folder, struct hb_error *reterr);

/* shc_specs_builtin - the specifications that come with the program. NULL when there is no memory. Never released. */
const struct shc_specs *shc_specs_builtin(void);

/* shc_specs_add_builtin - add those that come with the program to @specs. 0 or -ENOMEM. */
int shc_specs_add_builtin(struct shc_specs *specs);

/* shc_specs_find - the specification of @name, or NULL. Borrowed. */
const struct shc_spec *shc_specs_find(const struct shc_specs *specs, struct shc_text name);

/* shc_specs_at - the specification at @index in the order of first names, or NULL past the end. */
const struct shc_spec *shc_specs_at(const struct shc_specs *specs, size_t index);

/* ---- Matching -------------------------------------------------------------------------------------------------- */

/* A word of a command as far as it is known. */
struct shc_spec_word {
	struct shc_text text; /* its known beginning */
	bool whole;           /* nothing follows @text */
	bool operand;         /* does not begin with a dash, whatever it is */
	bool any;             /* it stands for any number of words, none included */
};

enum shc_truth { SHC_NO, SHC_YES, SHC_PERHAPS_SO };

/* A word, or the rest of it from @offset on, that has a role. */
struct shc_spec_binding {
	uint8_t role;
	uint32_t word, offset;
};

struct shc_spec_match {
	const struct shc_spec *spec;
	enum shc_truth options[SHC_SPEC_OPTIONS_MAX];
	struct shc_spec_binding *bindings; /* in the order of the words */
	uint32_t binding_count;
	bool unknown_option; /* a word that looks like one and is none that is known */
	bool misfit;         /* the operands fit none of the forms */
	bool open;           /* a word may be any number of words, or an option */
	struct {
		uint32_t first, end;
	} runs[SHC_SPEC_RUNS_MAX]; /* words that are commands to be run */
	uint32_t run_count;
};

/*
 * shc_spec_match - read @words (the first is the command's name) as @spec says.
 * @ret: on success; release with shc_spec_match_finish().
 * Returns 0 or -ENOMEM. Words that are not understood are no error: see the fields.
 */
int shc_spec_match(const struct shc_spec *spec, const struct shc_spec_word *words, uint32_t count,
	struct shc_spec_match *ret);
void shc_spec_match_finish(struct shc_spec_match *match);

/* shc_spec_holds - does @guard hold on this command line? */
enum shc_truth shc_spec_holds(
	const struct shc_spec_match *match, const struct shc_spec_guard *guard);

/* shc_spec_output - what @clause (or, where it says nothing, the command) prints. */
struct shc_spec_prints shc_spec_output(
	const struct shc_spec_match *match, const struct shc_spec_clause *clause);

/* shc_spec_is_text - is the operand or argument @role no path? */
bool shc_spec_is_text(const struct shc_spec *spec, uint8_t role);

/*
 * shc_spec_option_leads - does @option stand before the operands although its command has the syntax of expressions?
 * Those are the options of one capital letter that take no argument: -H, -L and -P of find.
 */
bool shc_spec_option_leads(const struct shc_spec *spec, const struct shc_spec_option *option);

/* shc_spec_verb_name - "reads", "writes", ... */
const char *shc_spec_verb_name(enum shc_spec_verb verb);

#endif
