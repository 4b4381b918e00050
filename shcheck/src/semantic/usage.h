/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What built-ins refuse: options that they do not have. See usage.c. */
#ifndef SHCHECK_SEMANTIC_USAGE_H
#define SHCHECK_SEMANTIC_USAGE_H

#include "command.h"

enum shc_refusal {
	SHC_ACCEPTED,
	SHC_PERHAPS_REFUSED, /* an operand that is not known may be an option */
	SHC_REFUSED,
};

/* shc_usage_refusal - does the built-in that @call names have the options that it is given? */
enum shc_refusal shc_usage_refusal(const struct shc_call *call, const struct shc_state *state);

#endif
