/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SPORK_LEAF_PROGRAM_H
#define SPORK_LEAF_PROGRAM_H

#include <stdint.h>

/*
 * leaf_find_out - is the program at @path a leaf (spork/store.h)? What is found goes into @programs. A file that
 * is no ELF program is none; one that changes meanwhile is left open. Reads the program and the libraries that it
 * needs, at most 4 MiB each. Blocks on the disk.
 */
void leaf_find_out(uint64_t *programs, const char *path);

#endif
