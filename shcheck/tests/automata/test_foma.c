/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Random expressions of unions, intersections, differences, concatenations, stars and reversals, built here and in
 * libfoma: the same short strings must be in both, and both minimal automata have as many live states.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef WITH_FOMA
int main(void)
{
	puts("skip: needs libfoma-dev");
	return 77;
}
#else

#include <fomalib.h>

#include <hotbed/assert.h>
#include <hotbed/rng.h>
#include <shcheck/automaton.h>

/* libfoma keeps what its constructors take; that is not ours to free. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:libfoma";
}

#define EXPRESSIONS 300
#define LETTERS "abc"

static struct shc_dfa_pool *pool;

static const struct shc_dfa *leaf(struct hb_rng *rng, char *text, size_t size)
{
	char word[4];
	int length = 1 + (int)hb_rng_below(rng, 2);
	const struct shc_dfa *dfa;

	for (int i = 0; i < length; i++)
		word[i] = LETTERS[hb_rng_below(rng, 3)];
	word[length] = '\0';
	(void)snprintf(text, size, "{%s}", word);
	hb_assert(shc_dfa_literal(pool, word, (size_t)length, &dfa) == 0);
	return dfa;
}

/* An expression in foma's syntax into @text, and its language. */
static const struct shc_dfa *random_expression(
	struct hb_rng *rng, int depth, char *text, size_t size)
{
	static const char *const binary[] = {"[%s | %s]", "[%s & %s]", "[%s - %s]", "[%s %s]"};
	static int (*const operations[])(struct shc_dfa_pool *, const struct shc_dfa *,
		const struct shc_dfa *, const struct shc_dfa **) = {
		shc_dfa_union, shc_dfa_intersect, shc_dfa_difference, shc_dfa_concat};
	char left[1024], right[1024];
	const struct shc_dfa *a, *b, *result = NULL;
	int which = (int)hb_rng_below(rng, 8);

	if (!depth)
		return leaf(rng, text, size);
	a = random_expression(rng, depth - 1, left, sizeof(left));
	if (which < 4) {
		b = random_expression(rng, depth - 1, right, sizeof(right));
		hb_assert(operations[which](pool, a, b, &result) == 0);
		(void)snprintf(text, size,
			which == 0   ? binary[0]
			: which == 1 ? binary[1]
			: which == 2 ? binary[2]
				     : binary[3],
			left, right);
	} else if (which < 6) {
		hb_assert(shc_dfa_star(pool, a, &result) == 0);
		(void)snprintf(text, size, "[%s]*", left);
	} else if (which == 6) {
		hb_assert(shc_dfa_plus(pool, a, &result) == 0);
		(void)snprintf(text, size, "[%s]+", left);
	} else {
		hb_assert(shc_dfa_reverse(pool, a, &result) == 0);
		(void)snprintf(text, size, "[%s].r", left);
	}
	return result;
}

/* Strings of up to five letters, as numbers in base 3 with a leading 1. */
static bool same_strings(struct fsm *net, const struct shc_dfa *dfa, const char *expression)
{
	struct apply_handle *handle = apply_init(net);
	bool same = true;

	for (int code = 1; code < 1 << 11 && same; code++) {
		char word[16];
		int length = 0;

		for (int bits = code; bits > 1; bits >>= 2)
			word[length++] = (char)('a' + (bits & 3));
		word[length] = '\0';
		if (strchr(word, 'd'))
			continue;
		if ((apply_down(handle, word) != NULL) !=
			shc_dfa_matches(dfa, word, (size_t)length)) {
			printf("%s: \"%s\" is in one of the two\n", expression, word);
			same = false;
		}
		apply_reset_enumerator(handle);
	}
	apply_clear(handle);
	return same;
}

static uint32_t live_states(const struct shc_dfa *dfa)
{
	uint32_t live = 0;

	for (uint32_t s = 0; s < shc_dfa_states(dfa); s++)
		live += !shc_dfa_dead(dfa, s);
	return live;
}

int main(void)
{
	const char *seed_text = getenv("HB_SEED");
	uint64_t seed = seed_text ? strtoull(seed_text, NULL, 0) : 1;
	int compared = 0;
	bool same = true;

	printf("HB_SEED=%llu\n", (unsigned long long)seed);
	hb_assert(shc_dfa_pool_create(NULL, &pool) == 0);
	for (int i = 0; i < EXPRESSIONS && same; i++) {
		char text[4096], regex[4100];
		struct hb_rng rng;
		const struct shc_dfa *dfa;
		struct fsm *net;

		hb_rng_init(&rng, seed, (uint64_t)i);
		dfa = random_expression(&rng, 3, text, sizeof(text));
		(void)snprintf(regex, sizeof(regex), "%s", text);
		net = fsm_parse_regex(regex, NULL, NULL);
		if (!net) {
			printf("foma cannot read %s\n", text);
			return 1;
		}
		net = fsm_minimize(net);
		if (!shc_dfa_is_empty(dfa) && (uint32_t)net->statecount != live_states(dfa)) {
			printf("%s: %d states in foma, %u here\n", text, net->statecount,
				live_states(dfa));
			same = false;
		}
		same = same && same_strings(net, dfa, text);
		fsm_destroy(net);
		compared++;
	}
	printf("%d expressions compared\n", compared);
	shc_dfa_pool_destroy(pool);
	return same && compared ? 0 : 1;
}

#endif
