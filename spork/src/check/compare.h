/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Comparing what was seen of runs. What two runs with fork do not agree on is the command's own chance and
 * is not compared.
 */
#ifndef SPORK_CHECK_COMPARE_H
#define SPORK_CHECK_COMPARE_H

#include "observe.h"

enum spork_agreement {
	SPORK_SAME,
	SPORK_SAME_LINES, /* the same lines in another order, as between runs with fork */
	SPORK_DIFFERENT,
	SPORK_UNSTABLE, /* two runs with fork differ: not compared */
	SPORK_ABSENT,   /* could not be seen */
};

/* One thing that was compared: "stdout", "stderr", "status", "orphans", "ledger" or "file PATH". */
struct spork_finding {
	char *item;
	enum spork_agreement agreement;
	char detail[256]; /* what differs, in words; "" if nothing */
};

/*
 * spork_compare - is @tested one of the runs that @first and @second, both with fork, could have been?
 * @kinds: of the ledger compare only which kinds of processes there were, for commands that poll.
 * @ret_findings: released with spork_findings_finish(). Files that no run changed are left out.
 *
 * Returns the number of SPORK_DIFFERENT findings, or -ENOMEM.
 */
int spork_compare(const struct spork_observation *first, const struct spork_observation *second,
	const struct spork_observation *tested, bool kinds, struct spork_finding **ret_findings,
	size_t *ret_count);
void spork_findings_finish(struct spork_finding *findings, size_t count);

/* "same", "same lines", "different", "unstable", "not seen". */
const char *spork_agreement_name(enum spork_agreement agreement);

#endif
