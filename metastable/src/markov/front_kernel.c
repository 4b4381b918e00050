/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "front_kernel.h"

/* A panel of this many states is eliminated at once; STRIP columns of its rows are held in the first cache. */
#define PANEL 64
#define STRIP 24
#define ROWS 8

/*
 * The loops over STRIP are written for the vectoriser: the same source is compiled for three instruction sets and the
 * widest that the processor has is chosen when the program runs.
 */
#define FORCE_INLINE static inline __attribute__((always_inline))

typedef double lane __attribute__((vector_size(64), aligned(8)));
#define LANES (STRIP / 8)

/*
 * Pivots of one panel: rest[i] stands for all columns after the panel and for killing. Only sums, products and
 * quotients of non-negative numbers occur.
 */
static uint32_t panel_pivots(const struct front *f, uint32_t first, uint32_t count, double *pivot)
{
	double rest[PANEL];

	for (uint32_t i = 0; i < count; i++) {
		const double *row = f->rate + (size_t)(first + i) * f->stride;
		double sum = f->killing[first + i];

		for (uint32_t j = first + count; j < f->size; j++)
			sum += row[j];
		rest[i] = sum;
	}
	for (uint32_t k = 0; k < count; k++) {
		double *row = f->rate + (size_t)(first + k) * f->stride + first;
		double out = rest[k];

		for (uint32_t j = k + 1; j < count; j++)
			out += row[j];
		pivot[k] = out;
		if (!(out > 0.0))
			return k + 1;
		for (uint32_t j = k + 1; j < count; j++)
			row[j] /= out;
		rest[k] /= out;
		for (uint32_t i = k + 1; i < count; i++) {
			double *other = f->rate + (size_t)(first + i) * f->stride + first;
			double into = other[k];

			for (uint32_t j = k + 1; j < count; j++)
				other[j] += into * row[j];
			rest[i] += into * rest[k];
		}
	}
	return 0;
}

/* Killing of the panel's rows and of the rows below, by the same substitutions as for a column of the front. */
static void panel_killing(
	const struct front *f, uint32_t first, uint32_t count, const double *pivot)
{
	double *killing = f->killing + first;

	for (uint32_t k = 0; k < count; k++) {
		const double *row = f->rate + (size_t)(first + k) * f->stride + first;
		double sum = killing[k];

		for (uint32_t l = 0; l < k; l++)
			sum += row[l] * killing[l];
		killing[k] = pivot[k] > 0.0 ? sum / pivot[k] : 0.0;
	}
	for (uint32_t i = first + count; i < f->size; i++) {
		const double *row = f->rate + (size_t)i * f->stride + first;
		double sum = f->killing[i];

		for (uint32_t k = 0; k < count; k++)
			sum += row[k] * killing[k];
		f->killing[i] = sum;
	}
}

/* The panel's columns in the rows below it: what flows into k through the panel's states before k. */
FORCE_INLINE void panel_columns(const struct front *f, uint32_t first, uint32_t count)
{
	for (uint32_t i = first + count; i < f->size; i++) {
		double *into = f->rate + (size_t)i * f->stride + first;

		for (uint32_t l = 0; l + 1 < count; l++) {
			const double *row = f->rate + (size_t)(first + l) * f->stride + first;
			double flow = into[l];

			for (uint32_t k = l + 1; k < count; k++)
				into[k] += flow * row[k];
		}
	}
}

/* One strip of columns of the panel's rows, finished: strip[k] becomes the probabilities of row k. */
FORCE_INLINE void strip_rows(const struct front *f, uint32_t first, uint32_t count,
	const double *pivot, double (*strip)[STRIP])
{
	for (uint32_t k = 0; k < count; k++) {
		const double *row = f->rate + (size_t)(first + k) * f->stride + first;
		lane sum[LANES];
		lane *own = (lane *)(void *)strip[k];

		for (uint32_t v = 0; v < LANES; v++)
			sum[v] = own[v];
		for (uint32_t l = 0; l < k; l++) {
			const lane *done = (const lane *)(const void *)strip[l];

			for (uint32_t v = 0; v < LANES; v++)
				sum[v] += row[l] * done[v];
		}
		for (uint32_t v = 0; v < LANES; v++)
			own[v] = sum[v] / pivot[k];
	}
}

/* ROWS x STRIP rates += ROWS x count rates into the panel, times count x STRIP probabilities out of it. */
FORCE_INLINE void block_update(double *rate, size_t stride, const double *into, uint32_t count,
	const double (*strip)[STRIP])
{
	lane sum[ROWS][LANES];

	for (uint32_t i = 0; i < ROWS; i++) {
		const lane *row = (const lane *)(const void *)(rate + i * stride);

		for (uint32_t v = 0; v < LANES; v++)
			sum[i][v] = row[v];
	}
	for (uint32_t k = 0; k < count; k++) {
		const lane *row = (const lane *)(const void *)strip[k];

		for (uint32_t i = 0; i < ROWS; i++) {
			double flow = into[i * stride + k];

			for (uint32_t v = 0; v < LANES; v++)
				sum[i][v] += flow * row[v];
		}
	}
	for (uint32_t i = 0; i < ROWS; i++) {
		lane *row = (lane *)(void *)(rate + i * stride);

		for (uint32_t v = 0; v < LANES; v++)
			row[v] = sum[i][v];
	}
}

/* The same for what is left at the lower and the right edge. */
FORCE_INLINE void edge_update(double *rate, size_t stride, const double *into, uint32_t count,
	const double (*strip)[STRIP], uint32_t rows, uint32_t columns)
{
	for (uint32_t i = 0; i < rows; i++) {
		for (uint32_t k = 0; k < count; k++) {
			double flow = into[i * stride + k];

			for (uint32_t j = 0; j < columns; j++)
				rate[i * stride + j] += flow * strip[k][j];
		}
	}
}

FORCE_INLINE void panel_strip(const struct front *f, uint32_t first, uint32_t count,
	const double *pivot, uint32_t column, double (*strip)[STRIP])
{
	uint32_t columns = f->size - column < STRIP ? f->size - column : STRIP;
	size_t stride = f->stride;
	uint32_t row = first + count;

	for (uint32_t k = 0; k < count; k++) {
		memset(strip[k], 0, sizeof(strip[k]));
		memcpy(strip[k], f->rate + (first + k) * stride + column, columns * sizeof(double));
	}
	strip_rows(f, first, count, pivot, strip);
	for (uint32_t k = 0; k < count; k++)
		memcpy(f->rate + (first + k) * stride + column, strip[k], columns * sizeof(double));
	if (columns == STRIP) {
		for (; row + ROWS <= f->size; row += ROWS)
			block_update(f->rate + row * stride + column, stride,
				f->rate + row * stride + first, count,
				(const double(*)[STRIP])strip);
	}
	edge_update(f->rate + row * stride + column, stride, f->rate + row * stride + first, count,
		(const double(*)[STRIP])strip, f->size - row, columns);
}

FORCE_INLINE void panel_rest(
	const struct front *f, uint32_t first, uint32_t count, const double *pivot)
{
	double strip[PANEL][STRIP] __attribute__((aligned(64)));

	panel_columns(f, first, count);
	panel_killing(f, first, count, pivot);
	for (uint32_t column = first + count; column < f->size; column += STRIP)
		panel_strip(f, first, count, pivot, column, strip);
}

static void rest_plain(const struct front *f, uint32_t first, uint32_t count, const double *pivot)
{
	panel_rest(f, first, count, pivot);
}

#if defined(__x86_64__)
__attribute__((target("avx2,fma"))) static void rest_avx2(
	const struct front *f, uint32_t first, uint32_t count, const double *pivot)
{
	panel_rest(f, first, count, pivot);
}

/* gcc would use half of the width otherwise; clang does not know the word. */
#if defined(__clang__)
#define TARGET_AVX512 "avx512f,avx512dq,avx512vl,fma"
#else
#define TARGET_AVX512 "avx512f,avx512dq,avx512vl,fma,prefer-vector-width=512"
#endif

__attribute__((target(TARGET_AVX512))) static void rest_avx512(
	const struct front *f, uint32_t first, uint32_t count, const double *pivot)
{
	panel_rest(f, first, count, pivot);
}
#endif

static void rest(const struct front *f, uint32_t first, uint32_t count, const double *pivot)
{
#if defined(__x86_64__)
	if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
		__builtin_cpu_supports("avx512vl")) {
		rest_avx512(f, first, count, pivot);
		return;
	}
	if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
		rest_avx2(f, first, count, pivot);
		return;
	}
#endif
	rest_plain(f, first, count, pivot);
}

uint32_t front_eliminate(const struct front *front, uint32_t pivots, double *ret_pivot)
{
	for (uint32_t first = 0; first < pivots; first += PANEL) {
		uint32_t count = pivots - first < PANEL ? pivots - first : PANEL;
		uint32_t stuck = panel_pivots(front, first, count, ret_pivot + first);

		if (stuck != 0 && first + stuck < front->size)
			return first + stuck;
		rest(front, first, count, ret_pivot + first);
		if (stuck != 0)
			return first + stuck;
	}
	return 0;
}
