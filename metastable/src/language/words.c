/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The words of the language's choices. See parameter.h. */
#include "parameter.h"

const char *const ms_discipline_words[] = {"fifo", "lifo", "adaptive_lifo", "retries_last", NULL};
const char *const ms_refusal_words[] = {"drop", "reject", NULL};
const char *const ms_distribution_words[] = {
	"exp", "constant", "erlang", "hyperexp", "lognormal", "uniform", NULL};
const char *const ms_arrivals_words[] = {"poisson", "paced", NULL};
const char *const ms_backoff_words[] = {"immediate", "constant", "exponential", NULL};
const char *const ms_jitter_words[] = {"none", "full", "equal", NULL};
const char *const ms_cancel_words[] = {"no", "waiting", "always", NULL};
const char *const ms_timeout_words[] = {"none", "constant", "exp", "erlang", NULL};
const char *const ms_popularity_words[] = {"uniform", "zipf", NULL};
const char *const ms_fill_words[] = {"success", "always", NULL};
const char *const ms_start_words[] = {"cold", "warm", NULL};
const char *const ms_trigger_words[] = {"rate", "capacity", "latency", "flush", NULL};
