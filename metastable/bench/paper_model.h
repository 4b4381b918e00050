/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The paper's running example (Figure 2), as metastable/models/running-example.ms has it. */
#ifndef METASTABLE_BENCH_PAPER_MODEL_H
#define METASTABLE_BENCH_PAPER_MODEL_H

#include <metastable/model.h>

struct hb_trial;

/*
 * paper_model - the running example with the blocks @more behind it ("" = none), with its trigger of 300 to 900 s.
 * Returns 0, or -errno after hb_trial_fail().
 */
int paper_model(struct hb_trial *trial, const char *more, struct ms_model *ret);

#endif
