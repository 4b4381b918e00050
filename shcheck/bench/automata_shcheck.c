/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "automata_engine.h"

#include <stdio.h>
#include <string.h>

#include <shcheck/automaton.h>

/* Results are kept by the pool; without its cache, so that every operation is computed. */
#define STATES ((uint32_t)1 << 19)
#define MEMORY_BYTES ((size_t)2 << 30)
#define STEPS ((uint64_t)1 << 40)

static struct shc_dfa_pool *pool;

static bool open_pool(void)
{
	const struct shc_dfa_limits limits = {
		.memory_bytes = MEMORY_BYTES, .states = STATES, .steps = STEPS, .uncached = true};

	return shc_dfa_pool_create(&limits, &pool) == 0;
}

/* A handle is the const automaton; the face of the engines knows no const. */
static void *handle(int err, const struct shc_dfa *dfa)
{
	union {
		const struct shc_dfa *dfa;
		void *handle;
	} cast = {.dfa = dfa};

	return err ? NULL : cast.handle;
}

static void *pattern(const char *text)
{
	const struct shc_dfa *dfa = NULL;

	int err = shc_dfa_glob(pool, text, strlen(text), SHC_GLOB_PATHNAME, &dfa, NULL);

	return handle(err, dfa);
}

static void *blow_up(int count)
{
	const struct shc_dfa *dfa = NULL;
	char text[64];
	int length = snprintf(text, sizeof(text), "(a|b)*a(a|b){%d}", count);
	int err = shc_dfa_regex(pool, text, (size_t)length, SHC_REGEX_EXTENDED, &dfa, NULL, NULL);

	return handle(err, dfa);
}

static void *intersect(void *a, void *b)
{
	const struct shc_dfa *dfa = NULL;

	int err = shc_dfa_intersect(pool, a, b, &dfa);

	return handle(err, dfa);
}

static void *complement(void *a)
{
	const struct shc_dfa *dfa = NULL;

	int err = shc_dfa_complement(pool, a, &dfa);

	return handle(err, dfa);
}

static bool matches(void *a, const char *text, size_t length)
{
	return shc_dfa_matches(a, text, length);
}

static void release(void *a)
{
	(void)a;
}

static void close_pool(void)
{
	shc_dfa_pool_destroy(pool);
	pool = NULL;
}

const struct automata_engine engine_shcheck = {
	.available = true,
	.open = open_pool,
	.pattern = pattern,
	.blow_up = blow_up,
	.intersect = intersect,
	.complement = complement,
	.matches = matches,
	.release = release,
	.close = close_pool,
};
