/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * sandbox-run: one command in a sandbox, for people and for tests. docs/reference/sandbox.md describes it.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <hotbed/error.h>
#include <hotbed/sandbox.h>

/* As timeout(1) and env(1) have them. */
#define EXIT_LIMIT 124
#define EXIT_SANDBOX 125
#define EXIT_NOT_EXECUTABLE 126
#define EXIT_NOT_FOUND 127

#define ITEMS_MAX 64

struct settings {
	struct hb_sandbox_spec spec;
	struct hb_sandbox_command command;
	struct hb_sandbox_mount mounts[HB_SANDBOX_MOUNTS_MAX];
	struct hb_sandbox_entry tree[ITEMS_MAX];
	const char *canaries[ITEMS_MAX];
	const char *environment[ITEMS_MAX + 4];
	size_t environment_count;
	bool input, summary;
};

static const char usage_text[] =
	"usage: sandbox-run [OPTION]... [--] COMMAND [ARGUMENT]...\n"
	"Run COMMAND in namespaces of its own, with a root in memory and limits.\n"
	"\n"
	"  --read-only SOURCE[=TARGET]   show a file or folder of the host\n"
	"  --read-write SOURCE[=TARGET]  and let the command change it\n"
	"  --overlay SOURCE[=TARGET]     and keep changes apart, in memory\n"
	"  --upper FOLDER                keep the last overlay's changes in FOLDER/upper\n"
	"  --file PATH=TEXT              make a file inside\n"
	"  --link PATH=TARGET            make a symbolic link inside\n"
	"  --folder PATH                 make a folder inside\n"
	"  --canary PATH                 report whether the file at PATH survives\n"
	"  --changes                     list created, modified and deleted files\n"
	"  --directory PATH              start there (default /home/user)\n"
	"  --set NAME=VALUE              set a variable; no other is passed on\n"
	"  --input                       pass standard input on\n"
	"  --root                        user and group 0 inside, still without capabilities\n"
	"  --loopback                    bring the network namespace's 127.0.0.1 up\n"
	"  --no-system                   without /usr, /bin, /lib and /etc\n"
	"  --any-address-space           no RLIMIT_AS, for programs built with sanitizers\n"
	"  --wall SECONDS  --cpu SECONDS  --memory BYTES  --disk BYTES  --file-size BYTES\n"
	"  --output BYTES  --processes N  --open-files N   limits; BYTES takes K, M, G\n"
	"  --summary                     say on standard error how the command ended\n"
	"  --help\n"
	"\n"
	"Exit status: the command's; 128 + number if a signal ended it; 124 a limit ended it,\n"
	"125 the sandbox failed, 126 the command cannot be executed, 127 it was not found.\n";

enum option_key {
	KEY_READ_ONLY = 256,
	KEY_READ_WRITE,
	KEY_OVERLAY,
	KEY_UPPER,
	KEY_FILE,
	KEY_LINK,
	KEY_FOLDER,
	KEY_CANARY,
	KEY_CHANGES,
	KEY_DIRECTORY,
	KEY_SET,
	KEY_INPUT,
	KEY_ROOT,
	KEY_LOOPBACK,
	KEY_NO_SYSTEM,
	KEY_ANY_ADDRESS_SPACE,
	KEY_WALL,
	KEY_CPU,
	KEY_MEMORY,
	KEY_DISK,
	KEY_FILE_SIZE,
	KEY_OUTPUT,
	KEY_PROCESSES,
	KEY_OPEN_FILES,
	KEY_SUMMARY,
	KEY_HELP,
};

static const struct option options[] = {
	{"read-only", required_argument, NULL, KEY_READ_ONLY},
	{"read-write", required_argument, NULL, KEY_READ_WRITE},
	{"overlay", required_argument, NULL, KEY_OVERLAY},
	{"upper", required_argument, NULL, KEY_UPPER},
	{"file", required_argument, NULL, KEY_FILE},
	{"link", required_argument, NULL, KEY_LINK},
	{"folder", required_argument, NULL, KEY_FOLDER},
	{"canary", required_argument, NULL, KEY_CANARY},
	{"changes", no_argument, NULL, KEY_CHANGES},
	{"directory", required_argument, NULL, KEY_DIRECTORY},
	{"set", required_argument, NULL, KEY_SET},
	{"input", no_argument, NULL, KEY_INPUT},
	{"root", no_argument, NULL, KEY_ROOT},
	{"loopback", no_argument, NULL, KEY_LOOPBACK},
	{"no-system", no_argument, NULL, KEY_NO_SYSTEM},
	{"any-address-space", no_argument, NULL, KEY_ANY_ADDRESS_SPACE},
	{"wall", required_argument, NULL, KEY_WALL},
	{"cpu", required_argument, NULL, KEY_CPU},
	{"memory", required_argument, NULL, KEY_MEMORY},
	{"disk", required_argument, NULL, KEY_DISK},
	{"file-size", required_argument, NULL, KEY_FILE_SIZE},
	{"output", required_argument, NULL, KEY_OUTPUT},
	{"processes", required_argument, NULL, KEY_PROCESSES},
	{"open-files", required_argument, NULL, KEY_OPEN_FILES},
	{"summary", no_argument, NULL, KEY_SUMMARY},
	{"help", no_argument, NULL, KEY_HELP},
	{NULL, 0, NULL, 0},
};

static _Noreturn void fail(const char *what, const char *why)
{
	(void)fprintf(stderr, "sandbox-run: %s: %s\n", what, why);
	exit(EXIT_SANDBOX);
}

static char *absolute(const char *path)
{
	char *real = realpath(path, NULL);

	if (!real)
		fail(path, strerror(errno));
	return real;
}

/* Split "LEFT=RIGHT"; without "=" the right side is NULL. */
static void split(char *text, char **ret_left, char **ret_right)
{
	char *at = strchr(text, '=');

	*ret_left = text;
	*ret_right = NULL;
	if (at) {
		*at = '\0';
		*ret_right = at + 1;
	}
}

static void add_mount(struct settings *settings, enum hb_sandbox_mount_kind kind, char *text)
{
	char *source, *target;

	if (settings->spec.mounts_count == HB_SANDBOX_MOUNTS_MAX)
		fail(text, "too many mounts");
	split(text, &source, &target);
	source = absolute(source);
	settings->mounts[settings->spec.mounts_count++] = (struct hb_sandbox_mount){
		.kind = kind, .source = source, .target = target ? target : source};
}

static void add_entry(struct settings *settings, enum hb_sandbox_kind kind, char *text)
{
	char *path, *content = NULL;

	if (settings->command.tree_count == ITEMS_MAX)
		fail(text, "too many files");
	split(text, &path, &content);
	settings->tree[settings->command.tree_count++] = (struct hb_sandbox_entry){.path = path,
		.kind = kind,
		.mode = kind == HB_SANDBOX_FILE ? 0644 : 0755,
		.content = content,
		.size_bytes = content ? strlen(content) : 0};
}

static double number(const char *text, double unit)
{
	char *end;
	double value = strtod(text, &end);

	if (end != text && unit == 1) {
		static const char suffixes[] = "KMG";
		const char *suffix = *end ? strchr(suffixes, *end) : NULL;

		for (; suffix && suffix >= suffixes; suffix--)
			value *= 1024;
		if (*end && strchr(suffixes, *end))
			end++;
	}
	if (end == text || *end || !(value > 0) || value > 1e15)
		fail(text, "a positive number is needed");
	return value * unit;
}

static bool set_limit(struct hb_sandbox_limits *limits, int key)
{
	switch (key) {
	case KEY_WALL:
		limits->wall_ns = (int64_t)number(optarg, 1e9);
		return true;
	case KEY_CPU:
		limits->cpu_ns = (int64_t)number(optarg, 1e9);
		return true;
	case KEY_MEMORY:
		limits->memory_bytes = (uint64_t)number(optarg, 1);
		return true;
	case KEY_DISK:
		limits->disk_bytes = (uint64_t)number(optarg, 1);
		return true;
	case KEY_FILE_SIZE:
		limits->file_size_bytes = (uint64_t)number(optarg, 1);
		return true;
	case KEY_OUTPUT:
		limits->output_bytes = (uint64_t)number(optarg, 1);
		return true;
	case KEY_PROCESSES:
		limits->processes = (unsigned)number(optarg, 1);
		return true;
	case KEY_OPEN_FILES:
		limits->open_files = (unsigned)number(optarg, 1);
		return true;
	default:
		return false;
	}
}

static bool set_flag(struct settings *settings, int key)
{
	switch (key) {
	case KEY_CHANGES:
		return settings->command.list_changes = true;
	case KEY_INPUT:
		return settings->input = true;
	case KEY_ROOT:
		return settings->spec.root_inside = true;
	case KEY_LOOPBACK:
		return settings->spec.loopback = true;
	case KEY_NO_SYSTEM:
		return settings->spec.no_system = true;
	case KEY_ANY_ADDRESS_SPACE:
		return settings->spec.unlimited_address_space = true;
	case KEY_SUMMARY:
		return settings->summary = true;
	default:
		return false;
	}
}

static void set_item(struct settings *settings, int key)
{
	size_t mounts = settings->spec.mounts_count;

	switch (key) {
	case KEY_READ_ONLY:
	case KEY_READ_WRITE:
	case KEY_OVERLAY:
		add_mount(settings, (enum hb_sandbox_mount_kind)(key - KEY_READ_ONLY), optarg);
		break;
	case KEY_UPPER:
		if (mounts == 0 || settings->mounts[mounts - 1].kind != HB_SANDBOX_OVERLAY)
			fail(optarg, "--upper follows the --overlay that it belongs to");
		settings->mounts[mounts - 1].upper = absolute(optarg);
		break;
	case KEY_FILE:
	case KEY_FOLDER:
		add_entry(
			settings, key == KEY_FILE ? HB_SANDBOX_FILE : HB_SANDBOX_DIRECTORY, optarg);
		break;
	case KEY_LINK:
		add_entry(settings, HB_SANDBOX_SYMLINK, optarg);
		break;
	case KEY_CANARY:
		if (settings->command.canaries_count == ITEMS_MAX)
			fail(optarg, "too many canaries");
		settings->canaries[settings->command.canaries_count++] = optarg;
		break;
	case KEY_DIRECTORY:
		settings->command.directory = optarg;
		break;
	case KEY_SET:
		if (settings->environment_count == ITEMS_MAX || !strchr(optarg, '='))
			fail(optarg, "NAME=VALUE is needed, at most 64 times");
		settings->environment[settings->environment_count++] = optarg;
		break;
	case KEY_HELP:
		(void)fputs(usage_text, stdout);
		exit(0);
	default:
		(void)fputs("sandbox-run: --help shows the options\n", stderr);
		exit(EXIT_SANDBOX);
	}
}

static void settings_read(struct settings *settings, int argc, char **argv)
{
	int key;

	while ((key = getopt_long(argc, argv, "+", options, NULL)) != -1)
		if (!set_limit(&settings->command.limits, key) && !set_flag(settings, key))
			set_item(settings, key);
	if (optind == argc)
		fail("no command", "--help shows the usage");
	settings->command.argv = (const char *const *)argv + optind;
	settings->spec.mounts = settings->mounts;
	settings->command.tree = settings->tree;
	settings->command.canaries = settings->canaries;
	if (settings->environment_count == 0)
		return;
	/* With variables of one's own the three that every program expects still come, last: the first one counts. */
	settings->environment[settings->environment_count++] =
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	settings->environment[settings->environment_count++] = "HOME=/home/user";
	settings->environment[settings->environment_count++] = "LANG=C.UTF-8";
	settings->command.environment = settings->environment;
}

/* All of standard input: the sandbox wants bytes. */
static void input_read(struct hb_sandbox_command *command)
{
	size_t used = 0, capacity = 65536;
	char *bytes = malloc(capacity);

	for (;;) {
		ssize_t count;

		if (!bytes || used > (size_t)1 << 30)
			fail("standard input", "more than 1 GiB or no memory");
		count = read(STDIN_FILENO, bytes + used, capacity - used);
		if (count < 0)
			fail("standard input", strerror(errno));
		if (count == 0)
			break;
		used += (size_t)count;
		if (used == capacity)
			bytes = realloc(bytes, capacity *= 2);
	}
	command->input = bytes;
	command->input_bytes = used;
}

static void limits_print(unsigned limits)
{
	static const char *const names[] = {
		"wall", "cpu", "memory", "output", "processes", "disk", "file-size"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (limits >> i & 1)
			(void)fprintf(stderr, "sandbox-run: limit: %s\n", names[i]);
}

static void result_print(const struct settings *settings, const struct hb_sandbox_result *result)
{
	static const char *const canaries[] = {"intact", "changed", "deleted"};
	static const char *const changes[] = {"created", "modified", "deleted", "opaque"};

	(void)fwrite(result->output, 1, result->output_bytes, stdout);
	(void)fflush(stdout);
	(void)fwrite(result->error, 1, result->error_bytes, stderr);
	limits_print(result->limits);
	for (size_t i = 0; i < result->canaries_count; i++)
		(void)fprintf(stderr, "sandbox-run: canary %s: %s\n", settings->canaries[i],
			canaries[result->canaries[i]]);
	for (size_t i = 0; i < result->changes_count; i++)
		(void)fprintf(stderr, "sandbox-run: %s: %s%s\n", changes[result->changes[i].kind],
			result->changes[i].path, result->changes[i].directory ? "/" : "");
	if (result->changes_cut)
		(void)fprintf(stderr, "sandbox-run: the list of changes is not complete\n");
	if (!settings->summary)
		return;
	if (result->signal)
		(void)fprintf(stderr, "sandbox-run: ended by signal %d (%s)\n", result->signal,
			strsignal(result->signal));
	else
		(void)fprintf(stderr, "sandbox-run: exit status %d\n", result->exit_status);
	(void)fprintf(stderr, "sandbox-run: %.3f s, CPU %.3f s, largest process %" PRIu64 " KiB\n",
		(double)result->wall_ns / 1e9, (double)(result->user_ns + result->system_ns) / 1e9,
		result->memory_peak_bytes >> 10);
}

int main(int argc, char **argv)
{
	const unsigned ending = HB_SANDBOX_LIMIT_WALL | HB_SANDBOX_LIMIT_CPU |
				HB_SANDBOX_LIMIT_MEMORY | HB_SANDBOX_LIMIT_OUTPUT;
	static struct settings settings;
	struct hb_sandbox_result result;
	struct hb_error error = {0};
	int code;

	settings_read(&settings, argc, argv);
	if (settings.input)
		input_read(&settings.command);
	code = hb_sandbox_run_once(&settings.spec, &settings.command, &result, &error);
	if (code) {
		char text[2048];

		(void)fprintf(
			stderr, "sandbox-run: %s\n", hb_error_format(&error, text, sizeof(text)));
		return code == -ENOENT                       ? EXIT_NOT_FOUND
		       : code == -EACCES || code == -ENOEXEC ? EXIT_NOT_EXECUTABLE
							     : EXIT_SANDBOX;
	}
	result_print(&settings, &result);
	code = result.limits & ending ? EXIT_LIMIT
	       : result.signal        ? 128 + result.signal
				      : result.exit_status;
	hb_sandbox_result_finish(&result);
	return code;
}
