/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The map: the class of every cell of a sweep, by several levels, and how far they agree. Cells are independent; their
 * random numbers are common, so that neighbours differ by their parameters and not by luck.
 *
 * A journal keeps what has been computed: one JSON object per line, the first says what is mapped. A map that was
 * interrupted goes on where it was; a line that was cut off by a crash is computed again.
 *
 * Not thread-safe: one owner per map.
 */
#ifndef METASTABLE_MAP_H
#define METASTABLE_MAP_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include <metastable/model.h>
#include <metastable/verdict.h>

struct hb_error;

#define MS_MAP_CELLS_MAX 1000000U
#define MS_MAP_NEAR 2U /* steps from a boundary that are near it */

struct ms_map_cell {
	uint32_t index;                 /* the first axis runs fastest */
	uint32_t at[MS_SWEEP_AXES_MAX]; /* position on each axis */
	bool done;
	bool reused;        /* from the journal */
	enum ms_class kind; /* what all levels agree upon */
	enum ms_class rule; /* ms_rule_of_thumb() */
	uint32_t verdict_count;
	struct ms_verdict verdicts[MS_LEVEL_COUNT];
};

struct ms_map_options {
	uint32_t levels; /* bit i: level i; 0 = all that give a class */
	struct ms_verdict_options verdict;
	unsigned int threads;     /* 0 = as many as CPUs */
	const char *journal_path; /* NULL = none */
	const char *fingerprint;  /* of what is mapped; a journal with another one is refused */
	const volatile sig_atomic_t
		*stop; /* set by a signal: end after the cells at hand; may be NULL */
	/* Called after each cell, one call at a time; may be NULL. */
	void (*progress)(uint32_t done, uint32_t count, void *user);
	void *user;
};

/* Callers read the fields. */
struct ms_map {
	uint32_t axis_count;
	struct ms_sweep_axis axes[MS_SWEEP_AXES_MAX];
	uint32_t levels; /* as asked */
	uint32_t count, done;
	struct ms_map_cell *cells; /* shape [count] */
};

/*
 * ms_map_run - all cells of the model's sweep.
 * @ret: ms_map_finish() frees it.
 *
 * Returns 0; -EINTR (stopped: call again with the same journal to go on; @ret holds what is done); -EINVAL (no sweep);
 * -E2BIG (more than MS_MAP_CELLS_MAX cells); -EBUSY (another map writes the journal); -EEXIST (the journal is of
 * another map); -EBADMSG (the journal is none); -ENOMEM or the -errno of the journal's file. Blocks until done.
 */
int ms_map_run(const struct ms_model *model, const struct ms_map_options *options,
	struct ms_map *ret, struct hb_error *reterr);

void ms_map_finish(struct ms_map *map);

/* ms_map_verdict - what @level said about @cell, or NULL if it was not asked. */
const struct ms_verdict *ms_map_verdict(const struct ms_map_cell *cell, enum ms_level level);

/* Two levels, over the cells of which both have a class. */
struct ms_agreement {
	uint32_t cells, agree;
	uint32_t near_cells,
		near_agree; /* within MS_MAP_NEAR steps of a boundary of the second level's map */
	uint32_t table[MS_UNKNOWN][MS_UNKNOWN]; /* class of the first x class of the second */
};

/* ms_map_agreement - @first against @second, whose boundaries count. */
void ms_map_agreement(const struct ms_map *map, enum ms_level first, enum ms_level second,
	struct ms_agreement *ret);

/* ms_map_agreement_rule - the rule of thumb against @second. */
void ms_map_agreement_rule(
	const struct ms_map *map, enum ms_level second, struct ms_agreement *ret);

/*
 * Where, along the first axis, a level's map leaves the class that it begins with: between the last cell that is
 * certainly of it and the first that certainly is not.
 */
struct ms_knee {
	bool found;
	double lo, hi; /* values of the first axis */
	enum ms_class from, to;
};

/* ms_map_knee - of @level along the first axis, at position @at (shape [axes]; at[0] does not matter). */
struct ms_knee ms_map_knee(const struct ms_map *map, enum ms_level level, const uint32_t *at);

/*
 * How far the knee of one level lies above that of another: between the nearest and the farthest that both intervals
 * allow. Not found if one of the two has no knee there, or they are between different classes.
 */
struct ms_displacement {
	bool found;
	double lo, mid, hi; /* in the unit of the first axis */
};

/* ms_map_displacement - of @first's knee from @second's, at position @at as for ms_map_knee(). */
struct ms_displacement ms_map_displacement(
	const struct ms_map *map, enum ms_level first, enum ms_level second, const uint32_t *at);

/* Why two levels give one cell different classes. */
enum ms_cause {
	MS_CAUSE_EDGE,    /* the times of both are near the horizon, on different sides of it */
	MS_CAUSE_NO_MODE, /* the first level knows no such mode, or none that is ever left */
	MS_CAUSE_APPROXIMATION, /* the times are far apart: what the first level approximates matters here */
};

#define MS_REASON_BYTES 320

struct ms_disagreement {
	bool bad_mode; /* it is about how long the bad mode lasts; false: the good one */
	enum ms_cause cause;
	double first_s,
		second_s[2]; /* how long it lasts: first level's estimate, second level's interval */
	double factor;       /* >= 1, by which the first lies outside of the second's interval */
	char reason[MS_REASON_BYTES]; /* a sentence with these figures */
};

/* ms_cause_name - "edge", "no-mode", "approximation". Static. */
const char *ms_cause_name(enum ms_cause cause);

/*
 * ms_map_disagreement - why @first and @second put @cell into different classes.
 * @model: that of the map. Returns false, with @ret untouched, if they agree or one of them has no class.
 */
bool ms_map_disagreement(const struct ms_map *map, const struct ms_model *model,
	const struct ms_map_cell *cell, enum ms_level first, enum ms_level second,
	struct ms_disagreement *ret);

#endif
