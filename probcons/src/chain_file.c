/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reader of chain files. See probcons/chain_file.h.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/csv.h>
#include <hotbed/error.h>
#include <hotbed/markov.h>

#include <probcons/chain_file.h>

#include "table_text.h"

enum column { FROM, TO, RATE, COLUMNS };

static const char *const column_names[COLUMNS] = {"from", "to", "rate_per_hour"};

struct arc {
	uint32_t from, to;
	double rate;
	int line;
};

struct reading {
	char **names;
	uint32_t state_count, state_capacity;
	uint32_t *
		slots; /* hash table of state number plus 1, open addressing; slot_count is a power of two */
	uint32_t slot_count;
	struct arc *arcs;
	size_t arc_count, arc_capacity;
};

/* FNV-1a: short names, no adversary that a bound of 1e5 states would not stop. */
static uint32_t hash(const char *name)
{
	uint32_t value = 2166136261u;

	for (; *name; name++)
		value = (value ^ (unsigned char)*name) * 16777619u;
	return value;
}

static void slot_put(struct reading *r, uint32_t state)
{
	uint32_t at = hash(r->names[state]) & (r->slot_count - 1);

	while (r->slots[at])
		at = (at + 1) & (r->slot_count - 1);
	r->slots[at] = state + 1;
}

static int grow(struct reading *r)
{
	uint32_t capacity = r->state_capacity ? r->state_capacity * 2 : 64;
	char **names = realloc(r->names, capacity * sizeof(names[0]));
	uint32_t *slots = calloc((size_t)capacity * 2, sizeof(slots[0]));

	if (names)
		r->names = names;
	if (!names || !slots) {
		free(slots);
		return -ENOMEM;
	}
	free(r->slots);
	r->slots = slots;
	r->slot_count = capacity * 2;
	r->state_capacity = capacity;
	for (uint32_t i = 0; i < r->state_count; i++)
		slot_put(r, i);
	return 0;
}

/* Number of the state called @name, which is made if it is new. */
static int state_of(struct reading *r, const char *name, uint32_t *ret)
{
	uint32_t at = r->slot_count ? hash(name) & (r->slot_count - 1) : 0;

	for (; r->slot_count && r->slots[at]; at = (at + 1) & (r->slot_count - 1)) {
		if (!strcmp(r->names[r->slots[at] - 1], name)) {
			*ret = r->slots[at] - 1;
			return 0;
		}
	}
	if (r->state_count == HB_MARKOV_STATES_MAX)
		return -E2BIG;
	if (r->state_count == r->state_capacity && grow(r) < 0)
		return -ENOMEM;
	r->names[r->state_count] = strdup(name);
	if (!r->names[r->state_count])
		return -ENOMEM;
	slot_put(r, r->state_count);
	*ret = r->state_count++;
	return 0;
}

static int arc_append(struct reading *r, const struct arc *arc)
{
	if (r->arc_count == r->arc_capacity) {
		size_t capacity = r->arc_capacity ? r->arc_capacity * 2 : 64;
		struct arc *grown = realloc(r->arcs, capacity * sizeof(grown[0]));

		if (!grown)
			return -ENOMEM;
		r->arcs = grown;
		r->arc_capacity = capacity;
	}
	r->arcs[r->arc_count++] = *arc;
	return 0;
}

static int name_check(const struct table_row *row, enum column column, struct hb_error *reterr)
{
	const char *name = row->fields[column];

	if (!name[0] || strlen(name) >= PC_CHAIN_NAME_BYTES || strchr(name, ',') ||
		strchr(name, '\n'))
		return hb_error_set_at(reterr, -EBADMSG, row->path, row->line,
			"%s `%.60s` is no state name: 1 to %d bytes, no comma, no line end",
			column_names[column], name, PC_CHAIN_NAME_BYTES - 1);
	return 0;
}

static int on_row(const struct table_row *row, void *user, struct hb_error *reterr)
{
	struct reading *r = user;
	struct arc arc = {.line = row->line};
	int rc = name_check(row, FROM, reterr);

	if (!rc)
		rc = name_check(row, TO, reterr);
	if (rc)
		return rc;
	if (hb_csv_parse_double(row->fields[RATE], &arc.rate) < 0 || !(arc.rate > 0) ||
		isinf(arc.rate))
		return hb_error_set_at(reterr, -EBADMSG, row->path, row->line,
			"rate `%.60s` is not a finite number > 0; leave out what never happens",
			row->fields[RATE]);
	if (!strcmp(row->fields[FROM], row->fields[TO]))
		return hb_error_set_at(reterr, -EBADMSG, row->path, row->line,
			"state %s has a transition to itself; leave it out, it changes nothing",
			row->fields[FROM]);
	rc = state_of(r, row->fields[FROM], &arc.from);
	if (!rc)
		rc = state_of(r, row->fields[TO], &arc.to);
	if (!rc)
		rc = arc_append(r, &arc);
	if (rc == -E2BIG)
		return hb_error_set_at(reterr, rc, row->path, row->line, "more than %d states",
			HB_MARKOV_STATES_MAX);
	return rc ? hb_error_set_at(reterr, rc, row->path, row->line, "not enough memory") : 0;
}

static int by_pair(const void *a, const void *b)
{
	const struct arc *x = a, *y = b;

	if (x->from != y->from)
		return x->from < y->from ? -1 : 1;
	if (x->to != y->to)
		return x->to < y->to ? -1 : 1;
	return (x->line > y->line) - (x->line < y->line);
}

/*
 * A pair given twice is more likely a slip than two causes; rates of two causes are summed in the file.
 */
static int build(
	struct reading *r, const char *path, struct pc_chain_file *file, struct hb_error *reterr)
{
	int rc = hb_markov_create(r->state_count, &file->chain, reterr);

	qsort(r->arcs, r->arc_count, sizeof(r->arcs[0]), by_pair);
	for (size_t i = 0; i < r->arc_count && !rc; i++) {
		const struct arc *arc = &r->arcs[i];

		if (i && arc->from == arc[-1].from && arc->to == arc[-1].to)
			rc = hb_error_set_at(reterr, -EBADMSG, path, arc->line,
				"%s -> %s is already on line %d; give one rate per pair",
				r->names[arc->from], r->names[arc->to], arc[-1].line);
		else
			rc = hb_markov_add(file->chain, arc->from, arc->to, arc->rate, reterr);
	}
	return rc;
}

int pc_chain_file_parse(const char *text, size_t length_bytes, const char *path,
	struct pc_chain_file *ret, struct hb_error *reterr)
{
	struct table_columns columns = {
		.names = column_names, .count = COLUMNS, .required = COLUMNS};
	struct reading r = {0};
	struct pc_chain_file file = {0};
	int rc = table_text_parse(text, length_bytes, path, &columns, on_row, &r, reterr);

	if (!rc)
		rc = build(&r, path, &file, reterr);
	file.names = r.names;
	file.state_count = r.state_count;
	if (!rc) {
		hb_markov_set_names(file.chain, (const char *const *)file.names);
		*ret = file;
	} else {
		pc_chain_file_finish(&file);
	}
	free(r.slots);
	free(r.arcs);
	return rc;
}

int pc_chain_file_read(const char *path, struct pc_chain_file *ret, struct hb_error *reterr)
{
	char *text = NULL;
	size_t length = 0;
	int rc = table_text_load(path, &text, &length, reterr);

	if (!rc)
		rc = pc_chain_file_parse(text, length, path, ret, reterr);
	free(text);
	return rc;
}

int pc_chain_file_state(const struct pc_chain_file *file, const char *name, size_t length,
	uint32_t *ret, struct hb_error *reterr)
{
	char known[256] = "";
	size_t used = 0;

	for (uint32_t i = 0; i < file->state_count; i++) {
		if (strlen(file->names[i]) == length && !memcmp(file->names[i], name, length)) {
			*ret = i;
			return 0;
		}
	}
	for (uint32_t i = 0; i < file->state_count && used < sizeof(known) - 1; i++)
		used += (size_t)snprintf(
			known + used, sizeof(known) - used, "%s%s", i ? ", " : "", file->names[i]);
	return hb_error_set(reterr, -ENOENT, "the chain has no state `%.*s`; it has %s%s",
		length > 60 ? 60 : (int)length, name, known, used >= sizeof(known) ? " ..." : "");
}

int pc_chain_file_mttdl(const struct pc_chain_file *file, const char *start, const char *absorbing,
	double *ret_hours, struct hb_error *reterr)
{
	bool *absorbs = calloc(file->state_count, sizeof(absorbs[0]));
	uint32_t from = 0;
	int rc = absorbs ? pc_chain_file_state(file, start, strlen(start), &from, reterr)
			 : hb_error_set(reterr, -ENOMEM, "not enough memory");

	for (const char *at = absorbing; at && !rc;) {
		const char *comma = strchr(at, ',');
		size_t length = comma ? (size_t)(comma - at) : strlen(at);
		uint32_t state;

		rc = pc_chain_file_state(file, at, length, &state, reterr);
		if (!rc)
			absorbs[state] = true;
		at = comma ? comma + 1 : NULL;
	}
	if (!rc)
		rc = hb_markov_absorption_time(file->chain, from, absorbs, ret_hours, reterr);
	free(absorbs);
	return rc;
}

void pc_chain_file_finish(struct pc_chain_file *file)
{
	hb_markov_destroy(file->chain);
	for (uint32_t i = 0; i < file->state_count; i++)
		free(file->names[i]);
	free(file->names);
	*file = (struct pc_chain_file){0};
}
