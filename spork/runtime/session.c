/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "session.h"

#include <dlfcn.h>
#include <string.h>
#include <sys/mman.h>

#include "code_changes.h"
#include "files.h"
#include "loader.h"
#include "raw_syscall.h"
#include "runtime.h"
#include "text.h"

static struct session *current;

/* The dynamic linker's lock-free look-up, safe at any moment; libc has it since 2.35. */
static int (*find_object)(void *, struct dl_find_object *);

static bool find(uint64_t pc, struct dl_find_object *ret)
{
	uint64_t start, end;

	if (!find_object || find_object((void *)pc, ret))
		return false;
	/* Of a program with pages missing between its segments, the linker tells the segment only. */
	if (ret->dlfo_link_map == loader_first() && loader_program_span(&start, &end) &&
		start <= (uint64_t)ret->dlfo_map_start && end >= (uint64_t)ret->dlfo_map_end) {
		ret->dlfo_map_start = (void *)start;
		ret->dlfo_map_end = (void *)end;
	}
	return true;
}

static struct session *make(void)
{
	const struct link_map *libc = loader_find("libc.so.6");
	int64_t memory = raw6(SYS_mmap, NULL, sizeof(struct session), PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct session *session = (void *)memory;
	char path[FILES_PATH_BYTES];
	struct spork_statistics *statistics;
	int folder = -1;

	if (RAW_FAILED(memory))
		return NULL;
	find_object =
		(int (*)(void *, struct dl_find_object *))loader_symbol(libc, "_dl_find_object");
	if (files_cache_path(path, ""))
		folder = files_open_folder(path);
	if (folder >= 0 && files_cache_path(path, "/verdicts")) {
		void *store = files_map(path, sizeof(struct spork_store), true);

		if (store != MAP_FAILED) {
			session->store = store;
			session->trusted = session->store->magic == SPORK_STORE_MAGIC;
		}
	}
	if (folder >= 0)
		(void)raw1(SYS_close, folder);
	statistics = spork_statistics_map();
	if (statistics)
		(void)__atomic_fetch_add(&statistics->processes, 1, __ATOMIC_RELAXED);
	return session;
}

/* Modules may have been unloaded, and others loaded in their place. */
SPORK_FAST static bool still_there(
	const struct spork_module *module, const struct session_module *record)
{
	struct dl_find_object object;
	struct spork_build_id id;

	if (record->permanent)
		return true;
	if (!find(module->base, &object) || (uint64_t)object.dlfo_map_start != module->base ||
		(uint64_t)object.dlfo_map_end != module->end || object.dlfo_link_map != record->map)
		return false;
	return !record->identified ||
	       (loader_build_id(module->base, &id) && memcmp(&id, &module->id, sizeof(id)) == 0);
}

/* The bits of a module's granules, none set; what another module left is used again only if it was the last. */
static uint64_t *take_words(struct session *session, size_t words)
{
	uint64_t *same = &session->same[session->same_used];

	if (words > SESSION_SAME_WORDS - session->same_used)
		return NULL;
	memset(same, 0, words * sizeof(*same));
	session->same_used += (uint32_t)words;
	return same;
}

static void give_words_back(struct session *session, const struct spork_module *module)
{
	size_t words = spork_code_granule_words(module->code);

	if (module->same + words == &session->same[session->same_used])
		session->same_used -= (uint32_t)words;
}

static void drop(struct session *session, uint32_t at)
{
	if (session->modules[at].code) {
		give_words_back(session, &session->modules[at]);
		spork_code_close(session->modules[at].code);
	}
	for (uint32_t i = at; i + 1 < session->count; i++) {
		session->modules[i] = session->modules[i + 1];
		session->records[i] = session->records[i + 1];
	}
	session->count--;
	session->range_count = 0;
	memset(session->chains, 0, sizeof(session->chains));
}

/* The program has changed code since it was compared. */
static void compare_again(struct session *session, uint64_t changes)
{
	session->code_changes = changes;
	memset(session->same, 0, session->same_used * sizeof(session->same[0]));
	for (uint32_t i = 0; i < session->recipe_count; i++)
		session->recipes[i].matches = false;
}

SPORK_FAST struct session *session_open(void)
{
	const uint64_t changes = code_changes_count();

	if (!current) {
		current = make();
		if (current)
			current->code_changes = changes;
		return current;
	}
	if (current->code_changes != changes)
		compare_again(current, changes);
	for (uint32_t i = 0; i < current->count;) {
		if (still_there(&current->modules[i], &current->records[i]))
			i++;
		else
			drop(current, i);
	}
	return current;
}

SPORK_START bool session_lacked_code(void)
{
	return current && current->lacked_code;
}

SPORK_FAST const struct session_range *session_range_at(
	const struct session *session, uint64_t address)
{
	uint32_t low = 0, high = session->range_count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (session->ranges[middle].end <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low < session->range_count && session->ranges[low].start <= address
		       ? &session->ranges[low]
		       : NULL;
}

uint64_t session_object(uint64_t address)
{
	struct dl_find_object object;

	return find(address, &object) ? (uint64_t)object.dlfo_map_start : 0;
}

static uint64_t generation(const struct session *session)
{
	return session->store ? __atomic_load_n(&session->store->generation, __ATOMIC_ACQUIRE) + 1
			      : 1;
}

static void open_code(struct session *session, uint32_t at)
{
	struct spork_module *module = &session->modules[at];
	struct session_module *record = &session->records[at];
	uint64_t now = generation(session);
	char path[FILES_PATH_BYTES];
	struct spork_code *code;
	int folder;

	if (module->code || !record->identified || !session->trusted || record->generation == now)
		return;
	record->generation = now;
	if (!files_cache_path(path, "/code"))
		return;
	folder = files_open_folder(path);
	if (folder < 0)
		return;
	/* Damage in the body of a file would not be noticed here: the helper looks for it, once. */
	if (spork_code_open(folder, &module->id, &code) == 0) {
		module->same = spork_store_verified(session->store, spork_code_stamp(code))
				       ? take_words(session, spork_code_granule_words(code))
				       : NULL;
		if (module->same)
			module->code = code;
		else
			spork_code_close(code);
	}
	(void)raw1(SYS_close, folder);
}

/* Room for a module at @base, in order; -1 = none. */
static int insert_at(struct session *session, uint64_t base)
{
	uint32_t at = session->count;

	if (session->count == SESSION_MODULES)
		return -1;
	while (at > 0 && session->modules[at - 1].base > base) {
		session->modules[at] = session->modules[at - 1];
		session->records[at] = session->records[at - 1];
		at--;
	}
	session->count++;
	return (int)at;
}

static int insert(struct session *session, const struct dl_find_object *object)
{
	uint64_t base = (uint64_t)object->dlfo_map_start;
	int at = insert_at(session, base);

	if (at < 0)
		return -1;
	session->modules[at] =
		(struct spork_module){.base = base, .end = (uint64_t)object->dlfo_map_end};
	session->records[at] = (struct session_module){
		.map = object->dlfo_link_map, .name = object->dlfo_link_map->l_name};
	session->records[at].identified = loader_build_id(base, &session->modules[at].id);
	session->records[at].permanent = loader_stays(object->dlfo_link_map);
	return at;
}

bool session_add(struct session *session, uint64_t base, uint64_t end,
	const struct spork_build_id *id, const char *name)
{
	int at = insert_at(session, base);

	if (at < 0)
		return false;
	session->modules[at] = (struct spork_module){.base = base, .end = end, .id = *id};
	/* Without a record of the dynamic linker: still_there() will not find it. */
	session->records[at] = (struct session_module){.name = name, .identified = true};
	open_code(session, (uint32_t)at);
	return true;
}

int session_module(struct session *session, uint64_t pc)
{
	struct dl_find_object object;
	uint32_t low = 0, high = session->count;
	int at;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (session->modules[middle].end <= pc)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < session->count && session->modules[low].base <= pc) {
		at = (int)low;
	} else {
		if (!find(pc, &object) || !object.dlfo_link_map)
			return -1;
		at = insert(session, &object);
		if (at < 0)
			return -1;
	}
	open_code(session, (uint32_t)at);
	return at;
}

static bool module_path(const struct session *session, int module, char *path, size_t size_bytes)
{
	const char *name = session->records[module].name;
	int64_t length;

	if (name && name[0] == '/')
		return text_append(path, size_bytes, 0, name) + 1 < size_bytes;
	if (name && name[0])
		return false;
	length = raw3(SYS_readlink, "/proc/self/exe", path, size_bytes - 1);
	path[length > 0 ? length : 0] = '\0';
	return length > 0;
}

/* The module of a frame: it was known when the chain was unwound. */
static int module_of(const struct session *session, const char *name)
{
	for (uint32_t i = 0; i < session->count; i++) {
		if (session->records[i].name == name)
			return (int)i;
	}
	return -1;
}

void session_request_context(const struct session *session, const struct spork_chain *chain)
{
	struct spork_context_request request = {.magic = SPORK_CONTEXT_MAGIC};

	if (!session->trusted)
		return;
	memcpy(request.key, chain->key, sizeof(request.key));
	for (; request.count < chain->count; request.count++) {
		struct spork_context_frame *frame = &request.frames[request.count];
		int module = module_of(session, chain->modules[request.count]);

		if (module < 0 || !session->records[module].identified ||
			!module_path(session, module, frame->path, sizeof(frame->path)))
			break;
		frame->id = session->modules[module].id;
		frame->offset = chain->offsets[request.count];
		frame->base = session->modules[module].base;
		frame->frame = chain->frames[request.count];
	}
	if (request.count > 1)
		files_ask(&request, sizeof(request));
}

static void flush_requests(struct session *session)
{
	if (session->request_count > 0)
		files_ask(session->requests, session->request_count * sizeof(session->requests[0]));
	session->request_count = 0;
}

static void add_request(struct session *session, int module)
{
	struct spork_request *request = &session->requests[session->request_count];

	if (!session->trusted || module < 0 || !session->records[module].identified ||
		!module_path(session, module, request->path, sizeof(request->path)))
		return;
	request->magic = SPORK_REQUEST_MAGIC;
	request->id = session->modules[module].id;
	if (++session->request_count == SPORK_REQUESTS_MAX)
		flush_requests(session);
}

void session_request_known(struct session *session)
{
	/* The dynamic linker belongs to every program that binds lazily, and is never unloaded. */
	(void)session_module(session, loader_linker());
	for (uint32_t i = 0; i < session->count; i++) {
		if (!session->modules[i].code)
			add_request(session, (int)i);
	}
	flush_requests(session);
}

#define OBJECTS_MAX 128

void session_request_all(struct session *session, bool threaded)
{
	const struct link_map *map = loader_first();

	for (int i = 0; map && i < OBJECTS_MAX; i++, map = map->l_next) {
		/* Those that were there from the start come first; their records never change. */
		if (threaded && !loader_stays(map))
			break;
		if (map->l_ld)
			(void)session_module(session, (uint64_t)map->l_ld);
	}
	session_request_known(session);
}
