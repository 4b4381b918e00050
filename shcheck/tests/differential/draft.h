/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A random case in the making: its stream of choices and the memory of its texts. Shared by the two generators.
 */
#ifndef SHCHECK_TESTS_DIFFERENTIAL_DRAFT_H
#define SHCHECK_TESTS_DIFFERENTIAL_DRAFT_H

#include <hotbed/rng.h>

#include "oracle.h"

struct draft {
	struct hb_rng rng;
	char *memory;
	size_t used_bytes;
	bool bash;
};

#define DRAFT_CHOOSE(draft, array) \
	((array)[hb_rng_below(&(draft)->rng, sizeof(array) / sizeof((array)[0]))])

/* sketch_begin - memory, variables, arguments, files and options of @ret; the text is still lacking. 0 or -ENOMEM. */
int sketch_begin(struct draft *draft, uint64_t seed, uint64_t index, struct shc_oracle_case *ret);

/* sketch_put - append @text. sketch_finish - what was appended since @start, as a text of the case. */
void sketch_put(struct draft *draft, const char *text);
struct shc_oracle_text sketch_finish(struct draft *draft, size_t start);

bool sketch_chance(struct draft *draft, unsigned percent);

/* sketch_word - append a random word. */
void sketch_word(struct draft *draft);

/* sketch_attributes - append a command that has to do with attributes of variables. */
void sketch_attributes(struct draft *draft);

#endif
