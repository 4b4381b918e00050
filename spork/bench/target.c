/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The program that the experiments start: small and linked statically, so that what is measured is
 * starting it. On x86-64 it has no libc (target_start_x86_64.c). It exits with a status that
 * depends on its argument, which proves that it ran.
 */
#include <unistd.h>

#include "target.h"

/* Of a small decimal number; there is no libc on x86-64. */
static int number(const char *digits)
{
	int value = 0;

	for (; *digits >= '0' && *digits <= '9'; digits++)
		value = value * 10 + (*digits - '0');
	return value;
}

int main(int argc, char **argv)
{
	if (argc < 2)
		return 0;
	if (argc == 4) {
		struct spork_target_report report = {
			.answer = spork_target_answer(argv[1]),
			.pid = getpid(),
			.parent = getppid(),
		};
		char byte;

		if (write(number(argv[2]), &report, sizeof(report)) != sizeof(report))
			return 0;
		/* The parent looks at /proc/PID/exe meanwhile and then closes its end. */
		while (read(number(argv[3]), &byte, 1) > 0)
			continue;
	}
	return spork_target_status(argv[1]);
}
