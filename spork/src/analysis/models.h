/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Library functions and system calls whose effects are known by name or number, so that their code is not walked. */
#ifndef SPORK_ANALYSIS_MODELS_H
#define SPORK_ANALYSIS_MODELS_H

#include <stdbool.h>
#include <stdint.h>

struct model {
	const char *name;
	uint32_t effects;
	bool ends; /* never returns */
};

/* By name, without a leading "__" or a trailing "_chk"; NULL if unknown. Constant tables: any thread. */
const struct model *model_of_function(const char *name);
/* By number; NULL if unknown. */
const struct model *model_of_syscall(uint64_t number);

/* Functions that start processes. */
struct starter {
	const char *name;
	bool copies;      /* the address space */
	uint32_t effects; /* in the child, before it returns */
};
const struct starter *starter_of(const char *name);

#endif
