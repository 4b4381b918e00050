/* SPDX-License-Identifier: GPL-3.0-or-later */
/* libfoma's operations use their operands up, so each gets a copy, as any program that needs them again must do. */
#include "automata_engine.h"

#ifndef WITH_FOMA

const struct automata_engine engine_foma = {.available = false};

#else

#include <stdio.h>
#include <string.h>

#include <fomalib.h>

static bool open_nothing(void)
{
	return true;
}

static void *parse(const char *expression)
{
	char text[512];
	struct fsm *net;

	(void)snprintf(text, sizeof(text), "%s", expression);
	net = fsm_parse_regex(text, NULL, NULL);
	return net ? fsm_minimize(net) : NULL;
}

/* "/a*" becomes {/a} [? - %/]* */
static void *pattern(const char *text)
{
	char expression[512] = "";
	size_t used = 0;

	while (*text) {
		size_t plain = strcspn(text, "*");

		if (plain)
			used += (size_t)snprintf(expression + used, sizeof(expression) - used,
				" {%.*s}", (int)plain, text);
		text += plain;
		for (; *text == '*'; text++)
			used += (size_t)snprintf(
				expression + used, sizeof(expression) - used, " [? - %%/]*");
	}
	return parse(expression);
}

static void *blow_up(int count)
{
	char expression[64];

	(void)snprintf(expression, sizeof(expression), "[a|b]* a [a|b]^%d", count);
	return parse(expression);
}

static void *intersect(void *a, void *b)
{
	return fsm_minimize(fsm_intersect(fsm_copy(a), fsm_copy(b)));
}

static void *complement(void *a)
{
	return fsm_minimize(fsm_complement(fsm_copy(a)));
}

static bool matches(void *a, const char *text, size_t length)
{
	struct apply_handle *handle = apply_init(a);
	char word[256];
	bool found;

	(void)snprintf(word, sizeof(word), "%.*s", (int)length, text);
	found = apply_down(handle, word) != NULL;
	apply_clear(handle);
	return found;
}

static void release(void *a)
{
	fsm_destroy(a);
}

static void close_nothing(void)
{
}

const struct automata_engine engine_foma = {
	.available = true,
	.open = open_nothing,
	.pattern = pattern,
	.blow_up = blow_up,
	.intersect = intersect,
	.complement = complement,
	.matches = matches,
	.release = release,
	.close = close_nothing,
};

#endif
