/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Tilted polynomial products by FFT. See probcons/fft_tilt.h.
 *
 * Node i is the polynomial a_i + b_i x. With x = e^theta it becomes a Bernoulli variable of parameter r_i =
 * b_i x / (a_i + b_i x), and a coefficient of the product is exp(sum ln(a_i + b_i x) - theta k) times the tilted
 * probability of k, which is of ordinary size when theta makes k the mean.
 */
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <gsl/gsl_fft_halfcomplex.h>
#include <gsl/gsl_fft_real.h>

#include <hotbed/error.h>

#include <probcons/fft_tilt.h>
#include <probcons/node.h>

#define BLOCK 64 /* nodes multiplied directly before FFT pays */

struct product {
	const long double *a, *b; /* shape [count], both > 0 */
	uint32_t count;
	long double theta;
	long double log_scale; /* sum of ln(a_i + b_i e^theta) */
	double *pmf;           /* shape [count + 1]: tilted probabilities */
};

static long double mean(const struct product *p, long double theta)
{
	long double x = expl(theta), sum = 0;

	for (uint32_t i = 0; i < p->count; i++)
		sum += p->b[i] * x / (p->a[i] + p->b[i] * x);
	return sum;
}

/*
 * The theta at which @k is the mean; 0 < k < count. The mean grows with theta; it need not be met to the last bit.
 */
static long double tilt(const struct product *p, uint32_t k)
{
	long double lo = -1, hi = 1;

	while (mean(p, lo) > k && lo > -11000)
		lo *= 2;
	while (mean(p, hi) < k && hi < 11000)
		hi *= 2;
	for (int step = 0; step < 60; step++) {
		long double middle = (lo + hi) / 2, at = mean(p, middle);

		if (fabsl(at - k) < 1e-3L)
			return middle;
		if (at < k)
			lo = middle;
		else
			hi = middle;
	}
	return (lo + hi) / 2;
}

/* pmf[0 ... count] of nodes [first, first + count), directly. */
static void multiply_block(const struct product *p, uint32_t first, uint32_t count, double *pmf)
{
	long double x = expl(p->theta);

	memset(pmf, 0, (count + 1) * sizeof(pmf[0]));
	pmf[0] = 1;
	for (uint32_t i = 0; i < count; i++) {
		long double b = p->b[first + i] * x, a = p->a[first + i];
		double yes = (double)(b / (a + b)), no = (double)(a / (a + b));

		for (uint32_t j = i + 1; j > 0; j--)
			pmf[j] = pmf[j] * no + pmf[j - 1] * yes;
		pmf[0] *= no;
	}
}

/*
 * @left (@n + 1 coefficients) times @right (@m + 1), into @ret; @work holds 2 x @size doubles, size a power of 2 >
 * n + m.
 */
static void multiply(const double *left, uint32_t n, const double *right, uint32_t m, double *ret,
	double *work, size_t size)
{
	double *x = work, *y = work + size;

	memset(work, 0, 2 * size * sizeof(work[0]));
	memcpy(x, left, (n + 1) * sizeof(x[0]));
	memcpy(y, right, (m + 1) * sizeof(y[0]));
	(void)gsl_fft_real_radix2_transform(x, 1, size);
	(void)gsl_fft_real_radix2_transform(y, 1, size);
	x[0] *= y[0];
	x[size / 2] *= y[size / 2];
	for (size_t k = 1; k < size / 2; k++) {
		double re = x[k] * y[k] - x[size - k] * y[size - k];
		double im = x[k] * y[size - k] + x[size - k] * y[k];

		x[k] = re;
		x[size - k] = im;
	}
	(void)gsl_fft_halfcomplex_radix2_inverse(x, 1, size);
	memcpy(ret, x, ((size_t)n + m + 1) * sizeof(ret[0]));
}

/*
 * Multiply neighbours until one polynomial is left. A block of @span nodes that starts at node s has its
 * coefficients at pmf + s + s / BLOCK: every block of BLOCK nodes brings one coefficient more than nodes.
 */
static int multiply_all(const struct product *p, double *pmf)
{
	uint32_t count = p->count;
	size_t size = 2;
	double *work;

	while (size <= count)
		size *= 2;
	work = malloc(2 * size * sizeof(work[0]));
	if (!work)
		return -ENOMEM;
	for (uint32_t s = 0; s < count; s += BLOCK)
		multiply_block(p, s, count - s < BLOCK ? count - s : BLOCK, pmf + s + s / BLOCK);
	for (size_t span = BLOCK; span < count; span *= 2) {
		for (size_t s = 0; s + span < count; s += 2 * span) {
			size_t right = s + span;
			size_t m = count - right < span ? count - right : span;
			double *at = pmf + s + s / BLOCK;

			size = 2;
			while (size <= span + m)
				size *= 2;
			multiply(at, (uint32_t)span, pmf + right + right / BLOCK, (uint32_t)m, at,
				work, size);
		}
	}
	free(work);
	return 0;
}

/*
 * Tilt to mean @k (0 < k < count), or not at all if @tail and the mean is beyond k anyway, and multiply.
 */
static int product_run(struct product *p, uint32_t k, bool tail)
{
	long double x;
	int rc;

	p->theta = tail && mean(p, 0) >= k ? 0 : tilt(p, k);
	x = expl(p->theta);
	p->log_scale = 0;
	for (uint32_t i = 0; i < p->count; i++)
		p->log_scale += logl(p->a[i] + p->b[i] * x);
	p->pmf = calloc((size_t)p->count + p->count / BLOCK + 2, sizeof(p->pmf[0]));
	if (!p->pmf)
		return -ENOMEM;
	rc = multiply_all(p, p->pmf);
	return rc;
}

/* Nodes with 0 < q < 1 into @p; the others are only counted. 0 or -errno; product_finish(). */
static int product_init(struct product *p, const double *q, uint32_t count, bool complement,
	uint32_t *ret_certain, struct hb_error *reterr)
{
	long double *ab;
	uint32_t certain = 0;

	*p = (struct product){0};
	if (count == 0 || count > PC_NODES_MAX)
		return hb_error_set(
			reterr, -E2BIG, "%u nodes; 1 to %u are analysed", count, PC_NODES_MAX);
	ab = malloc(2 * (size_t)count * sizeof(ab[0]));
	if (!ab)
		return hb_error_set(reterr, -ENOMEM, "not enough memory for %u nodes", count);
	p->a = ab;
	p->b = ab + count;
	for (uint32_t i = 0; i < count; i++) {
		if (!(q[i] >= 0 && q[i] <= 1)) {
			free(ab);
			*p = (struct product){0};
			return hb_error_set(reterr, -EINVAL,
				"node %u: fault probability %g is outside [0, 1]", i + 1, q[i]);
		}
		certain += q[i] == 1;
		if (q[i] == 0 || (complement && q[i] == 1))
			continue;
		ab[p->count] = complement ? 1.0L - q[i] : 1;
		ab[count + p->count++] = q[i];
	}
	*ret_certain = certain;
	return 0;
}

static void product_finish(struct product *p)
{
	free((void *)p->a);
	free(p->pmf);
	*p = (struct product){0};
}

static double clip(long double value)
{
	return value < 0 ? 0 : value > 1 ? 1 : (double)value;
}

int pc_fft_tilt_tail(
	const double *q, uint32_t count, uint32_t k, double *ret, struct hb_error *reterr)
{
	struct product p;
	uint32_t certain = 0;
	long double sum = 0;
	int rc = product_init(&p, q, count, true, &certain, reterr);

	if (rc)
		return rc;
	if (k <= certain || k - certain > p.count) {
		*ret = k <= certain;
		goto out;
	}
	k -= certain;
	if (k == p.count) {
		for (uint32_t i = 0; i < p.count; i++)
			sum += logl(p.b[i]);
		*ret = clip(expl(sum));
		goto out;
	}
	rc = product_run(&p, k, true);
	if (rc) {
		rc = hb_error_set(reterr, rc, "not enough memory for %u nodes", count);
		goto out;
	}
	/* Noise of the FFT has either sign and is left as it is, lest its mean be counted. */
	for (uint32_t j = p.count + 1; j-- > k;)
		sum += p.pmf[j] * expl(-p.theta * (j - k));
	*ret = clip(sum * expl(p.log_scale - p.theta * k));
out:
	product_finish(&p);
	return rc;
}

/* ln C(n, k) */
static long double log_choose(uint32_t n, uint32_t k)
{
	int sign;

	return lgammal_r(n + 1.0L, &sign) - lgammal_r(k + 1.0L, &sign) -
	       lgammal_r((long double)(n - k) + 1, &sign);
}

int pc_fft_tilt_mean_product(
	const double *q, uint32_t count, uint32_t k, double *ret, struct hb_error *reterr)
{
	struct product p;
	uint32_t certain = 0;
	long double log_sum = 0;
	int rc;

	if (k > count)
		return hb_error_set(reterr, -EINVAL, "no set of %u among %u nodes", k, count);
	rc = product_init(&p, q, count, false, &certain, reterr);
	if (rc)
		return rc;
	if (k == 0 || k > p.count) {
		*ret = k == 0;
		goto out;
	}
	if (k == p.count) {
		for (uint32_t i = 0; i < p.count; i++)
			log_sum += logl(p.b[i]);
	} else {
		rc = product_run(&p, k, false);
		if (rc) {
			rc = hb_error_set(reterr, rc, "not enough memory for %u nodes", count);
			goto out;
		}
		log_sum = logl(p.pmf[k]) + p.log_scale - p.theta * k;
	}
	*ret = clip(expl(log_sum - log_choose(count, k)));
out:
	product_finish(&p);
	return rc;
}
