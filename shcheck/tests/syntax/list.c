/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Prints the paths of the shell scripts of this machine, a sample of COUNT of them. Usage: list COUNT. */
#include <stdio.h>
#include <stdlib.h>

#include "scripts.h"

int main(int argc, char **argv)
{
	struct scripts scripts;

	if (argc != 2)
		return 2;
	scripts_find(&scripts);
	scripts_sample(&scripts, (size_t)strtoul(argv[1], NULL, 10));
	for (size_t i = 0; i < scripts.count; i++)
		(void)puts(scripts.paths[i]);
	scripts_finish(&scripts);
	return 0;
}
