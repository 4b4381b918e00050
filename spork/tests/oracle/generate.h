/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Random programs that fork: C source of cases, each a parent and a child of 1-40 effects. Case number i of
 * a seed is always the same, whatever file it is written to.
 */
#ifndef SPORK_ORACLE_GENERATE_H
#define SPORK_ORACLE_GENERATE_H

#include <stdint.h>
#include <stdio.h>

/* generate - write cases @first ... @first + @count - 1 of @seed to @file, as one translation unit for support.c. */
void oracle_generate(FILE *file, uint64_t seed, int first, int count);

#endif
