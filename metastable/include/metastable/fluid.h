/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The fluid level: averages of one server and its clients as a differential equation, with constant waits as a delay
 * equation; fixed points, branches, folds, and escape times of a one-dimensional reduction. Levels in jobs, requests,
 * tokens and keys; times in seconds.
 *
 * With A attempts per second (new ones and retries), P(q) the probability of being late, a the share let in, s the
 * retry share and W the mean wait in the orbit:
 *	q' = a A - served - cancelled, o' = A (a P + dropped) - o / W, retries = s o / W.
 * With several clients each has its own A, P, o, s and W; the queue and the share let in are common to all.
 * Threads and room saturate smoothly, x / (1 + x^4)^(1/4), which is x below and 1 above to 1e-6 at 25 jobs, so that
 * folds are smooth. What the level leaves out is in the column "fluid" of the table feature x level.
 *
 * Thread-safe for different fluids.
 *
 * Sources: Isaacs et al., HotOS 2025 (drift); Keller, 1977 (pseudo-arclength); Kuznetsov, Elements of Applied
 * Bifurcation Theory (folds); Doering, Sargsyan, Sander, Multiscale Model. Simul. 3, 2005 (WKB for birth and death).
 */
#ifndef METASTABLE_FLUID_H
#define METASTABLE_FLUID_H

#include <stdbool.h>
#include <stdint.h>

struct hb_error;
struct ms_fluid;
struct ms_model;

#define MS_FLUID_CLIENTS_MAX 4

/* The queue, then four of the first client; those of client c lie MS_FLUID_PER_CLIENT * c further on. */
enum ms_fluid_axis {
	MS_FLUID_QUEUE,
	MS_FLUID_ORBIT,
	MS_FLUID_BACKOFF,
	MS_FLUID_TOKENS,
	MS_FLUID_WARM,
	MS_FLUID_PER_CLIENT = MS_FLUID_WARM,
	MS_FLUID_AXES = 1 + MS_FLUID_PER_CLIENT * MS_FLUID_CLIENTS_MAX,
};

/* Numbers of the model that may be moved, as reals. */
enum ms_fluid_parameter {
	MS_FLUID_RHO,      /* load: arrivals of all clients over capacity */
	MS_FLUID_RETRIES,  /* r, of the first client */
	MS_FLUID_CAPACITY, /* Q, jobs */
	MS_FLUID_TIMEOUT,  /* T, s, of the first client */
	MS_FLUID_PARAMETERS,
};

#define MS_FLUID_POINTS_MAX 16

enum ms_fluid_kind {
	MS_NODE,   /* real eigenvalues of one sign */
	MS_SADDLE, /* of both signs */
	MS_FOCUS,  /* complex ones */
};

struct ms_fluid_point {
	double at[MS_FLUID_AXES]; /* 0 on axes that the model does not have */
	enum ms_fluid_kind kind;
	bool stable;
	uint32_t eigenvalue_count;
	double real_per_s[MS_FLUID_AXES],
		imaginary_per_s[MS_FLUID_AXES]; /* largest real part first */
};

/*
 * ms_fluid_create - of @model, which may go. Returns 0, -EOPNOTSUPP (a feature that the level refuses, or more clients
 * than MS_FLUID_CLIENTS_MAX) or -ENOMEM.
 */
int ms_fluid_create(const struct ms_model *model, struct ms_fluid **ret, struct hb_error *reterr);

void ms_fluid_destroy(struct ms_fluid *fluid);

/* ms_fluid_has - does the model have @axis? Queue: always. */
bool ms_fluid_has(const struct ms_fluid *fluid, enum ms_fluid_axis axis);

/* ms_fluid_axis_name - "orbit"; "CLIENT.orbit" where there are several. Borrowed from the fluid. */
const char *ms_fluid_axis_name(const struct ms_fluid *fluid, enum ms_fluid_axis axis);

/* ms_fluid_sum - the queue, or the sum of @axis (of the first client) over all clients, at @at. */
double ms_fluid_sum(const struct ms_fluid *fluid, const double *at, enum ms_fluid_axis axis);

/* ms_fluid_parameter_name, ms_fluid_kind_name - "rho", "saddle". Static. */
const char *ms_fluid_parameter_name(enum ms_fluid_parameter parameter);
const char *ms_fluid_kind_name(enum ms_fluid_kind kind);

double ms_fluid_get(const struct ms_fluid *fluid, enum ms_fluid_parameter parameter);
void ms_fluid_set(struct ms_fluid *fluid, enum ms_fluid_parameter parameter, double value);

/* ms_fluid_late - probability that an attempt of the first client that finds @queue jobs (a real) is late. */
double ms_fluid_late(const struct ms_fluid *fluid, double queue);

/* ms_fluid_drift - the right-hand side, without triggers. @at, @ret_per_s: shape [MS_FLUID_AXES]. */
void ms_fluid_drift(const struct ms_fluid *fluid, const double *at, double *ret_per_s);

/*
 * ms_fluid_fixed_points - all that are found from a grid of starts, by queue.
 * @ret: shape [MS_FLUID_POINTS_MAX].
 *
 * Returns how many (may be 0), or -ENOMEM.
 */
int ms_fluid_fixed_points(
	const struct ms_fluid *fluid, struct ms_fluid_point *ret, struct hb_error *reterr);

/*
 * ms_fluid_run - follow the equation through the triggers of the model.
 * @start: shape [MS_FLUID_AXES]. @delay: with constant waits. @count: samples at 0, @end_s / (@count - 1), ...
 * @ret: shape [@count x MS_FLUID_AXES].
 *
 * Returns 0, -EINVAL (@end_s, @count below 2), -EIO (the integrator gave up; the message says where) or -ENOMEM.
 */
int ms_fluid_run(const struct ms_fluid *fluid, const double *start, double end_s, bool delay,
	uint32_t count, double *ret, struct hb_error *reterr);

struct ms_fluid_curve_point {
	double parameter[2];
	double at[MS_FLUID_AXES];
	bool stable;     /* of branches */
	uint32_t branch; /* of ms_fluid_branches(): which one; else 0 */
};

/*
 * ms_fluid_branch - fixed points while @parameter moves, from @from in both directions, around folds.
 * @low, @high: where the branch ends. @ret: shape [@max], in order along the branch.
 *
 * Returns how many, or -ENOMEM.
 */
int ms_fluid_branch(const struct ms_fluid *fluid, const struct ms_fluid_point *from,
	enum ms_fluid_parameter parameter, double low, double high, uint32_t max,
	struct ms_fluid_curve_point *ret, struct hb_error *reterr);

/*
 * ms_fluid_range - where curves over @parameter end: far on both sides of the model's own value.
 * @ret: {low, high}.
 */
void ms_fluid_range(const struct ms_fluid *fluid, enum ms_fluid_parameter parameter, double *ret);

/*
 * ms_fluid_branches - the branches through all fixed points of the model, within ms_fluid_range().
 * @ret: shape [@max], one branch after the other.
 *
 * Returns how many points, or -ENOMEM.
 */
int ms_fluid_branches(const struct ms_fluid *fluid, enum ms_fluid_parameter parameter, uint32_t max,
	struct ms_fluid_curve_point *ret, struct hb_error *reterr);

/*
 * ms_fluid_fold_curve - where a saddle and a stable point of the high mode meet, over two parameters.
 * @box: {low, high} of each; the curve ends there. @ret: shape [@max], in order along the curve.
 *
 * Returns how many; 0 if no fold was found in the box; or -EINVAL (@max 0).
 */
int ms_fluid_fold_curve(const struct ms_fluid *fluid, enum ms_fluid_parameter first,
	enum ms_fluid_parameter second, const double box[2][2], uint32_t max,
	struct ms_fluid_curve_point *ret, struct hb_error *reterr);

/* Escape of the queue alone, with everything else following it at once. */
struct ms_fluid_escape {
	double action; /* integral of |log of births over deaths| up to the saddle: log of the time, up to a factor */
	double escape_s; /* by the sums of the birth-death chain of whole jobs */
};

/*
 * ms_fluid_escape_time - from the stable point @from over the saddle @over.
 *
 * Returns 0, or -EDOM (the queue does not lie between them, or has no birth and death there).
 */
int ms_fluid_escape_time(const struct ms_fluid *fluid, const struct ms_fluid_point *from,
	const struct ms_fluid_point *over, struct ms_fluid_escape *ret, struct hb_error *reterr);

#endif
