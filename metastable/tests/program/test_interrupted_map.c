/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A map whose process is killed goes on where it was, and says in the end what an uninterrupted one says. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "call.h"

#define CELLS 16
#define KILLS 3
#define WAIT_S 60

static const char model[] = "server db { queue 150; service exp 10/s }\n"
			    "client c -> db { rate poisson 5/s; timeout 2s; retry 5 }\n"
			    "sweep { db.queue 12..36 step 8; c.rate 3..6 step 1 }\n"
			    "horizon 600s;\n";
static char folder[] = "/tmp/metastable-killed-XXXXXX";
static char file[64], journal[64], text[TEXT_BYTES];

static void make_folder(void)
{
	FILE *stream;

	cr_assert(mkdtemp(folder));
	(void)snprintf(file, sizeof(file), "%s/map.ms", folder);
	(void)snprintf(journal, sizeof(journal), "%s/journal", folder);
	stream = fopen(file, "w");
	cr_assert(stream);
	cr_assert(fputs(model, stream) >= 0);
	cr_assert_eq(fclose(stream), 0);
}

static void remove_folder(void)
{
	(void)unlink(file);
	(void)unlink(journal);
	cr_assert_eq(rmdir(folder), 0);
}

/* Lines of the journal that are whole; the first one is its head. */
static int lines_there(void)
{
	int lines = 0;

	if (access(journal, R_OK) != 0)
		return 0;
	read_text(journal, text);
	for (const char *at = text; (at = strchr(at, '\n')); at++)
		lines++;
	return lines;
}

static pid_t map_start(void)
{
	pid_t child = fork();

	cr_assert(child >= 0);
	if (child == 0) {
		int null = open("/dev/null", O_WRONLY);

		(void)dup2(null, STDOUT_FILENO);
		(void)dup2(null, STDERR_FILENO);
		(void)execl(PROGRAM, PROGRAM, "map", file, "--runs", "10", "--threads", "1",
			"--journal", journal, (char *)NULL);
		_exit(127);
	}
	return child;
}

/* Kill a map as soon as its journal has @lines lines. Returns false if it had ended before. */
static bool map_kill(int lines)
{
	const struct timespec pause = {.tv_nsec = 1000000};
	pid_t child = map_start();
	bool killed = false;
	int status;

	for (int i = 0; i < WAIT_S * 1000; i++) {
		if (waitpid(child, &status, WNOHANG) == child)
			return false;
		if (lines_there() >= lines) {
			killed = true;
			break;
		}
		(void)nanosleep(&pause, NULL);
	}
	(void)kill(child, SIGKILL);
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_assert(killed, "no %d lines after %d s", lines, WAIT_S);
	cr_assert(WIFSIGNALED(status) || WIFEXITED(status));
	return WIFSIGNALED(status);
}

/* What `map` prints but for its last line, which has the processor time. */
static void map_print(const char *more, char *ret)
{
	char arguments[512];
	char *last;

	(void)snprintf(arguments, sizeof(arguments), "map %s --runs 10 %s", file, more);
	cr_assert_eq(call(arguments), 0, "%s", out);
	last = strstr(out, " cells, ");
	cr_assert(last, "%s", out);
	*last = '\0';
	(void)snprintf(ret, TEXT_BYTES, "%s", out);
}

Test(map, killed_again_and_again_it_ends_as_if_it_had_not_been, .init = make_folder,
	.fini = remove_folder, .timeout = 240)
{
	static char whole[TEXT_BYTES], continued[TEXT_BYTES], head[4096];
	char with_journal[128];
	int kills = 0, kept;

	map_print("", whole);
	for (int i = 1; i <= KILLS; i++)
		kills += map_kill(1 + i * CELLS / (KILLS + 1));
	cr_assert(kills > 0, "the map ended each time before it could be killed");
	/* What stands in the journal is kept as it is, and nothing that it has is computed again. */
	kept = lines_there();
	cr_assert(kept > 1);
	(void)snprintf(head, sizeof(head), "%.*s", (int)(strchr(text, '\n') - text), text);
	(void)snprintf(with_journal, sizeof(with_journal), "--journal %s", journal);
	map_print(with_journal, continued);
	cr_assert_str_eq(continued, whole);
	cr_assert_eq(lines_there(), 1 + CELLS);
	cr_assert_eq(strncmp(text, head, strlen(head)), 0);
}
