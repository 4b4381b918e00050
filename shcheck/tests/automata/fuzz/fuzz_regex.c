/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * shc_dfa_regex(): faults have a text and leave the result alone; what matches a whole line is found by a search
 * too; examples are in the language.
 */
#include <errno.h>
#include <string.h>

#include <hotbed/assert.h>
#include <hotbed/error.h>
#include <shcheck/automaton.h>

#include "fuzz.h"

#define EXPRESSION_MAX 512

static void check_searched(struct shc_dfa_pool *pool, const char *expression, size_t size,
	unsigned int flags, const struct shc_dfa *dfa)
{
	const struct shc_dfa *searched;
	struct shc_strings examples;

	if (shc_dfa_regex(pool, expression, size, flags | SHC_REGEX_SEARCH, &searched, NULL, NULL))
		return;
	if (shc_dfa_examples(dfa, 5, 64, &examples))
		return;
	for (size_t i = 0; i < examples.count; i++) {
		const struct shc_byte_string *text = &examples.items[i];

		hb_assert(shc_dfa_matches(dfa, text->bytes, text->length));
		hb_assert(shc_dfa_matches(searched, text->bytes, text->length));
	}
	shc_strings_finish(&examples);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct shc_dfa_limits limits = {
		.memory_bytes = 4 << 20, .states = 512, .steps = 1 << 18};
	const struct shc_dfa *dfa = NULL;
	const char *expression = (const char *)data + 1;
	struct hb_error error = {0};
	struct shc_dfa_pool *pool;
	unsigned int flags;
	int err;

	if (!size || size > EXPRESSION_MAX)
		return 0;
	flags = data[0] & 15;
	size--;
	hb_assert(shc_dfa_pool_create(&limits, &pool) == 0);
	err = shc_dfa_regex(pool, expression, size, flags, &dfa, NULL, &error);
	hb_assert(err == 0 || err == -E2BIG || err == -ENOMEM || err == -EINVAL);
	hb_assert((err == 0) == (dfa != NULL));
	hb_assert(err != -EINVAL || (error.code == err && error.text[0]));
	if (!err) {
		hb_assert(shc_dfa_states(dfa) <= limits.states);
		check_searched(
			pool, expression, size, flags & ~(unsigned int)SHC_REGEX_SEARCH, dfa);
	}
	shc_dfa_pool_destroy(pool);
	return 0;
}
