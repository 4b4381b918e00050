/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <batching/bulk_queue.h>

#include <errno.h>
#include <inttypes.h>
#include <math.h>

#include <hotbed/assert.h>
#include <hotbed/error.h>

const char *bat_bulk_discipline_name(enum bat_bulk_discipline discipline)
{
	static const char *const names[BAT_BULK_DISCIPLINE_COUNT] = {"joinable", "full", "closed"};

	hb_assert((unsigned int)discipline < BAT_BULK_DISCIPLINE_COUNT);
	return names[discipline];
}

int bat_bulk_queue_check(const struct bat_bulk_queue *queue, struct hb_error *reterr)
{
	double lambda = queue->lambda_per_s, mu = queue->mu_per_s;

	if (queue->limit < 1 || queue->limit > BAT_BULK_LIMIT_MAX)
		return hb_error_set(reterr, -EINVAL,
			"batches of at most %" PRIu32 "; the limit must lie in 1 ... %u",
			queue->limit, BAT_BULK_LIMIT_MAX);
	if (!(lambda >= 1e-9 && lambda <= 1e9) || !(mu >= 1e-9 && mu <= 1e9))
		return hb_error_set(reterr, -EINVAL,
			"arrival rate %g and service rate %g must lie in 1e-9 ... 1e9", lambda, mu);
	if (lambda >= queue->limit * mu)
		return hb_error_set(reterr, -EINVAL,
			"the queue grows without bound: %g arrivals, at most %" PRIu32
			" x %g served; lower the arrival rate or raise the limit",
			lambda, queue->limit, mu);
	return 0;
}

/*
 * With x = 1 - r the equation is lambda x = mu (r - r^(K+1)) = mu r (1 - r^K): so x solves
 * f(x) = lambda x - mu (1 - x) (1 - (1 - x)^K) = 0. In this form a root close to 0 (an almost saturated queue) keeps
 * its digits. f < 0 right of 0 as lambda < K mu, and f(1) = lambda > 0.
 */
static double equation(const struct bat_bulk_queue *queue, double x)
{
	double busy = -expm1(queue->limit * log1p(-x));

	return queue->lambda_per_s * x - queue->mu_per_s * (1 - x) * busy;
}

double bat_bulk_queue_root(const struct bat_bulk_queue *queue, double *ret_complement)
{
	double lo = 0x1p-1000, hi = 1;

	/* Bisection of the exponent first, so that the interval is relatively small; then of the value. */
	while (hi / lo > 2) {
		double middle = sqrt(lo) * sqrt(hi);

		if (equation(queue, middle) < 0)
			lo = middle;
		else
			hi = middle;
	}
	for (int i = 0; i < 60; i++) {
		double middle = lo + (hi - lo) / 2;

		if (equation(queue, middle) < 0)
			lo = middle;
		else
			hi = middle;
	}
	*ret_complement = hi;
	return 1 - hi;
}

int bat_bulk_queue_means(
	const struct bat_bulk_queue *queue, struct bat_bulk_means *ret, struct hb_error *reterr)
{
	double lambda = queue->lambda_per_s, mu = queue->mu_per_s, x, r, L = 0, Lq = 0;
	int err = bat_bulk_queue_check(queue, reterr);

	if (err)
		return err;
	r = bat_bulk_queue_root(queue, &x);
	switch (queue->discipline) {
	case BAT_BULK_JOINABLE:
		L = r / x;
		Lq = pow(r, queue->limit) * r / x;
		break;
	case BAT_BULK_FULL:
		L = (queue->limit - 1) / 2.0 + r / x;
		Lq = L - lambda / mu;
		break;
	case BAT_BULK_CLOSED:
	case BAT_BULK_DISCIPLINE_COUNT:
		Lq = r / (x * x) / (mu / lambda + 1 / x);
		L = Lq + lambda / mu;
		break;
	}
	*ret = (struct bat_bulk_means){
		.in_system = L, .in_queue = Lq, .wait_s = Lq / lambda, .sojourn_s = L / lambda};
	return 0;
}
