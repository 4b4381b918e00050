/* SPDX-License-Identifier: GPL-3.0-or-later */
/* spork: the usual `spork run` without libc; anything else is spork-analyser's. Rules: launch.h. */
#include "launch.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "files.h"
#include "raw_syscall.h"
#include "runtime.h"
#include "text.h"

#include "spork/executor.h"
#include "spork/store.h"

#define EXIT_FAULT 125
#define CACHE_BYTES 400 /* as in tools/cache_folder.h */
#define ENTRY_BYTES 512

static struct launch {
	char **command;
	enum spork_mode mode;
	uint64_t min_rss;
	bool trap_calls;
	char analyser[FILES_PATH_BYTES];
	/* "LD_PRELOAD=" and the library's path. */
	char preload[FILES_PATH_BYTES];
	char entry[ENTRY_BYTES];
	char cache[CACHE_BYTES];
	char name[64]; /* of the run */
	char program[FILES_PATH_BYTES];
	struct helper_start helper;
} launch;

#define PRELOAD "LD_PRELOAD="

const char *spork_library_path(void)
{
	return launch.preload + sizeof(PRELOAD) - 1;
}

/* The value of a variable, or NULL. */
static const char *variable(char *const *envp, const char *name)
{
	for (; *envp; envp++) {
		size_t length = strlen(name);

		if (text_starts(*envp, name) && (*envp)[length] == '=')
			return *envp + length + 1;
	}
	return NULL;
}

/* ---- What was asked for --------------------------------------------------------------------------------------- */

static bool parse_mode(const char *text)
{
	static const char names[][8] = {"auto", "fork", "record", "shared"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (text_equal(text, names[i])) {
			launch.mode = (enum spork_mode)i;
			return true;
		}
	}
	return false;
}

static bool parse_size(const char *text)
{
	const char *rest = text_number(text, &launch.min_rss);
	unsigned shift = 0;

	if (!rest)
		return false;
	if (*rest == 'K')
		shift = 10;
	else if (*rest == 'M')
		shift = 20;
	else if (*rest == 'G')
		shift = 30;
	if (launch.min_rss > UINT64_MAX >> shift)
		return false;
	launch.min_rss <<= shift;
	return rest[shift > 0] == '\0';
}

/* `run` with options that need nobody to stay behind, in their plainest form. */
static bool parse(char **argv)
{
	launch.min_rss = SPORK_MIN_RSS_DEFAULT;
	if (!argv[0] || !argv[1] || !text_equal(argv[1], "run"))
		return false;
	for (argv += 2; *argv && (*argv)[0] == '-'; argv += 2) {
		bool good = false;

		if (text_equal(*argv, "--")) {
			argv++;
			break;
		}
		if (!argv[1])
			return false;
		if (text_equal(*argv, "--mode"))
			good = parse_mode(argv[1]);
		else if (text_equal(*argv, "--min-rss"))
			good = parse_size(argv[1]);
		else if (text_equal(*argv, "--trap"))
			good = (launch.trap_calls = text_equal(argv[1], "calls")) ||
			       text_equal(argv[1], "libc");
		if (!good)
			return false;
	}
	launch.command = argv;
	return argv[0] && argv[0][0];
}

/* ---- Files ----------------------------------------------------------------------------------------------------- */

/* @folder and @name, if that fits. */
static bool path_of(char *path, size_t size_bytes, const char *folder, const char *name)
{
	size_t at = text_append(path, size_bytes, 0, folder);

	return text_append(path, size_bytes, at, name) + 1 < size_bytes;
}

/* The other files of spork stand beside it, or in ../lib/spork. */
static bool find_files(void)
{
	static const char *const places[] = {"", "../lib/spork/"};
	char self[FILES_PATH_BYTES], folder[FILES_PATH_BYTES];
	int64_t length = raw3(SYS_readlink, "/proc/self/exe", self, sizeof(self) - 1);

	while (length > 0 && self[length - 1] != '/')
		length--;
	if (length <= 0)
		return false;
	self[length] = '\0';
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		if (!path_of(folder, sizeof(folder), self, places[i]) ||
			!path_of(launch.analyser, sizeof(launch.analyser), folder,
				"spork-analyser") ||
			raw2(SYS_access, launch.analyser, 1 /* X_OK */))
			continue;
		(void)text_append(launch.preload, sizeof(launch.preload), 0, PRELOAD);
		return text_append(launch.preload, sizeof(launch.preload), sizeof(PRELOAD) - 1,
			       folder) < sizeof(launch.preload);
	}
	return false;
}

/* Beside spork-analyser; the dynamic linker splits LD_PRELOAD at blanks and colons. */
static bool find_library(void)
{
	size_t length = strlen(launch.preload);

	if (text_append(launch.preload, SPORK_PRELOAD_BYTES - 20, length, "libspork.so") + 21 >=
		SPORK_PRELOAD_BYTES)
		return false;
	for (const char *at = spork_library_path(); *at; at++) {
		if (*at == ' ' || *at == ':')
			return false;
	}
	return raw2(SYS_access, spork_library_path(), 4 /* R_OK */) == 0;
}

static bool is_ours(const char *path, uint32_t kind, struct stat *ret)
{
	return raw2(SYS_lstat, path, ret) == 0 && (ret->st_mode & S_IFMT) == kind &&
	       ret->st_uid == (uint32_t)raw0(SYS_geteuid) && !(ret->st_mode & 077);
}

/* The folder where tools/cache_folder.c would put it, complete. */
static bool find_cache(char *const *envp)
{
	static const char *const folders[] = {"", "/code", "/recipes", "/runs"};
	const char *base = variable(envp, "XDG_CACHE_HOME"), *home = variable(envp, "HOME");
	const char *root = base ? base : home;
	char path[FILES_PATH_BYTES];
	struct stat status;

	if (!root || root[0] != '/' || raw2(SYS_stat, root, &status) || !S_ISDIR(status.st_mode) ||
		status.st_uid != (uint32_t)raw0(SYS_geteuid) ||
		!path_of(launch.cache, sizeof(launch.cache), root,
			base ? "/spork" : "/.cache/spork"))
		return false;
	for (const char *at = root; *at; at++) {
		if (*at == ',')
			return false;
	}
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		if (!path_of(path, sizeof(path), launch.cache, folders[i]) ||
			!is_ours(path, S_IFDIR, &status))
			return false;
	}
	return path_of(path, sizeof(path), launch.cache, "/verdicts") &&
	       is_ours(path, S_IFREG, &status) && status.st_size == sizeof(struct spork_store);
}

static bool has_magic(void)
{
	char path[FILES_PATH_BYTES];
	uint64_t magic = 0;
	int64_t fd;

	(void)path_of(path, sizeof(path), launch.cache, "/verdicts");
	fd = raw4(SYS_openat, AT_FDCWD, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0);
	if (fd < 0)
		return false;
	(void)raw3(SYS_read, fd, &magic, sizeof(magic));
	(void)raw1(SYS_close, fd);
	return magic == SPORK_STORE_MAGIC;
}

/* Along PATH, as execvp() does; a program that the runtime can be in. */
static bool find_program(char *const *envp)
{
	const char *at = variable(envp, "PATH"), *name = launch.command[0];
	char *path = launch.program;

	for (const char *c = name; *c; c++) {
		if (*c == '/')
			return path_of(path, sizeof(launch.program), "", name) &&
			       spork_start_kind(AT_FDCWD, path, envp, 0) == SPORK_NOTICE_EXEC;
	}
	while (at && *at && *at != ':') {
		size_t length = 0;

		while (at[length] && at[length] != ':' && length + 1 < sizeof(launch.program)) {
			path[length] = at[length];
			length++;
		}
		path[length] = '\0';
		length = text_append(path, sizeof(launch.program), length, "/");
		if (text_append(path, sizeof(launch.program), length, name) + 1 >=
			sizeof(launch.program))
			return false;
		if (raw2(SYS_access, path, 1 /* X_OK */) == 0)
			return spork_start_kind(AT_FDCWD, path, envp, 0) == SPORK_NOTICE_EXEC;
		at += length - 1;
		at += *at == ':';
	}
	return false;
}

/* ---- The run --------------------------------------------------------------------------------------------------- */

/* The name of the run and of its folder, whose socket must have room for its own. */
static bool choose_name(void)
{
	char *folder = launch.helper.folder;
	const size_t size = HELPER_FOLDER_BYTES;
	uint32_t nonce = 0;
	size_t at;

	(void)raw3(SYS_getrandom, &nonce, sizeof(nonce), GRND_NONBLOCK);
	at = text_append_number(
		launch.name, sizeof(launch.name), 0, (uint64_t)raw0(SYS_getpid), 10);
	at = text_append(launch.name, sizeof(launch.name), at, "-");
	(void)text_append_number(launch.name, sizeof(launch.name), at, nonce, 16);
	at = text_append(folder, size, 0, launch.cache);
	at = text_append(folder, size, at, "/runs/");
	return text_append(folder, size, at, launch.name) + 1 < size;
}

static bool make_helper(char *const *envp)
{
	bool made;

	launch.helper.analyser = launch.analyser;
	launch.helper.cache = launch.cache;
	launch.helper.envp = envp;
	launch.helper.program_fd = (int)raw2(SYS_pidfd_open, raw0(SYS_getpid), 0);
	if (launch.helper.program_fd < 0)
		return false;
	made = helper_start(&launch.helper);
	(void)raw1(SYS_close, launch.helper.program_fd);
	return made;
}

/* The form that the runtime takes out again: see runtime/environment.c. */
static void make_entry(void)
{
	const size_t size = sizeof(launch.entry);
	size_t at = text_append(launch.entry, size, 0, "SPORK_RUN=");

	at = text_append_number(launch.entry, size, at, launch.mode, 10);
	at = text_append(launch.entry, size, at, launch.trap_calls ? ",2," : ",0,");
	at = text_append_number(launch.entry, size, at, launch.min_rss, 10);
	at = text_append(launch.entry, size, at, ",");
	at = text_append(launch.entry, size, at, launch.name);
	at = text_append(launch.entry, size, at, ",");
	(void)text_append(launch.entry, size, at, launch.cache);
}

/* Replaces this program; returns if it could not. */
static void start(char *const *envp)
{
	char **list;
	size_t count = 0;

	while (envp[count])
		count++;
	list = __builtin_alloca((count + 3) * sizeof(*list));
	for (size_t i = 0; i < count; i++)
		list[i] = envp[i];
	make_entry();
	list[count] = launch.preload;
	list[count + 1] = launch.entry;
	list[count + 2] = NULL;
	(void)raw3(SYS_execve, launch.program, launch.command, list);
}

static void run(char **argv, char **envp)
{
	if (!parse(argv) || variable(envp, "LD_PRELOAD") || !find_library() || !find_cache(envp) ||
		!has_magic() || !find_program(envp))
		return;
	if (choose_name() && make_helper(envp))
		start(envp);
}

/* The kernel leaves argc, argv and the environment at the stack pointer. */
__attribute__((used)) _Noreturn static void begin(uint64_t *stack)
{
	static const char message[] =
		"spork: spork-analyser must lie beside spork, executable by this user\n";
	char **argv = (char **)(stack + 1), **envp = argv + stack[0] + 1;

	if (find_files()) {
		run(argv, envp);
		(void)raw3(SYS_execve, launch.analyser, argv, envp);
	}
	(void)raw3(SYS_write, 2, message, sizeof(message) - 1);
	for (;;)
		(void)raw1(SYS_exit_group, EXIT_FAULT);
}

__asm__(".globl _start\n"
	"_start:\n"
	"	xor %ebp, %ebp\n"
	"	mov %rsp, %rdi\n"
	"	and $-16, %rsp\n"
	"	call begin\n");
