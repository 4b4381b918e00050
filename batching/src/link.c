/* SPDX-License-Identifier: GPL-3.0-or-later */
/* When a frame leaves the emulated link: sent in order at the rate, then on its way for the delay. */
#include <batching/link.h>

#include <errno.h>
#include <inttypes.h>

#include <hotbed/error.h>

#define NS_PER_S 1000000000.0
#define BITS_PER_BYTE 8.0
#define RATE_MIN UINT64_C(1000)

static int check_share(const char *name, double value, struct hb_error *reterr)
{
	if (!(value >= 0 && value <= 1))
		return hb_error_set(reterr, -EINVAL, "%s is %g; it must be 0 ... 1 (0%% ... 100%%)",
			name, value);
	return 0;
}

int bat_link_options_check(const struct bat_link_options *options, struct hb_error *reterr)
{
	if (options->delay_ns < 0 || options->delay_ns > BAT_LINK_DELAY_MAX_NS)
		return hb_error_set(reterr, -EINVAL,
			"delay is %" PRId64 " ns; it must be 0 ... 10 s", options->delay_ns);
	if (options->jitter_ns < 0 || options->jitter_ns > options->delay_ns)
		return hb_error_set(reterr, -EINVAL,
			"jitter is %" PRId64 " ns; it must be 0 ... the delay", options->jitter_ns);
	if (options->rate_bits_per_s != 0 && options->rate_bits_per_s < RATE_MIN)
		return hb_error_set(reterr, -EINVAL,
			"rate is %" PRIu64 " bit/s; it must be 0 (no limit) or at least 1000",
			options->rate_bits_per_s);
	if (check_share("loss", options->loss, reterr))
		return -EINVAL;
	return check_share("reorder", options->reorder, reterr);
}

void bat_link_init(struct bat_link *link, const struct bat_link_options *options, uint64_t seed,
	uint64_t stream)
{
	*link = (struct bat_link){.options = *options, .free_ns = INT64_MIN, .last_ns = INT64_MIN};
	hb_rng_init(&link->rng, seed, stream);
}

enum bat_link_fate bat_link_admit(
	struct bat_link *link, int64_t now_ns, uint32_t bytes, int64_t *ret_ns)
{
	const struct bat_link_options *options = &link->options;
	/* Every frame draws the same numbers, so that one option does not change what another does. */
	bool lost = hb_rng_double(&link->rng) < options->loss;
	bool reordered = hb_rng_double(&link->rng) < options->reorder;
	double jitter = 2 * hb_rng_double(&link->rng) - 1;
	int64_t sent_ns = link->free_ns > now_ns ? link->free_ns : now_ns;
	int64_t there_ns;

	if (options->rate_bits_per_s > 0)
		sent_ns += (int64_t)(bytes * BITS_PER_BYTE * NS_PER_S /
				     (double)options->rate_bits_per_s);
	link->free_ns = sent_ns; /* what is lost on the way took its time, too */
	if (lost)
		return BAT_LINK_LOST;
	if (reordered) {
		*ret_ns = sent_ns;
		return BAT_LINK_REORDERED;
	}
	there_ns = sent_ns + options->delay_ns + (int64_t)(jitter * (double)options->jitter_ns);
	if (there_ns < link->last_ns)
		there_ns = link->last_ns;
	link->last_ns = there_ns;
	*ret_ns = there_ns;
	return BAT_LINK_KEPT;
}
