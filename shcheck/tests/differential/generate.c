/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Random cases for the oracle: small alphabets, so that patterns match, values hold separators and names of files occur
 * in words. Every choice comes from one stream of the seed. See oracle.h.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/assert.h>
#include <hotbed/rng.h>

#include "draft.h"

/* More than any case needs: words nest twice. */
#define MEMORY_BYTES 16384
#define DEPTH_MAX 2

bool sketch_chance(struct draft *draft, unsigned percent)
{
	return hb_rng_below(&draft->rng, 100) < percent;
}

void sketch_put(struct draft *draft, const char *text)
{
	size_t length = strlen(text);

	hb_assert(draft->used_bytes + length < MEMORY_BYTES);
	memcpy(draft->memory + draft->used_bytes, text, length + 1);
	draft->used_bytes += length;
}

struct shc_oracle_text sketch_finish(struct draft *draft, size_t start)
{
	struct shc_oracle_text text = {draft->memory + start, draft->used_bytes - start};

	draft->used_bytes++;
	draft->memory[draft->used_bytes] = '\0';
	return text;
}

static const char *const names[] = {"x", "y", "z"};

static void put_literal(struct draft *draft)
{
	static const char *const literals[] = {"a", "b", "ab", "c", ".", "-", "/", "=", ":", "*",
		"?", "[ab]", "[!a]*", "\\*", "\\ ", "\\a", "d/", "%", "~", "1", "a*", ".h"};

	sketch_put(draft, DRAFT_CHOOSE(draft, literals));
}

static void put_quoted(struct draft *draft)
{
	static const char *const texts[] = {"''", "'a b'", "'*'", "' '", "'a'", "':'", "'$x'",
		"'\\a'", "'~'", "'\n'", "'[ab]'", "'-n'"};

	sketch_put(draft, DRAFT_CHOOSE(draft, texts));
}

static void put_special(struct draft *draft)
{
	static const char *const texts[] = {
		"$@", "$*", "$#", "$1", "${2-a}", "${1}", "${#}", "${#1}", "${@}", "${*}", "$?"};

	sketch_put(draft, DRAFT_CHOOSE(draft, texts));
}

static void put_substitution(struct draft *draft)
{
	static const char *const texts[] = {"$(printf 'a b')", "$(printf 'a\\n\\n')",
		"$(printf '')", "$(printf '*')", "$(printf ' a:b ')", "$(printf %s \"$x\")",
		"$(false)", "$(printf %s $y)", "`printf 'a\\nb'`", "`printf ':a'`"};

	sketch_put(draft, DRAFT_CHOOSE(draft, texts));
}

static void put_arithmetic(struct draft *draft)
{
	static const char *const texts[] = {"$((1+2))", "$((2*3-10))", "$((z+1))", "$(($#))",
		"$((z=4))", "$((10/3%2))", "$((1<2&&3))", "$((0x10))", "$((010))"};

	sketch_put(draft, DRAFT_CHOOSE(draft, texts));
}

static void put_pattern(struct draft *draft)
{
	static const char *const texts[] = {"*", "?", "a*", "*a", "a", "[ab]", "[!b]", "'*'",
		"\"?\"", "\\*", "*:", ":*", "*' '", "$y", "\"$y\"", "[a-c]*", "", "*/", "/*"};

	sketch_put(draft, DRAFT_CHOOSE(draft, texts));
}

static void put_bash(struct draft *draft)
{
	static const char *const texts[] = {"${x/a/b}", "${x//a/}", "${x:1}", "${x:0:2}", "${x^^}",
		"{a,b}", "a{b,c}d", "$'a\\tb'", "${x/#a/c}", "${x/%b/c}", "{1..3}", "${x: -1}",
		"${@:1}", "${x@Q}"};

	sketch_put(draft, DRAFT_CHOOSE(draft, texts));
}

static void put_word(struct draft *draft, unsigned depth, bool quoted);

static void put_parameter(struct draft *draft, unsigned depth, bool quoted)
{
	static const char *const operators[] = {
		"-", ":-", "=", ":=", "?", ":?", "+", ":+", "#", "##", "%", "%%"};
	const char *name = DRAFT_CHOOSE(draft, names);
	const char *operator;

	if (depth >= DEPTH_MAX || sketch_chance(draft, 45)) {
		static const char *const before[] = {"$", "${", "${#"};
		uint64_t form = hb_rng_below(&draft->rng, 10);

		form = form < 5 ? 1 : form < 9 ? 0 : 2;
		sketch_put(draft, before[form]);
		sketch_put(draft, name);
		sketch_put(draft, form ? "}" : "");
		return;
	}
	operator= DRAFT_CHOOSE(draft, operators);
	sketch_put(draft, "${");
	sketch_put(draft, name);
	sketch_put(draft, operator);
	if (operator[0] == '#' || operator[0] == '%')
		put_pattern(draft);
	else
		put_word(draft, depth + 1, quoted);
	sketch_put(draft, "}");
}

/* The inside of double quotes. */
static void put_inside(struct draft *draft, unsigned depth)
{
	static const char *const texts[] = {
		"a", " ", "*", ":", "\\$", "\\\\", "a b", "~", "'", "\n", "\\\"", "\\a", "?"};

	for (uint64_t parts = hb_rng_below(&draft->rng, 3) + 1; parts > 0; parts--) {
		uint64_t kind = hb_rng_below(&draft->rng, 10);

		if (kind < 4)
			put_parameter(draft, depth, true);
		else if (kind < 6)
			put_special(draft);
		else if (kind < 7)
			put_substitution(draft);
		else
			sketch_put(draft, DRAFT_CHOOSE(draft, texts));
	}
}

static void put_part(struct draft *draft, unsigned depth)
{
	uint64_t kind = hb_rng_below(&draft->rng, 100);

	if (kind < 28) {
		put_literal(draft);
	} else if (kind < 36) {
		put_quoted(draft);
	} else if (kind < 52) {
		sketch_put(draft, "\"");
		put_inside(draft, depth);
		sketch_put(draft, "\"");
	} else if (kind < 78) {
		put_parameter(draft, depth, false);
	} else if (kind < 88) {
		put_special(draft);
	} else if (kind < 95) {
		put_substitution(draft);
	} else if (kind < 98 || !draft->bash) {
		put_arithmetic(draft);
	} else {
		put_bash(draft);
	}
}

static void put_word(struct draft *draft, unsigned depth, bool quoted)
{
	if (quoted) {
		put_inside(draft, depth);
		return;
	}
	for (uint64_t parts = hb_rng_below(&draft->rng, 3) + (depth == 0); parts > 0; parts--)
		put_part(draft, depth);
}

static struct shc_oracle_text value_make(struct draft *draft)
{
	static const char *const pieces[] = {"a", "b", "c", " ", " ", ":", ",", "*", "?", "/", "-",
		"\n", "\t", "[ab]", "\\", "~", "1", "2", "d", ".", "'", "\"", "$x"};
	size_t start = draft->used_bytes;

	sketch_put(draft, "");
	for (uint64_t parts = hb_rng_below(&draft->rng, 5); parts > 0; parts--)
		sketch_put(draft, DRAFT_CHOOSE(draft, pieces));
	return sketch_finish(draft, start);
}

static void variables_make(struct draft *draft, struct shc_oracle_case *ret)
{
	static const char *const separators[] = {
		"", ":", " :", ",a", "\n", " ", "*", ": \t", "/", "b", "\\", " \t\n"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct shc_oracle_variable *variable = &ret->variables[ret->variables_count++];

		*variable = (struct shc_oracle_variable){
			.name = names[i], .set = sketch_chance(draft, 80)};
		if (variable->set)
			variable->value = value_make(draft);
	}
	if (sketch_chance(draft, 50)) {
		struct shc_oracle_variable *variable = &ret->variables[ret->variables_count++];

		*variable = (struct shc_oracle_variable){
			.name = "IFS", .set = sketch_chance(draft, 85)};
		if (variable->set) {
			size_t start = draft->used_bytes;

			sketch_put(draft, DRAFT_CHOOSE(draft, separators));
			variable->value = sketch_finish(draft, start);
		}
	}
}

void sketch_word(struct draft *draft)
{
	put_word(draft, 0, false);
}

int sketch_begin(struct draft *draft, uint64_t seed, uint64_t index, struct shc_oracle_case *ret)
{
	/* Folders stand before what is in them; any sub-sequence that keeps "d/" can be made. */
	static const char *const files[] = {
		"a", "b", "ab", "a b", "*", ".h", "-n", "d/", "d/a", "l -> a"};
	struct shc_oracle_case made = {.bash = draft->bash};

	draft->memory = malloc(MEMORY_BYTES);
	if (!draft->memory)
		return -ENOMEM;
	draft->memory[0] = '\0';
	made.memory = draft->memory;
	hb_rng_init(&draft->rng, seed, index);
	made.context = sketch_chance(draft, 75) ? SHC_ORACLE_ARGUMENTS : SHC_ORACLE_ASSIGNMENT;
	variables_make(draft, &made);
	made.positional_count = hb_rng_below(&draft->rng, SHC_ORACLE_POSITIONAL_MAX);
	for (size_t i = 0; i < made.positional_count; i++)
		made.positional[i] = value_make(draft);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		if (!strcmp(files[i], "d/") || sketch_chance(draft, 50))
			made.files[made.files_count++] = files[i];
	made.noglob = sketch_chance(draft, 15);
	made.nounset = sketch_chance(draft, 10);
	*ret = made;
	return 0;
}

int shc_oracle_generate(uint64_t seed, uint64_t index, bool bash, struct shc_oracle_case *ret)
{
	struct draft draft = {.bash = bash};
	struct shc_oracle_case made;
	size_t start;
	int code = sketch_begin(&draft, seed, index, &made);

	if (code)
		return code;
	start = draft.used_bytes;
	sketch_word(&draft);
	made.text = sketch_finish(&draft, start);
	*ret = made;
	return 0;
}

void shc_oracle_case_finish(struct shc_oracle_case *oracle_case)
{
	free(oracle_case->memory);
	*oracle_case = (struct shc_oracle_case){0};
}
