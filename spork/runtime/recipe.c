/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "recipe.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "arena.h"
#include "files.h"
#include "loader.h"
#include "raw_syscall.h"
#include "runtime.h"
#include "text.h"

#define RECIPE_MAX (4U << 20) /* bytes */
#define FAILED_MAX 8          /* guards that failed, before a context is only interpreted */
#define GIVEN_UP UINT64_MAX
#define OBJECTS_MAX 128

static bool recipe_path(char path[FILES_PATH_BYTES], const uint64_t key[2])
{
	size_t at;

	if (!files_cache_path(path, "/recipes/"))
		return false;
	for (at = 0; path[at];)
		at++;
	at = text_append_number(path, FILES_PATH_BYTES, at, key[0], 16);
	at = text_append(path, FILES_PATH_BYTES, at, "-");
	at = text_append_number(path, FILES_PATH_BYTES, at, key[1], 16);
	return at + 8 < FILES_PATH_BYTES;
}

SPORK_FAST static struct session_recipe *slot_of(struct session *session, const uint64_t key[2])
{
	for (uint32_t i = 0; i < session->recipe_count; i++) {
		if (session->recipes[i].key[0] == key[0] && session->recipes[i].key[1] == key[1])
			return &session->recipes[i];
	}
	if (session->recipe_count == SESSION_RECIPES)
		return NULL;
	session->recipes[session->recipe_count] =
		(struct session_recipe){{key[0], key[1]}, NULL, 0, false};
	return &session->recipes[session->recipe_count++];
}

/* The modules that a recipe leads through, which this process may not have met yet. */
static void learn_modules(struct session *session, const void *recipe)
{
	const struct link_map *map = loader_first();

	for (int i = 0; map && i < OBJECTS_MAX; i++, map = map->l_next) {
		uint64_t base = map->l_ld ? session_object((uint64_t)map->l_ld) : 0;
		struct spork_build_id id;

		if (base && loader_build_id(base, &id) && spork_trace_uses(recipe, &id))
			(void)session_module(session, (uint64_t)map->l_ld);
	}
}

SPORK_FAST const void *recipe_find(
	struct session *session, const uint64_t key[2], size_t *ret_size_bytes)
{
	struct session_recipe *slot = slot_of(session, key);
	char path[FILES_PATH_BYTES];
	struct stat status;
	void *bytes;

	if (!slot)
		return NULL;
	if (!slot->bytes) {
		if (!recipe_path(path, key) || raw2(SYS_lstat, path, &status) ||
			status.st_size <= 0 || status.st_size > RECIPE_MAX)
			return NULL;
		bytes = files_map(path, (size_t)status.st_size, false);
		if (bytes == MAP_FAILED)
			return NULL;
		if (spork_trace_check(bytes, (size_t)status.st_size)) {
			(void)raw2(SYS_munmap, bytes, status.st_size);
			return NULL;
		}
		learn_modules(session, bytes);
		slot->bytes = bytes;
		slot->size_bytes = (size_t)status.st_size;
	}
	*ret_size_bytes = slot->size_bytes;
	return slot->bytes;
}

bool recipe_save(const uint64_t key[2], const void *bytes, size_t size_bytes)
{
	char path[FILES_PATH_BYTES], temporary[FILES_PATH_BYTES];
	size_t at;
	int64_t fd, written;

	if (!recipe_path(path, key))
		return false;
	at = text_append(temporary, FILES_PATH_BYTES, 0, path);
	at = text_append(temporary, FILES_PATH_BYTES, at, ".");
	(void)text_append_number(temporary, FILES_PATH_BYTES, at, (uint64_t)raw0(SYS_getpid), 10);
	fd = raw3(SYS_open, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return false;
	written = raw3(SYS_write, fd, bytes, size_bytes);
	(void)raw1(SYS_close, fd);
	if (written == (int64_t)size_bytes && raw2(SYS_rename, temporary, path) == 0)
		return true;
	(void)raw1(SYS_unlink, temporary);
	return false;
}

SPORK_FAST void recipe_prepare(struct arena *arena)
{
	struct spork_store_entry *entry = arena->entry;
	struct spork_machine *machine = &arena->attempt.machine;

	arena->recipe = NULL;
	arena->trace_on = false;
	/* With other threads what was read has to be compared again, which a recipe does not do. */
	if (!entry || arena->attempt.caller.threaded || entry->recipe_faults == GIVEN_UP)
		return;
	if (entry->verdict == SPORK_VERDICT_RECIPE) {
		arena->recipe = recipe_find(arena->session, arena->chain.key, &arena->recipe_bytes);
		arena->recipe_position = 0;
		machine->recipe_checked = arena->recipe;
		if (arena->recipe)
			return;
	}
	/* The first success may have been the only one there will be; the second is worth keeping. */
	if (entry->converted > 0)
		arena->trace_on =
			spork_trace_begin(machine, arena->trace, sizeof(arena->trace)) != NULL;
}

/* The context's digest: the first contexts of a process have one each. */
SPORK_FAST static struct spork_digest *digest_of(struct arena *arena)
{
	for (size_t i = 0; i < ARENA_DIGESTS; i++) {
		if (!arena->digest_recipes[i])
			arena->digest_recipes[i] = arena->recipe;
		if (arena->digest_recipes[i] == arena->recipe)
			return (struct spork_digest *)(void *)arena->digests[i];
	}
	return NULL;
}

SPORK_FAST int recipe_replay_step(struct arena *arena)
{
	struct spork_machine *machine = &arena->attempt.machine;
	struct spork_digest *digest = digest_of(arena);
	uint64_t before;
	int stop;

	if (!digest)
		return spork_trace_replay(
			machine, arena->recipe, arena->recipe_bytes, &arena->recipe_position);
	before = spork_digest_hits(digest);
	stop = spork_digest_replay(
		digest, machine, arena->recipe, arena->recipe_bytes, &arena->recipe_position);
	if (spork_digest_hits(digest) > before)
		spork_notice(SPORK_NOTICE_DIGESTS, 1);
	return stop;
}

SPORK_FAST bool recipe_matches(struct arena *arena)
{
	struct session_recipe *slot = slot_of(arena->session, arena->chain.key);

	if (!slot)
		return false;
	if (!slot->matches)
		slot->matches = spork_trace_compare(&arena->attempt.machine, arena->recipe) == 0;
	return slot->matches;
}

SPORK_FAST void recipe_keep(struct arena *arena)
{
	struct spork_store_entry *entry = arena->entry;
	int64_t size;

	if (arena->recipe && !arena->recipe_led && ++entry->recipe_faults > FAILED_MAX) {
		entry->recipe_faults = GIVEN_UP;
		spork_store_set(entry, SPORK_VERDICT_RECORD);
	}
	if (!arena->trace_on)
		return;
	/* The strings of execve are not needed any more. */
	size = spork_trace_end(arena->attempt.machine.trace, arena->strings, RECIPE_MAX);
	if (size > 0 && recipe_save(arena->chain.key, arena->strings, (size_t)size))
		spork_store_set(entry, SPORK_VERDICT_RECIPE);
	else
		entry->recipe_faults = GIVEN_UP;
}
