/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Models of the experiments: the paper's running example (Figure 2), and others as text; and how runs are judged. */
#ifndef METASTABLE_BENCH_PAPER_MODEL_H
#define METASTABLE_BENCH_PAPER_MODEL_H

#include <metastable/simulation.h>

struct hb_trial;

/*
 * paper_model - the running example with the blocks @more behind it ("" = none), with its trigger of 300 to 900 s.
 * Returns 0, or -errno after hb_trial_fail().
 */
int paper_model(struct hb_trial *trial, const char *more, struct ms_model *ret);

/* model_read - the model that @text is. Returns 0, or -errno after hb_trial_fail(). */
int model_read(struct hb_trial *trial, const char *text, struct ms_model *ret);

/* requests_end_once - do the requests of a client add up? Returns 0, or -errno after hb_trial_fail(). */
int requests_end_once(struct hb_trial *trial, const struct ms_client_counts *counts);

/* laplace_share - (@count + 1) / (@of + 2): a share that ratios can be taken of even if it is none or all. */
double laplace_share(uint32_t count, uint32_t of);

#endif
