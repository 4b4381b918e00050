/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The program `hotbed`: picks the subcommand, parses its arguments and returns its exit code. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <hotbed/error.h>
#include <hotbed/log.h>
#include <hotbed/suggest.h>

#include "options.h"
#include "row.h"
#include "slurm.h"

extern const struct hb_command hb_command_list;
extern const struct hb_command hb_command_describe;
extern const struct hb_command hb_command_doctor;
extern const struct hb_command hb_command_plan;
extern const struct hb_command hb_command_run;
extern const struct hb_command hb_command_resume;
extern const struct hb_command hb_command_status;
extern const struct hb_command hb_command_report;
extern const struct hb_command hb_command_compare;
extern const struct hb_command hb_command_claims;
extern const struct hb_command hb_command_export;
extern const struct hb_command hb_command_merge;
extern const struct hb_command hb_command_history;
extern const struct hb_command hb_command_nightly;
extern const struct hb_command hb_command_bisect;
extern const struct hb_command hb_command_serve;

/* In the order of the help text. */
static const struct hb_command *const commands[] = {
	&hb_command_list,
	&hb_command_describe,
	&hb_command_doctor,
	&hb_command_plan,
	&hb_command_run,
	&hb_command_resume,
	&hb_command_status,
	&hb_command_report,
	&hb_command_compare,
	&hb_command_claims,
	&hb_command_export,
	&hb_command_merge,
	&hb_command_history,
	&hb_command_nightly,
	&hb_command_bisect,
	&hb_command_serve,
	NULL,
};

static int unknown_command(const char *name)
{
	const char *names[sizeof(commands) / sizeof(commands[0]) + 1];
	const char *near;
	size_t count = 0;

	for (; commands[count]; count++)
		names[count] = commands[count]->name;
	names[count++] = "help";
	names[count] = NULL;
	near = hb_suggest(name, names);
	if (near)
		hb_log(HB_LOG_ERROR, "unknown command '%s'; did you mean '%s'?", name, near);
	else
		hb_log(HB_LOG_ERROR, "unknown command '%s'; 'hotbed help' lists the commands",
			name);
	return HB_EXIT_USAGE;
}

/* hotbed help [CMD] */
static int print_help(const char *name)
{
	const struct hb_command *command;

	if (!name) {
		hb_help_program(stdout, commands);
		return HB_EXIT_DONE;
	}
	command = hb_command_find(commands, name);
	if (!command)
		return unknown_command(name);
	hb_help_command(stdout, command);
	return HB_EXIT_DONE;
}

/* What the build makes man pages and the completion from, and what tests compare the documentation with. */
static int print_dump(int argc, char **argv)
{
	const struct hb_command *command;

	if (argc == 1 && !strcmp(argv[0], "completion")) {
		hb_completion_bash(stdout, commands);
		return HB_EXIT_DONE;
	}
	if (argc == 1 && !strcmp(argv[0], "names")) {
		for (size_t i = 0; commands[i]; i++)
			puts(commands[i]->name);
		return HB_EXIT_DONE;
	}
	if (argc == 1 && !strcmp(argv[0], "examples")) {
		for (size_t i = 0; commands[i]; i++)
			for (const struct hb_example *e = commands[i]->examples; e && e->command;
				e++)
				puts(e->command);
		return HB_EXIT_DONE;
	}
	if (argc == 1 && !strcmp(argv[0], "columns")) {
		for (int i = 0; i < HB_COLUMN_COUNT; i++)
			puts(hb_column_names[i]);
		return HB_EXIT_DONE;
	}
	if (argc != 2 || strcmp(argv[0], "man") != 0) {
		hb_log(HB_LOG_ERROR,
			"--dump takes 'man NAME', 'completion', 'names', 'examples' or 'columns'");
		return HB_EXIT_USAGE;
	}
	if (!strcmp(argv[1], "hotbed")) {
		hb_manual_program(stdout, commands);
		return HB_EXIT_DONE;
	}
	command = hb_command_find(commands, argv[1]);
	if (!command)
		return unknown_command(argv[1]);
	hb_manual_command(stdout, command);
	return HB_EXIT_DONE;
}

static int run_command(const struct hb_command *command, int argc, char **argv)
{
	struct hb_arguments *arguments = NULL;
	struct hb_error error = {0};
	int r;

	r = hb_arguments_parse(command, argc, argv, &arguments, &error);
	if (r < 0) {
		hb_error_wrap(&error, "%s", command->name);
		hb_log_error(&error);
		return r == -EINVAL ? HB_EXIT_USAGE : HB_EXIT_FAULT;
	}
	if (hb_arguments_flag(arguments, "help")) {
		hb_help_command(stdout, command);
		r = HB_EXIT_DONE;
	} else {
		if (hb_arguments_flag(arguments, "quiet"))
			hb_log_init("hotbed", HB_LOG_WARNING);
		r = command->run(arguments);
	}
	hb_arguments_destroy(arguments);
	return r;
}

static int dispatch(int argc, char **argv)
{
	const struct hb_command *command;
	const char *name = argv[1];

	if (argc < 2) {
		hb_help_program(stderr, commands);
		return HB_EXIT_USAGE;
	}
	if (!strcmp(name, "--help") || !strcmp(name, "-h") || !strcmp(name, "help"))
		return print_help(argv[2]);
	if (!strcmp(name, "--version")) {
		puts("hotbed " HB_VERSION);
		return HB_EXIT_DONE;
	}
	/* What the batch scripts of --executor slurm start. */
	if (!strcmp(name, "--task") && argc == 4)
		return hb_slurm_task(argv[2], argv[3]);
	if (!strcmp(name, "--dump"))
		return print_dump(argc - 2, argv + 2);
	command = hb_command_find(commands, name);
	return command ? run_command(command, argc - 1, argv + 1) : unknown_command(name);
}

/*
 * Started with a standard stream closed, the next file that is opened would take its number, and messages would be
 * written into the journal. What stands in for a missing standard output refuses to be written, as it should.
 */
static int fill_standard_streams(void)
{
	static const int modes[] = {O_RDONLY, O_RDONLY, O_WRONLY};

	for (int fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", modes[fd]) != fd)
			return -EBADF;
	return 0;
}

int main(int argc, char **argv)
{
	int code;

	if (fill_standard_streams())
		return HB_EXIT_FAULT;
	hb_log_init("hotbed", HB_LOG_INFO);
	code = dispatch(argc, argv);
	/* A full disk or a closed pipe behind standard output must not look like success. */
	if (fflush(stdout) || ferror(stdout)) {
		hb_log(HB_LOG_ERROR, "standard output: %s", strerror(errno));
		code = hb_exit_worst((enum hb_exit)code, HB_EXIT_FAULT);
	}
	return code;
}
