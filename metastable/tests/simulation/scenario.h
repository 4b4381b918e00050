/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Models of the tests, written as text. Not thread-safe. */
#ifndef METASTABLE_TEST_SCENARIO_H
#define METASTABLE_TEST_SCENARIO_H

#include <metastable/simulation.h>

/* One run of a service of the paper: formatted with its queue. */
#define RUNNING_EXAMPLE                                                                   \
	"server db { threads 1; queue 150 fifo; service exp 10/s; on_full drop }\n"       \
	"client c -> db { rate poisson 5/s; timeout 5s; retry 5 immediate; cancel no }\n" \
	"trigger { at 300s for 600s rate c 15/s }\n"

/* scenario_model - what @text says, with parameters of @overrides ("db.queue=35 c.rate=2", may be NULL). */
struct ms_model scenario_model(const char *text, const char *overrides);

/* scenario_run - one run of @end_s seconds (0 = the default) with the digest. */
struct ms_run_result scenario_run(const struct ms_model *model, double end_s, uint64_t replication);

/* scenario_seed - HB_SEED or a fixed one; printed. */
uint64_t scenario_seed(void);

#endif
