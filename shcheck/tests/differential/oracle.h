/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What real shells make of words and small scripts: random cases from a seed, run by dash and bash in the sandbox, the
 * outcome as data. Tests of the abstract interpreter check it against this: abstract fields contain every concrete
 * expansion (invariant I2), abstract states contain the concrete ones (I1). For tests only.
 *
 * Thread safety: one oracle is used by one thread at a time; cases and outcomes are plain data.
 *
 * Source: POSIX.1-2017, XCU 2.6 (word expansions).
 */
#ifndef SHCHECK_TESTS_DIFFERENTIAL_ORACLE_H
#define SHCHECK_TESTS_DIFFERENTIAL_ORACLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hb_error;
struct hb_sandbox_entry;
struct shc_oracle;

enum shc_oracle_shell { SHC_ORACLE_DASH, SHC_ORACLE_BASH, SHC_ORACLE_SHELLS };

/* Bytes that need no NUL, though one follows for printing. No byte of a value is NUL. */
struct shc_oracle_text {
	char *bytes;
	size_t size_bytes;
};

/* A variable before or after a case. */
struct shc_oracle_variable {
	const char *name;
	bool set;
	struct shc_oracle_text value; /* empty if unset */
	bool unknown; /* before a script: as if from the environment, which an analysis does not know */
	bool left; /* before a script: nobody sets or unsets it; only what becomes of it is reported */
};

/* Where the text of a case stands. */
enum shc_oracle_context {
	SHC_ORACLE_ARGUMENTS,  /* as arguments of a command: split, globbed */
	SHC_ORACLE_ASSIGNMENT, /* behind "name=": one field, neither split nor globbed */
	/*
	 * Not a word but commands. The command "snap N" may stand wherever a command can, but not in double quotes: it
	 * does what ":" does and the state at that moment is reported under the number N.
	 */
	SHC_ORACLE_SCRIPT,
};

#define SHC_ORACLE_VARIABLES_MAX 10
#define SHC_ORACLE_POSITIONAL_MAX 4
#define SHC_ORACLE_FILES_MAX 10

/*
 * One case: the state before, and the text. Names of variables are identifiers; the files are relative to the folder
 * the case starts in, and that is empty but for them. shc_oracle_case_finish() frees generated cases; handwritten
 * ones may point to anything.
 */
struct shc_oracle_case {
	enum shc_oracle_context context;
	struct shc_oracle_text text;
	struct shc_oracle_variable
		variables[SHC_ORACLE_VARIABLES_MAX]; /* IFS among them if it is not the default */
	size_t variables_count;
	struct shc_oracle_text positional[SHC_ORACLE_POSITIONAL_MAX];
	size_t positional_count;
	/*
	 * Relative paths; a final "/" makes a folder, "name -> target" a symbolic link. In an order that can be made.
	 */
	const char *files[SHC_ORACLE_FILES_MAX];
	size_t files_count;
	bool arguments_unknown; /* of a script: the positional parameters are its arguments */
	unsigned
		name; /* of a script: how it is started, so that $0 is absolute, relative or bare */
	unsigned wall_ms; /* of a script: it is cut after that time; 0: after two seconds */
	bool noglob;      /* set -f */
	bool nounset;     /* set -u */
	bool bash;        /* the text uses what only bash has: dash's outcome says nothing */
	char *memory;     /* of a generated case, else NULL */
};

/* A file at the moment of a snapshot: its path relative to the start folder, "" for that folder itself. */
struct shc_oracle_file {
	char type; /* 'd', 'f', 'l' or 'o' for all others */
	struct shc_oracle_text path;
	struct shc_oracle_text target; /* of a symbolic link */
};

#define SHC_ORACLE_SEEN_MAX 64

/* The state at one "snap N" that was reached. A subshell's are among them; a pipeline's may be in any order. */
struct shc_oracle_snapshot {
	unsigned point;
	int status;                     /* $? */
	struct shc_oracle_text options; /* $- */
	struct shc_oracle_text folder;  /* $PWD */
	struct shc_oracle_text *positional;
	size_t positional_count;
	bool files_known; /* false where they could not be listed, or were too many */
	struct shc_oracle_file *files;
	size_t files_count;
	struct shc_oracle_variable
		variables[SHC_ORACLE_VARIABLES_MAX]; /* the case's, in its order */
};

enum shc_oracle_change_kind { SHC_ORACLE_CREATED, SHC_ORACLE_MODIFIED, SHC_ORACLE_DELETED };

/* A file that is not as it was at the start, absolute. A folder is listed with all that was or is in it. */
struct shc_oracle_change {
	struct shc_oracle_text path;
	enum shc_oracle_change_kind kind;
};

/* Where a script starts, and the files of its case are. */
#define SHC_ORACLE_FOLDER "/home/user/c0"

/* What one shell made of one case. */
struct shc_oracle_outcome {
	int exit_status; /* of the subshell that ran the case; 0 as a rule */
	bool expanded; /* the expansion came to its end; else the shell gave up (unset with -u, ${x?}, syntax) */
	size_t count; /* fields; of an assignment always 1; of a script 0 */
	struct shc_oracle_text *fields;
	/* The case's variables afterwards, in its order, if @expanded: expansions assign, too. */
	struct shc_oracle_variable after[SHC_ORACLE_VARIABLES_MAX];
	/* Scripts only. */
	bool cut; /* a limit of the sandbox ended it: what it did until then is there, @expanded is false */
	struct shc_oracle_snapshot *snapshots;
	size_t snapshots_count;
	struct shc_oracle_change *changes;
	size_t changes_count;
	char *memory, *paths; /* of all texts above */
};

/*
 * shc_oracle_create - start the sandbox in which the shells run.
 * @ret: ended by shc_oracle_destroy().
 *
 * Returns 0 or what hb_sandbox_create() returns (-EPERM where namespaces are not allowed: tests skip then). Blocks for
 * milliseconds.
 */
int shc_oracle_create(struct shc_oracle **ret, struct hb_error *reterr);
void shc_oracle_destroy(struct shc_oracle *oracle);

/*
 * shc_oracle_generate - the case number @index of the sequence @seed; the same on every machine.
 * @bash: allow what only bash has.
 * @ret: filled; shc_oracle_case_finish() frees it.
 *
 * Returns 0 or -ENOMEM.
 */
int shc_oracle_generate(uint64_t seed, uint64_t index, bool bash, struct shc_oracle_case *ret);

/*
 * shc_oracle_generate_script - as shc_oracle_generate(), a script of some ten commands with "snap" between them:
 * control flow, functions, subshells, options, and commands that make, move and delete files by names from variables.
 */
int shc_oracle_generate_script(
	uint64_t seed, uint64_t index, bool bash, struct shc_oracle_case *ret);

/* shc_oracle_generate_attributes - the same, mostly of declarations and of assignments that heed attributes. */
int shc_oracle_generate_attributes(
	uint64_t seed, uint64_t index, bool bash, struct shc_oracle_case *ret);
void shc_oracle_case_finish(struct shc_oracle_case *oracle_case);

/* shc_oracle_case_print - the case as a script that a person can run. Returns malloc()ed text or NULL. */
char *shc_oracle_case_print(const struct shc_oracle_case *oracle_case);

/*
 * shc_oracle_run - run cases by one shell. They are run some fifty at a time, each in a subshell and a folder of its
 * own.
 * @cases: shape [@count].
 * @ret: shape [@count]; filled on success, each to be freed by shc_oracle_outcome_finish().
 *
 * Returns 0; -EINVAL for a name that is no identifier or a value with a NUL; -EPROTO if what the shell printed cannot
 * be read (the text of the first such case in @reterr); or what hb_sandbox_run() returns. Blocks: about 1 ms per
 * case.
 */
int shc_oracle_run(struct shc_oracle *oracle, enum shc_oracle_shell shell,
	const struct shc_oracle_case *cases, size_t count, struct shc_oracle_outcome *ret,
	struct hb_error *reterr);
void shc_oracle_outcome_finish(struct shc_oracle_outcome *outcome);

#endif
