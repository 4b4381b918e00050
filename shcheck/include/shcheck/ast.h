/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The abstract syntax of POSIX sh, dash and bash: what shc_parse() builds and everything later reads.
 *
 * All nodes live in one arena that belongs to struct shc_script (shcheck/parse.h): nothing is freed one by one,
 * pointers stay valid until the script is destroyed, and nothing is written after parsing, so threads may share a tree.
 * Lists are singly linked by `next`. Every node carries its bytes in the source; inside backquotes these are the
 * original bytes although the text was unescaped before it was parsed. Nesting is at most SHC_DEPTH_MAX, so that
 * recursion over the tree is safe; lists, pipelines, and-or lists and `elif` chains are flat.
 */
#ifndef SHCHECK_AST_H
#define SHCHECK_AST_H

#include <stdbool.h>
#include <stdint.h>

#include <shcheck/source.h>

/* Deepest nesting of compound commands, substitutions, quotes and arithmetic together; deeper is finding SH905. */
#define SHC_DEPTH_MAX 500

enum shc_dialect {
	SHC_POSIX,
	SHC_DASH,
	SHC_BASH,
};

/* Text after removal of escapes; not terminated. Points into the source or the arena. */
struct shc_text {
	const char *bytes;
	uint32_t length;
};

struct shc_word;
struct shc_part;
struct shc_list;
struct shc_command;
struct shc_arith;
struct shc_array_element;
struct shc_sequence;

/* ---- Words ---------------------------------------------------------------------------------------------------- */

enum shc_part_kind {
	SHC_PART_LITERAL, /* .text: unquoted ordinary characters (inside quotes: quoted ones) */
	SHC_PART_ESCAPE, /* .text: the one character after an unquoted backslash, which is quoted */
	SHC_PART_SINGLE, /* .text: '...' */
	SHC_PART_ANSI,   /* .text: $'...', decoded; it ends at the first zero byte, as in bash */
	SHC_PART_DOUBLE, /* .parts: "..." */
	SHC_PART_LOCALE, /* .parts: $"..." */
	SHC_PART_PARAMETER,  /* .parameter: $x, ${...} */
	SHC_PART_COMMAND,    /* .command: $(...), `...` */
	SHC_PART_ARITHMETIC, /* .arithmetic: $((...)), $[...] */
	SHC_PART_PROCESS,    /* .command: <(...), >(...) */
	SHC_PART_TILDE, /* .text: the login name after ~, "" = one's own home; also "+" and "-" (bash) */
	SHC_PART_GLOB, /* .text: *, ? or a whole bracket expression [...] with its escapes kept */
	SHC_PART_GLOB_OPEN, /* an unquoted [ whose bracket expression holds quotes or expansions */
	SHC_PART_EXTGLOB,   /* .extglob: ?(a|b) *(..) +(..) @(..) !(..) */
	SHC_PART_BRACES,    /* .braces: {a,b} */
	SHC_PART_SEQUENCE,  /* .sequence: {1..9}, {a..z..2} */
	SHC_PART_ARRAY,     /* .array: the (...) of name=(...) */
};

enum shc_parameter_kind {
	SHC_PARAMETER_VARIABLE,   /* a name */
	SHC_PARAMETER_POSITIONAL, /* .number: 1, 2, ... and 0 */
	SHC_PARAMETER_SPECIAL,    /* .name is one of @ * # ? - $ ! */
	SHC_PARAMETER_BAD, /* "bad substitution": reported, .name is the text between the braces */
};

/* The operator after the name. `colon` tells ${x:-w} from ${x-w}. */
enum shc_parameter_op {
	SHC_OP_NONE,
	SHC_OP_LENGTH,             /* ${#x} */
	SHC_OP_DEFAULT,            /* - .word */
	SHC_OP_ASSIGN,             /* = .word */
	SHC_OP_ERROR,              /* ? .word */
	SHC_OP_ALTERNATIVE,        /* + .word */
	SHC_OP_REMOVE_PREFIX,      /* # .word (a pattern) */
	SHC_OP_REMOVE_PREFIX_LONG, /* ## .word */
	SHC_OP_REMOVE_SUFFIX,      /* % .word */
	SHC_OP_REMOVE_SUFFIX_LONG, /* %% .word */
	SHC_OP_REPLACE,            /* / .word (a pattern) .replacement (NULL = none) */
	SHC_OP_REPLACE_ALL,        /* // */
	SHC_OP_REPLACE_PREFIX,     /* /# */
	SHC_OP_REPLACE_SUFFIX,     /* /% */
	SHC_OP_SUBSTRING,          /* : .offset [: .size] */
	SHC_OP_UPPER,              /* ^ .word (a pattern, NULL = any) */
	SHC_OP_UPPER_ALL,          /* ^^ */
	SHC_OP_LOWER,              /* , */
	SHC_OP_LOWER_ALL,          /* ,, */
	SHC_OP_TOGGLE,             /* ~ (not documented) */
	SHC_OP_TOGGLE_ALL,         /* ~~ */
	SHC_OP_TRANSFORM,          /* @ .transform: one of Q E P A K k a u U L */
	SHC_OP_NAMES,              /* ${!prefix*}, ${!prefix@}: .transform is '*' or '@' */
	SHC_OP_KEYS,               /* ${!a[@]}, ${!a[*]}: .subscript says which */
};

enum shc_subscript_kind {
	SHC_SUBSCRIPT_NONE,
	SHC_SUBSCRIPT_AT,   /* [@] */
	SHC_SUBSCRIPT_STAR, /* [*] */
	SHC_SUBSCRIPT_KEY,  /* [...]: .word and, where it reads as arithmetic, .arith */
};

/* Whether a key is a string or arithmetic depends on the variable, which only the interpreter knows. */
struct shc_subscript {
	enum shc_subscript_kind kind;
	struct shc_word *word;
	struct shc_arith *arith; /* NULL where it does not read as arithmetic */
};

/* An arithmetic text: its parts as within double quotes, and its tree unless expansions may bring operators. */
struct shc_arith_text {
	struct shc_word *word;
	struct shc_arith *
		arith; /* NULL: empty (then .word has no parts), or to be known only at run time, or reported */
};

struct shc_parameter {
	enum shc_parameter_kind kind;
	enum shc_parameter_op op;
	bool braces;   /* ${x}, not $x */
	bool colon;    /* :- := :? :+ */
	bool indirect; /* ${!x...} other than SHC_OP_NAMES and SHC_OP_KEYS */
	char transform;
	uint32_t number; /* SHC_PARAMETER_POSITIONAL; UINT32_MAX when larger */
	struct shc_text name;
	struct shc_range name_range;
	struct shc_subscript subscript;
	struct shc_word *word; /* NULL when the operator takes none; empty words have no parts */
	struct shc_word *replacement;
	struct shc_arith_text offset, size; /* .word NULL when absent */
};

enum shc_substitution_form {
	SHC_FORM_DOLLAR,    /* $(...) */
	SHC_FORM_BACKQUOTE, /* `...` */
	SHC_FORM_FILE,      /* $(<file): .list holds the one redirect without a command */
	SHC_FORM_INPUT,     /* <(...) */
	SHC_FORM_OUTPUT,    /* >(...) */
};

struct shc_part {
	enum shc_part_kind kind;
	bool bracket; /* SHC_PART_ARITHMETIC: the old form $[...] */
	struct shc_range range;
	struct shc_part *next;
	union {
		struct shc_text text;
		struct shc_part *parts;
		struct shc_parameter *parameter;
		struct {
			struct shc_list *list;
			enum shc_substitution_form form;
		} command;
		struct shc_arith_text arithmetic;
		struct {
			char operator; /* ? * + @ ! */
			struct shc_word *alternatives;
		} extglob;
		struct {
			struct shc_word *alternatives; /* two or more */
		} braces;
		struct shc_sequence *sequence;
		struct shc_array_element *array; /* the elements; NULL = () */
	};
};

struct shc_sequence {
	struct shc_text first, last, step; /* step: length 0 = none */
};

struct shc_array_element {
	struct shc_range range;
	struct shc_subscript subscript; /* [key]=value */
	bool append;                    /* [key]+=value */
	struct shc_word *value;         /* never NULL */
	struct shc_array_element *next;
};

/*
 * A word before expansion. In argument lists, the words of `for` and patterns they are linked by `next`.
 * The parts of "" is one SHC_PART_DOUBLE without parts; a word without parts is an absent text (x=, ${x:-}).
 */
struct shc_word {
	struct shc_range range;
	struct shc_part *parts;
	struct shc_word *next;
	bool quoted;   /* some part is quoted: "" '' or a backslash */
	bool constant; /* nothing to expand (no $ ` ~, globs, braces): the value is .literal */
	struct shc_text literal; /* value after quote removal where .constant; otherwise empty */
	struct shc_assignment
		*assignment; /* an argument such as the x=1 of `export x=1`, else NULL */
};

struct shc_assignment {
	struct shc_range range;
	struct shc_text name;
	struct shc_range name_range;
	struct shc_subscript subscript;
	bool append;            /* += */
	bool is_array;          /* name=(...): .elements; otherwise .value */
	struct shc_word *value; /* never NULL unless is_array; no parts for `x=` */
	struct shc_array_element *elements;
	struct shc_assignment *next;
};

/* ---- Arithmetic ----------------------------------------------------------------------------------------------- */

enum shc_arith_kind {
	SHC_ARITH_NUMBER,    /* .number; .text as written (base#digits too) */
	SHC_ARITH_VARIABLE,  /* .text: the name; .subscript */
	SHC_ARITH_EXPANSION, /* .word: $x, $(...), or such beside digits and letters */
	SHC_ARITH_UNARY,     /* .op .left: + - ! ~ */
	SHC_ARITH_BINARY,    /* .left .op .right */
	SHC_ARITH_TERNARY,   /* .left ? .right : .third */
	SHC_ARITH_ASSIGN,    /* .left .op= .right; op SHC_ARITH_OP_NONE is plain = */
	SHC_ARITH_PREFIX,    /* ++x --x: .op SHC_ARITH_ADD or SHC_ARITH_SUBTRACT */
	SHC_ARITH_POSTFIX,   /* x++ x-- */
};

enum shc_arith_op {
	SHC_ARITH_OP_NONE,
	SHC_ARITH_COMMA,
	SHC_ARITH_LOGICAL_OR,
	SHC_ARITH_LOGICAL_AND,
	SHC_ARITH_OR,
	SHC_ARITH_XOR,
	SHC_ARITH_AND,
	SHC_ARITH_EQUAL,
	SHC_ARITH_NOT_EQUAL,
	SHC_ARITH_LESS,
	SHC_ARITH_LESS_EQUAL,
	SHC_ARITH_GREATER,
	SHC_ARITH_GREATER_EQUAL,
	SHC_ARITH_SHIFT_LEFT,
	SHC_ARITH_SHIFT_RIGHT,
	SHC_ARITH_ADD,
	SHC_ARITH_SUBTRACT,
	SHC_ARITH_MULTIPLY,
	SHC_ARITH_DIVIDE,
	SHC_ARITH_REMAINDER,
	SHC_ARITH_POWER,
	SHC_ARITH_NOT,        /* ! */
	SHC_ARITH_COMPLEMENT, /* ~ */
};

struct shc_arith {
	enum shc_arith_kind kind;
	enum shc_arith_op op;
	struct shc_range range;
	struct shc_arith *left, *right, *third;
	struct shc_text text;
	int64_t number;
	struct shc_subscript subscript;
	struct shc_word *word;
};

/* ---- [[ ... ]] ------------------------------------------------------------------------------------------------ */

enum shc_test_kind {
	SHC_TEST_WORD,  /* .first: true when not empty */
	SHC_TEST_UNARY, /* .op ("-f") .first */
	SHC_TEST_BINARY, /* .first .op ("=", "==", "!=", "<", ">", "=~", "-eq", "-nt", ...) .second */
	SHC_TEST_NOT,    /* .left */
	SHC_TEST_AND,    /* .left .right */
	SHC_TEST_OR,
	SHC_TEST_GROUP, /* ( .left ) */
};

struct shc_test {
	enum shc_test_kind kind;
	struct shc_range range;
	struct shc_text op;
	struct shc_word *first,
		*second; /* .second is a pattern after = == !=, a regular expression after =~ */
	struct shc_test *left, *right;
};

/* ---- Redirections --------------------------------------------------------------------------------------------- */

enum shc_redirect_kind {
	SHC_REDIRECT_INPUT,         /* < */
	SHC_REDIRECT_OUTPUT,        /* > */
	SHC_REDIRECT_APPEND,        /* >> */
	SHC_REDIRECT_CLOBBER,       /* >| */
	SHC_REDIRECT_READ_WRITE,    /* <> */
	SHC_REDIRECT_DUP_INPUT,     /* <&: .target is digits, digits-, - or an expansion */
	SHC_REDIRECT_DUP_OUTPUT,    /* >&: the same; in bash also a file name, and then as &> */
	SHC_REDIRECT_BOTH,          /* &> */
	SHC_REDIRECT_BOTH_APPEND,   /* &>> */
	SHC_REDIRECT_HERE_DOCUMENT, /* << and <<- */
	SHC_REDIRECT_HERE_STRING,   /* <<< */
};

struct shc_redirect {
	enum shc_redirect_kind kind;
	struct shc_range range;    /* without the body of a here-document */
	int32_t fd;                /* as written; -1 = the operator's own (0 or 1) */
	struct shc_text fd_name;   /* {name}>; length 0 = none */
	struct shc_word *target;   /* a here-document's delimiter word */
	bool strip_tabs;           /* <<- */
	bool literal_body;         /* the delimiter is quoted: nothing in the body is expanded */
	bool unterminated;         /* the file ended before the delimiter; reported */
	struct shc_text delimiter; /* after quote removal */
	struct shc_word *body; /* here-documents: parts as within double quotes; NULL otherwise */
	struct shc_range body_range; /* the lines of the body without the one of the delimiter */
	struct shc_redirect *next;
};

/* ---- Commands ------------------------------------------------------------------------------------------------- */

enum shc_command_kind {
	SHC_COMMAND_SIMPLE,
	SHC_COMMAND_PIPELINE, /* only where there are several commands, `!` or `time` */
	SHC_COMMAND_AND_OR,   /* only where there are several */
	SHC_COMMAND_GROUP,    /* { ...; } */
	SHC_COMMAND_SUBSHELL, /* ( ... ) */
	SHC_COMMAND_IF,
	SHC_COMMAND_WHILE,
	SHC_COMMAND_UNTIL,
	SHC_COMMAND_FOR,
	SHC_COMMAND_FOR_ARITH, /* for ((;;)) */
	SHC_COMMAND_SELECT,
	SHC_COMMAND_CASE,
	SHC_COMMAND_TEST,  /* [[ ... ]] */
	SHC_COMMAND_ARITH, /* (( ... )) */
	SHC_COMMAND_FUNCTION,
	SHC_COMMAND_COPROC,
};

/* How a command is joined with the one before it in the same pipeline or and-or list. */
enum shc_joint {
	SHC_JOINT_FIRST,
	SHC_JOINT_PIPE,      /* | */
	SHC_JOINT_PIPE_BOTH, /* |& */
	SHC_JOINT_AND,       /* && */
	SHC_JOINT_OR,        /* || */
};

/* if and elif: .condition then .body; the last one may be `else`, with .condition NULL. */
struct shc_clause {
	struct shc_range range; /* from the keyword to before the next one */
	struct shc_list *condition;
	struct shc_list *body;
	struct shc_clause *next;
};

enum shc_case_end {
	SHC_CASE_BREAK,    /* ;; or none before esac */
	SHC_CASE_FALL,     /* ;& */
	SHC_CASE_CONTINUE, /* ;;& */
};

struct shc_case_item {
	struct shc_range range;
	struct shc_word *patterns;
	struct shc_list *body; /* may have no statements */
	enum shc_case_end end;
	struct shc_case_item *next;
};

struct shc_command {
	enum shc_command_kind kind;
	enum shc_joint joint;
	struct shc_range range; /* with its redirects, without bodies of here-documents */
	uint32_t id;            /* 0, 1, ... in order of creation; below shc_script.command_count */
	struct shc_redirect *redirects; /* in the order of the text, wherever they stand */
	struct shc_command *next;       /* in a pipeline or an and-or list */
	union {
		struct {
			struct shc_assignment *assignments;
			struct shc_word *words; /* NULL: only assignments or redirects */
			uint32_t word_count;
		} simple;
		struct {
			struct shc_command *commands; /* one or more */
			uint32_t count;
			uint32_t negations; /* number of `!`: an odd one inverts the status */
			bool timed;         /* time */
			bool timed_posix;   /* time -p */
		} pipeline;
		struct {
			struct shc_command
				*commands; /* two or more; left-associative, && and || bind alike */
			uint32_t count;
		} and_or;
		struct shc_list *list; /* group, subshell */
		struct {
			struct shc_clause *clauses;
		} if_;
		struct {
			struct shc_list *condition, *body;
		} loop; /* while, until */
		struct {
			struct shc_text name;
			struct shc_range name_range;
			bool has_in;            /* false: over "$@" */
			struct shc_word *words; /* after `in`; may be NULL */
			struct shc_list *body;
		} for_; /* for, select */
		struct {
			struct shc_arith_text init, condition,
				step; /* empty ones have a .word without parts */
			struct shc_list *body;
		} for_arith;
		struct {
			struct shc_word *subject;
			struct shc_case_item *items;
		} case_;
		struct shc_test *test;
		struct shc_arith_text arith;
		struct {
			struct shc_text name;
			struct shc_range name_range;
			bool keyword;     /* function f ... */
			bool parentheses; /* f() ... */
			struct shc_command
				*body; /* a compound command; its redirects are the function's */
		} function;
		struct {
			struct shc_text name; /* length 0 = COPROC */
			struct shc_command *body;
		} coproc;
	};
};

/* One command of a list with what ends it. */
struct shc_statement {
	struct shc_command *command;
	struct shc_range range; /* with the terminator & or ; */
	bool background;        /* & */
	struct shc_statement *next;
};

struct shc_list {
	struct shc_range range;
	struct shc_statement *first; /* NULL in empty substitutions, case items and files */
	uint32_t count;
};

/* ---- Reading words -------------------------------------------------------------------------------------------- */

/* shc_text_is - is @text the terminated string @string? */
bool shc_text_is(struct shc_text text, const char *string);

/* shc_word_is - is @word constant, and @string its value after quote removal? NULL words are nothing. */
bool shc_word_is(const struct shc_word *word, const char *string);

/*
 * shc_command_name - the first word of a simple command when it is constant, else an empty text (also for all other
 * kinds and for commands without words).
 */
struct shc_text shc_command_name(const struct shc_command *command);

#endif
