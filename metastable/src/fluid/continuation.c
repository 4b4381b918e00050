/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fluid_model.h"
#include "hotbed/error.h"

#define UNKNOWNS_MAX (MS_FLUID_AXES + 2)
#define STEP_FIRST 0.01
#define STEP_MIN 1e-7
#define STEP_MAX 0.05
#define CORRECTIONS 12
#define SADDLE_STARTS 48
#define SCAN 24
/* Of a curve that is made branch by branch. */
#define BRANCHES 48

/*
 * A curve in the space of the axes and one or two parameters: fixed points, and for folds a Jacobian without
 * determinant. Unknowns are scaled to be of order 1.
 */
struct curve {
	struct ms_fluid f;
	uint32_t axis[MS_FLUID_AXES], axes;
	enum ms_fluid_parameter parameter[2];
	uint32_t parameters;
	double low[2], high[2];
	double scale[UNKNOWNS_MAX];
	double determinant_scale;
};

static uint32_t unknowns(const struct curve *c)
{
	return c->axes + c->parameters;
}

static void unpack(struct curve *c, const double *y, double *ret_at)
{
	memset(ret_at, 0, MS_FLUID_AXES * sizeof(*ret_at));
	for (uint32_t i = 0; i < c->axes; i++)
		ret_at[c->axis[i]] = y[i] * c->scale[i];
	for (uint32_t p = 0; p < c->parameters; p++)
		ms_fluid_set(&c->f, c->parameter[p], y[c->axes + p] * c->scale[c->axes + p]);
}

static void pack(const struct curve *c, const double *at, double *ret_y)
{
	for (uint32_t i = 0; i < c->axes; i++)
		ret_y[i] = at[c->axis[i]] / c->scale[i];
	for (uint32_t p = 0; p < c->parameters; p++)
		ret_y[c->axes + p] = ms_fluid_get(&c->f, c->parameter[p]) / c->scale[c->axes + p];
}

static double determinant(const struct ms_fluid *f, const double *at)
{
	double jacobian[MS_FLUID_AXES * MS_FLUID_AXES], dummy[MS_FLUID_AXES] = {0.0};
	uint32_t n = fluid_jacobian(f, at, jacobian);

	return fluid_solve(jacobian, dummy, n);
}

/* One equation fewer than unknowns. */
static void residual(struct curve *c, const double *y, double *ret)
{
	double at[MS_FLUID_AXES], drift[MS_FLUID_AXES];

	unpack(c, y, at);
	ms_fluid_drift(&c->f, at, drift);
	for (uint32_t i = 0; i < c->axes; i++)
		ret[i] = drift[c->axis[i]] * c->f.service_s;
	if (c->parameters == 2)
		ret[c->axes] = determinant(&c->f, at) / c->determinant_scale;
}

/* Rows of derivatives, then @last as the last row; shape [m x m]. */
static void bordered(struct curve *c, const double *y, const double *last, double *ret)
{
	uint32_t m = unknowns(c);

	for (uint32_t j = 0; j < m; j++) {
		double there[UNKNOWNS_MAX], up[UNKNOWNS_MAX], down[UNKNOWNS_MAX], step = 5e-5;

		memcpy(there, y, m * sizeof(*y));
		there[j] = y[j] + step;
		residual(c, there, up);
		there[j] = y[j] - step;
		residual(c, there, down);
		for (uint32_t i = 0; i + 1 < m; i++)
			ret[i * m + j] = (up[i] - down[i]) / (2.0 * step);
		ret[(m - 1) * m + j] = last[j];
	}
}

/* Direction of the curve at @y, on the side of @direction. */
static bool tangent(struct curve *c, const double *y, double *direction)
{
	double matrix[UNKNOWNS_MAX * UNKNOWNS_MAX], b[UNKNOWNS_MAX] = {0.0}, norm = 0.0;
	uint32_t m = unknowns(c);

	bordered(c, y, direction, matrix);
	b[m - 1] = 1.0;
	if (fluid_solve(matrix, b, m) == 0.0)
		return false;
	for (uint32_t i = 0; i < m; i++)
		norm += b[i] * b[i];
	norm = sqrt(norm);
	for (uint32_t i = 0; i < m; i++)
		direction[i] = b[i] / norm;
	return isfinite(norm) && norm > 0.0;
}

/* Newton on the plane through @y across @direction. Returns the corrections that it took, or 0. */
static int correct(struct curve *c, double *y, const double *direction)
{
	uint32_t m = unknowns(c);
	double start[UNKNOWNS_MAX];

	memcpy(start, y, m * sizeof(*y));
	for (int k = 1; k <= CORRECTIONS; k++) {
		double matrix[UNKNOWNS_MAX * UNKNOWNS_MAX], b[UNKNOWNS_MAX], moved = 0.0;

		residual(c, y, b);
		b[m - 1] = 0.0;
		for (uint32_t i = 0; i < m; i++)
			b[m - 1] += direction[i] * (y[i] - start[i]);
		bordered(c, y, direction, matrix);
		if (fluid_solve(matrix, b, m) == 0.0)
			return 0;
		for (uint32_t i = 0; i < m; i++) {
			y[i] -= b[i];
			moved = fmax(moved, fabs(b[i]));
		}
		if (!isfinite(moved) || moved > 10.0)
			return 0;
		if (moved < 1e-8)
			return k;
	}
	return 0;
}

static bool in_box(struct curve *c, const double *y)
{
	double at[MS_FLUID_AXES];

	unpack(c, y, at);
	for (uint32_t p = 0; p < c->parameters; p++) {
		double value = y[c->axes + p] * c->scale[c->axes + p];

		if (!(value >= c->low[p] && value <= c->high[p]))
			return false;
	}
	for (uint32_t a = 0; a < MS_FLUID_AXES; a++) {
		if (!(at[a] >= -1e-6))
			return false;
	}
	return at[MS_FLUID_QUEUE] <= c->f.capacity + 1e-6;
}

/* The next point along @direction; @step adapts. */
static bool advance(struct curve *c, double *y, double *direction, double *step)
{
	uint32_t m = unknowns(c);

	while (*step > STEP_MIN) {
		double next[UNKNOWNS_MAX], turned[UNKNOWNS_MAX];
		int corrections;

		for (uint32_t i = 0; i < m; i++)
			next[i] = y[i] + *step * direction[i];
		corrections = correct(c, next, direction);
		memcpy(turned, direction, m * sizeof(*direction));
		if (corrections > 0 && in_box(c, next) && tangent(c, next, turned)) {
			memcpy(y, next, m * sizeof(*y));
			memcpy(direction, turned, m * sizeof(*direction));
			if (corrections <= 4)
				*step = fmin(*step * 1.4, STEP_MAX);
			return true;
		}
		*step *= 0.5;
	}
	return false;
}

static void begin_curve(struct curve *c, const struct ms_fluid *f, uint32_t parameters,
	const enum ms_fluid_parameter *parameter, const double box[2][2])
{
	*c = (struct curve){.f = *f, .parameters = parameters};
	c->axes = fluid_axes(f, c->axis);
	for (uint32_t i = 0; i < c->axes; i++) {
		double largest = fluid_largest(f, c->axis[i]);
		bool waits = c->axis[i] != MS_FLUID_QUEUE &&
			     (c->axis[i] - MS_FLUID_ORBIT) % MS_FLUID_PER_CLIENT <=
				     MS_FLUID_BACKOFF - MS_FLUID_ORBIT;

		c->scale[i] = waits ? 1.0 + largest : largest;
	}
	for (uint32_t p = 0; p < parameters; p++) {
		c->parameter[p] = parameter[p];
		c->low[p] = box[p][0];
		c->high[p] = box[p][1];
		c->scale[c->axes + p] = box[p][1] - box[p][0];
	}
	c->determinant_scale = 1.0;
}

static void note(struct curve *c, const double *y, struct ms_fluid_curve_point *ret)
{
	memset(ret, 0, sizeof(*ret));
	unpack(c, y, ret->at);
	for (uint32_t p = 0; p < c->parameters; p++)
		ret->parameter[p] = y[c->axes + p] * c->scale[c->axes + p];
}

static void reverse(struct ms_fluid_curve_point *point, uint32_t count)
{
	for (uint32_t i = 0; i < count / 2; i++) {
		struct ms_fluid_curve_point swap = point[i];

		point[i] = point[count - 1 - i];
		point[count - 1 - i] = swap;
	}
}

/* Both ways from @y, which is on the curve; half of the room for each. */
static uint32_t follow(struct curve *c, const double *y, const double *direction, uint32_t max,
	struct ms_fluid_curve_point *ret)
{
	uint32_t m = unknowns(c), count = 0;

	for (int way = 0; way < 2; way++) {
		double at[UNKNOWNS_MAX], along[UNKNOWNS_MAX], step = STEP_FIRST;
		uint32_t room = way == 0 ? max / 2 : max;

		memcpy(at, y, m * sizeof(*y));
		memcpy(along, direction, m * sizeof(*y));
		if (!tangent(c, at, along))
			break;
		for (uint32_t i = 0; i < m && way == 0; i++)
			along[i] = -along[i];
		if (way == 1 && count < room)
			note(c, at, &ret[count++]);
		while (count < room && advance(c, at, along, &step))
			note(c, at, &ret[count++]);
		if (way == 0)
			reverse(ret, count);
	}
	return count;
}

int ms_fluid_branch(const struct ms_fluid *fluid, const struct ms_fluid_point *from,
	enum ms_fluid_parameter parameter, double low, double high, uint32_t max,
	struct ms_fluid_curve_point *ret, struct hb_error *reterr)
{
	const double box[2][2] = {{low, high}, {0.0, 1.0}};
	double y[UNKNOWNS_MAX], direction[UNKNOWNS_MAX] = {0.0};
	struct curve c;
	uint32_t count;

	begin_curve(&c, fluid, 1, &parameter, box);
	pack(&c, from->at, y);
	direction[c.axes] = 1.0;
	count = follow(&c, y, direction, max, ret);
	for (uint32_t i = 0; i < count; i++) {
		struct ms_fluid_point point;

		ms_fluid_set(&c.f, parameter, ret[i].parameter[0]);
		if (fluid_describe(&c.f, ret[i].at, &point) < 0)
			return hb_error_set(reterr, -ENOMEM, "out of memory for eigenvalues");
		ret[i].stable = point.stable;
	}
	return (int)count;
}

/* A saddle: Newton from points on the line where the queue stands still. */
static bool find_saddle(const struct ms_fluid *f, struct ms_fluid_point *ret)
{
	double spare = fmax(f->server.threads / f->service_s - fluid_rate(f), 0.0), again = 0.0;

	for (uint32_t c = 0; c < f->clients; c++)
		again += f->client[c].rate_per_s * f->client[c].retries;
	for (uint32_t s = 0; s < SADDLE_STARTS; s++) {
		double at[MS_FLUID_AXES] = {0.0};

		at[MS_FLUID_QUEUE] = f->capacity * (s + 0.5) / SADDLE_STARTS;
		for (uint32_t c = 0; c < f->clients; c++) {
			const struct fluid_client *k = &f->client[c];
			const bool *has = f->has + MS_FLUID_PER_CLIENT * c;
			double *own = at + MS_FLUID_PER_CLIENT * c;

			/* Of what may come again, each client has the part that goes with its load. */
			if (has[MS_FLUID_ORBIT])
				own[MS_FLUID_ORBIT] = spare * k->rate_per_s / again *
						      (k->timeout_s + k->backoff_s) *
						      (k->retries + 1.0);
			if (has[MS_FLUID_TOKENS])
				own[MS_FLUID_TOKENS] = 0.5 * k->client.bucket_capacity;
			if (has[MS_FLUID_WARM])
				own[MS_FLUID_WARM] = 0.5 * k->cache.size;
		}
		if (fluid_newton(f, at) && fluid_describe(f, at, ret) == 0 &&
			ret->kind == MS_SADDLE)
			return true;
	}
	return false;
}

/* A saddle at the parameters as they are, or at the first value of either for which there is one. */
static bool scan_saddle(struct curve *c, struct ms_fluid_point *ret)
{
	struct ms_fluid as_it_is = c->f;

	if (find_saddle(&c->f, ret))
		return true;
	for (uint32_t p = 0; p < 2; p++) {
		for (uint32_t i = 0; i < SCAN; i++) {
			double share = (i + 0.5) / SCAN;

			c->f = as_it_is;
			ms_fluid_set(&c->f, c->parameter[p],
				c->low[p] + share * (c->high[p] - c->low[p]));
			if (find_saddle(&c->f, ret))
				return true;
		}
	}
	return false;
}

/* Along the saddles in one parameter until the determinant changes its sign. Returns whether @at is next to a fold. */
static bool walk_to_fold(struct curve *c, double *at)
{
	const double box[2][2] = {{c->low[0], c->high[0]}, {0.0, 1.0}};

	for (int way = 0; way < 2; way++) {
		double y[UNKNOWNS_MAX], direction[UNKNOWNS_MAX] = {0.0}, step = STEP_FIRST,
					here[MS_FLUID_AXES];
		struct curve b;
		double sign;

		begin_curve(&b, &c->f, 1, c->parameter, box);
		pack(&b, at, y);
		direction[b.axes] = way == 0 ? -1.0 : 1.0;
		sign = determinant(&b.f, at);
		for (uint32_t i = 0; i < 2000 && advance(&b, y, direction, &step); i++) {
			unpack(&b, y, here);
			if (determinant(&b.f, here) * sign < 0.0) {
				memcpy(at, here, sizeof(here));
				c->f = b.f;
				return true;
			}
			/* Close to the fold, small steps. */
			step = fmin(step, 0.02);
		}
	}
	return false;
}

/*
 * Where the branch of saddles turns, in one parameter: the last point before the direction changes, at ever smaller
 * steps. This works where the determinant does not: far above the knee all attempts are late, its slope is below what
 * differences can tell, and yet the branch turns.
 */
static bool turning_point(struct curve *c, const double *at, double *ret_y)
{
	for (int way = 0; way < 2; way++) {
		double y[UNKNOWNS_MAX], direction[UNKNOWNS_MAX] = {0.0}, step = STEP_FIRST,
					longest = 0.02;

		pack(c, at, y);
		direction[c->axes] = way == 0 ? -1.0 : 1.0;
		for (uint32_t i = 0; i < 1000; i++) {
			double before[UNKNOWNS_MAX], along[UNKNOWNS_MAX];

			memcpy(before, y, sizeof(y));
			memcpy(along, direction, sizeof(direction));
			step = fmin(step, longest);
			if (!advance(c, y, direction, &step))
				break;
			if (i == 0 || along[c->axes] * direction[c->axes] >= 0.0)
				continue;
			if (longest < 1e-3) {
				memcpy(ret_y, y, sizeof(y));
				return true;
			}
			longest *= 0.3;
			memcpy(y, before, sizeof(y));
			memcpy(direction, along, sizeof(direction));
		}
	}
	return false;
}

/* One branch for each value of the second parameter. Returns the points of the curve. */
static uint32_t fold_by_branches(const struct ms_fluid *fluid,
	const enum ms_fluid_parameter *parameter, const double box[2][2], uint32_t max,
	struct ms_fluid_curve_point *ret)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < BRANCHES && count < max; i++) {
		double second = box[1][0] + (box[1][1] - box[1][0]) * (i + 0.5) / BRANCHES;
		double y[UNKNOWNS_MAX];
		struct ms_fluid f = *fluid;
		struct ms_fluid_point saddle;
		struct curve c;
		bool found = false;

		ms_fluid_set(&f, parameter[1], second);
		for (uint32_t k = 0; k < SCAN && !found; k++) {
			ms_fluid_set(&f, parameter[0],
				box[0][1] - (box[0][1] - box[0][0]) * (k + 0.5) / SCAN);
			found = find_saddle(&f, &saddle);
		}
		if (!found)
			continue;
		begin_curve(&c, &f, 1, parameter, box);
		if (!turning_point(&c, saddle.at, y))
			continue;
		note(&c, y, &ret[count]);
		ret[count++].parameter[1] = second;
	}
	return count;
}

/* The curve of folds from one that lies near @at, by its own equations. */
static uint32_t fold_by_determinant(struct curve *c, const double *at, const double *direction,
	uint32_t max, struct ms_fluid_curve_point *ret)
{
	double y[UNKNOWNS_MAX];

	pack(c, at, y);
	c->determinant_scale = 1.0 / (c->f.service_s * c->f.service_s);
	if (correct(c, y, direction) == 0 || !in_box(c, y))
		return 0;
	return follow(c, y, direction, max, ret);
}

/* A curve that ends elsewhere than at the edge of the box has got lost. */
static bool at_edge(const struct ms_fluid_curve_point *point, const double box[2][2])
{
	for (uint32_t p = 0; p < 2; p++) {
		double room = 0.06 * (box[p][1] - box[p][0]);

		if (point->parameter[p] < box[p][0] + room ||
			point->parameter[p] > box[p][1] - room)
			return true;
	}
	return false;
}

int ms_fluid_fold_curve(const struct ms_fluid *fluid, enum ms_fluid_parameter first,
	enum ms_fluid_parameter second, const double box[2][2], uint32_t max,
	struct ms_fluid_curve_point *ret, struct hb_error *reterr)
{
	const enum ms_fluid_parameter parameter[2] = {first, second};
	double direction[UNKNOWNS_MAX] = {0.0};
	struct ms_fluid_point saddle;
	uint32_t count = 0;
	struct curve c;
	bool found = false;

	(void)gsl_set_error_handler_off();
	if (max == 0)
		return hb_error_set(reterr, -EINVAL, "a curve of no points was asked for");
	begin_curve(&c, fluid, 2, parameter, box);
	/* The fold may be met along either parameter. */
	for (uint32_t p = 0; p < 2 && !found; p++) {
		struct curve turned;
		const enum ms_fluid_parameter order[2] = {parameter[p], parameter[1 - p]};
		const double boxes[2][2] = {{box[p][0], box[p][1]}, {box[1 - p][0], box[1 - p][1]}};

		begin_curve(&turned, fluid, 2, order, boxes);
		if (!scan_saddle(&turned, &saddle))
			return 0;
		found = walk_to_fold(&turned, saddle.at);
		c.f = turned.f;
		direction[c.axes] = direction[c.axes + 1] = 0.0;
		direction[c.axes + (1 - p)] = 1.0;
	}
	if (found)
		count = fold_by_determinant(&c, saddle.at, direction, max, ret);
	if (count > 2 && at_edge(&ret[0], box) && at_edge(&ret[count - 1], box))
		return (int)count;
	return (int)fold_by_branches(fluid, parameter, box, max, ret);
}
