/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The places of a script that two parsers are compared by. Not thread-safe: one list per thread. */
#ifndef SHCHECK_CONCRETE_SITES_H
#define SHCHECK_CONCRETE_SITES_H

#include <shcheck/concrete.h>

struct site {
	struct shc_range range;
	enum shc_concrete_kind kind;
};

struct sites {
	struct site *rows;
	size_t count, room;
	bool out_of_memory;
};

/* shc_sites_add - append; when there is no memory `out_of_memory` is set. */
void shc_sites_add(struct sites *sites, enum shc_concrete_kind kind, struct shc_range range);

/* shc_sites_sort - by start, kind and end, each once. */
void shc_sites_sort(struct sites *sites);

/* shc_sites_of_script - those of our tree, unsorted. */
void shc_sites_of_script(const struct shc_script *script, struct sites *sites);

#endif
