/* SPDX-License-Identifier: GPL-3.0-or-later */
/* probcons mttdl: mean time until a Markov chain is absorbed. */
#include <inttypes.h>
#include <stdio.h>

#include <hotbed/error.h>
#include <hotbed/json_out.h>

#include <probcons/chain_file.h>
#include <probcons/fault_curve.h>

#include "command.h"

static void print_json(const struct pc_chain_file *file, double hours)
{
	struct hb_json_out out = {.stream = stdout};

	hb_json_open(&out, NULL, '{');
	hb_json_put_number(&out, "mttdl_hours", hours);
	hb_json_put_u64(&out, "states", file->state_count);
	hb_json_close(&out, '}');
	(void)putchar('\n');
}

static int run(const struct arguments *arguments, struct hb_error *reterr)
{
	struct pc_chain_file file = {0};
	double hours = 0;
	int err = option_required(arguments, OPT_CHAIN, reterr);

	if (!err)
		err = option_required(arguments, OPT_START, reterr);
	if (!err)
		err = option_required(arguments, OPT_ABSORBING, reterr);
	if (!err)
		err = pc_chain_file_read(arguments->values[OPT_CHAIN], &file, reterr);
	if (!err)
		err = pc_chain_file_mttdl(&file, arguments->values[OPT_START],
			arguments->values[OPT_ABSORBING], &hours, reterr);
	if (!err && arguments->json)
		print_json(&file, hours);
	else if (!err)
		(void)printf("%.17g hours (%.6g years), %" PRIu32 " states\n", hours,
			hours / PC_HOURS_PER_YEAR, file.state_count);
	pc_chain_file_finish(&file);
	return err;
}

const struct command command_mttdl = {
	.name = "mttdl",
	.help = "mean time until a Markov chain of rates per hour is absorbed",
	.options = "chain start absorbing",
	.run = run,
};
