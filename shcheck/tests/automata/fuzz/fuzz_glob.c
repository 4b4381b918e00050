/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * shc_dfa_glob(): any bytes are a pattern, within the limits; reading it twice gives one language; its examples are in
 * it; and with every byte escaped it matches just itself.
 */
#include <errno.h>
#include <string.h>

#include <hotbed/assert.h>
#include <hotbed/error.h>
#include <shcheck/automaton.h>

#include "fuzz.h"

#define PATTERN_MAX 512

static void check_examples(const struct shc_dfa *dfa)
{
	struct shc_strings examples;

	if (shc_dfa_examples(dfa, 5, 64, &examples))
		return;
	for (size_t i = 0; i < examples.count; i++)
		hb_assert(shc_dfa_matches(dfa, examples.items[i].bytes, examples.items[i].length));
	shc_strings_finish(&examples);
}

static void check_escaped(struct shc_dfa_pool *pool, const char *pattern, size_t length)
{
	char escaped[2 * PATTERN_MAX];
	const struct shc_dfa *dfa, *literal;
	size_t used = 0;

	for (size_t i = 0; i < length; i++) {
		if (shc_glob_escape((unsigned char)pattern[i]))
			escaped[used++] = '\\';
		escaped[used++] = pattern[i];
	}
	if (shc_dfa_glob(pool, escaped, used, SHC_GLOB_EXTENDED, &dfa, NULL) == 0 &&
		shc_dfa_literal(pool, pattern, length, &literal) == 0)
		hb_assert(dfa == literal);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct shc_dfa_limits limits = {
		.memory_bytes = 4 << 20, .states = 512, .steps = 1 << 18};
	const struct shc_dfa *dfa = NULL, *again = NULL;
	const char *pattern = (const char *)data + 1;
	struct shc_dfa_pool *pool;
	unsigned int flags;
	char text[80];
	int err;

	if (!size || size > PATTERN_MAX)
		return 0;
	flags = data[0] & 31;
	size--;
	hb_assert(shc_dfa_pool_create(&limits, &pool) == 0);
	err = shc_dfa_glob(pool, pattern, size, flags, &dfa, NULL);
	hb_assert(err == 0 || err == -E2BIG || err == -ENOMEM);
	hb_assert((err == 0) == (dfa != NULL));
	if (!err) {
		hb_assert(shc_dfa_states(dfa) <= limits.states);
		hb_assert(shc_dfa_glob(pool, pattern, size, flags, &again, NULL) == 0);
		hb_assert(again == dfa);
		check_examples(dfa);
		hb_assert(strlen(shc_dfa_format(dfa, text, sizeof(text))) < sizeof(text));
	}
	check_escaped(pool, pattern, size);
	shc_dfa_pool_destroy(pool);
	return 0;
}
