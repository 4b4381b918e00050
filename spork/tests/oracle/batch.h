/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Running generated cases one after another, each in a folder of its own, and writing down all that
 * could be seen of each.
 */
#ifndef SPORK_ORACLE_BATCH_H
#define SPORK_ORACLE_BATCH_H

/*
 * batch - run cases @first ... @first + @count - 1 of @program; what was seen of case N goes to @folder/N.txt.
 * @rounds: how often each case does its fork. The environment names an optional library to load into the
 * program only: ORACLE_PRELOAD, with ORACLE_SABOTEUR for its use.
 *
 * Returns 0 or -errno. Every case ends within 20 seconds or is killed and reported so.
 */
int oracle_batch(const char *program, const char *folder, int first, int count, int rounds);

/* prepare - make @folder with the files that cases use. 0 or -errno. */
int oracle_prepare(const char *folder);

#endif
