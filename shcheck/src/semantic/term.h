/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Values of the abstract interpreter: sequences of known text and unknown atoms.
 *
 * An atom stands for one unknown string wherever it is used, so two uses of one variable correlate: "$x" = "$x" holds
 * and refining x at a test refines every value made from it. What is known of an atom is a regular language, narrowed
 * per state. Terms are hash-consed: equal terms are equal pointers. Everything lives until the table is destroyed.
 * Not thread-safe. Source: design page, "Values".
 */
#ifndef SHCHECK_SEMANTIC_TERM_H
#define SHCHECK_SEMANTIC_TERM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <shcheck/ast.h>
#include <shcheck/automaton.h>

struct shc_arena;

/* Where an unknown string comes from: decides what a finding may assume about it. */
enum shc_origin {
	SHC_ORIGIN_ARGUMENT,      /* $1 ... of the script */
	SHC_ORIGIN_ENVIRONMENT,   /* a variable that the environment may set */
	SHC_ORIGIN_OUTPUT,        /* of a command substitution */
	SHC_ORIGIN_INPUT,         /* read from a file or a terminal */
	SHC_ORIGIN_FILE_NAME,     /* of pathname expansion */
	SHC_ORIGIN_DIRECTORY,     /* a current directory */
	SHC_ORIGIN_NUMBER,        /* of arithmetic, lengths and statuses */
	SHC_ORIGIN_SOURCED,       /* set by a sourced file that was not read */
	SHC_ORIGIN_DERIVED,       /* computed from other unknowns by an operator */
	SHC_ORIGIN_LOST,          /* a status that a declaration has put in place of another one */
	SHC_ORIGIN_APPROXIMATION, /* several values joined, or a construct that is not modelled */
};

struct shc_atom {
	uint32_t id;
	enum shc_origin origin;
	const struct shc_dfa *language; /* at birth; states narrow it */
	struct shc_range range;         /* where it came into being */
	bool home;                      /* the home of a user who is named */
	bool every;                     /* in turn each name that "*" matches: of a loop over it */
	bool shared; /* reached from outside of states: the environment, arguments, home */
	const struct shc_term
		*before; /* SHC_ORIGIN_SOURCED: the value unless the file sets it; or NULL */
};

/* Known bytes (@atom NULL), or an unknown string. */
struct shc_piece {
	const struct shc_atom *atom;
	struct shc_text text;
};

/* No two known pieces in a row and none of length 0. The empty string has no pieces. */
struct shc_term {
	uint32_t hash;
	uint32_t count;
	struct shc_piece pieces[];
};

struct shc_terms;

/*
 * shc_terms_create - an empty table over @pool and @arena, which outlive it.
 * Returns 0 or -ENOMEM; release with shc_terms_destroy().
 */
int shc_terms_create(struct shc_dfa_pool *pool, struct shc_arena *arena, struct shc_terms **ret);
void shc_terms_destroy(struct shc_terms *terms);

/* shc_term_text - the term of @length known bytes, copied. NULL when there is no memory, as for all of these. */
const struct shc_term *shc_term_text(struct shc_terms *terms, const char *bytes, size_t length);

/* shc_term_atom - a new atom with @language, alone in its term. */
const struct shc_term *shc_term_atom(struct shc_terms *terms, enum shc_origin origin,
	const struct shc_dfa *language, struct shc_range range);

/* shc_term_of_atom - the term of an atom that exists. */
const struct shc_term *shc_term_of_atom(struct shc_terms *terms, const struct shc_atom *atom);

/* shc_term_concat - @left followed by @right; a new unknown where that would be too long. */
const struct shc_term *shc_term_concat(
	struct shc_terms *terms, const struct shc_term *left, const struct shc_term *right);

/* shc_term_slice - pieces [first, end) as a term. */
const struct shc_term *shc_term_slice(
	struct shc_terms *terms, const struct shc_term *term, uint32_t first, uint32_t end);

/* shc_term_known - the text of a term without atoms; false otherwise. Borrowed. */
bool shc_term_known(const struct shc_term *term, struct shc_text *ret);

/* shc_term_is - is @term known and equal to @string? */
bool shc_term_is(const struct shc_term *term, const char *string);

/* shc_term_single_atom - the atom of a term that is nothing else, or NULL. */
const struct shc_atom *shc_term_single_atom(const struct shc_term *term);

/* shc_term_share - @term, a lone atom, can be read by another way than through a state. Returns @term. */
const struct shc_term *shc_term_share(const struct shc_term *term);

/* shc_term_every - @term, an atom just made, is in turn each name that "*" matches. NULL stays NULL. */
const struct shc_term *shc_term_every(const struct shc_term *term);

/* shc_term_home - @term, a lone atom, is the home of a user who is named. Returns @term. */
const struct shc_term *shc_term_home(const struct shc_term *term);

/* shc_term_sourced - a new atom that a file or text which is not read may have put in place of @before (or NULL). */
const struct shc_term *shc_term_sourced(
	struct shc_terms *terms, const struct shc_term *before, struct shc_range range);

/* shc_terms_epoch - numbers for unknown arguments that were never given out: 65,536 from the result on. */
uint64_t shc_terms_epoch(struct shc_terms *terms);

/* shc_terms_arena - where what lives as long as terms is taken from. */
struct shc_arena *shc_terms_arena(const struct shc_terms *terms);

/* shc_terms_atom_count - atoms made so far; their ids are below. */
uint32_t shc_terms_atom_count(const struct shc_terms *terms);

/* shc_terms_pool - the pool of all languages. */
struct shc_dfa_pool *shc_terms_pool(const struct shc_terms *terms);

#endif
