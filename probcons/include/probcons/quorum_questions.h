/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Questions about quorums in text, so that other programs and tests can ask the very functions that the replicated log
 * decides with. One question a line, blank lines and lines that begin with `#` left out:
 *
 *   commit CONFIG INDEX...     the highest index that a quorum has acknowledged; _ for none
 *   vote CONFIG y|n|_...       won, lost or pending
 *
 * CONFIG is `1,2,3` (majority), `1:2,2:2,3:3` (node:votes), either one followed by `/PER/VC` (votes that commit, votes
 * that elect), or two of these joined by `+` (joint: both must agree). One INDEX or answer per node, `_` for one that
 * has not answered, in the order in which CONFIG first names the nodes.
 */
#ifndef PROBCONS_QUORUM_QUESTIONS_H
#define PROBCONS_QUORUM_QUESTIONS_H

#include <stddef.h>
#include <stdio.h>

struct hb_error;

/*
 * pc_quorum_answer - answer the questions in @text.
 * @text: @length_bytes, need not be terminated. @path: for messages. @answers: gets one line per question.
 *
 * Returns 0 or -EBADMSG (path, line and rule in @reterr); then @answers has those of the lines before.
 */
int pc_quorum_answer(const char *text, size_t length_bytes, const char *path, FILE *answers,
	struct hb_error *reterr);

#endif
