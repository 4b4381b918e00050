/* SPDX-License-Identifier: GPL-3.0-or-later */
/* write_report DIR - hb_report_write() as a program, for the browser test and for timing it alone. */
#include <stdio.h>

#include "hotbed/error.h"
#include "report.h"

int main(int argc, char **argv)
{
	struct hb_error error = {0};
	char text[2048];

	if (argc != 2) {
		fputs("usage: write_report DIR\n", stderr);
		return 2;
	}
	if (!hb_report_write(argv[1], &error))
		return 0;
	fprintf(stderr, "%s\n", hb_error_format(&error, text, sizeof(text)));
	return 1;
}
