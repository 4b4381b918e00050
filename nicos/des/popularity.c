/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <nicos/popularity.h>

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include <hotbed/error.h>
#include <hotbed/rng.h>

/* A column of the table: below @keep it is its own, above its alias. */
struct column {
	float keep;
	uint32_t alias;
};

struct nic_popularity {
	uint32_t services;
	double exponent, sum;   /* of all weights */
	struct column *columns; /* shape [services]; NULL = all alike */
};

static double weight(const struct nic_popularity *popularity, uint32_t service)
{
	return pow(service + 1.0, -popularity->exponent);
}

/* Vose: columns below the mean are filled up from those above it. */
static int fill_columns(struct nic_popularity *popularity)
{
	uint32_t n = popularity->services, small = 0, large = n;
	double *shares = malloc(n * sizeof(*shares));
	uint32_t *order = malloc(n * sizeof(*order));

	popularity->columns = malloc(n * sizeof(*popularity->columns));
	if (!shares || !order || !popularity->columns) {
		free(shares);
		free(order);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < n; i++) {
		shares[i] = weight(popularity, i) / popularity->sum * n;
		/* Small ones stack up from the front, large ones from the back. */
		order[shares[i] < 1 ? small++ : --large] = i;
	}
	while (small > 0 && large < n) {
		uint32_t low = order[--small], high = order[large];

		popularity->columns[low] =
			(struct column){.keep = (float)shares[low], .alias = high};
		shares[high] -= 1 - shares[low];
		if (shares[high] < 1) {
			large++;
			order[small++] = high;
		}
	}
	/* What is left is 1 but for rounding. */
	while (small > 0) {
		uint32_t i = order[--small];

		popularity->columns[i] = (struct column){.keep = 1, .alias = i};
	}
	for (; large < n; large++)
		popularity->columns[order[large]] =
			(struct column){.keep = 1, .alias = order[large]};
	free(shares);
	free(order);
	return 0;
}

int nic_popularity_create(
	uint32_t services, double exponent, struct nic_popularity **ret, struct hb_error *reterr)
{
	struct nic_popularity *popularity;

	if (services == 0 || !(exponent >= 0 && exponent <= 10))
		return hb_error_set(reterr, -EINVAL,
			"popularity: %u services with exponent %g; use one service at least and 0 "
			"to 10",
			services, exponent);
	popularity = calloc(1, sizeof(*popularity));
	if (!popularity)
		return hb_error_set(reterr, -ENOMEM, "popularity: no memory; free some");
	popularity->services = services;
	popularity->exponent = exponent;
	/* From the smallest, so that little is lost. */
	for (uint32_t i = services; i-- > 0;)
		popularity->sum += weight(popularity, i);
	if (exponent > 0 && fill_columns(popularity)) {
		nic_popularity_destroy(popularity);
		return hb_error_set(reterr, -ENOMEM,
			"popularity: no memory for %u services; use fewer", services);
	}
	*ret = popularity;
	return 0;
}

void nic_popularity_destroy(struct nic_popularity *popularity)
{
	if (!popularity)
		return;
	free(popularity->columns);
	free(popularity);
}

uint32_t nic_popularity_draw(const struct nic_popularity *popularity, struct hb_rng *rng)
{
	const struct column *column;
	uint32_t i;

	if (popularity->services == 1)
		return 0;
	i = (uint32_t)hb_rng_below(rng, popularity->services);
	if (!popularity->columns)
		return i;
	column = &popularity->columns[i];
	return hb_rng_double(rng) < (double)column->keep ? i : column->alias;
}

double nic_popularity_share(const struct nic_popularity *popularity, uint32_t service)
{
	return weight(popularity, service) / popularity->sum;
}
