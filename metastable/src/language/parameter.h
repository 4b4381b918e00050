/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The parameters that BLOCK.NAME can name, and the words of those that are no numbers. Tables only. */
#ifndef METASTABLE_LANGUAGE_PARAMETER_H
#define METASTABLE_LANGUAGE_PARAMETER_H

#include <stddef.h>

#include <metastable/model.h>

#include "value.h"

enum ms_block {
	MS_BLOCK_SERVER,
	MS_BLOCK_CLIENT,
	MS_BLOCK_CALL,
	MS_BLOCK_CACHE,
	MS_BLOCK_TRIGGER,
	MS_BLOCK_MODEL,
};

enum ms_parameter_type {
	MS_PARAMETER_COUNT,   /* uint32_t */
	MS_PARAMETER_REAL,    /* double */
	MS_PARAMETER_WORD,    /* an enum; words[i] stands for value i */
	MS_PARAMETER_BOOL,    /* words[0] = false, words[1] = true */
	MS_PARAMETER_SERVICE, /* struct ms_distribution, as its rate */
};

struct ms_parameter {
	enum ms_block block;
	const char *name;
	enum ms_parameter_type type;
	enum ms_unit unit;   /* of MS_PARAMETER_REAL; MS_UNIT_PERCENT: a share */
	size_t offset;       /* into the block's struct */
	const char *special; /* a word for a value that is no number, or NULL */
	double special_value;
	const char *const *words; /* NULL-terminated */
};

extern const char *const ms_discipline_words[];
extern const char *const ms_refusal_words[];
extern const char *const ms_distribution_words[];
extern const char *const ms_arrivals_words[];
extern const char *const ms_backoff_words[];
extern const char *const ms_jitter_words[];
extern const char *const ms_cancel_words[];
extern const char *const ms_timeout_words[];
extern const char *const ms_popularity_words[];
extern const char *const ms_fill_words[];
extern const char *const ms_start_words[];
extern const char *const ms_trigger_words[];

/* ms_distribution_settle - let cv and phases follow from the kind where that fixes them. */
void ms_distribution_settle(struct ms_distribution *distribution);

/*
 * ms_parameter_set_text - BLOCK.NAME = @value as --set and sweeps write it. Returns 0 or -EINVAL (names nothing, no such
 * value, with a hint) with the model unchanged.
 */
int ms_parameter_set_text(
	struct ms_model *model, const char *path, const char *value, struct hb_error *reterr);

/* ms_parameter_unit - the unit that a number of @path has; -EINVAL if it names nothing or no number. */
int ms_parameter_unit(
	const struct ms_model *model, const char *path, enum ms_unit *ret, struct hb_error *reterr);

#endif
