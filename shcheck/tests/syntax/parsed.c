/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "parsed.h"

#include <string.h>

#include <criterion/criterion.h>

struct parsed parsed_bytes(enum shc_dialect dialect, const void *bytes, size_t size)
{
	struct parsed parsed;

	cr_assert(shc_source_create("test", bytes, size, &parsed.source) == 0);
	cr_assert(shc_findings_create(&parsed.findings) == 0);
	cr_assert(shc_parse(parsed.source, dialect, parsed.findings, &parsed.script) == 0);
	shc_findings_sort(parsed.findings);
	return parsed;
}

struct parsed parsed_text(enum shc_dialect dialect, const char *text)
{
	return parsed_bytes(dialect, text, strlen(text));
}

void parsed_finish(struct parsed *parsed)
{
	shc_script_destroy(parsed->script);
	shc_findings_destroy(parsed->findings);
	shc_source_destroy(parsed->source);
}

const struct shc_command *parsed_first(const struct parsed *parsed)
{
	cr_assert(parsed->script->list->first != NULL);
	return parsed->script->list->first->command;
}

const struct shc_word *parsed_word(const struct parsed *parsed, uint32_t index)
{
	const struct shc_command *command = parsed_first(parsed);
	const struct shc_word *word;

	cr_assert(command->kind == SHC_COMMAND_SIMPLE);
	word = command->simple.words;
	while (word && index--)
		word = word->next;
	cr_assert(word != NULL);
	return word;
}

bool parsed_has(const struct parsed *parsed, int id)
{
	for (size_t i = 0; i < shc_findings_count(parsed->findings); i++) {
		if (shc_findings_at(parsed->findings, i)->id == id)
			return true;
	}
	return false;
}

bool parsed_range_is(const struct parsed *parsed, struct shc_range range, const char *text)
{
	return range.end - range.start == strlen(text) &&
	       memcmp(parsed->source->bytes + range.start, text, strlen(text)) == 0;
}
