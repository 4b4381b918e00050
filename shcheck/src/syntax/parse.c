/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The entry: what can be said of the bytes before they are parsed, and the list that is the script. */
#include "parser.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

bool shc_text_is(struct shc_text text, const char *string)
{
	return strlen(string) == text.length &&
	       (text.length == 0 || memcmp(text.bytes, string, text.length) == 0);
}

bool shc_word_is(const struct shc_word *word, const char *string)
{
	return word && word->constant && shc_text_is(word->literal, string);
}

struct shc_text shc_command_name(const struct shc_command *command)
{
	static const struct shc_text none = {"", 0};

	if (command->kind != SHC_COMMAND_SIMPLE || !command->simple.words ||
		!command->simple.words->constant)
		return none;
	return command->simple.words->literal;
}

static void check_zero_bytes(struct parser *p)
{
	const char *zero = memchr(p->source->bytes, '\0', p->source->size);
	uint32_t at;

	if (!zero)
		return;
	at = (uint32_t)(zero - p->source->bytes);
	shc_finding_hint(p->findings,
		shc_warn(p, 907, (struct shc_range){at, at + 1}, "the script holds a zero byte"),
		"shells drop it; if data follows the script, end the script with exit before it");
}

/* Lines that end in \r\n: reported once, with their number. */
static void check_line_ends(struct parser *p)
{
	const struct shc_source *source = p->source;
	uint32_t count = 0, first = 0;

	for (uint32_t i = 1; i < source->line_count; i++) {
		uint32_t end = source->line_starts[i] - 1;

		if (end > 0 && source->bytes[end - 1] == '\r' && count++ == 0)
			first = end - 1;
	}
	if (count == 0)
		return;
	p->crlf = count * 2 >= source->line_count - 1;
	shc_finding_hint(p->findings,
		shc_warn(p, 908, (struct shc_range){first, first + 1},
			"%u lines end in a carriage return and a newline, and the shell takes the "
			"first as part "
			"of the last word",
			count),
		"remove them: sed -i 's/\\r$//' FILE");
}

/* The length of the UTF-8 sequence at @at, or 0 (RFC 3629). */
static uint32_t utf8_length(const unsigned char *at, const unsigned char *end)
{
	uint32_t length = at[0] < 0x80   ? 1
			  : at[0] < 0xc2 ? 0
			  : at[0] < 0xe0 ? 2
			  : at[0] < 0xf0 ? 3
			  : at[0] < 0xf5 ? 4
					 : 0;

	if (length == 0 || (size_t)(end - at) < length)
		return 0;
	for (uint32_t i = 1; i < length; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return 0;
	}
	if ((at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] > 0x9f) ||
		(at[0] == 0xf0 && at[1] < 0x90) || (at[0] == 0xf4 && at[1] > 0x8f))
		return 0;
	return length;
}

static void check_encoding(struct parser *p)
{
	const unsigned char *start = (const unsigned char *)p->source->bytes, *at = start;
	const unsigned char *end = start + p->source->size;

	while (at < end) {
		uint32_t length = utf8_length(at, end);

		if (length == 0) {
			uint32_t offset = (uint32_t)(at - start);

			shc_finding_hint(p->findings,
				shc_warn(p, 909, (struct shc_range){offset, offset + 1},
					"byte 0x%02x is not UTF-8 here", *at),
				"convert the script: iconv -f ISO-8859-1 -t UTF-8 FILE");
			return;
		}
		at += length;
	}
}

/* As bash decides it: a zero byte in the first line. */
static bool is_binary(const struct shc_source *source)
{
	const char *newline = memchr(source->bytes, '\n', source->size);
	size_t length = newline ? (size_t)(newline - source->bytes) : source->size;

	return memchr(source->bytes, '\0', length) != NULL;
}

static void read_script(struct parser *p)
{
	if (is_binary(p->source)) {
		(void)shc_fail(p, 906, 0, 0, "this is a binary file, not a script");
		p->script->list = shc_take(p, sizeof(*p->script->list));
		return;
	}
	check_zero_bytes(p);
	check_line_ends(p);
	check_encoding(p);
	/* A byte order mark is part of the first word for every shell. */
	if (p->in.end >= 3 && memcmp(p->in.text, "\xef\xbb\xbf", 3) == 0) {
		shc_finding_hint(p->findings,
			shc_warn(p, 909, (struct shc_range){0, 3},
				"the script begins with a byte order mark, which hides its first "
				"line"),
			"remove the first three bytes");
		p->in.pos = 3;
	}
	p->script->list = shc_read_list(p);
	if (p->pending)
		shc_drop_here_documents(p);
	if (p->crlf_breaks) {
		struct shc_finding *finding = shc_warn(p, 908, (struct shc_range){0, 0},
			"carriage returns after reserved words make the shell refuse the script");

		if (finding)
			finding->severity = SHC_SEVERITY_ERROR;
		p->script->error_count++;
	}
}

static void read_text(struct parser *p)
{
	p->script->list = shc_read_list(p);
	if (p->pending)
		shc_drop_here_documents(p);
}

/* Parse @input, the text of @source or one that maps to it. @whole: with what is said of files. */
static int parse_input(const struct shc_source *source, enum shc_dialect dialect,
	struct input input, uint32_t first_id, bool whole, struct shc_findings *findings,
	struct shc_script **ret)
{
	struct shc_script *script = calloc(1, sizeof(*script));
	struct parser *p = calloc(1, sizeof(*p));

	if (!script || !p || shc_arena_create(&script->arena) < 0) {
		free(script);
		free(p);
		return -ENOMEM;
	}
	script->source = source;
	script->dialect = dialect;
	script->command_count = first_id;
	*p = (struct parser){.in = input,
		.source = source,
		.script = script,
		.arena = script->arena,
		.findings = findings,
		.dialect = dialect,
		.bash = dialect == SHC_BASH,
		.error_offset = UINT32_MAX,
		.token_at = UINT32_MAX};
	p->pending_last = &p->pending;
	p->comment_last = &script->comments;
	p->alias_last = &script->aliases;
	if (setjmp(p->out_of_memory) != 0) {
		free(p);
		shc_script_destroy(script);
		return -ENOMEM;
	}
	if (whole)
		read_script(p);
	else
		read_text(p);
	free(p);
	*ret = script;
	return 0;
}

int shc_parse(const struct shc_source *source, enum shc_dialect dialect,
	struct shc_findings *findings, struct shc_script **ret)
{
	struct input input = {source->bytes, NULL, 0, source->size};

	return parse_input(source, dialect, input, 0, true, findings, ret);
}

int shc_parse_text(struct shc_text text, const struct shc_range *map,
	const struct shc_source *source, enum shc_dialect dialect, uint32_t first_id,
	struct shc_findings *findings, struct shc_script **ret)
{
	struct input input = {text.bytes, map, 0, text.length};

	return parse_input(source, dialect, input, first_id, false, findings, ret);
}

void shc_script_destroy(struct shc_script *script)
{
	if (!script)
		return;
	shc_arena_destroy(script->arena);
	free(script);
}
