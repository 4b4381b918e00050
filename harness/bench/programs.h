/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The programs under test: where they are, found from this driver's own place in the build folder, and running them. */
#ifndef HOTBED_BENCH_PROGRAMS_H
#define HOTBED_BENCH_PROGRAMS_H

#include <stddef.h>
#include <stdint.h>

/* program_driver - path of the running driver into @path of PATH_MAX bytes. 0 or -errno. */
int program_driver(char *path);

/* program_runner - path of `hotbed` in the same build into @path of PATH_MAX bytes. 0, or -ENOENT: not built. */
int program_runner(char *path);

/* What a finished program took. */
struct program_cost {
	int64_t time_ns;    /* from before posix_spawn until it was reaped */
	uint64_t rss_bytes; /* largest resident set */
	int status;         /* as of wait() */
};

/*
 * program_run - run @argv (argv[0] searched in PATH), its standard output into the file @output, and wait for it.
 * Returns 0 or -errno; a program that fails is seen in @ret->status. Blocks.
 */
int program_run(const char *const *argv, const char *output, struct program_cost *ret);

/* program_output - the first @size - 1 bytes of the file @path into @buffer, terminated. 0 or -errno. */
int program_output(const char *path, char *buffer, size_t size);

#endif
