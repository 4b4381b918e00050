/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Regular languages of byte strings as minimal automata: the values of the analysis, and the types of its streams.
 *
 * A language is a `const struct shc_dfa *` owned by a pool. The automaton is complete, minimal and canonically
 * numbered, and kept once per pool, so two languages of one pool are equal exactly if their pointers are. It is never
 * changed; it lives until its pool is destroyed or collects it. Languages of different pools must not meet (asserted).
 *
 * The alphabet is all 256 bytes. Values of the shell hold no NUL byte: shc_dfa_text() is the language of all of them,
 * and wildcards of glob patterns and regular expressions match no NUL. Everything is in bytes (the C locale).
 *
 * Every operation is bounded by its pool's limits (struct shc_dfa_limits) and, unless it says otherwise, returns
 *   0        and the result in *ret;
 *   -E2BIG   the result or a step to it has more states or takes more steps than the limits allow;
 *   -ENOMEM  the pool's byte limit or the machine's memory is exhausted.
 * After an error *ret and all languages are as before; the caller then goes on with a superset (shc_dfa_widen(),
 * shc_dfa_text()). Results depend on the arguments and limits only, never on time or addresses. Nothing blocks.
 *
 * A pool is used by one thread at a time; different pools may be used at the same time: there is no global state.
 *
 * Sources: POSIX.1-2017 XCU 2.6.2 (removal of prefixes and suffixes), 2.6.5 (fields), 2.13 (patterns), XBD 9 (regular
 * expressions); Valmari, IPL 112(6), 2012 (minimisation); Mohri, 1997 (sequential transducers).
 */
#ifndef SHCHECK_AUTOMATON_H
#define SHCHECK_AUTOMATON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hb_error;
struct shc_dfa;
struct shc_dfa_pool;

/* A number of strings, bytes or fields that has no bound. */
#define SHC_INFINITE UINT64_MAX

/* Bytes with a length; NUL bytes are allowed. Not owned. */
struct shc_byte_string {
	const char *bytes;
	size_t length;
};

/* A set of bytes: bit b % 64 of word b / 64. */
struct shc_byte_set {
	uint64_t words[4];
};

static inline void shc_byte_set_add(struct shc_byte_set *set, unsigned char byte)
{
	set->words[byte / 64] |= UINT64_C(1) << byte % 64;
}

static inline bool shc_byte_set_has(const struct shc_byte_set *set, unsigned char byte)
{
	return set->words[byte / 64] >> byte % 64 & 1;
}

/* shc_byte_set_of - the set of @length bytes at @bytes. */
struct shc_byte_set shc_byte_set_of(const char *bytes, size_t length);

/* shc_byte_set_range - the bytes @first ... @last; empty if @last < @first. */
struct shc_byte_set shc_byte_set_range(unsigned char first, unsigned char last);

/* shc_byte_set_complement - all other bytes, NUL among them. */
struct shc_byte_set shc_byte_set_complement(const struct shc_byte_set *set);

/* shc_byte_set_union - bytes of @a or of @b. */
struct shc_byte_set shc_byte_set_union(const struct shc_byte_set *a, const struct shc_byte_set *b);

/*
 * shc_byte_set_class - bytes of a POSIX class in the C locale.
 * @name: "alpha", "digit", "space" ... without brackets; @length bytes.
 * NUL is in none of them. Returns 0 or -EINVAL (no such class).
 */
int shc_byte_set_class(const char *name, size_t length, struct shc_byte_set *ret);

/* Strings with the memory they are in; shc_strings_finish(). */
struct shc_strings {
	struct shc_byte_string *items; /* shape [count]; each is followed by a NUL byte */
	size_t count;
	char *storage;
};

void shc_strings_finish(struct shc_strings *strings);

/* Pool ---------------------------------------------------------------------------------------------------------- */

/* What one pool may use. A field that is 0 takes its default. */
struct shc_dfa_limits {
	size_t memory_bytes; /* all languages and scratch memory of the pool; default 64 MiB, at least 1 MiB */
	uint32_t states; /* of any result; steps towards it may have 16 times that. Default 4,096 */
	uint64_t steps;  /* elementary moves of one operation; default 2^26 (below a second) */
	bool uncached;   /* do not remember results of operations (for measurements) */
};

/*
 * shc_dfa_pool_create - an empty pool.
 * @limits: NULL = defaults; copied.
 * Returns 0 or -ENOMEM. The caller destroys the pool.
 */
int shc_dfa_pool_create(const struct shc_dfa_limits *limits, struct shc_dfa_pool **ret);

/* shc_dfa_pool_destroy - free the pool and every language of it; NULL is allowed. */
void shc_dfa_pool_destroy(struct shc_dfa_pool *pool);

/* shc_dfa_pool_limits - the limits in force, defaults filled in. */
struct shc_dfa_limits shc_dfa_pool_limits(const struct shc_dfa_pool *pool);

/* shc_dfa_pool_set_states - change the state limit, e.g. for one operation. 0 = default. */
void shc_dfa_pool_set_states(struct shc_dfa_pool *pool, uint32_t states);

/*
 * shc_dfa_pool_collect - free every language but those in @roots and the constants (empty, epsilon, all, text).
 * Results of steps stay in the pool too, so call it when shc_dfa_pool_usage() nears the limit, at a place where all
 * languages in use are known.
 * @roots: shape [count]; NULL entries are allowed.
 */
void shc_dfa_pool_collect(
	struct shc_dfa_pool *pool, const struct shc_dfa *const *roots, size_t count);

/* What a pool holds. */
struct shc_dfa_pool_usage {
	size_t languages;
	size_t memory_bytes;      /* now, of languages, tables and scratch */
	size_t memory_peak_bytes; /* never above the limit */
	uint64_t steps;           /* of all operations so far: a deterministic clock for budgets */
	uint64_t cache_hits;
};

struct shc_dfa_pool_usage shc_dfa_pool_usage(const struct shc_dfa_pool *pool);

/* Constants; they exist in every pool and cannot fail ------------------------------------------------------------- */

const struct shc_dfa *shc_dfa_empty(const struct shc_dfa_pool *pool);   /* no string */
const struct shc_dfa *shc_dfa_epsilon(const struct shc_dfa_pool *pool); /* "" only */
const struct shc_dfa *shc_dfa_all(const struct shc_dfa_pool *pool);     /* all byte strings */
const struct shc_dfa *shc_dfa_text(const struct shc_dfa_pool *pool);    /* all without NUL bytes */

/* Constructors ---------------------------------------------------------------------------------------------------- */

/* shc_dfa_literal - exactly the @length bytes at @bytes. */
int shc_dfa_literal(
	struct shc_dfa_pool *pool, const char *bytes, size_t length, const struct shc_dfa **ret);

/* shc_dfa_byte - strings of one byte, which is in @set. */
int shc_dfa_byte(
	struct shc_dfa_pool *pool, const struct shc_byte_set *set, const struct shc_dfa **ret);

/* shc_dfa_bytes_star - strings of any length, all bytes of which are in @set. */
int shc_dfa_bytes_star(
	struct shc_dfa_pool *pool, const struct shc_byte_set *set, const struct shc_dfa **ret);

/* shc_dfa_strings - exactly these strings, in any order, repetitions allowed. @strings: shape [count]. */
int shc_dfa_strings(struct shc_dfa_pool *pool, const struct shc_byte_string *strings, size_t count,
	const struct shc_dfa **ret);

/*
 * shc_dfa_interval - the integers @first ... @last as the shell prints them: decimal, no leading zero, "-" for
 * negative ones. INT64_MIN and INT64_MAX mean no bound on that side. Empty if @first > @last.
 */
int shc_dfa_interval(
	struct shc_dfa_pool *pool, int64_t first, int64_t last, const struct shc_dfa **ret);

enum shc_glob_flags {
	SHC_GLOB_PATHNAME = 1 << 0, /* only a slash matches a slash */
	SHC_GLOB_LEADING_DOT =
		1 << 1,              /* a dot at the start (PATHNAME: of a component) needs a dot */
	SHC_GLOB_EXTENDED = 1 << 2,  /* ?(..|..) *() +() @() !() of ksh and bash */
	SHC_GLOB_NO_ESCAPE = 1 << 3, /* a backslash is an ordinary byte */
	SHC_GLOB_IGNORE_CASE =
		1 << 4, /* ASCII letters match both cases (nocasematch, nocaseglob) */
};

/*
 * shc_dfa_glob - strings that a shell pattern matches as a whole (case, ${x#P}, [[ == ]]; with PATHNAME and LEADING_DOT
 * pathname expansion, existence of the files apart).
 * @pattern: @length bytes, after quote removal (quoted bytes escaped by a backslash). A bracket or list that is not
 *   closed stands for itself, as in every shell; so does a backslash at the end.
 * Every string is a pattern; besides the common errors, -E2BIG (more than SHC_PATTERN_MAX bytes or lists nested more
 * than SHC_PATTERN_DEPTH_MAX deep) fills @reterr.
 */
int shc_dfa_glob(struct shc_dfa_pool *pool, const char *pattern, size_t length, unsigned int flags,
	const struct shc_dfa **ret, struct hb_error *reterr);

#define SHC_PATTERN_MAX 16384
#define SHC_PATTERN_DEPTH_MAX 100

/*
 * shc_glob_escape - how @byte is written in a pattern to stand for itself: a backslash before it, or nothing.
 * Returns whether it needs the backslash, whatever the flags.
 */
bool shc_glob_escape(unsigned char byte);

enum shc_regex_flags {
	SHC_REGEX_EXTENDED = 1 << 0, /* ERE; otherwise BRE with \+ \? \| as GNU has them */
	SHC_REGEX_SEARCH =
		1 << 1, /* lines with a match somewhere (grep); otherwise whole lines (grep -x) */
	SHC_REGEX_IGNORE_CASE = 1 << 2, /* ASCII letters match both cases */
	SHC_REGEX_LINE = 1 << 3, /* subjects are lines: . and [^...] do not match a newline */
};

/*
 * shc_dfa_regex - strings that a POSIX regular expression matches, with \w \W \s \S of GNU.
 * @ret_exact: true, or false if the language is a superset because of back-references (\1 counts as anything that its
 *   group matches) or \< \> \b \B (which count as matching everywhere). May be NULL.
 * Returns as above and -EINVAL for a faulty expression; @reterr says where, in bytes from 1.
 */
int shc_dfa_regex(struct shc_dfa_pool *pool, const char *expression, size_t length,
	unsigned int flags, const struct shc_dfa **ret, bool *ret_exact, struct hb_error *reterr);

/* Boolean operations ---------------------------------------------------------------------------------------------- */

int shc_dfa_union(struct shc_dfa_pool *pool, const struct shc_dfa *a, const struct shc_dfa *b,
	const struct shc_dfa **ret);
int shc_dfa_intersect(struct shc_dfa_pool *pool, const struct shc_dfa *a, const struct shc_dfa *b,
	const struct shc_dfa **ret);
/* shc_dfa_difference - strings of @a that are not in @b. */
int shc_dfa_difference(struct shc_dfa_pool *pool, const struct shc_dfa *a, const struct shc_dfa *b,
	const struct shc_dfa **ret);
/* shc_dfa_complement - all byte strings that are not in @a; intersect with shc_dfa_text() for values. */
int shc_dfa_complement(
	struct shc_dfa_pool *pool, const struct shc_dfa *a, const struct shc_dfa **ret);

/* Rational operations --------------------------------------------------------------------------------------------- */

/* shc_dfa_concat - a string of @a followed by one of @b. */
int shc_dfa_concat(struct shc_dfa_pool *pool, const struct shc_dfa *a, const struct shc_dfa *b,
	const struct shc_dfa **ret);
/* shc_dfa_repeat - @min to @max (SHC_INFINITE: any number) strings of @a, one after the other. */
int shc_dfa_repeat(struct shc_dfa_pool *pool, const struct shc_dfa *a, uint64_t min, uint64_t max,
	const struct shc_dfa **ret);
int shc_dfa_star(struct shc_dfa_pool *pool, const struct shc_dfa *a, const struct shc_dfa **ret);
int shc_dfa_plus(struct shc_dfa_pool *pool, const struct shc_dfa *a, const struct shc_dfa **ret);
int shc_dfa_optional(
	struct shc_dfa_pool *pool, const struct shc_dfa *a, const struct shc_dfa **ret);
/* shc_dfa_reverse - the strings of @a read backwards. May take exponentially many states. */
int shc_dfa_reverse(struct shc_dfa_pool *pool, const struct shc_dfa *a, const struct shc_dfa **ret);
/* shc_dfa_prefixes, _suffixes, _substrings - all beginnings, ends, parts of strings of @a, themselves and "" too. */
int shc_dfa_prefixes(
	struct shc_dfa_pool *pool, const struct shc_dfa *a, const struct shc_dfa **ret);
int shc_dfa_suffixes(
	struct shc_dfa_pool *pool, const struct shc_dfa *a, const struct shc_dfa **ret);
int shc_dfa_substrings(
	struct shc_dfa_pool *pool, const struct shc_dfa *a, const struct shc_dfa **ret);

/* Quotients and removal of patterns ------------------------------------------------------------------------------- */

/* shc_dfa_left_quotient - { y : py in @a for some p in @p }. */
int shc_dfa_left_quotient(struct shc_dfa_pool *pool, const struct shc_dfa *p,
	const struct shc_dfa *a, const struct shc_dfa **ret);
/* shc_dfa_right_quotient - { x : xs in @a for some s in @s }. */
int shc_dfa_right_quotient(struct shc_dfa_pool *pool, const struct shc_dfa *a,
	const struct shc_dfa *s, const struct shc_dfa **ret);

enum shc_removal {
	SHC_REMOVE_PREFIX,         /* ${x#P} */
	SHC_REMOVE_PREFIX_LONGEST, /* ${x##P} */
	SHC_REMOVE_SUFFIX,         /* ${x%P} */
	SHC_REMOVE_SUFFIX_LONGEST, /* ${x%%P} */
};

/*
 * shc_dfa_remove - the values of ${x#P} and its kin for all x in @a, exactly: the shortest (longest) prefix (suffix) of
 * x that is in @pattern is taken away; an x that has none is left as it is.
 */
int shc_dfa_remove(struct shc_dfa_pool *pool, enum shc_removal kind, const struct shc_dfa *a,
	const struct shc_dfa *pattern, const struct shc_dfa **ret);

/* Substitution ---------------------------------------------------------------------------------------------------- */

enum shc_substitution {
	SHC_SUBSTITUTE_FIRST, /* ${x/P/R} */
	SHC_SUBSTITUTE_ALL,   /* ${x//P/R} */
	SHC_SUBSTITUTE_START, /* ${x/#P/R} */
	SHC_SUBSTITUTE_END,   /* ${x/%P/R} */
};

/*
 * shc_dfa_substitute - the values of ${x/P/R} and its kin for all x in @a and replacements in @replacement, as bash 5.2
 * computes them: the leftmost match, of those the longest. An empty match counts where no longer one begins, but not at
 * the end of an x that is not empty; with ALL it puts the replacement before the byte there. If @pattern is just "",
 * FIRST and ALL change nothing (as for a null pattern), START and END put the replacement before and behind x. For an
 * unquoted & in a replacement (bash 5.2) pass a language that has the pattern in its place; the result is a superset.
 * @ret_exact: false if the result is a superset: SHC_SUBSTITUTE_ALL with several replacements, which may then differ
 *   from match to match. May be NULL.
 */
int shc_dfa_substitute(struct shc_dfa_pool *pool, enum shc_substitution kind,
	const struct shc_dfa *a, const struct shc_dfa *pattern, const struct shc_dfa *replacement,
	const struct shc_dfa **ret, bool *ret_exact);

/* Transducers ----------------------------------------------------------------------------------------------------- */

enum shc_output {
	SHC_OUTPUT_COPY, /* the byte that was read */
	SHC_OUTPUT_DROP, /* nothing */
	SHC_OUTPUT_TEXT, /* @text of the rule */
	SHC_OUTPUT_MAP,  /* @map of the rule at the byte that was read */
};

/* In state @from, reading a byte of @bytes: write, and go to @to. */
struct shc_rule {
	uint32_t from, to;
	struct shc_byte_set bytes;
	enum shc_output output;
	struct shc_byte_string text; /* SHC_OUTPUT_TEXT */
	const unsigned char *map;    /* SHC_OUTPUT_MAP: shape [256] */
};

/* At the end of the input in this state. */
struct shc_final {
	bool accepting;              /* otherwise the input has no output */
	struct shc_byte_string text; /* written at the end */
};

/*
 * A finite-state function (or, with several rules for one byte, relation) on strings; it starts in state 0. A byte
 * without a rule means no output for that input.
 */
struct shc_transducer {
	uint32_t state_count;
	const struct shc_final *finals; /* shape [state_count] */
	const struct shc_rule *rules;   /* shape [rule_count] */
	size_t rule_count;
};

/*
 * shc_dfa_image - every output of @transducer for inputs in @a.
 * Returns as above and -EINVAL (a state out of range, no state, or no map).
 */
int shc_dfa_image(struct shc_dfa_pool *pool, const struct shc_dfa *a,
	const struct shc_transducer *transducer, const struct shc_dfa **ret);

/* shc_dfa_preimage - every input for which @transducer has an output in @a. Returns as shc_dfa_image(). */
int shc_dfa_preimage(struct shc_dfa_pool *pool, const struct shc_dfa *a,
	const struct shc_transducer *transducer, const struct shc_dfa **ret);

/* What tr(1) does, in its order: delete, translate, squeeze runs of one byte to one. */
struct shc_translation {
	struct shc_byte_set deleted;
	unsigned char map[256];
	struct shc_byte_set squeezed; /* bytes as they are after translation */
};

/* shc_dfa_translate - the image under @translation. */
int shc_dfa_translate(struct shc_dfa_pool *pool, const struct shc_dfa *a,
	const struct shc_translation *translation, const struct shc_dfa **ret);

enum shc_case {
	SHC_CASE_UPPER,       /* ${x^^}, ASCII */
	SHC_CASE_LOWER,       /* ${x,,} */
	SHC_CASE_UPPER_FIRST, /* ${x^} */
	SHC_CASE_LOWER_FIRST, /* ${x,} */
};

/* shc_dfa_case - the image under a change of case of ASCII letters. */
int shc_dfa_case(struct shc_dfa_pool *pool, enum shc_case kind, const struct shc_dfa *a,
	const struct shc_dfa **ret);

/* Fields ---------------------------------------------------------------------------------------------------------- */

/* The bytes of an IFS value. One without any splits nothing. */
struct shc_ifs {
	struct shc_byte_set white; /* space, tab, newline that are in IFS */
	struct shc_byte_set other; /* all other bytes of IFS */
};

/* shc_ifs_of - from the value of IFS; the default is shc_ifs_of(" \t\n", 3). */
struct shc_ifs shc_ifs_of(const char *value, size_t length);

/*
 * What field splitting makes of an unquoted expansion whose value is in a language. Languages are of this pool.
 * Alone in its word the expansion gives `first` and `rest`. Next to other text, the parts that touch it are `head` and
 * `tail`: x is either `whole` (no IFS byte, one part), or head, delimiter, inner fields, delimiter, tail, where head
 * and tail may be empty.
 */
struct shc_split {
	const struct shc_dfa *first; /* first fields of all values that have one */
	const struct shc_dfa *rest;  /* all fields behind the first */
	uint64_t count_min;          /* fewest fields of a value */
	uint64_t count_max;          /* most fields of a value, SHC_INFINITE if there is no bound */
	const struct shc_dfa *whole;
	const struct shc_dfa *head;
	const struct shc_dfa *inner;
	const struct shc_dfa *tail;
	bool exact; /* false: supersets, because IFS is not known well enough */
};

/*
 * shc_dfa_split - split every string of @a, exactly (each language for itself; that they belong to one value is lost).
 * Of an empty language everything is empty and the counts are 0.
 */
int shc_dfa_split(struct shc_dfa_pool *pool, const struct shc_dfa *a, const struct shc_ifs *ifs,
	struct shc_split *ret);

/*
 * shc_dfa_split_by - the same where IFS itself has any value in @ifs: the union over up to 16 values, and beyond
 * that a superset of every splitting by bytes that may be in IFS.
 */
int shc_dfa_split_by(struct shc_dfa_pool *pool, const struct shc_dfa *a, const struct shc_dfa *ifs,
	struct shc_split *ret);

/* Questions ------------------------------------------------------------------------------------------------------- */

/* shc_dfa_id - a number that is unique in the pool and given in order of construction: for sorting and hashing. */
uint64_t shc_dfa_id(const struct shc_dfa *a);
/* shc_dfa_states - states of the complete automaton, the dead one too. */
uint32_t shc_dfa_states(const struct shc_dfa *a);
bool shc_dfa_is_empty(const struct shc_dfa *a);
bool shc_dfa_is_finite(const struct shc_dfa *a);
/* shc_dfa_matches - whether the @length bytes at @bytes are in @a. */
bool shc_dfa_matches(const struct shc_dfa *a, const char *bytes, size_t length);

/*
 * shc_dfa_step - the state after reading @byte in state @state: for monitors that follow an input. State 0 is the
 * start. shc_dfa_accepting(): whether the input may end here. shc_dfa_dead(): whether it never may from here on.
 */
uint32_t shc_dfa_step(const struct shc_dfa *a, uint32_t state, unsigned char byte);
bool shc_dfa_accepting(const struct shc_dfa *a, uint32_t state);
bool shc_dfa_dead(const struct shc_dfa *a, uint32_t state);

/* shc_dfa_includes - whether every string of @part is in @whole. Returns 1, 0, -E2BIG (steps) or -ENOMEM. */
int shc_dfa_includes(
	struct shc_dfa_pool *pool, const struct shc_dfa *whole, const struct shc_dfa *part);

/* shc_dfa_disjoint - whether no string is in both. Returns as shc_dfa_includes(). */
int shc_dfa_disjoint(struct shc_dfa_pool *pool, const struct shc_dfa *a, const struct shc_dfa *b);

/* shc_dfa_count - the number of strings, at most @max; SHC_INFINITE if there are infinitely many. */
uint64_t shc_dfa_count(const struct shc_dfa *a, uint64_t max);

/* shc_dfa_length_min, _max - bytes of the shortest and longest strings; SHC_INFINITE if unbounded. 0 if empty. */
uint64_t shc_dfa_length_min(const struct shc_dfa *a);
uint64_t shc_dfa_length_max(const struct shc_dfa *a);

/* shc_dfa_bytes - all bytes that occur in strings of @a. */
struct shc_byte_set shc_dfa_bytes(const struct shc_dfa *a);
/* shc_dfa_first_bytes, _last_bytes - those with which they begin, or end. */
struct shc_byte_set shc_dfa_first_bytes(const struct shc_dfa *a);
struct shc_byte_set shc_dfa_last_bytes(const struct shc_dfa *a);

/*
 * shc_dfa_shortest - a shortest string, of those the one that reads best (letters before punctuation before the rest).
 * @buffer: @size_bytes bytes; a NUL byte is appended. @ret_length: without that NUL byte; may be NULL.
 * Returns 0, -ENOENT (the language is empty) or -ENOBUFS (it does not fit).
 */
int shc_dfa_shortest(const struct shc_dfa *a, char *buffer, size_t size_bytes, size_t *ret_length);

/*
 * shc_dfa_examples - up to @count different strings, shortest first, each of at most @length_max bytes.
 * Returns 0 (@ret may hold fewer, if there are no more), -E2BIG (more than SHC_EXAMPLES_MAX asked for, or more than
 * 64 MiB of text) or -ENOMEM. The caller finishes @ret.
 */
int shc_dfa_examples(
	const struct shc_dfa *a, size_t count, size_t length_max, struct shc_strings *ret);

#define SHC_EXAMPLES_MAX 65536

/*
 * shc_dfa_enumerate - all strings of a language that has at most @max, shortest first.
 * Returns as shc_dfa_examples(); -E2BIG also if the language has more than @max.
 */
int shc_dfa_enumerate(const struct shc_dfa *a, size_t max, struct shc_strings *ret);

/*
 * shc_dfa_single - if @a has exactly one string: true, and the string as in shc_dfa_shortest(). Also false if it does
 * not fit.
 */
bool shc_dfa_single(const struct shc_dfa *a, char *buffer, size_t size_bytes, size_t *ret_length);

/*
 * shc_dfa_common_prefix, _common_suffix - the longest text with which all strings begin (end), cut to @size_bytes - 1
 * bytes (the last bytes of a suffix) and NUL-terminated. "" for an empty language.
 * Returns the length; the suffix -E2BIG or -ENOMEM too.
 */
size_t shc_dfa_common_prefix(const struct shc_dfa *a, char *buffer, size_t size_bytes);
int shc_dfa_common_suffix(struct shc_dfa_pool *pool, const struct shc_dfa *a, char *buffer,
	size_t size_bytes, size_t *ret_length);

/* Widening -------------------------------------------------------------------------------------------------------- */

/*
 * shc_dfa_widen - a superset of @a and @b with at most @states states.
 * @states: at least 1. @round: how often this chain was widened before, from 0; precision falls as it grows.
 *
 * If @b is in @a and @a is small enough, the result is @a. Otherwise states of the union that agree on all
 * continuations of up to k bytes are merged: k falls from 4 to 0 as far as the size asks for it, and with the round
 * (two rounds each). After that comes the set of all strings over the bytes that occur, and at last all byte strings.
 * So a chain a, widen(a, b0, .., 0), widen(that, b1, .., 1) ... changes at most SHC_WIDEN_ROUNDS times, whatever is
 * added to it.
 *
 * Returns 0 always: what the limits do not allow is widened further.
 */
int shc_dfa_widen(struct shc_dfa_pool *pool, const struct shc_dfa *a, const struct shc_dfa *b,
	uint32_t states, uint32_t round, const struct shc_dfa **ret);

#define SHC_WIDEN_ROUNDS 14

/* Text for messages ----------------------------------------------------------------------------------------------- */

/*
 * shc_dfa_format - a short description for people, to stand behind "is" or "may be": "a" or "b" (quoted, if there are
 * few strings), any text, nothing, matching /tmp/[^/]*\.o (an extended regular expression in which . is any byte and
 * unprintable bytes are written \xHH); and if that would not fit, beginning with "/home/", 14 bytes or more.
 * @buffer: @size_bytes bytes (80 is a good number), always terminated. Returns @buffer.
 */
char *shc_dfa_format(const struct shc_dfa *a, char *buffer, size_t size_bytes);

#endif
