/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "leaf.h"

#include <stddef.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "caller.h"
#include "files.h"
#include "runtime.h"
#include "spork/request.h"
#include "text.h"

#define FIRST_PAGE (offsetof(struct spork_store, programs) / PAGE_BYTES * PAGE_BYTES)

static const uint64_t *programs; /* NULL: not to be trusted */

/*
 * Nothing but the programs of the store, and not to be written: a process that has given up its user's rights must
 * not be able to change them.
 */
void leaf_begin(void)
{
	char path[FILES_PATH_BYTES];
	void *mapped;

	if (spork_configuration.trap || !files_cache_path(path, "/verdicts"))
		return;
	mapped = files_map_part(path, FIRST_PAGE, sizeof(struct spork_store) - FIRST_PAGE, false);
	if (mapped != MAP_FAILED)
		programs = (const uint64_t *)((const uint8_t *)mapped +
					      offsetof(struct spork_store, programs) - FIRST_PAGE);
}

/* Libraries are loaded into the program that nobody has looked into. */
SPORK_START static bool has_libraries(char *const *envp)
{
	for (; envp && *envp; envp++) {
		if ((*envp)[0] == 'L' &&
			(text_starts(*envp, "LD_PRELOAD=") || text_starts(*envp, "LD_AUDIT=")))
			return true;
	}
	return false;
}

SPORK_START enum spork_program leaf_look_up(const struct stat *status, char *const *envp)
{
	if (!programs || !S_ISREG(status->st_mode) || has_libraries(envp))
		return SPORK_PROGRAM_STARTS;
	return spork_store_program(programs, status);
}

void leaf_ask(const char *path)
{
	struct spork_program_request request = {.magic = SPORK_PROGRAM_MAGIC};
	struct spork_caller caller;

	/* Who has confined itself may have forbidden sockets, on pain of death. */
	if (path[0] == '/' &&
		text_append(request.path, sizeof(request.path), 0, path) + 1 <
			sizeof(request.path) &&
		caller_look(&caller) == CALLER_FREE)
		files_ask(&request, sizeof(request));
}
