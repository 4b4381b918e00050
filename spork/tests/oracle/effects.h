/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The templates that cases are made of: C statements in which these are replaced by random values.
 *
 *   $d  descriptor 3...11       $D  descriptor 0...11     $i  0...999        $k  1...20        $x  1...5,000
 *   $s  signal that harms nobody by default                $S  any signal that can be handled   $b  0 or 1
 *   $f  an existing file        $n  a file to create      $e  name of an environment variable  $r  resource limit
 *
 * A leading ! marks what executors leave to fork: half of the cases do without, so that they can be converted.
 */
#ifndef SPORK_ORACLE_EFFECTS_H
#define SPORK_ORACLE_EFFECTS_H

extern const char *const child_effects[]; /* between fork and the ending */
extern const char *const parent_setups[]; /* before fork */
extern const char *const parent_steps[];  /* after fork, before waiting */
#define TAME_ENDINGS 17                   /* the first of them, which exec */
extern const char *const child_endings[]; /* exec, in all ways, or the end without it */
extern const char *const includes;

#endif
