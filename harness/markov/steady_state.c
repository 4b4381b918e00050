/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Steady state and absorption by GTH elimination. See hotbed/markov.h.
 */
#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/error.h>
#include <hotbed/markov.h>

#include "elimination.h"

static int elimination_error(int rc, struct hb_error *reterr)
{
	if (rc == -E2BIG)
		return hb_error_set(reterr, rc,
			"elimination needs more than %d entries; lump equal states together",
			HB_MARKOV_ENTRIES_MAX);
	return hb_error_set(reterr, rc, "not enough memory to solve the chain");
}

/*
 * The closed class of a chain that has only one. A state which all others reach exists exactly then, and the last
 * root of a sweep of searches against the arrows is one if any is.
 */
static int closed_class(const struct hb_markov *chain, const struct rows *rows, bool *member,
	uint32_t *ret_state, struct hb_error *reterr)
{
	uint32_t n = chain->state_count, root = 0;
	struct rows columns;
	char name[2][16];
	int rc = hb_markov_rows_init(chain, true, &columns);

	if (rc)
		return elimination_error(rc, reterr);
	memset(member, 0, n * sizeof(member[0]));
	for (uint32_t i = 0; i < n && !rc; i++) {
		if (member[i])
			continue;
		root = i;
		member[i] = true;
		rc = hb_markov_reach(&columns, n, NULL, member);
	}
	memset(member, 0, n * sizeof(member[0]));
	member[root] = true;
	if (!rc)
		rc = hb_markov_reach(&columns, n, NULL, member);
	hb_markov_rows_finish(&columns);
	if (rc)
		return elimination_error(rc, reterr);
	for (uint32_t i = 0; i < n; i++) {
		if (!member[i])
			return hb_error_set(reterr, -EDOM,
				"the long run depends on the start: state %s never reaches state "
				"%s, "
				"and there is no state that all others reach",
				hb_markov_state_name(chain, i, name[0], sizeof(name[0])),
				hb_markov_state_name(chain, root, name[1], sizeof(name[1])));
	}
	memset(member, 0, n * sizeof(member[0]));
	member[root] = true;
	*ret_state = root;
	rc = hb_markov_reach(rows, n, NULL, member);
	return rc ? elimination_error(rc, reterr) : 0;
}

/* Shares of the removed states, last removed first, from those of the states that outlived them. */
static void substitute_back(const struct elimination *e, uint32_t root, double *ret_share,
	long double *share, uint32_t state_count)
{
	long double sum = 1;

	for (uint32_t i = 0; i < state_count; i++)
		share[i] = 0;
	share[root] = 1;
	for (uint32_t k = e->removal_count; k-- > 0;) {
		const struct removal *removal = &e->removals[k];
		long double flow = 0;

		for (uint32_t s = 0; s < removal->count; s++) {
			const struct entry *entry = &e->log[removal->first + s];

			flow += share[entry->column] * entry->rate;
		}
		share[removal->state] = flow / removal->exit_rate;
		sum += share[removal->state];
	}
	for (uint32_t i = 0; i < state_count; i++)
		ret_share[i] = (double)(share[i] / sum);
}

int hb_markov_steady_state(
	const struct hb_markov *chain, double *ret_share, struct hb_error *reterr)
{
	uint32_t n = chain->state_count, root = 0;
	bool *member = calloc(n, sizeof(member[0]));
	long double *share = calloc(n, sizeof(share[0]));
	struct elimination e = {0};
	struct rows rows = {0};
	int rc = member && share ? hb_markov_rows_init(chain, false, &rows) : -ENOMEM;

	if (rc) {
		rc = elimination_error(rc, reterr);
		goto out;
	}
	rc = closed_class(chain, &rows, member, &root, reterr);
	if (rc)
		goto out;
	rc = hb_markov_elimination_init(&e, &rows, n, member, root, true);
	if (!rc)
		rc = hb_markov_eliminate(&e);
	if (rc) {
		rc = elimination_error(rc, reterr);
		goto out;
	}
	substitute_back(&e, root, ret_share, share, n);
out:
	hb_markov_elimination_finish(&e);
	hb_markov_rows_finish(&rows);
	free(member);
	free(share);
	return rc;
}

/*
 * @member: the transient states that @start can reach. Each of them must be able to reach an absorbing one.
 */
static int transient_states(const struct hb_markov *chain, const struct rows *rows, uint32_t start,
	const bool *absorbing, bool *member, struct hb_error *reterr)
{
	uint32_t n = chain->state_count;
	struct rows columns = {0};
	bool *escapes = calloc(n, sizeof(escapes[0]));
	char name[2][16];
	int rc = escapes ? hb_markov_rows_init(chain, true, &columns) : -ENOMEM;

	memset(member, 0, n * sizeof(member[0]));
	member[start] = true;
	if (!rc)
		rc = hb_markov_reach(rows, n, absorbing, member);
	if (!rc) {
		memcpy(escapes, absorbing, n * sizeof(escapes[0]));
		rc = hb_markov_reach(&columns, n, NULL, escapes);
	}
	if (rc)
		rc = elimination_error(rc, reterr);
	for (uint32_t i = 0; i < n && !rc; i++) {
		if (member[i] && !escapes[i])
			rc = hb_error_set(reterr, -EDOM,
				"from state %s, state %s can be reached, which never reaches an "
				"absorbing "
				"state: the mean time is infinite",
				hb_markov_state_name(chain, start, name[0], sizeof(name[0])),
				hb_markov_state_name(chain, i, name[1], sizeof(name[1])));
		member[i] = member[i] && !absorbing[i];
	}
	hb_markov_rows_finish(&columns);
	free(escapes);
	return rc;
}

static int absorption_check(const struct hb_markov *chain, uint32_t start, const bool *absorbing,
	struct hb_error *reterr)
{
	if (start >= chain->state_count)
		return hb_error_set(reterr, -EINVAL, "start state %u is not one of the %u states",
			start, chain->state_count);
	for (uint32_t i = 0; i < chain->state_count; i++)
		if (absorbing[i])
			return 0;
	return hb_error_set(reterr, -EINVAL, "no state is absorbing; name at least one");
}

/*
 * Reduce the chain to @start and the absorbing states. On any outcome hb_markov_elimination_finish().
 */
static int reduce(const struct hb_markov *chain, uint32_t start, const bool *absorbing,
	struct elimination *e, struct hb_error *reterr)
{
	bool *member = calloc(chain->state_count, sizeof(member[0]));
	struct rows rows = {0};
	int rc = member ? hb_markov_rows_init(chain, false, &rows) : -ENOMEM;

	if (rc) {
		rc = elimination_error(rc, reterr);
		goto out;
	}
	rc = transient_states(chain, &rows, start, absorbing, member, reterr);
	if (rc)
		goto out;
	rc = hb_markov_elimination_init(e, &rows, chain->state_count, member, start, false);
	if (!rc)
		rc = hb_markov_eliminate(e);
	if (rc)
		rc = elimination_error(rc, reterr);
out:
	hb_markov_rows_finish(&rows);
	free(member);
	return rc;
}

static long double exit_rate(const struct row *row)
{
	long double sum = 0;

	for (uint32_t k = 0; k < row->count; k++)
		sum += row->entries[k].rate;
	return sum;
}

int hb_markov_absorption_time(const struct hb_markov *chain, uint32_t start, const bool *absorbing,
	double *ret_time, struct hb_error *reterr)
{
	struct elimination e = {0};
	long double time;
	int rc = absorption_check(chain, start, absorbing, reterr);

	if (rc)
		return rc;
	if (absorbing[start]) {
		*ret_time = 0;
		return 0;
	}
	rc = reduce(chain, start, absorbing, &e, reterr);
	if (!rc) {
		time = e.rows[start].time / exit_rate(&e.rows[start]);
		/*
		 * Products of rates may leave even long double; the answer would then be meaningless.
		 */
		if (!(time <= DBL_MAX))
			rc = hb_error_set(reterr, -ERANGE,
				"the mean time to absorption is beyond %g", DBL_MAX);
		else
			*ret_time = (double)time;
	}
	hb_markov_elimination_finish(&e);
	return rc;
}

int hb_markov_absorption_split(const struct hb_markov *chain, uint32_t start, const bool *absorbing,
	double *ret_probability, struct hb_error *reterr)
{
	struct elimination e = {0};
	int rc = absorption_check(chain, start, absorbing, reterr);

	if (rc)
		return rc;
	if (!absorbing[start]) {
		rc = reduce(chain, start, absorbing, &e, reterr);
		if (rc)
			goto out;
	}
	for (uint32_t i = 0; i < chain->state_count; i++)
		ret_probability[i] = 0;
	if (absorbing[start]) {
		ret_probability[start] = 1;
	} else {
		const struct row *row = &e.rows[start];
		long double sum = exit_rate(row);

		for (uint32_t k = 0; k < row->count; k++)
			ret_probability[row->entries[k].column] =
				(double)(row->entries[k].rate / sum);
	}
out:
	hb_markov_elimination_finish(&e);
	return rc;
}
