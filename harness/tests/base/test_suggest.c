/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include <criterion/criterion.h>

#include <hotbed/rng.h>
#include <hotbed/suggest.h>

#include "seed.h"

Test(suggest, slips_find_the_name_that_was_meant)
{
	static const char *const names[] = {"spork", "spork/spawn-latency", "spork/bystander",
		"resume", "report", "compare", NULL};
	static const char *const pairs[][2] = {
		{"spork/spwan-latency", "spork/spawn-latency"}, /* two neighbours swapped */
		{"sprok", "spork"},
		{"repot", "report"},             /* a letter too few */
		{"reporrt", "report"},           /* one too many */
		{"comqare", "compare"},          /* a wrong one */
		{"spork/by", "spork/bystander"}, /* only begun */
		{NULL, NULL},
	};

	for (size_t i = 0; pairs[i][0]; i++) {
		const char *near = hb_suggest(pairs[i][0], names);

		cr_assert(near && !strcmp(near, pairs[i][1]), "%s gave %s", pairs[i][0],
			near ? near : "nothing");
	}
}

Test(suggest, other_words_get_no_suggestion)
{
	static const char *const names[] = {"run", "report", "list", NULL};
	char long_word[5000];

	memset(long_word, 'r', sizeof(long_word) - 1);
	long_word[sizeof(long_word) - 1] = '\0';
	cr_assert_null(hb_suggest("", names));
	cr_assert_null(hb_suggest("kubernetes", names));
	cr_assert_null(hb_suggest("x", names));
	cr_assert_null(hb_suggest(long_word, names));
}

/* Edits by trying them all: what the table in suggest.c must come to. */
static unsigned int edits(const char *a, const char *b)
{
	unsigned int best, other;

	if (!*a || !*b)
		return (unsigned int)(strlen(a) + strlen(b));
	best = edits(a + 1, b + 1) + (*a != *b);
	other = edits(a + 1, b) + 1;
	best = other < best ? other : best;
	other = edits(a, b + 1) + 1;
	best = other < best ? other : best;
	if (a[1] && b[1] && a[0] == b[1] && a[1] == b[0]) {
		other = edits(a + 2, b + 2) + 1;
		best = other < best ? other : best;
	}
	return best;
}

static void random_word(struct hb_rng *rng, char *ret)
{
	uint64_t length = 1 + hb_rng_below(rng, 6);

	for (uint64_t i = 0; i < length; i++)
		ret[i] = (char)('a' + hb_rng_below(rng, 3));
	ret[length] = '\0';
}

Test(suggest, no_other_name_is_nearer_by_brute_force)
{
	char words[6][8];
	const char *names[6];
	struct hb_rng rng;
	int suggested = 0;

	hb_rng_init(&rng, test_seed(), 0);
	for (int round = 0; round < 2000; round++) {
		const char *near;

		for (int i = 0; i < 6; i++)
			random_word(&rng, words[i]);
		for (int i = 0; i < 5; i++)
			names[i] = words[i + 1];
		names[5] = NULL;
		near = hb_suggest(words[0], names);
		/* A name that merely goes on where the word ends has precedence over a near one. */
		if (!near || !strncmp(near, words[0], strlen(words[0])))
			continue;
		suggested++;
		for (int i = 0; i < 5; i++)
			cr_assert_leq(edits(words[0], near), edits(words[0], names[i]),
				"%s: %s or %s", words[0], near, names[i]);
	}
	cr_assert(suggested > 100);
}
