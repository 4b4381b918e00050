/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The dynamic linker's own records: loaded objects and their symbols, read without calling into
 * libc.
 */
#ifndef SPORK_LOADER_H
#define SPORK_LOADER_H

#include <link.h>
#include <stdbool.h>
#include <stdint.h>

#include "spork/code.h"

/* loader_first - the first object, or NULL where there is no glibc. */
const struct link_map *loader_first(void);
/*
 * loader_note_first - to be called when the program starts: its objects so far are never unloaded. loader_stays - is
 * @map one of them?
 */
void loader_note_first(void);
bool loader_stays(const struct link_map *map);
/* loader_linker - where the dynamic linker is mapped, or 0. */
uint64_t loader_linker(void);
/* loader_find - the object whose file name (without folders) is @name. */
const struct link_map *loader_find(const char *name);
/*
 * loader_symbol - address of a defined symbol of @map, of its default version; 0 = none. Indirect
 * functions are not found.
 */
uint64_t loader_symbol(const struct link_map *map, const char *name);

/* loader_span - the addresses that @map's segments take. False: it has none. */
bool loader_span(const struct link_map *map, uint64_t *ret_start, uint64_t *ret_end);

/* loader_note_program - to be called with the environment as the kernel has left it, in front of its other words. */
void loader_note_program(char *const *envp);
/* loader_stack - an address in the stack that the program was started with. */
uint64_t loader_stack(void);
/*
 * loader_program_span - from the first page of the program itself to the end of its last segment. False: its headers do
 * not tell where it lies, or it cannot be read there.
 */
bool loader_program_span(uint64_t *ret_start, uint64_t *ret_end);

/* loader_build_id - of the object whose ELF header is mapped at @base; false = has none in its first page. */
bool loader_build_id(uint64_t base, struct spork_build_id *ret_id);

#endif
