/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which service a request is for: all alike, or by Zipf's law, where service i (from 0) has weight 1 / (i + 1)^s.
 *
 * Drawn in constant time from a table of aliases. Thread-safe for reading. Source: Vose, "A Linear Algorithm for
 * Generating Random Numbers with a Given Distribution", IEEE TSE 17(9), 1991.
 */
#ifndef NICOS_POPULARITY_H
#define NICOS_POPULARITY_H

#include <stdint.h>

struct hb_error;
struct hb_rng;
struct nic_popularity;

/*
 * nic_popularity_create - for @services >= 1 services.
 * @exponent: s of Zipf's law, 0 ... 10; 0 = all alike. @ret: nic_popularity_destroy() frees it.
 *
 * Returns 0, -EINVAL or -ENOMEM.
 */
int nic_popularity_create(
	uint32_t services, double exponent, struct nic_popularity **ret, struct hb_error *reterr);

/* nic_popularity_destroy - NULL is allowed. */
void nic_popularity_destroy(struct nic_popularity *popularity);

/* nic_popularity_draw - the next service. */
uint32_t nic_popularity_draw(const struct nic_popularity *popularity, struct hb_rng *rng);

/* nic_popularity_share - the probability of @service. */
double nic_popularity_share(const struct nic_popularity *popularity, uint32_t service);

#endif
