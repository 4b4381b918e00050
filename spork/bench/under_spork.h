/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Trials of variants that are named spork... run with the runtime loaded: the driver replaces itself by `spork run`,
 * which runs the driver again in the same process.
 */
#ifndef SPORK_BENCH_UNDER_SPORK_H
#define SPORK_BENCH_UNDER_SPORK_H

#include <stdbool.h>

struct hb_trial;

/* under_spork_enter - to be called first in main(); returns where nothing is to be replaced. */
void under_spork_enter(int argc, char **argv);

/* under_spork - is the runtime loaded? */
bool under_spork(void);

/* under_spork_probe - skip the trial if its runtime is missing. */
int under_spork_probe(struct hb_trial *trial);

/*
 * under_spork_prefix - the words of `spork run ... --` for @mode, for trials that start other programs.
 * @words: room for 16; ends with NULL. @stats: path for spork.stats/1, or NULL. Returns how many, 0 if
 * there is no spork.
 */
int under_spork_prefix(
	const char *mode, const char *min_rss, const char *stats, const char **words);

#endif
