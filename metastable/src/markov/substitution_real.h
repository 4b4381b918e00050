/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The four substitutions for one type of number: include with REAL (the type) and NAME(x) (x with a suffix) defined.
 * Right and left solutions walk the fronts upwards, then downwards; only pivots divide.
 */
static void NAME(add_row)(REAL *to, const double *row, REAL factor, uint32_t count)
{
	for (uint32_t j = 0; j < count; j++)
		to[j] += factor * (REAL)row[j];
}

/* Four sums, so that additions need not wait for one another. */
static REAL NAME(row_times)(const double *row, const REAL *x, uint32_t count)
{
	REAL sum[8] = {0};
	uint32_t j = 0;

	for (; j + 8 <= count; j += 8) {
		for (uint32_t l = 0; l < 8; l++)
			sum[l] += (REAL)row[j + l] * x[j + l];
	}
	for (; j < count; j++)
		sum[0] += (REAL)row[j] * x[j];
	return ((sum[0] + sum[1]) + (sum[2] + sum[3])) + ((sum[4] + sum[5]) + (sum[6] + sum[7]));
}

/* Upwards through one front: what flows from its pivots to the states after them, along @rows. */
static void NAME(front_up)(const struct elimination *e, const struct elimination_node *n,
	const double *rows, bool divide, REAL *x, REAL *local)
{
	const uint32_t *boundary = e->boundary + n->boundary_start;
	uint32_t size = n->pivots + n->boundary_count;

	for (uint32_t k = 0; k < n->pivots; k++)
		local[k] = x[n->first + k];
	for (uint32_t i = 0; i < n->boundary_count; i++)
		local[n->pivots + i] = 0;
	for (uint32_t k = 0; k < n->pivots; k++) {
		double pivot = e->pivot[n->first + k];

		if (divide)
			local[k] = pivot > 0.0 ? local[k] / (REAL)pivot : 0;
		NAME(add_row)(local + k + 1, rows, local[k], size - k - 1);
		rows += size - k - 1;
	}
	for (uint32_t k = 0; k < n->pivots; k++)
		x[n->first + k] = local[k];
	for (uint32_t i = 0; i < n->boundary_count; i++)
		x[boundary[i]] += local[n->pivots + i];
}

/* Downwards through one front: pivots from the states after them, along @rows. */
static void NAME(front_down)(const struct elimination *e, const struct elimination_node *n,
	const double *rows, bool divide, REAL *x, REAL *local)
{
	const uint32_t *boundary = e->boundary + n->boundary_start;
	uint32_t size = n->pivots + n->boundary_count;
	const double *row =
		rows + (uint64_t)n->pivots * size - (uint64_t)n->pivots * (n->pivots + 1) / 2;

	for (uint32_t k = 0; k < n->pivots; k++)
		local[k] = x[n->first + k];
	for (uint32_t i = 0; i < n->boundary_count; i++)
		local[n->pivots + i] = x[boundary[i]];
	for (uint32_t k = n->pivots; k-- > 0;) {
		double pivot = e->pivot[n->first + k];

		row -= size - k - 1;
		local[k] += NAME(row_times)(row, local + k + 1, size - k - 1);
		if (divide)
			local[k] = pivot > 0.0 ? local[k] / (REAL)pivot : 0;
	}
	for (uint32_t k = 0; k < n->pivots; k++)
		x[n->first + k] = local[k];
}

static void NAME(right)(const struct elimination *e, REAL *x, REAL *local)
{
	for (uint32_t n = 0; n < e->nodes; n++)
		NAME(front_up)(e, &e->node[n], e->node[n].in, true, x, local);
	for (uint32_t n = e->nodes; n-- > 0;)
		NAME(front_down)(e, &e->node[n], e->node[n].out, false, x, local);
}

static void NAME(left)(const struct elimination *e, REAL *y, REAL *local)
{
	for (uint32_t n = 0; n < e->nodes; n++)
		NAME(front_up)(e, &e->node[n], e->node[n].out, false, y, local);
	for (uint32_t n = e->nodes; n-- > 0;)
		NAME(front_down)(e, &e->node[n], e->node[n].in, true, y, local);
}
