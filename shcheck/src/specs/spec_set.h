/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Inside the specifications: the set that they are kept in. */
#ifndef SHCHECK_SPECS_SPEC_SET_H
#define SHCHECK_SPECS_SPEC_SET_H

#include <shcheck/spec.h>

#define SHC_SPEC_FILE_MAX (1 << 20)

struct shc_arena;

struct shc_specs {
	struct shc_arena *arena;       /* of everything but the tables here */
	const struct shc_spec **items; /* in the order of reading */
	uint32_t count, capacity;
	struct shc_spec_name {
		const char *name;
		const struct shc_spec *spec;
	} * names; /* sorted; the last reading of a name */
	uint32_t name_count;
};

/* shc_specs_append - add @spec, not yet found by name. 0 or -ENOMEM. */
int shc_specs_append(struct shc_specs *specs, const struct shc_spec *spec);

/* shc_specs_settle - make the table of names anew. Room for it was taken by shc_specs_append(). */
void shc_specs_settle(struct shc_specs *specs);

#endif
