/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One script for a test: source, tree and findings together. */
#ifndef SHCHECK_TESTS_PARSED_H
#define SHCHECK_TESTS_PARSED_H

#include <shcheck/finding.h>
#include <shcheck/parse.h>

struct parsed {
	struct shc_source *source;
	struct shc_findings *findings; /* sorted */
	struct shc_script *script;
};

/* parsed_text - parse @text; parsed_bytes - @size bytes. Fails the test when there is no memory. */
struct parsed parsed_text(enum shc_dialect dialect, const char *text);
struct parsed parsed_bytes(enum shc_dialect dialect, const void *bytes, size_t size);
void parsed_finish(struct parsed *parsed);

/* parsed_first - the first command of the script. */
const struct shc_command *parsed_first(const struct parsed *parsed);

/* parsed_word - word @index of the first command, which is a simple one. */
const struct shc_word *parsed_word(const struct parsed *parsed, uint32_t index);

/* parsed_has - is check @id among the findings? */
bool parsed_has(const struct parsed *parsed, int id);

/* parsed_bytes_of - is @text what the source has at @range? */
bool parsed_range_is(const struct parsed *parsed, struct shc_range range, const char *text);

#endif
