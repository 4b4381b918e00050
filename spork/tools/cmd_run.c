/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * spork run: start a program with the runtime. Without --stats, --json and --settle the program takes the place of
 * spork, process id included; with them spork stays as its parent, passes signals on and ends as it ends.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <hotbed/error.h>
#include <hotbed/json.h>

#include <spork/executor.h>
#include <spork/statistics.h>

#include "cache_folder.h"
#include "command.h"
#include "program_kind.h"
#include "report.h"
#include "service.h"
#include "supervise.h"

#define ENTRY_BYTES 512

static const char *const modes[] = {"auto", "fork", "record", "shared"};

struct run {
	const char *statistics_path; /* NULL = none wanted */
	bool json, settle, trap_calls;
	enum spork_mode mode;
	uint64_t min_rss;
	char **command;
	enum program_kind kind;

	char cache[CACHE_PATH_BYTES];
	char name[64];
	char folder[CACHE_PATH_BYTES + 80];
	char library[4096];
	struct spork_statistics *statistics;
	int socket_fd;
};

static void print_help(void)
{
	(void)printf("usage: spork run [OPTIONS] -- COMMAND [ARGUMENT...]\n\n%s\n\n"
		     "  --stats FILE      write statistics (JSON) when the program has ended\n"
		     "  --json            the same to standard error\n"
		     "  --mode MODE       what may be tried before a real fork: auto (default), "
		     "record,\n"
		     "                    shared, or fork: nothing, forks are only counted\n"
		     "  --min-rss BYTES   really fork below this resident size; K, M, G; 0 = never "
		     "(16M)\n"
		     "  --trap WHAT       libc (default): forks of libc; calls: raw clone and "
		     "fork, too\n"
		     "  --settle          at the end wait until the helper has decoded what was "
		     "asked for\n"
		     "  --help            print this and exit\n",
		command_run.help);
}

static bool parse_size(const char *text, uint64_t *ret)
{
	static const char units[] = "KMGT";
	char *end;
	unsigned long long value;

	if (text[0] < '0' || text[0] > '9')
		return false;
	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno)
		return false;
	if (*end) {
		const char *unit = strchr(units, *end);
		int shift = unit ? 10 * (int)(unit - units + 1) : 0;

		if (!unit || end[1] || value > UINT64_MAX >> shift)
			return false;
		value <<= shift;
	}
	*ret = value;
	return true;
}

static int parse_mode(const char *text, enum spork_mode *ret)
{
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		if (strcmp(modes[i], text) == 0) {
			*ret = (enum spork_mode)i;
			return 0;
		}
	}
	return command_usage(
		&command_run, "--mode: '%.32s' is none of auto, fork, record, shared", text);
}

/* 0, an exit status, or -1 when help was printed. */
static int parse(int argc, char **argv, struct run *run)
{
	static const struct option options[] = {{"stats", required_argument, NULL, 's'},
		{"json", no_argument, NULL, 'j'}, {"mode", required_argument, NULL, 'm'},
		{"min-rss", required_argument, NULL, 'r'}, {"trap", required_argument, NULL, 't'},
		{"settle", no_argument, NULL, 'w'}, {"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0}};
	int found, err = 0;

	opterr = 0;
	optind = 0;
	while (!err && (found = getopt_long(argc, argv, "+:", options, NULL)) != -1) {
		switch (found) {
		case 's':
			run->statistics_path = optarg;
			break;
		case 'j':
			run->json = true;
			break;
		case 'w':
			run->settle = true;
			break;
		case 'm':
			err = parse_mode(optarg, &run->mode);
			break;
		case 't':
			run->trap_calls = strcmp(optarg, "calls") == 0;
			if (!run->trap_calls && strcmp(optarg, "libc") != 0)
				err = command_usage(&command_run,
					"--trap: '%.32s' is neither libc nor calls", optarg);
			break;
		case 'r':
			if (!parse_size(optarg, &run->min_rss))
				err = command_usage(&command_run,
					"--min-rss: '%.32s' is no size (4096, 16M, 1G)", optarg);
			break;
		case 'h':
			print_help();
			return -1;
		case ':':
			return command_usage(
				&command_run, "option '%s' needs a value", argv[optind - 1]);
		default:
			return command_usage(&command_run, "unknown option '%s'", argv[optind - 1]);
		}
	}
	if (err)
		return err;
	run->command = argv + optind;
	if (!*run->command)
		return command_usage(&command_run, "which program? give it after --");
	return 0;
}

/* The library stands beside the program, or in ../lib/spork. */
static int find_library(struct run *run, struct hb_error *reterr)
{
	static const char *const places[] = {"", "../lib/spork/"};
	char self[2048];
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (length <= 0)
		return hb_error_set(reterr, -errno, "/proc/self/exe: %s", strerror(errno));
	self[length] = '\0';
	*(strrchr(self, '/') + 1) = '\0';
	for (size_t i = 0; i < 2; i++) {
		(void)snprintf(
			run->library, sizeof(run->library), "%s%slibspork.so", self, places[i]);
		if (access(run->library, R_OK) == 0) {
			/* The dynamic linker splits LD_PRELOAD there. */
			if (strpbrk(run->library, " :") || strlen(run->library) > 480)
				return hb_error_set_at(reterr, -EINVAL, run->library, 0,
					"the path has blanks or colons or is too long; move it");
			return 0;
		}
	}
	return hb_error_set_at(reterr, -ENOENT, run->library, 0,
		"libspork.so must lie beside spork and be readable by this user");
}

static int make_statistics(struct run *run, struct hb_error *reterr)
{
	char path[sizeof(run->folder) + 16];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/statistics", run->folder);
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	/* Counting into a page that the disk has no room for would kill the program. */
	if (fd < 0 || ftruncate(fd, (off_t)sizeof(*run->statistics)) ||
		(fallocate(fd, 0, 0, (off_t)sizeof(*run->statistics)) && errno != EOPNOTSUPP))
		return hb_error_set_at(
			reterr, -errno, path, 0, "cannot write: %s", strerror(errno));
	run->statistics =
		mmap(NULL, sizeof(*run->statistics), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	(void)close(fd);
	if (run->statistics == MAP_FAILED)
		return hb_error_set(reterr, -errno, "no memory for statistics");
	run->statistics->magic = SPORK_STATISTICS_MAGIC;
	return 0;
}

static int make_folder(struct run *run, struct hb_error *reterr)
{
	uint32_t nonce = 0;

	(void)!getrandom(&nonce, sizeof(nonce), GRND_NONBLOCK);
	(void)snprintf(run->name, sizeof(run->name), "%d-%08" PRIx32, (int)getpid(), nonce);
	(void)snprintf(run->folder, sizeof(run->folder), "%s/runs/%s", run->cache, run->name);
	if (mkdir(run->folder, 0700))
		return hb_error_set_at(
			reterr, -errno, run->folder, 0, "cannot create: %s", strerror(errno));
	return 0;
}

static bool counting(const struct run *run)
{
	return run->statistics_path || run->json;
}

static int prepare(struct run *run, struct hb_error *reterr)
{
	int err = find_library(run, reterr);

	if (!err)
		err = cache_folder_find(run->cache, reterr);
	if (!err)
		err = cache_folder_make(run->cache, reterr);
	if (!err)
		err = make_folder(run, reterr);
	if (!err && counting(run))
		err = make_statistics(run, reterr);
	if (!err) {
		run->socket_fd = service_socket(run->folder, reterr);
		err = run->socket_fd < 0 ? run->socket_fd : 0;
	}
	return err;
}

/* The environment with ours behind, in the form that the runtime takes out again: see runtime/environment.c. */
static char **environment(const struct run *run, struct hb_error *reterr)
{
	static char entry[ENTRY_BYTES], pad[] = "SPORK_PAD=";
	size_t count = 0, at = 0;
	bool found = false;
	char **list, *text = NULL;

	(void)snprintf(entry, sizeof(entry), "SPORK_RUN=%d,%d,%" PRIu64 ",%s,%s", (int)run->mode,
		counting(run) | (run->trap_calls ? 2 : 0), run->min_rss, run->name, run->cache);
	while (environ[count])
		count++;
	list = calloc(count + 3, sizeof(*list));
	if (!list || asprintf(&text, "LD_PRELOAD=%s", run->library) < 0) {
		(void)hb_error_set(reterr, -ENOMEM, "no memory");
		return NULL;
	}
	for (; at < count; at++) {
		list[at] = environ[at];
		if (strncmp(environ[at], "LD_PRELOAD=", 11) != 0)
			continue;
		found = true;
		if (asprintf(&list[at], "%s:%s", text, environ[at] + 11) < 0)
			return NULL;
	}
	if (found)
		free(text);
	list[at++] = found ? pad : text;
	list[at] = entry;
	return list;
}

/*
 * What execvp() does, with an environment of its own; the program is looked for in our PATH. Returns only on
 * failure.
 */
static int start(char *const *command, char **list)
{
	(void)execvpe(command[0], command, list);
	(void)fprintf(stderr, "spork run: cannot start %s: %s\n", command[0], strerror(errno));
	return errno == ENOENT ? 127 : 126;
}

static int pidfd_of(pid_t pid, struct hb_error *reterr)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);

	if (fd < 0)
		return hb_error_set(reterr, -errno, "pidfd_open: %s", strerror(errno));
	return fd;
}

static int run_in_place(struct run *run, char **list, struct hb_error *reterr)
{
	struct service service = {.cache = run->cache,
		.folder = run->folder,
		.socket_fd = run->socket_fd,
		.alive_fd = -1};
	int err;

	service.program_fd = pidfd_of(getpid(), reterr);
	err = service.program_fd < 0 ? service.program_fd : service_start(&service, reterr);
	if (err)
		return command_fault(&command_run, reterr);
	(void)close(service.program_fd);
	(void)close(run->socket_fd);
	return start(run->command, list);
}

static int write_report(const struct run *run, int status, struct hb_error *reterr)
{
	const struct report_head head = {.mode = modes[run->mode],
		.min_rss = run->min_rss,
		.command = (const char *const *)run->command,
		.program = program_kind_name(run->kind),
		.status = status};
	cJSON *root = report_json(run->statistics, &head);
	int err = 0;
	char *text;

	if (!root)
		return hb_error_set(reterr, -ENOMEM, "no memory for the statistics");
	if (run->statistics_path)
		err = hb_json_write_file(run->statistics_path, root, reterr);
	if (!err && run->json) {
		text = cJSON_Print(root);
		(void)fprintf(stderr, "%s\n", text ? text : "");
		free(text);
	}
	cJSON_Delete(root);
	return err;
}

/* The helper holds the writing end: the pipe ends when the helper does. */
static void wait_settled(int fd)
{
	char byte;

	while (read(fd, &byte, 1) < 0 && errno == EINTR)
		;
}

struct watched {
	pid_t pid;
	int go_fd;     /* a byte here lets the program start */
	int settle_fd; /* ends with the helper */
};

/* The program's process, which waits until the helper is there. */
static int start_watched(struct run *run, char **list, struct watched *ret, struct hb_error *reterr)
{
	struct service service = {
		.cache = run->cache, .folder = run->folder, .socket_fd = run->socket_fd};
	int go[2], alive[2], err;

	if (pipe2(go, O_CLOEXEC) || pipe2(alive, O_CLOEXEC))
		return hb_error_set(reterr, -errno, "pipe: %s", strerror(errno));
	ret->pid = fork();
	if (ret->pid < 0)
		return hb_error_set(reterr, -errno, "fork: %s", strerror(errno));
	if (ret->pid == 0) {
		char byte;

		(void)close(go[1]);
		if (read(go[0], &byte, 1) != 1)
			_exit(SPORK_EXIT_FAULT);
		supervise_restore();
		_exit(start(run->command, list));
	}
	service.alive_fd = alive[1];
	service.program_fd = pidfd_of(ret->pid, reterr);
	err = service.program_fd < 0 ? service.program_fd : service_start(&service, reterr);
	(void)close(go[0]);
	(void)close(alive[1]);
	(void)close(run->socket_fd);
	ret->go_fd = go[1];
	ret->settle_fd = alive[0];
	return err;
}

static int run_watched(struct run *run, char **list, struct hb_error *reterr)
{
	struct watched watched = {.pid = -1};
	int status = 0, err;

	supervise_prepare();
	err = start_watched(run, list, &watched, reterr);
	if (err)
		return command_fault(&command_run, reterr);
	if (write(watched.go_fd, "g", 1) != 1)
		return command_fault(&command_run, reterr);
	(void)close(watched.go_fd);
	status = supervise_wait(watched.pid);
	if (run->settle)
		wait_settled(watched.settle_fd);
	if (counting(run) && write_report(run, status, reterr))
		return command_fault(&command_run, reterr);
	return supervise_end_as(status);
}

static int run(int argc, char **argv)
{
	static struct run run = {.min_rss = SPORK_MIN_RSS_DEFAULT};
	/* Kept for as long as the program runs. */
	static char **list;
	struct hb_error error = {0};
	int code = parse(argc, argv, &run);

	if (code)
		return code < 0 ? 0 : code;
	if (prepare(&run, &error))
		return command_fault(&command_run, &error);
	run.kind = program_kind(run.command[0]);
	list = run.kind == PROGRAM_DYNAMIC ? environment(&run, &error) : environ;
	if (!list)
		return command_fault(&command_run, &error);
	if (run.kind != PROGRAM_DYNAMIC && !counting(&run) && isatty(STDERR_FILENO))
		(void)fprintf(stderr, "spork run: %s is a %s program and runs untouched\n",
			run.command[0], program_kind_name(run.kind));
	if (counting(&run) || run.settle)
		return run_watched(&run, list, &error);
	return run_in_place(&run, list, &error);
}

const struct command command_run = {
	.name = "run",
	.usage = "[OPTIONS] -- COMMAND [ARGUMENT...]",
	.help = "Run a program whose forks cost about what posix_spawn costs.",
	.run = run,
};
