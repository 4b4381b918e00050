/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * shc_specs_read(): any bytes are refused with a place or read; what was read reads again from its own text to the same
 * shape, is found by its names, and matches any words without a fault.
 */
#include <errno.h>
#include <string.h>

#include <hotbed/assert.h>
#include <hotbed/error.h>
#include <shcheck/spec.h>

#include "fuzz.h"

enum { WORDS_MAX = 16 };

/* The input itself, cut at blanks, as the words of a command. */
static void check_match(const struct shc_spec *spec, const char *text, size_t size)
{
	struct shc_spec_word words[WORDS_MAX] = {{.text = {"x", 1}, .whole = true}};
	struct shc_spec_match match;
	uint32_t count = 1;

	for (size_t at = 0; at < size && count < WORDS_MAX; at++) {
		size_t end = at;

		while (end < size && text[end] != ' ' && text[end] != '\n')
			end++;
		words[count] = (struct shc_spec_word){{text + at, (uint32_t)(end - at)},
			.whole = count % 5 != 4, .any = count % 7 == 6};
		count++;
		at = end;
	}
	hb_assert(shc_spec_match(spec, words, count, &match) == 0);
	for (uint32_t i = 0; i < match.binding_count; i++) {
		hb_assert(match.bindings[i].word < count);
		hb_assert(match.bindings[i].offset <= words[match.bindings[i].word].text.length);
		hb_assert(match.bindings[i].role < spec->role_count);
	}
	for (const struct shc_spec_clause *clause = spec->clauses; clause; clause = clause->next) {
		(void)shc_spec_holds(&match, clause->guard);
		(void)shc_spec_output(&match, clause);
	}
	shc_spec_match_finish(&match);
}

static void check_again(const struct shc_spec *spec)
{
	struct shc_specs *again;
	const struct shc_spec *same;
	struct hb_error error = {0};

	hb_assert(shc_specs_create(&again) == 0);
	hb_assert(shc_specs_read(again, "again", spec->text.bytes, spec->text.length, &error) == 0);
	same = shc_specs_at(again, 0);
	hb_assert(same && !strcmp(same->names[0], spec->names[0]));
	hb_assert(same->option_count == spec->option_count && same->role_count == spec->role_count);
	shc_specs_destroy(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct hb_error error = {0};
	const struct shc_spec *spec;
	struct shc_specs *specs;
	int code;

	if (size > 4096)
		return 0;
	hb_assert(shc_specs_create(&specs) == 0);
	code = shc_specs_read(specs, "fuzz", text, size, &error);
	hb_assert(code == 0 || (code == -EINVAL && error.line > 0 && error.text[0]));
	hb_assert(code == 0 || !shc_specs_at(specs, 0));
	for (size_t i = 0; (spec = shc_specs_at(specs, i)); i++) {
		hb_assert(shc_specs_find(specs, (struct shc_text){spec->names[0],
							(uint32_t)strlen(spec->names[0])}) == spec);
		check_match(spec, text, size);
		check_again(spec);
	}
	shc_specs_destroy(specs);
	return 0;
}
