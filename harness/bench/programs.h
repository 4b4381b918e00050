/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where the programs under test are, found from this driver's own place in the build folder. */
#ifndef HOTBED_BENCH_PROGRAMS_H
#define HOTBED_BENCH_PROGRAMS_H

/* program_driver - path of the running driver into @path of PATH_MAX bytes. 0 or -errno. */
int program_driver(char *path);

/* program_runner - path of `hotbed` in the same build into @path of PATH_MAX bytes. 0, or -ENOENT if it is not built. */
int program_runner(char *path);

#endif
