/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "brute_force.h"

#include <fnmatch.h>
#include <regex.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/assert.h>
#include <hotbed/error.h>
#include <shcheck/automaton.h>

#define SHORT 6         /* bytes of the longest strings that are compared */
#define WORDS_MAX 8     /* strings of a random finite language */
#define RESULTS_MAX 512 /* strings of its image */
#define TEXT_MAX 96

static bool quiet_run;

__attribute__((format(printf, 1, 2))) static bool differ(const char *format, ...)
{
	va_list args;

	if (!quiet_run) {
		va_start(args, format);
		(void)vfprintf(stderr, format, args);
		va_end(args);
		(void)fputc('\n', stderr);
	}
	return false;
}

static struct shc_dfa_pool *new_pool(void)
{
	struct shc_dfa_pool *pool;

	hb_assert(shc_dfa_pool_create(NULL, &pool) == 0);
	return pool;
}

/* A small automaton by table, run here: the oracle's own idea of an infinite language. */
struct machine {
	const char *letters;
	int state_count;
	int next[4][4];
	bool accepting[4];
	bool finite;
	int word_count;
	char words[WORDS_MAX][SHORT + 1];
};

static bool accepts(const struct machine *m, const char *text, size_t length)
{
	int state = 0;

	if (m->finite) {
		for (int i = 0; i < m->word_count; i++) {
			if (strlen(m->words[i]) == length && memcmp(m->words[i], text, length) == 0)
				return true;
		}
		return false;
	}
	for (size_t i = 0; i < length; i++) {
		const char *letter = strchr(m->letters, text[i]);

		if (!letter || !text[i])
			return false;
		state = m->next[state][letter - m->letters];
	}
	return m->accepting[state];
}

static int below(struct hb_rng *rng, int bound)
{
	return (int)hb_rng_below(rng, (uint64_t)bound);
}

static void random_word(struct hb_rng *rng, const char *letters, int longest, char *ret)
{
	int length = below(rng, longest + 1);

	for (int i = 0; i < length; i++)
		ret[i] = letters[below(rng, (int)strlen(letters))];
	ret[length] = '\0';
}

static void random_machine(struct hb_rng *rng, const char *letters, struct machine *m)
{
	*m = (struct machine){.letters = letters, .state_count = 1 + below(rng, 4)};
	for (int s = 0; s < m->state_count; s++) {
		m->accepting[s] = below(rng, 2);
		for (int l = 0; letters[l]; l++)
			m->next[s][l] = below(rng, m->state_count);
	}
}

static void random_words(struct hb_rng *rng, const char *letters, int longest, struct machine *m)
{
	*m = (struct machine){.letters = letters, .finite = true};
	m->word_count = 1 + below(rng, WORDS_MAX);
	for (int i = 0; i < m->word_count; i++)
		random_word(rng, letters, longest, m->words[i]);
}

/* The language of a machine: words as they are, a table as a transducer that copies what it accepts. */
static const struct shc_dfa *language(struct shc_dfa_pool *pool, const struct machine *m)
{
	struct shc_byte_string words[WORDS_MAX];
	struct shc_final finals[4] = {0};
	struct shc_rule rules[16];
	struct shc_transducer transducer = {
		.state_count = (uint32_t)m->state_count, .finals = finals, .rules = rules};
	const struct shc_dfa *dfa = NULL;

	if (m->finite) {
		for (int i = 0; i < m->word_count; i++)
			words[i] = (struct shc_byte_string){
				.bytes = m->words[i], .length = strlen(m->words[i])};
		hb_assert(shc_dfa_strings(pool, words, (size_t)m->word_count, &dfa) == 0);
		return dfa;
	}
	for (int s = 0; s < m->state_count; s++) {
		finals[s].accepting = m->accepting[s];
		for (int l = 0; m->letters[l]; l++)
			rules[transducer.rule_count++] = (struct shc_rule){.from = (uint32_t)s,
				.to = (uint32_t)m->next[s][l],
				.bytes = shc_byte_set_of(&m->letters[l], 1),
				.output = SHC_OUTPUT_COPY};
	}
	hb_assert(shc_dfa_image(pool, shc_dfa_all(pool), &transducer, &dfa) == 0);
	return dfa;
}

/* The next string over @letters in order of length, in @text of length *@length. False behind the last of @longest. */
static bool next_word(const char *letters, char *text, size_t *length, size_t longest)
{
	size_t i = *length;

	while (i > 0) {
		const char *letter = strchr(letters, text[i - 1]);

		if (letter[1]) {
			text[i - 1] = letter[1];
			memset(text + i, letters[0], *length - i);
			return true;
		}
		i--;
	}
	if (*length == longest)
		return false;
	memset(text, letters[0], ++*length);
	text[*length] = '\0';
	return true;
}

/* A set of results, as an automaton that strings are added to. */
struct results {
	int count;
	char texts[RESULTS_MAX][TEXT_MAX];
};

static void add_result(struct results *results, const char *text)
{
	for (int i = 0; i < results->count; i++) {
		if (strcmp(results->texts[i], text) == 0)
			return;
	}
	hb_assert(results->count < RESULTS_MAX && strlen(text) < TEXT_MAX);
	(void)snprintf(results->texts[results->count++], TEXT_MAX, "%s", text);
}

/* Whether @dfa is exactly the results; pointers tell, and membership of each is asked besides. */
static bool same_results(struct shc_dfa_pool *pool, const struct shc_dfa *dfa,
	const struct results *results, const char *what)
{
	struct shc_byte_string strings[RESULTS_MAX];
	const struct shc_dfa *expected;

	for (int i = 0; i < results->count; i++) {
		strings[i] = (struct shc_byte_string){
			.bytes = results->texts[i], .length = strlen(results->texts[i])};
		if (!shc_dfa_matches(dfa, strings[i].bytes, strings[i].length))
			return differ("%s: \"%s\" is missing", what, results->texts[i]);
	}
	hb_assert(shc_dfa_strings(pool, strings, (size_t)results->count, &expected) == 0);
	if (dfa != expected) {
		char text[200], wanted[200];

		return differ("%s: %s where %s is right", what,
			shc_dfa_format(dfa, text, sizeof(text)),
			shc_dfa_format(expected, wanted, sizeof(wanted)));
	}
	return true;
}

/* Boolean and rational operations: membership of every short string -------------------------------------------- */

enum binary {
	UNION,
	INTERSECTION,
	DIFFERENCE,
	CONCATENATION,
};

static bool expected_binary(enum binary operation, const struct machine *a, const struct machine *b,
	const char *text, size_t length)
{
	bool in_a = accepts(a, text, length), in_b = accepts(b, text, length);

	switch (operation) {
	case UNION:
		return in_a || in_b;
	case INTERSECTION:
		return in_a && in_b;
	case DIFFERENCE:
		return in_a && !in_b;
	case CONCATENATION:
		break;
	}
	for (size_t i = 0; i <= length; i++) {
		if (accepts(a, text, i) && accepts(b, text + i, length - i))
			return true;
	}
	return false;
}

static bool compare_binary(struct hb_rng *rng)
{
	static int (*const operations[])(struct shc_dfa_pool *, const struct shc_dfa *,
		const struct shc_dfa *, const struct shc_dfa **) = {
		shc_dfa_union, shc_dfa_intersect, shc_dfa_difference, shc_dfa_concat};
	struct shc_dfa_pool *pool = new_pool();
	struct machine a, b;
	const struct shc_dfa *da, *db, *result;
	bool same = true;

	random_machine(rng, "abc", &a);
	random_machine(rng, below(rng, 2) ? "abc" : "ab", &b);
	da = language(pool, &a);
	db = language(pool, &b);
	for (enum binary op = UNION; op <= CONCATENATION && same; op++) {
		char text[SHORT + 1] = "";
		size_t length = 0;

		hb_assert(operations[op](pool, da, db, &result) == 0);
		do {
			bool expected = expected_binary(op, &a, &b, text, length);

			if (shc_dfa_matches(result, text, length) != expected)
				same = differ("operation %d: \"%s\" should %sbe in it", (int)op,
					text, expected ? "" : "not ");
		} while (same && next_word("abcd", text, &length, 5));
	}
	shc_dfa_pool_destroy(pool);
	return same;
}

/* Whether @text is @min to @max words of @m in a row. */
static bool repeated(const struct machine *m, const char *text, size_t length, int min, int max)
{
	/* reachable[n]: bit i set if the first i bytes are n words. */
	unsigned int reachable = 1;
	bool found = !min && !length;

	/* Beyond length + min repetitions only empty words can come. */
	for (int n = 1; n <= max && n <= (int)length + min + 1; n++) {
		unsigned int after = 0;

		for (size_t from = 0; from <= length; from++) {
			for (size_t to = from; to <= length; to++) {
				if (reachable >> from & 1 && accepts(m, text + from, to - from))
					after |= 1u << to;
			}
		}
		reachable = after;
		found = found || (n >= min && reachable >> length & 1);
	}
	return found;
}

static bool compare_repetition(struct hb_rng *rng)
{
	struct shc_dfa_pool *pool = new_pool();
	struct machine a;
	const struct shc_dfa *da, *star, *plus, *optional, *some, *complement;
	int min = below(rng, 4), max = min + below(rng, 3);
	bool same = true, open = below(rng, 3) == 0;
	char text[SHORT + 1] = "";
	size_t length = 0;

	if (below(rng, 2))
		random_machine(rng, "ab", &a);
	else
		random_words(rng, "ab", 2, &a);
	da = language(pool, &a);
	hb_assert(shc_dfa_star(pool, da, &star) == 0 && shc_dfa_plus(pool, da, &plus) == 0);
	hb_assert(shc_dfa_optional(pool, da, &optional) == 0);
	hb_assert(shc_dfa_complement(pool, da, &complement) == 0);
	hb_assert(shc_dfa_repeat(pool, da, (uint64_t)min, open ? SHC_INFINITE : (uint64_t)max,
			  &some) == 0);
	do {
		same = shc_dfa_matches(star, text, length) == repeated(&a, text, length, 0, 99) &&
		       shc_dfa_matches(plus, text, length) == repeated(&a, text, length, 1, 99) &&
		       shc_dfa_matches(optional, text, length) ==
			       repeated(&a, text, length, 0, 1) &&
		       shc_dfa_matches(complement, text, length) != accepts(&a, text, length) &&
		       shc_dfa_matches(some, text, length) ==
			       repeated(&a, text, length, min, open ? 99 : max);
		if (!same)
			(void)differ("repetition %d to %d%s of \"%s\"", min, max,
				open ? " and more" : "", text);
	} while (same && next_word("abc", text, &length, 5));
	shc_dfa_pool_destroy(pool);
	return same;
}

static bool compare_parts(struct hb_rng *rng)
{
	struct shc_dfa_pool *pool = new_pool();
	struct machine a;
	struct results *results = calloc(4, sizeof(*results));
	const struct shc_dfa *da, *made[4];
	bool same;

	hb_assert(results);
	random_words(rng, "abc", 4, &a);
	da = language(pool, &a);
	hb_assert(shc_dfa_reverse(pool, da, &made[0]) == 0);
	hb_assert(shc_dfa_prefixes(pool, da, &made[1]) == 0);
	hb_assert(shc_dfa_suffixes(pool, da, &made[2]) == 0);
	hb_assert(shc_dfa_substrings(pool, da, &made[3]) == 0);
	for (int w = 0; w < a.word_count; w++) {
		int length = (int)strlen(a.words[w]);
		char text[SHORT + 1];

		for (int i = 0; i < length; i++)
			text[i] = a.words[w][length - 1 - i];
		text[length] = '\0';
		add_result(&results[0], text);
		for (int from = 0; from <= length; from++) {
			for (int to = from; to <= length; to++) {
				(void)snprintf(
					text, sizeof(text), "%.*s", to - from, a.words[w] + from);
				add_result(&results[3], text);
				if (!from)
					add_result(&results[1], text);
				if (to == length)
					add_result(&results[2], text);
			}
		}
	}
	same = same_results(pool, made[0], &results[0], "reverse") &&
	       same_results(pool, made[1], &results[1], "prefixes") &&
	       same_results(pool, made[2], &results[2], "suffixes") &&
	       same_results(pool, made[3], &results[3], "substrings");
	free(results);
	shc_dfa_pool_destroy(pool);
	return same;
}

/* Equal languages by different ways are one pointer. */
static bool compare_identity(struct hb_rng *rng)
{
	struct shc_dfa_pool *pool = new_pool();
	struct machine a, b;
	const struct shc_dfa *da, *db, *x, *y, *z;
	bool same = true;

	random_machine(rng, "abc", &a);
	random_machine(rng, "abc", &b);
	da = language(pool, &a);
	db = language(pool, &b);
	/* De Morgan, and reversal twice. */
	hb_assert(shc_dfa_complement(pool, da, &x) == 0 && shc_dfa_complement(pool, db, &y) == 0);
	hb_assert(shc_dfa_intersect(pool, x, y, &x) == 0 && shc_dfa_complement(pool, x, &x) == 0);
	hb_assert(shc_dfa_union(pool, da, db, &y) == 0);
	if (x != y)
		same = differ("De Morgan's law gives another automaton");
	hb_assert(shc_dfa_concat(pool, da, db, &x) == 0 && shc_dfa_reverse(pool, x, &x) == 0);
	hb_assert(shc_dfa_reverse(pool, da, &y) == 0 && shc_dfa_reverse(pool, db, &z) == 0);
	hb_assert(shc_dfa_concat(pool, z, y, &y) == 0);
	if (same && x != y)
		same = differ("(AB) reversed is not B reversed A reversed");
	hb_assert(shc_dfa_difference(pool, da, db, &x) == 0);
	if (same && (shc_dfa_includes(pool, db, da) == 1) != shc_dfa_is_empty(x))
		same = differ("inclusion and difference disagree");
	hb_assert(shc_dfa_intersect(pool, da, db, &x) == 0);
	if (same && (shc_dfa_disjoint(pool, db, da) == 1) != shc_dfa_is_empty(x))
		same = differ("disjointness and intersection disagree");
	shc_dfa_pool_destroy(pool);
	return same;
}

/* Removal, quotients, substitution ------------------------------------------------------------------------------ */

/* ${x#P} and its kin, by trying every length. */
static void remove_from(
	enum shc_removal kind, const char *x, const struct machine *p, char *ret, size_t size)
{
	size_t length = strlen(x);
	bool suffix = kind == SHC_REMOVE_SUFFIX || kind == SHC_REMOVE_SUFFIX_LONGEST;
	bool longest = kind == SHC_REMOVE_PREFIX_LONGEST || kind == SHC_REMOVE_SUFFIX_LONGEST;

	for (size_t i = 0; i <= length; i++) {
		size_t taken = longest ? length - i : i;

		if (!accepts(p, suffix ? x + length - taken : x, taken))
			continue;
		(void)snprintf(ret, size, "%.*s", (int)(length - taken), suffix ? x : x + taken);
		return;
	}
	(void)snprintf(ret, size, "%s", x);
}

static void random_pattern(struct hb_rng *rng, const char *letters, struct machine *p)
{
	if (below(rng, 3))
		random_machine(rng, letters, p);
	else
		random_words(rng, letters, 3, p);
}

static bool compare_removal(struct hb_rng *rng)
{
	struct shc_dfa_pool *pool = new_pool();
	struct machine a, p;
	const struct shc_dfa *da, *dp, *made;
	struct results *results = malloc(sizeof(*results));
	bool same = true;

	hb_assert(results);
	random_words(rng, "ab", SHORT, &a);
	random_pattern(rng, "ab", &p);
	da = language(pool, &a);
	dp = language(pool, &p);
	for (enum shc_removal kind = SHC_REMOVE_PREFIX; kind <= SHC_REMOVE_SUFFIX_LONGEST && same;
		kind++) {
		results->count = 0;
		for (int w = 0; w < a.word_count; w++) {
			char text[SHORT + 1];

			remove_from(kind, a.words[w], &p, text, sizeof(text));
			add_result(results, text);
		}
		hb_assert(shc_dfa_remove(pool, kind, da, dp, &made) == 0);
		same = same_results(pool, made, results, "removal");
		if (!same)
			(void)differ("(removal of kind %d)", (int)kind);
	}
	free(results);
	shc_dfa_pool_destroy(pool);
	return same;
}

static bool compare_quotients(struct hb_rng *rng)
{
	struct shc_dfa_pool *pool = new_pool();
	struct machine a, p;
	const struct shc_dfa *da, *dp, *left, *right;
	struct results *rests = calloc(2, sizeof(*rests));
	bool same;

	hb_assert(rests);
	random_words(rng, "ab", SHORT, &a);
	random_pattern(rng, "ab", &p);
	da = language(pool, &a);
	dp = language(pool, &p);
	for (int w = 0; w < a.word_count; w++) {
		size_t length = strlen(a.words[w]);

		for (size_t i = 0; i <= length; i++) {
			char text[SHORT + 1];

			if (accepts(&p, a.words[w], i))
				add_result(&rests[0], a.words[w] + i);
			if (!accepts(&p, a.words[w] + i, length - i))
				continue;
			(void)snprintf(text, sizeof(text), "%.*s", (int)i, a.words[w]);
			add_result(&rests[1], text);
		}
	}
	hb_assert(shc_dfa_left_quotient(pool, dp, da, &left) == 0);
	hb_assert(shc_dfa_right_quotient(pool, da, dp, &right) == 0);
	same = same_results(pool, left, &rests[0], "left quotient") &&
	       same_results(pool, right, &rests[1], "right quotient");
	free(rests);
	shc_dfa_pool_destroy(pool);
	return same;
}

/* On infinite languages: what is done to a union is the union of what is done to its parts. */
static bool compare_distribution(struct hb_rng *rng)
{
	struct shc_dfa_pool *pool = new_pool();
	struct machine a, b, p;
	const struct shc_dfa *da, *db, *dp, *both, *x, *y, *z;
	bool same = true;

	random_machine(rng, "ab", &a);
	random_words(rng, "ab", SHORT, &b);
	random_pattern(rng, "ab", &p);
	da = language(pool, &a);
	db = language(pool, &b);
	dp = language(pool, &p);
	hb_assert(shc_dfa_union(pool, da, db, &both) == 0);
	for (int kind = 0; kind < 8 && same; kind++) {
		const struct shc_dfa *const inputs[3] = {both, da, db};
		const struct shc_dfa *outputs[3];

		for (int i = 0; i < 3; i++) {
			if (kind < 4)
				hb_assert(shc_dfa_remove(pool, (enum shc_removal)kind, inputs[i],
						  dp, &outputs[i]) == 0);
			else
				hb_assert(
					shc_dfa_substitute(pool, (enum shc_substitution)(kind - 4),
						inputs[i], dp, db, &outputs[i], NULL) == 0);
		}
		x = outputs[0];
		y = outputs[1];
		z = outputs[2];
		hb_assert(shc_dfa_union(pool, y, z, &y) == 0);
		if (x != y)
			same = differ("kind %d does not distribute over unions", kind);
	}
	shc_dfa_pool_destroy(pool);
	return same;
}

/* The longest match of @p at @x, at most @length bytes: its length, or -1. */
static int match_at(const struct machine *p, const char *x, size_t length)
{
	for (int n = (int)length; n >= 0; n--) {
		if (accepts(p, x, (size_t)n))
			return n;
	}
	return -1;
}

/* ${x/P/R} as bash 5.2 does it. */
static void substitute_in(enum shc_substitution kind, const char *x, const struct machine *p,
	const char *replacement, char *ret, size_t size)
{
	size_t length = strlen(x), used = 0, at = 0;
	bool done = false;
	int n;

	ret[0] = '\0';
	if (kind == SHC_SUBSTITUTE_START) {
		n = match_at(p, x, length);
		(void)snprintf(ret, size, "%s%s", n < 0 ? "" : replacement, x + (n < 0 ? 0 : n));
		return;
	}
	if (kind == SHC_SUBSTITUTE_END) {
		for (size_t i = 0; i <= length; i++) {
			if (accepts(p, x + i, length - i)) {
				(void)snprintf(ret, size, "%.*s%s", (int)i, x, replacement);
				return;
			}
		}
		(void)snprintf(ret, size, "%s", x);
		return;
	}
	if (!length && match_at(p, x, 0) == 0)
		(void)snprintf(ret, size, "%s", replacement);
	while (at < length) {
		n = done ? -1 : match_at(p, x + at, length - at);
		if (n >= 0)
			used += (size_t)snprintf(ret + used, size - used, "%s", replacement);
		if (n >= 0 && kind == SHC_SUBSTITUTE_FIRST)
			done = true;
		if (n > 0)
			at += (size_t)n;
		else
			used += (size_t)snprintf(ret + used, size - used, "%c", x[at++]);
	}
}

static bool compare_substitution(struct hb_rng *rng)
{
	struct shc_dfa_pool *pool = new_pool();
	struct machine a, p, r;
	const struct shc_dfa *da, *dp, *dr, *made;
	struct results *results = malloc(sizeof(*results));
	bool same = true;

	hb_assert(results);
	random_words(rng, "ab", SHORT, &a);
	random_pattern(rng, "ab", &p);
	random_words(rng, "abX", 2, &r);
	da = language(pool, &a);
	dp = language(pool, &p);
	if (dp == shc_dfa_epsilon(pool))
		random_machine(rng, "ab", &p);
	dp = language(pool, &p);
	for (enum shc_substitution kind = SHC_SUBSTITUTE_FIRST; kind <= SHC_SUBSTITUTE_END;
		kind++) {
		bool exact;

		if (kind == SHC_SUBSTITUTE_ALL)
			r.word_count = 1;
		dr = language(pool, &r);
		results->count = 0;
		for (int i = 0; i < a.word_count * r.word_count; i++) {
			char text[TEXT_MAX];

			substitute_in(kind, a.words[i / r.word_count], &p,
				r.words[i % r.word_count], text, sizeof(text));
			add_result(results, text);
		}
		if (dp == shc_dfa_epsilon(pool) && kind <= SHC_SUBSTITUTE_ALL)
			continue;
		hb_assert(shc_dfa_substitute(pool, kind, da, dp, dr, &made, &exact) == 0);
		same = same && exact && same_results(pool, made, results, "substitution");
		if (!same) {
			(void)differ("(substitution of kind %d)", (int)kind);
			break;
		}
	}
	free(results);
	shc_dfa_pool_destroy(pool);
	return same;
}

/* Transducers --------------------------------------------------------------------------------------------------- */

/* tr's order: delete, translate, squeeze. */
static void translate(const struct shc_translation *t, const char *x, char *ret)
{
	int last = -1, n = 0;

	for (; *x; x++) {
		unsigned char byte = (unsigned char)*x, to = t->map[byte];

		if (shc_byte_set_has(&t->deleted, byte))
			continue;
		if (to == last && shc_byte_set_has(&t->squeezed, to))
			continue;
		ret[n++] = (char)to;
		last = to;
	}
	ret[n] = '\0';
}

static bool compare_translation(struct hb_rng *rng)
{
	struct shc_dfa_pool *pool = new_pool();
	struct shc_translation t = {0};
	struct machine a;
	const struct shc_dfa *da, *made;
	struct results results = {0};
	bool same;

	random_words(rng, "abc", SHORT, &a);
	da = language(pool, &a);
	for (int b = 0; b < 256; b++)
		t.map[b] = (unsigned char)b;
	for (const char *letter = "abc"; *letter; letter++) {
		t.map[(unsigned char)*letter] = (unsigned char)"abcd"[below(rng, 4)];
		if (below(rng, 4) == 0)
			shc_byte_set_add(&t.deleted, (unsigned char)*letter);
		if (below(rng, 2) == 0)
			shc_byte_set_add(&t.squeezed, (unsigned char)"abcd"[below(rng, 4)]);
	}
	for (int w = 0; w < a.word_count; w++) {
		char text[SHORT + 1];

		translate(&t, a.words[w], text);
		add_result(&results, text);
	}
	hb_assert(shc_dfa_translate(pool, da, &t, &made) == 0);
	same = same_results(pool, made, &results, "translation");
	shc_dfa_pool_destroy(pool);
	return same;
}

#define TRANSDUCER_RULES 6

/* All outputs of a random relation for @x from state @state on, behind @output. */
static void run_transducer(const struct shc_transducer *t, uint32_t state, const char *x,
	char *output, size_t used, struct results *results)
{
	if (!*x && t->finals[state].accepting) {
		(void)snprintf(output + used, TEXT_MAX - used, "%s",
			t->finals[state].text.length ? t->finals[state].text.bytes : "");
		add_result(results, output);
	}
	for (size_t i = 0; *x && i < t->rule_count; i++) {
		const struct shc_rule *rule = &t->rules[i];
		unsigned char byte = (unsigned char)*x;
		int n = 0;

		if (rule->from != state || !shc_byte_set_has(&rule->bytes, byte))
			continue;
		if (rule->output == SHC_OUTPUT_COPY || rule->output == SHC_OUTPUT_MAP)
			n = snprintf(output + used, TEXT_MAX - used, "%c",
				rule->output == SHC_OUTPUT_MAP ? rule->map[byte] : byte);
		else if (rule->output == SHC_OUTPUT_TEXT)
			n = snprintf(output + used, TEXT_MAX - used, "%s", rule->text.bytes);
		run_transducer(t, rule->to, x + 1, output, used + (size_t)n, results);
	}
}

static bool compare_transducer(struct hb_rng *rng)
{
	static const char *const texts[] = {"", "a", "bb", "ca"};
	struct shc_dfa_pool *pool = new_pool();
	struct machine a;
	struct shc_final finals[3] = {0};
	struct shc_rule rules[TRANSDUCER_RULES];
	struct shc_transducer t = {
		.state_count = 3, .finals = finals, .rules = rules, .rule_count = TRANSDUCER_RULES};
	unsigned char map[256] = {['a'] = 'b', ['b'] = 'c', ['c'] = 'a'};
	const struct shc_dfa *da, *image, *preimage;
	struct results *results = calloc(1, sizeof(*results));
	char output[TEXT_MAX] = "", text[SHORT + 1] = "";
	size_t length = 0;
	bool same;

	hb_assert(results);
	for (int s = 0; s < 3; s++) {
		const char *end = texts[below(rng, 4)];

		finals[s] = (struct shc_final){.accepting = below(rng, 3) > 0,
			.text = {.bytes = end, .length = strlen(end)}};
	}
	for (int i = 0; i < TRANSDUCER_RULES; i++) {
		const char *written = texts[below(rng, 4)];
		int letters = 1 + below(rng, 3);

		rules[i] = (struct shc_rule){.from = (uint32_t)below(rng, 3),
			.to = (uint32_t)below(rng, 3),
			.bytes = shc_byte_set_of(&"abca"[below(rng, 3)], letters > 1 ? 1 : 2),
			.output = (enum shc_output)below(rng, 4),
			.text = {.bytes = written, .length = strlen(written)},
			.map = map};
		rules[i].bytes.words[0] = 0;
	}
	random_words(rng, "abc", 5, &a);
	da = language(pool, &a);
	for (int w = 0; w < a.word_count; w++)
		run_transducer(&t, 0, a.words[w], output, 0, results);
	hb_assert(shc_dfa_image(pool, da, &t, &image) == 0);
	hb_assert(shc_dfa_preimage(pool, da, &t, &preimage) == 0);
	same = same_results(pool, image, results, "image");
	do {
		bool expected = false;

		results->count = 0;
		run_transducer(&t, 0, text, output, 0, results);
		for (int i = 0; i < results->count; i++)
			expected = expected ||
				   accepts(&a, results->texts[i], strlen(results->texts[i]));
		if (same && shc_dfa_matches(preimage, text, length) != expected)
			same = differ(
				"preimage: \"%s\" should %sbe in it", text, expected ? "" : "not ");
	} while (same && next_word("abc", text, &length, 4));
	free(results);
	shc_dfa_pool_destroy(pool);
	return same;
}

/* Fields -------------------------------------------------------------------------------------------------------- */

struct fields {
	int count;
	char texts[SHORT + 2][SHORT + 1];
};

/* POSIX XCU 2.6.5, steps in its order: strip white space, then cut at delimiters with white space round them. */
static void split_value(const char *x, const char *white, const char *other, struct fields *ret)
{
	size_t start = strspn(x, white), end = strlen(x);

	ret->count = 0;
	while (end > start && *white && strchr(white, x[end - 1]))
		end--;
	while (start < end) {
		size_t stop = start;

		while (stop < end && !strchr(white, x[stop]) && !strchr(other, x[stop]))
			stop++;
		(void)snprintf(ret->texts[ret->count++], SHORT + 1, "%.*s", (int)(stop - start),
			x + start);
		while (stop < end && *white && strchr(white, x[stop]))
			stop++;
		if (stop < end && *other && strchr(other, x[stop])) {
			stop++;
			while (stop < end && *white && strchr(white, x[stop]))
				stop++;
		}
		start = stop;
	}
}

/* The parts of a value as they touch other text. */
static void glue_parts(const char *x, const char *white, const char *other, struct results *whole,
	struct results *head, struct results *inner, struct results *tail)
{
	char delimiters[8], text[SHORT + 3];
	struct fields fields;
	size_t length = strlen(x), first, last = length;

	(void)snprintf(delimiters, sizeof(delimiters), "%s%s", white, other);
	first = strcspn(x, delimiters);
	if (first == length) {
		add_result(whole, x);
		return;
	}
	while (!strchr(delimiters, x[last - 1]))
		last--;
	(void)snprintf(text, sizeof(text), "%.*s", (int)first, x);
	add_result(head, text);
	add_result(tail, x + last);
	/* With a byte of text on both sides, what is between the first and the last field. */
	(void)snprintf(text, sizeof(text), "h%.*s", (int)(last - first), x + first);
	split_value(text, white, other, &fields);
	for (int i = 1; i < fields.count; i++)
		add_result(inner, fields.texts[i]);
}

static bool compare_splitting(struct hb_rng *rng)
{
	static const char *const whites[] = {"", " ", " "}, *const others[] = {":", ":", ""};
	int ifs_number = below(rng, 3);
	const char *white = whites[ifs_number], *other = others[ifs_number];
	struct shc_dfa_pool *pool = new_pool();
	struct results *r = calloc(6, sizeof(*r));
	struct shc_ifs ifs = {.white = shc_byte_set_of(white, strlen(white)),
		.other = shc_byte_set_of(other, strlen(other))};
	uint64_t fewest = SHC_INFINITE, most = 0;
	struct shc_split split;
	struct machine a;
	bool same;

	hb_assert(r);
	random_words(rng, "a: ", SHORT - 1, &a);
	for (int w = 0; w < a.word_count; w++) {
		struct fields fields;

		split_value(a.words[w], white, other, &fields);
		for (int i = 0; i < fields.count; i++)
			add_result(&r[i > 0], fields.texts[i]);
		if ((uint64_t)fields.count < fewest)
			fewest = (uint64_t)fields.count;
		if ((uint64_t)fields.count > most)
			most = (uint64_t)fields.count;
		glue_parts(a.words[w], white, other, &r[2], &r[3], &r[4], &r[5]);
	}
	hb_assert(shc_dfa_split(pool, language(pool, &a), &ifs, &split) == 0);
	same = same_results(pool, split.first, &r[0], "first field") &&
	       same_results(pool, split.rest, &r[1], "other fields") &&
	       same_results(pool, split.whole, &r[2], "undivided values") &&
	       same_results(pool, split.head, &r[3], "head") &&
	       same_results(pool, split.inner, &r[4], "inner fields") &&
	       same_results(pool, split.tail, &r[5], "tail");
	if (same && (split.count_min != fewest || split.count_max != most))
		same = differ("fields are %llu to %llu, not %llu to %llu",
			(unsigned long long)fewest, (unsigned long long)most,
			(unsigned long long)split.count_min, (unsigned long long)split.count_max);
	free(r);
	shc_dfa_pool_destroy(pool);
	return same;
}

/* Patterns ------------------------------------------------------------------------------------------------------ */

static void random_glob(struct hb_rng *rng, char *ret, size_t size)
{
	static const char *const pieces[] = {"a", "b", "*", "?", "/", ".", "[ab]", "[!a]", "[^b.]",
		"[]a]", "[a-b]", "[[:alpha:]]", "\\*", "*", "[!]a]", "[b", "\\a", "a", "]",
		"[,-b]"};
	int n = 1 + below(rng, 4);
	size_t used = 0;

	for (int i = 0; i < n; i++)
		used += (size_t)snprintf(ret + used, size - used, "%s",
			pieces[below(rng, (int)(sizeof(pieces) / sizeof(pieces[0])))]);
}

static bool compare_fnmatch(struct hb_rng *rng)
{
	static const char letters[] = "ab./]";
	struct shc_dfa_pool *pool = new_pool();
	char pattern[64], text[SHORT + 1] = "";
	unsigned int flags = (unsigned int)below(rng, 4) | (below(rng, 4) ? 0 : SHC_GLOB_NO_ESCAPE);
	int fnmatch_flags = (flags & SHC_GLOB_PATHNAME ? FNM_PATHNAME : 0) |
			    (flags & SHC_GLOB_LEADING_DOT ? FNM_PERIOD : 0) |
			    (flags & SHC_GLOB_NO_ESCAPE ? FNM_NOESCAPE : 0);
	const struct shc_dfa *dfa;
	size_t length = 0;
	bool same = true;

	random_glob(rng, pattern, sizeof(pattern));
	hb_assert(shc_dfa_glob(pool, pattern, strlen(pattern), flags, &dfa, NULL) == 0);
	/*
	 * Where POSIX leaves it open whether a bracket with a slash is one, glibc and the shells differ; and in *?[.]
	 * glibc (not bash, not dash) goes on to forbid the dot behind the byte of the question mark.
	 */
	if ((flags & SHC_GLOB_PATHNAME && strchr(pattern, '/') && strchr(pattern, '[')) ||
		(flags & SHC_GLOB_LEADING_DOT && strstr(pattern, "*?")))
		goto out;
	do {
		bool expected = fnmatch(pattern, text, fnmatch_flags) == 0;

		if (shc_dfa_matches(dfa, text, length) != expected)
			same = differ("glob %s (flags %u): \"%s\" should %smatch", pattern, flags,
				text, expected ? "" : "not ");
	} while (same && next_word(letters, text, &length, 4));
out:
	shc_dfa_pool_destroy(pool);
	return same;
}

/* Patterns with lists, as a tree that is matched by trying every way. */
struct tree {
	char kind; /* a letter, '?' any byte, '*' any text, or a list: 'Q' ?() 'S' *() 'P' +() 'A' @() 'N' !() */
	int count; /* alternatives of a list, each of one or two trees */
	struct tree *parts[2][2];
};

static struct tree *random_tree(struct hb_rng *rng, int depth)
{
	struct tree *tree = calloc(1, sizeof(*tree));
	static const char kinds[] = "ab.?*QSPAN";

	hb_assert(tree);
	tree->kind = kinds[below(rng, depth ? 10 : 5)];
	if (tree->kind < 'A' || tree->kind > 'Z')
		return tree;
	tree->count = 1 + below(rng, 2);
	for (int i = 0; i < tree->count; i++) {
		tree->parts[i][0] = random_tree(rng, depth - 1);
		if (below(rng, 2))
			tree->parts[i][1] = random_tree(rng, depth - 1);
	}
	return tree;
}

static void free_tree(struct tree *tree)
{
	if (!tree)
		return;
	for (int i = 0; i < 4; i++)
		free_tree(tree->parts[i / 2][i % 2]);
	free(tree);
}

static void write_tree(const struct tree *tree, char *text, size_t size)
{
	size_t used = strlen(text);
	const char *list = strchr("Q?S*P+A@N!", tree->kind);

	if (!tree->count) {
		(void)snprintf(text + used, size - used, "%c", tree->kind);
		return;
	}
	(void)snprintf(text + used, size - used, "%c(", list[1]);
	for (int i = 0; i < tree->count; i++) {
		if (i)
			(void)snprintf(text + strlen(text), size - strlen(text), "|");
		for (int j = 0; j < 2 && tree->parts[i][j]; j++)
			write_tree(tree->parts[i][j], text, size);
	}
	(void)snprintf(text + strlen(text), size - strlen(text), ")");
}

static bool tree_matches(const struct tree *tree, const char *text, int length);

static bool part_matches(struct tree *const *part, const char *text, int length)
{
	if (!part[1])
		return tree_matches(part[0], text, length);
	for (int i = 0; i <= length; i++) {
		if (tree_matches(part[0], text, i) && tree_matches(part[1], text + i, length - i))
			return true;
	}
	return false;
}

static bool any_part(const struct tree *tree, const char *text, int length)
{
	for (int i = 0; i < tree->count; i++) {
		if (part_matches(tree->parts[i], text, length))
			return true;
	}
	return false;
}

/* One or more parts in a row; empty ones add nothing. */
static bool many_parts(const struct tree *tree, const char *text, int length)
{
	if (any_part(tree, text, length))
		return true;
	for (int i = 1; i < length; i++) {
		if (any_part(tree, text, i) && many_parts(tree, text + i, length - i))
			return true;
	}
	return false;
}

static bool tree_matches(const struct tree *tree, const char *text, int length)
{
	switch (tree->kind) {
	case '*':
		return true;
	case '?':
		return length == 1;
	case 'Q':
		return !length || any_part(tree, text, length);
	case 'S':
		return !length || many_parts(tree, text, length);
	case 'P':
		return many_parts(tree, text, length);
	case 'A':
		return any_part(tree, text, length);
	case 'N':
		return !any_part(tree, text, length);
	default:
		return length == 1 && *text == tree->kind;
	}
}

static bool compare_lists(struct hb_rng *rng)
{
	struct shc_dfa_pool *pool = new_pool();
	struct tree *trees[2] = {random_tree(rng, 2), random_tree(rng, 2)};
	char pattern[256] = "", text[SHORT + 1] = "";
	const struct shc_dfa *dfa;
	size_t length = 0;
	bool same = true;

	write_tree(trees[0], pattern, sizeof(pattern));
	write_tree(trees[1], pattern, sizeof(pattern));
	hb_assert(strlen(pattern) + 1 < sizeof(pattern));
	hb_assert(shc_dfa_glob(pool, pattern, strlen(pattern), SHC_GLOB_EXTENDED, &dfa, NULL) == 0);
	do {
		/* A wildcard just before a list of the other tree would be read as that list's operator. */
		bool joined = !trees[0]->count && strchr("?*", trees[0]->kind) && pattern[1] == '(';
		bool expected = part_matches(trees, text, (int)length);

		if (joined)
			break;
		if (shc_dfa_matches(dfa, text, length) != expected)
			same = differ("glob %s: \"%s\" should %smatch", pattern, text,
				expected ? "" : "not ");
	} while (same && next_word("ab.", text, &length, 5));
	free_tree(trees[0]);
	free_tree(trees[1]);
	shc_dfa_pool_destroy(pool);
	return same;
}

static void random_regex(struct hb_rng *rng, bool extended, char *ret, size_t size)
{
	static const char *const common[] = {"a", "b", ".", "[ab]", "[^a]", "a*", "[[:digit:]b]*",
		"^", "$", "b", "\\.", "[]a]", "\\w"};
	static const char *const basic[] = {"\\(a\\)", "\\(b*\\)", "a\\{2\\}", "b\\{1,2\\}", "\\|",
		"\\(a\\|b\\)*", "b\\+", "a\\?", "\\(^a\\)", "+", "(", "a\\{0,1\\}", "\\(b$\\)"};
	static const char *const more[] = {"(a)", "(b*)", "a{2}", "b{1,2}", "|", "(a|b)*", "b+",
		"a?", "(^a)", "(a|^b)", "a{,2}", "(ab?)+", "(b$|a)"};
	int n = 1 + below(rng, 4);
	size_t used = 0;

	for (int i = 0; i < n; i++) {
		int which = below(rng, 26);

		used += (size_t)snprintf(ret + used, size - used, "%s",
			which < 13 ? common[which] : (extended ? more : basic)[which - 13]);
	}
}

static bool compare_regcomp(struct hb_rng *rng)
{
	static const char letters[] = "ab.1";
	struct shc_dfa_pool *pool = new_pool();
	bool extended = below(rng, 2), folded = below(rng, 4) == 0, same = true, exact = false;
	unsigned int flags = SHC_REGEX_SEARCH | (extended ? SHC_REGEX_EXTENDED : 0) |
			     (folded ? SHC_REGEX_IGNORE_CASE : 0);
	char expression[64], text[SHORT + 1] = "";
	const struct shc_dfa *dfa;
	struct hb_error error = {0};
	size_t length = 0;
	regex_t compiled;

	random_regex(rng, extended, expression, sizeof(expression));
	if (regcomp(&compiled, expression,
		    REG_NOSUB | (extended ? REG_EXTENDED : 0) | (folded ? REG_ICASE : 0)) != 0)
		goto out;
	if (shc_dfa_regex(pool, expression, strlen(expression), flags, &dfa, &exact, &error)) {
		same = differ("regex %s is refused: %s", expression, error.text);
		goto free_compiled;
	}
	do {
		bool expected = regexec(&compiled, text, 0, NULL, 0) == 0;

		if (shc_dfa_matches(dfa, text, length) != expected)
			same = differ("%s %s: \"%s\" should %smatch", extended ? "ERE" : "BRE",
				expression, text, expected ? "" : "not ");
	} while (same && next_word(folded ? "aAb1" : letters, text, &length, 5));
	same = same && exact;
free_compiled:
	regfree(&compiled);
out:
	shc_dfa_pool_destroy(pool);
	return same;
}

/* Integers, measures, examples, widening --------------------------------------------------------------------------- */

static bool compare_interval(struct hb_rng *rng)
{
	static const int spans[] = {3, 30, 1200};
	struct shc_dfa_pool *pool = new_pool();
	int span = spans[below(rng, 3)];
	int first = below(rng, 2 * span) - span, last = first + below(rng, span) - 1;
	bool open_low = below(rng, 6) == 0, open_high = below(rng, 6) == 0, same = true;
	const struct shc_dfa *dfa;

	hb_assert(shc_dfa_interval(pool, open_low ? INT64_MIN : first, open_high ? INT64_MAX : last,
			  &dfa) == 0);
	for (int i = -3000; i <= 3000 && same; i++) {
		bool expected = (open_low || i >= first) && (open_high || i <= last);
		char text[16], zeroed[16];

		(void)snprintf(text, sizeof(text), "%d", i);
		(void)snprintf(zeroed, sizeof(zeroed), "%s0%d", i < 0 ? "-" : "", abs(i));
		if (shc_dfa_matches(dfa, text, strlen(text)) != expected ||
			shc_dfa_matches(dfa, zeroed, strlen(zeroed)))
			same = differ("%d to %d%s%s: %s", first, last,
				open_low ? ", open below" : "", open_high ? ", open above" : "",
				text);
	}
	if (same && shc_dfa_matches(dfa, "-0", 2))
		same = differ("%d to %d has -0", first, last);
	shc_dfa_pool_destroy(pool);
	return same;
}

static bool compare_measures(struct hb_rng *rng)
{
	struct shc_dfa_pool *pool = new_pool();
	struct machine a;
	const struct shc_dfa *da;
	struct shc_strings strings;
	uint64_t count = 0, shortest = SHC_INFINITE, longest = 0;
	char text[SHORT + 1] = "", found[SHORT + 1];
	size_t length = 0;
	bool same = true;

	random_words(rng, "abc", 4, &a);
	da = language(pool, &a);
	hb_assert(shc_dfa_enumerate(da, WORDS_MAX, &strings) == 0);
	do {
		if (!accepts(&a, text, length))
			continue;
		count++;
		shortest = length < shortest ? length : shortest;
		longest = length > longest ? length : longest;
	} while (next_word("abc", text, &length, 4));
	same = count == shc_dfa_count(da, 99) && count == strings.count &&
	       shortest == shc_dfa_length_min(da) && longest == shc_dfa_length_max(da);
	for (size_t i = 0; i < strings.count && same; i++)
		same = accepts(&a, strings.items[i].bytes, strings.items[i].length) &&
		       (!i || strcmp(strings.items[i].bytes, strings.items[i - 1].bytes) != 0) &&
		       (!i || strings.items[i].length >= strings.items[i - 1].length);
	shc_strings_finish(&strings);
	same = same && shc_dfa_shortest(da, found, sizeof(found), &length) == 0 &&
	       length == shortest && accepts(&a, found, length);
	if (same && shc_dfa_common_prefix(da, found, sizeof(found)) > shortest)
		same = false;
	for (int w = 0; w < a.word_count && same; w++)
		same = strncmp(a.words[w], found, strlen(found)) == 0;
	if (!same)
		(void)differ("count, lengths, examples or common prefix of a finite language");
	shc_dfa_pool_destroy(pool);
	return same;
}

/* A chain of widenings holds everything it was given, keeps to its size and changes only so often. */
static bool compare_widening(struct hb_rng *rng)
{
	struct shc_dfa_pool *pool = new_pool();
	uint32_t states = 1 + (uint32_t)below(rng, 20);
	const struct shc_dfa *chain = shc_dfa_empty(pool);
	bool same = true;
	int changes = 0;

	for (uint32_t round = 0; round < 3 * SHC_WIDEN_ROUNDS && same; round++) {
		struct machine b;
		const struct shc_dfa *db, *next;

		random_pattern(rng, round % 2 ? "abc" : "ab", &b);
		db = language(pool, &b);
		hb_assert(shc_dfa_widen(pool, chain, db, states, round, &next) == 0);
		if (shc_dfa_includes(pool, next, chain) != 1 ||
			shc_dfa_includes(pool, next, db) != 1)
			same = differ("a widening is no superset in round %u", round);
		else if (shc_dfa_states(next) > states)
			same = differ(
				"a widening has %u states, not %u", shc_dfa_states(next), states);
		changes += next != chain;
		if (same && changes > SHC_WIDEN_ROUNDS)
			same = differ("a chain changes once more in round %u", round);
		chain = next;
	}
	shc_dfa_pool_destroy(pool);
	return same;
}

const struct comparison comparisons[] = {
	{"Boolean operations and concatenation", compare_binary, 120},
	{"repetition and complement", compare_repetition, 200},
	{"reverse, prefixes, suffixes, substrings", compare_parts, 200},
	{"equal languages are identical", compare_identity, 300},
	{"removal of prefixes and suffixes", compare_removal, 400},
	{"quotients", compare_quotients, 300},
	{"removal and substitution over unions", compare_distribution, 150},
	{"substitution", compare_substitution, 300},
	{"translation", compare_translation, 200},
	{"transducers", compare_transducer, 300},
	{"field splitting", compare_splitting, 300},
	{"patterns and fnmatch", compare_fnmatch, 400},
	{"patterns with lists", compare_lists, 300},
	{"regular expressions and regcomp", compare_regcomp, 400},
	{"integer intervals", compare_interval, 100},
	{"counts, lengths, examples", compare_measures, 300},
	{"widening", compare_widening, 150},
	{NULL, NULL, 0},
};

bool comparison_run(const struct comparison *comparison, uint64_t seed, bool quiet)
{
	quiet_run = quiet;
	for (int round = 0; round < comparison->rounds; round++) {
		struct hb_rng rng;

		hb_rng_init(&rng, seed, (uint64_t)round);
		if (!comparison->agrees(&rng))
			return differ("%s: round %d of seed %llu", comparison->name, round,
				(unsigned long long)seed);
	}
	return true;
}
